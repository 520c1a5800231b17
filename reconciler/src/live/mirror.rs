//! What is known of the kernel's objects between two dumps: filled by dumps, kept current by notifications, so that
//! requests and waits need no dump each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use subdevcfg_compiler::values::DevlinkHandle;
use subdevcfg_netlink::devlink::{Event, Flavour, Handle, Instance, ParamType, Port};
use uuid::Uuid;

use super::sysfs::{Auxiliary, Mdev, Sysfs};
use super::wire;
use crate::kernel::ObserveError;
use crate::resource::{Child, FunctionId, Side, Subject};

/// The objects. Handles are netlink's here.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    instances: BTreeSet<Handle>,
    /// How often each was reloaded when they were dumped.
    reloads: BTreeMap<Handle, u64>,
    ports: BTreeMap<Handle, Ports>,
    /// The VFs of each instance by their indexes, with the devices that they are.
    vfs: BTreeMap<(Handle, u32), Option<Handle>>,
    mdevs: BTreeMap<Uuid, Mdev>,
    /// The place of an auxiliary instance.
    above: BTreeMap<Handle, Auxiliary>,
    /// The same the other way round.
    below: BTreeMap<DevlinkHandle, Below>,
    types: BTreeMap<TypeKey, ParamType>,
}

/// The ports of an instance by their indexes.
#[derive(Debug, Default)]
struct Ports {
    all: BTreeMap<u32, Arc<Port>>,
    /// The indexes of ports of functions by what they are called: a search for each function would be quadratic.
    numbered: BTreeMap<PortName, u32>,
}

/// What is on a device.
#[derive(Debug, Default)]
struct Below {
    auxiliary: BTreeSet<Handle>,
    /// The instance of a subfunction, by its number, from the auxiliary device. Kernels before 6.7 do not say it in the port
    /// (`DEVLINK_PORT_FN_ATTR_DEVLINK`).
    owners: BTreeMap<u32, Handle>,
    /// The mediated device that a port belongs to, where the device says so.
    mdevs: BTreeMap<u32, Uuid>,
}

/// What a port of a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct PortName {
    controller: u32,
    pf: u32,
    kind: PortKind,
}

/// Which of a PF's functions it is, with the number among its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PortKind {
    Sf(u32),
    Vf(u32),
    /// The PF itself.
    Pf,
}

impl PortName {
    fn of(port: &Port) -> Option<Self> {
        let kind = match port.flavour? {
            Flavour::PciSf => PortKind::Sf(port.sf?),
            Flavour::PciVf => PortKind::Vf(port.vf?.into()),
            Flavour::PciPf => PortKind::Pf,
            _ => return None,
        };
        Some(Self { controller: port.controller.unwrap_or(0), pf: port.pf?.into(), kind })
    }
}

/// Parameters of one name have one wire type on all instances that one driver makes below one parent.
pub(super) type TypeKey = (DevlinkHandle, String, String);

/// The key of a subject's parameter in [`Mirror::types`].
pub(super) fn type_key(subject: &Subject, instance: &Handle, name: &str) -> TypeKey {
    (subject.parent.clone(), instance.bus.clone(), name.to_owned())
}

impl Mirror {
    /// Puts the results of dumps in place of what was known. Wire types stay: they do not change. What ports tell of the
    /// instances of their functions is not looked up in sysfs.
    pub fn refill(
        &mut self,
        instances: Vec<Instance>,
        ports: Vec<Port>,
        sysfs: &Sysfs,
    ) -> Result<(), ObserveError> {
        *self = Self { types: std::mem::take(&mut self.types), ..Self::default() };
        let mut of_mdevs = BTreeMap::new();
        for port in &ports {
            let Some(instance) = instance_of(port) else { continue };
            match (instance.bus.as_str(), port.sf) {
                ("mdev", _) => of_mdevs.extend(mdev_uuid(instance).map(|uuid| (uuid, port.index))),
                ("auxiliary", Some(_)) => {
                    let parent = wire::devlink_handle(&port.handle);
                    self.place(instance, Auxiliary { parent, sf_number: port.sf });
                }
                _ => {}
            }
        }
        for (uuid, mdev) in sysfs.mdevs(&of_mdevs)? {
            self.insert_mdev(uuid, mdev);
        }
        for parent in sysfs.sriov_parents() {
            self.read_vfs(&wire::netlink_handle(&parent), sysfs);
        }
        for instance in instances {
            self.reloads.insert(instance.handle.clone(), instance.reloads);
            self.appeared(instance.handle, sysfs);
        }
        for port in ports {
            self.insert_port(port);
        }
        Ok(())
    }

