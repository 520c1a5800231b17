//! Lines of a plan, none longer than people like to read them.

use std::fmt::Write as _;

/// The longest line.
pub const WIDTH: usize = 120;

/// Phrases separated by semicolons, broken at the width.
pub fn paragraph(text: &mut String, words: &[String]) {
    let mut current = String::new();
    for word in words {
        if !current.is_empty() && current.len() + word.len() + 9 > WIDTH {
            line(text, &format!("     {current};"));
            current.clear();
        }
        if !current.is_empty() {
            current.push_str("; ");
        }
        current.push_str(word);
    }
    if !current.is_empty() {
        line(text, &format!("     {current}"));
    }
}

/// Three columns: what, impact, why; what does not fit goes below.
pub fn columns(text: &mut String, what: &str, impact: &str, why: &str) {
    let row = format!("{what:<64} {impact:<18} {why}");
    if row.trim_end().len() <= WIDTH {
        return line(text, &row);
    }
    line(text, &format!("{what:<64} {impact}"));
    line(text, &format!("         {why}"));
}

/// A sentence, broken between words at the width; what follows is indented.
pub fn wrapped(text: &mut String, sentence: &str) {
    let mut current = String::new();
    for word in sentence.split(' ') {
        if current.len() + 1 + word.len() > WIDTH && !current.trim().is_empty() {
            line(text, &current);
            current = " ".repeat(10);
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
    }
    line(text, &current);
}

pub fn line(text: &mut String, words: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", words.trim_end());
}
