//! The properties of plan and apply over random hosts with vDPA devices on the kernel's simulator.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use subdevcfg_compiler::values::DevlinkHandle;
use subdevcfg_reconciler::apply::{Outcome, differences};
use subdevcfg_reconciler::kernel::{Kernel as _, Request};
use subdevcfg_reconciler::plan::NoteKind;
use subdevcfg_reconciler::resource::{Setting, Subject, VdpaConfig};
use subdevcfg_reconciler::state::{State, Unread, Unreadable};

use crate::support::properties::{
    is_gone_on_with, is_imported, is_undone_as_a_plan, is_undone_at, is_undone_though_killed, kills, moments,
    needs_each_operation,
};
use crate::support::{Host, desired};

/// Of each of three devices: address, MTU and driver, as far as they are said.
type Device = (Option<u8>, Option<u32>, Option<&'static str>);

fn device() -> impl Strategy<Value = Device> {
    let mtu = prop_oneof![Just(1400_u32), Just(1500), Just(9000)];
    (of(1_u8..3), of(mtu), of(prop_oneof![Just("vhost_vdpa"), Just("virtio_vdpa")]))
}

fn text(devices: &[Option<Device>]) -> String {
    let mut text = "subdevcfg version=1\nhost lab\ndevice \"vdpa/vdpasim_net\" {\n".to_owned();
    for (at, (mac, mtu, driver)) in devices.iter().enumerate().filter_map(|(at, it)| Some((at, (*it)?))) {
        let mac = mac.map(|mac| format!(" mac=\"02:00:00:00:0{at}:0{mac}\"")).unwrap_or_default();
        let mtu = mtu.map(|mtu| format!(" mtu={mtu}")).unwrap_or_default();
        let bind = driver.map(|driver| format!(" {{ bind {driver}; }}")).unwrap_or_default();
        let _ = writeln!(text, " vdpa v{at}{mac}{mtu}{bind}");
    }
    text.push_str("}\n");
    text
}

fn hosts() -> impl Strategy<Value = String> {
    vec(of(device()), 3).prop_map(|devices| text(&devices))
}

fn handle() -> DevlinkHandle {
    DevlinkHandle::new("vdpa", "vdpasim_net")
}

/// What somebody did by hand: a device that no file names, and perhaps the first of those that files name.
fn start(first: Option<bool>) -> Host {
    let mut host = Host::with_kernel("6.12.0");
    host.kernel.load_vdpa_simulator();
    let mut send = |request: Request| host.kernel.perform(&request).unwrap();
    let make = |name: &str| Request::MakeVdpa {
        parent: handle(),
        name: name.to_owned(),
        config: VdpaConfig::default(),
    };
    send(make("other"));
    if let Some(bound) = first {
        send(make("v0"));
        let driver = bound.then(|| "virtio_vdpa".to_owned());
        let subject = Subject::vdpa(handle(), "v0".to_owned());
        send(Request::Set { subject, setting: Setting::Bind(driver) });
    }
    host
}

/// Whether the file asks for something else of a device that is not subdevcfg's.
fn is_refused(host: &Host, text: &str) -> bool {
    let refusals = host.plan(&desired(text)).refusals;
    let is_known = |text: &str| text.contains("which never changes, and subdevcfg did not make it");
    assert!(refusals.iter().all(|refusal| is_known(&refusal.text)), "{refusals:#?}\n{text}");
    !refusals.is_empty()
}

fn apply_if_possible(host: &mut Host, text: &str) {
    if !is_refused(host, text) {
        let outcome = host.apply(&desired(text));
        assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}\n{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, max_global_rejects: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_converges_and_the_next_one_is_empty(first in of(any::<bool>()), one in hosts(), other in hosts()) {
        let mut host = start(first);
        apply_if_possible(&mut host, &one);
        prop_assume!(!is_refused(&host, &other));
        apply_if_possible(&mut host, &other);
        let plan = host.plan(&desired(&other));
        prop_assert!(plan.is_empty(), "{plan:#?}");
        prop_assert_eq!(&plan.drift, &vec![]);
        let is_known = |kind: NoteKind| matches!(kind, NoteKind::Unmanaged | NoteKind::Released);
        prop_assert!(plan.notes.iter().all(|note| is_known(note.kind)), "{:#?}", plan.notes);
    }

    #[test]
    fn a_failure_at_any_operation_leaves_the_host_as_it_was(
        first in of(any::<bool>()), one in hosts(), other in hosts(), at in any::<prop::sample::Index>(),
    ) {
        let mut host = start(first);
        apply_if_possible(&mut host, &one);
        prop_assume!(!is_refused(&host, &other));
        is_undone_at(&mut host, &desired(&other), at)?;
    }

    #[test]
    fn a_run_that_is_killed_anywhere_is_gone_on_with(
        first in of(any::<bool>()), one in hosts(), other in hosts(), kills in kills(),
    ) {
        let mut host = start(first);
        apply_if_possible(&mut host, &one);
        prop_assume!(!is_refused(&host, &other));
        is_gone_on_with(&mut host, &desired(&other), kills)?;
    }

    #[test]
    fn destroy_returns_the_host_to_what_it_was(first in of(any::<bool>()), one in hosts(), other in hosts()) {
        let mut host = start(first);
        let before = host.state();
        // What a file lets go of stays as it is.
        apply_if_possible(&mut host, &one);
        let released = |state: &State| state.parents[&handle()].vdpa.contains_key("v0") && first.is_some();
        prop_assume!(!released(&before) || other == one);
        apply_if_possible(&mut host, &other);
        let outcome = host.destroy();
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        prop_assert_eq!(differences(&before, &host.state()), Vec::<String>::new());
        prop_assert!(host.record.made.is_empty() && host.record.settings.is_empty(), "{:#?}", host.record);
    }

    #[test]
    fn an_apply_can_be_undone_as_a_plan(first in of(any::<bool>()), one in hosts(), other in hosts()) {
        let mut before = start(first);
        apply_if_possible(&mut before, &one);
        prop_assume!(!is_refused(&before, &other));
        let host = is_undone_as_a_plan(&before, &desired(&other))?;
        prop_assert_eq!(differences(&before.state(), &host.state()), Vec::<String>::new());
    }

    #[test]
    fn an_apply_that_was_killed_anywhere_can_be_undone(
        first in of(any::<bool>()), one in hosts(), other in hosts(), moment in moments(),
    ) {
        let mut before = start(first);
        apply_if_possible(&mut before, &one);
        prop_assume!(!is_refused(&before, &other));
        let host = is_undone_though_killed(&before, &desired(&other), moment)?;
        prop_assert_eq!(differences(&before.state(), &host.state()), Vec::<String>::new());
    }

    #[test]
    fn a_host_can_be_imported(first in of(any::<bool>()), one in hosts()) {
        let mut host = start(first);
        apply_if_possible(&mut host, &one);
        is_imported(&host)?;
    }

    #[test]
    fn nothing_in_a_plan_is_redundant(first in of(any::<bool>()), one in hosts(), other in hosts()) {
        let mut host = start(first);
        apply_if_possible(&mut host, &one);
        prop_assume!(!is_refused(&host, &other));
        needs_each_operation(&host, &desired(&other), |_| false)?;
    }
}

#[test]
fn devices_that_could_not_be_read_are_left_alone_and_stay_in_the_record() {
    let wanted = desired(&text(&[Some((Some(1), None, None)), None, None]));
    let mut host = start(None);
    assert!(matches!(host.apply(&wanted), Outcome::Converged(_)));
    let mut state = host.state();
    state.parents.clear();
    state.unread = vec![Unread { what: Unreadable::Vdpa, why: "EIO".to_owned() }];
    let input = subdevcfg_reconciler::plan::Input { desired: &wanted, state: &state, record: &host.record };
    let none = desired("subdevcfg version=1\nhost lab\n");
    let destroy = subdevcfg_reconciler::plan::destroy(
        subdevcfg_reconciler::plan::Input { desired: &none, ..input },
        subdevcfg_reconciler::plan::Scope::Everything,
    );
    for plan in [subdevcfg_reconciler::plan::plan(input), destroy] {
        assert!(plan.is_empty() && plan.drift.is_empty(), "{plan:#?}");
        assert_eq!(plan.notes.iter().map(|note| note.kind).collect::<Vec<_>>(), [NoteKind::Withheld]);
        assert_eq!(plan.bookkeeping.forget, []);
    }
}
