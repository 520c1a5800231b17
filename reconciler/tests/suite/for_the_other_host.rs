//! Subfunctions that this host makes for another one, as a DPU does it for the host that it is in: made, configured and
//! started here, and run there.

use subdevcfg_reconciler::apply::Outcome;
use subdevcfg_reconciler::kernel::{Effect, Kernel as _, Request};
use subdevcfg_reconciler::plan::{Action, NoteKind, Plan};
use subdevcfg_reconciler::resource::{FunctionId, Setting, Subject};
use subdevcfg_reconciler::rules;
use subdevcfg_reconciler::simulated::OtherHost;
use subdevcfg_reconciler::state::Function;

use crate::support::{Host, desired};

const OWN: &str = "subdevice own { sf 88; netdev own0; }";

/// Of the same number as the one that runs here.
const GIVEN: &str = "subdevice web {
    sf 88 controller=1
    function mac=\"02:00:00:00:00:88\"
    rate tx-max=\"2Gbit\" parent=guests
    representor web_r mtu=1400 up=#true
}";

/// A host file with these subdevices.
fn file(mode: &str, subdevices: &[&str]) -> String {
    let nodes = if mode == "switchdev" { "rate-node guests tx-max=\"4Gbit\"" } else { "" };
    format!(
        "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" {{
    create max-subdevices=8 mac-base=\"02:00:00:00:10:00\"
    eswitch mode={mode}\n{nodes}\n{}\n}}\n",
        subdevices.join("\n")
    )
}

fn both() -> String {
    file("switchdev", &[OWN, GIVEN])
}

const WEB: FunctionId = FunctionId::Sf { controller: 1, pf: 0, number: 88 };

fn web() -> Subject {
    Subject::function("subdev/nic0".parse().unwrap(), WEB)
}

fn host(other_host: OtherHost) -> Host {
    let mut host = Host::with_kernel("6.12.0");
    host.kernel.share_with(other_host);
    host
}

fn converge(host: &mut Host, text: &str) {
    let outcome = host.apply(&desired(text));
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    let plan = host.plan(&desired(text));
    assert!(plan.is_empty() && plan.drift.is_empty(), "{plan:#?}");
}

fn observed(host: &Host) -> Option<Function> {
    host.state().function(&web()).cloned()
}

/// The requests of a plan about it, with the effect that each waits for.
fn requests(plan: &Plan) -> Vec<(String, Option<Effect>)> {
    let about_it = plan.operations.iter().filter(|operation| operation.request.subject() == web());
    about_it.map(|operation| (operation.request.to_string(), operation.effect)).collect()
}

fn users(plan: &Plan) -> Vec<&str> {
    plan.in_use.iter().flat_map(|in_use| &in_use.users).map(String::as_str).collect()
}

#[test]
fn it_is_made_here_and_runs_there() {
    for other_host in [OtherHost::Idle, OtherHost::Attaches] {
        let mut host = host(other_host);
        let wanted = desired(&both());
        let (outcome, heard) = host.apply_and_listen(&wanted);
        assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
        let awaited = heard.iter().filter(|line| line.contains("waits") && line.contains("controller 1"));
        assert!(
            awaited.clone().all(|line| line.contains("representor")),
            "{:#?}",
            awaited.collect::<Vec<_>>()
        );
        assert!(host.plan(&wanted).is_empty());
        let found = observed(&host).unwrap();
        assert!(found.active && found.params.is_empty() && found.netdev.is_none());
        assert_eq!(found.volatile.0.attached, other_host == OtherHost::Attaches);
        assert_eq!(found.rates.unwrap().parent.as_deref(), Some("guests"));
        assert!(host.record.made.contains_key(&web()));
        // The other host comes and goes: that is no drift.
        for other_host in [OtherHost::Attaches, OtherHost::Idle] {
            host.kernel.share_with(other_host);
            let plan = host.plan(&wanted);
            assert!(plan.is_empty() && plan.drift.is_empty(), "{plan:#?}");
        }
        assert!(matches!(host.destroy(), Outcome::Converged(_)));
        assert!(observed(&host).is_none() && host.record.made.is_empty());
    }
}

#[test]
fn its_number_is_among_those_of_the_other_host() {
    let mut host = host(OtherHost::Idle);
    converge(&mut host, &file("switchdev", &["subdevice own { sf 7; }", GIVEN]));
    // That one has the number does not keep the other from it.
    converge(&mut host, &both());
    converge(&mut host, &file("switchdev", &[OWN, &GIVEN.replace("sf 88", "sf 7")]));
    assert!(observed(&host).is_none());
}

