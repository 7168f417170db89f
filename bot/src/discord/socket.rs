//! The gateway: one connection, resumed where it broke off.
//!
//! Own, and not the crate's (docs/decisions/0010): what comes is stored before it is acknowledged. Acknowledgements go over
//! the API, so none is lost with a connection.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use workflows::clock::Clock;

use super::Discord;
use super::intake::Due;
use super::people::word;
use super::wire::{Sink, Stream, close, connect, hello, send};
use crate::inbox::Inbox;
use crate::platform::PlatformError;

/// The guild and its channels, messages there, messages to us. None of them needs Discord's consent.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 12;
/// The longest wait before another connection is tried.
const LONGEST: Duration = Duration::from_secs(30);
/// The wait where trying again does not help before somebody has done something.
const WRONG: Duration = Duration::from_mins(1);
/// What is under way when we stop is finished within this.
const LAST: Duration = Duration::from_millis(2_600);
/// So many events are worked on at once; what comes then waits in the socket.
const AT_ONCE: usize = 512;

/// What is needed to go on where a connection broke off.
#[derive(Debug)]
struct Session {
    id: String,
    /// Where to; nothing where that did not work.
    url: Option<String>,
    seq: u64,
}

/// Why a connection ended.
#[derive(Debug)]
enum End {
    /// We stop.
    Stop,
    /// It broke off, and goes on.
    Broken,
    /// Discord wants us to begin anew.
    Anew,
    /// Somebody must do something first.
    Wrong(String),
    /// There was no connection.
    Unreachable(PlatformError),
}

/// Between two moments, so that not everybody comes back at once.
fn between(least: u64, most: u64) -> Duration {
    let some = Clock::System.now().micros().unsigned_abs() % (most - least + 1);
    Duration::from_millis(least + some)
}

/// The wait after so many failures, each longer than the one before.
fn slower(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.min(5)).min(LONGEST) + between(0, 1_000)
}

/// Receives by the gateway until stopped.
pub(super) async fn listen(discord: Discord, inbox: Inbox, stop: CancellationToken) {
    let mut work = JoinSet::new();
    let mut session = None;
    let (mut failures, mut told) = (0_u32, false);
    while !stop.is_cancelled() {
        let connection = Connection { discord: &discord, inbox: &inbox, stop: &stop };
        let end = Box::pin(connection.once(&mut session, &mut work)).await;
        // Without a session, the end of this connection is another beginning, and there are only so many a day.
        let begun = session.is_some();
        let mut failed = false;
        told &= !begun;
        let wait = match end {
            End::Stop => break,
            End::Broken | End::Anew if !begun => {
                failed = true;
                slower(failures)
            }
            End::Broken => between(1_000, 2_000),
            End::Anew => {
                session = None;
                between(1_000, 5_000)
            }
            End::Wrong(why) => {
                session = None;
                if !told {
                    error!("Discord does not let us listen: {why}; `countersign doctor` says more");
                }
                told = true;
                WRONG
            }
            End::Unreachable(why) => {
                failed = true;
                warn!("no socket to Discord: {why}");
                if let Some(session) = &mut session {
                    session.url = None;
                }
                match why {
                    PlatformError::Limited(wait) => wait,
                    PlatformError::MessageGone
                    | PlatformError::PlaceGone(..)
                    | PlatformError::PersonGone(_)
                    | PlatformError::Token(_)
                    | PlatformError::Scope(_)
                    | PlatformError::Invalid(_)
                    | PlatformError::TooLate
                    | PlatformError::Down(_) => slower(failures),
                }
            }
        };
        failures = if failed { failures + 1 } else { 0 };
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(wait) => {}
        }
    }
    let last = async { while work.join_next().await.is_some() {} };
    let _in_time = timeout(LAST, last).await;
}

/// What one connection has.
struct Connection<'a> {
    discord: &'a Discord,
    inbox: &'a Inbox,
    stop: &'a CancellationToken,
}

