//! Reasons: everything that is done can say why.

use schemars::JsonSchema;
use serde::Serialize;

/// Why something is done: who asks for it, or which rule forces it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reason {
    /// The rule or circumstance, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The line of the host file that asks for it, `FILE:LINE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Reason {
    /// A line of a host file asks for it.
    #[must_use]
    pub const fn asked(source: String) -> Self {
        Self { text: None, source: Some(source) }
    }

    /// A rule forces it.
    pub fn forced(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), source: None }
    }
}
