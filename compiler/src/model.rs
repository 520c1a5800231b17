//! What a host file says, checked and typed: the compiler's result and the reconciler's input.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::address::{Address, Part};
use crate::catalogue::Catalogue;
use crate::source::Span;
use crate::values::{
    BridgeKind, Cmode, DevlinkHandle, EncapMode, EswitchMode, InlineMode, InterfaceName, LinkState, MacAddr,
    NumberRange, Owner, Rate, Scalar, VersionSet, VlanProtocol,
};

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Its place in the sources.
    pub span: Span,
    /// Set where nobody wrote the value: why it is there all the same, in words for the plan.
    pub implied: Option<String>,
}

/// One host, as its file describes it. Vectors are sorted by name: the order in the file never matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostModel {
    /// The name in the `host` node.
    pub name: Sourced<String>,
    /// `hostname=`: the machine this file is for. Without it, [`Self::name`] is the host name.
    pub hostname: Option<Sourced<String>>,
    /// `machine-id=`: the machine's `/etc/machine-id`.
    pub machine_id: Option<Sourced<String>>,
    /// `serial=`: the machine's serial number.
    pub serial: Option<Sourced<String>>,
    /// The `label` words, for people and for selection in CI.
    pub labels: BTreeMap<String, String>,
    /// The parent devices.
    pub devices: Vec<Device>,
    /// The bridges that representors can be ports of.
    pub bridges: Vec<Bridge>,
}

/// A top-level `bridge` node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Its name.
    pub name: Sourced<InterfaceName>,
    /// `kind=`.
    pub kind: Sourced<BridgeKind>,
    /// `vlan-filtering=`.
    pub vlan_filtering: Option<Sourced<bool>>,
}

/// A parent device: something that functions are made on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The first argument of the `device` node, as the file writes it.
    pub name: Sourced<String>,
    /// Which device that is.
    pub place: Place,
    /// `driver=`, or the driver of the soft parent.
    pub driver: Option<Sourced<String>>,
    /// What is known of that driver; `None` when no driver is named or none of this name is in the catalogues.
    pub catalogue: Option<Arc<Catalogue>>,
    /// The `create` node: this parent is made in software.
    pub create: Option<SoftParent>,
    /// The `require` node.
    pub require: Require,
    /// The `lifeline` node; without one it depends on the host's routes.
    pub lifeline: Option<Sourced<bool>>,
    /// The `exclusive` node: numbers of subfunctions of which none stays that no file names.
    pub exclusive: Option<Sourced<NumberRange>>,
    /// The `uplink` node.
    pub uplink: Uplink,
    /// The `rate-node` nodes.
    pub rate_nodes: Vec<RateNode>,
    /// The `vdpa` nodes.
    pub vdpas: Vec<Vdpa>,
    /// The `vfs` node: `sriov_numvfs`.
    pub vfs: Option<Sourced<u32>>,
    /// The `ignore` nodes.
    pub ignored: Vec<Sourced<String>>,
    /// The `eswitch` node.
    pub eswitch: Eswitch,
    /// The `sf-numbers` node: what subfunctions without a number choose from.
    pub sf_numbers: Option<Sourced<(u32, u32)>>,
    /// Parameters of the parent's devlink instance.
    pub params: Vec<Param>,
    /// The subdevices on it.
    pub subdevices: Vec<Subdevice>,
}

/// How a device is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// By its devlink handle, which is its name in the file.
    Handle(DevlinkHandle),
    /// By what it is: the `match` node.
    Match(Box<Match>),
}

/// The `match` node. All that is given must fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The node.
    pub span: Span,
    /// `pci-slot=`.
    pub pci_slot: Option<Sourced<String>>,
    /// `board-serial=`.
    pub board_serial: Option<Sourced<String>>,
    /// `port=`.
    pub port: Option<Sourced<u32>>,
    /// `mac=`: the permanent address of the uplink.
    pub mac: Option<Sourced<MacAddr>>,
    /// `driver=`.
    pub driver: Option<Sourced<String>>,
    /// `netdev=`: the uplink's.
    pub netdev: Option<Sourced<InterfaceName>>,
}

/// The `require` node: what the device must offer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Require {
    /// `sf-capacity=`.
    pub sf_capacity: Option<Sourced<u32>>,
    /// `vf-capacity=`.
    pub vf_capacity: Option<Sourced<u32>>,
    /// `firmware=`.
    pub firmware: Option<Sourced<VersionSet>>,
}

