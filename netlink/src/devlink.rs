//! devlink: instances, ports, port functions, params, eswitch and reload, as typed values.

mod decode;
mod events;

use std::collections::BTreeMap;
use std::time::Duration;

use netlink_bindings::builtin::BuiltinBitfield32;
use netlink_bindings::devlink as dl;
use netlink_bindings::traits::{NetlinkRequest, Pusher};
use netlink_bindings::utils::push_header;

use crate::conversation::{Conversation, Datagrams, Request};
use crate::error::NetlinkError;
use crate::generic::{Family, find_family};
use crate::socket::{Protocol, Socket};
use crate::uapi;

pub use decode::{
    Capabilities, Eswitch, Flavour, Handle, Info, Instance, Param, ParamType, ParamValue, Port, PortFunction,
    RateObject,
};
pub use events::{Event, Events};

/// `DEVLINK_GENL_VERSION`.
const GENL_VERSION: u8 = 1;
const CMD_GET: u8 = 1;
const CMD_PORT_GET: u8 = 5;
const CMD_PARAM_GET: u8 = 38;
const CMD_INFO_GET: u8 = 51;
const CMD_HEALTH_REPORTER_GET: u8 = 52;
const CMD_RATE_GET: u8 = 74;

/// A request may wait for firmware or for RCU grace periods; a reload of a parent with many functions takes seconds.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The identity of a subfunction port below its devlink instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SfIdentity {
    /// Controller number; 0 is the local one and is not sent.
    pub controller: u32,
    /// PF number.
    pub pf: u16,
    /// SF number.
    pub number: u32,
}

/// What to change on a port function; `None` is left alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FunctionChange {
    /// The MAC address.
    pub hw_addr: Option<[u8; 6]>,
    /// Active or inactive.
    pub active: Option<bool>,
    /// Capabilities; those that its selector leaves out stay.
    pub capabilities: Option<Capabilities>,
    /// How many event queues for I/O it may have.
    pub max_io_eqs: Option<u32>,
}

/// What to change on an eswitch; `None` is left alone. Numbers are `enum devlink_eswitch_*` of the uapi header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EswitchChange {
    /// `DEVLINK_ATTR_ESWITCH_MODE`.
    pub mode: Option<u16>,
    /// `DEVLINK_ATTR_ESWITCH_INLINE_MODE`.
    pub inline_mode: Option<u8>,
    /// `DEVLINK_ATTR_ESWITCH_ENCAP_MODE`.
    pub encap_mode: Option<u8>,
}

/// Which rate object of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateName<'a> {
    /// The leaf of the port with this index.
    Leaf(u32),
    /// The node of this name.
    Node(&'a str),
}

/// What to change on a rate leaf or node; `None` is left alone. Rates are bytes per second, 0 is no limit or share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateChange {
    /// `DEVLINK_ATTR_RATE_TX_SHARE`.
    pub tx_share: Option<u64>,
    /// `DEVLINK_ATTR_RATE_TX_MAX`.
    pub tx_max: Option<u64>,
    /// `DEVLINK_ATTR_RATE_TX_PRIORITY`.
    pub tx_priority: Option<u32>,
    /// `DEVLINK_ATTR_RATE_TX_WEIGHT`.
    pub tx_weight: Option<u32>,
    /// `DEVLINK_ATTR_RATE_PARENT_NODE_NAME`; an empty name is the root (`devlink_nl_rate_parent_node_set`).
    pub parent: Option<String>,
}

/// A conversation with the kernel's devlink family.
#[derive(Debug)]
pub struct Devlink<D> {
    conversation: Conversation<D>,
    family: Family,
}

impl Devlink<Socket> {
    /// Opens a socket and finds the family.
    ///
    /// # Errors
    /// [`NetlinkError::NoFamily`] when the kernel has no devlink; [`NetlinkError::Socket`].
    pub fn open() -> Result<Self, NetlinkError> {
        Self::new(Socket::open(Protocol::Generic)?)
    }

    /// What opens further conversations with the family, also on other threads.
    pub fn opener(&self) -> impl Fn() -> Result<Self, NetlinkError> + Send + Sync + 'static {
        let family = self.family;
        move || {
            let conversation = Conversation::new(Socket::open(Protocol::Generic)?, TIMEOUT);
            Ok(Self { conversation, family })
        }
    }

    /// Opens a second socket that hears of configuration changes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn subscribe(&self) -> Result<Events, NetlinkError> {
        Ok(Events::new(self.listen()?))
    }

    /// A socket that has joined the `config` group.
    pub(crate) fn listen(&self) -> Result<Socket, NetlinkError> {
        let group = self.family.group.ok_or(NetlinkError::NoFamily("devlink"))?;
        let mut socket = Socket::open(Protocol::Generic)?;
        socket.join(group)?;
        Ok(socket)
    }
}

