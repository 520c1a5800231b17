//! What takes its time is waited for together.

use subdevcfg_reconciler::apply::Outcome;

use crate::support::{Host, desired};

const TWO: &str = r#"
subdevcfg version=1
host "*"
device "subdev/nic0" {
    create
    eswitch mode=switchdev
    subdevice a { sf 1; netdev a0; }
    subdevice b { sf 2; netdev b0; }
}
"#;

/// What is asked of the kernel, in order, where effects are seen at once or later.
fn heard(text: &str, late: u64) -> Vec<String> {
    let mut host = Host::with_kernel("6.12.0");
    host.late = late;
    let (outcome, heard) = host.apply_and_listen(&desired(text));
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    heard
}

#[test]
fn functions_start_together() {
    insta::assert_snapshot!(heard(TWO, u64::MAX).join("\n"), @"
make subdev/nic0
set eswitch mode of subdev/nic0 to switchdev
create sf 1 on subdev/nic0
activate sf 1 of subdev/nic0
create sf 2 on subdev/nic0
activate sf 2 of subdev/nic0
waits for subdev/nic0 sf 1 its devlink instance to appear
set param enable_eth of subdev/nic0 sf 1 to true
reload the devlink instance of subdev/nic0 sf 1
waits for subdev/nic0 sf 2 its devlink instance to appear
set param enable_eth of subdev/nic0 sf 2 to true
reload the devlink instance of subdev/nic0 sf 2
waits for subdev/nic0 sf 1 its netdev to appear
set netdev name of subdev/nic0 sf 1 to a0
waits for subdev/nic0 sf 2 its netdev to appear
set netdev name of subdev/nic0 sf 2 to b0
");
}

#[test]
fn what_is_there_at_once_keeps_the_order_of_the_plan() {
    let mut host = Host::with_kernel("6.12.0");
    let planned: Vec<String> =
        host.plan(&desired(TWO)).operations.iter().map(|operation| operation.request.to_string()).collect();
    let (_, heard) = host.apply_and_listen(&desired(TWO));
    assert_eq!(heard, planned);
}

/// The first function fails while the second starts: that is waited for, and then undone.
#[test]
fn what_is_under_way_is_waited_for_before_an_undo() {
    let wanted = desired(TWO);
    let mut host = Host::with_kernel("6.12.0");
    host.late = u64::MAX;
    let before = host.state();
    let all = host.plan(&wanted).operations.len();
    for fault in 1..=all {
        let outcome = host.apply_with_fault(&wanted, Some(fault));
        assert!(matches!(outcome, Outcome::Undone(_)), "{fault}: {outcome:?}");
        assert_eq!(host.state(), before, "{fault}");
    }
}
