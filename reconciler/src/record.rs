//! The record: what subdevcfg made on this host, and what it changed. It decides what may be deleted (only what stands
//! here), what is drift, and what `destroy` puts back.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::DevlinkHandle;

use crate::resource::{Attribute, Setting, Subject};
use crate::state::{Restarts, State, Volatile};

/// The version of the record's JSON form.
pub const FORMAT_VERSION: &str = "1.0";

/// What subdevcfg made and changed since the host booted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RecordFile", into = "RecordFile")]
pub struct Record {
    /// Subjects that subdevcfg made, with the address under which it did.
    pub made: BTreeMap<Subject, String>,
    /// Subjects that were there and are managed all the same, with their addresses. They are never deleted.
    pub adopted: BTreeMap<Subject, String>,
    /// Attributes that subdevcfg wrote.
    pub settings: BTreeMap<(Subject, Attribute), Written>,
    /// Instances with a driverinit parameter written since their last reload: the kernel has no flag for it.
    pub pending: BTreeSet<Subject>,
    /// Subjects that nothing may restart or remove, with the addresses under which that was asked for. It ends neither with
    /// the subject nor with the boot.
    pub protected: BTreeMap<Subject, String>,
    /// Where the last apply was when it was killed, if it was.
    pub interrupted: Option<Interrupted>,
    /// What the apply that is being verified leaves to the next one: a parameter, or the whole of a function.
    pub waiting: BTreeSet<(Subject, Option<Attribute>)>,
    /// How often each device had started anew when the last apply ended: more than that is a reset since. It goes up by
    /// itself, so it counts in no comparison.
    pub restarts: Volatile<BTreeMap<DevlinkHandle, Restarts>>,
}

/// The place at which an apply was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    /// The number of its last operation, which may or may not have been carried out.
    pub operation: usize,
    /// How many it had.
    pub total: usize,
    /// What the last one was, in words.
    pub request: String,
}

/// A line of an apply's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The operation's number.
    pub operation: usize,
    /// How many there are.
    pub total: usize,
    /// What it asks of the kernel, in words.
    pub request: String,
    /// What it does to the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<RecordChange>,
}

/// An attribute that subdevcfg wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The address under which it did.
    pub address: String,
    /// The value found before the first write; absent on subjects that subdevcfg made, and where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Setting>,
    /// The value written last.
    pub applied: Setting,
}

/// What one operation did to the record: a line of the log that goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordChange {
    /// A subject was made under this address.
    Made(Subject, String),
    /// A subject is gone, with all that hung on it.
    Gone(Subject),
    /// An attribute was written.
    Written {
        /// Of what.
        subject: Subject,
        /// Under which address.
        address: String,
        /// The value found.
        found: Option<Setting>,
        /// The value written.
        applied: Setting,
    },
    /// Several at once.
    Several(Vec<RecordChange>),
    /// A parameter was put back, and waits for a reload of the instance.
    Pending(Subject),
    /// An instance was reloaded: what was written to it is in force.
    Reloaded(Subject),
}

impl Record {
    /// The attributes of a subject that subdevcfg wrote.
    pub fn written_of<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> impl Iterator<Item = (&'a Attribute, &'a Written)> {
        let is_of_it = move |((of, _), _): &(&(Subject, Attribute), &Written)| of == subject;
        let from = self.settings.range((subject.clone(), Attribute::FIRST)..);
        from.take_while(is_of_it).map(|((_, attribute), written)| (attribute, written))
    }

    /// Takes a change in.
    pub fn note(&mut self, change: &RecordChange) {
        match change {
            RecordChange::Made(subject, address) => {
                self.made.insert(subject.clone(), address.clone());
            }
            RecordChange::Gone(subject) => self.forget(subject),
            RecordChange::Written { subject, address, found, applied } => {
                self.note_written(subject, address, found.clone(), applied);
                if applied.waits_for_reload() {
                    self.pending.insert(subject.clone());
                }
            }
            RecordChange::Several(changes) => changes.iter().for_each(|change| self.note(change)),
            RecordChange::Pending(subject) => {
                self.pending.insert(subject.clone());
            }
            RecordChange::Reloaded(subject) => {
                self.pending.remove(subject);
            }
        }
    }

    /// Takes in all that another record has and this one does not.
    pub fn extend(&mut self, other: &Self) {
        for (subject, address) in &other.made {
            self.made.entry(subject.clone()).or_insert_with(|| address.clone());
        }
        for (subject, address) in &other.adopted {
            self.adopted.entry(subject.clone()).or_insert_with(|| address.clone());
        }
        for (key, written) in &other.settings {
            self.settings.entry(key.clone()).or_insert_with(|| written.clone());
        }
        self.pending.extend(other.pending.iter().cloned());
    }

    /// Forgets a subject and all that hangs on it.
    pub fn forget(&mut self, subject: &Subject) {
        let within =
            |other: &Subject| other == subject || (subject.is_parent() && other.parent == subject.parent);
        self.made.retain(|made, _| !within(made));
        self.adopted.retain(|adopted, _| !within(adopted));
        self.settings.retain(|(written, _), _| !within(written));
        self.pending.retain(|pending| !within(pending));
    }

