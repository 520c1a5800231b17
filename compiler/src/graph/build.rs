//! From the model to the graph. Every edge leads from a device to its parts, from a device's parts to its subdevices,
//! or from a subdevice to its parts and among them towards the netdev: no cycle can arise.

use petgraph::graph::NodeIndex;

use super::{Reason, ResourceGraph};
use crate::address::Part;
use crate::model::{Device, HostModel, Lifecycle, Param, Subdevice};
use crate::values::Cmode;

impl ResourceGraph {
    /// The graph of a host.
    #[must_use]
    pub fn build(host: &HostModel) -> Self {
        let mut graph = Self::default();
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
        for subdevice in &device.subdevices {
            let function = self.subdevice(device, subdevice, eswitch);
            self.connect(node, function, Reason::Contains);
            for &param in &reloads {
                self.connect(param, function, Reason::ReloadsParent);
            }
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
            // A subfunction is in switchdev mode already; a mediated device is in any.
            if let Some(mode) = mode.filter(|_| !is_sf) {
                self.connect(mode, representor, Reason::NeedsEswitchMode);
            }
        }
        if subdevice.function.mac.is_some() {
            let function = self.add(address.part(Part::Function(None)));
            self.connect(node, function, Reason::Contains);
            if let Some(netdev) = netdev {
                self.connect(function, netdev, Reason::ConfiguresBeforeProbe);
            }
        }
        if subdevice.rate != crate::model::Rates::default() {
            let rate = self.add(address.part(Part::Rate(None)));
            self.connect(node, rate, Reason::MadeBy);
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
        Some(Reason::EnablesNetdev)
    } else {
        (param.cmode == Cmode::Driverinit).then_some(Reason::ConfiguresBeforeProbe)
    }
}
