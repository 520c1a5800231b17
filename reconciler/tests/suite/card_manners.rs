//! What `mlx5_core` and `ice` demand and do, request by request, and the plans that have to get along with it.

use std::time::Duration;

use nix::errno::Errno;
use subdevcfg_compiler::values::{Cmode, DevlinkHandle, EswitchMode, MacAddr, Rate, Scalar};
use subdevcfg_reconciler::apply::Outcome;
use subdevcfg_reconciler::kernel::{Effect, Kernel as _, Request, RequestError};
use subdevcfg_reconciler::plan::{NoteKind, Plan};
use subdevcfg_reconciler::resource::{Capability, FunctionId, LegacySetting, Setting, Subject};
use subdevcfg_reconciler::simulated::SimulatedHost;
use subdevcfg_reconciler::state::Parent;

use crate::support::{Host, Kill, desired};

const ADDRESS: &str = "0000:08:00.0";
const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

/// A card and the requests that one sends to it.
struct Card(SimulatedHost);

impl Card {
    fn new(driver: &str) -> Self {
        let mut host = SimulatedHost::new("6.12.0");
        host.plug_in(ADDRESS, driver);
        Self(host)
    }

    fn in_switchdev(driver: &str) -> Self {
        let mut card = Self::new(driver);
        card.ok(&mode(EswitchMode::Switchdev));
        card
    }

    fn ok(&mut self, request: &Request) {
        self.0.perform(request).unwrap_or_else(|error| panic!("{request}: {error:?}"));
    }

    fn refusal(&mut self, request: &Request) -> Errno {
        match self.0.perform(request) {
            Err(RequestError::Refused { errno, .. }) => errno,
            other => panic!("{request}: {other:?}"),
        }
    }

    fn vanishes(&mut self, request: &Request) -> bool {
        matches!(self.0.perform(request), Err(RequestError::Vanished(_)))
    }

    fn wait(&mut self, id: FunctionId, effect: Effect) {
        self.0.wait(&of(id), effect, Duration::ZERO).unwrap();
    }

    fn state(&self) -> Parent {
        self.0.state().parents[&card()].clone()
    }

    /// Makes and starts a subfunction.
    fn start(&mut self, number: u32) {
        self.ok(&create(number));
        self.ok(&active(sf(number), true));
        self.wait(sf(number), Effect::Instance);
    }
}

fn card() -> DevlinkHandle {
    format!("pci/{ADDRESS}").parse().unwrap()
}

const fn sf(number: u32) -> FunctionId {
    FunctionId::Sf { controller: 0, pf: 0, number }
}

const fn vf(index: u32) -> FunctionId {
    FunctionId::Vf { controller: 0, pf: 0, index }
}

fn of(id: FunctionId) -> Subject {
    Subject::function(card(), id)
}

fn create(number: u32) -> Request {
    Request::Create { parent: card(), id: sf(number), mdev_type: None, on_vf: None }
}

fn delete(number: u32) -> Request {
    Request::Delete { parent: card(), id: sf(number) }
}

fn active(id: FunctionId, active: bool) -> Request {
    Request::SetActive { parent: card(), id, active }
}

fn set(setting: Setting) -> Request {
    Request::Set { subject: Subject::parent(card()), setting }
}

fn set_of(id: FunctionId, setting: Setting) -> Request {
    Request::Set { subject: of(id), setting }
}

fn mode(mode: EswitchMode) -> Request {
    set(Setting::EswitchMode(mode))
}

fn vfs(count: u32, held: &[u32]) -> Request {
    Request::SetVfs { parent: card(), count, held: held.to_vec() }
}

fn param(name: &str, cmode: Cmode, value: impl Into<Scalar>) -> Setting {
    Setting::Param { name: name.to_owned(), cmode, value: value.into() }
}

fn node(name: &str) -> Request {
    Request::MakeRateNode { parent: card(), name: name.to_owned() }
}

fn set_node(name: &str, setting: Setting) -> Request {
    Request::Set { subject: Subject::rate_node(card(), name.to_owned()), setting }
}

