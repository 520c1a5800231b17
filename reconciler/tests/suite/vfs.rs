//! The properties of plan and apply over random hosts with VFs, on the simulated netdevsim: number, eswitch mode, what the
//! PF sets, rates, and reloads that take them.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use subdevcfg_compiler::values::{DevlinkHandle, EswitchMode, Rate};
use subdevcfg_reconciler::apply::{Outcome, differences};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::kernel::{Kernel as _, Request};
use subdevcfg_reconciler::plan::{Note, NoteKind};
use subdevcfg_reconciler::resource::{FunctionId, LegacySetting, Setting, Subject};
use subdevcfg_reconciler::state::State;

use crate::support::properties::{
    is_gone_on_with, is_imported, is_refused, is_undone_as_a_plan, is_undone_at, is_undone_though_killed,
    kills, moments, needs_each_operation,
};
use crate::support::{Host, desired};

#[derive(Debug, Clone)]
struct Device {
    switchdev: Option<bool>,
    vfs: Option<u32>,
    max_macs: Option<u32>,
    /// Nodes gold and silver: limit, and whether the second is below the first.
    nodes: Vec<Option<(Option<u8>, bool)>>,
    functions: Vec<Option<Function>>,
    /// Functions of another host: its PF, and a VF.
    others: Vec<Option<Function>>,
}

#[derive(Debug, Clone)]
struct Function {
    mac: Option<u8>,
    vlan: Option<u8>,
    qos: Option<u8>,
    trust: Option<bool>,
    /// Minimum and maximum in units of 100 Mbit/s.
    rate: (Option<u8>, Option<u8>),
    below: Option<u8>,
    representor: Option<(Option<u32>, Option<bool>)>,
}

fn device() -> impl Strategy<Value = Device> {
    let functions = vec(of(function()), 4);
    let nodes = vec(of((of(3_u8..5), any::<bool>())), 2);
    let device = (weighted(0.8, any::<bool>()), weighted(0.8, 0_u32..5), weighted(0.3, 32_u32..34));
    (device, nodes, functions, vec(of(function()), 2)).prop_map(
        |((switchdev, vfs, max_macs), nodes, functions, others)| Device {
            switchdev,
            vfs,
            max_macs,
            nodes,
            functions,
            others,
        },
    )
}

fn function() -> impl Strategy<Value = Function> {
    let legacy = (of(1_u8..3), of(0_u8..3), of(0_u8..3), of(any::<bool>()));
    let representor = of((of(prop_oneof![Just(1400_u32), Just(1500)]), of(any::<bool>())));
    (legacy, (of(0_u8..3), of(3_u8..5)), of(0_u8..3), representor).prop_map(
        |((mac, vlan, qos, trust), rate, below, representor)| Function {
            mac,
            vlan,
            qos,
            trust,
            rate,
            below,
            representor,
        },
    )
}

const NODES: [&str; 2] = ["gold", "silver"];

fn text(device: &Device) -> String {
    let mut text = "subdevcfg version=1\nhost \"*\"\ndevice \"netdevsim/netdevsim1\" {\n".to_owned();
    if let Some(switchdev) = device.switchdev {
        let _ = writeln!(text, " eswitch mode={}", if switchdev { "switchdev" } else { "legacy" });
    }
    if let Some(vfs) = device.vfs {
        let _ = writeln!(text, " vfs {vfs}");
    }
    if let Some(max_macs) = device.max_macs {
        let _ = writeln!(text, " param max_macs {max_macs}");
    }
    let switchdev = device.switchdev == Some(true);
    let is_there = |at: u8| switchdev && device.nodes.get(usize::from(at)).is_some_and(Option::is_some);
    for (at, (max, below)) in device.nodes.iter().enumerate().filter_map(|(at, node)| Some((at, (*node)?))) {
        if switchdev {
            let max = max.map(|max| format!(" tx-max=\"{max}Gbit\"")).unwrap_or_default();
            let below = if below && at == 1 && is_there(0) { " parent=gold" } else { "" };
            let _ = writeln!(text, " rate-node {}{max}{below}", NODES[at]);
        }
    }
    let count = device.vfs.unwrap_or(0);
    for (index, function) in device.functions.iter().enumerate() {
        let Some(function) = function.as_ref().filter(|_| u32::try_from(index).unwrap() < count) else {
            continue;
        };
        let _ = writeln!(text, " subdevice v{index} {{\n  vf {index}");
        if switchdev {
            switchdev_words(&mut text, index, function, is_there);
        } else if device.switchdev == Some(false) {
            legacy_words(&mut text, index, function);
        }
        text.push_str(" }\n");
    }
    for (at, function) in device.others.iter().enumerate().filter_map(|(at, it)| Some((at, it.as_ref()?))) {
        let _ = writeln!(text, " subdevice o{at} {{\n  external pf=0{}", if at == 1 { " vf=7" } else { "" });
        if switchdev {
            switchdev_words(&mut text, 100 + at, function, is_there);
        }
        text.push_str(" }\n");
    }
    text.push_str("}\n");
    text
}

