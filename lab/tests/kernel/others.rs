//! A host is not subdevcfg's alone: what others made, moved or may not see.

use crate::guest::{
    QUICKSTART, apply, config, delete_netns, destroy, fresh, host_file, json, sh, subdevcfg,
    subdevcfg_as_nobody,
};

fn nic0(body: &str) -> String {
    format!(
        "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" {{ create max-subdevices=8; eswitch mode=switchdev; {body} }}\n"
    )
}

const A: &str = "subdevice a { sf 88; function mac=\"02:00:00:00:00:58\"; netdev a0 up=#true; representor a_r up=#true; }";

#[test]
fn a_function_made_by_hand_is_adopted_and_survives_destroy() {
    fresh();
    apply(host_file(&nic0("")));
    sh("devlink port add subdev/nic0 flavour pcisf pfnum 0 sfnum 88");
    let file = host_file(&nic0(A));
    let plan = subdevcfg(&["plan", file]).expect(0);
    assert!(plan.stdout.contains("ADOPTED    subdev/nic0#a"), "{}", plan.all());
    apply(file);
    // It is on a parent that subdevcfg made and is not subdevcfg's to delete, so the parent stays too.
    let refused = subdevcfg(&["destroy", "--yes", "--allow", "parent-wide"]).expect(3);
    assert!(
        refused.stdout.contains("subdev/nic0 sf 88 is on it and is not subdevcfg's"),
        "{}",
        refused.all()
    );
    let port = json("devlink -j port show");
    let ports = port["port"].as_object().unwrap();
    let (port, _) = ports.iter().find(|(_, port)| port["sfnum"] == 88).unwrap();
    sh(&format!("devlink port del {port}"));
    destroy();
}

#[test]
fn a_number_that_a_mediated_device_has_is_refused_at_plan_time() {
    fresh();
    let mdev = "subdevice m { mdev type=eth; }";
    apply(host_file(&nic0(mdev)));
    let before = config();
    let file = host_file(&nic0(&format!("{mdev}; subdevice a {{ sf 1000; }}")));
    let refused = subdevcfg(&["apply", file, "--yes"]).expect(3);
    assert!(refused.stdout.contains("the SF number 1000 is taken by subdev/nic0 mdev"), "{}", refused.all());
    assert_eq!(config(), before);
    destroy();
}

#[test]
fn drift_is_named_and_repaired() {
    fresh();
    let file = host_file(&nic0(A));
    apply(file);
    sh("ip link set a_r down && ip link set a0 mtu 1400");
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(2);
    assert!(
        plan.stdout.contains("subdev/nic0#a.representor.up   false seen, true was applied"),
        "{}",
        plan.all()
    );
    assert!(!plan.stdout.contains("mtu"), "an attribute that nobody wrote is nobody's drift: {}", plan.all());
    apply(file);
    // A function that somebody deleted is made again.
    let ports = json("devlink -j port show");
    let (port, _) = ports["port"].as_object().unwrap().iter().find(|(_, port)| port["sfnum"] == 88).unwrap();
    sh(&format!("devlink port del {port}"));
    let plan = subdevcfg(&["plan", file]).expect(0);
    assert!(plan.stdout.contains("gone seen, present was applied"), "{}", plan.all());
    apply(file);
    destroy();
}

#[test]
fn rates_are_what_devlink_shows() {
    fresh();
    let with = |rate: &str| host_file(&nic0(&format!("subdevice a {{ sf 88; {rate} }}")));
    let shown = || {
        let rates = json("devlink -j port function rate show");
        let (_, rate) = rates["rate"].as_object().unwrap().iter().next().unwrap();
        (rate["tx_share"].as_u64().unwrap_or(0), rate["tx_max"].as_u64().unwrap_or(0))
    };
    apply(with("rate tx-max=\"10Gbit\" tx-share=\"1.5Gbit\";"));
    // Bytes per second.
    assert_eq!(shown(), (187_500_000, 1_250_000_000));
    let changed = with("rate tx-max=none tx-share=\"1.5Gbit\";");
    let plan = subdevcfg(&["plan", changed]).expect(0);
    assert!(plan.stdout.contains("rate tx-max 10Gbit -> none"), "{}", plan.all());
    apply(changed);
    assert_eq!(shown(), (187_500_000, 0));
    destroy();
}

#[test]
fn a_netdev_in_another_namespace_is_left_alone() {
    fresh();
    let file = host_file(&nic0(A));
    apply(file);
    sh("ip netns add elsewhere && ip link set a0 netns elsewhere");
    let plan = subdevcfg(&["plan", file]).expect(4);
    assert!(plan.stdout.contains("WITHHELD   subdev/nic0#a"), "{}", plan.all());
    delete_netns("elsewhere");
    sh("sleep 1");
    destroy();
}

#[test]
fn a_name_that_somebody_else_has_is_refused_at_plan_time() {
    fresh();
    sh("ip link add a0 type dummy");
    let file = host_file(&nic0(A));
    let refused = subdevcfg(&["apply", file, "--yes"]).expect(3);
    assert!(refused.stdout.contains("the name a0 is taken by another interface"), "{}", refused.all());
    sh("ip link del a0");
}