fn reload() -> Request {
    Request::Reload { subject: Subject::parent(card()) }
}

fn below(name: &str) -> Setting {
    Setting::RateParent(Some(name.to_owned()))
}

const BOOL: fn(bool) -> Scalar = Scalar::Bool;

#[test]
fn mlx5_takes_subfunctions_in_switchdev_mode_only() {
    let mut card = Card::new("mlx5_core");
    assert_eq!(card.refusal(&create(1)), Errno::EOPNOTSUPP);
    card.ok(&mode(EswitchMode::Switchdev));
    let of_other_pf = FunctionId::Sf { controller: 0, pf: 1, number: 1 };
    let other = Request::Create { parent: self::card(), id: of_other_pf, mdev_type: None, on_vf: None };
    assert_eq!(card.refusal(&other), Errno::EOPNOTSUPP);
    card.ok(&create(1));
    assert_eq!(card.refusal(&create(1)), Errno::EEXIST);
    assert!(card.state().functions[0].representor.is_some());
    // Going to legacy mode deletes them without a word.
    card.ok(&mode(EswitchMode::Legacy));
    assert_eq!(card.state().functions, []);
}

#[test]
fn mlx5_keeps_the_number_of_a_running_subfunction_until_the_firmware_is_done() {
    let mut card = Card::in_switchdev("mlx5_core");
    card.start(7);
    card.ok(&delete(7));
    assert_eq!(card.state().functions, []);
    assert_eq!(card.refusal(&create(7)), Errno::EEXIST);
    for other in 100..103 {
        card.ok(&create(other));
    }
    card.ok(&create(7));

    // One that was stopped and waited for is gone at once.
    card.start(8);
    card.ok(&active(sf(8), false));
    assert_eq!(card.refusal(&active(sf(8), true)), Errno::EBUSY);
    card.wait(sf(8), Effect::Detached);
    card.ok(&delete(8));
    card.ok(&create(8));
}

#[test]
fn mlx5_starts_a_subfunction_with_nothing_enabled() {
    let mut card = Card::in_switchdev("mlx5_core");
    let enable = || set_of(sf(1), param("enable_eth", Cmode::Driverinit, BOOL(true)));
    card.ok(&create(1));
    assert!(card.vanishes(&enable()));
    card.ok(&active(sf(1), true));
    // Its driver comes a moment later.
    assert!(card.vanishes(&enable()));
    card.wait(sf(1), Effect::Instance);
    let found = card.state().functions[0].clone();
    assert_eq!(found.params["enable_eth"][&Cmode::Driverinit], BOOL(false));
    assert_eq!((found.netdev, found.max_io_eqs), (None, Some(8)));
    card.ok(&enable());
    assert_eq!(card.state().functions[0].netdev, None);
    card.ok(&Request::Reload { subject: of(sf(1)) });
    assert!(card.state().functions[0].netdev.is_some());
}

#[test]
fn mlx5_takes_an_address_at_any_time_and_uses_it_at_the_next_probe() {
    let mut card = Card::in_switchdev("mlx5_core");
    card.start(1);
    card.ok(&set_of(sf(1), Setting::Mac(MAC)));
    assert_eq!(card.state().functions[0].mac, Some(MAC));
    assert_eq!(
        card.0.not_in_force(),
        ["0000:08:00.0 sf 1 has the MAC address 02:00:00:00:00:01 and runs with 00:00:00:00:00:00"]
    );
    card.ok(&active(sf(1), false));
    card.wait(sf(1), Effect::Detached);
    card.ok(&active(sf(1), true));
    card.wait(sf(1), Effect::Instance);
    assert_eq!(card.0.not_in_force(), [""; 0]);
    assert_eq!(card.refusal(&set_of(sf(1), Setting::Capability(Capability::Roce, false))), Errno::EINVAL);
    let migratable = Setting::Capability(Capability::Migratable, true);
    assert_eq!(card.refusal(&set_of(sf(1), migratable)), Errno::EOPNOTSUPP);
}

