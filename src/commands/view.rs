//! How requests, grants and sessions look to people.

use console::documents::{Asked, Ended, Grant, Hit, Quorum, Request, Session, State, Subject, Vote};

use super::files::Kept;
use crate::ids::short;
use crate::plain;
use crate::replay::{Held, moment};
use crate::screen::Screen;

/// What is asked for, in a few words.
pub(super) fn what(subject: &Subject) -> String {
    match subject {
        Subject::Access { target, level, span, extends, emergency } => {
            let more = if extends.is_some() { "more time on " } else { "" };
            let glass = if *emergency { ", emergency" } else { "" };
            format!("{more}{target}, {level}, {span}{glass}")
        }
        Subject::Operation { target, shown, cut, .. } => {
            let more = if *cut { "…" } else { "" };
            format!("{target}: {shown}{more}")
        }
        Subject::Review { target, grant } => format!("review of {} on {target}", short(grant)),
    }
}

/// Where a request stands, in a few words.
pub(super) fn state(screen: &Screen, request: &Request) -> String {
    let when = |at: &console::documents::Moment| screen.when(at.0);
    match &request.state {
        State::Pending { stopped: Some(latest), .. } => {
            format!("clock stopped, waiting for {}, until {} at the latest", request.by.name, when(latest))
        }
        State::Pending { until, .. } => format!("asked {}, until {}", request.asked.join(", "), when(until)),
        State::Approved { until, .. } => format!("approved by {}, to be used until {}", names(request), when(until)),
        State::Spent { at } => format!("approved by {}, {}", names(request), when(at)),
        State::Denied { at, by, because } => format!("denied by {}, {}: {because}", by.name, when(at)),
        State::Withdrawn { at } => format!("withdrawn, {}", when(at)),
        State::Lapsed { at } => format!("lapsed, {}", when(at)),
    }
}

