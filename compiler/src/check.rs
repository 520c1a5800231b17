//! Does it make sense? Rules over a whole host, once its values are typed.

mod driver;
mod duplicates;
mod eswitch;
mod numbers;
mod rates;

use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Device, HostModel};

/// Checks a host and reports what cannot be meant.
pub(crate) fn check(host: &HostModel, diagnostics: &mut Vec<Diagnostic>) {
    duplicates::check(host, diagnostics);
    for device in &host.devices {
        eswitch::check(device, diagnostics);
        numbers::check(device, diagnostics);
        rates::check(device, diagnostics);
        driver::check(device, diagnostics);
        diagnostics.extend(pool(device));
        diagnostics.extend(any_host(host, device));
    }
}

/// More subdevices than the pool of a soft parent.
fn pool(device: &Device) -> Option<Diagnostic> {
    let room = device.create.as_ref()?.max_subdevices.as_ref()?;
    let most = usize::try_from(room.value).unwrap_or(usize::MAX);
    let mut names: Vec<_> = device.subdevices.iter().map(|subdevice| &subdevice.name).collect();
    names.sort_by_key(|name| name.span);
    let over = names.get(most)?;
    let (count, handle) = (names.len(), &device.handle.value);
    let message = format!("`{handle}` has room for {most} subdevices, and {count} are described");
    Some(
        Diagnostic::new(Code::PoolTooSmall, message, room.span, "the size of the pool")
            .and(over.span, "the first without room")
            .help(format!("write `max-subdevices={count}` or more")),
    )
}

/// A hardware address in a file for any host.
fn any_host(host: &HostModel, device: &Device) -> Option<Diagnostic> {
    let handle = &device.handle;
    if host.name.value != "*" || handle.value.bus() != "pci" {
        return None;
    }
    let message =
        format!("a file for any host cannot name `{}`: another host has other hardware there", handle.value);
    Some(
        Diagnostic::new(Code::AnyHostHardware, message, handle.span, "the address of one machine's hardware")
            .and(host.name.span, "any host")
            .help("name the host in `host`; soft parents, `subdev/...`, can stand in a file for any host"),
    )
}