#[test]
fn mlx5_is_back_in_legacy_mode_after_a_reload() {
    let mut card = Card::in_switchdev("mlx5_core");
    card.start(1);
    card.ok(&node("gold"));
    card.ok(&set_of(sf(1), below("gold")));
    card.ok(&set(param("fdb_large_groups", Cmode::Driverinit, 16_u32)));
    card.ok(&reload());
    let state = card.state();
    assert_eq!(state.eswitch.mode, Some(EswitchMode::Legacy));
    assert_eq!((state.functions.len(), state.rate_nodes.len()), (0, 0));
    assert_eq!(state.volatile.0.restarts.unwrap().reloads, 1);
    // The numbers are free.
    card.ok(&mode(EswitchMode::Switchdev));
    card.ok(&create(1));
}

#[test]
fn mlx5_has_parameters_of_one_mode() {
    let mut card = Card::new("mlx5_core");
    let steering =
        |word: &str| set(param("flow_steering_mode", Cmode::Runtime, Scalar::Text(word.to_owned())));
    let metadata = || set(param("esw_port_metadata", Cmode::Runtime, BOOL(false)));
    let multiport = |on| set(param("esw_multiport", Cmode::Runtime, BOOL(on)));
    assert_eq!(card.refusal(&multiport(true)), Errno::EOPNOTSUPP);
    assert_eq!(card.refusal(&steering("hmfs")), Errno::EINVAL);
    card.ok(&steering("smfs"));
    card.ok(&metadata());
    card.ok(&mode(EswitchMode::Switchdev));
    assert_eq!(card.refusal(&steering("smfs")), Errno::EOPNOTSUPP);
    assert_eq!(card.refusal(&metadata()), Errno::EBUSY);
    card.ok(&multiport(true));
    assert_eq!(card.refusal(&reload()), Errno::EOPNOTSUPP);
    card.ok(&mode(EswitchMode::Legacy));
    assert_eq!(card.state().params["esw_multiport"][&Cmode::Runtime], BOOL(false));
    card.ok(&reload());
    let by_mistake = set(param("fdb_large_groups", Cmode::Runtime, 16_u32));
    assert_eq!(card.refusal(&by_mistake), Errno::EOPNOTSUPP);
    let odd = set(param("max_macs", Cmode::Driverinit, 3_u32));
    assert_eq!(card.refusal(&odd), Errno::EINVAL);
}

#[test]
fn mlx5_has_rates_of_whole_megabits_and_nodes_of_one_layer() {
    let mut card = Card::new("mlx5_core");
    assert_eq!(card.refusal(&node("gold")), Errno::EOPNOTSUPP);
    card.ok(&mode(EswitchMode::Switchdev));
    card.ok(&node("gold"));
    card.ok(&node("silver"));
    assert_eq!(card.refusal(&set_node("silver", below("gold"))), Errno::EOPNOTSUPP);
    card.ok(&create(1));
    let limit = |rate| set_of(sf(1), Setting::TxMax(Rate(rate)));
    assert_eq!(card.refusal(&limit(125_001)), Errno::EINVAL);
    assert_eq!(card.refusal(&limit(125_000 * 100_001)), Errno::EINVAL);
    card.ok(&limit(125_000));
    assert_eq!(card.refusal(&set_of(sf(1), Setting::TxPriority(1))), Errno::EOPNOTSUPP);
    // Also for the mode that it has.
    assert_eq!(card.refusal(&mode(EswitchMode::Switchdev)), Errno::EBUSY);
    card.ok(&set_of(sf(1), below("gold")));
    let delete = Request::DeleteRateNode { parent: self::card(), name: "gold".to_owned() };
    assert_eq!(card.refusal(&delete), Errno::EBUSY);
    // With the last VF the nodes go, also above subfunctions.
    card.ok(&vfs(2, &[]));
    card.ok(&vfs(0, &[]));
    assert_eq!(card.state().rate_nodes.len(), 0);
    assert_eq!(card.state().functions[0].rates.clone().unwrap().parent, None);
}

