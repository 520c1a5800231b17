//! The whole state: a constant number of dumps, a few requests a parent, and what only sysfs tells.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use subdevcfg_compiler::values::{Cmode, DevlinkHandle, EswitchMode, MacAddr, Scalar};
use subdevcfg_netlink::conversation::Datagrams;
use subdevcfg_netlink::devlink::{Devlink, Flavour, Handle, Info, Instance, Param, Port, RateObject};
use subdevcfg_netlink::route::{Hook, Link, PortVlans};
use uuid::Uuid;

use super::mirror::type_key;
use super::rdma::RdmaUsers;
use super::sysfs::OpenFiles;
use super::vdpa::Managed;
use super::{LiveKernel, bridge, mirror, ovs, usage, vfs, wire};
use crate::kernel::ObserveError;
use crate::resource::{FunctionId, Subject};
use crate::state::{
    self, Eswitch, FORMAT_VERSION, Function, FunctionVolatile, Hardware, HostVolatile, Interface,
    InterfaceVolatile, Parent, ParentVolatile, Rates, Restarts, State, Unread, Unreadable, Uplink, User,
    Volatile,
};

/// How often everything is read again because something changed meanwhile. devlink dumps never say that they were
/// interrupted (nothing below net/devlink/ calls `nl_dump_check_consistent`); notifications do.
const ATTEMPTS: u32 = 5;

/// Changes come in bursts; reading again begins when none came for so long.
const QUIET: Duration = Duration::from_millis(20);

/// What the dumps said.
pub(super) struct Dumps {
    /// Of parents.
    infos: BTreeMap<Handle, Info>,
    params: BTreeMap<Handle, Vec<Param>>,
    pub(super) links: BTreeMap<u32, Link>,
    pub(super) vdpas: Managed,
    /// Read if there is a VF or a vDPA device that could be open.
    pub(super) open_files: Option<OpenFiles>,
    pub(super) users: BTreeMap<u32, Vec<User>>,
    /// Where links can have tc filters.
    pub(super) hooks: BTreeMap<u32, BTreeSet<Hook>>,
    pub(super) rdma: RdmaUsers,
    vlans: BTreeMap<u32, PortVlans>,
    /// The ports of Open vSwitch, by name.
    ports: BTreeMap<String, state::Port>,
    leafs: BTreeMap<Handle, BTreeMap<u32, Rates>>,
    rate_nodes: BTreeMap<Handle, BTreeMap<String, Rates>>,
    unread: Vec<Unread>,
    recoveries: Option<BTreeMap<Handle, u64>>,
}

type Params = BTreeMap<String, BTreeMap<Cmode, Scalar>>;

