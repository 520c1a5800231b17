//! What the compiler's tests share: files from memory, and models as text without their places.

use std::io;
use std::path::Path;

use camino::Utf8Path;
use subdevcfg_compiler::Compilation;
use subdevcfg_compiler::source::SourceLoader;

/// The example that everything starts from.
pub const QUICKSTART: &str = include_str!("../../../examples/quickstart.kdl");

/// One file in memory; any other is missing.
pub struct Text<'a>(pub &'a str, pub &'a str);

impl SourceLoader for Text<'_> {
    fn load(&self, path: &Utf8Path) -> io::Result<String> {
        if path == self.0 { Ok(self.1.to_owned()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

/// Compiles a text as the file of that name.
pub fn compile(name: &str, text: &str) -> Compilation {
    subdevcfg_compiler::compile(name.into(), &Text(name, text))
}

/// Files in memory, by path.
struct Texts<'a>(&'a [(&'a str, &'a str)]);

impl SourceLoader for Texts<'_> {
    fn load(&self, path: &Utf8Path) -> io::Result<String> {
        let file = self.0.iter().find(|(name, _)| path == *name);
        file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Compiles the first of these files.
pub fn compile_files(files: &[(&str, &str)]) -> Compilation {
    subdevcfg_compiler::compile(files.first().map_or("", |file| file.0).into(), &Texts(files))
}

/// Debug output without the spans, which say where a value stands and not what it is.
pub fn without_spans(debug: &str) -> String {
    let mut text = String::new();
    let mut rest = debug;
    while let Some((before, after)) = rest.split_once("span: Span {") {
        text.push_str(before.trim_end());
        rest = after.split_once("},").map_or("", |(_, rest)| rest.strip_prefix('\n').unwrap_or(rest));
        text.push('\n');
    }
    text + rest
}

/// The settings of snapshots in that folder of the workspace.
pub fn snapshots(folder: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}
