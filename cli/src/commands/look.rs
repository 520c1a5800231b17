//! The commands that change nothing: `plan`, `state`, `graph`.

use camino::Utf8Path;
use subdevcfg_reconciler::described::described;
use subdevcfg_reconciler::guard::Permissions;
use subdevcfg_reconciler::plan::{Input, Plan, plan as plan_for};
use subdevcfg_reconciler::record::Record;

use crate::args::{self, Format, GraphFormat, Output, PlanFormat};
use crate::error::CliError;
use crate::exit::Exit;
use crate::machine::{self, Access};
use crate::saved::Saved;
use crate::show;
use crate::show::plan::Heading;
use crate::sources;

/// The kernel that a described host is taken to have: the newest that the project is tested on.
pub const NO_KERNEL: &str = "6.12, assumed";

/// The options of `plan`.
pub struct PlanOptions<'a> {
    /// Plan for this recorded state.
    pub state: Option<&'a Utf8Path>,
    /// Plan for a host that is as this file describes it.
    pub from: Option<&'a Utf8Path>,
    /// The machine.
    pub machine: &'a args::Machine,
    /// Which part of the file is meant.
    pub part: &'a args::Part,
    /// Exit with 2 when there are differences.
    pub detailed_exitcode: bool,
    /// Show everything.
    pub all: bool,
    /// Save it here.
    pub out: Option<&'a Utf8Path>,
    /// Write it here as JSON.
    pub json_into: Option<&'a Utf8Path>,
    /// What would be allowed.
    pub permissions: Permissions<'a>,
    /// The form of the output.
    pub format: PlanFormat,
}

/// Shows what an apply would do.
pub fn plan(file: &Utf8Path, options: &PlanOptions<'_>) -> Result<Exit, CliError> {
    let recorded = options.state.map(machine::read_state).transpose()?;
    let release = match (&recorded, options.from) {
        (Some(state), _) => state.volatile.0.kernel_release.clone(),
        (None, Some(_)) => NO_KERNEL.to_owned(),
        (None, None) => machine::kernel_release(options.machine),
    };
    let (host, sources) = sources::compile_host(file, &release)?;
    let desired = sources::desired(&host, &sources);
    let (state, record, words) = if let (Some(path), Some(state)) = (options.state, recorded) {
        (state, Record::default(), format!("the state in {path}"))
    } else if let Some(base) = options.from {
        let (described_by, base_sources) = sources::compile_host(base, &release)?;
        let (state, record) = described(&sources::desired(&described_by, &base_sources), NO_KERNEL);
        (state, record, format!("a host as {base} describes it"))
    } else {
        machine::check_host(&host.model, file, options.machine)?;
        let mut machine = machine::open(options.machine, Access::Look)?;
        machine.look_for(&desired);
        (machine.kernel.observe()?, machine.record, machine::words(options.machine))
    };
    let plan = plan_for(Input { desired: &desired, state: &state, record: &record });
    let selection = options.part.selection();
    selection.check(&plan)?;
    let plan = plan.narrowed(&selection);
    if let Some(path) = options.out {
        Saved::new(file, &sources, options.part, (&state, &record), &plan)?.write(path)?;
    }
    if let Some(path) = options.json_into {
        let text = serde_json::to_string_pretty(&plan)? + "\n";
        sources::write_new(path, text.as_bytes(), 0o600)
            .map_err(|source| CliError::Unwritable { path: path.to_owned(), source })?;
    }
    let heading = Heading {
        command: "plan",
        file: Some(file),
        host: &host.model.name.value,
        machine: &words,
        is_observed: options.state.is_none() && options.from.is_none(),
        flags: options.machine,
        part: options.part,
        has_parts: true,
    };
    let text = || show::plan::text(&plan, &heading, options.permissions, options.all);
    match options.format {
        PlanFormat::Json => show::print_json(&plan)?,
        PlanFormat::Human => show::print(&text())?,
        PlanFormat::Markdown => show::print(&show::markdown::of(&text(), &heading))?,
    }
    let exit = exit_of(&plan, options.detailed_exitcode);
    // The process ends here. Of a large host these are a hundred thousand pieces, and to take each apart before is felt.
    std::mem::forget((host, sources, desired, state, record, plan));
    Ok(exit)
}

/// The exit code of a plan: one predicate of the plan decides text and code alike.
fn exit_of(plan: &Plan, detailed: bool) -> Exit {
    if plan.is_incomplete() {
        Exit::Incomplete
    } else if detailed && !(plan.is_empty() && plan.refusals.is_empty()) {
        Exit::Differs
    } else if plan.is_empty() && plan.refusals.is_empty() && !plan.waits_for_reboot.is_empty() {
        Exit::Pending
    } else {
        Exit::Done
    }
}

/// Shows what is there.
pub fn state(options: &args::Machine, output: Output) -> Result<Exit, CliError> {
    let mut machine = machine::open(options, Access::Look)?;
    let state = machine.kernel.observe()?;
    match output.format {
        Format::Json => show::print_json(&state)?,
        Format::Human => show::print(&show::state::text(&state))?,
    }
    Ok(if state.unread.is_empty() { Exit::Done } else { Exit::Incomplete })
}

/// Draws the dependency graph.
pub fn graph(file: &Utf8Path, format: GraphFormat) -> Result<Exit, CliError> {
    let (host, _) = sources::compile_host(file, NO_KERNEL)?;
    let text = match format {
        GraphFormat::Dot => host.graph.to_dot(),
        GraphFormat::Mermaid => host.graph.to_mermaid(),
        GraphFormat::Svg => show::picture::svg(&host.graph.folded()),
    };
    show::print(&text)?;
    Ok(Exit::Done)
}