impl<D: Datagrams> Devlink<D> {
    /// Talks devlink over these datagrams.
    ///
    /// # Errors
    /// [`NetlinkError::NoFamily`] when the kernel has no devlink, or what the conversation says.
    pub fn new(datagrams: D) -> Result<Self, NetlinkError> {
        let mut conversation = Conversation::new(datagrams, TIMEOUT);
        // The group tells of configuration changes.
        let family = find_family(&mut conversation, (dl::PROTONAME, dl::PROTONAME_CSTR), c"config")?;
        Ok(Self { conversation, family })
    }

    /// All instances (`DEVLINK_CMD_GET` dump). Like every dump without a handle it waits for each of them in turn: for one
    /// that is busy with a reload, a mode switch or its firmware until it is done (`devlink_nl_dumpit` takes `devl_lock`).
    ///
    /// # Errors
    /// What the kernel or the conversation says; so for all methods here.
    pub fn instances(&mut self) -> Result<Vec<Instance>, NetlinkError> {
        self.dump("devlink dev get", CMD_GET, None, decode::instance)
    }

    /// One instance.
    ///
    /// # Errors
    /// See [`Self::instances`]; `ENODEV` when the device has none.
    pub fn instance(&mut self, handle: &Handle) -> Result<Instance, NetlinkError> {
        let mut payload = Vec::new();
        push_handle(dl::OpGetDo::encode_request(&mut payload), handle);
        self.one::<dl::OpGetDo<'_>, _>("devlink dev get", payload, decode::instance)
    }

    /// What every instance says of its device (`DEVLINK_CMD_INFO_GET` dump).
    ///
    /// # Errors
    /// See [`Self::instances`].
    pub fn infos(&mut self) -> Result<Vec<Info>, NetlinkError> {
        self.dump("devlink dev info", CMD_INFO_GET, None, decode::info)
    }

    /// What one instance says of its device.
    ///
    /// # Errors
    /// See [`Self::instances`]; `EOPNOTSUPP` when the driver says nothing.
    pub fn info(&mut self, handle: &Handle) -> Result<Info, NetlinkError> {
        let mut payload = Vec::new();
        push_handle(dl::OpInfoGetDo::encode_request(&mut payload), handle);
        self.one::<dl::OpInfoGetDo<'_>, _>("devlink dev info", payload, decode::info)
    }

    /// The sizes of an instance's resources, by name (`DEVLINK_CMD_RESOURCE_DUMP`, which is no dump).
    ///
    /// # Errors
    /// See [`Self::instances`]; `EOPNOTSUPP` when it has none.
    pub fn resources(&mut self, handle: &Handle) -> Result<BTreeMap<String, u64>, NetlinkError> {
        let mut payload = Vec::new();
        push_handle(dl::OpResourceDumpDo::encode_request(&mut payload), handle);
        let request = Request {
            name: "devlink resource show",
            kind: self.family.id,
            dump: false,
            payload,
            lookup: Some(dl::OpResourceDumpDo::lookup),
        };
        let reply = self.conversation.exchange(&request)?;
        Ok(reply.messages.iter().flat_map(|message| decode::resources(message)).collect())
    }

    /// How often the health reporters of every instance, or of one, have recovered it, those of its ports left out
    /// (`DEVLINK_CMD_HEALTH_REPORTER_GET` dump): once for each reporter.
    ///
    /// # Errors
    /// See [`Self::instances`].
    pub fn recoveries(&mut self, of: Option<&Handle>) -> Result<Vec<(Handle, u64)>, NetlinkError> {
        let all = self.dump("devlink health show", CMD_HEALTH_REPORTER_GET, of, decode::recoveries)?;
        Ok(all.into_iter().flatten().collect())
    }

    /// All ports of all instances, or of one (`DEVLINK_CMD_PORT_GET` dump). Kernels before 6.6 do not look at the handle of a
    /// dump, and tell of all.
    ///
    /// # Errors
    /// See [`Self::instances`].
    pub fn ports(&mut self, of: Option<&Handle>) -> Result<Vec<Port>, NetlinkError> {
        self.dump("devlink port get", CMD_PORT_GET, of, decode::port)
    }

