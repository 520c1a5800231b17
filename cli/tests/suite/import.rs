//! The host file that describes what is there, and those of what other tools keep.

use crate::run::{Host, example, host_with, snapshot};
use crate::samples;

/// Imports the host into a new file and expects that planning it is an empty plan, with what subdevcfg knows of the host
/// and without.
fn is_imported(host: &Host, about: &str) {
    let import = host.run(&["import", "--out", "imported.kdl", "--host", "lab"]);
    assert_eq!(import.code, 0, "{about}: {}", import.all());
    let plan = ["plan", "imported.kdl", "--detailed-exitcode"];
    let run = host.run(&plan);
    assert_eq!(run.code, 0, "{about}: {}", run.all());
    host.write("state.json", &host.run(&["state", "--format", "json"]).stdout);
    let run = host.run_without_host(&[&plan[..], &["--state", "state.json"]].concat());
    assert_eq!(run.code, 0, "{about}: {}", run.all());
    std::fs::remove_file(host.path("imported.kdl")).unwrap();
}

#[test]
fn every_example_is_imported() {
    let of_the_module = ["quickstart.kdl", "legacy.kdl", "two-parents.kdl", "rates.kdl"];
    for name in of_the_module.into_iter().chain(["mtty.kdl", "mdpy.kdl", "netdevsim.kdl", "nvme-vfs.kdl"]) {
        let host = samples::host();
        host.apply(&example(name));
        is_imported(&host, name);
    }
}

#[test]
fn what_is_imported_reads_as_people_write_it() {
    let host = samples::host();
    for name in ["quickstart.kdl", "netdevsim.kdl", "nvme-vfs.kdl"] {
        host.apply(&example(name));
    }
    let run = host.run(&["import", "--host", "lab"]);
    snapshot("cli", "import", &run.all());
}

