//! Folding: subdevices that the same happens to, and that differ only in a number, are shown as one.

use std::collections::{BTreeMap, BTreeSet};

use subdevcfg_compiler::values::{MacAddr, Scalar};
use subdevcfg_reconciler::guard;
use subdevcfg_reconciler::kernel::Request;
use subdevcfg_reconciler::plan::{Action, Operation, Plan, ResourceChange};

use super::changes::verb;

/// From how many on they are folded.
const LEAST: usize = 4;

/// What stands for values that have nothing in common.
const OWN: &str = "(each its own)";

/// What stands in one place of a plan.
#[derive(Debug)]
pub enum Shown<'p> {
    /// One resource.
    One(&'p ResourceChange),
    /// Subdevices of one kind, by the number in their names.
    Alike(Alike<'p>),
}

/// Subdevices that differ only in a number.
#[derive(Debug)]
pub struct Alike<'p> {
    /// The resources, by their numbers.
    pub changes: Vec<&'p ResourceChange>,
    numbers: Vec<String>,
    /// The address without the number.
    stem: &'p str,
}

/// What a resource has in common with those that are folded with it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Form<'p> {
    stem: &'p str,
    is_mdev: bool,
    actions: Vec<&'static str>,
    attributes: Vec<&'p str>,
    replaced: &'p [String],
    /// What is done to one that is there, and what is felt of it; of a new one the attributes tell all.
    steps: Vec<(String, &'static str)>,
}

/// The resources of a plan in order; those that are alike stand where the first of them does.
pub fn fold<'p>(plan: &'p Plan, changes: impl Iterator<Item = &'p ResourceChange>) -> Vec<Shown<'p>> {
    let used: BTreeSet<&str> = plan.in_use.iter().map(|found| found.address.as_str()).collect();
    let formed: Vec<_> = changes.map(|change| (change, form(plan, change, &used))).collect();
    let mut groups: BTreeMap<&Form<'_>, Vec<(u64, &ResourceChange)>> = BTreeMap::new();
    for (change, form) in &formed {
        if let Some((form, number)) = form {
            groups.entry(form).or_default().push((*number, change));
        }
    }
    let mut shown = Vec::new();
    for (change, form) in &formed {
        let Some((form, _)) = form else {
            shown.push(Shown::One(change));
            continue;
        };
        match groups.get_mut(form) {
            // Shown with the first of them already.
            None => {}
            Some(group) if group.len() < LEAST => shown.push(Shown::One(change)),
            Some(group) => {
                group.sort_by_key(|(number, _)| *number);
                let changes = group.iter().map(|(_, change)| *change).collect();
                let numbers = group.iter().map(|(number, _)| number.to_string()).collect();
                shown.push(Shown::Alike(Alike { changes, numbers, stem: form.stem }));
                groups.remove(form);
            }
        }
    }
    shown
}

/// The form of a subdevice whose name ends in a number, and the number. Each that somebody uses stands alone.
fn form<'p>(plan: &Plan, change: &'p ResourceChange, used: &BTreeSet<&str>) -> Option<(Form<'p>, u64)> {
    let is_mdev = change.subject.function_id()?.is_mdev();
    if used.contains(change.address.as_str()) {
        return None;
    }
    let stem = change.address.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &change.address[stem.len()..];
    // `07` is not the seventh of anything.
    let number: u64 = digits.parse().ok().filter(|number: &u64| number.to_string() == digits)?;
    let attributes = change.after.iter().flatten().map(|(name, _)| name.as_str()).collect();
    let actions = change.actions.iter().map(|action| word(*action)).collect();
    let is_new = change.actions == [Action::Create];
    let felt = |operation: &Operation| (step(operation), guard::impact_word(operation));
    let steps = if is_new { Vec::new() } else { plan.of(change).into_iter().map(felt).collect() };
    Some((Form { stem, is_mdev, actions, attributes, replaced: &change.replace_paths, steps }, number))
}

const fn word(action: Action) -> &'static str {
    match action {
        Action::NoOp => "no-op",
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
        Action::Restore => "restore",
    }
}

/// What a step is, whatever the value.
fn step(operation: &Operation) -> String {
    match &operation.request {
        Request::Set { setting, .. } => setting.attribute().part().to_string(),
        request => verb(request).to_owned(),
    }
}

