//! A plan as text: ASCII, at most 120 columns, what is new folded, the verdict and a command to copy last.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use camino::Utf8Path;
use subdevcfg_compiler::catalogue::Impact;
use subdevcfg_compiler::values::Scalar;
use subdevcfg_reconciler::guard::{self, Permissions};
use subdevcfg_reconciler::history::Planned;
use subdevcfg_reconciler::kernel::Request;
use subdevcfg_reconciler::plan::{Action, NoteKind, Operation, Plan, ResourceChange, Reversible, Selection};
use subdevcfg_reconciler::reason::Reason;
use subdevcfg_reconciler::record::Occasion;

use super::alike::{Alike, Shown, fold};
use super::{drift, reboot};
use crate::args;
use crate::error::counted;
use crate::sources;

/// The longest line.
const WIDTH: usize = 120;

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

fn resource(text: &mut String, plan: &Plan, change: &ResourceChange, all: bool) {
    let operations = plan.of(change);
    let kind = change.subject.function_id().map(|id| format!("   {id}")).unwrap_or_default();
    line(text, "");
    let title = format!("{} {}{kind}", mark(change), change.address);
    columns(text, &title, impact_of(change, &operations), &why(&change.action_reason));
    in_use(text, plan, &change.address);
    match change.actions.as_slice() {
        [Action::Create] => created(text, change, &operations, all),
        [Action::Delete] if operations.is_empty() => {}
        [Action::Delete] if !all => line(text, &format!("     {}", numbers(&operations))),
        _ => changed(text, change, &operations),
    }
}

const fn mark(change: &ResourceChange) -> &'static str {
    match change.actions.as_slice() {
        [Action::Create] => "+",
        [Action::Delete] => "-",
        [Action::Delete, Action::Create] => "-/+",
        _ => "~",
    }
}

/// The greatest impact that is felt of a change.
fn impact_of(change: &ResourceChange, operations: &[&Operation]) -> &'static str {
    let impact = guard::greatest(operations.iter().copied());
    let impact = impact.filter(|operation| operation.impact >= change.impact);
    impact.map_or(change.impact.as_str(), guard::impact_word)
}

/// Who uses a resource that the plan disturbs.
fn in_use(text: &mut String, plan: &Plan, address: &str) {
    for found in plan.in_use.iter().filter(|found| found.address == address) {
        for user in &found.users {
            line(text, &format!("     IN USE    {user}"));
        }
        if let Some(reason) = &found.lifeline {
            line(text, &format!("     LIFELINE  {reason}"));
        }
    }
}

/// Resources that are alike, as one.
fn folded(text: &mut String, plan: &Plan, alike: &Alike<'_>) {
    let mut operations: Vec<&Operation> = alike.changes.iter().flat_map(|change| plan.of(change)).collect();
    operations.sort_by_key(|operation| operation.id);
    let reasons: BTreeSet<String> = alike.changes.iter().map(|change| why(&change.action_reason)).collect();
    let places = match reasons.len() {
        0 | 1 => reasons.into_iter().next().unwrap_or_default(),
        more => format!("{}, ... ({more} lines)", reasons.into_iter().next().unwrap_or_default()),
    };
    let first = alike.changes[0];
    line(text, "");
    let title = format!("{} {}", mark(first), alike.title());
    columns(text, &title, impact_of(first, &plan.of(first)), &places);
    match first.actions.as_slice() {
        [Action::Create] => paragraph(text, &phrases(Some(&alike.attributes()), &implied(&operations))),
        [Action::Delete] => {}
        _ => {
            what_changes(text, &alike.attributes_before(), &alike.attributes(), &first.replace_paths);
            steps_of_each(text, plan, alike);
        }
    }
    line(text, &format!("     {}", numbers(&operations)));
}

/// The steps of resources that are alike, as those of one.
fn steps_of_each(text: &mut String, plan: &Plan, alike: &Alike<'_>) {
    let all: Vec<Vec<&Operation>> = alike.changes.iter().map(|change| plan.of(change)).collect();
    for (at, operation) in all[0].iter().enumerate() {
        let same: Vec<&Operation> = all.iter().map(|operations| operations[at]).collect();
        let left = format!("     each  {}", alike.step(&same, words));
        columns(text, &left, guard::impact_word(operation), &why(&operation.reason));
    }
}