#[test]
fn without_privilege_it_says_what_it_cannot_see() {
    fresh();
    let file = host_file(&nic0(A));
    apply(file);
    let plan = subdevcfg_as_nobody(&["plan", file]).expect(4);
    assert!(plan.stdout.contains("NOT READ   subdev/nic0 eswitch"), "{}", plan.all());
    assert!(plan.stdout.contains("INCOMPLETE") && plan.stdout.contains("WITHHELD"), "{}", plan.all());
    assert!(plan.stdout.contains("Nothing to do in what could be read."), "{}", plan.all());
    let refused = subdevcfg_as_nobody(&["apply", file, "--yes"]);
    assert_eq!(refused.code, Some(1), "{}", refused.all());
    assert!(refused.stderr.contains("/run/subdevcfg/lock"), "{}", refused.all());
    assert!(refused.stderr.contains("help: changing devices needs root"), "{}", refused.all());
    destroy();
}

#[test]
fn a_file_for_another_host_is_refused() {
    fresh();
    let refused = subdevcfg(&["plan", host_file("subdevcfg version=1\nhost node-17\n")]).expect(3);
    assert!(refused.stderr.contains("for host `node-17`, and this machine is `lab`"), "{}", refused.all());
    subdevcfg(&["plan", host_file("subdevcfg version=1\nhost node-17 hostname=lab\n")]).expect(0);
}

#[test]
fn a_device_that_is_not_there_yet_is_deferred() {
    fresh();
    let file =
        host_file("subdevcfg version=1\nhost lab\ndevice \"subdev/later\" { eswitch mode=switchdev }\n");
    let plan = subdevcfg(&["plan", file]).expect(4);
    assert!(plan.stdout.contains("DEFERRED   subdev/later"), "{}", plan.all());
}

#[test]
fn without_the_module_the_plan_says_what_to_load() {
    fresh();
    sh("rmmod subdev");
    let refused = subdevcfg(&["apply", host_file(&nic0(A)), "--yes"]).expect(3);
    sh("modprobe subdev");
    assert!(refused.stdout.contains("load its module (modprobe subdev)"), "{}", refused.all());
}

#[test]
fn the_doctor_says_what_is_in_the_way() {
    fresh();
    let well = subdevcfg(&["doctor", QUICKSTART]).expect(0);
    assert!(well.stdout.contains("Nothing is in the way."), "{}", well.all());
    let nobody = subdevcfg_as_nobody(&["doctor", QUICKSTART]).expect(4);
    assert!(nobody.stdout.contains("no CAP_NET_ADMIN"), "{}", nobody.all());
    let of_vfs = "subdevcfg version=1\nhost \"*\"\ndevice \"netdevsim/netdevsim1\" { vfs 1; \
                  subdevice a { vf 0; bind vfio-pci; }; }";
    let lacks = subdevcfg(&["doctor", host_file(of_vfs)]).expect(4);
    assert!(lacks.stdout.contains("vfio-pci") && lacks.stdout.contains("IOMMU"), "{}", lacks.all());
}

#[test]
fn a_shell_completes_addresses_of_what_is_there() {
    fresh();
    apply(QUICKSTART);
    sh("echo other > /sys/bus/subdev/new_device");
    let asked = |words: &str| sh(&format!("SUBDEVCFG_COMPLETE=fish subdevcfg -- subdevcfg {words}"));
    let known = asked("forget subdev/");
    for address in ["subdev/nic0", "subdev/nic0#web0", "subdev/nic0#db1", "subdev/other"] {
        assert!(known.lines().any(|line| line == address), "{address}: {known}");
    }
    assert_eq!(
        asked("apply --allow traffic@subdev/nic0#d"),
        "traffic@subdev/nic0#db0\ntraffic@subdev/nic0#db1"
    );
    destroy();
    sh("echo other > /sys/bus/subdev/del_device");
}

/// The names of an interface, its own first.
fn names_of(interface: &str) -> Vec<String> {
    let link = json(&format!("ip -j link show {interface}"));
    let altnames = link[0]["altnames"].as_array().cloned().unwrap_or_default();
    [&link[0]["ifname"]].into_iter().chain(&altnames).map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_interface_is_still_found_by_the_name_that_the_kernel_gave_it() {
    fresh();
    apply(host_file(&nic0("subdevice a { sf 88; }")));
    let port = json("devlink -j port show");
    let mut ports = port["port"].as_object().unwrap().values();
    let kernels = ports.find(|port| port["sfnum"] == 88).unwrap()["netdev"].as_str().unwrap();
    let named = |name: &str| format!("subdevice a {{ sf 88; representor {name}; }}");
    apply(host_file(&nic0(&named("r0"))));
    assert_eq!(names_of(kernels), ["r0", kernels]);
    // Nobody else can have it.
    let other = format!("{}; subdevice b {{ sf 89; representor {kernels}; }}", named("r0"));
    let refused = subdevcfg(&["apply", host_file(&nic0(&other)), "--yes"]).expect(3);
    let taken = format!("the name {kernels} is taken by subdev/nic0 sf 88");
    assert!(refused.stdout.contains(&taken), "{}", refused.all());
    // One that somebody chose is free again.
    apply(host_file(&nic0(&named("r1"))));
    assert_eq!(names_of(kernels), ["r1", kernels]);
    subdevcfg(&["undo", "--yes"]).expect(0);
    assert_eq!(names_of(kernels), ["r0", kernels]);
    // It may have its own back.
    apply(host_file(&nic0(&named(kernels))));
    assert_eq!(names_of(kernels), [kernels]);
    destroy();
}