/// The `uplink` node. What is not written is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uplink {
    /// `mtu=`, in bytes.
    pub mtu: Option<Sourced<u32>>,
    /// `up=`.
    pub up: Option<Sourced<bool>>,
    /// `hw-tc-offload=`.
    pub hw_tc_offload: Option<Sourced<bool>>,
}

/// A `rate-node` node: a limit that several functions share (`DEVLINK_ATTR_RATE_NODE_NAME`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateNode {
    /// Its name, unique within the device.
    pub name: Sourced<String>,
    /// What it lets through, and where it is in the tree.
    pub rates: Rates,
}

/// A `vdpa` node: a vDPA device on the management device that its device is (`VDPA_CMD_DEV_NEW`). What is not written is
/// as the driver has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vdpa {
    /// Its name, unique on the host: `VDPA_ATTR_DEV_NAME`.
    pub name: Sourced<String>,
    /// `mac=`: `VDPA_ATTR_DEV_NET_CFG_MACADDR`.
    pub mac: Option<Sourced<MacAddr>>,
    /// `mtu=`, in bytes: `VDPA_ATTR_DEV_NET_CFG_MTU`.
    pub mtu: Option<Sourced<u32>>,
    /// `max-vqp=`: `VDPA_ATTR_DEV_NET_CFG_MAX_VQP`.
    pub max_vqp: Option<Sourced<u32>>,
    /// The `bind` node: a driver.
    pub bind: Option<Sourced<String>>,
}

/// The `create` node: a parent that the bundled module makes. All of it is identity: it never changes in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftParent {
    /// The `create` node.
    pub span: Span,
    /// `max-subdevices=`: size of the pool that SFs and mdevs share.
    pub max_subdevices: Option<Sourced<u32>>,
    /// `lower=`: the netdev that carries the uplink's frames.
    pub lower: Option<Sourced<InterfaceName>>,
    /// `mac-base=`: the first of the default MAC addresses.
    pub mac_base: Option<Sourced<MacAddr>>,
}

/// The `eswitch` node. What is not written is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Eswitch {
    /// `mode=`.
    pub mode: Option<Sourced<EswitchMode>>,
    /// `inline-mode=`.
    pub inline_mode: Option<Sourced<InlineMode>>,
    /// `encap-mode=`.
    pub encap_mode: Option<Sourced<EncapMode>>,
}

/// A devlink parameter. Its identity is name and cmode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// The parameter's name.
    pub name: String,
    /// The cmode that the value is written with.
    pub cmode: Cmode,
    /// The value.
    pub value: Sourced<Scalar>,
    /// `if-supported=`: whether a device without it will do.
    pub if_supported: Option<Sourced<bool>>,
}

/// A subdevice: one function of a parent, with all that hangs on it. What the file describes is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subdevice {
    /// The first argument, unique within the device.
    pub name: Sourced<String>,
    /// What kind of function it is, and which one.
    pub lifecycle: Sourced<Lifecycle>,
    /// `protect=`.
    pub protect: Option<Sourced<bool>>,
    /// `absent=#true`: it must not be there.
    pub absent: Option<Sourced<bool>>,
    /// `was=`: its former name.
    pub was: Option<Sourced<String>>,
    /// Attributes of the port function.
    pub function: PortFunction,
    /// Parameters of the function's own devlink instance, the implied ones among them.
    pub params: Vec<Param>,
    /// The `rate` node.
    pub rate: Rates,
    /// The function's netdev.
    pub netdev: Option<Interface>,
    /// The representor netdev on the parent.
    pub representor: Option<Interface>,
    /// The bridge that the representor is a port of.
    pub port: Option<BridgePort>,
    /// The `legacy` node.
    pub legacy: Option<LegacyVf>,
    /// The `bind` node: a driver.
    pub bind: Option<Sourced<String>>,
    /// The `hand-over` node.
    pub hand_over: Option<Sourced<Owner>>,
    /// The `ignore` nodes.
    pub ignored: Vec<Sourced<String>>,
}

