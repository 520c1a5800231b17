//! The kernel refuses at the k-th operation, by the module's fault injection: the host is as before, and the kernel's
//! own words are shown. Where no kernel is needed to refuse, `examples` does it at every operation of every example.

use crate::guest::{
    QUICKSTART, apply, config, destroy, example, fresh, host_file, on_the_debug_kernel, sh, subdevcfg,
};

const OPERATIONS: [&str; 8] =
    ["new_device", "mode_set", "mdev_create", "port_add", "function_set", "activate", "param_set", "reload"];

const FAIL: &str = "/sys/kernel/debug/subdev/fail";

/// Lets calls of every operation fail in turn while `file` is applied, the first `most` of each. Returns how many did. On
/// the debug kernel, which is five times slower, only the first call of each fails.
fn fail_everywhere(file: &str, most: u32, reset: impl Fn()) -> Vec<(&'static str, u32)> {
    let before = config();
    let mut calls = Vec::new();
    for operation in OPERATIONS {
        let mut failed = 0;
        loop {
            let nth = failed + 1;
            sh(&format!("echo '{operation} {nth} 5' > {FAIL}"));
            let run = subdevcfg(&["apply", file, "--yes", "--allow", "parent-wide"]);
            sh(&format!("echo clear > {FAIL}"));
            if run.code == Some(0) {
                reset();
                break;
            }
            assert_eq!(run.code, Some(1), "{operation} {nth}: {}", run.all());
            assert!(run.stderr.contains("EIO"), "{operation} {nth}: {}", run.all());
            // A write to sysfs has an errno and no words; a devlink request has both.
            if !matches!(operation, "new_device" | "mdev_create") {
                let words = format!("fault injection: {operation} call {nth}");
                assert!(run.stderr.contains(&words), "{}", run.all());
            }
            assert_eq!(config(), before, "{operation} {nth}: {}", run.all());
            failed += 1;
            if failed == most || on_the_debug_kernel() {
                break;
            }
        }
        calls.push((operation, failed));
        assert_eq!(config(), before, "{operation}");
    }
    calls
}

#[test]
fn a_first_apply_is_undone_wherever_it_fails() {
    fresh();
    let calls = fail_everywhere(QUICKSTART, u32::MAX, destroy);
    if on_the_debug_kernel() {
        return;
    }
    // Two mdevs and two SFs, each with a MAC, enable_eth, one with queues of each kind.
    assert_eq!(
        calls,
        [
            ("new_device", 1),
            ("mode_set", 1),
            ("mdev_create", 2),
            ("port_add", 2),
            ("function_set", 4),
            ("activate", 4),
            ("param_set", 6),
            ("reload", 4),
        ]
    );
}

#[test]
fn a_change_is_undone_wherever_it_fails() {
    fresh();
    apply(QUICKSTART);
    let changed = example("quickstart.kdl")
        .replace("00:00:58\"", "00:00:a8\"")
        .replace("queues 4", "queues 8")
        .replace("netdev web1 up", "netdev web9 up")
        .replace("netdev db0 mtu=1400", "netdev db0 mtu=1300")
        .replace("sf 89", "sf 90");
    std::fs::write("/tmp/changed.kdl", changed).unwrap();
    let calls = fail_everywhere("/tmp/changed.kdl", 1, || apply(QUICKSTART));
    assert!(calls.iter().filter(|(_, calls)| *calls > 0).count() >= 5, "{calls:?}");
    destroy();
}

#[test]
fn a_mode_switch_with_functions_is_undone_wherever_it_fails() {
    fresh();
    let legacy = example("legacy.kdl");
    std::fs::write("/tmp/legacy.kdl", &legacy).unwrap();
    apply("/tmp/legacy.kdl");
    let file = host_file(&legacy.replace("mode=legacy", "mode=switchdev"));
    fail_everywhere(file, 1, || apply("/tmp/legacy.kdl"));
    destroy();
}
