//! Each request with its preconditions and effects, as the kernel and the bundled module have them.

use std::collections::BTreeMap;

use nix::errno::Errno;
use subdevcfg_compiler::values::{DevlinkHandle, EncapMode, EswitchMode, InlineMode, MacAddr, Scalar};

use super::Answer;
use super::host::{SimulatedFunction, SimulatedHost, SimulatedMdev, SimulatedParent, size_of_type};
use super::interface::write_interface;
use super::other_side::OtherHost;
use super::params::{self, Params, Values};
use super::{bridges, device_attributes, rates, samples, uplink};
use crate::kernel::{Request, RequestError};
use crate::resource::{Capability, FunctionId, Setting, Side, Subject};
use crate::state::SoftSpec;

/// The most queues of a function, and so of its `max_io_eqs` (`SD_QUEUES_MAX`, `kmod/subdev.h`).
const MOST_QUEUES: u32 = 64;

/// The least MTU of an Ethernet device (`ETH_MIN_MTU`, `include/uapi/linux/if_ether.h`).
pub(super) const MIN_MTU: u32 = 68;

const NO_PLACE: &str = "all places are taken";

pub(super) fn refuse(errno: Errno, message: &str) -> RequestError {
    let message = (!message.is_empty()).then(|| message.to_owned());
    RequestError::Refused { errno, message, file: None }
}

pub(super) fn perform(host: &mut SimulatedHost, request: &Request) -> Answer {
    match request {
        Request::NewParent { handle, spec } => {
            if handle.bus() != "subdev" {
                return Err(refuse(Errno::EOPNOTSUPP, "only the subdev bus makes parents"));
            }
            if host.parents.contains_key(handle.device()) {
                return Err(refuse(Errno::EEXIST, ""));
            }
            check_lower(host, spec)?;
            let kept = host.permanent.get(handle.device()).cloned().unwrap_or_default();
            host.parents.insert(handle.device().to_owned(), SimulatedParent::new(spec, &kept));
            uplink::register(host, handle)
        }
        Request::DelParent { handle } => {
            host.parents.remove(handle.device()).map(drop).ok_or_else(|| refuse(Errno::ENODEV, ""))
        }
        // Devices with VFs are others.
        Request::Create { on_vf: Some(_), .. } | Request::SetVfs { .. } => Err(refuse(Errno::ENOENT, "")),
        Request::Create { parent, id, mdev_type, on_vf: None } => {
            create(host, parent, id, mdev_type.as_deref())
        }
        Request::Delete { parent, id } => delete(host, parent, id),
        Request::MakeRateNode { parent, name } => rates::make_node(host, parent, name),
        Request::DeleteRateNode { parent, name } => rates::delete_node(host, parent, name),
        Request::MakeBridge { name } => bridges::make(host, name),
        Request::DeleteBridge { name } => bridges::delete(host, name),
        Request::SetActive { parent, id, active } => set_active(host, parent, id, *active),
        // Open vSwitch's, not the kernel's; and of vDPA its family's, not a driver's.
        Request::AddPort { .. }
        | Request::RemovePort { .. }
        | Request::MakeVdpa { .. }
        | Request::DeleteVdpa { .. } => Err(refuse(Errno::EOPNOTSUPP, "")),
        Request::Set { subject, setting } => match setting {
            Setting::Name(side, _) | Setting::Mtu(side, _) | Setting::Up(side, _) => {
                set_interface(host, subject, *side, setting)
            }
            Setting::VlanFiltering(on) => bridges::set_vlan_filtering(host, subject, *on),
            Setting::Bridge(bridge) => bridges::join(host, subject, bridge.as_ref()),
            Setting::Vlans(vlans) => bridges::set_vlans(host, subject, vlans),
            Setting::Uplink(setting) => uplink::set(host, subject, *setting),
            Setting::Device { name, value, .. } => set_device_attribute(host, subject, name, value),
            _ if setting.attribute().is_rate() => rates::set(host, subject, setting),
            _ => set(host, subject, setting),
        },
        Request::Reload { subject } => reload(host, subject),
    }
}

/// A netdev below the uplink is there, and of one parent only (`sd_lower_check`, `kmod/lower.c`).
fn check_lower(host: &SimulatedHost, spec: &SoftSpec) -> Answer {
    let Some(lower) = &spec.lower else { return Ok(()) };
    if lower.as_str() == "lo" || host.functions_have(lower.as_str()) {
        return Err(refuse(Errno::EINVAL, ""));
    }
    if !host.interface_names().any(|name| name == lower.as_str()) {
        return Err(refuse(Errno::ENODEV, ""));
    }
    if host.parents.values().any(|parent| parent.lower.as_ref() == Some(lower)) {
        return Err(refuse(Errno::EBUSY, ""));
    }
    Ok(())
}

