//! What `lab/bench` measures apply and plan against, inside the guest: the same requests with nothing around them, and one
//! observation alone. Prints microseconds.
//!
//!     floor make PARENT FILE      a line of the file: `sf NUMBER` or `mdev UUID`
//!     floor observe
//!     floor modified FILE         when it was written last, since 1970

use std::fs;
use std::time::{Duration, Instant, UNIX_EPOCH};

use subdevcfg_netlink::devlink::{Devlink, FunctionChange, Handle, SfIdentity};
use subdevcfg_reconciler::kernel::Kernel as _;
use subdevcfg_reconciler::live::LiveKernel;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", parent, file] => make(parent, &fs::read_to_string(file)?),
        ["observe"] => observe(),
        ["modified", file] => modified(file),
        // `cargo test --all-targets` runs it with other words, and nothing is to be measured then.
        _ => Ok(()),
    }
}

/// Makes and activates each function of a list: a request, its answer, the next request.
fn make(parent: &str, list: &str) -> Result<()> {
    let (bus, device) = parent.split_once('/').ok_or("PARENT is BUS/DEVICE")?;
    let handle = Handle { bus: bus.to_owned(), device: device.to_owned() };
    let types = format!("/sys/bus/{bus}/devices/{device}/mdev_supported_types/subdev-eth");
    let mut devlink = Devlink::open()?;
    let start = Instant::now();
    for line in list.lines() {
        let index = match line.split_once(' ').ok_or("a line is KIND NAME")? {
            ("sf", number) => {
                devlink.port_new(&handle, SfIdentity { controller: 0, pf: 0, number: number.parse()? })?.index
            }
            (_, uuid) => {
                fs::write(format!("{types}/create"), uuid)?;
                fs::read_to_string(format!("/sys/bus/mdev/devices/{uuid}/port_index"))?.trim_end().parse()?
            }
        };
        devlink.function_set(
            &handle,
            index,
            FunctionChange { active: Some(true), ..FunctionChange::default() },
        )?;
    }
    report(start.elapsed());
    Ok(())
}

/// When a file was written last.
fn modified(file: &str) -> Result<()> {
    report(fs::metadata(file)?.modified()?.duration_since(UNIX_EPOCH)?);
    Ok(())
}

/// Everything that a plan knows of the host, read once.
fn observe() -> Result<()> {
    let start = Instant::now();
    let state = LiveKernel::open()?.observe()?;
    report(start.elapsed());
    drop(state);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measures")]
fn report(time: Duration) {
    println!("{}", time.as_micros());
}
