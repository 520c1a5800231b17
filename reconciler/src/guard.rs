//! The guard: which impact an apply may have without somebody saying so.

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;
use subdevcfg_compiler::catalogue::Impact;

use crate::kernel::Request;
use crate::plan::{Operation, Plan, Swept};
use crate::resource::Attribute;

/// What `--allow` allows when it is not given.
pub const DEFAULT_CEILING: Impact = Impact::Traffic;

/// The cause of a parent-wide impact; it is shown in its place, and `--allow CAUSE` lifts the ceiling for it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The eswitch changes its mode.
    EswitchSwitch,
    /// The parent is reloaded.
    ParentReload,
    /// All VFs go, whatever comes after them.
    VfRecount,
}

impl Cause {
    const ALL: [Self; 3] = [Self::EswitchSwitch, Self::ParentReload, Self::VfRecount];

    /// The word of plans and of `--allow`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EswitchSwitch => "eswitch-switch",
            Self::ParentReload => "parent-reload",
            Self::VfRecount => "vf-recount",
        }
    }

    /// The cause of a request's impact, where it is parent-wide and has a name.
    #[must_use]
    pub fn of(request: &Request, impact: Impact) -> Option<Self> {
        match request {
            Request::Set { setting, .. } => match setting.attribute() {
                Attribute::EswitchMode | Attribute::InlineMode | Attribute::EncapMode => {
                    Some(Self::EswitchSwitch)
                }
                _ => None,
            },
            Request::SetVfs { .. } => Some(Self::VfRecount),
            Request::Reload { subject } if subject.is_parent() => Some(Self::ParentReload),
            _ => None,
        }
        .filter(|_| impact == Impact::ParentWide)
    }
}

/// The word that plans show for an operation's impact: its cause where it has one, else its level.
#[must_use]
pub fn impact_word(operation: &Operation) -> &'static str {
    operation.cause.map_or(operation.impact.as_str(), Cause::as_str)
}

/// One `--allow LEVEL[@ADDRESS]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    level: Level,
    address: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Impact(Impact),
    Cause(Cause),
}

/// A word that is no level of impact and no cause.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is no impact; the levels are {levels}, and the causes {causes}", levels = levels(), causes = causes())]
pub struct UnknownLevel(String);

fn levels() -> String {
    Impact::ALL.iter().map(|impact| impact.as_str()).collect::<Vec<_>>().join(", ")
}

fn causes() -> String {
    Cause::ALL.map(Cause::as_str).join(", ")
}

impl FromStr for Allowance {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        let (word, address) = match text.split_once('@') {
            Some((word, address)) => (word, Some(address.to_owned())),
            None => (text, None),
        };
        let impact =
            Impact::ALL.iter().find(|impact| impact.as_str() == word).map(|&impact| Level::Impact(impact));
        let cause = || Cause::ALL.into_iter().find(|cause| cause.as_str() == word).map(Level::Cause);
        let level = impact.or_else(cause).ok_or_else(|| UnknownLevel(word.to_owned()))?;
        Ok(Self { level, address })
    }
}

impl Allowance {
    /// Whether it covers this operation.
    #[must_use]
    pub fn permits(&self, operation: &Operation) -> bool {
        let in_scope = self.address.as_deref().is_none_or(|scope| is_within(&operation.address, scope));
        let permitted = match self.level {
            Level::Impact(ceiling) => operation.impact <= ceiling,
            // A cause includes everything below parent-wide.
            Level::Cause(cause) => operation.impact < Impact::ParentWide || operation.cause == Some(cause),
        };
        in_scope && permitted
    }
}

/// Whether an address is `scope` or lies below it.
#[must_use]
pub fn is_within(address: &str, scope: &str) -> bool {
    address.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with(['#', '.', ' ']))
}

/// What a person has allowed, by the command line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Permissions<'a> {
    /// `--allow`.
    pub allow: &'a [Allowance],
    /// `--allow-in-use`: addresses of what may be disturbed although it is in use.
    pub in_use: &'a [String],
    /// `--allow-lifeline`: addresses of what may be disturbed although the host is reached over it.
    pub lifeline: &'a [String],
    /// `--evict`: addresses of what may be taken from whoever has it open through VFIO.
    pub evict: &'a [String],
    /// `--max-destroy`: how many functions an `exclusive` may take away.
    pub max_destroy: Option<usize>,
    /// `--confirm-within`: everything is undone unless somebody confirms it.
    pub confirm: bool,
    /// Nothing is refused: who asked for a confirmation agreed to what is done when it does not come.
    pub unguarded: bool,
}

/// The time that a refusal suggests for a confirmation.
pub const CONFIRM_WITHIN: &str = "60s";

/// How many functions an `exclusive` takes away without a word, and not more than half of those that there are.
pub const MAX_DESTROY: usize = 8;

/// The flags that would allow what is not allowed; empty when all is. Each thing in use, and each lifeline, is named.
#[must_use]
pub fn missing(plan: &Plan, permissions: Permissions<'_>) -> Vec<String> {
    let mut flags = flags_for(&above_ceiling(plan, permissions));
    flags.extend(unnamed(plan, permissions));
    flags
}

