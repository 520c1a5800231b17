//! What of this host is in the way of subdevcfg, or of one host file: kernel, modules, privileges, drivers, other tools.

mod devices;
mod needs;
mod others;
mod system;

use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::Serialize;

pub use needs::Needs;
pub use system::System;

use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_reconciler::state::State;

/// How much something is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not at all.
    Fine,
    /// Something to know.
    Note,
    /// What needs it does not work.
    Lacks,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fine => "fine",
            Self::Note => "note",
            Self::Lacks => "LACKS",
        })
    }
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub about: String,
    /// How much it is in the way.
    pub verdict: Verdict,
    /// What was found, in one sentence.
    pub text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Finding {
    fn new(about: impl Into<String>, verdict: Verdict, text: impl Into<String>) -> Self {
        Self { about: about.into(), verdict, text: text.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Looks at everything. `observed` is what an observation told, or why there is none; `catalogues` is what is known of drivers
/// beside what the program knows; `needs` is what the host file wants, if there is one: without, nothing is known to be
/// missed.
pub fn examine(
    system: &System,
    observed: Result<&State, String>,
    catalogues: &[Arc<Catalogue>],
    needs: &Needs,
) -> Vec<Finding> {
    let mut findings = system.kernel(needs);
    findings.push(match &observed {
        Ok(_) => Finding::new("devlink", Verdict::Fine, "the kernel answers"),
        Err(why) => Finding::new("devlink", Verdict::Lacks, why.clone())
            .help("it is built into the kernels of all distributions (CONFIG_NET_DEVLINK)"),
    });
    findings.extend(system.privileges());
    findings.extend(system.modules(needs));
    findings.extend(observed.ok().into_iter().flat_map(|state| devices::examine(state, catalogues)));
    findings.extend(others::examine(system));
    findings
}

/// The findings for people, those in the way marked.
pub fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.about.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<5}  {:<width$}  {}", finding.verdict, finding.about, finding.text);
        if let Some(help) = &finding.help {
            let _ = writeln!(text, "       {:<width$}  help: {help}", "");
        }
    }
    let lacks = findings.iter().filter(|finding| finding.verdict == Verdict::Lacks).count();
    text.push('\n');
    let _ = match lacks {
        0 => writeln!(text, "Nothing is in the way."),
        1 => writeln!(text, "One thing is in the way."),
        several => writeln!(text, "{several} things are in the way."),
    };
    text
}

#[cfg(test)]
mod tests;
