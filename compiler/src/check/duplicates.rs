//! What must be unique: devices and subdevices by name, functions by their identity, MAC addresses, interface names.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Diagnostic};
use crate::model::HostModel;
use crate::source::Span;

/// Things of one kind, each with its place, that must not be equal.
struct Unique<K> {
    code: Code,
    help: &'static str,
    /// What is said of a second one of that key.
    message: fn(&K) -> String,
    found: Vec<(Span, K)>,
}

impl<K: Ord> Unique<K> {
    const fn new(code: Code, help: &'static str, message: fn(&K) -> String) -> Self {
        Self { code, help, message, found: Vec::new() }
    }

    fn add(&mut self, span: Span, key: K) {
        self.found.push((span, key));
    }

    /// Reports each but the first in the order of the text.
    fn report(mut self, diagnostics: &mut Vec<Diagnostic>) {
        self.found.sort_by_key(|&(span, _)| span);
        let mut first: BTreeMap<&K, Span> = BTreeMap::new();
        for (span, key) in &self.found {
            let Some(&earlier) = first.get(key) else {
                first.insert(key, *span);
                continue;
            };
            // One text that stands for several things.
            let help = if span.is_same_place(earlier) {
                "one line makes both: let the counter or a parameter tell them apart, as in \"web${i}\""
            } else {
                self.help
            };
            diagnostics.push(
                Diagnostic::new(self.code, (self.message)(key), *span, "given again")
                    .and(earlier, "first given here")
                    .help(help),
            );
        }
    }
}

const REPEATED_SUBDEVICE: &str =
    "give one of them another name; a host file changes what a fragment says of one in `override { ... }`";

pub(super) fn check(host: &HostModel, diagnostics: &mut Vec<Diagnostic>) {
    let mut devices = Unique::new(Code::RepeatedDevice, "put what they say into one block", |handle| {
        format!("`{handle}` is described twice")
    });
    let mut names = Unique::new(Code::RepeatedSubdevice, REPEATED_SUBDEVICE, |(device, name)| {
        format!("`{device}` has two subdevices `{name}`")
    });
    let mut macs = Unique::new(Code::RepeatedMac, "give each function an address of its own", |mac| {
        format!("two functions have the MAC address {mac}")
    });
    let mut uuids =
        Unique::new(Code::RepeatedUuid, "leave `uuid=` out: then it is derived from the names", |uuid| {
            format!("two mediated devices have the UUID {uuid}")
        });
    let mut interfaces = Unique::new(
        Code::RepeatedInterface,
        "netdevs and representors share the names of one host: choose another",
        |name| format!("two network interfaces are named `{name}`"),
    );
    let mut rate_nodes =
        Unique::new(Code::RepeatedRateNode, "give one of them another name", |(device, name)| {
            format!("`{device}` has two rate nodes `{name}`")
        });
    let mut vdpas = Unique::new(
        Code::RepeatedVdpa,
        "the devices on the bus `vdpa` share the names of one host: choose another",
        |name| format!("two vDPA devices are named `{name}`"),
    );
    let mut bridges = Unique::new(Code::RepeatedBridge, "keep one of them", |name| {
        format!("two bridges are named `{name}`")
    });
    for bridge in &host.bridges {
        bridges.add(bridge.name.span, &bridge.name.value);
    }
    for device in &host.devices {
        devices.add(device.name.span, &device.name.value);
        for node in &device.rate_nodes {
            rate_nodes.add(node.name.span, (&device.name.value, &node.name.value));
        }
        for vdpa in &device.vdpas {
            vdpas.add(vdpa.name.span, &vdpa.name.value);
        }
        let mut seen = BTreeSet::new();
        for subdevice in &device.subdevices {
            names.add(subdevice.name.span, (&device.name.value, &subdevice.name.value));
            // The same one described again repeats all that it has.
            if !seen.insert(&subdevice.name.value) {
                continue;
            }
            if let Some(mdev) = subdevice.lifecycle.value.mdev() {
                uuids.add(subdevice.lifecycle.span, mdev.uuid);
            }
            for mac in subdevice.macs() {
                macs.add(mac.span, mac.value);
            }
            for interface in subdevice.netdev.iter().chain(&subdevice.representor) {
                interfaces.add(interface.name.span, &interface.name.value);
            }
        }
    }
    devices.report(diagnostics);
    names.report(diagnostics);
    macs.report(diagnostics);
    uuids.report(diagnostics);
    interfaces.report(diagnostics);
    rate_nodes.report(diagnostics);
    vdpas.report(diagnostics);
    bridges.report(diagnostics);
}
