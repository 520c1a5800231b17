//! The time of day, for the history and for confirmations. No plan depends on it.

use jiff::{SignedDuration, Timestamp};

/// Now, to the second.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// So much later; the end of time where that is later still.
pub fn after(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// How long it is until then; nothing once it is over.
pub fn until(time: Timestamp) -> std::time::Duration {
    std::time::Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or_default()
}
