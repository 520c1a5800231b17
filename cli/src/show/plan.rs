//! A plan as text: ASCII, at most 120 columns, what is alike folded, the verdict and a command to copy last.

use camino::Utf8Path;
use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_reconciler::guard::{self, Permissions};
use subdevcfg_reconciler::history::Planned;
use subdevcfg_reconciler::plan::{Action, NoteKind, Plan, Reversible, Selection};
use subdevcfg_reconciler::record::Occasion;

use super::alike::{Shown, fold};
use super::changes::{folded, in_use, resource};
use super::layout::{WIDTH, line, wrapped};
use super::{drift, reboot};
use crate::args;
use crate::error::counted;
use crate::sources;

/// What the first line says, and the command that the last line repeats.
#[derive(Debug)]
pub struct Heading<'a> {
    /// `plan`, `apply`, `destroy` or `undo`.
    pub command: &'a str,
    /// The host file.
    pub file: Option<&'a Utf8Path>,
    /// The host that the file is for.
    pub host: &'a str,
    /// The machine that was observed.
    pub machine: &'a str,
    /// Whether it is a machine whose record is known, and no description of one.
    pub is_observed: bool,
    /// The flags that name the machine.
    pub flags: &'a args::Machine,
    /// The flags that choose a part of the file.
    pub part: &'a args::Part,
    /// Whether the command takes such flags: an undo and a saved plan are done whole.
    pub has_parts: bool,
}

/// The whole plan.
pub fn text(plan: &Plan, heading: &Heading<'_>, permissions: Permissions<'_>, all: bool) -> String {
    let mut text = String::new();
    first_lines(&mut text, plan, heading);
    drift::sections(&mut text, plan);
    let changes = plan.resource_changes.iter().filter(|change| change.actions != [Action::NoOp]);
    if all {
        changes.for_each(|change| resource(&mut text, plan, change, true));
    } else {
        for shown in fold(plan, changes) {
            match shown {
                Shown::One(change) => resource(&mut text, plan, change, false),
                Shown::Alike(alike) => folded(&mut text, plan, &alike),
            }
        }
    }
    bystanders(&mut text, plan);
    notes(&mut text, plan);
    if !plan.waits_for_reboot.is_empty() {
        line(&mut text, "");
        reboot::lines(&mut text, &plan.waits_for_reboot);
    }
    verdict(&mut text, plan, heading, permissions);
    text
}

fn first_lines(text: &mut String, plan: &Plan, heading: &Heading<'_>) {
    let file = heading.file.map_or("everything in the record", Utf8Path::as_str);
    let complete = if plan.is_incomplete() { "INCOMPLETE" } else { "complete" };
    line(
        text,
        &format!(
            "subdevcfg {}   {file}  for {} ({})   observed {complete}",
            heading.command, heading.host, heading.machine
        ),
    );
    line(text, &format!("kernel {}{}", plan.kernel_release, last_apply(plan, heading)));
}

/// What was done since the host booted, as far as it is a host that was observed.
fn last_apply(plan: &Plan, heading: &Heading<'_>) -> String {
    match &plan.last_apply {
        Some(Occasion { at, command, file }) => {
            let of = file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default();
            format!("   last {command} {at}{of}")
        }
        None if heading.is_observed => "   nothing applied yet this boot".to_owned(),
        None => String::new(),
    }
}
/// Users of what the plan disturbs without changing it.
fn bystanders(text: &mut String, plan: &Plan) {
    let is_shown = |address: &str| {
        let mut shown = plan.resource_changes.iter().filter(|change| change.actions != [Action::NoOp]);
        shown.any(|change| change.address == address)
    };
    for found in plan.in_use.iter().filter(|found| !is_shown(&found.address)) {
        line(text, "");
        line(text, &format!("! {}   disturbed", found.address));
        in_use(text, plan, &found.address);
    }
}

fn notes(text: &mut String, plan: &Plan) {
    if !plan.notes.is_empty() || !plan.unread.is_empty() || !plan.left_out.is_empty() {
        line(text, "");
    }
    for note in &plan.notes {
        let word = match note.kind {
            NoteKind::Adopted => "ADOPTED",
            NoteKind::Released => "RELEASED",
            NoteKind::Unmanaged => "UNMANAGED",
            NoteKind::Deferred => "DEFERRED",
            NoteKind::OtherKernel => "NOT HERE",
            NoteKind::Lacking => "LACKING",
            NoteKind::Protected => "PROTECTED",
            NoteKind::Accepted => "ACCEPTED",
            NoteKind::Unconfirmed => "UNSEEN",
            NoteKind::SameMac => "SAME MAC",
            NoteKind::Withheld => "WITHHELD",
            NoteKind::Interrupted => "KILLED",
            NoteKind::Unverified => "UNVERIFIED",
        };
        wrapped(text, &format!("{word:<10} {}: {}", note.about, note.text));
    }
    if !plan.left_out.is_empty() {
        wrapped(text, &format!("LEFT OUT   as the command line says: {}", plan.left_out.join(", ")));
    }
    for unread in &plan.unread {
        wrapped(text, &format!("NOT READ   {}: {}", unread.what, unread.why));
    }
}