    /// One port.
    ///
    /// # Errors
    /// See [`Self::instances`]; `ENODEV` when there is no such port.
    pub fn port(&mut self, handle: &Handle, index: u32) -> Result<Port, NetlinkError> {
        let name = "devlink port get";
        let mut payload = Vec::new();
        push_handle(dl::OpPortGetDo::encode_request(&mut payload), handle).push_port_index(index);
        self.one::<dl::OpPortGetDo<'_>, _>(name, payload, decode::port)
    }

    /// All params of all instances, or of one, with all their cmodes (`DEVLINK_CMD_PARAM_GET` dump).
    ///
    /// # Errors
    /// See [`Self::instances`].
    pub fn params(&mut self, of: Option<&Handle>) -> Result<Vec<Param>, NetlinkError> {
        self.dump("devlink dev param get", CMD_PARAM_GET, of, decode::param)
    }

    /// The rate leafs and nodes of all instances, or of one (`DEVLINK_CMD_RATE_GET` dump).
    ///
    /// # Errors
    /// See [`Self::instances`].
    pub fn rates(&mut self, of: Option<&Handle>) -> Result<Vec<RateObject>, NetlinkError> {
        self.dump("devlink port function rate get", CMD_RATE_GET, of, decode::rate)
    }

    /// Changes a rate leaf or node. The kernel writes share, limit, priority, weight and parent one after another and
    /// keeps earlier ones when a later one fails (net/devlink/rate.c), so callers that want to know what failed send one
    /// at a time.
    ///
    /// # Errors
    /// See [`Self::instances`]; `ENODEV` when there is none.
    pub fn rate_set(
        &mut self,
        handle: &Handle,
        name: RateName<'_>,
        change: &RateChange,
    ) -> Result<(), NetlinkError> {
        let mut payload = Vec::new();
        let push = push_handle(dl::OpRateSetDo::encode_request(&mut payload), handle);
        let mut push = push_rate_name(push, name);
        if let Some(rate) = change.tx_share {
            push = push.push_rate_tx_share(rate);
        }
        if let Some(rate) = change.tx_max {
            push = push.push_rate_tx_max(rate);
        }
        if let Some(priority) = change.tx_priority {
            push = push.push_rate_tx_priority(priority);
        }
        if let Some(weight) = change.tx_weight {
            push = push.push_rate_tx_weight(weight);
        }
        if let Some(parent) = &change.parent {
            push = push.push_rate_parent_node_name_bytes(parent.as_bytes());
        }
        drop(push);
        self.act::<dl::OpRateSetDo<'_>>("devlink port function rate set", payload)
    }

    /// Makes a rate node without limits, at the root.
    ///
    /// # Errors
    /// See [`Self::instances`]; `EEXIST` when there is one of that name, `EOPNOTSUPP` outside switchdev mode.
    pub fn rate_node_new(&mut self, handle: &Handle, name: &str) -> Result<(), NetlinkError> {
        let mut payload = Vec::new();
        let push = push_handle(dl::OpRateNewDo::encode_request(&mut payload), handle);
        drop(push_rate_name(push, RateName::Node(name)));
        self.act::<dl::OpRateNewDo<'_>>("devlink port function rate add", payload)
    }

    /// Deletes a rate node.
    ///
    /// # Errors
    /// See [`Self::instances`]; `EBUSY` when something is below it.
    pub fn rate_node_del(&mut self, handle: &Handle, name: &str) -> Result<(), NetlinkError> {
        let mut payload = Vec::new();
        let push = push_handle(dl::OpRateDelDo::encode_request(&mut payload), handle);
        drop(push_rate_name(push, RateName::Node(name)));
        self.act::<dl::OpRateDelDo<'_>>("devlink port function rate del", payload)
    }

    /// One parameter of one instance.
    ///
    /// # Errors
    /// See [`Self::instances`]; `EINVAL` when the instance has no such parameter (`devlink_param_get_from_info`).
    pub fn param(&mut self, handle: &Handle, name: &str) -> Result<Param, NetlinkError> {
        let mut payload = Vec::new();
        push_handle(dl::OpParamGetDo::encode_request(&mut payload), handle)
            .push_param_name_bytes(name.as_bytes());
        self.one::<dl::OpParamGetDo<'_>, _>("devlink dev param get", payload, decode::param)
    }

