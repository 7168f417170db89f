//! Socket Mode: tickets, up to ten sockets, envelopes and their acknowledgements within three seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Message as Frame, Utf8Bytes};

use super::people::Outcome;
use super::world::State;
use super::{ACK, FakeSlack, Shared};

/// More than these an app may not have.
const MOST: usize = 10;
/// How long a socket's address may be used, in microseconds.
const TICKET: i64 = 30_000_000;
/// An event is sent once and then again up to three times.
const ATTEMPTS: u32 = 4;

/// What an envelope carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Interactive,
    Slash,
    Event,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Slash => "slash_commands",
            Self::Event => "events_api",
        }
    }
}

/// What was sent, and when the app acknowledged it.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub id: String,
    pub kind: Kind,
    pub payload: Value,
    /// Zero at first; events that nobody acknowledged come again.
    pub retry_attempt: u32,
    /// The socket's number; none for HTTP.
    pub socket: Option<u64>,
    /// Set even if it came too late.
    pub acked: Option<Duration>,
    pub error: Option<String>,
    sent: Instant,
}

enum Order {
    Send(String),
    Close,
    Drop,
    Freeze,
}

struct Open {
    id: u64,
    orders: mpsc::Sender<Order>,
}

#[derive(Default)]
pub(super) struct Sockets {
    open: Vec<Open>,
    tickets: HashMap<String, i64>,
    pending: HashMap<String, oneshot::Sender<Value>>,
    envelopes: Vec<Envelope>,
    /// Acknowledgements of what was never sent, and frames that are none.
    strays: Vec<String>,
    turn: usize,
    opened: u64,
    twice: u32,
}

impl Sockets {
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    pub(super) fn record(&mut self, envelope: Envelope) {
        self.envelopes.push(envelope);
    }
}

impl Envelope {
    pub(super) fn new(id: &str, kind: Kind, payload: Value, retry_attempt: u32) -> Self {
        let (id, sent) = (id.to_owned(), Instant::now());
        Self { id, kind, payload, retry_attempt, socket: None, acked: None, error: None, sent }
    }

    /// Whether the app may answer in the acknowledgement.
    fn takes_payload(&self) -> bool {
        let kind = self.payload["type"].as_str();
        self.kind == Kind::Slash || matches!(kind, Some("view_submission" | "block_suggestion"))
    }

    fn text(&self) -> String {
        let mut value = json!({
            "envelope_id": self.id, "type": self.kind.word(), "accepts_response_payload": self.takes_payload(),
            "payload": self.payload,
        });
        if self.kind == Kind::Event {
            value["retry_attempt"] = json!(self.retry_attempt);
            value["retry_reason"] = json!(if self.retry_attempt == 0 { "" } else { "timeout" });
        }
        value.to_string()
    }
}

impl State {
    /// `apps.connections.open`: an address for one connection.
    pub(super) fn ticket(&mut self, wire: &str) -> Value {
        let (ticket, until) = (self.id("ticket"), self.now() + TICKET);
        self.sockets.tickets.insert(ticket.clone(), until);
        json!({ "url": format!("ws://{wire}/link/?ticket={ticket}&app_id={}", self.app.id) })
    }

    fn admit(&mut self, query: &str) -> bool {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let ticket = pairs.find(|(key, _)| key == "ticket").map(|(_, value)| value.into_owned());
        let until = ticket.and_then(|ticket| self.sockets.tickets.remove(&ticket));
        until.is_some_and(|until| until > self.now()) && !self.app.revoked
    }

    /// An acknowledgement, or what was meant as one.
    fn heard(&mut self, text: &str) {
        let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        let id = value["envelope_id"].as_str().unwrap_or_default();
        // A second sending of the same event has the same id and its own record; the newest is meant.
        let Some(envelope) = self.sockets.envelopes.iter_mut().rev().find(|e| e.id == id && !id.is_empty()) else {
            self.sockets.strays.push(text.to_owned());
            return;
        };
        let payload = value.get("payload").cloned().unwrap_or(Value::Null);
        let given = !payload.is_null() && payload != json!({});
        envelope.acked.get_or_insert(envelope.sent.elapsed());
        if given && !envelope.takes_payload() {
            envelope.error = Some("a payload where none is accepted".to_owned());
        }
        if let Some(waiting) = self.sockets.pending.remove(id) {
            let _nobody_waits = waiting.send(payload);
        }
    }
}

pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        if !shared.lock().switches.gone {
            shared.tasks.spawn(connection(Arc::clone(&shared), stream));
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let door = Arc::clone(&shared);
    #[allow(clippy::result_large_err, reason = "the library's own signature")]
    let check = move |request: &Request, response: Response| {
        if door.edit(|state| state.admit(request.uri().query().unwrap_or_default())) {
            return Ok(response);
        }
        let mut refused = ErrorResponse::new(Some("the ticket was used, or is too old".to_owned()));
        *refused.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::FORBIDDEN;
        Err(refused)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, check).await else { return };
    let (orders, mut given) = mpsc::channel(1024);
    // The greeting goes out before anything else can be sent on this socket.
    let (count, app) = shared.edit(|state| (state.sockets.count() + 1, state.app.id.clone()));
    if count > MOST {
        let text = json!({ "type": "disconnect", "reason": "too_many_websockets", "debug_info": { "host": "fake" } });
        let _gone = socket.send(Frame::text(text.to_string())).await;
        let _gone = socket.close(None).await;
        return;
    }
    let hello = json!({
        "type": "hello", "num_connections": count, "connection_info": { "app_id": app },
        "debug_info": { "host": "applink-fake", "build_number": 1, "approximate_connection_time": 18060 },
    });
    if socket.send(Frame::text(hello.to_string())).await.is_err() {
        return;
    }
    let id = shared.edit(|state| {
        state.sockets.opened += 1;
        let id = state.sockets.opened;
        state.sockets.open.push(Open { id, orders });
        id
    });
    talk(&shared, &mut socket, &mut given).await;
    shared.edit(|state| state.sockets.open.retain(|open| open.id != id));
}

