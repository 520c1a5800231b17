//! `watch`: look, report, repair what may be repaired, sleep until there is a reason to look again. What to make of a plan
//! is decided in the reconciler; here are the loop, the file and the machine.

use std::time::{Duration, Instant};

use subdevcfg_reconciler::apply::{Failure, Outcome};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::history::{Ending, Past, boots_did_not_finish};
use subdevcfg_reconciler::plan::{Input, Plan, plan};
use subdevcfg_reconciler::state::State;
use subdevcfg_reconciler::store::LockError;
use subdevcfg_reconciler::watch::{Finding, Part, Watcher, differs, is_blind, lacks_devices};

use crate::args::{Format, LogFormat, WatchOptions};
use crate::clock;
use crate::error::{CliError, counted};
use crate::exit::Exit;
use crate::machine::{self, Access, Machine};
use crate::progress::Lines;
use crate::show;
use crate::sources;
use crate::watch::metrics::Metrics;
use crate::watch::repair;
use crate::watch::service;
use crate::watch::sleep::{Sleep, Woken};
use crate::watch::words::Event;

/// How long it takes until a look that was not possible is tried again; twice as long each time, up to `--every`.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The most findings that people are told of one by one.
const MOST: usize = 20;

/// Why nothing is repaired although it might be.
const BOOTS: &str = "the last three boots ended in the middle of an apply, so nothing is repaired; an apply by hand that \
                     ends takes that back: subdevcfg apply";

/// Why nothing is repaired although it might be.
const UNDONE: &str = "the last change was undone, so nothing is repaired until somebody applies, or has the host file read \
                      again: systemctl reload subdevcfg-watch";

/// Watches until it is told to end, or looks once.
pub fn watch(options: &WatchOptions) -> Result<Exit, CliError> {
    let desired = read(options)?;
    let mut watch = Watch {
        options,
        desired,
        watcher: Watcher::new(options.policy()),
        sleep: Sleep::new()?,
        metrics: Metrics::default(),
        last: None,
        took: Duration::ZERO,
        hindrance: Hindrance::None,
        told: None,
        overruled: None,
        started: Instant::now(),
    };
    if options.once { watch.once() } else { watch.always() }
}

/// What the host is to be.
fn read(options: &WatchOptions) -> Result<Desired, CliError> {
    let release = machine::kernel_release(&options.machine);
    let (host, sources) = sources::compile_host(&options.file, &release)?;
    machine::check_host(&host.model, &options.file, &options.machine)?;
    Ok(sources::desired(&host, &sources))
}

struct Watch<'a> {
    options: &'a WatchOptions,
    desired: Desired,
    watcher: Watcher,
    sleep: Sleep,
    metrics: Metrics,
    /// The last apply on this host, whoever made it; only for the metrics.
    last: Option<Past>,
    /// What looking has cost the last time, repairs apart.
    took: Duration,
    hindrance: Hindrance,
    /// Why nothing is repaired, as it was told the last time.
    told: Option<&'static str>,
    /// The number of the last change when the file was read again: that it was an undo counts no more.
    overruled: Option<u64>,
    started: Instant,
}

/// Why looking was not possible the last time.
enum Hindrance {
    None,
    /// Somebody else is changing the host.
    Held(String),
    /// Something failed, so often.
    Failed(String, u32),
}

/// What a look has shown.
struct Seen {
    /// How the run would end with this one.
    exit: Exit,
    /// Devices of the file are not there yet.
    lacks: bool,
    /// Something was repaired, so it has to be looked at again.
    repaired: bool,
}

