//! The properties of plan and apply over random hosts whose VFs carry mediated devices, as graphics cards have them: the
//! driver of the VFs makes them, and they go before a VF loses it.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use subdevcfg_compiler::values::DevlinkHandle;
use subdevcfg_reconciler::apply::Outcome;
use subdevcfg_reconciler::kernel::{Kernel as _, Request};
use subdevcfg_reconciler::plan::NoteKind;
use subdevcfg_reconciler::resource::{FunctionId, Setting, Subject};
use subdevcfg_reconciler::state::Function;
use uuid::Uuid;

use crate::support::properties::{
    is_gone_on_with, is_imported, is_undone_as_a_plan, is_undone_at, is_undone_though_killed, kills, moments,
    needs_each_operation,
};
use crate::support::{Host, desired};

const ADDRESS: &str = "0000:01:00.0";
const TYPES: [(&str, &str); 2] = [("vgpu-small", "A small one"), ("vgpu-large", "A large one")];

/// What a VF is to carry: which of three UUIDs, of which type and by which word, and an attribute.
#[derive(Debug, Clone)]
struct Mdev {
    uuid: usize,
    large: bool,
    attr: Option<bool>,
}

/// A VF in the file: its driver, and what it carries.
type Vf = (Option<&'static str>, Option<Mdev>);

/// The number of VFs, and those that are named.
type Device = (Option<u32>, Vec<Option<Vf>>);

fn mdev() -> impl Strategy<Value = Mdev> {
    (0_usize..3, any::<bool>(), of(any::<bool>())).prop_map(|(uuid, large, attr)| Mdev { uuid, large, attr })
}

fn device() -> impl Strategy<Value = Device> {
    let driver = of(prop_oneof![Just("vgpu"), Just("vgpu"), Just("vfio-pci"), Just("nvme")]);
    (weighted(0.8, 1_u32..5), vec(of((driver, weighted(0.7, mdev()))), 4))
}

/// The text; `own` says that the VFs have the driver that makes mediated devices without being bound to it by name.
fn text((vfs, named): &Device, own: bool) -> String {
    let mut text = format!("subdevcfg version=1\nhost lab\ndevice \"pci/{ADDRESS}\" {{\n");
    if let Some(vfs) = vfs {
        let _ = writeln!(text, " vfs {vfs}");
    }
    let mut used = [false; 3];
    for (index, vf) in named.iter().enumerate() {
        let Some((driver, mdev)) = vf.as_ref().filter(|_| u32::try_from(index).unwrap() < vfs.unwrap_or(0))
        else {
            continue;
        };
        let mdev = mdev.as_ref().filter(|mdev| !std::mem::replace(&mut used[mdev.uuid], true));
        let driver = match mdev {
            Some(_) if own => None,
            Some(_) => Some("vgpu"),
            None => driver.filter(|driver| !own || *driver == "vfio-pci"),
        };
        let bind = driver.map(|driver| format!("bind {driver}; ")).unwrap_or_default();
        let carried = mdev.map(|Mdev { uuid, large, attr }| {
            let kind = if *large { "large" } else { "small" };
            let kind = if own { format!("vgpu-{kind}") } else { kind.to_owned() };
            let attr = attr.map(|on| format!("attr \"power/control\" {};", if on { "on" } else { "auto" }));
            format!("{{ mdev type={kind} uuid=\"{}\" {{ {} }}; }}", id(*uuid), attr.unwrap_or_default())
        });
        let _ = writeln!(text, " subdevice v{index} {{ vf {index} {}; {bind}}}", carried.unwrap_or_default());
    }
    text.push_str("}\n");
    text
}

fn id(nth: usize) -> Uuid {
    Uuid::from_u128(0x83b8_f4f2_509f_382f_3c1e_e6bf_e0fa_1000 + nth as u128)
}

fn handle() -> DevlinkHandle {
    DevlinkHandle::new("pci", ADDRESS)
}

fn vf(index: u32) -> FunctionId {
    FunctionId::local_vf(&handle(), index)
}

/// The device; whether mediated devices are made by the driver that it has anyway; a number of VFs made by hand, and
/// whether the first then got one.
type Start = (bool, u32, bool);

fn start((own, vfs, carries): Start) -> Host {
    let mut host = Host::with_kernel("6.12.0");
    host.kernel.add_pf(ADDRESS, if own { "vgpu" } else { "nvme" }, 4);
    host.kernel.add_carrier_driver(ADDRESS, "vgpu", &TYPES);
    let mut send = |request: Request| host.kernel.perform(&request).unwrap();
    send(Request::SetVfs { parent: handle(), count: vfs, held: vec![] });
    if carries && vfs > 0 {
        if !own {
            send(Request::SetActive { parent: handle(), id: vf(0), active: false });
            let first = Subject::function(handle(), vf(0));
            send(Request::Set { subject: first, setting: Setting::Bind(Some("vgpu".to_owned())) });
            send(Request::SetActive { parent: handle(), id: vf(0), active: true });
        }
        send(make(0, 0));
    }
    host
}

fn make(uuid: usize, on_vf: u32) -> Request {
    let id = FunctionId::Mdev { uuid: id(uuid) };
    Request::Create { parent: handle(), id, mdev_type: Some("vgpu-small".to_owned()), on_vf: Some(on_vf) }
}

fn starts() -> impl Strategy<Value = Start> {
    (any::<bool>(), prop_oneof![Just(0_u32), Just(0), 1_u32..4], any::<bool>())
}

/// What somebody else made is in the way of another number of VFs, another driver, another device on the VF; and a driver
/// that a former file named stays when the next one names none.
fn is_refused(host: &Host, text: &str) -> bool {
    let refusals = host.plan(&desired(text)).refusals;
    let known = [
        "is in the way, and subdevcfg did not make it",
        "takes no more mediated device",
        "with the driver that it has",
    ];
    let is_known = |text: &str| known.iter().any(|known| text.contains(known));
    assert!(refusals.iter().all(|refusal| is_known(&refusal.text)), "{refusals:#?}\n{text}");
    !refusals.is_empty()
}

fn apply_all(host: &mut Host, texts: &[String]) {
    for text in texts {
        if !is_refused(host, text) {
            let outcome = host.apply(&desired(text));
            assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}\n{text}");
        }
    }
}

