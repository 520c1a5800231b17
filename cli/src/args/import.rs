//! The options of `import`.

use std::time::Duration;

use camino::Utf8PathBuf;
use clap::Args;

use super::{LOCK_TIMEOUT, Machine, patience};

/// What is described, and where the file goes.
#[derive(Debug, Args)]
pub struct ImportOptions {
    /// Describe this state (what `subdevcfg state --format json` wrote) instead of this machine.
    #[arg(long, value_name = "FILE", conflicts_with = "simulate")]
    pub state: Option<Utf8PathBuf>,
    /// Describe what mdevctl defines: what `mdevctl list --dumpjson` or `mdevctl list --defined --dumpjson` prints.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["simulate", "state", "mlnx_sf"])]
    pub mdevctl: Option<Utf8PathBuf>,
    /// Describe the subfunctions that an mlnx-sf.conf makes.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["simulate", "state"])]
    pub mlnx_sf: Option<Utf8PathBuf>,
    #[command(flatten)]
    pub machine: Machine,
    /// The name of the host in the file; by default this machine's.
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Write the file here instead of to standard output. A file that is there is not touched.
    #[arg(long, value_name = "FILE")]
    pub out: Option<Utf8PathBuf>,
    /// Enter what is described into the record, as if subdevcfg had made it: a subdevice that is later taken out of the file
    /// is removed from the host.
    #[arg(long, conflicts_with_all = ["state", "mdevctl", "mlnx_sf"])]
    pub adopt: bool,
    /// With `--adopt`: wait so long (0s, 60s, 5m) for another subdevcfg that is changing this host. `0s` does not wait.
    #[arg(long, value_name = "TIME", value_parser = patience, default_value = LOCK_TIMEOUT, requires = "adopt")]
    pub lock_timeout: Duration,
}