#[test]
fn mlx5_changes_the_mode_while_no_driver_runs_a_vf() {
    let mut card = Card::new("mlx5_core");
    card.ok(&vfs(2, &[0]));
    assert_eq!(card.refusal(&mode(EswitchMode::Switchdev)), Errno::EINVAL);
    card.ok(&active(vf(1), false));
    card.ok(&mode(EswitchMode::Switchdev));
    card.ok(&set_of(vf(1), Setting::Capability(Capability::Migratable, true)));
    card.ok(&active(vf(1), true));
    let ipsec = Setting::Capability(Capability::IpsecCrypto, true);
    assert_eq!(card.refusal(&set_of(vf(1), ipsec)), Errno::EINVAL);
    assert_eq!(card.refusal(&vfs(3, &[])), Errno::EBUSY);
    assert_eq!(card.refusal(&vfs(9, &[])), Errno::ERANGE);
    let trust = set_of(vf(0), Setting::Legacy(LegacySetting::Trust(true)));
    assert_eq!(card.refusal(&trust), Errno::EOPNOTSUPP);
}

#[test]
fn a_mode_that_is_none_of_the_two_is_no_mode_until_one_is_set() {
    let text = r#"{ "format": "subdevcfg-simulated-host/1", "kernel_release": "6.12.0",
        "cards": { "0000:08:00.0": { "driver": "mlx5_core", "mode": null } } }"#;
    let mut host = Host::with_kernel("6.12.0");
    host.kernel = serde_json::from_str(text).unwrap();
    host.kernel.show_interfaces_of_cards();
    assert_eq!(host.state().parents[&card()].eswitch.mode, None);
    converge(&mut host, &file("mlx5_core", "eswitch mode=switchdev; subdevice a { sf 1; netdev n0; }"));
    // tc rules of others hold a mode.
    let text = text.replace("\"mode\": null", "\"has_tc_rules\": true");
    let mut card = Card(serde_json::from_str(&text).unwrap());
    assert_eq!(card.refusal(&mode(EswitchMode::Switchdev)), Errno::EBUSY);
    host.kernel = serde_json::from_str(&text).unwrap();
    host.kernel.show_interfaces_of_cards();
    let refusals = host.plan(&desired(&file("mlx5_core", "eswitch mode=switchdev"))).refusals;
    assert_eq!(refusals.len(), 1, "{refusals:#?}");
    let words =
        "tc filters (flower) on eth0 are in the way: the driver does not change the eswitch mode (EBUSY)";
    assert!(refusals[0].text.starts_with(words), "{refusals:#?}");
    // They are in the way of nothing else.
    let mtu = host.plan(&desired(&file("mlx5_core", "uplink mtu=9000")));
    assert_eq!(mtu.refusals, []);
}

#[test]
fn ice_takes_subfunctions_in_switchdev_mode_only_and_starts_them_whole() {
    let mut card = Card::new("ice");
    assert_eq!(card.refusal(&create(1)), Errno::EOPNOTSUPP);
    card.ok(&mode(EswitchMode::Switchdev));
    let of_other_pf = FunctionId::Sf { controller: 0, pf: 1, number: 1 };
    let other = Request::Create { parent: self::card(), id: of_other_pf, mdev_type: None, on_vf: None };
    assert_eq!(card.refusal(&other), Errno::EINVAL);
    card.ok(&create(1));
    assert_eq!(card.refusal(&create(1)), Errno::EBUSY);
    assert_eq!(card.refusal(&set_of(sf(1), Setting::Mac(MacAddr([0; 6])))), Errno::EADDRNOTAVAIL);
    assert_eq!(card.refusal(&set_of(sf(1), Setting::Capability(Capability::Roce, false))), Errno::EOPNOTSUPP);
    card.ok(&active(sf(1), true));
    assert!(card.state().functions[0].netdev.is_some());
    assert_eq!(card.refusal(&set_of(sf(1), Setting::Mac(MAC))), Errno::EBUSY);
    assert_eq!(card.refusal(&Request::Reload { subject: of(sf(1)) }), Errno::EOPNOTSUPP);
    // One that runs is stopped by its deletion, and its number is free.
    card.ok(&delete(1));
    card.ok(&create(1));

    let mut old = SimulatedHost::new("6.11.0");
    old.plug_in(ADDRESS, "ice");
    let mut old = Card(old);
    old.ok(&mode(EswitchMode::Switchdev));
    assert_eq!(old.refusal(&create(1)), Errno::EOPNOTSUPP);
}

