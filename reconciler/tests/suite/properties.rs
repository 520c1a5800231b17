//! Properties of plan and apply over random hosts: a plan converges, an applied plan is empty, nothing in it is
//! redundant, and a failure at any operation leaves the host as it was.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use subdevcfg_reconciler::apply::{OnError, Outcome, differences};
use subdevcfg_reconciler::described::described;
use subdevcfg_reconciler::kernel::Request;
use subdevcfg_reconciler::plan::{Input, Operation, Plan, Selection, plan};
use subdevcfg_reconciler::record::Record;
use subdevcfg_reconciler::resource::Setting;
use subdevcfg_reconciler::simulated::OtherHost;
use subdevcfg_reconciler::state::State;

use crate::support::properties::{
    is_imported, is_killed_at, is_undone_as_a_plan, is_undone_at, is_undone_though_killed, moments,
    needs_each_operation,
};
use crate::support::{Host, desired};

#[derive(Debug, Clone)]
struct Parent {
    capacity: u32,
    switchdev: bool,
    spoof_check: Option<bool>,
    uplink: Option<(Option<u32>, Option<bool>)>,
    /// Nodes gold, silver and bronze: limit, and whether each is below one of those before it.
    nodes: Vec<Option<(Option<u8>, Option<u8>)>>,
    functions: Vec<Option<Function>>,
}

