//! The commands that change the host: `apply`, `destroy` and `undo`. All are: observe, plan, show, decide, carry out,
//! verify.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::Utf8Path;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use subdevcfg_reconciler::apply::{self, Apply, Outcome};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::guard::Permissions;
use subdevcfg_reconciler::history::{Confirmation, End, Past, Planned};
use subdevcfg_reconciler::plan::{self, Input, Plan, Scope, Selection};
use subdevcfg_reconciler::record::{Occasion, Record};
use subdevcfg_reconciler::state::State;

use super::report::Report;
use crate::args::{self, Change, Format, Output};
use crate::confirm::{self, Decision};
use crate::error::CliError;
use crate::exit::Exit;
use crate::machine::{self, Access, Machine};
use crate::progress::Lines;
use crate::saved::Saved;
use crate::show;
use crate::show::plan::Heading;
use crate::sources;
use crate::{clock, timer};

/// How plans are made: for an apply from the file alone, for a destroy from the record, for an undo from the history.
type Planner<'a> = &'a dyn Fn(&State, &Record) -> Plan;

/// Makes the host as its file says, or carries a saved plan out.
pub fn apply(
    file: &Utf8Path,
    options: &args::Machine,
    part: &args::Part,
    change: &Change,
    output: Output,
) -> Result<Exit, CliError> {
    let saved = Saved::read_if_it_is_one(file)?;
    let (host, sources) = match &saved {
        Some(saved) => saved.compile()?,
        None => sources::compile_host(file, &machine::kernel_release(options))?,
    };
    machine::check_host(&host.model, file, options)?;
    let desired = sources::desired(&host, &sources);
    let mut machine = machine::open(options, Access::Change)?;
    machine.look_for(&desired);
    let selection = match &saved {
        Some(saved) => saved.selection(file, part)?,
        None => part.selection(),
    };
    let job = Job {
        machine,
        handed_over: Some(&desired),
        planner: &|state, record| plan::plan(Input { desired: &desired, state, record }),
        heading: Heading {
            command: "apply",
            file: Some(file),
            host: &host.model.name.value,
            machine: &machine::words(options),
            is_observed: true,
            flags: options,
            part,
        },
        selection,
        saved: saved.as_ref(),
        change,
        permissions: change.guard.permissions(),
        output,
    };
    job.carry_out()
}

/// Takes away what subdevcfg made.
pub fn destroy(
    file: Option<&Utf8Path>,
    options: &args::Machine,
    part: &args::Part,
    change: &Change,
    output: Output,
) -> Result<Exit, CliError> {
    let release = machine::kernel_release(options);
    let compiled = file.map(|file| sources::compile_host(file, &release)).transpose()?;
    if let (Some(file), Some((host, _))) = (file, &compiled) {
        machine::check_host(&host.model, file, options)?;
    }
    let desired = match &compiled {
        Some((host, sources)) => sources::desired(host, sources),
        None => sources::nothing_desired(),
    };
    let mut machine = machine::open(options, Access::Change)?;
    machine.look_for(&desired);
    let scope = if file.is_some() { Scope::Named } else { Scope::Everything };
    let nothing = sources::nothing_desired();
    let job = Job {
        machine,
        handed_over: (scope == Scope::Everything && part.selection().is_everything()).then_some(&nothing),
        planner: &|state, record| plan::destroy(Input { desired: &desired, state, record }, scope),
        heading: Heading {
            command: "destroy",
            file,
            host: compiled.as_ref().map_or("*", |(host, _)| &host.model.name.value),
            machine: &machine::words(options),
            is_observed: true,
            flags: options,
            part,
        },
        selection: part.selection(),
        saved: None,
        change,
        permissions: change.guard.permissions(),
        output,
    };
    job.carry_out()
}

/// Undoes the last apply.
pub fn undo(options: &args::Machine, change: &Change, output: Output) -> Result<Exit, CliError> {
    let machine = machine::open(options, Access::Undo)?;
    // One that failed and was undone left everything as it was: the one before it is the last that counts.
    let mut all = machine.history.history()?;
    all.retain(|past| !past.left_nothing());
    let past = all.pop().ok_or(CliError::NothingToUndo)?;
    let exit = undo_past(machine, &past, options, change, change.guard.permissions(), output)?;
    if matches!(exit, Exit::Done | Exit::Pending) {
        timer::end(&past);
    }
    Ok(exit)
}

/// Undoes what a past apply did.
pub fn undo_past(
    mut machine: Machine,
    past: &Past,
    options: &args::Machine,
    change: &Change,
    permissions: Permissions<'_>,
    output: Output,
) -> Result<Exit, CliError> {
    if machine.boot_id != past.boot_id() {
        return Err(CliError::OtherBoot { command: past.command.clone(), began: past.began.clone() });
    }
    let desired: Desired = sources::nothing_desired();
    machine.kernel.tell(plan::attributes_to_tell_for_undo(past, &machine.record));
    let what = format!("{} {} of {}", past.command, past.number, past.began);
    let job = Job {
        machine,
        handed_over: None,
        planner: &|state, record| plan::undo(past, Input { desired: &desired, state, record }),
        heading: Heading {
            command: "undo",
            file: Some(Utf8Path::new(&what)),
            host: "*",
            machine: &machine::words(options),
            is_observed: true,
            flags: options,
            part: &args::Part::default(),
        },
        selection: Selection::default(),
        saved: None,
        change,
        permissions,
        output,
    };
    job.carry_out()
}

