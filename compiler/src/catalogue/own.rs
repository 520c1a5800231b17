//! Catalogues that a user adds to those of the program.

use std::sync::Arc;

use camino::Utf8Path;

use super::Catalogue;
use crate::diagnostic::{Diagnostic, with_trails};
use crate::source::SourceMap;

/// Why a file is no catalogue.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// Its text.
    pub sources: SourceMap,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

impl Catalogue {
    /// Reads a file of the form of those in `schemas/drivers/`.
    pub fn read_file(path: &Utf8Path, text: &str) -> Result<Self, Box<Unreadable>> {
        let mut sources = SourceMap::default();
        let source = sources.add(path, text.to_owned());
        Self::read_as(source, text).map_err(|diagnostics| {
            let diagnostics = with_trails(diagnostics, &sources);
            Box::new(Unreadable { sources, diagnostics })
        })
    }
}

/// What is known of drivers: by the user's catalogues, and, where these say nothing, by those of the program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a>(pub &'a [Arc<Catalogue>]);

impl<'a> Known<'a> {
    /// The user's catalogue for which that holds.
    fn own(self, holds: impl Fn(&Catalogue) -> bool) -> Option<Arc<Catalogue>> {
        self.0.iter().find(|catalogue| holds(catalogue)).cloned()
    }

    pub(crate) fn of_driver(self, driver: &str) -> Option<Arc<Catalogue>> {
        self.own(|catalogue| catalogue.driver == driver).or_else(|| Catalogue::of_driver(driver))
    }

    pub(crate) fn of_soft_bus(self, bus: &str) -> Option<Arc<Catalogue>> {
        self.own(|catalogue| catalogue.soft_bus.as_deref() == Some(bus))
            .or_else(|| Catalogue::of_soft_bus(bus))
    }

    pub(crate) fn of_bus(self, bus: &str) -> Option<Arc<Catalogue>> {
        let owns = |catalogue: &Catalogue| {
            [&catalogue.soft_bus, &catalogue.bus].into_iter().flatten().any(|own| own == bus)
        };
        self.own(owns).or_else(|| Catalogue::of_bus(bus))
    }

    pub(crate) fn drivers(self) -> Vec<&'a str> {
        self.0.iter().map(|catalogue| catalogue.driver.as_str()).chain(Catalogue::drivers()).collect()
    }
}
