//! Parameters that a device may do without (`if-supported=#true`): what a device does not have is left out before
//! anything is planned, as if the file did not ask for it, and told of.

use std::borrow::Cow;
use std::collections::BTreeMap;

use subdevcfg_compiler::catalogue::{Catalogue, ParamOwner};
use subdevcfg_compiler::values::{Cmode, Scalar, Version, VersionSet};

use super::lane::Draft;
use super::{Input, NoteKind};
use crate::desired::{Desired, DesiredParent, Lack, Wanted};
use crate::resource::{Attribute, Subject};
use crate::state::{Function, Parent};

type Params = BTreeMap<String, BTreeMap<Cmode, Scalar>>;

/// What is desired, without the optional parameters that its devices do not have.
pub(super) fn narrowed<'a>(desired: Cow<'a, Desired>, input: &Input<'_>) -> Cow<'a, Desired> {
    let is_optional = |parent: &DesiredParent| {
        let functions = parent.functions.iter().map(|function| &function.wanted);
        functions.chain([&parent.wanted]).any(|wanted| !wanted.optional.is_empty())
    };
    // Of a host that only a file describes nobody knows what its devices have: what it may have counts.
    let is_told = input.state.volatile.0.soft_buses.is_some();
    if !is_told || !desired.parents.iter().any(is_optional) {
        return desired;
    }
    let mut desired = desired.into_owned();
    for parent in &mut desired.parents {
        leave_out(parent, input);
    }
    Cow::Owned(desired)
}

fn leave_out(desired: &mut DesiredParent, input: &Input<'_>) {
    let origin = input.state.parents.get(&desired.subject.parent);
    let catalogue = desired.catalogue.clone();
    let look = |subject: &Subject, params: Seen<'_>, wanted: &mut Wanted| {
        let waits = |attribute: &Attribute| {
            let waits = input.record.waiting.contains(&(subject.clone(), Some(attribute.clone())));
            waits.then_some(Lack::NotKnownYet)
        };
        wanted.leave_out(|attribute| waits(attribute).or_else(|| lack(attribute, params, input)));
    };
    let catalogue = catalogue.as_deref();
    let params = origin.map_or(Seen::Expected(catalogue, ParamOwner::Parent), |it| Seen::There(&it.params));
    look(&desired.subject, params, &mut desired.wanted);
    for function in &mut desired.functions {
        let found = origin.and_then(|parent: &Parent| parent.function(&function.id));
        look(&function.subject, of_function(found, catalogue), &mut function.wanted);
    }
}

/// What is known of the parameters of an instance.
#[derive(Clone, Copy)]
enum Seen<'a> {
    /// They were read.
    There(&'a Params),
    /// The instance is to come, and its driver has what the catalogue knows.
    Expected(Option<&'a Catalogue>, ParamOwner),
    /// There is none, and nothing in sight that makes one.
    Unknown,
}

fn of_function<'a>(found: Option<&'a Function>, catalogue: Option<&'a Catalogue>) -> Seen<'a> {
    match found {
        Some(found) if found.volatile.0.instance.is_some() || !found.params.is_empty() => {
            Seen::There(&found.params)
        }
        // What drives it, if anything does, has no instance here.
        Some(found) if found.active => Seen::Unknown,
        _ => Seen::Expected(catalogue, ParamOwner::Function),
    }
}

fn lack(attribute: &Attribute, params: Seen<'_>, input: &Input<'_>) -> Option<Lack> {
    let Attribute::Param(name, cmode) = attribute else { return None };
    match params {
        Seen::There(params) => {
            let has = params.get(name).is_some_and(|values| values.contains_key(cmode));
            (!has).then_some(Lack::NotThere)
        }
        Seen::Expected(catalogue, owner) => {
            let Some(spec) = catalogue.and_then(|catalogue| catalogue.param(owner, name)) else {
                return Some(Lack::NotKnownYet);
            };
            let kernels = spec.kernel.as_ref().filter(|kernels| !holds_on(kernels, input));
            let other = kernels.map(|kernels| Lack::OtherKernel(kernels.clone()));
            other.or_else(|| (!spec.cmodes.contains(cmode)).then_some(Lack::NotThere))
        }
        Seen::Unknown => Some(Lack::NotKnownYet),
    }
}

/// Whether the kernel that is planned for is among these.
fn holds_on(kernels: &str, input: &Input<'_>) -> bool {
    let release = input.state.volatile.0.kernel_release.parse::<Version>();
    match (kernels.parse::<VersionSet>(), release) {
        (Ok(kernels), Ok(release)) => kernels.contains(&release),
        _ => true,
    }
}

/// Tells what is left out of a subject.
pub(super) fn tell(draft: &mut Draft<'_>, subject: &Subject, address: &str, wanted: &Wanted) {
    for (attribute, lack) in &wanted.left_out {
        let text = match lack {
            Lack::NotThere => "the device has no such parameter, or not with this cmode: left out".to_owned(),
            Lack::OtherKernel(kernels) => {
                format!("its driver has this parameter on kernels {kernels} only: left out")
            }
            Lack::NotKnownYet => {
                draft.waiting.insert((subject.clone(), Some(attribute.clone())));
                "nobody knows before its instance is there whether it has this parameter: left out, and the next apply \
                 writes it if it has"
                    .to_owned()
            }
        };
        draft.note(NoteKind::Lacking, format!("{address}.{}", subject.attribute_path(attribute)), text);
    }
}
