//! `import`: the host file of what is there, or of what other tools keep.

use std::io;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use subdevcfg_compiler::CompiledHost;
use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_compiler::format::format;
use subdevcfg_compiler::source::{SourceLoader, SourceMap};
use subdevcfg_reconciler::described::described;
use subdevcfg_reconciler::import::{Import, host_file};
use subdevcfg_reconciler::plan::{Input, plan};
use subdevcfg_reconciler::record::Record;
use subdevcfg_reconciler::state::State;

use crate::args::ImportOptions;
use crate::error::{CliError, counted};
use crate::exit::Exit;
use crate::import::{mdevctl, mlnx_sf};
use crate::machine::{self, Access, Machine};
use crate::{show, sources};

/// Writes the host file.
pub fn import(options: &ImportOptions) -> Result<Exit, CliError> {
    let host = host_name(options)?;
    if let Some(path) = &options.mdevctl {
        let text = mdevctl::host_file(path, &read(path, "what `mdevctl list --dumpjson` prints")?, &host)?;
        return of_another_tool(options, &text);
    }
    if let Some(path) = &options.mlnx_sf {
        return of_another_tool(options, &mlnx_sf::host_file(&read(path, "an mlnx-sf.conf")?, &host));
    }
    if let Some(path) = &options.state {
        let state = machine::read_state(path)?;
        return Found { state: &state, record: &Record::default(), host: &host }.write(options, None);
    }
    let access = if options.adopt { Access::Change(options.lock_timeout) } else { Access::Look };
    let mut machine = machine::open(&options.machine, access)?;
    let state = machine.kernel.observe()?;
    let record = machine.record.clone();
    Found { state: &state, record: &record, host: &host }.write(options, Some(&mut machine))
}

fn host_name(options: &ImportOptions) -> Result<String, CliError> {
    if let Some(name) = &options.host {
        return Ok(name.clone());
    }
    let of_file = options.state.as_ref().or(options.machine.simulate.as_ref());
    match of_file.and_then(|path| path.file_name()?.split('.').next().map(str::to_owned)) {
        Some(stem) => Ok(stem),
        None => machine::host_name(),
    }
}

fn read(path: &Utf8Path, help: &'static str) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|source| CliError::Unreadable {
        path: path.to_owned(),
        help,
        source,
    })
}

/// A host that was looked at.
struct Found<'a> {
    state: &'a State,
    record: &'a Record,
    host: &'a str,
}

impl Found<'_> {
    /// Writes its file, and says whether it describes the host whole.
    fn write(&self, options: &ImportOptions, machine: Option<&mut Machine>) -> Result<Exit, CliError> {
        let import = Import {
            host: self.host,
            state: self.state,
            record: self.record,
            catalogues: sources::catalogues(),
        };
        let written = Written::new(options, &host_file(&import))?;
        let release = &self.state.volatile.0.kernel_release;
        let (host, sources) = written.compile(release)?;
        let desired = sources::desired(&host, &sources);
        let plan = plan(Input { desired: &desired, state: self.state, record: self.record });
        let subdevices: usize = host.model.devices.iter().map(|device| device.subdevices.len()).sum();
        let about = format!(
            "{} with {}",
            counted(host.model.devices.len(), "device"),
            counted(subdevices, "subdevice")
        );
        if let Some(machine) = machine.filter(|_| options.adopt) {
            let (_, adopted) = described(&desired, release.clone());
            machine.record.extend(&adopted);
            machine.keeper.keep(&machine.record)?;
            show::note(&format!("Adopted: {about}. `subdevcfg destroy` would remove what is in the file.\n"));
        }
        if plan.is_empty() && plan.refusals.is_empty() && self.state.unread.is_empty() {
            show::note(&format!("Described: {about}. To plan the file here is an empty plan.\n"));
            return Ok(Exit::Done);
        }
        let why = plan
            .resource_changes
            .iter()
            .filter(|change| !change.operations.is_empty())
            .map(|change| change.address.clone())
            .chain(plan.refusals.iter().map(|refusal| refusal.address.clone()))
            .chain(self.state.unread.iter().map(|unread| unread.what.to_string()));
        let why = why.collect::<Vec<_>>().join(", ");
        show::note(&format!("Described: {about}. A plan of the file is not empty, or not whole: {why}.\n"));
        Ok(Exit::Incomplete)
    }
}

/// Writes a file that describes no state: whether the host is like that is for `plan` to tell.
fn of_another_tool(options: &ImportOptions, text: &str) -> Result<Exit, CliError> {
    let written = Written::new(options, text)?;
    written.compile(super::look::NO_KERNEL)?;
    show::note("Look through the file, then see what it does here: subdevcfg plan FILE\n");
    Ok(Exit::Done)
}

/// A file that was written.
struct Written {
    path: Utf8PathBuf,
    text: String,
}

impl Written {
    fn new(options: &ImportOptions, text: &str) -> Result<Self, CliError> {
        let path = options.out.clone().unwrap_or_else(|| "host.kdl".into());
        let text = format(&path, text).map_err(|unformed| CliError::Malformed {
            path: path.clone(),
            what: "KDL text",
            why: unformed.diagnostics.first().map(|first| first.message.clone()).unwrap_or_default(),
            help: "what is described has a text in it that cannot be written; please report it",
        })?;
        match &options.out {
            Some(path) => {
                sources::create(path, text.as_bytes())
                    .map_err(|source| CliError::Unwritable { path: path.clone(), source })?;
            }
            None => show::print(&text)?,
        }
        Ok(Self { path, text })
    }

    /// Compiles it; its diagnostics go to standard error.
    fn compile(&self, release: &str) -> Result<(CompiledHost, SourceMap), CliError> {
        sources::compile_with(self, &self.path, &sources::options(release.parse().ok()))
    }
}

impl SourceLoader for Written {
    fn load(&self, _: &Utf8Path) -> io::Result<String> {
        Ok(self.text.clone())
    }

    fn catalogues(&self) -> &[Arc<Catalogue>] {
        sources::catalogues()
    }
}
