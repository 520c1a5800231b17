//! The machine that a command works on: this one, or a simulated one that lives in a file.

use std::cell::RefCell;
use std::io::{ErrorKind, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::rc::Rc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use subdevcfg_compiler::model::HostModel;
use subdevcfg_reconciler::apply::{KeepError, RecordKeeper};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::kernel::{DeviceAttributes, Effect, Kernel, ObserveError, Request, RequestError};
use subdevcfg_reconciler::live::LiveKernel;
use subdevcfg_reconciler::plan::attributes_to_tell;
use subdevcfg_reconciler::record::{Entry, Record};
use subdevcfg_reconciler::resource::Subject;
use subdevcfg_reconciler::simulated::SimulatedHost;
use subdevcfg_reconciler::state::State;
use subdevcfg_reconciler::store::{FileKeeper, Lock};

use crate::args;
use crate::error::CliError;

/// Where lock and record are: what they tell dies with the kernel, and so does this folder.
const RUN: &str = "/run/subdevcfg";

/// Where what is protected is kept, over a boot.
const LASTING: &str = "/var/lib/subdevcfg";

/// How long a second run waits for the first.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The release that a new simulated kernel says it has.
const SIMULATED_RELEASE: &str = "6.12.0-simulated";

/// An opened machine.
pub struct Machine {
    /// Its kernel.
    pub kernel: Box<dyn Kernel>,
    /// What subdevcfg made and changed on it.
    pub record: Record,
    /// Where that is kept.
    pub keeper: Box<dyn RecordKeeper>,
    /// Held while the machine is open for changes.
    _lock: Option<Lock>,
}

/// Whether a command changes the machine: then it has the lock, or waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It only looks.
    Look,
    /// It changes things.
    Change,
}

/// Opens the machine that the command line names, to make it as is desired or to compare it with that.
pub fn open(machine: &args::Machine, access: Access, desired: &Desired) -> Result<Machine, CliError> {
    let mut machine = match &machine.simulate {
        Some(path) => open_simulated(path),
        None => open_live(access),
    }?;
    machine.kernel.tell(attributes_to_tell(desired, &machine.record));
    Ok(machine)
}

fn open_simulated(path: &Utf8Path) -> Result<Machine, CliError> {
    let host = match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| CliError::Malformed {
            path: path.to_owned(),
            what: "simulated host",
            why: error.to_string(),
            help: "name a file that `--simulate` wrote, or one that is not there yet: it is made",
        })?,
        Err(error) if error.kind() == ErrorKind::NotFound => SimulatedHost::new(SIMULATED_RELEASE),
        Err(source) => {
            let help = "name a file that `--simulate` wrote, or one that is not there yet: it is made";
            return Err(CliError::Unreadable { path: path.to_owned(), help, source });
        }
    };
    let record = host.record.clone();
    let shared = SimulatedFile { path: path.to_owned(), host: Rc::new(RefCell::new(host)) };
    Ok(Machine { kernel: Box::new(shared.clone()), record, keeper: Box::new(shared), _lock: None })
}

/// A simulated host and the file it lives in; kernel and record are kept together.
#[derive(Debug, Clone)]
struct SimulatedFile {
    path: Utf8PathBuf,
    host: Rc<RefCell<SimulatedHost>>,
}

impl Kernel for SimulatedFile {
    fn tell(&mut self, attributes: DeviceAttributes) {
        self.host.borrow_mut().tell(attributes);
    }

    fn observe(&mut self) -> Result<State, ObserveError> {
        self.host.borrow_mut().observe()
    }

    fn perform(&mut self, request: &Request) -> Result<(), RequestError> {
        self.host.borrow_mut().perform(request)
    }

    fn wait(&mut self, subject: &Subject, effect: Effect, deadline: Duration) -> Result<(), RequestError> {
        self.host.borrow_mut().wait(subject, effect, deadline)
    }
}

impl RecordKeeper for SimulatedFile {
    /// Nothing is written: of a run that is killed, neither what the kernel did nor the note of it remains.
    fn note(&mut self, _: &Entry) -> Result<(), KeepError> {
        Ok(())
    }

    fn keep(&mut self, record: &Record) -> Result<(), KeepError> {
        let mut host = self.host.borrow_mut();
        host.record = record.clone();
        write_whole(&self.path, &host).map_err(|source| KeepError { path: self.path.clone(), source })
    }
}

/// Writes a file whole or not at all: beside it first, then in its place.
fn write_whole(path: &Utf8Path, host: &SimulatedHost) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    // As any file that a program writes for its user: the umask takes away what it should.
    let mode = std::fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(folder)?;
    let mut text = serde_json::to_vec_pretty(host)?;
    text.push(b'\n');
    file.write_all(&text)?;
    file.persist(path).map_err(|error| error.error).map(drop)
}

fn open_live(access: Access) -> Result<Machine, CliError> {
    // Before anything is read: what is read without the lock may be half of somebody else's change.
    let lock = (access == Access::Change)
        .then(|| Lock::take(Utf8Path::new(RUN), &command_line(), LOCK_PATIENCE))
        .transpose()?;
    let mut kernel = LiveKernel::open().map_err(ObserveError::from)?;
    if let Some(peer) = session_peer() {
        kernel.keep_reachable(peer);
    }
    let mut keeper = FileKeeper::new(RUN, kernel.boot_id()?).lasting_in(LASTING);
    let record = keeper.load()?;
    Ok(Machine { kernel: Box::new(kernel), record, keeper: Box::new(keeper), _lock: lock })
}

/// The other end of the caller's ssh session: the first word of `SSH_CONNECTION`. sudo drops the variable unless it is told
/// to keep it; the default route is a lifeline all the same.
fn session_peer() -> Option<IpAddr> {
    std::env::var("SSH_CONNECTION").ok()?.split(' ').next()?.parse().ok()
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
    host.map_or_else(|| SIMULATED_RELEASE.to_owned(), |host| host.kernel_release)
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
    if let Some(wanted) = &model.machine_id {
        let path = Utf8Path::new("/etc/machine-id");
        let found = std::fs::read_to_string(path).map_err(|source| CliError::Unreadable {
            path: path.to_owned(),
            help: "`machine-id=` of the host file is compared with it",
            source,
        })?;
        if found.trim() != wanted.value {
            return other(&wanted.value, found.trim().to_owned());
        }
    }
    let wanted = model.hostname.as_ref().unwrap_or(&model.name);
    if wanted.value == "*" || (model.machine_id.is_some() && model.hostname.is_none()) {
        return Ok(());
    }
    let found = nix::unistd::gethostname()
        .map_err(|errno| CliError::Output(errno.into()))?
        .to_string_lossy()
        .into_owned();
    if found == wanted.value { Ok(()) } else { other(&wanted.value, found) }
}

/// Which machine it is, for the first line of a plan.
pub fn words(options: &args::Machine) -> String {
    options.simulate.as_ref().map_or_else(|| "this machine".to_owned(), |path| format!("simulated in {path}"))
}
