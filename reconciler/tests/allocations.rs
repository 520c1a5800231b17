//! How often memory is asked for: counted, for time is not to be relied on. Each figure is of one more function in a file
//! that has many, so that it fails when something is done for every function that was done once, and when it is done for
//! every two of them.
#![expect(clippy::unwrap_used, reason = "what a test cannot go on without is a failed test")]

#[expect(dead_code, reason = "what other tests use of it")]
#[path = "suite/support/mod.rs"]
mod support;

use std::hint::black_box;

use subdevcfg_reconciler::apply::Outcome;
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::plan::{Input, plan};
use support::{Host, desired};

/// A host with twice this number of functions.
fn file(pairs: usize) -> Desired {
    desired(&format!(
        "subdevcfg version=1
host \"*\"
device \"subdev/nic0\" {{
    create max-subdevices=2048 mac-base=\"02:00:00:00:10:00\"
    eswitch mode=switchdev
    repeat {pairs} as=i from=1 {{
        subdevice \"s${{i}}\" {{ sf $i; netdev \"s${{i}}\" mtu=1400 up=#true; representor \"s${{i}}_r\" up=#true; }}
        subdevice \"m${{i}}\" {{ mdev type=eth; netdev \"m${{i}}\" up=#true; }}
    }}
}}
"
    ))
}

/// How often memory is asked for in all that is done for one more function.
fn for_a_function(done: impl Fn(usize) -> u64) -> u64 {
    let (few, many) = (50, 150);
    (done(many) - done(few)) / (2 * (many - few)) as u64
}

fn counted<T>(work: impl FnOnce() -> T) -> u64 {
    allocation_counter::measure(|| drop(black_box(work()))).count_total
}

fn host_with(pairs: usize) -> Host {
    let mut host = Host::with_kernel("6.12.0");
    assert!(matches!(host.apply(&file(pairs)), Outcome::Converged(_)));
    host
}

/// How often a plan for this host asks for memory.
fn of_a_plan(host: &Host, desired: &Desired) -> u64 {
    let state = host.state();
    counted(|| plan(Input { desired, state: &state, record: &host.record }))
}

#[test]
fn a_plan_asks_for_memory_so_often() {
    let made = for_a_function(|pairs| of_a_plan(&Host::with_kernel("6.12.0"), &file(pairs)));
    let there = for_a_function(|pairs| of_a_plan(&host_with(pairs), &file(pairs)));
    assert!(made <= 135, "{made} for a function that is made");
    assert!(there <= 255, "{there} for a function that is there");
}
