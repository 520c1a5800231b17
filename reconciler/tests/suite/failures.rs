//! Applies that fail in other ways than by a refusal, and what is said and recorded of them.

use subdevcfg_compiler::values::DevlinkHandle;
use subdevcfg_reconciler::apply::{Failure, Outcome};
use subdevcfg_reconciler::history::{self, End, Past, Planned};
use subdevcfg_reconciler::kernel::{Kernel as _, Request};
use subdevcfg_reconciler::plan::{Input, undo};
use subdevcfg_reconciler::record::Record;
use subdevcfg_reconciler::state::{SoftSpec, State, Unread, Unreadable};

use crate::support::{Host, Manner, desired};

fn nic0(body: &str) -> String {
    format!("subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" {{ {body} }}\n")
}

/// A device that somebody else has made, without anything on it.
fn host_with_a_device() -> Host {
    let mut host = Host::with_kernel("6.12.0");
    let handle: DevlinkHandle = "subdev/nic0".parse().unwrap();
    host.kernel.perform(&Request::NewParent { handle, spec: SoftSpec::default() }).unwrap();
    host
}

#[test]
fn a_record_that_cannot_be_written_at_the_end_undoes_nothing_and_is_told() {
    let wanted = desired(&nic0("create; eswitch mode=switchdev; subdevice a { sf 1; }"));
    let mut host = Host::with_kernel("6.12.0");
    let outcome = host.apply_with_room(1, &wanted);
    let Outcome::Partial { failures, left } = outcome else { panic!("{outcome:?}") };
    assert!(matches!(failures.as_slice(), [Failure::Record(_)]), "{failures:?}");
    assert_eq!(left, ["nothing on the host: the record, which the next run takes from the journal"]);
    assert!(host.plan(&wanted).is_empty());
}

#[test]
fn what_the_kernel_is_still_at_is_never_called_undone() {
    let wanted = desired(&nic0("create; eswitch mode=switchdev; subdevice a { sf 1; }"));
    let operations = Host::with_kernel("6.12.0").plan(&wanted).operations.len();
    for fault in 1..=operations {
        let mut host = Host::with_kernel("6.12.0");
        let outcome = host.apply_with_a(Manner::Blocked, fault, &wanted);
        let Outcome::Incomplete { left, .. } = outcome else { panic!("at {fault}: {outcome:?}") };
        assert!(left.iter().any(|text| text.ends_with("which the kernel has not given up")), "{left:?}");
    }
}

#[test]
fn what_an_undo_could_not_put_back_is_put_back_by_a_destroy() {
    let mut host = host_with_a_device();
    let found = host.state();
    let wanted = desired(&nic0("uplink mtu=1400; eswitch mode=switchdev"));
    let last = host.plan(&wanted).operations.len();
    let outcome = host.apply_with_a(Manner::AllFromThere, last, &wanted);
    assert!(matches!(outcome, Outcome::Incomplete { .. }), "{outcome:?}");
    assert_ne!(host.state(), found);
    let outcome = host.destroy();
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    assert_eq!(host.state(), found);
}

#[test]
fn an_undo_forgets_nothing_of_a_device_that_cannot_be_read() {
    let mut host = Host::with_kernel("6.12.0");
    let wanted = desired(&nic0("create; eswitch mode=switchdev; subdevice a { sf 1; }"));
    let (before, record) = (host.state(), host.record.clone());
    let outcome = host.apply(&wanted);
    let Outcome::Converged(after) = outcome else { panic!("{outcome:?}") };
    let end = End { after: Some(after.state), ..End::found_undone(String::new()) };
    let begun = Past::begun("apply", 1, String::new(), Planned::default(), (before, record));
    let past = Past { end: Some(end), ..begun };
    assert_eq!(past.format_version, history::FORMAT_VERSION);
    let becomes = |state: &State| -> Record {
        let input = Input { desired: &wanted, state, record: &host.record };
        undo(&past, input).bookkeeping.becomes.unwrap()
    };
    assert_eq!(becomes(&host.state()), past.record);
    let mut busy = host.state();
    let handle: DevlinkHandle = "subdev/nic0".parse().unwrap();
    busy.parents.remove(&handle);
    busy.unread.push(Unread { what: Unreadable::Parent(handle), why: "busy".to_owned() });
    assert_eq!(becomes(&busy).made, host.record.made);
}
