//! The gateway socket: sessions that outlive their connections, and events that are counted.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::Shared;
use super::world::{World, id_of, text_of};

pub const GUILDS: u64 = 1;
pub const GUILD_MESSAGES: u64 = 1 << 9;
pub const DIRECT_MESSAGES: u64 = 1 << 12;
pub const MESSAGE_CONTENT: u64 = 1 << 15;
/// All intents there are.
const KNOWN: u64 = ((1 << 17) - 1) | (0b11 << 20) | (0b11 << 24);

/// What goes out on a connection.
#[derive(Debug)]
pub enum Out {
    Send(Value),
    Close(u16, &'static str),
    /// The wire is cut, without a word.
    Cut,
}

/// A session of the application, connected or not.
#[derive(Debug)]
pub struct Session {
    pub id: String,
    pub intents: u64,
    pub seq: u64,
    /// Every event so far, to be told again to whom missed it.
    log: Vec<Value>,
    pub link: Option<mpsc::UnboundedSender<Out>>,
    pub resumes: u32,
}

impl Session {
    fn tell(&mut self, name: &str, data: Value) {
        self.seq += 1;
        let event = json!({ "op": 0, "t": name, "s": self.seq, "d": data });
        self.log.push(event.clone());
        self.say(event);
    }

    fn say(&mut self, event: Value) {
        if self.link.as_ref().is_some_and(|link| link.send(Out::Send(event)).is_err()) {
            self.link = None;
        }
    }
}

impl World {
    /// Tells an event to every session that wants it; `intent` is 0 where nobody has to ask for it.
    pub fn tell(&mut self, name: &str, intent: u64, data: &Value) {
        for session in &mut self.sessions {
            if intent == 0 || session.intents & intent != 0 {
                session.tell(name, data.clone());
            }
        }
    }

    /// A message that was written or changed. Without the intent for it, its text is left out.
    pub fn tell_message(&mut self, name: &str, channel: u64, json: &Value) {
        let guild = self.channels[&channel].guild;
        let mut full = json.clone();
        let mut short = self.shown(json);
        for json in [&mut full, &mut short] {
            if let (Some(guild), Some(author)) = (guild, id_of(&json["author"]["id"])) {
                json["guild_id"] = json!(text_of(guild));
                if let Some(mut member) = self.member_json(guild, author) {
                    member.as_object_mut().expect("an object").remove("user");
                    json["member"] = member;
                }
            }
        }
        let intent = if guild.is_some() { GUILD_MESSAGES } else { DIRECT_MESSAGES };
        for session in &mut self.sessions {
            if session.intents & intent != 0 {
                let reads = self.app.message_content && session.intents & MESSAGE_CONTENT != 0;
                session.tell(name, if reads { full.clone() } else { short.clone() });
            }
        }
    }

    /// Takes a message away.
    pub fn erase(&mut self, message: u64) {
        let Some(stored) = self.find_mut(message) else { return };
        stored.deleted = true;
        let private = stored.only.is_some();
        let channel = id_of(&stored.json["channel_id"]).expect("every message has one");
        let guild = self.channels[&channel].guild;
        let data = json!({ "id": text_of(message), "channel_id": text_of(channel), "guild_id": guild.map(text_of) });
        if !private {
            self.tell("MESSAGE_DELETE", if guild.is_some() { GUILD_MESSAGES } else { DIRECT_MESSAGES }, &data);
        }
    }

    /// Does something to every connection.
    pub fn links(&mut self, out: impl Fn() -> Out) {
        for session in &mut self.sessions {
            if let Some(link) = &session.link {
                drop(link.send(out()));
            }
        }
    }

    fn ready(&mut self, intents: u64, link: mpsc::UnboundedSender<Out>) {
        let id = super::random();
        let mut session = Session { id, intents, seq: 0, log: Vec::new(), link: Some(link), resumes: 0 };
        let inside = self.guilds.iter().filter(|(_, guild)| guild.has_bot).map(|(id, _)| *id).collect::<Vec<_>>();
        let guilds = inside.iter().map(|id| json!({ "id": text_of(*id), "unavailable": true })).collect::<Vec<_>>();
        let data = json!({
            "v": 10, "user": self.user_json(self.bot()), "guilds": guilds, "session_id": session.id,
            "resume_gateway_url": format!("{}/resume", self.socket_url), "shard": [0, 1], "session_type": "normal",
            "application": { "id": text_of(self.app.id), "flags": 0 }, "private_channels": [], "relationships": [],
        });
        session.tell("READY", data);
        for guild in inside.into_iter().filter(|_| intents & GUILDS != 0) {
            session.tell("GUILD_CREATE", self.guild_create(guild));
        }
        self.sessions.push(session);
    }

