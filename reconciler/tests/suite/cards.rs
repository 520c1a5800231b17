//! The properties of plan and apply over random hosts with a network card, on the simulated `mlx5_core` and `ice`: eswitch
//! mode, VFs, subfunctions, parameters, rates, and what each driver does to them without being asked.

use std::fmt::Write as _;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use subdevcfg_compiler::values::{DevlinkHandle, EswitchMode};
use subdevcfg_reconciler::apply::{Outcome, differences};
use subdevcfg_reconciler::kernel::{Kernel as _, Request};
use subdevcfg_reconciler::plan::{Note, NoteKind, Operation};
use subdevcfg_reconciler::resource::{FunctionId, LegacySetting, Setting, Subject};
use subdevcfg_reconciler::state::State;

use crate::support::properties::{
    is_gone_on_with, is_imported, is_refused, is_undone_as_a_plan, is_undone_though_killed, kills, moments,
};
use crate::support::{Host, desired};

const ADDRESS: &str = "0000:08:00.0";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Driver {
    Mlx5,
    Ice,
}

impl Driver {
    const fn name(self) -> &'static str {
        match self {
            Self::Mlx5 => "mlx5_core",
            Self::Ice => "ice",
        }
    }
}

#[derive(Debug, Clone)]
struct Device {
    switchdev: Option<bool>,
    vfs: Option<u32>,
    /// Of mlx5: the steering, a parameter that needs a reload, and one of switchdev mode. Of ice: what speaks RDMA, and
    /// local forwarding.
    params: (Option<bool>, Option<bool>, Option<bool>),
    uplink: Option<(Option<u32>, Option<bool>)>,
    /// Of mlx5: pairs of queues, MTU and driver of a vDPA device, and its name by a number.
    vdpa: Option<(Option<u32>, Option<u32>, bool, u8)>,
    /// Nodes gold and silver: limit, and whether the second is below the first.
    nodes: Vec<Option<(Option<u8>, bool)>>,
    sfs: Vec<Option<Function>>,
    functions: Vec<Option<Function>>,
}

#[derive(Debug, Clone)]
struct Function {
    mac: Option<u8>,
    roce: Option<bool>,
    eqs: Option<u32>,
    rdma: Option<bool>,
    vlan: Option<u8>,
    trust: Option<bool>,
    bind: bool,
    max: Option<u8>,
    below: Option<u8>,
    /// MTU of its netdev, if it has one; 0 leaves it as it is.
    netdev: Option<u32>,
    representor: Option<(Option<u32>, Option<bool>)>,
}

fn function() -> impl Strategy<Value = Function> {
    let attributes = (of(1_u8..3), of(any::<bool>()), of(9_u32..11), of(any::<bool>()));
    let of_vf = (of(0_u8..3), of(any::<bool>()), any::<bool>());
    let rate = (of(3_u8..5), of(0_u8..2));
    let netdev = of(prop_oneof![Just(0_u32), Just(1400), Just(9000)]);
    let representor = of((of(prop_oneof![Just(1400_u32), Just(1500)]), of(any::<bool>())));
    (attributes, of_vf, rate, netdev, representor).prop_map(
        |((mac, roce, eqs, rdma), (vlan, trust, bind), (max, below), netdev, representor)| Function {
            mac,
            roce,
            eqs,
            rdma,
            vlan,
            trust,
            bind,
            max,
            below,
            netdev,
            representor,
        },
    )
}

fn device() -> impl Strategy<Value = Device> {
    let counts = (weighted(0.8, weighted_bool(0.7)), weighted(0.8, 0_u32..4));
    let param = || weighted(0.3, any::<bool>());
    let params = (param(), param(), param());
    let uplink = weighted(0.3, (of(prop_oneof![Just(9000_u32), Just(9100)]), of(any::<bool>())));
    let vdpa =
        weighted(0.4, (of(1_u32..3), of(prop_oneof![Just(1400_u32), Just(1500)]), any::<bool>(), 0_u8..2));
    let nodes = vec(of((of(5_u8..7), any::<bool>())), 2);
    (counts, params, uplink, (vdpa, nodes), vec(of(function()), 3), vec(of(function()), 3)).prop_map(
        |((switchdev, vfs), params, uplink, (vdpa, nodes), sfs, functions)| Device {
            switchdev,
            vfs,
            params,
            uplink,
            vdpa,
            nodes,
            sfs,
            functions,
        },
    )
}

