//! Digests, and the rows that one is computed from.

use std::collections::{BTreeMap, BTreeSet};

use super::db::{Arg, Db, Row, StoreError, Tx, args, statements};
use super::{grants, json, requests, sessions};
use crate::clock::{Span, Timestamp};
use crate::digest::{Before, Digest, Filed, Frame, HeldGrant, IDLE, Review, Rows, Week};
use crate::id::{DigestId, GrantId};
use crate::request::{Request, What};

// A page is found by where the last one ended. A `+` before a column keeps an engine from walking all that ever was by
// that column's index, where another one leads to the few rows that are wanted.
statements! {
    REQUESTS = "SELECT r.id, r.version, r.identity, i.name, r.made, r.what, r.why, r.needs, r.state, r.detail, r.asked_by, \
                r.replaced, r.outcome FROM requests r JOIN identities i ON i.id = r.identity \
                WHERE r.made >= $1 AND r.made < $2 AND (r.made, r.id) > ($3, $4) ORDER BY r.made, r.id LIMIT $5";
    REVIEWS = "SELECT r.id, r.version, r.identity, i.name, r.made, r.what, r.why, r.needs, r.state, r.detail, r.asked_by, \
               r.replaced, r.outcome, r.due FROM requests r JOIN identities i ON i.id = r.identity \
               WHERE r.due IS NOT NULL AND r.kind = 'review' AND (r.due, r.id) > ($1, $2) ORDER BY r.due, r.id LIMIT $3";
    GRANTS_BEGUN = "SELECT g.id, g.version, g.request, g.identity, i.name, g.target, g.access, g.begins, g.until, g.emergency, \
                    g.reminded, g.ending, CASE WHEN EXISTS (SELECT 1 FROM sessions s WHERE s.grant_id = g.id) \
                    THEN 1 ELSE 0 END AS used FROM grants g JOIN identities i ON i.id = g.identity \
                    WHERE g.begins >= $1 AND g.begins < $2 AND (g.begins, g.id) > ($3, $4) \
                    ORDER BY g.begins, g.id LIMIT $5";
    GRANTS_ENDED = "SELECT g.id, g.version, g.request, g.identity, i.name, g.target, g.access, g.begins, g.until, g.emergency, \
                    g.reminded, g.ending, g.ended, CASE WHEN EXISTS (SELECT 1 FROM sessions s WHERE s.grant_id = g.id) \
                    THEN 1 ELSE 0 END AS used FROM grants g JOIN identities i ON i.id = g.identity \
                    WHERE g.ended >= $1 AND + g.begins < $2 AND (g.ended, g.id) > ($3, $4) \
                    ORDER BY g.ended, g.id LIMIT $5";
    GRANTS_OPEN = "SELECT g.id, g.version, g.request, g.identity, i.name, g.target, g.access, g.begins, g.until, g.emergency, \
                   g.reminded, g.ending, CASE WHEN EXISTS (SELECT 1 FROM sessions s WHERE s.grant_id = g.id) \
                   THEN 1 ELSE 0 END AS used FROM grants g JOIN identities i ON i.id = g.identity \
                   WHERE g.ended IS NULL AND (g.until, g.id) > ($1, $2) ORDER BY g.until, g.id LIMIT $3";
    SESSIONS_BEGUN = "SELECT s.id, s.identity, i.name, s.grant_id, s.target, s.access, CAST('' AS TEXT) AS client, \
                      CAST('' AS TEXT) AS application, s.begins, s.ended, s.ending, s.totals, \
                      CAST('' AS TEXT) AS recording, s.uninspected FROM sessions s JOIN identities i ON i.id = s.identity \
                      WHERE s.begins >= $1 AND s.begins < $2 AND (s.begins, s.id) > ($3, $4) \
                      ORDER BY s.begins, s.id LIMIT $5";
    SESSIONS_ENDED = "SELECT s.id, s.identity, i.name, s.grant_id, s.target, s.access, CAST('' AS TEXT) AS client, \
                      CAST('' AS TEXT) AS application, s.begins, s.ended, s.ending, s.totals, \
                      CAST('' AS TEXT) AS recording, s.uninspected FROM sessions s JOIN identities i ON i.id = s.identity \
                      WHERE s.ended >= $1 AND + s.begins < $2 AND (s.ended, s.id) > ($3, $4) \
                      ORDER BY s.ended, s.id LIMIT $5";
    SESSIONS_OPEN = "SELECT s.id, s.identity, i.name, s.grant_id, s.target, s.access, CAST('' AS TEXT) AS client, \
                     CAST('' AS TEXT) AS application, s.begins, s.ended, s.ending, s.totals, \
                     CAST('' AS TEXT) AS recording, s.uninspected, s.node FROM sessions s JOIN identities i ON i.id = s.identity \
                     WHERE s.ended IS NULL AND + s.begins < $1 AND (s.node, s.id) > ($2, $3) \
                     ORDER BY s.node, s.id LIMIT $4";
    REQUESTS_BEFORE = "SELECT i.name, r.kind, r.state, COUNT(*) AS n FROM requests r JOIN identities i ON i.id = r.identity \
                       WHERE r.made >= $1 AND r.made < $2 GROUP BY i.name, r.kind, r.state";
    GRANTS_BEFORE = "SELECT i.name, g.emergency, COUNT(*) AS n FROM grants g JOIN identities i ON i.id = g.identity \
                     WHERE g.begins >= $1 AND g.begins < $2 GROUP BY i.name, g.emergency";
    SESSIONS_BEFORE = "SELECT i.name, COUNT(*) AS n FROM sessions s JOIN identities i ON i.id = s.identity \
                       WHERE s.begins >= $1 AND s.begins < $2 GROUP BY i.name";
    USED = "SELECT DISTINCT i.name, g.target FROM grants g JOIN identities i ON i.id = g.identity \
            WHERE g.begins < $2 AND (g.ended IS NULL OR g.ended >= $1)";
    KNOWN = "SELECT name, made FROM identities WHERE made <= $1";
    ADD = "INSERT INTO digests (id, manager, week, made, content, due) VALUES ($1, $2, $3, $4, $5, $6) \
           ON CONFLICT (manager, week) DO NOTHING";
    MADE = "SELECT manager FROM digests WHERE week = $1";
    ONE = "SELECT id, manager, week, made, due, escalated, escalated_to, reviewed, reviewed_by, content FROM digests \
           WHERE id = $1";
    OF_WEEK = "SELECT id, manager, week, made, due, escalated, escalated_to, reviewed, reviewed_by, content FROM digests \
               WHERE manager = $1 AND week = $2";
    LATEST_OF = "SELECT id, manager, week, made, due, escalated, escalated_to, reviewed, reviewed_by FROM digests \
                 WHERE manager = $1 ORDER BY week DESC LIMIT $2";
    LATEST_ESCALATED = "SELECT id, manager, week, made, due, escalated, escalated_to, reviewed, reviewed_by FROM digests \
                        WHERE escalated IS NOT NULL ORDER BY week DESC, manager LIMIT $1";
    LATEST = "SELECT id, manager, week, made, due, escalated, escalated_to, reviewed, reviewed_by FROM digests \
              ORDER BY week DESC, manager LIMIT $1";
    OVERDUE = "SELECT id FROM digests WHERE due <= $1 ORDER BY due LIMIT $2";
    ESCALATE = "UPDATE digests SET due = NULL, escalated = $2, escalated_to = $3 WHERE id = $1 AND due IS NOT NULL";
    REVIEWED = "UPDATE digests SET due = NULL, reviewed = $2, reviewed_by = $3 WHERE id = $1 AND reviewed IS NULL";
}