#[test]
fn ice_makes_rate_nodes_with_the_first_representor_and_takes_them_with_the_last() {
    let mut card = Card::in_switchdev("ice");
    assert_eq!(card.state().rate_nodes.len(), 0);
    card.ok(&vfs(2, &[]));
    let state = card.state();
    let names: Vec<&str> = state.rate_nodes.keys().map(String::as_str).collect();
    assert_eq!(names, ["node_0", "node_26"]);
    assert_eq!(state.functions[0].rates.clone().unwrap().parent.as_deref(), Some("node_26"));
    for name in names {
        let delete = Request::DeleteRateNode { parent: self::card(), name: name.to_owned() };
        assert_eq!(card.refusal(&delete), Errno::EBUSY);
    }
    assert_eq!(card.refusal(&mode(EswitchMode::Switchdev)), Errno::EBUSY);
    card.ok(&node("gold"));
    // Below none it is in no layer of the scheduler.
    assert_eq!(card.refusal(&set_node("gold", Setting::TxMax(Rate(125_000)))), Errno::EINVAL);
    card.ok(&set_node("gold", below("node_0")));
    card.ok(&set_node("gold", Setting::TxMax(Rate(1))));
    assert_eq!(card.refusal(&set_of(vf(0), Setting::TxPriority(8))), Errno::EINVAL);
    assert_eq!(card.refusal(&set_of(vf(0), Setting::TxWeight(0))), Errno::EINVAL);
    card.ok(&set_of(vf(0), below("gold")));
    // A subfunction keeps the tree alive, and has no leaf in it.
    card.ok(&create(1));
    assert_eq!(card.refusal(&set_of(sf(1), Setting::TxMax(Rate(125_000)))), Errno::ENODEV);
    card.ok(&vfs(0, &[]));
    assert_eq!(card.state().rate_nodes.len(), 3);
    card.ok(&delete(1));
    assert_eq!(card.state().rate_nodes.len(), 0);
    card.ok(&mode(EswitchMode::Legacy));
}

#[test]
fn ice_changes_the_mode_without_vfs_and_reloads_in_legacy_mode() {
    let mut card = Card::new("ice");
    card.ok(&vfs(1, &[]));
    assert_eq!(card.refusal(&mode(EswitchMode::Switchdev)), Errno::EOPNOTSUPP);
    assert_eq!(card.refusal(&reload()), Errno::EOPNOTSUPP);
    card.ok(&vfs(0, &[]));
    card.ok(&reload());
    card.ok(&mode(EswitchMode::Switchdev));
    assert_eq!(card.refusal(&reload()), Errno::EOPNOTSUPP);
}

#[test]
fn ice_leaves_subfunctions_without_representors_in_legacy_mode() {
    let text = r#"{ "format": "subdevcfg-simulated-host/1", "kernel_release": "6.12.0",
        "cards": { "0000:08:00.0": { "driver": "ice", "dcb": true } } }"#;
    let mut card = Card(serde_json::from_str(text).unwrap());
    card.ok(&mode(EswitchMode::Switchdev));
    card.ok(&create(1));
    // DCB keeps the tree of rates from users, and from the mode.
    assert_eq!(card.refusal(&node("gold")), Errno::EBUSY);
    card.ok(&mode(EswitchMode::Legacy));
    assert_eq!(card.state().functions[0].representor, None);
}

