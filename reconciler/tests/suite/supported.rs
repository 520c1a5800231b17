//! Parameters that a device may do without (`if-supported=#true`).

use subdevcfg_reconciler::apply::Outcome;
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::kernel::Kernel as _;
use subdevcfg_reconciler::plan::{NoteKind, Plan};
use subdevcfg_reconciler::resource::Attribute;

use crate::support::{Host, desired};

/// netdevsim has `max_macs`, in the cmode driverinit.
fn netdevsim(params: &str) -> Desired {
    desired(&format!("subdevcfg version=1\nhost \"*\"\ndevice \"netdevsim/netdevsim1\" {{ {params} }}\n"))
}

fn host() -> Host {
    let mut host = Host::with_kernel("6.12.0");
    host.kernel.add_netdevsim(1);
    host
}

fn lacking(plan: &Plan) -> Vec<(&str, &str)> {
    let notes = plan.notes.iter().filter(|note| note.kind == NoteKind::Lacking);
    notes.map(|note| (note.about.as_str(), note.text.as_str())).collect()
}

fn requests(plan: &Plan) -> Vec<String> {
    plan.operations.iter().map(|operation| operation.request.to_string()).collect()
}

fn converge(host: &mut Host, desired: &Desired) {
    let outcome = host.apply(desired);
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
}

/// The names of the parameters in the record.
fn recorded(host: &Host) -> Vec<String> {
    let written = host.record.settings.keys();
    let params = written.filter_map(|(_, attribute)| match attribute {
        Attribute::Param(name, _) => Some(name.clone()),
        _ => None,
    });
    params.collect()
}

const MIXED: &str = "param max_macs 64 if-supported=#true; param turbo 7 cmode=runtime if-supported=#true; \
                     param test1 #false cmode=runtime if-supported=#true";

#[test]
fn what_a_device_does_not_have_is_left_out_and_told_of() {
    let mut host = host();
    // The catalogue, were there one, would refuse the cmode of `test1`.
    let mut wanted = netdevsim("param max_macs 64 if-supported=#true");
    let text = MIXED.replace("max_macs 64", "max_macs 64 cmode=driverinit");
    let mixed =
        desired(&format!("subdevcfg version=1\nhost \"*\"\ndevice nic {{ match netdev=eth0; {text} }}\n"));
    wanted.parents[0].wanted = mixed.parents[0].wanted.clone();
    let plan = host.plan(&wanted);
    let there = "the device has no such parameter, or not with this cmode: left out";
    assert_eq!(
        lacking(&plan),
        [
            ("netdevsim/netdevsim1.param[test1,runtime]", there),
            ("netdevsim/netdevsim1.param[turbo,runtime]", there)
        ]
    );
    assert!(!plan.is_incomplete());
    assert_eq!(plan.operations.len(), 2, "{:#?}", requests(&plan));
    converge(&mut host, &wanted);
    assert_eq!(recorded(&host), ["max_macs"]);
    let plan = host.plan(&wanted);
    assert_eq!((plan.operations.len(), plan.drift.len(), lacking(&plan).len()), (0, 0, 2));
    assert!(matches!(host.destroy(), Outcome::Converged(_)));
    assert_eq!(recorded(&host), [""; 0]);
}

#[test]
fn without_it_a_device_that_does_not_have_it_is_not_done_without() {
    let plan = host().plan(&netdevsim("param turbo 7 cmode=runtime"));
    assert_eq!((lacking(&plan), plan.operations.len()), (vec![], 1));
}