#[test]
fn bridges_come_with_their_ports() {
    let host = Host::new();
    host.apply(
        "subdevcfg version=1\nhost lab\nbridge br0 kind=linux vlan-filtering=#true\n\
         bridge br1 kind=linux\ndevice \"subdev/nic0\" { create; eswitch mode=switchdev
         subdevice a { sf 1; representor a_r { bridge br0 { vlan 10 pvid=#true; vlan from=20 to=29 untagged=#true; }; }; }
         subdevice b { sf 2; representor b_r { bridge br1; }; }
         subdevice c { sf 3; representor c_r up=#true; } }",
    );
    is_imported(&host, "bridges");
    let text = host.run(&["import", "--host", "lab"]).stdout;
    snapshot("cli", "import-bridges", &text);
}

#[test]
fn what_does_not_run_is_a_comment() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; }; subdevice b { sf 2; };"));
    host.edit(|host| {
        for function in host["parents"]["nic0"]["functions"].as_array_mut().unwrap() {
            function["active"] = false.into();
        }
    });
    // Of one that subdevcfg made the file must not take away what it made.
    let known = host.run(&["import", "--host", "lab"]);
    assert_eq!(known.code, 4, "{}", known.all());
    host.forget_record();
    let unknown = host.run(&["import", "--host", "lab"]);
    assert_eq!(unknown.code, 0, "{}", unknown.all());
    snapshot("cli", "import-inactive", &format!("{}\n{}", known.all(), unknown.all()));
}

#[test]
fn what_is_adopted_is_removed_when_the_file_does_not_name_it_any_more() {
    let host = Host::new();
    let empty = host.config();
    host.apply(&host_with("subdevice a { sf 1; netdev a; }; subdevice b { sf 2; };"));
    host.forget_record();
    let import = ["import", "--host", "lab", "--out", "imported.kdl"];
    assert_eq!(host.run(&import).code, 0);
    let text = std::fs::read_to_string(host.path("imported.kdl")).unwrap();
    let without_b = text.split("    subdevice sf2").next().unwrap().to_owned() + "}\n";
    // Without the adoption it would be somebody else's.
    assert!(!host.plan(&without_b).stdout.contains("will be deleted"));
    std::fs::remove_file(host.path("imported.kdl")).unwrap();
    let adopted = host.run(&[&import[..], &["--adopt"]].concat());
    assert_eq!(adopted.code, 0, "{}", adopted.all());
    assert_eq!(host.plan(&text).code, 0);
    let plan = host.plan_json(&without_b);
    let actions: Vec<_> = plan["resource_changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["address"].as_str().unwrap(), change["actions"].to_string()))
        .filter(|(_, actions)| actions != "[\"no-op\"]")
        .collect();
    assert_eq!(actions, [("subdev/nic0#sf2", "[\"delete\"]".to_owned())], "{plan:#}");
    let destroy = host.run(&["destroy", "--yes", "--allow", "parent-wide"]);
    assert_eq!(destroy.code, 0, "{}", destroy.all());
    assert_eq!(host.config(), empty);
}

#[test]
fn a_file_that_is_there_is_not_touched() {
    let host = Host::new();
    host.apply(&host_with("subdevice a { sf 1; };"));
    host.write("mine.kdl", "mine");
    let run = host.run(&["import", "--out", "mine.kdl"]);
    assert_eq!(run.code, 1, "{}", run.all());
    assert_eq!(std::fs::read_to_string(host.path("mine.kdl")).unwrap(), "mine");
}

/// `mdevctl list --dumpjson` of a host with a vGPU and two devices of the kernel's samples.
const MDEVCTL: &str = r#"[
  { "0000:65:00.0": [
    { "783e6dbb-ea0e-411f-94e2-717eaad438bf": {
        "mdev_type": "nvidia-35", "start": "auto",
        "attrs": [ { "frame_rate_limiter": "0" }, { "cuda_profiler": "1" } ] } } ],
    "matrix": [ { "4f3b1e31-f3b5-4b6b-8e55-6a1bd0a3b1c3": {
        "mdev_type": "vfio_ap-passthrough", "start": "auto",
        "attrs": [ { "assign_adapter": "5" }, { "assign_adapter": "6" } ] } } ],
    "mtty": [ { "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001": { "mdev_type": "mtty-2", "start": "manual" } } ] }
]"#;

#[test]
fn what_mdevctl_defines_is_a_host_file() {
    let host = samples::host();
    host.write("mdevctl.json", MDEVCTL);
    let run = host.run_without_host(&["import", "--mdevctl", "mdevctl.json", "--host", "vgpu-1"]);
    assert_eq!(run.code, 0);
    snapshot("cli", "import-mdevctl", &run.all());
    // Of one device, mdevctl prints another form.
    host.write("one.json", r#"{ "mdev_type": "mtty-2", "start": "manual" }"#);
    let run = host.run_without_host(&["import", "--mdevctl", "one.json", "--host", "vgpu-1"]);
    assert_eq!(run.code, 1);
    snapshot("cli", "import-mdevctl-one", &run.all());
}

#[test]
fn the_calls_of_mlnx_sf_are_a_host_file() {
    let host = Host::new();
    host.write(
        "mlnx-sf.conf",
        "# Made by mlnx-sf -p\n\
         /sbin/mlnx-sf --action create --device 0000:03:00.0 --sfnum 0 --hwaddr 02:25:f2:8d:a2:4c\n\
         /sbin/mlnx-sf -a create -d 0000:03:00.1 --sfnum=4 -r --enable-trust -c 0,2-3\n\
         export PATH=/opt/mellanox/bin:$PATH\n\
         /sbin/mlnx-sf -a create -d 0000:03:00.1 -u 61a59715-aeec-42d5-be83-f8f42ba8b049\n\
         /sbin/mlnx-sf -a delete -d 0000:03:00.0 -n 7\n\
         /sbin/mlnx-sf -a create -d \"0000:03:00.0\n",
    );
    let run = host.run_without_host(&["import", "--mlnx-sf", "mlnx-sf.conf", "--host", "bf2"]);
    assert_eq!(run.code, 0);
    snapshot("cli", "import-mlnx-sf", &run.all());
}
