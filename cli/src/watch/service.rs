//! What systemd is told, where it is systemd that has started the program.

use std::time::Duration;

use sd_notify::NotifyState;

/// It is being watched from now on.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The program ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// What `systemctl status` shows, in one line.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

/// The program is alive.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often [`alive`] has to be said, where anybody waits for it: twice within the time after which systemd takes the
/// program for dead.
pub fn alive_every() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|time| time / 2)
}

/// Without systemd nobody listens, and watching does not depend on it.
fn tell(what: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(what);
}
