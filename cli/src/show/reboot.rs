//! What was written and is not in force before the host has started anew.

use subdevcfg_reconciler::reboot::WaitsForReboot;

use super::layout::wrapped;

/// A line for each parameter.
pub fn lines(text: &mut String, waiting: &[WaitsForReboot]) {
    for WaitsForReboot { address, param, value, in_force, written, .. } in waiting {
        let in_force = in_force.as_ref().map(|value| format!("{value} is in force"));
        let written = written
            .as_ref()
            .map_or_else(|| "written by somebody else since".to_owned(), |at| format!("written {at}"));
        let details = in_force.into_iter().chain([written]).collect::<Vec<_>>().join("; ");
        wrapped(text, &format!("WAITING FOR REBOOT  param {param} {value} on {address} ({details})"));
    }
}
