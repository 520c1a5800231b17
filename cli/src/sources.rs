//! Host files: reading and compiling them.

use std::io::{self, Write as _};
use std::sync::{Arc, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_compiler::diagnostic::Severity;
use subdevcfg_compiler::source::{SourceLoader, SourceMap};
use subdevcfg_compiler::{Compilation, CompiledHost, compile, compile_on, render};
use subdevcfg_reconciler::desired::Desired;

use crate::error::CliError;
use crate::show;

/// Reads files from the file system.
#[derive(Debug)]
pub struct Files;

impl SourceLoader for Files {
    fn load(&self, path: &Utf8Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn catalogues(&self) -> &[Arc<Catalogue>] {
        catalogues()
    }
}

/// The catalogues that the command line names: set once, before anything is compiled.
static CATALOGUES: OnceLock<Vec<Arc<Catalogue>>> = OnceLock::new();

/// The catalogues that the command line names.
pub fn catalogues() -> &'static [Arc<Catalogue>] {
    CATALOGUES.get().map_or(&[], Vec::as_slice)
}

/// Reads the catalogues in these directories, in the order of their names.
pub fn read_catalogues(directories: &[Utf8PathBuf]) -> Result<(), CliError> {
    let mut all = Vec::new();
    for directory in directories {
        let unreadable = |source| CliError::Unreadable {
            path: directory.clone(),
            help: "it should be a directory of catalogues, and readable",
            source,
        };
        let mut files = Vec::new();
        for entry in directory.read_dir_utf8().map_err(unreadable)? {
            files.push(entry.map_err(unreadable)?.into_path());
        }
        files.retain(|path| path.extension() == Some("kdl"));
        files.sort();
        for file in files {
            all.push(Arc::new(read_catalogue(&file)?));
        }
    }
    // The command line is read once.
    let _ = CATALOGUES.set(all);
    Ok(())
}

fn read_catalogue(path: &Utf8Path) -> Result<Catalogue, CliError> {
    let help = "is the file UTF-8 text?";
    let text =
        Files.load(path).map_err(|source| CliError::Unreadable { path: path.to_owned(), help, source })?;
    match Catalogue::read_file(path, &text) {
        Ok(catalogue) => Ok(catalogue),
        Err(unreadable) => {
            let (diagnostics, sources) = (&unreadable.diagnostics, &unreadable.sources);
            let text = render::render(diagnostics, sources, show::width(), show::color_on_stderr());
            io::stderr().write_all(text.as_bytes())?;
            Err(CliError::Invalid { file: path.to_owned(), errors: diagnostics.len() })
        }
    }
}

/// Puts a text in the place of a file at once, so that nobody ever reads half of it; who may read it stays the same.
pub fn replace(path: &Utf8Path, text: &str) -> io::Result<()> {
    // A link keeps leading to the file.
    let path = path.canonicalize_utf8()?;
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Utf8Path::new("/")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    std::fs::set_permissions(file.path(), std::fs::metadata(&path)?.permissions())?;
    file.persist(&path).map_err(|error| error.error).map(drop)
}

/// The host as it is to be, unless the file says more than can be planned.
pub fn desired(file: &Utf8Path, host: &CompiledHost, sources: &SourceMap) -> Result<Desired, CliError> {
    Desired::of(host, sources).map_err(|source| CliError::Unplanned { file: file.to_owned(), source })
}

/// Compiles a host file for a host with this kernel (`uname -r`; of one that cannot be read, the newest); its diagnostics go to standard error.
pub fn compile_host(path: &Utf8Path, kernel_release: &str) -> Result<(CompiledHost, SourceMap), CliError> {
    let Compilation { sources, diagnostics, host } = match kernel_release.parse() {
        Ok(kernel) => compile_on(path, &Files, &kernel),
        Err(_) => compile(path, &Files),
    };
    if !diagnostics.is_empty() {
        let text = render::render(&diagnostics, &sources, show::width(), show::color_on_stderr());
        io::stderr().write_all(text.as_bytes())?;
    }
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    host.map(|host| (host, sources)).ok_or_else(|| CliError::Invalid { file: path.to_owned(), errors })
}
