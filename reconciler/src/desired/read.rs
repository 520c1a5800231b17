//! The compiler's model, read node by node.

use std::collections::{BTreeMap, BTreeSet};

use subdevcfg_compiler::CompiledHost;
use subdevcfg_compiler::address::{Address, Part};
use subdevcfg_compiler::model::{
    Bridge, BridgePort, Device, Interface, LegacyVf, Lifecycle, Mdev, Param, Place, RateNode, Rates, Sourced,
    Subdevice, Uplink, Vdpa,
};
use subdevcfg_compiler::source::{SourceMap, Span};
use subdevcfg_compiler::values::{BridgeKind, DevlinkHandle, InterfaceName, Owner};

use super::{
    Desired, DesiredBridge, DesiredFunction, DesiredParent, DesiredRateNode, DesiredVdpa, LeftToOthers,
    Required, Wanted, Wants,
};
use crate::reason::Reason;
use crate::resource::{
    BridgeName, Capability, FunctionId, LegacySetting, OvsVlans, PortVlans, Setting, Side, Subject,
    UplinkSetting, VdpaSetting, VlanFlags, Vlans,
};
use crate::state::SoftSpec;

impl Desired {
    /// Reads a host.
    #[must_use]
    pub fn of(host: &CompiledHost, sources: &SourceMap) -> Self {
        let ovs = host.model.bridges.iter().filter(|bridge| bridge.kind.value == BridgeKind::Ovs);
        let places = Places(sources, ovs.map(|bridge| bridge.name.value.clone()).collect());
        let devices = host.model.devices.iter();
        Self {
            parents: devices.map(|device| places.parent(device)).collect(),
            bridges: host.model.bridges.iter().map(|bridge| places.bridge(bridge)).collect(),
            for_other_kernels: host.left_out.iter().map(|&span| sources.cite(span)).collect(),
            catalogues: Vec::new(),
        }
    }
}

/// The `attr` nodes, in the order of the file.
fn device_attributes(mdev: &Mdev) -> Vec<Setting> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let setting = |(name, value): &'_ (String, String), nth| Setting::Device {
        name: name.clone(),
        nth,
        value: value.clone(),
    };
    let counted = mdev.attrs.iter().map(|attr| {
        let count = seen.entry(&attr.0).or_default();
        *count += 1;
        setting(attr, *count - 1)
    });
    counted.collect()
}

fn left_to_others(ignored: &[Sourced<String>], owner: Option<&Sourced<Owner>>) -> LeftToOthers {
    let ignored = ignored.iter().map(|path| (path.value.clone(), "others, by `ignore`".to_owned()));
    let managed = owner.into_iter().flat_map(|owner| {
        let paths = owner.value.manages().iter();
        paths.map(move |path| ((*path).to_owned(), owner.value.to_string()))
    });
    LeftToOthers { paths: managed.chain(ignored).collect(), to: owner.map(|owner| owner.value) }
}

/// Turns spans into citations, and knows which bridges are of Open vSwitch.
struct Places<'a>(&'a SourceMap, BTreeSet<InterfaceName>);

