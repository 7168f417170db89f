//! Searching in recordings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use tracing::{error, warn};
use utoipa::IntoParams;
use workflows::engine::Wanted;
use workflows::id::SessionId;
use workflows::session::Session;
use workflows::target::TargetName;

use super::{Answer, MOST};
use crate::auth::Caller;
use crate::documents::{Hit, Moment, Place, SearchResult, Unread};
use crate::extract::Args;
use crate::problem::Problem;
use crate::routes::App;
use crate::seam;
use crate::search::{Find, Look, MORE, Query, Stopped};

/// How long one call looks; the caller goes on from where it stopped.
const LONGEST: Duration = Duration::from_secs(15);
/// How long a call waits for its turn: one search at a time reads the disk.
const TURN: Duration = Duration::from_secs(20);
/// So many recordings are looked through in one call.
const AT_ONCE: u32 = 500;
/// The longest text, in characters.
const TEXT: usize = 200;

/// What is looked for, and where.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wish {
    /// The text, as it is written; within one line.
    text: String,
    /// Large and small letters are the same.
    #[serde(default)]
    ignore_case: bool,
    /// Only in `command`, `output`, `typed` or `note`.
    #[param(value_type = Option<String>)]
    place: Option<Place>,
    /// Only at this target.
    #[param(value_type = Option<String>)]
    target: Option<TargetName>,
    /// Only of this person.
    by: Option<String>,
    /// Not before this moment.
    #[param(value_type = Option<String>)]
    since: Option<Moment>,
    /// Not after this moment.
    #[param(value_type = Option<String>)]
    until: Option<Moment>,
    /// Only in sessions behind this one in the list: `next` of the answer before.
    #[param(value_type = Option<String>)]
    behind: Option<SessionId>,
    /// At most so many lines; 100 if left out, 1000 at the most.
    limit: Option<u32>,
}

/// Lines with a text, in all recordings that the caller may read. A call looks for some seconds and says where to go on.
#[utoipa::path(get, path = "/v1/sessions/search", tag = "sessions", params(Wish),
    responses((status = 200, body = SearchResult)))]
pub(crate) async fn search(
    State(app): State<App>,
    Caller(who): Caller,
    Args(wish): Args<Wish>,
) -> Answer<SearchResult> {
    let fits = (1..=TEXT).contains(&wish.text.chars().count()) && !wish.text.chars().any(char::is_control);
    if !fits || wish.text.trim().is_empty() {
        return Err(Problem::bad(format!("`text` has 1 to {TEXT} characters, all in one line")));
    }
    let Some(look) = app.search.clone() else { return Err(Problem::ours("this server looks for nothing")) };
    let _turn = timeout(TURN, app.searches.acquire())
        .await
        .map_err(|_| Problem::ours("others are searching"))?
        .map_err(|_| Problem::ours("the server is stopping"))?;
    let most = wish.limit.unwrap_or(100).clamp(1, MOST) as usize;
    let (since, until) = (wish.since.map(|at| at.0), wish.until.map(|at| at.0));
    let wanted = Wanted { target: wish.target, by: wish.by, since, until, behind: wish.behind };
    let recordings = seam::recordings(&app.workflows, &who, &wanted, AT_ONCE).await?;
    let query = Query {
        text: wish.text,
        ignore_case: wish.ignore_case,
        places: wish.place.into_iter().collect(),
        since,
        until,
        most,
    };
    // Whoever hangs up is not searched for any more.
    let left = Arc::new(AtomicBool::new(false));
    let _leaves = Leaves(Arc::clone(&left));
    let stop = app.stop.clone();
    let looking = tokio::task::spawn_blocking(move || {
        let until = Instant::now() + LONGEST;
        let over = || left.load(Ordering::Relaxed) || stop.is_cancelled() || Instant::now() >= until;
        through(&recordings, query, &look, &over)
    });
    let result = looking.await.map_err(|error| {
        error!(error = %error, "a search in recordings failed");
        Problem::ours("the search failed")
    })?;
    let mut shown: Vec<SessionId> = result.hits.iter().map(|hit| hit.session).collect();
    shown.dedup();
    app.workflows.note_looks(&who, &shown).await?;
    Ok(Json(result))
}

/// Says so when its call is given up.
struct Leaves(Arc<AtomicBool>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn through(
    recordings: &[(Session, std::path::PathBuf)],
    mut query: Query,
    look: &Look,
    over: &dyn Fn() -> bool,
) -> SearchResult {
    let mut result = SearchResult::default();
    let most = query.most;
    let mut before = None;
    for (session, path) in recordings {
        query.most = most.saturating_sub(result.hits.len());
        // Nothing of it would be shown, and the next call begins behind it.
        if query.most == 0 && before.is_some() {
            result.next = before;
            return result;
        }
        let (finds, stopped) = look(path, &query, over);
        // The first one is not begun again, since it would end in the same place.
        if stopped == Some(Stopped::Told) && before.is_some() {
            result.next = before;
            return result;
        }
        result.looked += 1;
        result.hits.extend(finds.into_iter().map(|find| hit(session, find)));
        let unread = |sealed, why: &str| Unread { session: session.id, sealed, why: why.to_owned() };
        match stopped {
            Some(Stopped::Full) => {
                result.unread.push(unread(false, MORE));
                result.next = Some(session.id);
                return result;
            }
            Some(Stopped::Sealed) => {
                result.looked -= 1;
                result.unread.push(unread(true, "it is sealed, and the key is not here"));
            }
            Some(Stopped::Broken(why)) => {
                warn!(session.id = %session.id, "a recording cannot be searched: {why}");
                result.unread.push(unread(false, &why));
            }
            Some(Stopped::Cut) if session.ended.is_some() => {
                result.unread.push(unread(false, "its end is missing"));
            }
            Some(Stopped::Told) => result.unread.push(unread(false, "it is too long to be looked through at once")),
            Some(Stopped::Cut) | None => {}
        }
        before = Some(session.id);
    }
    if recordings.len() >= AT_ONCE as usize {
        result.next = before;
    }
    result
}

fn hit(session: &Session, find: Find) -> Hit {
    let Find { at, offset, operation, place, line } = find;
    Hit {
        session: session.id,
        by: (&session.by).into(),
        target: session.target.to_string(),
        at: Moment(at),
        offset: offset.micros(),
        operation,
        place,
        line,
    }
}

#[cfg(test)]
mod tests;
