//! What waits for a reboot. The kernel reports of a permanent parameter what the device has stored, and nothing tells what is
//! in force: that is known of what was written on this boot, and of nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::{Cmode, Scalar};

use crate::record::Record;
use crate::resource::{Attribute, Setting, Subject};
use crate::state::State;

/// A permanent parameter that was written, as the record keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The address of the resource that has it.
    pub address: String,
    /// The value found before the first write of the boot; absent where nobody has seen one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<Setting>,
    /// The value written last.
    pub written: Setting,
    /// When the run began that wrote it, in the form of RFC 3339.
    pub at: String,
    /// The boot that it was written on (`/proc/sys/kernel/random/boot_id`): on another one it waits no more.
    pub boot_id: String,
}

/// A permanent parameter that is not in force before the host, or its device, starts anew.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WaitsForReboot {
    /// The address of the resource that has it.
    pub address: String,
    /// Which object of the kernel that is.
    pub subject: Subject,
    /// The parameter's name.
    pub param: String,
    /// What the device has stored.
    pub value: Scalar,
    /// What is in force until then; `null` where nobody has seen it.
    pub in_force: Option<Scalar>,
    /// When subdevcfg wrote it, in the form of RFC 3339; `null` when somebody else has written another value since.
    pub written: Option<String>,
}

impl WaitsForReboot {
    /// The parameter's own address.
    #[must_use]
    pub fn address_of_param(&self) -> String {
        self.subject.attribute_address(&self.address, &Attribute::Param(self.param.clone(), Cmode::Permanent))
    }
}

/// What waits on a host in this state. A value that is again as it was when the boot began waits for nothing, whoever
/// wrote it.
#[must_use]
pub fn waiting(record: &Record, state: &State) -> Vec<WaitsForReboot> {
    let boot_id = &state.volatile.0.boot_id;
    let of_this_boot = record.stored.iter().filter(|(_, stored)| stored.boot_id == *boot_id);
    of_this_boot
        .filter_map(|((subject, attribute), stored)| {
            let Attribute::Param(name, _) = attribute else { return None };
            let found = state.settings(subject)?.get(attribute).cloned();
            let value = found.unwrap_or_else(|| stored.written.clone());
            let waits = stored.in_force.as_ref() != Some(&value);
            waits.then(|| WaitsForReboot {
                address: stored.address.clone(),
                subject: subject.clone(),
                param: name.clone(),
                in_force: stored.in_force.as_ref().map(Setting::value),
                written: (value == stored.written).then(|| stored.at.clone()),
                value: value.value(),
            })
        })
        .collect()
}
