//! devlink messages as values. Unknown attributes are passed over: kernels add them. Unreadable ones are errors.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fmt;

use netlink_bindings::devlink::{self as dl, Devlink as Attr, DlPortFunction};
use netlink_bindings::traits::NetlinkRequest;

use crate::conversation::{attribute, attributes};
use crate::uapi;

/// The name of a devlink instance: bus and device.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    /// `DEVLINK_ATTR_BUS_NAME`.
    pub bus: String,
    /// `DEVLINK_ATTR_DEV_NAME`.
    pub device: String,
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bus, self.device)
    }
}

/// A devlink instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// Its name.
    pub handle: Handle,
    /// The last reload did not come up again (`DEVLINK_ATTR_RELOAD_FAILED`).
    pub reload_failed: bool,
    /// How often it was reloaded, by this host or another one, whatever the action (`DEVLINK_ATTR_DEV_STATS`).
    pub reloads: u64,
}

/// What an instance says of its device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info {
    /// The instance.
    pub handle: Handle,
    /// `DEVLINK_ATTR_INFO_DRIVER_NAME`.
    pub driver: Option<String>,
    /// `DEVLINK_ATTR_INFO_BOARD_SERIAL_NUMBER`.
    pub board_serial: Option<String>,
    /// The versions of what runs, by the names of Documentation/networking/devlink/devlink-info.rst (`fw`, ...).
    pub running: BTreeMap<String, String>,
}

/// The kind of a port (`enum devlink_port_flavour`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// A port of the outside: the uplink.
    Physical,
    /// A PCI physical function.
    PciPf,
    /// A PCI virtual function.
    PciVf,
    /// A PCI subfunction.
    PciSf,
    /// A port on the function's own side.
    Virtual,
    /// Any other.
    Other(u16),
}

/// A devlink port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Port {
    /// The instance it is on.
    pub handle: Handle,
    /// Its index, chosen by the kernel.
    pub index: u32,
    /// It is an Ethernet port (`DEVLINK_ATTR_PORT_TYPE`): it has a netdev, perhaps in another network namespace.
    pub is_ethernet: bool,
    /// Its flavour, where it has one.
    pub flavour: Option<Flavour>,
    /// Number of a physical port (`DEVLINK_ATTR_PORT_NUMBER`).
    pub number: Option<u32>,
    /// PF number of a PCI port.
    pub pf: Option<u16>,
    /// VF number of a VF port.
    pub vf: Option<u16>,
    /// SF number of an SF port.
    pub sf: Option<u32>,
    /// Controller number.
    pub controller: Option<u32>,
    /// The function is on another host (`DEVLINK_ATTR_PORT_EXTERNAL`).
    pub external: bool,
    /// Interface index of its netdev; absent while that is in another network namespace.
    pub netdev_ifindex: Option<u32>,
    /// Name of its netdev.
    pub netdev_name: Option<String>,
    /// The port function.
    pub function: Option<PortFunction>,
}

/// The function behind a port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortFunction {
    /// The MAC address; absent when the driver cannot tell it.
    pub hw_addr: Option<[u8; 6]>,
    /// The state asked for.
    pub active: Option<bool>,
    /// Whether a driver is attached to it.
    pub attached: Option<bool>,
    /// The function's own devlink instance (6.7 and newer).
    pub instance: Option<Handle>,
    /// What it can do, where the driver tells it (6.2 and newer).
    pub capabilities: Capabilities,
    /// How many event queues for I/O it may have (6.10 and newer).
    pub max_io_eqs: Option<u32>,
}

/// Capabilities of a port function, as bits of `enum devlink_port_fn_attr_cap`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Which are on.
    pub value: u32,
    /// Which are told or meant at all.
    pub selector: u32,
}

