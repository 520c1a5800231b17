//! Requests: each is one netlink message or one write to a file.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use subdevcfg_compiler::values::{Cmode, DevlinkHandle, Scalar};
use subdevcfg_netlink::conversation::Datagrams;
use subdevcfg_netlink::devlink::{EswitchChange, FunctionChange, Handle, RateChange, RateName, SfIdentity};
use subdevcfg_netlink::route::LinkChange;

use super::mirror::type_key;
use super::sysfs::Mdev;
use super::{LiveKernel, ovs, wire};
use crate::kernel::{Request, RequestError};
use crate::resource::{BridgeName, FunctionId, PortVlans, Setting, Subject};

/// How long the identity of a function that is gone may stay taken.
const IDENTITY_DEADLINE: Duration = Duration::from_secs(10);

/// An RCU grace period takes about 20 ms.
const IDENTITY_RETRY: Duration = Duration::from_millis(10);

type Answer = Result<(), RequestError>;

/// Where a function is made.
struct Place<'a> {
    parent: &'a DevlinkHandle,
    on_vf: Option<u32>,
}

impl<D: Datagrams + 'static> LiveKernel<D> {
    pub(super) fn send(&mut self, request: &Request) -> Answer {
        self.check_closed(&self.carriers_ended_by(request))?;
        match request {
            Request::NewParent { handle, spec } => self.sysfs.new_parent(handle, spec),
            Request::DelParent { handle } => self.sysfs.del_parent(handle),
            Request::Create { parent, id, mdev_type, on_vf } => {
                self.create(&Place { parent, on_vf: *on_vf }, id, mdev_type.as_deref())
            }
            Request::Delete { parent, id } => self.delete(parent, id),
            Request::SetVfs { parent, count, held } => self.set_vfs(parent, *count, held),
            Request::SetActive { parent, id, active } if id.is_pci() => {
                self.set_bound(&Subject::function(parent.clone(), id.clone()), *active)
            }
            Request::SetActive { parent, id, active } => {
                let change = FunctionChange { active: Some(*active), ..FunctionChange::default() };
                self.set_function(&Subject::function(parent.clone(), id.clone()), change)
            }
            Request::MakeRateNode { parent, name } => {
                self.make_rate_node(&Subject::parent(parent.clone()), name)
            }
            Request::DeleteRateNode { parent, name } => {
                self.delete_rate_node(&Subject::parent(parent.clone()), name)
            }
            Request::MakeVdpa { parent, name, config } => self.make_vdpa(parent, name, *config),
            Request::DeleteVdpa { name, .. } => self.delete_vdpa(name),
            Request::MakeBridge { name } => self.route.make_bridge(name).map_err(wire::request_error),
            Request::DeleteBridge { name } => self.delete_bridge(name),
            Request::AddPort { name, bridge, vlans, .. } => {
                self.switch.add_port(name, bridge, vlans).map_err(|error| ovs::refused(&error))
            }
            Request::RemovePort { name, .. } => {
                self.switch.remove_port(name).map_err(|error| ovs::refused(&error))
            }
            Request::Set { subject, setting } => self.set(subject, setting),
            Request::Reload { subject } => {
                let instance = self.find_instance(subject)?;
                self.devlink.reload(&instance).map_err(wire::request_error)
            }
        }
    }

    /// The devices whose vDPA devices go with a request: the kernel would wait for whoever has one open, a reload with the
    /// instance locked.
    fn carriers_ended_by(&self, request: &Request) -> Vec<DevlinkHandle> {
        let carrier = |subject: &Subject| {
            let device = self.mirror.instance(subject).or_else(|| self.mirror.vf_device(subject).cloned());
            device.as_ref().map(wire::devlink_handle).into_iter().collect()
        };
        match request {
            Request::Reload { subject } => carrier(subject),
            Request::SetActive { parent, id, active: false } => {
                carrier(&Subject::function(parent.clone(), id.clone()))
            }
            Request::SetVfs { parent, .. } => {
                let handle = wire::netlink_handle(parent);
                let vfs = self.mirror.vfs_of(&handle);
                vfs.filter_map(|(_, device)| device.map(wire::devlink_handle)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Makes a function. An identity can be taken for a while by a function that is gone: the mdev core frees a UUID when
    /// the device is released, which waits for the RCU work in which devlink drops its reference
    /// (`mdev_device_release` in `drivers/vfio/mdev/mdev_core.c`, `devlink_put` in `net/devlink/core.c`); mlx5 frees
    /// an SF number at a firmware event (`sf/hw_table.c`). Nothing announces either, so the request is sent again.
    fn create(&mut self, place: &Place<'_>, id: &FunctionId, mdev_type: Option<&str>) -> Answer {
        let subject = Subject::function(place.parent.clone(), id.clone());
        let deadline = Instant::now() + IDENTITY_DEADLINE;
        loop {
            let answer = self.create_once(place, id, mdev_type);
            let taken = matches!(&answer, Err(RequestError::Refused { errno: Errno::EEXIST, .. }));
            if !taken || Instant::now() >= deadline || self.current()?.is_taken(&subject) {
                return answer;
            }
            std::thread::sleep(IDENTITY_RETRY);
        }
    }

    fn create_once(&mut self, place: &Place<'_>, id: &FunctionId, mdev_type: Option<&str>) -> Answer {
        let parent = place.parent;
        match id {
            FunctionId::Sf { controller, pf, number } => {
                let pf = u16::try_from(*pf)
                    .map_err(|_| wire::refused(Errno::EINVAL, format!("{pf} is no PF number")))?;
                let sf = SfIdentity { controller: *controller, pf, number: *number };
                let parent = wire::netlink_handle(parent);
                self.devlink.port_new(&parent, sf).map(drop).map_err(wire::request_error)
            }
            FunctionId::Mdev { uuid } => {
                let mdev_type = mdev_type.ok_or_else(|| {
                    wire::refused(Errno::EINVAL, "a mediated device is made of a type".to_owned())
                })?;
                match place.on_vf {
                    None => self.sysfs.create_mdev(parent, mdev_type, *uuid)?,
                    Some(index) => {
                        let vf = self.find_vf_device(&Subject::function(
                            parent.clone(),
                            FunctionId::local_vf(parent, index),
                        ))?;
                        self.sysfs.wait_for_mdev_types(&vf);
                        self.sysfs.create_mdev(&vf, mdev_type, *uuid)?;
                    }
                }
                // Now its driver's attributes are there, which appear after its devlink instance was announced
                // (really_probe, drivers/base/dd.c), and no notification comes after them.
                let port_index = self.sysfs.mdev_port(*uuid);
                let (parent, on_vf, kind) = (parent.clone(), place.on_vf, mdev_type.to_owned());
                self.mirror.insert_mdev(*uuid, Mdev { parent, on_vf, kind, port_index });
                Ok(())
            }
            FunctionId::Vf { .. } | FunctionId::Pf { .. } => Err(pci_alone()),
        }
    }

    fn delete(&mut self, parent: &DevlinkHandle, id: &FunctionId) -> Answer {
        match id {
            FunctionId::Sf { .. } => {
                let (handle, index) = self.find_port(&Subject::function(parent.clone(), id.clone()))?;
                self.devlink.port_del(&handle, index).map_err(wire::request_error)
            }
            FunctionId::Mdev { uuid } => {
                let subject = Subject::function(parent.clone(), id.clone());
                self.find(|mirror| mirror.has(&subject).then_some(()), || no_such(&subject))?;
                self.sysfs.remove_mdev(*uuid)?;
                self.mirror.reread_mdev(*uuid, &self.sysfs);
                Ok(())
            }
            FunctionId::Vf { .. } | FunctionId::Pf { .. } => Err(pci_alone()),
        }
    }

    fn set(&mut self, subject: &Subject, setting: &Setting) -> Answer {
        match setting {
            Setting::EswitchMode(mode) => self.set_eswitch(subject, wire::mode_change(*mode)),
            Setting::InlineMode(mode) => self.set_eswitch(subject, wire::inline_change(*mode)),
            Setting::EncapMode(mode) => self.set_eswitch(subject, wire::encap_change(*mode)),
            Setting::Vfs(count) => self.set_vfs(&subject.parent, *count, &[]),
            Setting::Bind(driver) => match subject.vdpa_name() {
                Some(name) => self.bind_vdpa(subject, name, driver.as_deref()),
                None => self.set_bind(subject, driver.as_deref()),
            },
            Setting::Vdpa(_) => {
                Err(wire::refused(Errno::EOPNOTSUPP, format!("{subject} is made with it, or made again")))
            }
            Setting::Legacy(setting) => self.set_legacy(subject, setting),
            Setting::VlanFiltering(on) => self.set_vlan_filtering(subject, *on),
            Setting::Bridge(None) => self.set_bridge(subject, None),
            Setting::Bridge(Some(BridgeName::Linux(bridge))) => self.set_bridge(subject, Some(bridge)),
            Setting::Vlans(PortVlans::Linux(vlans)) => self.set_vlans(subject, vlans),
            Setting::Bridge(Some(BridgeName::Ovs { .. })) | Setting::Vlans(PortVlans::Ovs(_)) => {
                Err(wire::refused(Errno::EOPNOTSUPP, format!("no attribute of {subject} is Open vSwitch's")))
            }
            Setting::Uplink(setting) => self.set_uplink(subject, *setting),
            Setting::Device { name, value, .. } => match subject.function_id() {
                Some(FunctionId::Mdev { uuid }) => self.sysfs.set_mdev_attribute(*uuid, name, value),
                _ => Err(wire::refused(Errno::EOPNOTSUPP, format!("{subject} is no mediated device"))),
            },
            Setting::Mac(mac) => {
                let change = FunctionChange { hw_addr: Some(mac.0), ..FunctionChange::default() };
                self.set_function(subject, change)
            }
            Setting::Capability(capability, on) => {
                let capabilities = Some(wire::capability_change(*capability, *on));
                self.set_function(subject, FunctionChange { capabilities, ..FunctionChange::default() })
            }
            Setting::MaxIoEqs(number) => {
                let change = FunctionChange { max_io_eqs: Some(*number), ..FunctionChange::default() };
                self.set_function(subject, change)
            }
            Setting::RateParent(parent) => {
                // An empty name is the root.
                let parent = Some(parent.clone().unwrap_or_default());
                self.set_rate(subject, &RateChange { parent, ..RateChange::default() })
            }
            Setting::TxShare(rate) => {
                self.set_rate(subject, &RateChange { tx_share: Some(rate.0), ..RateChange::default() })
            }
            Setting::TxMax(rate) => {
                self.set_rate(subject, &RateChange { tx_max: Some(rate.0), ..RateChange::default() })
            }
            Setting::TxPriority(priority) => {
                self.set_rate(subject, &RateChange { tx_priority: Some(*priority), ..RateChange::default() })
            }
            Setting::TxWeight(weight) => {
                self.set_rate(subject, &RateChange { tx_weight: Some(*weight), ..RateChange::default() })
            }
            Setting::Param { name, cmode, value } => self.set_param(subject, name, *cmode, value),
            Setting::Name(side, name) => {
                let index = self.find_interface(subject, *side)?;
                self.rename(index, name.as_str()).map_err(wire::request_error)
            }
            Setting::Mtu(side, mtu) => {
                let change = LinkChange { mtu: Some(*mtu), ..LinkChange::default() };
                self.set_interface(subject, *side, &change)
            }
            Setting::Up(side, up) => {
                let change = LinkChange { up: Some(*up), ..LinkChange::default() };
                self.set_interface(subject, *side, &change)
            }
        }
    }

    fn set_eswitch(&mut self, subject: &Subject, change: EswitchChange) -> Answer {
        if !subject.is_parent() {
            return Err(wire::refused(Errno::EOPNOTSUPP, format!("{subject} is no parent")));
        }
        let handle = self.find_instance(subject)?;
        self.devlink.eswitch_set(&handle, change).map_err(wire::request_error)
    }

    fn set_function(&mut self, subject: &Subject, change: FunctionChange) -> Answer {
        let (handle, index) = self.find_port(subject)?;
        self.devlink.function_set(&handle, index, change).map_err(wire::request_error)
    }

    fn set_rate(&mut self, subject: &Subject, change: &RateChange) -> Answer {
        if let Some(name) = subject.rate_node_name() {
            let parent = self.find_parent(subject)?;
            return self.devlink.rate_set(&parent, RateName::Node(name), change).map_err(wire::request_error);
        }
        let (handle, index) = self.find_port(subject)?;
        self.devlink.rate_set(&handle, RateName::Leaf(index), change).map_err(wire::request_error)
    }

    fn make_rate_node(&mut self, subject: &Subject, name: &str) -> Answer {
        let parent = self.find_parent(subject)?;
        self.devlink.rate_node_new(&parent, name).map_err(wire::request_error)
    }

    fn delete_rate_node(&mut self, subject: &Subject, name: &str) -> Answer {
        let parent = self.find_parent(subject)?;
        self.devlink.rate_node_del(&parent, name).map_err(wire::request_error)
    }

    fn find_parent(&mut self, subject: &Subject) -> Result<Handle, RequestError> {
        self.find_instance(&Subject::parent(subject.parent.clone()))
    }

    fn set_param(&mut self, subject: &Subject, name: &str, cmode: Cmode, value: &Scalar) -> Answer {
        let instance = self.find_instance(subject)?;
        let key = type_key(subject, &instance, name);
        let kind = if let Some(kind) = self.mirror.param_type(&key) {
            kind
        } else {
            let param = self.devlink.param(&instance, name).map_err(wire::request_error)?;
            let kind = param.kind.ok_or_else(|| {
                wire::refused(
                    Errno::EOPNOTSUPP,
                    format!("the wire type of {name} is newer than this program"),
                )
            })?;
            self.mirror.learn(key, kind);
            kind
        };
        let value = wire::param_value(name, kind, value)?;
        let cmode = wire::cmode_number(cmode);
        self.devlink.param_set(&instance, name, cmode, &value).map_err(wire::request_error)
    }

    fn find_instance(&mut self, subject: &Subject) -> Result<Handle, RequestError> {
        self.find(|mirror| mirror.instance(subject), || format!("{subject} has no devlink instance"))
    }

    fn find_port(&mut self, subject: &Subject) -> Result<(Handle, u32), RequestError> {
        let look =
            |mirror: &super::Mirror| mirror.port(subject).map(|port| (port.handle.clone(), port.index));
        self.find(look, || no_such(subject))
    }
}

/// A VF comes and goes with all others of its parent.
fn pci_alone() -> RequestError {
    wire::refused(
        Errno::EOPNOTSUPP,
        "VFs are made and removed by their number, functions of another host by that one".to_owned(),
    )
}

fn no_such(subject: &Subject) -> String {
    match &subject.child {
        Some(child) => format!("there is no {child} on {}", subject.parent),
        None => format!("there is no {}", subject.parent),
    }
}
