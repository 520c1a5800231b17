//! Sources: texts by number, and places in them.

use std::io;
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};

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
}

/// All texts of one compilation.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
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

    /// `FILE:LINE`, as plans cite a place.
    #[must_use]
    pub fn cite(&self, span: Span) -> String {
        let source = self.get(span.source);
        let name = source.path.file_name().unwrap_or(source.path.as_str());
        format!("{name}:{}", source.position(span.start).0)
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
