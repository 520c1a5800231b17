//! Sleeping until there is a reason to look: something was heard, the time is over, or a signal came. A storm of events
//! is gathered into one reason.

use std::io::{PipeReader, Read as _, pipe};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use subdevcfg_reconciler::live::Ears;

use super::service;
use crate::error::CliError;

/// What was heard is looked at once it has been quiet for so long.
const QUIET: Duration = Duration::from_millis(250);

/// And after so long in any case.
const GATHER: Duration = Duration::from_secs(2);

/// Looking takes at most one part of so many of the time, as long as it is events that ask for it.
const SHARE: u32 = 5;

/// Why the sleep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The program is to end.
    End,
    /// The host file is to be read again.
    Reread,
    /// It is time to look.
    Look,
}

/// Ears, signals and the time.
#[derive(Debug)]
pub struct Sleep {
    end: Arc<AtomicBool>,
    reread: Arc<AtomicBool>,
    signals: PipeReader,
    ears: Option<Ears>,
    /// How many events were heard.
    heard: u64,
}

impl Sleep {
    /// From now on signals wake the sleep in place of ending the program; the second one that asks for the end does end it.
    pub fn new() -> Result<Self, CliError> {
        let (end, reread) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (signals, wake) = pipe()?;
        for signal in [SIGINT, SIGTERM] {
            // In this order: what the first one sets is there for the second.
            flag::register_conditional_default(signal, Arc::clone(&end))?;
            flag::register(signal, Arc::clone(&end))?;
            low_level::pipe::register(signal, wake.try_clone()?)?;
        }
        flag::register(SIGHUP, Arc::clone(&reread))?;
        low_level::pipe::register(SIGHUP, wake)?;
        Ok(Self { end, reread, signals, ears: None, heard: 0 })
    }

    /// Hears of changes on this machine from now on.
    pub fn listen(&mut self) -> Result<(), CliError> {
        if self.ears.is_none() {
            self.ears = Some(Ears::open().map_err(subdevcfg_reconciler::kernel::ObserveError::from)?);
        }
        Ok(())
    }

    /// How many events were heard so far.
    pub const fn heard(&self) -> u64 {
        self.heard
    }

    /// Whether the program is to end.
    pub fn is_to_end(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    /// Sleeps until there is a reason to look, at most for `limit`. The last look took so long, and has just ended.
    pub fn until_reason(&mut self, limit: Duration, last_look: Duration) -> Result<Woken, CliError> {
        let start = Instant::now();
        let earliest = start + last_look.saturating_mul(SHARE - 1).min(limit);
        // When the first event came, and when the last.
        let mut events: Option<(Instant, Instant)> = None;
        loop {
            service::alive();
            if self.is_to_end() {
                return Ok(Woken::End);
            }
            if self.reread.swap(false, Ordering::Relaxed) {
                return Ok(Woken::Reread);
            }
            if self.take_in() > 0 {
                let now = Instant::now();
                events = Some((events.map_or(now, |(first, _)| first), now));
            }
            let deadline = match events {
                None => start + limit,
                Some((first, last)) => (first + GATHER).min(last + QUIET).max(earliest),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Woken::Look);
            }
            // While events are gathered, each of them is no reason to wake.
            let limit = if events.is_some() { left.min(QUIET) } else { left };
            self.wait(service::alive_every().map_or(limit, |pause| limit.min(pause)), events.is_none())?;
        }
    }

    /// Takes in what was heard; how much it was. Ears that fail are opened again, and what they missed counts as heard.
    fn take_in(&mut self) -> usize {
        let Some(ears) = &mut self.ears else { return 0 };
        let heard = ears.heard().unwrap_or_else(|_| {
            self.ears = None;
            1
        });
        self.heard += heard as u64;
        heard
    }

    /// Waits for a signal or, if it is to hear, for an event.
    fn wait(&mut self, limit: Duration, hear: bool) -> Result<(), CliError> {
        let ears = self.ears.iter().filter(|_| hear).flat_map(Ears::descriptors);
        let fds = std::iter::once(self.signals.as_fd()).chain(ears);
        let mut fds: Vec<PollFd<'_>> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        // Rounded up: a poll of 0 ms for the last fraction of a millisecond would spin.
        let timeout = PollTimeout::try_from(limit + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(CliError::Output(errno.into())),
        }
        if fds[0].any() == Some(true) {
            // The flags tell what it was.
            let _ = self.signals.read(&mut [0; 64])?;
        }
        Ok(())
    }
}