fn weighted_bool(probability: f64) -> impl Strategy<Value = bool> {
    prop::bool::weighted(probability)
}

const NODES: [&str; 2] = ["gold", "silver"];

fn text(driver: Driver, device: &Device) -> String {
    let name = driver.name();
    let mut text = format!("subdevcfg version=1\nhost node-1\ndevice \"pci/{ADDRESS}\" driver={name} {{\n");
    if let Some(switchdev) = device.switchdev {
        let _ = writeln!(text, " eswitch mode={}", if switchdev { "switchdev" } else { "legacy" });
    }
    if let Some(vfs) = device.vfs {
        let _ = writeln!(text, " vfs {vfs}");
    }
    params(&mut text, driver, device);
    if let Some((mtu, up)) = device.uplink.filter(|(mtu, up)| mtu.is_some() || up.is_some()) {
        let _ = writeln!(text, " uplink{}", interface_words(mtu, up));
    }
    if let Some((pairs, mtu, bind, name)) = device.vdpa.filter(|_| driver == Driver::Mlx5) {
        let pairs = pairs.map(|pairs| format!(" max-vqp={pairs}")).unwrap_or_default();
        let bind = if bind { " { bind virtio_vdpa; }" } else { "" };
        let _ = writeln!(text, " vdpa net{name}{pairs}{}{bind}", interface_words(mtu, None));
    }
    let switchdev = device.switchdev == Some(true);
    let count = device.vfs.unwrap_or(0);
    // What ice has of a tree of rates comes with VFs.
    let has_tree = switchdev && (driver == Driver::Mlx5 || count > 0);
    let is_there = |at: u8| has_tree && device.nodes.get(usize::from(at)).is_some_and(Option::is_some);
    for (at, (max, below)) in device.nodes.iter().enumerate().filter_map(|(at, node)| Some((at, (*node)?))) {
        if !has_tree {
            continue;
        }
        let max = max.map(|max| format!(" tx-max=\"{max}Gbit\"")).unwrap_or_default();
        let below = match driver {
            Driver::Mlx5 => "",
            Driver::Ice if below && at == 1 && is_there(0) => " parent=gold",
            Driver::Ice => " parent=node_0",
        };
        let _ = writeln!(text, " rate-node {}{max}{below}", NODES[at]);
    }
    for (at, function) in device.sfs.iter().enumerate().filter_map(|(at, it)| Some((at, it.as_ref()?))) {
        if switchdev {
            let _ = writeln!(text, " subdevice s{at} {{\n  sf {}", 100 + at);
            sf_words(&mut text, driver, at, function, is_there);
            text.push_str(" }\n");
        }
    }
    for (index, function) in device.functions.iter().enumerate() {
        let Some(function) = function.as_ref().filter(|_| u32::try_from(index).unwrap() < count) else {
            continue;
        };
        let _ = writeln!(text, " subdevice v{index} {{\n  vf {index}");
        if switchdev {
            port_words(&mut text, driver, 10 + index, function);
            rate_words(&mut text, driver, function, is_there);
        } else if device.switchdev == Some(false) {
            legacy_words(&mut text, index, function);
        }
        if function.bind {
            text.push_str("  bind vfio-pci\n");
        }
        text.push_str(" }\n");
    }
    text.push_str("}\n");
    text
}

fn params(text: &mut String, driver: Driver, device: &Device) {
    let (first, second, third) = device.params;
    match driver {
        Driver::Mlx5 => {
            let steering = first.map(|first| if first { "smfs" } else { "dmfs" });
            let _ = steering.map(|steering| writeln!(text, " param flow_steering_mode {steering}"));
            let groups = second.map(|second| if second { 16 } else { 15 });
            let _ = groups.map(|groups| writeln!(text, " param fdb_large_groups {groups}"));
            let multiport = third.filter(|_| device.switchdev == Some(true));
            let _ = multiport.map(|on| writeln!(text, " param esw_multiport #{on}"));
        }
        Driver::Ice => {
            let _ = first
                .map(|roce| writeln!(text, " param enable_roce #{roce}\n param enable_iwarp #{}", !roce));
            let forwarding = second.map(|second| if second { "enabled" } else { "disabled" });
            let _ = forwarding.map(|forwarding| writeln!(text, " param local_forwarding {forwarding}"));
        }
    }
}