/// How many rows are read at a time.
const PAGE: i64 = 2_000;
/// A request may hold a statement of 100 kB until it is cut.
const REQUESTS_PAGE: i64 = 200;
/// How much of a text is kept, in characters: more than any digest shows.
const KEPT: usize = 400;

/// Reads one page after the other: `$page` gives the rows after a place, `$place` the place of a row.
macro_rules! pages {
    ($db:expr, $sql:ident, $fixed:expr, $start:expr, $limit:expr, $place:expr, $take:expr) => {{
        let (mut at, mut id) = (Arg::from($start), String::new());
        loop {
            let mut values = $fixed;
            values.extend(args![at.clone(), id.clone(), $limit]);
            let rows = $db.all($sql, values).await?;
            for row in &rows {
                $take(row)?;
            }
            match rows.last() {
                Some(last) if i64::try_from(rows.len()).unwrap_or(i64::MAX) >= $limit => {
                    at = Arg::from($place(last)?);
                    id = last.text("id")?.to_owned();
                }
                Some(_) | None => break,
            }
        }
    }};
}

fn cut(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(KEPT) {
        text.truncate(at);
        text.shrink_to_fit();
    }
}

fn request(row: &Row) -> Result<Request, StoreError> {
    let mut request = requests::request(row)?.request;
    cut(&mut request.why);
    match &mut request.what {
        What::Operation { shown, impact, fingerprint, .. } => {
            cut(shown);
            *impact = Vec::new();
            *fingerprint = String::new();
        }
        What::Access { .. } | What::Review { .. } => {}
    }
    Ok(request)
}

