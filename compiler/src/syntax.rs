//! The syntax tree: a KDL document with the places of every name and value, in our own types. What comes after the
//! parser never sees the `kdl` crate.

use crate::source::Span;

/// The nodes of one file, in the order of the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The file as a whole, for what is missing in it.
    pub span: Span,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Whether a stage refused something in it, so that absence proves nothing.
    pub incomplete: bool,
}

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: Name,
    /// From the name to the last argument or property: the node without its block.
    pub span: Span,
    /// Its arguments, in order.
    pub arguments: Vec<Value>,
    /// Its properties, in the order of the text, also one given twice.
    pub properties: Vec<Property>,
    /// The nodes in its block.
    pub children: Vec<Self>,
    /// Whether a stage refused something in it, so that absence proves nothing.
    pub incomplete: bool,
    /// Whether its line could not be read: all that is known of it is its name.
    pub broken: bool,
}

/// A name and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name, without quotes.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// A property.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: Value,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The value.
    pub datum: Datum,
    /// Its place: of the value alone, not of the property.
    pub span: Span,
    /// How it is written there.
    pub written: Written,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// As it is.
    Plain,
    /// As a raw string: nothing in it is replaced.
    Raw,
    /// As something else, which it was made from.
    Computed,
}

/// What KDL can say.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// A string, bare or quoted.
    Text(String),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction or exponent, infinite ones and `#nan` included.
    Float,
    /// `#true` or `#false`.
    Bool(bool),
    /// `#null`.
    Null,
    /// What a stage leaves in the place of a value that it has refused: nothing more is to be said of it.
    Refused,
}

impl Node {
    /// The argument at that position.
    #[must_use]
    pub fn argument(&self, position: usize) -> Option<&Value> {
        self.arguments.get(position).filter(|value| value.datum != Datum::Refused)
    }

    /// The value of that property.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.properties.iter().find(|property| property.name.text == name).map(|property| &property.value)
    }

    /// The nodes of that name in the block.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name.text == name)
    }

    /// The node of that name in the block; the first, if validation let more than one stand.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name.text == name)
    }
}

impl Document {
    /// The nodes of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter(move |node| node.name.text == name)
    }
}

impl Value {
    /// The text, if the value is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.datum {
            Datum::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if the value is one.
    #[must_use]
    pub const fn boolean(&self) -> Option<bool> {
        match self.datum {
            Datum::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The number, if the value is a whole one that `T` can hold.
    #[must_use]
    pub fn number<T: TryFrom<i128>>(&self) -> Option<T> {
        match self.datum {
            Datum::Integer(value) => T::try_from(value).ok(),
            _ => None,
        }
    }
}

impl Datum {
    /// What it is, in the user's words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float => "a number with a fraction",
            Self::Bool(_) => "a boolean",
            Self::Null | Self::Refused => "null",
        }
    }
}
