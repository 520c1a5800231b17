//! The dependency graph as an SVG picture.

use layout::backends::svg::SVGWriter;
use layout::core::base::Orientation;
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, ShapeKind};
use layout::topo::layout::VisualGraph;
use subdevcfg_compiler::graph::{Folded, Reason};

/// Width of a character, and height of a line, of the font that the layout measures with.
const CHARACTER: (f64, f64) = (9.0, 20.0);

/// The picture: from left to right, what must be there first.
pub fn svg(graph: &Folded) -> String {
    let mut picture = VisualGraph::new(Orientation::LeftToRight);
    let mut handles = Vec::with_capacity(graph.nodes.len());
    for lines in &graph.nodes {
        let text = lines.join("\n");
        let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        let size =
            Point::new(size_of(longest) * CHARACTER.0 + 20.0, size_of(lines.len()) * CHARACTER.1 + 20.0);
        let shape = ShapeKind::new_box(&text);
        let element = Element::create(shape, StyleAttr::simple(), Orientation::LeftToRight, size);
        handles.push(picture.add_node(element));
    }
    for &(from, to, reason) in &graph.edges {
        let label = if reason == Reason::Contains { "" } else { reason.as_str() };
        picture.add_edge(Arrow::simple(label), handles[from], handles[to]);
    }
    let mut writer = SVGWriter::new();
    picture.do_it(false, false, false, &mut writer);
    writer.finalize()
}

/// A small count as a length.
fn size_of(count: usize) -> f64 {
    f64::from(u16::try_from(count).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use subdevcfg_compiler::graph::{Folded, Reason};

    use super::svg;

    #[test]
    fn every_node_and_every_reason_is_in_the_picture() {
        let lines = |text: &str| text.split('/').map(str::to_owned).collect();
        let graph = Folded {
            nodes: vec![
                lines("fabric"),
                lines("param[a<b,runtime]/fabric"),
                lines("netdev/web0 ... web9 (10)"),
            ],
            edges: BTreeSet::from([(0, 1, Reason::Contains), (1, 2, Reason::Enables)]),
        };
        let picture = svg(&graph);
        assert_eq!(picture.matches("<rect").count(), 3, "{picture}");
        for text in [">fabric<", "param[a&lt;b,runtime]", "web0 ... web9 (10)", "enables"] {
            assert!(picture.contains(text), "{text} in {picture}");
        }
        assert!(!picture.contains("contains"), "containment is understood without a word");
        assert_eq!(picture, svg(&graph), "the same graph is the same picture");
    }
}
