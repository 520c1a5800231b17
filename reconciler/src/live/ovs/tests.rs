//! The conversation with a database that is a script: what it answers to each request, right or wrong.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use subdevcfg_netlink::route::Hop;

use super::super::lifelines::{Learned, Network, Way};
use super::super::tree::Tree;
use super::super::usage;
use super::*;

/// What the other side does with one request.
enum Answer {
    /// These bytes, and the next request is awaited.
    Says(String),
    /// These bytes, and it hangs up.
    HangsUp(&'static str),
    /// Nothing, for as long as anybody waits.
    Nothing,
}

fn result(result: &Value) -> Answer {
    Answer::Says(json!({ "id": "transact", "result": result, "error": null }).to_string())
}

/// A host with a database that gives these answers, one conversation each; the requests that it hears.
fn database(conversations: Vec<Vec<Answer>>) -> (Tree, Switch, Receiver<Value>) {
    let tree = Tree::empty();
    tree.file("run/openvswitch/log", "");
    let (heard, requests) = channel();
    let listener = UnixListener::bind(tree.root.join("run/openvswitch/db.sock")).unwrap();
    thread::spawn(move || {
        let mut quiet = Vec::new();
        for answers in conversations {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = stream.try_clone().unwrap();
            for answer in answers {
                let mut messages = serde_json::Deserializer::from_reader(&mut reader).into_iter::<Value>();
                let Some(Ok(request)) = messages.next() else { break };
                // A test that has ended listens no more.
                let _ = heard.send(request);
                match answer {
                    Answer::Says(text) => stream.write_all(text.as_bytes()).unwrap(),
                    Answer::HangsUp(text) => {
                        stream.write_all(text.as_bytes()).unwrap();
                        break;
                    }
                    Answer::Nothing => quiet.push(stream.try_clone().unwrap()),
                }
            }
        }
        // Those who wait see no end.
        if let Some(stream) = quiet.last_mut() {
            let _ = stream.read(&mut [0]);
        }
    });
    let mut switch = Switch::new(&tree.root);
    switch.patience = Duration::from_millis(500);
    (tree, switch, requests)
}

fn read(switch: &Switch) -> Result<Found, OvsdbError> {
    switch.read(None, &BTreeMap::new())
}

/// The error of a database that gives this one answer.
fn error_of(answer: Answer) -> String {
    let (_tree, switch, _requests) = database(vec![vec![answer]]);
    read(&switch).unwrap_err().to_string()
}

/// Two bridges with a patch between them, an access port, a trunk, a bond, a tunnel and a port without its interface.
fn tables() -> Value {
    let id = |name: &str| json!(["uuid", name]);
    let set = |names: &[&str]| json!(["set", names.iter().map(|name| id(name)).collect::<Vec<_>>()]);
    let port = |name: &str, interfaces: Value, tag: Value, trunks: Value| json!({ "_uuid": id(name), "name": name, "interfaces": interfaces, "tag": tag, "trunks": trunks, "vlan_mode": ["set", []] });
    let none = || json!(["set", []]);
    let interface = |name: &str, kind: &str, options: Value, error: Value| json!({ "_uuid": id(&format!("i-{name}")), "name": name, "type": kind, "options": options, "error": error });
    let plain = |name: &str, kind: &str| interface(name, kind, json!(["map", []]), none());
    let patch = |name: &str, peer: &str| interface(name, "patch", json!(["map", [["peer", peer]]]), none());
    let gone = interface(
        "c1_r",
        "",
        json!(["map", []]),
        json!("could not open network device c1_r (No such device)"),
    );
    json!([
        { "rows": [
            { "name": "br-int", "ports": set(&["br-int", "c0_r", "c1_r", "vxlan0", "int-ex"]) },
            { "name": "br-ex", "ports": set(&["br-ex", "bond0", "ex-int"]) },
        ] },
        { "rows": [
            port("br-int", id("i-br-int"), none(), none()),
            port("c0_r", id("i-c0_r"), json!(100), none()),
            port("c1_r", id("i-c1_r"), none(), json!(["set", [200, 201]])),
            port("vxlan0", id("i-vxlan0"), none(), none()),
            port("int-ex", id("i-int-ex"), none(), none()),
            port("br-ex", id("i-br-ex"), none(), none()),
            port("bond0", set(&["i-eth0", "i-eth1"]), none(), none()),
            port("ex-int", id("i-ex-int"), none(), none()),
        ] },
        { "rows": [
            plain("br-int", "internal"), plain("c0_r", ""), gone, plain("vxlan0", "vxlan"), patch("int-ex", "ex-int"),
            plain("br-ex", "internal"), plain("eth0", ""), plain("eth1", "system"), patch("ex-int", "int-ex"),
        ] },
    ])
}

#[test]
fn one_message_tells_all_bridges_and_ports() {
    let (_tree, switch, requests) = database(vec![vec![result(&tables())]]);
    let Found { state, wiring } = read(&switch).unwrap();
    let ports: Vec<String> =
        state.ports().map(|(bridge, name, port)| format!("{bridge} {name} {}", port.vlans)).collect();
    assert_eq!(ports, ["br-int c0_r tag 100", "br-int c1_r trunks 200-201"]);
    let error = state.bridges[&"br-int".parse().unwrap()].ports["c1_r"].error.as_deref();
    assert_eq!(error, Some("could not open network device c1_r (No such device)"));
    // A part of a bond is in the bridge, and no port of its own.
    assert_eq!(wiring.bridge_of("eth1"), Some("br-ex"));
    assert_eq!(wiring.bridge_of("br-ex"), None);
    let (ports, behind) = wiring.below("br-ex").unwrap();
    assert_eq!(ports.collect::<Vec<_>>(), ["eth0", "eth1"]);
    assert_eq!(behind.collect::<Vec<_>>(), ["c0_r", "c1_r"]);
    assert!(wiring.below("eth0").is_none());
    assert_eq!(requests.iter().count(), 1);
    assert!(!state.running);
}

#[test]
fn what_is_no_answer_is_told_apart() {
    assert_eq!(error_of(Answer::HangsUp("")), "the conversation with ovsdb-server broke off (it ended)");
    assert_eq!(
        error_of(Answer::HangsUp("{\"id\":\"transact\",\"result\":[{\"rows\":[")),
        "the conversation with ovsdb-server broke off (it ended within an answer)"
    );
    assert_eq!(error_of(Answer::Nothing), "ovsdb-server did not answer in 0.5 s");
    let garbage = error_of(Answer::HangsUp("SSH-2.0-OpenSSH_9.2\n"));
    assert!(garbage.starts_with("ovsdb-server gave an answer that is none: expected value"), "{garbage}");
    let list = error_of(Answer::Says("[1]".to_owned()));
    assert_eq!(list, "ovsdb-server gave an answer that is none: [1]");
    let few = error_of(result(&json!([])));
    assert_eq!(few, "ovsdb-server gave an answer that is none: 0 results of 3 operations");
    let rows = error_of(result(&json!([{}, {}, {}])));
    assert_eq!(rows, "ovsdb-server gave an answer that is none: a table without rows");
    let refused = json!({ "id": "transact", "result": null, "error": { "error": "unknown database", "details": "no Open_vSwitch" } });
    assert_eq!(error_of(Answer::Says(refused.to_string())), "unknown database: no Open_vSwitch");
}

#[test]
fn no_open_vswitch_is_no_error_and_one_that_is_half_there_is() {
    let tree = Tree::empty();
    let switch = Switch::new(&tree.root);
    assert_eq!(read(&switch).unwrap().state, Ovs::default());
    // The kernel has ports that the database would tell of.
    let datapath = Link {
        index: 5,
        name: "ovs-system".to_owned(),
        kind: Some("openvswitch".to_owned()),
        ..Link::default()
    };
    let error = switch.read(None, &BTreeMap::from([(5, datapath)])).unwrap_err().to_string();
    assert!(error.starts_with("there is no /") && error.ends_with("/run/openvswitch/db.sock"), "{error}");
    // Its server has died and left the socket.
    tree.file("run/openvswitch/log", "");
    drop(UnixListener::bind(tree.root.join("run/openvswitch/db.sock")).unwrap());
    let error = read(&switch).unwrap_err().to_string();
    assert!(error.ends_with("/run/openvswitch/db.sock: Connection refused"), "{error}");
}

#[test]
fn the_daemon_runs_if_it_answers() {
    let (tree, switch, _requests) = database(vec![vec![result(&tables())], vec![result(&tables())]]);
    let found = |pid| switch.read(pid, &BTreeMap::new()).unwrap().state.running;
    // A process that was killed has left both files.
    drop(UnixListener::bind(tree.root.join("run/openvswitch/ovs-vswitchd.7.ctl")).unwrap());
    assert!(!found(Some("7")));
    let _daemon = UnixListener::bind(tree.root.join("run/openvswitch/ovs-vswitchd.8.ctl")).unwrap();
    assert!(found(Some("8")));
}

fn name(text: &str) -> InterfaceName {
    text.parse().unwrap()
}

fn changed(cfg: i64) -> Answer {
    result(&json!([{}, {}, {}, {}, { "count": 1 }, { "rows": [{ "next_cfg": cfg }] }, {}]))
}

#[test]
fn a_new_port_comes_with_its_vlans_and_the_daemon_is_waited_for() {
    let monitor = |cfg: i64| json!({ "Open_vSwitch": { "root": { "new": { "cur_cfg": cfg } } } });
    let echo = json!({ "method": "echo", "params": [], "id": "echo" });
    let first = json!({ "id": "monitor", "result": monitor(6), "error": null });
    let second = json!({ "method": "update", "params": ["cfg", monitor(7)], "id": null });
    let used = json!([{ "rows": [{ "ofport": 3, "error": ["set", []] }] }]);
    let unused =
        json!([{ "rows": [{ "ofport": -1, "error": "c0_r: could not add (Device or resource busy)" }] }]);
    let waits = |end: &Value| {
        vec![
            Answer::Says(format!("{first}{echo}")),
            // The answer to the echo comes before the next question.
            Answer::Says(second.to_string()),
            result(end),
        ]
    };
    let adds = || vec![result(&json!([{ "rows": [] }])), changed(7)];
    let (_tree, mut switch, requests) = database(vec![adds(), waits(&used), adds(), waits(&unused)]);
    let vlans = OvsVlans::wanted(Some(100), None).unwrap();
    switch.add_port(&name("c0_r"), &name("br-int"), &vlans).unwrap();
    let sent: Vec<Value> = requests.iter().take(2).collect();
    let port = &sent[1]["params"][3]["row"];
    assert_eq!((&port["name"], &port["tag"]), (&json!("c0_r"), &json!(["set", [100]])));
    assert_eq!(sent[1]["params"][1]["op"], "wait");
    switch.wait(Duration::from_mins(1)).unwrap();
    let sent: Vec<Value> = requests.iter().take(3).collect();
    assert_eq!(sent[1], json!({ "id": "echo", "result": [], "error": null }));
    // What the daemon says of a port that it cannot use is the error.
    switch.add_port(&name("c0_r"), &name("br-int"), &vlans).unwrap();
    let error = switch.wait(Duration::from_mins(1)).unwrap_err().to_string();
    assert_eq!(error, "Open vSwitch: c0_r: could not add (Device or resource busy)");
    // Nothing was asked since.
    switch.wait(Duration::from_mins(1)).unwrap();
}

#[test]
fn a_port_that_is_there_is_moved_with_what_others_wrote_of_it() {
    let there = || result(&json!([{ "rows": [{ "_uuid": ["uuid", "p"] }] }]));
    let no_bridge =
        result(&json!([{ "error": "timed out", "details": "\"where\" clause test failed" }, null]));
    let (_tree, mut switch, requests) = database(vec![
        vec![there(), changed(1)],
        vec![there(), no_bridge],
        vec![result(&json!([{ "rows": [] }]))],
        vec![there(), changed(2)],
    ]);
    switch.add_port(&name("c0_r"), &name("br-ex"), &OvsVlans::of_new_port()).unwrap();
    let sent: Vec<Value> = requests.iter().take(2).collect();
    let operations = sent[1]["params"].as_array().unwrap();
    let words: Vec<&str> =
        operations[1..].iter().map(|operation| operation["op"].as_str().unwrap()).collect();
    assert_eq!(words, ["wait", "update", "mutate", "mutate", "mutate", "select", "comment"]);
    let error = switch.add_port(&name("c0_r"), &name("br-no"), &OvsVlans::of_new_port()).unwrap_err();
    assert_eq!(error.to_string(), "there is no bridge br-no");
    let error = switch.remove_port(&name("c9_r")).unwrap_err();
    assert_eq!(error.to_string(), "there is no port c9_r");
    switch.remove_port(&name("c0_r")).unwrap();
}

#[test]
fn a_daemon_that_does_nothing_is_given_up() {
    // Nor is it done because of messages that say nothing.
    let odd = "{\"method\":\"update\",\"params\":7,\"id\":null}{\"method\":\"update\"}{}{\"id\":\"monitor\"}";
    let first = json!({ "id": "monitor", "result": { "Open_vSwitch": {} }, "error": null });
    let first = format!("{first}{odd}");
    let there = result(&json!([{ "rows": [{ "_uuid": ["uuid", "p"] }] }]));
    let (_tree, mut switch, _requests) =
        database(vec![vec![there, changed(2)], vec![Answer::Says(first), Answer::Nothing]]);
    switch.remove_port(&name("c0_r")).unwrap();
    let error = switch.wait(Duration::from_millis(200)).unwrap_err().to_string();
    assert_eq!(error, "waited 0.2 s for ovs-vswitchd");
}

/// `br-ex` has the host's address and a bond as its uplink; `br-int` is behind a patch, with a function's representor `c0_r`
/// and the interface `c1_r` of somebody else.
#[test]
fn what_an_internal_port_carries_is_carried_by_the_ports_of_its_bridge() {
    let tables = tables();
    let Found { wiring, .. } = read_tables(tables.as_array().unwrap()).unwrap();
    let link = |index, name: &str, kind: Option<&str>, upper| Link {
        index,
        name: name.to_owned(),
        kind: kind.map(str::to_owned),
        upper,
        up: true,
        ..Link::default()
    };
    let links = [
        link(1, "ovs-system", Some("openvswitch"), None),
        link(2, "br-ex", Some("openvswitch"), None),
        link(3, "eth0", None, Some(1)),
        link(4, "eth1", None, Some(1)),
        link(5, "c0_r", None, Some(1)),
        link(6, "c1_r", None, Some(1)),
        link(7, "br-int", Some("openvswitch"), None),
    ];
    let links: BTreeMap<u32, Link> = links.into_iter().map(|link| (link.index, link)).collect();
    let found = |way: u32| {
        let hop = Hop { link: way, gateway: None };
        let ways = [Way { hop, reason: "the default route".to_owned() }];
        let representors = BTreeSet::from([5]);
        let learned = Learned::default();
        let network = Network { links: &links, wiring: &wiring, representors: &representors, learned };
        let found = network.lifelines(&ways);
        let mut words: Vec<String> =
            found.into_iter().map(|found| format!("{}: {}", found.interface, found.reason)).collect();
        words.sort();
        words
    };
    let by = "the default route by br-ex";
    assert_eq!(
        found(2),
        [
            "br-ex: the default route".to_owned(),
            format!("c1_r: {by}"),
            format!("eth0: {by}"),
            format!("eth1: {by}")
        ]
    );
    // In the host's own bridge a representor may be the way out.
    assert!(found(7).contains(&"c0_r: the default route by br-int".to_owned()), "{:?}", found(7));
    let users = usage::users(&links, &[], &wiring);
    let words = |index: u32| users[&index].iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (words(3), words(5)),
        (
            vec!["openvswitch br-ex".to_owned(), "bond bond0".to_owned()],
            vec!["openvswitch br-int".to_owned()]
        )
    );
}
