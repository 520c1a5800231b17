//! A host that is exactly as a host file describes it, without any kernel: what a change of the file is planned against
//! where the host cannot be asked, as in continuous integration.

use subdevcfg_compiler::catalogue::{Catalogue, ParamOwner};
use subdevcfg_compiler::values::{BridgeKind, EswitchMode};

use crate::desired::{Desired, DesiredFunction, DesiredParent};
use crate::plan::{default_attributes, default_params, netdev_is_off, type_without_host};
use crate::record::{Record, Written};
use crate::resource::{
    Attribute, BridgeName, FunctionId, OvsVlans, PortVlans, Setting, Settings, Side, Subject, Vlans,
};
use crate::rules::NEW_INTERFACE_MTU;
use crate::state::{
    Bridge, Eswitch, Function, FunctionVolatile, HostVolatile, Interface, InterfaceVolatile, Parent,
    ParentVolatile, Port, Rates, Sriov, State, Uplink, Vdpa, VdpaVolatile, Vf, VfDevice, Volatile, params_of,
};

/// The state and the record of a host on which this file was applied to nothing. What the file leaves open is as a new
/// object has it. Somebody may be using all of it, so no impact is shown too small.
#[must_use]
pub fn described(desired: &Desired, kernel_release: impl Into<String>) -> (State, Record) {
    let mut record = Record::default();
    let mut state = State::empty();
    for parent in &desired.parents {
        if parent.create.is_some() {
            record.made.insert(parent.subject.clone(), parent.address.clone());
        }
        note(&mut record, &parent.subject, &parent.address, &parent.wanted.settings);
        for function in parent.functions.iter().filter(|function| !function.absent) {
            if !function.id.is_pci() {
                record.made.insert(function.subject.clone(), function.address.clone());
            }
            note(&mut record, &function.subject, &function.address, &function.wanted.settings);
        }
        for node in &parent.rate_nodes {
            record.made.insert(node.subject.clone(), node.address.clone());
            note(&mut record, &node.subject, &node.address, &node.wanted.settings);
        }
        for vdpa in &parent.vdpas {
            record.made.insert(vdpa.subject.clone(), vdpa.address.clone());
            note(&mut record, &vdpa.subject, &vdpa.address, &vdpa.wanted.settings);
        }
        state.parents.insert(parent.subject.parent.clone(), parent_of(parent));
    }
    // Of Open vSwitch nobody knows anything but what is a port of it.
    for bridge in desired.bridges.iter().filter(|bridge| bridge.kind == BridgeKind::Linux) {
        record.made.insert(bridge.subject.clone(), bridge.address.clone());
        note(&mut record, &bridge.subject, &bridge.address, &bridge.wanted.settings);
        let on = Setting::VlanFiltering(true);
        let vlan_filtering = bridge.wanted.settings.has(&on);
        state.bridges.insert(bridge.name.clone(), Bridge { vlan_filtering, ..Bridge::default() });
    }
    let bridges = state.bridges.keys().map(ToString::to_string);
    let interfaces = state.parents.values().flat_map(|parent| &parent.functions).flat_map(|function| {
        Side::ALL
            .into_iter()
            .filter_map(|side| function.interface(side)?.name.as_ref().map(ToString::to_string))
    });
    state.volatile = Volatile(HostVolatile {
        kernel_release: kernel_release.into(),
        interface_names: interfaces.chain(bridges).collect(),
        ..HostVolatile::default()
    });
    (state, record)
}

fn note(record: &mut Record, subject: &Subject, address: &str, settings: &Settings) {
    for setting in settings.iter() {
        let attribute = setting.attribute();
        let address = subject.attribute_address(address, &attribute);
        let written = Written { address, before: None, applied: setting.clone() };
        record.settings.insert((subject.clone(), attribute), written);
    }
}

