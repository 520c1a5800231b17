//! vDPA devices on the kernel's simulator, whose management device is on no bus and has no devlink. Debian's 6.1 has no
//! vDPA: there nothing is tested but that nothing is asked.

use std::fs::OpenOptions;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use subdevcfg_netlink::recording::{Recorder, Recording};
use subdevcfg_netlink::socket::{Protocol, Socket};
use subdevcfg_netlink::vdpa::Vdpa;

use crate::guest::{apply, changes, config, destroy, example, host_file, sh, subdevcfg};

/// A host without vDPA devices; whether its kernel can have any.
pub fn fresh() -> bool {
    sh("rm -rf /run/subdevcfg");
    if !std::path::Path::new("/sys/devices/vdpasim_net").exists() {
        return false;
    }
    sh("modprobe virtio_vdpa");
    sh("for device in $(ls /sys/bus/vdpa/devices); do vdpa dev del $device; done");
    true
}

/// What the kernel's own tool says of a device, in its own words.
fn shown(name: &str) -> String {
    sh(&format!("vdpa dev config show {name}"))
}

fn driver(name: &str) -> String {
    sh(&format!("basename $(readlink /sys/bus/vdpa/devices/{name}/driver)"))
}

fn devices() -> String {
    sh("ls /sys/bus/vdpa/devices")
}

fn text() -> String {
    example("vdpa.kdl")
}

/// A process that has a vDPA device open.
fn open(name: &str) -> Child {
    let file = sh(&format!("basename /sys/bus/vdpa/devices/{name}/vhost-vdpa-*"));
    let file = OpenOptions::new().read(true).open(format!("/dev/{file}")).unwrap();
    Command::new("sleep").arg("600").stdin(file).spawn().unwrap()
}

#[test]
fn the_example_is_applied_changed_and_taken_away() {
    if !fresh() {
        return;
    }
    let before = config();
    apply(host_file(&text()));
    assert!(
        shown("vm1").contains("02:00:00:00:17:01") && shown("vm1").contains("mtu 9000"),
        "{}",
        shown("vm1")
    );
    assert!(shown("vm2").contains("mtu 1500"), "{}", shown("vm2"));
    assert_eq!(driver("vm1"), "vhost_vdpa");
    let changed = host_file(&text().replace("mtu=9000", "mtu=1400"));
    let replaced = ("vdpa/vdpasim_net.vdpa[vm1]".to_owned(), "[\"delete\",\"create\"]".to_owned());
    assert_eq!(changes(changed), [replaced]);
    apply(changed);
    assert!(shown("vm1").contains("mtu 1400"), "{}", shown("vm1"));
    destroy();
    assert_eq!(config(), before);
}

#[test]
fn the_driver_changes_in_place() {
    if !fresh() {
        return;
    }
    apply(host_file(&text()));
    let changed = host_file(&text().replace("bind vhost_vdpa", "bind virtio_vdpa"));
    assert_eq!(changes(changed), [("vdpa/vdpasim_net.vdpa[vm1]".to_owned(), "[\"update\"]".to_owned())]);
    apply(changed);
    assert_eq!(driver("vm1"), "virtio_vdpa");
    // Somebody unbinds it.
    sh("echo vm1 > /sys/bus/vdpa/drivers/virtio_vdpa/unbind");
    let plan = subdevcfg(&["plan", changed, "--detailed-exitcode"]).expect(2);
    let drift = "vdpa/vdpasim_net.vdpa[vm1].bind   by the kernel seen, virtio_vdpa was applied";
    assert!(plan.stdout.contains(drift), "{}", plan.all());
    apply(changed);
    assert_eq!(driver("vm1"), "virtio_vdpa");
    destroy();
}

#[test]
fn what_the_kernel_refuses_is_undone() {
    if !fresh() {
        return;
    }
    let before = config();
    let bad = text().replace("vdpa vm2 mac=\"02:00:00:00:17:02\"", "vdpa vm2 max-vqp=2");
    let run = subdevcfg(&["apply", host_file(&bad), "--yes"]).expect(1);
    assert!(run.stderr.contains("EOPNOTSUPP") && run.stderr.contains("not supported"), "{}", run.all());
    assert_eq!(config(), before);
    let bad = text().replace("bind vhost_vdpa", "bind no_such_driver");
    let run = subdevcfg(&["apply", host_file(&bad), "--yes"]).expect(1);
    assert!(run.stderr.contains("is its module loaded?"), "{}", run.all());
    assert_eq!(config(), before);
}

#[test]
fn a_device_that_somebody_deleted_comes_back() {
    if !fresh() {
        return;
    }
    let file = host_file(&text());
    apply(file);
    sh("vdpa dev del vm2");
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(2);
    assert!(plan.stdout.contains("gone seen, present was applied"), "{}", plan.all());
    apply(file);
    // Made again by somebody else with another address, it is not what was applied.
    sh("vdpa dev del vm2 && vdpa dev add name vm2 mgmtdev vdpasim_net mac 02:00:00:00:17:99");
    let plan = subdevcfg(&["plan", file, "--detailed-exitcode"]).expect(2);
    let drift = "vdpa/vdpasim_net.vdpa[vm2].mac   02:00:00:00:17:99 seen, 02:00:00:00:17:02 was applied";
    assert!(plan.stdout.contains(drift), "{}", plan.all());
    apply(file);
    destroy();
    assert_eq!(devices(), "");
}

