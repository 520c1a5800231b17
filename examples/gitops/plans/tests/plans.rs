//! What the host files of this repository do, without any host.

use std::path::{Path, PathBuf};

use subdevcfg_testing::{Host, Impact, outline};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A change of the profile is a change of these snapshots: whoever reviews it sees what it does to a new host.
#[test]
fn what_a_new_lab_host_gets() {
    insta::glob!("../../hosts", "lab-*.kdl", |path| {
        insta::assert_snapshot!(outline(&Host::read(path).unwrap().plan()));
    });
}

/// Applied once, nothing is left to do, and nothing is in the way.
#[test]
fn every_host_comes_to_rest() {
    for file in std::fs::read_dir(repository().join("hosts")).unwrap() {
        let host = Host::read(file.unwrap().path()).unwrap();
        let plan = host.plan_from(&host);
        assert!(plan.is_empty() && plan.refusals.is_empty(), "{}: {}", host.name(), outline(&plan));
    }
}

/// Each subfunction of an Open vSwitch host in its own VLAN: nobody loses more than frames.
#[test]
fn a_port_of_open_vswitch_gets_its_vlan_in_place() {
    let host = Host::read(repository().join("hosts/ovs-01.kdl")).unwrap();
    let plan = host.plan_from(&Host::read(repository().join("plans/tests/former/ovs-01.kdl")).unwrap());
    insta::assert_snapshot!(outline(&plan));
    assert!(plan.impact <= Impact::Traffic);
}

/// The change of this week, from the file as it was: tenants keep their functions.
#[test]
fn larger_frames_disturb_no_more_than_traffic() {
    let before = Host::read(repository().join("plans/tests/former/lab-01.kdl")).unwrap();
    let after = Host::read(repository().join("hosts/lab-01.kdl")).unwrap();
    let plan = after.plan_from(&before);
    insta::assert_snapshot!(outline(&plan));
    assert!(plan.impact <= Impact::Traffic);
}
