//! Time and peak memory of one compilation, each in a process of its own, beside the `kdl` crate's own parse of the same
//! bytes: `cargo bench -p subdevcfg-compiler --bench footprint`. Compare by ratio: the machine may be busy.

mod files;

use std::process::Command;
use std::time::Instant;

use files::{Text, literal, repeated};
use subdevcfg_compiler::compile;

const WAYS: [&str; 3] = ["kdl-parse", "literal", "repeat"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [way, count] if WAYS.contains(&way.as_str()) => one(way, count.parse().unwrap_or(1)),
        // `cargo test --all-targets` runs it without this, and nothing is to be measured then.
        arguments if arguments.iter().any(|argument| argument == "--bench") => series(),
        _ => {}
    }
}

/// Each way at each size, in a new process.
#[expect(clippy::print_stdout, reason = "a benchmark prints what it measures")]
fn series() {
    println!("{:>10} {:>10} {:>12} {:>12}", "subdevices", "way", "microseconds", "peak KiB");
    let program = std::env::current_exe().unwrap_or_default();
    for count in ["1", "10", "100", "1000", "10000"] {
        for way in WAYS {
            let output = Command::new(&program).args([way, count]).output();
            let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            println!("{count:>10} {way:>10} {}", said.unwrap_or_else(|error| error.to_string()).trim_end());
        }
    }
}

/// Measures one way, and prints it.
#[expect(clippy::print_stdout, reason = "the series reads it")]
fn one(way: &str, count: u32) {
    let text = if way == "repeat" { repeated(count) } else { literal(count) };
    let start = Instant::now();
    if way == "kdl-parse" {
        assert!(kdl::KdlDocument::parse_v2(&text).is_ok(), "the file is KDL");
    } else {
        assert!(compile("host.kdl".into(), &Text(&text)).host.is_some(), "the file has no errors");
    }
    let taken = start.elapsed().as_micros();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?");
    println!("{taken:>12} {:>12}", peak.trim().trim_end_matches(" kB"));
}
