//! The `param` nodes: typed by the driver's catalogue where it knows them.

use std::collections::BTreeMap;

use super::{value, written};
use crate::catalogue::{Catalogue, ParamOwner, ParamSpec};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Param, Sourced};
use crate::nearest::{listed, nearest};
use crate::source::Span;
use crate::syntax::{Node, Value};
use crate::values::{Cmode, ParamType, Scalar};

/// Longest text of a parameter, in bytes: `__DEVLINK_PARAM_MAX_STRING_VALUE` less the final NUL.
const MAX_TEXT: usize = 31;

/// Whose parameters they are, and what is known of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct ParamContext<'a> {
    pub owner: ParamOwner,
    pub catalogue: Option<&'a Catalogue>,
    /// Whether it is known that there is no catalogue where there is none.
    pub judge: bool,
}

impl ParamContext<'_> {
    fn spec(&self, name: &str) -> Option<&ParamSpec> {
        self.catalogue.and_then(|catalogue| catalogue.param(self.owner, name))
    }
}

/// The parameters in the block of a node, sorted by name and cmode.
pub(super) fn params(
    node: &Node,
    context: &ParamContext<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Param> {
    let mut found: BTreeMap<(String, Cmode), (Span, Param)> = BTreeMap::new();
    for node in node.all("param") {
        let Some(param) = param(node, context, diagnostics) else { continue };
        let key = (param.name.clone(), param.cmode);
        if let Some((first, _)) = found.get(&key) {
            let message = format!("`{}` ({}) is given twice", param.name, param.cmode);
            diagnostics.push(
                Diagnostic::new(Code::RepeatedParam, message, node.span, "given again")
                    .and(*first, "first given here")
                    .help("keep one of them"),
            );
            continue;
        }
        found.insert(key, (node.span, param));
    }
    found.into_values().map(|(_, param)| param).collect()
}

fn param(node: &Node, context: &ParamContext<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Param> {
    let name = node.argument(0)?;
    let cmode_value = node.property("cmode");
    let spec = context.spec(name.text()?);
    let scalar = chosen(node, name, spec, context, diagnostics);
    let if_supported = node.property("if-supported").and_then(value::boolean);
    let cmode = match (cmode_value.and_then(value::word::<Cmode>), spec) {
        (Some(cmode), Some(spec)) if !spec.cmodes.contains(&cmode.value) => {
            diagnostics.push(wrong_cmode(spec, cmode.value, cmode.span));
            None
        }
        (Some(cmode), _) => Some(cmode.value),
        (None, Some(spec)) if spec.cmodes.len() == 1 => spec.cmodes.first().copied(),
        // A refused `cmode=` has been reported.
        (None, _) if node.incomplete => None,
        (None, _) => {
            diagnostics.extend(context.judge.then(|| cmode_needed(name, spec, context)));
            None
        }
    };
    if let (Some(catalogue), None, Some(_)) = (context.catalogue, spec, cmode) {
        let optional = if_supported.as_ref().is_some_and(|optional| optional.value);
        diagnostics.push(unknown(name, catalogue, context.owner, optional));
    }
    Some(Param { name: name.text()?.to_owned(), cmode: cmode?, value: scalar?, if_supported })
}

/// The value that is written, or that `default=#true` stands for.
fn chosen(
    node: &Node,
    name: &Value,
    spec: Option<&ParamSpec>,
    context: &ParamContext<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Sourced<Scalar>> {
    let value = node.argument(1);
    let default = node.property("default").filter(|value| value.boolean() != Some(false));
    if !value::one_of(node, ("a value", value), ("`default=#true`", default), diagnostics) {
        return None;
    }
    if let Some(value) = value {
        let scalar = spec.map_or_else(|| value::scalar(value), |spec| typed(spec, value, diagnostics));
        return scalar.map(|scalar| written(scalar, value.span));
    }
    let span = default?.span;
    let Some(scalar) = spec.and_then(|spec| spec.default.clone()) else {
        if context.judge {
            let message = format!("nobody knows the default of `{}`", name.text().unwrap_or_default());
            let why = match context.catalogue {
                Some(catalogue) => format!("the catalogue of `{}` does not tell it", catalogue.driver),
                None => "without a catalogue of the driver, nothing tells it".to_owned(),
            };
            diagnostics.push(
                Diagnostic::new(Code::UnknownDefault, message, span, why)
                    .help("write the value itself in the place of `default=#true`"),
            );
        }
        return None;
    };
    let implied = Some("the default, by the driver's catalogue".to_owned());
    Some(Sourced { value: scalar, span, implied })
}

/// The value as the parameter's wire type wants it.
fn typed(spec: &ParamSpec, value: &Value, diagnostics: &mut Vec<Diagnostic>) -> Option<Scalar> {
    let scalar = value::scalar(value)?;
    let name = &spec.name;
    let refuse = |code, message, label, help: String| {
        Some(Diagnostic::new(code, message, value.span, label).help(help))
    };
    let refusal = match (&scalar, spec.value_type, spec.value_type.max_number()) {
        (Scalar::Bool(_), ParamType::Bool, _) => None,
        (Scalar::Number(number), _, Some(largest)) => {
            let (min, max) = spec.range.map_or((0, largest), |(min, max)| (min, max.min(largest)));
            if (min..=max).contains(number) {
                None
            } else {
                let message = format!("`{name}` is at least {min} and at most {max}, and this is {number}");
                refuse(Code::ParamRange, message, "out of range", spec.doc.clone())
            }
        }
        (Scalar::Text(text), ParamType::String, _) => {
            let words = spec.words.iter().map(String::as_str);
            if !spec.words.is_empty() && !spec.words.contains(text) {
                let message = format!("`{name}` cannot be `{text}`");
                refuse(Code::ParamRange, message, "unknown word", format!("possible: {}", listed(words)))
            } else if text.len() > MAX_TEXT {
                let message = format!("`{name}` takes at most {MAX_TEXT} bytes, and this has {}", text.len());
                refuse(Code::ParamRange, message, "too long", spec.doc.clone())
            } else {
                None
            }
        }
        (_, wanted, _) => {
            let (wanted, help) = match wanted {
                ParamType::Bool => ("a boolean", "write `#true` or `#false`"),
                ParamType::String => ("text", "write it in quotes"),
                _ => ("a whole number", "write it without quotes"),
            };
            let message = format!("`{name}` is {wanted}, not {}", value.datum.kind());
            let label = "of the wrong type";
            refuse(Code::ParamType, message, label, format!("{help}. {}", spec.doc))
        }
    };
    match refusal {
        None => Some(scalar),
        Some(diagnostic) => {
            diagnostics.push(diagnostic);
            None
        }
    }
}

fn wrong_cmode(spec: &ParamSpec, cmode: Cmode, span: Span) -> Diagnostic {
    let modes = spec.cmodes.iter().map(|mode| mode.as_str());
    let message = format!("`{}` cannot be written in mode `{cmode}`", spec.name);
    let help = if spec.cmodes.len() == 1 {
        format!("its only mode is {}: `cmode=` can be left out", listed(modes))
    } else {
        format!("its modes are {}", listed(modes))
    };
    Diagnostic::new(Code::ParamCmode, message, span, "not a mode of this parameter").help(help)
}

fn cmode_needed(name: &Value, spec: Option<&ParamSpec>, context: &ParamContext<'_>) -> Diagnostic {
    let text = name.text().unwrap_or_default();
    let modes = Cmode::ALL.iter().map(|mode| mode.as_str());
    let (message, help) = match (spec, context.catalogue) {
        (Some(spec), _) => (
            format!("`{text}` can be written in several modes: `cmode=` must say which"),
            format!("its modes are {}", listed(spec.cmodes.iter().map(|mode| mode.as_str()))),
        ),
        (None, Some(catalogue)) => (
            format!(
                "the catalogue of `{}` does not know `{text}`: `cmode=` must say its mode",
                catalogue.driver
            ),
            near(text, catalogue, context.owner)
                .unwrap_or_else(|| format!("`devlink dev param show` tells it: {}", listed(modes))),
        ),
        (None, None) => (
            format!("without a catalogue of the driver, `cmode=` must say the mode of `{text}`"),
            format!(
                "`devlink dev param show` tells it: {}; or name a driver with a catalogue, `driver=`",
                listed(modes)
            ),
        ),
    };
    Diagnostic::new(Code::CmodeNeeded, message, name.span, "in which mode?").help(help)
}

fn unknown(name: &Value, catalogue: &Catalogue, owner: ParamOwner, optional: bool) -> Diagnostic {
    let text = name.text().unwrap_or_default();
    let whose = match owner {
        ParamOwner::Parent => "a parent",
        ParamOwner::Function => "a function",
    };
    let message = format!("the catalogue of `{}` knows no parameter `{text}` of {whose}", catalogue.driver);
    let written = if optional {
        "where a device has it, it is written as it stands, unchecked: vendors add parameters"
    } else {
        "it is written as it stands, unchecked: vendors add parameters"
    };
    let help = near(text, catalogue, owner).unwrap_or_else(|| written.to_owned());
    Diagnostic::new(Code::UnknownParam, message, name.span, "not in the catalogue").help(help)
}

/// What was probably meant: a name near to it, or the same name on the other instance.
fn near(name: &str, catalogue: &Catalogue, owner: ParamOwner) -> Option<String> {
    let of = |owner| {
        catalogue.params.iter().filter(move |spec| spec.owner == owner).map(|spec| spec.name.as_str())
    };
    if let Some(meant) = nearest(name, of(owner)) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let (other, place) = match owner {
        ParamOwner::Parent => {
            (ParamOwner::Function, "functions have it: write it into the block of a `subdevice`")
        }
        ParamOwner::Function => {
            (ParamOwner::Parent, "the parent has it: write it into the block of the `device`")
        }
    };
    of(other).any(|known| known == name).then(|| place.to_owned())
}
