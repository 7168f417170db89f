//! Socket Mode: two connections, each replaced before it is missed.
//!
//! Own, and not the crate's: what comes is stored before it is acknowledged, and acknowledgements go out on the socket on
//! which the question came for as long as that is open, also after Slack has asked us to leave it.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message as Frame, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::api::{As, PATIENCE, given, within};
use super::{Slack, read};
use crate::inbox::Inbox;
use crate::platform::PlatformError;

/// So many connections, so that one is there while another is replaced.
const CONNECTIONS: usize = 2;
/// A peer that stays silent for two of these is gone.
const PING: Duration = Duration::from_secs(5);
const MISSED: u32 = 2;
/// Before another connection is tried.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest wait before that.
const LONGEST: Duration = Duration::from_secs(30);
/// What is under way when the socket ends, or we do, is finished within this.
const LAST: Duration = Duration::from_millis(2_500);
/// How long a frame may take to leave.
const WRITE: Duration = Duration::from_secs(5);
/// The longest message that is read.
const MESSAGE: usize = 4 << 20;
/// So many messages are worked on at once; what comes then waits in the socket.
const AT_ONCE: usize = 256;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[derive(Debug, Deserialize)]
struct Ticket {
    url: String,
}

/// Receives by sockets until stopped.
pub(super) async fn listen(slack: Slack, inbox: Inbox, stop: CancellationToken) {
    let mut lanes = JoinSet::new();
    for lane in 0..CONNECTIONS {
        let (slack, inbox, stop) = (slack.clone(), inbox.clone(), stop.clone());
        lanes.spawn(async move { Box::pin(run(lane, &slack, &inbox, &stop)).await });
    }
    while lanes.join_next().await.is_some() {}
}

/// Keeps one connection.
async fn run(lane: usize, slack: &Slack, inbox: &Inbox, stop: &CancellationToken) {
    let mut open = JoinSet::new();
    let mut wait = AGAIN;
    // Not both at the same moment.
    let stagger = Duration::from_millis(400) * lane as u32;
    while !stop.is_cancelled() {
        let began = Instant::now();
        let socket = tokio::select! {
            () = stop.cancelled() => break,
            socket = connect(slack) => socket,
        };
        match socket {
            Ok(socket) => {
                let (leave, left) = oneshot::channel();
                let (slack, inbox, stop) = (slack.clone(), inbox.clone(), stop.clone());
                open.spawn(async move { serve(socket, &slack, &inbox, &stop, leave).await });
                // Resolves when Slack asks us to go, or the socket ends.
                let _asked_or_ended = left.await;
                wait = if began.elapsed() > LONGEST { Duration::ZERO } else { AGAIN };
            }
            Err(error) => {
                warn!("no socket to Slack: {error}");
                wait = match error {
                    PlatformError::Limited(asked) => asked,
                    PlatformError::Token(_) => LONGEST,
                    PlatformError::MessageGone
                    | PlatformError::PlaceGone(..)
                    | PlatformError::PersonGone(_)
                    | PlatformError::Scope(_)
                    | PlatformError::Invalid(_)
                    | PlatformError::TooLate
                    | PlatformError::Down(_) => (wait * 2).clamp(AGAIN, LONGEST),
                };
            }
        }
        while open.try_join_next().is_some() {}
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(wait + stagger) => {}
        }
    }
    // Each ends by itself, and in time.
    while open.join_next().await.is_some() {}
}

/// Opens a connection.
async fn connect(slack: &Slack) -> Result<Socket, PlatformError> {
    let ticket: Ticket = slack.api().post_as(As::App, "apps.connections.open", &json!({}), "").await?;
    // The same rule as for other addresses: in clear on this machine alone.
    let Some(rest) = ticket.url.strip_prefix("ws") else {
        return Err(PlatformError::Down("the socket has no address of a socket".to_owned()));
    };
    given(&format!("http{rest}"))?;
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
    let connecting = Box::pin(connect_async_with_config(ticket.url.as_str(), Some(config), true));
    match within(PATIENCE, connecting).await? {
        Ok((socket, _)) => Ok(socket),
        // The error's own words may hold the address, which is a ticket.
        Err(_) => Err(PlatformError::Down("the socket can't be opened".to_owned())),
    }
}