#[derive(Debug, Clone)]
struct Function {
    kind: Kind,
    mac: Option<u8>,
    queues: Option<u32>,
    rate: Option<(Option<u8>, Option<u8>)>,
    /// One of the three nodes, or the top of the tree.
    below: Option<u8>,
    roce: Option<bool>,
    renamed: bool,
    netdev: Option<(Option<u32>, Option<bool>)>,
    representor: Option<(Option<u32>, Option<bool>)>,
    /// One of the two Linux bridges or of the two of Open vSwitch, and VLANs there.
    port: Option<(u8, Option<u8>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mdev,
    Sf,
    /// A subfunction for another host.
    Other,
}

fn parent() -> impl Strategy<Value = Option<Parent>> {
    let parent = (
        prop_oneof![Just(8_u32), Just(16)],
        any::<bool>(),
        of(any::<bool>()),
        of((of(prop_oneof![Just(1600_u32), Just(9000)]), of(any::<bool>()))),
        nodes(),
        vec(of(function()), 0..4),
    );
    of(parent.prop_map(|(capacity, switchdev, spoof_check, uplink, nodes, functions)| Parent {
        capacity,
        switchdev,
        spoof_check,
        uplink,
        nodes,
        functions,
    }))
}

fn nodes() -> impl Strategy<Value = Vec<Option<(Option<u8>, Option<u8>)>>> {
    vec(of((of(7_u8..9), of(0_u8..3))), 3)
}

const NODES: [&str; 3] = ["gold", "silver", "bronze"];

fn function() -> impl Strategy<Value = Function> {
    let interface = || of((of(prop_oneof![Just(1400_u32), Just(1500)]), of(any::<bool>())));
    let rate = of((of(5_u8..7), of(1_u8..3)));
    // Seldom, for kernels before 6.2 refuse it.
    let below = (of(0_u8..4), weighted(0.05, any::<bool>()));
    let port = of((0_u8..4, of(0_u8..3)));
    let representor = (interface(), port);
    let kind = prop_oneof![4 => Just(Kind::Mdev), 3 => Just(Kind::Sf), 1 => Just(Kind::Other)];
    (kind, of(0_u8..2), of(1_u32..3), rate, below, any::<bool>(), interface(), representor).prop_map(
        |(kind, mac, queues, rate, (below, roce), renamed, netdev, (representor, port))| Function {
            kind,
            mac,
            queues,
            rate,
            below,
            roce,
            renamed,
            netdev,
            representor,
            port,
        },
    )
}

/// The text of a host. Whatever needs switchdev mode is left out on parents without. Names, UUIDs and SF numbers move
/// along the functions of both parents by `shift`, so that from one host to the next some change hands.
fn text(parents: &[Option<Parent>], shift: usize) -> String {
    let mut text = "subdevcfg version=1\nhost \"*\"\n".to_owned();
    for (at, parent) in parents.iter().enumerate().filter_map(|(at, parent)| Some((at, parent.as_ref()?))) {
        let mode = if parent.switchdev { "switchdev" } else { "legacy" };
        let _ = writeln!(
            text,
            "device \"subdev/p{at}\" {{\n create max-subdevices={}\n eswitch mode={mode}",
            parent.capacity
        );
        if let Some(spoof_check) = parent.spoof_check {
            let _ = writeln!(text, " param spoof_check #{spoof_check}");
        }
        if let Some((mtu, up)) = parent.uplink {
            let mtu = mtu.map(|mtu| format!(" mtu={mtu}")).unwrap_or_default();
            let up = up.map(|up| format!(" up=#{up}")).unwrap_or_default();
            let _ = writeln!(text, " uplink{mtu}{up}");
        }
        // A node is below one of those before it, so there are no circles.
        let is_there =
            |at: u8| parent.switchdev && parent.nodes.get(usize::from(at)).is_some_and(Option::is_some);
        for (at, (max, below)) in
            parent.nodes.iter().enumerate().filter_map(|(at, node)| Some((at, (*node)?)))
        {
            if parent.switchdev {
                let max = max.map(|max| format!(" tx-max=\"{max}Gbit\"")).unwrap_or_default();
                let below = below.filter(|&above| usize::from(above) < at && is_there(above));
                let below =
                    below.map(|above| format!(" parent={}", NODES[usize::from(above)])).unwrap_or_default();
                let _ = writeln!(text, " rate-node {}{max}{below}", NODES[at]);
            }
        }
        for (number, function) in parent.functions.iter().enumerate() {
            let Some(function) = function else { continue };
            if !parent.switchdev && function.kind != Kind::Mdev {
                continue;
            }
            let place = at * 4 + number + shift;
            let lifecycle = match function.kind {
                Kind::Mdev => format!("mdev type=eth uuid=\"00000000-0000-4000-8000-{place:012x}\""),
                // From 1000 up are the numbers that mediated devices get.
                Kind::Sf => format!("sf {}", if number % 2 == 0 { 999 + place } else { place }),
                Kind::Other => format!("sf {} controller=1", 999 + place),
            };
            let runs_here = function.kind != Kind::Other;
            let _ = writeln!(text, " subdevice s{number} {{\n  {lifecycle}");
            if function.mac.is_some() || function.roce.is_some() {
                let mac =
                    function.mac.map(|mac| format!(" mac=\"02:00:00:{at:02x}:{number:02x}:{mac:02x}\""));
                let roce = function.roce.filter(|_| parent.switchdev).map(|roce| format!(" roce=#{roce}"));
                let _ = writeln!(text, "  function{}{}", mac.unwrap_or_default(), roce.unwrap_or_default());
            }
            if let Some(queues) = function.queues.filter(|_| runs_here) {
                let _ = writeln!(text, "  param queues {queues}");
            }
            let above = match function.below {
                Some(above) if is_there(above) => Some(NODES[usize::from(above)]),
                Some(3) if parent.switchdev => Some("none"),
                _ => None,
            };
            if function.rate.is_none()
                && let Some(above) = above
            {
                let _ = writeln!(text, "  rate parent={above}");
            }
            if let Some((max, share)) = function.rate.filter(|_| parent.switchdev) {
                let above = above.map(|above| format!(" parent={above}")).unwrap_or_default();
                let max = max.map(|max| format!(" tx-max=\"{max}Gbit\"")).unwrap_or_default();
                let share = share.map(|share| format!(" tx-share=\"{share}Gbit\"")).unwrap_or_default();
                let _ = writeln!(text, "  rate{max}{share}{above}");
            }
            let sides = [("netdev", "n", &function.netdev), ("representor", "r", &function.representor)];
            for (node, letter, interface) in sides {
                let is_there = if node == "netdev" { runs_here } else { parent.switchdev };
                let Some((mtu, up)) = interface.filter(|_| is_there) else { continue };
                let other = if function.renamed { "y" } else { "x" };
                let mtu = mtu.map(|mtu| format!(" mtu={mtu}")).unwrap_or_default();
                let up = up.map(|up| format!(" up=#{up}")).unwrap_or_default();
                let port = function.port.filter(|_| node == "representor").map(port_text).unwrap_or_default();
                let _ = writeln!(text, "  {node} {letter}{other}{place}{mtu}{up}{port}");
            }
            text.push_str(" }\n");
        }
        text.push_str("}\n");
    }
    text
}

/// Mediated devices of parents without devlink: type, whether runtime power management is off, and an adapter.
type Samples = Vec<Option<(usize, Option<bool>, Option<u8>)>>;

fn samples() -> impl Strategy<Value = Samples> {
    vec(of((0_usize..3, of(any::<bool>()), of(4_u8..6))), 4)
}

/// Two of the devices, each as `text` writes it from its number, type, attributes and adapter.
fn sample_lines(
    samples: &Samples,
    from: usize,
    text: impl Fn(usize, usize, &str, Option<u8>) -> String,
) -> String {
    let there = samples[from..from + 2].iter().enumerate();
    let there = there.filter_map(|(at, sample)| Some((from + at, sample.as_ref()?)));
    let lines = there.map(|(at, (kind, control, adapter))| {
        // What a new device has already, nobody knows without a host.
        let control = control.filter(|on| *on).map(|_| "   attr \"power/control\" on\n".to_owned());
        text(at, *kind, &control.unwrap_or_default(), *adapter)
    });
    lines.collect()
}

/// Their UUIDs move along the devices of all three parents, as above.
fn sample_text(samples: &Samples, shift: usize) -> String {
    let types = ["vga", "xga", "hd"];
    let device = |at: usize, mdev_type: &str, attrs: &str| {
        let uuid = format!("00000000-0000-4000-9000-{:012x}", at + shift);
        format!(" subdevice s{at} {{\n  mdev {mdev_type} uuid=\"{uuid}\" {{\n{attrs}  }}\n }}\n")
    };
    let displays =
        sample_lines(samples, 0, |at, kind, attrs, _| device(at, &format!("type={}", types[kind]), attrs));
    let adapters = sample_lines(samples, 2, |at, _, attrs, adapter| {
        let adapters = adapter.map(|number| {
            format!("   attr assign_adapter \"{number}\"\n   attr assign_adapter \"{}\"\n", number + 1)
        });
        let attrs = format!("{}{attrs}", adapters.unwrap_or_default());
        device(at, "type-name=\"VFIO AP Passthrough Device\"", &attrs)
    });
    format!("device \"mdpy/mdpy\" {{\n{displays}}}\ndevice \"matrix/matrix\" {{\n{adapters}}}\n")
}

fn port_text((bridge, vlans): (u8, Option<u8>)) -> String {
    if let Some(switch) = bridge.checked_sub(2) {
        let vlans = match vlans {
            None => "",
            Some(0) => " tag=10",
            Some(1) => " trunks=\"20..29\"",
            Some(_) => " tag=10 trunks=\"20..29\"",
        };
        return format!(" {{ bridge {}{vlans} }}", SWITCHES[usize::from(switch)]);
    }
    let vlans = match vlans {
        None => "",
        Some(0) => "{ vlan 1 pvid=#true untagged=#true; }",
        Some(1) => "{ vlan 10 pvid=#true untagged=#true; vlan from=20 to=29; }",
        Some(_) => "{ vlan 10 untagged=#true; vlan 20 pvid=#true; }",
    };
    format!(" {{ bridge br{bridge} {vlans} }}")
}

/// The bridges of Open vSwitch, which are there.
const SWITCHES: [&str; 2] = ["br-int", "br-ex"];

/// The bridges that a host has: those that it has ports of, and sometimes the others.
#[expect(clippy::option_option, reason = "whether there is one, and what is said of it")]
fn bridge_text(parents: &[Option<Parent>], bridges: &[Option<Option<bool>>]) -> String {
    let functions = parents.iter().flatten().flat_map(|parent| parent.functions.iter().flatten());
    let used: Vec<u8> = functions.filter_map(|function| Some(function.port?.0)).collect();
    let there = bridges.iter().zip(0_u8..).filter(|(bridge, at)| bridge.is_some() || used.contains(at));
    let lines = there.map(|(bridge, at)| {
        let filtering = bridge.flatten().map(|on| format!(" vlan-filtering=#{on}")).unwrap_or_default();
        format!("bridge br{at} kind=linux{filtering}\n")
    });
    lines.chain(SWITCHES.iter().map(|name| format!("bridge {name} kind=ovs\n"))).collect()
}

fn hosts() -> impl Strategy<Value = String> {
    (vec(parent(), 2), 0_usize..3, samples(), vec(of(of(any::<bool>())), 2)).prop_map(
        |(parents, shift, samples, bridges)| {
            text(&parents, shift) + &sample_text(&samples, shift) + &bridge_text(&parents, &bridges)
        },
    )
}

/// Whether something is in the way that stays as it is: what a file has of the names of another one, and does not say.
fn is_refused(host: &Host, text: &str) -> bool {
    let refusals = host.plan(&desired(text)).refusals;
    let is_known = |text: &str| text.contains("is taken by") || text.contains("came with Linux");
    assert!(refusals.iter().all(|refusal| is_known(&refusal.text)), "{refusals:#?}");
    !refusals.is_empty()
}

/// A host that came about by applying one file after the other, as far as they can be.
fn host_after(release: &str, texts: &[String]) -> Host {
    let mut host = Host::with_kernel(release);
    host.kernel.share_with(if release == "6.1.0" { OtherHost::Idle } else { OtherHost::Attaches });
    host.kernel.start_ovs(&SWITCHES);
    for text in texts {
        if is_refused(&host, text) {
            continue;
        }
        let outcome = host.apply(&desired(text));
        assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}\n{text}");
    }
    host
}

