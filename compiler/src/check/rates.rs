//! Transmit rates that cannot be kept.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Device, Rates};

pub(super) fn check(device: &Device, diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.extend(device.subdevices.iter().filter_map(|subdevice| above_max(&subdevice.rate)));
}

fn above_max(rates: &Rates) -> Option<Diagnostic> {
    let (share, max) = (rates.tx_share.as_ref()?, rates.tx_max.as_ref()?);
    // Zero is no limit.
    if max.value.0 == 0 || share.value <= max.value {
        return None;
    }
    let message = format!("the share of {} is above the limit of {}", share.value, max.value);
    Some(
        Diagnostic::new(Code::ShareAboveMax, message, share.span, "more than it may send")
            .and(max.span, "the most that it may send")
            .help("`tx-share=` is what is kept for the function, `tx-max=` the most that it may send"),
    )
}
