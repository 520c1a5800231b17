//! The simulated netdevsim against the real one: the same random requests to both, and after each the same answer and the
//! same configuration.

use subdevcfg_compiler::values::{
    Cmode, DevlinkHandle, EswitchMode, LinkState, MacAddr, Rate, Scalar, VlanProtocol,
};
use subdevcfg_reconciler::kernel::Request;
use subdevcfg_reconciler::resource::{FunctionId, LegacySetting, Setting, Side, Subject};
use subdevcfg_reconciler::simulated::SimulatedHost;
use subdevcfg_reconciler::state::Parent;

use crate::comparison::{Comparison, pick};
use crate::guest::sh;
use crate::netdevsim::fresh;

/// Requests of one row, from a new device on.
const ROW: usize = 120;

fn nsim() -> DevlinkHandle {
    DevlinkHandle::new("netdevsim", "netdevsim1")
}

/// A VF; the last is one that there never is.
fn vf(random: &mut fastrand::Rng) -> Subject {
    let index = pick(random, &[0, 0, 1, 1, 2, 7]);
    Subject::function(nsim(), FunctionId::Vf { controller: 0, pf: 0, index })
}

/// The name of a rate node; the last is none that the kernel takes.
fn node(random: &mut fastrand::Rng) -> String {
    pick(random, &["gold", "gold", "silver", "silver", "7"]).to_owned()
}

fn legacy(random: &mut fastrand::Rng) -> Setting {
    let rate = Rate(pick(random, &[0, 125_000_000, 250_000_000]));
    Setting::Legacy(match random.u8(..9) {
        0 => LegacySetting::Mac(pick(
            random,
            &[MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([3, 0, 0, 0, 0, 1]), MacAddr([0; 6])],
        )),
        1 => LegacySetting::Vlan(pick(random, &[0, 7, 4095])),
        2 => LegacySetting::Qos(pick(random, &[0, 3, 8])),
        3 => LegacySetting::Proto(pick(random, &[VlanProtocol::Dot1q, VlanProtocol::Dot1ad])),
        4 => LegacySetting::Trust(random.bool()),
        5 => LegacySetting::Spoofchk(random.bool()),
        6 => LegacySetting::LinkState(pick(random, LinkState::ALL)),
        7 => LegacySetting::RateMin(rate),
        _ => LegacySetting::RateMax(rate),
    })
}

/// An attribute of a rate leaf or node: a rate of no whole megabits, and one above the link's, among it.
fn rate(random: &mut fastrand::Rng) -> Setting {
    let rate = Rate(pick(random, &[0, 125_000, 250_000_000, 125_001, 1_000_000_000]));
    match random.u8(..8) {
        0..=1 => Setting::TxMax(rate),
        2..=3 => Setting::TxShare(rate),
        4 => Setting::TxPriority(1),
        5 => Setting::RateParent(None),
        _ => Setting::RateParent(Some(node(random))),
    }
}

fn interface(random: &mut fastrand::Rng) -> Setting {
    let side = pick(random, &[Side::Representor, Side::Representor, Side::Netdev]);
    match random.u8(..3) {
        0 => Setting::Name(side, pick(random, &["web0", "web1", "lo"]).parse().unwrap()),
        1 => Setting::Mtu(side, pick(random, &[67, 1400, 1500, 9000])),
        _ => Setting::Up(side, random.bool()),
    }
}

fn param(random: &mut fastrand::Rng) -> Setting {
    let (name, value) = pick(
        random,
        &[
            ("max_macs", Scalar::Number(64)),
            ("test1", Scalar::Bool(false)),
            ("test1", Scalar::Bool(true)),
            ("no_such_param", Scalar::Bool(true)),
        ],
    );
    let cmode = if random.u8(..8) == 0 { Cmode::Runtime } else { Cmode::Driverinit };
    Setting::Param { name: name.to_owned(), cmode, value }
}

fn request(random: &mut fastrand::Rng) -> Request {
    let parent = Subject::parent(nsim());
    match random.u8(..24) {
        0..=3 => Request::SetVfs { parent: nsim(), count: pick(random, &[0, 2, 2, 3, 5]), held: vec![] },
        4..=6 => {
            let mode = pick(random, &[EswitchMode::Legacy, EswitchMode::Switchdev, EswitchMode::Switchdev]);
            Request::Set { subject: parent, setting: Setting::EswitchMode(mode) }
        }
        7 => Request::Set { subject: parent, setting: param(random) },
        8 if random.u8(..4) == 0 => Request::Reload { subject: parent },
        9..=10 => Request::MakeRateNode { parent: nsim(), name: node(random) },
        11..=12 => Request::DeleteRateNode { parent: nsim(), name: node(random) },
        13 => Request::Set { subject: Subject::rate_node(nsim(), node(random)), setting: rate(random) },
        14..=16 => Request::Set { subject: vf(random), setting: rate(random) },
        17..=18 => Request::Set { subject: vf(random), setting: interface(random) },
        19 => Request::Set { subject: vf(random), setting: Setting::Mac(MacAddr([2, 0, 0, 0, 0, 1])) },
        _ => Request::Set { subject: vf(random), setting: legacy(random) },
    }
}

fn row(seed: u64) -> Vec<Request> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..ROW).map(|_| request(&mut random)).collect()
}

fn kind(request: &Request) -> String {
    match request {
        Request::Set { setting, subject } => {
            let of = if subject.rate_node_name().is_some() { " of a node" } else { "" };
            format!("set {}{of}", setting.attribute())
        }
        other => other.to_string().split(" netdevsim").next().unwrap_or_default().to_owned(),
    }
}

#[test]
fn the_simulated_netdevsim_answers_as_the_real_one() {
    let comparison = Comparison {
        begin: || {
            fresh();
            let mut simulated = SimulatedHost::new(sh("uname -r"));
            simulated.add_netdevsim(1);
            simulated
        },
        // The model has no uplink here: no request is about it.
        part: |state| Parent { uplink: None, ..state.parents[&nsim()].clone() },
        kind,
        rows: 8,
        pairs: 40,
    };
    comparison.run(row);
}
