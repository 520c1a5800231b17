//! What the module says on the wire and this release of iproute2 does not show: settings of port functions, the link to
//! a function's own instance, the port of a netdev. Numbers of attributes are those of `include/uapi/linux/devlink.h`
//! and `if_link.h` of Linux 6.12; before, the kernel has none of them.

use std::time::Duration;

use subdevcfg_netlink::conversation::{Conversation, Request};
use subdevcfg_netlink::devlink::{Devlink, Handle, Port};
use subdevcfg_netlink::socket::{Protocol, Socket};

use crate::guest::{fresh, sh};

const CMD_PORT_GET: u8 = 5;
const CMD_PORT_SET: u8 = 6;
const CMD_RATE_SET: u8 = 75;
const ATTR_BUS_NAME: u16 = 1;
const ATTR_DEV_NAME: u16 = 2;
const ATTR_PORT_INDEX: u16 = 3;
const ATTR_PORT_FUNCTION: u16 = 145;
const FN_CAPS: u16 = 4;
const FN_MAX_IO_EQS: u16 = 6;
const CAP_ROCE: u32 = 1;
const CAP_MIGRATABLE: u32 = 2;
const CAP_IPSEC_CRYPTO: u32 = 4;
const CAP_IPSEC_PACKET: u32 = 8;
const ATTR_RATE_TX_PRIORITY: u16 = 177;
const ATTR_RATE_TX_WEIGHT: u16 = 178;
const IFLA_DEVLINK_PORT: u16 = 62;

const UUID: &str = "11111111-1111-1111-1111-111111111111";

fn kernel_is_old() -> bool {
    std::env::var("SUBDEVCFG_KERNEL").is_ok_and(|kernel| kernel == "6.1")
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap();
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn text(kind: u16, value: &str) -> Vec<u8> {
    attribute(kind, &[value.as_bytes(), &[0]].concat())
}

fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while bytes.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
        let kind = u16::from_ne_bytes([bytes[2], bytes[3]]) & 0x3fff;
        found.push((kind, &bytes[4..length]));
        bytes = &bytes[length.next_multiple_of(4).min(bytes.len())..];
    }
    found
}

fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).into_iter().find_map(|(number, value)| (number == kind).then_some(value))
}

/// A conversation with the devlink family, and its number.
struct Wire(Conversation<Socket>, u16);

impl Wire {
    fn open() -> Self {
        let socket = Socket::open(Protocol::Generic).unwrap();
        let mut conversation = Conversation::new(socket, Duration::from_secs(30));
        let payload = [&[3, 2, 0, 0][..], &text(2, "devlink")].concat();
        let request = Request { name: "family", kind: 0x10, dump: false, payload, lookup: None };
        let reply = conversation.exchange(&request).unwrap();
        let number = find(&reply.messages[0][4..], 1).unwrap();
        Self(conversation, u16::from_ne_bytes([number[0], number[1]]))
    }

    /// A command about port `index` of `nic0`; the answer's attributes, or the kernel's words.
    fn port(&mut self, command: u8, index: u32, rest: &[u8]) -> Result<Vec<u8>, String> {
        let payload = [
            &[command, 1, 0, 0][..],
            &text(ATTR_BUS_NAME, "subdev"),
            &text(ATTR_DEV_NAME, "nic0"),
            &attribute(ATTR_PORT_INDEX, &index.to_ne_bytes()),
            rest,
        ]
        .concat();
        let request = Request { name: "port", kind: self.1, dump: false, payload, lookup: None };
        let reply = self.0.exchange(&request).map_err(|error| format!("{error:?}"))?;
        Ok(reply.messages.first().map(|message| message[4..].to_vec()).unwrap_or_default())
    }

    /// Sets one attribute of the port's function.
    fn set(&mut self, index: u32, kind: u16, value: &[u8]) -> Result<(), String> {
        let nest = attribute(ATTR_PORT_FUNCTION | 0x8000, &attribute(kind, value));
        self.port(CMD_PORT_SET, index, &nest).map(drop)
    }