fn switchdev_words(text: &mut String, index: usize, function: &Function, is_there: impl Fn(u8) -> bool) {
    let (share, max) = function.rate;
    let mut words = String::new();
    let _ = max.map(|max| write!(words, " tx-max=\"{max}00Mbit\""));
    let _ = share.map(|share| write!(words, " tx-share=\"{}\"", rate_word(share)));
    match function.below {
        Some(above) if is_there(above) => drop(write!(words, " parent={}", NODES[usize::from(above)])),
        Some(2) => words.push_str(" parent=none"),
        _ => {}
    }
    if !words.is_empty() {
        let _ = writeln!(text, "  rate{words}");
    }
    if let Some((mtu, up)) = function.representor {
        let mtu = mtu.map(|mtu| format!(" mtu={mtu}")).unwrap_or_default();
        let up = up.map(|up| format!(" up=#{up}")).unwrap_or_default();
        let _ = writeln!(text, "  representor r{index}{mtu}{up}");
    }
}

fn legacy_words(text: &mut String, index: usize, function: &Function) {
    let mut words = String::new();
    let (min, max) = function.rate;
    let _ = function.mac.map(|mac| write!(words, " mac=\"02:00:00:00:0{index}:0{mac}\""));
    let _ = function.vlan.map(|vlan| write!(words, " vlan={vlan}"));
    let _ = function
        .qos
        .filter(|_| function.vlan.is_some_and(|vlan| vlan > 0))
        .map(|qos| write!(words, " qos={qos}"));
    let _ = function.trust.map(|trust| write!(words, " trust=#{trust} spoofchk=#{trust}"));
    let _ = min.map(|min| write!(words, " rate-min=\"{}\"", rate_word(min)));
    let _ = max.map(|max| write!(words, " rate-max=\"{max}00Mbit\""));
    if !words.is_empty() {
        let _ = writeln!(text, "  legacy{words}");
    }
}

fn rate_word(number: u8) -> String {
    if number == 0 { "none".to_owned() } else { format!("{number}00Mbit") }
}

fn hosts() -> impl Strategy<Value = String> {
    device().prop_map(|device| text(&device))
}

/// Files that say all of what they may say of the device: what one leaves out is released, and stays.
fn whole_hosts() -> impl Strategy<Value = String> {
    device().prop_map(|device| {
        let (switchdev, vfs, max_macs) =
            (device.switchdev.or(Some(false)), device.vfs.or(Some(1)), device.max_macs.or(Some(32)));
        text(&Device { switchdev, vfs, max_macs, ..device })
    })
}

fn nsim() -> DevlinkHandle {
    "netdevsim/netdevsim1".parse().unwrap()
}

/// What somebody did by hand before: a number of VFs, the mode, and something that the PF sets.
type ByHand = (u32, bool, Option<u8>, bool);

fn by_hand() -> impl Strategy<Value = ByHand> {
    (prop_oneof![Just(0_u32), Just(0), 1_u32..4], any::<bool>(), of(1_u8..3), any::<bool>())
}

