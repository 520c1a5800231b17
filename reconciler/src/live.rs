//! The live kernel: devlink and rtnetlink by netlink, mediated devices and soft parents by sysfs, and Open vSwitch by its
//! database.
//!
//! It keeps a mirror of the kernel's objects. [`Kernel::observe`] fills it with a constant number of dumps, however many
//! functions there are; notifications keep it current, so that a request or a wait costs no dump. The socket that hears
//! notifications has joined its group before the first dump: what happens meanwhile is heard.
//!
//! Architecture invariant: only `sysfs.rs` touches files here, and only `ovs/ovsdb.rs` a socket.

mod bridge;
mod interface;
mod lifelines;
mod mirror;
mod mounts;
mod observe;
mod ovs;
mod peers;
mod perform;
mod rdma;
mod reach;
mod sysfs;
mod uplink;
mod usage;
mod users;
mod vdpa;
mod vfs;
mod wire;

use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use nix::errno::Errno;
use subdevcfg_compiler::values::DevlinkHandle;
use subdevcfg_netlink::NetlinkError;
use subdevcfg_netlink::conversation::Datagrams;
use subdevcfg_netlink::devlink::{Devlink, Event, Events, Handle, Instance};
use subdevcfg_netlink::ethtool::Ethtool;
use subdevcfg_netlink::rdma::Rdma;
use subdevcfg_netlink::route::{Link, Route};
use subdevcfg_netlink::socket::Socket;
use subdevcfg_netlink::vdpa::Vdpa;

pub use peers::Peer;
pub use subdevcfg_netlink::ears::Ears;

use crate::kernel::{DeviceAttributes, EFFECT_DEADLINE, Effect, Kernel, ObserveError, Request, RequestError};
use crate::resource::{Side, Subject};
use crate::state::{State, Unread};
use mirror::Mirror;
use ovs::Switch;
use rdma::OpenRdma;
use reach::{Reach, Scouts};

pub use reach::Unanswered;
use sysfs::Sysfs;
use vdpa::OpenVdpa;

/// How often an effect is looked for without being told of it: drivers forget notifications (going to legacy mode
/// deletes the subfunctions of mlx5 in silence).
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The name of the PCI device that a VF of this machine is, or will be when it is made: `0000:08:00.2`.
#[must_use]
pub fn vf_address(parent: &DevlinkHandle, index: u32) -> Option<String> {
    Sysfs::new("/").vf_address_to_be(parent, index)
}

/// The kernel that this program runs on.
#[derive(Debug)]
pub struct LiveKernel<D = Socket> {
    devlink: Devlink<D>,
    route: Route<D>,
    events: Events<D>,
    ethtool: Ethtool<D>,
    open_rdma: Option<OpenRdma<D>>,
    rdma: Option<Rdma<D>>,
    open_vdpa: Option<OpenVdpa<D>>,
    vdpa: Option<Vdpa<D>>,
    sysfs: Sysfs,
    switch: Switch,
    /// None where nobody keeps answers back: in tests.
    scouts: Option<Scouts<D>>,
    /// Who answered at the last observation.
    reach: Reach,
    /// Who did not.
    withheld: Vec<Unread>,
    mirror: Mirror,
    /// The mirror may lack something that no notification tells.
    stale: bool,
    /// The links as they were read last, with what was written of VFs since; `None` when that may be something else.
    pf_links: Option<Vec<Link>>,
    /// The sysfs attributes of mediated devices that observations tell.
    attributes: DeviceAttributes,
    /// The other ends of sessions: they must still be reached after an apply.
    peers: Vec<Peer>,
}

impl LiveKernel<Socket> {
    /// Opens the conversation with the kernel.
    ///
    /// # Errors
    /// [`NetlinkError::NoFamily`] when the kernel has no devlink; [`NetlinkError::Socket`].
    pub fn open() -> Result<Self, NetlinkError> {
        Self::open_knowing(Unanswered::default())
    }

