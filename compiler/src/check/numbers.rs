//! The numbers of subfunctions: unique within device, controller and PF, whether written or derived.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Diagnostic, Edit, Fix};
use crate::model::{Device, Lifecycle, Subdevice};
use crate::source::{Origin, Span};

/// A subfunction as its number is concerned.
#[derive(Debug, Clone, Copy)]
struct Numbered<'a> {
    span: Span,
    name: &'a str,
    number: u32,
    derived: bool,
}

impl Numbered<'_> {
    /// Whether a template makes it: then one text stands for several numbers.
    fn is_made(&self) -> bool {
        self.span.origin != Origin::WRITTEN
    }
}

pub(super) fn check(device: &Device, diagnostics: &mut Vec<Diagnostic>) {
    let mut spaces: BTreeMap<(u32, u32), Vec<Numbered<'_>>> = BTreeMap::new();
    let mut named = BTreeSet::new();
    // One that is described twice is reported as that.
    let subdevices = device.subdevices.iter().filter(|subdevice| named.insert(&subdevice.name.value));
    for Subdevice { name, lifecycle, .. } in subdevices {
        if let Lifecycle::Sf { controller, pf, number } = lifecycle.value {
            let derived = lifecycle.implied.is_some();
            let found = Numbered { span: lifecycle.span, name: &name.value, number, derived };
            spaces.entry((controller, pf)).or_default().push(found);
        }
    }
    for mut numbered in spaces.into_values() {
        // Who keeps a number that several have: one that somebody wrote, then one that nobody can write down, then the
        // first in the order of the text.
        numbered.sort_by_key(|found| (found.derived, !found.is_made(), found.span));
        let mut taken: BTreeSet<u32> = numbered.iter().map(|found| found.number).collect();
        let mut first: BTreeMap<u32, Numbered<'_>> = BTreeMap::new();
        for found in numbered {
            match first.get(&found.number) {
                None => _ = first.insert(found.number, found),
                Some(first) if !found.derived => diagnostics.push(repeated(device, *first, found)),
                Some(first) => diagnostics.push(collision(device, *first, found, &mut taken)),
            }
        }
    }
}

fn repeated(device: &Device, first: Numbered<'_>, found: Numbered<'_>) -> Diagnostic {
    let (handle, number) = (&device.name.value, found.number);
    let message = format!("two subfunctions of `{handle}` have the number {number}");
    let help = if found.span.is_same_place(first.span) {
        "one line makes both: let the counter or a parameter tell them apart, as in `sf $i`"
    } else {
        "the number is unique within device, controller and PF: choose another"
    };
    Diagnostic::new(Code::RepeatedSfNumber, message, found.span, "given again")
        .and(first.span, "first given here")
        .help(help)
}

fn collision(
    device: &Device,
    first: Numbered<'_>,
    found: Numbered<'_>,
    taken: &mut BTreeSet<u32>,
) -> Diagnostic {
    let (name, number) = (found.name, found.number);
    let message = format!("the number {number}, derived for `{name}`, is that of `{}`", first.name);
    let label = if first.derived { "derived too" } else { "written here" };
    let diagnostic =
        Diagnostic::new(Code::SfNumberCollision, message, found.span, format!("{number} by its names"))
            .and(first.span, label);
    if found.is_made() {
        return diagnostic.help("give the template a parameter for the number, or make `sf-numbers` larger");
    }
    let (from, to) = device.sf_numbers.as_ref().map_or((0, 0), |numbers| numbers.value);
    let Some(free) = (from..=to).find(|number| !taken.contains(number)) else {
        return diagnostic
            .help(format!("all numbers from {from} to {to} are taken: make `sf-numbers` larger"));
    };
    taken.insert(free);
    let written = |found: Numbered<'_>, number: u32| {
        let end = found.span.start + "sf".len();
        Edit { span: Span { start: end, end, ..found.span }, text: format!(" {number}") }
    };
    let first_too = first.derived && !first.is_made();
    let both = if first_too { format!("`{number}` and `{free}`") } else { format!("`{free}`") };
    let diagnostic = diagnostic.help(format!("write {both} after `sf`: what is written down never moves"));
    let first = first_too.then(|| written(first, number));
    let edits = first.into_iter().chain([written(found, free)]).collect();
    diagnostic.fix(Fix::machine("write the numbers down", edits))
}
