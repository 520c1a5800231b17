//! Broken host files: everything wrong is said, and nothing is done.

use crate::run::{Host, snapshot};

const FIVE_MISTAKES: &str = r#"subdevcfg version=1
host "*"
device "subdev/nic0" {
    create max-subdevices=4
    eswitch mode=switchdev
    subdevice a {
        sf 1
        function mac="02:00:00:00:00:01" mtu=1500
    }
    subdevice b {
        sf 1
        function mac="03:00:00:00:00:02"
    }
    subdevice c {
        mdev type=eth
        netdev a-name-that-is-too-long
    }
    subdevcie d {
        sf 3
    }
}
"#;

#[test]
fn five_mistakes_get_five_diagnostics_and_nothing_is_applied() {
    let host = Host::new();
    host.write("host.kdl", FIVE_MISTAKES);
    let run = host.run(&["apply", "host.kdl", "--yes"]);
    assert_eq!(run.code, 1);
    snapshot("cli", "five-mistakes", &run.all());
    assert!(!host.path("host.json").exists());
    let check = crate::run::run(host.path("").as_path(), &["check", "host.kdl", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&check.stdout).unwrap();
    assert_eq!((check.code, report["errors"].as_u64()), (1, Some(5)), "{}", check.all());
    let lines: Vec<_> = report["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|diagnostic| diagnostic["primary"]["start_line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [8, 11, 12, 16, 18]);
}

#[test]
fn a_file_without_mistakes_checks_quietly() {
    let host = Host::new();
    host.write("host.kdl", "subdevcfg version=1\nhost node-1\n");
    let check = crate::run::run(host.path("").as_path(), &["check", "host.kdl", "host.kdl"]);
    assert_eq!(
        (check.code, check.stdout.as_str(), check.stderr.as_str()),
        (0, "1 host file: no errors\n", "")
    );
}
