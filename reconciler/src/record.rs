//! The record: what subdevcfg made on this host, and what it changed. It decides what may be deleted (only what stands
//! here), what is drift, and what `destroy` puts back.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::DevlinkHandle;

use crate::reboot::Stored;
use crate::resource::{Attribute, Setting, Subject};
use crate::state::{Function, Restarts, State, Volatile};

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
    /// Permanent parameters that were written. They are kept over a boot, and wait on the one that they were written on.
    pub stored: BTreeMap<(Subject, Attribute), Stored>,
    /// What a run takes along and brings back, as it was before. What is here when the next plan is made is of a run that
    /// did not end.
    pub taken: BTreeMap<Subject, Taken>,
    /// The last run that changed the host, or found it as its file says. It counts in no comparison.
    pub last: Volatile<Option<Occasion>>,
    /// Where the last apply was when it was killed, if it was.
    pub interrupted: Option<Interrupted>,
    /// What the apply that is being verified leaves to the next one: a parameter, or the whole of a function.
    pub waiting: BTreeSet<(Subject, Option<Attribute>)>,
    /// How often each device had started anew when the last apply ended: more than that is a reset since. It goes up by
    /// itself, so it counts in no comparison.
    pub restarts: Volatile<BTreeMap<DevlinkHandle, Restarts>>,
}