    /// Opens it with those known whom others wait for that were opened before.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_knowing(unanswered: Unanswered) -> Result<Self, NetlinkError> {
        let devlink = Devlink::open()?;
        let events = devlink.subscribe()?;
        let scouts = Scouts::new(devlink.opener(), unanswered);
        let live = Self::new(devlink, Route::open()?, events, Ethtool::open()?, "/");
        Ok(Self { scouts: Some(scouts), open_rdma: Some(Rdma::open), open_vdpa: Some(Vdpa::open), ..live })
    }
}

impl<D: Datagrams + 'static> LiveKernel<D> {
    /// Talks over these conversations, and not about RDMA and vDPA devices; sysfs and procfs are below `root`.
    pub fn new(
        devlink: Devlink<D>,
        route: Route<D>,
        events: Events<D>,
        ethtool: Ethtool<D>,
        root: impl Into<Utf8PathBuf>,
    ) -> Self {
        let root = root.into();
        let switch = Switch::new(&root);
        let sysfs = Sysfs::new(root);
        Self {
            devlink,
            route,
            events,
            ethtool,
            open_rdma: None,
            rdma: None,
            open_vdpa: None,
            vdpa: None,
            sysfs,
            switch,
            scouts: None,
            reach: Reach::All,
            withheld: Vec::new(),
            mirror: Mirror::default(),
            stale: true,
            pf_links: None,
            attributes: DeviceAttributes::new(),
            peers: Vec::new(),
        }
    }

    /// The way to this address is a lifeline as well: it is the other end of the caller's session.
    pub fn keep_reachable(&mut self, peer: Peer) {
        self.peers.push(peer);
    }

    /// `/proc/sys/kernel/random/boot_id`: another one after each boot.
    ///
    /// # Errors
    /// [`ObserveError::File`].
    pub fn boot_id(&self) -> Result<String, ObserveError> {
        self.sysfs.boot_id()
    }

    /// Fills the mirror with dumps.
    fn refill(&mut self) -> Result<(), ObserveError> {
        let instances = self.instances()?;
        self.fill(instances)
    }

    /// Fills it with these instances and with dumps of the rest.
    fn fill(&mut self, instances: Vec<Instance>) -> Result<(), ObserveError> {
        let ports = self.dumped(Devlink::ports)?;
        self.mirror.refill(instances, ports, &self.sysfs)?;
        self.stale = false;
        Ok(())
    }

    /// Takes notifications in: those that are there and, when there are none, the first that comes before the deadline.
    /// Tells how many there were.
    fn absorb(&mut self, deadline: Instant) -> Result<usize, NetlinkError> {
        let mut deadline = deadline;
        let mut count = 0;
        loop {
            let events = self.events.next(deadline)?;
            if events.is_empty() {
                return Ok(count);
            }
            count += events.len();
            for event in events {
                self.apply(event);
            }
            deadline = Instant::now();
        }
    }

    fn apply(&mut self, event: Event) {
        self.stale |= !self.mirror.apply(event, &self.sysfs);
    }

    /// The mirror as it is now.
    fn current(&mut self) -> Result<&Mirror, RequestError> {
        self.absorb(Instant::now())?;
        if self.stale {
            self.refresh()?;
        }
        Ok(&self.mirror)
    }

    fn refresh(&mut self) -> Result<(), RequestError> {
        self.refill().map_err(|error| match error {
            ObserveError::Netlink(error) => RequestError::Conversation(error),
            ObserveError::File { .. } => RequestError::Vanished(error.to_string()),
        })
    }

    /// Looks something up; what is not there is looked for once more in new dumps.
    fn find<T>(
        &mut self,
        look: impl Fn(&Mirror) -> Option<T>,
        missing: impl Fn() -> String,
    ) -> Result<T, RequestError> {
        if let Some(found) = look(self.current()?) {
            return Ok(found);
        }
        self.refresh()?;
        look(&self.mirror).ok_or_else(|| RequestError::Vanished(missing()))
    }

    /// The index of one of a function's interfaces, while it is in this network namespace.
    fn interface_index(&self, subject: &Subject, side: Side) -> Option<u32> {
        let of_vf = || (side == Side::Netdev).then(|| self.vf_netdev(subject)).flatten();
        self.mirror.interface(subject, side).or_else(of_vf)
    }

    fn seen(&mut self, subject: &Subject, effect: Effect) -> Result<bool, RequestError> {
        self.current()?;
        let mirror = &self.mirror;
        let driver = |device: &Handle| self.sysfs.vf_device(&wire::devlink_handle(device))?.driver;
        let vf_driver = mirror.vf_device(subject).map(driver);
        Ok(match effect {
            Effect::Attached => vf_driver.flatten().is_some(),
            Effect::Detached if vf_driver.is_some() => vf_driver.flatten().is_none(),
            Effect::Vfs => mirror.vfs_of(&wire::netlink_handle(&subject.parent)).next().is_some(),
            Effect::Gone => !mirror.has(subject),
            Effect::Detached => mirror
                .port(subject)
                .and_then(|port| port.function.as_ref())
                .is_none_or(|function| function.attached != Some(true)),
            Effect::Instance => mirror.instance(subject).is_some(),
            Effect::Netdev => self.interface_index(subject, Side::Netdev).is_some(),
            Effect::Representor => self.interface_index(subject, Side::Representor).is_some(),
            // Waited for by another way.
            Effect::Port => true,
        })
    }

    /// Reads again what an effect is seen on: one port where that is enough.
    fn look_again(&mut self, subject: &Subject, effect: Effect) -> Result<(), RequestError> {
        let port = self.mirror.port(subject).map(|port| (port.handle.clone(), port.index));
        if let (Some((handle, index)), Effect::Detached | Effect::Representor) = (port, effect)
            && let Ok(port) = self.devlink.port(&handle, index)
        {
            self.apply(Event::Port(Box::new(port)));
            return Ok(());
        }
        self.refresh()
    }
}

