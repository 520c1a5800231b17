//! What holds of any host file, whatever kind of device it is about.

use camino::Utf8Path;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::Index;
use subdevcfg_compiler::format::format;
use subdevcfg_reconciler::apply::{Outcome, differences};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::import::{Import, host_file};
use subdevcfg_reconciler::kernel::Kernel as _;
use subdevcfg_reconciler::plan::{Input, Operation, plan};
use subdevcfg_reconciler::record::Record;
use subdevcfg_reconciler::state::State;

use super::{Host, Kill, Manner, desired};

/// A failure at an operation leaves the host as it was before; that host.
pub fn is_undone_at(host: &mut Host, wanted: &Desired, at: Index) -> Result<Host, TestCaseError> {
    let before = host.clone();
    let operations = host.plan(wanted).operations.len();
    prop_assume!(operations > 0);
    let fault = at.index(operations) + 1;
    let outcome = host.apply_with_fault(wanted, Some(fault));
    prop_assert!(matches!(outcome, Outcome::Undone(_)), "at {fault}: {outcome:?}");
    prop_assert_eq!(differences(&before.state(), &host.state()), Vec::<String>::new());
    prop_assert_eq!(&host.record, &before.record);
    // Nor does it matter whether the kernel had done it when it failed.
    let outcome = host.apply_with_a(Manner::Unanswered, fault, wanted);
    prop_assert!(matches!(outcome, Outcome::Undone(_)), "unanswered at {fault}: {outcome:?}");
    prop_assert_eq!(differences(&before.state(), &host.state()), Vec::<String>::new());
    prop_assert_eq!(&host.record, &before.record);
    Ok(before)
}

/// When a run is killed: while it undoes what it did before this operation failed, if one is to fail; at this request;
/// before or after the kernel has carried that out.
pub type Moment = (Option<Index>, Index, bool);

pub fn moments() -> impl Strategy<Value = Moment> {
    (of(any::<Index>()), any::<Index>(), any::<bool>())
}

/// A run that is killed, if it has not ended before.
pub fn is_killed_at(host: &mut Host, wanted: &Desired, moment: Moment) -> Result<(), TestCaseError> {
    let (fault, at, after) = moment;
    let operations = host.plan(wanted).operations.len();
    prop_assume!(operations > 0);
    let fault = fault.map(|fault| fault.index(operations) + 1);
    // The requests of the undo come after those up to the failure.
    let requests = fault.map_or(operations, |fault| 2 * fault);
    host.apply_and_be_killed(wanted, fault, Kill { at: at.index(requests) + 1, after });
    Ok(())
}

/// When a run is killed, and the one that goes on with it, if that is.
pub type Kills = (Moment, Option<Moment>);

pub fn kills() -> impl Strategy<Value = Kills> {
    (moments(), of(moments()))
}

/// A run that is killed is gone on with by the next, after which there is nothing left to do, and VFs have what they have
/// after one that was not killed; that host.
pub fn is_gone_on_with(
    host: &mut Host,
    wanted: &Desired,
    (moment, again): Kills,
) -> Result<(), TestCaseError> {
    let mut straight = host.clone();
    is_killed_at(host, wanted, moment)?;
    let is_refused = |host: &Host| !host.plan(wanted).refusals.is_empty();
    prop_assume!(!is_refused(host));
    if let Some(again) = again.filter(|_| !host.plan(wanted).is_empty()) {
        is_killed_at(host, wanted, again)?;
        prop_assume!(!is_refused(host));
    }
    let leaves_some = !host.plan(wanted).waiting.is_empty();
    let outcome = host.apply(wanted);
    prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    prop_assert!(leaves_some || host.plan(wanted).is_empty());
    prop_assert!(host.record.taken.is_empty());
    prop_assert!(matches!(straight.apply(wanted), Outcome::Converged(_)));
    let mut left = differences(&only_vfs(&straight), &only_vfs(host));
    // A name that the kernel had chosen and an undo brings back counts as chosen.
    let is_kernels_name =
        |left: &str| left.contains(" name is") || left.contains(" name was") && left.contains(" is eth");
    left.retain(|left| left.contains(" vf ") && !is_kernels_name(left));
    prop_assert_eq!(left, Vec::<String>::new());
    Ok(())
}

/// What there is of VFs whose number is their device's.
fn only_vfs(host: &Host) -> State {
    let mut state = host.state();
    for parent in state.parents.values_mut() {
        parent.functions.retain(|function| function.id.vf_index().is_some());
    }
    state
}

/// A run that is killed can be undone as a plan, which brings the record back; the host afterwards.
pub fn is_undone_though_killed(
    before: &Host,
    wanted: &Desired,
    moment: Moment,
) -> Result<Host, TestCaseError> {
    let mut host = before.clone();
    is_killed_at(&mut host, wanted, moment)?;
    let outcome = host.undo(before, wanted, None);
    prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    prop_assert_eq!(&host.record, &before.record);
    Ok(host)
}

/// An apply converges, and so does its undo, which brings the record back; the host afterwards.
pub fn is_undone_as_a_plan(before: &Host, wanted: &Desired) -> Result<Host, TestCaseError> {
    let mut host = before.clone();
    let after = match host.apply(wanted) {
        Outcome::Converged(after) => after,
        other => return Err(TestCaseError::fail(format!("{other:?}"))),
    };
    let outcome = host.undo(before, wanted, Some(after.state));
    prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    prop_assert_eq!(&host.record, &before.record);
    Ok(host)
}

/// The host file that describes a host has no errors, and to plan it there is an empty plan, whether subdevcfg made what is
/// there or not.
pub fn is_imported(host: &Host) -> Result<(), TestCaseError> {
    let state = host.state();
    for record in [&host.record, &Record::default()] {
        let import = Import { host: "lab", state: &state, record, catalogues: &[] };
        let text = format(Utf8Path::new("host.kdl"), &host_file(&import)).unwrap();
        let plan = plan(Input { desired: &desired(&text), state: &state, record });
        prop_assert!(plan.is_empty() && plan.refusals.is_empty(), "{plan:#?}\n{text}");
        prop_assert_eq!(&plan.drift, &vec![], "{}", text);
    }
    Ok(())
}

/// Whether something is in the way that nobody but the file's writer can decide.
pub fn is_refused(host: &Host, text: &str) -> bool {
    let refusals = host.plan(&desired(text)).refusals;
    let known = ["VFs are in the way", "in switchdev mode only", "is below it and is not subdevcfg's"];
    let is_known = |text: &str| known.iter().any(|known| text.contains(known));
    assert!(refusals.iter().all(|refusal| is_known(&refusal.text)), "{refusals:#?}\n{text}");
    !refusals.is_empty()
}

/// A plan has another end, or none, without any one of its operations; but for those of which that is not to be seen.
pub fn needs_each_operation(
    host: &Host,
    wanted: &Desired,
    is_unseen: impl Fn(&Operation) -> bool,
) -> Result<(), TestCaseError> {
    let plan = host.plan(wanted);
    let carried_out = |left_out: usize| {
        let mut kernel = host.kernel.clone();
        for operation in plan.operations.iter().filter(|operation| operation.id != left_out) {
            kernel.perform(&operation.request).ok()?;
        }
        Some(kernel.state())
    };
    // They are numbered from 1.
    let all = carried_out(0).unwrap();
    for operation in plan.operations.iter().filter(|operation| !is_unseen(operation)) {
        let differs = carried_out(operation.id).is_none_or(|state| state != all);
        prop_assert!(differs, "{} is redundant", operation.request);
    }
    Ok(())
}