    fn set_cap(&mut self, index: u32, cap: u32, on: bool) -> Result<(), String> {
        let value = if on { cap } else { 0 };
        self.set(index, FN_CAPS, &[value.to_ne_bytes(), cap.to_ne_bytes()].concat())
    }

    /// The value of one attribute of the port's function, as numbers.
    fn get(&mut self, index: u32, kind: u16) -> Vec<u32> {
        let answer = self.port(CMD_PORT_GET, index, &[]).unwrap();
        let value = find(find(&answer, ATTR_PORT_FUNCTION).unwrap(), kind).unwrap();
        value.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap())).collect()
    }
}

/// A parent with an mdev that has a netdev, and an active SF; the indexes of their ports.
fn two_functions() -> (u32, u32) {
    fresh();
    sh("echo nic0 > /sys/bus/subdev/new_device");
    sh("devlink dev eswitch set subdev/nic0 mode switchdev");
    sh(&format!("echo {UUID} > /sys/bus/subdev/devices/nic0/mdev_supported_types/subdev-eth/create"));
    let mdev = sh(&format!("cat /sys/bus/mdev/devices/{UUID}/port_index")).parse().unwrap();
    sh(&format!("devlink dev param set mdev/{UUID} name enable_eth value true cmode driverinit"));
    sh(&format!("devlink dev param set mdev/{UUID} name queues value 8 cmode driverinit"));
    sh("devlink port add subdev/nic0 flavour pcisf pfnum 0 sfnum 88");
    let ports = Devlink::open().unwrap().ports(None).unwrap();
    let sf = ports.iter().find(|port| port.sf == Some(88)).unwrap().index;
    sh(&format!("devlink port function set subdev/nic0/{sf} state active"));
    (mdev, sf)
}

#[test]
fn roce_and_max_io_eqs_are_settings_that_the_function_finds_when_it_is_probed() {
    if kernel_is_old() {
        return;
    }
    let (mdev, sf) = two_functions();
    let mut wire = Wire::open();
    for port in [mdev, sf] {
        assert_eq!(wire.get(port, FN_CAPS)[0], CAP_ROCE);
        assert_eq!(wire.get(port, FN_MAX_IO_EQS), [64]);
        wire.set_cap(port, CAP_ROCE, false).unwrap();
        wire.set(port, FN_MAX_IO_EQS, &3_u32.to_ne_bytes()).unwrap();
        assert_eq!(wire.get(port, FN_CAPS)[0], 0);
        assert_eq!(wire.get(port, FN_MAX_IO_EQS), [3]);
        for bad in [0_u32, 65] {
            let words = wire.set(port, FN_MAX_IO_EQS, &bad.to_ne_bytes()).unwrap_err();
            assert!(words.contains("max_io_eqs must be 1 to 64"), "{words}");
        }
    }

    let info = |instance: &str| sh(&format!("devlink dev info {instance}"));
    let is = |text: &str, roce: &str, eqs: &str| {
        assert!(text.contains(&format!("fn.roce {roce}")), "{text}");
        assert!(text.contains(&format!("fn.max_io_eqs {eqs}")), "{text}");
    };
    let (by_uuid, by_number) = (format!("mdev/{UUID}"), "auxiliary/subdev.sf.0");
    // The SF was probed before.
    is(&info(by_number), "enable", "64");
    sh(&format!("devlink dev reload {by_number}"));
    is(&info(by_number), "disable", "3");
    sh(&format!("devlink dev reload {by_uuid}"));
    sh(&format!("devlink port function set subdev/nic0/{mdev} state active"));
    is(&info(&by_uuid), "disable", "3");
    assert_eq!(
        sh(&format!("ls -d /sys/bus/mdev/devices/{UUID}/subdev.eth.*/net/*/queues/tx-* | wc -l")),
        "3"
    );
    fresh();
}

