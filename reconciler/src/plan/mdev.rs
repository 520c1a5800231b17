//! What is of mediated devices alone: types by their names, how many fit, and attributes in sysfs.

use std::collections::BTreeMap;

use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_compiler::model::MdevType as TypeWanted;

use super::NoteKind;
use super::function::{Context, Now, Target, differing};
use super::lane::Step;
use super::parent::Planner;
use crate::desired::{Desired, DesiredFunction};
use crate::history::Past;
use crate::kernel::{DeviceAttributes, Request};
use crate::record::Record;
use crate::resource::{Attribute, FunctionId, Setting, Settings, Subject};
use crate::rules::Stage;
use crate::state::{Function, MdevType};

/// The directory of a type as far as it is known without asking the host. Without a catalogue that knows it, the name
/// stands for the type.
pub(crate) fn type_without_host(wanted: &TypeWanted, catalogue: Option<&Catalogue>) -> String {
    match wanted {
        TypeWanted::Directory(directory) => directory.clone(),
        TypeWanted::Name(name) => of_catalogue(name, catalogue).unwrap_or_else(|| name.clone()),
    }
}

fn of_catalogue(name: &str, catalogue: Option<&Catalogue>) -> Option<String> {
    let known = catalogue?.mdev_types.iter().find(|known| known.name.as_deref() == Some(name))?;
    Some(known.directory.clone())
}

/// A type's directory by its name, among those that the parent takes.
fn of_parent(name: &str, types: &BTreeMap<String, MdevType>) -> Result<String, String> {
    let named = types.iter().filter(|(_, found)| found.name.as_deref() == Some(name));
    match named.map(|(directory, _)| directory.as_str()).collect::<Vec<_>>().as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => {
            Err(format!("the parent has no mdev type that is named `{name}`; it has: {}", type_words(types)))
        }
        several => Err(format!(
            "{} mdev types of the parent are named `{name}`: write `type=` with one of {}",
            several.len(),
            several.join(", ")
        )),
    }
}

