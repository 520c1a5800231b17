//! The plan: what has to be done so that the host is as its file says, in which order, why, and at what price.
//!
//! [`plan`] is the whole flow in one function. By rules, not by search: what an attribute needs and costs stands in
//! [`crate::rules`]; the order follows from the stages there. Same input, same plan, byte for byte.

mod back;
mod bookkeeping;
mod bridges;
mod carried;
mod changes;
mod checks;
mod found;
mod function;
mod in_bond;
mod in_use;
mod lane;
mod macs;
mod mdev;
mod mode;
mod ovs;
mod parent;
mod places;
mod protection;
mod put_back;
mod rates;
mod removal;
mod require;
mod reset;
mod selection;
mod soft_parent;
mod supported;
mod taken;
mod target;
mod tree;
mod under_way;
mod unnamed;
mod uplink;
mod vdpa;
mod vfs;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_compiler::values::{DevlinkHandle, Scalar};

use crate::desired::Desired;
use crate::guard::Cause;
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::reboot::WaitsForReboot;
use crate::record::{Occasion, Record, RecordChange, Taken};
use crate::resource::{Attribute, Setting, Subject};
use crate::state::{State, Unread};

pub use back::undo;
pub(crate) use found::placed;
pub(crate) use function::{default_attributes, default_params, netdev_is_off};
pub use in_bond::{BondedDevice, DisturbedBond};
pub use in_use::InUse;
pub(crate) use mdev::type_without_host;
pub use mdev::{attributes_to_tell, attributes_to_tell_for_undo};
pub use removal::Scope;
pub use selection::{Selection, UnknownAddress};
pub(crate) use tree::leave_drivers_choice;

/// The version of the plan's JSON form: the minor number counts additions, which readers ignore.
pub const FORMAT_VERSION: &str = "1.0";

/// What has to be done, and everything a person should know before it is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Plan {
    /// [`FORMAT_VERSION`].
    pub format_version: &'static str,
    /// The kernel that was observed.
    pub kernel_release: String,
    /// The run that changed the host last since it booted, or found it as its file says; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_apply: Option<Occasion>,
    /// Resource by resource: what changes, what stays.
    pub resource_changes: Vec<ResourceChange>,
    /// What somebody else changed since the last apply, and what the plan does about it.
    pub drift: Vec<Drift>,
    /// Devices that were reset since the last apply: what they lost is drift that nobody made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resets: Vec<Reset>,
    /// The requests to the kernel, in order.
    pub operations: Vec<Operation>,
    /// How many functions that nobody named a device's `exclusive` takes away, by the device's address.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub swept: BTreeMap<String, Swept>,
    /// What is in use, or what the host is reached over, and that operations disturb.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub in_use: Vec<InUse>,
    /// Bonds of which operations disturb more than one device, which is refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bonds: Vec<DisturbedBond>,
    /// What is worth knowing beside that.
    pub notes: Vec<Note>,
    /// What the plan cannot do because something is in the way.
    pub refusals: Vec<Refusal>,
    /// Permanent parameters that were written on this boot, and are in force on the next one only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits_for_reboot: Vec<WaitsForReboot>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// Addresses of resources that there is something to do about, and that a selection leaves out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// The greatest impact of any operation.
    pub impact: Impact,
    /// What is left to the next plan, should it come while this one is carried out: parameters of which nobody knows yet
    /// whether their instances have them, and functions that the other side has not made.
    #[serde(skip)]
    pub waiting: BTreeSet<(Subject, Option<Attribute>)>,
    /// What an apply notes in the record beside what its operations do.
    #[serde(skip)]
    pub bookkeeping: Bookkeeping,
}

/// Changes of the record that need no operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bookkeeping {
    /// Subjects that are managed from now on, with their addresses.
    pub adopt: Vec<(Subject, String)>,
    /// Attributes that are not ours any more.
    pub release: Vec<(Subject, Attribute)>,
    /// What becomes as it is asked for by a step that is there for something else.
    pub written: Vec<RecordChange>,
    /// Subjects that are gone, with all that hung on them.
    pub forget: Vec<Subject>,
    /// Subjects that are not managed any more.
    pub let_go: Vec<Subject>,
    /// Subjects that the file names by another address than the record does.
    pub readdress: Vec<(Subject, String)>,
    /// Subjects that are protected from now on, with their addresses.
    pub protect: Vec<(Subject, String)>,
    /// Subjects that are not protected any more.
    pub unprotect: Vec<Subject>,
    /// What operations take along and bring back, as it is to be where no file says otherwise.
    pub taken: Vec<(Subject, Taken)>,
    /// What has back, once everything is done, what a run took along that did not end.
    pub settled: Vec<Subject>,
    /// The record that this one becomes once everything is done.
    pub becomes: Option<Record>,
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ResourceChange {
    /// Its address.
    pub address: String,
    /// Which object of the kernel it is.
    pub subject: Subject,
    /// What happens, as a list so that readers can look for `delete` alone.
    pub actions: Vec<Action>,
    /// Attributes before, those that change; `None` when it is not there.
    pub before: Option<BTreeMap<String, Scalar>>,
    /// Attributes after, those that change; `None` when it goes.
    pub after: Option<BTreeMap<String, Scalar>>,
    /// The attributes because of which it is replaced.
    pub replace_paths: Vec<String>,
    /// Why.
    pub action_reason: Reason,
    /// The greatest impact of its operations.
    pub impact: Impact,
    /// Its operations, by number.
    pub operations: Vec<usize>,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is deleted.
    Delete,
    /// Nothing, but steps that another change forces pass over it and bring it back as it was.
    Restore,
}

