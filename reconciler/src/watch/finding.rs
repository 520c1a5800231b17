//! What a watcher finds: the parts of a plan that are worth a line, each comparable with those of the last time.

use std::collections::BTreeSet;

use serde::Serialize;

use super::is_change;
use crate::guard::is_within;
use crate::plan::{Action, Drift, NoteKind, Plan, ResourceChange};

/// Something that is not as the file says, or that cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// A device started anew and lost what was made on it.
    Reset {
        /// The device's address.
        address: String,
        /// What tells it.
        evidence: String,
        /// How many attributes and resources it lost.
        lost: usize,
    },
    /// Somebody changed it since it was applied.
    Drift {
        /// The attribute's address.
        address: String,
        /// What was applied.
        applied: String,
        /// What is there now; absent when it is gone.
        #[serde(skip_serializing_if = "Option::is_none")]
        found: Option<String>,
    },
    /// It was never made as the file says.
    Differs {
        /// The resource's address.
        address: String,
        /// What an apply would do with it.
        what: String,
    },
    /// Something is in the way, and no flag changes that.
    Refused {
        /// The address it is about.
        address: String,
        /// What is in the way.
        text: String,
    },
    /// It is not there yet.
    Deferred {
        /// Its address.
        address: String,
        /// What is waited for.
        text: String,
    },
    /// It is stored by the device, and in force after a reboot only.
    WaitsForReboot {
        /// The parameter's address.
        address: String,
        /// What is stored.
        stored: String,
        /// What is in force until then; absent where nobody has seen it.
        #[serde(skip_serializing_if = "Option::is_none")]
        in_force: Option<String>,
    },
    /// It could not be told.
    Unread {
        /// What could not be read.
        address: String,
        /// Why, or what is left alone therefore.
        text: String,
    },
    /// It would be repaired, but for this.
    Left {
        /// The resource's address.
        address: String,
        /// Why it is left.
        #[serde(flatten)]
        why: Why,
    },
}

/// Why something is not repaired.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Why {
    /// It was put back so often that somebody else must want it otherwise.
    Fighting {
        /// What was put back.
        attribute: String,
        /// How often.
        times: usize,
    },
    /// Its device was reset, and what a reset took is not made again.
    Reset,
    /// Its impact is above what is allowed.
    Above {
        /// The flags that would allow it.
        flags: Vec<String>,
    },
    /// Somebody uses it.
    InUse {
        /// Who, in words.
        users: Vec<String>,
    },
    /// The host is reached over it.
    Lifeline {
        /// Why.
        reason: String,
    },
    /// `exclusive` would take away too much at once.
    Sweep {
        /// How many functions.
        functions: usize,
        /// Of how many.
        of: usize,
    },
    /// It failed before, and is tried again later.
    Failed {
        /// How often it failed.
        times: u32,
    },
    /// Something is in the way.
    Refused,
}

impl Finding {
    /// All that a plan has.
    pub(super) fn all_of(plan: &Plan) -> BTreeSet<Self> {
        let resets = plan.resets.iter().map(|reset| Self::Reset {
            address: reset.address.clone(),
            evidence: reset.evidence.clone(),
            lost: lost(plan, &reset.address).count(),
        });
        let drift = plan.drift.iter().filter(|drift| !drift.by_reset).map(|drift| Self::Drift {
            address: drift.address.clone(),
            applied: drift.applied.to_string(),
            found: drift.found.as_ref().map(ToString::to_string),
        });
        let changes = plan.resource_changes.iter().filter(|change| is_news(plan, change));
        let changes =
            changes.map(|change| Self::Differs { address: change.address.clone(), what: what(change) });
        let refusals = plan
            .refusals
            .iter()
            .map(|refusal| Self::Refused { address: refusal.address.clone(), text: refusal.text.clone() });
        let notes = plan.notes.iter().filter_map(|note| {
            let (address, text) = (note.about.clone(), note.text.clone());
            match note.kind {
                NoteKind::Deferred => Some(Self::Deferred { address, text }),
                NoteKind::Withheld => Some(Self::Unread { address, text }),
                _ => None,
            }
        });
        let unread = plan
            .unread
            .iter()
            .map(|unread| Self::Unread { address: unread.what.to_string(), text: unread.why.clone() });
        let waiting = plan.waits_for_reboot.iter().map(|waits| Self::WaitsForReboot {
            address: waits.address_of_param(),
            stored: waits.value.to_string(),
            in_force: waits.in_force.as_ref().map(ToString::to_string),
        });
        let differences = resets.chain(drift).chain(changes).chain(refusals);
        differences.chain(notes).chain(unread).chain(waiting).collect()
    }

    pub(super) fn left(address: &str, why: Why) -> Self {
        Self::Left { address: address.to_owned(), why }
    }

    /// What it is about.
    #[must_use]
    pub fn address(&self) -> &str {
        match self {
            Self::Reset { address, .. }
            | Self::Drift { address, .. }
            | Self::Differs { address, .. }
            | Self::Refused { address, .. }
            | Self::Deferred { address, .. }
            | Self::WaitsForReboot { address, .. }
            | Self::Unread { address, .. }
            | Self::Left { address, .. } => address,
        }
    }
}

/// What a reset took from a device.
fn lost<'p>(plan: &'p Plan, device: &'p str) -> impl Iterator<Item = &'p Drift> {
    plan.drift.iter().filter(move |drift| drift.by_reset && is_within(&drift.address, device))
}

/// Whether a change has nothing that is told as drift or as lost by a reset already.
fn is_news(plan: &Plan, change: &ResourceChange) -> bool {
    let is_below = |drift: &Drift| is_within(&drift.address, &change.address);
    // What lies on a device is told of by itself.
    let is_own = |drift: &Drift| !change.subject.is_parent() || !drift.address.contains('#');
    let is_told = plan.drift.iter().any(|drift| is_below(drift) && is_own(drift));
    let by_reset = plan.resets.iter().any(|reset| is_within(&change.address, &reset.address));
    is_change(&change.actions) && !change.operations.is_empty() && !is_told && !by_reset
}

/// What an apply would do with a resource.
fn what(change: &ResourceChange) -> String {
    match change.actions.as_slice() {
        [Action::Create] => "it is not there".to_owned(),
        [Action::Delete] => "it is there, and should not be".to_owned(),
        [Action::Delete, Action::Create] => "it has to be made again".to_owned(),
        _ => {
            let before = |path: &str| change.before.as_ref().and_then(|before| before.get(path));
            let attribute = |(path, after): (&String, &subdevcfg_compiler::values::Scalar)| {
                let before = before(path).map_or_else(|| "nothing".to_owned(), ToString::to_string);
                format!("{path} is {before}, should be {after}")
            };
            change.after.iter().flatten().map(attribute).collect::<Vec<_>>().join("; ")
        }
    }
}
