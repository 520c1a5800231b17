//! Resets told from drift: a device that started anew has lost what nobody took away.

use subdevcfg_compiler::values::EswitchMode;

use super::Input;
use crate::desired::DesiredParent;
use crate::record::Record;
use crate::resource::{Attribute, Setting, Subject};
use crate::state::{Parent, Restarts};

/// What tells that a device was reset since the last apply, if anything does.
pub(super) fn evidence(input: &Input<'_>, desired: &DesiredParent) -> Option<String> {
    // The run that was killed may have reloaded it.
    if input.record.interrupted.is_some() {
        return None;
    }
    let found = input.state.parents.get(&desired.subject.parent)?;
    counted(input.record, desired, found).or_else(|| looks_like_one(input.record, desired, found))
}

/// The driver counts them.
fn counted(record: &Record, desired: &DesiredParent, found: &Parent) -> Option<String> {
    let known = record.restarts.0.get(&desired.subject.parent)?;
    let Restarts { reloads, recoveries } = found.volatile.0.restarts?;
    let times = |number: u64| if number == 1 { "once".to_owned() } else { format!("{number} times") };
    let since = |now: u64, before: u64| now.checked_sub(before).filter(|count| *count > 0);
    if let Some(count) = since(recoveries, known.recoveries) {
        return Some(format!("its health was recovered {} since the last apply", times(count)));
    }
    let count = since(reloads, known.reloads)?;
    Some(format!("it was reloaded {} since the last apply, and not by subdevcfg", times(count)))
}

/// Back in legacy mode with nothing of ours on it: drivers without counters do that when they start anew (mlx5:
/// `mlx5_unload_one_devl_locked` disables the eswitch), and nobody deletes one function after the other first.
fn looks_like_one(record: &Record, desired: &DesiredParent, found: &Parent) -> Option<String> {
    let subject = &desired.subject;
    let applied = record.settings.get(&(subject.clone(), Attribute::EswitchMode))?;
    let was_switchdev = applied.applied == Setting::EswitchMode(EswitchMode::Switchdev);
    let is_legacy = found.eswitch.mode == Some(EswitchMode::Legacy);
    let of_parent = |made: &&Subject| made.parent == subject.parent && made.function_id().is_some();
    let made: Vec<&Subject> = record.made.keys().filter(of_parent).collect();
    let runs =
        |made: &&Subject| made.function_id().and_then(|id| found.function(id)).is_some_and(|it| it.active);
    (was_switchdev && is_legacy && !made.is_empty() && !made.iter().any(runs)).then(|| {
        "it is back in legacy mode, and nothing that subdevcfg made on it runs: its driver has started anew".to_owned()
    })
}