/// A new resource: its attributes in a paragraph, its operations by number.
fn created(text: &mut String, change: &ResourceChange, operations: &[&Operation], all: bool) {
    paragraph(text, &phrases(change.after.as_ref(), &implied(operations)));
    if all {
        steps(text, operations);
    } else {
        line(text, &format!("     {}", numbers(operations)));
    }
}

/// The attributes that nobody wrote, with the words that say why they are there.
fn implied<'p>(operations: &[&'p Operation]) -> BTreeMap<String, &'p str> {
    let words = |operation: &&'p Operation| match (&operation.request, &operation.reason.text) {
        (Request::Set { setting, .. }, Some(words)) => {
            Some((setting.attribute().part().to_string(), words.as_str()))
        }
        _ => None,
    };
    operations.iter().filter_map(words).collect()
}

/// The attributes of a resource in the words of the language, those of one node together.
fn phrases(attributes: Option<&BTreeMap<String, Scalar>>, implied: &BTreeMap<String, &str>) -> Vec<String> {
    let mut phrases: Vec<(String, String)> = Vec::new();
    for (path, value) in attributes.into_iter().flatten() {
        let (node, words) = match path.split_once(['.', '[']) {
            Some(("param", rest)) => ("param", format!("{} {value}", rest.split(',').next().unwrap_or(rest))),
            // One after the other, as the file has them.
            Some(("mdev", rest)) => {
                let name = rest.strip_prefix("attr[").and_then(|rest| rest.split_once(']'));
                (path.as_str(), format!("{} {value}", name.map_or(rest, |(name, _)| name)))
            }
            Some((node, "name")) => (node, value.to_string()),
            Some((node, "up")) => (node, if *value == Scalar::Bool(true) { "up" } else { "down" }.to_owned()),
            Some((node, attribute)) => (node, format!("{attribute} {value}")),
            None => (path.as_str(), value.to_string()),
        };
        let because = implied.get(path).map(|words| format!(" ({words})")).unwrap_or_default();
        match phrases.iter_mut().find(|(known, _)| known == node) {
            // A name comes right after its node, wherever the alphabet puts it.
            Some((_, phrase)) if path.strip_suffix(".name").is_some() => {
                phrase.insert_str(node.len(), &format!(" {words}{because}"));
            }
            Some((_, phrase)) => {
                let comma = if node == "param" { "," } else { "" };
                let _ = write!(phrase, "{comma} {words}{because}");
            }
            None => {
                let word = if node.starts_with("mdev.") { "attr" } else { node };
                phrases.push((node.to_owned(), format!("{word} {words}{because}")));
            }
        }
    }
    phrases.into_iter().map(|(_, phrase)| phrase).collect()
}

/// A resource that was there: what changes, then the steps in order with the rule that forces each.
fn changed(text: &mut String, change: &ResourceChange, operations: &[&Operation]) {
    let nothing = BTreeMap::new();
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    what_changes(text, before.unwrap_or(&nothing), after.unwrap_or(&nothing), &change.replace_paths);
    steps(text, operations);
}

fn what_changes(
    text: &mut String,
    before: &BTreeMap<String, Scalar>,
    after: &BTreeMap<String, Scalar>,
    replaced: &[String],
) {
    let none = Scalar::Text("(not set)".to_owned());
    for (name, after) in after {
        line(text, &format!("     {name}   {} -> {after}", before.get(name).unwrap_or(&none)));
    }
    for path in replaced {
        line(text, &format!("     {path} cannot change: it is made again"));
    }
}

fn steps(text: &mut String, operations: &[&Operation]) {
    for operation in operations {
        let left = format!("  {:>3}  {}", operation.id, words(operation));
        columns(text, &left, guard::impact_word(operation), &why(&operation.reason));
    }
}

