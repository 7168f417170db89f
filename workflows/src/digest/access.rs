//! What was held and used: break-glass, gaps in the evidence, grants that nobody used, what ends soon.

use std::collections::{BTreeMap, BTreeSet};

use super::index::{View, end_of};
use super::rows::IDLE;
use super::words::{many, quote, size, when};
use super::{About, Count, Item, Listing, Section};
use crate::clock::{Span, Timestamp};
use crate::grant::Grant;
use crate::id::GrantId;
use crate::request::{Request, State, What};
use crate::session::{Ending, Session};
use crate::target::{Access, TargetName};

/// What ends within this time is told.
const COMING: Span = Span::hours(7 * 24);

fn about_grant(grant: &Grant, words: String) -> Item {
    Item {
        words,
        quote: None,
        id: Some(grant.id.to_string()),
        person: grant.to.name.clone(),
        target: Some(grant.target.clone()),
        count: Count::one(grant.id),
    }
}

/// Reviews that are owed, the overdue ones first.
pub(super) fn owed<'v>(view: &'v View<'_>) -> Vec<(&'v Request, Owed)> {
    let mut all: Vec<(&Request, Owed)> = view
        .people()
        .flat_map(|(_, mine)| mine.reviews.iter().copied())
        .filter_map(|request| match request.state {
            State::Pending { escalated: true, .. } => Some((request, Owed::Overdue)),
            State::Pending { escalated: false, .. } => Some((request, Owed::InTime)),
            State::Approved { .. }
            | State::Spent { .. }
            | State::Denied { .. }
            | State::Withdrawn { .. }
            | State::Lapsed { .. } => None,
        })
        .collect();
    all.sort_by_key(|(request, owed)| (*owed, request.at, request.id));
    all
}

/// How urgent a review is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owed {
    Overdue,
    InTime,
}

/// Who is asked for a request, in words.
pub(super) fn asked(request: &Request) -> String {
    request.asked().iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

pub(super) fn emergencies(view: &View<'_>) -> Option<Section> {
    let owed = owed(view);
    let overdue = owed.iter().filter(|(_, owed)| *owed == Owed::Overdue).count();
    let mut items = Vec::new();
    let mut told: BTreeSet<GrantId> = BTreeSet::new();
    for (request, owed) in &owed {
        let What::Review { target, grant } = &request.what else { continue };
        told.insert(*grant);
        let state = match owed {
            Owed::Overdue => "review overdue",
            Owed::InTime => "review owed",
        };
        let name = &request.by.name;
        let words = format!(
            "{name} broke the glass on {target}, {}: {state} by {}",
            when(request.at, view.frame),
            asked(request)
        );
        items.push(Item {
            words,
            quote: quote(&request.why),
            id: Some(request.id.to_string()),
            person: name.clone(),
            target: Some(target.clone()),
            count: Count::one(request.id),
        });
    }
    let broken =
        view.grants().map(|held| &held.grant).filter(|grant| grant.emergency && view.frame.holds(grant.from));
    for grant in broken.filter(|grant| !told.contains(&grant.id)) {
        let words = format!(
            "{} broke the glass on {}, {}: reviewed",
            grant.to.name,
            grant.target,
            when(grant.from, view.frame)
        );
        items.push(about_grant(grant, words));
    }
    let words = format!(
        "{}; {}, {overdue} of them overdue",
        many(size(items.len()), "break-glass access", "break-glass accesses"),
        many(size(owed.len()), "review is owed", "reviews are owed")
    );
    Section::of(About::Emergencies, words, items, view.frame.list(Listing::Grants, None, None))
}

/// What is missing of a session in the evidence.
pub(super) fn gap(session: &Session) -> Option<&'static str> {
    match session.ended.as_ref().map(|(_, ending)| ending) {
        Some(Ending::NotRecorded) => Some("the recording could not be written, so it was ended"),
        Some(Ending::Abandoned) => Some("the process that carried it died, so its end is not recorded"),
        Some(
            Ending::Left
            | Ending::Expired
            | Ending::Revoked
            | Ending::Ended
            | Ending::TargetGone
            | Ending::Blind
            | Ending::Broken
            | Ending::Stopped,
        )
        | None => session.uninspected.is_some().then_some("part of it could not be inspected"),
    }
}

pub(super) fn gaps(view: &View<'_>) -> Option<Section> {
    let open = |session: &Session| {
        let until = session.ended.as_ref().map_or(view.now, |(at, _)| *at);
        view.inside(session.from, until).is_some()
    };
    let items: Vec<Item> = view
        .sessions()
        .filter(|session| open(session))
        .filter_map(|session| {
            let words = format!(
                "{} on {}, {}: {}",
                session.by.name,
                session.target,
                when(session.from, view.frame),
                gap(session)?
            );
            Some(Item {
                words,
                quote: session.uninspected.as_deref().and_then(quote),
                id: Some(session.id.to_string()),
                person: session.by.name.clone(),
                target: Some(session.target.clone()),
                count: Count::one(session.id),
            })
        })
        .collect();
    let words = many(size(items.len()), "session has", "sessions have") + " a gap in the evidence";
    Section::of(About::Gaps, words, items, view.frame.list(Listing::Sessions, None, None))
}

/// Grants under which nobody ever connected: begun in the week, or still live. The live ones first, the longest first.
pub(super) fn never_used<'v>(view: &'v View<'_>) -> Vec<&'v Grant> {
    let unused = view.grants().filter(|held| !held.used).map(|held| &held.grant);
    let mut all: Vec<&Grant> = unused
        .filter(|grant| view.frame.holds(grant.from) || grant.is_live(view.now) && grant.from < view.frame.until)
        .collect();
    all.sort_by_key(|grant| (!grant.is_live(view.now), std::cmp::Reverse(grant.until), grant.id));
    all
}

