//! Ports of either kind of bridge: the kernel's own, and those of Open vSwitch.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::{InterfaceName, NumberRange};

use super::port::Vlans;

/// The bridge that something is a port of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BridgeName {
    /// One of the kernel's own.
    Linux(InterfaceName),
    /// One of Open vSwitch.
    Ovs {
        /// Its name.
        ovs: InterfaceName,
    },
}

impl BridgeName {
    /// The name, which no two bridges of a network namespace share, of whatever kind.
    #[must_use]
    pub const fn name(&self) -> &InterfaceName {
        match self {
            Self::Linux(name) | Self::Ovs { ovs: name } => name,
        }
    }
}

impl fmt::Display for BridgeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())
    }
}

/// The VLANs of a port, as the kind of its bridge has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PortVlans {
    /// Of the kernel's own bridge.
    Linux(Vlans),
    /// Of Open vSwitch.
    Ovs(OvsVlans),
}

impl fmt::Display for PortVlans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linux(vlans) => write!(f, "{vlans}"),
            Self::Ovs(vlans) => write!(f, "{vlans}"),
        }
    }
}

/// What a port of Open vSwitch does with tags (`vlan_mode` of the table `Port`, ovs-vswitchd.conf.db(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VlanMode {
    /// Frames have no tag, and belong to one VLAN.
    Access,
    /// Frames have the tag of their VLAN.
    Trunk,
    /// A trunk whose frames without a tag belong to one VLAN.
    NativeTagged,
    /// The same, and frames of that VLAN go out without a tag.
    NativeUntagged,
    /// A second tag is put around what comes in.
    Dot1qTunnel,
}

impl VlanMode {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::Access, Self::Trunk, Self::NativeTagged, Self::NativeUntagged, Self::Dot1qTunnel];

    /// The database's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Trunk => "trunk",
            Self::NativeTagged => "native-tagged",
            Self::NativeUntagged => "native-untagged",
            Self::Dot1qTunnel => "dot1q-tunnel",
        }
    }
}

/// The VLANs of a port of Open vSwitch. Two that do the same are equal, however the database says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct OvsVlans {
    mode: VlanMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<u16>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    trunks: BTreeSet<u16>,
}

impl OvsVlans {
    /// What these columns come to: without a mode a port with a tag is an access port, and one without a trunk; what a mode
    /// has no use for is ignored (`port_configure` in vswitchd/bridge.c).
    #[must_use]
    pub fn of(mode: Option<VlanMode>, tag: Option<u16>, trunks: BTreeSet<u16>) -> Self {
        let mode = mode.unwrap_or(if tag.is_some() { VlanMode::Access } else { VlanMode::Trunk });
        let tag = (mode != VlanMode::Trunk).then(|| tag.unwrap_or(0));
        let is_trunk = !matches!(mode, VlanMode::Access | VlanMode::Dot1qTunnel);
        Self { mode, tag, trunks: if is_trunk { trunks } else { BTreeSet::new() } }
    }

    /// What a new port has: all VLANs, with their tags.
    #[must_use]
    pub fn of_new_port() -> Self {
        Self::of(None, None, BTreeSet::new())
    }

    /// What a host file says; `None` where it says nothing. A tag beside trunks is the VLAN of what has none.
    #[must_use]
    pub fn wanted(tag: Option<u32>, trunks: Option<NumberRange>) -> Option<Self> {
        let tag = tag.and_then(|tag| u16::try_from(tag).ok());
        let range = trunks.map(|range| (range.from..=range.to).filter_map(|id| u16::try_from(id).ok()));
        match (tag, range) {
            (None, None) => None,
            (Some(_), Some(range)) => Some(Self::of(Some(VlanMode::NativeUntagged), tag, range.collect())),
            (tag, range) => Some(Self::of(None, tag, range.into_iter().flatten().collect())),
        }
    }

    /// What a host file says for it, as [`Self::wanted`] reads it; `None` where it has no words.
    #[must_use]
    pub fn words(&self) -> Option<(Option<u32>, Option<NumberRange>)> {
        let ends = self.trunks.first().zip(self.trunks.last());
        let range = ends.map(|(&from, &to)| NumberRange { from: from.into(), to: to.into() });
        let (tag, trunks) = match self.mode {
            _ if *self == Self::of_new_port() => return Some((None, None)),
            VlanMode::Trunk => (None, range),
            _ => (self.tag.map(u32::from), range),
        };
        let can_be_said = |tag: u32| (1..=4094).contains(&tag);
        let is_same = Self::wanted(tag, trunks).as_ref() == Some(self) && tag.is_none_or(can_be_said);
        is_same.then_some((tag, trunks))
    }

