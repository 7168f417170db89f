//! The long poll: what is new, stored before the next question tells the server that it arrived.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use workflows::clock::Clock;
use workflows::identity::Chat;

use super::api::Failed;
use super::read::{self, Letter, Wanted, text};
use super::{Matrix, offer, render};
use crate::card::{Card, Part, Text, Tone};
use crate::event::Place;
use crate::inbox::Inbox;
use crate::platform::{Platform as _, PlatformError};

/// What lies further back is not acted on any more, and not read again after a restart.
const OLD_MS: i64 = 10 * 60 * 1_000;
/// So much is fetched of each room at once.
const LATEST: u32 = 50;
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The mark of the words about encryption, so that they are said once in a room.
const DEAF: &str = "encrypted";

/// Listens until stopped. The place in the stream is kept in memory only: after a restart the latest messages are read
/// again, and the inbox knows those that it has.
pub(super) async fn run(matrix: &Matrix, inbox: Inbox, stop: CancellationToken) {
    let mut ear = Ear { matrix, inbox, direct: BTreeSet::new(), deaf: BTreeSet::new(), since: None };
    let mut pause = SHORTEST_PAUSE;
    loop {
        let heard = tokio::select! {
            () = stop.cancelled() => return,
            heard = ear.hear() => heard,
        };
        let Err(error) = heard else {
            if pause > SHORTEST_PAUSE {
                info!("Matrix is back");
            }
            pause = SHORTEST_PAUSE;
            continue;
        };
        warn!("Matrix does not tell us what is new: {error}");
        let wait = if let PlatformError::Limited(wait) = error { wait } else { pause };
        pause = (pause * 2).min(LONGEST_PAUSE);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

struct Ear<'m> {
    matrix: &'m Matrix,
    inbox: Inbox,
    /// The conversations with one person.
    direct: BTreeSet<String>,
    /// The encrypted rooms in which we said so.
    deaf: BTreeSet<String>,
    since: Option<String>,
}

fn filter() -> String {
    let nothing = json!({ "types": [] });
    let kinds = ["m.room.message", "m.reaction", "m.room.encrypted"];
    let room = json!({
        "timeline": { "limit": LATEST, "types": kinds }, "state": nothing, "ephemeral": nothing, "account_data": nothing,
    });
    json!({ "presence": nothing, "account_data": { "types": ["m.direct"] }, "room": room }).to_string()
}

fn fields<'v>(value: &'v Value, path: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value.pointer(path).and_then(Value::as_object).into_iter().flatten()
}

fn list<'v>(value: &'v Value, path: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(path).and_then(Value::as_array).into_iter().flatten()
}

/// Whether something happened too long ago. The server's own measure, where it gives one: clocks differ.
fn is_old(event: &Value) -> bool {
    let number = |path: &str| event.pointer(path).and_then(Value::as_i64);
    let age = number("/unsigned/age").or_else(|| {
        let at = number("/origin_server_ts")?;
        Some(Clock::System.now().micros() / 1_000 - at)
    });
    age.is_none_or(|age| age > OLD_MS)
}

/// The error, if trying again later may help; what can't be helped is said once and passed over.
fn worth_waiting(done: Result<(), PlatformError>, what: &str) -> Result<(), PlatformError> {
    match done {
        Err(error) if !error.passes() => {
            warn!("{what}: {error}");
            Ok(())
        }
        other => other,
    }
}

