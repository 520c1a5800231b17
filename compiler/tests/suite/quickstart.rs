//! The example file: its model and its graph, in full.

use std::fmt::Write as _;

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
fn the_graph_of_many_words() {
    let compilation = compile("host.kdl", include_str!("../whole.kdl"));
    let host = compilation.host.expect("a host without errors");
    let edges: Vec<_> = host
        .graph
        .edges()
        .iter()
        .map(|edge| format!("{} -> {}: {}", edge.from, edge.to, edge.reason))
        .collect();
    snapshots("compiler/tests/snapshots").bind(|| insta::assert_snapshot!("whole.edges", edges.join("\n")));
}

/// Fifty tenants, of which one is different: the picture has two.
#[test]
fn subdevices_that_are_alike_are_drawn_as_one() {
    let mut text = "subdevcfg version=1\nhost node-17\ndevice \"pci/0000:08:00.0\" driver=mlx5_core {\n    eswitch mode=switchdev\n    \
                    param enable_roce #true\n"
        .to_owned();
    for number in 0..50 {
        let rate = if number == 7 { "rate tx-max=\"1Gbit\"; " } else { "" };
        let _ = writeln!(
            text,
            "    subdevice web{number} {{ sf {number}; {rate}netdev web{number}; representor r{number}; }}"
        );
    }
    let host = compile("host.kdl", &(text + "}\n")).host.expect("a host without errors");
    assert!(host.graph.nodes().count() > 200);
    let folded = host.graph.folded();
    let nodes = folded.nodes.iter().map(|lines| lines.join(" of "));
    let edges = folded.edges.iter().map(|(from, to, reason)| format!("{from} -> {to}: {reason}"));
    let lines: Vec<_> =
        nodes.enumerate().map(|(number, node)| format!("{number} {node}")).chain(edges).collect();
    snapshots("compiler/tests/snapshots").bind(|| insta::assert_snapshot!("folded", lines.join("\n")));
}
