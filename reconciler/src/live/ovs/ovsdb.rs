//! The database of Open vSwitch: JSON-RPC over a Unix socket (RFC 7047). The crates for it want an asynchronous runtime
//! and are not kept; a transaction is one message and one answer.
//!
//! Architecture invariant: this is the one place of the project that opens a socket to another program.
#![expect(clippy::disallowed_types, reason = "the room of the conversation with Open vSwitch on this host")]

use std::io::{self, BufReader, Read, Take, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt::SendTimeout,
};
use nix::sys::time::{TimeVal, TimeValLike};
use serde_json::{Value, json};

/// The name of the database.
const DATABASE: &str = "Open_vSwitch";

/// What an answer may have at most: a thousand ports have less than a megabyte.
const MOST_BYTES: u64 = 256 << 20;

/// Why the database was not read or written.
#[derive(Debug, thiserror::Error)]
pub(in crate::live) enum OvsdbError {
    /// There is no socket.
    #[error("there is no {0}")]
    Absent(Utf8PathBuf),
    /// Nobody is at its other end, or may not be talked to.
    #[error("{path}: {}", errno.desc())]
    Unreachable {
        /// The socket.
        path: Utf8PathBuf,
        /// Why.
        errno: Errno,
    },
    /// No answer came in time.
    #[error("ovsdb-server did not answer in {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// The conversation broke off.
    #[error("the conversation with ovsdb-server broke off ({0})")]
    Broken(String),
    /// The answer is not what the protocol says.
    #[error("ovsdb-server gave an answer that is none: {0}")]
    Malformed(String),
    /// The database refused the transaction.
    #[error("{error}{}{details}", if details.is_empty() { "" } else { ": " })]
    Refused {
        /// The error's name.
        error: String,
        /// What it is about.
        details: String,
    },
}

/// Connects to a socket; a server that accepts nobody is waited for as long as the deadline lets it.
fn open(path: &Utf8Path, patience: Duration) -> Result<UnixStream, Errno> {
    let opened = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let patience = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
    setsockopt(&opened, SendTimeout, &TimeVal::milliseconds(patience))?;
    connect(opened.as_raw_fd(), &UnixAddr::new(path.as_str())?)?;
    Ok(UnixStream::from(opened))
}

/// Whether somebody listens on a socket.
pub(super) fn is_served(path: &Utf8Path, patience: Duration) -> bool {
    open(path, patience).is_ok()
}

/// A conversation, with a moment at which it ends whatever the other side does.
pub(super) struct Conversation {
    writer: UnixStream,
    reader: BufReader<Take<Timed>>,
    patience: Duration,
}

/// What is read until a deadline.
struct Timed {
    stream: UnixStream,
    deadline: Instant,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

impl Conversation {
    pub fn open(path: &Utf8Path, patience: Duration) -> Result<Self, OvsdbError> {
        let stream = open(path, patience).map_err(|errno| match errno {
            Errno::ENOENT => OvsdbError::Absent(path.to_owned()),
            Errno::EAGAIN => OvsdbError::Silent(patience),
            errno => OvsdbError::Unreachable { path: path.to_owned(), errno },
        })?;
        let broken = |error: io::Error| OvsdbError::Broken(error.to_string());
        let writer = stream.try_clone().map_err(broken)?;
        let timed = Timed { stream, deadline: Instant::now() + patience };
        Ok(Self { writer, reader: BufReader::new(timed.take(MOST_BYTES)), patience })
    }

    /// Carries operations out, all or none; what each of them answers.
    pub fn transact(&mut self, operations: &[Value]) -> Result<Vec<Value>, OvsdbError> {
        let database = std::iter::once(Value::from(DATABASE));
        let parameters: Vec<Value> = database.chain(operations.iter().cloned()).collect();
        let answer = self.ask("transact", &Value::from(parameters))?;
        let Value::Array(answers) = answer else {
            return Err(OvsdbError::Malformed("a transaction without a list of results".to_owned()));
        };
        // An error of the whole transaction comes after those of the operations.
        if let Some(error) = answers.iter().find_map(refusal) {
            return Err(error);
        }
        if answers.len() < operations.len() {
            let (few, many) = (answers.len(), operations.len());
            return Err(OvsdbError::Malformed(format!("{few} results of {many} operations")));
        }
        Ok(answers)
    }

    /// Waits until the daemon has done what the database had at a moment: `cur_cfg` of the table `Open_vSwitch` is at least
    /// this.
    pub fn wait_for(&mut self, cfg: i64) -> Result<(), OvsdbError> {
        let columns = json!({ DATABASE: { "columns": ["cur_cfg"] } });
        let mut tables = self.ask("monitor", &json!([DATABASE, "cfg", columns]))?;
        loop {
            let rows = tables[DATABASE].as_object().into_iter().flatten();
            let mut now = rows.filter_map(|(_, row)| row["new"]["cur_cfg"].as_i64());
            if now.any(|now| now >= cfg) {
                return Ok(());
            }
            let update = self.next()?;
            tables = if update["method"] == "update" { update["params"][1].clone() } else { Value::Null };
        }
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Result<Value, OvsdbError> {
        self.send(&json!({ "method": method, "params": parameters, "id": method }))?;
        loop {
            let mut message = self.next()?;
            let is_answer = message["id"] == method;
            let Some(result) = message.get_mut("result").filter(|_| is_answer).map(Value::take) else {
                continue;
            };
            return refusal(&message).map_or(Ok(result), Err);
        }
    }

    fn send(&mut self, message: &Value) -> Result<(), OvsdbError> {
        let written = self.writer.write_all(message.to_string().as_bytes());
        written.map_err(|error| self.broken(&error))
    }

    /// The next message; a question whether this side is still there is answered by the way.
    fn next(&mut self) -> Result<Value, OvsdbError> {
        loop {
            let mut messages = serde_json::Deserializer::from_reader(&mut self.reader).into_iter::<Value>();
            let message = match messages.next() {
                None => return Err(OvsdbError::Broken("it ended".to_owned())),
                Some(Ok(message)) if message.is_object() => message,
                Some(Ok(message)) => return Err(OvsdbError::Malformed(shortened(&message.to_string()))),
                Some(Err(error)) if error.is_io() => return Err(self.broken(&error.into())),
                Some(Err(error)) if error.is_eof() => {
                    return Err(OvsdbError::Broken("it ended within an answer".to_owned()));
                }
                Some(Err(error)) => return Err(OvsdbError::Malformed(error.to_string())),
            };
            if message["method"] != "echo" {
                return Ok(message);
            }
            self.send(&json!({ "result": message["params"], "error": null, "id": message["id"] }))?;
        }
    }

    fn broken(&self, error: &io::Error) -> OvsdbError {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => OvsdbError::Silent(self.patience),
            _ => OvsdbError::Broken(error.to_string()),
        }
    }
}

/// What an answer, or the answer to one operation, says of an error.
fn refusal(answer: &Value) -> Option<OvsdbError> {
    let error = answer.get("error").filter(|error| !error.is_null())?;
    // That of a whole answer is an object, as that of an operation is.
    let holder = if error.is_object() { error } else { answer };
    let words = |name: &str| holder[name].as_str().unwrap_or_default().to_owned();
    let (name, details) = (words("error"), words("details"));
    Some(OvsdbError::Refused { error: if name.is_empty() { error.to_string() } else { name }, details })
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}