/// A rate leaf or node, in bytes per second; 0 is no limit or share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateObject {
    /// The instance.
    pub handle: Handle,
    /// The port, of a leaf.
    pub index: Option<u32>,
    /// `DEVLINK_ATTR_RATE_NODE_NAME`, of a node.
    pub name: Option<String>,
    /// `DEVLINK_ATTR_RATE_PARENT_NODE_NAME`: the node above.
    pub parent: Option<String>,
    /// `DEVLINK_ATTR_RATE_TX_SHARE`.
    pub tx_share: u64,
    /// `DEVLINK_ATTR_RATE_TX_MAX`.
    pub tx_max: u64,
    /// `DEVLINK_ATTR_RATE_TX_PRIORITY` (6.2 and newer).
    pub tx_priority: Option<u32>,
    /// `DEVLINK_ATTR_RATE_TX_WEIGHT` (6.2 and newer).
    pub tx_weight: Option<u32>,
}

/// Eswitch attributes, as numbers of the uapi header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Eswitch {
    /// `enum devlink_eswitch_mode`.
    pub mode: Option<u16>,
    /// `enum devlink_eswitch_inline_mode`.
    pub inline_mode: Option<u8>,
    /// `enum devlink_eswitch_encap_mode`.
    pub encap_mode: Option<u8>,
}

/// The wire type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamType {
    /// 8 bits.
    U8,
    /// 16 bits.
    U16,
    /// 32 bits.
    U32,
    /// 64 bits.
    U64,
    /// NUL-terminated text.
    String,
    /// A flag.
    Bool,
}

impl ParamType {
    /// `DEVLINK_ATTR_PARAM_TYPE`: the kernel's `NLA_U8` ... `NLA_FLAG`.
    #[must_use]
    pub const fn to_wire(self) -> u8 {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 3,
            Self::U64 => 4,
            Self::String => 5,
            Self::Bool => 6,
        }
    }

    const fn from_wire(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::U8,
            2 => Self::U16,
            3 => Self::U32,
            4 => Self::U64,
            5 => Self::String,
            6 => Self::Bool,
            _ => return None,
        })
    }
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamValue {
    /// 8 bits.
    U8(u8),
    /// 16 bits.
    U16(u16),
    /// 32 bits.
    U32(u32),
    /// 64 bits.
    U64(u64),
    /// Text.
    String(String),
    /// A flag.
    Bool(bool),
}

impl ParamValue {
    /// The wire type of this value.
    #[must_use]
    pub const fn kind(&self) -> ParamType {
        match self {
            Self::U8(_) => ParamType::U8,
            Self::U16(_) => ParamType::U16,
            Self::U32(_) => ParamType::U32,
            Self::U64(_) => ParamType::U64,
            Self::String(_) => ParamType::String,
            Self::Bool(_) => ParamType::Bool,
        }
    }
}

/// A parameter of an instance, with its value in each cmode it has. For cmode driverinit the kernel reports the pending
/// value (net/devlink/param.c).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// The instance.
    pub handle: Handle,
    /// Its name.
    pub name: String,
    /// Its wire type; `None` for types newer than this code, which then have no values either.
    pub kind: Option<ParamType>,
    /// (cmode, value), cmode as `enum devlink_param_cmode`.
    pub values: Vec<(u8, ParamValue)>,
}

type Decoded<T> = Result<T, String>;

pub(super) fn instance(payload: &[u8]) -> Decoded<Instance> {
    let mut found = Instance::default();
    for attr in dl::OpGetDo::decode_reply(payload) {
        match attr.map_err(|error| error.to_string())? {
            Attr::BusName(name) => found.handle.bus = text(name)?,
            Attr::DevName(name) => found.handle.device = text(name)?,
            Attr::ReloadFailed(failed) => found.reload_failed = failed != 0,
            _ => {}
        }
    }
    found.reloads = attribute(payload.get(4..).unwrap_or_default(), uapi::ATTR_DEV_STATS).map_or(0, reloads);
    named(&found.handle)?;
    Ok(found)
}

