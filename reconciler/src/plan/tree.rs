//! What takes the tree of rates along: VFs, functions, and a driver that makes nodes itself.

use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_compiler::values::EswitchMode;

use super::parent::Planner;
use super::rates::{above, downwards};
use super::vfs;
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::resource::{Attribute, FunctionId, Setting, Settings};
use crate::state::{Function, Rates};

impl Planner<'_, '_> {
    /// Whether the driver makes rate nodes itself.
    pub(super) fn makes_nodes(&self) -> bool {
        self.catalogue.is_some_and(|known| known.driver_rate_nodes.is_some())
    }

    /// Without functions there are no rate nodes where the driver makes its own ones.
    pub(super) fn nodes_without_functions(&mut self) {
        if self.makes_nodes() && self.now.as_ref().is_some_and(|now| now.functions.is_empty()) {
            self.take_rate_nodes(&Reason::forced("with the last function all rate nodes go"));
        }
    }

    /// What is left of places in the tree once the nodes are gone (`devl_rate_nodes_destroy`). Of a function that nobody
    /// brings back to its place somebody has to know.
    pub(super) fn leafs_come_to_the_top(&mut self) {
        let Some(now) = &mut self.now else { return };
        let leafs = now.functions.iter_mut().filter_map(|function| function.rates.as_mut());
        leafs.for_each(|leaf| leaf.parent = None);
    }

    /// The places in the tree of functions that stay while its nodes go and come back.
    pub(super) fn restore_leafs(&self) -> Vec<(Request, Option<Effect>)> {
        let leafs = self.present().iter().filter(|function| !vfs::is_own(&function.id));
        let below =
            leafs.filter(|function| function.rates.as_ref().is_some_and(|leaf| leaf.parent.is_some()));
        let restored = below.flat_map(|function| {
            let top = function.rates.clone().map(|leaf| Rates { parent: None, ..leaf });
            self.restore_function(function, Some(&Function { rates: top, ..function.clone() }))
        });
        restored.collect()
    }

    /// What takes rate nodes away that are made because VFs come: of drivers that make nodes themselves they are deleted
    /// after the VFs that are below them are gone, unless they go with these.
    pub(super) fn nodes_that_come_with_vfs(&self) -> Vec<(Request, Option<Effect>)> {
        let Some(now) = self.now.as_ref().filter(|now| self.makes_nodes() && !now.functions.is_empty())
        else {
            return Vec::new();
        };
        let named = self.desired.rate_nodes.iter();
        let new = named.filter(|node| !now.rate_nodes.contains_key(&node.name));
        let places = new.map(|node| (node.name.as_str(), node.wanted.settings.iter().find_map(above)));
        let parent = &self.desired.subject.parent;
        let delete = |name: &str| Request::DeleteRateNode { parent: parent.clone(), name: name.to_owned() };
        downwards(places).into_iter().rev().map(|name| (delete(name), None)).collect()
    }

    /// Whether all rate nodes go with the VFs: of all drivers that say so, and with the last function of one that makes
    /// nodes itself. With a switch of the mode all others go as well.
    pub(super) fn nodes_end_with_vfs(&self) -> bool {
        let only_vfs = || self.present().iter().all(|function| vfs::is_own(&function.id));
        self.mode() == Some(EswitchMode::Switchdev)
            && (self.vf_manners().nodes_end_with_vfs
                || self.makes_nodes() && (self.mode_switches() || only_vfs()))
    }

    /// A function that nobody named loses its place in the tree with the nodes, and nobody brings it back.
    pub(super) fn refuse_to_lose_places(&mut self) {
        let is_below =
            |function: &&Function| function.rates.as_ref().is_some_and(|leaf| leaf.parent.is_some());
        let lost = self.present().iter().filter(is_below).map(|function| function.id.clone());
        let lost: Vec<FunctionId> =
            lost.filter(|id| !vfs::is_own(id) && !id.is_made_elsewhere() && self.is_unmanaged(id)).collect();
        for id in lost {
            let text = format!(
                "{} is below a rate node that goes with the VFs, and is not subdevcfg's: name it, or move it by hand",
                self.of_function(&id)
            );
            self.draft.refuse(&self.desired.address, text);
        }
    }
}

/// Leaves out what of a function's rates is the driver's: the place in the tree that it chose for a leaf, and will choose
/// for a new one, and the leaf of a subfunction as below.
pub(crate) fn leave_drivers_choice(settings: &mut Settings, id: &FunctionId, catalogue: Option<&Catalogue>) {
    leave_drivers_leaf(settings, id, catalogue);
    if let Some(Setting::RateParent(Some(above))) = settings.get(&Attribute::RateParent)
        && catalogue.is_some_and(|known| known.makes_rate_node(above))
    {
        settings.retain(|attribute| *attribute != Attribute::RateParent);
    }
}

/// Leaves out the leaf of a subfunction where nobody can rely on it.
pub(super) fn leave_drivers_leaf(settings: &mut Settings, id: &FunctionId, catalogue: Option<&Catalogue>) {
    let is_sf = matches!(id, FunctionId::Sf { .. });
    if is_sf && catalogue.and_then(|known| known.rate).is_some_and(|rate| !rate.of_sfs) {
        settings.retain(|attribute| !attribute.is_rate());
    }
}
