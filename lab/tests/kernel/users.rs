//! Who uses a function, and is named before it is disturbed: tc filters and RDMA, as the real kernel tells of them.

use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::{Value, json};

use crate::guest::{QUICKSTART, apply, destroy, example, fresh, host_file, sh, subdevcfg};

/// The users of the subfunction 88.
fn users() -> Value {
    let state = subdevcfg(&["state", "--format", "json"]).expect(0);
    let state: Value = serde_json::from_str(&state.stdout).unwrap();
    let functions = state["parents"]["subdev/nic0"]["functions"].as_array().unwrap();
    let function = functions.iter().find(|function| function["id"]["sf"]["number"] == 88).unwrap();
    function["volatile"]["users"].clone()
}

/// Asserts that a restart of `db0` wants its user's leave, and names it in these words.
#[track_caller]
fn is_refused(words: &str) {
    let changed = host_file(&example("quickstart.kdl").replace("00:00:58\"", "00:00:a8\""));
    let refused = subdevcfg(&["apply", changed, "--yes", "--allow", "subdevice-restart"]).expect(3);
    assert!(refused.stdout.contains(&format!("IN USE    {words}\n")), "{words}: {}", refused.all());
    assert!(refused.stdout.contains("--allow-in-use subdev/nic0#db0"), "{}", refused.all());
}

#[test]
fn tc_filters_are_users_and_what_only_could_have_some_is_none() {
    fresh();
    apply(QUICKSTART);
    sh("tc qdisc add dev db0_r clsact && tc qdisc add dev db0 ingress");
    assert_eq!(users(), Value::Null);
    sh("tc filter add dev db0_r egress matchall action drop");
    assert_eq!(users(), json!([{ "side": "representor", "user": { "tc_filters": ["matchall"] } }]));
    sh("tc filter add dev db0_r ingress protocol ip pref 7 flower dst_ip 10.0.0.1 action drop");
    is_refused("representor: tc filters (flower, matchall)");
    sh("tc qdisc del dev db0_r clsact");
    sh("tc filter add dev db0 ingress protocol ip u32 match ip dst 10.0.0.1/32 action drop");
    is_refused("netdev: tc filters (u32)");
    let changed = host_file(&example("quickstart.kdl").replace("00:00:58\"", "00:00:a8\""));
    let arguments = ["apply", changed, "--yes", "--allow", "subdevice-restart", "--allow-in-use"];
    subdevcfg(&[&arguments[..], &["subdev/nic0#db0"]].concat()).expect(0);
    assert_eq!(users(), Value::Null);
    // Those of the uplink belong to the device.
    let uplink = sh("devlink port show subdev/nic0/0 | sed 's/.*netdev \\([^ ]*\\).*/\\1/'");
    sh(&format!(
        "tc qdisc add dev {uplink} clsact && tc filter add dev {uplink} ingress matchall action drop"
    ));
    let refused = subdevcfg(&["destroy", "--yes", "--allow", "parent-wide"]).expect(3);
    assert!(refused.stdout.contains("IN USE    uplink: tc filters (matchall)\n"), "{}", refused.all());
    sh(&format!("tc qdisc del dev {uplink} clsact"));
    destroy();
}

/// Has the `NVMe` target of the kernel listen on an address (`drivers/nvme/target/rdma.c`).
pub fn listen(address: &str) {
    sh(
        "modprobe nvmet_rdma && { grep -q configfs /proc/mounts || mount -t configfs none /sys/kernel/config; }",
    );
    sh(&format!(
        "cd /sys/kernel/config/nvmet && mkdir subsystems/lab ports/1 && cd ports/1 && echo rdma > addr_trtype && \
         echo ipv4 > addr_adrfam && echo {address} > addr_traddr && echo 4420 > addr_trsvcid && \
         ln -s ../../subsystems/lab subsystems/lab"
    ));
}

/// Ends that.
pub fn listen_no_more() {
    sh("cd /sys/kernel/config/nvmet && rm ports/1/subsystems/lab && rmdir ports/1 subsystems/lab");
}

/// Closes what came with the context, for the events of the device: the kernel lets no RDMA device go before.
fn close_events() {
    for file in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
        let of = std::fs::read_link(file.path()).unwrap_or_default();
        if of.to_string_lossy().contains("infinibandevent") {
            let number: i32 = file.file_name().to_string_lossy().parse().unwrap();
            nix::unistd::close(number).unwrap();
        }
    }
}

#[test]
fn users_of_an_rdma_device_are_users_of_what_it_goes_over() {
    fresh();
    apply(QUICKSTART);
    sh("modprobe rdma_rxe && rdma link add rxe0 type rxe netdev db0 && ip address add 10.9.0.1/24 dev db0");
    // The kernel has a queue of its own on it.
    assert!(sh("rdma resource show rxe0").contains("qp 1"), "{}", sh("rdma resource show"));
    let address = json!({ "side": "netdev", "user": { "addresses": ["10.9.0.1/24"] } });
    assert_eq!(users(), json!([address]));
    listen("10.9.0.1");
    let rdma = |by: Value| json!({ "side": "netdev", "user": { "rdma": { "device": "rxe0", "by": by } } });
    assert_eq!(users(), json!([address, rdma(json!([{ "kernel": "nvmet_rdma" }]))]));
    is_refused("netdev: RDMA device rxe0, by nvmet_rdma");
    listen_no_more();
    // A process that has it open: IB_USER_VERBS_CMD_GET_CONTEXT, and where its answer goes (include/uapi/rdma/ib_user_verbs.h).
    let answer = Box::leak(Box::new([0_u32; 2]));
    let mut device = OpenOptions::new().read(true).write(true).open("/dev/infiniband/uverbs0").unwrap();
    let place = u64::try_from(answer.as_mut_ptr().expose_provenance()).unwrap();
    device.write_all(&[&[0, 0, 0, 0, 4, 0, 2, 0], &place.to_ne_bytes()[..]].concat()).unwrap();
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    let process = json!([{ "process": [name.trim_end(), std::process::id()] }]);
    assert_eq!(users(), json!([address, rdma(process)]));
    drop(device);
    close_events();
    sh("rdma link del rxe0");
    assert_eq!(users(), json!([address]));
    sh("ip address del 10.9.0.1/24 dev db0");
    destroy();
}
