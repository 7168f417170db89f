//! What was asked and decided: waits, held commands, denials, rubber-stamping, more time.

use std::collections::BTreeMap;

use super::index::{Decision, View};
use super::words::{many, quote, seconds, size, spell, when};
use super::{About, AskedMost, Count, Item, Listing, Section, Waits};
use crate::approval::Who;
use crate::clock::{Span, Timestamp};
use crate::id::RequestId;
use crate::request::{Request, State, What};

/// Nobody reads a request in less.
const HASTY: Span = Span::seconds(5);
/// One approver decided at least this much of what one person asked, in percent…
const SHARE: u64 = 80;
/// …of at least this many.
const FEWEST: u64 = 5;
/// How many of those who were asked are named.
const NAMED: usize = 3;

/// A request for access that people decide on before.
pub(super) const fn is_access(request: &Request) -> bool {
    matches!(request.what, What::Access { emergency: false, .. })
}

/// A held command.
pub(super) const fn is_held(request: &Request) -> bool {
    matches!(request.what, What::Operation { .. })
}

/// The requests of the week that people wait for: access and held commands.
fn waited<'v>(view: &'v View<'_>) -> impl Iterator<Item = &'v Request> + 'v {
    view.requests().filter(|request| is_access(request) || is_held(request))
}

/// Of values in rising order, the smallest that is not exceeded by `percent` of them.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

pub(super) fn waits(view: &View<'_>) -> Waits {
    let (mut ids, mut took) = (Vec::new(), Vec::new());
    let mut asked: BTreeMap<Who, Vec<RequestId>> = BTreeMap::new();
    for request in waited(view) {
        if let Some(decision) = Decision::of(request) {
            ids.push(request.id);
            took.push(seconds(decision.at.since(request.at).micros()));
        }
        for who in request.needs.asked(false) {
            asked.entry(who).or_default().push(request.id);
        }
    }
    took.sort_unstable();
    let mut asked: Vec<(Who, Vec<RequestId>)> = asked.into_iter().collect();
    // The sort is stable, so that a tie is settled by name.
    asked.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));
    let list = || view.frame.list(Listing::Requests, None, None);
    let asked: Vec<AskedMost> =
        asked.into_iter().take(NAMED).map(|(who, ids)| AskedMost { who, count: Count::of(ids, list) }).collect();
    let (p50, p90) = (percentile(&took, 50), percentile(&took, 90));
    let mut words = match (p50, p90) {
        (Some(p50), Some(p90)) => format!(
            "{} decided: half within {}, nine in ten within {}",
            many(size(took.len()), "request was", "requests were"),
            spell(p50),
            spell(p90)
        ),
        _ => "nothing was decided".to_owned(),
    };
    if let Some(most) = asked.first() {
        words = format!("{words}; {} was asked most, {}", most.who, many(most.count.n, "time", "times"));
    }
    Waits { decided: Count::of(ids, list), p50_seconds: p50, p90_seconds: p90, asked, words }
}

/// One thing about one request.
fn item(request: &Request, words: String, quoted: &str) -> Item {
    Item {
        words,
        quote: quote(quoted),
        id: Some(request.id.to_string()),
        person: request.by.name.clone(),
        target: Some(request.what.target().clone()),
        count: Count::one(request.id),
    }
}

/// Held commands: those that nobody let through first.
pub(super) fn held(view: &View<'_>) -> Option<Section> {
    let mut all: Vec<(u8, Item)> = Vec::new();
    let mut tally = [0_u64; 5];
    for request in view.requests() {
        let What::Operation { target, shown, .. } = &request.what else { continue };
        let (rank, outcome) = match &request.state {
            State::Denied { by, .. } => (0, format!("denied by {}", by.name)),
            State::Lapsed { .. } => (1, "lapsed: nobody decided, or it was not used in time".to_owned()),
            State::Withdrawn { .. } => (2, "withdrawn".to_owned()),
            State::Approved { .. } | State::Spent { .. } => (3, format!("approved by {}", approvers(request))),
            State::Pending { .. } => (4, "still waits".to_owned()),
        };
        if let Some(count) = tally.get_mut(usize::from(rank)) {
            *count += 1;
        }
        let words = format!("{} on {target}, {}: {outcome}", request.by.name, when(request.at, view.frame));
        all.push((rank, item(request, words, shown)));
    }
    all.sort_by_key(|(rank, _)| *rank);
    let [denied, lapsed, withdrawn, approved, waits] = tally;
    let words = format!(
        "{}: {approved} approved, {denied} denied, {withdrawn} withdrawn, {lapsed} lapsed{}",
        many(size(all.len()), "command was held", "commands were held"),
        if waits > 0 { format!(", {waits} still waiting") } else { String::new() }
    );
    let items = all.into_iter().map(|(_, item)| item).collect();
    Section::of(About::Held, words, items, view.frame.list(Listing::Requests, None, None))
}

fn approvers(request: &Request) -> String {
    let decision = Decision::of(request);
    let names: Vec<&str> = decision.iter().flat_map(|decision| &decision.by).map(|(name, _)| *name).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(" and ") }
}