impl Ear<'_> {
    /// One question, and all of its answer. The next one begins behind it only when all is stored.
    async fn hear(&mut self) -> Result<(), PlatformError> {
        self.matrix.me().await?;
        let news = self.matrix.api.sync(self.since.as_deref(), &filter()).await.map_err(Failed::of_server)?;
        for note in list(&news, "/account_data/events").filter(|note| text(note, "/type") == Some("m.direct")) {
            let rooms = fields(note, "/content").flat_map(|(_, rooms)| rooms.as_array().into_iter().flatten());
            self.direct = rooms.filter_map(Value::as_str).map(str::to_owned).collect();
        }
        for (room, invite) in fields(&news, "/rooms/invite") {
            let joined = self.invited(room, invite).await;
            worth_waiting(joined, "an invitation is not accepted")?;
        }
        for (room, news) in fields(&news, "/rooms/join") {
            for event in list(news, "/timeline/events").filter(|event| !is_old(event)) {
                let taken = self.take(room, event).await;
                worth_waiting(taken, "a message is not taken in")?;
            }
        }
        let next = text(&news, "/next_batch").map(str::to_owned);
        self.since = Some(next.ok_or_else(|| PlatformError::Down("its answer has no end".to_owned()))?);
        Ok(())
    }

    /// People of our own server may talk to us, and let us into the rooms that the file names.
    async fn invited(&mut self, room: &str, invite: &Value) -> Result<(), PlatformError> {
        let me = self.matrix.me().await?;
        let to_us =
            |event: &&Value| text(event, "/type") == Some("m.room.member") && text(event, "/state_key") == Some(me);
        let Some(event) = list(invite, "/invite_state/events").find(to_us) else { return Ok(()) };
        let Some(by) = text(event, "/sender").filter(|by| read::server(by).is_some()) else { return Ok(()) };
        let direct = event.pointer("/content/is_direct").and_then(Value::as_bool).unwrap_or(false);
        let named =
            [&self.matrix.channel, &self.matrix.alarms].into_iter().any(|named| named.as_deref() == Some(room));
        if read::server(by) != read::server(me) || !(direct || named) {
            return Ok(());
        }
        self.matrix.api.join(room).await.map_err(|error| error.of_place(room))?;
        if direct {
            self.matrix.remember(by, room).await?;
            self.direct.insert(room.to_owned());
        }
        if self.matrix.is_encrypted(room).await.map_err(|error| error.of_place(room))? {
            self.say_deaf(room, by).await?;
        }
        Ok(())
    }

    async fn take(&mut self, room: &str, event: &Value) -> Result<(), PlatformError> {
        let me = self.matrix.me().await?.to_owned();
        let (Some(sender), Some(id)) = (text(event, "/sender"), text(event, "/event_id")) else { return Ok(()) };
        if text(event, "/type") == Some("m.room.encrypted") {
            return if sender == me { Ok(()) } else { self.say_deaf(room, sender).await };
        }
        let direct = self.direct.contains(room);
        let related = match read::wanted(event, &me, direct) {
            Wanted::Nothing => return Ok(()),
            Wanted::Reacted(to) => {
                let Some(related) = self.related(room, &to, &me).await? else { return Ok(()) };
                let sure = read::ours(&related, &me).and_then(|ours| offer::agreed(&ours.offers).cloned());
                match sure {
                    // Below what asks for nothing, a check mark is just that.
                    None => return Ok(()),
                    Some(one) if one.sure => return self.type_it(sender, id, &one).await,
                    Some(_) => Some((room.to_owned(), related)),
                }
            }
            Wanted::Said { answers, code } => self.meant(room, &me, answers, code).await?,
        };
        let (related_room, related) = related.unzip();
        let related_room = related_room.filter(|there| there != room);
        let letter = Letter { room: room.to_owned(), me, direct, event: event.clone(), related, related_room };
        let letter = serde_json::to_string(&letter).map_err(|_| PlatformError::Invalid("an event".to_owned()))?;
        match self.inbox.receive(Chat::Matrix, id, &letter).await {
            Ok(_) => Ok(()),
            Err(not_stored) => {
                let said = render::card(&Card::saying(Tone::Bad, not_stored.0));
                self.matrix.tell(sender, id, &[said]).await.map(drop)
            }
        }
    }

    /// A message that was reacted to or answered, if it is ours.
    async fn related(&self, room: &str, id: &str, me: &str) -> Result<Option<Value>, PlatformError> {
        match self.matrix.api.event(room, id).await {
            Ok(event) => Ok(read::ours(&event, me).map(|_| event)),
            Err(Failed::Missing | Failed::Forbidden) => Ok(None),
            Err(Failed::Other(error)) => Err(error),
        }
    }

    /// The message of ours that something typed is about: by its code, here or in the rooms of the file, else the one that
    /// it answers.
    async fn meant(
        &self,
        room: &str,
        me: &str,
        answers: Option<String>,
        code: Option<String>,
    ) -> Result<Option<(String, Value)>, PlatformError> {
        if let Some(code) =
            code.filter(|code| code.len() >= 8 && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        {
            let mut rooms = vec![room];
            rooms.extend([&self.matrix.channel, &self.matrix.alarms].into_iter().flatten().map(String::as_str));
            rooms.dedup();
            for room in rooms {
                if let Some(event) = self.by_code(room, &code, me).await? {
                    return Ok(Some((room.to_owned(), event)));
                }
            }
        }
        let Some(answered) = answers else { return Ok(None) };
        Ok(self.related(room, &answered, me).await?.map(|event| (room.to_owned(), event)))
    }

    async fn by_code(&self, room: &str, code: &str, me: &str) -> Result<Option<Value>, PlatformError> {
        let events = match self.matrix.api.latest(room, me).await {
            Ok(events) => events,
            Err(Failed::Missing | Failed::Forbidden) => return Ok(None),
            Err(Failed::Other(error)) => return Err(error),
        };
        let has = |event: &Value| {
            read::ours(event, me).is_some_and(|ours| ours.offers.iter().any(|one| offer::is_code_of(code, &one.key)))
        };
        Ok(events.into_iter().find(has))
    }

    /// What is asked back on other platforms has to be typed here.
    async fn type_it(&self, sender: &str, act: &str, offer: &offer::Offer) -> Result<(), PlatformError> {
        let words = "A check mark is not enough for this: nothing was done.";
        let line = format!("!{} {}", offer.verb.replace('_', "-"), offer::code(&offer.key));
        let card = Card::saying(Tone::Bad, words).with(Part::Say(Text::plain("If you want it, type ").code(line)));
        self.matrix.tell(sender, act, &[render::card(&card)]).await.map(drop)
    }

    /// Says once in a room that we can't read there, and opens a conversation where we can.
    async fn say_deaf(&mut self, room: &str, to: &str) -> Result<(), PlatformError> {
        let place = Place(room.to_owned());
        if self.deaf.contains(room) || self.matrix.find(&place, DEAF).await?.is_some() {
            self.deaf.insert(room.to_owned());
            return Ok(());
        }
        let words = "This room is encrypted, and Countersign can't read in it. Write to it in a room without encryption; it \
                     invites you to one.";
        self.matrix.post(&place, &Card::saying(Tone::Bad, words), DEAF).await?;
        self.deaf.insert(room.to_owned());
        self.matrix.conversation(to).await.map(drop)
    }
}
