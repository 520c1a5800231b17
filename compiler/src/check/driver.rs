//! What the driver cannot do, by its catalogue. Of a generated catalogue nothing but parameters is known.

use crate::catalogue::{Catalogue, ParamOwner, RateManners};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Device, Lifecycle, MdevType, PortFunction, RateNode, Rates, Sourced, Subdevice};
use crate::nearest::{listed, nearest};
use crate::source::Span;
use crate::values::{EswitchMode, Rate};

pub(super) fn check(device: &Device, diagnostics: &mut Vec<Diagnostic>) {
    let Some(catalogue) = device.catalogue.as_deref() else { return };
    if let Some(mode) = &device.eswitch.mode {
        only_in(device, catalogue, mode, diagnostics);
    }
    if catalogue.generated.is_some() {
        return;
    }
    for subdevice in &device.subdevices {
        if let Some(diagnostic) = lifecycle(subdevice, catalogue) {
            diagnostics.push(diagnostic);
            continue;
        }
        attributes(subdevice, catalogue, diagnostics);
        let sf_takes = catalogue.rate.is_none_or(|rate| rate.of_sfs);
        if sf_takes || !matches!(subdevice.lifecycle.value, Lifecycle::Sf { .. }) {
            rates("functions", &subdevice.rate, catalogue, diagnostics);
            diagnostics.extend(top(&subdevice.rate, catalogue));
        } else {
            diagnostics.extend(rates_of_sf(&subdevice.rate, catalogue));
        }
    }
    for node in &device.rate_nodes {
        if catalogue.rate.is_some_and(|rate| rate.nodes) {
            rates("rate nodes", &node.rates, catalogue, diagnostics);
            diagnostics.extend(place_of_node(node, catalogue));
        } else {
            let message = format!("the driver `{}` has no rate nodes", catalogue.driver);
            diagnostics.push(
                Diagnostic::new(Code::NoSuchAttribute, message, node.name.span, "cannot be made")
                    .help("remove the `rate-node`"),
            );
        }
    }
}

/// Parameters that need switchdev mode where the file asks for legacy mode. The other way round there is nothing wrong:
/// what needs legacy mode is written before the switch.
fn only_in(
    device: &Device,
    catalogue: &Catalogue,
    mode: &Sourced<EswitchMode>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if mode.value != EswitchMode::Legacy {
        return;
    }
    for param in &device.params {
        let spec = catalogue.param(ParamOwner::Parent, &param.name);
        if spec.and_then(|spec| spec.only_in) == Some(EswitchMode::Switchdev) {
            let message = format!(
                "`{}` can be written in switchdev mode only, and the eswitch is in legacy mode",
                param.name
            );
            diagnostics.push(
                Diagnostic::new(Code::OnlyInMode, message, param.value.span, "not in legacy mode")
                    .and(mode.span, "the mode")
                    .help(format!("write `eswitch mode=switchdev`, or remove the `param {}`", param.name)),
            );
        }
    }
}

fn lifecycle(subdevice: &Subdevice, catalogue: &Catalogue) -> Option<Diagnostic> {
    let driver = &catalogue.driver;
    let span = subdevice.lifecycle.span;
    match &subdevice.lifecycle.value {
        Lifecycle::Sf { .. } if catalogue.sf.is_none() => {
            let message = format!("the driver `{driver}` has no subfunctions");
            let help = match catalogue.mdev {
                Some(_) => "its functions are mediated devices: `mdev type=TYPE`".to_owned(),
                None => format!("`subdevcfg explain {driver}` says what is known of it"),
            };
            Some(Diagnostic::new(Code::NoSuchFunction, message, span, "cannot be made").help(help))
        }
        Lifecycle::Mdev(_) if catalogue.mdev.is_none() => {
            let message = format!("the driver `{driver}` has no mediated devices");
            let help = match catalogue.sf {
                Some(_) => "its functions are devlink subfunctions: `sf NUMBER`".to_owned(),
                None => format!("`subdevcfg explain {driver}` says what is known of it"),
            };
            Some(Diagnostic::new(Code::NoSuchFunction, message, span, "cannot be made").help(help))
        }
        Lifecycle::Mdev(mdev) => match &mdev.mdev_type {
            MdevType::Directory(directory) => unknown_type(directory, span, catalogue),
            MdevType::Name(name) => unknown_name(name, span, catalogue),
        },
        Lifecycle::Sf { .. } | Lifecycle::Vf { .. } | Lifecycle::External { .. } => None,
    }
}

