//! The machine that a command works on: this one, or a simulated one that lives in a file.

mod simulated;

use std::sync::LazyLock;
use std::time::Duration;

use camino::Utf8Path;
use jiff::SignedDuration;
use subdevcfg_compiler::model::HostModel;
use subdevcfg_reconciler::apply::RecordKeeper;
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::handed_over;
use subdevcfg_reconciler::history::HistoryKeeper;
use subdevcfg_reconciler::kernel::{Kernel, ObserveError};
use subdevcfg_reconciler::live::{self, LiveKernel, Unanswered};
use subdevcfg_reconciler::plan::attributes_to_tell;
use subdevcfg_reconciler::record::Record;
use subdevcfg_reconciler::simulated::SimulatedHost;
use subdevcfg_reconciler::state::State;
use subdevcfg_reconciler::store::{FileHistory, FileKeeper, FileMarks, Lock, LockError, Turn};

use crate::args;
use crate::error::CliError;
use crate::{session, show, timer};

/// Where lock and record are: what they tell dies with the kernel, and so does this folder.
const RUN: &str = "/run/subdevcfg";

/// Where what is protected is kept, over a boot.
const LASTING: &str = "/var/lib/subdevcfg";

/// The devices that were asked and have not answered yet: `watch` opens the machine for each look anew.
static UNANSWERED: LazyLock<Unanswered> = LazyLock::new(Unanswered::default);

/// An opened machine.
pub struct Machine {
    /// Its kernel.
    pub kernel: Box<dyn Kernel>,
    /// What subdevcfg made and changed on it.
    pub record: Record,
    /// Where that is kept.
    pub keeper: Box<dyn RecordKeeper>,
    /// What was done on it before.
    pub history: Box<dyn HistoryKeeper>,
    /// The boot that it is in.
    pub boot_id: String,
    /// The simulated host, if it is one.
    simulated: Option<simulated::SimulatedFile>,
    /// Where udev finds what the file hands over to others; a simulated machine has no udev.
    marks: Option<FileMarks>,
    /// Held while the machine is open for changes.
    lock: Option<Lock>,
}

/// What a command is going to do with the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It only looks.
    Look,
    /// It looks while nobody else changes things, as far as its privileges let it know that, and waits so long for that.
    Glance(Duration),
    /// It changes things, which is refused while a confirmation is awaited; it waits so long for the lock.
    Change(Duration),
    /// It undoes or confirms the last change; it waits so long for the lock.
    Undo(Duration),
}

impl Access {
    /// How long it waits for the lock, if it needs it.
    const fn patience(self) -> Option<Duration> {
        match self {
            Self::Look => None,
            Self::Glance(patience) | Self::Change(patience) | Self::Undo(patience) => Some(patience),
        }
    }
}

impl Machine {
    /// From now on observations tell what a comparison with this needs. A simulated host has the network cards that it names
    /// with their drivers, as far as it can play these.
    pub fn look_for(&mut self, desired: &Desired) {
        if let Some(simulated) = &self.simulated {
            simulated.plug_in(desired);
        }
        self.kernel.tell(attributes_to_tell(desired, &self.record));
    }

    /// Has udev know, before anything appears, which netdevs the file hands over.
    pub fn hand_over(&self, desired: &Desired, state: &State) -> Result<(), CliError> {
        let Some(kept) = &self.marks else { return Ok(()) };
        let marks = handed_over::marks(desired, state, live::vf_address);
        kept.keep(&marks).map_err(|source| CliError::Unwritable { path: kept.folder().to_owned(), source })
    }
}

/// Opens the machine that the command line names.
pub fn open(machine: &args::Machine, access: Access) -> Result<Machine, CliError> {
    // Before anything is read: what is read without the lock may be half of somebody else's change.
    let lock = take_lock(machine, access)?;
    let mut opened = match &machine.simulate {
        Some(path) => simulated::open(path)?,
        None => open_live()?,
    };
    opened.lock = lock;
    opened.look_for(&Desired::default());
    if matches!(access, Access::Change(_)) {
        refuse_while_unconfirmed(&opened)?;
    }
    Ok(opened)
}

/// An apply that waits for a confirmation is the one that would be undone: nothing may be built on it.
fn refuse_while_unconfirmed(machine: &Machine) -> Result<(), CliError> {
    // A history that cannot be read says of nothing that it waits.
    let Ok(Some(past)) = machine.history.last() else { return Ok(()) };
    match &past.confirmation {
        Some(confirmation) if timer::awaits_confirmation(&past) => {
            Err(CliError::Unconfirmed { until: confirmation.until.clone() })
        }
        _ => Ok(()),
    }
}

/// What was done on the machine that the command line names. It lies in files: a kernel without devlink has it too.
pub fn history(machine: &args::Machine) -> Result<Box<dyn HistoryKeeper>, CliError> {
    match &machine.simulate {
        Some(path) => Ok(simulated::open(path)?.history),
        None => Ok(Box::new(live_history())),
    }
}

fn live_history() -> FileHistory {
    FileHistory::new(format!("{LASTING}/history"), format!("{RUN}/history"))
}

