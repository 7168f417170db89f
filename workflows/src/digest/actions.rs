//! What a manager can do about it with one click, what matters most first.

use super::access::{Owed, asked, idle, never_used, owed, read_only};
use super::index::View;
use super::words::{many, size, when};
use super::{Action, MOST_ACTIONS, Verb};

/// The actions that are proposed, and how many more there would be.
pub(super) fn actions(view: &View<'_>) -> (Vec<Action>, u64) {
    let mut all = reviews(view);
    all.extend(revocations(view));
    all.extend(reads(view));
    all.extend(removals(view));
    let more = all.len().saturating_sub(MOST_ACTIONS);
    all.truncate(MOST_ACTIONS);
    (all, size(more))
}

fn reviews(view: &View<'_>) -> Vec<Action> {
    let review = |(request, owed): (&crate::request::Request, Owed)| {
        let since = when(request.at, view.frame);
        let owed = match owed {
            Owed::Overdue => "overdue",
            Owed::InTime => "owed",
        };
        let (person, target) = (&request.by.name, request.what.target());
        Action {
            verb: Verb::Review,
            about: request.id.to_string(),
            person: person.clone(),
            target: Some(target.clone()),
            words: format!(
                "review the break-glass access of {person} to {target} of {since}: {owed}, {} is asked",
                asked(request)
            ),
        }
    };
    owed(view).into_iter().map(review).collect()
}

fn revocations(view: &View<'_>) -> Vec<Action> {
    let live = never_used(view).into_iter().filter(|grant| grant.is_live(view.now));
    let revoke = |grant: &crate::grant::Grant| Action {
        verb: Verb::Revoke,
        about: grant.id.to_string(),
        person: grant.to.name.clone(),
        target: Some(grant.target.clone()),
        words: format!(
            "revoke {} on {} of {}: never used since {}, live until {}",
            grant.access,
            grant.target,
            grant.to.name,
            when(grant.from, view.frame),
            when(grant.until, view.frame)
        ),
    };
    live.map(revoke).collect()
}

fn reads(view: &View<'_>) -> Vec<Action> {
    let mut all = read_only(view);
    all.sort_by_key(|(_, _, grants)| std::cmp::Reverse(grants.len()));
    let propose = |(person, target, grants): (&str, &crate::target::TargetName, Vec<crate::id::GrantId>)| Action {
        verb: Verb::ProposeRead,
        about: target.to_string(),
        person: person.to_owned(),
        target: Some(target.clone()),
        words: format!(
            "propose read instead of write on {target} for {person}: {}, and only reads ran",
            many(size(grants.len()), "grant", "grants")
        ),
    };
    all.into_iter().map(propose).collect()
}

fn removals(view: &View<'_>) -> Vec<Action> {
    let propose = |(person, entry): (&str, &super::Entry)| {
        let mut targets = entry.targets.iter();
        let target = match (targets.next(), targets.next()) {
            (Some(one), None) => Some(one.clone()),
            (None, _) | (Some(_), Some(_)) => None,
        };
        Action {
            verb: Verb::ProposeRemoval,
            about: entry.name.clone(),
            person: person.to_owned(),
            target,
            words: format!("propose to take {person} out of the entry `{}`: not used for 30 days", entry.name),
        }
    };
    idle(view).into_iter().map(propose).collect()
}
