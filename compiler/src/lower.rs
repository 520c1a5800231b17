//! From a structurally sound document to the [`HostModel`]: values become typed, what is implied is written down, and
//! the order of the file is gone. What the schema refused is silently absent here: it has been reported.

mod device;
mod function;
mod param;
mod parent;
mod subdevice;
pub(crate) mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue::{Catalogue, Known};
use crate::diagnostic::Diagnostic;
use crate::model::{HostModel, Sourced};
use crate::source::Span;
use crate::syntax::{Document, Node, Value};

/// What names are derived from.
pub(crate) struct HostIdentity<'a> {
    seed: &'a str,
    name: &'a Sourced<String>,
}

/// Lowers a document. The model is whole only if nothing was reported, here or before.
pub(crate) fn lower(
    document: &Document,
    catalogues: &[Arc<Catalogue>],
    diagnostics: &mut Vec<Diagnostic>,
) -> HostModel {
    let node = document.all("host").next();
    // A file without a host has been refused; its devices are lowered all the same, for what is wrong in them.
    let name = node
        .and_then(|node| node.argument(0))
        .and_then(value::text)
        .unwrap_or_else(|| written(String::new(), document.span));
    let seed = node.and_then(|node| node.property("uuid-seed")).and_then(value::text);
    let identity = HostIdentity { seed: &seed.as_ref().unwrap_or(&name).value, name: &name };
    let known = Known(catalogues);
    let mut devices: Vec<_> = document
        .all("device")
        .filter_map(|node| device::device(node, &identity, known, diagnostics))
        .collect();
    devices.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    let mut bridges: Vec<_> =
        document.all("bridge").filter_map(|node| parent::bridge(node, diagnostics)).collect();
    bridges.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    HostModel {
        name,
        hostname: node.and_then(|node| node.property("hostname")).and_then(value::text),
        machine_id: node.and_then(|node| node.property("machine-id")).and_then(value::text),
        serial: node.and_then(|node| node.property("serial")).and_then(value::text),
        labels: node.and_then(|node| node.child("label")).map(labels).unwrap_or_default(),
        devices,
        bridges,
    }
}

fn labels(node: &Node) -> BTreeMap<String, String> {
    let entries = node.properties.iter();
    entries.filter_map(|label| Some((label.name.text.clone(), shown(&label.value)?))).collect()
}

fn shown(value: &Value) -> Option<String> {
    value::scalar(value).map(|scalar| scalar.to_string())
}

/// A value that stands in the file.
const fn written<T>(value: T, span: Span) -> Sourced<T> {
    Sourced { value, span, implied: None }
}
