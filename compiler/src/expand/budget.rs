//! How much expansion may make: enough for any host, too little to stand still over.

use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::Node;

/// Deepest nesting of blocks, uses, repetitions and includes, all counted together.
pub(super) const MAX_DEPTH: usize = 64;

/// Most nodes, uses and repetitions.
const MAX_NODES: usize = 100_000;

/// Most text, in bytes, over all nodes that are made.
const MAX_BYTES: usize = 16 << 20;

/// Longest text that one value may become, in bytes.
pub(super) const MAX_TEXT: usize = 4096;

/// What has been spent. What is above a limit is reported once.
#[derive(Default)]
pub(super) struct Budget {
    nodes: usize,
    bytes: usize,
    reported: bool,
}

impl Budget {
    /// Spends one node and the text of its line. Whether it may be made.
    pub(super) fn node(&mut self, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> bool {
        self.spend(1, node.span.end - node.span.start, node.span, diagnostics)
    }

    /// Spends the text of a value. Whether it may be made.
    pub(super) fn text(&mut self, length: usize, span: Span, diagnostics: &mut Vec<Diagnostic>) -> bool {
        self.spend(0, length, span, diagnostics)
    }

    fn spend(&mut self, nodes: usize, bytes: usize, span: Span, diagnostics: &mut Vec<Diagnostic>) -> bool {
        self.nodes = self.nodes.saturating_add(nodes);
        self.bytes = self.bytes.saturating_add(bytes);
        let message = if self.nodes > MAX_NODES {
            format!("templates and repetitions make more than {MAX_NODES} nodes")
        } else if self.bytes > MAX_BYTES {
            format!("templates and repetitions make more than {MAX_BYTES} bytes of text")
        } else {
            return true;
        };
        if !std::mem::replace(&mut self.reported, true) {
            diagnostics.push(too_large(message, span, "the first one too many"));
        }
        false
    }
}

/// Nested too deep.
pub(super) fn too_deep(span: Span) -> Diagnostic {
    let message = format!("blocks, uses and includes are nested more than {MAX_DEPTH} deep");
    too_large(message, span, "too deep from here on")
}

fn too_large(message: String, span: Span, label: &str) -> Diagnostic {
    Diagnostic::new(Code::ExpansionTooLarge, message, span, label).help(
        "no host needs that much: look for a repetition in a repetition, or a number with a digit too many",
    )
}
