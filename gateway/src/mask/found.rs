//! What one pass over a text has found and not yet painted.

use std::ops::Range;

use super::{Detector, Hits, text};

/// Spans to paint, and how far each detector has already looked.
#[derive(Debug, Default)]
pub(super) struct Found {
    spans: Vec<Range<usize>>,
    hits: Hits,
    judged: [usize; Detector::ALL.len()],
}

impl Found {
    /// Whether there is nothing to paint.
    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Reports one find whose bytes chosen by `hidden` are to be painted; a find that is all stars already is none.
    pub(super) fn report(&mut self, by: Detector, text: &[u8], span: Range<usize>, hidden: fn(u8) -> bool) {
        if self.cover(text, span, hidden) {
            self.hits.count(by);
        }
    }

    /// Reports one find in two parts, such as the two sides of an address.
    pub(super) fn report_both(&mut self, by: Detector, text: &[u8], first: Range<usize>, second: Range<usize>) {
        let covered = [first, second].map(|part| self.cover(text, part, |_| true));
        if covered.contains(&true) {
            self.hits.count(by);
        }
    }

    /// Whether the detector has judged the byte at `at` already.
    ///
    /// Key words inside a judged value are skipped: one secret is one hit, and hostile repetitions cost no square.
    pub(super) fn has_judged(&self, by: Detector, at: usize) -> bool {
        self.judged.get(by as usize).is_some_and(|end| at < *end)
    }

    /// Remembers that the detector need not look before `end` again.
    pub(super) fn judge_to(&mut self, by: Detector, end: usize) {
        if let Some(judged) = self.judged.get_mut(by as usize) {
            *judged = end.max(*judged);
        }
    }

    /// Paints every span and hands over the counts.
    pub(super) fn paint(self, text: &mut [u8]) -> Hits {
        for span in self.spans {
            if let Some(bytes) = text.get_mut(span) {
                bytes.fill(b'*');
            }
        }
        self.hits
    }

    /// Adds the runs of hidden bytes; says whether any of them is news.
    fn cover(&mut self, text: &[u8], span: Range<usize>, hidden: fn(u8) -> bool) -> bool {
        // A digit or letter of `\u0034` belongs to the escape: half an escape would no longer be JSON.
        let mut at = text::past_escape(text, span.start).min(span.end);
        let known = self.spans.len();
        while let Some(rest) = text.get(at..span.end).filter(|rest| !rest.is_empty()) {
            let news = |byte: &u8| hidden(*byte) && *byte != b'*';
            let kept = rest.iter().take_while(|byte| !news(byte)).count();
            let painted = rest.iter().skip(kept).take_while(|byte| news(byte)).count();
            let start = at + kept;
            at = start + painted;
            if painted > 0 {
                self.spans.push(start..at);
            }
        }
        self.spans.len() > known
    }
}
