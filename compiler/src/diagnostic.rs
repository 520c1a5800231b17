//! Diagnostics: what the compiler has to say about a text, apart from how it is shown ([`crate::render`]).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::source::{Origin, SourceMap, Span};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file does not mean anything that could be applied.
    Error,
    /// It does, but probably not what was wanted.
    Warning,
}

/// A place and what is to be said of it, readable alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words.
    pub text: String,
}

/// A change to a text that mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in a few words.
    pub title: String,
    /// The changes, which do not overlap.
    pub edits: Vec<Edit>,
    /// Whether it can be made unseen.
    pub applicability: Applicability,
}

/// A piece of text in the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty where something is inserted.
    pub span: Span,
    /// What stands there then.
    pub text: String,
}

/// Whether a fix is certain to be what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Applicability {
    /// It is: `check --fix` makes it.
    Machine,
    /// It may not be: a person decides.
    Maybe,
}

impl Fix {
    /// A fix that is certain to be what was meant.
    pub fn machine(title: impl Into<String>, edits: Vec<Edit>) -> Self {
        Self { title: title.into(), edits, applicability: Applicability::Machine }
    }

    /// A fix that is certain to be what was meant: another text at one place.
    pub fn write(span: Span, text: impl Into<String>) -> Self {
        Self { applicability: Applicability::Machine, ..Self::maybe(span, text) }
    }

    /// A fix that may be what was meant: another text at one place.
    pub fn maybe(span: Span, text: impl Into<String>) -> Self {
        let text = text.into();
        let title = format!("write `{text}`");
        Self { title, edits: vec![Edit { span, text }], applicability: Applicability::Maybe }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// How bad it is; as the table of codes says.
    pub severity: Severity,
    /// One sentence in the user's words, without its full stop.
    pub message: String,
    /// Where it is wrong: the smallest place that shows it.
    pub primary: Label,
    /// Places that belong to it ("first given here"), in any source.
    pub secondary: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
    /// A change that does it.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A message of that code at that place. The label says what is wrong there.
    pub fn new(code: Code, message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: on_one_line(message.into()),
            primary: Label { span, text: label.into() },
            secondary: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// Adds a related place.
    #[must_use]
    pub fn and(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Adds a change that mends it.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }

    /// Asks whether that word was meant for the one at this place.
    #[must_use]
    pub fn meant(self, span: Span, word: &str) -> Self {
        self.help(format!("did you mean `{word}`?")).fix(Fix::maybe(span, word))
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}

/// A sentence with the control characters of what it quotes as escapes.
fn on_one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped =
        text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() });
    escaped.collect()
}

/// Puts messages in the order in which they are shown: by place, then by code.
fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics
        .sort_by(|a, b| (a.primary.span, a.code, &a.message).cmp(&(b.primary.span, b.code, &b.message)));
}

/// Adds to each message how its places came to be used, and makes one of those that differ only in that: a mistake in a
/// template is said once, however often the template is used. Sorts.
pub(crate) fn with_trails(mut diagnostics: Vec<Diagnostic>, sources: &SourceMap) -> Vec<Diagnostic> {
    sort(&mut diagnostics);
    let mut found: Vec<(Diagnostic, usize)> = Vec::with_capacity(diagnostics.len());
    let mut places: BTreeMap<(Code, Span, String), usize> = BTreeMap::new();
    for diagnostic in diagnostics {
        let place = diagnostic.primary.span.of(Origin::WRITTEN);
        let key = (diagnostic.code, place, diagnostic.message.clone());
        match places.entry(key) {
            Entry::Occupied(first) => found[*first.get()].1 += 1,
            Entry::Vacant(new) => {
                new.insert(found.len());
                found.push((diagnostic, 0));
            }
        }
    }
    found.into_iter().map(|(diagnostic, more)| with_trail(diagnostic, more, sources)).collect()
}

/// Most steps of a trail that are shown.
const MAX_STEPS: usize = 8;

fn with_trail(mut diagnostic: Diagnostic, more: usize, sources: &SourceMap) -> Diagnostic {
    let mut labels: Vec<Label> = Vec::new();
    let add = |labels: &mut Vec<Label>, span: Span, text: String| {
        let primary = diagnostic.primary.span;
        let known = labels.iter().any(|label| label.span.is_same_place(span));
        if !known && !primary.is_same_place(span) {
            labels.push(Label { span, text });
        }
    };
    for label in &diagnostic.secondary {
        add(&mut labels, label.span, label.text.clone());
    }
    for (place, step) in sources.trail(diagnostic.primary.span).take(MAX_STEPS).enumerate() {
        let times = if more == 1 { "time" } else { "times" };
        let also = if place == 0 && more > 0 { format!(", and {more} more {times}") } else { String::new() };
        add(&mut labels, step.span, format!("{}{also}", step.text));
    }
    for label in &diagnostic.secondary {
        for step in sources.trail(label.span).take(MAX_STEPS) {
            add(&mut labels, step.span, format!("{}: {}", label.text, step.text));
        }
    }
    diagnostic.secondary = labels;
    diagnostic
}

