//! Open vSwitch: what its database says of bridges and ports, and the requests that change it. By the database and not by
//! `ovs-vsctl`: observing starts no process, one message has all ports, and a port comes with its VLANs in one go.

mod ovsdb;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};
use subdevcfg_compiler::values::InterfaceName;
use subdevcfg_netlink::conversation::Datagrams;
use subdevcfg_netlink::route::Link;

use super::LiveKernel;
use crate::kernel::{Effect, RequestError};
use crate::resource::{OvsVlans, VlanMode};
use crate::state::{Ovs, OvsBridge, OvsPort};
pub(super) use ovsdb::OvsdbError;
use ovsdb::{Conversation, is_served};

/// Where Open vSwitch has its sockets.
const FOLDER: &str = "run/openvswitch";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Open vSwitch on this host.
#[derive(Debug)]
pub(super) struct Switch {
    folder: Utf8PathBuf,
    patience: Duration,
    /// What the daemon was asked last and was not waited for.
    asked: Option<Asked>,
}

/// A change of the database that the daemon has to carry out.
#[derive(Debug, Clone)]
struct Asked {
    /// The number that `cur_cfg` has when it is done.
    cfg: i64,
    /// The port that it is about.
    name: String,
}

/// What the database tells.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What is told of it further.
    pub state: Ovs,
    /// How the bridges are connected, by their names.
    pub wiring: Wiring,
}

/// How the bridges of Open vSwitch are connected, which rtnetlink does not tell.
#[derive(Debug, Default)]
pub(super) struct Wiring(BTreeMap<String, Wired>);

/// The interfaces of a bridge.
#[derive(Debug, Default)]
struct Wired {
    /// Those that Open vSwitch makes for the host.
    internal: BTreeSet<String>,
    /// Those of the kernel's.
    interfaces: BTreeSet<String>,
    /// The patches into other bridges: each with its other end.
    patches: Vec<(String, String)>,
    /// The bonds that interfaces are parts of: ports of several.
    bonds: BTreeMap<String, String>,
}

impl Wiring {
    /// The bridge that an interface of the kernel's is a port of, itself or as a part of a bond.
    pub fn bridge_of(&self, interface: &str) -> Option<&str> {
        let mut bridges = self.0.iter();
        let (name, _) = bridges.find(|(_, wired)| wired.interfaces.contains(interface))?;
        Some(name)
    }

    /// The bond of Open vSwitch that an interface is a part of.
    pub fn bond_of(&self, interface: &str) -> Option<&str> {
        self.0.values().find_map(|wired| wired.bonds.get(interface)).map(String::as_str)
    }

    /// What lies below an interface that Open vSwitch made for the host: the interfaces of its bridge, and those of bridges
    /// behind patches.
    pub fn below(&self, internal: &str) -> Option<(impl Iterator<Item = &str>, impl Iterator<Item = &str>)> {
        let (first, wired) = self.0.iter().find(|(_, wired)| wired.internal.contains(internal))?;
        let mut seen = BTreeSet::from([first.as_str()]);
        let mut open = vec![wired];
        while let Some(wired) = open.pop() {
            for (_, end) in &wired.patches {
                let has_end = |wired: &Wired| wired.patches.iter().any(|(own, _)| own == end);
                let behind = self.0.iter().find(|(_, wired)| has_end(wired));
                open.extend(behind.filter(|(name, _)| seen.insert(name)).map(|(_, wired)| wired));
            }
        }
        seen.remove(first.as_str());
        let behind = seen.into_iter().flat_map(|name| &self.0[name].interfaces).map(String::as_str);
        Some((wired.interfaces.iter().map(String::as_str), behind))
    }
}

impl Switch {
    /// Open vSwitch with its sockets below this root.
    pub fn new(root: &Utf8Path) -> Self {
        Self { folder: root.join(FOLDER), patience: PATIENCE, asked: None }
    }

    fn converse(&self, patience: Duration) -> Result<Conversation, OvsdbError> {
        Conversation::open(&self.folder.join("db.sock"), patience)
    }

    /// What there is; nothing where there is no Open vSwitch. `pid` is that of its daemon, as its file tells it.
    pub fn read(&self, pid: Option<&str>, links: &BTreeMap<u32, Link>) -> Result<Found, OvsdbError> {
        let mut conversation = match self.converse(self.patience) {
            Ok(conversation) => conversation,
            // The kernel goes on with the ports that it has.
            Err(OvsdbError::Absent(_)) if !links.values().any(is_of_datapath) => return Ok(Found::default()),
            Err(error) => return Err(error),
        };
        let select = |table: &str, columns: &[&str]| json!({ "op": "select", "table": table, "where": [], "columns": columns });
        let tables = conversation.transact(&[
            select("Bridge", &["name", "ports"]),
            select("Port", &["_uuid", "name", "tag", "trunks", "vlan_mode", "interfaces"]),
            select("Interface", &["_uuid", "name", "type", "options", "error"]),
        ])?;
        let mut found = read_tables(&tables)?;
        let socket = pid.map(|pid| self.folder.join(format!("ovs-vswitchd.{pid}.ctl")));
        found.state.running = socket.is_some_and(|socket| is_served(&socket, self.patience));
        Ok(found)
    }

