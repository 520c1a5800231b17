//! The graph in short, for a picture: subdevices that are alike are drawn as one, and containment that something else
//! implies is left out. Fifty tenants are as large as one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Edge, Reason, ResourceGraph};
use crate::address::Address;

/// A graph with few nodes, numbered from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    /// What is written into each node, line by line.
    pub nodes: Vec<Vec<String>>,
    /// What must be there before what, and why.
    pub edges: BTreeSet<(usize, usize, Reason)>,
}

/// How a subdevice hangs in the graph, whatever its name is: its parts, and both ends of its edges.
type Shape<'a> = BTreeSet<(Option<End<'a>>, End<'a>, Reason)>;

/// An end of an edge: a part of the subdevice itself, or something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum End<'a> {
    Own(String),
    Other(&'a Address),
}

impl ResourceGraph {
    /// The graph in short.
    #[must_use]
    pub fn folded(&self) -> Folded {
        let edges = self.edges();
        let groups = groups(&edges);
        let mut folded = Folded::default();
        let mut numbers: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut number_of: BTreeMap<&Address, usize> = BTreeMap::new();
        for address in self.nodes() {
            let group = address.subdevice_name().and_then(|name| groups.get(&(address.device_name(), name)));
            let owner = group.map_or_else(String::new, Group::title);
            let key = (format!("{}#{owner}", address.device_name()), own_part(address));
            let number = *numbers.entry(key).or_insert_with(|| {
                folded.nodes.push(lines(address, &owner));
                folded.nodes.len() - 1
            });
            number_of.insert(address, number);
        }
        folded.edges =
            edges.iter().map(|edge| (number_of[edge.from], number_of[edge.to], edge.reason)).collect();
        folded.leave_out_the_implied();
        folded
    }
}

/// Subdevices by device and name, each with those that are alike.
fn groups<'a>(edges: &[Edge<'a>]) -> BTreeMap<(&'a str, &'a str), Group<'a>> {
    let mut shapes: BTreeMap<(&str, &str), Shape<'_>> = BTreeMap::new();
    for edge in edges {
        for owner in [edge.from, edge.to] {
            let Some(name) = owner.subdevice_name() else { continue };
            let key = (owner.device_name(), name);
            let end = |address: &'a Address| {
                let own = (address.device_name(), address.subdevice_name()) == (key.0, Some(key.1));
                if own { End::Own(own_part(address)) } else { End::Other(address) }
            };
            shapes.entry(key).or_default().insert((Some(end(edge.from)), end(edge.to), edge.reason));
        }
    }
    let mut alike: BTreeMap<(&str, Shape<'_>), Vec<&str>> = BTreeMap::new();
    for ((device, name), shape) in shapes {
        alike.entry((device, shape)).or_default().push(name);
    }
    let mut groups = BTreeMap::new();
    for ((device, _), mut names) in alike {
        // Numbered names in the order of their numbers.
        names.sort_by_key(|name| (name.len(), *name));
        groups.extend(names.iter().map(|&name| ((device, name), Group(names.clone()))));
    }
    groups
}

/// Subdevices that are alike.
struct Group<'a>(Vec<&'a str>);

impl Group<'_> {
    fn title(&self) -> String {
        match self.0.as_slice() {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [one, other] => format!("{one}, {other}"),
            [first, .., last] => format!("{first} ... {last} ({})", self.0.len()),
        }
    }
}

/// What an address names below its subdevice or device.
fn own_part(address: &Address) -> String {
    address.part_name().map(ToString::to_string).unwrap_or_default()
}

/// What is written into the node of an address.
fn lines(address: &Address, owner: &str) -> Vec<String> {
    let part = own_part(address);
    let above = if owner.is_empty() { address.device_name() } else { owner };
    if part.is_empty() { vec![above.to_owned()] } else { vec![part, above.to_owned()] }
}

impl Folded {
    /// Takes out the edges of containment whose ends are connected otherwise.
    fn leave_out_the_implied(&mut self) {
        let implied: Vec<_> = self
            .edges
            .iter()
            .filter(|edge| edge.2 == Reason::Contains && self.leads(edge.0, edge.1, **edge))
            .copied()
            .collect();
        for edge in implied {
            self.edges.remove(&edge);
        }
    }

    /// Whether there is a way from one node to another without that edge.
    fn leads(&self, from: usize, to: usize, without: (usize, usize, Reason)) -> bool {
        let mut open = vec![from];
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            let next = self.edges.iter().filter(|edge| edge.0 == at && **edge != without).map(|edge| edge.1);
            for node in next {
                if node == to {
                    return true;
                }
                if seen.insert(node) {
                    open.push(node);
                }
            }
        }
        false
    }
}