impl<D: Datagrams + 'static> LiveKernel<D> {
    pub(super) fn read_everything(&mut self) -> Result<State, ObserveError> {
        self.absorb(Instant::now())?;
        let mut instances = self.scout()?;
        for _ in 1..ATTEMPTS {
            let (state, moved) = self.read_once(instances)?;
            if !moved {
                return Ok(state);
            }
            for _ in 0..ATTEMPTS {
                if self.absorb(Instant::now() + QUIET)? == 0 {
                    break;
                }
            }
            self.absorb(Instant::now())?;
            instances = self.instances()?;
        }
        let (mut state, moved) = self.read_once(instances)?;
        if moved {
            let why = "it kept changing while it was read".to_owned();
            state.unread.push(Unread { what: Unreadable::Host, why });
        }
        Ok(state)
    }

    /// Reads everything, and tells whether something changed meanwhile.
    fn read_once(&mut self, instances: Vec<Instance>) -> Result<(State, bool), ObserveError> {
        self.fill(instances)?;
        let (links, interrupted) = self.route.links()?;
        let addresses = self.route.addresses()?;
        let mut unread = self.withheld.clone();
        let of_parents = self.mirror.parents();
        let infos = self.infos(&of_parents).unwrap_or_else(|error| {
            unread.push(Unread { what: Unreadable::Drivers, why: error.to_string() });
            Vec::new()
        });
        let mut params: BTreeMap<Handle, Vec<Param>> = BTreeMap::new();
        match self.dumped(Devlink::params) {
            Ok(found) => {
                for param in found {
                    params.entry(param.handle.clone()).or_default().push(param);
                }
            }
            // One driver's error ends the dump for all, and an absent param must not look like one without a value.
            Err(error) => unread.extend(self.unread_everywhere(&format!("its params: {error}"))),
        }
        let mut leafs: BTreeMap<Handle, BTreeMap<u32, Rates>> = BTreeMap::new();
        let mut rate_nodes: BTreeMap<Handle, BTreeMap<String, Rates>> = BTreeMap::new();
        for found in self.rate_objects(&mut unread) {
            let rates = wire::rates(&found);
            match (found.index, found.name) {
                (Some(index), _) => drop(leafs.entry(found.handle).or_default().insert(index, rates)),
                (None, Some(name)) => drop(rate_nodes.entry(found.handle).or_default().insert(name, rates)),
                (None, None) => {}
            }
        }
        let volatile = HostVolatile {
            kernel_release: self.sysfs.kernel_release()?,
            boot_id: self.sysfs.boot_id()?,
            interface_names: names(&links),
            lifelines: Vec::new(),
            soft_buses: Some(self.sysfs.soft_buses()),
            ovs: None,
        };
        self.pf_links = Some(links.iter().filter(|link| vfs::tells_of_vfs(link)).cloned().collect());
        let links: BTreeMap<u32, Link> = links.into_iter().map(|link| (link.index, link)).collect();
        let switch = self.read_switch(&links).unwrap_or_else(|error| {
            unread.push(Unread { what: Unreadable::Ovs, why: error.to_string() });
            ovs::Found::default()
        });
        let vdpas = self.managed_vdpas().unwrap_or_else(|error| {
            unread.push(Unread { what: Unreadable::Vdpa, why: error.to_string() });
            Managed::default()
        });
        let rdma = self.rdma_users().unwrap_or_else(|error| {
            unread.push(Unread { what: Unreadable::Rdma, why: error.to_string() });
            RdmaUsers::default()
        });
        let lifelines = self.lifelines(&links, &switch.wiring)?;
        let volatile = HostVolatile { lifelines, ovs: Some(switch.state.clone()), ..volatile };
        let mut dumps = Dumps {
            users: usage::users(&links, &addresses, &switch.wiring),
            hooks: self.route.hooks()?,
            rdma,
            ports: switch.state.by_name().into_iter().map(|(name, port)| (name.to_owned(), port)).collect(),
            vlans: self.port_vlans(&links)?,
            open_files: self.open_files(),
            vdpas,
            infos: infos.into_iter().map(|info| (info.handle.clone(), info)).collect(),
            params,
            links,
            leafs,
            rate_nodes,
            recoveries: self.recoveries(),
            unread,
        };
        let mut parents = BTreeMap::new();
        let mut moved = interrupted || self.mirror.reread_portless(&self.sysfs);
        for handle in of_parents {
            match self.eswitch(&handle, &mut dumps.unread) {
                Some(eswitch) => {
                    parents.insert(wire::devlink_handle(&handle), self.parent(&handle, eswitch, &mut dumps)?);
                }
                None => moved = true,
            }
        }
        for handle in self.without_devlink(&dumps.vdpas)? {
            let parent = self.parent_without_devlink(&handle, &dumps)?;
            parents.insert(handle, parent);
        }
        moved |= self.absorb(Instant::now())? > 0;
        let state = State {
            format_version: FORMAT_VERSION.to_owned(),
            parents,
            bridges: bridge::bridges(&dumps.links),
            unread: dumps.unread,
            volatile: Volatile(volatile),
        };
        Ok((state, moved))
    }

    /// No parent is fully read: a dump over all of them failed.
    fn unread_everywhere(&self, why: &str) -> Vec<Unread> {
        let unread =
            |handle| Unread { what: Unreadable::Parent(wire::devlink_handle(handle)), why: why.to_owned() };
        self.mirror.parents().iter().map(unread).collect()
    }

    /// All rate leafs and nodes. On a kernel or with drivers that have none there are none.
    fn rate_objects(&mut self, unread: &mut Vec<Unread>) -> Vec<RateObject> {
        self.dumped(Devlink::rates).unwrap_or_else(|error| {
            let unsupported = error.refusal().is_some_and(|refusal| refusal.errno == Errno::EOPNOTSUPP);
            if !unsupported {
                unread.extend(self.unread_everywhere(&format!("its rates: {error}")));
            }
            Vec::new()
        })
    }

    /// What a device is. What it does not tell is absent.
    fn hardware(&mut self, handle: &Handle, info: Option<&Info>, uplink: Option<&Link>) -> Hardware {
        let running = |info: &Info| {
            ["fw", "fw.version", "fw.mgmt"].iter().find_map(|name| info.running.get(*name)).cloned()
        };
        let mut ports = self.mirror.ports_of(handle);
        Hardware {
            board_serial: info.and_then(|info| info.board_serial.clone()),
            firmware: info.and_then(running),
            pci_slot: self.sysfs.pci_slot(handle),
            port: ports.find(|port| port.flavour == Some(Flavour::Physical)).and_then(|port| port.number),
            permanent_mac: uplink.and_then(|link| link.permanent).map(MacAddr),
            resources: self.devlink.resources(handle).unwrap_or_default(),
        }
    }

    /// How often the health reporters of each instance have recovered it. A driver without any is as one whose never did,
    /// and so is a kernel that does not tell. `None` where that could not be read this time: no count is another than none.
    fn recoveries(&mut self) -> Option<BTreeMap<Handle, u64>> {
        let told = match self.dumped(Devlink::recoveries) {
            Err(error) if error.refusal().is_none() => return None,
            told => told.unwrap_or_default(),
        };
        let mut all = BTreeMap::new();
        for (handle, count) in told {
            *all.entry(handle).or_default() += count;
        }
        Some(all)
    }

    /// Four facts apart: not supported is no attributes, not permitted and busy are unread, and gone is `None`.
    fn eswitch(&mut self, handle: &Handle, unread: &mut Vec<Unread>) -> Option<Eswitch> {
        let error = match self.devlink.eswitch(handle) {
            Ok(found) => return Some(wire::eswitch(found)),
            Err(error) => error,
        };
        match error.refusal().map(|refusal| refusal.errno) {
            Some(Errno::EOPNOTSUPP) => {}
            Some(Errno::ENODEV) => return None,
            Some(Errno::EPERM) => unread.push(Unread {
                what: Unreadable::Eswitch(wire::devlink_handle(handle)),
                why: "not permitted: the kernel tells it only to CAP_NET_ADMIN".to_owned(),
            }),
            // A mode switch under way, firmware that does not answer: nothing on this parent is to be relied on.
            _ => unread.push(Unread {
                what: Unreadable::Parent(wire::devlink_handle(handle)),
                why: error.to_string(),
            }),
        }
        Some(Eswitch::default())
    }

    fn parent(
        &mut self,
        handle: &Handle,
        eswitch: Eswitch,
        dumps: &mut Dumps,
    ) -> Result<Parent, ObserveError> {
        let name = wire::devlink_handle(handle);
        let subject = Subject::parent(name.clone());
        let ports: Vec<(FunctionId, Arc<Port>)> = self
            .mirror
            .ports_of(handle)
            .filter_map(|port| Some((self.mirror.function_of(port)?, Arc::clone(port))))
            .collect();
        let params = self.params(&subject, handle, dumps);
        let mut functions = Vec::new();
        for (id, port) in &ports {
            functions.push(self.function(
                &Subject::function(name.clone(), id.clone()),
                id,
                Some(port),
                dumps,
            )?);
        }
        let with_port: BTreeSet<&FunctionId> = ports.iter().map(|(id, _)| id).collect();
        for id in self.portless(&name).into_iter().filter(|id| !with_port.contains(id)) {
            functions.push(self.function(&Subject::function(name.clone(), id.clone()), &id, None, dumps)?);
        }
        self.vfs(handle, (&ports, eswitch), &mut functions, dumps)?;
        functions.sort_by_cached_key(|function| function.id.clone());
        let uplink = self.mirror.uplink(handle).and_then(|index| dumps.links.get(&index));
        let offload = uplink.and_then(|link| self.offload(link.index));
        let users = self.interface_users(uplink.map(|link| link.index), dumps)?;
        Ok(Parent {
            driver: dumps.infos.get(handle).and_then(|info| info.driver.clone()),
            without_devlink: false,
            soft: self.sysfs.soft(&name),
            uplink: uplink.map(|link| Uplink {
                mtu: link.mtu,
                up: link.up,
                hw_tc_offload: offload.map(|offload| offload.active),
            }),
            eswitch,
            params,
            sriov: self.sysfs.sriov(&name),
            functions,
            rate_nodes: dumps.rate_nodes.remove(handle).unwrap_or_default(),
            vdpa: self.vdpas_of(&name, &dumps.vdpas, dumps.open_files.as_ref()),
            volatile: Volatile(ParentVolatile {
                mdev_types: Some(self.sysfs.mdev_types(&name)?),
                manages_vdpa: dumps.vdpas.has(&name),
                uplink_up: uplink.is_some_and(|link| link.up),
                uplink: uplink.map(|link| link.name.clone()),
                offload_is_fixed: offload.is_some_and(|offload| !offload.changeable),
                users,
                profile: None,
                hardware: self.hardware(handle, dumps.infos.get(handle), uplink),
                restarts: dumps.recoveries.as_ref().map(|recoveries| Restarts {
                    reloads: self.mirror.reloads(handle),
                    recoveries: recoveries.get(handle).copied().unwrap_or_default(),
                }),
            }),
        })
    }

    /// The VFs of a parent: those without a port, and of all what other functions do not have.
    fn vfs(
        &mut self,
        handle: &Handle,
        (ports, eswitch): (&[(FunctionId, Arc<Port>)], Eswitch),
        functions: &mut Vec<Function>,
        dumps: &Dumps,
    ) -> Result<(), ObserveError> {
        let name = wire::devlink_handle(handle);
        let vfs: Vec<FunctionId> = self.mirror.vfs_of(handle).map(|(id, _)| id).collect();
        for id in vfs.into_iter().filter(|id| !ports.iter().any(|(known, _)| known == id)) {
            functions.push(self.function(&Subject::function(name.clone(), id.clone()), &id, None, dumps)?);
        }
        let mut configs = vfs::configs(&dumps.links, handle, self.mirror.uplink(handle));
        if eswitch.mode == Some(EswitchMode::Switchdev) {
            configs.clear();
        }
        let here = |function: &&mut Function| function.id.is_pci() && !function.id.is_of_other_host();
        for function in functions.iter_mut().filter(here) {
            let subject = Subject::function(name.clone(), function.id.clone());
            let config = function.id.vf_index().and_then(|index| configs.get(&index));
            let vf = self.vf_parts(&subject, config);
            function.active = vf.device.as_ref().is_none_or(|device| device.driver.is_some());
            function.volatile.0.attached = function.active;
            if let Some(device) = self.mirror.vf_device(&subject).filter(|_| function.active) {
                function.volatile.0.mdev_types = self.sysfs.mdev_types(&wire::devlink_handle(device))?;
            }
            function.vf = Some(vf);
        }
        Ok(())
    }

    /// The devices without a devlink instance that functions can be made on.
    fn without_devlink(&self, vdpas: &Managed) -> Result<Vec<DevlinkHandle>, ObserveError> {
        let mut found = self.sysfs.mdev_parents()?;
        found.extend(self.sysfs.sriov_parents());
        found.extend(vdpas.devices().cloned());
        found.sort();
        found.dedup();
        // One that is busy has an instance, though it does not answer.
        let is_busy = |handle: &DevlinkHandle| {
            self.withheld
                .iter()
                .any(|unread| matches!(&unread.what, Unreadable::Parent(busy) if busy == handle))
        };
        found.retain(|handle| !self.mirror.has(&Subject::parent(handle.clone())) && !is_busy(handle));
        Ok(found)
    }

    /// What sysfs tells of such a device; what devlink would tell is absent.
    fn parent_without_devlink(
        &mut self,
        handle: &DevlinkHandle,
        dumps: &Dumps,
    ) -> Result<Parent, ObserveError> {
        let mut functions = Vec::new();
        for id in self.portless(handle) {
            functions.push(self.function(
                &Subject::function(handle.clone(), id.clone()),
                &id,
                None,
                dumps,
            )?);
        }
        let name = wire::netlink_handle(handle);
        self.vfs(&name, (&[], Eswitch::default()), &mut functions, dumps)?;
        functions.sort_by_cached_key(|function| function.id.clone());
        let is_on = |link: &&Link| vfs::is_on(link, &name);
        let uplink = dumps.links.values().find(is_on);
        let users = self.interface_users(uplink.map(|link| link.index), dumps)?;
        Ok(Parent {
            driver: self.sysfs.driver(handle),
            without_devlink: true,
            sriov: self.sysfs.sriov(handle),
            functions,
            vdpa: self.vdpas_of(handle, &dumps.vdpas, dumps.open_files.as_ref()),
            volatile: Volatile(ParentVolatile {
                manages_vdpa: dumps.vdpas.has(handle),
                mdev_types: Some(self.sysfs.mdev_types(handle)?),
                uplink_up: uplink.is_some_and(|link| link.up),
                uplink: uplink.map(|link| link.name.clone()),
                users,
                ..ParentVolatile::default()
            }),
            ..Parent::default()
        })
    }

    /// The mediated devices of a parent that have no port there.
    fn portless(&self, parent: &DevlinkHandle) -> Vec<FunctionId> {
        let mdevs = self.mirror.mdevs_of(parent).filter(|(_, mdev)| mdev.port_index.is_none());
        mdevs.map(|(uuid, _)| FunctionId::Mdev { uuid }).collect()
    }

    fn function(
        &mut self,
        subject: &Subject,
        id: &FunctionId,
        port: Option<&Port>,
        dumps: &Dumps,
    ) -> Result<Function, ObserveError> {
        // What its port tells is what a search would find.
        let told = port.filter(|_| !id.is_pci()).and_then(mirror::instance_of);
        let told = told.filter(|instance| self.mirror.is_registered(instance)).cloned();
        let instance = told.or_else(|| self.mirror.instance(subject));
        let netdev = instance.as_ref().and_then(|instance| self.mirror.netdev(instance));
        let netdev = netdev.or_else(|| self.vf_netdev(subject));
        let representor = port.and_then(|port| port.netdev_ifindex);
        let elsewhere = [
            instance.as_ref().is_some_and(|instance| self.mirror.netdev_is_elsewhere(instance)),
            port.is_some_and(mirror::is_elsewhere),
        ];
        let handle = instance.as_ref().map(wire::devlink_handle);
        let users =
            self.function_users(subject, handle.as_ref(), ([netdev, representor], elsewhere), dumps)?;
        let params = instance.as_ref().map(|instance| self.params(subject, instance, dumps));
        let port_function = port.and_then(|port| port.function.as_ref());
        let mdev_type = match id {
            FunctionId::Mdev { uuid } => self.mirror.mdev(*uuid).map(|mdev| mdev.kind.clone()),
            FunctionId::Sf { .. } | FunctionId::Vf { .. } | FunctionId::Pf { .. } => None,
        };
        let on_vf = match id {
            FunctionId::Mdev { uuid } => self.mirror.mdev(*uuid).and_then(|mdev| mdev.on_vf),
            FunctionId::Sf { .. } | FunctionId::Vf { .. } | FunctionId::Pf { .. } => None,
        };
        let attrs = match id {
            FunctionId::Mdev { uuid } => self.device_attributes(*uuid),
            FunctionId::Sf { .. } | FunctionId::Vf { .. } | FunctionId::Pf { .. } => BTreeMap::new(),
        };
        let [netdev, representor] =
            [netdev, representor].map(|index| Some(self.interface(dumps.links.get(&index?)?, dumps)));
        let leaf = port.and_then(|port| dumps.leafs.get(&port.handle)?.get(&port.index));
        let capabilities = port_function.map(|function| wire::capabilities(function.capabilities));
        Ok(Function {
            id: id.clone(),
            mdev_type,
            on_vf,
            attrs,
            mac: port_function.and_then(|function| function.hw_addr).map(wire::mac),
            capabilities: capabilities.unwrap_or_default(),
            max_io_eqs: port_function.and_then(|function| function.max_io_eqs),
            rates: leaf.cloned(),
            vf: None,
            // A driver that does not tell has no inactive functions (`port_fn_state_get` is optional).
            active: port_function.and_then(|function| function.active).unwrap_or(true),
            params: params.unwrap_or_default(),
            netdev,
            representor,
            volatile: Volatile(FunctionVolatile {
                port_index: port.map(|port| port.index),
                sf_number: port.and_then(|port| port.sf),
                attached: port_function.and_then(|function| function.attached).unwrap_or(false),
                instance: handle,
                users,
                mdev_types: BTreeMap::new(),
            }),
        })
    }

    /// The attributes of a mediated device that are asked for, as far as they can be read.
    fn device_attributes(&self, uuid: Uuid) -> BTreeMap<String, String> {
        let names = self.attributes.get(&uuid).into_iter().flatten();
        names.filter_map(|name| Some((name.clone(), self.sysfs.mdev_attribute(uuid, name)?))).collect()
    }

    /// The parameters of an instance; learns their wire types.
    fn params(&mut self, subject: &Subject, instance: &Handle, dumps: &Dumps) -> Params {
        let mut values = Params::new();
        for param in dumps.params.get(instance).into_iter().flatten() {
            if let Some(kind) = param.kind {
                self.mirror.learn(type_key(subject, instance, &param.name), kind);
                values.insert(param.name.clone(), wire::param_values(param).collect());
            }
        }
        values
    }

    fn interface(&self, link: &Link, dumps: &Dumps) -> Interface {
        let chosen = self.sysfs.name_was_chosen(&link.name);
        Interface {
            name: chosen.then(|| link.name.parse().ok()).flatten(),
            mtu: link.mtu,
            up: link.up,
            port: bridge::port(link, &dumps.links, &dumps.vlans)
                .or_else(|| dumps.ports.get(&link.name).cloned()),
            volatile: Volatile(InterfaceVolatile {
                name: link.name.clone(),
                altnames: link.altnames.clone(),
                index: link.index,
                mac: link.address.map(wire::mac),
            }),
        }
    }
}

fn names(links: &[Link]) -> Vec<String> {
    let mut names: Vec<String> =
        links.iter().flat_map(|link| link.altnames.iter().chain([&link.name])).cloned().collect();
    names.sort();
    names
}
