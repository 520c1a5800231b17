//! What a host file says, checked and typed: the compiler's result and the reconciler's input.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::address::{Address, Part};
use crate::catalogue::Catalogue;
use crate::source::Span;
use crate::values::{
    Cmode, DevlinkHandle, EncapMode, EswitchMode, InlineMode, InterfaceName, MacAddr, Rate, Scalar,
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
    /// The `label` words, for people and for selection in CI.
    pub labels: BTreeMap<String, String>,
    /// The parent devices.
    pub devices: Vec<Device>,
}

/// A parent device: something that functions are made on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The first argument of the `device` node.
    pub handle: Sourced<DevlinkHandle>,
    /// `driver=`, or the driver of the soft parent.
    pub driver: Option<Sourced<String>>,
    /// What is known of that driver; `None` when no driver is named or none of this name is in the catalogues.
    pub catalogue: Option<Arc<Catalogue>>,
    /// The `create` node: this parent is made in software.
    pub create: Option<SoftParent>,
    /// The `eswitch` node.
    pub eswitch: Eswitch,
    /// The `sf-numbers` node: what subfunctions without a number choose from.
    pub sf_numbers: Option<Sourced<(u32, u32)>>,
    /// Parameters of the parent's devlink instance.
    pub params: Vec<Param>,
    /// The subdevices on it.
    pub subdevices: Vec<Subdevice>,
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
}

/// A subdevice: one function of a parent, with all that hangs on it. What the file describes is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subdevice {
    /// The first argument, unique within the device.
    pub name: Sourced<String>,
    /// What kind of function it is, and which one.
    pub lifecycle: Sourced<Lifecycle>,
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
    Mdev {
        /// System-wide identity.
        uuid: Uuid,
        /// The directory under `mdev_supported_types/`, with its `DRIVER-` prefix where the catalogue tells the driver.
        mdev_type: String,
    },
}

/// Attributes of a port function (`DEVLINK_ATTR_PORT_FUNCTION`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortFunction {
    /// `mac=`: `DEVLINK_PORT_FUNCTION_ATTR_HW_ADDR`.
    pub mac: Option<Sourced<MacAddr>>,
}

/// The `rate` node of a subdevice: its leaf in the eswitch's tree of rates. What is not written is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rates {
    /// `tx-share=`: `DEVLINK_ATTR_RATE_TX_SHARE`.
    pub tx_share: Option<Sourced<Rate>>,
    /// `tx-max=`: `DEVLINK_ATTR_RATE_TX_MAX`.
    pub tx_max: Option<Sourced<Rate>>,
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
    /// The device of that handle.
    #[must_use]
    pub fn device(&self, handle: &DevlinkHandle) -> Option<&Device> {
        self.devices.iter().find(|device| device.handle.value == *handle)
    }
}

impl Device {
    /// The device's address.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::device(self.handle.value.to_string())
    }
}

impl Subdevice {
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
