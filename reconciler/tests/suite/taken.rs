//! What VFs had that no file names, after a run that was killed while they were gone or new.

use subdevcfg_compiler::values::{DevlinkHandle, EswitchMode, MacAddr, Rate};
use subdevcfg_reconciler::apply::Outcome;
use subdevcfg_reconciler::kernel::{Kernel as _, Request};
use subdevcfg_reconciler::plan::Action;
use subdevcfg_reconciler::resource::{FunctionId, LegacySetting, Setting, Side, Subject};
use subdevcfg_reconciler::state::Function;

use crate::support::{Host, Kill, desired};

const ADDRESS: &str = "0000:08:00.0";

fn card() -> DevlinkHandle {
    DevlinkHandle::new("pci", ADDRESS)
}

const fn vf(index: u32) -> FunctionId {
    FunctionId::Vf { controller: 0, pf: 0, index }
}

fn set(host: &mut Host, index: u32, setting: Setting) {
    let subject = Subject::function(card(), vf(index));
    host.kernel.perform(&Request::Set { subject, setting }).unwrap();
}

fn bind(host: &mut Host, index: u32, driver: Option<&str>) {
    let active = |active| Request::SetActive { parent: card(), id: vf(index), active };
    if vfs(host).iter().any(|function| function.id == vf(index) && function.active) {
        host.kernel.perform(&active(false)).unwrap();
    }
    if let Some(driver) = driver {
        set(host, index, Setting::Bind(Some(driver.to_owned())));
        host.kernel.perform(&active(true)).unwrap();
    }
}

fn text(lines: &str) -> String {
    format!("subdevcfg version=1\nhost lab\ndevice \"pci/{ADDRESS}\" {{\n{lines}\n}}\n")
}

const VLAN: Setting = Setting::Legacy(LegacySetting::Vlan(11));
const MAC: Setting = Setting::Legacy(LegacySetting::Mac(MacAddr([2, 0, 0, 0, 0, 1])));

/// A card with four VFs, made by hand: what the PF sets of the second, a driver for the third, none for the fourth.
fn by_hand() -> Host {
    let mut host = Host::with_kernel("6.12.0");
    host.kernel.plug_in(ADDRESS, "mlx5_core");
    host.kernel.perform(&Request::SetVfs { parent: card(), count: 4, held: vec![] }).unwrap();
    set(&mut host, 0, Setting::Legacy(LegacySetting::Trust(true)));
    let of_second = [
        MAC,
        VLAN,
        Setting::Legacy(LegacySetting::Trust(true)),
        Setting::Legacy(LegacySetting::Spoofchk(true)),
        Setting::Legacy(LegacySetting::RateMax(Rate(125_000_000))),
    ];
    for setting in of_second {
        set(&mut host, 1, setting);
    }
    bind(&mut host, 2, Some("vfio-pci"));
    bind(&mut host, 3, None);
    host
}

fn recount() -> String {
    text(" vfs 6\n subdevice v0 { vf 0; legacy vlan=7; }")
}

fn vfs(host: &Host) -> Vec<Function> {
    let parent = host.state().parents.remove(&card()).unwrap();
    parent.functions.into_iter().filter(|function| function.id.vf_index().is_some()).collect()
}

fn converge(host: &mut Host, text: &str) {
    let outcome = host.apply(&desired(text));
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    assert!(host.record.taken.is_empty());
    assert!(host.plan(&desired(text)).is_empty());
}

/// Hosts that were killed at each boundary of an apply of this.
fn killed(before: &Host, text: &str) -> Vec<Host> {
    let wanted = desired(text);
    let operations = before.plan(&wanted).operations.len();
    let boundaries = (1..=operations).flat_map(|at| [false, true].map(|after| Kill { at, after }));
    let hosts = boundaries.map(|kill| {
        let mut host = before.clone();
        host.apply_and_be_killed(&wanted, None, kill);
        host
    });
    hosts.collect()
}

/// Whether the second VF is there, and the VLAN that somebody gave it is not.
fn is_lost(host: &Host) -> bool {
    vfs(host).iter().any(|function| function.id == vf(1) && !function.settings().has(&VLAN))
}

/// One that was killed when the VFs had just come again.
fn killed_too_early() -> Host {
    killed(&by_hand(), &recount()).into_iter().find(is_lost).unwrap()
}

#[test]
fn what_no_file_names_is_there_again_wherever_runs_were_killed() {
    let mut straight = by_hand();
    converge(&mut straight, &recount());
    let mut without_record = 0;
    for once in killed(&by_hand(), &recount()) {
        let mut forgetful = once.clone();
        forgetful.record.taken.clear();
        converge(&mut forgetful, &recount());
        without_record += usize::from(vfs(&forgetful) != vfs(&straight));
        for mut twice in killed(&once, &recount()).into_iter().chain([once]) {
            converge(&mut twice, &recount());
            assert_eq!(vfs(&twice), vfs(&straight));
        }
    }
    assert!(without_record > 3, "nothing was lost to begin with");
}

