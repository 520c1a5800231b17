//! A catalogue as a page for people, in Markdown: what `explain DRIVER` prints.

use std::fmt::Write as _;

use super::{Catalogue, FunctionManners, MdevTypeSpec, ParamOwner, ParamSpec, ParamsBefore, Reset};
use crate::nearest::listed;
use crate::values::{Cmode, Rate};

impl Catalogue {
    /// All that is known of the driver, each fact with its source.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = format!("# The driver `{}`\n\n", self.driver);
        // Writing to a string cannot fail, here and below.
        if let Some(kernel) = &self.generated {
            let _ = writeln!(page, "Only its parameters are known, from the source of Linux {kernel}.");
        } else {
            self.facts(&mut page);
        }
        let mut names: Vec<&str> = self.params.iter().map(|param| param.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let _ = write!(page, "\n{}", self.param_page(name).unwrap_or_default());
        }
        page
    }

    /// What is known of the parameter of that name, of the parent and of functions.
    #[must_use]
    pub fn param_page(&self, name: &str) -> Option<String> {
        let mut specs = self.params.iter().filter(|param| param.name == name).peekable();
        specs.peek()?;
        let mut page = format!("## `{}.{name}`\n", self.driver);
        for spec in specs {
            let _ = write!(page, "\n{}", param(spec));
        }
        Some(page)
    }

    fn facts(&self, page: &mut String) {
        let mut fact = |node: &str, text: String| {
            let source = self.sources.get(node).map_or("", String::as_str);
            let _ = writeln!(page, "- {text} [{source}]");
        };
        let driver = format!("driver {}", self.driver);
        match (&self.soft_bus, &self.bus) {
            (Some(bus), _) => {
                fact(&driver, format!("Its devices are made by software, with `create`: `{bus}/NAME`."));
            }
            (None, Some(bus)) => fact(&driver, format!("All devices on the bus `{bus}` are its own.")),
            (None, None) => fact(&driver, "Hardware: name it with `driver=`.".to_owned()),
        }
        if let Some(manners) = &self.sf {
            let (from, to) = manners.numbers;
            let reserved = manners.reserved_from.map_or_else(String::new, |from| {
                format!(" Those from {from} on can be another program's: `exclusive` takes none of them.")
            });
            let text =
                format!("Subfunctions, numbered from {from} to {to}, {}.{reserved}", self::manners(manners));
            fact("sf", text);
        }
        if let Some(manners) = &self.mdev {
            fact("mdev", format!("Mediated devices, {}.", self::manners(manners)));
        }
        if let Some(resource) = &self.sf_capacity {
            fact("sf-capacity", format!("The room for subfunctions is the resource `{resource}`."));
        }
        for mdev_type in &self.mdev_types {
            let MdevTypeSpec { directory, name, places } = mdev_type;
            let name = name.as_ref().map(|name| format!(" (`type-name=\"{name}\"`)")).unwrap_or_default();
            let places = if *places > 1 { format!("; one takes {places} places") } else { String::new() };
            let text = format!("Mediated devices of the type `{directory}`{name}{places}.");
            fact(&format!("mdev-type {directory}"), text);
        }
        for (attribute, default) in &self.function_attributes {
            let node = format!("function-attribute {attribute}");
            let default = default.as_ref().map(|value| format!(", at first `{value}`")).unwrap_or_default();
            fact(&node, format!("Functions have the attribute `{attribute}`{default}."));
        }
        for needed in &self.netdev_needs {
            let text = format!("A function has a netdev only with `{needed}`; `netdev` implies it.");
            fact(&format!("netdev-needs {needed}"), text);
        }
        if let Some(rate) = self.rate {
            let words = [
                ("tx-max", rate.tx_max),
                ("tx-share", rate.tx_share),
                ("tx-priority", rate.tx_priority),
                ("tx-weight", rate.tx_weight),
            ];
            let taken = listed(words.into_iter().filter_map(|(word, taken)| taken.then_some(word)));
            let nodes = match (rate.nodes, rate.nested) {
                (true, true) => "; users can make rate nodes",
                (true, false) => "; users can make rate nodes, none below another",
                (false, _) => "",
            };
            let whose = if rate.of_sfs { "" } else { " of VFs, not of subfunctions," };
            fact("rate", format!("Rates{whose} in steps of {}: {taken}{nodes}.", Rate(rate.granularity)));
        }
        if let Some(nodes) = &self.driver_rate_nodes {
            let text = format!(
                "The driver makes rate nodes itself, `{}` and others that begin with `{}`: they come with the first \
                 representor, and with the last one all rate nodes go.",
                nodes.root, nodes.prefix
            );
            fact("driver-rate-nodes", text);
        }
        if let Some(vfs) = self.vfs {
            let order = if vfs.before_mode { "before" } else { "after" };
            let can = if vfs.mode_with_vfs { "can" } else { "cannot" };
            let ends =
                if vfs.mode_ends_with_vfs { "; with the last of them, switchdev mode ends" } else { "" };
            let nodes =
                if vfs.nodes_end_with_vfs { "; with the last of them, all rate nodes go" } else { "" };
            let text = format!(
                "VFs are made {order} the switch of the mode, which {can} change while there are any{ends}{nodes}."
            );
            fact("vfs", text);
        }
        if self.mode_without_filters {
            let text = "The eswitch changes its mode only when there are no tc filters on the uplink.";
            fact("mode-switch", text.to_owned());
        }
        for &reset in &self.reset_by_reload {
            let (word, text) = reset_words(reset);
            fact(&format!("reset-by-reload {word}"), format!("A reload of the parent: {text}."));
        }
        for quirk in &self.quirks {
            fact(quirk, quirk.clone());
        }
    }
}

