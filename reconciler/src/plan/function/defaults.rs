//! What a new function has without being told, as far as its driver fixes that.

use subdevcfg_compiler::catalogue::{Catalogue, ParamOwner};
use subdevcfg_compiler::values::{Cmode, Scalar};

use crate::resource::{Attribute, Capability, Setting, Settings};

/// The parameters that a new instance has, as far as the driver fixes them.
pub(crate) fn default_params(
    catalogue: Option<&Catalogue>,
    owner: ParamOwner,
    mdev_type: Option<&str>,
) -> impl Iterator<Item = Setting> {
    let specs = catalogue.map(|catalogue| catalogue.params.as_slice()).unwrap_or_default();
    specs.iter().filter(move |spec| spec.owner == owner).flat_map(move |spec| {
        let of_type = mdev_type.and_then(|name| spec.type_defaults.get(name));
        of_type.or(spec.default.as_ref()).into_iter().flat_map(|value| {
            let name = spec.name.clone();
            // A permanent value is kept beyond the instance.
            let cmodes = spec.cmodes.iter().filter(|cmode| **cmode != Cmode::Permanent);
            cmodes.map(move |&cmode| Setting::Param { name: name.clone(), cmode, value: value.clone() })
        })
    })
}

/// The attributes that a new port function has, as far as the driver fixes them.
pub(crate) fn default_attributes(catalogue: Option<&Catalogue>) -> impl Iterator<Item = Setting> {
    let known = catalogue.into_iter().flat_map(|catalogue| &catalogue.function_attributes);
    known.filter_map(|(word, default)| match default.as_ref()? {
        Scalar::Bool(on) => {
            let capability = Capability::ALL.into_iter().find(|capability| capability.as_str() == word)?;
            Some(Setting::Capability(capability, *on))
        }
        Scalar::Number(number) if word == "max-io-eqs" => u32::try_from(*number).ok().map(Setting::MaxIoEqs),
        _ => None,
    })
}

/// Whether a parameter that the function's netdev needs is false in these settings.
pub(crate) fn netdev_is_off(settings: &Settings, catalogue: Option<&Catalogue>) -> bool {
    let needs = catalogue.map(|catalogue| catalogue.netdev_needs.as_slice()).unwrap_or_default();
    needs.iter().any(|name| {
        let attribute = Attribute::Param(name.clone(), Cmode::Driverinit);
        settings.get(&attribute).is_some_and(|setting| setting.value() == Scalar::Bool(false))
    })
}
