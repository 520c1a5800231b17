//! What can be known before anything is done: names that the kernel keeps for itself, and what this one does not have.

use subdevcfg_compiler::values::EswitchMode;

use super::lane::Step;
use super::parent::Planner;
use super::target::is_of_switchdev;
use super::vfs;
use crate::desired::DesiredFunction;
use crate::kernel::Request;
use crate::resource::{Attribute, FunctionId, Setting, Settings};
use crate::rules;
use crate::state::{Function, User};

impl Planner<'_, '_> {
    /// Names that the kernel may give away itself.
    pub(super) fn check_names(&mut self, desired: &DesiredFunction, origin: Option<&Function>) {
        for setting in desired.wanted.settings.iter() {
            let Setting::Name(side, name) = setting else { continue };
            let own = origin.and_then(|origin| origin.interface(*side));
            let has_it = own.is_some_and(|own| own.volatile.0.names().any(|own| own == name.as_str()));
            if !has_it && is_the_kernels(name.as_str()) {
                let text =
                    format!("the kernel gives names like {name} to new interfaces itself: choose another");
                self.draft.refuse(&desired.address, text);
            }
        }
    }

    /// Attributes that the running kernel does not have yet.
    pub(super) fn check_kernel(&mut self, desired: &DesiredFunction) {
        let release = &self.draft.input.state.volatile.0.kernel_release;
        for setting in desired.wanted.settings.iter() {
            let attribute = setting.attribute();
            if let Some((major, minor)) = rules::since(&attribute)
                && rules::kernel_is_before(release, major, minor)
            {
                let text = format!("{attribute} came with Linux {major}.{minor}, and this is {release}");
                self.draft.refuse(&desired.address, text);
            }
        }
    }

    /// Attributes that devlink has, on a device without an instance there.
    pub(super) fn check_devlink(&mut self, address: &str, wanted: &Settings) {
        if !self.origin.is_some_and(|parent| parent.without_devlink) {
            return;
        }
        for attribute in wanted.iter().map(Setting::attribute).filter(Attribute::needs_devlink) {
            let text =
                format!("{attribute} needs devlink, and the device has no devlink instance: leave it out");
            self.draft.refuse(address, text);
        }
    }

    /// The same of the device itself, and of what is of its eswitch.
    pub(super) fn check_devlink_of_parent(&mut self) {
        let desired = self.desired;
        self.check_devlink(&desired.address, &desired.wanted.settings);
        if self.origin.is_some_and(|parent| parent.without_devlink) {
            for node in &desired.rate_nodes {
                let text = "rate nodes need devlink, and the device has no devlink instance: leave it out";
                self.draft.refuse(&node.address, text);
            }
        }
    }

    /// A VF has a port in switchdev mode only, with what is set on it and the representor that stands for it.
    pub(super) fn check_port(&mut self, desired: &DesiredFunction) {
        let is_of_port = |setting: &Setting| {
            let attribute = setting.attribute();
            is_of_switchdev(&attribute) || vfs::is_of_port(&attribute)
        };
        let asks = vfs::is_own(&desired.id) && desired.wanted.settings.iter().any(is_of_port);
        if asks && self.mode() == Some(EswitchMode::Legacy) && self.undoing.is_none() {
            let text = "`function`, `rate` and `representor` of VFs are of switchdev mode, and the eswitch is in legacy \
                        mode: write `eswitch mode=switchdev` as well, or `legacy` in their place";
            self.draft.refuse(&desired.address, text);
        }
    }

    /// Subfunctions that are to be made are made in switchdev mode, by most drivers.
    pub(super) fn check_subfunction(&mut self, desired: &DesiredFunction) {
        let needs_it = matches!(desired.id, FunctionId::Sf { .. })
            && !desired.external
            && self.catalogue.and_then(|known| known.sf.as_ref()).is_some_and(|sf| sf.needs_switchdev);
        if needs_it && self.mode_found() == Some(EswitchMode::Legacy) && self.undoing.is_none() {
            let text = "the driver makes subfunctions in switchdev mode only, and the eswitch is in legacy mode: write \
                        `eswitch mode=switchdev` as well";
            self.draft.refuse(&desired.address, text);
        }
    }

    /// Filters of others hold the eswitch in its mode, by some drivers, and only who made them knows what they are for.
    pub(super) fn check_filters(&mut self) {
        let sets_mode =
            |step: &Step| matches!(&step.request, Request::Set { setting: Setting::EswitchMode(_), .. });
        let holds = self.catalogue.is_some_and(|known| known.mode_without_filters);
        if !holds || !self.lane.parent.iter().any(sets_mode) {
            return;
        }
        let Some(parent) = &self.origin.map(|parent| &parent.volatile.0) else { return };
        for filters in parent.users.iter().filter(|user| matches!(user, User::TcFilters(_))) {
            let uplink = parent.uplink.as_deref().unwrap_or("the uplink");
            let text = format!(
                "{filters} on {uplink} are in the way: the driver does not change the eswitch mode (EBUSY) while there are \
                 any; see `tc filter show dev {uplink} ingress`, remove them, and plan again"
            );
            self.draft.refuse(&self.desired.address, text);
        }
    }

    /// What the PF sets cannot be written in switchdev mode.
    pub(super) fn check_legacy(&mut self, desired: &DesiredFunction) {
        let is_legacy = |setting: &Setting| matches!(setting, Setting::Legacy(_));
        let asks = desired.wanted.settings.iter().any(is_legacy);
        if asks && self.mode() == Some(EswitchMode::Switchdev) && self.undoing.is_none() {
            let text = "what the PF sets for VFs (`legacy`) is of legacy mode, and the eswitch is in switchdev mode: \
                        write `eswitch mode=legacy` as well, or `function` and `rate` in the place of `legacy`";
            self.draft.refuse(&desired.address, text);
        }
    }
}

/// Whether the kernel could give this name to the next Ethernet interface (`eth%d`, net/ethernet/eth.c).
fn is_the_kernels(name: &str) -> bool {
    name.strip_prefix("eth")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
