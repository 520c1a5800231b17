//! Host files: reading and compiling them.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::sync::{Arc, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_compiler::diagnostic::Severity;
use subdevcfg_compiler::source::{SourceLoader, SourceMap};
use subdevcfg_compiler::values::Version;
use subdevcfg_compiler::{Compilation, CompiledHost, Options, render};
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

/// What the command line says of all host files: read once, before anything is compiled.
static NAMED: OnceLock<Named> = OnceLock::new();

#[derive(Default)]
struct Named {
    directories: Vec<Utf8PathBuf>,
    catalogues: Vec<Arc<Catalogue>>,
    /// Their texts, for those who save a plan.
    texts: Vec<(Utf8PathBuf, String)>,
    any_host: bool,
}

/// The directories of catalogues that the command line names: whoever goes on with a command has to name them as well.
pub fn catalogue_directories() -> &'static [Utf8PathBuf] {
    NAMED.get().map_or(&[], |named| &named.directories)
}

/// The texts of the catalogues that the command line names.
pub fn catalogue_texts() -> &'static [(Utf8PathBuf, String)] {
    NAMED.get().map_or(&[], |named| &named.texts)
}

/// The catalogues that the command line names.
pub fn catalogues() -> &'static [Arc<Catalogue>] {
    NAMED.get().map_or(&[], |named| &named.catalogues)
}

/// Whether a file for any host may name hardware by its address.
pub fn any_host() -> bool {
    NAMED.get().is_some_and(|named| named.any_host)
}

/// What the host files of the command line are compiled for, with this kernel.
pub fn options(kernel: Option<Version>) -> Options {
    Options { kernel, any_host: any_host() }
}

/// Takes in what the command line says of all host files; the catalogues in each directory in the order of their names.
pub fn read_options(directories: &[Utf8PathBuf], any_host: bool) -> Result<(), CliError> {
    let mut named = Named { directories: directories.to_vec(), any_host, ..Named::default() };
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
            let help = "is the file UTF-8 text?";
            let unreadable = |source| CliError::Unreadable { path: file.clone(), help, source };
            let text = Files.load(&file).map_err(unreadable)?;
            named.catalogues.push(Arc::new(parse_catalogue(&file, &text)?));
            named.texts.push((file, text));
        }
    }
    // The command line is read once.
    let _ = NAMED.set(named);
    Ok(())
}

/// Reads a catalogue; what is wrong with it goes to standard error.
pub fn parse_catalogue(path: &Utf8Path, text: &str) -> Result<Catalogue, CliError> {
    match Catalogue::read_file(path, text) {
        Ok(catalogue) => Ok(catalogue),
        Err(unreadable) => {
            let (diagnostics, sources) = (&unreadable.diagnostics, &unreadable.sources);
            let text = render::render(diagnostics, sources, show::width(), show::color_on_stderr());
            io::stderr().write_all(text.as_bytes())?;
            Err(CliError::Invalid { file: path.to_owned(), errors: diagnostics.len() })
        }
    }
}

/// Puts a text in the place of a file at once, so that nobody ever reads half of it; whose it is and who may read it stays
/// the same.
pub fn replace(path: &Utf8Path, text: &str) -> io::Result<()> {
    // A link keeps leading to the file.
    let path = path.canonicalize_utf8()?;
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Utf8Path::new("/")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    let known = std::fs::metadata(&path)?;
    if file.as_file().metadata()?.uid() != known.uid() {
        fchown(file.as_file(), Some(known.uid()), Some(known.gid()))?;
    }
    file.as_file().set_permissions(known.permissions())?;
    file.persist(&path).map_err(|error| error.error).map(drop)
}

/// Writes a file whole or not at all, in the place of one that is there: beside it first. The umask takes from the mode
/// what it should.
pub fn write_new(path: &Utf8Path, text: &[u8], mode: u32) -> io::Result<()> {
    let mode = Permissions::from_mode(mode);
    let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(folder_of(path))?;
    file.write_all(text)?;
    file.persist(path).map_err(|error| error.error).map(drop)
}

/// Writes a file whole or not at all, if there is none of that name.
pub fn create(path: &Utf8Path, text: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path))?;
    file.write_all(text)?;
    file.persist_noclobber(path).map_err(|error| error.error).map(drop)
}

fn folder_of(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."))
}

/// The host as it is to be.
pub fn desired(host: &CompiledHost, sources: &SourceMap) -> Desired {
    Desired { catalogues: catalogues().to_vec(), ..Desired::of(host, sources) }
}

/// Nothing is desired; what is known of drivers is known all the same.
pub fn nothing_desired() -> Desired {
    Desired { catalogues: catalogues().to_vec(), ..Desired::default() }
}

/// Compiles a host file for a host with this kernel (`uname -r`; of one that cannot be read, the newest); its diagnostics go to standard error.
pub fn compile_host(path: &Utf8Path, kernel_release: &str) -> Result<(CompiledHost, SourceMap), CliError> {
    compile_with(&Files, path, &options(kernel_release.parse().ok()))
}

/// Compiles a host file that this loader has.
pub fn compile_with(
    loader: &dyn SourceLoader,
    path: &Utf8Path,
    options: &Options,
) -> Result<(CompiledHost, SourceMap), CliError> {
    let Compilation { sources, diagnostics, host } = subdevcfg_compiler::compile_with(path, loader, options);
    if !diagnostics.is_empty() {
        let text = render::render(&diagnostics, &sources, show::width(), show::color_on_stderr());
        io::stderr().write_all(text.as_bytes())?;
    }
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    host.map(|host| (host, sources)).ok_or_else(|| CliError::Invalid { file: path.to_owned(), errors })
}