/// The sum of all counts in these nests. Which action and which limit does not matter: each takes the device down.
fn reloads(stats: &[u8]) -> u64 {
    attributes(stats)
        .map(|(kind, payload)| match kind {
            uapi::ATTR_RELOAD_STATS_VALUE => {
                payload.try_into().map_or(0, |bytes| u64::from(u32::from_ne_bytes(bytes)))
            }
            uapi::ATTR_RELOAD_STATS
            | uapi::ATTR_REMOTE_RELOAD_STATS
            | uapi::ATTR_RELOAD_ACTION_INFO
            | uapi::ATTR_RELOAD_ACTION_STATS
            | uapi::ATTR_RELOAD_STATS_ENTRY => reloads(payload),
            _ => 0,
        })
        .sum()
}

/// How often a health reporter has recovered; `None` for one of a port, whose recovery is not the device's.
pub(super) fn recoveries(payload: &[u8]) -> Decoded<Option<(Handle, u64)>> {
    let mut handle = Handle::default();
    let mut of_port = false;
    let mut count = 0;
    for attr in dl::OpHealthReporterGetDo::decode_reply(payload) {
        match attr.map_err(|error| error.to_string())? {
            Attr::BusName(name) => handle.bus = text(name)?,
            Attr::DevName(name) => handle.device = text(name)?,
            Attr::PortIndex(_) => of_port = true,
            Attr::HealthReporter(nest) => {
                for attr in nest {
                    if let dl::DlHealthReporter::HealthReporterRecoverCount(found) =
                        attr.map_err(|error| error.to_string())?
                    {
                        count = found;
                    }
                }
            }
            _ => {}
        }
    }
    named(&handle)?;
    Ok((!of_port).then_some((handle, count)))
}

pub(super) fn info(payload: &[u8]) -> Decoded<Info> {
    let mut found = Info::default();
    for attr in dl::OpInfoGetDo::decode_reply(payload) {
        match attr.map_err(|error| error.to_string())? {
            Attr::BusName(name) => found.handle.bus = text(name)?,
            Attr::DevName(name) => found.handle.device = text(name)?,
            Attr::InfoDriverName(name) => found.driver = Some(text(name)?),
            Attr::InfoBoardSerialNumber(number) => found.board_serial = Some(text(number)?),
            Attr::InfoVersionRunning(nest) => {
                let (mut name, mut version) = (String::new(), String::new());
                for attr in nest {
                    match attr.map_err(|error| error.to_string())? {
                        dl::DlInfoVersion::InfoVersionName(found) => name = text(found)?,
                        dl::DlInfoVersion::InfoVersionValue(found) => version = text(found)?,
                    }
                }
                found.running.insert(name, version);
            }
            _ => {}
        }
    }
    named(&found.handle)?;
    Ok(found)
}

/// The sizes of the resources of an instance, by name, those inside others among them.
pub(super) fn resources(payload: &[u8]) -> BTreeMap<String, u64> {
    let mut sizes = BTreeMap::new();
    let list = attribute(payload.get(4..).unwrap_or_default(), uapi::ATTR_RESOURCE_LIST);
    collect_resources(list.unwrap_or_default(), &mut sizes);
    sizes
}

fn collect_resources(list: &[u8], sizes: &mut BTreeMap<String, u64>) {
    for (_, resource) in attributes(list).filter(|(kind, _)| *kind == uapi::ATTR_RESOURCE) {
        let name = attribute(resource, uapi::ATTR_RESOURCE_NAME).and_then(|bytes| bytes_as_text(bytes).ok());
        let size = attribute(resource, uapi::ATTR_RESOURCE_SIZE).and_then(|bytes| bytes.try_into().ok());
        if let (Some(name), Some(size)) = (name, size) {
            sizes.insert(name, u64::from_ne_bytes(size));
        }
        collect_resources(attribute(resource, uapi::ATTR_RESOURCE_LIST).unwrap_or_default(), sizes);
    }
}