fn parent_of(desired: &DesiredParent) -> Parent {
    let mut eswitch = Eswitch::default();
    let mut uplink = Uplink::new();
    for setting in desired.wanted.settings.iter() {
        match setting {
            Setting::EswitchMode(mode) => eswitch.mode = Some(*mode),
            Setting::InlineMode(mode) => eswitch.inline_mode = Some(*mode),
            Setting::EncapMode(mode) => eswitch.encap_mode = Some(*mode),
            Setting::Uplink(setting) => uplink.set(*setting),
            _ => {}
        }
    }
    if desired.create.is_some() {
        eswitch.mode.get_or_insert(EswitchMode::Legacy);
    }
    let catalogue = desired.catalogue.as_deref();
    let without_devlink = catalogue.is_some_and(|catalogue| catalogue.without_devlink);
    let defaults = default_params(catalogue, ParamOwner::Parent, None);
    let there = desired.functions.iter().filter(|function| !function.absent);
    let mut functions: Vec<Function> =
        there.map(|function| function_of(function, catalogue, eswitch.mode)).collect();
    functions.sort_by(|a, b| a.id.cmp(&b.id));
    Parent {
        driver: desired.driver.clone().or_else(|| catalogue.map(|catalogue| catalogue.driver.clone())),
        without_devlink,
        uplink: (!without_devlink).then_some(uplink),
        soft: desired.create.clone(),
        sriov: sriov_of(desired),
        eswitch,
        params: params_of(defaults.chain(desired.wanted.settings.iter().cloned())),
        functions,
        rate_nodes: desired
            .rate_nodes
            .iter()
            .map(|node| (node.name.clone(), rates_of(&node.wanted.settings)))
            .collect(),
        vdpa: desired.vdpas.iter().map(|vdpa| (vdpa.name.clone(), vdpa_of(&vdpa.wanted.settings))).collect(),
        volatile: Volatile(ParentVolatile {
            uplink_up: true,
            manages_vdpa: true,
            ..ParentVolatile::default()
        }),
    }
}

fn function_of(
    desired: &DesiredFunction,
    catalogue: Option<&Catalogue>,
    mode: Option<EswitchMode>,
) -> Function {
    let wanted = &desired.wanted.settings;
    let mdev_type = desired.mdev_type.as_ref().map(|wanted| type_without_host(wanted, catalogue));
    let defaults = default_params(catalogue, ParamOwner::Function, mdev_type.as_deref());
    let defaults = defaults.chain(default_attributes(catalogue));
    // What runs a function of another host is there.
    let runs_here = !desired.id.is_of_other_host();
    let defaults = defaults.filter(|setting| runs_here || !matches!(setting, Setting::Param { .. }));
    let all: Settings = defaults.chain(wanted.iter().cloned()).collect();
    let named = |side| wanted.get(&Attribute::Name(side)).is_some();
    let switchdev = mode == Some(EswitchMode::Switchdev);
    let has_netdev =
        named(Side::Netdev) || catalogue.is_some_and(|known| runs_here && !netdev_is_off(&all, Some(known)));
    let interface = |side, there: bool| there.then(|| interface_of(wanted, side));
    Function {
        id: desired.id.clone(),
        mdev_type,
        on_vf: desired.on_vf,
        // Of several writes to one attribute the last is what it has.
        attrs: wanted
            .iter()
            .filter_map(|setting| match setting {
                Setting::Device { name, value, .. } => Some((name.clone(), value.clone())),
                _ => None,
            })
            .collect(),
        mac: match wanted.get(&Attribute::Mac) {
            Some(Setting::Mac(mac)) => Some(*mac),
            _ => None,
        },
        capabilities: all
            .iter()
            .filter_map(|setting| match setting {
                Setting::Capability(capability, on) => Some((*capability, *on)),
                _ => None,
            })
            .collect(),
        max_io_eqs: match all.get(&Attribute::MaxIoEqs) {
            Some(Setting::MaxIoEqs(number)) => Some(*number),
            _ => None,
        },
        rates: switchdev.then(|| rates_of(wanted)),
        vf: desired.id.vf_index().is_some().then(|| vf_of(desired, mode)),
        active: true,
        params: params_of(all.iter().cloned()),
        netdev: interface(Side::Netdev, has_netdev),
        representor: interface(Side::Representor, switchdev || named(Side::Representor)),
        volatile: Volatile(FunctionVolatile {
            sf_number: match desired.id {
                FunctionId::Sf { number, .. } => Some(number),
                FunctionId::Mdev { .. } | FunctionId::Vf { .. } | FunctionId::Pf { .. } => None,
            },
            // Whether the other host has taken it up no file tells.
            attached: runs_here,
            ..FunctionVolatile::default()
        }),
    }
}

