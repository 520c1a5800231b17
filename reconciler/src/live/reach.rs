//! Which instances answer. A request to one that is busy (a reload, a mode switch, firmware that hangs) waits in the kernel
//! for the lock of the instance, where no deadline and no signal reaches it (`devl_lock` is a `mutex_lock`, net/devlink/
//! core.c), and a dump of all waits with it. So what may wait is asked on a thread of its own, and the busy ones are left out.
//!
//! A thread that waits keeps the process from ending, as it keeps everybody who asks that instance, until the kernel lets it go.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use subdevcfg_netlink::NetlinkError;
use subdevcfg_netlink::conversation::Datagrams;
use subdevcfg_netlink::devlink::{Devlink, Handle, Info, Instance};

use super::{LiveKernel, wire};
use crate::kernel::ObserveError;
use crate::rules::kernel_is_before;
use crate::state::{Unread, Unreadable};

/// How long all instances together may take for their answers: longer than most reloads that other people do.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long each may take when it is asked alone, which is after that time.
const PATIENCE_EACH: Duration = Duration::from_secs(1);

/// The instances that are read.
#[derive(Debug, Default)]
pub(super) enum Reach {
    /// All, in one dump.
    #[default]
    All,
    /// These, each alone.
    Of(Vec<Handle>),
}

/// Who was asked and has not answered yet: a device, or all of them in one dump. It outlives the kernel that was opened for a
/// look, as the threads do that wait: who looks again and again shares it, and a device that hangs holds no more than two.
#[derive(Debug, Clone, Default)]
pub struct Unanswered(Arc<Mutex<BTreeSet<Option<Handle>>>>);

impl Unanswered {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<Option<Handle>>> {
        // Nobody fails while they hold it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, unless somebody has been asking the same already.
    fn unless_asked<T>(&self, whom: Option<&Handle>, ask: impl FnOnce() -> T) -> Option<T> {
        if !self.lock().insert(whom.cloned()) {
            return None;
        }
        let answer = ask();
        self.lock().remove(&whom.cloned());
        Some(answer)
    }
}

/// What asks on threads of its own.
pub(super) struct Scouts<D> {
    open: Arc<Open<D>>,
    unanswered: Unanswered,
    /// How long all together may take, and each when it is asked alone.
    patience: (Duration, Duration),
}

type Open<D> = dyn Fn() -> Result<Devlink<D>, NetlinkError> + Send + Sync;

/// A dump of all instances, or of one.
type Dump<D, T> = fn(&mut Devlink<D>, Option<&Handle>) -> Result<Vec<T>, NetlinkError>;

/// Who answered when each was asked alone, and who did not.
#[derive(Debug, Default)]
struct RollCall {
    instances: Vec<Instance>,
    busy: Vec<Handle>,
}

impl<D> fmt::Debug for Scouts<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scouts").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl<D: Datagrams + 'static> Scouts<D> {
    pub fn new(
        open: impl Fn() -> Result<Devlink<D>, NetlinkError> + Send + Sync + 'static,
        unanswered: Unanswered,
    ) -> Self {
        Self { open: Arc::new(open), unanswered, patience: (PATIENCE, PATIENCE_EACH) }
    }

    /// With less patience for all together, where nothing real is waited for; each that answers has time for it on a machine that
    /// does other things as well.
    #[cfg(test)]
    pub fn hasty(self) -> Self {
        Self { patience: (Duration::from_millis(200), 2 * PATIENCE_EACH), ..self }
    }

    /// All instances; `None` when one of them keeps the answer back, or did so before and does still.
    fn all(&self) -> Option<Result<Vec<Instance>, NetlinkError>> {
        if !self.unanswered.lock().is_empty() {
            return None;
        }
        let (tell, told) = mpsc::channel();
        let (open, unanswered) = (Arc::clone(&self.open), self.unanswered.clone());
        thread::spawn(move || {
            let ask = || open().and_then(|mut devlink| devlink.instances());
            unanswered.unless_asked(None, ask).map(|answer| tell.send(answer))
        });
        told.recv_timeout(self.patience.0).ok()
    }

