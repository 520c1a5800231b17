//! `diff`: what tells two hosts apart, each given by its file or by its recorded state.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use camino::Utf8Path;
use serde::Serialize;
use subdevcfg_compiler::values::Scalar;
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::resource::{Attribute, Setting, Settings, Subject};
use subdevcfg_reconciler::state::State;

use super::look::NO_KERNEL;
use crate::args::{Format, Output};
use crate::error::CliError;
use crate::exit::Exit;
use crate::{machine, show, sources};

/// One difference. Without an attribute, the resource itself is on one side only.
#[derive(Debug, Serialize)]
struct Difference {
    address: String,
    /// Which object of the kernel it is.
    subject: Subject,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute: Option<String>,
    before: Option<Scalar>,
    after: Option<Scalar>,
}

/// A host as its file or its recorded state has it.
struct Host {
    /// What has attributes, with those that are known of it.
    subjects: BTreeMap<Subject, Settings>,
    /// The addresses that a file has for them.
    addresses: BTreeMap<Subject, String>,
    /// What is not said is left open, as in a file; in a state it is not there.
    is_partial: bool,
}

/// Shows what is otherwise in `after` than in `before`.
pub fn diff(before: &Utf8Path, after: &Utf8Path, output: Output) -> Result<Exit, CliError> {
    let (before, after) = (Host::read(before)?, Host::read(after)?);
    let found = differences(&before, &after);
    match output.format {
        Format::Json => show::print_json(&found)?,
        Format::Human => show::print(&text(&found))?,
    }
    Ok(if found.is_empty() { Exit::Done } else { Exit::Differs })
}

impl Host {
    /// A state begins with a brace, a host file never does.
    fn read(path: &Utf8Path) -> Result<Self, CliError> {
        let is_state = std::fs::read_to_string(path).is_ok_and(|text| text.trim_start().starts_with('{'));
        if is_state {
            return Ok(Self::of_state(&machine::read_state(path)?));
        }
        let (host, sources) = sources::compile_host(path, NO_KERNEL)?;
        Ok(Self::of_file(&sources::desired(&host, &sources)))
    }

    fn of_state(state: &State) -> Self {
        let with_settings = |subject: Subject| state.settings(&subject).map(|settings| (subject, settings));
        let subjects = state.subjects().filter_map(with_settings).collect();
        Self { subjects, addresses: BTreeMap::new(), is_partial: false }
    }

    fn of_file(desired: &Desired) -> Self {
        let mut host = Self { subjects: BTreeMap::new(), addresses: BTreeMap::new(), is_partial: true };
        let mut add = |subject: &Subject, address: &str, settings: &Settings| {
            host.subjects.insert(subject.clone(), settings.clone());
            host.addresses.insert(subject.clone(), address.to_owned());
        };
        for parent in &desired.parents {
            add(&parent.subject, &parent.address, &parent.wanted.settings);
            for node in &parent.rate_nodes {
                add(&node.subject, &node.address, &node.wanted.settings);
            }
            for vdpa in &parent.vdpas {
                add(&vdpa.subject, &vdpa.address, &vdpa.wanted.settings);
            }
            for function in parent.functions.iter().filter(|function| !function.absent) {
                add(&function.subject, &function.address, &function.wanted.settings);
            }
        }
        host
    }
}

fn differences(before: &Host, after: &Host) -> Vec<Difference> {
    let subjects: BTreeSet<&Subject> = before.subjects.keys().chain(after.subjects.keys()).collect();
    let mut found = Vec::new();
    for subject in subjects {
        let known = after.addresses.get(subject).or_else(|| before.addresses.get(subject));
        let address = known.map_or_else(|| subject.to_string(), Clone::clone);
        let present = |there: bool| there.then(|| Scalar::Text("present".to_owned()));
        match (before.subjects.get(subject), after.subjects.get(subject)) {
            (Some(old), Some(new)) => {
                let attributes: BTreeSet<Attribute> =
                    old.iter().chain(new.iter()).map(Setting::attribute).collect();
                for attribute in attributes {
                    let (old, new) = (old.get(&attribute), new.get(&attribute));
                    // What one file leaves open is no difference to a state.
                    let is_open = (old.is_none() && before.is_partial && !after.is_partial)
                        || (new.is_none() && after.is_partial && !before.is_partial);
                    if old != new && !is_open {
                        found.push(Difference {
                            address: address.clone(),
                            subject: subject.clone(),
                            attribute: Some(subject.attribute_path(&attribute)),
                            before: old.map(Setting::value),
                            after: new.map(Setting::value),
                        });
                    }
                }
            }
            (old, new) => {
                let (before, after) = (present(old.is_some()), present(new.is_some()));
                let subject = subject.clone();
                found.push(Difference { address, subject, attribute: None, before, after });
            }
        }
    }
    found
}

fn text(found: &[Difference]) -> String {
    if found.is_empty() {
        return "No difference.\n".to_owned();
    }
    let mut text = String::new();
    let value = |value: &Option<Scalar>| value.as_ref().map_or("(not set)".to_owned(), ToString::to_string);
    for difference in found {
        // Writing to a string cannot fail.
        let _ = match (&difference.attribute, &difference.before) {
            (Some(attribute), _) => writeln!(
                text,
                "~ {}.{attribute}   {} -> {}",
                difference.address,
                value(&difference.before),
                value(&difference.after)
            ),
            (None, before) => {
                let mark = if before.is_some() { '-' } else { '+' };
                let kind = difference.subject.child.as_ref().map(|child| format!("   {child}"));
                // An address that was made of the kind says it already.
                let kind = kind.filter(|kind| !difference.address.ends_with(kind.trim_start()));
                writeln!(text, "{mark} {}{}", difference.address, kind.unwrap_or_default())
            }
        };
    }
    text
}
