//! The example file: its model and its graph, in full.

use crate::common::{QUICKSTART, compile, snapshots, without_spans};

#[test]
fn the_model_and_the_graph_of_the_quickstart() {
    let compilation = compile("quickstart.kdl", QUICKSTART);
    assert_eq!(compilation.diagnostics, []);
    let mut host = compilation.host.expect("a host without errors");
    for device in &mut host.model.devices {
        assert!(
            device.catalogue.take().is_some(),
            "the bundled driver has a catalogue, with a snapshot of its own"
        );
    }
    snapshots("compiler/tests/snapshots").bind(|| {
        insta::assert_snapshot!("quickstart", without_spans(&format!("{:#?}", host.model)));
        insta::assert_snapshot!("quickstart.dot", host.graph.to_dot());
        insta::assert_snapshot!("quickstart.mermaid", host.graph.to_mermaid());
        let order: Vec<_> = host.graph.order().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!("quickstart.order", order.join("\n"));
    });
}

#[test]
fn the_graph_of_what_is_not_planned_yet() {
    let compilation = compile("host.kdl", include_str!("../broken/unplanned-words.kdl"));
    let host = compilation.host.expect("a host without errors");
    assert!(host.unplanned.contains(&"bridge".to_owned()), "{:?}", host.unplanned);
    let edges: Vec<_> = host
        .graph
        .edges()
        .iter()
        .map(|edge| format!("{} -> {}: {}", edge.from, edge.to, edge.reason))
        .collect();
    snapshots("compiler/tests/snapshots").bind(|| insta::assert_snapshot!("whole.edges", edges.join("\n")));
}