pub(super) fn port(payload: &[u8]) -> Decoded<Port> {
    let mut found = Port::default();
    for attr in dl::OpPortGetDo::decode_reply(payload) {
        match attr.map_err(|error| error.to_string())? {
            Attr::BusName(name) => found.handle.bus = text(name)?,
            Attr::DevName(name) => found.handle.device = text(name)?,
            Attr::PortIndex(index) => found.index = index,
            Attr::PortType(kind) => found.is_ethernet = kind == dl::PortType::Eth as u16,
            Attr::PortNumber(number) => found.number = Some(number),
            Attr::PortFlavour(number) => found.flavour = Some(flavour(number)),
            Attr::PortPciPfNumber(number) => found.pf = Some(number),
            Attr::PortPciVfNumber(number) => found.vf = Some(number),
            Attr::PortPciSfNumber(number) => found.sf = Some(number),
            Attr::PortControllerNumber(number) => found.controller = Some(number),
            Attr::PortExternal(external) => found.external = external != 0,
            Attr::PortNetdevIfindex(index) => found.netdev_ifindex = Some(index),
            Attr::PortNetdevName(name) => found.netdev_name = Some(text(name)?),
            Attr::PortFunction(nest) => found.function = Some(port_function(nest)?),
            _ => {}
        }
    }
    named(&found.handle)?;
    Ok(found)
}

fn port_function(nest: dl::IterableDlPortFunction<'_>) -> Decoded<PortFunction> {
    let mut function = PortFunction {
        instance: nested_instance(nest.get_buf())?,
        max_io_eqs: max_io_eqs(nest.get_buf())?,
        ..PortFunction::default()
    };
    for attr in nest {
        match attr.map_err(|error| error.to_string())? {
            // Other lengths are other link layers (InfiniBand), which this tool does not configure.
            DlPortFunction::HwAddr(bytes) => function.hw_addr = bytes.try_into().ok(),
            DlPortFunction::State(state) => function.active = Some(state == dl::PortFnState::Active as u8),
            DlPortFunction::Opstate(state) => {
                function.attached = Some(state == dl::PortFnOpstate::Attached as u8);
            }
            DlPortFunction::Caps(caps) => {
                function.capabilities = Capabilities { value: caps.value, selector: caps.selector };
            }
        }
    }
    Ok(function)
}

/// `DEVLINK_PORT_FN_ATTR_DEVLINK`, which the generated decoder does not have.
fn nested_instance(port_function: &[u8]) -> Decoded<Option<Handle>> {
    let Some(nest) = attribute(port_function, uapi::PORT_FN_ATTR_DEVLINK) else { return Ok(None) };
    let part = |kind| attribute(nest, kind).ok_or_else(|| "a nested devlink handle is incomplete".to_owned());
    Ok(Some(Handle {
        bus: bytes_as_text(part(uapi::ATTR_BUS_NAME)?)?,
        device: bytes_as_text(part(uapi::ATTR_DEV_NAME)?)?,
    }))
}

/// `DEVLINK_PORT_FN_ATTR_MAX_IO_EQS`, which the generated decoder does not have.
fn max_io_eqs(port_function: &[u8]) -> Decoded<Option<u32>> {
    let Some(bytes) = attribute(port_function, uapi::PORT_FN_ATTR_MAX_IO_EQS) else { return Ok(None) };
    let number = bytes.try_into().map_err(|_| "max_io_eqs is no number".to_owned())?;
    Ok(Some(u32::from_ne_bytes(number)))
}

pub(super) fn rate(payload: &[u8]) -> Decoded<RateObject> {
    let mut found = RateObject::default();
    for attr in dl::OpRateGetDo::decode_reply(payload) {
        match attr.map_err(|error| error.to_string())? {
            Attr::BusName(name) => found.handle.bus = text(name)?,
            Attr::DevName(name) => found.handle.device = text(name)?,
            Attr::PortIndex(index) => found.index = Some(index),
            Attr::RateNodeName(name) => found.name = Some(text(name)?),
            Attr::RateParentNodeName(name) => found.parent = Some(text(name)?),
            Attr::RateTxShare(rate) => found.tx_share = rate,
            Attr::RateTxMax(rate) => found.tx_max = rate,
            Attr::RateTxPriority(priority) => found.tx_priority = Some(priority),
            Attr::RateTxWeight(weight) => found.tx_weight = Some(weight),
            _ => {}
        }
    }
    named(&found.handle)?;
    Ok(found)
}