/// The types of a parent, for people.
pub(super) fn type_words(types: &BTreeMap<String, MdevType>) -> String {
    if types.is_empty() {
        return "none".to_owned();
    }
    let words = types.iter().map(|(directory, found)| match &found.name {
        Some(name) if name != directory => format!("{directory} ({name})"),
        _ => directory.clone(),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Whether an observation tells what an attribute is. It does not where nobody may read it, and of several writes to one
/// attribute it tells the last.
pub(super) fn is_told(found: &Function, wanted: &Settings, attribute: &Attribute) -> bool {
    let Attribute::Device(name, _) = attribute else { return true };
    found.attrs.contains_key(name) && wanted.get(&Attribute::Device(name.clone(), 1)).is_none()
}

/// What was written to attributes that nobody can read: it is taken for what is there. Of the write at which an apply
/// was killed nobody knows whether it was done.
pub(super) fn taken_for_granted(
    record: &Record,
    subject: &Subject,
    found: &Function,
    wanted: &Settings,
) -> Settings {
    let in_doubt = record.interrupted.as_ref().map(|interrupted| interrupted.request.as_str());
    let was_sent = |setting: &&Setting| {
        let request = Request::Set { subject: subject.clone(), setting: (*setting).clone() };
        in_doubt != Some(request.to_string().as_str())
    };
    let unseen = record.written_of(subject).filter(|(attribute, _)| !is_told(found, wanted, attribute));
    unseen.map(|(_, written)| &written.applied).filter(was_sent).cloned().collect()
}

impl Context<'_> {
    /// Writes the attributes of the device itself, in the order of the file.
    pub(super) fn device_attributes(&self, now: &Now, target: &Target, steps: &mut Vec<Step>) {
        let is_of_device = |setting: &&Setting| matches!(setting, Setting::Device { .. });
        let mut changed: Vec<Setting> = differing(target, now).filter(is_of_device).cloned().collect();
        let place = |setting: &Setting| {
            let attribute = setting.attribute();
            target.order.iter().position(|other| *other == attribute).unwrap_or(usize::MAX)
        };
        changed.sort_by_key(place);
        steps.extend(changed.into_iter().map(|setting| self.set(Stage::DeviceAttribute, now, setting)));
    }
}

/// A refusal says why there is nothing to plan.
pub(super) struct Refused;

impl Planner<'_, '_> {
    /// The directory of the type that a function is to have, if it is a mediated device.
    pub(super) fn type_of(&mut self, desired: &DesiredFunction) -> Result<Option<String>, Refused> {
        if let (Some(index), Some(wanted)) = (desired.on_vf, &desired.mdev_type) {
            return self.type_on_vf(desired, index, wanted).map(Some);
        }
        let types = self.origin.and_then(|origin| origin.volatile.0.mdev_types.as_ref());
        let found = match (&desired.mdev_type, types) {
            (Some(TypeWanted::Name(name)), Some(types)) => of_parent(name, types).map(Some),
            (Some(TypeWanted::Name(name)), None) if self.origin.is_none() => {
                let text = "nobody knows which type has that name before the parent is there: write `type=`";
                of_catalogue(name, self.catalogue).map(Some).ok_or_else(|| text.to_owned())
            }
            (wanted, _) => Ok(wanted.as_ref().map(|wanted| type_without_host(wanted, self.catalogue))),
        };
        found.map_err(|text| {
            self.draft.refuse(&desired.address, text);
            Refused
        })
    }

    /// The same of one that a VF carries. A name says nothing as long as no VF has the driver that knows it: left to the
    /// next apply.
    fn type_on_vf(
        &mut self,
        desired: &DesiredFunction,
        index: u32,
        wanted: &TypeWanted,
    ) -> Result<String, Refused> {
        let TypeWanted::Name(name) = wanted else {
            return Ok(type_without_host(wanted, self.catalogue));
        };
        let known = self.types_of_vf(index).filter(|types| !types.is_empty());
        let found = match known.or_else(|| self.types_of_any_vf().next()) {
            Some(types) => of_parent(name, types),
            None => of_catalogue(name, self.catalogue).ok_or_else(String::new),
        };
        found.map_err(|text| {
            if text.is_empty() {
                let text = format!(
                    "which type has the name `{name}` is known when a VF has its driver: left to the next apply \
                     (`type=` needs no second one)"
                );
                self.draft.waiting.insert((desired.subject.clone(), None));
                self.draft.note(NoteKind::Deferred, &desired.address, text);
            } else {
                self.draft.refuse(&desired.address, text);
            }
            Refused
        })
    }

    /// Names of attributes that lead elsewhere.
    pub(super) fn check_device_attributes(&mut self, desired: &DesiredFunction) {
        for attribute in &desired.wanted.order {
            let Attribute::Device(name, _) = attribute else { continue };
            if !name.split('/').all(|part| !matches!(part, "" | "." | "..")) {
                let text = format!("`{name}` is no file below the directory of the device");
                self.draft.refuse(&desired.address, text);
            }
        }
    }

    /// Tells of attributes that nobody can read back.
    pub(super) fn tell_of_granted(&mut self, desired: &DesiredFunction, granted: &Settings) {
        for setting in granted.iter().filter(|setting| desired.wanted.settings.has(setting)) {
            let attribute = setting.attribute();
            let about = desired.subject.attribute_address(&desired.address, &attribute);
            let text =
                format!("{attribute} cannot be read back: {} was written, and that counts", setting.value());
            self.draft.note(NoteKind::Unconfirmed, about, text);
        }
    }

    /// How many places of the parent's pool a device of this type takes.
    fn places(&self, mdev_type: Option<&str>) -> u32 {
        let types = self.catalogue.map(|catalogue| catalogue.mdev_types.as_slice()).unwrap_or_default();
        let known = types.iter().find(|known| Some(known.directory.as_str()) == mdev_type);
        known.map_or(1, |known| known.places)
    }

    /// Refuses what certainly does not fit.
    pub(super) fn check_capacity(&mut self) {
        self.check_carriers();
        let created: Vec<(Option<String>, String)> = self
            .lane
            .functions
            .iter()
            .flatten()
            .filter_map(|step| match &step.request {
                Request::Create { mdev_type, on_vf: None, .. } => {
                    Some((mdev_type.clone(), step.address.clone()))
                }
                _ => None,
            })
            .collect();
        let wanted: u32 = created.iter().map(|(mdev_type, _)| self.places(mdev_type.as_deref())).sum();
        let present = self.now.iter().flat_map(|parent| &parent.functions);
        let present = present.filter(|function| function.on_vf.is_none());
        let present: u32 = present.map(|function| self.places(function.mdev_type.as_deref())).sum();
        let soft = self.now.as_ref().and_then(|parent| parent.soft.as_ref());
        if let Some(capacity) = soft.and_then(|soft| soft.max_subdevices)
            && present.saturating_add(wanted) > capacity
        {
            let text = format!(
                "{capacity} subdevices fit (create max-subdevices); {present} stay and {wanted} more are to be made"
            );
            self.draft.refuse(&self.desired.address, text);
        }
        let Some(types) = self.origin.and_then(|origin| origin.volatile.0.mdev_types.as_ref()) else {
            return;
        };
        let mut counts: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
        for (mdev_type, address) in &created {
            if let Some(mdev_type) = mdev_type {
                counts.entry(mdev_type).or_insert((0, address)).0 += 1;
            }
        }
        let goes = self.lane.removal.iter().flatten().any(|step| step.stage == Stage::Remove);
        for (mdev_type, (count, address)) in &counts {
            match types.get(*mdev_type) {
                None => {
                    let text =
                        format!("the parent has no mdev type `{mdev_type}`; it has: {}", type_words(types));
                    self.draft.refuse(address, text);
                }
                // What goes makes room, and how much the driver knows.
                Some(found) if !goes && soft_pool_is_unknown(self) && *count > found.available as usize => {
                    let text = format!(
                        "{count} of the mdev type `{mdev_type}` are to be made, and {} more fit",
                        found.available
                    );
                    self.draft.refuse(address, text);
                }
                Some(_) => {}
            }
        }
        self.check_pool(&counts, types);
    }

    /// Several types share one pool: what all of them take together, by the places that the catalogue knows.
    fn check_pool(&mut self, counts: &BTreeMap<&str, (usize, &str)>, types: &BTreeMap<String, MdevType>) {
        let known = self.catalogue.map(|catalogue| catalogue.mdev_types.as_slice()).unwrap_or_default();
        if known.is_empty() || !soft_pool_is_unknown(self) {
            return;
        }
        let places = |mdev_type: &str| u64::from(self.places(Some(mdev_type)));
        // A type says how often it fits: the pool has room for as many, and for less than one more.
        let most = |(mdev_type, found): (&String, &MdevType)| {
            (u64::from(found.available) + 1) * places(mdev_type) - 1
        };
        let Some(left) = types.iter().map(most).min() else { return };
        let wanted: u64 =
            counts.iter().map(|(mdev_type, (count, _))| *count as u64 * places(mdev_type)).sum();
        let stays =
            |function: &&Function| self.now.as_ref().is_some_and(|now| now.function(&function.id).is_some());
        let gone = self.origin_functions().iter().filter(|function| !stays(function));
        let freed: u64 = gone.filter_map(|function| function.mdev_type.as_deref()).map(places).sum();
        if wanted > left + freed {
            let text = format!(
                "all types share one pool: {wanted} places of it are to be taken, and {} are free",
                left + freed
            );
            self.draft.refuse(&self.desired.address, text);
        }
    }
}

/// Whether the pool is the driver's own, and not that of a parent whose size the file or sysfs tells.
fn soft_pool_is_unknown(planner: &Planner<'_, '_>) -> bool {
    planner.now.as_ref().is_none_or(|parent| parent.soft.is_none())
}

/// The attributes that an observation has to tell so that a plan can be made: those that the file has, and those that were
/// written.
#[must_use]
pub fn attributes_to_tell(desired: &Desired, record: &Record) -> DeviceAttributes {
    let functions = desired.parents.iter().flat_map(|parent| &parent.functions);
    let named = functions.flat_map(|function| {
        function.wanted.order.iter().map(move |attribute| (&function.subject, attribute))
    });
    let mut attributes = DeviceAttributes::new();
    add(&mut attributes, named);
    add(&mut attributes, record.settings.keys().map(|(subject, attribute)| (subject, attribute)));
    attributes
}

/// The same for the plan that undoes a past apply: also those that the apply observed.
#[must_use]
pub fn attributes_to_tell_for_undo(past: &Past, record: &Record) -> DeviceAttributes {
    let mut attributes = attributes_to_tell(&Desired::default(), record);
    add(&mut attributes, past.record.settings.keys().map(|(subject, attribute)| (subject, attribute)));
    for function in past.before.parents.values().flat_map(|parent| &parent.functions) {
        if let FunctionId::Mdev { uuid } = function.id {
            attributes.entry(uuid).or_default().extend(function.attrs.keys().cloned());
        }
    }
    attributes
}

fn add<'a>(attributes: &mut DeviceAttributes, of: impl Iterator<Item = (&'a Subject, &'a Attribute)>) {
    for (subject, attribute) in of {
        if let (Some(FunctionId::Mdev { uuid }), Attribute::Device(name, _)) =
            (subject.function_id(), attribute)
        {
            attributes.entry(*uuid).or_default().insert(name.clone());
        }
    }
}