fn carried(host: &Host) -> Vec<Function> {
    let functions = host.state().parents[&handle()].functions.clone();
    functions.into_iter().filter(|function| function.on_vf.is_some()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, max_global_rejects: 6000, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_converges_and_the_next_one_is_empty(start_at in starts(), first in device(), second in device()) {
        let (first, second) = (text(&first, start_at.0), text(&second, start_at.0));
        let mut host = start(start_at);
        apply_all(&mut host, &[first]);
        prop_assume!(!is_refused(&host, &second));
        apply_all(&mut host, std::slice::from_ref(&second));
        let plan = host.plan(&desired(&second));
        prop_assert!(plan.is_empty(), "{:#?}", plan.operations);
        prop_assert_eq!(&plan.drift, &vec![]);
        prop_assert!(plan.notes.iter().all(|note| note.kind == NoteKind::Unmanaged), "{:#?}", plan.notes);
        // Each is where the file has it, and none of ours is left.
        let ours = carried(&host).iter().filter(|it| second.contains(&it.id.to_string()[5..])).count();
        prop_assert_eq!(ours, second.matches("mdev type").count());
    }

    #[test]
    fn a_failure_at_any_operation_leaves_the_host_as_it_was(
        start_at in starts(), first in device(), second in device(), at in any::<prop::sample::Index>(),
    ) {
        let mut host = start(start_at);
        apply_all(&mut host, &[text(&first, start_at.0)]);
        let second = text(&second, start_at.0);
        prop_assume!(!is_refused(&host, &second));
        let wanted = desired(&second);
        let before = is_undone_at(&mut host, &wanted, at)?;
        prop_assert_eq!(before.state(), host.state());
        prop_assert!(matches!(host.apply(&wanted), Outcome::Converged(_)));
    }

    #[test]
    fn a_run_that_is_killed_anywhere_is_gone_on_with(
        start_at in starts(), first in device(), second in device(), kills in kills(),
    ) {
        let mut host = start(start_at);
        apply_all(&mut host, &[text(&first, start_at.0)]);
        let second = text(&second, start_at.0);
        prop_assume!(!is_refused(&host, &second));
        is_gone_on_with(&mut host, &desired(&second), kills)?;
    }

    #[test]
    fn an_apply_that_was_killed_anywhere_can_be_undone(
        start_at in starts(), first in device(), second in device(), moment in moments(),
    ) {
        let mut before = start(start_at);
        apply_all(&mut before, &[text(&first, start_at.0)]);
        let second = text(&second, start_at.0);
        prop_assume!(!is_refused(&before, &second));
        let host = is_undone_though_killed(&before, &desired(&second), moment)?;
        prop_assert_eq!(before.state(), host.state());
    }

    #[test]
    fn an_apply_can_be_undone_as_a_plan(start_at in starts(), first in device(), second in device()) {
        let mut before = start(start_at);
        apply_all(&mut before, &[text(&first, start_at.0)]);
        let second = text(&second, start_at.0);
        prop_assume!(!is_refused(&before, &second));
        let host = is_undone_as_a_plan(&before, &desired(&second))?;
        prop_assert_eq!(before.state(), host.state());
    }

    #[test]
    fn destroy_leaves_nothing_on_any_vf(own in any::<bool>(), first in device(), second in device()) {
        let mut host = start((own, 0, false));
        let before = host.state();
        let counting = |(vfs, named): Device| text(&(vfs.or(Some(2)), named), own);
        apply_all(&mut host, &[counting(first), counting(second)]);
        let outcome = host.destroy();
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        prop_assert_eq!(before, host.state());
        prop_assert!(host.record.made.is_empty() && host.record.settings.is_empty(), "{:#?}", host.record);
    }

    #[test]
    fn what_somebody_else_did_comes_back(
        start_at in starts(), wanted in device(), at in 0_u32..4, unbinds in any::<bool>(),
    ) {
        let mut host = start(start_at);
        let text = text(&wanted, start_at.0);
        prop_assume!(!is_refused(&host, &text));
        apply_all(&mut host, std::slice::from_ref(&text));
        let is_named = |function: &Function| text.contains(&function.id.to_string()[5..]);
        let on_it = carried(&host).into_iter().find(|function| function.on_vf == Some(at) && is_named(function));
        prop_assume!(on_it.is_some());
        // Its VF loses the driver, which takes it along, or it is removed alone.
        let request = if unbinds {
            Request::SetActive { parent: handle(), id: vf(at), active: false }
        } else {
            Request::Delete { parent: handle(), id: on_it.unwrap().id }
        };
        host.kernel.perform(&request).unwrap();
        prop_assume!(!is_refused(&host, &text));
        let before = carried(&host).len();
        apply_all(&mut host, std::slice::from_ref(&text));
        prop_assert!(host.plan(&desired(&text)).is_empty());
        prop_assert!(carried(&host).len() > before);
    }

    #[test]
    fn a_host_can_be_imported(start_at in starts(), first in device(), second in device()) {
        let mut host = start(start_at);
        apply_all(&mut host, &[text(&first, start_at.0), text(&second, start_at.0)]);
        is_imported(&host)?;
    }

    #[test]
    fn nothing_in_a_plan_is_redundant(start_at in starts(), first in device(), second in device()) {
        let mut host = start(start_at);
        apply_all(&mut host, &[text(&first, start_at.0)]);
        let second = text(&second, start_at.0);
        prop_assume!(!is_refused(&host, &second));
        // With its VF's driver it would be gone as well; it is taken off first so that its users are asked.
        // What an attribute is before it is written nobody knows.
        needs_each_operation(&host, &desired(&second), |operation| match &operation.request {
            Request::Delete { .. } => true,
            Request::Set { setting, .. } => matches!(setting, Setting::Device { .. }),
            _ => false,
        })?;
    }
}