/// Sends what is ordered and hears what is acknowledged, until one side ends it.
async fn talk(shared: &Shared, socket: &mut WebSocketStream<TcpStream>, orders: &mut mpsc::Receiver<Order>) {
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            order = orders.recv() => match order {
                Some(Order::Send(text)) => if socket.send(Frame::Text(Utf8Bytes::from(text))).await.is_err() { return },
                // Close frame, then the peer's own; the loop reads it.
                Some(Order::Close) => { let _gone = socket.close(None).await; }
                Some(Order::Drop) => {
                    let _reset = socket.get_ref().set_zero_linger();
                    return;
                }
                // Alive, but deaf and dumb: not even pings are answered.
                Some(Order::Freeze) => return shared.stop.cancelled().await,
                None => return,
            },
            frame = socket.next() => match frame {
                Some(Ok(Frame::Text(text))) => {
                    if shared.stops_at("an acknowledgement arrives") { return }
                    shared.edit(|state| state.heard(text.as_str()));
                    if shared.stops_at("an acknowledgement is done") { return }
                }
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                // Pings are answered by the library.
                Some(Ok(_)) => {}
            },
        }
    }
}

impl FakeSlack {
    /// Sends something to the app, by socket or by HTTP, and waits for the acknowledgement. Events come again without one.
    pub async fn deliver(&self, kind: Kind, payload: Value) -> Outcome {
        let by_http = self.read(|state| state.endpoints.is_some());
        let attempts = if kind == Kind::Event { ATTEMPTS } else { 1 };
        let mut outcome = Outcome::failed("dispatch_failed");
        for attempt in 0..attempts {
            if kind == Kind::Event && !by_http {
                // An event waits for a socket; what people do fails at once.
                self.until("socket for an event", |state| (state.sockets.count() > 0).then_some(())).await;
            }
            outcome = if by_http {
                self.over_http(kind, &payload, attempt).await
            } else {
                self.over_socket(kind, &payload, attempt).await
            };
            if outcome.is_acked() {
                break;
            }
        }
        outcome
    }

    async fn over_socket(&self, kind: Kind, payload: &Value, attempt: u32) -> Outcome {
        let (tell, told) = oneshot::channel();
        let sent = self.change(|state| {
            let mut envelope = Envelope::new(&state.id("env-"), kind, payload.clone(), attempt);
            let count = state.sockets.count();
            if count == 0 {
                return None;
            }
            let times = 1 + std::mem::take(&mut state.sockets.twice);
            for _ in 0..times {
                state.sockets.turn += 1;
                let open = &state.sockets.open[state.sockets.turn % count];
                envelope.socket = Some(open.id);
                let _full_or_gone = open.orders.try_send(Order::Send(envelope.text()));
            }
            state.sockets.pending.insert(envelope.id.clone(), tell);
            let id = envelope.id.clone();
            state.sockets.record(envelope);
            Some(id)
        });
        let Some(id) = sent else { return Outcome::failed("dispatch_failed") };
        let answer = timeout(ACK, told).await;
        self.change(|state| {
            state.sockets.pending.remove(&id);
            let envelope = state.sockets.envelopes.iter_mut().rev().find(|envelope| envelope.id == id).expect("sent");
            let payload = answer.ok().and_then(Result::ok);
            if payload.is_none() {
                envelope.error = Some("operation_timeout".to_owned());
            }
            Outcome {
                envelope: id,
                payload: payload.filter(|payload| !payload.is_null()),
                delay: envelope.acked.unwrap_or(ACK),
                error: envelope.error.clone(),
            }
        })
    }

    /// Everything that was sent so far.
    pub fn envelopes(&self) -> Vec<Envelope> {
        self.read(|state| state.sockets.envelopes.clone())
    }

    /// Frames that acknowledged nothing.
    pub fn strays(&self) -> Vec<String> {
        self.read(|state| state.sockets.strays.clone())
    }

    pub fn sockets(&self) -> usize {
        self.read(|state| state.sockets.count())
    }

    /// The next envelope arrives twice, on another socket if there is one.
    pub fn send_next_twice(&self) {
        self.change(|state| state.sockets.twice = 1);
    }

    /// Tells every socket to go: `warning` (in ten seconds), `refresh_requested` or `link_disabled` (now).
    pub fn disconnect(&self, reason: &str) {
        let text =
            json!({ "type": "disconnect", "reason": reason, "debug_info": { "host": "applink-fake" } }).to_string();
        self.order(|| Order::Send(text.clone()));
        if reason != "warning" {
            self.order(|| Order::Close);
        }
    }

    /// Tears every connection without a word.
    pub fn drop_sockets(&self) {
        self.order(|| Order::Drop);
    }

    /// Every connection stays open and is dead: nothing is read, no ping is answered.
    pub fn freeze_sockets(&self) {
        self.order(|| Order::Freeze);
        // Frozen ones are no use for envelopes; Slack would notice too.
        self.change(|state| state.sockets.open.clear());
    }

    fn order(&self, order: impl Fn() -> Order) {
        self.change(|state| {
            for open in &state.sockets.open {
                let _full_or_gone = open.orders.try_send(order());
            }
        });
    }
}