/// A host that came about by a file, of which nothing tells who made it.
fn made_by_hand(release: &str, text: String) -> Host {
    Host { record: Record::default(), ..host_after(release, &[text]) }
}

/// The file, with a parameter that wants every parent of the module reloaded.
fn with_a_reload(text: &str) -> String {
    text.replace(" eswitch mode", " param max_queues 32\n eswitch mode")
}

/// Which effects are seen late, as bits: none, any, all.
fn late() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), any::<u64>(), Just(u64::MAX)]
}

fn release() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("6.1.0"), Just("6.12.0")]
}

/// The ports that Open vSwitch has, by name.
fn ports(host: &Host) -> Vec<String> {
    let ovs = host.state().volatile.0.ovs.unwrap_or_default();
    ovs.ports().map(|(bridge, name, port)| format!("{name} of {bridge}, {}", port.vlans)).collect()
}

/// What differs, but for names that were the kernel's before: an undo does not give them back.
fn but_for_names(before: &State, after: &State) -> Vec<String> {
    let is_name = |sentence: &String| {
        ["netdev name is", "representor name is"].iter().any(|name| sentence.contains(name))
    };
    differences(before, after).into_iter().filter(|sentence| !is_name(sentence)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_global_rejects: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_converges_and_the_next_one_is_empty(
        release in release(), first in hosts(), second in hosts(), late in late(),
    ) {
        let mut host = host_after(release, &[first]);
        prop_assume!(!is_refused(&host, &second));
        let wanted = desired(&second);
        host.late = late;
        let outcome = host.apply(&wanted);
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        prop_assert!(host.plan(&wanted).is_empty());
        // No port stays behind that no representor has.
        let state = host.state();
        let there = |port: &String| state.volatile.0.interface_names.iter().any(|name| port.starts_with(&format!("{name} ")));
        prop_assert!(ports(&host).iter().all(there), "{:?}", ports(&host));
        prop_assert!(host.plan(&wanted).notes.iter().all(|note| note.kind != subdevcfg_reconciler::plan::NoteKind::Adopted));
    }

    #[test]
    fn a_failure_at_any_operation_leaves_the_host_as_it_was(
        release in release(), first in hosts(), second in hosts(), at in any::<prop::sample::Index>(), late in late(),
    ) {
        let mut host = host_after(release, &[first]);
        prop_assume!(!is_refused(&host, &second));
        let wanted = desired(&second);
        host.late = late;
        let before = is_undone_at(&mut host, &wanted, at)?;
        prop_assert_eq!(ports(&host), ports(&before));
        prop_assert!(matches!(host.apply(&wanted), Outcome::Converged(_)));
    }

    #[test]
    fn a_run_that_is_killed_anywhere_is_gone_on_with_and_nothing_is_forgotten(
        release in release(), first in hosts(), second in hosts(), moment in moments(), late in late(),
    ) {
        let empty = host_after(release, &[]).state();
        let mut host = host_after(release, &[first]);
        prop_assume!(!is_refused(&host, &second));
        let wanted = desired(&second);
        host.late = late;
        is_killed_at(&mut host, &wanted, moment)?;
        let plan = host.plan(&wanted);
        prop_assert_eq!(&plan.drift, &vec![]);
        prop_assert!(matches!(host.apply(&wanted), Outcome::Converged(_)));
        prop_assert!(matches!(host.destroy(), Outcome::Converged(_)));
        prop_assert_eq!(differences(&empty, &host.state()), Vec::<String>::new());
        // One that the second file lets go of waits in Open vSwitch while its representor is made again, with all that others
        // wrote of it. After a kill just then nobody knows the name any more that it waits for.
        let is_named = |port: &String| second.contains(&format!("representor {} ", port.split(' ').next().unwrap()));
        prop_assert!(!ports(&host).iter().any(is_named), "{:?}", ports(&host));
    }

    #[test]
    fn what_does_not_depend_on_a_failure_is_done_in_spite_of_it(
        release in release(), first in hosts(), second in hosts(), at in any::<prop::sample::Index>(),
    ) {
        let mut host = host_after(release, &[first]);
        prop_assume!(!is_refused(&host, &second));
        let wanted = desired(&second);
        let plan = host.plan(&wanted);
        prop_assume!(!plan.operations.is_empty());
        let fault = at.index(plan.operations.len()) + 1;
        let outcome = host.apply_in_spite(&wanted, fault, OnError::Continue);
        prop_assert!(matches!(outcome, Outcome::Partial { .. }), "{outcome:?}");
        // What is left hangs on what failed.
        let mut hanging = vec![fault];
        for operation in &plan.operations {
            if operation.after.iter().any(|first| hanging.contains(first)) {
                hanging.push(operation.id);
            }
        }
        let subject = |operation: &Operation| operation.request.subject();
        let left: Vec<_> = plan.operations.iter().filter(|left| hanging.contains(&left.id)).map(subject).collect();
        prop_assert!(host.plan(&wanted).operations.iter().all(|operation| left.contains(&subject(operation))));
        // A mediated device may have got the number of a subfunction that failed.
        prop_assert!(is_refused(&host, &second) || matches!(host.apply(&wanted), Outcome::Converged(_)));
    }

    #[test]
    fn a_part_can_be_applied_and_the_rest_afterwards(
        release in release(), first in hosts(), second in hosts(), at in any::<prop::sample::Index>(), only in any::<bool>(),
    ) {
        let mut host = host_after(release, &[first]);
        prop_assume!(!is_refused(&host, &second));
        let wanted = desired(&second);
        let plan = host.plan(&wanted);
        prop_assume!(!plan.resource_changes.is_empty());
        let address = plan.resource_changes[at.index(plan.resource_changes.len())].address.clone();
        let selection = if only {
            Selection { only: vec![address], except: vec![] }
        } else {
            Selection { only: vec![], except: vec![address] }
        };
        prop_assert_eq!(selection.check(&plan), Ok(()));
        // What a step takes away and must come back cannot be left out.
        prop_assume!(plan.narrowed(&selection).refusals.is_empty());
        let outcome = host.apply_part(&wanted, &selection);
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        prop_assert!(host.plan(&wanted).narrowed(&selection).is_empty());
        // A mediated device may have got the number of a subfunction that was left out.
        prop_assert!(is_refused(&host, &second) || matches!(host.apply(&wanted), Outcome::Converged(_)));
        prop_assert!(is_refused(&host, &second) || host.plan(&wanted).is_empty());
    }

    #[test]
    fn a_change_is_planned_alike_with_the_host_and_without_it(first in hosts(), second in hosts()) {
        let (old, new) = (desired(&first), desired(&second));
        let (state, record) = described(&old, "6.12.0");
        let unchanged = plan(Input { desired: &old, state: &state, record: &record });
        prop_assert!(unchanged.is_empty());
        let mut host = host_after("6.12.0", &[]);
        prop_assert!(matches!(host.apply(&old), Outcome::Converged(_)));
        let without = plan(Input { desired: &new, state: &state, record: &record });
        // An address that the kernel chose comes back with a function that is made again; without a host nobody knows it.
        let is_known = |request: &String| !request.contains(" to 02:00:5e:");
        let requests = |plan: &Plan| -> Vec<String> {
            plan.operations.iter().map(|operation| operation.request.to_string()).filter(is_known).collect()
        };
        prop_assert_eq!(requests(&without), requests(&host.plan(&new)));
    }

    #[test]
    fn destroy_returns_the_host_to_what_it_was(release in release(), first in hosts(), second in hosts()) {
        let empty = host_after(release, &[]).state();
        let mut host = host_after(release, &[first, second]);
        // What a file leaves out is released, not deleted: the record still knows it.
        let outcome = host.destroy();
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        prop_assert_eq!(differences(&empty, &host.state()), Vec::<String>::new());
        prop_assert_eq!(ports(&host), Vec::<String>::new());
        prop_assert!(host.record.made.is_empty());
    }

    #[test]
    fn destroy_leaves_what_was_made_by_hand_as_it_was(
        release in release(), by_hand in hosts(), file in hosts(), reloads in any::<bool>(),
    ) {
        let mut host = made_by_hand(release, by_hand);
        let before = host.state();
        let file = if reloads { with_a_reload(&file) } else { file };
        let wanted = desired(&file);
        prop_assume!(host.plan(&wanted).refusals.is_empty());
        let outcome = host.apply(&wanted);
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        // What was adopted stands in the way of what can be done without it only.
        let refusals = host.plan_of_destroy().refusals;
        let is_known = |text: &str| text.contains("subdevcfg did not make it");
        prop_assert!(refusals.iter().all(|refusal| is_known(&refusal.text)), "{refusals:#?}");
        prop_assume!(refusals.is_empty());
        let outcome = host.destroy();
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        prop_assert_eq!(but_for_names(&before, &host.state()), Vec::<String>::new());
        prop_assert_eq!(&host.record, &Record::default());
    }

    #[test]
    fn an_apply_over_what_was_made_by_hand_can_be_undone(
        release in release(), by_hand in hosts(), file in hosts(), at in any::<prop::sample::Index>(),
    ) {
        let before = made_by_hand(release, by_hand);
        let wanted = desired(&with_a_reload(&file));
        prop_assume!(before.plan(&wanted).refusals.is_empty());
        is_undone_at(&mut before.clone(), &wanted, at)?;
        let host = is_undone_as_a_plan(&before, &wanted)?;
        prop_assert_eq!(but_for_names(&before.state(), &host.state()), Vec::<String>::new());
    }

    #[test]
    fn an_apply_can_be_undone_as_a_plan(release in release(), first in hosts(), second in hosts()) {
        let before = host_after(release, &[first]);
        prop_assume!(!is_refused(&before, &second));
        let host = is_undone_as_a_plan(&before, &desired(&second))?;
        prop_assert_eq!(ports(&host), ports(&before));
        prop_assert_eq!(but_for_names(&before.state(), &host.state()), Vec::<String>::new());
    }

    #[test]
    fn an_apply_that_was_killed_anywhere_can_be_undone(
        release in release(), first in hosts(), second in hosts(), moment in moments(),
    ) {
        let before = host_after(release, &[first]);
        prop_assume!(!is_refused(&before, &second));
        let wanted = desired(&second);
        let host = is_undone_though_killed(&before, &wanted, moment)?;
        prop_assert_eq!(but_for_names(&before.state(), &host.state()), Vec::<String>::new());
    }

    #[test]
    fn nothing_in_a_plan_is_redundant(release in release(), first in hosts(), second in hosts()) {
        let host = host_after(release, &[first]);
        prop_assume!(!is_refused(&host, &second));
        needs_each_operation(&host, &desired(&second), |operation| {
            // A function is stopped before it is deleted: drivers keep the number of one that was not (mlx5).
            let stops = matches!(operation.request, Request::SetActive { active: false, .. });
            // That a written value waits for a reload is not to be seen in the kernel's state.
            // What an attribute of a new mediated device is, nobody knows before, and some nobody can read at all.
            let is_attr = matches!(operation.request, Request::Set { setting: Setting::Device { .. }, .. });
            // A port leaves its bridge before the bridge goes, so that an undo brings both back.
            // One of Open vSwitch leaves it before it goes, which is the same to a port that comes back.
            let leaves = matches!(operation.request, Request::Set { setting: Setting::Bridge(None), .. } | Request::RemovePort { .. });
            stops || is_attr || leaves || matches!(operation.request, Request::Reload { .. })
        })?;
    }

    #[test]
    fn a_host_can_be_imported(release in release(), first in hosts(), second in hosts()) {
        is_imported(&host_after(release, &[first, second]))?;
    }

    #[test]
    fn the_same_input_gives_the_same_plan(first in hosts(), second in hosts()) {
        let host = host_after("6.12.0", &[first]);
        prop_assume!(!is_refused(&host, &second));
        let wanted = desired(&second);
        prop_assert_eq!(
            serde_json::to_string(&host.plan(&wanted)).unwrap(),
            serde_json::to_string(&host.plan(&wanted)).unwrap()
        );
    }
}
