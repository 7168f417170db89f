//! What `countersign doctor` says about Matrix.

use jiff::fmt::rfc2822;
use serde_json::Value;
use workflows::clock::Clock;

use super::Matrix;
use super::api::Failed;
use crate::event::Place;
use crate::platform::{Finding, Fitness, Grade, Platform as _, PlatformError};

/// Clocks that differ by more than this confuse people who read times.
const CLOCKS_MS: i64 = 60_000;

fn finding(grade: Grade, what: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { grade, what: what.into(), fix: fix.into() }
}

pub(super) async fn examine(matrix: &Matrix) -> Vec<Finding> {
    let mut found = Vec::new();
    match matrix.api.date().await {
        Ok(date) => found.extend(clock(date.as_deref())),
        Err(error) => {
            let what = format!("the homeserver does not answer: {}", error.of_server());
            found.push(finding(Grade::Wrong, what, "look at `[matrix] homeserver`, and at the way there"));
            return found;
        }
    }
    let me = match matrix.me().await {
        Ok(me) => me,
        Err(error) => {
            let fix = if let PlatformError::Token(_) = error {
                "sign in as the bot anew, and put the access token where `[matrix] token` points"
            } else {
                "try again; if it stays, look at the homeserver's log"
            };
            found.push(finding(Grade::Wrong, format!("the bot can't sign in: {error}"), fix));
            return found;
        }
    };
    found.push(finding(Grade::Good, format!("signed in as `{me}`"), ""));
    let rooms = [("channel", &matrix.channel), ("alarms", &matrix.alarms)];
    for (key, room) in rooms {
        if let Some(room) = room {
            found.extend(place(matrix, me, key, room).await);
        }
    }
    if matrix.channel.is_none() {
        let what = "no `channel` is named: each person who is asked gets a card of their own, and everybody with an account \
                    at the homeserver counts as a member";
        found.push(finding(Grade::Good, what, ""));
    }
    found
}

fn clock(date: Option<&str>) -> Option<Finding> {
    let theirs = rfc2822::parse(date?).ok()?.timestamp().as_millisecond();
    let apart = (Clock::System.now().micros() / 1_000 - theirs).abs();
    (apart > CLOCKS_MS).then(|| {
        let what = format!("the homeserver's clock and ours differ by {} s", apart / 1_000);
        finding(Grade::Warning, what, "set both by NTP")
    })
}

/// A room that the file names.
async fn place(matrix: &Matrix, me: &str, key: &str, room: &str) -> Vec<Finding> {
    let named = format!("`[matrix] {key}` = `{room}`");
    let encrypted = matrix.is_encrypted(room).await.unwrap_or(false);
    let one = match matrix.fitness(&Place(room.to_owned())).await {
        Err(error) => finding(Grade::Wrong, format!("{named} can't be looked at: {error}"), "try again"),
        Ok(Fitness::NotThere) if encrypted => {
            let fix = "make a room without encryption, and write its id (`!…:…`) there";
            finding(Grade::Wrong, format!("{named} is encrypted: the bot can't read what people say there"), fix)
        }
        Ok(Fitness::NotThere) => {
            let fix = format!("invite `{me}` to it; the id is in the room's settings, and no alias (`#…`) will do");
            finding(Grade::Wrong, format!("{named}: the bot is not in it, or there is no such room"), fix)
        }
        Ok(Fitness::Archived) => {
            finding(Grade::Wrong, format!("{named} was replaced by another room"), "write the new room's id there")
        }
        Ok(Fitness::Shared) => {
            let fix =
                "remove them, or use a room made with `m.federate` off; until then people are written to one by one";
            finding(Grade::Wrong, format!("{named}: people of another server are in it or invited"), fix)
        }
        Ok(Fitness::Fit) => finding(Grade::Good, format!("{named} is fit for cards"), ""),
    };
    let fit = one.grade == Grade::Good;
    let mut found = vec![one];
    if fit {
        found.extend(rights(matrix, me, &named, room).await.unwrap_or_default());
    }
    found
}

/// Whether the bot may write in a room, and who may come in.
async fn rights(matrix: &Matrix, me: &str, named: &str, room: &str) -> Result<Vec<Finding>, Failed> {
    let mut found = Vec::new();
    let levels = matrix.api.state(room, "m.room.power_levels", "").await?.unwrap_or(Value::Null);
    let level = |paths: [&[&str]; 2]| {
        let at = |path: &&[&str]| path.iter().try_fold(&levels, |at, key| at.get(key)).and_then(Value::as_i64);
        paths.iter().find_map(at).unwrap_or(0)
    };
    let (needs, has) =
        (level([&["events", "m.room.message"], &["events_default"]]), level([&["users", me], &["users_default"]]));
    if has < needs {
        let what = format!("{named}: the bot may not write there (its level is {has}, and {needs} is needed)");
        found.push(finding(Grade::Wrong, what, format!("give `{me}` the level {needs} in the room's settings")));
    }
    let rule = matrix.api.state(room, "m.room.join_rules", "").await?;
    if rule.is_some_and(|rule| rule.get("join_rule").and_then(Value::as_str) == Some("public")) {
        let what = format!("{named} is open to everybody, and who is in it counts as a member");
        found.push(finding(Grade::Warning, what, "let only those in who were invited"));
    }
    Ok(found)
}
