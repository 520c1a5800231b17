//! Reading the driver catalogues that are part of the program.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use super::{
    Catalogue, DriverRateNodes, FunctionManners, Impact, MdevTypeSpec, ParamOwner, ParamSpec, ParamsBefore,
    RateManners, Reset, VfManners,
};
use crate::bundled;
use crate::diagnostic::{Diagnostic, any_error};
use crate::parse::parse;
use crate::schema::Schema;
use crate::source::{SourceId, SourceMap};
use crate::syntax::{Document, Node, Value};
use crate::validate::{header, validate};
use crate::values::{Cmode, ParamType, Scalar};

/// Reads a text that nobody has asked for yet.
type Reader = Box<dyn FnOnce() -> Option<Arc<Catalogue>> + Send>;

/// A bundled catalogue, read when somebody asks for it: there are many drivers, and a host has few.
struct Bundled {
    /// The driver: the name of the file.
    driver: &'static str,
    catalogue: LazyLock<Option<Arc<Catalogue>>, Reader>,
    nodes: &'static [bundled::Node],
}

/// The bundled catalogues. A test proves that each can be read, and is named as its driver.
static BUNDLED: LazyLock<Vec<Bundled>> = LazyLock::new(|| {
    let bundled = |&(driver, nodes): &(&'static str, &'static [bundled::Node])| Bundled {
        driver,
        catalogue: LazyLock::new(Box::new(|| {
            Catalogue::of(bundled::document(nodes), Vec::new()).ok().map(Arc::new)
        })),
        nodes,
    };
    bundled::DRIVERS.iter().map(bundled).collect()
});

impl Bundled {
    /// The catalogue, if its driver owns a bus.
    fn of_a_bus(&self) -> Option<&Arc<Catalogue>> {
        // Most own none, and need not be read to know that.
        let owns_one = ["bus", "soft-bus"].iter().any(|bus| bundled::has_property(self.nodes, "driver", bus));
        owns_one.then_some(self.catalogue.as_ref())?
    }
}

impl Catalogue {
    /// The catalogue of the driver of that name.
    #[must_use]
    pub fn of_driver(driver: &str) -> Option<Arc<Self>> {
        BUNDLED.iter().find(|bundled| bundled.driver == driver)?.catalogue.clone()
    }

    /// The catalogue of the driver that makes devices on that bus from nothing.
    #[must_use]
    pub fn of_soft_bus(bus: &str) -> Option<Arc<Self>> {
        let makes = |catalogue: &&Arc<Self>| catalogue.soft_bus.as_deref() == Some(bus);
        BUNDLED.iter().filter_map(Bundled::of_a_bus).find(makes).cloned()
    }

    /// The catalogue of the driver whose devices are all those on that bus.
    #[must_use]
    pub fn of_bus(bus: &str) -> Option<Arc<Self>> {
        let owns = |catalogue: &&Arc<Self>| {
            [&catalogue.soft_bus, &catalogue.bus].into_iter().flatten().any(|own| own == bus)
        };
        BUNDLED.iter().filter_map(Bundled::of_a_bus).find(owns).cloned()
    }

    /// What is known of a device with this driver on this bus: of the catalogues that were given, then of those that the
    /// program has, by the driver's name, and by the bus where that tells.
    #[must_use]
    pub fn of_device(given: &[Arc<Self>], driver: Option<&str>, bus: &str) -> Option<Arc<Self>> {
        let is_given = |driver: &str| given.iter().find(|catalogue| catalogue.driver == driver).cloned();
        let of_driver = |driver| is_given(driver).or_else(|| Self::of_driver(driver));
        driver.and_then(of_driver).or_else(|| Self::of_bus(bus))
    }