/// Denied requests for access, with the reasons. Denied commands stand among the held ones.
pub(super) fn denials(view: &View<'_>) -> Option<Section> {
    let denied = view.requests().filter(|request| is_access(request)).filter_map(|request| {
        let State::Denied { by, because, .. } = &request.state else { return None };
        let what = match &request.what {
            What::Access { target, access, .. } => format!("{access} on {target}"),
            What::Operation { target, .. } | What::Review { target, .. } => target.to_string(),
        };
        let words =
            format!("{} asked for {what} on {}, {} denied", request.by.name, when(request.at, view.frame), by.name);
        Some(item(request, words, because))
    });
    let items: Vec<Item> = denied.collect();
    let words = many(size(items.len()), "request was denied", "requests were denied");
    Section::of(About::Denials, words, items, view.frame.list(Listing::Requests, None, None))
}

/// Decisions that came faster than anybody reads: on what these people asked, and by these people on what others asked.
pub(super) fn hasty(view: &View<'_>) -> Option<Section> {
    let mut found: BTreeMap<(Timestamp, RequestId), Item> = BTreeMap::new();
    let by_them = view.people().flat_map(|(_, mine)| mine.decided.iter().copied());
    // What the manager asked for is their own manager's to read.
    let by_them = by_them.filter(|request| request.by.name != view.team.manager);
    for request in view.requests().chain(by_them) {
        if !(is_access(request) || is_held(request)) {
            continue;
        }
        let Some(decision) = Decision::of(request) else { continue };
        let fast: Vec<&(&str, Timestamp)> =
            decision.by.iter().filter(|(_, at)| at.since(request.at) < HASTY).collect();
        let Some((name, at)) = fast.first() else { continue };
        let did = if decision.yes { "approved" } else { "denied" };
        let others = if fast.len() > 1 { format!(" and {} more", fast.len() - 1) } else { String::new() };
        let words = format!(
            "{name}{others} {did} what {} asked on {} after {}, {}",
            request.by.name,
            request.what.target(),
            spell(seconds(at.since(request.at).micros())),
            when(request.at, view.frame)
        );
        found.insert((request.at, request.id), item(request, words, &request.why));
    }
    let items: Vec<Item> = found.into_values().collect();
    let words =
        many(size(items.len()), "decision", "decisions") + " in under 5 s: nobody reads a request in that time";
    Section::of(About::Hasty, words, items, view.frame.list(Listing::Requests, None, None))
}

/// People nearly all of whose requests one person approves.
pub(super) fn one_approver(view: &View<'_>) -> Option<Section> {
    let mut items = Vec::new();
    for (name, mine) in view.people() {
        let mut all = 0_u64;
        let mut by: BTreeMap<&str, Vec<RequestId>> = BTreeMap::new();
        for request in mine.requests.iter().filter(|request| is_access(request) || is_held(request)) {
            let Some(decision) = Decision::of(request).filter(|decision| decision.yes) else { continue };
            all += 1;
            for (approver, _) in decision.by {
                by.entry(approver).or_default().push(request.id);
            }
        }
        if all < FEWEST {
            continue;
        }
        for (approver, ids) in by.into_iter().filter(|(_, ids)| size(ids.len()) * 100 >= all * SHARE) {
            let count = Count::of(ids, || view.frame.list(Listing::Requests, Some(name), None));
            items.push(Item {
                words: format!("{approver} approved {} of the {all} that {name} asked", count.n),
                quote: None,
                id: None,
                person: name.to_owned(),
                target: None,
                count,
            });
        }
    }
    let words = many(size(items.len()), "pair", "pairs") + " of which one nearly always approves what the other asks";
    Section::of(About::OneApprover, words, items, view.frame.list(Listing::Requests, None, None))
}

/// More time on a grant, asked by its holder.
pub(super) fn extended(view: &View<'_>) -> Option<Section> {
    let extended = view.requests().filter_map(|request| {
        let What::Access { target, span, extends: Some(_), .. } = &request.what else { return None };
        Decision::of(request).filter(|decision| decision.yes)?;
        let words = format!(
            "{} asked for {} more on {target}, {}; {} agreed",
            request.by.name,
            spell(seconds(span.micros())),
            when(request.at, view.frame),
            approvers(request)
        );
        Some(item(request, words, &request.why))
    });
    let items: Vec<Item> = extended.collect();
    let words = many(size(items.len()), "grant got", "grants got") + " more time, asked by whoever held it";
    Section::of(About::Extended, words, items, view.frame.list(Listing::Requests, None, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let ten: Vec<u64> = (1..=10).collect();
        assert_eq!((percentile(&ten, 50), percentile(&ten, 90)), (Some(5), Some(9)));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 90)), (Some(7), Some(7)));
        assert_eq!((percentile(&[1, 100], 50), percentile(&[1, 100], 90)), (Some(1), Some(100)));
        assert_eq!(percentile(&[], 50), None);
    }
}
