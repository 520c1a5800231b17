//! What a PF sets for its VFs in legacy mode (`IFLA_VFINFO_LIST`): told in the dump of links, changed one message each.

use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::link::{
    LinkAttribute, LinkVfInfo, VfInfo, VfInfoLinkState, VfInfoMac, VfInfoRate, VfInfoSpoofCheck, VfInfoTrust,
    VfLinkState, VfVlan, VfVlanInfo, VlanProtocol,
};

use super::{RTM_NEWLINK, Route, emit};
use crate::conversation::{Datagrams, Request};
use crate::error::NetlinkError;

/// What a PF has set for one of its VFs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VfConfig {
    /// The index of the VF, from 0.
    pub index: u32,
    /// Its MAC address; zero where none was set.
    pub mac: [u8; 6],
    /// The VLAN that its frames are put into.
    pub vlan: VfTag,
    /// What it may send whatever the others do, in Mbit/s.
    pub min_rate: u32,
    /// The most that it may send, in Mbit/s; 0 is no limit.
    pub max_rate: u32,
    /// Whether frames with another source MAC are dropped.
    pub spoofchk: bool,
    /// Whether it may change what the PF has set.
    pub trust: bool,
    /// `enum ifla_vf_link_state_setting`: 0 is auto.
    pub link_state: u32,
}

/// The VLAN tag that frames of a VF get.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VfTag {
    /// The VLAN; 0 is none.
    pub id: u32,
    /// Its priority.
    pub qos: u32,
    /// A service tag (802.1ad) in the place of a customer's (802.1Q).
    pub is_service: bool,
}

/// One thing to change of a VF: what one message of the kernel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VfChange {
    /// `IFLA_VF_MAC`.
    Mac([u8; 6]),
    /// `IFLA_VF_VLAN_LIST`.
    Vlan(VfTag),
    /// `IFLA_VF_RATE`: minimum and maximum in Mbit/s.
    Rate(u32, u32),
    /// `IFLA_VF_SPOOFCHK`.
    Spoofchk(bool),
    /// `IFLA_VF_TRUST`.
    Trust(bool),
    /// `IFLA_VF_LINK_STATE`.
    LinkState(u32),
}

impl VfChange {
    fn info(self, vf: u32) -> VfInfo {
        match self {
            Self::Mac(mac) => VfInfo::Mac(VfInfoMac::new(vf, &mac)),
            Self::Vlan(VfTag { id, qos, is_service }) => {
                let protocol = if is_service { VlanProtocol::Ieee8021Ad } else { VlanProtocol::Ieee8021Q };
                VfInfo::VlanList(vec![VfVlan::Info(VfVlanInfo::new(vf, id, qos, protocol))])
            }
            Self::Rate(min, max) => VfInfo::Rate(VfInfoRate::new(vf, min, max)),
            Self::Spoofchk(on) => VfInfo::SpoofCheck(VfInfoSpoofCheck::new(vf, on)),
            Self::Trust(on) => VfInfo::Trust(VfInfoTrust::new(vf, on)),
            Self::LinkState(state) => VfInfo::LinkState(VfInfoLinkState::new(vf, VfLinkState::from(state))),
        }
    }
}

impl<D: Datagrams> Route<D> {
    /// Changes what the PF whose netdev this is sets for one of its VFs.
    ///
    /// # Errors
    /// What the kernel or the conversation says.
    pub fn change_vf(&mut self, index: u32, vf: u32, change: VfChange) -> Result<(), NetlinkError> {
        let info = LinkAttribute::VfInfoList(vec![LinkVfInfo(vec![change.info(vf)])]);
        let message = LinkUnspec::new_with_index(index).append_extra_attribute(info).build();
        let payload = emit(&message);
        let request =
            Request { name: "ip link set vf", kind: RTM_NEWLINK, dump: false, payload, lookup: None };
        self.conversation.exchange(&request).map(drop)
    }
}

/// The VFs of a PF, as its link tells them.
pub(super) fn decode(infos: &[LinkVfInfo]) -> Vec<VfConfig> {
    infos.iter().map(|LinkVfInfo(info)| info.iter().fold(VfConfig::default(), with)).collect()
}

fn with(mut vf: VfConfig, info: &VfInfo) -> VfConfig {
    match info {
        VfInfo::Mac(found) => {
            vf.index = found.vf_id;
            vf.mac.copy_from_slice(&found.mac[..6]);
        }
        // The older form has no protocol (`IFLA_VF_VLAN`); the kernel tells both.
        VfInfo::VlanList(tags) => {
            for tag in tags {
                if let VfVlan::Info(found) = tag {
                    let is_service = found.protocol == VlanProtocol::Ieee8021Ad;
                    vf.vlan = VfTag { id: found.vlan_id, qos: found.qos, is_service };
                }
            }
        }
        VfInfo::Rate(found) => (vf.min_rate, vf.max_rate) = (found.min_tx_rate, found.max_tx_rate),
        VfInfo::SpoofCheck(found) => vf.spoofchk = found.enabled,
        VfInfo::Trust(found) => vf.trust = found.enabled,
        VfInfo::LinkState(found) => vf.link_state = found.state.into(),
        _ => {}
    }
    vf
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_reads_back() {
        let tag = VfTag { id: 100, qos: 3, is_service: true };
        let changes = [
            VfChange::Mac([2, 0, 0, 0, 0, 7]),
            VfChange::Vlan(tag),
            VfChange::Rate(100, 2000),
            VfChange::Spoofchk(true),
            VfChange::Trust(true),
            VfChange::LinkState(2),
        ];
        let infos = changes.map(|change| change.info(7)).into();
        let expected = VfConfig {
            index: 7,
            mac: [2, 0, 0, 0, 0, 7],
            vlan: tag,
            min_rate: 100,
            max_rate: 2000,
            spoofchk: true,
            trust: true,
            link_state: 2,
        };
        assert_eq!(decode(&[LinkVfInfo(infos)]), [expected]);
    }
}
