//! The commands that change the host: `apply`, `destroy` and `undo`. All are: observe, plan, show, decide, carry out,
//! verify.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::Utf8Path;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use subdevcfg_reconciler::apply::{self, Apply, Outcome};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::guard::Permissions;
use subdevcfg_reconciler::history::{Confirmation, End, Ending, Past, Planned};
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
    let mut machine = machine::open(options, Access::Change(change.patience.lock_timeout))?;
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
            has_parts: saved.is_none(),
        },
        selection,
        saved: saved.as_ref(),
        undoes: None,
        change,
        permissions: change.guard.permissions(),
        output,
        refused: Vec::new(),
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
    let mut machine = machine::open(options, Access::Change(change.patience.lock_timeout))?;
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
            has_parts: true,
        },
        selection: part.selection(),
        saved: None,
        undoes: None,
        change,
        permissions: change.guard.permissions(),
        output,
        refused: Vec::new(),
    };
    job.carry_out()
}

/// Undoes the last apply.
pub fn undo(options: &args::Machine, change: &Change, output: Output) -> Result<Exit, CliError> {
    let machine = machine::open(options, Access::Undo(change.patience.lock_timeout))?;
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

/// Undoes an apply that nobody has confirmed. Nobody is asked: who applied it has agreed to that.
pub fn undo_unconfirmed(
    machine: Machine,
    past: &Past,
    options: &args::Machine,
    change: &Change,
) -> Result<Exit, CliError> {
    let permissions = Permissions { unguarded: true, ..Permissions::default() };
    undo_past(machine, past, options, change, permissions, Output { format: Format::Json })
}

/// Undoes what a past apply did.
fn undo_past(
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
            has_parts: false,
        },
        selection: Selection::default(),
        saved: None,
        undoes: Some(past),
        change,
        permissions,
        output,
        refused: Vec::new(),
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
    /// What it undoes, of an undo.
    undoes: Option<&'a Past>,
    change: &'a Change,
    permissions: Permissions<'a>,
    output: Output,
    /// What is left out because it is refused, one sentence each.
    refused: Vec<String>,
}

impl Job<'_> {
    fn carry_out(mut self) -> Result<Exit, CliError> {
        let before = self.machine.kernel.observe()?;
        let mut whole = (self.planner)(&before, &self.machine.record);
        if self.permissions.unguarded {
            // Nobody is there who could do anything about it: what can be done is done.
            whole = whole.despite_bonds();
            let refusals = whole.refusals.iter();
            self.refused = refusals.map(|refusal| format!("{}: {}", refusal.address, refusal.text)).collect();
            self.selection = whole.selection_without_refusals();
        }
        self.selection.check(&whole)?;
        let mut plan = whole.narrowed(&self.selection);
        if self.permissions.unguarded {
            plan = plan.despite_bonds();
        }
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
            self.hand_over(&before)?;
            let outcome = self.apply(&plan, &before, told_to_end()?)?;
            self.nothing_was_left(&plan);
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
        self.hand_over(&before)?;
        let mut past = self.past(plan, before)?;
        self.machine.history.remember(&past)?;
        let outcome = match self.confirmed_or_undone(plan, &mut past, told) {
            Ok(outcome) => outcome,
            Err(error) => {
                // Nothing was done.
                timer::end(&past);
                self.machine.history.take_back(past.number)?;
                return Err(error);
            }
        };
        let until = past.confirmation.as_ref().map(|confirmation| confirmation.until.clone());
        let report = Report::of(plan, &outcome, until);
        let mut end = End::of(&outcome, clock::now().to_string());
        if !self.refused.is_empty() {
            end.ending = Ending::Partial;
            end.failures.append(&mut self.refused);
        }
        past.end = Some(end);
        if let Err(error) = self.machine.history.remember(&past) {
            // What was done is done; only an undo knows less of it.
            show::error(&error.into());
        }
        Ok(report.show(self.output))
    }

    /// Applies, after the process was started that undoes it unless it is confirmed, where one is wanted.
    fn confirmed_or_undone(
        &mut self,
        plan: &Plan,
        past: &mut Past,
        told: Arc<AtomicBool>,
    ) -> Result<Outcome, CliError> {
        if let Some(confirmation) = &mut past.confirmation {
            confirmation.timer = Some(timer::start(past.number, &confirmation.until, self.heading.flags)?);
            self.machine.history.remember(past)?;
        }
        self.apply(plan, &past.before, told)
    }

    /// An undo that finds nothing to do says of what it undoes that nothing of it was left.
    fn nothing_was_left(&mut self, plan: &Plan) {
        let Some(past) = self.undoes.filter(|_| !plan.is_incomplete() && self.refused.is_empty()) else {
            return;
        };
        let end = Some(End::found_undone(clock::now().to_string()));
        if let Err(error) = self.machine.history.remember(&Past { end, ..past.clone() }) {
            show::error(&error.into());
        }
    }

    fn hand_over(&self, before: &State) -> Result<(), CliError> {
        self.handed_over.map_or(Ok(()), |desired| self.machine.hand_over(desired, before))
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
    // A terminal that goes says so more than once: by the kernel, and by the shell. Under nohup it is to be ignored.
    if !ignores_hangup() {
        flag::register(SIGHUP, Arc::clone(&told))?;
    }
    for signal in [SIGINT, SIGTERM] {
        // In this order: what the first one sets is there for the second.
        flag::register_conditional_default(signal, Arc::clone(&told))?;
        flag::register(signal, Arc::clone(&told))?;
    }
    Ok(told)
}

/// Whether whoever started this process wants it to outlive its terminal: SIGHUP is the first bit of `SigIgn` (proc(5)).
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}