/// When and what for the host is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Occasion {
    /// When it began, in the form of RFC 3339.
    pub at: String,
    /// `apply`, `destroy`, `undo` or `watch`.
    pub command: String,
    /// The file that it carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// What steps take along that are there for something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// A function, or some of what it has.
    Function(Box<Function>),
    /// Of a parent, the mode of its eswitch and the number of its VFs.
    Settings(Vec<Setting>),
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
    /// A parameter was written, whoever asked for it, and waits for a reload of the instance.
    Pending(Subject),
    /// An instance was reloaded: what was written to it is in force.
    Reloaded(Subject),
    /// A permanent parameter was written, whoever asked for it.
    Stored(Subject, Stored),
    /// Something is taken along, and comes back as it was.
    Taken(Subject, Taken),
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

    /// Begins a run that changes the host, on this boot: what was stored on an earlier one waits no more.
    pub fn begin(&mut self, occasion: &Occasion, boot_id: &str) {
        self.interrupted = None;
        self.stored.retain(|_, stored| stored.boot_id == boot_id);
        self.last = Volatile(Some(occasion.clone()));
    }

    /// Takes a change in.
    pub fn note(&mut self, change: &RecordChange) {
        match change {
            RecordChange::Made(subject, address) => {
                self.starts_anew(subject);
                self.made.insert(subject.clone(), address.clone());
            }
            RecordChange::Gone(subject) => {
                self.starts_anew(subject);
                self.forget(subject);
            }
            RecordChange::Written { subject, address, found, applied } => {
                self.note_written(subject, address, found.clone(), applied);
            }
            RecordChange::Several(changes) => changes.iter().for_each(|change| self.note(change)),
            RecordChange::Pending(subject) => {
                self.pending.insert(subject.clone());
            }
            RecordChange::Reloaded(subject) => {
                self.pending.remove(subject);
            }
            RecordChange::Stored(subject, stored) => self.note_stored(subject, stored),
            RecordChange::Taken(subject, taken) => {
                self.taken.insert(subject.clone(), taken.clone());
            }
        }
    }

    /// Notes what a device has stored; what was in force when the first of this boot was written still is.
    fn note_stored(&mut self, subject: &Subject, stored: &Stored) {
        let key = (subject.clone(), stored.written.attribute());
        let first = self.stored.get(&key).filter(|first| first.boot_id == stored.boot_id);
        let in_force = first.map_or(&stored.in_force, |first| &first.in_force).clone();
        if in_force.as_ref() == Some(&stored.written) {
            self.stored.remove(&key);
        } else {
            self.stored.insert(key, Stored { in_force, ..stored.clone() });
        }
    }

    /// What a subject, and all on it, has stored is in force when it is made anew.
    fn starts_anew(&mut self, subject: &Subject) {
        self.stored.retain(|(of, _), _| !is_on(of, subject));
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
        for (key, stored) in &other.stored {
            self.stored.entry(key.clone()).or_insert_with(|| stored.clone());
        }
        for (subject, taken) in &other.taken {
            self.taken.entry(subject.clone()).or_insert_with(|| taken.clone());
        }
    }

    /// This record, but for some subjects: of these it has what another record has.
    #[must_use]
    pub fn joined(&self, other: &Self, is_others: impl Fn(&Subject) -> bool) -> Self {
        let mut joined = self.clone();
        let Self { made, adopted, settings, pending, protected, taken, .. } = other.clone();
        joined.made.retain(|subject, _| !is_others(subject));
        joined.made.extend(made.into_iter().filter(|(subject, _)| is_others(subject)));
        joined.adopted.retain(|subject, _| !is_others(subject));
        joined.adopted.extend(adopted.into_iter().filter(|(subject, _)| is_others(subject)));
        joined.settings.retain(|(subject, _), _| !is_others(subject));
        joined.settings.extend(settings.into_iter().filter(|((subject, _), _)| is_others(subject)));
        joined.pending.retain(|subject| !is_others(subject));
        joined.pending.extend(pending.into_iter().filter(&is_others));
        joined.protected.retain(|subject, _| !is_others(subject));
        joined.protected.extend(protected.into_iter().filter(|(subject, _)| is_others(subject)));
        joined.taken.retain(|subject, _| !is_others(subject));
        joined.taken.extend(taken.into_iter().filter(|(subject, _)| is_others(subject)));
        joined
    }

    /// Forgets a subject and all that hangs on it.
    pub fn forget(&mut self, subject: &Subject) {
        self.made.retain(|made, _| !is_on(made, subject));
        self.adopted.retain(|adopted, _| !is_on(adopted, subject));
        self.settings.retain(|(written, _), _| !is_on(written, subject));
        self.pending.retain(|pending| !is_on(pending, subject));
        // A function that goes may be the one that comes back.
        self.taken.retain(|taken, _| !(subject.is_parent() && is_on(taken, subject)));
    }

    /// Becomes another record. What devices have stored is as this one knows it, and it is this one's run.
    pub fn become_as(&mut self, other: &Self) {
        let (stored, last) = (std::mem::take(&mut self.stored), self.last.clone());
        *self = Self { stored, last, ..other.clone() };
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

/// Whether a subject is another one, or on it.
fn is_on(subject: &Subject, other: &Subject) -> bool {
    subject == other || (other.is_parent() && subject.parent == other.parent)
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stored: Vec<StoredEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    taken: Vec<TakenEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Occasion>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    restarts: BTreeMap<DevlinkHandle, Restarts>,
}

/// The part of a record that does not end with the boot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "LastingFile", into = "LastingFile")]
pub(crate) struct Lasting {
    protected: BTreeMap<Subject, String>,
    stored: BTreeMap<(Subject, Attribute), Stored>,
}

impl Lasting {
    /// Of this record.
    pub(crate) fn of(record: &Record) -> Self {
        Self { protected: record.protected.clone(), stored: record.stored.clone() }
    }

    /// Whether it protects the same.
    pub(crate) fn protects_as(&self, other: &Self) -> bool {
        self.protected == other.protected
    }

    /// The record of a boot on which nothing was done yet.
    pub(crate) fn into_record(self) -> Record {
        Record { protected: self.protected, stored: self.stored, ..Record::default() }
    }
}

#[derive(Serialize, Deserialize)]
struct LastingFile {
    format_version: String,
    #[serde(default)]
    protected: Vec<SubjectEntry>,
    #[serde(default)]
    stored: Vec<StoredEntry>,
}

impl From<LastingFile> for Lasting {
    fn from(file: LastingFile) -> Self {
        Self { protected: subjects(file.protected), stored: stored(file.stored) }
    }
}

impl From<Lasting> for LastingFile {
    fn from(lasting: Lasting) -> Self {
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            protected: entries(lasting.protected),
            stored: stored_entries(lasting.stored),
        }
    }
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

#[derive(Serialize, Deserialize)]
struct StoredEntry {
    subject: Subject,
    #[serde(flatten)]
    stored: Stored,
}

#[derive(Serialize, Deserialize)]
struct TakenEntry {
    subject: Subject,
    #[serde(flatten)]
    taken: Taken,
}

fn stored(entries: Vec<StoredEntry>) -> BTreeMap<(Subject, Attribute), Stored> {
    let entries = entries.into_iter();
    entries.map(|entry| ((entry.subject, entry.stored.written.attribute()), entry.stored)).collect()
}

fn stored_entries(all: BTreeMap<(Subject, Attribute), Stored>) -> Vec<StoredEntry> {
    all.into_iter().map(|((subject, _), stored)| StoredEntry { subject, stored }).collect()
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
            stored: stored(file.stored),
            taken: file.taken.into_iter().map(|entry| (entry.subject, entry.taken)).collect(),
            last: Volatile(file.last),
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
            stored: stored_entries(record.stored),
            taken: record.taken.into_iter().map(|(subject, taken)| TakenEntry { subject, taken }).collect(),
            last: record.last.0,
            restarts: record.restarts.0,
        }
    }
}
