//! The resource graph: what a host file describes, and what must be there before what.

mod build;
mod draw;
mod fold;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::address::Address;

pub use fold::Folded;

/// Why one resource must be there before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The second is a part of the first.
    Contains,
    /// The first makes the second.
    MadeBy,
    /// The second exists in the eswitch mode that the first sets, and in no other.
    NeedsEswitchMode,
    /// A mode is not switched while functions exist, so the first comes before they do.
    ModeBeforeFunctions,
    /// The first takes effect by a reload of the parent, which takes away or disturbs the second.
    ReloadsParent,
    /// The second takes over what the first sets when its driver probes.
    ConfiguresBeforeProbe,
    /// The second is below the first in the eswitch's tree of rates.
    RateParent,
    /// The second is a port of the first.
    BridgePort,
    /// The second binds a driver, which takes over what the first sets.
    BeforeBind,
    /// The second is there only with what the first sets.
    Enables,
}

impl Reason {
    /// The reason as graphs print it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::MadeBy => "makes",
            Self::NeedsEswitchMode => "mode needed by",
            Self::ModeBeforeFunctions => "mode before functions",
            Self::ReloadsParent => "reload before",
            Self::ConfiguresBeforeProbe => "configures before probe",
            Self::RateParent => "limits",
            Self::BridgePort => "bridge of",
            Self::BeforeBind => "before bind",
            Self::Enables => "enables",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An edge: `from` must be there before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge<'a> {
    /// What comes first.
    pub from: &'a Address,
    /// What needs it.
    pub to: &'a Address,
    /// Why.
    pub reason: Reason,
}

/// The graph. All iteration is in the order of addresses.
#[derive(Debug, Clone, Default)]
pub struct ResourceGraph {
    graph: DiGraph<Address, Reason>,
    nodes: BTreeMap<Address, NodeIndex>,
}

impl ResourceGraph {
    /// Every resource.
    pub fn nodes(&self) -> impl Iterator<Item = &Address> {
        self.nodes.keys()
    }

    /// Every edge.
    #[must_use]
    pub fn edges(&self) -> Vec<Edge<'_>> {
        let mut edges: Vec<_> = self.graph.edge_references().map(|edge| self.edge(edge)).collect();
        edges.sort();
        edges
    }

    /// What must be there directly before this resource.
    #[must_use]
    pub fn dependencies(&self, address: &Address) -> Vec<Edge<'_>> {
        self.directed(address, Direction::Incoming)
    }

    /// What directly needs this resource.
    #[must_use]
    pub fn dependents(&self, address: &Address) -> Vec<Edge<'_>> {
        self.directed(address, Direction::Outgoing)
    }

    /// The resources in an order in which each comes after all that it needs; of those that could come next, the one
    /// with the smallest address does.
    #[must_use]
    pub fn order(&self) -> Vec<&Address> {
        let mut waiting: BTreeMap<NodeIndex, usize> = BTreeMap::new();
        let mut ready: BTreeSet<&Address> = BTreeSet::new();
        for (address, &node) in &self.nodes {
            match self.graph.edges_directed(node, Direction::Incoming).count() {
                0 => _ = ready.insert(address),
                count => _ = waiting.insert(node, count),
            }
        }
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(address) = ready.pop_first() {
            order.push(address);
            for edge in self.dependents(address) {
                let Some(count) = self.nodes.get(edge.to).and_then(|node| waiting.get_mut(node)) else {
                    continue;
                };
                *count -= 1;
                if *count == 0 {
                    ready.insert(edge.to);
                }
            }
        }
        order
    }

    fn directed(&self, address: &Address, direction: Direction) -> Vec<Edge<'_>> {
        let Some(&node) = self.nodes.get(address) else { return Vec::new() };
        let mut edges: Vec<_> =
            self.graph.edges_directed(node, direction).map(|edge| self.edge(edge)).collect();
        edges.sort();
        edges
    }

    fn edge(&self, edge: petgraph::graph::EdgeReference<'_, Reason>) -> Edge<'_> {
        Edge { from: &self.graph[edge.source()], to: &self.graph[edge.target()], reason: *edge.weight() }
    }

    fn add(&mut self, address: Address) -> NodeIndex {
        let graph = &mut self.graph;
        *self.nodes.entry(address).or_insert_with_key(|address| graph.add_node(address.clone()))
    }

    fn connect(&mut self, from: NodeIndex, to: NodeIndex, reason: Reason) {
        // What something needs is little; what needs it may be every function of the host.
        let mut needed = self.graph.edges_directed(to, Direction::Incoming);
        match needed.find(|edge| edge.source() == from).map(|edge| edge.id()) {
            Some(known) => self.graph[known] = reason,
            None => drop(self.graph.add_edge(from, to, reason)),
        }
    }
}