    /// Asks each device whether it has an instance.
    fn each(&self, devices: &[Handle]) -> Result<RollCall, NetlinkError> {
        let (held, asked): (Vec<_>, Vec<_>) = {
            let unanswered = self.unanswered.lock();
            devices.iter().cloned().partition(|device| unanswered.contains(&Some(device.clone())))
        };
        let mut call = RollCall { busy: held, ..RollCall::default() };
        let mut left = asked.as_slice();
        while !left.is_empty() {
            let answers = self.ask(left.to_vec());
            let mut answered = 0;
            while let Some(device) = left.get(answered) {
                answered += 1;
                match answers.recv_timeout(self.patience.1) {
                    Ok(Ok(instance)) => call.instances.push(instance),
                    Ok(Err(error)) if is_refused(&error, Errno::ENODEV) => {}
                    Ok(Err(error)) => return Err(error),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                        // The next thread asks the others.
                        call.busy.push(device.clone());
                        break;
                    }
                }
            }
            left = &left[answered..];
        }
        Ok(call)
    }

    /// The answers of devices, in order.
    fn ask(&self, devices: Vec<Handle>) -> mpsc::Receiver<Result<Instance, NetlinkError>> {
        let (tell, told) = mpsc::channel();
        let (open, unanswered) = (Arc::clone(&self.open), self.unanswered.clone());
        thread::spawn(move || {
            let opened = open();
            let mut devlink = match opened {
                Ok(devlink) => devlink,
                Err(error) => return drop(tell.send(Err(error))),
            };
            for device in &devices {
                let answer = unanswered.unless_asked(Some(device), || devlink.instance(device));
                // Nobody listens any more when this thread has waited.
                if answer.is_none_or(|answer| tell.send(answer).is_err()) {
                    return;
                }
            }
        });
        told
    }
}

impl<D: Datagrams + 'static> LiveKernel<D> {
    /// Finds out who answers, and what instances there are of those.
    pub(super) fn scout(&mut self) -> Result<Vec<Instance>, ObserveError> {
        (self.reach, self.withheld) = (Reach::All, Vec::new());
        let Some(scouts) = &self.scouts else { return Ok(self.devlink.instances()?) };
        if let Some(all) = scouts.all() {
            return Ok(all?);
        }
        let RollCall { mut instances, busy } = scouts.each(&self.sysfs.devices()?)?;
        // A parent is read with all that is on it or not at all.
        let busy: BTreeMap<Handle, Handle> =
            busy.into_iter().map(|handle| (self.sysfs.owner(&handle), handle)).collect();
        let Some((_, first)) = busy.first_key_value() else { return Ok(instances) };
        if kernel_is_before(&self.sysfs.kernel_release()?, 6, 6) {
            let why = format!("kernels before 6.6 tell of all instances or of none, and {first} is busy");
            let parents = instances.iter().map(|instance| self.sysfs.owner(&instance.handle));
            let mut beside: Vec<Handle> = parents.filter(|parent| !busy.contains_key(parent)).collect();
            beside.sort();
            beside.dedup();
            self.withheld.extend(beside.iter().map(|parent| unread(parent, why.clone())));
            instances.clear();
        }
        self.withheld.extend(busy.iter().map(|(parent, handle)| {
            let it = if parent == handle { "it".to_owned() } else { handle.to_string() };
            unread(
                parent,
                format!("busy: {it} does not answer; a reload, a mode switch or its firmware holds it"),
            )
        }));
        instances.retain(|instance| !busy.contains_key(&self.sysfs.owner(&instance.handle)));
        self.reach = Reach::Of(instances.iter().map(|instance| instance.handle.clone()).collect());
        Ok(instances)
    }

    /// The instances that answered when they were looked for.
    pub(super) fn instances(&mut self) -> Result<Vec<Instance>, NetlinkError> {
        match &self.reach {
            Reach::All => self.devlink.instances(),
            Reach::Of(handles) => told(handles.iter().map(|handle| self.devlink.instance(handle))),
        }
    }

    /// What these say of their devices. Each is asked: a dump would ask every function's instance as well, and of each its
    /// firmware perhaps.
    pub(super) fn infos(&mut self, parents: &[Handle]) -> Result<Vec<Info>, NetlinkError> {
        told(parents.iter().map(|handle| self.devlink.info(handle)))
    }

    /// What a dump tells of them.
    pub(super) fn dumped<T>(&mut self, dump: Dump<D, T>) -> Result<Vec<T>, NetlinkError> {
        match &self.reach {
            Reach::All => dump(&mut self.devlink, None),
            Reach::Of(handles) => {
                let each = told(handles.iter().map(|handle| dump(&mut self.devlink, Some(handle))));
                Ok(each?.into_iter().flatten().collect())
            }
        }
    }
}

/// What was told. One that has nothing to tell or is gone is no error, as in a dump of all.
fn told<T>(answers: impl Iterator<Item = Result<T, NetlinkError>>) -> Result<Vec<T>, NetlinkError> {
    let is_nothing =
        |error: &NetlinkError| is_refused(error, Errno::EOPNOTSUPP) || is_refused(error, Errno::ENODEV);
    answers.filter(|answer| !answer.as_ref().is_err_and(is_nothing)).collect()
}

fn is_refused(error: &NetlinkError, errno: Errno) -> bool {
    error.refusal().is_some_and(|refusal| refusal.errno == errno)
}

fn unread(parent: &Handle, why: String) -> Unread {
    Unread { what: Unreadable::Parent(wire::devlink_handle(parent)), why }
}

#[cfg(test)]
mod tests;
