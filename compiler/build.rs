//! Reads the files of `schemas/` when the program is built, so that it does not do so each time it starts: the schemas of
//! host files and of catalogues, and every catalogue of `schemas/drivers/`. Adding a catalogue is adding a file.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use kdl::{KdlDocument, KdlEntry, KdlNode, KdlValue};

fn main() -> Result<(), Box<dyn Error>> {
    let schemas = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../schemas");
    println!("cargo::rerun-if-changed={}", schemas.display());
    let mut text = String::new();
    for (name, file) in [("LANGUAGE", "subdevcfg.kdl"), ("CATALOGUE", "catalogue.kdl")] {
        let nodes = nodes(&read(&schemas.join(file))?)?;
        writeln!(text, "/// `schemas/{file}`.\npub static {name}: &[Node] = {nodes};")?;
    }
    writeln!(
        text,
        "/// The catalogues, by the names of their drivers.\npub static DRIVERS: &[(&str, &[Node])] = &["
    )?;
    // What stands first is found first: what was written by hand.
    for folder in ["drivers", "drivers/generated"] {
        for file in catalogues(&schemas.join(folder))? {
            let name =
                file.file_stem().and_then(OsStr::to_str).ok_or("a catalogue whose name is not UTF-8")?;
            writeln!(text, "({name:?}, {}),", nodes(&read(&file)?)?)?;
        }
    }
    text.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("bundled.rs"), text)?;
    Ok(())
}

fn catalogues(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.push(entry?.path());
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "kdl"));
    found.sort();
    Ok(found)
}

fn read(file: &Path) -> Result<KdlDocument, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", file.display());
    KdlDocument::parse_v2(&fs::read_to_string(file)?)
        .map_err(|error| format!("{}: {error:?}", file.display()).into())
}

/// The nodes of a block as an expression of `bundled::Node`.
fn nodes(document: &KdlDocument) -> Result<String, Box<dyn Error>> {
    let all: Result<Vec<String>, Box<dyn Error>> = document.nodes().iter().map(node).collect();
    Ok(format!("&[{}]", all?.join(", ")))
}

fn node(node: &KdlNode) -> Result<String, Box<dyn Error>> {
    let mut arguments = Vec::new();
    let mut properties = Vec::new();
    for entry in node.entries() {
        let value = value(entry)?;
        match entry.name() {
            Some(name) => properties.push(format!("({:?}, {value})", name.value())),
            None => arguments.push(value),
        }
    }
    let children = node.children().map_or_else(|| Ok("&[]".to_owned()), nodes)?;
    Ok(format!(
        "Node {{ name: {:?}, arguments: &[{}], properties: &[{}], children: {children} }}",
        node.name().value(),
        arguments.join(", "),
        properties.join(", ")
    ))
}

fn value(entry: &KdlEntry) -> Result<String, Box<dyn Error>> {
    Ok(match entry.value() {
        KdlValue::String(text) => format!("Value::Text({text:?})"),
        KdlValue::Integer(number) => format!("Value::Integer({number})"),
        KdlValue::Bool(value) => format!("Value::Bool({value})"),
        KdlValue::Float(_) | KdlValue::Null => {
            return Err(format!("schemas have no such value: {entry}").into());
        }
    })
}