/// The rows of a week that are about any of these people.
pub(crate) async fn rows(db: &Db, frame: &Frame, people: &BTreeSet<String>) -> Result<Rows, StoreError> {
    let mut rows = Rows::default();
    read_requests(db, frame, people, &mut rows).await?;
    read_grants(db, frame, people, &mut rows).await?;
    read_sessions(db, frame, people, &mut rows).await?;
    rows.before = before(db, frame).await?;
    let idle = Timestamp::from_micros(frame.until.micros().saturating_sub(IDLE.micros()));
    for row in db.all(USED, args![idle.micros(), frame.until.micros()]).await? {
        if people.contains(row.text("name")?) {
            rows.used.insert((row.text("name")?.to_owned(), row.parsed("target")?));
        }
    }
    for row in db.all(KNOWN, args![idle.micros()]).await? {
        rows.known.insert(row.text("name")?.to_owned(), Timestamp::from_micros(row.int("made")?));
    }
    Ok(rows)
}

async fn read_requests(db: &Db, frame: &Frame, people: &BTreeSet<String>, to: &mut Rows) -> Result<(), StoreError> {
    let (since, until) = (frame.since.micros(), frame.until.micros());
    let mut take = |row: &Row| -> Result<(), StoreError> {
        let request = request(row)?;
        // What others asked is kept where one of these decided on it.
        let deciders = |name: &str| people.contains(name);
        if people.contains(&request.by.name) || request.decided_by().any(deciders) {
            to.requests.push(request);
        }
        Ok(())
    };
    pages!(db, REQUESTS, args![since, until], since, REQUESTS_PAGE, |row: &Row| row.int("made"), take);
    // An escalation while this is read moves a review to a later place, and it is met twice.
    let mut reviews: BTreeMap<crate::id::RequestId, Request> = BTreeMap::new();
    let mut take = |row: &Row| -> Result<(), StoreError> {
        let request = request(row)?;
        if people.contains(&request.by.name) {
            reviews.insert(request.id, request);
        }
        Ok(())
    };
    pages!(db, REVIEWS, args![], i64::MIN, REQUESTS_PAGE, |row: &Row| row.int("due"), take);
    to.reviews = reviews.into_values().collect();
    Ok(())
}

async fn read_grants(db: &Db, frame: &Frame, people: &BTreeSet<String>, to: &mut Rows) -> Result<(), StoreError> {
    let (since, until) = (frame.since.micros(), frame.until.micros());
    // A grant that gets more time, or ends, while this is read may be met twice.
    let mut found: BTreeMap<GrantId, HeldGrant> = BTreeMap::new();
    let mut take = |row: &Row| -> Result<(), StoreError> {
        let grant = grants::grant(row)?.grant;
        if people.contains(&grant.to.name) {
            found.insert(grant.id, HeldGrant { used: row.int("used")? != 0, grant });
        }
        Ok(())
    };
    pages!(db, GRANTS_BEGUN, args![since, until], since, PAGE, |row: &Row| row.int("begins"), take);
    pages!(db, GRANTS_ENDED, args![since, since], since, PAGE, |row: &Row| row.int("ended"), take);
    pages!(db, GRANTS_OPEN, args![], i64::MIN, PAGE, |row: &Row| row.int("until"), take);
    to.grants = found.into_values().collect();
    Ok(())
}

async fn read_sessions(db: &Db, frame: &Frame, people: &BTreeSet<String>, to: &mut Rows) -> Result<(), StoreError> {
    let (since, until) = (frame.since.micros(), frame.until.micros());
    let mut take = |row: &Row| -> Result<(), StoreError> {
        if people.contains(row.text("name")?) {
            to.sessions.push(sessions::session(row)?);
        }
        Ok(())
    };
    pages!(db, SESSIONS_BEGUN, args![since, until], since, PAGE, |row: &Row| row.int("begins"), take);
    pages!(db, SESSIONS_ENDED, args![since, since], since, PAGE, |row: &Row| row.int("ended"), take);
    let node = |row: &Row| row.text("node").map(str::to_owned);
    pages!(db, SESSIONS_OPEN, args![since], String::new(), PAGE, node, take);
    // One that was open when the one part was read may have ended when the other was.
    to.sessions.sort_by_key(|session| session.id);
    to.sessions.dedup_by_key(|session| session.id);
    Ok(())
}

/// The week before, counted by the store: who did how much.
async fn before(db: &Db, frame: &Frame) -> Result<BTreeMap<String, Before>, StoreError> {
    let earlier = Frame::of(frame.week.before(), &frame.zone);
    let (since, until) = (earlier.since.micros(), earlier.until.micros());
    let mut all: BTreeMap<String, Before> = BTreeMap::new();
    for row in db.all(REQUESTS_BEFORE, args![since, until]).await? {
        let one = all.entry(row.text("name")?.to_owned()).or_default();
        let n = u64::try_from(row.int("n")?).unwrap_or(0);
        match row.text("kind")? {
            "access" => one.requests += n,
            "operation" => one.held += n,
            _ => {}
        }
        if row.text("state")? == "denied" {
            one.denied += n;
        }
    }
    for row in db.all(GRANTS_BEFORE, args![since, until]).await? {
        let one = all.entry(row.text("name")?.to_owned()).or_default();
        let n = u64::try_from(row.int("n")?).unwrap_or(0);
        one.grants += n;
        if row.int("emergency")? != 0 {
            one.emergencies += n;
        }
    }
    for row in db.all(SESSIONS_BEFORE, args![since, until]).await? {
        all.entry(row.text("name")?.to_owned()).or_default().sessions += u64::try_from(row.int("n")?).unwrap_or(0);
    }
    Ok(all)
}