    fn read_vfs(&mut self, handle: &Handle, sysfs: &Sysfs) {
        let parent = wire::devlink_handle(handle);
        let count = sysfs.sriov(&parent).map_or(0, |sriov| sriov.vfs);
        for index in 0..count {
            let device = sysfs.vf_address(&parent, index).as_ref().map(wire::netlink_handle);
            self.vfs.insert((handle.clone(), index), device);
        }
    }

    /// The VFs of an instance, and the device that each is.
    pub fn vfs_of<'m>(
        &'m self,
        handle: &'m Handle,
    ) -> impl Iterator<Item = (FunctionId, Option<&'m Handle>)> {
        let parent = wire::devlink_handle(handle);
        let vfs = self.vfs.range((handle.clone(), 0)..=(handle.clone(), u32::MAX));
        vfs.map(move |((_, index), device)| (FunctionId::local_vf(&parent, *index), device.as_ref()))
    }

    /// The PCI devices that are VFs.
    pub fn vf_devices(&self) -> impl Iterator<Item = &Handle> {
        self.vfs.values().flatten()
    }

    /// The PCI device that a VF is.
    pub fn vf_device(&self, subject: &Subject) -> Option<&Handle> {
        let id = subject.function_id()?;
        let index = id.vf_index().filter(|index| *id == FunctionId::local_vf(&subject.parent, *index))?;
        self.vfs.get(&(wire::netlink_handle(&subject.parent), index))?.as_ref()
    }

    /// How often an instance was reloaded.
    pub fn reloads(&self, handle: &Handle) -> u64 {
        self.reloads.get(handle).copied().unwrap_or_default()
    }

    /// Takes a notification in. False when notifications were lost, and only a refill helps.
    pub fn apply(&mut self, event: Event, sysfs: &Sysfs) -> bool {
        match event {
            Event::Instance(instance) => {
                // What is known of a mediated device that is there does not change.
                let is_known =
                    |uuid: &Uuid| self.mdevs.get(uuid).is_some_and(|mdev| mdev.port_index.is_some());
                if let Some(uuid) = mdev_uuid(&instance.handle).filter(|uuid| !is_known(uuid)) {
                    self.reread_mdev(uuid, sysfs);
                }
                self.appeared(instance.handle, sysfs);
            }
            Event::InstanceGone(handle) => {
                if let Some(uuid) = mdev_uuid(&handle) {
                    self.reread_mdev(uuid, sysfs);
                }
                self.vanished(&handle);
            }
            Event::Port(port) => {
                self.remove_port(&port.handle, port.index);
                self.insert_port(*port);
            }
            Event::PortGone(handle, index) => self.remove_port(&handle, index),
            Event::Other => {}
            Event::Lost => return false,
        }
        true
    }

    fn insert_port(&mut self, port: Port) {
        let ports = match self.ports.get_mut(&port.handle) {
            Some(ports) => ports,
            None => self.ports.entry(port.handle.clone()).or_default(),
        };
        if let Some(name) = PortName::of(&port) {
            ports.numbered.insert(name, port.index);
        }
        ports.all.insert(port.index, Arc::new(port));
    }

    fn remove_port(&mut self, handle: &Handle, index: u32) {
        let Some(ports) = self.ports.get_mut(handle) else { return };
        let Some(name) = ports.all.remove(&index).as_deref().and_then(PortName::of) else { return };
        // A new port of that name may have been told of before the old one's end.
        if ports.numbered.get(&name) == Some(&index) {
            ports.numbered.remove(&name);
        }
    }

    fn appeared(&mut self, handle: Handle, sysfs: &Sysfs) {
        if handle.bus == "auxiliary"
            && !self.above.contains_key(&handle)
            && let Some(place) = sysfs.auxiliary(&handle.device)
        {
            self.place(&handle, place);
        }
        self.instances.insert(handle);
    }

    /// Notes where an auxiliary device is.
    fn place(&mut self, handle: &Handle, place: Auxiliary) {
        let below = self.below.entry(place.parent.clone()).or_default();
        if let Some(number) = place.sf_number {
            below.owners.insert(number, handle.clone());
        }
        below.auxiliary.insert(handle.clone());
        self.above.insert(handle.clone(), place);
    }

    fn vanished(&mut self, handle: &Handle) {
        self.instances.remove(handle);
        self.ports.remove(handle);
        let Some(place) = self.above.remove(handle) else { return };
        let Some(below) = self.below.get_mut(&place.parent) else { return };
        below.auxiliary.remove(handle);
        if let Some(number) = place.sf_number.filter(|number| below.owners.get(number) == Some(handle)) {
            below.owners.remove(&number);
        }
    }

    /// Looks one mediated device up in sysfs again.
    pub fn reread_mdev(&mut self, uuid: Uuid, sysfs: &Sysfs) {
        if let Some(Mdev { parent, port_index: Some(index), .. }) = self.mdevs.remove(&uuid)
            && let Some(below) = self.below.get_mut(&parent)
        {
            below.mdevs.remove(&index);
        }
        if let Some(mdev) = sysfs.mdev(uuid) {
            self.insert_mdev(uuid, mdev);
        }
    }

    /// Takes in a mediated device that has just been made.
    pub fn insert_mdev(&mut self, uuid: Uuid, mdev: Mdev) {
        if let Some(index) = mdev.port_index {
            self.below.entry(mdev.parent.clone()).or_default().mdevs.insert(index, uuid);
        }
        self.mdevs.insert(uuid, mdev);
    }

    /// Looks the mediated devices without a port up again: a driver's attributes appear in sysfs after its devlink
    /// instance (`really_probe`, drivers/base/dd.c). Tells whether one has a port now.
    pub fn reread_portless(&mut self, sysfs: &Sysfs) -> bool {
        let portless = self.mdevs.iter().filter(|(_, mdev)| mdev.port_index.is_none());
        let portless: Vec<Uuid> = portless.map(|(&uuid, _)| uuid).collect();
        let mut found = false;
        for uuid in portless {
            self.reread_mdev(uuid, sysfs);
            found |= self.mdev(uuid).is_some_and(|mdev| mdev.port_index.is_some());
        }
        found
    }

    /// A mediated device.
    pub fn mdev(&self, uuid: Uuid) -> Option<&Mdev> {
        self.mdevs.get(&uuid)
    }

    /// All mediated devices.
    pub fn mdevs(&self) -> impl Iterator<Item = Uuid> {
        self.mdevs.keys().copied()
    }

    /// The mediated devices on an instance.
    pub fn mdevs_of(&self, parent: &DevlinkHandle) -> impl Iterator<Item = (Uuid, &Mdev)> {
        self.mdevs.iter().filter(move |(_, mdev)| mdev.parent == *parent).map(|(&uuid, mdev)| (uuid, mdev))
    }

    /// Instances that are not a function's own, nor a driver's part of one.
    pub fn parents(&self) -> Vec<Handle> {
        let named: BTreeSet<&Handle> = self.all_ports().filter_map(instance_of).collect();
        let vfs: BTreeSet<&Handle> = self.vfs.values().flatten().collect();
        let below = |handle: &Handle| {
            handle.bus == "mdev"
                || vfs.contains(handle)
                || named.contains(handle)
                || self
                    .above
                    .get(handle)
                    .is_some_and(|place| self.instances.contains(&wire::netlink_handle(&place.parent)))
        };
        self.instances.iter().filter(|handle| !below(handle)).cloned().collect()
    }

    fn all_ports(&self) -> impl Iterator<Item = &Port> {
        self.ports.values().flat_map(|ports| ports.all.values()).map(AsRef::as_ref)
    }

    /// The ports of an instance.
    pub fn ports_of(&self, handle: &Handle) -> impl Iterator<Item = &Arc<Port>> {
        self.ports.get(handle).into_iter().flat_map(|ports| ports.all.values())
    }

    /// The mediated device that a parent's port belongs to.
    fn mdev_of(&self, port: &Port) -> Option<Uuid> {
        if let Some(uuid) = instance_of(port).and_then(mdev_uuid) {
            return Some(uuid);
        }
        self.below.get(&wire::devlink_handle(&port.handle))?.mdevs.get(&port.index).copied()
    }

    /// The function that a parent's port belongs to; `None` for other ports, and for the PF that the parent is itself.
    pub fn function_of(&self, port: &Port) -> Option<FunctionId> {
        let PortName { controller, pf, kind } = PortName::of(port)?;
        match kind {
            PortKind::Vf(index) => Some(FunctionId::Vf { controller, pf, index }),
            PortKind::Pf => port.external.then_some(FunctionId::Pf { controller, pf }),
            PortKind::Sf(number) => Some(match self.mdev_of(port) {
                Some(uuid) => FunctionId::Mdev { uuid },
                None => FunctionId::Sf { controller, pf, number },
            }),
        }
    }

    /// The port of a function on its parent.
    pub fn port(&self, subject: &Subject) -> Option<&Port> {
        let id = subject.function_id()?;
        let (controller, pf, kind) = match *id {
            FunctionId::Mdev { uuid } => {
                let mdev = self.mdevs.get(&uuid).filter(|mdev| mdev.parent == subject.parent)?;
                let ports = self.ports.get(&wire::netlink_handle(&subject.parent))?;
                return ports.all.get(&mdev.port_index?).map(AsRef::as_ref);
            }
            FunctionId::Sf { controller, pf, number } => (controller, pf, PortKind::Sf(number)),
            FunctionId::Vf { controller, pf, index } => (controller, pf, PortKind::Vf(index)),
            FunctionId::Pf { controller, pf } => (controller, pf, PortKind::Pf),
        };
        let found = self.port_called(&subject.parent, PortName { controller, pf, kind })?;
        // A mediated device's port has a number, too, and is no subfunction for it.
        (self.function_of(found).as_ref() == Some(id)).then_some(found)
    }

    /// The port that is called so, whatever function it belongs to.
    fn port_called(&self, parent: &DevlinkHandle, name: PortName) -> Option<&Port> {
        let ports = self.ports.get(&wire::netlink_handle(parent))?;
        ports.all.get(ports.numbered.get(&name)?).map(AsRef::as_ref)
    }

    /// Whether the subject is there. Rate nodes are not in the mirror: nothing waits for one.
    pub fn has(&self, subject: &Subject) -> bool {
        match &subject.child {
            None => self.instances.contains(&wire::netlink_handle(&subject.parent)),
            Some(Child::RateNode(_) | Child::Vdpa(_) | Child::Bridge) => false,
            Some(Child::Function(FunctionId::Mdev { uuid })) => {
                self.mdevs.get(uuid).is_some_and(|mdev| mdev.parent == subject.parent)
            }
            Some(Child::Function(FunctionId::Sf { .. } | FunctionId::Pf { .. })) => {
                self.port(subject).is_some()
            }
            Some(Child::Function(id @ FunctionId::Vf { .. })) => {
                let handle = wire::netlink_handle(&subject.parent);
                let mut vfs = self.vfs_of(&handle);
                vfs.any(|(known, _)| known == *id) || id.is_made_elsewhere() && self.port(subject).is_some()
            }
        }
    }

    /// Whether somebody has the identity of this function: itself, a mediated device of that UUID on another parent, or
    /// one whose port has that number.
    pub fn is_taken(&self, subject: &Subject) -> bool {
        match &subject.child {
            None
            | Some(
                Child::RateNode(_)
                | Child::Vdpa(_)
                | Child::Bridge
                | Child::Function(FunctionId::Vf { .. } | FunctionId::Pf { .. }),
            ) => self.has(subject),
            Some(Child::Function(FunctionId::Mdev { uuid })) => self.mdevs.contains_key(uuid),
            Some(Child::Function(FunctionId::Sf { controller, pf, number })) => {
                let name = PortName { controller: *controller, pf: *pf, kind: PortKind::Sf(*number) };
                self.port_called(&subject.parent, name).is_some()
            }
        }
    }

    /// The devlink instance of a subject: the parent's, or the function's own while it is registered.
    pub fn instance(&self, subject: &Subject) -> Option<Handle> {
        let handle = match &subject.child {
            None => wire::netlink_handle(&subject.parent),
            Some(
                Child::RateNode(_) | Child::Vdpa(_) | Child::Bridge | Child::Function(FunctionId::Pf { .. }),
            ) => return None,
            Some(Child::Function(FunctionId::Vf { .. })) => self.vf_device(subject)?.clone(),
            // The handle does not tell on which parent the device is.
            Some(Child::Function(FunctionId::Mdev { uuid })) => {
                self.has(subject).then(|| mdev_handle(*uuid))?
            }
            Some(Child::Function(FunctionId::Sf { controller, number, .. })) => {
                let named = self.port(subject).and_then(instance_of).cloned();
                // Functions of other controllers run on other hosts: a number seen here is not theirs.
                let below = || self.below.get(&subject.parent).filter(|_| *controller == 0);
                named.or_else(|| below()?.owners.get(number).cloned())?
            }
        };
        self.is_registered(&handle).then_some(handle)
    }

    /// Whether there is this instance.
    pub fn is_registered(&self, instance: &Handle) -> bool {
        self.instances.contains(instance)
    }

    /// The interfaces that stand for functions.
    pub fn representors(&self) -> BTreeSet<u32> {
        let of_functions = self.all_ports().filter(|port| self.function_of(port).is_some());
        of_functions.filter_map(|port| port.netdev_ifindex).collect()
    }

    /// The index of one of a function's interfaces, while it is in this network namespace.
    pub fn interface(&self, subject: &Subject, side: Side) -> Option<u32> {
        match side {
            Side::Representor => self.port(subject)?.netdev_ifindex,
            Side::Netdev => self.netdev(&self.instance(subject)?),
        }
    }

    /// The same of the netdev of the function whose instance this is.
    pub fn netdev(&self, instance: &Handle) -> Option<u32> {
        self.netdev_on(instance, |_| true)
    }

    /// Whether an uplink of this instance has an interface, and which.
    pub fn uplink(&self, parent: &Handle) -> Option<u32> {
        self.netdev_on(parent, |port| port.flavour == Some(Flavour::Physical))
    }

    /// Whether the netdev of the function whose instance this is is there, but in another network namespace.
    pub fn netdev_is_elsewhere(&self, instance: &Handle) -> bool {
        let mut handles = self.auxiliary_on(instance).chain([instance]);
        handles.any(|handle| self.ports_of(handle).any(|port| is_elsewhere(port)))
    }

    /// The netdev of a port on an instance or directly below it: since 6.3 mlx5 gives its Ethernet part an instance of
    /// its own, `auxiliary/mlx5_core.eth.N` (`mlx5e_create_devlink`).
    fn netdev_on(&self, instance: &Handle, wanted: impl Fn(&Port) -> bool + Copy) -> Option<u32> {
        let netdev = |handle: &Handle| {
            self.ports_of(handle).filter(|port| wanted(port)).find_map(|port| port.netdev_ifindex)
        };
        netdev(instance).or_else(|| self.auxiliary_on(instance).find_map(netdev))
    }

    /// The auxiliary instances directly below an instance.
    fn auxiliary_on<'m>(&'m self, instance: &Handle) -> impl Iterator<Item = &'m Handle> + use<'m> {
        self.below.get(&wire::devlink_handle(instance)).into_iter().flat_map(|below| &below.auxiliary)
    }

    /// The wire type of a parameter, where it is known.
    pub fn param_type(&self, key: &TypeKey) -> Option<ParamType> {
        self.types.get(key).copied()
    }

    /// Learns one.
    pub fn learn(&mut self, key: TypeKey, kind: ParamType) {
        self.types.insert(key, kind);
    }
}

/// Whether a port has a netdev, and that is in another network namespace.
pub(super) const fn is_elsewhere(port: &Port) -> bool {
    port.is_ethernet && port.netdev_ifindex.is_none()
}

/// The instance of a port's function, as the port tells it (6.7 and newer).
pub(super) fn instance_of(port: &Port) -> Option<&Handle> {
    port.function.as_ref()?.instance.as_ref()
}

/// The instance of a mediated device: `devlink_alloc` on the mdev takes its bus and its name.
fn mdev_handle(uuid: Uuid) -> Handle {
    Handle { bus: "mdev".to_owned(), device: uuid.to_string() }
}

fn mdev_uuid(handle: &Handle) -> Option<Uuid> {
    if handle.bus == "mdev" { handle.device.parse().ok() } else { None }
}
