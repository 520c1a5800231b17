//! The devices of the host: what is known of their drivers, and what they can be split into.

use std::sync::Arc;

use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_compiler::values::DevlinkHandle;
use subdevcfg_reconciler::state::{Parent, State};

use super::{Finding, Verdict};

/// All of them, and what could not be read.
pub(super) fn examine(state: &State, catalogues: &[Arc<Catalogue>]) -> Vec<Finding> {
    let unread = state.unread.iter().map(|unread| {
        Finding::new(unread.what.to_string(), Verdict::Lacks, format!("cannot be read: {}", unread.why))
            .help("plans leave out what depends on it")
    });
    if state.parents.is_empty() {
        let none = Finding::new("devices", Verdict::Note, "this host has none that can be partitioned").help(
            "the kernel module subdev makes one: subdev-dkms, or lab/run for a virtual machine with it",
        );
        return std::iter::once(none).chain(unread).collect();
    }
    state.parents.iter().map(|(handle, parent)| device(handle, parent, catalogues)).chain(unread).collect()
}

fn device(handle: &DevlinkHandle, parent: &Parent, catalogues: &[Arc<Catalogue>]) -> Finding {
    let catalogue = Catalogue::of_device(catalogues, parent.driver.as_deref(), handle.bus());
    let driver = parent.driver.as_deref().or(catalogue.as_ref().map(|catalogue| catalogue.driver.as_str()));
    let driver = driver.unwrap_or("no driver that tells its name");
    let text = format!("{driver}{}", can_have(parent));
    let Some(catalogue) = &catalogue else {
        let help =
            "write `cmode=` to each `param`, and see `subdevcfg --catalog` for a catalogue of your own";
        let text = format!("{text}; nothing is known of this driver, so its orders are not either");
        return Finding::new(handle.to_string(), Verdict::Note, text).help(help);
    };
    if catalogue.generated.is_some() {
        let text = format!("{text}; of this driver the parameters are known, and nothing else");
        return Finding::new(handle.to_string(), Verdict::Note, text);
    }
    let finding = Finding::new(handle.to_string(), Verdict::Fine, text);
    if catalogue.quirks.is_empty() { finding } else { finding.help(format!("subdevcfg explain {driver}")) }
}

/// What functions it has, and can have.
fn can_have(parent: &Parent) -> String {
    let types = parent.volatile.0.mdev_types.as_ref();
    let vfs = parent.sriov.as_ref().map(|sriov| match sriov.most.0 {
        Some(most) => format!("{} of {most} VFs", sriov.vfs),
        None => format!("{} VFs", sriov.vfs),
    });
    let types = types.filter(|types| !types.is_empty()).map(|types| {
        let names: Vec<String> =
            types.iter().map(|(name, found)| format!("{name} ({} more)", found.available)).collect();
        format!("mediated devices of type {}", names.join(", "))
    });
    let others = parent.functions.iter().filter(|function| function.id.vf_index().is_none()).count();
    let others = (others > 0).then(|| format!("{others} other functions"));
    let all: Vec<String> = vfs.into_iter().chain(types).chain(others).collect();
    if all.is_empty() { String::new() } else { format!(": {}", all.join("; ")) }
}