    /// The columns `vlan_mode`, `tag` and `trunks`; a mode that goes without saying is not said, as `ovs-vsctl add-port`
    /// does it.
    #[must_use]
    pub fn columns(&self) -> (Option<VlanMode>, Option<u16>, &BTreeSet<u16>) {
        let is_implied = matches!(self.mode, VlanMode::Access | VlanMode::Trunk);
        ((!is_implied).then_some(self.mode), self.tag, &self.trunks)
    }
}

impl fmt::Display for OvsVlans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = if let Some(tag) = self.tag {
            write!(f, "tag {tag}")?;
            if self.mode != VlanMode::Access {
                write!(f, " {}", self.mode.as_str())?;
            }
            ", "
        } else {
            ""
        };
        match self.mode {
            VlanMode::Access | VlanMode::Dot1qTunnel => Ok(()),
            _ if self.trunks.is_empty() => write!(f, "{comma}all trunks"),
            _ => write!(f, "{comma}trunks {}", ranges(&self.trunks)),
        }
    }
}

/// Numbers, those that follow one another as a range.
fn ranges(numbers: &BTreeSet<u16>) -> String {
    let mut found: Vec<(u16, u16)> = Vec::new();
    for &number in numbers {
        match found.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => found.push((number, number)),
        }
    }
    let word = |(first, last): (u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    found.into_iter().map(word).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vlans(mode: Option<VlanMode>, tag: Option<u16>, trunks: &[u16]) -> OvsVlans {
        OvsVlans::of(mode, tag, trunks.iter().copied().collect())
    }

    #[test]
    fn what_does_the_same_is_equal() {
        assert_eq!(vlans(None, Some(7), &[8]), vlans(Some(VlanMode::Access), Some(7), &[]));
        assert_eq!(vlans(Some(VlanMode::Trunk), Some(7), &[8]), vlans(None, None, &[8]));
        assert_eq!(vlans(Some(VlanMode::NativeTagged), None, &[8]).tag, Some(0));
        assert_ne!(vlans(Some(VlanMode::NativeTagged), Some(7), &[8]), vlans(None, Some(7), &[]));
        assert_ne!(OvsVlans::of_new_port(), vlans(None, Some(0), &[]));
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for mode in VlanMode::ALL {
            for trunks in [&[][..], &[5, 6, 7, 9]] {
                let one = vlans(Some(mode), Some(7), trunks);
                let (mode, tag, trunks) = one.columns();
                assert_eq!(OvsVlans::of(mode, tag, trunks.clone()), one);
                let text = serde_json::to_string(&PortVlans::Ovs(one.clone())).unwrap();
                assert_eq!(serde_json::from_str::<PortVlans>(&text).unwrap(), PortVlans::Ovs(one));
            }
        }
        let linux = PortVlans::Linux(Vlans::of_new_port());
        let text = serde_json::to_string(&linux).unwrap();
        assert_eq!(serde_json::from_str::<PortVlans>(&text).unwrap(), linux);
        for bridge in ["\"br0\"", "{\"ovs\":\"br-int\"}"] {
            let read: BridgeName = serde_json::from_str(bridge).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), bridge);
        }
    }

    #[test]
    fn vlans_are_told_in_the_words_of_the_database() {
        let words = [
            (vlans(None, Some(7), &[]), "tag 7"),
            (vlans(None, None, &[]), "all trunks"),
            (vlans(None, None, &[1, 2, 3, 5]), "trunks 1-3, 5"),
            (vlans(Some(VlanMode::NativeUntagged), Some(7), &[8]), "tag 7 native-untagged, trunks 8"),
            (vlans(Some(VlanMode::Dot1qTunnel), Some(7), &[8]), "tag 7 dot1q-tunnel"),
        ];
        for (vlans, text) in words {
            assert_eq!(vlans.to_string(), text);
        }
    }

    #[test]
    fn a_file_says_tag_trunks_or_both() {
        let range = |from, to| Some(NumberRange { from, to });
        assert_eq!(OvsVlans::wanted(None, None), None);
        assert_eq!(OvsVlans::wanted(Some(7), None), Some(vlans(None, Some(7), &[])));
        assert_eq!(OvsVlans::wanted(None, range(8, 9)), Some(vlans(None, None, &[8, 9])));
        for (tag, trunks) in [(Some(7), None), (None, range(8, 9)), (Some(7), range(8, 9))] {
            assert_eq!(OvsVlans::wanted(tag, trunks).unwrap().words(), Some((tag, trunks)));
        }
        assert_eq!(OvsVlans::of_new_port().words(), Some((None, None)));
        for other in [
            vlans(None, Some(0), &[]),
            vlans(None, None, &[1, 3]),
            vlans(Some(VlanMode::NativeTagged), Some(7), &[8]),
            vlans(Some(VlanMode::NativeUntagged), Some(7), &[]),
        ] {
            assert_eq!(other.words(), None, "{other}");
        }
        let both = OvsVlans::wanted(Some(7), range(8, 9)).unwrap();
        assert_eq!(both.to_string(), "tag 7 native-untagged, trunks 8-9");
    }
}
