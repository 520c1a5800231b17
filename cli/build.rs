//! Tells the program which commit it is made of, for `--version`.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=SUBDEVCFG_COMMIT");
    // Written at each commit and each checkout.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    // Who builds from an archive of the sources knows the commit, and git does not.
    let commit = std::env::var("SUBDEVCFG_COMMIT").ok().or_else(|| {
        let inside = git(&["rev-parse", "--show-prefix"])?;
        (inside == "cli/").then(|| git(&["rev-parse", "--short=12", "HEAD"]))?
    });
    println!("cargo::rustc-env=SUBDEVCFG_COMMIT={}", commit.unwrap_or_else(|| "unknown".to_owned()));
    println!("cargo::rustc-env=SUBDEVCFG_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}

/// What git prints, if it is there and this is its work tree.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
