//! `destroy` on parents that subdevcfg did not make: what it changed goes back, and what others made is as it was.

use subdevcfg_reconciler::apply::{Outcome, differences};
use subdevcfg_reconciler::kernel::{Kernel as _, Request};
use subdevcfg_reconciler::plan::{Input, Scope, destroy};
use subdevcfg_reconciler::record::Record;
use subdevcfg_reconciler::resource::FunctionId;

use crate::support::{Host, desired};

fn text(body: &str) -> String {
    format!(
        "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/p0\" {{ create max-subdevices=8; eswitch mode=switchdev; {body} }}\n"
    )
}

fn apply(host: &mut Host, body: &str) {
    let outcome = host.apply(&desired(&text(body)));
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
}

/// A parent with these nodes on it, of which nothing tells who made it.
fn by_hand(body: &str) -> Host {
    let mut host = Host::with_kernel("6.12.0");
    apply(&mut host, body);
    host.record = Record::default();
    host
}

/// A parameter of the parent that needs a reload, and the reload deletes its subfunctions.
const PARAM: &str = "param max_queues 32;";

const MDEV: &str = "subdevice m { mdev type=eth uuid=\"00000000-0000-4000-8000-000000000001\"; \
                    rate tx-max=\"1Gbit\"; netdev m0 mtu=1400 up=#true; representor m0_r up=#true; };";

fn refusals(host: &Host) -> Vec<String> {
    host.plan_of_destroy().refusals.into_iter().map(|refusal| refusal.text).collect()
}

#[test]
fn a_reload_that_would_delete_what_others_made_is_refused() {
    let mut host = by_hand("");
    apply(&mut host, PARAM);
    let id = FunctionId::Sf { controller: 0, pf: 0, number: 5 };
    let create = Request::Create { parent: "subdev/p0".parse().unwrap(), id, mdev_type: None, on_vf: None };
    host.kernel.perform(&create).unwrap();
    assert_eq!(
        refusals(&host),
        ["subdev/p0 sf 5 is in the way, and subdevcfg did not make it: a reload of the parent deletes it; \
          remove it by hand if nobody needs it"]
    );
}

#[test]
fn a_reload_that_would_delete_what_was_adopted_is_refused() {
    let mut host = by_hand("");
    apply(&mut host, PARAM);
    let record = std::mem::take(&mut host.record);
    apply(&mut host, &format!("{PARAM} subdevice a {{ sf 5; }}"));
    // Somebody else made it, and a later file names it.
    host.record = record;
    apply(&mut host, &format!("{PARAM} subdevice a {{ sf 5; }}"));
    assert_eq!(
        refusals(&host),
        ["subdev/p0 sf 5 is in the way, and subdevcfg did not make it: a reload of the parent deletes it; \
          remove it by hand if nobody needs it"]
    );
}

#[test]
fn a_reload_that_would_delete_what_the_file_does_not_name_is_refused() {
    let mut host = by_hand("");
    apply(&mut host, &format!("{PARAM} subdevice a {{ sf 5; }}"));
    let (named, state) = (desired(&text(PARAM)), host.state());
    let plan = destroy(Input { desired: &named, state: &state, record: &host.record }, Scope::Named);
    let refused: Vec<&str> = plan.refusals.iter().map(|refusal| refusal.text.as_str()).collect();
    assert_eq!(
        refused,
        ["subdev/p0 sf 5 is in the way, and the file does not name it: a reload of the parent deletes it; \
          name it as well"]
    );
}

#[test]
fn what_a_reload_stops_comes_back_whoever_made_it() {
    let before = by_hand(&format!("uplink mtu=9000 up=#true; {MDEV}"));
    let mut host = before.clone();
    apply(&mut host, PARAM);
    assert_eq!(differences(&before.state(), &host.state()), ["subdev/p0: param max_queues was 64 and is 32"]);
    // Nobody named it: it is nobody's as before.
    assert!(host.record.settings.keys().all(|(subject, _)| subject.is_parent()), "{:#?}", host.record);
    let outcome = host.destroy();
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    assert_eq!(differences(&before.state(), &host.state()), Vec::<String>::new());
    assert_eq!(host.record, Record::default());
}

#[test]
fn what_a_step_for_something_else_changes_goes_back_too() {
    let netdev = "function mac=\"02:00:00:00:00:01\"; netdev m0 up=#true;";
    let text = format!("uplink up=#true; {}", MDEV.replace("netdev m0 mtu=1400 up=#true;", netdev));
    let mut host = by_hand(&text);
    let before = host.state();
    // A new uplink is down by itself, and so is a netdev that comes when its function is started again.
    let down = text.replace("uplink up=#true", "uplink up=#false").replace("m0 up=#true", "m0 up=#false");
    apply(&mut host, &format!("{PARAM} {}", down.replace("00:01", "00:02")));
    let outcome = host.destroy();
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    assert_eq!(differences(&before, &host.state()), Vec::<String>::new());
}

#[test]
fn what_a_restart_changes_goes_back_too() {
    let first =
        "subdevice a { sf 7; function mac=\"02:00:00:00:00:01\"; param queues 2; netdev a0 up=#true; }";
    let mut host = by_hand(first);
    let before = host.state();
    // A subfunction that is started again has the default of its parameters, and needs no reload for that.
    let second =
        first.replace("00:01", "00:02").replace("queues 2", "queues 1").replace("up=#true", "up=#false");
    apply(&mut host, &second);
    assert!(host.plan(&desired(&text(&second))).is_empty());
    let outcome = host.destroy();
    assert!(matches!(outcome, Outcome::Converged(_)), "{outcome:?}");
    assert_eq!(differences(&before, &host.state()), Vec::<String>::new());
}

#[test]
fn what_was_adopted_and_never_changed_is_let_go_of() {
    let mut host = by_hand(MDEV);
    let before = host.state();
    apply(&mut host, MDEV);
    assert_eq!(host.record.adopted.len(), 2, "{:#?}", host.record);
    let plan = host.plan_of_destroy();
    assert!(plan.is_empty(), "{plan:#?}");
    host.destroy();
    assert_eq!(differences(&before, &host.state()), Vec::<String>::new());
    assert_eq!(host.record.adopted.len(), 0, "{:#?}", host.record);
}
