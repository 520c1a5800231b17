//! Tests of one's own host files, without a host, a device or a privilege: what a file does to a host, and what a change
//! of it does. `docs/testing-your-hosts.md` shows a test crate.
//!
//! ```
//! # let folder = std::env::temp_dir().join(format!("subdevcfg-testing-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let (old, new) = (folder.join("old.kdl"), folder.join("new.kdl"));
//! # let text = |mtu: u32| format!(
//! #     "subdevcfg version=1\nhost node-17\ndevice \"subdev/nic0\" {{\n    create\n    eswitch mode=switchdev\n    \
//! #      subdevice web0 {{ sf 1; netdev web0 mtu={mtu}; }}\n}}\n"
//! # );
//! # std::fs::write(&old, text(1500))?;
//! # std::fs::write(&new, text(9000))?;
//! use subdevcfg_reconciler::plan::Plan;
//! use subdevcfg_testing::{Host, Impact, outline};
//!
//! let (before, after) = (Host::read(old)?, Host::read(new)?);
//! let plan: Plan = after.plan_from(&before);
//! assert!(plan.impact <= Impact::Traffic, "{}", outline(&plan));
//! assert_eq!(
//!     outline(&plan),
//!     "~ subdev/nic0#web0   impact traffic\n    netdev.mtu 1500 -> 9000\n1 operation, impact traffic\n"
//! );
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod outline;

use std::fmt;
use std::io;
use std::path::Path;

use camino::Utf8Path;
use subdevcfg_compiler::source::SourceLoader;
use subdevcfg_compiler::{Compilation, Options, compile_with, render};
use subdevcfg_reconciler::described::described;
use subdevcfg_reconciler::desired::Desired;
use subdevcfg_reconciler::plan::{Input, Plan, plan};
use subdevcfg_reconciler::resource::Settings;

pub use outline::outline;
pub use subdevcfg_compiler::catalogue::Impact;

/// The kernel that hosts are taken to have: the newest that the project is tested on.
const KERNEL: &str = "6.12, assumed";

/// Columns of rendered messages.
const WIDTH: usize = 100;

/// A host file without errors.
#[derive(Debug, Clone)]
pub struct Host {
    name: String,
    desired: Desired,
}

/// Why there is nothing to plan for. Shown with `{}` and with `{:?}` alike, so that a test that unwraps prints what a user
/// would read.
#[derive(Clone, PartialEq, Eq)]
pub enum HostError {
    /// The path is not UTF-8.
    Path(String),
    /// The file has errors: these, with their places.
    Invalid(String),
}

/// Files of the file system.
struct Files;

impl SourceLoader for Files {
    fn load(&self, path: &Utf8Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }
}

/// What files are compiled for unless something else is said.
fn options() -> Options {
    Options { kernel: KERNEL.parse().ok(), ..Options::default() }
}

fn utf8(path: &Path) -> Result<&Utf8Path, HostError> {
    Utf8Path::from_path(path).ok_or_else(|| HostError::Path(path.display().to_string()))
}

impl Host {
    /// Reads and compiles a host file, and what it includes.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, HostError> {
        Self::compile(utf8(path.as_ref())?, &Files)
    }

    /// Reads and compiles a file for any host that names hardware by its address, as the commands do with `--any-host`.
    ///
    /// ```
    /// # let file = std::env::temp_dir().join(format!("subdevcfg-testing-any-{}.kdl", std::process::id()));
    /// # std::fs::write(&file, "subdevcfg version=1\nhost \"*\"\ndevice \"pci/0000:08:00.0\" driver=mlx5_core\n")?;
    /// use subdevcfg_testing::Host;
    ///
    /// assert!(Host::read(&file).is_err(), "E0412");
    /// assert_eq!(Host::read_for_any_host(&file)?.name(), "*");
    /// # std::fs::remove_file(&file)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_for_any_host(path: impl AsRef<Path>) -> Result<Self, HostError> {
        let options = Options { any_host: true, ..options() };
        Self::compile_with(utf8(path.as_ref())?, &Files, &options)
    }

    /// Compiles a host file whose text and includes come from somewhere else.
    pub fn compile(path: &Utf8Path, loader: &dyn SourceLoader) -> Result<Self, HostError> {
        Self::compile_with(path, loader, &options())
    }

    fn compile_with(
        path: &Utf8Path,
        loader: &dyn SourceLoader,
        options: &Options,
    ) -> Result<Self, HostError> {
        let Compilation { sources, diagnostics, host } = compile_with(path, loader, options);
        let host =
            host.ok_or_else(|| HostError::Invalid(render::render(&diagnostics, &sources, WIDTH, false)))?;
        let desired = Desired::of(&host, &sources);
        Ok(Self { name: host.model.name.value, desired })
    }

    /// The name of the host.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What an apply does on a machine on which nothing was applied before: its hardware is there, with nothing on it.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let mut bare = self.desired.clone();
        bare.parents.retain(|parent| parent.create.is_none());
        for parent in &mut bare.parents {
            parent.functions.clear();
            parent.wanted.settings = Settings::new();
        }
        self.plan_on(&bare)
    }

    /// What an apply does on a machine that is as a former version of the file describes it.
    #[must_use]
    pub fn plan_from(&self, former: &Self) -> Plan {
        self.plan_on(&former.desired)
    }

    fn plan_on(&self, base: &Desired) -> Plan {
        let (state, record) = described(base, KERNEL);
        plan(Input { desired: &self.desired, state: &state, record: &record })
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "the path `{path}` is not UTF-8"),
            Self::Invalid(messages) => write!(f, "the file has errors\n{messages}"),
        }
    }
}

impl fmt::Debug for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for HostError {}
