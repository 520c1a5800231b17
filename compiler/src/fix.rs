//! Fixes that can be made unseen, made: texts in, texts out.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::catalogue::Catalogue;
use crate::diagnostic::{Applicability, Code, Edit, Fix, Severity};
use crate::source::{SourceId, SourceLoader};
use crate::{Compilation, Options, compile_with};

/// What the fixes of a host file make of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fixed {
    /// The files that change, by path, with their new texts.
    pub files: BTreeMap<Utf8PathBuf, String>,
    /// How many fixes were made.
    pub made: usize,
    /// How many were not, because of an error that was not there before.
    pub left: usize,
}

/// Above this many fixes that cannot all be made together, none is tried alone.
const MOST_TRIED: usize = 200;

/// Most times that fixes are looked for in what the fixes before made: behind a mistake there can be another.
const MAX_ROUNDS: usize = 8;

/// Makes the fixes that are certain to be what was meant: all together, or, if an error is left that was not there before,
/// one after the other, without those that bring one.
pub fn fix(entry: &Utf8Path, loader: &dyn SourceLoader, options: &Options) -> Fixed {
    let before = compile_with(entry, loader, options);
    let errors = errors(&before);
    let holds = |after: &Compilation| {
        self::errors(after).iter().all(|(error, count)| errors.get(error).is_some_and(|most| count <= most))
    };
    let mut all = Fixed::default();
    let mut after = before.clone();
    for _ in 0..MAX_ROUNDS {
        let fixes = certain(&after);
        let (texts, made) = edited(&after, &fixes);
        all.left = fixes.len() - made;
        if made == 0 {
            break;
        }
        all.files.extend(texts);
        all.made += made;
        after = compile_with(entry, &Overlay { files: &all.files, under: loader }, options);
    }
    if all.made == 0 || holds(&after) {
        return all;
    }
    let fixes = certain(&before);
    let mut kept: Vec<&Fix> = Vec::new();
    for &fix in fixes.iter().take(MOST_TRIED) {
        kept.push(fix);
        let (texts, made) = edited(&before, &kept);
        let overlay = Overlay { files: &texts, under: loader };
        if made < kept.len() || !holds(&compile_with(entry, &overlay, options)) {
            kept.pop();
        }
    }
    let (texts, made) = edited(&before, &kept);
    Fixed { files: texts, made, left: fixes.len() - made }
}

/// The fixes that can be made unseen.
fn certain(compilation: &Compilation) -> Vec<&Fix> {
    let fixes = compilation.diagnostics.iter().filter_map(|diagnostic| diagnostic.fix.as_ref());
    fixes.filter(|fix| fix.applicability == Applicability::Machine).collect()
}

/// How often each error is there, however its place moves.
fn errors(compilation: &Compilation) -> BTreeMap<(Code, String), usize> {
    let mut errors = BTreeMap::new();
    for found in compilation.diagnostics.iter().filter(|found| found.severity == Severity::Error) {
        *errors.entry((found.code, found.message.clone())).or_default() += 1;
    }
    errors
}

/// The texts with these fixes, and how many could be made: one that touches what another changes is left out.
fn edited(compilation: &Compilation, fixes: &[&Fix]) -> (BTreeMap<Utf8PathBuf, String>, usize) {
    let key = |edit: &Edit| (edit.span.source, edit.span.start, edit.span.end, edit.text.clone());
    let mut edits: BTreeSet<(SourceId, usize, usize, String)> = BTreeSet::new();
    let mut made = 0;
    for fix in fixes {
        // The same edit may belong to two fixes.
        let new: Vec<_> = fix.edits.iter().map(key).filter(|edit| !edits.contains(edit)).collect();
        // What is taken does not overlap: only the neighbours can be in the way.
        let is_free = |edit: &(SourceId, usize, usize, String)| {
            let before = edits.range(..edit).next_back();
            let before = before.is_none_or(|(source, _, end, _)| *source != edit.0 || *end < edit.1);
            let after = edits.range(edit..).next();
            before && after.is_none_or(|(source, start, ..)| *source != edit.0 || edit.2 < *start)
        };
        if new.iter().all(is_free) {
            edits.extend(new);
            made += 1;
        }
    }
    let mut texts = BTreeMap::new();
    for (source, start, end, text) in edits.iter().rev() {
        let source = compilation.sources.get(*source);
        let file = texts.entry(source.path().to_owned()).or_insert_with(|| source.text().to_owned());
        file.replace_range(*start..*end, text);
    }
    (texts, made)
}

/// Some files as they would be, the others as they are.
struct Overlay<'a> {
    files: &'a BTreeMap<Utf8PathBuf, String>,
    under: &'a dyn SourceLoader,
}

impl SourceLoader for Overlay<'_> {
    fn load(&self, path: &Utf8Path) -> io::Result<String> {
        self.files.get(path).map_or_else(|| self.under.load(path), |text| Ok(text.clone()))
    }

    fn catalogues(&self) -> &[Arc<Catalogue>] {
        self.under.catalogues()
    }

    fn join(&self, from: &Utf8Path, path: &str) -> Utf8PathBuf {
        self.under.join(from, path)
    }
}
