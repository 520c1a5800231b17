//! Devlink parameters of instances, as a table: what each takes, and what it starts with.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use subdevcfg_compiler::values::{Cmode, Scalar};

use super::requests::refuse;
use crate::kernel::RequestError;

/// Longest string of a parameter, without its end (`__DEVLINK_PARAM_MAX_STRING_VALUE`, `include/net/devlink.h`).
const MAX_TEXT: usize = 31;

/// One parameter of an instance (`kmod/params.c` and `kmod/fn_devlink.c`).
#[derive(Debug)]
pub(super) struct Spec {
    pub name: &'static str,
    pub cmode: Cmode,
    pub kind: Kind,
}

/// What values a parameter takes, and the first of them.
#[derive(Debug)]
pub(super) enum Kind {
    Bool {
        default: bool,
    },
    /// A power of two, up to this one.
    Power {
        most: u64,
        default: u64,
        refusal: &'static str,
    },
    Word {
        words: &'static [&'static str],
        refusal: &'static str,
    },
    Number {
        range: RangeInclusive<u64>,
        default: u64,
        refusal: &'static str,
    },
    Text,
}

pub(super) const OF_PARENT: [Spec; 5] = [
    Spec { name: "spoof_check", cmode: Cmode::Runtime, kind: Kind::Bool { default: true } },
    Spec {
        name: "max_queues",
        cmode: Cmode::Driverinit,
        kind: Kind::Number { range: 1..=64, default: 64, refusal: "max_queues must be 1 to 64" },
    },
    Spec {
        name: "max_mtu",
        cmode: Cmode::Driverinit,
        kind: Kind::Number { range: 1500..=65535, default: 65535, refusal: "max_mtu must be 1500 to 65535" },
    },
    Spec {
        name: "auto_sfnum_min",
        cmode: Cmode::Permanent,
        kind: Kind::Number { range: 0..=0xffff_ffff, default: 1000, refusal: "" },
    },
    Spec { name: "asset_tag", cmode: Cmode::Permanent, kind: Kind::Text },
];

pub(super) const OF_FUNCTION: [Spec; 2] = [
    Spec { name: "enable_eth", cmode: Cmode::Driverinit, kind: Kind::Bool { default: false } },
    Spec {
        name: "queues",
        cmode: Cmode::Driverinit,
        kind: Kind::Number { range: 1..=64, default: 1, refusal: "queues must be 1 to 64" },
    },
];

/// Of netdevsim (`nsim_devlink_params`, drivers/net/netdevsim/dev.c).
pub(super) const OF_NETDEVSIM: [Spec; 2] = [
    Spec {
        name: "max_macs",
        cmode: Cmode::Driverinit,
        kind: Kind::Number { range: 0..=0xffff_ffff, default: 32, refusal: "" },
    },
    Spec { name: "test1", cmode: Cmode::Driverinit, kind: Kind::Bool { default: true } },
];

/// Values by the parameters' names.
pub(super) type Values = BTreeMap<String, Scalar>;

/// The parameters of an instance: reported is what was written last; of the driverinit ones, the last reload's are in
/// force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Params {
    pub reported: Values,
    pub in_force: Values,
}

impl Spec {
    fn default(&self) -> Scalar {
        match &self.kind {
            Kind::Bool { default } => Scalar::Bool(*default),
            Kind::Number { default, .. } | Kind::Power { default, .. } => Scalar::Number(*default),
            Kind::Word { words, .. } => Scalar::Text(words.first().copied().unwrap_or_default().to_owned()),
            Kind::Text => Scalar::Text(String::new()),
        }
    }

    fn check(&self, value: &Scalar) -> Result<(), RequestError> {
        match (&self.kind, value) {
            (Kind::Bool { .. }, Scalar::Bool(_)) => Ok(()),
            (Kind::Number { range, .. }, Scalar::Number(value)) if range.contains(value) => Ok(()),
            (Kind::Power { most, .. }, Scalar::Number(value)) if value.is_power_of_two() && value <= most => {
                Ok(())
            }
            (Kind::Word { words, .. }, Scalar::Text(text)) if words.contains(&text.as_str()) => Ok(()),
            (Kind::Number { refusal, .. } | Kind::Power { refusal, .. }, Scalar::Number(_))
            | (Kind::Word { refusal, .. }, Scalar::Text(_)) => Err(refuse(Errno::EINVAL, refusal)),
            (Kind::Text, Scalar::Text(text)) if text.len() <= MAX_TEXT => Ok(()),
            _ => Err(refuse(Errno::EINVAL, "")),
        }
    }
}