    /// The eswitch attributes of an instance. Needs `CAP_NET_ADMIN`.
    ///
    /// # Errors
    /// See [`Self::instances`]; `EOPNOTSUPP` when the driver has no eswitch.
    pub fn eswitch(&mut self, handle: &Handle) -> Result<Eswitch, NetlinkError> {
        let mut payload = Vec::new();
        push_handle(dl::OpEswitchGetDo::encode_request(&mut payload), handle);
        self.one::<dl::OpEswitchGetDo<'_>, _>("devlink dev eswitch get", payload, decode::eswitch)
    }

    /// Changes eswitch attributes.
    ///
    /// # Errors
    /// See [`Self::instances`].
    pub fn eswitch_set(&mut self, handle: &Handle, change: EswitchChange) -> Result<(), NetlinkError> {
        let mut payload = Vec::new();
        let mut push = push_handle(dl::OpEswitchSetDo::encode_request(&mut payload), handle);
        if let Some(mode) = change.mode {
            push = push.push_eswitch_mode(mode);
        }
        if let Some(mode) = change.inline_mode {
            push = push.push_eswitch_inline_mode(mode);
        }
        if let Some(mode) = change.encap_mode {
            push = push.push_eswitch_encap_mode(mode);
        }
        drop(push);
        self.act::<dl::OpEswitchSetDo<'_>>("devlink dev eswitch set", payload)
    }

    /// Adds a subfunction port; the reply tells its index.
    ///
    /// # Errors
    /// See [`Self::instances`].
    pub fn port_new(&mut self, handle: &Handle, sf: SfIdentity) -> Result<Port, NetlinkError> {
        let mut payload = Vec::new();
        let mut push = push_handle(dl::OpPortNewDo::encode_request(&mut payload), handle)
            .push_port_flavour(dl::PortFlavour::PciSf as u16)
            .push_port_pci_pf_number(sf.pf)
            .push_port_pci_sf_number(sf.number);
        // Drivers without controllers refuse the attribute, so the local one goes without saying.
        if sf.controller != 0 {
            push = push.push_port_controller_number(sf.controller);
        }
        drop(push);
        self.one::<dl::OpPortNewDo<'_>, _>("devlink port add", payload, decode::port)
    }

    /// Deletes a port.
    ///
    /// # Errors
    /// See [`Self::instances`].
    pub fn port_del(&mut self, handle: &Handle, index: u32) -> Result<(), NetlinkError> {
        let mut payload = Vec::new();
        push_handle(dl::OpPortDelDo::encode_request(&mut payload), handle).push_port_index(index);
        self.act::<dl::OpPortDelDo<'_>>("devlink port del", payload)
    }

    /// Changes attributes of a port's function. The kernel applies `hw_addr` before state and stops at the first error
    /// without going back (net/devlink/port.c), so callers that want to know what failed send one at a time.
    ///
    /// # Errors
    /// See [`Self::instances`].
    pub fn function_set(
        &mut self,
        handle: &Handle,
        index: u32,
        change: FunctionChange,
    ) -> Result<(), NetlinkError> {
        let mut payload = Vec::new();
        let mut push = push_handle(dl::OpPortSetDo::encode_request(&mut payload), handle)
            .push_port_index(index)
            .nested_port_function();
        if let Some(hw_addr) = change.hw_addr {
            push = push.push_hw_addr(&hw_addr);
        }
        if let Some(capabilities) = change.capabilities {
            let Capabilities { value, selector } = capabilities;
            push = push.push_caps(BuiltinBitfield32 { value, selector });
        }
        if let Some(max_io_eqs) = change.max_io_eqs {
            push_header(push.as_vec_mut(), uapi::PORT_FN_ATTR_MAX_IO_EQS, 4);
            push.as_vec_mut().extend(max_io_eqs.to_ne_bytes());
        }
        if let Some(active) = change.active {
            push = push.push_state(u8::from(active));
        }
        push.end_nested();
        self.act::<dl::OpPortSetDo<'_>>("devlink port function set", payload)
    }

    /// Writes a parameter.
    ///
    /// # Errors
    /// See [`Self::instances`].
    pub fn param_set(
        &mut self,
        handle: &Handle,
        name: &str,
        cmode: u8,
        value: &ParamValue,
    ) -> Result<(), NetlinkError> {
        let mut payload = Vec::new();
        let mut push = push_handle(dl::OpParamSetDo::encode_request(&mut payload), handle)
            .push_param_name_bytes(name.as_bytes())
            .push_param_type(value.kind().to_wire())
            .push_param_value_cmode(cmode);
        push_param_value(push.as_vec_mut(), value);
        drop(push);
        self.act::<dl::OpParamSetDo<'_>>("devlink dev param set", payload)
    }

