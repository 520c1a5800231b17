//! A simulated host and the file that it lives in.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use subdevcfg_reconciler::apply::{KeepError, RecordKeeper};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::history::{HistoryError, HistoryKeeper, Past};
use subdevcfg_reconciler::kernel::{DeviceAttributes, Effect, Kernel, ObserveError, Request, RequestError};
use subdevcfg_reconciler::record::{Entry, Record};
use subdevcfg_reconciler::resource::Subject;
use subdevcfg_reconciler::simulated::SimulatedHost;
use subdevcfg_reconciler::state::State;

use super::Machine;
use crate::error::CliError;
use crate::sources;

/// The release that a new simulated kernel says it has.
pub const RELEASE: &str = "6.12.0-simulated";

/// How many applies a simulated host remembers: they make its file large.
const REMEMBERED: usize = 3;

/// Opens the host in this file; one that is not there is made when it is changed.
pub(super) fn open(path: &Utf8Path) -> Result<Machine, CliError> {
    let host = match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str::<SimulatedHost>(&text).map_err(|error| CliError::Malformed {
            path: path.to_owned(),
            what: "simulated host",
            why: error.to_string(),
            help: "name a file that `--simulate` wrote, or one that is not there yet: it is made",
        })?,
        Err(error) if error.kind() == ErrorKind::NotFound => SimulatedHost::new(RELEASE),
        Err(source) => {
            let help = "name a file that `--simulate` wrote, or one that is not there yet: it is made";
            return Err(CliError::Unreadable { path: path.to_owned(), help, source });
        }
    };
    let mut host = host;
    host.show_interfaces_of_cards();
    let record = host.record.clone();
    let boot_id = host.state().volatile.0.boot_id;
    let shared = SimulatedFile { path: path.to_owned(), host: Rc::new(RefCell::new(host)) };
    Ok(Machine {
        kernel: Box::new(shared.clone()),
        record,
        keeper: Box::new(shared.clone()),
        history: Box::new(shared.clone()),
        boot_id,
        simulated: Some(shared),
        marks: None,
        lock: None,
    })
}

/// A simulated host and the file it lives in; kernel and record are kept together.
#[derive(Debug, Clone)]
pub(super) struct SimulatedFile {
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

    fn shows(&mut self, subject: &Subject, effect: Effect) -> Result<bool, RequestError> {
        self.host.borrow_mut().shows(subject, effect)
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
        self.host.borrow_mut().record = record.clone();
        self.write()
    }
}

impl HistoryKeeper for SimulatedFile {
    fn history(&self) -> Result<Vec<Past>, HistoryError> {
        Ok(self.host.borrow().history.clone())
    }

    fn last(&self) -> Result<Option<Past>, HistoryError> {
        Ok(self.host.borrow().history.last().cloned())
    }

    fn next_number(&self) -> Result<u64, HistoryError> {
        Ok(self.host.borrow().history.last().map_or(1, |last| last.number + 1))
    }

    fn remember(&mut self, past: &Past) -> Result<(), KeepError> {
        let mut host = self.host.borrow_mut();
        host.history.retain(|known| known.number != past.number);
        host.history.push(past.clone());
        let forgotten = host.history.len().saturating_sub(REMEMBERED);
        host.history.drain(..forgotten);
        drop(host);
        self.write()
    }

    fn take_back(&mut self, number: u64) -> Result<(), KeepError> {
        self.host.borrow_mut().history.retain(|known| known.number != number);
        self.write()
    }
}

impl SimulatedFile {
    /// Plugs in the network cards that a host file names with their drivers, where nothing is at their addresses, and loads
    /// the simulator of vDPA devices if it names that. They are written with what an apply does.
    pub fn plug_in(&self, desired: &Desired) {
        for parent in &desired.parents {
            let handle = &parent.subject.parent;
            if (handle.bus(), handle.device()) == ("vdpa", "vdpasim_net") {
                self.host.borrow_mut().load_vdpa_simulator();
            }
            if let Some(driver) = parent.driver.as_ref().filter(|_| handle.bus() == "pci") {
                self.host.borrow_mut().plug_in(handle.device(), driver);
            }
        }
    }

    fn write(&self) -> Result<(), KeepError> {
        let text = serde_json::to_vec_pretty(&*self.host.borrow()).map_err(std::io::Error::from);
        text.and_then(|mut text| {
            text.push(b'\n');
            // As any file that a program writes for its user.
            sources::write_new(&self.path, &text, 0o666)
        })
        .map_err(|source| KeepError { path: self.path.clone(), source })
    }
}