impl<D: Datagrams + 'static> Kernel for LiveKernel<D> {
    fn tell(&mut self, attributes: DeviceAttributes) {
        self.attributes = attributes;
    }

    fn observe(&mut self) -> Result<State, ObserveError> {
        self.read_everything()
    }

    fn perform(&mut self, request: &Request) -> Result<(), RequestError> {
        let result = self.send(request);
        // What the kernel says is not there, the mirror should not have had; and some requests take other objects with
        // them, or bring others, without a notification for each.
        let missing =
            matches!(&result, Err(RequestError::Refused { errno: Errno::ENODEV | Errno::ENOENT, .. }));
        let brings_others = matches!(request, Request::NewParent { .. });
        self.stale |= missing || brings_others || request.takes_others();
        result
    }

    fn shows(&mut self, subject: &Subject, effect: Effect) -> Result<bool, RequestError> {
        if effect == Effect::Port {
            // The database is asked for one after the other.
            return self.switch.wait(EFFECT_DEADLINE).map(|()| true);
        }
        self.seen(subject, effect)
    }

    fn wait(&mut self, subject: &Subject, effect: Effect, deadline: Duration) -> Result<(), RequestError> {
        if effect == Effect::Port {
            return self.switch.wait(deadline);
        }
        let start = Instant::now();
        let mut looked = start;
        loop {
            if self.seen(subject, effect)? {
                return Ok(());
            }
            let left = deadline.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(RequestError::NoEffect { effect, waited: deadline });
            }
            self.absorb(Instant::now() + left.min(LOOK_AGAIN))?;
            if looked.elapsed() >= LOOK_AGAIN {
                self.look_again(subject, effect)?;
                looked = Instant::now();
            }
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tree;