#[test]
fn ice_speaks_one_kind_of_rdma_at_a_time() {
    let mut card = Card::new("ice");
    let rdma = |name, on| set(param(name, Cmode::Runtime, BOOL(on)));
    assert_eq!(card.refusal(&rdma("enable_iwarp", true)), Errno::EOPNOTSUPP);
    card.ok(&rdma("enable_roce", false));
    card.ok(&rdma("enable_iwarp", true));
    assert_eq!(card.refusal(&rdma("enable_roce", true)), Errno::EOPNOTSUPP);
    let layers = |number: u32| set(param("tx_scheduling_layers", Cmode::Permanent, number));
    assert_eq!(card.refusal(&layers(7)), Errno::EINVAL);
    card.ok(&layers(5));
}

fn file(driver: &str, body: &str) -> String {
    format!("subdevcfg version=1\nhost node-1\ndevice \"pci/{ADDRESS}\" driver={driver} {{\n{body}\n}}\n")
}

fn host(driver: &str) -> Host {
    let mut host = Host::with_kernel("6.12.0");
    host.kernel.plug_in(ADDRESS, driver);
    host
}

fn converge(host: &mut Host, text: &str) {
    let outcome = host.apply(&desired(text));
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}\n{text}");
    assert!(host.plan(&desired(text)).is_empty());
    assert_eq!(host.kernel.not_in_force(), [""; 0]);
}

fn requests(plan: &Plan) -> Vec<String> {
    plan.operations.iter().map(|operation| operation.request.to_string()).collect()
}

#[test]
fn a_parameter_of_legacy_mode_takes_the_eswitch_there_and_back() {
    let mut host = host("mlx5_core");
    converge(&mut host, &file("mlx5_core", "eswitch mode=switchdev"));
    let text = file("mlx5_core", "eswitch mode=switchdev; param flow_steering_mode smfs");
    assert_eq!(
        requests(&host.plan(&desired(&text))),
        [
            "set eswitch mode of pci/0000:08:00.0 to legacy",
            "set param flow_steering_mode of pci/0000:08:00.0 to smfs",
            "set eswitch mode of pci/0000:08:00.0 to switchdev",
        ]
    );
    converge(&mut host, &text);
}

#[test]
fn a_reload_takes_lag_mode_apart_first_and_it_comes_back() {
    let mut host = host("mlx5_core");
    let body = "eswitch mode=switchdev; param esw_multiport #true";
    converge(&mut host, &file("mlx5_core", body));
    let text = file("mlx5_core", &format!("{body}; param fdb_large_groups 16"));
    assert_eq!(
        requests(&host.plan(&desired(&text))),
        [
            "set eswitch mode of pci/0000:08:00.0 to legacy",
            "set param fdb_large_groups of pci/0000:08:00.0 to 16",
            "reload the devlink instance of pci/0000:08:00.0",
            "set eswitch mode of pci/0000:08:00.0 to switchdev",
            "set param esw_multiport of pci/0000:08:00.0 to true",
        ]
    );
    converge(&mut host, &text);
}

#[test]
fn rate_nodes_come_back_after_another_number_of_vfs() {
    let mut host = host("mlx5_core");
    let body = |vfs| {
        format!(
            "eswitch mode=switchdev; vfs {vfs}; rate-node gold tx-max=\"10Gbit\"; subdevice a {{ sf 1; rate parent=gold; }}"
        )
    };
    converge(&mut host, &file("mlx5_core", &body(1)));
    let text = file("mlx5_core", &body(2));
    assert_eq!(
        requests(&host.plan(&desired(&text))),
        [
            "set vfs of pci/0000:08:00.0 to 0",
            "set vfs of pci/0000:08:00.0 to 2",
            "create rate node gold on pci/0000:08:00.0",
            "set rate tx-max of pci/0000:08:00.0 rate node gold to 10Gbit",
            "set rate parent of pci/0000:08:00.0 sf 1 to gold",
            // The VF that nobody named has what it had; how much that is by itself nobody knows.
            "set function max-io-eqs of pci/0000:08:00.0 vf 0 to 60",
            "activate vf 0 of pci/0000:08:00.0",
        ]
    );
    converge(&mut host, &text);
}

