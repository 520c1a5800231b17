//! The compiler from outside: texts in, models, graphs and messages out.

mod common;
mod diagnostics;
mod properties;
mod quickstart;
mod schema;
