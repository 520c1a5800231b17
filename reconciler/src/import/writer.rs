//! Text of host files, line by line. `subdevcfg_compiler::format` gives it its form afterwards.

use std::fmt::{self, Write as _};

use kdl::KdlValue;
use subdevcfg_compiler::values::Scalar;
use uuid::Uuid;

/// Where a line of comment is broken, in characters.
const COMMENT_WIDTH: usize = 90;

/// A node without its block.
#[derive(Debug, Clone)]
pub struct Node(String);

impl Node {
    /// A node of that name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// With one argument more.
    #[must_use]
    pub fn argument(mut self, value: impl Into<Scalar>) -> Self {
        let _ = write!(self.0, " {}", text_of(&value.into()));
        self
    }

    /// With one property more.
    #[must_use]
    pub fn property(mut self, name: &str, value: impl Into<Scalar>) -> Self {
        self.add(name, value);
        self
    }

    /// Takes one property more.
    pub fn add(&mut self, name: &str, value: impl Into<Scalar>) {
        let _ = write!(self.0, " {name}={}", text_of(&value.into()));
    }

    /// With one property more, if there is a value for it.
    #[must_use]
    pub fn property_if(self, name: &str, value: Option<impl Into<Scalar>>) -> Self {
        match value {
            Some(value) => self.property(name, value),
            None => self,
        }
    }

    /// As a comment that can be taken away: the node is there, and says nothing.
    #[must_use]
    pub fn off(self) -> Self {
        Self(format!("/-{}", self.0))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value as the language writes it.
fn text_of(value: &Scalar) -> String {
    match value {
        Scalar::Bool(on) => format!("#{on}"),
        Scalar::Number(number) => number.to_string(),
        // A dollar sign would be the beginning of a name.
        Scalar::Text(text) => KdlValue::String(text.replace('$', "$$")).to_string(),
    }
}

/// What a mediated device is called of which only the UUID is known.
#[must_use]
pub fn mdev_name(uuid: Uuid) -> String {
    format!("mdev-{:.8}", uuid.to_string())
}

/// Writes nodes one after the other. Writing to a string cannot fail.
#[derive(Debug, Default)]
pub struct Writer(String);

impl Writer {
    /// A node without a block.
    pub fn node(&mut self, node: &Node) {
        let _ = writeln!(self.0, "{}", node.0);
    }

    /// A node with what `inside` writes as its block; without a block if that is nothing.
    pub fn block(&mut self, node: &Node, inside: impl FnOnce(&mut Self)) {
        let mut block = Self::default();
        inside(&mut block);
        if block.0.is_empty() {
            self.node(node);
        } else {
            let _ = writeln!(self.0, "{} {{\n{}}}", node.0, block.0);
        }
    }

    /// A line of comment.
    pub fn comment(&mut self, text: &str) {
        for line in text.lines() {
            let _ = writeln!(self.0, "// {line}");
        }
    }

    /// A comment that lists things, if there are any.
    pub fn list(&mut self, about: &str, items: impl IntoIterator<Item = String>) {
        let mut line = String::new();
        for item in items {
            if line.is_empty() {
                line = format!("{about}: {item}");
            } else if line.len() + item.len() > COMMENT_WIDTH {
                self.comment(&format!("{line},"));
                line = format!("  {item}");
            } else {
                let _ = write!(line, ", {item}");
            }
        }
        self.comment(&line);
    }

    /// The lifecycle of a mediated device, with the attributes that are written after it is made.
    pub fn mdev<'a>(
        &mut self,
        mdev_type: &str,
        uuid: Uuid,
        attrs: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) {
        let mdev =
            Node::new("mdev").property("type", mdev_type.to_owned()).property("uuid", uuid.to_string());
        self.block(&mdev, |out| {
            for (name, value) in attrs {
                out.node(&Node::new("attr").argument(name.clone()).argument(value.clone()));
            }
        });
    }

    /// An empty line.
    pub fn blank(&mut self) {
        self.0.push('\n');
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> String {
        self.0
    }
}
