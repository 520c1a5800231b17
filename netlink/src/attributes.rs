//! Attributes of messages in which damage is an error, and not the end of what is read.

use rtnetlink::packet_core::NlasIterator;

/// All attributes of a message, each with its type.
pub(crate) fn attributes(bytes: &[u8]) -> Result<Vec<(u16, &[u8])>, String> {
    let mut found = Vec::new();
    for attribute in NlasIterator::new(bytes) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let (kind, length) = (attribute.kind(), attribute.value_length());
        found.push((kind, attribute.into_inner().get(4..4 + length).unwrap_or_default()));
    }
    Ok(found)
}

/// The value of an attribute, of a message that is whole.
pub(crate) fn find(bytes: &[u8], wanted: u16) -> Result<Option<&[u8]>, String> {
    Ok(attributes(bytes)?.into_iter().find_map(|(kind, value)| (kind == wanted).then_some(value)))
}

/// A text, which the kernel ends with a zero.
pub(crate) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}