impl Connection<'_> {
    /// Opens a connection and serves it until it ends.
    async fn once(&self, session: &mut Option<Session>, work: &mut JoinSet<()>) -> End {
        let opened = tokio::select! {
            () = self.stop.cancelled() => return End::Stop,
            opened = self.open(session.as_ref()) => opened,
        };
        let (mut sink, mut stream, beat) = match opened {
            Ok(open) => open,
            Err(PlatformError::Token(why)) => return End::Wrong(format!("the token is refused: {why}")),
            Err(why) => return End::Unreachable(why),
        };
        let end = self.serve(&mut sink, &mut stream, beat, session, work).await;
        // A proper goodbye would end the session as well.
        let code: u16 = if matches!(end, End::Stop) { 1_000 } else { 4_000 };
        close(&mut sink, code).await;
        end
    }

    /// Connects, and says who we are or where we were.
    async fn open(&self, session: Option<&Session>) -> Result<(Sink, Stream, Duration), PlatformError> {
        let known = session.and_then(|session| session.url.clone());
        let url = match known {
            Some(url) => url,
            None => self.gateway(session.is_some()).await?,
        };
        let (mut sink, mut stream) = connect(&url).await?;
        let beat = hello(&mut stream).await?;
        let token = self.discord.0.bot.reveal();
        let who = if let Some(Session { id, seq, .. }) = session {
            json!({ "op": 6, "d": { "token": token, "session_id": id, "seq": seq } })
        } else {
            let us = json!({ "os": std::env::consts::OS, "browser": "countersign", "device": "countersign" });
            json!({ "op": 2, "d": { "token": token, "intents": INTENTS, "properties": us } })
        };
        if !send(&mut sink, &who).await {
            return Err(PlatformError::Down("its socket broke off".to_owned()));
        }
        Ok((sink, stream, beat))
    }

    /// Where the gateway is. A session that goes on costs none of the beginnings that there are a day.
    async fn gateway(&self, resumes: bool) -> Result<String, PlatformError> {
        let answer = self.discord.api().get(&["gateway", "bot"], &[]).await.map_err(|failed| failed.of(""))?;
        let limit = |key: &str| answer.pointer(&format!("/session_start_limit/{key}")).and_then(Value::as_u64);
        if !resumes && limit("remaining") == Some(0) {
            let wait = Duration::from_millis(limit("reset_after").unwrap_or(60_000).min(86_400_000));
            return Err(PlatformError::Limited(wait));
        }
        Ok(word(&answer, "/url").to_owned())
    }

    async fn serve(
        &self,
        sink: &mut Sink,
        stream: &mut Stream,
        beat: Duration,
        session: &mut Option<Session>,
        work: &mut JoinSet<()>,
    ) -> End {
        let first = beat.mul_f64(between(0, 1_000).as_secs_f64());
        let mut beats = interval_at(Instant::now() + first, beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = true;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return End::Stop,
                Some(_ended) = work.join_next(), if !work.is_empty() => {}
                _tick = beats.tick() => {
                    if !heard {
                        info!("the socket to Discord is silent; another is opened");
                        return End::Broken;
                    }
                    heard = false;
                    if !pulse(sink, session.as_ref()).await { return End::Broken }
                }
                frame = stream.next(), if work.len() < AT_ONCE => match frame {
                    Some(Ok(Frame::Text(text))) => {
                        let Ok(event) = serde_json::from_str::<Value>(text.as_str()) else {
                            warn!("Discord sent what is no JSON");
                            continue;
                        };
                        match event.get("op").and_then(Value::as_u64) {
                            Some(0) => self.dispatched(event, session, work),
                            Some(1) => if !pulse(sink, session.as_ref()).await { return End::Broken },
                            Some(7) => return End::Broken,
                            // Whether the session may go on.
                            Some(9) if event.get("d") == Some(&Value::Bool(true)) => return End::Broken,
                            Some(9) => return End::Anew,
                            Some(11) => heard = true,
                            Some(_) | None => {}
                        }
                    }
                    Some(Ok(Frame::Close(frame))) => return closed(frame.map(|frame| u16::from(frame.code))),
                    Some(Err(_)) | None => return End::Broken,
                    // Pings are answered by the library.
                    Some(Ok(Frame::Binary(_) | Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => {}
                },
            }
        }
    }

    /// Takes an event; nothing here waits for it.
    fn dispatched(&self, event: Value, session: &mut Option<Session>, work: &mut JoinSet<()>) {
        let since = Instant::now();
        let seq = event.get("s").and_then(Value::as_u64);
        if let (Some(session), Some(seq)) = (session.as_mut(), seq) {
            session.seq = session.seq.max(seq);
        }
        match word(&event, "/t") {
            "READY" => {
                let text = |path: &str| word(&event, path).to_owned();
                let url = Some(text("/d/resume_gateway_url")).filter(|url| !url.is_empty());
                *session = Some(Session { id: text("/d/session_id"), url, seq: seq.unwrap_or_default() });
                debug!("connected with Discord");
            }
            "RESUMED" => debug!("connected with Discord again"),
            _ if self.is_for_us(&event) => {
                let (discord, inbox) = (self.discord.clone(), self.inbox.clone());
                work.spawn(async move { work_on(&discord, &inbox, &event, since).await });
            }
            _ => {}
        }
    }

    /// Whether an event is one that is stored. What people write to each other is nothing of ours.
    fn is_for_us(&self, event: &Value) -> bool {
        let in_guild = word(event, "/d/guild_id") == self.discord.guild();
        match word(event, "/t") {
            "INTERACTION_CREATE" => true,
            "MESSAGE_CREATE" => {
                let program = event.pointer("/d/author/bot") == Some(&Value::Bool(true))
                    || !word(event, "/d/webhook_id").is_empty();
                let private = word(event, "/d/guild_id").is_empty();
                let named = event.pointer("/d/mentions").and_then(Value::as_array).into_iter().flatten();
                let named = named.into_iter().any(|user| word(user, "/id") == self.discord.application());
                !program && (private || (in_guild && named))
            }
            "CHANNEL_UPDATE" | "CHANNEL_DELETE" | "GUILD_MEMBER_REMOVE" => in_guild,
            _ => false,
        }
    }
}