/// The identity of a function below its parent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lifecycle {
    /// A devlink subfunction.
    Sf {
        /// `DEVLINK_ATTR_PORT_CONTROLLER_NUMBER`; 0 is the local one.
        controller: u32,
        /// `DEVLINK_ATTR_PORT_PCI_PF_NUMBER`.
        pf: u32,
        /// `DEVLINK_ATTR_PORT_PCI_SF_NUMBER`, chosen by the user.
        number: u32,
    },
    /// A mediated device.
    Mdev(Mdev),
    /// A PCI VF.
    Vf {
        /// `DEVLINK_ATTR_PORT_CONTROLLER_NUMBER`; 0 is the local one.
        controller: u32,
        /// `DEVLINK_ATTR_PORT_PCI_PF_NUMBER`.
        pf: u32,
        /// `DEVLINK_ATTR_PORT_PCI_VF_NUMBER`: from 0.
        index: u32,
        /// The mediated device that it carries.
        mdev: Option<Mdev>,
    },
    /// A function that the other side of a DPU makes.
    External {
        /// `DEVLINK_ATTR_PORT_CONTROLLER_NUMBER`.
        controller: u32,
        /// `DEVLINK_ATTR_PORT_PCI_PF_NUMBER`.
        pf: u32,
        /// `DEVLINK_ATTR_PORT_PCI_VF_NUMBER`; without one the PF itself.
        vf: Option<u32>,
    },
}

/// A mediated device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mdev {
    /// System-wide identity.
    pub uuid: Uuid,
    /// What is made.
    pub mdev_type: MdevType,
    /// The `attr` nodes: name and value, in the order of the file.
    pub attrs: Vec<(String, String)>,
}

/// How a type of mediated devices is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MdevType {
    /// The directory under `mdev_supported_types/`, with its `DRIVER-` prefix where the catalogue tells the driver.
    Directory(String),
    /// The content of the `name` file in that directory.
    Name(String),
}

impl Lifecycle {
    /// The node of the language that says it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Sf { .. } => "sf",
            Self::Mdev(_) => "mdev",
            Self::Vf { .. } => "vf",
            Self::External { .. } => "external",
        }
    }

    /// The mediated device that it is or carries.
    #[must_use]
    pub const fn mdev(&self) -> Option<&Mdev> {
        match self {
            Self::Mdev(mdev) | Self::Vf { mdev: Some(mdev), .. } => Some(mdev),
            _ => None,
        }
    }
}

/// Attributes of a port function (`DEVLINK_ATTR_PORT_FUNCTION`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortFunction {
    /// `mac=`: `DEVLINK_PORT_FUNCTION_ATTR_HW_ADDR`.
    pub mac: Option<Sourced<MacAddr>>,
    /// `roce=`: `DEVLINK_PORT_FN_ATTR_CAP_ROCE`.
    pub roce: Option<Sourced<bool>>,
    /// `max-io-eqs=`: `DEVLINK_PORT_FN_ATTR_MAX_IO_EQS`.
    pub max_io_eqs: Option<Sourced<u32>>,
    /// `migratable=`: `DEVLINK_PORT_FN_ATTR_CAP_MIGRATABLE`.
    pub migratable: Option<Sourced<bool>>,
    /// `ipsec-crypto=`: `DEVLINK_PORT_FN_ATTR_CAP_IPSEC_CRYPTO`.
    pub ipsec_crypto: Option<Sourced<bool>>,
    /// `ipsec-packet=`: `DEVLINK_PORT_FN_ATTR_CAP_IPSEC_PACKET`.
    pub ipsec_packet: Option<Sourced<bool>>,
}

/// A place in the eswitch's tree of rates: the leaf of a subdevice, or a rate node. What is not written is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rates {
    /// `tx-share=`: `DEVLINK_ATTR_RATE_TX_SHARE`.
    pub tx_share: Option<Sourced<Rate>>,
    /// `tx-max=`: `DEVLINK_ATTR_RATE_TX_MAX`.
    pub tx_max: Option<Sourced<Rate>>,
    /// `tx-priority=`: `DEVLINK_ATTR_RATE_TX_PRIORITY`.
    pub tx_priority: Option<Sourced<u32>>,
    /// `tx-weight=`: `DEVLINK_ATTR_RATE_TX_WEIGHT`.
    pub tx_weight: Option<Sourced<u32>>,
    /// `parent=`: `DEVLINK_ATTR_RATE_PARENT_NODE_NAME`.
    pub parent: Option<Sourced<String>>,
}

impl Rates {
    /// The word of `parent=` for the top of the tree.
    pub const TOP: &'static str = "none";
}