pub(super) fn parent<'h>(
    host: &'h mut SimulatedHost,
    handle: &DevlinkHandle,
) -> Result<&'h mut SimulatedParent, RequestError> {
    let found = (handle.bus() == "subdev").then(|| host.parents.get_mut(handle.device())).flatten();
    // The family's pre_doit finds no instance (net/devlink/netlink.c).
    found.ok_or_else(|| refuse(Errno::ENODEV, ""))
}

pub(super) fn function<'h>(
    host: &'h mut SimulatedHost,
    handle: &DevlinkHandle,
    id: &FunctionId,
) -> Result<&'h mut SimulatedFunction, RequestError> {
    let vanished = format!("there is no {id} on {handle}");
    parent(host, handle)?.function(id).ok_or(RequestError::Vanished(vanished))
}

fn create(
    host: &mut SimulatedHost,
    handle: &DevlinkHandle,
    id: &FunctionId,
    mdev_type: Option<&str>,
) -> Answer {
    let other_host = host.other_host;
    let uuid_taken = matches!(id, FunctionId::Mdev { uuid } if host.has_mdev(*uuid));
    if let (Some(sample), FunctionId::Mdev { uuid }) = (host.sample(handle), id) {
        return samples::create(host, sample, *uuid, mdev_type.unwrap_or_default(), uuid_taken);
    }
    let missing = |error| if id.is_mdev() { refuse(Errno::ENOENT, "") } else { error };
    // A mediated device is made by a write to a file below its parent.
    let found = parent(host, handle).map_err(missing)?;
    let size = mdev_type.map_or(Some(1), size_of_type);
    let full = found.used() + size.unwrap_or(0) > found.capacity;
    let number_taken = |controller, number| {
        found.functions.iter().any(|known| (known.controller, known.sf_number) == (controller, number))
    };
    let (controller, sf_number, mdev) = match id {
        FunctionId::Sf { controller, pf, number } => {
            if *controller != 0 && other_host == OtherHost::None {
                return Err(refuse(Errno::EOPNOTSUPP, "the only controller is 0"));
            }
            if *pf != 0 {
                return Err(refuse(Errno::EOPNOTSUPP, "the only PF is 0"));
            }
            if found.mode != EswitchMode::Switchdev {
                return Err(refuse(
                    Errno::EOPNOTSUPP,
                    "SF ports are only supported in eswitch switchdev mode",
                ));
            }
            // Only then, as mlx5_sf_alloc() has it.
            if *controller > 1 {
                return Err(refuse(Errno::EINVAL, "the only controllers are 0 and 1"));
            }
            // Before the pool, as mlx5_sf_hw_table_id_alloc() has it.
            if number_taken(*controller, *number) {
                return Err(refuse(Errno::EEXIST, "this SF number is in use"));
            }
            (*controller, *number, None)
        }
        FunctionId::Mdev { uuid } => {
            // UUIDs are unique over all parents (drivers/vfio/mdev/mdev_core.c).
            if uuid_taken {
                return Err(refuse(Errno::EEXIST, ""));
            }
            let mdev_type = mdev_type.unwrap_or_default();
            if size.is_none() {
                return Err(refuse(Errno::ENOENT, ""));
            }
            let number = (found.first_automatic..=u32::MAX).find(|number| !number_taken(0, *number));
            let mdev = SimulatedMdev { uuid: *uuid, mdev_type: mdev_type.to_owned(), attrs: BTreeMap::new() };
            (0, number.unwrap_or(u32::MAX), Some(mdev))
        }
        FunctionId::Vf { .. } | FunctionId::Pf { .. } => return Err(refuse(Errno::EOPNOTSUPP, "")),
    };
    if full {
        return Err(refuse(Errno::ENOSPC, NO_PLACE));
    }
    let switchdev = found.mode == EswitchMode::Switchdev;
    let port_index = found.next_port_index;
    found.next_port_index += 1;
    let (base, max_mtu) = (found.mac_base, found.max_mtu());
    let mac = default_mac(host, base, controller, sf_number);
    let representor = switchdev.then(|| host.new_interface(max_mtu));
    // The instance of a mediated device is registered when it is created; an SF's when it is activated.
    // As many queues as the type takes places.
    let queues = Values::from([("queues".to_owned(), Scalar::from(size.unwrap_or(1)))]);
    let params = mdev.is_some().then(|| Params::new(&params::OF_FUNCTION, &queues));
    let leaf = switchdev.then(|| host.new_rates());
    let (roce, max_io_eqs) =
        ((!host.is_before(6, 2)).then_some(true), (!host.is_before(6, 10)).then_some(MOST_QUEUES));
    let made = SimulatedFunction {
        controller,
        sf_number,
        port_index,
        mdev,
        mac,
        roce,
        max_io_eqs,
        leaf,
        active: false,
        aux_id: None,
        params,
        netdev: None,
        representor,
    };
    parent(host, handle)?.functions.push(made);
    Ok(())
}