/// The flags for what is in use and for lifelines that nobody has named. No answer at a terminal stands for them.
#[must_use]
pub fn unnamed(plan: &Plan, permissions: Permissions<'_>) -> Vec<String> {
    if permissions.unguarded {
        return Vec::new();
    }
    let mut flags = Vec::new();
    for found in &plan.in_use {
        if found.blocks && !permissions.evict.contains(&found.address) {
            flags.push(format!("--evict {}", quoted(&found.address)));
        }
        // Whoever evicts one user means the others as well.
        if !found.users.is_empty() && !found.blocks && !permissions.in_use.contains(&found.address) {
            flags.push(format!("--allow-in-use {}", quoted(&found.address)));
        }
        if found.lifeline.is_some() && !permissions.lifeline.contains(&found.address) {
            flags.push(format!("--allow-lifeline {}", quoted(&found.address)));
        }
    }
    if plan.in_use.iter().any(|found| found.lifeline.is_some()) && !permissions.confirm {
        flags.push(format!("--confirm-within {CONFIRM_WITHIN}"));
    }
    let too_many = |swept: &&Swept| match permissions.max_destroy {
        Some(most) => swept.functions > most,
        None => is_too_much(**swept),
    };
    let most = plan.swept.values().filter(too_many).map(|swept| swept.functions).max();
    flags.extend(most.map(|most| format!("--max-destroy {most}")));
    flags
}

/// Whether an `exclusive` takes away more than it may without a word.
#[must_use]
pub const fn is_too_much(swept: Swept) -> bool {
    swept.functions > MAX_DESTROY || 2 * swept.functions > swept.of
}

/// An address as a shell takes it for one word. What shells leave alone in the middle of a word stays as it is.
#[must_use]
pub fn quoted(address: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./#-".contains(c);
    if address.chars().all(is_plain) {
        return address.to_owned();
    }
    shlex::try_quote(address).map_or_else(|_| address.to_owned(), Into::into)
}

/// The operations that are above the ceiling.
#[must_use]
pub fn above_ceiling<'p>(plan: &'p Plan, permissions: Permissions<'_>) -> Vec<&'p Operation> {
    if permissions.unguarded {
        return Vec::new();
    }
    let is_above = |operation: &&Operation| {
        operation.impact > DEFAULT_CEILING
            && !permissions.allow.iter().any(|allowance| allowance.permits(operation))
    };
    plan.operations.iter().filter(is_above).collect()
}

/// The operation whose impact is the greatest; of equals, the first.
pub fn greatest<'p>(operations: impl IntoIterator<Item = &'p Operation>) -> Option<&'p Operation> {
    operations.into_iter().reduce(|known, other| if other.impact > known.impact { other } else { known })
}

/// So many functions of a device are named one by one; for more the device stands.
const NAMED: usize = 8;

/// The flags that would allow these operations, the fewest that name what they are about.
#[must_use]
pub fn flags_for(operations: &[&Operation]) -> Vec<String> {
    let mut by_address: Vec<(&str, Vec<&Operation>)> = Vec::new();
    let mut place: BTreeMap<&str, usize> = BTreeMap::new();
    for operation in operations {
        let place = *place.entry(&operation.address).or_insert(by_address.len());
        if place == by_address.len() {
            by_address.push((&operation.address, Vec::new()));
        }
        by_address[place].1.push(operation);
    }
    let mut by_word: Vec<((&str, &str), Vec<&str>)> = Vec::new();
    for (address, operations) in by_address {
        for word in words(&operations) {
            let key = (word, device_of(address));
            match by_word.iter_mut().find(|(known, _)| *known == key) {
                Some((_, addresses)) => addresses.push(address),
                None => by_word.push((key, vec![address])),
            }
        }
    }
    let flags = by_word.into_iter().flat_map(|((word, device), addresses)| {
        let named = if addresses.len() > NAMED { vec![device] } else { addresses };
        named.into_iter().map(move |address| format!("--allow {}", quoted(&format!("{word}@{address}"))))
    });
    flags.collect()
}

/// The address of the device that a function's address begins with.
fn device_of(address: &str) -> &str {
    address.split_once('#').map_or(address, |(device, _)| device)
}

/// The levels and causes that together allow these operations on one resource.
fn words(operations: &[&Operation]) -> Vec<&'static str> {
    let Some(greatest) = greatest(operations.iter().copied()) else { return Vec::new() };
    if greatest.impact < Impact::ParentWide {
        return vec![greatest.impact.as_str()];
    }
    let mut words = Vec::new();
    for operation in operations.iter().filter(|operation| operation.impact == Impact::ParentWide) {
        let Some(cause) = operation.cause else { return vec![Impact::ParentWide.as_str()] };
        if !words.contains(&cause.as_str()) {
            words.push(cause.as_str());
        }
    }
    words
}
