//! The words of the language as numbers of the kernel's headers, and back.

use std::collections::BTreeMap;

use nix::errno::Errno;
use subdevcfg_compiler::values::{
    Cmode, DevlinkHandle, EncapMode, EswitchMode, InlineMode, MacAddr, Rate, Scalar,
};
use subdevcfg_netlink::devlink::{
    self, Capabilities, EswitchChange, Handle, Param, ParamType, ParamValue, RateObject,
};
use subdevcfg_netlink::{KernelRefusal, NetlinkError};

use crate::kernel::RequestError;
use crate::resource::Capability;
use crate::state::{Eswitch, Rates};

pub(super) fn netlink_handle(handle: &DevlinkHandle) -> Handle {
    Handle { bus: handle.bus().to_owned(), device: handle.device().to_owned() }
}

pub(super) fn devlink_handle(handle: &Handle) -> DevlinkHandle {
    DevlinkHandle::new(handle.bus.as_str(), handle.device.as_str())
}

/// The word for a number: `ALL` has the order of the kernel's enumeration. Numbers newer than this code have none.
fn word<T: Copy>(all: &[T], number: impl Into<usize>) -> Option<T> {
    all.get(number.into()).copied()
}

pub(super) fn eswitch(found: devlink::Eswitch) -> Eswitch {
    Eswitch {
        mode: found.mode.and_then(|mode| word(EswitchMode::ALL, mode)),
        inline_mode: found.inline_mode.and_then(|mode| word(InlineMode::ALL, mode)),
        encap_mode: found.encap_mode.and_then(|mode| word(EncapMode::ALL, mode)),
    }
}

/// `enum devlink_eswitch_mode`.
pub(super) fn mode_change(mode: EswitchMode) -> EswitchChange {
    let number = match mode {
        EswitchMode::Legacy => 0,
        EswitchMode::Switchdev => 1,
    };
    EswitchChange { mode: Some(number), ..EswitchChange::default() }
}

/// `enum devlink_eswitch_inline_mode`.
pub(super) fn inline_change(mode: InlineMode) -> EswitchChange {
    let number = match mode {
        InlineMode::None => 0,
        InlineMode::Link => 1,
        InlineMode::Network => 2,
        InlineMode::Transport => 3,
    };
    EswitchChange { inline_mode: Some(number), ..EswitchChange::default() }
}

/// `enum devlink_eswitch_encap_mode`.
pub(super) fn encap_change(mode: EncapMode) -> EswitchChange {
    let number = match mode {
        EncapMode::None => 0,
        EncapMode::Basic => 1,
    };
    EswitchChange { encap_mode: Some(number), ..EswitchChange::default() }
}

/// One capability on or off; the others are not meant.
pub(super) fn capability_change(capability: Capability, on: bool) -> Capabilities {
    let bit = capability_bit(capability);
    Capabilities { value: if on { bit } else { 0 }, selector: bit }
}

/// The capabilities that a driver tells of.
pub(super) fn capabilities(found: Capabilities) -> BTreeMap<Capability, bool> {
    let told = |capability: &Capability| found.selector & capability_bit(*capability) != 0;
    let is_on = |capability| found.value & capability_bit(capability) != 0;
    Capability::ALL.into_iter().filter(told).map(|capability| (capability, is_on(capability))).collect()
}

/// `enum devlink_port_fn_attr_cap`.
const fn capability_bit(capability: Capability) -> u32 {
    match capability {
        Capability::Roce => 1,
        Capability::Migratable => 1 << 1,
        Capability::IpsecCrypto => 1 << 2,
        Capability::IpsecPacket => 1 << 3,
    }
}

/// A rate leaf or node.
pub(super) fn rates(found: &RateObject) -> Rates {
    Rates {
        tx_share: Rate(found.tx_share),
        tx_max: Rate(found.tx_max),
        tx_priority: found.tx_priority,
        tx_weight: found.tx_weight,
        parent: found.parent.clone(),
    }
}

/// `enum devlink_param_cmode`.
pub(super) const fn cmode_number(cmode: Cmode) -> u8 {
    match cmode {
        Cmode::Runtime => 0,
        Cmode::Driverinit => 1,
        Cmode::Permanent => 2,
    }
}

/// The values of a parameter by cmode.
pub(super) fn param_values(param: &Param) -> impl Iterator<Item = (Cmode, Scalar)> {
    param.values.iter().filter_map(|(cmode, value)| Some((word(Cmode::ALL, *cmode)?, scalar(value))))
}

