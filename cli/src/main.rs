//! `subdevcfg`: partition network devices from one KDL file a host.
//!
//! This crate is the outermost: it knows files, terminals, JSON and exit codes, and decides nothing about what to change.

mod args;
mod clock;
mod commands;
mod completion;
mod confirm;
mod doctor;
mod error;
mod exit;
mod findings;
mod hosts;
mod import;
mod machine;
mod progress;
mod saved;
mod session;
mod show;
mod sources;
mod timer;
mod version;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::Cli;
use crate::exit::Exit;

fn main() -> ExitCode {
    match completion::answer() {
        Ok(false) => {}
        // A shell that asks wants words, and no reason why there are none.
        Ok(true) | Err(_) => return Exit::Done.into(),
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
                _ => Exit::Usage,
            };
            // Nothing better can be done about a closed terminal.
            let _ = error.print();
            return exit.into();
        }
    };
    match commands::run(&cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            show::error(&error);
            error.exit().into()
        }
    }
}
