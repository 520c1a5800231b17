//! What a PF sets for a VF in legacy mode, whatever its driver: the values of a new VF, and what nobody takes.

use std::collections::BTreeMap;

use nix::errno::Errno;
use subdevcfg_compiler::values::{LinkState, MacAddr, Rate, VlanProtocol};

use super::Answer;
use super::requests::refuse;
use crate::resource::{Legacy, LegacySetting};

pub(super) type LegacyConfig = BTreeMap<Legacy, LegacySetting>;

/// What a VF has of which nobody has set anything. Whether it may spoof differs.
pub(super) fn of_new(spoofchk: bool) -> LegacyConfig {
    let zero = [
        LegacySetting::Mac(MacAddr([0; 6])),
        LegacySetting::Vlan(0),
        LegacySetting::Qos(0),
        LegacySetting::Proto(VlanProtocol::Dot1q),
        LegacySetting::Trust(false),
        LegacySetting::Spoofchk(spoofchk),
        LegacySetting::LinkState(LinkState::Auto),
        LegacySetting::RateMin(Rate(0)),
        LegacySetting::RateMax(Rate(0)),
    ];
    zero.map(|setting| (setting.attribute(), setting)).into()
}

/// `rtnl_set_vf_rate` of the core looks at rates together, drivers at the rest.
pub(super) fn check(config: &LegacyConfig, setting: LegacySetting) -> Answer {
    let rate = |attribute| match config.get(&attribute) {
        Some(LegacySetting::RateMin(rate) | LegacySetting::RateMax(rate)) => rate.0,
        _ => 0,
    };
    let exceeds = |min: u64, max: u64| max > 0 && min > max;
    let is_wrong = match setting {
        LegacySetting::Mac(mac) => mac.is_multicast(),
        LegacySetting::Vlan(vlan) => vlan > 4095,
        LegacySetting::Qos(qos) => qos > 7,
        LegacySetting::RateMin(min) => exceeds(min.0, rate(Legacy::RateMax)),
        LegacySetting::RateMax(max) => exceeds(rate(Legacy::RateMin), max.0),
        _ => false,
    };
    if is_wrong { Err(refuse(Errno::EINVAL, "")) } else { Ok(()) }
}