fn filed(row: &Row) -> Result<Filed, StoreError> {
    let at = |column| row.maybe_int(column).map(|at| at.map(Timestamp::from_micros));
    let review = match (at("reviewed")?, at("escalated")?, at("due")?) {
        (Some(at), _, _) => Review::Done { at, by: row.text("reviewed_by")?.to_owned() },
        (None, Some(since), _) => Review::Overdue { since },
        (None, None, Some(until)) => Review::Owed { until },
        (None, None, None) => Review::NotNeeded,
    };
    let week: Week = row.parsed("week")?;
    let made = Timestamp::from_micros(row.int("made")?);
    let escalated_to = match row.maybe_text("escalated_to")? {
        Some(_) => row.json("escalated_to")?,
        None => Vec::new(),
    };
    Ok(Filed { id: row.parsed("id")?, manager: row.text("manager")?.to_owned(), week, made, review, escalated_to })
}

fn whole(row: &Row) -> Result<(Filed, Digest), StoreError> {
    Ok((filed(row)?, row.json("content")?))
}

/// Files a digest; false where this manager has one of this week already. Time is given to review it, or nothing where
/// there is nothing to review.
pub(crate) async fn add(
    tx: &mut Tx,
    id: DigestId,
    digest: &Digest,
    review: Option<Span>,
) -> Result<bool, StoreError> {
    let values = args![
        id.to_string(),
        digest.manager.as_str(),
        digest.week.to_string(),
        digest.made.micros(),
        json(digest)?,
        review.map(|span| digest.made.plus(span).micros()),
    ];
    Ok(tx.run(ADD, values).await? == 1)
}

/// Who has a digest of this week.
pub(crate) async fn made(db: &Db, week: Week) -> Result<BTreeSet<String>, StoreError> {
    let rows = db.all(MADE, args![week.to_string()]).await?;
    rows.iter().map(|row| row.text("manager").map(str::to_owned)).collect()
}

pub(crate) async fn get(tx: &mut Tx, id: DigestId) -> Result<Option<(Filed, Digest)>, StoreError> {
    tx.first(ONE, args![id.to_string()]).await?.as_ref().map(whole).transpose()
}

pub(crate) async fn find(db: &Db, id: DigestId) -> Result<Option<(Filed, Digest)>, StoreError> {
    db.first(ONE, args![id.to_string()]).await?.as_ref().map(whole).transpose()
}

pub(crate) async fn of_week(db: &Db, manager: &str, week: Week) -> Result<Option<(Filed, Digest)>, StoreError> {
    db.first(OF_WEEK, args![manager, week.to_string()]).await?.as_ref().map(whole).transpose()
}

/// The latest digests of a manager, newest first.
pub(crate) async fn latest_of(db: &Db, manager: &str, limit: i64) -> Result<Vec<Filed>, StoreError> {
    db.all(LATEST_OF, args![manager, limit]).await?.iter().map(filed).collect()
}

/// The latest that went to somebody else, newest first.
pub(crate) async fn latest_escalated(db: &Db, limit: i64) -> Result<Vec<Filed>, StoreError> {
    db.all(LATEST_ESCALATED, args![limit]).await?.iter().map(filed).collect()
}

/// The latest of everybody, newest first.
pub(crate) async fn latest(db: &Db, limit: i64) -> Result<Vec<Filed>, StoreError> {
    db.all(LATEST, args![limit]).await?.iter().map(filed).collect()
}

pub(crate) async fn overdue(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<DigestId>, StoreError> {
    db.all(OVERDUE, args![now.micros(), limit]).await?.iter().map(|row| row.parsed("id")).collect()
}

/// Notes to whom it went; false where it went already, or was reviewed.
pub(crate) async fn escalate(
    tx: &mut Tx,
    id: DigestId,
    to: &[crate::approval::Who],
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(tx.run(ESCALATE, args![id.to_string(), now.micros(), json(&to)?]).await? == 1)
}

/// Notes who reviewed it; false where it was reviewed already.
pub(crate) async fn review(tx: &mut Tx, id: DigestId, by: &str, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.run(REVIEWED, args![id.to_string(), now.micros(), by]).await? == 1)
}