fn manners(manners: &FunctionManners) -> &'static str {
    match (manners.params_before, manners.needs_switchdev) {
        (ParamsBefore::Use, true) => {
            "in switchdev mode only; a function's own instance exists once it is active"
        }
        (ParamsBefore::Use, false) => "a function's own instance exists once it is active",
        (ParamsBefore::Activation, true) => {
            "in switchdev mode only; what a function has of its own exists once it is made"
        }
        (ParamsBefore::Activation, false) => "what a function has of its own exists once it is made",
    }
}

const fn reset_words(reset: Reset) -> (&'static str, &'static str) {
    match reset {
        Reset::EswitchMode => ("eswitch-mode", "the eswitch is in legacy mode afterwards"),
        Reset::Sfs => ("sfs", "subfunctions are gone"),
        Reset::Vfs => ("vfs", "there are no VFs any more"),
        Reset::VfLimits => {
            ("vf-limits", "limits and the state of the link that the PF has set for VFs are gone")
        }
        Reset::MdevState => ("mdev-state", "mediated devices stay, inactive"),
        Reset::Uplink => ("uplink", "the uplink has a new network interface"),
        Reset::Rates => ("rates", "rate nodes and rates are gone"),
        Reset::FunctionAttrs => ("function-attrs", "attributes of functions are back at their defaults"),
    }
}

fn param(spec: &ParamSpec) -> String {
    let whose = match spec.owner {
        ParamOwner::Parent => "the parent",
        ParamOwner::Function => "a function",
    };
    let mut text = format!("Of {whose}: {}\n\n", spec.doc);
    let _ = writeln!(text, "- type: {}", spec.value_type.as_str());
    let modes = spec.cmodes.iter().map(|&mode| {
        format!(
            "{mode} ({})",
            match mode {
                Cmode::Runtime => "at once",
                Cmode::Driverinit => "after a reload",
                Cmode::Permanent => "kept by the device, after a reset of it",
            }
        )
    });
    let _ = writeln!(text, "- cmode: {}", modes.collect::<Vec<_>>().join(", "));
    match spec.range {
        Some((min, u64::MAX)) => _ = writeln!(text, "- at least {min}"),
        Some((min, max)) => _ = writeln!(text, "- from {min} to {max}"),
        None => {}
    }
    if !spec.words.is_empty() {
        let _ = writeln!(text, "- one of {}", listed(spec.words.iter().map(String::as_str)));
    }
    if let Some(default) = &spec.default {
        let _ = writeln!(text, "- a new instance has {default}");
    }
    for (mdev_type, default) in &spec.type_defaults {
        let _ = writeln!(text, "- one of the type `{mdev_type}` has {default}");
    }
    if let Some(impact) = spec.impact {
        let _ = writeln!(text, "- impact of a change at runtime: {impact}");
    }
    if spec.blocks_reload {
        text.push_str("- while it is true, the parent cannot be reloaded\n");
    }
    if let Some(mode) = spec.only_in {
        let _ = writeln!(text, "- only in {mode} mode");
    }
    if let Some(kernel) = &spec.kernel {
        let _ = writeln!(text, "- kernel {kernel}");
    }
    let _ = writeln!(text, "- source: {}", spec.source);
    text
}
