//! What happens to one resource of a plan, or to several that are alike.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use subdevcfg_compiler::values::Scalar;
use subdevcfg_reconciler::guard;
use subdevcfg_reconciler::kernel::Request;
use subdevcfg_reconciler::plan::{Action, Operation, Plan, ResourceChange};
use subdevcfg_reconciler::reason::Reason;

use super::alike::Alike;
use super::layout::{columns, line, paragraph};

/// One resource.
pub(super) fn resource(text: &mut String, plan: &Plan, change: &ResourceChange, all: bool) {
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
pub(super) fn in_use(text: &mut String, plan: &Plan, address: &str) {
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
pub(super) fn folded(text: &mut String, plan: &Plan, alike: &Alike<'_>) {
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
