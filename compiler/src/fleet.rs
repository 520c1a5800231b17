//! Many hosts in one check: what no host file can show alone.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use uuid::Uuid;

use crate::diagnostic::{self, Code, Diagnostic, any_error};
use crate::model::{HostModel, Lifecycle, Subdevice};
use crate::source::{SourceMap, Span};
use crate::values::MacAddr;
use crate::{Compilation, CompiledHost};

pub use crate::parse::{FileKind, kind};

/// The hosts of one check. What is kept of each is what can clash with another one.
#[derive(Debug, Default)]
pub struct Fleet {
    members: Vec<Member>,
    fragments: Vec<(Utf8PathBuf, String)>,
}

/// What there is to say across the hosts.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// The texts that the messages point into.
    pub sources: SourceMap,
    /// The messages, in the order of the hosts.
    pub diagnostics: Vec<Diagnostic>,
}

/// What is kept of a host.
#[derive(Debug)]
pub struct Member {
    /// Whether the file had errors: what it would have included is not known.
    incomplete: bool,
    sources: SourceMap,
    /// What tells the machine from others: kind, value, place.
    identities: Vec<(&'static str, String, Span)>,
    macs: Vec<(MacAddr, Span)>,
    uuids: Vec<(Uuid, Span)>,
}

impl From<Compilation> for Member {
    fn from(compilation: Compilation) -> Self {
        let Compilation { sources, diagnostics, host } = compilation;
        let mut member = Self {
            incomplete: any_error(&diagnostics),
            sources,
            identities: Vec::new(),
            macs: Vec::new(),
            uuids: Vec::new(),
        };
        if let Some(CompiledHost { model, .. }) = host {
            member.identities = identities(&model);
            member.macs = macs(&model);
            member.uuids = uuids(&model);
        }
        member
    }
}

impl Fleet {
    /// Adds a host.
    pub fn add(&mut self, host: impl Into<Member>) {
        self.members.push(host.into());
    }

    /// Adds a file that is of no host, and should be included by one.
    pub fn add_fragment(&mut self, path: Utf8PathBuf, text: String) {
        self.fragments.push((path, text));
    }