/// What a step does.
fn words(operation: &Operation) -> String {
    let words = match (&operation.request, &operation.before) {
        (Request::Set { setting, .. }, Some(before)) if *before != setting.value() => {
            format!("{} {before} -> {}", setting.attribute(), setting.value())
        }
        (Request::Set { setting, .. }, _) => format!("{} {}", setting.attribute(), setting.value()),
        (Request::AddPort { bridge, vlans, .. }, Some(before)) if before.to_string() != bridge.as_str() => {
            format!("port {before} -> {bridge}, {vlans}")
        }
        (Request::AddPort { bridge, vlans, .. }, _) => format!("port of {bridge}, {vlans}"),
        (Request::RemovePort { name, .. }, before) => {
            let of = before.as_ref().map(|bridge| format!(" of {bridge}")).unwrap_or_default();
            format!("take the port {name}{of} out")
        }
        (Request::SetVfs { count, .. }, Some(before)) => format!("vfs {before} -> {count}"),
        (Request::SetVfs { count, .. }, None) => format!("vfs {count}"),
        (Request::MakeVdpa { config, .. }, _) => {
            let words: Vec<String> = config
                .settings()
                .map(|setting| format!(" {} {}", setting.attribute().as_str(), setting.value()))
                .collect();
            format!("{}{}", verb(&operation.request), words.join(","))
        }
        (request, _) => verb(request).to_owned(),
    };
    let waits = operation.effect.map(|effect| format!(", wait for {effect}")).unwrap_or_default();
    let is_stored = matches!(&operation.request, Request::Set { setting, .. } if setting.waits_for_reboot());
    words + &waits + if is_stored { ", in force after a reboot" } else { "" }
}

pub(super) const fn verb(request: &Request) -> &'static str {
    match request {
        Request::NewParent { .. } => "make the parent",
        Request::DelParent { .. } => "remove the parent",
        Request::Create { .. } => "create",
        Request::Delete { .. } => "delete",
        Request::MakeRateNode { .. } => "make the rate node",
        Request::MakeBridge { .. } => "make the bridge",
        Request::DeleteBridge { .. } => "delete the bridge",
        Request::DeleteRateNode { .. } => "delete the rate node",
        Request::MakeVdpa { .. } => "make the vDPA device",
        Request::DeleteVdpa { .. } => "delete the vDPA device",
        Request::AddPort { .. } => "make it a port",
        Request::RemovePort { .. } => "take the port out",
        Request::SetActive { active: true, .. } => "activate",
        Request::SetActive { active: false, .. } => "deactivate",
        Request::Reload { .. } => "reload",
        Request::SetVfs { .. } => "set the number of VFs",
        Request::Set { .. } => "set",
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
    // An undo has no parts.
    if heading.command != "undo" {
        one_after_the_other(text, plan, heading);
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

fn why(reason: &Reason) -> String {
    match (&reason.source, &reason.text) {
        (Some(source), Some(text)) => format!("{source} ({text})"),
        (Some(source), None) => source.clone(),
        (None, Some(text)) => text.clone(),
        (None, None) => String::new(),
    }
}

fn numbers(operations: &[&Operation]) -> String {
    match operations {
        [] => "no operations".to_owned(),
        [one] => format!("operation {}", one.id),
        [first, .., last] if last.id - first.id + 1 == operations.len() => {
            format!("operations {} to {}", first.id, last.id)
        }
        [first, .., last] => format!("{} operations between {} and {}", operations.len(), first.id, last.id),
    }
}

/// Phrases separated by semicolons, broken at the width.
fn paragraph(text: &mut String, words: &[String]) {
    let mut current = String::new();
    for word in words {
        if !current.is_empty() && current.len() + word.len() + 9 > WIDTH {
            line(text, &format!("     {current};"));
            current.clear();
        }
        if !current.is_empty() {
            current.push_str("; ");
        }
        current.push_str(word);
    }
    if !current.is_empty() {
        line(text, &format!("     {current}"));
    }
}

/// Three columns: what, impact, why; what does not fit goes below.
fn columns(text: &mut String, what: &str, impact: &str, why: &str) {
    let row = format!("{what:<64} {impact:<18} {why}");
    if row.trim_end().len() <= WIDTH {
        return line(text, &row);
    }
    line(text, &format!("{what:<64} {impact}"));
    line(text, &format!("         {why}"));
}

/// A sentence, broken between words at the width; what follows is indented.
pub(super) fn wrapped(text: &mut String, sentence: &str) {
    let mut current = String::new();
    for word in sentence.split(' ') {
        if current.len() + 1 + word.len() > WIDTH && !current.trim().is_empty() {
            line(text, &current);
            current = " ".repeat(10);
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
    }
    line(text, &current);
}

pub(super) fn line(text: &mut String, words: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", words.trim_end());
}