#[test]
fn a_change_that_it_has_to_stop_for_disturbs_who_runs_it() {
    let mut host = host(OtherHost::Attaches);
    converge(&mut host, &both());
    let other = desired(&file("switchdev", &[OWN, &GIVEN.replace("00:00:88", "00:00:89")]));
    let plan = host.plan(&other);
    let effects: Vec<Option<Effect>> = requests(&plan).into_iter().map(|(_, effect)| effect).collect();
    assert_eq!(effects, [Some(Effect::Detached), None, None], "{:#?}", requests(&plan));
    assert_eq!(users(&plan), ["attached on the host of controller 1"]);
    // Its limit is written while it runs.
    let slower = desired(&file("switchdev", &[OWN, &GIVEN.replace("2Gbit", "1Gbit")]));
    assert_eq!((requests(&host.plan(&slower)).len(), users(&host.plan(&slower)).len()), (1, 0));

    host.kernel.share_with(OtherHost::Idle);
    assert_eq!(users(&host.plan(&other)), [""; 0]);
    let before = host.clone();
    let outcome = host.apply(&other);
    let Outcome::Converged(after) = outcome else { panic!("{outcome:?}") };
    assert!(observed(&host).unwrap().active);
    assert!(matches!(host.undo(&before, &other, Some(after.state)), Outcome::Converged(_)));
    assert_eq!(host.state(), before.state());
}

#[test]
fn it_is_deleted_as_what_runs_and_comes_back_when_that_fails() {
    let mut host = host(OtherHost::Attaches);
    converge(&mut host, &both());
    let without = file("switchdev", &[OWN, "subdevice web absent=#true { sf 88 controller=1; }"]);
    let wanted = desired(&without);
    let plan = host.plan(&wanted);
    let change = plan.resource_changes.iter().find(|change| change.subject == web()).unwrap();
    assert_eq!((change.actions.as_slice(), change.impact), ([Action::Delete].as_slice(), rules::DELETE));
    assert_eq!(users(&plan), ["attached on the host of controller 1"]);
    let before = host.state();
    for fault in 1..=plan.operations.len() {
        let outcome = host.apply_with_fault(&wanted, Some(fault));
        assert!(matches!(outcome, Outcome::Undone(_)), "at {fault}: {outcome:?}");
        assert_eq!(host.state(), before);
    }
    converge(&mut host, &without);
    assert!(observed(&host).is_none());
}

#[test]
fn one_that_somebody_else_made_is_adopted_and_stays() {
    let mut host = host(OtherHost::Idle);
    converge(&mut host, &file("switchdev", &[OWN]));
    let create = Request::Create { parent: web().parent, id: WEB, mdev_type: None, on_vf: None };
    host.kernel.perform(&create).unwrap();
    let notes = host.plan(&desired(&file("switchdev", &[OWN]))).notes;
    let unmanaged = notes.iter().filter(|note| note.kind == NoteKind::Unmanaged);
    let unmanaged: Vec<&str> = unmanaged.map(|note| note.about.as_str()).collect();
    assert_eq!(unmanaged, [web().to_string()]);

    converge(&mut host, &both());
    assert!(!host.record.made.contains_key(&web()));
    let slower = Request::Set { subject: web(), setting: Setting::TxMax("1Gbit".parse().unwrap()) };
    host.kernel.perform(&slower).unwrap();
    let plan = host.plan(&desired(&both()));
    let drift: Vec<&str> = plan.drift.iter().map(|drift| drift.address.as_str()).collect();
    assert_eq!(drift, ["subdev/nic0#web.rate.tx-max"]);
    converge(&mut host, &both());

    let outcome = host.apply(&desired(&file("switchdev", &[OWN])));
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    assert!(observed(&host).unwrap().active);
}

#[test]
fn without_another_host_it_cannot_be_made() {
    let mut host = host(OtherHost::None);
    let outcome = host.apply(&desired(&both()));
    assert!(matches!(outcome, Outcome::Undone(_)), "{outcome:?}");
    assert!(observed(&host).is_none() && host.record.made.is_empty());
}

#[test]
fn a_switch_of_the_mode_takes_it_away_and_an_undo_brings_it_back() {
    let mut host = host(OtherHost::Attaches);
    converge(&mut host, &both());
    let before = host.clone();
    let legacy = desired(&file("legacy", &[]));
    assert_eq!(users(&host.plan(&legacy)), ["attached on the host of controller 1"]);
    let outcome = host.apply(&legacy);
    let Outcome::Converged(after) = outcome else { panic!("{outcome:?}") };
    assert!(observed(&host).is_none());
    assert!(matches!(host.undo(&before, &legacy, Some(after.state)), Outcome::Converged(_)));
    assert_eq!(observed(&host), observed(&before));
}
