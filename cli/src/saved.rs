//! Saved plans: what `plan --out` writes and `apply` carries out. A plan is a function of texts, state and record, so a
//! saved one holds these, and beside them what came out: whoever reads it needs no host, and whoever applies it finds out
//! that the host is another one by now.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_compiler::source::{SourceLoader, SourceMap};
use subdevcfg_compiler::{CompiledHost, Options};
use subdevcfg_reconciler::apply::differences;
use subdevcfg_reconciler::plan::{Plan, Selection};
use subdevcfg_reconciler::record::Record;
use subdevcfg_reconciler::state::State;

use crate::args;
use crate::error::CliError;
use crate::sources;

/// The mark of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Mark {
    /// The first form.
    #[serde(rename = "subdevcfg-plan/1")]
    V1,
}

/// A plan with all that it was made from.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved {
    format: Mark,
    /// The version of the program that made it.
    made_by: String,
    /// The host file.
    file: Utf8PathBuf,
    /// The texts of the host file and of all that it includes, by path.
    texts: BTreeMap<Utf8PathBuf, String>,
    /// The texts of the catalogues that the command line named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    catalogues: Vec<(Utf8PathBuf, String)>,
    /// `--any-host`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    any_host: bool,
    /// `--only` and `--except`.
    #[serde(default)]
    only: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    /// What came out.
    plan: serde_json::Value,
    /// The state that it was made from.
    state: State,
    /// The record that it was made from.
    record: Record,
}

/// Reads the texts of a saved plan.
struct Texts<'a> {
    texts: &'a BTreeMap<Utf8PathBuf, String>,
    catalogues: Vec<Arc<Catalogue>>,
}

impl SourceLoader for Texts<'_> {
    fn load(&self, path: &Utf8Path) -> io::Result<String> {
        self.texts.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn catalogues(&self) -> &[Arc<Catalogue>] {
        &self.catalogues
    }
}

const SAVED: &str = "name a file that `subdevcfg plan --out` wrote";
const SAVED_OR_HOST: &str = "name a file that `subdevcfg plan --out` wrote, or a host file";

impl Saved {
    /// A plan with all that it was made from.
    pub fn new(
        file: &Utf8Path,
        sources: &SourceMap,
        part: &args::Part,
        (state, record): (&State, &Record),
        plan: &Plan,
    ) -> Result<Self, CliError> {
        Ok(Self {
            format: Mark::V1,
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
            file: file.to_owned(),
            texts: sources.texts().map(|(path, text)| (path.to_owned(), text.to_owned())).collect(),
            catalogues: sources::catalogue_texts().to_vec(),
            any_host: sources::any_host(),
            only: part.only.clone(),
            except: part.except.clone(),
            plan: serde_json::to_value(plan)?,
            state: state.clone(),
            record: record.clone(),
        })
    }

    /// Writes it.
    pub fn write(&self, path: &Utf8Path) -> Result<(), CliError> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        sources::write_new(path, text.as_bytes(), 0o600)
            .map_err(|source| CliError::Unwritable { path: path.to_owned(), source })
    }

    /// Reads a saved plan; `None` when the file is a host file, which never begins with a brace. What is wrong with a host
    /// file, and with one that cannot be read, is told when it is compiled.
    pub fn read_if_it_is_one(path: &Utf8Path) -> Result<Option<Self>, CliError> {
        match std::fs::read_to_string(path) {
            Ok(text) if text.trim_start().starts_with('{') => {
                Self::parse(path, &text, SAVED_OR_HOST).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Reads a saved plan.
    pub fn read(path: &Utf8Path) -> Result<Self, CliError> {
        let unreadable = |source| CliError::Unreadable { path: path.to_owned(), help: SAVED, source };
        Self::parse(path, &std::fs::read_to_string(path).map_err(unreadable)?, SAVED)
    }

    fn parse(path: &Utf8Path, text: &str, help: &'static str) -> Result<Self, CliError> {
        serde_json::from_str(text).map_err(|error| CliError::Malformed {
            path: path.to_owned(),
            what: "saved plan",
            why: error.to_string(),
            help,
        })
    }

    /// Compiles its texts, for the kernel that was observed.
    pub fn compile(&self) -> Result<(CompiledHost, SourceMap), CliError> {
        let catalogues = self.catalogues.iter();
        let catalogues = catalogues.map(|(path, text)| sources::parse_catalogue(path, text).map(Arc::new));
        let texts = Texts { texts: &self.texts, catalogues: catalogues.collect::<Result<_, _>>()? };
        let kernel = self.state.volatile.0.kernel_release.parse().ok();
        sources::compile_with(&texts, &self.file, &Options { kernel, any_host: self.any_host })
    }

    /// The part of the file that is meant; the command line has no say in it any more.
    pub fn selection(&self, path: &Utf8Path, part: &args::Part) -> Result<Selection, CliError> {
        if !part.only.is_empty() || !part.except.is_empty() {
            return Err(CliError::WholePlan { path: path.to_owned() });
        }
        Ok(Selection { only: self.only.clone(), except: self.except.clone() })
    }

    /// The state and the record that it was made from.
    pub const fn host(&self) -> (&State, &Record) {
        (&self.state, &self.record)
    }

    /// Refuses a plan that is not the one that was saved, and says what is otherwise now.
    pub fn check(&self, state: &State, record: &Record, plan: &Plan) -> Result<(), CliError> {
        let mut changed = differences(&self.state, state);
        if *record != self.record {
            changed.push(
                "the record of what subdevcfg made is another one: there was an apply since".to_owned(),
            );
        }
        if changed.is_empty() && self.plan.get("operations") != serde_json::to_value(plan)?.get("operations")
        {
            changed.push(format!(
                "subdevcfg {} plans other steps than {}, which made it",
                env!("CARGO_PKG_VERSION"),
                self.made_by
            ));
        }
        if changed.is_empty() { Ok(()) } else { Err(CliError::Stale { file: self.file.clone(), changed }) }
    }
}