/// The address that a function has before somebody sets one: the uplink has the base itself.
fn default_mac(host: &mut SimulatedHost, base: Option<MacAddr>, controller: u32, sf_number: u32) -> MacAddr {
    let (base, number) = base.map_or_else(
        || {
            host.next_random_mac += 1;
            (MacAddr([0x02, 0, 0x5e, 0, 0, 0]), u64::from(host.next_random_mac))
        },
        // Each controller has all numbers.
        |base| (base, 1 + u64::from(sf_number) + (u64::from(controller) << 32)),
    );
    // The last of all unicast addresses is further from the end than any number is large.
    base.checked_add(number).unwrap_or(base)
}

fn delete(host: &mut SimulatedHost, handle: &DevlinkHandle, id: &FunctionId) -> Answer {
    if let Some(sample) = host.sample(handle) {
        return samples::delete(host, sample, id);
    }
    function(host, handle, id)?;
    parent(host, handle)?.functions.retain(|function| function.id() != *id);
    Ok(())
}

fn set_active(host: &mut SimulatedHost, handle: &DevlinkHandle, id: &FunctionId, active: bool) -> Answer {
    let aux_id = host.next_aux_id;
    let found = function(host, handle, id)?;
    if found.active == active {
        return Ok(());
    }
    found.active = active;
    // Its devices are on the other host.
    if found.controller != 0 {
        return Ok(());
    }
    if !active {
        found.netdev = None;
        if found.mdev.is_none() {
            found.aux_id = None;
            found.params = None;
        }
        return Ok(());
    }
    if found.mdev.is_none() {
        found.aux_id = Some(aux_id);
        // A new instance, probed light: nothing is enabled.
        found.params = Some(Params::new(&params::OF_FUNCTION, &Values::new()));
        host.next_aux_id += 1;
    }
    probe(host, handle, id)
}

/// Gives the function its netdev if it is running and `enable_eth` is in force.
fn probe(host: &mut SimulatedHost, handle: &DevlinkHandle, id: &FunctionId) -> Answer {
    let found = function(host, handle, id)?;
    found.netdev = None;
    let enabled = found.params.as_ref().is_some_and(|params| params.is_on("enable_eth"));
    if found.active && enabled {
        let max_mtu = parent(host, handle)?.max_mtu();
        let interface = host.new_interface(max_mtu);
        function(host, handle, id)?.netdev = Some(interface);
    }
    Ok(())
}

/// A write to a file below the directory of a mediated device.
fn set_device_attribute(host: &mut SimulatedHost, subject: &Subject, name: &str, value: &str) -> Answer {
    let Some(id) = subject.function_id().filter(|id| id.is_mdev()) else {
        return Err(refuse(Errno::EOPNOTSUPP, ""));
    };
    if let Some(sample) = host.sample(&subject.parent) {
        return samples::set(host, sample, id, name, value);
    }
    let found = parent(host, &subject.parent).ok().and_then(|parent| parent.function(id));
    let mdev = found.and_then(|function| function.mdev.as_mut()).ok_or_else(|| refuse(Errno::ENOENT, ""))?;
    device_attributes::set(mdev, &[], name, value)
}

