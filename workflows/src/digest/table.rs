//! Person by target: who had what, for how long, and what was done there.

use std::collections::BTreeMap;

use super::access::{gap, never_used, owed, read_only};
use super::index::{View, end_of};
use super::words::{many, seconds, size};
use super::{Count, Line, Listing, MOST_LINES};
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::target::TargetName;

#[derive(Debug, Default)]
struct Cell {
    held: Vec<(i64, i64)>,
    connected: Vec<(i64, i64)>,
    sessions: Vec<SessionId>,
    operations: u64,
    rows: u64,
    /// What needs a decision: unused grants, owed reviews, gaps, places where write was only read.
    unused: u64,
    owed: u64,
    gaps: u64,
    read: u64,
}

/// How much time intervals cover together.
fn covered(mut intervals: Vec<(i64, i64)>) -> i64 {
    intervals.sort_unstable();
    let (mut total, mut reached) = (0_i64, i64::MIN);
    for (from, until) in intervals {
        let from = from.max(reached);
        if until > from {
            total = total.saturating_add(until - from);
            reached = until;
        }
    }
    total
}

type Cells<'v> = BTreeMap<(&'v str, &'v TargetName), Cell>;

/// The table, and how many lines it would have were it not cut.
pub(super) fn table(view: &View<'_>) -> (Vec<Line>, u64) {
    let mut cells: Cells<'_> = BTreeMap::new();
    for grant in view.grants().map(|held| &held.grant) {
        if let Some(part) = view.inside(grant.from, end_of(grant)) {
            cells.entry((&grant.to.name, &grant.target)).or_default().held.push(part);
        }
    }
    used(view, &mut cells);
    decide(view, &mut cells);
    let mut lines: Vec<Line> =
        cells.into_iter().map(|((person, target), cell)| line(view, person, target, cell)).collect();
    lines.sort_by(|one, two| {
        let key = |line: &Line| (std::cmp::Reverse(line.decide), std::cmp::Reverse(line.held_seconds));
        key(one).cmp(&key(two)).then_with(|| (&one.person, &one.target).cmp(&(&two.person, &two.target)))
    });
    let all = size(lines.len());
    lines.truncate(MOST_LINES);
    (lines, all)
}

fn used<'v>(view: &'v View<'_>, cells: &mut Cells<'v>) {
    for session in view.sessions() {
        let ended: Option<Timestamp> = session.ended.as_ref().map(|(at, _)| *at);
        let part = view.inside(session.from, ended.unwrap_or(view.now));
        // A session of no length is one all the same.
        let here = part.is_some() || view.frame.holds(session.from) && session.from <= view.now;
        if !here {
            continue;
        }
        let cell = cells.entry((&session.by.name, &session.target)).or_default();
        cell.connected.extend(part);
        cell.sessions.push(session.id);
        cell.gaps += u64::from(gap(session).is_some());
        // Totals are known at the end, so each session's count once, in the week of its end.
        if ended.is_some_and(|at| view.frame.holds(at)) {
            cell.operations = cell.operations.saturating_add(session.totals.operations);
            cell.rows = cell.rows.saturating_add(session.totals.rows);
        }
    }
}

fn decide<'v>(view: &'v View<'_>, cells: &mut Cells<'v>) {
    for grant in never_used(view) {
        cells.entry((&grant.to.name, &grant.target)).or_default().unused += 1;
    }
    for (request, _) in owed(view) {
        cells.entry((&request.by.name, request.what.target())).or_default().owed += 1;
    }
    for (person, target, _) in read_only(view) {
        cells.entry((person, target)).or_default().read += 1;
    }
}

fn line(view: &View<'_>, person: &str, target: &TargetName, cell: Cell) -> Line {
    let told = [
        (cell.owed, many(cell.owed, "review owed", "reviews owed")),
        (cell.gaps, many(cell.gaps, "gap in the evidence", "gaps in the evidence")),
        (cell.unused, many(cell.unused, "grant never used", "grants never used")),
        (cell.read, "write asked, only read".to_owned()),
    ];
    let words: Vec<String> = told.into_iter().filter(|(n, _)| *n > 0).map(|(_, words)| words).collect();
    Line {
        person: person.to_owned(),
        target: target.clone(),
        held_seconds: seconds(covered(cell.held)),
        session_seconds: seconds(covered(cell.connected)),
        sessions: Count::of(cell.sessions, || view.frame.list(Listing::Sessions, Some(person), Some(target))),
        operations: cell.operations,
        rows: cell.rows,
        decide: cell.owed + cell.gaps + cell.unused + cell.read,
        words: words.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_that_overlap_count_once() {
        assert_eq!(covered(vec![(0, 10), (5, 15), (20, 30), (21, 22)]), 25);
        assert_eq!(covered(Vec::new()), 0);
    }

    proptest! {
        #[test]
        fn what_is_covered_is_what_somebody_would_count(intervals in proptest::collection::vec((0..60i64, 0..20i64), 0..12)) {
            let intervals: Vec<(i64, i64)> = intervals.into_iter().map(|(from, long)| (from, from + long)).collect();
            let counted = (0..100).filter(|at| intervals.iter().any(|(from, until)| from <= at && at < until)).count();
            prop_assert_eq!(covered(intervals), i64::try_from(counted).unwrap());
        }
    }
}