fn interface_words(mtu: Option<u32>, up: Option<bool>) -> String {
    let mtu = mtu.map(|mtu| format!(" mtu={mtu}")).unwrap_or_default();
    let up = up.map(|up| format!(" up=#{up}")).unwrap_or_default();
    format!("{mtu}{up}")
}

fn sf_words(
    text: &mut String,
    driver: Driver,
    at: usize,
    function: &Function,
    is_there: impl Fn(u8) -> bool,
) {
    port_words(text, driver, at, function);
    if driver == Driver::Mlx5 {
        rate_words(text, driver, function, is_there);
        let _ = function.rdma.map(|rdma| writeln!(text, "  param enable_rdma #{rdma}"));
    }
    if let Some(mtu) = function.netdev {
        let _ = writeln!(text, "  netdev n{at}{}", interface_words(Some(mtu).filter(|mtu| *mtu > 0), None));
    }
}

fn port_words(text: &mut String, driver: Driver, at: usize, function: &Function) {
    let mut words = String::new();
    let _ = function.mac.map(|mac| write!(words, " mac=\"02:00:00:00:{at:02x}:0{mac}\""));
    if driver == Driver::Mlx5 {
        let _ = function.roce.map(|roce| write!(words, " roce=#{roce}"));
        let _ = function.eqs.map(|eqs| write!(words, " max-io-eqs={eqs}"));
        let _ = function.trust.filter(|_| at >= 10).map(|on| write!(words, " migratable=#{on}"));
    }
    if !words.is_empty() {
        let _ = writeln!(text, "  function{words}");
    }
    if let Some((mtu, up)) = function.representor {
        let _ = writeln!(text, "  representor r{at}{}", interface_words(mtu, up));
    }
}

fn rate_words(text: &mut String, driver: Driver, function: &Function, is_there: impl Fn(u8) -> bool) {
    let mut words = String::new();
    let _ = function.max.map(|max| write!(words, " tx-max=\"{max}00Mbit\""));
    let _ = function
        .trust
        .filter(|_| driver == Driver::Ice)
        .map(|on| write!(words, " tx-priority={}", if on { 3 } else { 4 }));
    let above = function.below.filter(|above| is_there(*above));
    let _ = above.map(|above| write!(words, " parent={}", NODES[usize::from(above)]));
    if !words.is_empty() {
        let _ = writeln!(text, "  rate{words}");
    }
}

fn legacy_words(text: &mut String, index: usize, function: &Function) {
    let mut words = String::new();
    let _ = function.mac.map(|mac| write!(words, " mac=\"02:00:00:01:0{index}:0{mac}\""));
    let _ = function.vlan.map(|vlan| write!(words, " vlan={vlan}"));
    let _ = function.trust.map(|trust| write!(words, " trust=#{trust} spoofchk=#{trust}"));
    let _ = function.max.map(|max| write!(words, " rate-max=\"{max}00Mbit\""));
    if !words.is_empty() {
        let _ = writeln!(text, "  legacy{words}");
    }
}

/// Two host files for a card of the same driver.
fn hosts() -> impl Strategy<Value = (Driver, String, String)> {
    (prop_oneof![Just(Driver::Mlx5), Just(Driver::Ice)], device(), device())
        .prop_map(|(driver, first, second)| (driver, text(driver, &first), text(driver, &second)))
}

/// The same, of files that say all of what they may say of the device: what one leaves out is released, and stays.
fn whole_hosts() -> impl Strategy<Value = (Driver, String, String)> {
    let whole = |device: Device| Device {
        switchdev: device.switchdev.or(Some(false)),
        vfs: device.vfs.or(Some(1)),
        params: (
            device.params.0.or(Some(false)),
            device.params.1.or(Some(false)),
            device.params.2.or(Some(false)),
        ),
        uplink: None,
        ..device
    };
    (prop_oneof![Just(Driver::Mlx5), Just(Driver::Ice)], device(), device()).prop_map(
        move |(driver, first, second)| (driver, text(driver, &whole(first)), text(driver, &whole(second))),
    )
}

