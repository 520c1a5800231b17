//! Catalogues of one's own, and the language as data.

use crate::run::{Host, Run, example, run};

const CATALOGUE: &str = "driver nic9 source=\"its manual\"\n\
    param speed of=parent type=u8 cmode=runtime min=1 max=4 doc=\"How fast.\" source=\"its manual\"\n";
const FILE: &str =
    "subdevcfg version=1\nhost node-17\ndevice \"pci/0000:08:00.0\" driver=nic9 { param speed 9; }\n";

/// Runs the program where no machine is asked for.
fn on(host: &Host, arguments: &[&str]) -> Run {
    run(host.path("").as_path(), arguments)
}

#[test]
fn a_driver_is_known_by_a_catalogue_of_the_user() {
    let host = Host::new();
    host.write("host.kdl", FILE);
    std::fs::create_dir(host.path("drivers")).unwrap();
    host.write("drivers/nic9.kdl", CATALOGUE);
    host.write("drivers/notes.txt", "no catalogue");
    let without = on(&host, &["check", "host.kdl"]);
    assert!(without.stdout.contains("E0506"), "{}", without.all());
    let with = on(&host, &["check", "host.kdl", "--catalog", "drivers"]);
    assert!(with.stdout.contains("E0504") && !with.stdout.contains("E0506"), "{}", with.all());
    let explained = on(&host, &["explain", "nic9.speed", "--catalog", "drivers"]);
    assert!(explained.stdout.contains("How fast."), "{}", explained.all());
}

#[test]
fn a_catalogue_that_is_none_is_shown_at_its_place() {
    let host = Host::new();
    host.write("host.kdl", FILE);
    std::fs::create_dir(host.path("drivers")).unwrap();
    host.write("drivers/nic9.kdl", "driver nic9 source=mine\nparam speed of=parrent\n");
    let run = on(&host, &["check", "host.kdl", "--catalog", "drivers"]);
    assert_eq!(run.code, 1, "{}", run.all());
    assert!(run.stderr.contains("drivers/nic9.kdl:2:"), "{}", run.all());
    let run = on(&host, &["check", "host.kdl", "--catalog", "nowhere"]);
    assert_eq!(run.code, 1, "{}", run.all());
    assert!(run.stderr.contains("cannot read nowhere"), "{}", run.all());
}

#[test]
fn the_language_as_data() {
    let host = Host::new();
    let schema: serde_json::Value = serde_json::from_str(&on(&host, &["schema", "language"]).stdout).unwrap();
    let node = |name| schema["nodes"].as_array().unwrap().iter().find(|node| node["name"] == name).unwrap();
    let netdev = node("netdev");
    assert_eq!(netdev["parents"][0], "subdevice");
    let mtu = netdev["properties"].as_array().unwrap().iter().find(|known| known["name"] == "mtu").unwrap();
    assert_eq!(mtu["kind"]["integer"], serde_json::json!([68, 65535]));
    assert_eq!(node("eswitch")["properties"][0]["kind"]["word"], serde_json::json!(["legacy", "switchdev"]));
    assert_eq!(on(&host, &["explain"]).code, 64);
}

#[test]
fn the_graph_as_a_picture() {
    let host = Host::new();
    host.write("host.kdl", &example("quickstart.kdl"));
    let run = on(&host, &["graph", "host.kdl", "--format", "svg"]);
    assert_eq!(run.code, 0, "{}", run.all());
    assert!(run.stdout.contains("<svg") && run.stdout.contains(">web0<"), "{}", run.all());
}