    /// `ovs-vsctl add-port`, or another place and other VLANs for a port that is there.
    pub fn add_port(
        &mut self,
        name: &InterfaceName,
        bridge: &InterfaceName,
        vlans: &OvsVlans,
    ) -> Result<(), OvsdbError> {
        let mut conversation = self.converse(self.patience)?;
        let (mode, tag, trunks) = vlans.columns();
        let mut row = json!({
            "tag": optional(tag.map(Value::from)),
            "trunks": set(trunks.iter().map(|&id| Value::from(id))),
            "vlan_mode": optional(mode.map(|mode| Value::from(mode.as_str()))),
        });
        let is_there = json!({
            "op": "wait", "table": "Bridge", "where": [["name", "==", bridge]], "columns": ["name"],
            "until": "==", "rows": [{ "name": bridge }], "timeout": 0,
        });
        let join = |port: &Value| {
            json!({
                "op": "mutate", "table": "Bridge", "where": [["name", "==", bridge]],
                "mutations": [["ports", "insert", set([port.clone()])]],
            })
        };
        let operations = if let Some(port) = find_port(&mut conversation, name)? {
            // The row stays, with all that others have written there.
            let update =
                json!({ "op": "update", "table": "Port", "where": [["_uuid", "==", port]], "row": row });
            vec![is_there, update, leave(&port), join(&port)]
        } else {
            row["name"] = json!(name);
            row["interfaces"] = json!(["named-uuid", "interface"]);
            let insert = |table: &str, row: &Value, id: &str| json!({ "op": "insert", "table": table, "row": row, "uuid-name": id });
            vec![
                is_there,
                insert("Interface", &json!({ "name": name }), "interface"),
                insert("Port", &row, "port"),
                join(&json!(["named-uuid", "port"])),
            ]
        };
        self.change(&mut conversation, operations, name).map_err(|error| match error {
            OvsdbError::Refused { error, .. } if error == "timed out" => {
                OvsdbError::Refused { error: format!("there is no bridge {bridge}"), details: String::new() }
            }
            error => error,
        })
    }

    /// `ovs-vsctl del-port`. The database drops rows that nothing refers to.
    pub fn remove_port(&mut self, name: &InterfaceName) -> Result<(), OvsdbError> {
        let mut conversation = self.converse(self.patience)?;
        let missing =
            || OvsdbError::Refused { error: format!("there is no port {name}"), details: String::new() };
        let port = find_port(&mut conversation, name)?.ok_or_else(missing)?;
        self.change(&mut conversation, vec![leave(&port)], name)
    }

    /// Carries operations out and tells the daemon that there is something new, as `ovs-vsctl` does.
    fn change(
        &mut self,
        conversation: &mut Conversation,
        mut operations: Vec<Value>,
        name: &InterfaceName,
    ) -> Result<(), OvsdbError> {
        operations.extend([
            json!({ "op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [["next_cfg", "+=", 1]] }),
            json!({ "op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"] }),
            json!({ "op": "comment", "comment": format!("subdevcfg: port {name}") }),
        ]);
        let answers = conversation.transact(&operations)?;
        let cfg = answers.iter().find_map(|answer| answer["rows"][0]["next_cfg"].as_i64());
        let cfg =
            cfg.ok_or_else(|| OvsdbError::Malformed("no number of the new configuration".to_owned()))?;
        self.asked = Some(Asked { cfg, name: name.to_string() });
        Ok(())
    }

    /// Waits until the daemon has done what it was asked last.
    pub fn wait(&mut self, deadline: Duration) -> Result<(), RequestError> {
        let Some(Asked { cfg, name }) = self.asked.take() else { return Ok(()) };
        let mut conversation = self.converse(deadline).map_err(|error| refused(&error))?;
        match conversation.wait_for(cfg) {
            Ok(()) => {}
            Err(OvsdbError::Silent(waited)) => {
                return Err(RequestError::NoEffect { effect: Effect::Port, waited });
            }
            Err(error) => return Err(refused(&error)),
        }
        let select = json!({
            "op": "select", "table": "Interface", "where": [["name", "==", name]], "columns": ["ofport", "error"],
        });
        let answers = conversation.transact(&[select]).map_err(|error| refused(&error))?;
        let row = &answers[0]["rows"][0];
        let is_used = elements(&row["ofport"]).iter().any(|port| port.as_i64().is_some_and(|port| port > 0));
        if row.is_null() || is_used {
            return Ok(());
        }
        let why = elements(&row["error"]).first().and_then(|error| error.as_str()).map(str::to_owned);
        Err(RequestError::Switch(why.unwrap_or_else(|| format!("it does not use the port {name}"))))
    }
}

impl<D: Datagrams + 'static> LiveKernel<D> {
    /// Open vSwitch, as far as it can be read.
    pub(super) fn read_switch(&self, links: &BTreeMap<u32, Link>) -> Result<Found, OvsdbError> {
        self.switch.read(self.sysfs.ovs_daemon().as_deref(), links)
    }
}