impl Alike<'_> {
    /// `DEVICE#pod0..pod31   32 alike: sf 100..131`.
    pub fn title(&self) -> String {
        let name = self.stem.rsplit('#').next().unwrap_or(self.stem);
        let (first, last) = (&self.numbers[0], &self.numbers[self.numbers.len() - 1]);
        let numbers: Vec<u64> = self.numbers.iter().filter_map(|number| number.parse().ok()).collect();
        let to = if consecutive(&numbers) { ".." } else { ", ..., " };
        format!("{}{first}{to}{name}{last}   {} alike: {}", self.stem, self.changes.len(), self.kind())
    }

    fn kind(&self) -> String {
        let ids = self.changes.iter().filter_map(|change| change.subject.function_id());
        if ids.clone().all(subdevcfg_reconciler::resource::FunctionId::is_mdev) {
            return "mdev".to_owned();
        }
        self.one(&ids.map(ToString::to_string).collect::<Vec<_>>())
    }

    /// The attributes, each as one value for all.
    pub fn attributes(&self) -> BTreeMap<String, Scalar> {
        self.values(|change| change.after.as_ref())
    }

    /// What the attributes were that change, each as one value for all.
    pub fn attributes_before(&self) -> BTreeMap<String, Scalar> {
        self.values(|change| change.before.as_ref())
    }

    fn values(
        &self,
        of: fn(&ResourceChange) -> Option<&BTreeMap<String, Scalar>>,
    ) -> BTreeMap<String, Scalar> {
        let first = of(self.changes[0]).into_iter().flatten();
        first
            .map(|(name, value)| {
                let values = self.changes.iter().filter_map(|change| of(change)?.get(name));
                let values: Vec<String> = values.map(ToString::to_string).collect();
                let same = values.iter().all(|other| *other == values[0]);
                (name.clone(), if same { value.clone() } else { Scalar::Text(self.one(&values)) })
            })
            .collect()
    }

    /// A step of each, as one for all; `words` tells one in full.
    pub fn step(&self, operations: &[&Operation], words: impl Fn(&Operation) -> String) -> String {
        let all: Vec<String> = operations.iter().map(|operation| words(operation)).collect();
        self.alike(&all).unwrap_or_else(|| format!("{} {OWN}", step(operations[0])))
    }

    /// One text for values: the same, with the name's number in them, counting up, or each its own.
    fn one(&self, values: &[String]) -> String {
        self.alike(values).unwrap_or_else(|| OWN.to_owned())
    }

    fn alike(&self, values: &[String]) -> Option<String> {
        if values.iter().all(|value| *value == values[0]) {
            return Some(values[0].clone());
        }
        self.patterned(values).or_else(|| counting(values))
    }

    /// `pod{n}_r` for `pod0_r`, `pod1_r`, ...
    fn patterned(&self, values: &[String]) -> Option<String> {
        let at = values[0].rfind(self.numbers[0].as_str())?;
        let (before, after) = (&values[0][..at], &values[0][at + self.numbers[0].len()..]);
        // A number that goes on to either side is another one.
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_hexdigit() || c == ':');
        if is_digit(before.chars().next_back()) && before.contains(':') || is_digit(after.chars().next()) {
            return None;
        }
        let fits = values
            .iter()
            .zip(&self.numbers)
            .all(|(value, number)| *value == format!("{before}{number}{after}"));
        fits.then(|| format!("{before}{{n}}{after}"))
    }
}

/// `sf 100..131` and `02:00:00:00:01:00..1f`: values that count up by one.
fn counting(values: &[String]) -> Option<String> {
    let (first, last) = (values.first()?, values.last()?);
    let macs: Option<Vec<MacAddr>> = values.iter().map(|value| value.parse().ok()).collect();
    if let Some(macs) = macs {
        let same = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
        let from = first[..same].rfind(':').map_or(0, |at| at + 1);
        let count_up = macs.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
        return count_up.then(|| format!("{first}..{}", &last[from..]));
    }
    let stem = first.trim_end_matches(|c: char| c.is_ascii_digit());
    let numbers: Option<Vec<u64>> =
        values.iter().map(|value| value.strip_prefix(stem)?.parse().ok()).collect();
    consecutive(&numbers?).then(|| format!("{first}..{}", &last[stem.len()..]))
}

fn consecutive(numbers: &[u64]) -> bool {
    numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
}
