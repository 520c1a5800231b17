//! The uplink of a parent. What happens to it is felt by all on the parent.

use subdevcfg_compiler::catalogue::Impact;

use super::NoteKind;
use super::lane::Step;
use super::parent::Planner;
use crate::kernel::{Effect, Request};
use crate::reason::Reason;
use crate::resource::{Setting, Settings, Subject, UplinkAttribute, UplinkSetting};
use crate::rules::Stage;
use crate::state::Uplink;

/// The requests that make a new uplink as it was found.
pub(super) fn restore(subject: &Subject, found: Option<&Uplink>) -> Vec<(Request, Option<Effect>)> {
    let fresh: Settings = Uplink::new().settings().collect();
    let settings = found.into_iter().flat_map(Uplink::settings).filter(|setting| !fresh.has(setting));
    settings.map(|setting| (Request::Set { subject: subject.clone(), setting }, None)).collect()
}

impl Planner<'_, '_> {
    pub(super) fn uplink(&mut self) {
        let wanted = self.wanted();
        let wanted: Settings =
            wanted.into_iter().filter(|setting| matches!(setting, Setting::Uplink(_))).collect();
        let Some(now) = self.now.as_ref().and_then(|parent| parent.uplink.clone()) else {
            let is_plain = self.origin.is_some_and(|parent| parent.without_devlink);
            if wanted.iter().next().is_some() && !is_plain {
                let text =
                    "its network interface is not to be seen here: what the file says of it is left alone";
                self.draft.note(NoteKind::Withheld, format!("{}.uplink", self.desired.address), text);
            }
            return;
        };
        self.check_offload(&wanted);
        let is_new = self.lane.parent.iter().any(|step| step.stage == Stage::MakeParent);
        let origin = self.origin.and_then(|parent| parent.uplink.as_ref()).filter(|_| !is_new);
        let was_reset = origin != Some(&now);
        let mut target: Settings = origin.unwrap_or(&now).settings().collect();
        target.extend(wanted.iter().cloned());
        let found: Settings = now.settings().collect();
        for setting in wanted.iter().filter(|setting| found.has(setting)) {
            self.comes_by_itself(setting.clone());
        }
        for setting in target.into_iter().filter(|setting| !found.has(setting)) {
            let is_wanted = wanted.get(&setting.attribute()).is_some();
            let mut step: Step = self.set(setting.clone(), &found);
            if origin.is_some_and(|origin| origin.settings().any(|known| known == setting)) {
                let asked = if is_wanted { step.reason } else { Reason::default() };
                step.reason = Reason { text: Some("comes back as it was".to_owned()), ..asked };
                step.before = None;
            }
            // Nobody uses an uplink that is down, and the step that reset it carries the price.
            if was_reset || setting == Setting::Uplink(UplinkSetting::Up(true)) {
                step.impact = Impact::None;
            }
            if was_reset {
                step.undo.clear();
            }
            self.lane.parent.push(step);
        }
    }

    fn check_offload(&mut self, wanted: &Settings) {
        let Some(origin) = self.origin.filter(|origin| origin.volatile.0.offload_is_fixed) else { return };
        let found = origin.uplink.as_ref().and_then(|uplink| uplink.hw_tc_offload);
        let asked = wanted.iter().find_map(|setting| match setting {
            Setting::Uplink(UplinkSetting::HwTcOffload(on)) => Some(*on),
            _ => None,
        });
        if let (Some(found), Some(asked)) = (found, asked)
            && found != asked
        {
            let word = UplinkAttribute::HwTcOffload;
            let text = format!("the driver of the uplink has {word} {found} and lets nobody change it");
            self.draft.refuse(&self.desired.address, text);
        }
    }
}