    fn guild_create(&self, guild: u64) -> Value {
        let mut json = self.guild_json(guild);
        let here = |thread: bool| {
            let channels =
                self.channels.values().filter(move |one| one.guild == Some(guild) && one.parent.is_some() == thread);
            channels.map(|one| self.channel_json(one.id)).collect::<Vec<_>>()
        };
        let members = &self.guilds[&guild].members;
        let listed = members.keys().filter_map(|user| self.member_json(guild, *user)).collect::<Vec<_>>();
        let more = json!({
            "joined_at": "2024-01-02T03:04:05.000000+00:00", "large": false, "unavailable": false,
            "member_count": members.len(), "members": listed, "channels": here(false), "threads": here(true),
            "presences": [], "voice_states": [], "stage_instances": [], "guild_scheduled_events": [],
            "soundboard_sounds": [],
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            json[key] = value.clone();
        }
        json
    }
}

/// Takes connections until it is dropped.
pub async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    links.spawn(connection(Arc::clone(&shared), stream));
                }
            }
            Some(_) = links.join_next() => {}
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    if shared.read(|world| world.down) {
        return;
    }
    let mut asked = String::new();
    #[allow(clippy::result_large_err, reason = "the signature is the library's")]
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        asked = request.uri().query().unwrap_or_default().to_owned();
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, look).await else { return };
    let query = super::api::pairs(asked.as_bytes());
    if query.get("v").map(String::as_str) != Some("10") {
        return close(&mut socket, 4012, "Invalid API version").await;
    }
    if query.get("encoding").map(String::as_str) != Some("json") {
        return close(&mut socket, 4002, "Error while decoding payload.").await;
    }
    let (link, mut out) = mpsc::unbounded_channel();
    let beat = shared.read(|world| world.heartbeat);
    let hello = json!({ "op": 10, "t": null, "s": null, "d": { "heartbeat_interval": beat.as_millis() as u64 } });
    if socket.send(Message::text(hello.to_string())).await.is_err() {
        return;
    }
    let mut mine = None;
    let mut deadline = Instant::now() + beat * 3 / 2;
    loop {
        tokio::select! {
            next = out.recv() => match next {
                Some(Out::Send(event)) => {
                    if socket.send(Message::text(event.to_string())).await.is_err() {
                        break;
                    }
                }
                Some(Out::Close(code, why)) => {
                    close(&mut socket, code, why).await;
                    break;
                }
                Some(Out::Cut) | None => break,
            },
            read = socket.next() => {
                let Some(Ok(message)) = read else { break };
                if let Message::Close(frame) = &message {
                    // Whoever says goodbye properly is not expected back.
                    let done = frame.as_ref().is_none_or(|frame| [1000, 1001].contains(&u16::from(frame.code)));
                    shared.change(|world| world.sessions.retain(|session| !(done && Some(&session.id) == mine.as_ref())));
                    break;
                }
                if !message.is_text() {
                    continue;
                }
                let payload = serde_json::from_str::<Value>(message.to_text().unwrap_or_default()).unwrap_or_default();
                if payload["op"] == 1 {
                    deadline = Instant::now() + beat * 3 / 2;
                }
                if let Err((code, why)) = shared.change(|world| take(world, &payload, &link, &mut mine)) {
                    close(&mut socket, code, why).await;
                    break;
                }
            }
            () = tokio::time::sleep_until(deadline) => {
                close(&mut socket, 4009, "Session timed out.").await;
                break;
            }
        }
    }
    shared.change(|world| {
        for session in &mut world.sessions {
            if session.link.as_ref().is_some_and(|other| other.same_channel(&link)) {
                session.link = None;
            }
        }
    });
}

async fn close(socket: &mut WebSocketStream<TcpStream>, code: u16, why: &'static str) {
    let frame = CloseFrame { code: code.into(), reason: why.into() };
    drop(socket.close(Some(frame)).await);
}

/// Does what the application sent; or gives the code with which the connection is closed.
fn take(
    world: &mut World,
    payload: &Value,
    link: &mpsc::UnboundedSender<Out>,
    mine: &mut Option<String>,
) -> Result<(), (u16, &'static str)> {
    let send = |event: Value| drop(link.send(Out::Send(event)));
    let data = &payload["d"];
    let token = data["token"].as_str().unwrap_or_default();
    // Both forms are taken, as by Discord.
    let known = token.strip_prefix("Bot ").unwrap_or(token) == world.app.token;
    match payload["op"].as_u64() {
        Some(1) => {
            world.heartbeats += 1;
            if world.acks {
                send(json!({ "op": 11, "t": null, "s": null, "d": null }));
            }
            Ok(())
        }
        Some(2) => {
            if mine.is_some() {
                return Err((4005, "Already authenticated."));
            }
            if !known {
                return Err((4004, "Authentication failed."));
            }
            let Some(intents) = data["intents"].as_u64().filter(|_| data["properties"].is_object()) else {
                return Err((4002, "Error while decoding payload."));
            };
            if intents & !KNOWN != 0 {
                return Err((4013, "Invalid intent(s)."));
            }
            if intents & MESSAGE_CONTENT != 0 && !world.app.message_content {
                return Err((4014, "Disallowed intent(s)."));
            }
            world.ready(intents, link.clone());
            *mine = world.sessions.last().map(|session| session.id.clone());
            Ok(())
        }
        Some(6) => {
            if mine.is_some() {
                return Err((4005, "Already authenticated."));
            }
            if !known {
                return Err((4004, "Authentication failed."));
            }
            let Some(session) = world.sessions.iter_mut().find(|one| data["session_id"] == one.id.as_str()) else {
                send(json!({ "op": 9, "t": null, "s": null, "d": false }));
                return Ok(());
            };
            let seq = data["seq"].as_u64().unwrap_or(u64::MAX);
            if seq > session.seq {
                return Err((4007, "Invalid seq."));
            }
            session.link = Some(link.clone());
            session.resumes += 1;
            *mine = Some(session.id.clone());
            for event in session.log.iter().filter(|event| event["s"].as_u64() > Some(seq)) {
                send(event.clone());
            }
            session.tell("RESUMED", json!({}));
            Ok(())
        }
        // Presences, voices and lists of members are nobody's here.
        Some(3 | 4 | 8) if mine.is_some() => Ok(()),
        Some(3 | 4 | 8) => Err((4003, "Not authenticated.")),
        Some(_) => Err((4001, "Unknown opcode.")),
        None => Err((4002, "Error while decoding payload.")),
    }
}