    /// Lets go of a subject: it stays as it is, and nothing tells any more that subdevcfg made or changed it.
    pub fn let_go(&mut self, subject: &Subject) {
        self.made.remove(subject);
        self.adopted.remove(subject);
        self.settings.retain(|(written, _), _| written != subject);
    }

    /// All subjects that were made or adopted, with their addresses.
    pub fn subjects(&self) -> impl Iterator<Item = (&Subject, &str)> {
        self.made.iter().chain(&self.adopted).map(|(subject, address)| (subject, address.as_str()))
    }

    /// All subjects of which it holds anything: that they were made or adopted, or what was written of them.
    #[must_use]
    pub fn known(&self) -> BTreeSet<&Subject> {
        let written = self.settings.keys().map(|(subject, _)| subject);
        self.made.keys().chain(self.adopted.keys()).chain(written).collect()
    }

    /// The address under which a subject is recorded, whether it was made or adopted.
    #[must_use]
    pub fn address(&self, subject: &Subject) -> Option<&str> {
        self.made.get(subject).or_else(|| self.adopted.get(subject)).map(String::as_str)
    }

    /// Notes how often each device has started anew by now.
    pub fn note_restarts(&mut self, state: &State) {
        let counted = state.parents.iter();
        let counted =
            counted.filter_map(|(handle, parent)| Some((handle.clone(), parent.volatile.0.restarts?)));
        self.restarts = Volatile(counted.collect());
    }

    /// The address under which a subject is recorded; of one that is not, the kernel's own words for it.
    #[must_use]
    pub fn address_or_kind(&self, subject: &Subject) -> String {
        self.address(subject).map_or_else(|| subject.to_string(), str::to_owned)
    }

    /// Gives a recorded subject, and what was written of it, another address.
    pub fn readdress(&mut self, subject: &Subject, address: &str) {
        for recorded in self.made.get_mut(subject).into_iter().chain(self.adopted.get_mut(subject)) {
            address.clone_into(recorded);
        }
        let written = self.settings.iter_mut().filter(|((of, _), _)| of == subject);
        for ((_, attribute), written) in written {
            written.address = subject.attribute_address(address, attribute);
        }
    }

    /// Notes a written attribute; the value found before is kept from the first time.
    pub fn note_written(
        &mut self,
        subject: &Subject,
        address: &str,
        found: Option<Setting>,
        applied: &Setting,
    ) {
        let made = self.made.contains_key(subject);
        let key = (subject.clone(), applied.attribute());
        let entry = self.settings.entry(key).or_insert_with(|| Written {
            address: address.to_owned(),
            before: if made { None } else { found },
            applied: applied.clone(),
        });
        address.clone_into(&mut entry.address);
        entry.applied = applied.clone();
    }
}

/// JSON has no maps with structured keys.
#[derive(Serialize, Deserialize)]
struct RecordFile {
    format_version: String,
    made: Vec<SubjectEntry>,
    #[serde(default)]
    adopted: Vec<SubjectEntry>,
    settings: Vec<SettingEntry>,
    #[serde(default)]
    pending: BTreeSet<Subject>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    protected: Vec<SubjectEntry>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    restarts: BTreeMap<DevlinkHandle, Restarts>,
}

/// Reads subjects with their addresses, as [`protection`] writes them.
///
/// # Errors
/// When the text is no such list.
pub(crate) fn read_protection(text: &str) -> serde_json::Result<BTreeMap<Subject, String>> {
    serde_json::from_str(text).map(subjects)
}

/// The protected subjects as JSON.
///
/// # Errors
/// When they cannot be written as JSON; a defect of this program.
pub(crate) fn protection(protected: &BTreeMap<Subject, String>) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec_pretty(&entries(protected.clone()))
}

#[derive(Serialize, Deserialize)]
struct SubjectEntry {
    subject: Subject,
    address: String,
}

#[derive(Serialize, Deserialize)]
struct SettingEntry {
    subject: Subject,
    #[serde(flatten)]
    written: Written,
}

fn subjects(entries: Vec<SubjectEntry>) -> BTreeMap<Subject, String> {
    entries.into_iter().map(|entry| (entry.subject, entry.address)).collect()
}

fn entries(subjects: BTreeMap<Subject, String>) -> Vec<SubjectEntry> {
    subjects.into_iter().map(|(subject, address)| SubjectEntry { subject, address }).collect()
}

impl From<RecordFile> for Record {
    fn from(file: RecordFile) -> Self {
        Self {
            made: subjects(file.made),
            adopted: subjects(file.adopted),
            settings: file
                .settings
                .into_iter()
                .map(|entry| ((entry.subject, entry.written.applied.attribute()), entry.written))
                .collect(),
            pending: file.pending,
            protected: subjects(file.protected),
            interrupted: None,
            waiting: BTreeSet::new(),
            restarts: Volatile(file.restarts),
        }
    }
}

impl From<Record> for RecordFile {
    fn from(record: Record) -> Self {
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            made: entries(record.made),
            adopted: entries(record.adopted),
            settings: record
                .settings
                .into_iter()
                .map(|((subject, _), written)| SettingEntry { subject, written })
                .collect(),
            pending: record.pending,
            protected: entries(record.protected),
            restarts: record.restarts.0,
        }
    }
}
