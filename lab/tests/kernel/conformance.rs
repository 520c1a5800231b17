//! The simulated kernel against the real one: the same random requests to both, and after each the same answer and the
//! same configuration. The identities are few, so that refusals are common.

use subdevcfg_compiler::values::{Cmode, DevlinkHandle, EswitchMode, MacAddr, Rate, Scalar};
use subdevcfg_reconciler::kernel::{DeviceAttributes, Kernel, Request};
use subdevcfg_reconciler::resource::{Capability, FunctionId, Setting, Side, Subject, UplinkSetting};
use subdevcfg_reconciler::simulated::{OtherHost, SimulatedHost};
use subdevcfg_reconciler::state::SoftSpec;

use crate::comparison::{Comparison, pick};
use crate::guest::{fresh, sh, share_with};

/// Requests of one row, from an empty host on.
const ROW: usize = 150;

/// A function: three times in four one that is there.
fn function(random: &mut fastrand::Rng, host: &SimulatedHost) -> Subject {
    let state = host.state();
    let present: Vec<Subject> = state
        .parents
        .iter()
        .flat_map(|(handle, parent)| {
            parent.functions.iter().map(|function| Subject::function(handle.clone(), function.id.clone()))
        })
        .collect();
    if present.is_empty() || random.u8(..4) == 0 {
        Subject::function(parent(random), id(random))
    } else {
        pick(random, &present)
    }
}

fn parent(random: &mut fastrand::Rng) -> DevlinkHandle {
    DevlinkHandle::new("subdev", pick(random, &["nic0", "nic0", "nic1"]))
}

fn id(random: &mut fastrand::Rng) -> FunctionId {
    if random.bool() {
        // 1000 is the first number that mediated devices take.
        FunctionId::Sf { controller: pick(random, &[0, 0, 0, 1]), pf: 0, number: pick(random, &[1, 2, 1000]) }
    } else {
        FunctionId::Mdev { uuid: uuid::Uuid::from_u128(random.u128(1..=3)) }
    }
}

fn param(random: &mut fastrand::Rng, of_function: bool) -> Setting {
    let (name, cmode) = if of_function {
        let enable = ("enable_eth", Cmode::Driverinit);
        pick(random, &[enable, enable, ("queues", Cmode::Driverinit)])
    } else {
        pick(
            random,
            &[
                ("spoof_check", Cmode::Runtime),
                ("max_queues", Cmode::Driverinit),
                ("max_mtu", Cmode::Driverinit),
                ("auto_sfnum_min", Cmode::Permanent),
                ("asset_tag", Cmode::Permanent),
            ],
        )
    };
    let cmode = if random.u8(..8) == 0 { pick(random, &[Cmode::Runtime, Cmode::Permanent]) } else { cmode };
    let name = if random.u8(..16) == 0 { "no_such_param" } else { name };
    let value = match name {
        "enable_eth" | "spoof_check" => Scalar::Bool(random.u8(..4) > 0),
        "asset_tag" => Scalar::Text(pick(random, &["", "rack 7"]).to_owned()),
        "max_mtu" => Scalar::Number(pick(random, &[1499, 1500, 9000])),
        _ => Scalar::Number(pick(random, &[0, 1, 2, 4, 65])),
    };
    Setting::Param { name: name.to_owned(), cmode, value }
}

fn interface(random: &mut fastrand::Rng) -> Setting {
    let side = pick(random, &Side::ALL);
    match random.u8(..3) {
        0 => Setting::Name(side, pick(random, &["web0", "web1", "lo"]).parse().unwrap()),
        1 => Setting::Mtu(side, pick(random, &[67, 1400, 1500, 9000])),
        _ => Setting::Up(side, random.bool()),
    }
}

/// The name of a rate node; the last is none that the kernel takes.
fn node(random: &mut fastrand::Rng) -> String {
    if random.u8(..16) == 0 { "7".to_owned() } else { pick(random, &["gold", "silver"]).to_owned() }
}

/// An attribute of a rate leaf or node.
fn rate(random: &mut fastrand::Rng) -> Setting {
    let rate = Rate(pick(random, &[0, 125_000, 1_250_000_000, 2_000_000_000_000]));
    match random.u8(..8) {
        0..=1 => Setting::TxMax(rate),
        2..=3 => Setting::TxShare(rate),
        4 => Setting::TxPriority(1),
        5 => Setting::RateParent(None),
        _ => Setting::RateParent(Some(node(random))),
    }
}

