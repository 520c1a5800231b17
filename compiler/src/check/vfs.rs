//! PCI VFs: each once, and within their number.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Device, Lifecycle};
use crate::source::Span;

pub(super) fn check(device: &Device, diagnostics: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<(u32, u32, Option<u32>), Span> = BTreeMap::new();
    let mut subdevices: Vec<_> = device.subdevices.iter().collect();
    subdevices.sort_by_key(|subdevice| subdevice.lifecycle.span);
    for subdevice in subdevices {
        let (Lifecycle::Vf { controller, pf, .. } | Lifecycle::External { controller, pf, .. }) =
            subdevice.lifecycle.value
        else {
            continue;
        };
        let index = match subdevice.lifecycle.value {
            Lifecycle::Vf { index, .. } => Some(index),
            Lifecycle::External { vf, .. } => vf,
            _ => None,
        };
        let (word, span) = (subdevice.lifecycle.value.word(), subdevice.lifecycle.span);
        if let Some(&first) = first.get(&(controller, pf, index)) {
            let which = index.map_or_else(|| format!("PF {pf}"), |index| format!("VF {index}"));
            let message = format!("two subdevices of `{}` are {which}", device.name.value);
            diagnostics.push(
                Diagnostic::new(Code::RepeatedFunction, message, span, "given again")
                    .and(first, "first given here")
                    .help("put what they say into one subdevice, or choose another index"),
            );
            continue;
        }
        first.insert((controller, pf, index), span);
        let local = word == "vf" && controller == 0 && pf == 0;
        if let (Some(count), Some(index), true) = (&device.vfs, index, local)
            && index >= count.value
        {
            let message = format!("`{}` has {} VFs, and this is VF {index}", device.name.value, count.value);
            diagnostics.push(
                Diagnostic::new(Code::BeyondCount, message, span, "beyond the last")
                    .and(count.span, "the number of VFs")
                    .help(format!("indexes begin at 0: write `vfs {}` or more", u64::from(index) + 1)),
            );
        }
    }
}