    /// Compares the hosts with each other.
    #[must_use]
    pub fn check(&self) -> Findings {
        let mut findings = Findings::default();
        let of_hosts = |member: &Member| {
            let key = |(kind, value, span): &(&'static str, String, Span)| ((*kind, value.clone()), *span);
            member.identities.iter().map(key).collect()
        };
        self.clashes(&mut findings, Code::RepeatedHost, of_hosts, |(kind, value)| {
            (
                format!("two files are for the machine with the {kind} `{value}`"),
                "a machine has one file: put what they say into one",
            )
        });
        self.clashes(&mut findings, Code::FleetMac, |member| member.macs.clone(), |mac| {
            (format!("functions of two hosts have the MAC address {mac}"), "on one network, frames of one reach the other: give each an address of its own, or write `mac=auto`")
        });
        self.clashes(
            &mut findings,
            Code::FleetUuid,
            |member| member.uuids.clone(),
            |uuid| {
                (
                    format!("mediated devices of two hosts have the UUID {uuid}"),
                    "leave `uuid=` out: then it is derived from the host and the names",
                )
            },
        );
        self.unused(&mut findings);
        findings.diagnostics = diagnostic::with_trails(findings.diagnostics, &findings.sources);
        findings
    }

    /// Reports what several hosts have, once for each but the first.
    fn clashes<K: Ord>(
        &self,
        findings: &mut Findings,
        code: Code,
        keys: impl Fn(&Member) -> Vec<(K, Span)>,
        words: impl Fn(&K) -> (String, &'static str),
    ) {
        let mut first: BTreeMap<K, (usize, Span)> = BTreeMap::new();
        for (place, member) in self.members.iter().enumerate() {
            for (key, span) in keys(member) {
                let Some(&(host, earlier)) = first.get(&key) else {
                    first.insert(key, (place, span));
                    continue;
                };
                // Within a host its own check has said it.
                let Some(other) = self.members.get(host).filter(|_| host != place) else { continue };
                let (message, help) = words(&key);
                let span = findings.sources.import(&member.sources, span);
                let earlier = findings.sources.import(&other.sources, earlier);
                let diagnostic =
                    Diagnostic::new(code, message, span, "given again").and(earlier, "first given here");
                findings.diagnostics.push(diagnostic.help(help));
            }
        }
    }

    /// Warns of fragments that no host file includes.
    fn unused(&self, findings: &mut Findings) {
        if self.members.iter().any(|member| member.incomplete) {
            return;
        }
        let read: BTreeSet<&Utf8Path> =
            self.members.iter().flat_map(|member| member.sources.paths()).collect();
        for (path, text) in self.fragments.iter().filter(|(path, _)| !read.contains(path.as_path())) {
            let end = text.lines().next().map_or(0, str::len);
            let span = Span::new(findings.sources.add(path.clone(), text.clone()), 0, end);
            let message = format!("no host file includes `{path}`");
            findings.diagnostics.push(
                Diagnostic::new(Code::UnusedFragment, message, span, "without a `host`, and used by none")
                    .help("include it, give it a `host` if it is one's file, or remove it"),
            );
        }
    }
}

/// What a change of a host's file moves that nobody wrote down: SF numbers and UUIDs that are derived from names and from
/// ranges, of subdevices that both the file and its former version describe. The messages point into the new file.
#[must_use]
pub fn moved_identities(before: &CompiledHost, after: &CompiledHost, sources: &SourceMap) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for device in &after.model.devices {
        let Some(former) = before.model.device(&device.name.value) else { continue };
        for subdevice in &device.subdevices {
            let same = |other: &&Subdevice| other.name.value == subdevice.name.value;
            found.extend(former.subdevices.iter().find(same).and_then(|other| moved(other, subdevice)));
        }
    }
    diagnostic::with_trails(found, sources)
}

fn moved(before: &Subdevice, after: &Subdevice) -> Option<Diagnostic> {
    let (what, old, new) = match (&before.lifecycle.value, &after.lifecycle.value) {
        (Lifecycle::Sf { number: old, .. }, Lifecycle::Sf { number: new, .. }) if old != new => {
            ("number", old.to_string(), new.to_string())
        }
        (old, new) => match (old.mdev(), new.mdev()) {
            (Some(old), Some(new)) if old.uuid != new.uuid => {
                ("UUID", old.uuid.to_string(), new.uuid.to_string())
            }
            _ => return None,
        },
    };
    // Who writes another one down means it.
    after.lifecycle.implied.as_ref()?;
    let name = &after.name.value;
    let message = format!("the {what} of `{name}` moves from {old} to {new}, and nobody wrote it down");
    let help = match what {
        "number" => {
            format!("it is derived from names and `sf-numbers`: write `sf {old}` to keep the function")
        }
        _ => format!(
            "it is derived from host, device and subdevice: write `uuid=\"{old}\"` to keep the device"
        ),
    };
    Some(
        Diagnostic::new(Code::MovedIdentity, message, after.lifecycle.span, format!("{old} before"))
            .help(help),
    )
}

/// What a machine is recognised by. A file for any machine is of none.
fn identities(model: &HostModel) -> Vec<(&'static str, String, Span)> {
    let named = model.hostname.as_ref().unwrap_or(&model.name);
    let named = Some(named).filter(|name| name.value != "*");
    [("name", named), ("machine-id", model.machine_id.as_ref()), ("serial number", model.serial.as_ref())]
        .into_iter()
        .filter_map(|(kind, value)| value.map(|value| (kind, value.value.clone(), value.span)))
        .collect()
}

fn subdevices(model: &HostModel) -> impl Iterator<Item = &Subdevice> {
    model.devices.iter().flat_map(|device| &device.subdevices)
}

fn macs(model: &HostModel) -> Vec<(MacAddr, Span)> {
    subdevices(model).flat_map(Subdevice::macs).map(|mac| (mac.value, mac.span)).collect()
}

fn uuids(model: &HostModel) -> Vec<(Uuid, Span)> {
    let of = |subdevice: &Subdevice| Some((subdevice.lifecycle.value.mdev()?.uuid, subdevice.lifecycle.span));
    subdevices(model).filter_map(of).collect()
}
