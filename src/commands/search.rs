//! `sessions search`: the server looks through what it can read; what is sealed is fetched and looked through here, by whoever
//! has the key.

use std::process::ExitCode;

use console::documents::{Hit, Moment, SearchResult, Session, Unread};
use console::{Find, MORE, Query, Stopped};
use jiff::civil::{Date, DateTime};
use workflows::clock::{Span, Timestamp};
use workflows::id::SessionId;

use super::{Desk, recordings, view};
use crate::cli::SearchArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::ids::short;
use crate::replay::find;
use crate::screen::Screen;

/// The server gives no more at once.
const AT_ONCE: u32 = 1_000;

pub(super) async fn run(desk: &Desk<'_>, args: SearchArgs) -> Result<ExitCode, Failure> {
    let client = desk.client()?;
    let since = args.since.as_deref().map(|text| moment(desk.screen, text)).transpose()?;
    let until = args.until.as_deref().map(|text| moment(desk.screen, text)).transpose()?;
    let identity = args.identity.as_deref().map(std::fs::read_to_string).transpose()?;
    let mut all = SearchResult::default();
    loop {
        let left = args.limit.saturating_sub(u32::try_from(all.hits.len()).unwrap_or(u32::MAX));
        let some = ask(&client, &args, (since, until), all.next, left.min(AT_ONCE)).await?;
        let go_on = some.next != all.next;
        all.next = some.next;
        all.looked += some.looked;
        all.hits.extend(some.hits);
        all.unread.extend(some.unread);
        let full = all.hits.len() >= args.limit as usize;
        if full || !go_on || all.next.is_none() {
            break;
        }
    }
    if let Some(identity) = &identity {
        let most = (args.limit as usize).saturating_sub(all.hits.len());
        let query = Query {
            text: args.text.clone(),
            ignore_case: args.ignore_case,
            places: args.place.into_iter().collect(),
            since,
            until,
            most,
        };
        unseal(&client, &mut all, query, identity).await?;
    }
    tell(desk.screen, &all);
    desk.screen
        .show(&all, || if all.hits.is_empty() { String::new() } else { view::hits(desk.screen, &all.hits) })?;
    // As `grep` has it.
    Ok(if all.hits.is_empty() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

async fn ask(
    client: &Client,
    args: &SearchArgs,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    behind: Option<SessionId>,
    limit: u32,
) -> Result<SearchResult, Failure> {
    let mut query = vec![("text", args.text.clone()), ("limit", limit.to_string())];
    let words = [
        ("ignore_case", args.ignore_case.then(|| "true".to_owned())),
        ("place", args.place.map(|place| place.as_str().to_owned())),
        ("target", args.target.as_ref().map(ToString::to_string)),
        ("by", args.person.clone()),
        ("since", since.map(|at| Moment(at).to_string())),
        ("until", until.map(|at| Moment(at).to_string())),
        ("behind", behind.map(|id| id.to_string())),
    ];
    query.extend(words.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client.search(&query).await
}

/// Looks through the sealed ones, as long as there is room for more lines.
async fn unseal(client: &Client, all: &mut SearchResult, mut query: Query, identity: &str) -> Result<(), Failure> {
    for Unread { session, sealed, why } in std::mem::take(&mut all.unread) {
        if !sealed || query.most == 0 {
            all.unread.push(Unread { session, sealed, why });
            continue;
        }
        let (about, file) = (client.session(session).await?, recordings::copy(client, session).await?);
        let (finds, stopped) = find::look(file.path(), Some(identity), &query, &|| false);
        let why = match stopped {
            Some(Stopped::Sealed) => Some("it is sealed".to_owned()),
            Some(Stopped::Broken(why)) => Some(why),
            Some(Stopped::Cut) if about.ended.is_some() => Some("its end is missing".to_owned()),
            Some(Stopped::Full) => Some(MORE.to_owned()),
            Some(Stopped::Cut | Stopped::Told) | None => None,
        };
        match why {
            Some(why) => all.unread.push(Unread { session, sealed: false, why }),
            None => all.looked += 1,
        }
        query.most = query.most.saturating_sub(finds.len());
        all.hits.extend(finds.into_iter().map(|find| hit(&about, find)));
    }
    all.hits.sort_by(|one, other| other.session.cmp(&one.session).then(one.at.cmp(&other.at)));
    Ok(())
}

fn hit(about: &Session, find: Find) -> Hit {
    let Find { at, offset, operation, place, line } = find;
    let (session, by, target) = (about.id, about.by.clone(), about.target.clone());
    Hit { session, by, target, at: Moment(at), offset: offset.micros(), operation, place, line }
}

/// What was not looked through, and whether anything was found: beside the output.
fn tell(screen: &Screen, all: &SearchResult) {
    for Unread { session, sealed, why } in &all.unread {
        let hint = if *sealed { "; give the file with its key: --identity FILE" } else { "" };
        screen.say(&format!("not searched to its end: {}: {}{hint}\n", short(session), crate::plain::line(why)));
    }
    if all.hits.is_empty() {
        screen.say(&format!("nothing found in {} recordings\n", all.looked));
    } else if all.next.is_some() {
        screen.say("there may be more: give a higher --limit, or an earlier --until\n");
    }
}

/// A moment in somebody's words: RFC 3339, a local date with or without a time, or how long ago.
fn moment(screen: &Screen, text: &str) -> Result<Timestamp, Failure> {
    if let Ok(ago) = text.parse::<Span>() {
        return Ok(Timestamp::from_micros(screen.now().micros().saturating_sub(ago.micros())));
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_micros(at.as_microsecond()));
    }
    let local = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)));
    let at = local.ok().and_then(|local| local.to_zoned(screen.zone().clone()).ok());
    at.map(|at| Timestamp::from_micros(at.timestamp().as_microsecond())).ok_or_else(|| {
        Failure::wrong_use(format!("`{text}` is no time"))
            .hint("write it like 7d (ago), 2026-11-20, 2026-11-20T14:00 or 2026-11-20T14:00:00Z")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Form;

    #[test]
    fn moments_are_read_in_the_words_that_people_use() {
        let now = Timestamp::from_micros(1_764_000_000_000_000);
        let screen = Screen::fixed(Form::People, None, now);
        for (text, expected) in [
            ("2h", "2025-11-24T14:00:00Z"),
            ("2025-11-20", "2025-11-20T00:00:00Z"),
            ("2025-11-20T14:30", "2025-11-20T14:30:00Z"),
            ("2025-11-20 14:30:05", "2025-11-20T14:30:05Z"),
            ("2025-11-20T14:30:00+02:00", "2025-11-20T12:30:00Z"),
        ] {
            assert_eq!(moment(&screen, text).expect("a moment").to_string(), expected, "{text}");
        }
        assert!(moment(&screen, "yesterday").expect_err("no moment").to_string().contains("`yesterday` is no time"));
    }
}