fn unknown_type(mdev_type: &String, span: Span, catalogue: &Catalogue) -> Option<Diagnostic> {
    let types = &catalogue.mdev_types;
    if types.is_empty() || types.iter().any(|known| known.directory == *mdev_type) {
        return None;
    }
    let names = || types.iter().map(|known| known.directory.as_str());
    let message =
        format!("the driver `{}` has no mediated devices of the type `{mdev_type}`", catalogue.driver);
    Some(no_such_type(message, mdev_type, span, names))
}

/// A name that no type has. Where the catalogue lacks one, it may be that.
fn unknown_name(name: &String, span: Span, catalogue: &Catalogue) -> Option<Diagnostic> {
    let types = &catalogue.mdev_types;
    let names = || types.iter().filter_map(|known| known.name.as_deref());
    let all_are_known = !types.is_empty() && names().count() == types.len();
    if !all_are_known || names().any(|known| known == name) {
        return None;
    }
    let message =
        format!("the driver `{}` has no mediated devices of a type named `{name}`", catalogue.driver);
    Some(no_such_type(message, name, span, names))
}

fn no_such_type<'n, N: Iterator<Item = &'n str>>(
    message: String,
    mdev_type: &str,
    span: Span,
    names: impl Fn() -> N,
) -> Diagnostic {
    let possible = format!("its types are {}", listed(names()));
    let help = match nearest(mdev_type, names()) {
        Some(meant) => format!("did you mean `{meant}`? {possible}"),
        None => possible,
    };
    Diagnostic::new(Code::UnknownMdevType, message, span, "of an unknown type").help(help)
}

fn attributes(subdevice: &Subdevice, catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    // What the kernel has for VFs only is reported of other functions whatever the driver is.
    let is_vf = matches!(subdevice.lifecycle.value, Lifecycle::Vf { .. } | Lifecycle::External { .. });
    let judged = |word: &str| is_vf || !PortFunction::OF_VFS.contains(&word);
    for (word, span) in subdevice.function.given().filter(|(word, _)| judged(word)) {
        if catalogue.function_attributes.contains_key(word) {
            continue;
        }
        let message = format!("functions of the driver `{}` have no attribute `{word}`", catalogue.driver);
        let known = listed(catalogue.function_attributes.keys().map(String::as_str));
        let help = if known.is_empty() {
            "remove the `function`: they have no attributes at all".to_owned()
        } else {
            format!("they have {known}")
        };
        diagnostics.push(Diagnostic::new(Code::NoSuchAttribute, message, span, "cannot be set").help(help));
    }
}

fn rates(whose: &str, rates: &Rates, catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let takes = |what: fn(&RateManners) -> bool| catalogue.rate.as_ref().is_some_and(what);
    let Rates { tx_share, tx_max, tx_priority, tx_weight, parent: _ } = rates;
    let words = [
        ("tx-share", tx_share.as_ref().map(|rate| rate.span), takes(|rate| rate.tx_share)),
        ("tx-max", tx_max.as_ref().map(|rate| rate.span), takes(|rate| rate.tx_max)),
        ("tx-priority", tx_priority.as_ref().map(|value| value.span), takes(|rate| rate.tx_priority)),
        ("tx-weight", tx_weight.as_ref().map(|value| value.span), takes(|rate| rate.tx_weight)),
    ];
    for (word, span, taken) in words {
        let Some(span) = span.filter(|_| !taken) else { continue };
        let message = format!("{whose} of the driver `{}` take no `{word}`", catalogue.driver);
        diagnostics.push(
            Diagnostic::new(Code::NoSuchAttribute, message, span, "cannot be set")
                .help(format!("remove the `{word}=`")),
        );
    }
    let Some(manners) = catalogue.rate else { return };
    let words = [("tx-share", tx_share, manners.tx_share), ("tx-max", tx_max, manners.tx_max)];
    for (word, rate, _) in words.into_iter().filter(|(_, _, taken)| *taken) {
        diagnostics.extend(rate.as_ref().and_then(|rate| rounded(word, rate, manners, catalogue)));
    }
}

