//! What is to be: the compiler's model in the reconciler's vocabulary, each attribute with the place that asks for it.

mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_compiler::model::{Match, MdevType, Sourced};
use subdevcfg_compiler::values::{BridgeKind, InterfaceName, MacAddr, Owner, VersionSet};

use crate::reason::Reason;
use crate::resource::{Attribute, FunctionId, Setting, Settings, Subject};
use crate::state::SoftSpec;

/// A host as it is to be.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// Its parents, by address.
    pub parents: Vec<DesiredParent>,
    /// The bridges of the host.
    pub bridges: Vec<DesiredBridge>,
    /// The places of the file that are for hosts with another kernel.
    pub for_other_kernels: Vec<String>,
    /// What is known of drivers beside what the program knows.
    pub catalogues: Vec<Arc<Catalogue>>,
}

/// A parent as it is to be.
#[derive(Debug, Clone)]
pub struct DesiredParent {
    /// The parent. Of one that is looked for, nothing is at this handle: it takes the place of one.
    pub subject: Subject,
    /// What it is looked for by, if the file does not name it by its handle and nobody has found it yet.
    pub wants: Option<Wants>,
    /// What it must offer.
    pub required: Required,
    /// Its address, as in the file.
    pub address: String,
    /// What is known of its driver.
    pub catalogue: Option<Arc<Catalogue>>,
    /// The driver that the file names.
    pub driver: Option<String>,
    /// Whether the host is reached over it, where the file says.
    pub lifeline: Option<bool>,
    /// Numbers of subfunctions of which none stays that no file names, both ends among them.
    pub exclusive: Option<(u32, u32)>,
    /// How to make it, if it is made in software.
    pub create: Option<SoftSpec>,
    /// What others may change of a parent that is there.
    pub left: LeftToOthers,
    /// Its attributes.
    pub wanted: Wanted,
    /// The nodes of its tree of rates.
    pub rate_nodes: Vec<DesiredRateNode>,
    /// The vDPA devices that it manages.
    pub vdpas: Vec<DesiredVdpa>,
    /// Its functions.
    pub functions: Vec<DesiredFunction>,
}

impl DesiredParent {
    /// A parent with these attributes, of which nothing else is said.
    #[must_use]
    pub fn with(subject: Subject, address: String, wanted: Wanted) -> Self {
        Self {
            subject,
            address,
            wanted,
            wants: None,
            required: Required::default(),
            catalogue: None,
            driver: None,
            lifeline: None,
            exclusive: None,
            create: None,
            left: LeftToOthers::default(),
            rate_nodes: Vec::new(),
            vdpas: Vec::new(),
            functions: Vec::new(),
        }
    }
}

/// What a device is looked for by: all that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wants {
    /// The slot that the PCI device is in.
    pub pci_slot: Option<String>,
    /// The serial number of the board.
    pub board_serial: Option<String>,
    /// The number of the physical port.
    pub port: Option<u32>,
    /// The permanent address of the uplink.
    pub mac: Option<MacAddr>,
    /// The driver.
    pub driver: Option<String>,
    /// The name of the uplink.
    pub netdev: Option<String>,
}

impl Wants {
    fn of(wanted: &Match) -> Self {
        fn value<T: Clone>(sourced: Option<&Sourced<T>>) -> Option<T> {
            sourced.map(|sourced| sourced.value.clone())
        }
        Self {
            pci_slot: value(wanted.pci_slot.as_ref()),
            board_serial: value(wanted.board_serial.as_ref()),
            port: value(wanted.port.as_ref()),
            mac: value(wanted.mac.as_ref()),
            driver: value(wanted.driver.as_ref()),
            netdev: wanted.netdev.as_ref().map(|name| name.value.to_string()),
        }
    }
}

impl fmt::Display for Wants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            self.pci_slot.as_ref().map(|slot| format!("pci-slot={slot}")),
            self.board_serial.as_ref().map(|serial| format!("board-serial={serial}")),
            self.port.map(|port| format!("port={port}")),
            self.mac.map(|mac| format!("mac={mac}")),
            self.driver.as_ref().map(|driver| format!("driver={driver}")),
            self.netdev.as_ref().map(|netdev| format!("netdev={netdev}")),
        ];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

/// What a device must offer before anything is done on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Required {
    /// Room for so many subfunctions.
    pub sf_capacity: Option<u32>,
    /// Room for so many VFs.
    pub vf_capacity: Option<u32>,
    /// Firmware of one of these versions.
    pub firmware: Option<VersionSet>,
}

/// A bridge as it is to be. One of Open vSwitch is others': nothing makes it, and it has no attributes.
#[derive(Debug, Clone)]
pub struct DesiredBridge {
    /// The bridge.
    pub subject: Subject,
    /// Its name.
    pub name: InterfaceName,
    /// What it is made of.
    pub kind: BridgeKind,
    /// Its address.
    pub address: String,
    /// Its attributes.
    pub wanted: Wanted,
}