/// The VFs that the file counts, or at least those that it names.
fn sriov_of(desired: &DesiredParent) -> Option<Sriov> {
    let counted = match desired.wanted.settings.get(&Attribute::Vfs) {
        Some(Setting::Vfs(count)) => Some(*count),
        _ => None,
    };
    let named = desired.functions.iter().filter_map(|function| Some(function.id.vf_index()? + 1)).max();
    let autoprobe = (desired.subject.parent.bus() == "pci").then_some(true);
    Some(Sriov { vfs: counted.or(named)?, autoprobe, ..Sriov::default() })
}

fn vf_of(desired: &DesiredFunction, mode: Option<EswitchMode>) -> Vf {
    let wanted = &desired.wanted.settings;
    let legacy = wanted.iter().filter_map(|setting| match setting {
        Setting::Legacy(legacy) if mode != Some(EswitchMode::Switchdev) => {
            Some((legacy.attribute(), *legacy))
        }
        _ => None,
    });
    let driver = match wanted.get(&Attribute::Bind) {
        Some(Setting::Bind(driver)) => driver.clone(),
        _ => None,
    };
    let is_device = desired.subject.parent.bus() == "pci";
    let device = is_device.then(|| VfDevice {
        driver: driver.clone(),
        driver_override: driver,
        ..VfDevice::default()
    });
    Vf { legacy: legacy.collect(), device }
}

fn vdpa_of(wanted: &Settings) -> Vdpa {
    let mut vdpa = Vdpa::default();
    for setting in wanted.iter() {
        match setting {
            Setting::Vdpa(setting) => vdpa.config.set(*setting),
            Setting::Bind(driver) => vdpa.driver_override.clone_from(driver),
            _ => {}
        }
    }
    // Without a choice some driver takes it.
    let driver = vdpa.driver_override.clone().or_else(|| Some("vhost_vdpa".to_owned()));
    vdpa.volatile = Volatile(VdpaVolatile { driver, ..VdpaVolatile::default() });
    vdpa
}

fn rates_of(wanted: &Settings) -> Rates {
    let mut rates = Rates::of_new();
    for setting in wanted.iter().cloned() {
        match setting {
            Setting::RateParent(above) => rates.parent = above,
            Setting::TxShare(rate) => rates.tx_share = rate,
            Setting::TxMax(rate) => rates.tx_max = rate,
            Setting::TxPriority(priority) => rates.tx_priority = Some(priority),
            Setting::TxWeight(weight) => rates.tx_weight = Some(weight),
            _ => {}
        }
    }
    rates
}

fn port_of(wanted: &Settings) -> Option<Port> {
    let Some(Setting::Bridge(Some(bridge))) = wanted.get(&Attribute::Bridge) else { return None };
    let vlans = match (wanted.get(&Attribute::Vlans), bridge) {
        (Some(Setting::Vlans(vlans)), _) => vlans.clone(),
        (_, BridgeName::Linux(_)) => PortVlans::Linux(Vlans::of_new_port()),
        (_, BridgeName::Ovs { .. }) => PortVlans::Ovs(OvsVlans::of_new_port()),
    };
    Some(Port { bridge: bridge.name().clone(), vlans })
}

fn interface_of(wanted: &Settings, side: Side) -> Interface {
    let name = match wanted.get(&Attribute::Name(side)) {
        Some(Setting::Name(_, name)) => Some(name.clone()),
        _ => None,
    };
    Interface {
        volatile: Volatile(InterfaceVolatile {
            name: name.as_ref().map(ToString::to_string).unwrap_or_default(),
            ..InterfaceVolatile::default()
        }),
        name,
        mtu: match wanted.get(&Attribute::Mtu(side)) {
            Some(Setting::Mtu(_, mtu)) => *mtu,
            _ => NEW_INTERFACE_MTU,
        },
        up: wanted.get(&Attribute::Up(side)) == Some(&Setting::Up(side, true)),
        port: if side == Side::Representor { port_of(wanted) } else { None },
    }
}
