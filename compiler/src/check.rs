//! Does it make sense? Rules over a whole host, once its values are typed.

mod bridges;
mod driver;
mod duplicates;
mod eswitch;
mod numbers;
mod rates;
mod reserved;
mod vfs;
mod words;

use crate::diagnostic::{Code, Diagnostic, any_error};
use crate::model::{Device, HostModel, Lifecycle, Subdevice};

/// Checks a host and reports what cannot be meant; whether any host may have hardware at its addresses.
pub(crate) fn check(host: &HostModel, any_host: bool, diagnostics: &mut Vec<Diagnostic>) {
    duplicates::check(host, diagnostics);
    bridges::check(host, diagnostics);
    reserved::check(host, diagnostics);
    for device in &host.devices {
        eswitch::check(device, diagnostics);
        numbers::check(device, diagnostics);
        rates::check(device, diagnostics);
        vfs::check(device, diagnostics);
        words::check(device, diagnostics);
        driver::check(device, diagnostics);
        // What is wrong with a subdevice keeps it out of the model.
        let all = !any_error(diagnostics);
        diagnostics.extend(pool(device, all));
        diagnostics.extend(hardware_of_any_host(host, device).filter(|_| !any_host));
    }
}

/// More subdevices than the pool of a soft parent; whether these are all.
fn pool(device: &Device, all: bool) -> Option<Diagnostic> {
    let room = device.create.as_ref()?.max_subdevices.as_ref()?;
    let most = usize::try_from(room.value).unwrap_or(usize::MAX);
    // VFs do not come out of the pool, and what is absent needs no room.
    let pooled = |subdevice: &&Subdevice| {
        let takes_room = matches!(subdevice.lifecycle.value, Lifecycle::Sf { .. } | Lifecycle::Mdev(_));
        takes_room && !subdevice.is_absent()
    };
    let mut names: Vec<_> =
        device.subdevices.iter().filter(pooled).map(|subdevice| &subdevice.name).collect();
    names.sort_by_key(|name| name.span);
    let over = names.get(most)?;
    let (count, handle) = (names.len(), &device.name.value);
    let at_least = if all { "" } else { "at least " };
    let message = format!("`{handle}` has room for {most} subdevices, and {at_least}{count} are described");
    Some(
        Diagnostic::new(Code::PoolTooSmall, message, room.span, "the size of the pool")
            .and(over.span, "the first without room")
            .help(format!("write `max-subdevices={count}` or more")),
    )
}

/// A hardware address in a file for any host.
fn hardware_of_any_host(host: &HostModel, device: &Device) -> Option<Diagnostic> {
    if host.name.value != "*" || device.handle()?.bus() != "pci" {
        return None;
    }
    let name = &device.name;
    let message =
        format!("a file for any host cannot name `{}`: another host has other hardware there", name.value);
    Some(
        Diagnostic::new(Code::AnyHostHardware, message, name.span, "the address of one machine's hardware")
            .and(host.name.span, "any host")
            .help(
                "name the host in `host`, find the device by a `match`, or say with `--any-host` that all its hosts have \
                 this hardware there; soft parents, `subdev/...`, can stand here too",
            ),
    )
}
