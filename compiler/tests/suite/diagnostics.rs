//! What the compiler says of broken files: one file a mistake in `broken/`, and what a user would read of it in
//! `snapshots/diagnostics/` of the workspace.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::common::{compile, snapshots};
use subdevcfg_compiler::diagnostic::{Code, Severity};
use subdevcfg_compiler::render::render;
use subdevcfg_compiler::source::SourceLoader;
use subdevcfg_compiler::{Compilation, compile as compile_with};

const WIDTH: usize = 100;

/// The broken files, by name.
fn broken() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder of broken files")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a text"))
        })
        .collect();
    files.sort();
    files
}

/// Files that are not in the folder because they are not there, or are too large to be.
fn unreadable() -> Vec<(&'static str, Compilation)> {
    vec![
        ("missing-file", compile_with("missing-file.kdl".into(), &Missing)),
        ("not-text", compile_with("not-text.kdl".into(), &NotText)),
        ("too-large", compile("too-large.kdl", &"// padding\n".repeat((16 << 20) / 11 + 1))),
    ]
}

/// The folder of broken files.
struct Broken;

impl SourceLoader for Broken {
    fn load(&self, path: &camino::Utf8Path) -> std::io::Result<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
        fs::read_to_string(folder.join(path))
    }
}

struct Missing;

impl SourceLoader for Missing {
    fn load(&self, _: &camino::Utf8Path) -> std::io::Result<String> {
        Err(std::io::Error::new(std::io::ErrorKind::NotFound, "No such file or directory (os error 2)"))
    }
}

struct NotText;

impl SourceLoader for NotText {
    fn load(&self, _: &camino::Utf8Path) -> std::io::Result<String> {
        Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
    }
}

fn rendered(compilation: &Compilation) -> String {
    render(&compilation.diagnostics, &compilation.sources, WIDTH, false)
}

#[test]
fn each_broken_file_says_what_is_wrong_with_it() {
    snapshots("snapshots/diagnostics").bind(|| {
        for (name, _) in broken() {
            let compilation = compile_with(format!("{name}.kdl").as_str().into(), &Broken);
            assert!(!compilation.diagnostics.is_empty(), "{name} is not broken");
            let errors = compilation.diagnostics.iter().any(|found| found.severity == Severity::Error);
            assert_eq!(compilation.host.is_none(), errors, "{name}: a host exactly without errors");
            insta::assert_snapshot!(name, rendered(&compilation));
        }
        for (name, compilation) in unreadable() {
            insta::assert_snapshot!(name, rendered(&compilation));
        }
    });
}

#[test]
fn every_code_has_a_broken_file() {
    let mut found: BTreeSet<Code> = BTreeSet::new();
    let broken =
        broken().into_iter().map(|(name, _)| compile_with(format!("{name}.kdl").as_str().into(), &Broken));
    for compilation in broken.chain(unreadable().into_iter().map(|(_, compilation)| compilation)) {
        found.extend(compilation.diagnostics.iter().map(|diagnostic| diagnostic.code));
    }
    // What is across files is shown by the pages and by the tests of `check`.
    let within = Code::ALL.iter().filter(|code| !code.as_str().starts_with("E07"));
    let missing: Vec<_> = within.filter(|code| !found.contains(code)).collect();
    assert!(missing.is_empty(), "no broken file gives {missing:?}");
}

#[test]
fn codes_rise_and_are_unique() {
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
}

#[test]
fn five_mistakes_give_five_messages_once_each() {
    let text = include_str!("../broken/five-mistakes.kdl");
    let compilation = compile("five-mistakes.kdl", text);
    let codes: Vec<_> = compilation.diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 5, "{codes:?}");
    assert_eq!(codes.len(), 5, "{codes:?}");
}

#[test]
fn long_lists_of_messages_are_cut_and_counted() {
    let mut text = "subdevcfg version=1\nhost a\ndevice \"subdev/nic0\" {\n".to_owned();
    for number in 0..60 {
        let _ = writeln!(text, "    nonsense{number}");
    }
    text.push_str("}\n");
    let compilation = compile("long.kdl", &text);
    assert_eq!(compilation.diagnostics.len(), 60);
    let rendered = rendered(&compilation);
    assert_eq!(rendered.matches("E0201").count(), 50);
    assert!(rendered.ends_with("... and 10 more errors and 0 more warnings\n"), "{rendered}");
}

#[test]
fn a_block_switched_off_in_a_node_that_is_switched_off_is_no_mistake() {
    let text = "subdevcfg version=1\nhost a\n/-device \"subdev/nic0\" {\n    subdevice a /-{ sf 1; }\n}\n";
    assert_eq!(compile("off.kdl", text).diagnostics, []);
    let text = "subdevcfg version=1\nhost a /-b {\n    label /-x=1 y=2 /-{ z; }\n}\n";
    assert_eq!(compile("off.kdl", text).diagnostics, []);
}
