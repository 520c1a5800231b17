//! Names that have their form and that nothing can have.

use crate::diagnostic::{Code, Diagnostic, Fix};
use crate::model::{Device, HostModel, Sourced};
use crate::values::{DevlinkHandle, InterfaceName};

pub(super) fn check(host: &HostModel, diagnostics: &mut Vec<Diagnostic>) {
    for device in &host.devices {
        diagnostics.extend(pci_address(device));
        for subdevice in &device.subdevices {
            let interfaces = subdevice.netdev.iter().chain(&subdevice.representor);
            diagnostics.extend(interfaces.filter_map(|interface| reserved(&interface.name)));
        }
    }
    diagnostics.extend(host.bridges.iter().filter_map(|bridge| reserved(&bridge.name)));
}

/// A name of network interfaces that the kernel has a use of its own for.
fn reserved(name: &Sourced<InterfaceName>) -> Option<Diagnostic> {
    let why = match name.value.as_str() {
        "lo" => "every network namespace has its loopback interface of that name",
        // sysctl_dev_name_is_allowed in net/ipv4/devinet.c
        "all" | "default" => "the kernel refuses it: /proc/sys/net has it for all interfaces",
        // dev_prep_valid_name in net/core/dev.c
        name if name.contains('%') => "to the kernel it is a pattern, which it puts a number into",
        _ => return None,
    };
    let message = format!("no interface can be given the name `{}`", name.value);
    Some(Diagnostic::new(Code::MalformedInterface, message, name.span, "not a usable name").help(why))
}

/// A handle on the bus `pci` whose device is not the address of a PCI function as the kernel writes it.
fn pci_address(device: &Device) -> Option<Diagnostic> {
    let handle = device.handle().filter(|handle| handle.bus() == "pci")?;
    let address = handle.device();
    let lower = address.to_ascii_lowercase();
    if is_pci_address(address) {
        return None;
    }
    let message = format!("`{address}` is not the address of a PCI function");
    let diagnostic = Diagnostic::new(Code::MalformedHandle, message, device.name.span, "not a handle");
    let meant = [lower.clone(), format!("0000:{lower}")].into_iter().find(|meant| is_pci_address(meant));
    Some(match meant.map(|meant| DevlinkHandle::new("pci", meant)) {
        Some(meant) => diagnostic
            .help(format!("devlink writes it as \"{meant}\""))
            .fix(Fix::maybe(device.name.span, format!("\"{meant}\""))),
        None => diagnostic
            .help("domain, bus, device and function in small hexadecimal digits, such as pci/0000:08:00.0; `devlink dev show` lists them"),
    })
}

/// Whether it is DOMAIN:BUS:DEVICE.FUNCTION, as `pci_name` in the kernel has it: `%04x:%02x:%02x.%d`.
fn is_pci_address(text: &str) -> bool {
    let digits = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut parts = text.split(':');
    let (Some(domain), Some(bus), Some(rest), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Some((slot, function)) = rest.split_once('.') else { return false };
    digits(domain, 4, 8)
        && digits(bus, 2, 2)
        && digits(slot, 2, 2)
        && matches!(function.as_bytes(), [b'0'..=b'7'])
}

#[cfg(test)]
mod tests {
    use super::is_pci_address;

    #[test]
    fn addresses_of_pci_functions() {
        for address in ["0000:08:00.0", "10000:e1:1f.7", "0001:ab:cd.3"] {
            assert!(is_pci_address(address), "{address}");
        }
        for other in
            ["08:00.0", "0000:08:00", "0000:08:00.8", "0000:0A:00.0", "0000:8:00.0", "nic0", "0:0:0:0.0"]
        {
            assert!(!is_pci_address(other), "{other}");
        }
    }
}