/// A rate node as it is to be.
#[derive(Debug, Clone)]
pub struct DesiredRateNode {
    /// The node.
    pub subject: Subject,
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// Its attributes.
    pub wanted: Wanted,
}

/// A vDPA device as it is to be.
#[derive(Debug, Clone)]
pub struct DesiredVdpa {
    /// The device.
    pub subject: Subject,
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// Its attributes.
    pub wanted: Wanted,
}

/// A function as it is to be: there, and with these attributes.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the language of its own")]
pub struct DesiredFunction {
    /// The function.
    pub subject: Subject,
    /// Its identity.
    pub id: FunctionId,
    /// The other side of the device makes it, and takes it away.
    pub external: bool,
    /// Its address.
    pub address: String,
    /// The type, for a mediated device.
    pub mdev_type: Option<MdevType>,
    /// The index of the VF that is to carry it, of a mediated device that is not on the parent itself.
    pub on_vf: Option<u32>,
    /// It must not be there, and none of what follows counts.
    pub absent: bool,
    /// It is to run; files ask for nothing else.
    pub active: bool,
    /// Whether a VF is to be bound to a driver, where something but its attributes tells: how an apply found it.
    pub bound: Option<bool>,
    /// Nothing may restart or remove it.
    pub protect: bool,
    /// What others may change once it is there.
    pub left: LeftToOthers,
    /// Its attributes.
    pub wanted: Wanted,
}

/// Attributes that belong to others once their subject is there: what these make of them is accepted.
#[derive(Debug, Clone, Default)]
pub struct LeftToOthers {
    /// Paths, each with its owner in words.
    paths: Vec<(String, String)>,
    /// Who has the function itself, by `hand-over`.
    to: Option<Owner>,
}

impl LeftToOthers {
    /// Whether the function's netdev is somebody's who is not to be disturbed.
    #[must_use]
    pub fn netdev(&self) -> bool {
        self.to.is_some_and(Owner::has_netdev)
    }

    /// Who has an attribute, in words; by its path below the subject (`rate.tx-max`), or by that of what holds it
    /// (`rate-node[gold]`).
    #[must_use]
    pub fn owner(&self, path: &str) -> Option<&str> {
        let holds =
            |held: &str| path.strip_prefix(held).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let owner = self.paths.iter().find(|(held, _)| holds(held)).map(|(_, owner)| owner.as_str());
        // The VLANs are those of the bridge.
        owner.or_else(|| (path == "representor.vlans").then(|| self.owner("representor.bridge")).flatten())
    }

    /// The settings of a subject without those that others have.
    #[must_use]
    pub fn ours(&self, subject: &Subject, settings: &Settings) -> Settings {
        let is_ours =
            |setting: &&Setting| self.owner(&subject.attribute_path(&setting.attribute())).is_none();
        settings.iter().filter(is_ours).cloned().collect()
    }
}

/// Why an optional parameter is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// The device does not have it, or not with that cmode.
    NotThere,
    /// Its driver has it on these kernels only.
    OtherKernel(String),
    /// Nobody knows before the instance is there.
    NotKnownYet,
}

/// Attributes with the reason for each.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The values.
    pub settings: Settings,
    /// The place that asks for the subject itself.
    pub reason: Reason,
    /// The attributes that are written in the order of the file.
    pub order: Vec<Attribute>,
    /// Parameters that a device may do without.
    pub optional: BTreeSet<Attribute>,
    /// Those of them that a plan does without, and why.
    pub left_out: BTreeMap<Attribute, Lack>,
    reasons: BTreeMap<Attribute, Reason>,
}

impl Wanted {
    const fn new(reason: Reason) -> Self {
        Self::all(Settings::new(), reason)
    }

    /// These settings, all for the same reason.
    #[must_use]
    pub const fn all(settings: Settings, reason: Reason) -> Self {
        Self {
            settings,
            reason,
            order: Vec::new(),
            optional: BTreeSet::new(),
            left_out: BTreeMap::new(),
            reasons: BTreeMap::new(),
        }
    }

    fn add(&mut self, setting: Setting, reason: Reason) {
        self.reasons.insert(setting.attribute(), reason);
        self.settings.set(setting);
    }

    /// Takes the optional attributes out that are lacking.
    pub fn leave_out(&mut self, lack: impl Fn(&Attribute) -> Option<Lack>) {
        self.left_out = self.optional.iter().filter_map(|it| Some((it.clone(), lack(it)?))).collect();
        self.settings.retain(|attribute| !self.left_out.contains_key(attribute));
    }

    /// Why an attribute is as it is; the subject's own reason for those that nobody asked for.
    #[must_use]
    pub fn why(&self, attribute: &Attribute) -> &Reason {
        self.reasons.get(attribute).unwrap_or(&self.reason)
    }
}
