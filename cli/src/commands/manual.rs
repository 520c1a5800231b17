//! What is made from the command line's own definitions: manual pages and completions of shells.

use std::io;

use camino::Utf8Path;
use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::Cli;
use crate::completion;
use crate::error::CliError;
use crate::exit::Exit;
use crate::show;

const NAME: &str = "subdevcfg";

/// Prints what makes a shell complete command lines.
pub fn completions(shell: Shell) -> Result<Exit, CliError> {
    let text = completion::registration(shell, NAME)?;
    show::print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}

/// Prints the manual page of a command, or of the program.
pub fn page(name: Option<&str>) -> Result<Exit, CliError> {
    let program = program();
    let command = match name {
        None => program.clone(),
        Some(name) => program.find_subcommand(name).cloned().ok_or_else(|| CliError::NoCommand {
            name: name.to_owned(),
            known: program.get_subcommands().map(|known| known.get_name().to_owned()).collect(),
        })?,
    };
    let mut text = Vec::new();
    Man::new(command).render(&mut text)?;
    show::print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}

/// Writes the pages of all commands.
pub fn pages(folder: &Utf8Path) -> Result<Exit, CliError> {
    let write = || -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(Cli::command(), folder)
    };
    write().map_err(|source| CliError::Unwritable { path: folder.to_owned(), source })?;
    Ok(Exit::Done)
}

/// The definitions, each command under the name that its page has.
fn program() -> clap::Command {
    let mut program = Cli::command();
    program.build();
    program
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The page of commands in the documentation is made from the same definitions. `INSTA_UPDATE=always` writes it.
    #[test]
    fn the_page_of_commands_is_as_it_is_made() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md");
        let options = clap_markdown::MarkdownOptions::new()
            .title("Commands".to_owned())
            .show_footer(false)
            .show_table_of_contents(false);
        // The text of `--version` names a commit.
        let made = clap_markdown::help_markdown_command_custom(&Cli::command().long_version(None), &options);
        let made = made.trim_end().to_owned() + "\n";
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            std::fs::write(&path, &made).unwrap();
            return;
        }
        assert!(std::fs::read_to_string(&path).unwrap() == made, "docs/commands.md is out of date");
    }
}