/// A rate on a subfunction, where the driver has none for these.
fn rates_of_sf(rates: &Rates, catalogue: &Catalogue) -> Option<Diagnostic> {
    let span = span_of(rates)?;
    let message = format!("subfunctions of the driver `{}` take no rates", catalogue.driver);
    let diagnostic = Diagnostic::new(Code::NoSuchAttribute, message, span, "cannot be set");
    Some(diagnostic.help("remove the `rate`; VFs of this driver take it"))
}

/// Where the first of the words stands.
fn span_of(rates: &Rates) -> Option<Span> {
    let Rates { tx_share, tx_max, tx_priority, tx_weight, parent } = rates;
    let limits = [tx_share, tx_max].into_iter().flatten().map(|rate| rate.span);
    let numbers = [tx_priority, tx_weight].into_iter().flatten().map(|number| number.span);
    limits.chain(numbers).chain(parent.as_ref().map(|parent| parent.span)).min()
}

/// A function at the top of a tree whose nodes the driver makes: it is then in no layer of the scheduler.
fn top(rates: &Rates, catalogue: &Catalogue) -> Option<Diagnostic> {
    let nodes = catalogue.driver_rate_nodes.as_ref()?;
    let parent = rates.parent.as_ref().filter(|parent| parent.value == Rates::TOP)?;
    let message =
        format!("a function of the driver `{}` that is below no rate node sends nothing", catalogue.driver);
    Some(
        Diagnostic::new(Code::NoSuchAttribute, message, parent.span, "below none")
            .help(format!("remove the `parent=`, or write a node: the driver's root is `{}`", nodes.root)),
    )
}

/// A rate node where the driver can have none.
fn place_of_node(node: &RateNode, catalogue: &Catalogue) -> Option<Diagnostic> {
    let name = &node.name;
    let above = node.rates.parent.as_ref().filter(|parent| parent.value != Rates::TOP);
    let driver = &catalogue.driver;
    if let Some(above) = above
        && catalogue.rate.is_some_and(|rate| !rate.nested)
    {
        let message = format!("the driver `{driver}` has no rate nodes below others");
        let diagnostic = Diagnostic::new(Code::NoSuchAttribute, message, above.span, "below another one");
        return Some(diagnostic.help("remove the `parent=`"));
    }
    let nodes = catalogue.driver_rate_nodes.as_ref()?;
    if catalogue.makes_rate_node(&name.value) {
        let message = format!(
            "the driver `{driver}` makes rate nodes whose names begin with `{}` itself",
            nodes.prefix
        );
        let diagnostic = Diagnostic::new(Code::NoSuchAttribute, message, name.span, "the driver's name");
        return Some(diagnostic.help(format!(
            "choose another name; what is to be below `{}` needs its name in `parent=` only",
            name.value
        )));
    }
    if above.is_some() {
        return None;
    }
    let message = format!("a rate node of the driver `{driver}` is below another one, or it has no effect");
    let span = node.rates.parent.as_ref().map_or(name.span, |parent| parent.span);
    let diagnostic = Diagnostic::new(Code::NoSuchAttribute, message, span, "below none");
    Some(
        diagnostic
            .help(format!("write `parent={}`: the driver's root, which comes with the first VF", nodes.root)),
    )
}

/// A rate between two that the driver can keep.
fn rounded(
    word: &str,
    rate: &Sourced<Rate>,
    manners: RateManners,
    catalogue: &Catalogue,
) -> Option<Diagnostic> {
    let step = manners.granularity.max(1);
    let over = rate.value.0 % step;
    if over == 0 {
        return None;
    }
    let below = rate.value.0 - over;
    let above = below.checked_add(step).map(Rate);
    // Zero bytes a second is no limit at all, not a neighbour.
    let neighbours = [Some(Rate(below)).filter(|rate| rate.0 > 0), above].into_iter().flatten();
    let neighbours: Vec<String> = neighbours.map(|rate| format!("`\"{rate}\"`")).collect();
    let message = format!(
        "`{}` keeps rates in whole steps of {}, and {} is not one",
        catalogue.driver,
        Rate(step),
        rate.value
    );
    Some(
        Diagnostic::new(Code::RoundedRate, message, rate.span, "between two steps")
            .help(format!("write `{word}=` as {}", neighbours.join(" or "))),
    )
}