/// Serves one connection until it is closed. `leave` is used when Slack asks for another one in its place.
async fn serve(socket: Socket, slack: &Slack, inbox: &Inbox, stop: &CancellationToken, leave: oneshot::Sender<()>) {
    let (mut sink, mut stream) = socket.split();
    let (answer, mut answers) = mpsc::channel::<String>(AT_ONCE);
    let mut work: JoinSet<()> = JoinSet::new();
    let mut leave = Some(leave);
    let mut pings = interval(PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut missed = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(text) = answers.recv() => if !send(&mut sink, Frame::Text(Utf8Bytes::from(text))).await { break },
            frame = stream.next(), if work.len() < AT_ONCE => {
                missed = 0;
                match frame {
                    Some(Ok(Frame::Text(text))) => match heard(slack, text.as_str()) {
                        Heard::Envelope(letter) => {
                            let (slack, inbox, answer) = (slack.clone(), inbox.clone(), answer.clone());
                            work.spawn(async move { work_on(&slack, &inbox, *letter, text.as_str(), answer).await });
                        }
                        Heard::Leave => drop(leave.take()),
                        Heard::Nothing => {}
                    },
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => break,
                    // Pings are answered by the library.
                    Some(Ok(Frame::Binary(_) | Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => {}
                }
            }
            Some(_ended) = work.join_next(), if !work.is_empty() => {}
            // A socket that we do not read at the moment is not to blame for its silence.
            _tick = pings.tick(), if work.len() < AT_ONCE => {
                if missed >= MISSED {
                    info!("a socket to Slack is silent; another is opened");
                    break;
                }
                missed += 1;
                if !send(&mut sink, Frame::Ping(Vec::new().into())).await { break }
            }
        }
    }
    // Another one is opened meanwhile.
    drop((leave, answer));
    let last = async {
        while let Some(text) = answers.recv().await {
            let _gone = send(&mut sink, Frame::Text(Utf8Bytes::from(text))).await;
        }
        while work.join_next().await.is_some() {}
        let _gone = send(&mut sink, Frame::Close(None)).await;
    };
    let _in_time = timeout(LAST, last).await;
}

async fn send(sink: &mut (impl futures_util::Sink<Frame> + Unpin), frame: Frame) -> bool {
    matches!(timeout(WRITE, sink.send(frame)).await, Ok(Ok(())))
}

/// What a frame is.
enum Heard {
    /// Something to be acknowledged.
    Envelope(Box<Value>),
    /// Slack wants us on another socket; this one is closed soon, and answered until then.
    Leave,
    /// Nothing to be done.
    Nothing,
}

fn heard(slack: &Slack, text: &str) -> Heard {
    let Ok(frame) = serde_json::from_str::<Value>(text) else {
        warn!("Slack sent what is no JSON");
        return Heard::Nothing;
    };
    match read::word(&frame, "/type") {
        "hello" => {
            slack.learn_app(read::word(&frame, "/connection_info/app_id"));
            debug!("connected with Slack");
            Heard::Nothing
        }
        "disconnect" => {
            debug!("Slack closes a socket: {}", read::word(&frame, "/reason"));
            Heard::Leave
        }
        _ if !read::word(&frame, "/envelope_id").is_empty() => Heard::Envelope(Box::new(frame)),
        _ => Heard::Nothing,
    }
}

/// Stores, then acknowledges, then says what the acknowledgement could not.
async fn work_on(slack: &Slack, inbox: &Inbox, letter: Value, text: &str, answer: mpsc::Sender<String>) {
    let ack = slack.take(inbox, read::payload(&letter), text).await;
    let mut said = json!({ "envelope_id": read::word(&letter, "/envelope_id") });
    if let (Some(object), Some(payload)) = (said.as_object_mut(), ack.payload) {
        object.insert("payload".to_owned(), payload);
    }
    // A socket that is gone takes no answer; Slack then delivers again, and the key tells.
    let _gone = answer.send(said.to_string()).await;
    drop(answer);
    if let Some(tell) = ack.tell {
        slack.tell(tell).await;
    }
}
