//! The wire to the gateway.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::api::PATIENCE;
use crate::config::unsafe_address;
use crate::platform::PlatformError;

/// How long a frame may take to leave.
const WRITE: Duration = Duration::from_secs(5);
/// The longest message that is read: a large guild is described in one.
const MESSAGE: usize = 16 << 20;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
pub(super) type Sink = SplitSink<Socket, Frame>;
pub(super) type Stream = SplitStream<Socket>;

/// Opens a socket.
pub(super) async fn connect(address: &str) -> Result<(Sink, Stream), PlatformError> {
    let unusable = || PlatformError::Down("the socket has no address of a socket".to_owned());
    // The same rule as for other addresses: in clear on this machine alone.
    let rest = address.strip_prefix("ws").ok_or_else(unusable)?;
    if unsafe_address("url", &format!("http{rest}")).is_some() {
        return Err(unusable());
    }
    let mut url = Url::parse(address).map_err(|_| unusable())?;
    url.set_query(Some("v=10&encoding=json"));
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
    let connecting = Box::pin(connect_async_with_config(url.as_str(), Some(config), true));
    match timeout(PATIENCE, connecting).await {
        Ok(Ok((socket, _))) => Ok(socket.split()),
        Ok(Err(_)) | Err(_) => Err(PlatformError::Down("the socket can't be opened".to_owned())),
    }
}

/// How often Discord wants to hear of us, which is what it says first.
pub(super) async fn hello(stream: &mut Stream) -> Result<Duration, PlatformError> {
    let first = async {
        loop {
            match stream.next().await {
                Some(Ok(Frame::Text(text))) => return serde_json::from_str::<Value>(text.as_str()).ok(),
                Some(Ok(Frame::Binary(_) | Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => {}
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return None,
            }
        }
    };
    let first = timeout(PATIENCE, first).await.ok().flatten().unwrap_or_default();
    let beat = first.pointer("/d/heartbeat_interval").and_then(Value::as_u64).filter(|beat| *beat > 0);
    let beat = beat.ok_or_else(|| PlatformError::Down("its socket does not say hello".to_owned()))?;
    Ok(Duration::from_millis(beat))
}

/// Sends a message; false where the socket is gone.
pub(super) async fn send(sink: &mut Sink, what: &Value) -> bool {
    matches!(timeout(WRITE, sink.send(Frame::text(what.to_string()))).await, Ok(Ok(())))
}

/// Says goodbye.
pub(super) async fn close(sink: &mut Sink, code: u16) {
    let goodbye = Frame::Close(Some(CloseFrame { code: code.into(), reason: "".into() }));
    let _gone = timeout(WRITE, sink.send(goodbye)).await;
}
