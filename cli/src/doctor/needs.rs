//! What a host file needs of its host.

use std::collections::{BTreeMap, BTreeSet};

use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::resource::{Setting, Settings};
use subdevcfg_reconciler::rules;

/// What a host file needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// It makes mediated devices.
    pub mdevs: bool,
    /// It makes parents in software, on these buses.
    pub soft_buses: BTreeSet<String>,
    /// It has Linux bridges.
    pub bridges: bool,
    /// The drivers that it binds VFs to.
    pub drivers: BTreeSet<String>,
    /// Attributes that the oldest supported kernel does not have, with the kernel that each came with.
    pub newer: BTreeMap<String, (u32, u32)>,
}

impl Needs {
    /// What is needed for this.
    pub fn of(desired: &Desired) -> Self {
        let mut needs = Self { bridges: !desired.bridges.is_empty(), ..Self::default() };
        for parent in &desired.parents {
            if parent.create.is_some() {
                needs.soft_buses.insert(parent.subject.parent.bus().to_owned());
            }
            let nodes = parent.rate_nodes.iter().map(|node| &node.wanted.settings);
            let functions = parent.functions.iter().map(|function| &function.wanted.settings);
            let vdpas = parent.vdpas.iter().map(|vdpa| &vdpa.wanted.settings);
            for setting in nodes.chain(functions).chain(vdpas).flat_map(Settings::iter) {
                let attribute = setting.attribute();
                if let Some(version) = rules::since(&attribute) {
                    needs.newer.insert(attribute.to_string(), version);
                }
                if let Setting::Bind(Some(driver)) = setting {
                    needs.drivers.insert(driver.clone());
                }
            }
            needs.mdevs |= parent.functions.iter().any(|function| function.id.is_mdev());
        }
        needs
    }
}