/// One request to the kernel with all that is known about it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Operation {
    /// Its number in the plan, from 1.
    pub id: usize,
    /// The parent whose lane it runs in.
    pub lane: DevlinkHandle,
    /// The resource it is about.
    pub address: String,
    /// The request.
    pub request: Request,
    /// The value before, where the operation changes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Scalar>,
    /// Why it is there.
    pub reason: Reason,
    /// What somebody who uses the host now feels.
    pub impact: Impact,
    /// What it is called where it is parent-wide; `--allow` takes this word too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Whether it can be undone.
    pub reversible: Reversible,
    /// Operations that must be done before, by number.
    pub after: Vec<usize>,
    /// What is seen when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// What it brings about beside what its request names, for the record.
    #[serde(skip)]
    pub writes: Vec<Setting>,
    /// How it is undone.
    #[serde(skip)]
    pub undo: Undo,
}

/// Whether an operation can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reversible {
    /// Afterwards nothing tells that it was done.
    Yes,
    /// The configuration comes back; what used the object has lost it.
    ConfigurationOnly,
}

/// How an operation is undone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undo {
    /// The requests, in order, each with the effect to wait for.
    pub requests: Vec<(Request, Option<Effect>)>,
    /// Undone together with this operation, after it: a reload belongs after the parameters are back.
    pub after_undo_of: Option<usize>,
}

/// A value that somebody else changed since the last apply.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Drift {
    /// The attribute's address.
    pub address: String,
    /// What was applied.
    pub applied: Scalar,
    /// What is there now; `None` when it is gone.
    pub found: Option<Scalar>,
    /// Its device was reset: nobody changed it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_reset: bool,
}

/// A device that was reset since the last apply, and lost something by that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reset {
    /// The device's address.
    pub address: String,
    /// What tells it.
    pub evidence: String,
}

/// What an `exclusive` takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Swept {
    /// How many functions go.
    pub functions: usize,
    /// How many there are on the device.
    pub of: usize,
}

/// Something worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Note {
    /// What kind of note.
    pub kind: NoteKind,
    /// The address or subject.
    pub about: String,
    /// One sentence.
    pub text: String,
}

/// The kinds of notes; each is a word of its own in the rendered plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// It exists, nobody recorded it, the file names it: from now on it is managed.
    Adopted,
    /// The file does not mention the object or the attribute any more: it stays as it is, and is nobody's.
    Released,
    /// Nobody names it: untouched.
    Unmanaged,
    /// Its other side is not there yet.
    Deferred,
    /// The file has it for hosts with another kernel.
    OtherKernel,
    /// The device does not have it, and the file says that this will do.
    Lacking,
    /// Nothing may restart or remove it: from now on, or no longer.
    Protected,
    /// Somebody else changed it, and the file leaves it to others.
    Accepted,
    /// It cannot be read back: what was written is taken for what is there.
    Unconfirmed,
    /// Another function has its MAC address, and keeps it.
    SameMac,
    /// It could not be read, so it is left alone.
    Withheld,
    /// The last apply was killed; the plan goes on from what is there.
    Interrupted,
    /// The kernel is simulated, and how it plays the device's driver was never compared with the hardware.
    Unverified,
}

/// Something in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Refusal {
    /// The address it is about.
    pub address: String,
    /// What is in the way, and what to do about it.
    pub text: String,
}

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What is to be.
    pub desired: &'a Desired,
    /// What is.
    pub state: &'a State,
    /// What subdevcfg made and changed.
    pub record: &'a Record,
}

/// Works out the plan that brings the host to what is desired.
#[must_use]
pub fn plan(input: Input<'_>) -> Plan {
    let placed = placed(input.desired, input.state);
    let supported = supported::narrowed(placed, &input);
    let input = Input { desired: &supported, ..input };
    let mut draft = lane::Draft::new(input);
    found::refuse_doubles(&mut draft);
    bookkeeping::tell_of_interruption(&mut draft);
    bridges::plan(&mut draft);
    for desired in &input.desired.parents {
        parent::plan(&mut draft, desired);
    }
    bridges::that_go(&mut draft);
    bookkeeping::release_devices(&mut draft);
    bookkeeping::tell_of_other_kernels(&mut draft);
    macs::tell_of_doubles(&mut draft);
    draft.finish()
}

/// Works out the plan that takes away what subdevcfg made and puts back what it changed, as far as `scope` goes.
#[must_use]
pub fn destroy(input: Input<'_>, scope: Scope) -> Plan {
    let placed = placed(input.desired, input.state);
    let input = Input { desired: &placed, ..input };
    let mut draft = lane::Draft::new(input);
    bookkeeping::tell_of_interruption(&mut draft);
    removal::destroy(&mut draft, scope);
    draft.finish()
}

impl Plan {
    /// Whether there is nothing to do. The one predicate behind text, JSON and exit code.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The operations on a resource.
    #[must_use]
    pub fn of(&self, change: &ResourceChange) -> Vec<&Operation> {
        // They are numbered from 1.
        change.operations.iter().filter_map(|id| self.operations.get(id - 1)).collect()
    }

    /// Whether something is left undone because it could not be read or is not there yet.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        !self.unread.is_empty()
            || self.notes.iter().any(|note| matches!(note.kind, NoteKind::Deferred | NoteKind::Withheld))
    }
}