pub(super) fn unused(view: &View<'_>) -> Option<Section> {
    let all = never_used(view);
    let live = all.iter().filter(|grant| grant.is_live(view.now)).count();
    let item = |grant: &&Grant| {
        let end = when(end_of(grant), view.frame);
        let state = if grant.is_live(view.now) { format!("live until {end}") } else { format!("ended {end}") };
        let from = when(grant.from, view.frame);
        about_grant(grant, format!("{}: {} on {} since {from}, {state}", grant.to.name, grant.access, grant.target))
    };
    let words = format!("{} never used, {live} still live", many(size(all.len()), "grant was", "grants were"));
    Section::of(About::Unused, words, all.iter().map(item).collect(), view.frame.list(Listing::Grants, None, None))
}

/// Where somebody held write or more, by person and target, and never wrote: with the grants.
///
/// Only grants that began and ended in the week are looked at, since all of their sessions are known. A session whose end
/// nobody counted, or that did nothing, says nothing.
pub(super) fn read_only<'v>(view: &'v View<'_>) -> Vec<(&'v str, &'v TargetName, Vec<GrantId>)> {
    let mut found: BTreeMap<(&str, &TargetName), (Vec<GrantId>, bool)> = BTreeMap::new();
    for grant in view.grants().map(|held| &held.grant) {
        if grant.access < Access::Write || !view.frame.holds(grant.from) || end_of(grant) > view.end() {
            continue;
        }
        let sessions = view.rows.under(grant.id);
        let counted =
            |session: &&&Session| matches!(&session.ended, Some((_, ending)) if *ending != Ending::Abandoned);
        let known = sessions.iter().filter(counted).count() == sessions.len();
        let ran: u64 = sessions.iter().map(|session| session.totals.operations).sum();
        let wrote: u64 = sessions.iter().map(|session| session.totals.writes).sum();
        if ran == 0 && known {
            continue;
        }
        let (grants, wrote_once) = found.entry((&grant.to.name, &grant.target)).or_default();
        grants.push(grant.id);
        *wrote_once |= wrote > 0 || !known;
    }
    found.into_iter().filter(|(_, (_, wrote))| !wrote).map(|((name, target), (ids, _))| (name, target, ids)).collect()
}

pub(super) fn only_read(view: &View<'_>) -> Option<Section> {
    let items: Vec<Item> = read_only(view)
        .into_iter()
        .map(|(person, target, ids)| {
            let id = if let [one] = ids.as_slice() { Some(one.to_string()) } else { None };
            let count = Count::of(ids, || view.frame.list(Listing::Grants, Some(person), Some(target)));
            let times = many(count.n, "grant", "grants");
            let words = format!("{person} on {target}: {times} for write or more, and only reads ran");
            Item { words, quote: None, id, person: person.to_owned(), target: Some(target.clone()), count }
        })
        .collect();
    let words = format!(
        "{} asked for write, and only read",
        many(size(items.len()), "person and target", "pairs of person and target")
    );
    Section::of(About::OnlyRead, words, items, view.frame.list(Listing::Grants, None, None))
}

/// Grants that are live and end within seven days of now.
pub(super) fn ends(view: &View<'_>) -> Option<Section> {
    let soon = view.now.plus(COMING);
    let live = view.grants().map(|held| &held.grant).filter(|grant| grant.is_live(view.now) && grant.until <= soon);
    let mut all: Vec<&Grant> = live.collect();
    all.sort_by_key(|grant| (grant.until, grant.id));
    let item = |grant: &&Grant| {
        let until = when(grant.until, view.frame);
        about_grant(grant, format!("{}: {} on {} until {until}", grant.to.name, grant.access, grant.target))
    };
    let words = many(size(all.len()), "grant ends", "grants end") + " in the coming 7 days";
    Section::of(About::Ends, words, all.iter().map(item).collect(), view.frame.list(Listing::Grants, None, None))
}

/// Access entries by which somebody may ask, and did not for 30 days: person and entry. Whoever came less than that ago
/// had no time to.
pub(super) fn idle<'v>(view: &'v View<'_>) -> Vec<(&'v str, &'v super::Entry)> {
    let before = Timestamp::from_micros(view.frame.until.micros().saturating_sub(IDLE.micros()));
    let known = &view.rows.rows.known;
    let members = view.team.members.iter().filter(|(name, _)| **name != view.team.manager);
    let members = members.filter(|(name, _)| known.get(name.as_str()).is_some_and(|since| *since <= before));
    let used = |name: &String, target: &TargetName| view.rows.rows.used.contains(&(name.clone(), target.clone()));
    members
        .flat_map(|(name, entries)| entries.iter().map(move |entry| (name, entry)))
        .filter(|(name, entry)| !entry.targets.is_empty() && !entry.targets.iter().any(|target| used(name, target)))
        .map(|(name, entry)| (name.as_str(), entry))
        .collect()
}

pub(super) fn standing(view: &View<'_>) -> Option<Section> {
    let items: Vec<Item> = idle(view)
        .into_iter()
        .map(|(person, entry)| Item {
            words: format!(
                "{person} may ask by the entry `{}`, {}, and did not",
                entry.name,
                many(size(entry.targets.len()), "target", "targets")
            ),
            quote: None,
            id: None,
            person: person.to_owned(),
            target: None,
            count: Count::one(person),
        })
        .collect();
    let words = many(size(items.len()), "right to ask was", "rights to ask were") + " not used for 30 days";
    Section::of(About::Standing, words, items, view.frame.list(Listing::Grants, None, None))
}
