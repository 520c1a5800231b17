//! From the model to the graph. Every edge leads from a device to its parts, from a device's parts to its subdevices,
//! from a subdevice to its parts and among them towards netdev and driver, from a bridge to its ports, or down the tree of
//! rates, which has been checked to be one: no cycle can arise.

use petgraph::graph::NodeIndex;

use super::{Reason, ResourceGraph};
use crate::address::{Address, Part};
use crate::model::{Device, HostModel, Lifecycle, Param, Subdevice};
use crate::values::Cmode;

impl ResourceGraph {
    /// The graph of a host.
    #[must_use]
    pub fn build(host: &HostModel) -> Self {
        let mut graph = Self::default();
        for bridge in &host.bridges {
            graph.add(Address::bridge(bridge.name.value.as_str()));
        }
        for device in &host.devices {
            graph.device(device);
        }
        graph
    }

    fn device(&mut self, device: &Device) {
        let address = device.address();
        let node = self.add(address.clone());
        if device.create.is_some() {
            let create = self.add(address.part(Part::Create(None)));
            self.connect(create, node, Reason::MadeBy);
        }
        let eswitch = (device.eswitch != crate::model::Eswitch::default()).then(|| {
            let eswitch = self.add(address.part(Part::Eswitch(None)));
            self.connect(node, eswitch, Reason::Contains);
            eswitch
        });
        // On some drivers a reload goes back to legacy mode and deletes functions; on none does it leave them alone.
        let mut reloads: Vec<NodeIndex> = Vec::new();
        for param in &device.params {
            let address = self.add(address.part(param.part()));
            self.connect(node, address, Reason::Contains);
            if param.cmode == Cmode::Driverinit {
                reloads.push(address);
                if let Some(eswitch) = eswitch {
                    self.connect(address, eswitch, Reason::ReloadsParent);
                }
            }
        }
        if device.uplink != crate::model::Uplink::default() {
            let uplink = self.add(address.part(Part::Uplink(None)));
            self.connect(node, uplink, Reason::Contains);
        }
        let vfs = device.vfs.as_ref().map(|_| {
            let vfs = self.add(address.part(Part::Vfs));
            self.connect(node, vfs, Reason::Contains);
            vfs
        });
        for rate_node in &device.rate_nodes {
            let rate = self.add(address.part(Part::RateNode(rate_node.name.value.clone())));
            let above = rate_node.rates.parent.as_ref().map(|parent| &parent.value);
            self.rate_parent(device, above, rate);
            self.connect(eswitch.unwrap_or(node), rate, Reason::NeedsEswitchMode);
        }
        for vdpa in &device.vdpas {
            let name = self.add(address.part(Part::Vdpa(vdpa.name.value.clone())));
            self.connect(node, name, Reason::Contains);
            for &param in &reloads {
                self.connect(param, name, Reason::ReloadsParent);
            }
        }
        for subdevice in &device.subdevices {
            let function = self.subdevice(device, subdevice, eswitch);
            self.connect(node, function, Reason::Contains);
            if let (Some(vfs), Lifecycle::Vf { .. }) = (vfs, &subdevice.lifecycle.value) {
                self.connect(vfs, function, Reason::Enables);
            }
            for &param in &reloads {
                self.connect(param, function, Reason::ReloadsParent);
            }
        }
    }

    fn rate_parent(&mut self, device: &Device, parent: Option<&String>, below: NodeIndex) {
        if let Some(parent) = parent {
            let parent = self.add(device.address().part(Part::RateNode(parent.clone())));
            self.connect(parent, below, Reason::RateParent);
        }
    }

    fn subdevice(&mut self, device: &Device, subdevice: &Subdevice, eswitch: Option<NodeIndex>) -> NodeIndex {
        let address = subdevice.address(device);
        let node = self.add(address.clone());
        let is_sf = matches!(subdevice.lifecycle.value, Lifecycle::Sf { .. });
        // An eswitch node without a mode orders nothing.
        let mode = eswitch.filter(|_| device.eswitch.mode.is_some());
        if let Some(mode) = mode {
            let reason = if is_sf { Reason::NeedsEswitchMode } else { Reason::ModeBeforeFunctions };
            self.connect(mode, node, reason);
        }
        let netdev = subdevice.netdev.as_ref().map(|_| {
            let netdev = self.add(address.part(Part::Netdev(None)));
            self.connect(node, netdev, Reason::MadeBy);
            netdev
        });
        if subdevice.representor.is_some() {
            let representor = self.add(address.part(Part::Representor(None)));
            self.connect(node, representor, Reason::MadeBy);
            if let Some(port) = &subdevice.port {
                let bridge = self.add(Address::bridge(port.bridge.value.as_str()));
                self.connect(bridge, representor, Reason::BridgePort);
            }
            // A subfunction is in switchdev mode already; a mediated device is in any.
            if let Some(mode) = mode.filter(|_| !is_sf) {
                self.connect(mode, representor, Reason::NeedsEswitchMode);
            }
        }
        if subdevice.function.place().is_some() {
            let function = self.add(address.part(Part::Function(None)));
            self.connect(node, function, Reason::Contains);
            if let Some(netdev) = netdev {
                self.connect(function, netdev, Reason::ConfiguresBeforeProbe);
            }
        }
        if subdevice.rate != crate::model::Rates::default() {
            let rate = self.add(address.part(Part::Rate(None)));
            self.connect(node, rate, Reason::MadeBy);
            self.rate_parent(device, subdevice.rate.parent.as_ref().map(|parent| &parent.value), rate);
        }
        if subdevice.legacy.is_some() {
            let legacy = self.add(address.part(Part::Legacy(None)));
            self.connect(node, legacy, Reason::Contains);
        }
        if subdevice.bind.is_some() {
            let bind = self.add(address.part(Part::Bind));
            self.connect(node, bind, Reason::Contains);
            for part in [Part::Function(None), Part::Legacy(None)] {
                if let Some(&earlier) = self.nodes.get(&address.part(part)) {
                    self.connect(earlier, bind, Reason::BeforeBind);
                }
            }
        }
        for param in &subdevice.params {
            let param_node = self.add(address.part(param.part()));
            self.connect(node, param_node, Reason::Contains);
            if let (Some(netdev), Some(reason)) = (netdev, before_netdev(device, param)) {
                self.connect(param_node, netdev, reason);
            }
        }
        node
    }
}

/// Why a function's parameter comes before its netdev, if it does.
fn before_netdev(device: &Device, param: &Param) -> Option<Reason> {
    let needs = device.catalogue.as_ref().map(|catalogue| catalogue.netdev_needs.as_slice());
    if needs.unwrap_or_default().contains(&param.name) {
        Some(Reason::Enables)
    } else {
        (param.cmode == Cmode::Driverinit).then_some(Reason::ConfiguresBeforeProbe)
    }
}
