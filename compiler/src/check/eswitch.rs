//! Words that mean something in one eswitch mode only. Where the file leaves the mode alone it is not known here.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Device, Lifecycle, Sourced, Subdevice};
use crate::source::Span;
use crate::values::EswitchMode;

pub(super) fn check(device: &Device, diagnostics: &mut Vec<Diagnostic>) {
    let Some(mode) = device.eswitch.mode.as_ref().filter(|mode| mode.value == EswitchMode::Legacy) else {
        return;
    };
    diagnostics.extend(device.subdevices.iter().filter_map(|subdevice| legacy(subdevice, mode)));
}

/// One message a subdevice: the first word that needs switchdev, the others beside it.
fn legacy(subdevice: &Subdevice, mode: &Sourced<EswitchMode>) -> Option<Diagnostic> {
    let is_sf = matches!(subdevice.lifecycle.value, Lifecycle::Sf { .. });
    let sf = is_sf.then_some(("sf", subdevice.lifecycle.span));
    let function = subdevice.function.mac.as_ref().filter(|_| is_sf).map(|mac| ("function", mac.span));
    let representor =
        subdevice.representor.as_ref().map(|representor| ("representor", representor.name.span));
    let rate = subdevice.rate.tx_max.as_ref().or(subdevice.rate.tx_share.as_ref());
    let rate = rate.map(|rate| ("rate", rate.span));
    let mut words = [sf, function, rate, representor].into_iter().flatten();
    let (word, span): (&str, Span) = words.next()?;
    let message = format!("`{word}` needs the eswitch in switchdev mode, and it is in legacy mode");
    let mut diagnostic = Diagnostic::new(Code::NeedsSwitchdev, message, span, "not in legacy mode")
        .and(mode.span, "the mode")
        .help(format!("write `eswitch mode=switchdev`, or remove the `{word}`"));
    for (word, span) in words {
        diagnostic = diagnostic.and(span, format!("nor `{word}`"));
    }
    Some(diagnostic)
}
