//! The pages of `explain`: each code has one, its wrong example gives exactly that code at that line, its right one nothing.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::compile_files;
use subdevcfg_compiler::diagnostic::{Code, Diagnostic, Severity};
use subdevcfg_compiler::fleet::{self, FileKind, Fleet};
use subdevcfg_compiler::schema::Schema;
use subdevcfg_compiler::source::SourceMap;

/// Codes of mistakes that no example of a page can make.
const WITHOUT_EXAMPLE: &[Code] = &[Code::Unreadable, Code::TooLarge];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The examples of a page.
fn examples(page: &str) -> Vec<&str> {
    page.split("```kdl\n").skip(1).filter_map(|rest| rest.split_once("```").map(|(text, _)| text)).collect()
}

/// What is said of an example: of its first file, of all of them as one directory where there are several hosts or one is
/// forgotten, and of the change from another version, which `// base: NAME` begins.
fn said_of(example: &str) -> (SourceMap, Vec<Diagnostic>) {
    let (example, base) = example.split_once("// base: ").unwrap_or((example, ""));
    let files = files(example);
    let compilation = compile_files(&files);
    let (mut sources, mut diagnostics) = (compilation.sources.clone(), compilation.diagnostics.clone());
    if let Some((_, before)) = base.split_once('\n') {
        let before = compile_files(&[("host.kdl", before)]).host.expect("a base without errors");
        let after = compilation.host.as_ref().expect("a host without errors");
        diagnostics.extend(fleet::moved_identities(&before, after, &sources));
    }
    let mut hosts = Fleet::default();
    hosts.add(compilation);
    for (place, (name, text)) in files.iter().enumerate().skip(1) {
        match fleet::kind(text) {
            FileKind::Host => hosts.add(compile_files(&files[place..])),
            _ => hosts.add_fragment((*name).into(), (*text).to_owned()),
        }
    }
    let across = hosts.check();
    for mut diagnostic in across.diagnostics {
        let labels = std::iter::once(&mut diagnostic.primary).chain(&mut diagnostic.secondary);
        labels.for_each(|label| label.span = sources.import(&across.sources, label.span));
        diagnostics.push(diagnostic);
    }
    (sources, diagnostics)
}

/// The files of an example: `// file: NAME` begins another one.
fn files(example: &str) -> Vec<(&str, &str)> {
    let mut parts = example.split("// file: ");
    let first = ("host.kdl", parts.next().unwrap_or_default());
    std::iter::once(first).chain(parts.filter_map(|part| part.split_once('\n'))).collect()
}

/// What a file says that will be said of it: file, line, code and words. A comment on a line of its own is of the next.
fn announced(files: &[(&str, &str)]) -> Vec<(String, usize, String, String)> {
    let mut found = Vec::new();
    for &(file, text) in files {
        for (place, line) in text.lines().enumerate() {
            let Some((before, after)) =
                line.split_once("// error: [").or_else(|| line.split_once("// warning: ["))
            else {
                continue;
            };
            let (code, words) = after.split_once("] \"").expect("a code and words");
            let words = words.trim_end().strip_suffix('"').expect("words in quotes");
            let line = if before.trim().is_empty() { place + 2 } else { place + 1 };
            found.push((file.to_owned(), line, code.to_owned(), words.to_owned()));
        }
    }
    found
}

#[test]
fn each_example_gives_what_it_says() {
    for &code in Code::ALL {
        let page = code.page();
        assert!(page.starts_with(&format!("# {code}: {}\n\n", code.title())), "{code}: the first line");
        let examples = examples(page);
        let [wrong, right] = examples.as_slice() else {
            assert!(WITHOUT_EXAMPLE.contains(&code), "{code} has {} examples", examples.len());
            continue;
        };
        let announced = announced(&files(wrong));
        assert_eq!(announced.len(), 1, "{code} announces one mistake");
        let (sources, diagnostics) = said_of(wrong);
        let said: Vec<_> = diagnostics
            .iter()
            .map(|found| {
                let source = sources.get(found.primary.span.source);
                let line = source.position(found.primary.span.start).0;
                (source.path().to_string(), line, found.code.to_string(), found.message.clone())
            })
            .collect();
        assert_eq!(said.len(), 1, "{code} says one thing: {said:#?}");
        for (said, announced) in said.iter().zip(&announced) {
            assert_eq!((&said.0, said.1, &said.2), (&announced.0, announced.1, &announced.2), "{code}");
            assert!(said.3.contains(&announced.3), "{code}: {} in {}", announced.3, said.3);
            let marked = page.contains("// warning: [");
            assert_eq!(marked, code.severity() == Severity::Warning, "{code}: its severity");
        }
        let (_, right) = said_of(right);
        assert_eq!(right.first(), None, "{code}: the right example");
    }
}

#[test]
fn there_is_no_page_without_a_code() {
    let mut pages: Vec<_> = fs::read_dir(docs().join("errors"))
        .expect("the folder of pages")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    pages.sort();
    let mut named: Vec<_> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    named.push("README.md".to_owned());
    assert_eq!(pages, named);
}

/// `INSTA_UPDATE=always` writes it, as it does the snapshots.
#[test]
fn the_reference_is_made_from_the_schema() {
    let path = docs().join("language.md");
    let made = Schema::language().reference();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&path, &made).expect("docs/language.md can be written");
    }
    assert!(fs::read_to_string(&path).expect("docs/language.md") == made, "docs/language.md is out of date");
}