impl Places<'_> {
    fn asked(&self, span: Span) -> Reason {
        Reason::asked(self.0.cite(span))
    }

    fn of<T>(&self, sourced: &Sourced<T>) -> Reason {
        Reason { text: sourced.implied.clone(), source: Some(self.0.cite(sourced.span)) }
    }

    fn parent(&self, device: &Device) -> DesiredParent {
        let (parent, wants) = match &device.place {
            Place::Handle(handle) => (handle.clone(), None),
            Place::Match(wanted) => {
                (DevlinkHandle::new("match", device.name.value.as_str()), Some(Wants::of(wanted)))
            }
        };
        let mut wanted = Wanted::new(self.asked(device.name.span));
        let eswitch = &device.eswitch;
        if let Some(mode) = &eswitch.mode {
            wanted.add(Setting::EswitchMode(mode.value), self.of(mode));
        }
        if let Some(mode) = &eswitch.inline_mode {
            wanted.add(Setting::InlineMode(mode.value), self.of(mode));
        }
        if let Some(mode) = &eswitch.encap_mode {
            wanted.add(Setting::EncapMode(mode.value), self.of(mode));
        }
        if let Some(vfs) = &device.vfs {
            wanted.add(Setting::Vfs(vfs.value), self.of(vfs));
        }
        self.uplink(&mut wanted, &device.uplink);
        self.params(&mut wanted, &device.params);
        let create = device.create.as_ref().map(|create| SoftSpec {
            max_subdevices: create.max_subdevices.as_ref().map(|number| number.value),
            lower: create.lower.as_ref().map(|name| name.value.clone()),
            mac_base: create.mac_base.as_ref().map(|mac| mac.value),
        });
        let functions =
            device.subdevices.iter().flat_map(|subdevice| self.functions(device, &parent, subdevice));
        let rate_nodes = device.rate_nodes.iter().map(|node| self.rate_node(device, &parent, node));
        let vdpas = device.vdpas.iter().map(|vdpa| self.vdpa(device, &parent, vdpa));
        DesiredParent {
            rate_nodes: rate_nodes.collect(),
            vdpas: vdpas.collect(),
            functions: functions.collect(),
            subject: Subject::parent(parent),
            wants,
            required: Required {
                sf_capacity: device.require.sf_capacity.as_ref().map(|number| number.value),
                vf_capacity: device.require.vf_capacity.as_ref().map(|number| number.value),
                firmware: device.require.firmware.as_ref().map(|versions| versions.value.clone()),
            },
            address: device.address().to_string(),
            catalogue: device.catalogue.clone(),
            driver: device.driver.as_ref().map(|driver| driver.value.clone()),
            exclusive: device.exclusive.as_ref().map(|range| (range.value.from, range.value.to)),
            lifeline: device.lifeline.as_ref().map(|lifeline| lifeline.value),
            create,
            left: left_to_others(&device.ignored, None),
            wanted,
        }
    }

    fn bridge(&self, bridge: &Bridge) -> DesiredBridge {
        let name = bridge.name.value.clone();
        let mut wanted = Wanted::new(self.asked(bridge.name.span));
        if let Some(filtering) = &bridge.vlan_filtering {
            wanted.add(Setting::VlanFiltering(filtering.value), self.of(filtering));
        }
        DesiredBridge {
            subject: Subject::bridge(name.as_str()),
            address: Address::bridge(name.as_str()).to_string(),
            name,
            kind: bridge.kind.value,
            wanted,
        }
    }

    /// The VLANs that are written are all that the port has; without any they are left alone.
    fn port(&self, wanted: &mut Wanted, port: &BridgePort) {
        let name = port.bridge.value.clone();
        if self.1.contains(&name) {
            wanted.add(Setting::Bridge(Some(BridgeName::Ovs { ovs: name })), self.of(&port.bridge));
            let (tag, trunks) = (port.tag.as_ref(), port.trunks.as_ref());
            let vlans = OvsVlans::wanted(tag.map(|tag| tag.value), trunks.map(|trunks| trunks.value));
            let reason = tag.map(|tag| self.of(tag)).or(trunks.map(|trunks| self.of(trunks)));
            if let (Some(vlans), Some(reason)) = (vlans, reason) {
                wanted.add(Setting::Vlans(PortVlans::Ovs(vlans)), reason);
            }
            return;
        }
        wanted.add(Setting::Bridge(Some(BridgeName::Linux(name))), self.of(&port.bridge));
        let Some(first) = port.vlans.first() else { return };
        let mut vlans = Vlans::default();
        for vlan in &port.vlans {
            let is_on = |flag: &Option<Sourced<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
            let flags = VlanFlags { pvid: is_on(&vlan.pvid), untagged: is_on(&vlan.untagged) };
            let range = vlan.vlans.value;
            vlans.0.extend((range.from..=range.to).filter_map(|id| Some((u16::try_from(id).ok()?, flags))));
        }
        wanted.add(Setting::Vlans(PortVlans::Linux(vlans)), self.of(&first.vlans));
    }

    fn uplink(&self, wanted: &mut Wanted, uplink: &Uplink) {
        let Uplink { mtu, up, hw_tc_offload } = uplink;
        let mtu = mtu.as_ref().map(|mtu| (UplinkSetting::Mtu(mtu.value), self.of(mtu)));
        let up = up.as_ref().map(|up| (UplinkSetting::Up(up.value), self.of(up)));
        let offload = hw_tc_offload.as_ref().map(|on| (UplinkSetting::HwTcOffload(on.value), self.of(on)));
        for (setting, reason) in [mtu, offload, up].into_iter().flatten() {
            wanted.add(Setting::Uplink(setting), reason);
        }
    }

    /// The function that a subdevice is, and the mediated device that it carries.
    fn functions(
        &self,
        device: &Device,
        parent: &DevlinkHandle,
        subdevice: &Subdevice,
    ) -> impl Iterator<Item = DesiredFunction> {
        let function = self.function(device, parent, subdevice);
        let carried = match &subdevice.lifecycle.value {
            Lifecycle::Vf { index, mdev: Some(mdev), .. } => Some((*index, mdev)),
            _ => None,
        };
        let carried = carried.map(|(index, mdev)| {
            let id = FunctionId::Mdev { uuid: mdev.uuid };
            DesiredFunction {
                subject: Subject::function(parent.clone(), id.clone()),
                id,
                address: format!("{}.mdev", function.address),
                mdev_type: Some(mdev.mdev_type.clone()),
                on_vf: Some(index),
                wanted: self.mdev(subdevice, mdev),
                ..function.clone()
            }
        });
        std::iter::once(function).chain(carried)
    }

    fn mdev(&self, subdevice: &Subdevice, mdev: &Mdev) -> Wanted {
        let mut wanted = Wanted::new(self.asked(subdevice.name.span));
        for setting in device_attributes(mdev) {
            wanted.order.push(setting.attribute());
            wanted.add(setting, self.asked(subdevice.lifecycle.span));
        }
        wanted
    }

    fn function(&self, device: &Device, parent: &DevlinkHandle, subdevice: &Subdevice) -> DesiredFunction {
        let id = FunctionId::of(&subdevice.lifecycle.value);
        let mdev = match &subdevice.lifecycle.value {
            Lifecycle::Mdev(mdev) => Some(mdev),
            _ => None,
        };
        let mut wanted = mdev
            .map_or_else(|| Wanted::new(self.asked(subdevice.name.span)), |mdev| self.mdev(subdevice, mdev));
        if let Some(mac) = &subdevice.function.mac {
            wanted.add(Setting::Mac(mac.value), self.of(mac));
        }
        for (capability, on) in [
            (Capability::Roce, &subdevice.function.roce),
            (Capability::Migratable, &subdevice.function.migratable),
            (Capability::IpsecCrypto, &subdevice.function.ipsec_crypto),
            (Capability::IpsecPacket, &subdevice.function.ipsec_packet),
        ] {
            if let Some(on) = on {
                wanted.add(Setting::Capability(capability, on.value), self.of(on));
            }
        }
        if let Some(number) = &subdevice.function.max_io_eqs {
            wanted.add(Setting::MaxIoEqs(number.value), self.of(number));
        }
        if let Some(driver) = &subdevice.bind {
            wanted.add(Setting::Bind(Some(driver.value.clone())), self.of(driver));
        }
        if let Some(legacy) = &subdevice.legacy {
            self.legacy(&mut wanted, legacy);
        }
        self.rates(&mut wanted, &subdevice.rate);
        self.params(&mut wanted, &subdevice.params);
        for (side, interface) in
            [(Side::Netdev, &subdevice.netdev), (Side::Representor, &subdevice.representor)]
        {
            if let Some(interface) = interface {
                self.interface(&mut wanted, side, interface);
            }
        }
        if let Some(port) = &subdevice.port {
            self.port(&mut wanted, port);
        }
        let is_external = matches!(subdevice.lifecycle.value, Lifecycle::External { .. });
        DesiredFunction {
            subject: Subject::function(parent.clone(), id.clone()),
            external: is_external || id.is_made_elsewhere(),
            id,
            address: subdevice.address(device).to_string(),
            mdev_type: mdev.map(|mdev| mdev.mdev_type.clone()),
            on_vf: None,
            absent: subdevice.is_absent(),
            active: true,
            bound: None,
            protect: subdevice.protect.as_ref().is_some_and(|protect| protect.value),
            left: left_to_others(&subdevice.ignored, subdevice.hand_over.as_ref()),
            wanted,
        }
    }

    fn legacy(&self, wanted: &mut Wanted, legacy: &LegacyVf) {
        fn given<T: Copy>(
            value: Option<&Sourced<T>>,
            setting: fn(T) -> LegacySetting,
        ) -> Option<Sourced<Setting>> {
            let &Sourced { value, span, ref implied } = value?;
            Some(Sourced { value: Setting::Legacy(setting(value)), span, implied: implied.clone() })
        }
        let settings = [
            given(legacy.mac.as_ref(), LegacySetting::Mac),
            given(legacy.vlan.as_ref(), LegacySetting::Vlan),
            given(legacy.qos.as_ref(), LegacySetting::Qos),
            given(legacy.proto.as_ref(), LegacySetting::Proto),
            given(legacy.trust.as_ref(), LegacySetting::Trust),
            given(legacy.spoofchk.as_ref(), LegacySetting::Spoofchk),
            given(legacy.link_state.as_ref(), LegacySetting::LinkState),
            given(legacy.rate_min.as_ref(), LegacySetting::RateMin),
            given(legacy.rate_max.as_ref(), LegacySetting::RateMax),
        ];
        for setting in settings.into_iter().flatten() {
            wanted.add(setting.value.clone(), self.of(&setting));
        }
    }

    fn rate_node(&self, device: &Device, parent: &DevlinkHandle, node: &RateNode) -> DesiredRateNode {
        let name = node.name.value.clone();
        let mut wanted = Wanted::new(self.asked(node.name.span));
        self.rates(&mut wanted, &node.rates);
        DesiredRateNode {
            subject: Subject::rate_node(parent.clone(), name.clone()),
            address: device.address().part(Part::RateNode(name.clone())).to_string(),
            name,
            wanted,
        }
    }

    fn vdpa(&self, device: &Device, parent: &DevlinkHandle, vdpa: &Vdpa) -> DesiredVdpa {
        let Vdpa { name, mac, mtu, max_vqp, bind } = vdpa;
        let mut wanted = Wanted::new(self.asked(name.span));
        if let Some(mac) = mac {
            wanted.add(Setting::Vdpa(VdpaSetting::Mac(mac.value)), self.of(mac));
        }
        if let Some(mtu) = mtu {
            wanted.add(Setting::Vdpa(VdpaSetting::Mtu(mtu.value)), self.of(mtu));
        }
        if let Some(number) = max_vqp {
            wanted.add(Setting::Vdpa(VdpaSetting::MaxVqp(number.value)), self.of(number));
        }
        if let Some(driver) = bind {
            wanted.add(Setting::Bind(Some(driver.value.clone())), self.of(driver));
        }
        DesiredVdpa {
            subject: Subject::vdpa(parent.clone(), name.value.clone()),
            name: name.value.clone(),
            address: device.address().part(Part::Vdpa(name.value.clone())).to_string(),
            wanted,
        }
    }

    fn rates(&self, wanted: &mut Wanted, rates: &Rates) {
        let Rates { tx_share, tx_max, tx_priority, tx_weight, parent } = rates;
        if let Some(above) = parent {
            let name = Some(above.value.clone()).filter(|name| name != Rates::TOP);
            wanted.add(Setting::RateParent(name), self.of(above));
        }
        if let Some(rate) = tx_share {
            wanted.add(Setting::TxShare(rate.value), self.of(rate));
        }
        if let Some(rate) = tx_max {
            wanted.add(Setting::TxMax(rate.value), self.of(rate));
        }
        if let Some(priority) = tx_priority {
            wanted.add(Setting::TxPriority(priority.value), self.of(priority));
        }
        if let Some(weight) = tx_weight {
            wanted.add(Setting::TxWeight(weight.value), self.of(weight));
        }
    }

    fn params(&self, wanted: &mut Wanted, params: &[Param]) {
        for param in params {
            let (name, cmode, value) = (param.name.clone(), param.cmode, param.value.value.clone());
            let setting = Setting::Param { name, cmode, value };
            if param.if_supported.as_ref().is_some_and(|optional| optional.value) {
                wanted.optional.insert(setting.attribute());
            }
            wanted.add(setting, self.of(&param.value));
        }
    }

    fn interface(&self, wanted: &mut Wanted, side: Side, interface: &Interface) {
        wanted.add(Setting::Name(side, interface.name.value.clone()), self.of(&interface.name));
        if let Some(mtu) = &interface.mtu {
            wanted.add(Setting::Mtu(side, mtu.value), self.of(mtu));
        }
        if let Some(up) = &interface.up {
            wanted.add(Setting::Up(side, up.value), self.of(up));
        }
    }
}
