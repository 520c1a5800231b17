//! Single values: from the syntax tree to their types.

use std::str::FromStr;

use uuid::Uuid;

use super::written;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::Sourced;
use crate::syntax::{Datum, Value};
use crate::values::{DevlinkHandle, InterfaceName, MacAddr, Scalar};

pub(super) fn text(value: &Value) -> Option<Sourced<String>> {
    value.text().map(|text| written(text.to_owned(), value.span))
}

pub(super) fn number(value: &Value) -> Option<Sourced<u32>> {
    value.number().map(|number| written(number, value.span))
}

pub(super) fn boolean(value: &Value) -> Option<Sourced<bool>> {
    value.boolean().map(|boolean| written(boolean, value.span))
}

/// One of the words that the schema lists; a test proves that each of them is one of `T`.
pub(super) fn word<T: FromStr>(value: &Value) -> Option<Sourced<T>> {
    value.text()?.parse().ok().map(|word| written(word, value.span))
}

pub(super) fn scalar(value: &Value) -> Option<Scalar> {
    match &value.datum {
        Datum::Bool(boolean) => Some(Scalar::Bool(*boolean)),
        Datum::Integer(number) => u64::try_from(*number).ok().map(Scalar::Number),
        Datum::Text(text) => Some(Scalar::Text(text.clone())),
        Datum::Float | Datum::Null => None,
    }
}

/// A type of the language with a form of its own.
pub(super) trait Form: FromStr<Err: ToString> {
    /// The code for text that does not have the form.
    const CODE: Code;
    /// What the text is not.
    const LABEL: &'static str;
    /// What to write.
    const HELP: &'static str;
}

impl Form for MacAddr {
    const CODE: Code = Code::MalformedMac;
    const LABEL: &'static str = "not a MAC address";
    const HELP: &'static str = "six pairs of hexadecimal digits with colons between them";
}

impl Form for DevlinkHandle {
    const CODE: Code = Code::MalformedHandle;
    const LABEL: &'static str = "not a handle";
    const HELP: &'static str =
        "`devlink dev show` lists the handles of a host; a name with a `match` is of a later version";
}

impl Form for InterfaceName {
    const CODE: Code = Code::MalformedInterface;
    const LABEL: &'static str = "not a usable name";
    const HELP: &'static str = "1 to 15 bytes, without `/`, `:` and white space";
}

/// A UUID. Its library's own words on malformed text are for programmers.
pub(super) struct Identity(pub(super) Uuid);

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_: uuid::Error| format!("`{text}` is not a UUID"))
    }
}

impl Form for Identity {
    const CODE: Code = Code::MalformedUuid;
    const LABEL: &'static str = "not a UUID";
    const HELP: &'static str =
        "write 8-4-4-4-12 hexadecimal digits, or leave `uuid=` out: then it is derived from the names";
}

/// Reads a value that has a form of its own.
pub(super) fn formed<T: Form>(value: &Value, diagnostics: &mut Vec<Diagnostic>) -> Option<Sourced<T>> {
    match value.text()?.parse::<T>() {
        Ok(formed) => Some(written(formed, value.span)),
        Err(error) => {
            let error: T::Err = error;
            diagnostics.push(Diagnostic::new(T::CODE, error.to_string(), value.span, T::LABEL).help(T::HELP));
            None
        }
    }
}

/// Reads a MAC address that a function is to have.
pub(super) fn mac(value: &Value, diagnostics: &mut Vec<Diagnostic>) -> Option<Sourced<MacAddr>> {
    let mac = formed::<MacAddr>(value, diagnostics)?;
    let (what, help) = if mac.value.is_zero() {
        ("all zero", "leave `mac=` out if any address will do")
    } else if mac.value.is_multicast() {
        ("a multicast address", "the first octet must be even; 02 marks an address as chosen locally")
    } else {
        return Some(mac);
    };
    let message = format!("`{}` is {what}: no function can have it", mac.value);
    diagnostics.push(Diagnostic::new(Code::UnusableMac, message, mac.span, what).help(help));
    None
}