#[test]
fn what_is_set_on_the_port_of_a_vf_needs_switchdev_mode() {
    let host = host("mlx5_core");
    for words in ["function roce=#false", "rate tx-max=\"1Gbit\""] {
        let text = file("mlx5_core", &format!("vfs 1; subdevice v {{ vf 0; {words}; }}"));
        let refusals = host.plan(&desired(&text)).refusals;
        assert_eq!(refusals.len(), 1, "{words}: {refusals:#?}");
        assert!(refusals[0].text.contains("of switchdev mode"), "{refusals:#?}");
        let switchdev = text.replace("vfs 1", "eswitch mode=switchdev; vfs 1");
        converge(&mut host.clone(), &switchdev);
    }
}

#[test]
fn what_is_switched_off_goes_first() {
    let mut host = host("ice");
    converge(&mut host, &file("ice", "param enable_roce #false; param enable_iwarp #true"));
    converge(&mut host, &file("ice", "param enable_roce #true; param enable_iwarp #false"));
}

#[test]
fn rate_nodes_of_ice_need_vfs_and_its_own_ones_are_nobodys_business() {
    let mut host = host("ice");
    let node = "eswitch mode=switchdev; rate-node gold parent=node_0";
    let plan = host.plan(&desired(&file("ice", &format!("{node}; subdevice a {{ sf 1; }}"))));
    assert_eq!(plan.refusals.len(), 1);
    assert_eq!(
        plan.refusals[0].text,
        "the driver's tree of rates comes with the first VF: write `vfs` as well"
    );
    let text = file("ice", &format!("{node}; vfs 1; subdevice v {{ vf 0; rate parent=gold; }}"));
    converge(&mut host, &text);
    let plan = host.plan(&desired(&text));
    assert!(plan.notes.iter().all(|note| note.kind == NoteKind::Unverified), "{:#?}", plan.notes);
    // Let go of, the leaf goes where the driver has those of others, and never to the top.
    converge(&mut host, &file("ice", "eswitch mode=switchdev; vfs 1; subdevice v { vf 0; }"));
    let found = host.state().parents[&card()].functions[0].rates.clone().unwrap();
    assert_eq!(found.parent.as_deref(), Some("node_26"));
}

#[test]
fn a_driver_that_has_not_come_or_let_go_is_waited_for() {
    let text = file("mlx5_core", "eswitch mode=switchdev; subdevice a { sf 1; netdev n0; }");
    let mut begun = host("mlx5_core");
    // Killed when the subfunction was started, and when it was stopped.
    begun.apply_and_be_killed(&desired(&text), None, Kill { at: 3, after: true });
    assert!(begun.state().parents[&card()].functions[0].active);
    converge(&mut begun, &text);
    let mac = text.replace("sf 1;", "sf 1; function mac=\"02:00:00:00:00:09\";");
    begun.apply_and_be_killed(&desired(&mac), None, Kill { at: 1, after: true });
    assert!(!begun.state().parents[&card()].functions[0].active);
    converge(&mut begun, &mac);
}

#[test]
fn a_reload_by_others_is_a_reset_and_what_it_took_comes_back() {
    let mut host = host("mlx5_core");
    let text = file(
        "mlx5_core",
        "eswitch mode=switchdev; rate-node gold; subdevice a { sf 1; netdev n0; rate parent=gold; }",
    );
    converge(&mut host, &text);
    host.kernel.perform(&reload()).unwrap();
    let plan = host.plan(&desired(&text));
    assert_eq!(plan.resets[0].evidence, "it was reloaded once since the last apply, and not by subdevcfg");
    assert!(plan.drift.iter().all(|drift| drift.by_reset), "{:#?}", plan.drift);
    converge(&mut host, &text);
}
