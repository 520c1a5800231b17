//! The live kernel over an invented sysfs and invented netlink answers. What a real kernel does is the lab's to show.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::os::unix::fs::symlink;

use subdevcfg_compiler::values::{DevlinkHandle, EswitchMode};
use subdevcfg_netlink::devlink::{Flavour, Handle, Instance, Port, PortFunction};

use super::tree::Tree;
use super::*;
use crate::resource::{FunctionId, Setting};
use crate::state::SoftSpec;

const UUID: &str = "9b3f4a52-6a0e-4b6a-9c1d-000000000001";

/// Parts of sysfs and procfs: the parent nic0 of the module, an active SF 88 on port 1, an mdev on port 2.
pub(super) fn host() -> Tree {
    let tree = Tree::empty();
    tree.file("proc/sys/kernel/osrelease", "6.1.0\n");
    tree.file("proc/sys/kernel/random/boot_id", "boot\n");
    tree.file("sys/bus/subdev/new_device", "");
    tree.device("subdev", "nic0", "sys/devices/subdev/nic0");
    tree.file("sys/devices/subdev/nic0/max_subdevices", "16\n");
    tree.file("sys/devices/subdev/nic0/mac_base", "\n");
    tree.file("sys/devices/subdev/nic0/lower", "\n");
    let eth = "sys/devices/subdev/nic0/mdev_supported_types/subdev-eth";
    tree.file(&format!("{eth}/available_instances"), "14\n");
    tree.file(&format!("{eth}/create"), "");
    tree.file(&format!("{eth}/devices/{UUID}/uevent"), "");
    tree.file("sys/class/mdev_bus/uevent", "");
    symlink(tree.root.join("sys/devices/subdev/nic0"), tree.root.join("sys/class/mdev_bus/nic0")).unwrap();
    tree.device("auxiliary", "subdev.sf.0", "sys/devices/subdev/nic0/subdev.sf.0");
    tree.file("sys/devices/subdev/nic0/subdev.sf.0/sfnum", "88\n");
    tree.device("auxiliary", "subdev.eth.3", "sys/devices/subdev/nic0/subdev.sf.0/subdev.eth.3");
    let mdev = format!("sys/devices/subdev/nic0/{UUID}");
    tree.device("mdev", UUID, &mdev);
    tree.file(&format!("{mdev}/port_index"), "2\n");
    symlink("../mdev_supported_types/subdev-eth", tree.root.join(format!("{mdev}/mdev_type"))).unwrap();
    tree
}

impl Tree {
    pub(super) fn device(&self, bus: &str, name: &str, folder: &str) {
        let devices = self.root.join(format!("sys/bus/{bus}/devices"));
        let folder = self.root.join(folder);
        fs::create_dir_all(&devices).unwrap();
        fs::create_dir_all(&folder).unwrap();
        symlink(&folder, devices.join(name)).unwrap();
        symlink(self.root.join(format!("sys/bus/{bus}")), folder.join("subsystem")).unwrap();
    }
}

/// A device of a class on no bus, as the kernel's sample drivers have it, with one mediated device.
fn add_sample(tree: &Tree) {
    let folder = "sys/devices/virtual/mtty/mtty";
    tree.file(&format!("{folder}/mdev_supported_types/mtty-2/available_instances"), "11\n");
    tree.file(&format!("{folder}/mdev_supported_types/mtty-2/create"), "");
    tree.file("sys/class/mtty/uevent", "");
    symlink(tree.root.join("sys/class/mtty"), tree.root.join(format!("{folder}/subsystem"))).unwrap();
    for class in ["mtty", "mdev_bus"] {
        symlink(tree.root.join(folder), tree.root.join(format!("sys/class/{class}/mtty"))).unwrap();
    }
    let uuid = "9b3f4a52-6a0e-4b6a-9c1d-000000000002";
    tree.device("mdev", uuid, &format!("{folder}/{uuid}"));
    tree.file(&format!("{folder}/mdev_supported_types/mtty-2/devices/{uuid}/uevent"), "");
    symlink("../mdev_supported_types/mtty-2", tree.root.join(format!("{folder}/{uuid}/mdev_type"))).unwrap();
}

