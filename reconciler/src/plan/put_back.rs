//! `destroy` on a parent that stays: what subdevcfg changed goes back to what it found, by the same rules by which a host
//! file is planned, as if one asked for that.

use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_compiler::model::MdevType;
use subdevcfg_compiler::values::DevlinkHandle;

use super::lane::{Draft, Lane};
use super::parent::{self, Planner};
use super::removal::found_before;
use crate::desired::{DesiredFunction, DesiredParent, DesiredRateNode, DesiredVdpa, LeftToOthers, Wanted};
use crate::reason::Reason;
use crate::resource::Subject;
use crate::state::Parent;

/// Plans it.
pub(super) fn destroy(
    draft: &mut Draft<'_>,
    handle: &DevlinkHandle,
    catalogue: Option<&Catalogue>,
    in_scope: &dyn Fn(&Subject) -> bool,
) -> Lane {
    let Some(parent) = draft.input.state.parents.get(handle) else { return Lane::default() };
    let desired = as_found(draft, handle, parent, in_scope);
    let mut planner = Planner::new(draft, &desired, Some(parent), catalogue);
    planner.undoing = Some(in_scope);
    parent::steps(&mut planner);
    planner.lane
}

/// The parent as it was before: subjects that subdevcfg took up or changed with the values that it found, those that it
/// made absent by not being named.
fn as_found(
    draft: &mut Draft<'_>,
    handle: &DevlinkHandle,
    parent: &Parent,
    in_scope: &dyn Fn(&Subject) -> bool,
) -> DesiredParent {
    let subject = Subject::parent(handle.clone());
    let record = draft.input.record;
    let mut changed = record.known();
    changed.retain(|known| known.parent == *handle && in_scope(known) && !record.made.contains_key(*known));
    let mut wanted = |subject: &Subject| {
        let reason = Reason::forced("the value that subdevcfg found");
        let before = if in_scope(subject) { found_before(draft, subject) } else { Vec::new() };
        Wanted::all(before.into_iter().collect(), reason)
    };
    let functions = changed.iter().filter_map(|subject| {
        let id = subject.function_id()?.clone();
        let found = parent.function(&id)?;
        Some(DesiredFunction {
            subject: (*subject).clone(),
            address: record.address_or_kind(subject),
            mdev_type: found.mdev_type.clone().map(MdevType::Directory),
            on_vf: found.on_vf,
            absent: false,
            active: found.active,
            bound: None,
            protect: record.protected.contains_key(*subject),
            left: LeftToOthers::default(),
            wanted: wanted(subject),
            external: id.is_made_elsewhere(),
            id,
        })
    });
    let functions: Vec<DesiredFunction> = functions.collect();
    let rate_nodes = changed.iter().filter_map(|subject| {
        let name = subject.rate_node_name().filter(|name| parent.rate_nodes.contains_key(*name))?;
        Some(DesiredRateNode {
            subject: (*subject).clone(),
            name: name.to_owned(),
            address: record.address_or_kind(subject),
            wanted: wanted(subject),
        })
    });
    let rate_nodes = rate_nodes.collect();
    let vdpas = changed.iter().filter_map(|subject| {
        let name = subject.vdpa_name().filter(|name| parent.vdpa.contains_key(*name))?;
        Some(DesiredVdpa {
            subject: (*subject).clone(),
            name: name.to_owned(),
            address: record.address_or_kind(subject),
            wanted: wanted(subject),
        })
    });
    let vdpas = vdpas.collect();
    let wanted = wanted(&subject);
    DesiredParent { rate_nodes, vdpas, functions, ..DesiredParent::with(subject, handle.to_string(), wanted) }
}

impl Planner<'_, '_> {
    /// Why what subdevcfg made is taken away.
    pub(super) fn why_it_goes(&self) -> Reason {
        Reason::forced(if self.undoing.is_some() {
            "subdevcfg made it"
        } else {
            "subdevcfg made it, and the file does not name it any more"
        })
    }
}