impl Params {
    /// A new instance's. `kept` are permanent values from before.
    pub fn new(specs: &[Spec], kept: &Values) -> Self {
        let values: Values = specs
            .iter()
            .map(|spec| {
                let value = kept.get(spec.name).cloned().unwrap_or_else(|| spec.default());
                (spec.name.to_owned(), value)
            })
            .collect();
        Self { reported: values.clone(), in_force: values }
    }

    /// The parameters as an instance reports them.
    pub fn reported(&self, specs: &[Spec]) -> BTreeMap<String, BTreeMap<Cmode, Scalar>> {
        let value = |spec: &Spec| self.reported.get(spec.name).cloned().unwrap_or_else(|| spec.default());
        specs.iter().map(|spec| (spec.name.to_owned(), BTreeMap::from([(spec.cmode, value(spec))]))).collect()
    }

    fn known<'s>(specs: &'s [Spec], name: &str) -> Result<&'s Spec, RequestError> {
        specs.iter().find(|spec| spec.name == name).ok_or_else(|| refuse(Errno::EINVAL, ""))
    }

    /// Whether the parameter takes the value, as far as that depends on nothing else.
    pub fn check(specs: &[Spec], name: &str, value: &Scalar) -> Result<(), RequestError> {
        Self::known(specs, name)?.check(value)
    }

    /// Takes a value (`devlink_nl_cmd_param_set_doit`, net/devlink/param.c): an unknown name or a wrong value is
    /// `EINVAL`, after that a wrong configuration mode `EOPNOTSUPP`.
    pub fn set(
        &mut self,
        specs: &[Spec],
        name: &str,
        cmode: Cmode,
        value: &Scalar,
    ) -> Result<(), RequestError> {
        let spec = Self::known(specs, name)?;
        spec.check(value)?;
        if spec.cmode != cmode {
            return Err(refuse(Errno::EOPNOTSUPP, ""));
        }
        self.reported.insert(name.to_owned(), value.clone());
        if cmode == Cmode::Runtime {
            self.in_force.insert(name.to_owned(), value.clone());
        }
        Ok(())
    }

    /// A reload brings the driverinit values into force.
    pub fn reload(&mut self, specs: &[Spec]) {
        for spec in specs.iter().filter(|spec| spec.cmode == Cmode::Driverinit) {
            if let Some(value) = self.reported.get(spec.name) {
                self.in_force.insert(spec.name.to_owned(), value.clone());
            }
        }
    }

    /// The permanent values, for the next instance of that name.
    pub fn permanent(&self, specs: &[Spec]) -> Values {
        let kept = specs.iter().filter(|spec| spec.cmode == Cmode::Permanent);
        kept.filter_map(|spec| Some((spec.name.to_owned(), self.reported.get(spec.name)?.clone()))).collect()
    }

    /// Whether a boolean is reported as true, or is so from the start.
    pub fn is_reported(&self, name: &str, from_the_start: bool) -> bool {
        self.reported.get(name).map_or(from_the_start, |value| *value == Scalar::Bool(true))
    }

    /// Whether a boolean is in force as false.
    pub fn is_off(&self, name: &str) -> bool {
        self.in_force.get(name) == Some(&Scalar::Bool(false))
    }

    /// Whether a boolean is in force as true.
    pub fn is_on(&self, name: &str) -> bool {
        self.in_force.get(name) == Some(&Scalar::Bool(true))
    }

    /// A number that is in force.
    pub fn number(&self, name: &str) -> u64 {
        match self.in_force.get(name) {
            Some(Scalar::Number(number)) => *number,
            _ => 0,
        }
    }
}