fn handle(text: &str) -> Handle {
    wire::netlink_handle(&text.parse().unwrap())
}

fn nic0() -> DevlinkHandle {
    "subdev/nic0".parse().unwrap()
}

fn sf(number: u32) -> Subject {
    Subject::function(nic0(), FunctionId::Sf { controller: 0, pf: 0, number })
}

fn mdev() -> Subject {
    Subject::function(nic0(), FunctionId::Mdev { uuid: UUID.parse().unwrap() })
}

fn function_port(index: u32, number: u32) -> Port {
    Port {
        handle: handle("subdev/nic0"),
        index,
        flavour: Some(Flavour::PciSf),
        pf: Some(0),
        sf: Some(number),
        netdev_ifindex: Some(100 + index),
        function: Some(PortFunction { active: Some(true), attached: Some(true), ..PortFunction::default() }),
        ..Port::default()
    }
}

fn virtual_port(instance: &str, ifindex: u32) -> Port {
    Port {
        handle: handle(instance),
        flavour: Some(Flavour::Virtual),
        netdev_ifindex: Some(ifindex),
        ..Port::default()
    }
}

fn instance(text: &str) -> Instance {
    Instance { handle: handle(text), reload_failed: false, reloads: 0 }
}

/// What a kernel before 6.7 tells: no port names the instance of its function.
fn mirror(tree: &Tree) -> Mirror {
    let mut mirror = Mirror::default();
    let instances = ["subdev/nic0", "auxiliary/subdev.sf.0", &format!("mdev/{UUID}")].map(instance);
    let ports = vec![function_port(1, 88), function_port(2, 1000), virtual_port("auxiliary/subdev.sf.0", 7)];
    mirror.refill(instances.into(), ports, &tree.sysfs()).unwrap();
    mirror
}

#[test]
fn sysfs_is_read() {
    let tree = host();
    let sysfs = tree.sysfs();
    let uuid = UUID.parse().unwrap();
    let found = sysfs.mdevs(&BTreeMap::new()).unwrap();
    assert_eq!(found[&uuid].parent.to_string(), "subdev/nic0");
    assert_eq!((found[&uuid].kind.as_str(), found[&uuid].port_index), ("subdev-eth", Some(2)));
    assert_eq!(sysfs.mdev(uuid).as_ref(), Some(&found[&uuid]));
    let place = sysfs.auxiliary("subdev.sf.0").unwrap();
    assert_eq!((place.parent, place.sf_number), (nic0(), Some(88)));
    let place = sysfs.auxiliary("subdev.eth.3").unwrap();
    assert_eq!((place.parent.to_string().as_str(), place.sf_number), ("auxiliary/subdev.sf.0", None));
    let soft = SoftSpec { max_subdevices: Some(16), ..SoftSpec::default() };
    assert_eq!(sysfs.soft(&nic0()), Some(soft));
    assert_eq!(sysfs.mdev_types(&nic0()).unwrap()["subdev-eth"].available, 14);
    assert_eq!(sysfs.mdev_types(&"pci/0000:08:00.0".parse().unwrap()).unwrap().len(), 0);
    for (kind, chosen) in [("1\n", false), ("3\n", true), ("4\n", true)] {
        tree.file("sys/class/net/x/name_assign_type", kind);
        assert_eq!(sysfs.name_was_chosen("x"), chosen);
    }
    assert!(!sysfs.name_was_chosen("absent"));
}