/// A change of the host.
struct Job<'a> {
    machine: Machine,
    /// What tells which netdevs are others' from now on; without it that stays as it is.
    handed_over: Option<&'a Desired>,
    planner: Planner<'a>,
    heading: Heading<'a>,
    selection: Selection,
    /// The plan that was shown before, if this is one.
    saved: Option<&'a Saved>,
    change: &'a Change,
    permissions: Permissions<'a>,
    output: Output,
}

impl Job<'_> {
    fn carry_out(mut self) -> Result<Exit, CliError> {
        let before = self.machine.kernel.observe()?;
        let whole = (self.planner)(&before, &self.machine.record);
        self.selection.check(&whole)?;
        let plan = whole.narrowed(&self.selection);
        if let Some(saved) = self.saved {
            saved.check(&before, &self.machine.record, &plan)?;
        }
        let text = || show::plan::text(&plan, &self.heading, self.permissions, self.change.all);
        if self.output.format == Format::Human {
            show::print(&text())?;
        }
        if !plan.refusals.is_empty() {
            return Ok(Report::refused(&plan, self.permissions).show(self.output));
        }
        if plan.is_empty() {
            let outcome = self.apply(&plan, &before, told_to_end()?)?;
            return Ok(Report::of(&plan, &outcome, None).show(self.output));
        }
        let unseen = || if self.output.format == Format::Human { String::new() } else { text() };
        match confirm::decide(&plan, self.permissions, self.change.yes, unseen)? {
            Decision::NobodyToAsk if self.output.format == Format::Json => {
                return Ok(Report::nobody_to_ask(&plan).show(self.output));
            }
            Decision::NobodyToAsk => return Err(CliError::NobodyToAsk),
            Decision::Refused => return Ok(Report::refused(&plan, self.permissions).show(self.output)),
            Decision::GoAsked if self.machine.kernel.observe()? != before => {
                let file = self.heading.file.map(ToString::to_string).unwrap_or_default();
                return Err(CliError::Moved { file });
            }
            Decision::Go | Decision::GoAsked => {}
        }
        self.remembered(&plan, before)
    }

    /// Applies, with what was found and how it ended in the history.
    fn remembered(mut self, plan: &Plan, before: State) -> Result<Exit, CliError> {
        // Before the time of a confirmation begins: it may be over before the first operation.
        let told = told_to_end()?;
        let mut past = self.past(plan, before)?;
        self.machine.history.remember(&past)?;
        if let Some(confirmation) = &mut past.confirmation {
            confirmation.timer = Some(timer::start(past.number, &confirmation.until, self.heading.flags)?);
            self.machine.history.remember(&past)?;
        }
        let outcome = self.apply(plan, &past.before, told)?;
        let until = past.confirmation.as_ref().map(|confirmation| confirmation.until.clone());
        let report = Report::of(plan, &outcome, until);
        past.end = Some(End::of(&outcome, clock::now().to_string()));
        if let Err(error) = self.machine.history.remember(&past) {
            // What was done is done; only an undo knows less of it.
            show::error(&error.into());
        }
        Ok(report.show(self.output))
    }

    fn past(&self, plan: &Plan, before: State) -> Result<Past, CliError> {
        let now = clock::now();
        let confirmation = self.change.guard.confirm_within.map(|within| Confirmation {
            until: clock::after(now, within).to_string(),
            confirmed: false,
            timer: None,
        });
        let number = self.machine.history.next_number()?;
        let host = (before, self.machine.record.clone());
        let begun = Past::begun(self.heading.command, number, now.to_string(), Planned::of(plan), host);
        Ok(Past { file: self.heading.file.map(ToString::to_string), confirmation, ..begun })
    }

    fn apply(&mut self, plan: &Plan, before: &State, told: Arc<AtomicBool>) -> Result<Outcome, CliError> {
        if let Some(desired) = self.handed_over {
            self.machine.hand_over(desired, before)?;
        }
        let occasion = Occasion {
            at: clock::now().to_string(),
            command: self.heading.command.to_owned(),
            file: self.heading.file.map(ToString::to_string),
        };
        let mut lines = Lines::new(self.change.log_format, self.output.format);
        let planner =
            |state: &State, record: &Record| (self.planner)(state, record).narrowed(&self.selection);
        let outcome = apply::apply(
            Apply {
                kernel: self.machine.kernel.as_mut(),
                keeper: self.machine.keeper.as_mut(),
                progress: &mut lines,
                before,
                record: &self.machine.record,
                occasion: &occasion,
                replan: &planner,
                on_error: self.change.on_error.into(),
                stop: &move || told.load(Ordering::Relaxed),
            },
            plan,
        )?;
        lines.end();
        Ok(outcome)
    }
}

/// Is set when the run is told to end. The second time it ends at once: the journal says what was done.
fn told_to_end() -> std::io::Result<Arc<AtomicBool>> {
    let told = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: what the first one sets is there for the second.
        flag::register_conditional_default(signal, Arc::clone(&told))?;
        flag::register(signal, Arc::clone(&told))?;
    }
    Ok(told)
}
