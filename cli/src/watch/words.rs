//! What `watch` tells on standard output: a line for each thing that is news, for people or as JSON.

use serde::Serialize;
use subdevcfg_reconciler::watch::{FIGHT_WITHIN, Finding, Why};

use super::suspects;
use crate::args::LogFormat;
use crate::clock;
use crate::error::counted;
use crate::show;

/// Something worth a line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event<'a> {
    /// It begins.
    Watching {
        /// The host file.
        file: &'a str,
        /// Which machine.
        machine: &'a str,
        /// Whether anything is repaired.
        repairs: bool,
    },
    /// Something was found.
    Found {
        /// What.
        #[serde(flatten)]
        finding: &'a Finding,
        /// Who runs on this host and may be it, where somebody fights.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        suspects: Vec<String>,
    },
    /// There is more of the same.
    More {
        /// How many.
        more: usize,
    },
    /// It is not so any more.
    Settled {
        /// What.
        #[serde(flatten)]
        finding: &'a Finding,
    },
    /// Something was repaired.
    Repaired {
        /// The resources.
        addresses: &'a [&'a str],
        /// Requests to the kernel.
        operations: usize,
        /// The number in the history.
        #[serde(skip_serializing_if = "Option::is_none")]
        history: Option<u64>,
    },
    /// A repair failed; standard error has the kernel's words.
    Failed {
        /// What failed, one sentence each.
        failures: &'a [String],
        /// What is left to do.
        left: &'a [String],
    },
    /// Somebody else is changing the host.
    Waiting {
        /// Who.
        text: &'a str,
    },
    /// Looking, or repairing, is not possible now.
    Trouble {
        /// Why.
        text: &'a str,
    },
    /// Looking is possible again.
    Over {
        /// What was the matter.
        text: &'a str,
    },
    /// The host file was read again.
    Reread {
        /// Which.
        file: &'a str,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    #[serde(flatten)]
    event: &'a Event<'a>,
}

impl<'a> Event<'a> {
    /// A finding, with the suspects if somebody fights.
    pub fn found(finding: &'a Finding) -> Self {
        let fights = matches!(finding, Finding::Left { why: Why::Fighting { .. }, .. });
        Self::Found { finding, suspects: if fights { suspects::running() } else { Vec::new() } }
    }

    /// Tells it. Who does not listen any more is no reason to stop watching.
    pub fn tell(&self, form: LogFormat) {
        let text = match form {
            LogFormat::Human => Ok(self.words()),
            LogFormat::Json => serde_json::to_string(&Line { at: clock::now().to_string(), event: self }),
        };
        let _ = text.map(|text| show::print(&format!("{text}\n")));
    }

    fn words(&self) -> String {
        match self {
            Self::Watching { file, machine, repairs } => {
                let does = if *repairs { "it repairs what it may" } else { "it only reports" };
                format!("WATCHING   {file} ({machine}): {does}")
            }
            Self::Found { finding, suspects } => found(finding, suspects),
            Self::More { more } => format!("           ... and {more} more (subdevcfg plan shows all)"),
            Self::Settled { finding } => format!("SETTLED    {}", what(finding)),
            Self::Repaired { addresses, operations, history } => {
                let number =
                    history.map(|number| format!(", number {number} in the history")).unwrap_or_default();
                format!("REPAIRED   {}: {}{number}", some(addresses), counted(*operations, "operation"))
            }
            Self::Failed { failures, left } => {
                format!("FAILED     {}; left to do: {}", failures.join("; "), left.join("; "))
            }
            Self::Waiting { text } => format!("WAITING    {text}"),
            Self::Trouble { text } => format!("TROUBLE    {text}"),
            Self::Over { text } => format!("OVER       {text}"),
            Self::Reread { file } => format!("REREAD     {file}"),
        }
    }
}

/// The first of many addresses.
fn some(addresses: &[&str]) -> String {
    const MOST: usize = 6;
    let more = addresses.len().saturating_sub(MOST);
    let first = addresses.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{first} and {more} more") } else { first }
}

fn found(finding: &Finding, suspects: &[String]) -> String {
    match finding {
        Finding::Reset { .. } => format!("RESET      {}", what(finding)),
        Finding::Drift { .. } => format!("DRIFT      {}", what(finding)),
        Finding::Differs { .. } => format!("DIFFERS    {}", what(finding)),
        Finding::Refused { .. } => format!("REFUSED    {}", what(finding)),
        Finding::Deferred { .. } => format!("DEFERRED   {}", what(finding)),
        Finding::WaitsForReboot { .. } => format!("WAITING FOR REBOOT  {}", what(finding)),
        Finding::Unread { .. } => format!("NOT READ   {}", what(finding)),
        Finding::Left { why: Why::Fighting { .. }, .. } => {
            let who = if suspects.is_empty() {
                "nobody runs here that is known to do that".to_owned()
            } else {
                format!("it may be {}", suspects.join(" or "))
            };
            format!("FIGHTING   {}: {who}", what(finding))
        }
        Finding::Left { .. } => format!("LEFT       {}", what(finding)),
    }
}

fn what(finding: &Finding) -> String {
    match finding {
        Finding::Reset { address, evidence, lost } => {
            format!("{address}: {evidence}; lost: {}", counted(*lost, "thing"))
        }
        Finding::Drift { address, applied, found } => {
            format!("{address}: {} seen, {applied} was applied", found.as_deref().unwrap_or("gone"))
        }
        Finding::WaitsForReboot { address, stored, in_force } => {
            let in_force =
                in_force.as_ref().map(|value| format!(", {value} is in force")).unwrap_or_default();
            format!("{address}: {stored} is stored{in_force}")
        }
        Finding::Differs { address, what: text }
        | Finding::Refused { address, text }
        | Finding::Deferred { address, text }
        | Finding::Unread { address, text } => format!("{address}: {text}"),
        Finding::Left { address, why } => left(address, why),
    }
}

fn left(address: &str, why: &Why) -> String {
    match why {
        Why::Fighting { attribute, times } => {
            let minutes = FIGHT_WITHIN.as_secs() / 60;
            format!("{attribute} was put back {times} times in {minutes} minutes, and is not any more")
        }
        Why::Reset => {
            format!("{address}: what a reset took is not made again without --restore")
        }
        Why::Above { flags } => format!("{address}: {} would allow it", flags.join(" ")),
        Why::InUse { users } => format!("{address}: in use: {}", users.join(", ")),
        Why::Lifeline { reason } => format!("{address}: the host is reached over it: {reason}"),
        Why::Sweep { functions, of } => {
            format!("{address}: {functions} of {of} functions would go, which nobody named")
        }
        Why::Failed { times } => {
            format!("{address}: it failed {}, and is tried again later", counted(*times as usize, "time"))
        }
        Why::Refused => format!("{address}: something is in the way"),
    }
}