#[test]
fn writes_are_whole_and_their_errors_name_the_file() {
    let tree = host();
    let sysfs = tree.sysfs();
    let spec = SoftSpec {
        max_subdevices: Some(4),
        lower: Some("eth7".parse().unwrap()),
        mac_base: Some("02:00:00:00:10:00".parse().unwrap()),
    };
    sysfs.new_parent(&nic0(), &spec).unwrap();
    let written = "nic0 max_subdevices=4 lower=eth7 mac_base=02:00:00:00:10:00";
    assert_eq!(tree.read("sys/bus/subdev/new_device"), written);
    let uuid = UUID.parse().unwrap();
    sysfs.create_mdev(&nic0(), "subdev-eth", uuid).unwrap();
    let create = "sys/devices/subdev/nic0/mdev_supported_types/subdev-eth/create";
    assert_eq!(tree.read(create), UUID);

    let refusal = |result: Result<(), RequestError>| match result.unwrap_err() {
        RequestError::Refused { errno, file, .. } => (errno, file),
        other => panic!("{other}"),
    };
    let file = Some("/sys/bus/subdev/del_device".to_owned());
    assert_eq!(refusal(sysfs.del_parent(&nic0())), (Errno::ENOENT, file));
    assert!(!tree.root.join("sys/bus/subdev/del_device").exists());
    assert_eq!(refusal(sysfs.create_mdev(&nic0(), "../subdev-eth", uuid)).0, Errno::EINVAL);
    let elsewhere = DevlinkHandle::new("pci", "0000:08:00.0");
    assert_eq!(refusal(sysfs.new_parent(&elsewhere, &spec)), (Errno::EOPNOTSUPP, None));
}

#[test]
fn a_function_is_found_without_the_kernel_naming_its_instance() {
    let tree = host();
    let mirror = mirror(&tree);
    assert_eq!(mirror.parents(), [handle("subdev/nic0")]);
    let ports = handle("subdev/nic0");
    let found: Vec<_> = mirror.ports_of(&ports).filter_map(|port| mirror.function_of(port)).collect();
    assert_eq!(found, [sf(88).function_id().unwrap().clone(), mdev().function_id().unwrap().clone()]);
    assert_eq!(mirror.instance(&sf(88)), Some(handle("auxiliary/subdev.sf.0")));
    assert_eq!(mirror.interface(&sf(88), Side::Netdev), Some(7));
    assert_eq!(mirror.interface(&sf(88), Side::Representor), Some(101));
    assert_eq!(mirror.instance(&mdev()).unwrap().bus, "mdev");
    assert_eq!(mirror.interface(&mdev(), Side::Netdev), None);
    assert!(!mirror.has(&sf(1000)), "the number of a mediated device's port is no subfunction's");
}

#[test]
fn what_ports_tell_of_their_functions_is_not_looked_up() {
    let tree = host();
    let nic0 = "sys/devices/subdev/nic0";
    for file in [format!("{nic0}/subdev.sf.0/sfnum"), format!("{nic0}/{UUID}/port_index")] {
        fs::remove_file(tree.root.join(file)).unwrap();
    }
    let named = |index, number, name: &str| {
        let mut port = function_port(index, number);
        port.function.as_mut().unwrap().instance = Some(handle(name));
        port
    };
    let (of_sf, of_mdev) = ("auxiliary/subdev.sf.0", format!("mdev/{UUID}"));
    let instances = ["subdev/nic0", of_sf, &of_mdev].map(instance);
    let mut mirror = Mirror::default();
    let ports = vec![named(1, 88, of_sf), named(2, 1000, &of_mdev), virtual_port(of_sf, 7)];
    mirror.refill(instances.into(), ports, &tree.sysfs()).unwrap();
    assert_eq!(mirror.interface(&sf(88), Side::Netdev), Some(7));
    assert_eq!(mirror.interface(&mdev(), Side::Representor), Some(102));
    // Without its port, the number is the auxiliary device's all the same.
    mirror.apply(Event::PortGone(handle("subdev/nic0"), 1), &tree.sysfs());
    mirror.apply(Event::Port(Box::new(function_port(3, 88))), &tree.sysfs());
    assert_eq!(mirror.instance(&sf(88)), Some(handle(of_sf)));
}