fn card() -> DevlinkHandle {
    format!("pci/{ADDRESS}").parse().unwrap()
}

/// What somebody did by hand before: a number of VFs, the mode, a VLAN.
type ByHand = (u32, bool, Option<u8>);

fn by_hand() -> impl Strategy<Value = ByHand> {
    (prop_oneof![Just(0_u32), Just(0), 1_u32..4], any::<bool>(), of(1_u8..3))
}

fn start(driver: Driver, (vfs, switchdev, vlan): ByHand) -> Host {
    let mut host = Host::with_kernel("6.12.0");
    host.kernel.plug_in(ADDRESS, driver.name());
    let mut send = |request: Request| host.kernel.perform(&request).unwrap();
    if switchdev {
        let setting = Setting::EswitchMode(EswitchMode::Switchdev);
        send(Request::Set { subject: Subject::parent(card()), setting });
    }
    send(Request::SetVfs { parent: card(), count: vfs, held: vec![] });
    let first = Subject::function(card(), FunctionId::Vf { controller: 0, pf: 0, index: 0 });
    if let Some(vlan) = vlan.filter(|_| vfs > 0 && !switchdev) {
        send(Request::Set { subject: first, setting: Setting::Legacy(LegacySetting::Vlan(vlan.into())) });
    }
    host
}

fn converge(host: &mut Host, text: &str) {
    let outcome = host.apply(&desired(text));
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}\n{text}");
    assert_eq!(host.kernel.not_in_force(), [""; 0], "{text}");
}

fn apply_if_possible(host: &mut Host, text: &str) {
    if !is_refused(host, text) {
        converge(host, text);
    }
}

/// What differs, but for what nobody writes down: names that the kernel chose.
fn left(before: &State, after: &State) -> Vec<String> {
    let mut left = differences(before, after);
    left.retain(|left| !left.contains("representor name is") && !left.contains("netdev name is"));
    left
}

/// What is there when these are carried out, if none is refused.
fn carried_out<'o>(host: &Host, operations: impl Iterator<Item = &'o Operation>) -> Option<State> {
    let mut kernel = host.kernel.clone();
    for operation in operations {
        kernel.perform(&operation.request).ok()?;
        if let Some(effect) = operation.effect {
            kernel.wait(&operation.request.subject(), effect, Duration::ZERO).ok()?;
        }
    }
    Some(kernel.state())
}

