//! Explanations: the page of a code, and what the schema says of a node or property.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::catalogue::{Catalogue, Known};
use crate::diagnostic::Code;
use crate::nearest::{listed, nearest};
use crate::schema::{ANY, FILE, NodeSpec, Schema, value_reference};

/// Why there is no explanation. The text says what there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is nothing to explain of `{subject}`")]
pub struct Unexplained {
    /// What was asked for.
    pub subject: String,
    /// What could have been.
    pub help: String,
}

/// Explains a code (`E0207`), a path of the language (`device.subdevice.netdev`, `netdev.mtu`), a driver (`mlx5_core`) or
/// one of its parameters (`mlx5_core.enable_eth`), in Markdown.
pub fn explain(subject: &str) -> Result<String, Unexplained> {
    explain_with(subject, &[])
}

/// The same, with catalogues of one's own beside those of the program.
pub fn explain_with(subject: &str, catalogues: &[Arc<Catalogue>]) -> Result<String, Unexplained> {
    let asked = subject.to_uppercase();
    if let Some(code) = Code::ALL.iter().find(|code| code.as_str() == asked) {
        return Ok(code.page().to_owned());
    }
    let is_code = asked.strip_prefix('E').is_some_and(|digits| digits.parse::<u32>().is_ok());
    if is_code {
        let help = match nearest(&asked, Code::ALL.iter().map(|code| code.as_str())) {
            Some(near) => format!("there is no such code; did you mean {near}?"),
            None => "there is no such code".to_owned(),
        };
        return Err(Unexplained { subject: subject.to_owned(), help });
    }
    let (first, rest) =
        subject.split_once('.').map_or((subject, None), |(driver, param)| (driver, Some(param)));
    let known = Known(catalogues);
    if let Some(catalogue) = known.of_driver(first) {
        return catalogue_page(&catalogue, rest, subject);
    }
    path(Schema::language(), subject, known)
}

fn catalogue_page(catalogue: &Catalogue, param: Option<&str>, subject: &str) -> Result<String, Unexplained> {
    let Some(name) = param else { return Ok(catalogue.page()) };
    catalogue.param_page(name).ok_or_else(|| {
        let known = || catalogue.params.iter().map(|param| param.name.as_str());
        let help = match nearest(name, known()) {
            Some(meant) => format!("did you mean `{}.{meant}`?", catalogue.driver),
            None if catalogue.params.is_empty() => {
                format!("the catalogue of `{}` has no parameters", catalogue.driver)
            }
            None => format!("its parameters are {}", listed(known().collect::<BTreeSet<_>>())),
        };
        Unexplained { subject: subject.to_owned(), help }
    })
}

fn path(schema: &Schema, subject: &str, known_drivers: Known<'_>) -> Result<String, Unexplained> {
    let mut at: Option<&NodeSpec> = None;
    let mut words = subject.split('.').peekable();
    while let Some(word) = words.next() {
        let here = at.map_or(FILE, |node| node.name.as_str());
        let known = || schema.children(here).chain(schema.children(ANY));
        // The first word may be any node, so that nobody has to know where it stands.
        let found = known().find(|node| node.name == word);
        let found = found.or_else(|| schema.node(word).filter(|_| at.is_none()));
        if let Some(node) = found {
            at = Some(node);
            continue;
        }
        let is_last = words.peek().is_none();
        if let Some((node, value)) =
            at.filter(|_| is_last).and_then(|node| Some((node, node.property(word)?)))
        {
            return Ok(format!("`{word}=` of `{}` {}\n", node.name, value_reference(value)));
        }
        let properties = at.into_iter().flat_map(|node| &node.properties).map(|value| value.name.as_str());
        let candidates: Vec<&str> = known().map(|node| node.name.as_str()).chain(properties).collect();
        let drivers = if at.is_none() { known_drivers.drivers() } else { Vec::new() };
        let help = match nearest(word, candidates.iter().copied().chain(drivers)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("possible here: {}", listed(candidates)),
        };
        return Err(Unexplained { subject: subject.to_owned(), help });
    }
    at.map(|node| schema.node_reference(node))
        .ok_or_else(|| Unexplained { subject: subject.to_owned(), help: "name a code or a node".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::explain;
    use crate::schema::{ANY, FILE, Schema};

    /// The path to a node from the top of a file, by the first place that it can stand in.
    fn path_to(name: &str, parent: &str) -> String {
        if [FILE, ANY].contains(&parent) {
            return name.to_owned();
        }
        let above = Schema::language().node(parent).and_then(|node| node.parents.first()).expect("a parent");
        format!("{}.{name}", path_to(parent, above))
    }

    #[test]
    fn every_node_and_property_has_an_explanation_at_every_place() {
        let mut count = 0;
        for node in &Schema::language().nodes {
            for parent in &node.parents {
                let path = path_to(&node.name, parent);
                let page = explain(&path).unwrap_or_else(|error| panic!("{path}: {}", error.help));
                assert!(page.contains(&node.doc), "{path}");
                for property in &node.properties {
                    let path = format!("{path}.{}", property.name);
                    assert!(explain(&path).is_ok_and(|text| text.contains(&property.doc)), "{path}");
                    count += 1;
                }
            }
        }
        assert!(count > 80, "{count}");
    }

    #[test]
    fn codes_nodes_and_properties_have_an_explanation() {
        assert!(explain("e0207").is_ok_and(|page| page.starts_with("# E0207: ")));
        let page = explain("device.subdevice.netdev").expect("a page");
        assert!(page.starts_with("## `netdev`") && page.contains("- `mtu=`"), "{page}");
        assert_eq!(explain("netdev"), Ok(page));
        assert!(explain("netdev.mtu").is_ok_and(|text| text.starts_with("`mtu=` of `netdev`")));
        assert!(explain("device.repeat").is_ok());
    }

    #[test]
    fn drivers_and_their_params_have_an_explanation() {
        let page = explain("mlx5_core").expect("a page");
        assert!(explain("bnxt_en").is_ok_and(|page| page.contains("Only its parameters are known")));
        let param = explain("mlx5_core.enable_eth").expect("a page");
        assert!(page.contains(&param), "the page of a parameter is part of that of its driver");
        insta::assert_snapshot!("mlx5_core", page);
        insta::assert_snapshot!("mtty", explain("mtty").expect("a page"));
    }

    #[test]
    fn what_has_none_has_a_neighbour() {
        for (subject, help) in [
            ("mlx5_core.enable_et", "did you mean `mlx5_core.enable_eth`?"),
            ("mlx5", "did you mean `mlx5_core`?"),
            ("E9999", "there is no such code"),
            ("E0199", "there is no such code; did you mean E0109?"),
            ("devise", "did you mean `device`?"),
            ("netdev.mtuu", "did you mean `mtu`?"),
            ("device.subdevice.reprsentor", "did you mean `representor`?"),
        ] {
            assert_eq!(explain(subject).map_err(|error| error.help), Err(help.to_owned()), "{subject}");
        }
    }
}