fn names(request: &Request) -> String {
    let names: Vec<&str> = request.votes.iter().map(|vote| vote.by.name.as_str()).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// A table of requests.
pub(super) fn requests(screen: &Screen, requests: &[Request]) -> String {
    if requests.is_empty() {
        return "nothing waits\n".to_owned();
    }
    let row = |request: &Request| {
        vec![
            short(&request.id),
            request.by.name.clone(),
            what(&request.what),
            request.why.clone(),
            state(screen, request),
        ]
    };
    screen.table(&["REQUEST", "BY", "WHAT", "WHY", "STATE"], requests.iter().map(row).collect())
}

/// A request with all that one needs to decide on it.
pub(super) fn request(screen: &Screen, request: &Request) -> String {
    let mut fields = vec![
        ("request", request.id.to_string()),
        ("by", request.by.name.clone()),
        ("at", screen.when(request.at.0)),
        ("target", request.what.target().to_owned()),
    ];
    match &request.what {
        Subject::Access { level, span, extends, emergency, .. } => {
            fields.push(("level", level.clone()));
            fields.push(("for", span.clone()));
            fields.push(("extends", extends.as_ref().map(ToString::to_string).unwrap_or_default()));
            fields.push(("emergency", if *emergency { "yes".to_owned() } else { String::new() }));
        }
        Subject::Operation { session, fingerprint, shown, impact, shape, repeats, .. } => {
            fields.push(("session", session.to_string()));
            fields.push(("statement", shown.clone()));
            fields.push(("impact", impact.join("\n")));
            fields.push(("shape", shape.clone().unwrap_or_default()));
            let once = "the same words may do something else in another folder, or with other variables";
            fields.push(("only once", if repeats.is_empty() { once.to_owned() } else { String::new() }));
            fields.push(("fingerprint", fingerprint.clone()));
        }
        Subject::Review { grant, .. } => fields.push(("review of", grant.to_string())),
    }
    fields.push(("why", request.why.clone()));
    fields.push(("needs", request.needs.iter().map(quorum).collect::<Vec<_>>().join("\n")));
    fields.push(("votes", request.votes.iter().map(|one| vote(screen, one)).collect::<Vec<_>>().join("\n")));
    fields.push(("state", state(screen, request)));
    screen.fields(&fields)
}

fn quorum(quorum: &Quorum) -> String {
    let then = quorum.then.as_ref().map(|then| format!(", then {then}")).unwrap_or_default();
    let Quorum { rule, from, people, within, .. } = quorum;
    format!("{people} of {from} within {within}{then} (rule `{rule}`)")
}

fn vote(screen: &Screen, vote: &Vote) -> String {
    let mut text = format!("{} agreed, {}", vote.by.name, screen.when(vote.at.0));
    for less in [&vote.terms.span, &vote.terms.level].into_iter().flatten() {
        text.push_str(", for ");
        text.push_str(less);
        text.push_str(" at most");
    }
    if let Some(repeat) = &vote.terms.repeat {
        text.push_str(", again ");
        text.push_str(&repeated(repeat));
    }
    if let Some(note) = &vote.note {
        text = format!("{text}: \"{note}\"");
    }
    text
}

/// What may pass again, in words.
fn repeated(repeat: &str) -> String {
    let (what, within) = repeat.split_once(' ').map_or((repeat, ""), |(what, within)| (what, within));
    let what = if what == "shape" { "for this shape" } else { "for exactly this" };
    if within.is_empty() { format!("{what} in its session") } else { format!("{what} within {within}") }
}

/// What came of asking: the grant, or who is asked until when.
pub(super) fn asked(screen: &Screen, asked: &Asked) -> String {
    asked.grant.as_ref().map_or_else(|| waiting(screen, &asked.request, &asked.people), |grant| held(screen, grant))
}

/// Who is asked, until when.
pub(super) fn waiting(screen: &Screen, request: &Request, people: &[String]) -> String {
    let whom = if people.is_empty() { request.asked.join(", ") } else { people.join(", ") };
    match &request.state {
        State::Pending { until, .. } => format!("asked {whom}, until {}", screen.when(until.0)),
        State::Approved { .. }
        | State::Spent { .. }
        | State::Denied { .. }
        | State::Withdrawn { .. }
        | State::Lapsed { .. } => state(screen, request),
    }
}

/// A grant in a sentence.
pub(super) fn held(screen: &Screen, grant: &Grant) -> String {
    format!("{} has {} on {} until {}", grant.to.name, grant.level, grant.target, screen.when(grant.until.0))
}

/// A table of grants.
pub(super) fn grants(screen: &Screen, grants: &[Grant]) -> String {
    if grants.is_empty() {
        return "no grants\n".to_owned();
    }
    let row = |grant: &Grant| {
        let state = match &grant.ended {
            None => format!("until {}", screen.when(grant.until.0)),
            Some(Ended::Expired { at }) => format!("ended {}", screen.when(at.0)),
            Some(Ended::Revoked { at, by, because }) => {
                format!("revoked by {}, {}: {because}", by.name, screen.when(at.0))
            }
        };
        let glass = if grant.emergency { "emergency" } else { "" };
        vec![
            short(&grant.id),
            grant.to.name.clone(),
            grant.target.clone(),
            grant.level.clone(),
            state,
            glass.to_owned(),
        ]
    };
    screen.table(&["GRANT", "TO", "TARGET", "LEVEL", "STATE", ""], grants.iter().map(row).collect())
}

/// A table of sessions.
pub(super) fn sessions(screen: &Screen, sessions: &[Session]) -> String {
    if sessions.is_empty() {
        return "no sessions\n".to_owned();
    }
    let row = |session: &Session| {
        let end = session.ended.as_ref();
        let state = end.map_or_else(|| "live".to_owned(), |end| format!("{}, {}", end.how, screen.when(end.at.0)));
        let totals = &session.totals;
        vec![
            short(&session.id),
            session.by.name.clone(),
            session.target.clone(),
            session.level.clone(),
            screen.when(session.from.0),
            state,
            totals.operations.to_string(),
            totals.held.to_string(),
            totals.refused.to_string(),
        ]
    };
    let header = ["SESSION", "BY", "TARGET", "LEVEL", "FROM", "STATE", "OPS", "HELD", "REFUSED"];
    screen.table(&header, sessions.iter().map(row).collect())
}

/// A table of what was held in a session.
pub(super) fn holds(screen: &Screen, held: &[Held]) -> String {
    if held.is_empty() {
        return "nothing was held\n".to_owned();
    }
    let row = |one: &Held| {
        let Held { number, at, operation, command, rule, outcome, .. } = one;
        vec![number.to_string(), at.clone(), operation.to_string(), command.clone(), rule.clone(), outcome.clone()]
    };
    screen.table(&["HELD", "AT", "OP", "COMMAND", "RULE", "OUTCOME"], held.iter().map(row).collect())
}

/// A table of lines that were found.
pub(super) fn hits(screen: &Screen, hits: &[Hit]) -> String {
    let row = |hit: &Hit| {
        vec![
            short(&hit.session),
            hit.by.name.clone(),
            hit.target.clone(),
            screen.when(hit.at.0),
            moment::shown(hit.offset),
            hit.place.as_str().to_owned(),
            hit.line.clone(),
        ]
    };
    screen.table(&["SESSION", "BY", "TARGET", "WHEN", "AT", "IN", "LINE"], hits.iter().map(row).collect())
}

/// A session with its counts.
pub(super) fn session(screen: &Screen, session: &Session, files: Option<&[Kept]>) -> String {
    let file = |kept: &Kept| format!("{}: {} ({} bytes)", kept.number, plain::line(&kept.name), kept.size);
    let end = session.ended.as_ref();
    let totals = &session.totals;
    let kept = match files {
        Some(files) => files.iter().map(file).collect::<Vec<_>>().join("\n"),
        None if totals.kept > 0 => format!("{}; --files lists them", totals.kept),
        None => String::new(),
    };
    screen.fields(&[
        ("session", session.id.to_string()),
        ("by", session.by.name.clone()),
        ("target", session.target.clone()),
        ("level", session.level.clone()),
        ("grant", session.grant.to_string()),
        ("client", format!("{} from {}", session.application, session.client)),
        ("from", screen.when(session.from.0)),
        ("until", end.map_or_else(|| "live".to_owned(), |end| format!("{} ({})", screen.when(end.at.0), end.how))),
        ("operations", format!("{} passed, {} of them write", totals.operations, totals.writes)),
        ("held", totals.held.to_string()),
        ("refused", totals.refused.to_string()),
        ("rows seen", totals.rows.to_string()),
        ("masked", format!("{} values", totals.masked)),
        ("bytes", format!("{} in, {} out", totals.bytes_in, totals.bytes_out)),
        ("kept files", kept),
        ("uninspected", session.uninspected.clone().unwrap_or_default()),
    ])
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
