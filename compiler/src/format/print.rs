//! From the tree to the text.

use super::tree::{Block, Element, Node, Part};

/// Longest line that a block on one line may make, in characters.
const WIDTH: usize = 100;

/// One level.
const INDENT: &str = "    ";

/// The text of a file.
pub(super) fn print(file: &Block) -> String {
    let mut printer = Printer { out: String::new() };
    printer.elements(&file.elements, 0);
    printer.out
}

struct Printer {
    out: String,
}

impl Printer {
    fn elements(&mut self, elements: &[Element], depth: usize) {
        // An empty line at the end of a block separates nothing.
        for element in elements {
            match element {
                Element::Blank => {}
                Element::Comment(text) => {
                    self.indent(depth);
                    self.out.push_str(text);
                }
                Element::Node(node) => {
                    self.indent(depth);
                    self.node(node, depth);
                }
            }
            self.out.push('\n');
        }
    }

    fn indent(&mut self, depth: usize) {
        self.out.push_str(&INDENT.repeat(depth));
    }

    fn node(&mut self, node: &Node, depth: usize) {
        let mut first = true;
        for part in &node.parts {
            let glued = matches!(part, Part::Word { glued: true, .. });
            if !first && !glued {
                self.out.push(' ');
            }
            first = false;
            match part {
                Part::Word { text, .. } | Part::Comment(text) => self.out.push_str(text),
                Part::Join(comment) => {
                    self.out.push('\\');
                    if let Some(comment) = comment {
                        self.out.push(' ');
                        self.out.push_str(comment);
                    }
                    self.out.push('\n');
                    self.indent(depth + 1);
                    first = true;
                }
                Part::Block(block) => self.block(block, depth),
            }
        }
        if let Some(comment) = &node.comment {
            self.out.push(' ');
            self.out.push_str(comment);
        }
    }

    fn block(&mut self, block: &Block, depth: usize) {
        if block.off {
            self.out.push_str("/-");
        }
        if block.elements.is_empty() && block.comment.is_none() {
            self.out.push_str("{}");
            return;
        }
        if block.one_line {
            let line = self.out.rfind('\n').map_or(0, |at| at + 1);
            let text = flat_block(block);
            if self.out[line..].chars().count() + text.chars().count() <= WIDTH {
                self.out.push_str(&text);
                return;
            }
        }
        self.out.push('{');
        if let Some(comment) = &block.comment {
            self.out.push(' ');
            self.out.push_str(comment);
        }
        self.out.push('\n');
        self.elements(&block.elements, depth + 1);
        self.indent(depth);
        self.out.push('}');
    }
}

/// A block that was written on one line, on one line.
fn flat_block(block: &Block) -> String {
    let nodes: Vec<String> = block
        .elements
        .iter()
        .filter_map(|element| match element {
            Element::Node(node) => Some(flat_node(node)),
            Element::Comment(text) => Some(text.clone()),
            Element::Blank => None,
        })
        .collect();
    if nodes.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", nodes.join("; ")) }
}

fn flat_node(node: &Node) -> String {
    let mut text = String::new();
    for part in &node.parts {
        if !text.is_empty() && !matches!(part, Part::Word { glued: true, .. }) {
            text.push(' ');
        }
        match part {
            Part::Word { text: word, .. } | Part::Comment(word) => text.push_str(word),
            Part::Join(_) => {}
            Part::Block(block) => {
                text.push_str(if block.off { "/-" } else { "" });
                text.push_str(&flat_block(block));
            }
        }
    }
    text
}
