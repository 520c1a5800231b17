//! The tree of a text by its tokens alone: which nodes there are, where the line of each begins and ends, and whose block
//! each stands in. The `kdl` crate gives a tree or errors, never both; cut into pieces, a mistake costs one node.

use std::ops::Range;

use super::MAX_DEPTH;
use super::lexer::{Kind, Token};

/// One node: its line, and the nodes in its block.
#[derive(Debug)]
pub(super) struct Piece {
    /// The token that the node begins with: its name, where there is no mistake.
    pub first: Token,
    /// From the name to the last value: the bytes that the crate reads.
    pub head: Range<usize>,
    /// Whether `/-` switches it off, or a block around it.
    pub off: bool,
    /// Whether its block may hold something else than what was found.
    pub doubtful: bool,
    pub children: Vec<Self>,
}

/// An open block, the file itself being the outermost.
#[derive(Default)]
struct Block {
    done: Vec<Piece>,
    current: Option<Piece>,
    /// Whether a block of the current node was seen: nothing of the node may follow it.
    ended: bool,
    off: bool,
    /// Whether this is the block whose end was guessed.
    doubtful: bool,
}

impl Block {
    fn finish(&mut self) {
        self.done.extend(self.current.take());
        self.ended = false;
    }
}

/// The nodes at the top of a file. The block that begins at `guessed` ends where somebody guessed it to end. Nodes nested
/// too deep are left out: they have been reported.
pub(super) fn pieces(text: &str, tokens: &[Token], guessed: Option<usize>) -> Vec<Piece> {
    let mut blocks = vec![Block::default()];
    let mut dashed = false;
    for &token in tokens {
        // The file itself is never closed.
        let Some(block) = blocks.last_mut() else { break };
        match token.kind {
            // Line ends may stand between `/-` and its target.
            Kind::End if dashed && &text[token.start..token.end] != ";" => continue,
            Kind::End => block.finish(),
            Kind::Slashdash => {
                dashed = true;
                continue;
            }
            Kind::Open => {
                // A block that belongs to no node was most likely meant for the one before it.
                if block.current.is_none() {
                    block.current = block.done.pop();
                    block.current.iter_mut().for_each(|node| node.doubtful = true);
                }
                block.ended = true;
                let off = block.off || dashed || block.current.as_ref().is_some_and(|node| node.off);
                let doubtful = guessed == Some(token.start);
                blocks.push(Block { off, doubtful, ..Block::default() });
            }
            Kind::Close => close(&mut blocks, false),
            _ if block.current.is_none() || block.ended => {
                block.finish();
                block.current = Some(Piece {
                    first: token,
                    head: token.start..token.end,
                    off: block.off || dashed,
                    doubtful: false,
                    children: Vec::new(),
                });
            }
            _ => {
                if let Some(node) = &mut block.current {
                    node.head.end = token.end;
                }
            }
        }
        dashed = false;
    }
    while blocks.len() > 1 {
        close(&mut blocks, true);
    }
    let mut file = blocks.pop().unwrap_or_default();
    file.finish();
    file.done
}

fn close(blocks: &mut Vec<Block>, doubtful: bool) {
    if blocks.len() < 2 {
        return;
    }
    let depth = blocks.len() - 1;
    let Some(mut block) = blocks.pop() else { return };
    block.finish();
    if let Some(node) = blocks.last_mut().and_then(|outer| outer.current.as_mut()) {
        node.doubtful |= doubtful || block.doubtful;
        if depth > MAX_DEPTH {
            node.doubtful = true;
        } else {
            node.children.append(&mut block.done);
        }
    }
}

/// The lines of all nodes, in the order of the text.
pub(super) fn heads(pieces: &[Piece]) -> Vec<Range<usize>> {
    fn collect(pieces: &[Piece], heads: &mut Vec<Range<usize>>) {
        for piece in pieces {
            heads.push(piece.head.clone());
            collect(&piece.children, heads);
        }
    }
    let mut heads = Vec::new();
    collect(pieces, &mut heads);
    heads
}