#[test]
fn a_device_made_by_hand_is_adopted_and_stays() {
    if !fresh() {
        return;
    }
    sh("vdpa dev add name vm2 mgmtdev vdpasim_net mac 02:00:00:00:17:02");
    sh("vdpa dev add name other mgmtdev vdpasim_net");
    let file = host_file(&text());
    let plan = subdevcfg(&["plan", file]).expect(0);
    assert!(plan.stdout.contains("ADOPTED    vdpa/vdpasim_net.vdpa[vm2]"), "{}", plan.all());
    apply(file);
    // Nothing of it but its driver changes, and it is not subdevcfg's to delete.
    let other = host_file(&text().replace("02:00:00:00:17:02", "02:00:00:00:17:03"));
    let refused = subdevcfg(&["apply", other, "--yes", "--allow", "parent-wide"]).expect(3);
    assert!(refused.stdout.contains("it is there with another mac"), "{}", refused.all());
    destroy();
    assert_eq!(devices(), "other\nvm2");
    fresh();
}

#[test]
fn a_device_that_is_open_is_left_alone() {
    if !fresh() {
        return;
    }
    apply(host_file(&text()));
    let mut user = open("vm1");
    let changed = host_file(&text().replace("mtu=9000", "mtu=1400"));
    let plan = subdevcfg(&["plan", changed]).expect(0);
    let address = "vdpa/vdpasim_net.vdpa[vm1]";
    let held = format!("IN USE    vhost-vdpa: held open by sleep (pid {})", user.id());
    for words in [held.clone(), format!("--evict '{address}'")] {
        assert!(plan.stdout.contains(&words), "{words}: {}", plan.all());
    }
    subdevcfg(&["apply", changed, "--yes", "--allow", "subdevice-replace"]).expect(3);
    // The kernel would wait for the user with all of generic netlink: it is told so instead, and nothing is left halfway.
    let arguments = ["apply", changed, "--yes", "--allow", "subdevice-replace", "--evict", address];
    let run = subdevcfg(&arguments).expect(1);
    assert!(run.stderr.contains("EBUSY") && run.stderr.contains("held open by sleep"), "{}", run.all());
    assert!(shown("vm1").contains("mtu 9000"), "{}", shown("vm1"));
    user.kill().unwrap();
    user.wait().unwrap();
    subdevcfg(&["apply", changed, "--yes", "--allow", "subdevice-replace"]).expect(0);
    assert!(shown("vm1").contains("mtu 1400"), "{}", shown("vm1"));
    destroy();
}

#[test]
fn a_kernel_without_vdpa_is_not_asked_to_load_it() {
    if fresh() {
        return;
    }
    // The plan is complete but for what is not there.
    let plan = subdevcfg(&["plan", host_file(&text())]).expect(4);
    assert!(plan.stdout.contains("DEFERRED   vdpa/vdpasim_net"), "{}", plan.all());
    let asked = sh("strace -f -e trace=sendto,sendmsg subdevcfg state 2>&1 | grep -c '\"vdpa' || true");
    assert_eq!(asked, "0");
}

/// All that an observation asks of the family, written down.
fn asked() -> Recording {
    let written: Arc<Mutex<Recording>> = Arc::default();
    let socket = Recorder::new(Socket::open(Protocol::Generic).unwrap(), Arc::clone(&written));
    let mut vdpa = Vdpa::new(socket);
    vdpa.management_devices().unwrap();
    vdpa.devices().unwrap();
    vdpa.configs().unwrap();
    let written = written.lock().unwrap();
    written.clone()
}

#[test]
fn as_many_messages_are_sent_for_many_devices_as_for_few() {
    if !fresh() {
        return;
    }
    let few = asked().sent();
    let many = "subdevcfg version=1\nhost \"*\"\ndevice \"vdpa/vdpasim_net\" { repeat 40 as=i { vdpa \"v${i}\"; }; }\n";
    apply(host_file(many));
    assert_eq!(asked().sent(), few);
    // The family is looked for once.
    assert_eq!(few, 4);
    destroy();
}

/// Writes down what the tests of the netlink crate replay, when it is told to:
///
/// ```text
/// . lab/lab.sh; . lab/cargo-env.sh; export SUBDEVCFG_KERNEL=6.12
/// CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$PWD/lab/runner cargo test --workspace \
///     --target x86_64-unknown-linux-gnu --test drivers -- --ignored --nocapture vdpa::recorded >recorded
/// sed -n 's/^vdpa: //p' recorded >netlink/tests/recordings/6.12.vdpa.txt
/// ```
#[test]
#[ignore = "it makes the recording anew"]
fn recorded() {
    assert!(fresh());
    apply(host_file(&text()));
    for line in asked().to_text().lines() {
        println!("vdpa: {line}");
    }
    destroy();
}