#[test]
fn what_the_kernel_names_goes_before_what_sysfs_says() {
    let tree = host();
    let mut mirror = mirror(&tree);
    let mut port = function_port(1, 88);
    port.function.as_mut().unwrap().instance = Some(handle("pci/0000:08:00.2"));
    mirror.apply(Event::Port(Box::new(port)), &tree.sysfs());
    assert_eq!(mirror.instance(&sf(88)), None, "an instance that is not registered here is none");
    mirror.apply(Event::Instance(instance("pci/0000:08:00.2")), &tree.sysfs());
    assert_eq!(mirror.instance(&sf(88)), Some(handle("pci/0000:08:00.2")));
    assert_eq!(mirror.parents(), [handle("subdev/nic0")]);
}

#[test]
fn a_driver_may_have_its_netdev_on_an_instance_of_its_own() {
    let tree = host();
    let mut mirror = mirror(&tree);
    let sysfs = tree.sysfs();
    mirror.apply(Event::PortGone(handle("auxiliary/subdev.sf.0"), 0), &sysfs);
    assert_eq!(mirror.interface(&sf(88), Side::Netdev), None);
    mirror.apply(Event::Instance(instance("auxiliary/subdev.eth.3")), &sysfs);
    mirror.apply(Event::Port(Box::new(virtual_port("auxiliary/subdev.eth.3", 9))), &sysfs);
    assert_eq!(mirror.interface(&sf(88), Side::Netdev), Some(9));
    assert_eq!(mirror.parents(), [handle("subdev/nic0")]);
}

#[test]
fn notifications_keep_the_mirror_current() {
    let tree = host();
    let mut mirror = mirror(&tree);
    let sysfs = tree.sysfs();
    mirror.apply(Event::InstanceGone(handle("auxiliary/subdev.sf.0")), &sysfs);
    assert_eq!((mirror.instance(&sf(88)), mirror.interface(&sf(88), Side::Netdev)), (None, None));
    mirror.apply(Event::PortGone(handle("subdev/nic0"), 1), &sysfs);
    assert!(!mirror.has(&sf(88)));
    fs::remove_file(tree.root.join(format!("sys/bus/mdev/devices/{UUID}"))).unwrap();
    assert!(mirror.has(&mdev()));
    mirror.apply(Event::InstanceGone(handle(&format!("mdev/{UUID}"))), &sysfs);
    assert!(!mirror.has(&mdev()));
    assert!(!mirror.apply(Event::Lost, &sysfs));
}

/// Answers each command with messages or with an errno, and says nothing by itself but what is in its queue.
pub(super) struct Fake {
    pub(super) answers: fn(u8) -> Result<Vec<Vec<u8>>, Errno>,
    queue: VecDeque<Vec<u8>>,
    buffer: Vec<u8>,
}

impl Fake {
    pub(super) fn new(answers: fn(u8) -> Result<Vec<Vec<u8>>, Errno>) -> Self {
        Self { answers, queue: VecDeque::new(), buffer: Vec::new() }
    }
}

impl Datagrams for Fake {
    fn send(&mut self, datagram: &[u8]) -> Result<(), NetlinkError> {
        let at = |at: usize| u16::from_ne_bytes([datagram[at], datagram[at + 1]]);
        let sequence: [u8; 4] = datagram[8..12].try_into().unwrap();
        let answer = match at(4) {
            0x10 => Ok(vec![[vec![1, 1, 0, 0], attribute(1, &[0x20, 0])].concat()]),
            0x20 => (self.answers)(datagram[16]),
            _ => Ok(Vec::new()),
        };
        // A dump ends on DONE, anything else on an ERROR, which is an ACK when it is 0.
        let end = if at(6) & 0x300 == 0x300 { 3 } else { 2 };
        let errno = answer.as_ref().err().map_or(0, |errno| -(*errno as i32));
        let messages = answer.unwrap_or_default();
        let mut reply: Vec<u8> =
            messages.iter().flat_map(|payload| message(at(4), sequence, payload)).collect();
        reply.extend(message(end, sequence, &[errno.to_ne_bytes().as_slice(), &[0; 16]].concat()));
        self.queue.push_back(reply);
        Ok(())
    }

    fn receive(&mut self, _: Instant) -> Result<Option<&[u8]>, NetlinkError> {
        Ok(self.queue.pop_front().map(|datagram| {
            self.buffer = datagram;
            self.buffer.as_slice()
        }))
    }
}