#[test]
fn what_is_for_virtual_functions_only_is_refused_by_the_core() {
    if kernel_is_old() {
        return;
    }
    let (mdev, sf) = two_functions();
    let mut wire = Wire::open();
    for (cap, name) in [
        (CAP_MIGRATABLE, "migratable"),
        (CAP_IPSEC_CRYPTO, "ipsec_crypto"),
        (CAP_IPSEC_PACKET, "ipsec_packet"),
    ] {
        for port in [mdev, sf] {
            let words = wire.set_cap(port, cap, true).unwrap_err();
            assert!(words.contains(name) && words.contains("EOPNOTSUPP"), "{words}");
            assert_eq!(wire.get(port, FN_CAPS)[0], CAP_ROCE);
        }
    }
    fresh();
}

#[test]
fn priority_and_weight_of_a_rate_are_refused() {
    if kernel_is_old() {
        return;
    }
    let (mdev, sf) = two_functions();
    let mut wire = Wire::open();
    for (kind, name) in [(ATTR_RATE_TX_PRIORITY, "priority"), (ATTR_RATE_TX_WEIGHT, "weight")] {
        for port in [mdev, sf] {
            let words = wire.port(CMD_RATE_SET, port, &attribute(kind, &1_u32.to_ne_bytes())).unwrap_err();
            assert!(words.contains(name) && words.contains("EOPNOTSUPP"), "{words}");
        }
    }
    fresh();
}

#[test]
fn a_port_names_the_instance_of_its_function() {
    if kernel_is_old() {
        return;
    }
    let (mdev, sf) = two_functions();
    let instance = |index: u32| {
        let handle = Handle { bus: "subdev".to_owned(), device: "nic0".to_owned() };
        let port: Port = Devlink::open().unwrap().port(&handle, index).unwrap();
        port.function.and_then(|function| function.instance).map(|handle| handle.to_string())
    };
    assert_eq!(instance(mdev), Some(format!("mdev/{UUID}")));
    assert_eq!(instance(sf).as_deref(), Some("auxiliary/subdev.sf.0"));
    // The link outlives the port's own registration.
    sh("devlink dev reload subdev/nic0");
    assert_eq!(instance(mdev), Some(format!("mdev/{UUID}")));
    fresh();
}

#[test]
fn a_netdev_names_its_port() {
    if kernel_is_old() {
        return;
    }
    let (mdev, _) = two_functions();
    sh(&format!("devlink dev reload mdev/{UUID}"));
    sh(&format!("devlink port function set subdev/nic0/{mdev} state active"));
    let netdev = |port: &str| {
        let line = sh(&format!("devlink port show {port}"));
        let name = line.split_whitespace().skip_while(|word| *word != "netdev").nth(1).unwrap().to_owned();
        let index: u32 = sh(&format!("cat /sys/class/net/{name}/ifindex")).parse().unwrap();
        index
    };
    let mut route = Conversation::new(Socket::open(Protocol::Route).unwrap(), Duration::from_secs(30));
    let mut port_of = |index: u32| {
        // struct ifinfomsg: the index is its third word.
        let payload = [&[0; 4][..], &index.to_ne_bytes(), &[0; 8]].concat();
        let request = Request { name: "link", kind: 18, dump: false, payload, lookup: None };
        let reply = route.exchange(&request).unwrap();
        let nest =
            find(&reply.messages[0][16..], IFLA_DEVLINK_PORT).expect("a netdev without IFLA_DEVLINK_PORT");
        let string = |kind| String::from_utf8(find(nest, kind).unwrap().to_vec()).unwrap();
        let number = u32::from_ne_bytes(find(nest, ATTR_PORT_INDEX).unwrap().try_into().unwrap());
        format!("{}/{}/{number}", string(ATTR_BUS_NAME), string(ATTR_DEV_NAME)).replace('\0', "")
    };
    for port in ["subdev/nic0/0", &format!("subdev/nic0/{mdev}"), &format!("mdev/{UUID}/0")] {
        assert_eq!(port_of(netdev(port)), port);
    }
    fresh();
}
