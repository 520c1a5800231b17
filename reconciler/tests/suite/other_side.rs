//! Functions that the other side of a device makes: configured when they are there, deferred while they are not, never
//! made, stopped or deleted here.

use subdevcfg_compiler::values::{DevlinkHandle, EswitchMode, MacAddr};
use subdevcfg_reconciler::apply::Outcome;
use subdevcfg_reconciler::kernel::{Kernel as _, Request};
use subdevcfg_reconciler::plan::{Action, Input, NoteKind, Plan, Reversible, plan};
use subdevcfg_reconciler::record::Record;
use subdevcfg_reconciler::resource::{Capability, FunctionId, Setting, Subject};
use subdevcfg_reconciler::state::{Eswitch, Function, Interface, Parent, Rates, State};

use crate::support::{Host, desired};

const TEXT: &str = "subdevcfg version=1
host \"*\"
device \"netdevsim/netdevsim1\" {
    eswitch mode=switchdev
    rate-node guests tx-max=\"4Gbit\"
    subdevice pf { external pf=0; rate parent=guests; representor pf_r up=#true; }
    subdevice web { external pf=0 vf=3; rate tx-max=\"2Gbit\" parent=guests; representor web_r mtu=1400; }
}
";

const PF: FunctionId = FunctionId::Pf { controller: 1, pf: 0 };
const WEB: FunctionId = FunctionId::Vf { controller: 1, pf: 0, index: 3 };

fn host() -> Host {
    let mut host = Host::with_kernel("6.12.0");
    host.kernel.add_netdevsim(1);
    host
}

fn converge(host: &mut Host, text: &str) {
    let outcome = host.apply(&desired(text));
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    assert!(host.plan(&desired(text)).is_empty());
}

fn deferred(plan: &Plan) -> Vec<&str> {
    let notes = plan.notes.iter().filter(|note| note.kind == NoteKind::Deferred);
    notes.map(|note| note.about.as_str()).collect()
}

fn is_recorded(host: &Host, id: &FunctionId) -> bool {
    host.record.settings.keys().any(|(subject, _)| subject.function_id() == Some(id))
}

/// Whether it is as the file says, on the host as it is.
fn is_configured(host: &Host) -> bool {
    let state = host.state();
    let functions = &state.parents[&"netdevsim/netdevsim1".parse().unwrap()].functions;
    functions.iter().all(|function| {
        let rates = function.rates.as_ref().unwrap();
        let name = function.representor.as_ref().unwrap().name.as_ref().map(ToString::to_string);
        rates.parent.as_deref() == Some("guests") && name.is_some()
    })
}

#[test]
fn it_is_deferred_until_it_comes_and_when_it_is_gone_again() {
    let mut host = host();
    converge(&mut host, TEXT);
    let names = ["netdevsim/netdevsim1#pf", "netdevsim/netdevsim1#web"];
    let plan = host.plan(&desired(TEXT));
    assert_eq!(deferred(&plan), names);
    assert!(plan.is_incomplete());

    host.kernel.other_side_makes(1, PF).unwrap();
    host.kernel.other_side_makes(1, WEB).unwrap();
    let plan = host.plan(&desired(TEXT));
    assert_eq!(deferred(&plan), [""; 0]);
    let functions = plan.resource_changes.iter().filter(|change| change.subject.function_id().is_some());
    assert!(functions.clone().all(|change| change.actions == [Action::Update]), "{plan:#?}");
    assert_eq!(functions.count(), 2);
    converge(&mut host, TEXT);
    assert!(is_configured(&host));
    assert!(host.record.made.keys().all(|subject| subject.function_id().is_none()), "{:?}", host.record.made);

    host.kernel.other_side_removes(1, &WEB).unwrap();
    let plan = host.plan(&desired(TEXT));
    assert!(plan.is_empty());
    assert_eq!((deferred(&plan), plan.drift.len()), (vec![names[1]], 0));
    converge(&mut host, TEXT);
    assert!(is_recorded(&host, &PF) && !is_recorded(&host, &WEB), "{:?}", host.record.settings);

    host.kernel.other_side_makes(1, WEB).unwrap();
    assert_eq!(host.plan(&desired(TEXT)).drift, []);
    converge(&mut host, TEXT);
    assert!(is_configured(&host));
}

#[test]
fn one_that_was_made_anew_between_two_looks_is_no_drift() {
    let mut host = host();
    host.kernel.other_side_makes(1, PF).unwrap();
    host.kernel.other_side_makes(1, WEB).unwrap();
    // They are to be seen once the mode is switched, and left to the next apply.
    let outcome = host.apply(&desired(TEXT));
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    converge(&mut host, TEXT);
    host.kernel.other_side_removes(1, &WEB).unwrap();
    host.kernel.other_side_makes(1, WEB).unwrap();
    let plan = host.plan(&desired(TEXT));
    assert!(!plan.is_empty());
    assert_eq!(plan.drift, []);
    converge(&mut host, TEXT);

    // One attribute in another hand is drift.
    let subject = Subject::function("netdevsim/netdevsim1".parse().unwrap(), WEB);
    let setting = Setting::TxMax("1Gbit".parse().unwrap());
    host.kernel.perform(&Request::Set { subject, setting }).unwrap();
    let plan = host.plan(&desired(TEXT));
    let drift: Vec<&str> = plan.drift.iter().map(|drift| drift.address.as_str()).collect();
    assert_eq!(drift, ["netdevsim/netdevsim1#web.rate.tx-max"]);
}

#[test]
fn destroy_puts_back_what_it_found_and_leaves_the_function() {
    let mut host = host();
    let mode = Setting::EswitchMode(EswitchMode::Switchdev);
    let parent = Subject::parent("netdevsim/netdevsim1".parse().unwrap());
    host.kernel.perform(&Request::Set { subject: parent, setting: mode }).unwrap();
    host.kernel.other_side_makes(1, WEB).unwrap();
    let before = host.state();
    converge(&mut host, TEXT);
    assert!(matches!(host.destroy(), Outcome::Converged(_)));
    let of = |state: &State| state.parents[&"netdevsim/netdevsim1".parse().unwrap()].functions[0].clone();
    assert_eq!(of(&before).rates, of(&host.state()).rates);
    assert_eq!(of(&host.state()).id, WEB);
    assert!(host.record.settings.is_empty() && host.record.made.is_empty(), "{:#?}", host.record);

    // Also what is gone by then.
    converge(&mut host, TEXT);
    host.kernel.other_side_removes(1, &WEB).unwrap();
    assert!(matches!(host.destroy(), Outcome::Converged(_)));
    assert!(host.record.settings.is_empty() && host.record.made.is_empty(), "{:#?}", host.record);
}

/// A DPU as its own system sees it: the other side's PF and one of its VFs, both running there.
fn dpu() -> (DevlinkHandle, State) {
    let function = |id| Function {
        id,
        mdev_type: None,
        on_vf: None,
        attrs: [].into(),
        mac: Some(MacAddr([2, 0, 0, 0, 0, 1])),
        capabilities: [(Capability::Roce, true)].into(),
        max_io_eqs: None,
        rates: Some(Rates { tx_priority: Some(0), tx_weight: Some(0), ..Rates::default() }),
        vf: None,
        active: true,
        params: [].into(),
        netdev: None,
        representor: Some(Interface { mtu: 1500, ..Interface::default() }),
        volatile: <_>::default(),
    };
    let handle: DevlinkHandle = "pci/0000:03:00.0".parse().unwrap();
    let mut state = State::empty();
    "6.12.0".clone_into(&mut state.volatile.0.kernel_release);
    state.volatile.0.soft_buses = Some(Vec::new());
    let eswitch = Eswitch { mode: Some(EswitchMode::Switchdev), ..Eswitch::default() };
    let parent = Parent {
        driver: Some("mlx5_core".to_owned()),
        eswitch,
        functions: vec![function(WEB), function(PF)],
        ..Parent::default()
    };
    state.parents.insert(handle.clone(), parent);
    (handle, state)
}

#[test]
fn what_runs_on_the_other_side_is_written_without_stopping_it() {
    let text = "subdevcfg version=1\nhost node-17\ndevice \"pci/0000:03:00.0\" driver=mlx5_core {
        eswitch mode=switchdev
        subdevice pf { external pf=0; function mac=\"02:00:00:00:01:00\"; representor pf_r; }
        subdevice web { external pf=0 vf=3; function mac=\"02:00:00:00:01:03\" roce=#false migratable=#true
            rate tx-max=\"1Gbit\"; representor web_r up=#true; }\n}\n";
    let (_, state) = dpu();
    let plan = plan(Input { desired: &desired(text), state: &state, record: &Record::default() });
    assert_eq!((&plan.refusals, plan.unread.len()), (&vec![], 0));
    let requests: Vec<String> = plan.operations.iter().map(|it| it.request.to_string()).collect();
    assert_eq!(requests.len(), 8, "{requests:#?}");
    for operation in &plan.operations {
        assert!(matches!(operation.request, Request::Set { .. }), "{requests:#?}");
        assert_eq!(operation.reversible, Reversible::Yes);
    }
}