/// Takes the lock of the machine, if the command needs it.
fn take_lock(machine: &args::Machine, access: Access) -> Result<Option<Lock>, CliError> {
    let Some(patience) = access.patience() else { return Ok(None) };
    let most = SignedDuration::try_from(patience).unwrap_or_default();
    let waits =
        |held: &LockError| show::note(&format!("Waiting at most {most:#} (--lock-timeout): {held}\n"));
    let turn = Turn { command: &command_line(), patience, waits: &waits };
    let lock = match &machine.simulate {
        Some(path) => Lock::take(&path.with_added_extension("lock"), turn),
        None => Lock::take_in(Utf8Path::new(RUN), turn),
    };
    match (lock, access) {
        // Who may not take the lock may look all the same.
        (Err(LockError::File { .. }), Access::Glance(_)) => Ok(None),
        (Err(LockError::File { path, source }), _) if machine.simulate.is_some() => {
            Err(CliError::Unwritable { path, source })
        }
        (lock, _) => Ok(Some(lock?)),
    }
}

fn open_live() -> Result<Machine, CliError> {
    let mut kernel = LiveKernel::open_knowing(UNANSWERED.clone()).map_err(ObserveError::from)?;
    if let Some(peer) = session::peer() {
        kernel.keep_reachable(peer);
    }
    let boot_id = kernel.boot_id()?;
    let mut keeper = FileKeeper::new(RUN, &boot_id).lasting_in(LASTING);
    let record = keeper.load()?;
    Ok(Machine {
        kernel: Box::new(kernel),
        record,
        keeper: Box::new(keeper),
        history: Box::new(live_history()),
        boot_id,
        simulated: None,
        marks: Some(FileMarks::new(format!("{RUN}/handed-over"))),
        lock: None,
    })
}

fn command_line() -> String {
    std::env::args().collect::<Vec<_>>().join(" ")
}

/// `uname -r` of the machine that the command line names, before it is opened: host files are compiled for it.
pub fn kernel_release(machine: &args::Machine) -> String {
    let Some(path) = &machine.simulate else {
        // uname(2) fails for a bad address only.
        return nix::sys::utsname::uname()
            .map_or_else(|_| String::new(), |names| names.release().to_string_lossy().into_owned());
    };
    // What is wrong with the file is told when the machine is opened.
    let host = std::fs::read_to_string(path).ok();
    let host: Option<SimulatedHost> = host.and_then(|text| serde_json::from_str(&text).ok());
    host.map_or_else(|| simulated::RELEASE.to_owned(), |host| host.kernel_release)
}

/// Reads a state that `subdevcfg state --format json` wrote.
pub fn read_state(path: &Utf8Path) -> Result<State, CliError> {
    let help = "name a file that `subdevcfg state --format json` wrote";
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Unreadable {
        path: path.to_owned(),
        help,
        source,
    })?;
    let malformed =
        |why: String| CliError::Malformed { path: path.to_owned(), what: "recorded state", why, help };
    let state: State = serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    let known = subdevcfg_reconciler::state::FORMAT_VERSION;
    if major(&state.format_version) != major(known) {
        return Err(malformed(format!(
            "it has version {}, this program reads {known}",
            state.format_version
        )));
    }
    Ok(state)
}

/// Refuses a file that is for another machine than the one that is to be changed. A simulated one is any.
pub fn check_host(model: &HostModel, file: &Utf8Path, options: &args::Machine) -> Result<(), CliError> {
    if options.simulate.is_some() {
        return Ok(());
    }
    let other = |wanted: &str, found: String| {
        Err(CliError::OtherHost { file: file.to_owned(), wanted: wanted.to_owned(), found })
    };
    let machine_id = ("/etc/machine-id", "`machine-id=` of the host file is compared with it");
    let serial = (
        "/sys/class/dmi/id/product_serial",
        "`serial=` of the host file is compared with it; only root may read it",
    );
    for (wanted, (path, help)) in [(&model.machine_id, machine_id), (&model.serial, serial)] {
        let Some(wanted) = wanted else { continue };
        let found = std::fs::read_to_string(path).map_err(|source| CliError::Unreadable {
            path: path.into(),
            help,
            source,
        })?;
        if found.trim() != wanted.value {
            return other(&wanted.value, found.trim().to_owned());
        }
    }
    let wanted = model.hostname.as_ref().unwrap_or(&model.name);
    let otherwise = model.machine_id.is_some() || model.serial.is_some();
    if wanted.value == "*" || (otherwise && model.hostname.is_none()) {
        return Ok(());
    }
    let found = host_name()?;
    if found == wanted.value { Ok(()) } else { other(&wanted.value, found) }
}

/// The name of this machine.
pub fn host_name() -> Result<String, CliError> {
    let name = nix::unistd::gethostname().map_err(|errno| CliError::Output(errno.into()))?;
    Ok(name.to_string_lossy().into_owned())
}

/// Which machine it is, for the first line of a plan.
pub fn words(options: &args::Machine) -> String {
    options.simulate.as_ref().map_or_else(|| "this machine".to_owned(), |path| format!("simulated in {path}"))
}
