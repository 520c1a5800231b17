//! Attributes of messages in which damage is an error, and not the end of what is read.

use rtnetlink::packet_core::NlasIterator;

/// The attributes of a message, each with its type; an `Err` is the last and says why the rest cannot be read.
pub(crate) fn each(bytes: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), String>> {
    NlasIterator::new(bytes).map(|attribute| {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let (kind, length) = (attribute.kind(), attribute.value_length());
        Ok((kind, attribute.into_inner().get(4..4 + length).unwrap_or_default()))
    })
}

/// All of them.
pub(crate) fn attributes(bytes: &[u8]) -> Result<Vec<(u16, &[u8])>, String> {
    each(bytes).collect()
}

/// An attribute as the kernel writes it, for tests of what reads them.
#[cfg(test)]
pub(crate) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).expect("a short value");
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The value of an attribute, of a message that is whole.
pub(crate) fn find(bytes: &[u8], wanted: u16) -> Result<Option<&[u8]>, String> {
    let mut found = None;
    for attribute in each(bytes) {
        let (kind, value) = attribute?;
        if kind == wanted && found.is_none() {
            found = Some(value);
        }
    }
    Ok(found)
}

/// A text, which the kernel ends with a zero.
pub(crate) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}