fn message(kind: u16, sequence: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + payload.len()).unwrap();
    let mut bytes =
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 2], &sequence, &[0; 4], payload].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + payload.len()).unwrap();
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), payload].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// `DEVLINK_CMD_GET`, `DEVLINK_CMD_ESWITCH_GET` and `DEVLINK_CMD_PARAM_GET`.
pub(super) const GET: u8 = 1;
const ESWITCH_GET: u8 = 29;
const PARAM_GET: u8 = 38;
const INFO_GET: u8 = 51;

pub(super) fn one_parent(command: u8) -> Vec<Vec<u8>> {
    let handle = [attribute(1, b"subdev\0"), attribute(2, b"nic0\0")].concat();
    if matches!(command, GET | INFO_GET) {
        vec![[vec![command, 1, 0, 0], handle].concat()]
    } else {
        Vec::new()
    }
}

pub(super) fn live(
    tree: &Tree,
    answers: fn(u8) -> Result<Vec<Vec<u8>>, Errno>,
    notifications: usize,
) -> LiveKernel<Fake> {
    let mut events = Fake::new(answers);
    // An attribute of a param changed: nothing that the mirror holds, but something.
    events.queue = vec![message(0x20, [0; 4], &[41, 1, 0, 0]); notifications].into();
    let devlink = Devlink::new(Fake::new(answers)).unwrap();
    LiveKernel::new(
        devlink,
        Route::new(Fake::new(answers)),
        Events::new(events),
        Ethtool::new(Fake::new(answers)),
        tree.root.clone(),
    )
}