#[test]
fn the_plan_says_what_comes_back_and_why() {
    let plan = killed_too_early().plan(&desired(&recount()));
    let subject = Subject::function(card(), vf(1));
    let change = plan.resource_changes.iter().find(|change| change.subject == subject).unwrap();
    assert_eq!(change.actions, [Action::Update]);
    let reason = change.action_reason.text.as_deref();
    assert_eq!(reason, Some("a run that did not end took it along: it comes back as it was"));
    assert_eq!(change.after.as_ref().unwrap()["legacy.vlan"], 11_u32.into());
}

#[test]
fn what_somebody_has_set_since_stays() {
    let mut host = killed_too_early();
    let by_hand = Setting::Legacy(LegacySetting::Vlan(99));
    set(&mut host, 1, by_hand.clone());
    bind(&mut host, 3, Some("vfio-pci"));
    // Also over a second recount that is killed.
    let other = text(" vfs 5\n subdevice v0 { vf 0; legacy vlan=7; }");
    for mut host in killed(&host, &other).into_iter().chain([host]) {
        converge(&mut host, &other);
        let [_, second, third, fourth, _] = &vfs(&host)[..] else { panic!("five VFs") };
        assert!(second.settings().has(&by_hand) && second.settings().has(&MAC), "{second:?}");
        assert!(third.settings().has(&Setting::Bind(Some("vfio-pci".to_owned()))) && third.active);
        assert!(fourth.settings().has(&Setting::Bind(Some("vfio-pci".to_owned()))) && fourth.active);
    }
}

#[test]
fn another_file_has_back_what_it_lets_exist_and_that_once() {
    for mut host in killed(&by_hand(), &recount()) {
        converge(&mut host, &text(" vfs 2"));
        let [_, second] = &vfs(&host)[..] else { panic!("two VFs") };
        assert!([VLAN, MAC].iter().all(|setting| second.settings().has(setting)), "{second:?}");
        converge(&mut host, &text(" vfs 3"));
        assert_eq!(
            vfs(&host)[2].settings().get(&Setting::Bind(None).attribute()),
            Some(&Setting::Bind(None))
        );
    }
}

#[test]
fn what_was_undone_brings_nothing_twice() {
    let before = by_hand();
    for mut host in killed(&before, &recount()) {
        let outcome = host.undo(&before, &desired(&recount()), None);
        assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        assert_eq!((vfs(&host), &host.record), (vfs(&before), &before.record));
        let nothing = Setting::Legacy(LegacySetting::Vlan(0));
        set(&mut host, 1, nothing.clone());
        converge(&mut host, &text(" vfs 4"));
        assert!(vfs(&host)[1].settings().has(&nothing));
    }
}

#[test]
fn what_a_run_lost_before_the_one_that_is_undone_comes_back_as_well() {
    let mut straight = by_hand();
    converge(&mut straight, &recount());
    let before = killed_too_early();
    for mut host in killed(&before, &recount()) {
        let outcome = host.undo(&before, &desired(&recount()), None);
        assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        converge(&mut host, &recount());
        assert_eq!(vfs(&host), vfs(&straight));
    }
}

#[test]
fn a_switch_of_the_mode_is_no_other_loss() {
    let mut before = Host::with_kernel("6.12.0");
    before.kernel.plug_in(ADDRESS, "mlx5_core");
    let mode = Setting::EswitchMode(EswitchMode::Switchdev);
    let subject = Subject::parent(card());
    before.kernel.perform(&Request::Set { subject, setting: mode }).unwrap();
    before.kernel.perform(&Request::SetVfs { parent: card(), count: 2, held: vec![] }).unwrap();
    let of_second = [
        Setting::Mac(MacAddr([2, 0, 0, 0, 0, 1])),
        Setting::TxMax(Rate(125_000_000)),
        Setting::Mtu(Side::Representor, 9000),
        Setting::Up(Side::Representor, true),
    ];
    for setting in of_second.clone() {
        set(&mut before, 1, setting);
    }
    // Whoever stays in switchdev mode after all loses nothing either.
    let legacy = text(" eswitch mode=legacy\n vfs 2");
    let switchdev = text(" eswitch mode=switchdev\n vfs 2");
    for mut host in killed(&before, &legacy) {
        converge(&mut host, &switchdev);
        let second = vfs(&host)[1].settings();
        assert!(of_second.iter().all(|setting| second.has(setting)), "{second:?}");
    }
}
