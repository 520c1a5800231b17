//! A plan for a comment or a page in Markdown: the verdict, and the whole plan folded below it.

use std::fmt::Write as _;

use super::plan::Heading;

/// What a reader has to see unfolded.
const VERDICTS: [&str; 4] = ["Plan: ", "REFUSED", "Nothing to do", "RESET"];

/// The text of a plan, as Markdown.
pub fn of(text: &str, heading: &Heading<'_>) -> String {
    let file = heading.file.map_or_else(|| "everything in the record".to_owned(), |file| format!("`{file}`"));
    let mut markdown = format!("### subdevcfg {}: {file} for {}\n\n", heading.command, heading.host);
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if !VERDICTS.iter().any(|word| line.starts_with(word)) {
            continue;
        }
        markdown.push_str(line);
        // What did not fit is indented below.
        while let Some(rest) = lines.next_if(|rest| line.starts_with("REFUSED") && rest.starts_with("   ")) {
            let _ = write!(markdown, " {}", rest.trim_start());
        }
        markdown.push_str("\n\n");
    }
    // Four, for what stands in a plan may have three.
    let _ = write!(
        markdown,
        "<details><summary>the whole plan</summary>\n\n````text\n{text}````\n\n</details>\n"
    );
    markdown
}