#[test]
fn what_a_device_has_no_more_is_not_recorded_any_more() {
    let mut host = host();
    let wanted = netdevsim("param max_macs 64 if-supported=#true");
    converge(&mut host, &wanted);
    // The record of a kernel whose driver had another one.
    let key = host.record.settings.keys().next().unwrap().clone();
    let mut written = host.record.settings[&key].clone();
    let other = netdevsim("param turbo 7 cmode=runtime if-supported=#true");
    written.applied = other.parents[0].wanted.settings.iter().next().unwrap().clone();
    host.record.settings.insert((key.0, written.applied.attribute()), written);
    let wanted = netdevsim("param max_macs 64; param turbo 7 cmode=runtime if-supported=#true");
    let plan = host.plan(&wanted);
    let kinds: Vec<NoteKind> = plan.notes.iter().map(|note| note.kind).collect();
    assert_eq!((kinds, plan.drift.len()), (vec![NoteKind::Lacking], 0));
    converge(&mut host, &wanted);
    assert_eq!(recorded(&host), ["max_macs"]);
}

const MADE: &str = "subdevcfg version=1
host \"*\"
device \"subdev/nic0\" {
    create
    eswitch mode=switchdev
    param max_queues 32 if-supported=#true
    subdevice web { sf 7; param queues 4 if-supported=#true; representor web_r; }
}
";

#[test]
fn of_what_the_plan_makes_the_catalogue_decides() {
    let mut host = host();
    let wanted = desired(MADE);
    let plan = host.plan(&wanted);
    assert_eq!(lacking(&plan), []);
    converge(&mut host, &wanted);
    assert_eq!(recorded(&host), ["max_queues", "queues"]);
}

#[test]
fn what_the_catalogue_does_not_know_is_left_to_the_next_apply() {
    let mut host = host();
    let mut wanted = desired(MADE);
    let mut catalogue = wanted.parents[0].catalogue.as_deref().unwrap().clone();
    catalogue.params.clear();
    wanted.parents[0].catalogue = Some(std::sync::Arc::new(catalogue));
    let plan = host.plan(&wanted);
    let about: Vec<&str> = lacking(&plan).into_iter().map(|(about, _)| about).collect();
    assert_eq!(
        about,
        ["subdev/nic0#web.param[queues,driverinit]", "subdev/nic0.param[max_queues,driverinit]"]
    );
    assert!(!plan.is_incomplete());
    converge(&mut host, &wanted);
    assert_eq!(recorded(&host), [""; 0]);
    let plan = host.plan(&wanted);
    assert_eq!((lacking(&plan), plan.is_empty()), (vec![], false));
    converge(&mut host, &wanted);
    assert_eq!(recorded(&host), ["max_queues", "queues"]);
    assert!(host.plan(&wanted).is_empty());
}

#[test]
fn a_parameter_of_other_kernels_is_left_out_where_the_catalogue_says_so() {
    let mut host = host();
    let mut wanted = desired(MADE);
    let mut catalogue = wanted.parents[0].catalogue.as_deref().unwrap().clone();
    for spec in catalogue.params.iter_mut().filter(|spec| spec.name == "queues") {
        spec.kernel = Some(">=6.18".to_owned());
    }
    wanted.parents[0].catalogue = Some(std::sync::Arc::new(catalogue));
    let plan = host.plan(&wanted);
    let text = "its driver has this parameter on kernels >=6.18 only: left out";
    assert_eq!(lacking(&plan), [("subdev/nic0#web.param[queues,driverinit]", text)]);
    host.kernel.kernel_release = "6.18.1".to_owned();
    assert_eq!(lacking(&host.plan(&wanted)), []);
}

#[test]
fn a_function_that_nothing_drives_here_keeps_the_rest_of_what_it_is_to_be() {
    let mut host = host();
    let wanted = desired(MADE);
    converge(&mut host, &wanted);
    let mut state = host.kernel.observe().unwrap();
    let parent = state.parents.get_mut(&"subdev/nic0".parse().unwrap()).unwrap();
    parent.functions[0].params.clear();
    parent.functions[0].volatile.0.instance = None;
    let input = subdevcfg_reconciler::plan::Input { desired: &wanted, state: &state, record: &host.record };
    let plan = subdevcfg_reconciler::plan::plan(input);
    assert_eq!((plan.operations.len(), lacking(&plan).len(), plan.drift.len()), (0, 1, 0));
}
