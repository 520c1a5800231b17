//! What changed since the last apply and not by subdevcfg: by a reset of the device, or by somebody.

use subdevcfg_reconciler::guard::is_within;
use subdevcfg_reconciler::plan::{Drift, Plan};

use super::layout::line;

/// The most that are named one by one; a reset takes everything.
const MOST: usize = 6;

/// One section for each device that was reset, then one for what somebody changed.
pub fn sections(text: &mut String, plan: &Plan) {
    for reset in &plan.resets {
        line(text, "");
        line(text, &format!("RESET   {}: {}", reset.address, reset.evidence));
        let is_below = |drift: &&Drift| drift.by_reset && is_within(&drift.address, &reset.address);
        lines(text, &plan.drift.iter().filter(is_below).collect::<Vec<_>>());
    }
    let drift: Vec<&Drift> = plan.drift.iter().filter(|drift| !drift.by_reset).collect();
    if !drift.is_empty() {
        line(text, "");
        line(text, "DRIFT   changed since the last apply, and not by subdevcfg");
        lines(text, &drift);
    }
}

fn lines(text: &mut String, all: &[&Drift]) {
    let (gone, other): (Vec<&Drift>, Vec<&Drift>) = all.iter().partition(|drift| drift.found.is_none());
    for drift in other {
        let found = drift.found.as_ref().map_or_else(String::new, ToString::to_string);
        line(text, &format!("  ~ {}   {found} seen, {} was applied", drift.address, drift.applied));
    }
    for drift in gone.iter().take(if gone.len() > MOST { MOST - 1 } else { MOST }) {
        line(text, &format!("  ~ {}   gone seen, {} was applied", drift.address, drift.applied));
    }
    if gone.len() > MOST {
        line(text, &format!("  ~ ... and {} more are gone", gone.len() - MOST + 1));
    }
}