fn start(release: &str, (vfs, switchdev, vlan, limited): ByHand) -> Host {
    let mut host = Host::with_kernel(release);
    host.kernel.add_netdevsim(1);
    host.kernel.other_side_makes(1, FunctionId::Pf { controller: 1, pf: 0 }).unwrap();
    if vlan.is_some() {
        host.kernel.other_side_makes(1, FunctionId::Vf { controller: 1, pf: 0, index: 7 }).unwrap();
    }
    let mut send = |request: Request| host.kernel.perform(&request).unwrap();
    send(Request::SetVfs { parent: nsim(), count: vfs, held: vec![] });
    let first = Subject::function(nsim(), FunctionId::Vf { controller: 0, pf: 0, index: 0 });
    let set = |setting| Request::Set { subject: first.clone(), setting };
    if vfs > 0
        && let Some(vlan) = vlan
    {
        send(set(Setting::Legacy(LegacySetting::Vlan(vlan.into()))));
    }
    if vfs > 0 && limited {
        send(set(Setting::Legacy(LegacySetting::RateMax(Rate(125_000_000)))));
    }
    if switchdev {
        let setting = Setting::EswitchMode(EswitchMode::Switchdev);
        send(Request::Set { subject: Subject::parent(nsim()), setting });
        if vfs > 0 && limited {
            send(set(Setting::TxMax(Rate(250_000_000))));
        }
    }
    host
}

/// Applies, and once more for what comes with the first: functions of another host that are to be seen in switchdev mode.
fn settle(host: &mut Host, wanted: &Desired) -> Outcome {
    let waits = !host.plan(wanted).waiting.is_empty();
    let outcome = host.apply(wanted);
    if waits && matches!(outcome, Outcome::Converged(_)) { host.apply(wanted) } else { outcome }
}

fn apply_all(host: &mut Host, texts: &[String]) {
    for text in texts {
        if !is_refused(host, text) {
            let outcome = settle(host, &desired(text));
            assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}\n{text}");
        }
    }
}

fn release() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("6.1.0"), Just("6.12.0")]
}

