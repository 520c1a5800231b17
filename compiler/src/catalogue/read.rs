//! Reading the driver catalogues that are part of the program.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use super::{Catalogue, FunctionManners, Impact, ParamOwner, ParamSpec, ParamsBefore, Reset};
use crate::diagnostic::{Diagnostic, any_error};
use crate::parse::parse;
use crate::schema::Schema;
use crate::source::SourceMap;
use crate::syntax::{Document, Node, Value};
use crate::validate::{header, validate};
use crate::values::{Cmode, ParamType, Scalar};

/// The bundled catalogues. A test proves that each can be read; a driver whose catalogue could not would be unknown.
static BUNDLED: LazyLock<Vec<Arc<Catalogue>>> = LazyLock::new(|| {
    [include_str!("../../../schemas/drivers/subdev.kdl")]
        .into_iter()
        .filter_map(|text| Catalogue::read(text).ok())
        .map(Arc::new)
        .collect()
});

impl Catalogue {
    /// The catalogue of the driver of that name.
    #[must_use]
    pub fn of_driver(driver: &str) -> Option<Arc<Self>> {
        BUNDLED.iter().find(|catalogue| catalogue.driver == driver).cloned()
    }

    /// The catalogue of the driver that makes devices on that bus from nothing.
    #[must_use]
    pub fn of_soft_bus(bus: &str) -> Option<Arc<Self>> {
        BUNDLED.iter().find(|catalogue| catalogue.soft_bus.as_deref() == Some(bus)).cloned()
    }

    /// The buses on which devices are made from nothing.
    #[must_use]
    pub fn soft_buses() -> Vec<String> {
        BUNDLED.iter().filter_map(|catalogue| catalogue.soft_bus.clone()).collect()
    }

    /// Reads the text of a catalogue file; what is not understood is an error.
    pub fn read(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let source = SourceMap::default().add("catalogue", String::new());
        let mut diagnostics = Vec::new();
        let document = parse(source, text, &mut diagnostics);
        header(&document, Schema::catalogue(), &mut diagnostics);
        let document = validate(document, Schema::catalogue(), &mut diagnostics).document;
        if any_error(&diagnostics) { Err(diagnostics) } else { Ok(catalogue(&document)) }
    }
}

/// The catalogue that a document describes. The schema has seen it: what it requires is there.
fn catalogue(document: &Document) -> Catalogue {
    let driver = document.all("driver").next();
    let names = |name| document.all(name).filter_map(|node| argument(node, 0)).collect::<Vec<String>>();
    Catalogue {
        driver: driver.and_then(|node| argument(node, 0)).unwrap_or_default(),
        soft_bus: driver.and_then(|node| text(node, "soft-bus")).map(str::to_owned),
        params: document.all("param").filter_map(param).collect(),
        function_attributes: names("function-attribute").into_iter().collect(),
        netdev_needs: names("netdev-needs"),
        sf: document.all("sf").next().and_then(manners),
        mdev: document.all("mdev").next().and_then(manners),
        reset_by_reload: names("reset-by-reload")
            .iter()
            .filter_map(|word| reset(word))
            .collect::<BTreeSet<_>>(),
    }
}

fn param(node: &Node) -> Option<ParamSpec> {
    let bound = |name| node.property(name).and_then(Value::number::<u64>);
    let first: Cmode = text(node, "cmode")?.parse().ok()?;
    let further = node.all("cmode").filter_map(|more| argument(more, 0)?.parse().ok());
    let value_type = text(node, "type")?.parse::<ParamType>().ok()?;
    Some(ParamSpec {
        name: argument(node, 0)?,
        owner: if text(node, "of")? == "parent" { ParamOwner::Parent } else { ParamOwner::Function },
        value_type,
        cmodes: std::iter::once(first).chain(further).collect(),
        range: match (bound("min"), bound("max")) {
            (None, None) => None,
            (min, max) => Some((min.unwrap_or(0), max.unwrap_or(u64::MAX))),
        },
        words: node.all("word").filter_map(|word| argument(word, 0)).collect(),
        default: text(node, "default").and_then(|text| scalar(value_type, text)),
        type_defaults: node
            .all("default")
            .filter_map(|node| {
                Some((text(node, "mdev-type")?.to_owned(), scalar(value_type, &argument(node, 0)?)?))
            })
            .collect(),
        impact: text(node, "impact")
            .and_then(|word| Impact::ALL.iter().copied().find(|impact| impact.as_str() == word)),
        doc: text(node, "doc")?.to_owned(),
    })
}

fn scalar(value_type: ParamType, text: &str) -> Option<Scalar> {
    match value_type {
        ParamType::Bool => text.parse().ok().map(Scalar::Bool),
        ParamType::String => Some(Scalar::Text(text.to_owned())),
        _ => text.parse().ok().map(Scalar::Number),
    }
}

fn manners(node: &Node) -> Option<FunctionManners> {
    let number = |name, otherwise| node.property(name).and_then(Value::number).unwrap_or(otherwise);
    Some(FunctionManners {
        params_before: match text(node, "params-before")? {
            "activation" => ParamsBefore::Activation,
            _ => ParamsBefore::Use,
        },
        needs_switchdev: node.property("needs-switchdev")?.boolean()?,
        numbers: (number("numbers-from", 0), number("numbers-to", u32::MAX)),
    })
}

fn reset(word: &str) -> Option<Reset> {
    match word {
        "eswitch-mode" => Some(Reset::EswitchMode),
        "sfs" => Some(Reset::Sfs),
        "mdev-state" => Some(Reset::MdevState),
        "rates" => Some(Reset::Rates),
        "function-attrs" => Some(Reset::FunctionAttrs),
        _ => None,
    }
}

fn argument(node: &Node, position: usize) -> Option<String> {
    node.argument(position).and_then(Value::text).map(str::to_owned)
}

fn text<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    node.property(name).and_then(Value::text)
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, ParamOwner};

    #[test]
    fn the_bundled_catalogues_can_be_read() {
        let text = include_str!("../../../schemas/drivers/subdev.kdl");
        let catalogue = Catalogue::read(text).expect("a bundled catalogue");
        assert_eq!(catalogue.soft_bus.as_deref(), Some("subdev"));
        for needed in &catalogue.netdev_needs {
            let param = catalogue.param(ParamOwner::Function, needed).expect("what netdevs need is a param");
            assert_eq!(param.cmodes.len(), 1, "an implied param is written in its only cmode");
        }
        insta::assert_debug_snapshot!(catalogue);
    }

    #[test]
    fn a_catalogue_with_an_unknown_node_is_refused() {
        assert!(Catalogue::read("driver x source=y\nspeed 5").is_err());
    }
}
