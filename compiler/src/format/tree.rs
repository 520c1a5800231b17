//! From pieces of text to what is printed: nodes, comments and empty lines.

use super::items::Item;
use crate::parse::lexer::Kind;

/// What stands in a block, in its order.
#[derive(Debug)]
pub(super) enum Element {
    Node(Node),
    /// A comment on a line of its own.
    Comment(String),
    /// One empty line.
    Blank,
}

/// A node, or comments in the place of one.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub parts: Vec<Part>,
    /// The comment at the end of its last line.
    pub comment: Option<String>,
}

#[derive(Debug)]
pub(super) enum Part {
    /// A word; whether it stands right after what is before it.
    Word {
        text: String,
        glued: bool,
    },
    /// A comment within the line.
    Comment(String),
    /// The next part stands on a new line; a comment before its end.
    Join(Option<String>),
    Block(Block),
}

#[derive(Debug, Default)]
pub(super) struct Block {
    /// Whether `/-` stands before it.
    pub off: bool,
    /// The comment on the line of its brace.
    pub comment: Option<String>,
    pub elements: Vec<Element>,
    /// Whether it was written on one line.
    pub one_line: bool,
}

/// The tree of a file.
pub(super) fn tree(items: &[Item<'_>]) -> Block {
    Builder { items, at: 0 }.block(true)
}

struct Builder<'a> {
    items: &'a [Item<'a>],
    at: usize,
}

/// A block while it is read.
#[derive(Default)]
struct Open {
    block: Block,
    node: Option<Node>,
    /// Whether it is the file: no brace stands before what it holds.
    is_file: bool,
    /// Line ends since the last element.
    line_ends: usize,
    /// Whether the next word stands right after the one before.
    glued: bool,
    /// Whether a `/-` waits for its target.
    dashed: bool,
}

impl Open {
    /// The node that is being read; a new one after an empty line, if there was one.
    fn node(&mut self) -> &mut Node {
        if self.node.is_none() {
            self.space();
        }
        self.node.get_or_insert_default()
    }

    fn space(&mut self) {
        if self.line_ends > 1 && !self.block.elements.is_empty() {
            self.block.elements.push(Element::Blank);
        }
        self.line_ends = 0;
    }

    fn finish(&mut self) {
        self.glued = false;
        self.dashed = false;
        self.block.elements.extend(self.node.take().map(Element::Node));
    }

    fn word(&mut self, text: String, next_glued: bool) {
        let glued = std::mem::replace(&mut self.glued, next_glued);
        self.dashed = false;
        self.node().parts.push(Part::Word { text, glued });
    }

    fn comment(&mut self, text: &str) {
        if let Some(node) = self.node.as_mut().filter(|_| !self.dashed) {
            node.comment = Some(text.to_owned());
            self.finish();
            return;
        }
        // After a `;` the comment is of the node before it.
        let same_line = self.line_ends == 0;
        match self.block.elements.last_mut() {
            Some(Element::Node(node)) if same_line && node.comment.is_none() && self.node.is_none() => {
                node.comment = Some(text.to_owned());
            }
            None if same_line && self.node.is_none() && self.block.comment.is_none() && !self.is_file => {
                self.block.comment = Some(text.to_owned());
            }
            _ => {
                if self.node.is_none() {
                    self.space();
                }
                self.block.elements.push(Element::Comment(text.to_owned()));
            }
        }
    }
}

impl Builder<'_> {
    /// Reads up to the end of the block, and over it.
    fn block(&mut self, is_file: bool) -> Block {
        let mut open = Open { is_file, ..Open::default() };
        open.block.one_line = true;
        while let Some(&item) = self.items.get(self.at) {
            self.at += 1;
            match item {
                Item::Close => break,
                Item::LineEnd => {
                    open.block.one_line = false;
                    // Line ends may stand between `/-` and its target.
                    if !open.dashed {
                        open.finish();
                        open.line_ends += 1;
                    }
                }
                Item::Semicolon => open.finish(),
                Item::LineComment(text) => {
                    open.block.one_line = false;
                    open.comment(text);
                }
                Item::BlockComment(text) => {
                    open.block.one_line &= !text.contains('\n');
                    // Nothing comes between `/-` and its target.
                    let dashed = usize::from(open.dashed);
                    let parts = &mut open.node().parts;
                    parts.insert(parts.len().saturating_sub(dashed), Part::Comment(text.to_owned()));
                }
                Item::Join => {
                    open.block.one_line = false;
                    self.join(&mut open);
                }
                Item::Slashdash => {
                    open.word("/-".to_owned(), true);
                    open.dashed = true;
                }
                Item::Open => {
                    let off = open.dashed;
                    if off {
                        open.node().parts.pop();
                    }
                    (open.dashed, open.glued) = (false, false);
                    let block = self.block(false);
                    open.block.one_line &= block.one_line;
                    open.node().parts.push(Part::Block(Block { off, ..block }));
                }
                Item::Token(Kind::Equals, text) => {
                    open.glued = true;
                    open.word(text.to_owned(), true);
                }
                Item::Token(kind, text) => {
                    open.block.one_line &= !text.contains('\n');
                    open.word(word(kind, text), false);
                }
            }
        }
        open.finish();
        open.block
    }

    fn join(&mut self, open: &mut Open) {
        let comment = match self.items.get(self.at) {
            Some(&Item::LineComment(text)) => {
                self.at += 1;
                Some(text.to_owned())
            }
            _ => None,
        };
        match (&mut open.node, comment) {
            (Some(node), comment) if !open.glued => node.parts.push(Part::Join(comment)),
            (_, Some(comment)) => open.block.elements.push(Element::Comment(comment)),
            (_, None) => {}
        }
    }
}

/// A word in its shortest spelling: without quotes where that is the same.
fn word(kind: Kind, text: &str) -> String {
    let inside =
        text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|_| kind == Kind::Quoted);
    inside.filter(|inside| is_bare(inside)).unwrap_or(text).to_owned()
}

/// Whether the text means itself without quotes, to KDL and to a reader.
fn is_bare(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$'))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'))
        && !matches!(text, "true" | "false" | "null" | "inf" | "nan")
}
