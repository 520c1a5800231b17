//! The settings of one subject.

use super::attribute::{Attribute, Setting};

/// The attributes of one subject, each once, in the order of [`Attribute`]. They are few and come in order mostly, so they lie
/// in one piece of memory: a plan makes thousands of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(Vec<Setting>);

impl Settings {
    /// No attributes.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// None yet, and room for so many.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets an attribute, replacing its earlier value.
    pub fn set(&mut self, setting: Setting) {
        if self.0.last().is_none_or(|last| last.cmp_by_attribute(&setting).is_lt()) {
            return self.0.push(setting);
        }
        match self.0.binary_search_by(|known| known.cmp_by_attribute(&setting)) {
            Ok(place) => self.0[place] = setting,
            Err(place) => self.0.insert(place, setting),
        }
    }

    /// The value of an attribute.
    #[must_use]
    pub fn get(&self, attribute: &Attribute) -> Option<&Setting> {
        let place = self.0.binary_search_by(|known| known.cmp_attribute(attribute)).ok()?;
        Some(&self.0[place])
    }

    /// Whether this attribute has exactly this value here.
    #[must_use]
    pub fn has(&self, setting: &Setting) -> bool {
        let place = self.0.binary_search_by(|known| known.cmp_by_attribute(setting));
        place.is_ok_and(|place| self.0[place] == *setting)
    }

    /// All of them, in the order of [`Attribute`].
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    /// Keeps only what `keep` says.
    pub fn retain(&mut self, keep: impl Fn(&Attribute) -> bool) {
        self.0.retain(|setting| keep(&setting.attribute()));
    }
}

impl IntoIterator for Settings {
    type Item = Setting;
    type IntoIter = std::vec::IntoIter<Setting>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<Setting> for Settings {
    fn from_iter<I: IntoIterator<Item = Setting>>(settings: I) -> Self {
        let mut all = Self::new();
        all.extend(settings);
        all
    }
}

impl Extend<Setting> for Settings {
    fn extend<I: IntoIterator<Item = Setting>>(&mut self, settings: I) {
        for setting in settings {
            self.set(setting);
        }
    }
}

#[cfg(test)]
mod tests {
    use subdevcfg_compiler::values::{Cmode, MacAddr, Scalar};

    use super::*;
    use crate::resource::Side;

    #[test]
    fn settings_are_in_the_order_of_their_attributes() {
        let param = |name: &str, cmode, value| Setting::Param {
            name: name.to_owned(),
            cmode,
            value: Scalar::Bool(value),
        };
        let device = |name: &str, nth| Setting::Device { name: name.to_owned(), nth, value: "1".to_owned() };
        let samples = [
            Setting::Vfs(3),
            device("a", 1),
            device("b", 0),
            device("a", 0),
            Setting::Mac(MacAddr([2, 0, 0, 0, 0, 1])),
            param("b", Cmode::Runtime, true),
            param("a", Cmode::Permanent, true),
            param("a", Cmode::Runtime, true),
            Setting::Up(Side::Representor, true),
            Setting::Up(Side::Netdev, true),
        ];
        for a in &samples {
            for b in &samples {
                let order = a.attribute().cmp(&b.attribute());
                assert_eq!((a.cmp_by_attribute(b), a.cmp_attribute(&b.attribute())), (order, order));
            }
        }
        let mut settings: Settings = samples.iter().cloned().collect();
        assert!(settings.iter().is_sorted_by_key(Setting::attribute));
        assert!(samples.iter().all(|setting| settings.has(setting)));
        settings.set(param("b", Cmode::Runtime, false));
        assert_eq!(settings.iter().count(), samples.len());
        let b = Attribute::Param("b".to_owned(), Cmode::Runtime);
        assert_eq!(settings.get(&b), Some(&param("b", Cmode::Runtime, false)));
        assert!(!settings.has(&param("b", Cmode::Runtime, true)) && !settings.has(&Setting::MaxIoEqs(1)));
    }
}
