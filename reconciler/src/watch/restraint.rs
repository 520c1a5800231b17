//! Restraint: what somebody else puts back again and again, and what fails, is not tried for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::finding::Why;
use crate::guard::is_within;
use crate::plan::Plan;

/// How often one attribute is put back before it counts as a fight.
pub const PUT_BACK: usize = 3;

/// The time within which that has to be.
pub const FIGHT_WITHIN: Duration = Duration::from_mins(10);

/// How long the first failure of a resource is waited out; each further one twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(16);

/// What is held back, and until when.
#[derive(Debug, Default)]
pub(super) struct Restraint {
    /// When each attribute was put back, by its address; of what a reset took, the device's.
    put_back: BTreeMap<String, Vec<Duration>>,
    /// What is fought over.
    fights: BTreeSet<String>,
    /// What failed, by the resource's address.
    failed: BTreeMap<String, Failed>,
    now: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Failed {
    times: u32,
    until: Duration,
}

impl Restraint {
    /// Finds out who fights: what has changed once more after it was put back that often. A fight ends when the value is
    /// as the file says although nobody put it back.
    pub fn look(&mut self, plan: &Plan, now: Duration) {
        self.now = now;
        let drifted: BTreeSet<String> = drifted(plan).collect();
        for times in self.put_back.values_mut() {
            times.retain(|then| now.saturating_sub(*then) < FIGHT_WITHIN);
        }
        let fought =
            |address: &&String| self.put_back.get(*address).is_some_and(|times| times.len() >= PUT_BACK);
        let new: Vec<String> = drifted.iter().filter(fought).cloned().collect();
        self.fights.extend(new);
        let over: Vec<String> = self.fights.difference(&drifted).cloned().collect();
        for address in over {
            self.fights.remove(&address);
            self.put_back.remove(&address);
        }
        self.put_back.retain(|_, times| !times.is_empty());
    }

    /// Notes what was put back: all that had drifted, but for what failed.
    pub fn put_back(&mut self, plan: &Plan, failed: &BTreeSet<&str>, now: Duration) {
        for address in drifted(plan).collect::<BTreeSet<_>>() {
            if !failed.iter().any(|failed| is_within(&address, failed)) {
                self.put_back.entry(address).or_default().push(now);
            }
        }
    }

    pub fn failed(&mut self, address: &str, now: Duration) {
        let times = self.failed.get(address).map_or(0, |failed| failed.times) + 1;
        let pause = FIRST_PAUSE.saturating_mul(1 << (times - 1).min(5)).min(LONGEST_PAUSE);
        self.failed.insert(address.to_owned(), Failed { times, until: now + pause });
    }

    pub fn succeeded(&mut self, address: &str) {
        self.failed.remove(address);
    }

    /// Which of these resources nothing is done about now, and why.
    pub fn held(&self, resources: &[&str]) -> BTreeMap<String, Why> {
        let failed = self.failed.iter().filter(|(_, failed)| failed.until > self.now);
        let failed = failed.map(|(address, failed)| (address.clone(), Why::Failed { times: failed.times }));
        let fought = self.fights.iter().map(|attribute| {
            // An attribute lies within its resource and within that one's device.
            let around = resources.iter().filter(|resource| is_within(attribute, resource));
            let resource =
                around.max_by_key(|resource| resource.len()).map_or(attribute.as_str(), |found| found);
            (resource.to_owned(), Why::Fighting { attribute: attribute.clone(), times: PUT_BACK })
        });
        failed.chain(fought).collect()
    }

    /// When the first of what failed is tried again.
    pub fn next(&self, now: Duration) -> Option<Duration> {
        self.failed.values().map(|failed| failed.until).filter(|until| *until > now).min()
    }
}

/// The addresses of drift; of what a reset took, that of the device.
fn drifted(plan: &Plan) -> impl Iterator<Item = String> {
    plan.drift.iter().map(|drift| {
        let reset =
            plan.resets.iter().find(|reset| drift.by_reset && is_within(&drift.address, &reset.address));
        reset.map_or_else(|| drift.address.clone(), |reset| reset.address.clone())
    })
}
