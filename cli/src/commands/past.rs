//! The commands about what was done before: `history`, `confirm`, `forget`, and `show` of a saved plan.

use camino::Utf8Path;
use jiff::Timestamp;
use serde_json::Value;
use subdevcfg_reconciler::guard::Permissions;
use subdevcfg_reconciler::history::Past;
use subdevcfg_reconciler::plan::{Input, plan};
use subdevcfg_reconciler::resource::Subject;

use crate::args::{self, Format, Output};
use crate::clock;
use crate::error::{CliError, counted};
use crate::exit::Exit;
use crate::machine::{self, Access};
use crate::saved::Saved;
use crate::show;
use crate::show::plan::Heading;
use crate::sources;
use crate::timer;

/// Shows what was applied, or one apply with all that is known of it.
pub fn history(number: Option<u64>, options: &args::Machine, output: Output) -> Result<Exit, CliError> {
    let mut all = machine::history(options)?.history()?;
    if let Some(number) = number {
        all.retain(|past| past.number == number);
        if all.is_empty() {
            return Err(CliError::NotRemembered { number });
        }
    }
    match (output.format, number) {
        (Format::Json, Some(_)) => show::print_json(&all)?,
        (Format::Json, None) => {
            show::print_json(&all.iter().map(without_states).collect::<Result<Vec<_>, _>>()?)?;
        }
        (Format::Human, _) => show::print(&show::past::text(&all, number.is_some()))?,
    }
    Ok(Exit::Done)
}

/// What it was and how it ended; the states are shown of one that is named.
fn without_states(past: &Past) -> Result<Value, CliError> {
    let mut value = serde_json::to_value(past)?;
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| name != "before" && name != "record");
        if let Some(end) = fields.get_mut("end").and_then(Value::as_object_mut) {
            end.retain(|name, _| name != "after");
        }
    }
    Ok(value)
}

/// Keeps what the last apply did.
pub fn confirm(options: &args::Machine, patience: &args::Patience) -> Result<Exit, CliError> {
    let mut machine = machine::open(options, Access::Undo(patience.lock_timeout))?;
    let mut last = machine.history.last()?.filter(timer::awaits_confirmation);
    let awaited = last.as_mut().and_then(|past| past.confirmation.as_mut());
    let Some(confirmation) = awaited else { return Err(CliError::NothingToConfirm { since: String::new() }) };
    let until = confirmation.until.parse::<Timestamp>();
    if until.is_ok_and(|until| until <= clock::now()) {
        return Err(CliError::NothingToConfirm { since: format!(": its time ended {}", confirmation.until) });
    }
    confirmation.confirmed = true;
    if let Some(past) = &last {
        machine.history.remember(past)?;
        timer::end(past);
        show::print(&format!("Confirmed: {} {} stays.\n", past.command, past.number))?;
    }
    Ok(Exit::Done)
}

/// Drops a resource, with all on it, from the record: it stays as it is, and is nobody's.
pub fn forget(address: &str, options: &args::Machine, patience: &args::Patience) -> Result<Exit, CliError> {
    let mut machine = machine::open(options, Access::Change(patience.lock_timeout))?;
    let record = &machine.record;
    let named: Vec<Subject> = record
        .subjects()
        .filter(|(_, known)| *known == address)
        .map(|(subject, _)| subject.clone())
        .collect();
    if named.is_empty() {
        let known = record.subjects().map(|(_, address)| address.to_owned()).collect();
        return Err(CliError::NotRecorded { address: address.to_owned(), known });
    }
    let before = record.subjects().count();
    for subject in &named {
        machine.record.forget(subject);
    }
    machine.keeper.keep(&machine.record)?;
    let forgotten = before - machine.record.subjects().count();
    let text = format!(
        "Forgotten: {}. It stays as it is; a file that names it adopts it, and nothing deletes it.\n",
        counted(forgotten, "resource")
    );
    show::print(&text)?;
    Ok(Exit::Done)
}

/// Shows a saved plan as it was made, without any host.
pub fn show_saved(path: &Utf8Path, all: bool, output: Output) -> Result<Exit, CliError> {
    let saved = Saved::read(path)?;
    let (host, sources) = saved.compile()?;
    let desired = sources::desired(&host, &sources);
    let (state, record) = saved.host();
    let part = args::Part::default();
    let selection = saved.selection(path, &part)?;
    let plan = plan(Input { desired: &desired, state, record }).narrowed(&selection);
    match output.format {
        Format::Json => show::print_json(&plan)?,
        Format::Human => {
            let heading = Heading {
                command: "plan",
                file: Some(path),
                host: &host.model.name.value,
                machine: "a saved plan",
                is_observed: false,
                flags: &args::Machine::default(),
                part: &part,
                has_parts: false,
            };
            show::print(&show::plan::text(&plan, &heading, Permissions::default(), all))?;
        }
    }
    if saved.check(state, record, &plan).is_err() {
        show::note("another version of subdevcfg made this plan, and it had other steps\n");
    }
    Ok(Exit::Done)
}