#[test]
fn not_supported_not_permitted_and_busy_are_told_apart() {
    let tree = host();
    let observe = |answers| {
        let mut state = live(&tree, answers, 0).observe().unwrap();
        let parent = state.parents.remove(&nic0()).unwrap();
        assert_eq!(parent.eswitch, crate::state::Eswitch::default());
        state.unread.into_iter().map(|unread| unread.what.to_string()).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    let unsupported =
        |command| if command == ESWITCH_GET { Err(Errno::EOPNOTSUPP) } else { Ok(one_parent(command)) };
    assert_eq!(observe(unsupported), none);
    let denied = |command| if command == ESWITCH_GET { Err(Errno::EPERM) } else { Ok(one_parent(command)) };
    assert_eq!(observe(denied), ["subdev/nic0 eswitch"]);
    let busy = |command| if command == ESWITCH_GET { Err(Errno::EBUSY) } else { Ok(one_parent(command)) };
    assert_eq!(observe(busy), ["subdev/nic0"]);
    let params = |command| match command {
        ESWITCH_GET => Err(Errno::EOPNOTSUPP),
        PARAM_GET => Err(Errno::EIO),
        _ => Ok(one_parent(command)),
    };
    assert_eq!(observe(params), ["subdev/nic0"]);
}

#[test]
fn a_device_without_devlink_is_found_by_its_mediated_devices() {
    let tree = host();
    add_sample(&tree);
    let answers =
        |command| if command == ESWITCH_GET { Err(Errno::EOPNOTSUPP) } else { Ok(one_parent(command)) };
    let mut kernel = live(&tree, answers, 0);
    let state = kernel.observe().unwrap();
    let [(mtty, found), (nic0, module)] = &state.parents.iter().collect::<Vec<_>>()[..] else {
        panic!("{:#?}", state.parents)
    };
    assert_eq!((mtty.to_string(), nic0.to_string()), ("mtty/mtty".to_owned(), "subdev/nic0".to_owned()));
    assert!(found.without_devlink && !module.without_devlink);
    assert_eq!(found.volatile.0.mdev_types.as_ref().unwrap()["mtty-2"].available, 11);
    let [device] = found.functions.as_slice() else { panic!("{found:#?}") };
    assert_eq!((device.mdev_type.as_deref(), device.active), (Some("mtty-2"), true));
    let uuid = "9b3f4a52-6a0e-4b6a-9c1d-000000000003".parse().unwrap();
    let (parent, id) = ((*mtty).clone(), FunctionId::Mdev { uuid });
    kernel
        .perform(&Request::Create { parent, id, mdev_type: Some("mtty-2".to_owned()), on_vf: None })
        .unwrap();
    let create = "sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-2/create";
    assert_eq!(tree.read(create), uuid.to_string());
}

#[test]
fn what_moves_while_it_is_read_is_read_again() {
    let tree = host();
    let answers =
        |command| if command == ESWITCH_GET { Err(Errno::EOPNOTSUPP) } else { Ok(one_parent(command)) };
    let state = live(&tree, answers, 3).observe().unwrap();
    assert_eq!((state.unread.len(), state.parents.len()), (0, 1));
    assert_eq!(state.volatile.0.kernel_release, "6.1.0");
    // An instance that goes between the dump and the question for its eswitch is one that was never there; one that
    // always does so is an unrest.
    let going = |command| if command == ESWITCH_GET { Err(Errno::ENODEV) } else { Ok(one_parent(command)) };
    let state = live(&tree, going, 0).observe().unwrap();
    assert_eq!((state.unread.len(), state.parents.len()), (1, 0));
}

#[test]
fn a_subject_that_is_not_there_is_vanished_and_not_refused() {
    let tree = host();
    let mut kernel = live(&tree, |command| Ok(one_parent(command)), 0);
    let id = sf(5).function_id().unwrap().clone();
    let request = Request::SetActive { parent: nic0(), id, active: true };
    assert!(matches!(kernel.perform(&request), Err(RequestError::Vanished(_))));
    let setting = Setting::EswitchMode(EswitchMode::Switchdev);
    kernel.perform(&Request::Set { subject: Subject::parent(nic0()), setting }).unwrap();
    kernel.wait(&sf(5), Effect::Gone, Duration::ZERO).unwrap();
    let error = kernel.wait(&sf(5), Effect::Instance, Duration::from_millis(1)).unwrap_err();
    assert!(matches!(error, RequestError::NoEffect { effect: Effect::Instance, .. }));
}

#[test]
fn ports_of_another_host_are_its_functions() {
    let tree = host();
    let port = |index, flavour, controller, vf, external| Port {
        handle: handle("subdev/nic0"),
        index,
        flavour: Some(flavour),
        pf: Some(0),
        vf,
        sf: (flavour == Flavour::PciSf).then_some(5),
        controller: Some(controller),
        netdev_ifindex: Some(100 + index),
        external,
        ..Port::default()
    };
    let ports = vec![
        port(1, Flavour::PciPf, 1, None, true),
        port(2, Flavour::PciVf, 1, Some(3), true),
        port(3, Flavour::PciVf, 0, Some(3), false),
        // What the instance is itself.
        port(4, Flavour::PciPf, 0, None, false),
        // Two of one number; the kernel says `external` of no subfunction.
        port(5, Flavour::PciSf, 1, None, false),
        port(6, Flavour::PciSf, 0, None, false),
    ];
    let mut mirror = Mirror::default();
    mirror.refill(vec![instance("subdev/nic0")], ports.clone(), &tree.sysfs()).unwrap();
    let pf = FunctionId::Pf { controller: 1, pf: 0 };
    let vf = |controller| FunctionId::Vf { controller, pf: 0, index: 3 };
    let found: Vec<_> = ports.iter().map(|port| mirror.function_of(port)).collect();
    let sf = |controller| FunctionId::Sf { controller, pf: 0, number: 5 };
    assert_eq!(found, [Some(pf.clone()), Some(vf(1)), Some(vf(0)), None, Some(sf(1)), Some(sf(0))]);
    assert_eq!(mirror.representors(), [101, 102, 103, 105, 106].into());
    for (id, ifindex) in [(pf.clone(), 101), (vf(1), 102), (sf(1), 105)] {
        let subject = Subject::function(nic0(), id);
        assert!(mirror.has(&subject) && mirror.is_taken(&subject));
        assert_eq!(mirror.interface(&subject, Side::Representor), Some(ifindex));
        // What runs it is on the other host.
        assert_eq!((mirror.instance(&subject), mirror.interface(&subject, Side::Netdev)), (None, None));
    }
    let gone = Subject::function(nic0(), pf);
    assert!(mirror.apply(Event::PortGone(handle("subdev/nic0"), 1), &tree.sysfs()));
    assert!(!mirror.has(&gone) && mirror.port(&gone).is_none());
    // It is no VF of this host for its port.
    assert!(!mirror.has(&Subject::function(nic0(), vf(0))));
    let given_away = |controller| {
        let subject = Subject::function(nic0(), sf(controller));
        (mirror.has(&subject), mirror.port(&subject).map(|port| port.index))
    };
    assert_eq!((given_away(1), given_away(0)), ((true, Some(5)), (true, Some(6))));
}

/// `DEVLINK_CMD_PORT_GET`.
const PORT_GET: u8 = 5;

/// The parent, its subfunction 88 on port 1, and the instance of that.
fn one_subfunction(command: u8) -> Vec<Vec<u8>> {
    let parent = [attribute(1, b"subdev\0"), attribute(2, b"nic0\0")].concat();
    let own = [attribute(1, b"auxiliary\0"), attribute(2, b"subdev.sf.0\0")].concat();
    // Index, flavour `DEVLINK_PORT_FLAVOUR_PCI_SF`, PF and number.
    let port = [
        attribute(3, &1_u32.to_ne_bytes()),
        attribute(77, &7_u16.to_ne_bytes()),
        attribute(127, &0_u16.to_ne_bytes()),
        attribute(164, &88_u32.to_ne_bytes()),
    ];
    match command {
        GET => vec![[vec![3, 1, 0, 0], parent].concat(), [vec![3, 1, 0, 0], own].concat()],
        PORT_GET => vec![[vec![7, 1, 0, 0], parent, port.concat()].concat()],
        _ => Vec::new(),
    }
}

#[test]
fn an_open_vdpa_device_is_a_user_of_the_function_that_carries_it_and_keeps_it() {
    let tree = host();
    let folder = "sys/devices/subdev/nic0/subdev.sf.0/vdpa0";
    tree.device("vdpa", "vdpa0", folder);
    let answers = |command| {
        if command == ESWITCH_GET { Err(Errno::EOPNOTSUPP) } else { Ok(one_subfunction(command)) }
    };
    let mut kernel = live(&tree, answers, 0);
    let users = |kernel: &mut LiveKernel<Fake>| {
        let state = kernel.observe().unwrap();
        let function = state.function(&sf(88)).unwrap();
        function.volatile.0.users.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    fs::create_dir_all(tree.root.join("proc/7/fd")).unwrap();
    tree.file("proc/7/comm", "qemu\n");
    symlink("/dev/vhost-vdpa-3", tree.root.join("proc/7/fd/5")).unwrap();
    // The file is of another device, or of none.
    assert_eq!(users(&mut kernel), [""; 0]);
    tree.file(&format!("{folder}/vhost-vdpa-3/uevent"), "");
    assert_eq!(users(&mut kernel), ["vhost-vdpa: /dev/vhost-vdpa-3 held open by qemu (pid 7)"]);
    let id = sf(88).function_id().unwrap().clone();
    let stop = Request::SetActive { parent: nic0(), id, active: false };
    let reload = |subject| Request::Reload { subject };
    let ends = [stop, reload(sf(88)), reload(Subject::parent(nic0()))];
    for request in &ends {
        let error = kernel.perform(request).unwrap_err();
        assert!(
            matches!(&error, RequestError::Refused { errno: Errno::EBUSY, message: Some(message), .. }
                if message.contains("/dev/vhost-vdpa-3 is held open by qemu (pid 7)")),
            "{request}: {error:?}"
        );
    }
    fs::remove_dir_all(tree.root.join("proc/7")).unwrap();
    assert_eq!(users(&mut kernel), [""; 0]);
    for request in &ends {
        kernel.perform(request).unwrap();
    }
}
