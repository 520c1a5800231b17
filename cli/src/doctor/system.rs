//! Kernel, privileges and modules, as procfs, sysfs and the folder of modules tell.

use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use subdevcfg_reconciler::rules::kernel_is_before;

use super::{Finding, Needs, Verdict};

/// The oldest kernel that the project is tested on.
const OLDEST: (u32, u32) = (6, 1);

/// Capabilities by their numbers in `include/uapi/linux/capability.h`, with what does not work without.
const CAPABILITIES: [(u32, &str, &str); 3] = [
    (12, "CAP_NET_ADMIN", "eswitch attributes are not read, and nothing can be changed"),
    (1, "CAP_DAC_OVERRIDE", "the files of sysfs are not written: no mediated device, no VF, no soft parent"),
    (19, "CAP_SYS_PTRACE", "who has a function open through VFIO is not seen in other people's processes"),
];

/// The files of a host.
#[derive(Debug, Clone)]
pub struct System {
    root: Utf8PathBuf,
    /// `uname -r`.
    release: String,
    /// Programs that configure network devices, and run.
    pub(super) running: Vec<String>,
}

impl System {
    /// The host whose files are below `root`, and on which these programs run that configure network devices.
    pub fn new(root: impl Into<Utf8PathBuf>, release: impl Into<String>, running: Vec<String>) -> Self {
        Self { root: root.into(), release: release.into(), running }
    }

    /// The text of a file; empty where there is none.
    pub(super) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    pub(super) fn path(&self, path: &str) -> Utf8PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// The files of a folder, by their names; none where there is no folder.
    pub(super) fn list(&self, path: &str) -> Vec<Utf8PathBuf> {
        let entries = self.path(path).read_dir_utf8().into_iter().flatten().flatten();
        let mut found: Vec<_> = entries.map(Utf8DirEntry::into_path).collect();
        found.sort();
        found
    }

    pub(super) fn kernel(&self, needs: &Needs) -> Vec<Finding> {
        let release = &self.release;
        let words = |(major, minor): (u32, u32)| format!("{major}.{minor}");
        let old = kernel_is_before(release, OLDEST.0, OLDEST.1);
        let first = if old {
            let text = format!("{release}: nobody has tried a kernel before {}", words(OLDEST));
            Finding::new("kernel", Verdict::Note, text)
        } else {
            Finding::new("kernel", Verdict::Fine, release.clone())
        };
        let newer =
            needs.newer.iter().filter(|(_, (major, minor))| kernel_is_before(release, *major, *minor));
        let lacks = newer.map(|(attribute, version)| {
            let text = format!("the file has `{attribute}`, which came with Linux {}", words(*version));
            Finding::new("kernel", Verdict::Lacks, text)
                .help("leave it to newer kernels: `when kernel=\">=VERSION\" { ... }`")
        });
        std::iter::once(first).chain(lacks).collect()
    }

    /// What this process may do.
    pub(super) fn privileges(&self) -> Vec<Finding> {
        let status = self.read("/proc/self/status");
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let effective = line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        // The files of sysfs are root's: root needs no capability for them.
        let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1));
        let is_had = |(bit, name, _): &(u32, &str, &str)| {
            effective & (1 << bit) != 0 || (*name == "CAP_DAC_OVERRIDE" && uid == Some("0"))
        };
        let missing = CAPABILITIES.iter().filter(|capability| !is_had(capability));
        let findings: Vec<Finding> = missing
            .map(|(_, name, without)| {
                Finding::new("privileges", Verdict::Lacks, format!("no {name}: {without}"))
                    .help("run it as root")
            })
            .collect();
        if findings.is_empty() {
            return vec![Finding::new("privileges", Verdict::Fine, "nothing is denied to it")];
        }
        findings
    }

    /// What is loaded, or can be.
    pub(super) fn modules(&self, needs: &Needs) -> Vec<Finding> {
        let mut findings =
            vec![self.part("mediated devices", "mdev", self.exists("/sys/class/mdev_bus"), needs.mdevs, "")];
        if needs.bridges {
            // The kernel loads it by itself when the first bridge is made.
            findings.push(self.part("Linux bridges", "bridge", self.exists("/sys/module/bridge"), true, ""));
        }
        for bus in &needs.soft_buses {
            let loaded = self.exists(&format!("/sys/bus/{bus}/new_device"));
            let finding = self.part("soft parents", bus, loaded, true, &format!("modprobe {bus}"));
            findings.push(match finding.help {
                None if finding.verdict == Verdict::Lacks => {
                    finding.help("the package subdev-dkms has it, and so has the folder kmod/ of the sources")
                }
                _ => finding,
            });
        }
        for driver in &needs.drivers {
            let loaded = self.exists(&format!("/sys/bus/pci/drivers/{driver}"));
            findings.push(self.part("drivers of VFs", driver, loaded, true, &format!("modprobe {driver}")));
        }
        if needs.drivers.contains("vfio-pci") && self.list("/sys/class/iommu").is_empty() {
            let text = "there is none: a function cannot be given to a virtual machine";
            findings.push(
                Finding::new("IOMMU", Verdict::Lacks, text)
                    .help("turn it on in the firmware, and boot with `intel_iommu=on` on Intel"),
            );
        }
        findings
    }

    /// One module: there, to be had, or neither. Without `load`, the kernel loads it by itself.
    fn part(&self, about: &str, module: &str, is_there: bool, needed: bool, load: &str) -> Finding {
        let is_file = self.has_module(module);
        if is_there {
            return Finding::new(about, Verdict::Fine, format!("{module} is there"));
        }
        let missing = if needed { Verdict::Lacks } else { Verdict::Note };
        if is_file && load.is_empty() {
            let text = format!("{module} is not loaded: the driver of a device that needs it loads it");
            return Finding::new(about, Verdict::Fine, text);
        }
        if is_file {
            return Finding::new(about, missing, format!("{module} is not loaded")).help(load);
        }
        Finding::new(about, missing, format!("this kernel has no module {module}"))
    }

    /// Whether the kernel has a module of that name, as a file or built in.
    fn has_module(&self, name: &str) -> bool {
        let name = name.replace('-', "_");
        let lists = ["modules.dep", "modules.builtin"];
        lists.iter().any(|list| {
            self.read(&format!("/lib/modules/{}/{list}", self.release)).lines().any(|line| {
                let file = line.split(':').next().unwrap_or_default();
                let stem = Utf8Path::new(file).file_name().and_then(|file| file.split('.').next());
                stem.is_some_and(|stem| stem.replace('-', "_") == name)
            })
        })
    }
}