/// The `legacy` node: what the PF sets for a VF (`IFLA_VFINFO_LIST`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyVf {
    /// The node.
    pub span: Span,
    /// `mac=`: `IFLA_VF_MAC`.
    pub mac: Option<Sourced<MacAddr>>,
    /// `vlan=`: `IFLA_VF_VLAN_INFO`; 0 is none.
    pub vlan: Option<Sourced<u32>>,
    /// `qos=`: the priority in that tag.
    pub qos: Option<Sourced<u32>>,
    /// `proto=`: the protocol of that tag.
    pub proto: Option<Sourced<VlanProtocol>>,
    /// `trust=`: `IFLA_VF_TRUST`.
    pub trust: Option<Sourced<bool>>,
    /// `spoofchk=`: `IFLA_VF_SPOOFCHK`.
    pub spoofchk: Option<Sourced<bool>>,
    /// `link-state=`: `IFLA_VF_LINK_STATE`.
    pub link_state: Option<Sourced<LinkState>>,
    /// `rate-min=`: `IFLA_VF_RATE`, whose unit is Mbit/s.
    pub rate_min: Option<Sourced<Rate>>,
    /// `rate-max=`: `IFLA_VF_RATE`, whose unit is Mbit/s.
    pub rate_max: Option<Sourced<Rate>>,
}

/// The `bridge` node of a representor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgePort {
    /// The bridge.
    pub bridge: Sourced<InterfaceName>,
    /// The `vlan` nodes (Linux).
    pub vlans: Vec<PortVlan>,
    /// `tag=` (Open vSwitch).
    pub tag: Option<Sourced<u32>>,
    /// `trunks=` (Open vSwitch).
    pub trunks: Option<Sourced<NumberRange>>,
}

/// A `vlan` node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortVlan {
    /// The VLANs; one alone is a range of one.
    pub vlans: Sourced<NumberRange>,
    /// `pvid=`: `BRIDGE_VLAN_INFO_PVID`.
    pub pvid: Option<Sourced<bool>>,
    /// `untagged=`: `BRIDGE_VLAN_INFO_UNTAGGED`.
    pub untagged: Option<Sourced<bool>>,
}

/// A network interface: a function's netdev or a representor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The node.
    pub span: Span,
    /// Its name.
    pub name: Sourced<InterfaceName>,
    /// `mtu=`, in bytes.
    pub mtu: Option<Sourced<u32>>,
    /// `up=`: administrative state.
    pub up: Option<Sourced<bool>>,
}

impl HostModel {
    /// The device of that name.
    #[must_use]
    pub fn device(&self, name: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.name.value == name)
    }
}

impl Place {
    /// The handle, if it is one.
    #[must_use]
    pub const fn handle(&self) -> Option<&DevlinkHandle> {
        match self {
            Self::Handle(handle) => Some(handle),
            Self::Match(_) => None,
        }
    }
}

impl Device {
    /// The device's address.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::device(&self.name.value)
    }

    /// The handle, of a device that is found by it.
    #[must_use]
    pub const fn handle(&self) -> Option<&DevlinkHandle> {
        self.place.handle()
    }
}

impl PortFunction {
    /// The attributes that the devlink core has for VFs only (net/devlink/port.c).
    pub const OF_VFS: [&str; 3] = ["migratable", "ipsec-crypto", "ipsec-packet"];

    /// The attributes that are given, by their words, each with its place.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, Span)> {
        fn place<T>(value: Option<&Sourced<T>>) -> Option<Span> {
            value.map(|value| value.span)
        }
        let attributes = [
            ("mac", place(self.mac.as_ref())),
            ("roce", place(self.roce.as_ref())),
            ("max-io-eqs", place(self.max_io_eqs.as_ref())),
            ("migratable", place(self.migratable.as_ref())),
            ("ipsec-crypto", place(self.ipsec_crypto.as_ref())),
            ("ipsec-packet", place(self.ipsec_packet.as_ref())),
        ];
        attributes.into_iter().filter_map(|(word, place)| Some((word, place?)))
    }

    /// Where the first of the attributes stands, if there is one.
    #[must_use]
    pub fn place(&self) -> Option<Span> {
        self.given().map(|(_, place)| place).min()
    }
}

impl Subdevice {
    /// Its MAC addresses: of the port function, and what the PF sets in legacy mode.
    pub fn macs(&self) -> impl Iterator<Item = &Sourced<MacAddr>> {
        self.function.mac.iter().chain(self.legacy.as_ref().and_then(|legacy| legacy.mac.as_ref()))
    }

    /// Whether it must not be there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.absent.as_ref().is_some_and(|absent| absent.value)
    }

    /// The subdevice's address below its device's.
    #[must_use]
    pub fn address(&self, device: &Device) -> Address {
        device.address().subdevice(&self.name.value)
    }
}

impl Param {
    /// The parameter as a part of an address.
    #[must_use]
    pub fn part(&self) -> Part {
        Part::Param(self.name.clone(), self.cmode)
    }
}
