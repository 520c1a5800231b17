//! Conversations written down: recorded in the lab on a real kernel, replayed where there is none, whole or damaged.
//!
//! The form is text, a datagram a line: `>` was sent, `<` was received, the bytes in hexadecimal.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::conversation::Datagrams;
use crate::error::NetlinkError;

/// One datagram of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// To the kernel.
    Sent(Vec<u8>),
    /// From the kernel.
    Received(Vec<u8>),
}

/// A conversation as it went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording(pub Vec<Line>);

/// A line that is none of a recording's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the recording is neither `> HEX` nor `< HEX`")]
pub struct NoRecording {
    /// Which, counted from 1.
    pub line: usize,
}

impl Recording {
    /// The text of the recording.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for line in &self.0 {
            let (mark, bytes) = match line {
                Line::Sent(bytes) => ('>', bytes),
                Line::Received(bytes) => ('<', bytes),
            };
            text.push(mark);
            text.push(' ');
            for byte in bytes {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\n');
        }
        text
    }

    /// How many datagrams were sent.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.0.iter().filter(|line| matches!(line, Line::Sent(_))).count()
    }
}

impl FromStr for Recording {
    type Err = NoRecording;

    fn from_str(text: &str) -> Result<Self, NoRecording> {
        let line = |(at, line): (usize, &str)| {
            let wrong = NoRecording { line: at + 1 };
            let (mark, hex) = line.split_once(' ').ok_or_else(|| wrong.clone())?;
            let byte = |at: usize| hex.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
            match (mark, bytes) {
                (">", Some(bytes)) => Ok(Line::Sent(bytes)),
                ("<", Some(bytes)) => Ok(Line::Received(bytes)),
                _ => Err(wrong),
            }
        };
        text.lines().enumerate().map(line).collect::<Result<_, _>>().map(Self)
    }
}

/// Hears a conversation, and writes it down.
#[derive(Debug)]
pub struct Recorder<D> {
    inner: D,
    written: Arc<Mutex<Recording>>,
}

impl<D> Recorder<D> {
    /// Hears these datagrams; several recorders can write into one recording.
    pub const fn new(inner: D, written: Arc<Mutex<Recording>>) -> Self {
        Self { inner, written }
    }

    fn write(written: &Mutex<Recording>, line: Line) {
        written.lock().unwrap_or_else(PoisonError::into_inner).0.push(line);
    }
}

impl<D: Datagrams> Datagrams for Recorder<D> {
    fn send(&mut self, datagram: &[u8]) -> Result<(), NetlinkError> {
        Self::write(&self.written, Line::Sent(datagram.to_vec()));
        self.inner.send(datagram)
    }

    fn receive(&mut self, deadline: Instant) -> Result<Option<&[u8]>, NetlinkError> {
        let received = self.inner.receive(deadline)?;
        if let Some(datagram) = received {
            Self::write(&self.written, Line::Received(datagram.to_vec()));
        }
        Ok(received)
    }
}

/// Answers as the kernel did: what is sent has to be what was sent then.
#[derive(Debug)]
pub struct Replay {
    lines: VecDeque<Line>,
    current: Vec<u8>,
}

impl Replay {
    /// Replays a recording.
    #[must_use]
    pub fn new(recording: Recording) -> Self {
        Self { lines: recording.0.into(), current: Vec::new() }
    }
}

impl Datagrams for Replay {
    fn send(&mut self, datagram: &[u8]) -> Result<(), NetlinkError> {
        let is_answer = |line: &Line| matches!(line, Line::Received(_));
        // What the reader left unread of the last answer, as the ACK after a DONE.
        while self.lines.front().is_some_and(is_answer) {
            self.lines.pop_front();
        }
        match self.lines.pop_front() {
            Some(Line::Sent(expected)) if expected == datagram => Ok(()),
            _ => Err(NetlinkError::Malformed {
                request: "replay",
                why: "this request is not the one that was recorded here".to_owned(),
            }),
        }
    }

    fn receive(&mut self, _: Instant) -> Result<Option<&[u8]>, NetlinkError> {
        match self.lines.pop_front_if(|line| matches!(line, Line::Received(_))) {
            Some(Line::Received(datagram)) => {
                self.current = datagram;
                Ok(Some(&self.current))
            }
            _ => Ok(None),
        }
    }
}
