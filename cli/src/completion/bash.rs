//! Bash, which splits words at colons, equals signs and `@` as well (`COMP_WORDBREAKS`): handles of PCI devices and
//! addresses after a level are several of its words. It replaces only the last of them by what it is answered.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_complete::engine;
use clap_complete::env::EnvCompleter;

/// What bash reads.
const SCRIPT: &str = include_str!("bash.sh");

/// Characters at which bash splits, and that stand in the words of this program.
const BREAKS: [char; 3] = [':', '=', '@'];

/// Asks and answers as the script wants it: after the line up to the cursor come the words of bash up to the cursor's.
pub struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        _var: &str,
        _name: &str,
        _bin: &str,
        completer: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let completer = shlex::try_quote(completer).unwrap_or(completer.into());
        out.write_all(SCRIPT.replace("\"subdevcfg\"", &completer).as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        asked: Vec<OsString>,
        folder: Option<&Path>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let asked: Vec<String> = asked.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let Some((line, pieces)) = asked.split_first() else { return Ok(()) };
        let begun = Begun::of(line, pieces);
        let last = begun.words.len().saturating_sub(1);
        let words = begun.words.into_iter().map(Into::into).collect();
        for candidate in engine::complete(command, words, last, folder)? {
            if let Some(rest) = candidate.get_value().to_string_lossy().strip_prefix(&begun.stays) {
                writeln!(out, "{rest}")?;
            }
        }
        Ok(())
    }
}

/// A command line that is begun.
#[derive(Debug, Default, PartialEq, Eq)]
struct Begun {
    /// Its words as the program is going to see them.
    words: Vec<String>,
    /// The beginning of the last word that bash leaves as it is.
    stays: String,
}

impl Begun {
    /// What bash has split is one word where nothing is between its pieces on the line.
    fn of(line: &str, pieces: &[String]) -> Self {
        let mut begun = Self::default();
        let mut left = line;
        let mut after_break = false;
        for piece in pieces {
            let from = left.trim_start();
            let (raw, rest) = match from.strip_prefix(piece.as_str()) {
                Some(rest) => (piece.as_str(), rest),
                // The cursor is in it.
                None => (from, ""),
            };
            let is_break = !raw.is_empty() && raw.chars().all(|letter| BREAKS.contains(&letter));
            let joins = from.len() == left.len() && (is_break || after_break);
            let before = if joins { begun.words.pop().unwrap_or_default() } else { String::new() };
            if is_break {
                // Readline would complete the name of a host, and takes an @ for a part of it.
                begun.stays = format!("{before}{}", raw.strip_suffix('@').unwrap_or(raw));
            } else if !joins {
                begun.stays.clear();
            }
            begun.words.push(before + &unquoted(raw));
            after_break = is_break;
            left = rest;
        }
        begun
    }
}

/// A word without the quotes of the shell; the last may have one that is not closed yet.
fn unquoted(raw: &str) -> String {
    match shlex::split(raw).as_deref() {
        Some([word]) => word.clone(),
        _ => raw.trim_start_matches(['"', '\'']).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Begun;

    /// The last word as the program sees it, and what of it stays.
    #[track_caller]
    fn last(line: &str, pieces: &[&str]) -> (String, String) {
        let pieces: Vec<String> = pieces.iter().map(|&piece| piece.to_owned()).collect();
        let begun = Begun::of(line, &pieces);
        (begun.words.last().unwrap().clone(), begun.stays)
    }

    fn pair(word: &str, stays: &str) -> (String, String) {
        (word.to_owned(), stays.to_owned())
    }

    /// As bash 5.2 splits these lines, with the `COMP_WORDBREAKS` that it has by itself.
    #[test]
    fn what_bash_has_split_is_one_word() {
        let words = ["s", "forget", "pci/0000", ":", "08"];
        assert_eq!(last("s forget pci/0000:08", &words), pair("pci/0000:08", "pci/0000:"));
        assert_eq!(last("s forget pci/0000:", &words[..4]), pair("pci/0000:", "pci/0000:"));
        let words = ["s", "--allow", "=", "traffic", "@", "pci/0000", ":", "08", ":"];
        let whole = "--allow=traffic@pci/0000:08:";
        assert_eq!(last(&format!("s {whole}"), &words), pair(whole, whole));
        assert_eq!(last("s --allow=traffic@", &words[..5]), pair("--allow=traffic@", "--allow=traffic"));
        assert_eq!(last("s --allow=traffic@pci/0", &words[..6]).1, "--allow=traffic");
        assert_eq!(last("s a::b", &["s", "a", "::", "b"]), pair("a::b", "a::"));
    }

    #[test]
    fn what_stands_apart_stays_apart() {
        let words = ["s", "plan", "a", ":", ""];
        assert_eq!(last("s plan a: ", &words), pair("", ""));
        assert_eq!(last("s plan a :b", &["s", "plan", "a", ":", "b"]), pair(":b", ":"));
        let begun = Begun::of("s  plan a:b  c", &["s", "plan", "a", ":", "b", "c"].map(str::to_owned));
        assert_eq!(begun.words, ["s", "plan", "a:b", "c"]);
    }

    #[test]
    fn a_word_that_is_quoted_is_whole() {
        assert_eq!(last("s forget 'pci/0000:08", &["s", "forget", "'pci/0000:08"]), pair("pci/0000:08", ""));
        assert_eq!(last("s plan a\\ b:c", &["s", "plan", "a\\ b", ":", "c"]), pair("a b:c", "a b:"));
    }

    #[test]
    fn what_is_behind_the_cursor_does_not_count() {
        let words = ["s", "forget", "pci/0000", ":", "08"];
        assert_eq!(last("s forget pci/0000:0", &words), pair("pci/0000:0", "pci/0000:"));
    }
}
