//! Settings as nodes: those that somebody chose, and those that a new object has anyway.

use subdevcfg_compiler::address::Part;
use subdevcfg_compiler::catalogue::{Catalogue, ParamOwner};
use subdevcfg_compiler::values::{Cmode, Scalar};

use super::writer::{Node, Writer};
use crate::resource::{LegacySetting, Setting, Settings, Vlans};

/// The settings of a subject, told apart.
#[derive(Debug)]
pub(super) struct Sorted<'a> {
    owner: ParamOwner,
    catalogue: Option<&'a Catalogue>,
    /// Somebody chose them: a host file says so.
    pub chosen: Vec<Setting>,
    /// A new object has them too.
    defaults: Vec<Setting>,
    /// Parameters of which nobody knows what a new instance has.
    unknown: Vec<Setting>,
    /// MAC addresses that another function has in the file.
    shared: Vec<Setting>,
}

impl<'a> Sorted<'a> {
    /// Tells the settings of a subject apart by what a new one would have, and by what subdevcfg wrote.
    pub fn of(
        found: &Settings,
        fresh: &Settings,
        is_written: impl Fn(&Setting) -> bool,
        owner: ParamOwner,
        catalogue: Option<&'a Catalogue>,
    ) -> Self {
        let (chosen, defaults, unknown, shared) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut sorted = Self { owner, catalogue, chosen, defaults, unknown, shared };
        for setting in found.iter().cloned() {
            let list = if fresh.has(&setting) || is_nothing(&setting) {
                &mut sorted.defaults
            } else if is_unknown(&setting, owner, catalogue) && !is_written(&setting) {
                &mut sorted.unknown
            } else {
                &mut sorted.chosen
            };
            list.push(setting);
        }
        // Of this one drivers differ: beside nothing else, it is most likely the driver's.
        if let [Setting::Legacy(LegacySetting::Spoofchk(_))] = sorted.chosen.as_slice()
            && !sorted.chosen.iter().all(is_written)
        {
            sorted.unknown.append(&mut sorted.chosen);
        }
        sorted
    }

    /// Leaves out what a host file says otherwise.
    pub fn without(&mut self, is_said: impl Fn(&Setting) -> bool) {
        self.chosen.retain(|setting| !is_said(setting));
    }

    /// Leaves out what another function has in the file, and no two can have.
    pub fn without_shared(&mut self, is_shared: impl Fn(&Setting) -> bool) {
        self.shared.extend(self.chosen.extract_if(.., |setting| is_shared(setting)));
    }

    /// Writes the nodes of what somebody chose, but for those of interfaces, which have a name.
    pub fn write(&self, out: &mut Writer) {
        for node in self.nodes(self.chosen.iter().filter(|setting| setting.attribute().side().is_none())) {
            out.node(&node);
        }
    }

    /// The comments at the end of a block: what is not said, in the words of the language.
    pub fn write_rest(&self, out: &mut Writer) {
        let in_words = |settings| self.nodes(settings).into_iter().map(|node| node.to_string());
        out.list("as a new one has it", in_words(self.defaults.iter()));
        out.list("not known to be anybody's choice", in_words(self.unknown.iter()));
        out.list("another function has it too, and a file gives it to one", in_words(self.shared.iter()));
    }

    /// Settings as nodes: those that are properties of one node together.
    fn nodes<'s>(&self, settings: impl Iterator<Item = &'s Setting>) -> Vec<Node> {
        let mut nodes: Vec<(Option<&'static str>, Node)> = Vec::new();
        for setting in settings {
            let part = setting.attribute().part();
            match (setting, place(&part)) {
                (Setting::Param { name, cmode, value }, _) => {
                    let node = Node::new("param").argument(name.clone()).argument(value.clone());
                    let cmode = self.has_several_cmodes(name).then(|| cmode.to_string());
                    nodes.push((None, node.property_if("cmode", cmode)));
                }
                (Setting::Vfs(count), _) => nodes.push((None, Node::new("vfs").argument(*count))),
                (Setting::Bind(Some(driver)), _) => {
                    nodes.push((None, Node::new("bind").argument(driver.clone())));
                }
                // The language has no word for a weight of none.
                (_, Some((name, property))) if *setting != Setting::TxWeight(0) => {
                    let at = nodes.iter().position(|(known, _)| *known == Some(name)).unwrap_or(nodes.len());
                    if at == nodes.len() {
                        nodes.push((Some(name), Node::new(name)));
                    }
                    nodes[at].1.add(property, setting.value());
                }
                _ => {}
            }
        }
        nodes.into_iter().map(|(_, node)| node).collect()
    }

    /// Whether a parameter has to be written with its cmode.
    fn has_several_cmodes(&self, name: &str) -> bool {
        let spec = self.catalogue.and_then(|catalogue| catalogue.param(self.owner, name));
        spec.is_none_or(|spec| spec.cmodes.len() > 1)
    }
}

/// Whether a value is that of something that nobody set.
fn is_nothing(setting: &Setting) -> bool {
    match setting {
        Setting::Mac(mac) => mac.is_zero(),
        Setting::Legacy(legacy) => legacy.is_nothing(),
        Setting::Bind(driver) => driver.is_none(),
        _ => false,
    }
}

/// Whether nobody knows what a new instance has: parameters that are in no catalogue or without a default there, and
/// permanent ones, which outlive their instance.
fn is_unknown(setting: &Setting, owner: ParamOwner, catalogue: Option<&Catalogue>) -> bool {
    let Setting::Param { name, cmode, .. } = setting else { return false };
    let spec = catalogue.and_then(|catalogue| catalogue.param(owner, name));
    let has_default = spec.is_some_and(|spec| {
        spec.cmodes.contains(cmode) && (spec.default.is_some() || !spec.type_defaults.is_empty())
    });
    !has_default || *cmode == Cmode::Permanent
}

/// The node and the property of an attribute that is one property of one node.
fn place(part: &Part) -> Option<(&'static str, &'static str)> {
    match part {
        Part::Eswitch(Some(property)) => Some(("eswitch", property)),
        Part::Function(Some(property)) => Some(("function", property)),
        Part::Rate(Some(property)) => Some(("rate", property)),
        Part::Uplink(Some(property)) => Some(("uplink", property)),
        Part::Legacy(Some(property)) => Some(("legacy", property)),
        Part::Netdev(Some(property @ ("mtu" | "up"))) => Some(("netdev", property)),
        Part::Representor(Some(property @ ("mtu" | "up"))) => Some(("representor", property)),
        _ => None,
    }
}

/// The `vlan` nodes of a port.
pub(super) fn write_vlans(vlans: &Vlans, out: &mut Writer) {
    for (first, last, flags) in vlans.ranges() {
        let node = Node::new("vlan");
        let node = if first == last {
            node.argument(u32::from(first))
        } else {
            node.property("from", u32::from(first)).property("to", u32::from(last))
        };
        let flag = |on: bool| on.then_some(Scalar::Bool(true));
        out.node(&node.property_if("pvid", flag(flags.pvid)).property_if("untagged", flag(flags.untagged)));
    }
}