/// What a close code means.
fn closed(code: Option<u16>) -> End {
    match code {
        Some(4_004) => End::Wrong("the token is refused".to_owned()),
        Some(4_014) => End::Wrong("an intent is not allowed for this application".to_owned()),
        Some(code @ (4_010..=4_013)) => End::Wrong(format!("it closes the socket with {code}")),
        Some(4_003 | 4_007 | 4_009) => End::Anew,
        Some(_) | None => End::Broken,
    }
}

async fn pulse(sink: &mut Sink, session: Option<&Session>) -> bool {
    send(sink, &json!({ "op": 1, "d": session.map(|session| session.seq) })).await
}

/// Stores, then gives the first response.
async fn work_on(discord: &Discord, inbox: &Inbox, event: &Value, since: Instant) {
    let it = event.get("d").unwrap_or(&Value::Null);
    // The number in the stream tells changes apart that have no id of their own.
    let letter = json!({ "t": event.get("t"), "s": event.get("s"), "d": it });
    match discord.take(inbox, &letter, &letter.to_string(), since).await {
        Due::Response(response) => {
            let (id, token) = (word(it, "/id"), word(it, "/token"));
            if let Err(error) = discord.respond(id, token, &response, &[]).await {
                warn!("Discord did not take a first response: {error}");
            }
            discord.answers().acknowledged(id);
        }
        Due::Later => discord.guard(it, since).await,
        Due::Nothing => {}
    }
}
