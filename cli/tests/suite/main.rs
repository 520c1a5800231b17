//! Tests of the command line as a user meets it: arguments in, text and exit code out.

mod diagnostics;
mod lifecycle;
mod plans;
mod run;
mod wrong_use;
