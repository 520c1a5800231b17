//! Addresses: the stable names of everything a host file describes, `DEVICE#SUBDEVICE.PART.ATTRIBUTE`.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::values::Cmode;

/// The name of a device, a subdevice, or a part or attribute of one. Addresses sort in the order plans show them:
/// the device's own attributes before its subdevices.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    device: String,
    subdevice: Option<String>,
    part: Option<Part>,
}

/// The part of a device or subdevice that an address names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `create`, and its attributes (soft parents).
    Create(Option<&'static str>),
    /// `eswitch` and its attributes.
    Eswitch(Option<&'static str>),
    /// `mdev.attr[NAME]`; of the second of that name on, `mdev.attr[NAME][2]`.
    Attr(String, u32),
    /// `function` and its attributes.
    Function(Option<&'static str>),
    /// `param[NAME,CMODE]`.
    Param(String, Cmode),
    /// `rate` and its attributes.
    Rate(Option<&'static str>),
    /// `rate-node[NAME]`.
    RateNode(String),
    /// `vdpa[NAME]`.
    Vdpa(String),
    /// An attribute of a vDPA device, which stands below the address of that.
    VdpaAttribute(&'static str),
    /// `uplink` and its attributes.
    Uplink(Option<&'static str>),
    /// `vfs`: the number of VFs.
    Vfs,
    /// `vlan-filtering`, of a bridge.
    VlanFiltering,
    /// `bind`: the driver.
    Bind,
    /// `legacy` and its attributes.
    Legacy(Option<&'static str>),
    /// `netdev` and its attributes.
    Netdev(Option<&'static str>),
    /// `representor` and its attributes.
    Representor(Option<&'static str>),
}

impl Address {
    /// The address of a device, as the file writes it.
    pub fn device(name: impl Into<String>) -> Self {
        Self { device: name.into(), subdevice: None, part: None }
    }

    /// The address of a bridge of the host.
    #[must_use]
    pub fn bridge(name: &str) -> Self {
        Self::device(format!("bridge[{name}]"))
    }

    /// The address of a subdevice of this device.
    #[must_use]
    pub fn subdevice(&self, name: impl Into<String>) -> Self {
        Self { device: self.device.clone(), subdevice: Some(name.into()), part: None }
    }

    /// The address of a part or attribute of this device or subdevice.
    #[must_use]
    pub fn part(&self, part: Part) -> Self {
        Self { device: self.device.clone(), subdevice: self.subdevice.clone(), part: Some(part) }
    }

    /// The device, as the file writes it.
    #[must_use]
    pub fn device_name(&self) -> &str {
        &self.device
    }

    /// The subdevice, if the address is of one or of a part of one.
    #[must_use]
    pub fn subdevice_name(&self) -> Option<&str> {
        self.subdevice.as_deref()
    }

    /// The part, if the address names one.
    #[must_use]
    pub const fn part_name(&self) -> Option<&Part> {
        self.part.as_ref()
    }

    /// The device or subdevice that this address belongs to: itself without its part.
    #[must_use]
    pub fn owner(&self) -> Self {
        Self { device: self.device.clone(), subdevice: self.subdevice.clone(), part: None }
    }

    /// Whether this address is `scope` or lies below it.
    #[must_use]
    pub fn is_within(&self, scope: &Self) -> bool {
        self.device == scope.device
            && (scope.subdevice.is_none() || self.subdevice == scope.subdevice)
            && (scope.part.is_none() || self.part == scope.part)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.device)?;
        if let Some(subdevice) = &self.subdevice {
            write!(f, "#{subdevice}")?;
        }
        if let Some(part) = &self.part {
            write!(f, ".{part}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, attribute) = match self {
            Self::Param(name, cmode) => return write!(f, "param[{name},{cmode}]"),
            Self::RateNode(name) => return write!(f, "rate-node[{name}]"),
            Self::Vdpa(name) => return write!(f, "vdpa[{name}]"),
            Self::VdpaAttribute(word) => return f.write_str(word),
            Self::Attr(name, 0) => return write!(f, "mdev.attr[{name}]"),
            Self::Attr(name, nth) => return write!(f, "mdev.attr[{name}][{}]", nth + 1),
            Self::Vfs => return f.write_str("vfs"),
            Self::VlanFiltering => return f.write_str("vlan-filtering"),
            Self::Bind => return f.write_str("bind"),
            Self::Uplink(attribute) => ("uplink", attribute),
            Self::Legacy(attribute) => ("legacy", attribute),
            Self::Create(attribute) => ("create", attribute),
            Self::Eswitch(attribute) => ("eswitch", attribute),
            Self::Function(attribute) => ("function", attribute),
            Self::Rate(attribute) => ("rate", attribute),
            Self::Netdev(attribute) => ("netdev", attribute),
            Self::Representor(attribute) => ("representor", attribute),
        };
        f.write_str(word)?;
        attribute.map_or(Ok(()), |attribute| write!(f, ".{attribute}"))
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