impl Watch<'_> {
    fn once(&mut self) -> Result<Exit, CliError> {
        let wait = self.options.wait.map_or(Duration::ZERO, duration);
        let mut failed = false;
        loop {
            self.listen()?;
            let seen = self.look(self.options.lock_timeout)?;
            failed |= seen.exit == Exit::Incomplete && seen.repaired;
            if seen.repaired && !self.sleep.is_to_end() {
                continue;
            }
            let left = wait.saturating_sub(self.started.elapsed());
            let is_over = !seen.lacks || left.is_zero();
            let pause = left.min(duration(self.options.every));
            if is_over || self.sleep.until_reason(pause, self.took)? == Woken::End {
                self.write_metrics();
                return Ok(if failed { Exit::Incomplete } else { seen.exit });
            }
        }
    }

    fn always(&mut self) -> Result<Exit, CliError> {
        let machine = machine::words(&self.options.machine);
        let repairs = self.options.policy().repairs();
        self.tell(&Event::Watching { file: self.options.file.as_str(), machine: &machine, repairs });
        service::ready();
        loop {
            let looked = self.listen().and_then(|()| self.look(Duration::ZERO));
            let pause = self.after(looked);
            self.write_metrics();
            match self.sleep.until_reason(pause, self.took)? {
                Woken::End => {
                    service::stopping();
                    return Ok(Exit::Done);
                }
                Woken::Reread => self.reread(),
                Woken::Look => {}
            }
        }
    }

    /// What is done after a look: how long to sleep. Why one was not possible is told once.
    fn after(&mut self, looked: Result<Seen, CliError>) -> Duration {
        let every = duration(self.options.every);
        let Err(error) = looked else {
            if let Hindrance::Failed(text, _) = std::mem::replace(&mut self.hindrance, Hindrance::None) {
                self.tell(&Event::Over { text: &text });
            }
            let now = self.started.elapsed();
            let again = self.watcher.tries_again(now);
            return again.map_or(every, |then| every.min(then.saturating_sub(now)));
        };
        let text = show::sentence(&error);
        if matches!(error, CliError::Lock(LockError::Held { .. })) {
            if !matches!(&self.hindrance, Hindrance::Held(known) if *known == text) {
                self.tell(&Event::Waiting { text: &text });
            }
            self.hindrance = Hindrance::Held(text);
            return every.min(TRY_AGAIN);
        }
        self.metrics.troubles += 1;
        let times = match &self.hindrance {
            Hindrance::Failed(known, times) if *known == text => times + 1,
            _ => {
                self.tell(&Event::Trouble { text: &text });
                service::status(&text);
                0
            }
        };
        self.hindrance = Hindrance::Failed(text, times);
        every.min(TRY_AGAIN.saturating_mul(1 << times.min(10)))
    }

    fn listen(&mut self) -> Result<(), CliError> {
        // A simulated host tells nothing.
        if self.options.machine.simulate.is_some() { Ok(()) } else { self.sleep.listen() }
    }

    /// Reads the host file again; one that has become wrong is as if it had not changed.
    fn reread(&mut self) {
        match read(self.options) {
            Ok(desired) => {
                self.desired = desired;
                self.watcher.start_over();
                let history = machine::history(&self.options.machine);
                let last = history.and_then(|history| Ok(history.last()?));
                self.overruled = last.ok().flatten().map(|past| past.number);
                self.tell(&Event::Reread { file: self.options.file.as_str() });
            }
            Err(error) => {
                let text = format!("{}; what the file said before still counts", show::sentence(&error));
                self.tell(&Event::Trouble { text: &text });
            }
        }
    }

    /// Looks at the host, reports, and repairs what may be repaired.
    fn look(&mut self, patience: Duration) -> Result<Seen, CliError> {
        let (mut machine, may_repair) = self.open(patience)?;
        let began = Instant::now();
        machine.look_for(&self.desired);
        let state = machine.kernel.observe()?;
        let whole = plan(Input { desired: &self.desired, state: &state, record: &machine.record });
        self.took = began.elapsed();
        self.metrics.looks += 1;
        self.metrics.seen = Some(clock::now());
        let look = self.watcher.look(&whole, may_repair, self.started.elapsed());
        self.tell_some(&look.settled, |finding| Event::Settled { finding });
        self.tell_some(&look.news, Event::found);
        let whole = whole.narrowed(&self.options.part.selection());
        let mut seen = Seen { exit: exit(&whole), lacks: lacks_devices(&whole), repaired: false };
        if let Some(part) = look.part {
            if self.is_held_back(&machine)? {
                seen.exit = Exit::Refused;
            } else {
                seen.repaired = true;
                if !self.repair(&mut machine, &part, state)? {
                    seen.exit = Exit::Incomplete;
                }
            }
        }
        if self.options.metrics.is_some() {
            self.last = machine.history.last()?;
        }
        service::status(&counted(self.watcher.findings().len(), "finding"));
        Ok(seen)
    }

    /// Opens the machine. While an apply waits for its confirmation, nothing is repaired.
    fn open(&self, patience: Duration) -> Result<(Machine, bool), CliError> {
        let options = &self.options.machine;
        if self.options.policy().repairs() {
            match machine::open(options, Access::Change(patience)) {
                Err(CliError::Unconfirmed { .. }) => {}
                opened => return Ok((opened?, true)),
            }
        }
        Ok((machine::open(options, Access::Glance(patience))?, false))
    }

    /// Whether what was done before speaks against a repair. Why is told once.
    fn is_held_back(&mut self, machine: &Machine) -> Result<bool, CliError> {
        let history = machine.history.history()?;
        let is_undone = history.last().is_some_and(|past| {
            past.command == "undo" && past.boot_id() == machine.boot_id && self.overruled != Some(past.number)
        });
        let why = if boots_did_not_finish(&history, &machine.boot_id) {
            Some(BOOTS)
        } else {
            is_undone.then_some(UNDONE)
        };
        if let Some(text) = why.filter(|_| self.told != why) {
            self.tell(&Event::Trouble { text });
        }
        self.told = why;
        Ok(why.is_some())
    }

    /// Repairs a part; whether all of it was.
    fn repair(&mut self, machine: &mut Machine, part: &Part, before: State) -> Result<bool, CliError> {
        let form = self.options.log_format;
        let mut lines = Lines::new(form, Format::Human);
        let sleep = &self.sleep;
        let job = repair::Job {
            machine,
            desired: &self.desired,
            file: self.options.file.as_str(),
            part,
            progress: &mut lines,
            stop: &|| sleep.is_to_end(),
        };
        let repair::Repair { outcome, number } = job.carry_out(before)?;
        lines.end();
        self.watcher.repaired(part, &outcome, self.started.elapsed());
        self.count(part, &outcome);
        let addresses = part.repaired();
        let failures: Vec<String> = outcome.failures().iter().map(Failure::sentence).collect();
        if failures.is_empty() && number.is_some() {
            let operations = part.plan.operations.len();
            self.tell(&Event::Repaired { addresses: &addresses, operations, history: number });
        } else if !failures.is_empty() {
            self.tell(&Event::Failed { failures: &failures, left: outcome.left() });
        }
        Ok(failures.is_empty())
    }

    fn count(&mut self, part: &Part, outcome: &Outcome) {
        if part.plan.is_empty() {
            return;
        }
        *self.metrics.repairs.entry(Ending::of(outcome).as_str()).or_default() += 1;
        self.metrics.operations += part.plan.operations.len() as u64;
        for failure in outcome.failures() {
            let addresses = match failure {
                Failure::Operation { address, .. } => vec![address.as_str()],
                _ => part.repaired(),
            };
            for address in addresses {
                *self.metrics.failures.entry(address.to_owned()).or_default() += 1;
            }
        }
    }

    /// Tells of findings: programs all, people the first of many.
    fn tell_some<'f>(&self, findings: &'f [Finding], event: impl Fn(&'f Finding) -> Event<'f>) {
        let most = match self.options.log_format {
            LogFormat::Human if findings.len() > MOST => MOST,
            _ => findings.len(),
        };
        findings.iter().take(most).for_each(|finding| self.tell(&event(finding)));
        if findings.len() > most {
            self.tell(&Event::More { more: findings.len() - most });
        }
    }

    fn tell(&self, event: &Event<'_>) {
        event.tell(self.options.log_format);
    }

    /// Writes the metrics, if they are wanted. That they cannot be written is told, and watching goes on.
    fn write_metrics(&mut self) {
        let Some(path) = &self.options.metrics else { return };
        self.metrics.events = self.sleep.heard();
        let text = self.metrics.text(self.watcher.findings(), self.last.as_ref());
        if let Err(source) = sources::write_new(path, text.as_bytes(), 0o644) {
            show::error(&CliError::Unwritable { path: path.clone(), source });
        }
    }
}

/// How a run ends with this plan.
fn exit(plan: &Plan) -> Exit {
    if is_blind(plan) {
        Exit::Incomplete
    } else if differs(plan) {
        Exit::Differs
    } else if !plan.waits_for_reboot.is_empty() {
        Exit::Pending
    } else {
        Exit::Done
    }
}

fn duration(time: jiff::SignedDuration) -> Duration {
    Duration::try_from(time).unwrap_or_default()
}
