//! The properties of plan and apply over random hosts whose VFs are PCI devices: number and drivers.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use subdevcfg_compiler::values::DevlinkHandle;
use subdevcfg_reconciler::apply::Outcome;
use subdevcfg_reconciler::kernel::{Kernel as _, Request};
use subdevcfg_reconciler::plan::NoteKind;
use subdevcfg_reconciler::resource::{FunctionId, Setting, Subject};

use crate::support::properties::{
    is_gone_on_with, is_imported, is_undone_as_a_plan, is_undone_at, is_undone_though_killed, kills, moments,
    needs_each_operation,
};
use crate::support::{Host, desired};

const ADDRESS: &str = "0000:01:00.1";

/// The number of VFs, and of each that is named which driver is wanted.
type Device = (Option<u32>, Vec<Option<Option<&'static str>>>);

fn device() -> impl Strategy<Value = Device> {
    let driver = of(prop_oneof![Just("vfio-pci"), Just("nvme")]);
    (weighted(0.8, 0_u32..5), vec(of(driver), 4))
}

fn text((vfs, named): &Device) -> String {
    let mut text = format!("subdevcfg version=1\nhost lab\ndevice \"pci/{ADDRESS}\" {{\n");
    if let Some(vfs) = vfs {
        let _ = writeln!(text, " vfs {vfs}");
    }
    for (index, driver) in named.iter().enumerate() {
        let Some(driver) = driver.filter(|_| u32::try_from(index).unwrap() < vfs.unwrap_or(0)) else {
            continue;
        };
        let bind = driver.map(|driver| format!("bind {driver}; ")).unwrap_or_default();
        let _ = writeln!(text, " subdevice v{index} {{ vf {index} pf=1; {bind}}}");
    }
    text.push_str("}\n");
    text
}

fn hosts() -> impl Strategy<Value = String> {
    device().prop_map(|device| text(&device))
}

/// Files that count the VFs: what one leaves out is released, and stays.
fn counting() -> impl Strategy<Value = String> {
    device().prop_map(|(vfs, named)| text(&(vfs.or(Some(2)), named)))
}

fn handle() -> DevlinkHandle {
    DevlinkHandle::new("pci", ADDRESS)
}

fn first() -> Subject {
    Subject::function(handle(), FunctionId::local_vf(&handle(), 0))
}

/// What somebody did by hand: a number of VFs, and whether the first was bound to vfio-pci or to nothing.
fn start((vfs, first_by_hand): (u32, Option<bool>)) -> Host {
    let mut host = Host::with_kernel("6.12.0");
    host.kernel.add_pf(ADDRESS, "nvme", 4);
    let mut send = |request: Request| host.kernel.perform(&request).unwrap();
    send(Request::SetVfs { parent: handle(), count: vfs, held: vec![] });
    if let Some(named) = first_by_hand.filter(|_| vfs > 0) {
        let set_active =
            |active| Request::SetActive { parent: handle(), id: FunctionId::local_vf(&handle(), 0), active };
        send(set_active(false));
        if named {
            send(Request::Set { subject: first(), setting: Setting::Bind(Some("vfio-pci".to_owned())) });
            send(set_active(true));
        }
    }
    host
}

fn by_hand() -> impl Strategy<Value = (u32, Option<bool>)> {
    (prop_oneof![Just(0_u32), Just(0), 1_u32..4], of(any::<bool>()))
}

fn apply_all(host: &mut Host, texts: &[String]) {
    for text in texts {
        assert!(host.plan(&desired(text)).refusals.is_empty(), "{:#?}", host.plan(&desired(text)).refusals);
        let outcome = host.apply(&desired(text));
        assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}\n{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, max_global_rejects: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_converges_and_the_next_one_is_empty(by_hand in by_hand(), first in hosts(), second in hosts()) {
        let mut host = start(by_hand);
        apply_all(&mut host, &[first, second.clone()]);
        let plan = host.plan(&desired(&second));
        prop_assert!(plan.is_empty());
        prop_assert_eq!(&plan.drift, &vec![]);
        prop_assert!(plan.notes.iter().all(|note| note.kind == NoteKind::Unmanaged), "{:#?}", plan.notes);
    }

    #[test]
    fn a_failure_at_any_operation_leaves_the_host_as_it_was(
        by_hand in by_hand(), first in hosts(), second in hosts(), at in any::<prop::sample::Index>(),
    ) {
        let mut host = start(by_hand);
        apply_all(&mut host, &[first]);
        let wanted = desired(&second);
        let before = is_undone_at(&mut host, &wanted, at)?;
        prop_assert_eq!(before.state(), host.state());
        prop_assert!(matches!(host.apply(&wanted), Outcome::Converged(_)));
    }

    #[test]
    fn a_run_that_is_killed_anywhere_is_gone_on_with(
        by_hand in by_hand(), first in hosts(), second in hosts(), kills in kills(),
    ) {
        let mut host = start(by_hand);
        apply_all(&mut host, &[first]);
        is_gone_on_with(&mut host, &desired(&second), kills)?;
    }

    #[test]
    fn destroy_returns_the_host_to_what_it_was(by_hand in by_hand(), first in counting()) {
        // Nobody writes down that a VF had no driver.
        prop_assume!(by_hand.1 != Some(false));
        // What VFs had that are gone is written down for `undo`, not for `destroy`.
        prop_assume!(by_hand.1.is_none() || !first.contains("vfs 0"));
        let mut host = start(by_hand);
        let before = host.state();
        apply_all(&mut host, &[first]);
        let outcome = host.destroy();
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        prop_assert_eq!(before, host.state());
        prop_assert!(host.record.settings.is_empty(), "{:#?}", host.record);
    }

    #[test]
    fn an_apply_can_be_undone_as_a_plan(by_hand in by_hand(), first in counting(), second in counting()) {
        let mut before = start(by_hand);
        apply_all(&mut before, &[first]);
        let host = is_undone_as_a_plan(&before, &desired(&second))?;
        prop_assert_eq!(before.state(), host.state());
    }

    #[test]
    fn an_apply_that_was_killed_anywhere_can_be_undone(
        by_hand in by_hand(), first in counting(), second in counting(), moment in moments(),
    ) {
        let mut before = start(by_hand);
        apply_all(&mut before, &[first]);
        let host = is_undone_though_killed(&before, &desired(&second), moment)?;
        prop_assert_eq!(before.state(), host.state());
    }

    #[test]
    fn a_host_can_be_imported(by_hand in by_hand(), first in hosts(), second in hosts()) {
        let mut host = start(by_hand);
        apply_all(&mut host, &[first, second]);
        is_imported(&host)?;
    }

    #[test]
    fn nothing_in_a_plan_is_redundant(by_hand in by_hand(), first in hosts(), second in hosts()) {
        let mut host = start(by_hand);
        apply_all(&mut host, &[first]);
        needs_each_operation(&host, &desired(&second), |_| false)?;
    }
}
