//! Words that mean something in one eswitch mode only. Where the file leaves the mode alone it is not known here.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Device, Lifecycle, Sourced, Subdevice};
use crate::source::Span;
use crate::values::EswitchMode;

pub(super) fn check(device: &Device, diagnostics: &mut Vec<Diagnostic>) {
    let Some(mode) = &device.eswitch.mode else { return };
    let wrong = match mode.value {
        EswitchMode::Legacy => in_legacy,
        EswitchMode::Switchdev => in_switchdev,
    };
    diagnostics.extend(device.subdevices.iter().filter_map(|subdevice| wrong(subdevice, mode)));
}

fn in_switchdev(subdevice: &Subdevice, mode: &Sourced<EswitchMode>) -> Option<Diagnostic> {
    let legacy = subdevice.legacy.as_ref()?;
    let message = "`legacy` needs the eswitch in legacy mode, and it is in switchdev mode";
    Some(
        Diagnostic::new(Code::NeedsLegacy, message, legacy.span, "not in switchdev mode")
            .and(mode.span, "the mode")
            .help("in switchdev mode the representor stands for the VF: write `function`, `rate` and `representor`"),
    )
}

/// One message a subdevice: the first word that needs switchdev, the others beside it.
fn in_legacy(subdevice: &Subdevice, mode: &Sourced<EswitchMode>) -> Option<Diagnostic> {
    let is_sf = matches!(subdevice.lifecycle.value, Lifecycle::Sf { .. });
    let is_mdev = matches!(subdevice.lifecycle.value, Lifecycle::Mdev(_));
    let sf = is_sf.then_some(("sf", subdevice.lifecycle.span));
    let function = subdevice.function.place().filter(|_| !is_mdev).map(|span| ("function", span));
    let representor =
        subdevice.representor.as_ref().map(|representor| ("representor", representor.name.span));
    let rate = subdevice.rate.tx_max.as_ref().or(subdevice.rate.tx_share.as_ref()).map(|rate| rate.span);
    let rate = rate.or(subdevice.rate.parent.as_ref().map(|parent| parent.span)).map(|span| ("rate", span));
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