    /// Reloads an instance with action `driver_reinit`.
    ///
    /// # Errors
    /// See [`Self::instances`].
    pub fn reload(&mut self, handle: &Handle) -> Result<(), NetlinkError> {
        let mut payload = Vec::new();
        push_handle(dl::OpReloadDo::encode_request(&mut payload), handle)
            .push_reload_action(dl::ReloadAction::DriverReinit as u8);
        self.act::<dl::OpReloadDo<'_>>("devlink dev reload", payload)
    }

    fn dump<T>(
        &mut self,
        name: &'static str,
        command: u8,
        of: Option<&Handle>,
        decode: fn(&[u8]) -> Result<T, String>,
    ) -> Result<Vec<T>, NetlinkError> {
        let mut payload = vec![command, GENL_VERSION, 0, 0];
        if let Some(handle) = of {
            push_handle(dl::PushDevlink::new(&mut payload), handle);
        }
        let request = Request { name, kind: self.family.id, dump: true, payload, lookup: None };
        let reply = self.conversation.exchange(&request)?;
        let malformed = |why| NetlinkError::Malformed { request: name, why };
        reply.messages.iter().map(|message| decode(message).map_err(malformed)).collect()
    }

    /// Sends a request that is answered by one message.
    fn one<R: NetlinkRequest, T>(
        &mut self,
        name: &'static str,
        payload: Vec<u8>,
        decode: fn(&[u8]) -> Result<T, String>,
    ) -> Result<T, NetlinkError> {
        let request = Request { name, kind: self.family.id, dump: false, payload, lookup: Some(R::lookup) };
        let reply = self.conversation.exchange(&request)?;
        let malformed = |why| NetlinkError::Malformed { request: name, why };
        let message =
            reply.messages.first().ok_or_else(|| malformed("there is no message in it".to_owned()))?;
        decode(message).map_err(malformed)
    }

    /// Sends a request that is answered by an ACK alone, or by messages that nobody needs.
    fn act<R: NetlinkRequest>(&mut self, name: &'static str, payload: Vec<u8>) -> Result<(), NetlinkError> {
        let request = Request { name, kind: self.family.id, dump: false, payload, lookup: Some(R::lookup) };
        self.conversation.exchange(&request).map(drop)
    }
}

fn push_handle<P: Pusher>(push: dl::PushDevlink<P>, handle: &Handle) -> dl::PushDevlink<P> {
    push.push_bus_name_bytes(handle.bus.as_bytes()).push_dev_name_bytes(handle.device.as_bytes())
}

fn push_rate_name<P: Pusher>(push: dl::PushDevlink<P>, name: RateName<'_>) -> dl::PushDevlink<P> {
    match name {
        RateName::Leaf(index) => push.push_port_index(index),
        RateName::Node(name) => push.push_rate_node_name_bytes(name.as_bytes()),
    }
}

/// Appends `DEVLINK_ATTR_PARAM_VALUE_DATA`, which the generated encoder does not have. False is an absent attribute.
fn push_param_value(buffer: &mut Vec<u8>, value: &ParamValue) {
    if *value == ParamValue::Bool(false) {
        return;
    }
    let header = push_header(buffer, uapi::ATTR_PARAM_VALUE_DATA, 0);
    match value {
        ParamValue::U8(value) => buffer.extend(value.to_ne_bytes()),
        ParamValue::U16(value) => buffer.extend(value.to_ne_bytes()),
        ParamValue::U32(value) => buffer.extend(value.to_ne_bytes()),
        ParamValue::U64(value) => buffer.extend(value.to_ne_bytes()),
        ParamValue::String(value) => {
            buffer.extend(value.as_bytes());
            buffer.push(0);
        }
        ParamValue::Bool(_) => {}
    }
    // The length in the header leaves the padding out.
    let length = u16::try_from(buffer.len() - header).unwrap_or(u16::MAX);
    buffer[header..header + 2].copy_from_slice(&length.to_ne_bytes());
    buffer.resize(buffer.len().next_multiple_of(4), 0);
}

#[cfg(test)]
#[path = "devlink/tests.rs"]
mod tests;
