//! Single values: from the syntax tree to their types.

use std::str::FromStr;

use uuid::Uuid;

use super::written;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::Sourced;
use crate::syntax::{Datum, Node, Value};
use crate::values::{
    DevlinkHandle, InterfaceName, MacAddr, NumberRange, Rate, Scalar, ValueError, VersionSet,
};

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
        Datum::Float | Datum::Null | Datum::Refused => None,
    }
}

/// A type of the language with a form of its own.
pub(crate) trait Form: FromStr<Err: ToString> {
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

impl Form for Rate {
    const CODE: Code = Code::MalformedRate;
    const LABEL: &'static str = "not a usable rate";
    const HELP: &'static str = "a number and a unit of bit, kbit, Mbit, Gbit, Tbit, or Bps, kBps, MBps, GBps, TBps, \
                                all per second and decimal; or `none`";
}

impl Form for DevlinkHandle {
    const CODE: Code = Code::MalformedHandle;
    const LABEL: &'static str = "not a handle";
    const HELP: &'static str = "`devlink dev show` lists the handles of a host";
}

impl Form for VersionSet {
    const CODE: Code = Code::MalformedVersion;
    const LABEL: &'static str = "not a comparison";
    const HELP: &'static str =
        "`>=`, `>`, `<=`, `<` or `=` and a version; several with commas, which must all hold";
}

impl Form for NumberRange {
    const CODE: Code = Code::MalformedRange;
    const LABEL: &'static str = "not a range";
    const HELP: &'static str = "the first and the last number with two dots between them; both belong to it";
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

/// A name that the file gives, of a subdevice, a rate node or a device: what addresses and command lines can hold without
/// quotes.
pub(super) struct GivenName(pub(super) String);

impl FromStr for GivenName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if text.is_empty() {
            return Err(ValueError("a name has at least one character".to_owned()));
        }
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.chars().all(fits) {
            return Err(ValueError(format!("`{text}` cannot be a name")));
        }
        if text.len() > LONGEST_NAME {
            let length = text.len();
            let message = format!("a name has at most {LONGEST_NAME} bytes, and this has {length}");
            return Err(ValueError(message));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Longest name, in bytes.
const LONGEST_NAME: usize = 63;

impl Form for GivenName {
    const CODE: Code = Code::MalformedGivenName;
    const LABEL: &'static str = "not a usable name";
    const HELP: &'static str =
        "1 to 63 letters, digits, `_` and `-`, the first a letter or a digit: it is a part of addresses";
}

/// Reads a value that has a form of its own.
pub(crate) fn formed<T: Form>(value: &Value, diagnostics: &mut Vec<Diagnostic>) -> Option<Sourced<T>> {
    match value.text()?.parse::<T>() {
        Ok(formed) => Some(written(formed, value.span)),
        Err(error) => {
            let error: T::Err = error;
            diagnostics.push(Diagnostic::new(T::CODE, error.to_string(), value.span, T::LABEL).help(T::HELP));
            None
        }
    }
}

/// Reads a name that the file gives.
pub(super) fn given_name(value: &Value, diagnostics: &mut Vec<Diagnostic>) -> Option<Sourced<String>> {
    formed::<GivenName>(value, diagnostics).map(|name| written(name.value.0, name.span))
}

/// The `ignore` nodes of a block, sorted.
pub(super) fn ignored(node: &Node) -> Vec<Sourced<String>> {
    let mut found: Vec<_> = node.all("ignore").filter_map(|node| text(node.argument(0)?)).collect();
    found.sort_by(|a, b| a.value.cmp(&b.value));
    found
}

/// Whether exactly one of two ways to say a thing is given; if not, that is reported.
pub(super) fn one_of(
    node: &Node,
    (one, first): (&str, Option<&Value>),
    (other, second): (&str, Option<&Value>),
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let name = &node.name.text;
    let help = format!("write {one} or {other}");
    let diagnostic = match (first, second) {
        (Some(first), Some(second)) => {
            let message = format!("`{name}` has {one} and {other}, and takes one of them");
            Diagnostic::new(Code::OneOf, message, second.span.max(first.span), "one too many")
                .and(second.span.min(first.span), "the other")
        }
        (None, None) if !node.incomplete => {
            let message = format!("`{name}` needs {one} or {other}");
            Diagnostic::new(Code::OneOf, message, node.span, "neither")
        }
        _ => return first.is_some() || second.is_some(),
    };
    diagnostics.push(diagnostic.help(help));
    false
}

/// A MAC address as files write it: alone, or with a number to add to it.
struct MacSum(MacAddr, u64);

impl FromStr for MacSum {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (address, number) = text.split_once('+').map_or((text, Ok(0)), |(a, n)| (a, n.parse()));
        let number = number.map_err(|_| ValueError(format!("`{text}` is not a MAC address and a number")))?;
        Ok(Self(address.parse()?, number))
    }
}

impl Form for MacSum {
    const CODE: Code = MacAddr::CODE;
    const LABEL: &'static str = MacAddr::LABEL;
    const HELP: &'static str =
        "six pairs of hexadecimal digits with colons between them, and perhaps `+` and a number to add";
}

/// Reads a MAC address that a function is to have.
pub(super) fn mac(value: &Value, diagnostics: &mut Vec<Diagnostic>) -> Option<Sourced<MacAddr>> {
    let sum = formed::<MacSum>(value, diagnostics)?;
    let MacSum(base, number) = sum.value;
    let refuse = |written: String, what: &str, help: &str| {
        let message = format!("`{written}` is {what}: no function can have it");
        Diagnostic::new(Code::UnusableMac, message, value.span, what).help(help)
    };
    let refusal = match base.checked_add(number) {
        None => refuse(format!("{base}+{number}"), "above the last address", "look at the number"),
        Some(mac) if mac.is_zero() => {
            refuse(mac.to_string(), "all zero", "leave `mac=` out if any address will do")
        }
        Some(mac) if mac.is_multicast() => {
            let help = "the first octet must be even; 02 marks an address as chosen locally";
            refuse(mac.to_string(), "a multicast address", help)
        }
        Some(mac) => return Some(written(mac, value.span)),
    };
    diagnostics.push(refusal);
    None
}
