//! A function of a parent, with its interfaces and its rates.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::{Cmode, DevlinkHandle, InterfaceName, MacAddr, Rate, Scalar};

use super::{FunctionUser, MdevType, Port, Vf, Volatile, param_settings};
use crate::resource::{Capability, FunctionId, Setting, Settings, Side};

/// A function of a parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Function {
    /// Its identity.
    pub id: FunctionId,
    /// The type of a mediated device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mdev_type: Option<String>,
    /// The index of the VF that carries a mediated device; absent of one that is on the parent itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_vf: Option<u32>,
    /// sysfs attributes of a mediated device, those that were asked for and can be read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attrs: BTreeMap<String, String>,
    /// The MAC address of the port function, where the driver tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
    /// What the port function can do, where the driver tells it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capabilities: BTreeMap<Capability, bool>,
    /// How many event queues for I/O the port function may have, where the driver tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_io_eqs: Option<u32>,
    /// Its rate leaf; absent while it has none, as in legacy mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
    /// What only a VF has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vf: Option<Vf>,
    /// The state that was asked for; of a VF that is a device whether it is bound to a driver.
    pub active: bool,
    /// Parameters of the function's own instance, by name and cmode; empty while it has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, BTreeMap<Cmode, Scalar>>,
    /// The function's netdev, where it is in this network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netdev: Option<Interface>,
    /// The representor, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub representor: Option<Interface>,
    /// See [`FunctionVolatile`].
    #[serde(default)]
    pub volatile: Volatile<FunctionVolatile>,
}

/// What a rate leaf or a rate node lets through, and where it is in the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rates {
    /// What it lets through whatever its siblings do; 0 is nothing.
    pub tx_share: Rate,
    /// The most that it lets through; 0 is no limit.
    pub tx_max: Rate,
    /// Strict priority among siblings; absent on kernels before 6.2, which have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_priority: Option<u32>,
    /// Weight among siblings of one priority, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_weight: Option<u32>,
    /// The node above; absent at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// Facts about a function that are no configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct FunctionVolatile {
    /// Index of its port on the parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_index: Option<u32>,
    /// Number of the port, also of a mediated device's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sf_number: Option<u32>,
    /// A driver is attached (`opstate`).
    #[serde(default)]
    pub attached: bool,
    /// The types of mediated devices that a VF takes, by directory name; none while no driver is bound to it that makes
    /// such devices.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mdev_types: BTreeMap<String, MdevType>,
    /// The function's own devlink instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<DevlinkHandle>,
    /// Who uses its interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<FunctionUser>,
}

/// A network interface of a function.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interface {
    /// Its name, if somebody chose it; absent while it has the kernel's (`eth%d`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<InterfaceName>,
    /// MTU in bytes.
    pub mtu: u32,
    /// Administratively up.
    pub up: bool,
    /// The bridge that it is a port of, and its VLANs there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    /// See [`InterfaceVolatile`].
    #[serde(default)]
    pub volatile: Volatile<InterfaceVolatile>,
}

/// Facts about an interface that are no configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct InterfaceVolatile {
    /// The name it has now, whoever chose it.
    #[serde(default)]
    pub name: String,
    /// Its alternative names: the kernel finds it by each of them, and no other interface can have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub altnames: Vec<String>,
    /// Interface index.
    #[serde(default)]
    pub index: u32,
    /// MAC address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
}

impl InterfaceVolatile {
    /// All names that the kernel finds it by.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.altnames.iter().chain([&self.name]).map(String::as_str)
    }
}

impl Rates {
    /// A leaf or a node as it is when it has just been made (`devl_rate_leaf_create`, `devlink_nl_rate_new_doit`): no
    /// limits, at the root.
    #[must_use]
    pub fn of_new() -> Self {
        Self { tx_priority: Some(0), tx_weight: Some(0), ..Self::default() }
    }

    /// The attributes of the leaf or node.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.each_setting().collect()
    }

    fn each_setting(&self) -> impl Iterator<Item = Setting> + use<> {
        let always = [
            Setting::RateParent(self.parent.clone()),
            Setting::TxShare(self.tx_share),
            Setting::TxMax(self.tx_max),
        ];
        let priority = self.tx_priority.map(Setting::TxPriority);
        always.into_iter().chain(priority).chain(self.tx_weight.map(Setting::TxWeight))
    }
}

impl Function {
    /// A function of which nothing is known but what it is, and whether it is active.
    #[must_use]
    pub fn bare(id: FunctionId, active: bool) -> Self {
        Self {
            id,
            mdev_type: None,
            on_vf: None,
            attrs: BTreeMap::new(),
            mac: None,
            capabilities: BTreeMap::new(),
            max_io_eqs: None,
            rates: None,
            vf: None,
            active,
            params: BTreeMap::new(),
            netdev: None,
            representor: None,
            volatile: Volatile::default(),
        }
    }

    /// One of the function's interfaces.
    #[must_use]
    pub const fn interface(&self, side: Side) -> Option<&Interface> {
        match side {
            Side::Netdev => self.netdev.as_ref(),
            Side::Representor => self.representor.as_ref(),
        }
    }

    /// The bridge that its representor is a port of, or none; nothing without a representor.
    #[must_use]
    pub fn bridge(&self) -> Option<Setting> {
        let port = self.representor.as_ref()?.port.as_ref();
        Some(Setting::Bridge(port.map(Port::bridge_name)))
    }

    /// The function's attributes.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::with_capacity(16);
        settings.extend(self.mac.map(Setting::Mac));
        settings.extend(self.vf.iter().flat_map(Vf::settings));
        settings.extend(self.attrs.iter().map(|(name, value)| Setting::Device {
            name: name.clone(),
            nth: 0,
            value: value.clone(),
        }));
        settings
            .extend(self.capabilities.iter().map(|(&capability, &can)| Setting::Capability(capability, can)));
        settings.extend(self.max_io_eqs.map(Setting::MaxIoEqs));
        settings.extend(self.rates.iter().flat_map(Rates::each_setting));
        settings.extend(param_settings(&self.params));
        for side in Side::ALL {
            if let Some(interface) = self.interface(side) {
                settings.extend(interface.name.clone().map(|name| Setting::Name(side, name)));
                settings.set(Setting::Mtu(side, interface.mtu));
                settings.set(Setting::Up(side, interface.up));
            }
        }
        settings.extend(self.bridge());
        if let Some(representor) = &self.representor {
            settings.extend(representor.port.as_ref().map(|port| Setting::Vlans(port.vlans.clone())));
        }
        settings
    }
}
