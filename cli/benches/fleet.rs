//! Time and peak memory of `check` over a fleet: 1,000 hosts of 100 subdevices each in one call, files in parallel and one
//! after the other, beside the `kdl` crate's own parse of the same bytes: `cargo bench -p subdevcfg --bench fleet`. Compare by
//! ratio: the machine may be busy.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measures")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

const HOSTS: u32 = 1_000;
const SUBDEVICES: u32 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [way, folder] if way == "kdl-parse" => parse(Path::new(folder)),
        [jobs, folder] if !folder.starts_with('-') => check(jobs, Path::new(folder)),
        // `cargo test --all-targets` runs it without this, and nothing is to be measured then.
        arguments if arguments.iter().any(|argument| argument == "--bench") => series(),
        _ => Ok(()),
    }
}

/// Each way in a new process.
fn series() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for host in 0..HOSTS {
        std::fs::write(folder.path().join(format!("node-{host}.kdl")), text(host))?;
    }
    println!(
        "{HOSTS} hosts of {SUBDEVICES} subdevices\n{:>10} {:>12} {:>12}",
        "way", "milliseconds", "peak KiB"
    );
    for way in ["kdl-parse", "1", "0"] {
        let output = Command::new(std::env::current_exe()?).arg(way).arg(folder.path()).output()?;
        let name = match way {
            "1" => "one job",
            "0" => "parallel",
            way => way,
        };
        print!("{name:>10} {}", String::from_utf8_lossy(&output.stdout));
    }
    Ok(())
}

/// The crate's parse of every file, one after the other, none kept.
fn parse(folder: &Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    for file in std::fs::read_dir(folder)? {
        let text = std::fs::read_to_string(file?.path())?;
        kdl::KdlDocument::parse_v2(&text)?;
    }
    report(start, UsageWho::RUSAGE_SELF)
}

/// One call of the program.
fn check(jobs: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_subdevcfg"));
    let output = command.args(["check", "--jobs", jobs]).arg(folder).output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    report(start, UsageWho::RUSAGE_CHILDREN)
}

fn report(start: Instant, who: UsageWho) -> Result<(), Box<dyn Error>> {
    println!("{:>12} {:>12}", start.elapsed().as_millis(), getrusage(who)?.max_rss());
    Ok(())
}

/// The file of a host.
fn text(host: u32) -> String {
    let mut text = format!(
        "subdevcfg version=1\nhost node-{host}\ndevice \"subdev/nic0\" {{\n    eswitch mode=switchdev\n"
    );
    for number in 0..SUBDEVICES {
        let (high, low) = (host >> 8, host & 0xff);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "    subdevice t{number} {{\n        sf {number}\n        function mac=\"02:00:00:{high:02x}:{low:02x}:{number:02x}\"\n        \
             netdev t{number} mtu=9000 up=#true\n        representor r{number} up=#true\n    }}\n"
        );
    }
    text + "}\n"
}
