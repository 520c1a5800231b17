//! Functions that take their time to come up, as those of real cards do: they come up together.

use crate::guest::{apply, config, destroy, fresh, host_file, sh, subdevcfg};

/// Six subfunctions with a netdev each, or none.
fn host(functions: bool) -> &'static str {
    let six = "repeat 6 as=i from=1 { subdevice \"s${i}\" { sf $i; netdev \"s${i}\" up=#true; }; }";
    let functions = if functions { six } else { "" };
    host_file(&format!(
        "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" {{ create; eswitch mode=switchdev; {functions} }}\n"
    ))
}

/// From now on what an activation brings about comes so much later.
fn later() {
    sh("echo 2000 > /sys/kernel/debug/subdev/nic0/async_activate");
}

#[test]
fn functions_come_up_together() {
    fresh();
    apply(host(false));
    later();
    let run = subdevcfg(&["apply", host(true), "--yes"]).expect(0);
    let said: Vec<&str> = run.stderr.lines().collect();
    let last_start = said.iter().rposition(|line| line.contains("] activate sf")).unwrap();
    let first_use = said.iter().position(|line| line.contains("] set param enable_eth")).unwrap();
    assert!(last_start < first_use, "{}", run.all());
    sh("for i in 1 2 3 4 5 6; do ip link show s$i up | grep -q s$i; done");
    subdevcfg(&["plan", host(true), "--detailed-exitcode"]).expect(0);
    destroy();
}

/// What is under way when another fails is waited for, and goes with the rest.
#[test]
fn one_that_fails_takes_those_along_that_are_coming_up() {
    fresh();
    apply(host(false));
    let before = config();
    later();
    sh("echo 'activate 4 5' > /sys/kernel/debug/subdev/fail");
    let run = subdevcfg(&["apply", host(true), "--yes"]).expect(1);
    sh("echo clear > /sys/kernel/debug/subdev/fail");
    assert!(run.stderr.contains("activate sf 4"), "{}", run.all());
    assert_eq!(config(), before, "{}", run.all());
    destroy();
}
