//! Names and what they stand for.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};
use crate::syntax::{Name, Value};

/// The names of a file, a template or a repetition, and those around it.
#[derive(Debug)]
pub(super) struct Names {
    pub own: BTreeMap<String, Binding>,
    pub outer: Option<Rc<Self>>,
    /// Whether these are all: a declaration that could not be read hides a name.
    pub complete: bool,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    pub value: Value,
    /// Where the name is declared.
    pub declared: Span,
}

impl Names {
    pub(super) fn get(&self, name: &str) -> Option<&Binding> {
        self.around().find_map(|names| names.own.get(name))
    }

    /// Whether a name that is not here is nowhere.
    pub(super) fn is_complete(&self) -> bool {
        self.around().all(|names| names.complete)
    }

    /// Every name, the innermost first.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.around().flat_map(|names| names.own.keys().map(String::as_str))
    }

    fn around(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |names| names.outer.as_deref())
    }
}

/// Which names were declared, and which were used: whatever was brought in how often.
#[derive(Debug, Default)]
pub(super) struct Declarations {
    declared: BTreeMap<(SourceId, usize), (Name, &'static str)>,
    used: BTreeSet<(SourceId, usize)>,
}

impl Declarations {
    pub(super) fn declare(&mut self, name: &Name, what: &'static str) {
        self.declared.insert(key(name.span), (name.clone(), what));
    }

    pub(super) fn mark_used(&mut self, declared: Span) {
        self.used.insert(key(declared));
    }

    /// A warning for each name that nobody used.
    pub(super) fn unused(&self) -> Vec<Diagnostic> {
        let unused = self.declared.iter().filter(|&(key, _)| !self.used.contains(key));
        let warn = |(name, what): &(Name, &'static str)| {
            let message = format!("the {what} `{}` is never used", name.text);
            Diagnostic::new(Code::UnusedName, message, name.span, "not used")
                .help(format!("write `${}` where its value is wanted, or remove it", name.text))
        };
        unused.map(|(_, declared)| warn(declared)).collect()
    }
}

const fn key(span: Span) -> (SourceId, usize) {
    (span.source, span.start)
}

/// Whether `$` can name it: a letter or `_`, then letters, digits, `_` and `-`.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(is_name_part)
}

/// Whether the character can stand in a name.
pub(super) const fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}
