//! Values that say which others will do: versions by comparison, numbers by a range.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ValueError;

/// A version: numbers with dots between them. What follows the last number (`-amd64`, `-rc1`) does not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Vec<u64>);

impl Version {
    /// Compares number by number; those that one of them lacks are 0.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let number = |version: &Self, place| version.0.get(place).copied().unwrap_or(0);
        let places = 0..self.0.len().max(other.0.len());
        places
            .map(|place| number(self, place).cmp(&number(other, place)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl Version {
    /// A version above this one, and below every other that is likely to be named.
    #[must_use]
    pub fn just_above(&self) -> Self {
        let mut numbers = self.0.clone();
        numbers.extend([0, 1]);
        Self(numbers)
    }

    /// The lowest version.
    #[must_use]
    pub fn lowest() -> Self {
        Self(vec![0])
    }
}

impl FromStr for Version {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let numbers = text[..end].trim_end_matches('.');
        let numbers: Option<Vec<u64>> = numbers.split('.').map(|number| number.parse().ok()).collect();
        numbers
            .map(Self)
            .ok_or_else(|| ValueError(format!("`{text}` is not a version such as 6.12 or 22.39.1002")))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, number) in self.0.iter().enumerate() {
            let dot = if place == 0 { "" } else { "." };
            write!(f, "{dot}{number}")?;
        }
        Ok(())
    }
}

/// The comparisons of versions, longest first, so that `>=` is not read as `>`.
const OPERATORS: [&str; 5] = [">=", "<=", ">", "<", "="];

/// Versions that will do: comparisons with commas between them, all of which must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionSet(Vec<(&'static str, Version)>);

impl VersionSet {
    /// Whether that version will do.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        self.0.iter().all(|(operator, bound)| {
            let order = version.compare(bound);
            match *operator {
                ">=" => order.is_ge(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                "<" => order.is_lt(),
                _ => order.is_eq(),
            }
        })
    }

    /// Whether every version above all that are named will do.
    #[must_use]
    pub fn contains_newest(&self) -> bool {
        self.0.iter().all(|(operator, _)| operator.starts_with('>'))
    }

    /// The versions that it compares with.
    pub fn bounds(&self) -> impl Iterator<Item = &Version> {
        self.0.iter().map(|(_, bound)| bound)
    }
}

impl FromStr for VersionSet {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong =
            || ValueError(format!("`{text}` does not compare versions, as `>=6.12` or `>=6.6, <6.12` do"));
        let comparison = |part: &str| {
            let part = part.trim();
            let operator = OPERATORS.iter().find(|operator| part.starts_with(**operator))?;
            let version = part[operator.len()..].trim();
            let plain = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            version.parse().ok().filter(|_| plain).map(|version| (*operator, version))
        };
        text.split(',').map(comparison).collect::<Option<_>>().map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for VersionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (operator, version)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{operator}{version}")?;
        }
        Ok(())
    }
}

/// Numbers from one to another, both ends among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NumberRange {
    /// The first.
    pub from: u32,
    /// The last, not below the first.
    pub to: u32,
}

impl NumberRange {
    /// A range; `None` if it goes down.
    #[must_use]
    pub const fn new(from: u32, to: u32) -> Option<Self> {
        if from <= to { Some(Self { from, to }) } else { None }
    }

    /// Whether the number is one of them.
    #[must_use]
    pub const fn contains(self, number: u32) -> bool {
        self.from <= number && number <= self.to
    }

    /// Whether some number is in both.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }
}

impl FromStr for NumberRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let numbers =
            text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        let (from, to) = numbers
            .ok_or_else(|| ValueError(format!("`{text}` is not a range of numbers such as 100..199")))?;
        Self::new(from, to).ok_or_else(|| ValueError(format!("`{text}` goes down: {to} is below {from}")))
    }
}

impl fmt::Display for NumberRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to {
            write!(f, "{}", self.from)
        } else {
            write!(f, "{}..{}", self.from, self.to)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NumberRange, Version, VersionSet};

    fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    #[test]
    fn versions_are_compared_number_by_number() {
        let set: VersionSet = ">=6.6, <6.12".parse().expect("a set");
        for (text, within) in [
            ("6.6", true),
            ("6.6.1", true),
            ("6.11.9-amd64", true),
            ("6.12", false),
            ("6.12.0", false),
            ("6.1", false),
        ] {
            assert_eq!(set.contains(&version(text)), within, "{text}");
        }
        assert!("=22.39".parse::<VersionSet>().is_ok_and(|set| set.contains(&version("22.39.0"))));
        assert_eq!(set.to_string(), ">=6.6, <6.12");
    }

    #[test]
    fn what_is_no_comparison_is_refused() {
        for text in ["", "6.12", ">=", ">= six", ">=6.12-rc1", "=>6.12", ">=6.12,"] {
            assert!(text.parse::<VersionSet>().is_err(), "{text}");
        }
    }

    #[test]
    fn ranges_hold_both_ends_and_go_up() {
        let range: NumberRange = "100..199".parse().expect("a range");
        assert!(range.contains(100) && range.contains(199) && !range.contains(200));
        for text in ["199..100", "1-2", "..", "1..", "a..b", "-1..5"] {
            assert!(text.parse::<NumberRange>().is_err(), "{text}");
        }
    }
}
