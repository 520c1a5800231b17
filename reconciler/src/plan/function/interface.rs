//! The interfaces of a function: names, MTU, up or down, and the bridge that a representor is a port of.

use subdevcfg_compiler::catalogue::Impact;

use super::{Context, Now, Target, differing};
use crate::kernel::Request;
use crate::plan::bridges;
use crate::plan::lane::Step;
use crate::plan::places::{self, Place};
use crate::reason::Reason;
use crate::resource::{Attribute, Setting, Side};
use crate::rules::{self, NEW_INTERFACE_MTU, Needs, Stage};
use crate::state::Function;

impl Context<'_> {
    /// The steps of one interface; those so far are in `steps`.
    pub(super) fn interface(
        &self,
        found: Option<&Function>,
        now: &Now,
        target: &Target,
        side: Side,
        steps: &mut Vec<Step>,
    ) {
        let changed: Vec<&Setting> =
            differing(target, now).filter(|setting| setting.attribute().side() == Some(side)).collect();
        // An interface that this plan brings about is down, and nobody uses it.
        let lives = self.origin.is_some()
            && found.is_some_and(|found| found.interface(side).is_some())
            && !steps.iter().any(|step| takes_interface(step, side));
        let up = Setting::Up(side, true);
        let rename = changed.iter().any(|setting| matches!(setting, Setting::Name(..)));
        let moves = changed.iter().any(|setting| matches!(setting, Setting::Bridge(_)));
        let vlans =
            (side == Side::Representor).then(|| bridges::vlans_to_write(target, now, moves)).flatten();
        let changed: Vec<&Setting> = changed
            .into_iter()
            .filter(|setting| setting.attribute() != Attribute::Vlans)
            .chain(vlans)
            .collect();
        let must_be_down = lives && rename && now.settings.has(&up) && self.rename_needs_down(side);
        // Set down for the rename, an interface that is to be down stays so.
        let changed: Vec<&Setting> = changed
            .into_iter()
            .filter(|setting| !(must_be_down && matches!(setting, Setting::Up(..))))
            .collect();
        let because = rules::for_attribute(&self.subject(), &Attribute::Name(side), self.catalogue).because;
        let mut interface_steps = Vec::new();
        if must_be_down {
            let mut step = self.set(Stage::InterfaceDown, now, Setting::Up(side, false));
            step.reason = Reason::forced(because);
            interface_steps.push(step);
        }
        for setting in &changed {
            let rule = rules::for_attribute(&self.subject(), &setting.attribute(), self.catalogue);
            let mut step = self.set(rule.stage, now, (*setting).clone());
            if let Setting::Name(_, name) = setting {
                step.frees =
                    self.origin.map_or_else(Vec::new, |origin| places::left_for(origin, side, name.as_str()));
                if step.undo.is_empty() {
                    step.undo.extend(self.kernel_name(side).map(|request| (request, None)));
                }
            }
            if moves && matches!(setting, Setting::Bridge(_) | Setting::Vlans(_)) {
                self.undo_of_move(&mut step);
            }
            interface_steps.push(step);
        }
        if must_be_down && target.settings.has(&up) {
            let mut step = self.set(Stage::InterfaceUp, now, up);
            step.reason = Reason::forced(because);
            // Undone, it makes way for the undo of the new name.
            step.undo =
                vec![(Request::Set { subject: self.subject(), setting: Setting::Up(side, false) }, None)];
            interface_steps.push(step);
        }
        for mut step in interface_steps {
            if !lives {
                step.impact = Impact::None;
                step.undo.clear();
            }
            steps.push(step);
        }
    }

    /// The names that one of the interfaces has as the apply begins.
    pub(super) fn places_of(&self, side: Side) -> Vec<Place> {
        self.origin.map_or_else(Vec::new, |origin| places::of_interface(origin, side))
    }

    /// The request that gives an interface the name back that the kernel had chosen.
    fn kernel_name(&self, side: Side) -> Option<Request> {
        let found = self.origin?.interface(side)?;
        let setting = Setting::Name(side, found.volatile.0.name.parse().ok()?);
        Some(Request::Set { subject: self.subject(), setting })
    }

    fn rename_needs_down(&self, side: Side) -> bool {
        match rules::for_attribute(&self.subject(), &Attribute::Name(side), self.catalogue).needs {
            Needs::InterfaceDownBefore(major, minor) => {
                rules::kernel_is_before(self.kernel_release, major, minor)
            }
            _ => false,
        }
    }
}

/// The netdev has gone with what ran it, and comes back as a new one.
pub(super) fn lose_netdev(now: &mut Now) {
    now.settings.retain(|attribute| *attribute != Attribute::Name(Side::Netdev));
    now.settings.extend(new_interface(Side::Netdev));
}

/// What an interface is that nobody has set up yet.
pub(in crate::plan) fn new_interface(side: Side) -> impl Iterator<Item = Setting> {
    let bridge = (side == Side::Representor).then_some(Setting::Bridge(None));
    [Setting::Mtu(side, NEW_INTERFACE_MTU), Setting::Up(side, false)].into_iter().chain(bridge)
}

fn takes_interface(step: &Step, side: Side) -> bool {
    match step.stage {
        Stage::Create => true,
        Stage::Stop | Stage::Activate | Stage::LateReload | Stage::EarlyReload => side == Side::Netdev,
        _ => false,
    }
}
