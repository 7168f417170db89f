//! How much was masked: the recording says so, without what.

use std::ops::AddAssign;

use super::Detector;

/// Finds per detector.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Hits([u32; Detector::ALL.len()]);

impl Hits {
    /// Whether nothing was masked.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// Finds of all detectors together.
    pub fn total(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }

    /// Finds of one detector.
    pub fn of(&self, detector: Detector) -> u32 {
        self.0.get(detector as usize).copied().unwrap_or_default()
    }

    /// The detectors that found something, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Detector, u32)> + '_ {
        Detector::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    pub(super) fn count(&mut self, detector: Detector) {
        if let Some(count) = self.0.get_mut(detector as usize) {
            *count = count.saturating_add(1);
        }
    }
}

impl AddAssign for Hits {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }
}