/// A request of the alphabet, for a host as it is.
fn request(random: &mut fastrand::Rng, host: &SimulatedHost) -> Request {
    let handle = parent(random);
    let function = function(random, host);
    let which = function.function_id().cloned().unwrap_or_else(|| id(random));
    match random.u8(..29) {
        0..=1 => Request::NewParent {
            spec: SoftSpec {
                max_subdevices: Some(5),
                lower: None,
                mac_base: Some(if handle.device() == "nic0" {
                    MacAddr([2, 0, 0, 0, 1, 0])
                } else {
                    MacAddr([2, 0, 0, 0, 2, 0])
                }),
            },
            handle,
        },
        2 if random.u8(..8) == 0 => Request::DelParent { handle },
        2..=3 => {
            let mode = if random.u8(..3) == 0 { EswitchMode::Legacy } else { EswitchMode::Switchdev };
            Request::Set { subject: Subject::parent(handle), setting: Setting::EswitchMode(mode) }
        }
        4..=8 => {
            let id = id(random);
            let mdev_type =
                id.is_mdev().then(|| pick(random, &["subdev-eth", "subdev-eth", "subdev-eth4"]).to_owned());
            Request::Create { parent: handle, id, mdev_type, on_vf: None }
        }
        9 => Request::Delete { parent: function.parent, id: which },
        10..=12 => Request::SetActive { parent: function.parent, id: which, active: random.u8(..3) > 0 },
        13..=15 => Request::Set { subject: function, setting: param(random, true) },
        16 => {
            let mac =
                pick(random, &[MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([3, 0, 0, 0, 0, 1]), MacAddr([0; 6])]);
            Request::Set { subject: function, setting: Setting::Mac(mac) }
        }
        17 => Request::Set { subject: Subject::parent(handle), setting: param(random, false) },
        21 => Request::Set { subject: function, setting: rate(random) },
        22 => {
            let setting = match random.u8(..4) {
                0 => Setting::MaxIoEqs(pick(random, &[0, 1, 64, 65])),
                1 => Setting::Capability(Capability::Migratable, true),
                _ => Setting::Capability(Capability::Roce, random.bool()),
            };
            Request::Set { subject: function, setting }
        }
        23..=24 => Request::MakeRateNode { parent: handle, name: node(random) },
        25 => Request::DeleteRateNode { parent: handle, name: node(random) },
        26 => Request::Set { subject: Subject::rate_node(handle, node(random)), setting: rate(random) },
        18..=19 => Request::Reload { subject: function },
        28 => {
            let setting = match random.u8(..4) {
                0..=1 => UplinkSetting::Mtu(pick(random, &[67, 1400, 9000])),
                2 => UplinkSetting::HwTcOffload(random.bool()),
                _ => UplinkSetting::Up(random.bool()),
            };
            Request::Set { subject: Subject::parent(handle), setting: Setting::Uplink(setting) }
        }
        20 if random.u8(..4) == 0 => Request::Reload { subject: Subject::parent(handle) },
        _ => Request::Set { subject: function, setting: interface(random) },
    }
}

/// A row of requests, each chosen for the host as the ones before leave it.
fn row(seed: u64) -> Vec<Request> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut host = SimulatedHost::new("6.12.0");
    host.share_with(OtherHost::Attaches);
    let next = |_| {
        let request = request(&mut random, &host);
        // What it answers is compared later.
        let _ = host.perform(&request);
        request
    };
    (0..ROW).map(next).collect()
}

/// An empty host, also of permanent parameters: these are kept until the module goes.
fn forget_everything() {
    fresh();
    sh("modprobe -r subdev && modprobe subdev");
}

/// The kind of a request with what it sets.
fn kind(request: &Request) -> String {
    match request {
        Request::Set { setting, subject } => {
            let of = if subject.rate_node_name().is_some() { " of a node" } else { "" };
            format!("set {}{of}", setting.attribute())
        }
        Request::Create { id, .. } | Request::Delete { id, .. } | Request::SetActive { id, .. } => {
            let verb = request.to_string();
            format!(
                "{} {}",
                verb.split(' ').next().unwrap_or_default(),
                if id.is_mdev() { "mdev" } else { "sf" }
            )
        }
        Request::Reload { subject } => {
            format!("reload {}", if subject.is_parent() { "parent" } else { "function" })
        }
        Request::MakeRateNode { .. } => "make rate node".to_owned(),
        Request::MakeBridge { .. } => "make bridge".to_owned(),
        Request::DeleteBridge { .. } => "delete bridge".to_owned(),
        Request::DeleteRateNode { .. } => "delete rate node".to_owned(),
        Request::MakeVdpa { .. } => "make vdpa".to_owned(),
        Request::DeleteVdpa { .. } => "delete vdpa".to_owned(),
        Request::AddPort { .. } => "add port".to_owned(),
        Request::RemovePort { .. } => "remove port".to_owned(),
        Request::SetVfs { .. } => "set vfs".to_owned(),
        Request::NewParent { .. } => "new parent".to_owned(),
        Request::DelParent { .. } => "del parent".to_owned(),
    }
}

#[test]
fn the_simulated_kernel_answers_as_the_real_one() {
    let comparison = Comparison {
        begin: || {
            forget_everything();
            let mut simulated = SimulatedHost::new(sh("uname -r"));
            simulated.tell(DeviceAttributes::new());
            simulated.share_with(OtherHost::Attaches);
            share_with("2");
            simulated
        },
        part: |state| (state.parents, state.bridges, state.unread),
        kind,
        rows: 10,
        pairs: 104,
    };
    comparison.run(row);
}
