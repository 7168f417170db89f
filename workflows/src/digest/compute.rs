//! From rows to a digest: pure, with time as an argument.

use super::asking::{is_access, is_held};
use super::index::{ByPerson, Decision, View};
use super::words::{many, spell};
use super::{
    About, Before, Change, Count, Digest, Filter, Frame, Listing, Measure, Of, Section, Team, Waits, access, actions,
    asking, table,
};
use crate::clock::Timestamp;
use crate::request::{Request, State};

/// The digest of one manager for one week, as it looks at `now`.
pub fn compute(rows: &ByPerson<'_>, team: &Team, frame: &Frame, now: Timestamp) -> Digest {
    let view = View { rows, team, frame, now };
    let (actions, more_actions) = actions::actions(&view);
    let (table, lines) = table::table(&view);
    let waits = asking::waits(&view);
    // In the order of `About`: what needs a decision stands above what is only told.
    let sections: Vec<Section> = [
        access::emergencies(&view),
        access::gaps(&view),
        access::unused(&view),
        access::only_read(&view),
        asking::hasty(&view),
        asking::one_approver(&view),
        asking::held(&view),
        asking::denials(&view),
        asking::extended(&view),
        access::ends(&view),
        access::standing(&view),
    ]
    .into_iter()
    .flatten()
    .collect();
    Digest {
        week: frame.week,
        manager: team.manager.clone(),
        people: team.members.keys().filter(|name| **name != team.manager).cloned().collect(),
        since: frame.since,
        until: frame.until,
        zone: frame.zone.iana_name().unwrap_or("UTC").to_owned(),
        made: now,
        summary: summary(&view, &waits, &sections),
        actions,
        more_actions,
        changes: changes(&view),
        table,
        lines,
        waits,
        sections,
    }
}

fn approved(request: &Request) -> bool {
    is_access(request) && Decision::of(request).is_some_and(|decision| decision.yes)
}

/// "14 requests, 12 approved, half of them within 4 min; 3 grants never used; 1 review owed".
fn summary(view: &View<'_>, waits: &Waits, sections: &[Section]) -> String {
    let asked = view.requests().filter(|request| is_access(request)).count() as u64;
    let agreed = view.requests().filter(|request| approved(request)).count() as u64;
    let mut parts = vec![match (asked, waits.p50_seconds) {
        (0, _) => "nobody asked for access".to_owned(),
        (_, Some(p50)) => {
            format!("{}, {agreed} approved, half decided within {}", many(asked, "request", "requests"), spell(p50))
        }
        (_, None) => format!("{}, {agreed} approved", many(asked, "request", "requests")),
    }];
    let count =
        |about: About| sections.iter().find(|section| section.about == about).map_or(0, |section| section.count.n);
    let owed = access::owed(view).len() as u64;
    for (n, one, more) in [
        (owed, "break-glass review owed", "break-glass reviews owed"),
        (count(About::Unused), "grant never used", "grants never used"),
        (count(About::Held), "command held", "commands held"),
        (count(About::Denials), "request denied", "requests denied"),
        (count(About::Gaps), "gap in the evidence", "gaps in the evidence"),
    ] {
        if n > 0 {
            parts.push(many(n, one, more));
        }
    }
    parts.join("; ")
}

fn changes(view: &View<'_>) -> Vec<Change> {
    let members = view.team.members.keys().filter(|name| **name != view.team.manager);
    let before = members.filter_map(|name| view.rows.rows.before.get(name)).fold(Before::default(), plus);
    let frame = view.frame;
    let requests = |which: &dyn Fn(&Request) -> bool| {
        let ids = view.requests().filter(|request| which(request)).map(|request| request.id);
        Count::of(ids, || frame.list(Listing::Requests, None, None))
    };
    let grants = |which: &dyn Fn(&crate::grant::Grant) -> bool| {
        let begun = view.grants().map(|held| &held.grant).filter(|grant| frame.holds(grant.from) && which(grant));
        Count::of(begun.map(|grant| grant.id), || frame.list(Listing::Grants, None, None))
    };
    let sessions = view.sessions().filter(|session| frame.holds(session.from)).map(|session| session.id);
    let sessions = Count::of(sessions, || frame.list(Listing::Sessions, None, None));
    let denied = |request: &Request| matches!(request.state, State::Denied { .. });
    // Each break-glass is a request and a grant at once, so what is left are those that people decided on.
    let asked = before.requests.saturating_sub(before.emergencies);
    let row = |measure, now, n, one, more| change(frame, measure, now, n, one, more);
    vec![
        row(Measure::Requests, requests(&is_access), asked, "request for access", "requests for access"),
        row(Measure::Denied, requests(&denied), before.denied, "denial", "denials"),
        row(Measure::Held, requests(&is_held), before.held, "held command", "held commands"),
        row(Measure::Grants, grants(&|_| true), before.grants, "grant", "grants"),
        row(
            Measure::Emergencies,
            grants(&|grant| grant.emergency),
            before.emergencies,
            "break-glass access",
            "break-glass accesses",
        ),
        row(Measure::Sessions, sessions, before.sessions, "session", "sessions"),
    ]
}

fn plus(all: Before, one: &Before) -> Before {
    Before {
        requests: all.requests + one.requests,
        denied: all.denied + one.denied,
        held: all.held + one.held,
        grants: all.grants + one.grants,
        emergencies: all.emergencies + one.emergencies,
        sessions: all.sessions + one.sessions,
    }
}

fn change(frame: &Frame, measure: Measure, now: Count, before: u64, one: &str, more: &str) -> Change {
    let compared = match now.n.cmp(&before) {
        std::cmp::Ordering::Equal => "as many as in the week before".to_owned(),
        std::cmp::Ordering::Greater => format!("{} more than in the week before", now.n - before),
        std::cmp::Ordering::Less => format!("{} fewer than in the week before", before - now.n),
    };
    let words = format!("{}, {compared}", many(now.n, one, more));
    let of = match measure {
        Measure::Requests | Measure::Denied | Measure::Held => Listing::Requests,
        Measure::Grants | Measure::Emergencies => Listing::Grants,
        Measure::Sessions => Listing::Sessions,
    };
    let earlier = Frame::of(frame.week.before(), &frame.zone);
    let filter = Filter { since: earlier.since, until: earlier.until, ..frame.list(of, None, None) };
    Change { measure, now, before: Count { n: before, of: Of::Filter(filter) }, words }
}