fn scalar(value: &ParamValue) -> Scalar {
    match value {
        ParamValue::Bool(value) => Scalar::Bool(*value),
        ParamValue::U8(value) => Scalar::Number((*value).into()),
        ParamValue::U16(value) => Scalar::Number((*value).into()),
        ParamValue::U32(value) => Scalar::Number((*value).into()),
        ParamValue::U64(value) => Scalar::Number(*value),
        ParamValue::String(value) => Scalar::Text(value.clone()),
    }
}

/// A value in the wire type that the kernel has for the parameter; it refuses any other (`devlink_param_value_get_from_info`).
pub(super) fn param_value(name: &str, kind: ParamType, value: &Scalar) -> Result<ParamValue, RequestError> {
    let value = match (kind, value) {
        (ParamType::Bool, Scalar::Bool(value)) => Some(ParamValue::Bool(*value)),
        (ParamType::U8, Scalar::Number(value)) => u8::try_from(*value).ok().map(ParamValue::U8),
        (ParamType::U16, Scalar::Number(value)) => u16::try_from(*value).ok().map(ParamValue::U16),
        (ParamType::U32, Scalar::Number(value)) => u32::try_from(*value).ok().map(ParamValue::U32),
        (ParamType::U64, Scalar::Number(value)) => Some(ParamValue::U64(*value)),
        (ParamType::String, Scalar::Text(value)) => Some(ParamValue::String(value.clone())),
        _ => None,
    }
    .ok_or_else(|| format!("the kernel has {name} as {kind:?}, and `{value}` is none"));
    value.map_err(|message| refused(Errno::EINVAL, message))
}

pub(super) fn mac(bytes: [u8; 6]) -> MacAddr {
    MacAddr(bytes)
}

/// A refusal that is ours: the request could not even be written down.
pub(super) fn refused(errno: Errno, message: String) -> RequestError {
    RequestError::Refused { errno, message: Some(message), file: None }
}

/// The kernel's refusal as the answer to a request; everything else is a broken conversation.
pub(super) fn request_error(error: NetlinkError) -> RequestError {
    let NetlinkError::Refused(KernelRefusal { errno, message, attribute }) = error else {
        return RequestError::Conversation(error);
    };
    let message = match (message, attribute) {
        (Some(message), Some(attribute)) => Some(format!("{message} (attribute {attribute})")),
        (None, Some(attribute)) => Some(format!("attribute {attribute}")),
        (message, None) => message,
    };
    RequestError::Refused { errno, message, file: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_agree_both_ways() {
        for &mode in EswitchMode::ALL {
            let found = devlink::Eswitch { mode: mode_change(mode).mode, ..devlink::Eswitch::default() };
            assert_eq!(eswitch(found).mode, Some(mode));
        }
        for &mode in InlineMode::ALL {
            let inline_mode = inline_change(mode).inline_mode;
            assert_eq!(
                eswitch(devlink::Eswitch { inline_mode, ..Default::default() }).inline_mode,
                Some(mode)
            );
        }
        for &mode in EncapMode::ALL {
            let encap_mode = encap_change(mode).encap_mode;
            assert_eq!(eswitch(devlink::Eswitch { encap_mode, ..Default::default() }).encap_mode, Some(mode));
        }
        for &cmode in Cmode::ALL {
            assert_eq!(word(Cmode::ALL, cmode_number(cmode)), Some(cmode));
        }
        for capability in Capability::ALL {
            for on in [false, true] {
                let found = capabilities(capability_change(capability, on));
                assert_eq!(found, BTreeMap::from([(capability, on)]));
            }
        }
        let newer = devlink::Eswitch { mode: Some(9), ..devlink::Eswitch::default() };
        assert_eq!(eswitch(newer), Eswitch::default());
    }

    #[test]
    fn a_value_that_does_not_fit_its_wire_type_is_refused() {
        assert_eq!(param_value("x", ParamType::U8, &Scalar::Number(255)).unwrap(), ParamValue::U8(255));
        for (kind, value) in [
            (ParamType::U8, Scalar::Number(256)),
            (ParamType::Bool, Scalar::Number(1)),
            (ParamType::String, Scalar::Bool(true)),
            (ParamType::U32, Scalar::Text("7".to_owned())),
        ] {
            assert!(param_value("x", kind, &value).is_err());
        }
    }
}