    /// The drivers that have a catalogue.
    #[must_use]
    pub fn drivers() -> Vec<&'static str> {
        BUNDLED.iter().map(|bundled| bundled.driver).collect()
    }

    /// The buses on which devices are made from nothing.
    #[must_use]
    pub fn soft_buses() -> Vec<String> {
        BUNDLED
            .iter()
            .filter_map(Bundled::of_a_bus)
            .filter_map(|catalogue| catalogue.soft_bus.clone())
            .collect()
    }

    /// Reads the text of a catalogue file; what is not understood is an error.
    pub fn read(text: &str) -> Result<Self, Vec<Diagnostic>> {
        Self::read_as(SourceMap::default().add("catalogue", String::new()), text)
    }

    /// Reads the text of that source.
    pub(super) fn read_as(source: SourceId, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let document = parse(source, text, &mut diagnostics);
        Self::of(document, diagnostics)
    }

    /// Reads a catalogue file of which this has been found already.
    fn of(document: Document, mut diagnostics: Vec<Diagnostic>) -> Result<Self, Vec<Diagnostic>> {
        header(&document, Schema::catalogue(), &mut diagnostics);
        let document = validate(document, Schema::catalogue(), &mut diagnostics);
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
        bus: driver.and_then(|node| text(node, "bus")).map(str::to_owned),
        without_devlink: driver.is_some_and(|node| is_denied(node, "devlink")),
        generated: driver.and_then(|node| text(node, "generated")).map(str::to_owned),
        params: document.all("param").flat_map(params).collect(),
        function_attributes: document.all("function-attribute").filter_map(function_attribute).collect(),
        netdev_needs: names("netdev-needs"),
        sf: document.all("sf").next().and_then(manners),
        sf_capacity: document.all("sf-capacity").find_map(|node| argument(node, 0)),
        mdev: document.all("mdev").next().and_then(manners),
        reset_by_reload: names("reset-by-reload")
            .iter()
            .filter_map(|word| reset(word))
            .collect::<BTreeSet<_>>(),
        mdev_types: document.all("mdev-type").filter_map(mdev_type).collect(),
        rate: document.all("rate").next().map(rate),
        driver_rate_nodes: document.all("driver-rate-nodes").next().and_then(driver_rate_nodes),
        vfs: document.all("vfs").next().map(|node| VfManners {
            before_mode: text(node, "order") == Some("before-mode"),
            mode_with_vfs: flag(node, "mode-with-vfs"),
            mode_ends_with_vfs: flag(node, "mode-ends-with-vfs"),
            nodes_end_with_vfs: flag(node, "nodes-end-with-vfs"),
        }),
        mode_without_filters: document
            .all("mode-switch")
            .next()
            .is_some_and(|node| flag(node, "without-filters")),
        quirks: names("quirk"),
        sources: document.nodes.iter().filter_map(source).collect(),
    }
}

/// The fact that a node states, and where it is known from.
fn source(node: &Node) -> Option<(String, String)> {
    let fact = match (node.name.text.as_str(), argument(node, 0)) {
        ("param", _) => return None,
        ("quirk", Some(words)) => words,
        ("driver-rate-nodes", _) => "driver-rate-nodes".to_owned(),
        (name, Some(of)) => format!("{name} {of}"),
        (name, None) => name.to_owned(),
    };
    Some((fact, text(node, "source")?.to_owned()))
}

fn mdev_type(node: &Node) -> Option<MdevTypeSpec> {
    Some(MdevTypeSpec {
        directory: argument(node, 0)?,
        name: text(node, "name").map(str::to_owned),
        places: node.property("places").and_then(Value::number).unwrap_or(1),
    })
}

fn rate(node: &Node) -> RateManners {
    RateManners {
        granularity: node.property("granularity").and_then(Value::number).unwrap_or(1),
        tx_max: flag(node, "tx-max"),
        tx_share: flag(node, "tx-share"),
        tx_priority: flag(node, "tx-priority"),
        tx_weight: flag(node, "tx-weight"),
        nodes: flag(node, "nodes"),
        nested: !is_denied(node, "nested"),
        of_sfs: !is_denied(node, "of-sfs"),
    }
}

/// Whether it says that something is not so; without a word it is.
fn is_denied(node: &Node, name: &str) -> bool {
    node.property(name).and_then(Value::boolean) == Some(false)
}

fn driver_rate_nodes(node: &Node) -> Option<DriverRateNodes> {
    Some(DriverRateNodes { prefix: argument(node, 0)?, root: text(node, "root")?.to_owned() })
}

/// What a `param` node says, once for each kind of instance that has the parameter.
fn params(node: &Node) -> Vec<ParamSpec> {
    let owners: &[ParamOwner] = match text(node, "of") {
        Some("parent") => &[ParamOwner::Parent],
        Some("function") => &[ParamOwner::Function],
        Some("both") => &[ParamOwner::Parent, ParamOwner::Function],
        _ => &[],
    };
    owners.iter().filter_map(|&owner| param(node, owner)).collect()
}