const fn flavour(number: u16) -> Flavour {
    match number {
        0 => Flavour::Physical,
        3 => Flavour::PciPf,
        4 => Flavour::PciVf,
        5 => Flavour::Virtual,
        7 => Flavour::PciSf,
        other => Flavour::Other(other),
    }
}

pub(super) fn eswitch(payload: &[u8]) -> Decoded<Eswitch> {
    let mut found = Eswitch::default();
    for attr in dl::OpEswitchGetDo::decode_reply(payload) {
        match attr.map_err(|error| error.to_string())? {
            Attr::EswitchMode(mode) => found.mode = Some(mode),
            Attr::EswitchInlineMode(mode) => found.inline_mode = Some(mode),
            Attr::EswitchEncapMode(mode) => found.encap_mode = Some(mode),
            _ => {}
        }
    }
    Ok(found)
}

/// Decoded by hand throughout: the generated decoder knows neither values nor their list.
pub(super) fn param(payload: &[u8]) -> Decoded<Param> {
    let body = payload.get(4..).ok_or("the message has no body")?;
    let required = |buffer, kind, what: &str| attribute(buffer, kind).ok_or_else(|| format!("no {what}"));
    let handle = Handle {
        bus: bytes_as_text(required(body, uapi::ATTR_BUS_NAME, "bus name")?)?,
        device: bytes_as_text(required(body, uapi::ATTR_DEV_NAME, "device name")?)?,
    };
    let nest = required(body, uapi::ATTR_PARAM, "param")?;
    let name = bytes_as_text(required(nest, uapi::ATTR_PARAM_NAME, "param name")?)?;
    let kind = required(nest, uapi::ATTR_PARAM_TYPE, "param type")?.first().copied();
    let kind = ParamType::from_wire(kind.unwrap_or(0));
    let mut values = Vec::new();
    if let Some(kind) = kind {
        let list = attribute(nest, uapi::ATTR_PARAM_VALUES_LIST).unwrap_or_default();
        for (_, value) in attributes(list).filter(|(number, _)| *number == uapi::ATTR_PARAM_VALUE) {
            let cmode = required(value, uapi::ATTR_PARAM_VALUE_CMODE, "cmode")?;
            let cmode = *cmode.first().ok_or("an empty cmode")?;
            values.push((cmode, param_value(kind, attribute(value, uapi::ATTR_PARAM_VALUE_DATA))?));
        }
    }
    Ok(Param { handle, name, kind, values })
}

fn param_value(kind: ParamType, data: Option<&[u8]>) -> Decoded<ParamValue> {
    let wrong = || format!("a value that is no {kind:?}");
    if kind == ParamType::Bool {
        return Ok(ParamValue::Bool(data.is_some()));
    }
    let data = data.ok_or_else(wrong)?;
    Ok(match kind {
        ParamType::U8 => ParamValue::U8(u8::from_ne_bytes(data.try_into().map_err(|_| wrong())?)),
        ParamType::U16 => ParamValue::U16(u16::from_ne_bytes(data.try_into().map_err(|_| wrong())?)),
        ParamType::U32 => ParamValue::U32(u32::from_ne_bytes(data.try_into().map_err(|_| wrong())?)),
        ParamType::U64 => ParamValue::U64(u64::from_ne_bytes(data.try_into().map_err(|_| wrong())?)),
        ParamType::String => ParamValue::String(bytes_as_text(data)?),
        ParamType::Bool => ParamValue::Bool(true),
    })
}

fn named(handle: &Handle) -> Decoded<()> {
    if handle.bus.is_empty() || handle.device.is_empty() {
        return Err("no handle".to_owned());
    }
    Ok(())
}

fn text(name: &CStr) -> Decoded<String> {
    name.to_str().map(str::to_owned).map_err(|_| format!("{name:?} is not UTF-8"))
}

fn bytes_as_text(bytes: &[u8]) -> Decoded<String> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    String::from_utf8(bytes.to_vec()).map_err(|_| "a name that is not UTF-8".to_owned())
}