/// What a request for Open vSwitch came to.
pub(super) fn refused(error: &OvsdbError) -> RequestError {
    RequestError::Switch(error.to_string())
}

/// Whether it is a netdev of the kernel's datapath.
fn is_of_datapath(link: &Link) -> bool {
    link.kind.as_deref() == Some("openvswitch")
}

fn leave(port: &Value) -> Value {
    json!({
        "op": "mutate", "table": "Bridge", "where": [["ports", "includes", port]],
        "mutations": [["ports", "delete", set([port.clone()])]],
    })
}

fn find_port(conversation: &mut Conversation, name: &InterfaceName) -> Result<Option<Value>, OvsdbError> {
    let select =
        json!({ "op": "select", "table": "Port", "where": [["name", "==", name]], "columns": ["_uuid"] });
    let answers = conversation.transact(&[select])?;
    Ok(answers[0]["rows"][0].get("_uuid").cloned())
}

fn set(elements: impl IntoIterator<Item = Value>) -> Value {
    json!(["set", elements.into_iter().collect::<Vec<_>>()])
}

fn optional(element: Option<Value>) -> Value {
    set(element)
}

/// The elements of a set; a set of one is written as that one (RFC 7047, 5.1).
fn elements(value: &Value) -> Vec<&Value> {
    match value.as_array().map(Vec::as_slice) {
        Some([kind, Value::Array(all)]) if kind == "set" => all.iter().collect(),
        _ if value.is_null() => Vec::new(),
        _ => vec![value],
    }
}

fn read_tables(tables: &[Value]) -> Result<Found, OvsdbError> {
    let malformed = |what: &str| OvsdbError::Malformed(format!("a table without {what}"));
    let rows = |at: usize| tables[at]["rows"].as_array().ok_or_else(|| malformed("rows"));
    let by_id = |rows: &[Value]| -> Result<BTreeMap<String, Value>, OvsdbError> {
        let row = |row: &Value| Some((row["_uuid"][1].as_str()?.to_owned(), row.clone()));
        rows.iter().map(|found| row(found).ok_or_else(|| malformed("identities"))).collect()
    };
    let (ports, interfaces) = (by_id(rows(1)?)?, by_id(rows(2)?)?);
    let mut found = Found::default();
    for bridge in rows(0)? {
        let name = bridge["name"].as_str().ok_or_else(|| malformed("names"))?;
        let mut told = OvsBridge::default();
        let mut wired = Wired::default();
        for port in referred(&bridge["ports"], &ports) {
            let name = port["name"].as_str().ok_or_else(|| malformed("names"))?;
            let of_port: Vec<&Value> = referred(&port["interfaces"], &interfaces).collect();
            for interface in &of_port {
                wired.add(interface);
            }
            if of_port.len() > 1 {
                let names = of_port.iter().filter_map(|interface| interface["name"].as_str());
                wired.bonds.extend(names.map(|part| (part.to_owned(), name.to_owned())));
            }
            if let [interface] = of_port.as_slice()
                && ["", "system"].contains(&interface["type"].as_str().unwrap_or_default())
            {
                let error = elements(&interface["error"]).first().and_then(|error| error.as_str());
                let error = error.map(str::to_owned);
                told.ports.insert(name.to_owned(), OvsPort { vlans: vlans(port), error });
            }
        }
        found.wiring.0.insert(name.to_owned(), wired);
        // One whose name no interface can have is nothing that a host file could name.
        if let Ok(name) = name.parse() {
            found.state.bridges.insert(name, told);
        }
    }
    Ok(found)
}

/// The rows that a column refers to.
fn referred<'v>(column: &'v Value, rows: &'v BTreeMap<String, Value>) -> impl Iterator<Item = &'v Value> {
    elements(column).into_iter().filter_map(|reference| rows.get(reference[1].as_str()?))
}

fn vlans(port: &Value) -> OvsVlans {
    let number = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok());
    let mode = elements(&port["vlan_mode"])
        .into_iter()
        .find_map(|word| VlanMode::ALL.into_iter().find(|mode| Some(mode.as_str()) == word.as_str()));
    let tag = elements(&port["tag"]).into_iter().find_map(number);
    OvsVlans::of(mode, tag, elements(&port["trunks"]).into_iter().filter_map(number).collect())
}

impl Wired {
    fn add(&mut self, interface: &Value) {
        let Some(name) = interface["name"].as_str().map(str::to_owned) else { return };
        match interface["type"].as_str() {
            Some("internal") => drop(self.internal.insert(name)),
            Some("patch") => {
                let options = interface["options"][1].as_array().into_iter().flatten();
                let mut peers = options.filter(|option| option[0] == "peer");
                let peer = peers.find_map(|option| option[1].as_str());
                self.patches.extend(peer.map(|peer| (name, peer.to_owned())));
            }
            // Tunnels and others are no interfaces of the kernel's that anybody could see.
            Some("" | "system") => drop(self.interfaces.insert(name)),
            _ => {}
        }
    }
}
