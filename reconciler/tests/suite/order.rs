//! The planner's order and the compiler's dependency graph are two statements of the same rules: they agree.

use std::collections::BTreeMap;

use camino::Utf8Path;
use subdevcfg_compiler::source::SourceLoader;
use subdevcfg_compiler::{CompiledHost, compile};
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::kernel::Request;
use subdevcfg_reconciler::plan::{Input, Operation, plan};
use subdevcfg_reconciler::record::Record;
use subdevcfg_reconciler::state::State;

struct Files;

impl SourceLoader for Files {
    fn load(&self, path: &Utf8Path) -> std::io::Result<String> {
        std::fs::read_to_string(path)
    }
}

/// The node of the graph that an operation is about, as text: the address without the attribute.
fn node(operation: &Operation) -> Option<String> {
    let part = match &operation.request {
        Request::NewParent { .. } => ".create".to_owned(),
        Request::Create { .. } | Request::MakeRateNode { .. } | Request::MakeBridge { .. } => String::new(),
        Request::Set { subject, .. } if subject.rate_node_name().is_some() => String::new(),
        Request::Set { setting, .. } => {
            let part = setting.attribute().part().to_string();
            let whole = part.starts_with("param[");
            format!(".{}", if whole { &part } else { part.split('.').next().unwrap() })
        }
        _ => return None,
    };
    Some(format!("{}{part}", operation.address))
}

#[test]
fn what_the_graph_says_comes_first_is_done_first() {
    let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples");
    let mut compared = 0;
    for entry in folder.read_dir_utf8().unwrap() {
        let path = entry.unwrap().path().to_owned();
        if path.extension() != Some("kdl") {
            continue;
        }
        let compiled = compile(&path, &Files);
        let Some(host) = compiled.host else { panic!("{:?}", compiled.diagnostics) };
        let desired = Desired::of(&host, &compiled.sources);
        let CompiledHost { graph, .. } = host;
        let state = State::empty();
        let plan = plan(Input { desired: &desired, state: &state, record: &Record::default() });
        let mut places: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for operation in &plan.operations {
            if let Some(node) = node(operation) {
                let (_, last) = places.entry(node).or_insert((operation.id, operation.id));
                *last = operation.id;
            }
        }
        for edge in graph.edges() {
            let ends = (places.get(&edge.from.to_string()), places.get(&edge.to.to_string()));
            if let (Some((_, last)), Some((first, _))) = ends {
                assert!(last < first, "{path}: {} ({last}) before {} ({first})", edge.from, edge.to);
                compared += 1;
            }
        }
    }
    assert!(compared > 30, "{compared} edges compared");
}
