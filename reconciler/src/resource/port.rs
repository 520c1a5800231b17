//! The VLANs of a bridge's port.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a port does with the frames of a VLAN.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct VlanFlags {
    /// Untagged frames that come in belong to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pvid: bool,
    /// Its frames go out without a tag.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untagged: bool,
}

/// All VLANs of a port, by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct Vlans(pub BTreeMap<u16, VlanFlags>);

/// Keys of JSON objects are text, and what is read as a part of something else keeps them so: a list has numbers.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
struct Entry {
    id: u16,
    #[serde(flatten)]
    flags: VlanFlags,
}

impl From<Vec<Entry>> for Vlans {
    fn from(entries: Vec<Entry>) -> Self {
        Self(entries.into_iter().map(|entry| (entry.id, entry.flags)).collect())
    }
}

impl From<Vlans> for Vec<Entry> {
    fn from(vlans: Vlans) -> Self {
        vlans.0.into_iter().map(|(id, flags)| Entry { id, flags }).collect()
    }
}

impl Vlans {
    /// What a new port has: VLAN 1, without a tag (`br_vlan_init` and `nbp_vlan_init` in `net/bridge/br_vlan.c`).
    #[must_use]
    pub fn of_new_port() -> Self {
        Self(BTreeMap::from([(1, VlanFlags { pvid: true, untagged: true })]))
    }

    /// Neighbours with the same flags as one range, by its first and last.
    #[must_use]
    pub fn ranges(&self) -> Vec<(u16, u16, VlanFlags)> {
        let mut ranges: Vec<(u16, u16, VlanFlags)> = Vec::new();
        for (&id, &flags) in &self.0 {
            match ranges.last_mut() {
                Some((_, last, of_range)) if *last + 1 == id && *of_range == flags => *last = id,
                _ => ranges.push((id, id, flags)),
            }
        }
        ranges
    }
}

impl fmt::Display for Vlans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges = self.ranges();
        if ranges.is_empty() {
            return f.write_str("none");
        }
        for (at, (first, last, flags)) in ranges.into_iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            f.write_str(if flags.pvid { " pvid" } else { "" })?;
            f.write_str(if flags.untagged { " untagged" } else { "" })?;
        }
        Ok(())
    }
}
