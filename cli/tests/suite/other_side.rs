//! A DPU as its own system sees it: functions that the host makes, one that it makes for the host, and a parameter that not every kernel has.

use serde_json::{Value, json};

use crate::run::{Host, example, snapshot};

/// The state of a DPU, with these functions of the host that it is in and these parameters.
fn bluefield(functions: &Value, params: &Value) -> String {
    let state = json!({
        "format_version": "1.0",
        "parents": { "pci/0000:03:00.0": {
            "driver": "mlx5_core",
            "eswitch": { "mode": "switchdev" },
            "functions": functions,
            "params": params,
        } },
        "volatile": { "kernel_release": "6.12.0", "boot_id": "b", "soft_buses": [] },
    });
    state.to_string()
}

fn function(id: &Value) -> Value {
    json!({
        "id": id,
        "mac": "00:00:00:00:00:00",
        "capabilities": { "roce": true },
        "rates": { "tx_share": "none", "tx_max": "none", "tx_priority": 0, "tx_weight": 0 },
        "active": true,
        "representor": { "mtu": 1500, "up": false },
    })
}

fn guest(index: u32) -> Value {
    function(&json!({ "vf": { "controller": 1, "pf": 0, "index": index } }))
}

#[test]
fn what_the_host_has_made_is_configured_and_the_rest_is_deferred() {
    let host = Host::new();
    let pf = function(&json!({ "pf": { "controller": 1, "pf": 0 } }));
    host.write("dpu.kdl", &example("dpu.kdl"));
    let plan = |functions: Value, params: Value| {
        host.write("state.json", &bluefield(&functions, &params));
        host.run_without_host(&["plan", "dpu.kdl", "--state", "state.json", "--detailed-exitcode"])
    };
    let some = plan(json!([guest(0), guest(7), pf]), json!({}));
    snapshot("cli", "dpu", &some.all());
    assert_eq!(some.code, 4);
    let params = json!({ "esw_multiport": { "runtime": false } });
    let all = plan(json!([guest(0), guest(1), pf]), params);
    assert!(all.stdout.contains("param esw_multiport") && !all.stdout.contains("LACKING"), "{}", all.all());
    assert_eq!(all.code, 2);
}

#[test]
fn what_the_host_has_made_is_imported() {
    let host = Host::new();
    let mut web = guest(0);
    web["representor"]["name"] = "web_r".into();
    web["rates"]["tx_max"] = "1Gbit".into();
    let mut pf = function(&json!({ "pf": { "controller": 2, "pf": 0 } }));
    pf["representor"]["name"] = "host_r".into();
    host.write("state.json", &bluefield(&json!([web, guest(1), pf]), &json!({})));
    let import = ["import", "--host", "dpu-17", "--state", "state.json"];
    let text = host.run_without_host(&import);
    snapshot("cli", "import-dpu", &text.all());
    host.write("host.kdl", &text.stdout);
    let plan = ["plan", "host.kdl", "--state", "state.json", "--detailed-exitcode"];
    let run = host.run_without_host(&plan);
    assert_eq!(run.code, 0, "{}", run.all());
}

#[test]
fn who_runs_a_subfunction_over_there_is_told_before_it_is_disturbed() {
    let host = Host::new();
    let mut tenant = function(&json!({ "sf": { "controller": 1, "pf": 0, "number": 88 } }));
    tenant["volatile"] = json!({ "attached": true, "sf_number": 88 });
    host.write("state.json", &bluefield(&json!([tenant]), &json!({})));
    host.write(
        "host.kdl",
        "subdevcfg version=1\nhost dpu-17\ndevice \"pci/0000:03:00.0\" driver=mlx5_core {
    eswitch mode=switchdev
    subdevice tenant { sf 88 controller=1; function mac=\"02:00:00:00:02:58\"; }\n}\n",
    );
    let plan = host.run_without_host(&["plan", "host.kdl", "--state", "state.json"]);
    snapshot("cli", "dpu-sf", &plan.all());
}

#[test]
fn a_change_of_the_file_alone_makes_and_deletes_no_function() {
    let host = Host::new();
    host.write("base.kdl", &example("dpu.kdl"));
    host.write("host.kdl", &example("dpu.kdl").replace("repeat 2", "repeat 1").replace("10Gbit", "5Gbit"));
    let plan = host.run_without_host(&["plan", "host.kdl", "--from", "base.kdl"]);
    snapshot("cli", "dpu-from", &plan.all());
}
