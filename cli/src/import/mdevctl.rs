//! What mdevctl defines, as a host file. The form is that of `mdevctl list --dumpjson` (mdevctl(8)).

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::Deserialize;
use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_reconciler::import::begin;
use subdevcfg_reconciler::import::writer::{Node, Writer, mdev_name};
use uuid::Uuid;

use crate::error::CliError;

/// A definition of mdevctl.
#[derive(Debug, Deserialize)]
struct Definition {
    mdev_type: String,
    /// `auto` or `manual`.
    start: Option<String>,
    /// Attributes in the order in which they are written, each an object of one field.
    #[serde(default)]
    attrs: Vec<BTreeMap<String, String>>,
}

/// Parents by their names, with their devices.
type Dump = Vec<BTreeMap<String, Vec<BTreeMap<Uuid, Definition>>>>;

/// The host file of what mdevctl has listed, not yet in its form.
pub fn host_file(path: &Utf8Path, text: &str, host: &str) -> Result<String, CliError> {
    let dump: Dump = serde_json::from_str(text).map_err(|error| CliError::Malformed {
        path: path.to_owned(),
        what: "list of mdevctl",
        why: error.to_string(),
        help: "write it with `mdevctl list --dumpjson`, for all devices: without --uuid",
    })?;
    let mut parents: BTreeMap<String, Vec<(Uuid, Definition)>> = BTreeMap::new();
    for (parent, devices) in dump.into_iter().flatten() {
        parents.entry(parent).or_default().extend(devices.into_iter().flatten());
    }
    let mut out = Writer::default();
    begin(&mut out, host);
    for (parent, devices) in &parents {
        out.blank();
        let handle = handle(parent, devices.first().map(|(_, definition)| definition.mdev_type.as_str()));
        out.block(&Node::new("device").argument(handle), |out| {
            for (uuid, definition) in devices {
                write_device(*uuid, definition, out);
            }
        });
    }
    Ok(out.finish())
}

fn write_device(uuid: Uuid, definition: &Definition, out: &mut Writer) {
    if definition.start.as_deref() == Some("manual") {
        out.comment("mdevctl starts it only when told to: a host file always does.");
    }
    out.block(&Node::new("subdevice").argument(mdev_name(uuid)), |out| {
        out.mdev(&definition.mdev_type, uuid, definition.attrs.iter().flatten());
    });
}

/// The handle of a parent that mdevctl knows by the name of its device: a PCI function, or what the driver of the type is
/// known to drive. The type's directory begins with the name of the driver (`mdev_type_add_group`, Linux 6.12).
fn handle(parent: &str, mdev_type: Option<&str>) -> String {
    let driver = mdev_type.and_then(|name| name.split_once('-')).map_or("", |(driver, _)| driver);
    let bus = Catalogue::of_driver(driver).and_then(|catalogue| catalogue.bus.clone());
    if is_pci(parent) {
        format!("pci/{parent}")
    } else if let Some(bus) = bus {
        format!("{bus}/{parent}")
    } else {
        // A device on no bus is most often the only one of a class of its name.
        format!("{parent}/{parent}")
    }
}

/// Whether it is the name of a PCI function: domain, bus, device and function.
fn is_pci(name: &str) -> bool {
    let is_hex =
        |text: &str, digits: usize| text.len() >= digits && text.chars().all(|c| c.is_ascii_hexdigit());
    let parts: Vec<&str> = name.split([':', '.']).collect();
    matches!(parts.as_slice(), [domain, bus, device, function]
        if is_hex(domain, 4) && is_hex(bus, 2) && is_hex(device, 2) && is_hex(function, 1))
}