/// Whether a state does not tell that it was done, or it is done so that something else may not happen.
fn is_unseen(operation: &Operation) -> bool {
    match &operation.request {
        // A function is stopped before it is deleted: mlx5 keeps the number of one that was not. What goes is deleted by
        // itself, although a reload or a switch of the mode would take it too; VFs go before a reload that would disable them
        // for a while.
        Request::Reload { .. }
        | Request::SetActive { active: false, .. }
        | Request::Delete { .. }
        | Request::SetVfs { count: 0, .. }
        | Request::DeleteVdpa { .. }
        | Request::DeleteRateNode { .. } => true,
        // What a new VF has by itself is not known before.
        Request::Set { setting, .. } => {
            matches!(setting, Setting::Legacy(_) | Setting::MaxIoEqs(_) | Setting::Mac(_))
                || operation.reason.source.is_none()
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_global_rejects: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_converges_and_the_next_one_is_empty(by_hand in by_hand(), (driver, first, second) in hosts()) {
        let mut host = start(driver, by_hand);
        apply_if_possible(&mut host, &first);
        prop_assume!(!is_refused(&host, &second));
        let outcome = host.apply(&desired(&second));
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}\n{first}{second}");
        prop_assert_eq!(host.kernel.not_in_force(), Vec::<String>::new());
        let plan = host.plan(&desired(&second));
        prop_assert!(plan.is_empty());
        prop_assert_eq!(&plan.drift, &vec![]);
        let is_known = |note: &Note| matches!(note.kind, NoteKind::Unmanaged | NoteKind::Unverified);
        prop_assert!(plan.notes.iter().all(is_known), "{:#?}", plan.notes);
    }

    #[test]
    fn a_failure_at_any_operation_leaves_the_host_as_it_was(
        by_hand in by_hand(), (driver, first, second) in hosts(), at in any::<prop::sample::Index>(),
    ) {
        let mut host = start(driver, by_hand);
        apply_if_possible(&mut host, &first);
        prop_assume!(!is_refused(&host, &second));
        let wanted = desired(&second);
        let before = host.state();
        let operations = host.plan(&wanted).operations.len();
        prop_assume!(operations > 0);
        let outcome = host.apply_with_fault(&wanted, Some(at.index(operations) + 1));
        // A name that the kernel had chosen may be taken by something that was made again.
        let is_of_name = |left: &String| left.contains(" name ");
        prop_assert!(outcome.left().iter().all(is_of_name), "{outcome:?}\n{first}{second}");
        prop_assert_eq!(left(&before, &host.state()), Vec::<String>::new());
        prop_assert!(matches!(host.apply(&wanted), Outcome::Converged(_)));
    }

    #[test]
    fn a_run_that_is_killed_anywhere_is_gone_on_with(
        by_hand in by_hand(), (driver, first, second) in hosts(), kills in kills(),
    ) {
        let mut host = start(driver, by_hand);
        apply_if_possible(&mut host, &first);
        prop_assume!(!is_refused(&host, &second));
        let wanted = desired(&second);
        is_gone_on_with(&mut host, &wanted, kills)?;
    }

    #[test]
    fn destroy_returns_the_host_to_what_it_was(by_hand in by_hand(), (driver, first, _) in whole_hosts()) {
        // What the PF has set for a VF is lost with the VF, and nobody writes down that it was.
        prop_assume!(by_hand.2.is_none());
        let mut host = start(driver, by_hand);
        let before = host.state();
        apply_if_possible(&mut host, &first);
        let outcome = host.destroy();
        prop_assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        prop_assert_eq!(left(&before, &host.state()), Vec::<String>::new());
        prop_assert!(host.record.made.is_empty() && host.record.settings.is_empty(), "{:#?}", host.record);
    }

    #[test]
    fn an_apply_can_be_undone_as_a_plan(by_hand in by_hand(), (driver, first, second) in whole_hosts()) {
        let mut before = start(driver, by_hand);
        apply_if_possible(&mut before, &first);
        prop_assume!(!is_refused(&before, &second));
        let host = is_undone_as_a_plan(&before, &desired(&second))?;
        prop_assert_eq!(left(&before.state(), &host.state()), Vec::<String>::new());
    }

    #[test]
    fn an_apply_that_was_killed_anywhere_can_be_undone(
        by_hand in by_hand(), (driver, first, second) in hosts(), moment in moments(),
    ) {
        let mut before = start(driver, by_hand);
        apply_if_possible(&mut before, &first);
        prop_assume!(!is_refused(&before, &second));
        let host = is_undone_though_killed(&before, &desired(&second), moment)?;
        prop_assert_eq!(left(&before.state(), &host.state()), Vec::<String>::new());
    }

    #[test]
    fn a_host_can_be_imported(by_hand in by_hand(), (driver, first, second) in hosts()) {
        let mut host = start(driver, by_hand);
        apply_if_possible(&mut host, &first);
        apply_if_possible(&mut host, &second);
        is_imported(&host)?;
    }

    #[test]
    fn nothing_in_a_plan_is_redundant(by_hand in by_hand(), (driver, first, second) in hosts()) {
        let mut host = start(driver, by_hand);
        apply_if_possible(&mut host, &first);
        prop_assume!(!is_refused(&host, &second));
        let plan = host.plan(&desired(&second));
        let all = carried_out(&host, plan.operations.iter()).unwrap();
        for left_out in plan.operations.iter().filter(|operation| !is_unseen(operation)) {
            let rest = plan.operations.iter().filter(|operation| operation.id != left_out.id);
            let differs = carried_out(&host, rest).is_none_or(|state| state != all);
            prop_assert!(differs, "{} is redundant\n{first}{second}", left_out.request);
        }
    }
}
