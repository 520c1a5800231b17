//! What `--version` prints: enough to say in a report which program it was.

use std::sync::LazyLock;

use subdevcfg_compiler::catalogue::Catalogue;
use subdevcfg_reconciler::{plan, record, state};

/// Version, commit, forms of files, and what the program knows of drivers.
pub fn long() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let linkage = if cfg!(target_feature = "crt-static") { "static" } else { "dynamic" };
        format!(
            "{} (commit {})\nbuilt for {}, {linkage}\nlanguage 1, state {}, record {}, plan {}\ndrivers known: {}",
            env!("CARGO_PKG_VERSION"),
            env!("SUBDEVCFG_COMMIT"),
            env!("SUBDEVCFG_TARGET"),
            state::FORMAT_VERSION,
            record::FORMAT_VERSION,
            plan::FORMAT_VERSION,
            Catalogue::drivers().join(", "),
        )
    });
    &TEXT
}
