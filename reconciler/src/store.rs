//! What subdevcfg keeps on disk: the record, the history, and the lock that lets one subdevcfg at a time change the host.
//! Where is the caller's business. Nothing here follows a link out of its folder.

mod files;
mod history;
mod lock;
mod marks;
mod record;
#[cfg(test)]
mod tests;

pub use history::FileHistory;
pub use lock::{Holder, Lock, LockError, Turn};
pub use marks::FileMarks;
pub use record::{FileKeeper, LoadError};