fn verdict(text: &mut String, plan: &Plan, heading: &Heading<'_>, permissions: Permissions<'_>) {
    line(text, "");
    if plan.is_empty() && plan.refusals.is_empty() {
        let words = if plan.is_incomplete() {
            "Nothing to do in what could be read."
        } else if !plan.left_out.is_empty() {
            "Nothing to do in the part that is meant."
        } else {
            "Nothing to do: the host is as the file says."
        };
        return line(
            text,
            match (heading.command, heading.file) {
                ("undo", _) if !plan.is_incomplete() => "Nothing to do: the host is as it was before.",
                (_, None) if !plan.is_incomplete() => "Nothing to do.",
                _ => words,
            },
        );
    }
    if let Some(first) = plan.operations.iter().find(|operation| operation.reversible != Reversible::Yes) {
        line(
            text,
            &format!(
                "From operation {} on, an undo brings back the configuration, but not what used it.",
                first.id
            ),
        );
    }
    let Planned { create, change, replace, delete, operations, .. } = Planned::of(plan);
    line(
        text,
        &format!(
            "Plan: {create} to create, {change} to change, {replace} to replace, {delete} to delete.   {}.   Impact: {}.",
            counted(operations, "operation"),
            greatest(plan),
        ),
    );
    for refusal in &plan.refusals {
        wrapped(text, &format!("REFUSED    {}: {} (no flag changes that)", refusal.address, refusal.text));
    }
    let above = !guard::above_ceiling(plan, permissions).is_empty();
    let missing = guard::missing(plan, permissions);
    let lacks = |flag: &str| missing.iter().any(|missing| missing.starts_with(flag));
    let kinds = [
        (above, "impact above what is allowed"),
        (lacks("--allow-in-use"), "in use"),
        (lacks("--evict"), "held open"),
        (lacks("--allow-lifeline"), "lifeline"),
        (lacks("--confirm-within") && !lacks("--allow-lifeline"), "lifeline without a confirmation"),
        (lacks("--max-destroy"), "too many to delete at once"),
    ];
    let kinds: Vec<&str> = kinds.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words).collect();
    if !kinds.is_empty() {
        line(text, &format!("REFUSED as it stands: {}.", kinds.join(", ")));
    }
    // An apply that nothing stands in the way of does it anyway.
    let is_being_done = heading.command != "plan" && missing.is_empty();
    if plan.refusals.is_empty() && !is_being_done {
        line(
            text,
            &format!("To do it:  {}", command(heading, &guard::missing(plan, Permissions::default()))),
        );
    }
    if heading.has_parts {
        one_after_the_other(text, plan, heading);
        the_rest(text, plan, heading);
    }
}

/// The command that does what nothing is in the way of.
fn the_rest(text: &mut String, plan: &Plan, heading: &Heading<'_>) {
    if plan.refusals.is_empty() {
        return;
    }
    let Selection { except, .. } = plan.selection_without_refusals();
    let is_narrower = !except.is_empty();
    let except = [heading.part.except.clone(), except].concat();
    let part = args::Part { only: heading.part.only.clone(), except };
    let rest = plan.clone().narrowed(&part.selection());
    if is_narrower && rest.refusals.is_empty() && !rest.operations.is_empty() {
        let flags = guard::missing(&rest, Permissions::default());
        line(text, &format!("The rest:  {}", command(&Heading { part: &part, ..*heading }, &flags)));
    }
}

/// The commands that do what a plan must not do at once.
fn one_after_the_other(text: &mut String, plan: &Plan, heading: &Heading<'_>) {
    for (at, Selection { only, .. }) in plan.one_after_the_other().into_iter().enumerate() {
        let part = args::Part { only, except: heading.part.except.clone() };
        let flags = guard::missing(&plan.clone().narrowed(&part.selection()), Permissions::default());
        let word = if at == 0 { "First:" } else { "Then:" };
        line(text, &format!("{word:<11}{}", command(&Heading { part: &part, ..*heading }, &flags)));
    }
}

fn greatest(plan: &Plan) -> String {
    match guard::greatest(&plan.operations) {
        Some(operation) if operation.impact > Impact::None => {
            format!("{} ({})", guard::impact_word(operation), operation.address)
        }
        _ => "none".to_owned(),
    }
}

/// The command that does what the plan shows.
fn command(heading: &Heading<'_>, flags: &[String]) -> String {
    let (verb, file) = match heading.command {
        "undo" => ("undo", None),
        "destroy" => ("destroy", heading.file),
        _ => ("apply", heading.file),
    };
    let mut words = vec!["subdevcfg".to_owned(), verb.to_owned()];
    words.extend(file.map(quoted));
    words.extend(heading.flags.simulate.as_ref().map(|path| format!("--simulate {}", quoted(path))));
    let directories = sources::catalogue_directories().iter();
    words.extend(directories.map(|directory| format!("--catalog {}", quoted(directory))));
    words.extend((file.is_some() && sources::any_host()).then(|| "--any-host".to_owned()));
    let part = |flag: &str, addresses: &[String]| -> Vec<String> {
        addresses.iter().map(|address| format!("{flag} {}", guard::quoted(address))).collect()
    };
    words.extend(part("--only", &heading.part.only));
    words.extend(part("--except", &heading.part.except));
    words.extend(flags.iter().cloned());
    let mut text = String::new();
    let mut column = "To do it:  ".len();
    for word in words {
        if column + word.len() + 3 > WIDTH && !text.is_empty() {
            text.push_str("\\\n   ");
            column = 3;
        }
        column += word.len() + 1;
        text.push_str(&word);
        text.push(' ');
    }
    text.trim_end().to_owned()
}

/// A path as a shell takes it for one word.
fn quoted(path: &Utf8Path) -> String {
    shlex::try_quote(path.as_str()).map_or_else(|_| path.to_string(), Into::into)
}
