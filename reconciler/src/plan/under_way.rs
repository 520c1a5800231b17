//! Functions whose driver is on its way: it comes to one that was started, and lets go of one that was stopped, some time after
//! the request. An apply that finds one so waits for that before it goes on.

use subdevcfg_compiler::catalogue::ParamsBefore;

use super::function::{Context, Now, Target, differing};
use super::lane::Step;
use crate::kernel::Effect;
use crate::reason::Reason;
use crate::resource::Setting;
use crate::rules::Stage;
use crate::state::Function;

impl Context<'_> {
    /// Whether the function was started and its driver has not come yet, so that its instance is still to be waited for.
    pub(super) fn is_starting(&self, found: Option<&Function>, now: &Now, target: &Target) -> bool {
        let without_instance =
            |found: &Function| found.volatile.0.instance.is_none() && found.params.is_empty();
        let is_param = |setting: &Setting| matches!(setting, Setting::Param { .. });
        now.active
            && !self.id.is_pci()
            && self.has_state
            && self.params_before() == ParamsBefore::Use
            && found.is_some_and(without_instance)
            && differing(target, now).any(is_param)
    }

    /// Whether the function was stopped and its driver has not let go, so that it neither changes nor starts.
    pub(super) fn is_stopping(&self, found: Option<&Function>, target: &Target, now: &Now) -> bool {
        let is_attached = found.is_some_and(|found| !found.active && found.volatile.0.attached);
        let has_to_change = target.active || differing(target, now).next().is_some();
        is_attached && has_to_change && self.has_state && !self.id.is_pci()
    }

    /// To ask for the state that it has changes nothing, and its effect is what is waited for.
    pub(super) fn wait_to_start(&self) -> Step {
        let because = Reason::forced("it was started, and its driver has not come yet");
        Step { effect: Some(Effect::Instance), ..self.step(Stage::Activate, self.set_active(true), because) }
    }

    /// The same of one that was stopped.
    pub(super) fn wait_to_stop(&self) -> Step {
        let because = Reason::forced("it was stopped, and its driver has not let go yet");
        Step { effect: Some(Effect::Detached), ..self.step(Stage::Stop, self.set_active(false), because) }
    }
}
