//! `subdevcfg check`: compile every host file, compare them with each other, and say what a change does to each host.

use camino::{Utf8Path, Utf8PathBuf};
use rayon::iter::{IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use subdevcfg_compiler::diagnostic::Diagnostic;
use subdevcfg_compiler::fleet::{self, Fleet, Member};
use subdevcfg_compiler::source::SourceMap;
use subdevcfg_compiler::{Compilation, CompiledHost, compile_with, fix, render, report};
use subdevcfg_reconciler::described::described;
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::plan::{Input, Plan, plan};
use subdevcfg_reconciler::record::Record;
use subdevcfg_reconciler::state::State;

use crate::args::CheckOptions;
use crate::commands::look::NO_KERNEL;
use crate::error::CliError;
use crate::exit::Exit;
use crate::findings::{Change, Findings, Found};
use crate::hosts::Selection;
use crate::machine::read_state;
use crate::show;
use crate::sources::{self, Files, replace};

/// What is found in one host file.
struct Checked {
    member: Member,
    found: Vec<Found>,
    change: Option<Change>,
}

/// Checks the files and directories, and reports everything there is to say.
pub fn check(options: &CheckOptions) -> Result<Exit, CliError> {
    let selection = Selection::of(&options.paths)?;
    let fixed =
        options.fix.then(|| selection.hosts.iter().map(|file| write_fixes(file)).sum()).transpose()?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build()?;
    let hosts: Vec<&Utf8PathBuf> = selection.hosts.iter().collect();
    let checked: Vec<Checked> = pool.install(|| hosts.par_iter().map(|file| host(file, options)).collect());

    let mut findings = Findings::new(hosts.len(), fixed, options.deny_warnings());
    let mut fleet = Fleet::default();
    for Checked { member, found, change } in checked {
        fleet.add(member);
        findings.add(found);
        findings.changes.extend(change);
    }
    for (path, text) in selection.fragments {
        fleet.add_fragment(path, text);
    }
    let across = fleet.check();
    findings.add(shown(&across.diagnostics, &across.sources));
    if let Some(base) = &options.base {
        findings.changes.extend(gone(base, options, &pool)?);
    }
    show::print(&findings.text(options.format)?)?;
    Ok(if findings.failed() { Exit::Failed } else { Exit::Done })
}

/// Compiles one host file, compares it with its former version, and plans it for its host.
fn host(file: &Utf8Path, options: &CheckOptions) -> Checked {
    let compiled = newest(file);
    let mut diagnostics = compiled.diagnostics.clone();
    let mut change = None;
    if let Some(after) = &compiled.host {
        let former = options.base.as_ref().map(|base| base.join(file)).filter(|former| former.exists());
        let before = former.map(|former| newest(&former));
        if let Some(before) = before.as_ref().and_then(|before| before.host.as_ref()) {
            diagnostics.extend(fleet::moved_identities(before, after, &compiled.sources));
        }
        let name = &after.model.name.value;
        let planned = match (&options.states, &options.base) {
            (Some(states), _) => Some(planned_for_state(&states.join(format!("{name}.json")), file, before)),
            (None, Some(_)) => Some(planned(before, after, &compiled.sources)),
            (None, None) => None,
        };
        change = planned.map(|planned| match planned {
            Ok(plan) => Change::planned(file, name, &plan),
            Err(why) => Change::unknown(file, name, &why),
        });
    }
    let found = shown(&diagnostics, &compiled.sources);
    Checked { member: compiled.into(), found, change }
}

/// Compiles a file for no kernel in particular.
fn newest(file: &Utf8Path) -> Compilation {
    compile_with(file, &Files, &sources::options(None))
}

/// What the change does to a host at its former configuration, or why that is not known. A host without a former file has
/// nothing yet.
fn planned(before: Option<Compilation>, after: &CompiledHost, sources: &SourceMap) -> Result<Plan, String> {
    let desired = Desired::of(after, sources);
    let (state, record) = former(before)?;
    Ok(plan(Input { desired: &desired, state: &state, record: &record }))
}

/// A host as the former version of its file describes it.
fn former(before: Option<Compilation>) -> Result<(State, Record), String> {
    let base = match before {
        Some(Compilation { host: Some(host), sources, .. }) => Desired::of(&host, &sources),
        Some(_) => return Err("its former version has errors".to_owned()),
        None => Desired::default(),
    };
    Ok(described(&base, NO_KERNEL))
}

/// What the file does to its host as it was seen; subdevcfg made what the former version of the file describes.
fn planned_for_state(seen: &Utf8Path, file: &Utf8Path, before: Option<Compilation>) -> Result<Plan, String> {
    if !seen.exists() {
        return Err(format!("there is no {seen}"));
    }
    let state = read_state(seen).map_err(|error| show::sentence(&error))?;
    let compiled =
        compile_with(file, &Files, &sources::options(state.volatile.0.kernel_release.parse().ok()));
    let after = compiled.host.ok_or("it has errors on the kernel of its host")?;
    let desired = Desired::of(&after, &compiled.sources);
    let (_, record) = former(before)?;
    Ok(plan(Input { desired: &desired, state: &state, record: &record }))
}

/// The hosts whose files the change removes: nothing is planned for them, and nothing happens on them.
fn gone(base: &Utf8Path, options: &CheckOptions, pool: &rayon::ThreadPool) -> Result<Vec<Change>, CliError> {
    let former: Vec<Utf8PathBuf> =
        options.paths.iter().map(|path| base.join(path)).filter(|path| path.exists()).collect();
    let hosts = Selection::of(&former)?.hosts;
    Ok(pool.install(|| {
        let removed = hosts.into_par_iter().filter_map(|former| {
            let file = former.strip_prefix(base).ok()?.to_owned();
            let name = newest(&former).host?.model.name.value;
            (!file.exists())
                .then(|| Change::unknown(&file, &name, "its file is removed: what is on the host stays"))
        });
        removed.collect()
    }))
}

/// The messages for programs, and as many as are ever shown for people.
fn shown(diagnostics: &[Diagnostic], sources: &SourceMap) -> Vec<Found> {
    let (width, color) = (show::width(), show::color_on_stdout());
    let text = |place: usize, diagnostic: &Diagnostic| match place {
        0..render::SHOWN => render::render(std::slice::from_ref(diagnostic), sources, width, color),
        _ => String::new(),
    };
    let found =
        |(place, diagnostic)| Found::new(report::Report::new(diagnostic, sources), text(place, diagnostic));
    diagnostics.iter().enumerate().map(found).collect()
}

/// Makes the fixes of a host file, in it and in what it includes. Returns how many.
fn write_fixes(file: &Utf8Path) -> Result<usize, CliError> {
    let fixed = fix::fix(file, &Files, &sources::options(None));
    for (path, text) in &fixed.files {
        replace(path, text).map_err(|source| CliError::Unwritable { path: path.clone(), source })?;
    }
    Ok(fixed.made)
}
