//! `subdevcfg fmt`.

use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use subdevcfg_compiler::source::SourceLoader as _;
use subdevcfg_compiler::{format, render};

use crate::error::CliError;
use crate::exit::Exit;
use crate::show;
use crate::sources::{Files, replace};

/// Puts each file into the one form, or with `check` only says which are not in it. A file that is not KDL is left as it
/// is, and the others are done all the same.
pub fn format(files: &[Utf8PathBuf], check: bool) -> Result<Exit, CliError> {
    let mut exit = Exit::Done;
    for path in files {
        let help = "is the path right, and the file UTF-8 text?";
        let text =
            Files.load(path).map_err(|source| CliError::Unreadable { path: path.clone(), help, source })?;
        let Some(formed) = formed(path, &text)? else {
            exit = Exit::Failed;
            continue;
        };
        if formed == text {
            continue;
        }
        if check {
            exit = exit.or_differs();
            show::print(&format!("{path} is not in the form\n"))?;
        } else {
            replace(path, &formed).map_err(|source| CliError::Unwritable { path: path.clone(), source })?;
            show::print(&format!("{path}\n"))?;
        }
    }
    Ok(exit)
}

/// The text in the one form; `None` if it is not KDL, which is said on standard error.
fn formed(path: &Utf8Path, text: &str) -> io::Result<Option<String>> {
    match format::format(path, text) {
        Ok(formed) => Ok(Some(formed)),
        Err(unformed) => {
            let (diagnostics, sources) = (&unformed.diagnostics, &unformed.sources);
            let text = render::render(diagnostics, sources, show::width(), show::color_on_stderr());
            io::stderr().write_all(text.as_bytes())?;
            Ok(None)
        }
    }
}