fn set(host: &mut SimulatedHost, subject: &Subject, setting: &Setting) -> Answer {
    if subject.rate_node_name().is_some() {
        return Err(refuse(Errno::EOPNOTSUPP, ""));
    }
    match (subject.function_id(), setting) {
        (None, Setting::EswitchMode(mode)) => {
            let found = parent(host, &subject.parent)?;
            // Also for the mode that it has (`devlink_rate_nodes_check`, net/devlink/rate.c).
            if !found.rate_nodes.is_empty() {
                return Err(refuse(Errno::EBUSY, "Rate node(s) exists."));
            }
            if found.mode != *mode && !found.functions.is_empty() {
                return Err(refuse(
                    Errno::EBUSY,
                    "the eswitch mode cannot change while there are subdevices",
                ));
            }
            found.mode = *mode;
            Ok(())
        }
        (None, Setting::InlineMode(InlineMode::None) | Setting::EncapMode(EncapMode::None)) => Ok(()),
        (None, Setting::Param { name, cmode, value }) => {
            let found = parent(host, &subject.parent)?;
            found.params.set(&params::OF_PARENT, name, *cmode, value)?;
            let permanent = found.params.permanent(&params::OF_PARENT);
            host.permanent.insert(subject.parent.device().to_owned(), permanent);
            Ok(())
        }
        (Some(id), Setting::Mac(mac)) => {
            let found = function(host, &subject.parent, id)?;
            if mac.is_multicast() || mac.is_zero() {
                return Err(refuse(Errno::EINVAL, "the address is not a valid unicast one"));
            }
            if found.active {
                return Err(refuse(Errno::EBUSY, "the hw_addr cannot change while the function is active"));
            }
            found.mac = *mac;
            Ok(())
        }
        (Some(id), Setting::Capability(capability, on)) => {
            let found = function(host, &subject.parent, id)?;
            // Kernels before 6.2 do not know the attribute, and its nest is parsed strictly (net/devlink/port.c).
            let roce = found.roce.as_mut().ok_or_else(|| refuse(Errno::EINVAL, "Unknown attribute type"))?;
            if *capability != Capability::Roce {
                return Err(refuse(Errno::EOPNOTSUPP, "supported for VFs only"));
            }
            *roce = *on;
            Ok(())
        }
        (Some(id), Setting::MaxIoEqs(number)) => {
            let found = function(host, &subject.parent, id)?;
            let max = found.max_io_eqs.as_mut();
            let max = max.ok_or_else(|| refuse(Errno::EINVAL, "Unknown attribute type"))?;
            if !(1..=MOST_QUEUES).contains(number) {
                return Err(refuse(Errno::EINVAL, "max_io_eqs must be 1 to 64"));
            }
            *max = *number;
            Ok(())
        }
        (Some(id), Setting::Param { name, cmode, value }) => {
            let vanished = format!("{subject} has no devlink instance");
            let most = parent(host, &subject.parent)?.params.number("max_queues");
            let found = function(host, &subject.parent, id)?;
            let params = found.params.as_mut().ok_or(RequestError::Vanished(vanished))?;
            if name == "queues" && matches!(value, Scalar::Number(queues) if (most + 1..=64).contains(queues))
            {
                return Err(refuse(Errno::EINVAL, "queues is more than the parent's max_queues"));
            }
            params.set(&params::OF_FUNCTION, name, *cmode, value)
        }
        _ => Err(refuse(Errno::EOPNOTSUPP, "")),
    }
}

fn set_interface(host: &mut SimulatedHost, subject: &Subject, side: Side, setting: &Setting) -> Answer {
    let vanished = || RequestError::Vanished(format!("{subject} has no {}", side.as_str()));
    let id = subject.function_id().ok_or_else(vanished)?;
    let (live_rename, taken) = host.renaming(setting);
    let found = function(host, &subject.parent, id)?;
    let interface = match side {
        Side::Netdev => found.netdev.as_mut(),
        Side::Representor => found.representor.as_mut(),
    };
    write_interface(interface.ok_or_else(vanished)?, setting, live_rename, taken)
}

fn reload(host: &mut SimulatedHost, subject: &Subject) -> Answer {
    let Some(id) = subject.function_id() else {
        // The parent's: SFs are deleted, mediated devices stay, inactive, with new representors.
        let found = parent(host, &subject.parent)?;
        found.functions.retain(|function| function.mdev.is_some());
        found.rate_nodes.clear();
        found.params.reload(&params::OF_PARENT);
        found.restarts.reloads += 1;
        uplink::register(host, &subject.parent)?;
        let found = parent(host, &subject.parent)?;
        let max_mtu = found.max_mtu();
        let switchdev = found.mode == EswitchMode::Switchdev;
        let left = found.functions.len();
        for at in 0..left {
            let representor = switchdev.then(|| host.new_interface(max_mtu));
            let leaf = switchdev.then(|| host.new_rates());
            let function = &mut parent(host, &subject.parent)?.functions[at];
            function.active = false;
            function.netdev = None;
            function.representor = representor;
            function.leaf = leaf;
        }
        return Ok(());
    };
    let vanished = format!("{subject} has no devlink instance");
    let found = function(host, &subject.parent, id)?;
    let params = found.params.as_mut().ok_or(RequestError::Vanished(vanished))?;
    params.reload(&params::OF_FUNCTION);
    probe(host, &subject.parent, id)
}