fn param(node: &Node, owner: ParamOwner) -> Option<ParamSpec> {
    let bound = |name| node.property(name).and_then(Value::number::<u64>);
    let first: Cmode = text(node, "cmode")?.parse().ok()?;
    let further = node.all("cmode").filter_map(|more| argument(more, 0)?.parse().ok());
    let value_type = text(node, "type")?.parse::<ParamType>().ok()?;
    Some(ParamSpec {
        name: argument(node, 0)?,
        owner,
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
        blocks_reload: flag(node, "blocks-reload"),
        only_in: text(node, "only-in").and_then(|word| word.parse().ok()),
        kernel: text(node, "kernel").map(str::to_owned),
        doc: text(node, "doc")?.to_owned(),
        source: text(node, "source")?.to_owned(),
    })
}

fn scalar(value_type: ParamType, text: &str) -> Option<Scalar> {
    match value_type {
        ParamType::Bool => text.parse().ok().map(Scalar::Bool),
        ParamType::String => Some(Scalar::Text(text.to_owned())),
        _ => text.parse().ok().map(Scalar::Number),
    }
}

/// The word of an attribute of port functions, and its default: a boolean or a number.
fn function_attribute(node: &Node) -> Option<(String, Option<Scalar>)> {
    let default = text(node, "default")
        .and_then(|text| scalar(ParamType::Bool, text).or_else(|| text.parse().ok().map(Scalar::Number)));
    Some((argument(node, 0)?, default))
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
        reserved_from: node.property("reserved-from").and_then(Value::number),
    })
}

fn reset(word: &str) -> Option<Reset> {
    match word {
        "eswitch-mode" => Some(Reset::EswitchMode),
        "sfs" => Some(Reset::Sfs),
        "vfs" => Some(Reset::Vfs),
        "vf-limits" => Some(Reset::VfLimits),
        "mdev-state" => Some(Reset::MdevState),
        "rates" => Some(Reset::Rates),
        "uplink" => Some(Reset::Uplink),
        "function-attrs" => Some(Reset::FunctionAttrs),
        _ => None,
    }
}

fn argument(node: &Node, position: usize) -> Option<String> {
    node.argument(position).and_then(Value::text).map(str::to_owned)
}

fn flag(node: &Node, name: &str) -> bool {
    node.property(name).and_then(Value::boolean).unwrap_or_default()
}

fn text<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    node.property(name).and_then(Value::text)
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, ParamOwner, bundled};

    #[test]
    fn the_bundled_catalogues_can_be_read() {
        let mut drivers = Vec::new();
        for (driver, nodes) in bundled::DRIVERS {
            let catalogue = Catalogue::of(bundled::document(nodes), Vec::new()).expect(driver);
            assert_eq!(*driver, catalogue.driver, "a file has the name of its driver");
            assert!(!drivers.contains(&catalogue.driver), "{driver}: two catalogues of one driver");
            for needed in &catalogue.netdev_needs {
                let param =
                    catalogue.param(ParamOwner::Function, needed).expect("what netdevs need is a param");
                assert_eq!(param.cmodes.len(), 1, "an implied param is written in its only cmode");
            }
            drivers.push(catalogue.driver);
        }
        assert!(
            ["subdev", "mlx5_core", "bnxt_en"].iter().all(|driver| drivers.iter().any(|had| had == driver))
        );
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for driver in ["subdev", "mlx5_core"] {
            insta::assert_debug_snapshot!(driver, Catalogue::of_driver(driver).expect("a catalogue"));
        }
    }

    #[test]
    fn a_number_that_no_user_may_choose_is_reserved() {
        let reserved = |words: &str| {
            let text = format!(
                "driver x source=y\nsf params-before=use needs-switchdev=#true numbers-from=8 numbers-to=99 {words} source=y"
            );
            let manners = Catalogue::read(&text).expect("a catalogue").sf.expect("subfunctions");
            [7, 8, 50, 99, 100].map(|number| manners.is_reserved(number))
        };
        assert_eq!(reserved(""), [true, false, false, false, true]);
        assert_eq!(reserved("reserved-from=50"), [true, false, true, true, true]);
    }

    #[test]
    fn a_catalogue_with_an_unknown_node_is_refused() {
        assert!(Catalogue::read("driver x source=y\nspeed 5").is_err());
    }
}