/// Adds the messages of another compilation of the same files that are not among these; each says when it holds. What is
/// said of unused names is of the one compilation that is used.
pub(crate) fn add_new(
    diagnostics: &mut Vec<Diagnostic>,
    sources: &mut SourceMap,
    other: &crate::Compilation,
    when: &str,
) {
    for new in &other.diagnostics {
        let mut new = new.clone();
        let labels = std::iter::once(&mut new.primary).chain(&mut new.secondary);
        labels.for_each(|label| label.span = sources.import(&other.sources, label.span));
        let edits = new.fix.iter_mut().flat_map(|fix| &mut fix.edits);
        edits.for_each(|edit| edit.span = sources.import(&other.sources, edit.span));
        let same =
            |old: &&Diagnostic| old.code == new.code && old.primary.span.is_same_place(new.primary.span);
        if new.severity == Severity::Error && !diagnostics.iter().any(|old| same(&old)) {
            new.message = format!("{}, {when}", new.message);
            diagnostics.push(new);
        }
    }
    sort(diagnostics);
}

/// Whether any of the messages is an error.
#[must_use]
pub fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Declares the table of codes: one line a code, with its severity and the class of mistakes that it names. The first
/// two digits are the stage: 01 syntax, 02 structure, 03 values, 04 meaning within a host, 05 the driver's catalogue,
/// 06 includes, templates and names, 07 across files.
/// A code is never given another meaning and never used again; E0104 was in the table once.
macro_rules! codes {
    ($($variant:ident = $code:literal, $severity:ident, $title:literal;)+) => {
        /// The stable code of a message.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $title] $variant,)+ }

        impl Code {
            /// Every code, in rising order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as it is shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// The page of `explain`: a text, a wrong example and a right one, in Markdown.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $(Self::$variant => include_str!(concat!("../../docs/errors/", $code, ".md")),)+ }
            }

            /// The class of mistakes that it names.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    Unreadable = "E0101", Error, "a file that cannot be read";
    TooLarge = "E0102", Error, "a file above the size limit";
    TooDeep = "E0103", Error, "blocks nested above the depth limit";
    UnbalancedBlock = "E0105", Error, "a brace without its partner";
    Unterminated = "E0106", Error, "a string or comment without its end";
    BareKeyword = "E0107", Error, "`true`, `false` or `null` without `#`";
    NoValue = "E0108", Error, "a property without a value";
    NeedsQuotes = "E0109", Error, "a value that needs quotes";
    UnknownKeyword = "E0110", Error, "a word after `#` that KDL does not know";
    Syntax = "E0111", Error, "text that is not KDL";
    BareInterpolation = "E0112", Error, "a `${` without quotes";
    UnknownNode = "E0201", Error, "a node that the language does not have";
    MisplacedNode = "E0202", Error, "a node where it cannot stand";
    RepeatedNode = "E0204", Error, "a node given twice that stands once";
    MissingNode = "E0205", Error, "a node that must be there";
    NotFirst = "E0206", Error, "`subdevcfg` not as the first node";
    UnknownProperty = "E0207", Error, "a property that the node does not have";
    RepeatedProperty = "E0208", Error, "a property given twice";
    MissingProperty = "E0209", Error, "a property that must be there";
    ExtraArgument = "E0210", Error, "more arguments than the node takes";
    MissingArgument = "E0211", Error, "fewer arguments than the node needs";
    UnexpectedBlock = "E0212", Error, "a block on a node that takes none";
    TypeAnnotation = "E0213", Error, "a KDL type annotation";
    WrongType = "E0301", Error, "a value of the wrong kind";
    UnknownWord = "E0302", Error, "a word that is not one of those possible here";
    OutOfRange = "E0303", Error, "a number out of its range";
    MalformedMac = "E0304", Error, "text that is not a MAC address";
    MalformedHandle = "E0305", Error, "text that is not a devlink handle";
    MalformedInterface = "E0306", Error, "text that cannot name a network interface";
    MalformedUuid = "E0307", Error, "text that is not a UUID";
    UnusableMac = "E0308", Error, "a MAC address that no function can have";
    MalformedGivenName = "E0309", Error, "text that cannot be a name";
    MalformedRate = "E0310", Error, "text that is not a transmit rate";
    MalformedVersion = "E0311", Error, "text that is not a comparison of versions";
    MalformedRange = "E0312", Error, "text that is not a range of numbers";
    RepeatedDevice = "E0401", Error, "a device described twice";
    RepeatedSubdevice = "E0402", Error, "two subdevices of one name";
    RepeatedParam = "E0403", Error, "a parameter given twice";
    RepeatedMac = "E0404", Error, "a MAC address given twice";
    RepeatedUuid = "E0405", Error, "a UUID given twice";
    RepeatedSfNumber = "E0406", Error, "a subfunction number given twice";
    RepeatedInterface = "E0407", Error, "an interface name given twice";
    NoLifecycle = "E0408", Error, "a subdevice that does not say what it is";
    TwoLifecycles = "E0409", Error, "a subdevice that says twice what it is";
    NoSfNumber = "E0410", Error, "a subfunction without a number";
    NeedsSwitchdev = "E0411", Error, "a word of switchdev mode on a device in legacy mode";
    AnyHostHardware = "E0412", Error, "a hardware address in a file for any host";
    PoolTooSmall = "E0413", Error, "more subdevices than the device has room for";
    NetdevDisabled = "E0414", Error, "a netdev whose function is told not to have one";
    SfNumberCollision = "E0415", Error, "a derived subfunction number that is taken";
    AnyHostMac = "E0416", Error, "a derived MAC address in a file for any host";
    ShareAboveMax = "E0417", Error, "a share above the limit";
    OneOf = "E0418", Error, "two words where one must be chosen";
    NoMatch = "E0419", Error, "a device whose place nothing says";
    RepeatedFunction = "E0420", Error, "a VF given twice";
    BeyondCount = "E0421", Error, "a VF beyond the number of VFs";
    OtherLifecycle = "E0422", Error, "a word that functions of this kind do not have";
    NeedsLegacy = "E0423", Error, "a word of legacy mode on a device in switchdev mode";
    BoundAway = "E0424", Error, "a netdev or a mediated device of a function that is bound to another driver";
    MtuAboveUplink = "E0425", Error, "an MTU above that of the uplink";
    RepeatedRateNode = "E0426", Error, "two rate nodes of one name";
    UnknownRateNode = "E0427", Error, "a rate node that is not declared";
    RateCycle = "E0428", Error, "rate nodes below each other in a circle";
    SharesAboveMax = "E0429", Error, "shares that together are above the limit";
    RepeatedBridge = "E0430", Error, "two bridges of one name";
    UnknownBridge = "E0431", Error, "a bridge that is not declared";
    OtherBridge = "E0432", Error, "a word that bridges of this kind do not have";
    RepeatedVlan = "E0433", Error, "a VLAN given twice";
    TwoPvids = "E0434", Error, "two VLANs for untagged frames";
    UnknownAttribute = "E0435", Error, "an attribute that nothing in the file has";
    AbsentAndMore = "E0436", Error, "more to say of what must not be there";
    FormerName = "E0437", Error, "a former name that is in use";
    OptionalExclusive = "E0438", Error, "a file that may be missing beside an exclusive range";
    RepeatedVdpa = "E0439", Error, "two vDPA devices of one name";
    NotSoft = "E0501", Error, "`create` of a device that is not made by software";
    UnknownParam = "E0502", Warning, "a parameter that the driver's catalogue does not have";
    ParamType = "E0503", Error, "a parameter value of the wrong type";
    ParamRange = "E0504", Error, "a parameter value that the driver does not take";
    ParamCmode = "E0505", Error, "a configuration mode that the parameter does not have";
    CmodeNeeded = "E0506", Error, "a parameter whose configuration mode is not known";
    OtherDriver = "E0507", Error, "a driver that cannot be that of this device";
    OnlyInMode = "E0508", Error, "a parameter that cannot be written in this eswitch mode";
    NoSuchFunction = "E0509", Error, "a kind of function that the driver does not have";
    UnknownMdevType = "E0510", Error, "a type of mediated devices that the driver does not have";
    NoSuchAttribute = "E0511", Error, "an attribute of functions that the driver does not take";
    RoundedRate = "E0512", Error, "a rate that the driver would round or refuse";
    UnknownDefault = "E0515", Error, "a default that the catalogue does not know";
    UnknownDriver = "E0516", Warning, "a driver that is probably misspelt";
    Unincluded = "E0601", Error, "an included file that cannot be read";
    HostInFragment = "E0602", Error, "an included file with a host of its own";
    Circular = "E0603", Error, "a file, a template or a name that needs itself";
    UnknownTemplate = "E0604", Error, "a template that is not there";
    RepeatedTemplate = "E0605", Error, "two templates of one name";
    MissingParameter = "E0606", Error, "a parameter without a value";
    UnknownParameter = "E0607", Error, "a value for a parameter that is not there";
    UnknownName = "E0608", Error, "a name that nothing has";
    RepeatedName = "E0609", Error, "a name given twice";
    MalformedName = "E0610", Error, "text that cannot be a name";
    Interpolation = "E0611", Error, "a `$` that begins nothing";
    NoResult = "E0612", Error, "an expression that has no value";
    ExpansionTooLarge = "E0613", Error, "more than expansion may make";
    TwoValues = "E0614", Error, "one attribute with two values";
    NothingToOverride = "E0615", Error, "an override of what is not there";
    UnusedTemplate = "E0616", Warning, "a template that nobody uses";
    UnusedName = "E0617", Warning, "a name that nobody uses";
    RepeatedHost = "E0701", Error, "two files for one machine";
    FleetMac = "E0702", Error, "a MAC address on two hosts";
    FleetUuid = "E0703", Error, "a UUID on two hosts";
    UnusedFragment = "E0704", Warning, "a fragment that no host includes";
    MovedIdentity = "E0705", Error, "a derived identity that a change of the file moves";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
