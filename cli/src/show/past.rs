//! The history as text: a line an apply.

use std::fmt::Write as _;

use subdevcfg_reconciler::history::Past;

use crate::timer;

/// The applies, the oldest first; of one that is shown alone, what failed as well.
pub fn text(all: &[Past], failures: bool) -> String {
    let mut text = String::new();
    if all.is_empty() {
        return "No apply is remembered.\n".to_owned();
    }
    // Writing to a string cannot fail.
    // + made, ~ changed, -/+ made again, - deleted, as in plans.
    let _ = writeln!(
        text,
        "{:>4}  {:<20}  {:<7}  {:<10}  {:<14}  {:<17}  file",
        "", "began", "what", "ended", "planned", "impact"
    );
    for past in all {
        let planned = past.planned;
        let file = past.file.as_deref().unwrap_or("everything in the record");
        let _ = writeln!(
            text,
            "{:>4}  {:<20}  {:<7}  {:<10}  {:<14}  {:<17}  {file}{}",
            past.number,
            past.began,
            past.command,
            past.ending(),
            format!("+{} ~{} -/+{} -{}", planned.create, planned.change, planned.replace, planned.delete),
            planned.impact,
            confirmation(past),
        );
        for failure in past.end.iter().filter(|_| failures).flat_map(|end| &end.failures) {
            let _ = writeln!(text, "      {failure}");
        }
    }
    text
}

fn confirmation(past: &Past) -> String {
    match &past.confirmation {
        Some(confirmation) if confirmation.confirmed => "   confirmed".to_owned(),
        Some(confirmation) if timer::awaits_confirmation(past) => {
            format!("   to be confirmed until {}", confirmation.until)
        }
        Some(_) if past.awaits_confirmation() => "   not confirmed".to_owned(),
        _ => String::new(),
    }
}
