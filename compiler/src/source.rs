//! Sources: texts by number, and places in them.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::catalogue::Catalogue;

/// The number of a source in its [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A place: a byte range of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The source.
    pub source: SourceId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// How what stands there came to be used.
    pub origin: Origin,
}

/// How a node or value came to be in the expanded document: the number of a trail in the [`SourceMap`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(u32);

impl Origin {
    /// It stands in the host file itself.
    pub const WRITTEN: Self = Self(0);
}

/// A step of a trail: the place that a node or value was brought in from, and a few words on how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The place: a `use`, an `include`, the value of a name, ...; with an origin of its own.
    pub span: Span,
    /// What happened there.
    pub text: String,
}

/// All texts of one compilation.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
    /// The innermost step of each origin but the first, which has none.
    steps: Vec<Step>,
}

/// One text, with an index of its lines so that places are found without reading it again.
#[derive(Debug, Clone)]
pub struct Source {
    path: Utf8PathBuf,
    text: String,
    line_starts: Vec<usize>,
}

/// Where the compiler gets its texts: the only way it reads anything.
pub trait SourceLoader {
    /// The text of the file at `path`.
    ///
    /// # Errors
    /// Whatever reading it said; [`io::ErrorKind::InvalidData`] when it is not UTF-8.
    fn load(&self, path: &Utf8Path) -> io::Result<String>;

    /// Catalogues of drivers beside those that are part of the program. Of one driver or bus, these are asked first.
    fn catalogues(&self) -> &[Arc<Catalogue>] {
        &[]
    }

    /// The path of a file that the file at `from` includes as `path`: from the directory of the including file, with
    /// `.` and `..` taken out, so that one file has one path.
    fn join(&self, from: &Utf8Path, path: &str) -> Utf8PathBuf {
        let mut joined = Utf8PathBuf::new();
        for part in from.parent().unwrap_or(Utf8Path::new("")).join(path).components() {
            match part {
                Utf8Component::CurDir => {}
                Utf8Component::ParentDir
                    if matches!(joined.components().next_back(), Some(Utf8Component::Normal(_))) =>
                {
                    joined.pop();
                }
                part => joined.push(part),
            }
        }
        joined
    }
}

impl SourceMap {
    /// Adds a text and numbers it.
    pub fn add(&mut self, path: impl Into<Utf8PathBuf>, text: String) -> SourceId {
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        self.sources.push(Source { path: path.into(), text, line_starts });
        id
    }

    /// The source of that number.
    ///
    /// # Panics
    /// When the number is of another map.
    #[must_use]
    pub fn get(&self, id: SourceId) -> &Source {
        &self.sources[id.0 as usize]
    }

    /// A new origin: what is brought in at that place.
    pub fn bring_in(&mut self, span: Span, text: impl Into<String>) -> Origin {
        self.steps.push(Step { span, text: text.into() });
        Origin(u32::try_from(self.steps.len()).unwrap_or(u32::MAX))
    }

    /// How what stands at that place came to be used, from the innermost step outwards; empty for what stands in the
    /// host file itself.
    pub fn trail(&self, span: Span) -> impl Iterator<Item = &Step> {
        let step = |origin: Origin| self.steps.get((origin.0 as usize).checked_sub(1)?);
        std::iter::successors(step(span.origin), move |inner| step(inner.span.origin))
    }

    /// The paths of all sources, in the order in which they were read.
    pub fn paths(&self) -> impl Iterator<Item = &Utf8Path> {
        self.sources.iter().map(Source::path)
    }

    /// The texts of all sources with their paths, in the same order.
    pub fn texts(&self) -> impl Iterator<Item = (&Utf8Path, &str)> {
        self.sources.iter().map(|source| (source.path(), source.text()))
    }

    /// A place of another map as one of this map, with its text and its trail.
    pub fn import(&mut self, other: &Self, span: Span) -> Span {
        let source = other.get(span.source);
        let known = self.sources.iter().position(|known| known.path == source.path);
        let id = match known.and_then(|place| u32::try_from(place).ok()) {
            Some(place) => SourceId(place),
            None => self.add(source.path.clone(), source.text.clone()),
        };
        let steps: Vec<Step> = other.trail(span).cloned().collect();
        let mut origin = Origin::WRITTEN;
        for step in steps.iter().rev() {
            let place = self.import(other, step.span.of(Origin::WRITTEN));
            origin = self.bring_in(place.of(origin), step.text.clone());
        }
        Span { source: id, start: span.start, end: span.end, origin }
    }

    /// `FILE:LINE`, as plans cite a place. One that was brought in by a template, a `repeat` or an include is cited by
    /// the line of the host file that did, and after it the place itself.
    #[must_use]
    pub fn cite(&self, span: Span) -> String {
        let place = self.place(span);
        match self.trail(span).last().map(|step| self.place(step.span)) {
            Some(asked) if asked != place => format!("{asked} via {place}"),
            _ => place,
        }
    }

    fn place(&self, span: Span) -> String {
        let source = self.get(span.source);
        let name = source.path.file_name().unwrap_or(source.path.as_str());
        format!("{name}:{}", source.position(span.start).0)
    }
}

impl Span {
    /// That range of a source, as it stands there.
    #[must_use]
    pub const fn new(source: SourceId, start: usize, end: usize) -> Self {
        Self { source, start, end, origin: Origin::WRITTEN }
    }

    /// The same place, brought in so.
    #[must_use]
    pub const fn of(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Whether it is the same place, however it was brought in.
    #[must_use]
    pub fn is_same_place(self, other: Self) -> bool {
        self.of(Origin::WRITTEN) == other.of(Origin::WRITTEN)
    }
}

impl Source {
    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many lines there are; a text that ends with a line end has an empty one after it.
    #[must_use]
    pub const fn line_count(&self) -> usize {
        self.line_starts.len()
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|&start| start <= byte);
        let start = self.line_starts[line - 1];
        let column = self.text.get(start..byte).map_or(byte - start, |before| before.chars().count());
        (line, column + 1)
    }

    /// The byte range of a line (from 1), without its line end.
    #[must_use]
    pub fn line(&self, line: usize) -> Range<usize> {
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        let text = &self.text[start..end];
        start..start + text.strip_suffix('\r').unwrap_or(text).len()
    }
}
