//! `doctor`: what of this host is in the way.

use camino::Utf8Path;
use subdevcfg_reconciler::kernel::{Kernel as _, ObserveError};
use subdevcfg_reconciler::live::LiveKernel;

use crate::args::{self, Format, Output};
use crate::doctor::{Needs, System, Verdict, examine, text};
use crate::error::CliError;
use crate::exit::Exit;
use crate::watch::suspects;
use crate::{machine, show, sources};

/// Looks at this host, for a host file if one is named.
pub fn doctor(file: Option<&Utf8Path>, output: Output) -> Result<Exit, CliError> {
    let release = machine::kernel_release(&args::Machine::default());
    let needs = match file {
        Some(file) => {
            let (host, sources) = sources::compile_host(file, &release)?;
            Needs::of(&sources::desired(&host, &sources))
        }
        None => Needs::default(),
    };
    let observed: Result<_, ObserveError> =
        LiveKernel::open().map_err(Into::into).and_then(|mut kernel| kernel.observe());
    let observed = observed.as_ref().map_err(|error| show::with_causes(error));
    let system = System::new("/", release, suspects::running());
    let findings = examine(&system, observed, sources::catalogues(), &needs);
    match output.format {
        Format::Json => show::print_json(&findings)?,
        Format::Human => show::print(&text(&findings))?,
    }
    let lacks = findings.iter().any(|finding| finding.verdict == Verdict::Lacks);
    Ok(if lacks { Exit::Incomplete } else { Exit::Done })
}
