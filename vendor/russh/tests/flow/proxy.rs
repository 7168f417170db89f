//! A session that serves and a session that asks, joined channel by channel.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Limits, client, server};
use tokio::sync::mpsc;

use crate::world::{Desk, World, client_config, desk, echo, pattern, read_all, server_config, soon};

/// Carries one direction until its end.
async fn pump<S>(mut reader: ChannelReadHalf, writer: ChannelWriteHalf<S>)
where
    S: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    while let Some(msg) = reader.wait().await {
        match msg {
            ChannelMsg::Data { data } => writer.data_bytes(data).await.unwrap(),
            ChannelMsg::Eof => writer.eof().await.unwrap(),
            ChannelMsg::Close => {
                // The other pump may have closed it.
                writer.close().await.ok();
                return;
            }
            _ => {}
        }
    }
}

struct Proxy {
    user: World<Desk>,
    target: World<Desk>,
    opened: mpsc::UnboundedReceiver<Channel<server::Msg>>,
}

impl Proxy {
    /// An echo behind the proxy; both connections exchange keys by these limits.
    async fn start(limits: Limits) -> Self {
        let server_config = || server::Config { limits: limits.clone(), ..server_config() };
        let client_config = || client::Config { limits: limits.clone(), ..client_config() };
        let (front, opened) = desk();
        let (back, mut echoed) = desk();
        let user = World::start(front, server_config(), client_config()).await;
        let target = World::start(back, server_config(), client_config()).await;
        tokio::spawn(async move {
            while let Some(channel) = echoed.recv().await {
                let (reader, writer) = channel.split();
                tokio::spawn(echo(reader, writer));
            }
        });
        Self { user, target, opened }
    }

    /// The user's end of a channel that goes all the way.
    async fn open(&mut self) -> Channel<client::Msg> {
        let near = self.user.client.channel_open_session().await.unwrap();
        let (from_user, to_user) = self.opened.recv().await.unwrap().split();
        let (from_target, to_target) = self.target.client.channel_open_session().await.unwrap().split();
        tokio::spawn(pump(from_user, to_target));
        tokio::spawn(pump(from_target, to_user));
        near
    }
}

/// Sends all and receives all at once.
async fn there_and_back(channel: Channel<client::Msg>, data: Bytes) {
    let (mut reader, writer) = channel.split();
    let sent = data.clone();
    let sending = tokio::spawn(async move {
        writer.data_bytes(sent).await.unwrap();
        writer.eof().await.unwrap();
    });
    let got = read_all(&mut reader).await;
    sending.await.unwrap();
    assert!(got == data, "{} of {} bytes, or not the same", got.len(), data.len());
}

#[tokio::test]
async fn proxy_carries_64_mib_both_ways_at_once() {
    let mut proxy = Proxy::start(Limits::default()).await;
    let held = proxy.user.client.channel_open_session().await.unwrap();
    let _unread = proxy.opened.recv().await.unwrap();
    let (_, held) = held.split();
    let holding = tokio::spawn(async move { held.data_bytes(pattern(8 << 20)).await });

    let channel = proxy.open().await;
    soon("64 MiB beside a held channel", there_and_back(channel, pattern(64 << 20))).await;
    assert!(!holding.is_finished());
    holding.abort();
}

#[tokio::test]
async fn keys_are_exchanged_while_eight_channels_carry_data() {
    const EACH: usize = 4 << 20;
    let mut proxy = Proxy::start(Limits::new(1 << 20, 1 << 20, Duration::from_secs(1))).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let channel = proxy.open().await;
        tasks.spawn(there_and_back(channel, pattern(EACH)));
    }
    soon("eight channels", async {
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    })
    .await;
    for world in [&proxy.user, &proxy.target] {
        let exchanges = world.exchanges.load(Ordering::SeqCst);
        assert!(exchanges >= 8, "{exchanges} key exchanges in {} MiB each way", 8 * EACH >> 20);
    }
}