/// What differs after an undo of an apply of this file.
fn left_by_undo(before: &Host, host: &Host, file: &str) -> Vec<String> {
    let mut left = differences(&before.state(), &host.state());
    // The driver keeps limits of a leaf as those of legacy mode, also for the next VF of that index.
    left.retain(|left| !(file.contains("mode=switchdev") && left.contains("legacy rate-")));
    // Of a name that the kernel chose nothing is written down.
    left.retain(|left| !left.contains("representor name is"));
    // What another host's functions lose with switchdev mode is left to the next apply: they come after the undo.
    left.retain(|left| !left.contains("controller 1"));
    left
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_global_rejects: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_converges_and_the_next_one_is_empty(
        release in release(), by_hand in by_hand(), first in hosts(), second in hosts(),
    ) {
        let mut host = start(release, by_hand);
        apply_all(&mut host, &[first]);
        prop_assume!(!is_refused(&host, &second));
        let wanted = desired(&second);
        let outcome = settle(&mut host, &wanted);
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        let plan = host.plan(&wanted);
        prop_assert!(plan.is_empty());
        prop_assert_eq!(&plan.drift, &vec![]);
        let is_known = |note: &Note| matches!(note.kind, NoteKind::Unmanaged | NoteKind::Deferred);
        prop_assert!(plan.notes.iter().all(is_known), "{:#?}", plan.notes);
    }

    #[test]
    fn a_failure_at_any_operation_leaves_the_host_as_it_was(
        release in release(), by_hand in by_hand(), first in hosts(), second in hosts(), at in any::<prop::sample::Index>(),
    ) {
        let mut host = start(release, by_hand);
        apply_all(&mut host, &[first]);
        prop_assume!(!is_refused(&host, &second));
        let wanted = desired(&second);
        is_undone_at(&mut host, &wanted, at)?;
        prop_assert!(matches!(host.apply(&wanted), Outcome::Converged(_)));
    }

    #[test]
    fn a_run_that_is_killed_anywhere_is_gone_on_with(
        release in release(), by_hand in by_hand(), first in hosts(), second in hosts(), kills in kills(),
    ) {
        let mut host = start(release, by_hand);
        apply_all(&mut host, &[first]);
        prop_assume!(!is_refused(&host, &second));
        let wanted = desired(&second);
        is_gone_on_with(&mut host, &wanted, kills)?;
    }

    #[test]
    fn destroy_returns_the_host_to_what_it_was(
        release in release(), by_hand in by_hand(), first in whole_hosts(),
    ) {
        // Limits of a leaf that somebody else set are lost with switchdev mode, and nobody writes down that they were.
        prop_assume!(!(by_hand.1 && by_hand.3));
        let mut host = start(release, by_hand);
        let before = host.state();
        let is_switchdev = first.contains("mode=switchdev");
        apply_all(&mut host, &[first]);
        let outcome = host.destroy();
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        let mut left = differences(&before, &host.state());
        // Of a name that the kernel chose nothing is written down.
        left.retain(|left| !left.contains("representor name is"));
        // The driver keeps limits of a leaf as those of legacy mode, also for the next VF of that index.
        left.retain(|left| !(is_switchdev && left.contains("legacy rate-")));
        prop_assert_eq!(left, Vec::<String>::new());
        prop_assert!(host.record.made.is_empty() && host.record.settings.is_empty(), "{:#?}", host.record);
    }

    #[test]
    fn destroy_returns_the_device_to_what_it_was_whatever_came_between(
        release in release(), by_hand in by_hand(), files in vec(whole_hosts(), 1..4),
    ) {
        let mut host = start(release, by_hand);
        let before = host.state();
        apply_all(&mut host, &files);
        // Another host's function that a later file does not name stays below the node where a former one put it.
        let refusals = host.plan_of_destroy().refusals;
        let stays = |text: &str| text.contains("controller 1 is below it and is not subdevcfg's");
        prop_assert!(refusals.iter().all(|refusal| stays(&refusal.text)), "{:#?}", refusals);
        prop_assume!(refusals.is_empty());
        let outcome = host.destroy();
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        // What was written of a VF that a later file does not name stays.
        let of_device = |state: &State| state.settings(&Subject::parent(nsim())).unwrap();
        prop_assert_eq!(of_device(&before), of_device(&host.state()));
        prop_assert!(host.state().parents[&nsim()].rate_nodes.is_empty());
        prop_assert!(host.record.made.is_empty() && host.record.settings.is_empty(), "{:#?}", host.record);
    }

    #[test]
    fn an_apply_can_be_undone_as_a_plan(
        release in release(), by_hand in by_hand(), first in whole_hosts(), second in whole_hosts(),
    ) {
        let mut before = start(release, by_hand);
        apply_all(&mut before, &[first]);
        prop_assume!(!is_refused(&before, &second));
        let host = is_undone_as_a_plan(&before, &desired(&second))?;
        prop_assert_eq!(left_by_undo(&before, &host, &second), Vec::<String>::new());
    }

    #[test]
    fn an_apply_that_was_killed_anywhere_can_be_undone(
        release in release(), by_hand in by_hand(), first in hosts(), second in hosts(), moment in moments(),
    ) {
        let mut before = start(release, by_hand);
        apply_all(&mut before, &[first]);
        prop_assume!(!is_refused(&before, &second));
        let host = is_undone_though_killed(&before, &desired(&second), moment)?;
        prop_assert_eq!(left_by_undo(&before, &host, &second), Vec::<String>::new());
    }

    #[test]
    fn a_host_can_be_imported(
        release in release(), by_hand in by_hand(), first in hosts(), second in hosts(),
    ) {
        let mut host = start(release, by_hand);
        apply_all(&mut host, &[first, second]);
        is_imported(&host)?;
    }

    #[test]
    fn nothing_in_a_plan_is_redundant(
        release in release(), by_hand in by_hand(), first in hosts(), second in hosts(),
    ) {
        let mut host = start(release, by_hand);
        apply_all(&mut host, &[first]);
        prop_assume!(!is_refused(&host, &second));
        // That a written value waits for a reload is not to be seen; what a new VF has of the PF is not known before,
        // so it is written though netdevsim may have kept it; so are limits that would stay over a switch of the mode.
        needs_each_operation(&host, &desired(&second), |operation| match &operation.request {
            Request::Reload { .. } => true,
            Request::Set { setting, .. } => {
                matches!(setting, Setting::Legacy(_)) || setting.attribute().is_rate() && operation.reason.source.is_none()
            }
            _ => false,
        })?;
    }
}
