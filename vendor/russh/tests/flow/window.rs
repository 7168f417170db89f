//! What is not read stays with the peer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use russh::{
    ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect, Error, cipher, compression, mac, server,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::world::{PIPE, WINDOW, World, client_config, desk, echo, pattern, read_all, server_config, soon};

const CHUNK: usize = 16 * 1024;
const MUCH: usize = 8 << 20;

/// Sends `data` and counts what the channel has taken.
fn pour<S>(writer: ChannelWriteHalf<S>, data: Bytes) -> (Arc<AtomicUsize>, JoinHandle<()>)
where
    S: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = taken.clone();
    let task = tokio::spawn(async move {
        for at in (0..data.len()).step_by(CHUNK) {
            let chunk = data.slice(at..data.len().min(at + CHUNK));
            let len = chunk.len();
            writer.data_bytes(chunk).await.unwrap();
            counter.fetch_add(len, Ordering::SeqCst);
        }
        writer.eof().await.unwrap();
    });
    (taken, task)
}

/// The count once it stands still.
async fn settled(taken: &AtomicUsize) -> usize {
    loop {
        let before = taken.load(Ordering::SeqCst);
        sleep(Duration::from_millis(200)).await;
        if before > 0 && before == taken.load(Ordering::SeqCst) {
            return before;
        }
    }
}

async fn stuck_then_read(taken: &AtomicUsize, task: JoinHandle<()>, reader: &mut ChannelReadHalf, sent: &Bytes) {
    assert_eq!(taken.load(Ordering::SeqCst), WINDOW as usize, "the window did not open while nobody read");
    let got = soon("reading what waited", read_all(reader)).await;
    assert!(got == *sent, "all arrives, in order");
    task.await.unwrap();
}

#[tokio::test]
async fn unread_channel_stops_its_sender_at_the_window_and_no_other_channel() {
    let (desk, mut opened) = desk();
    let world = World::start(desk, server_config(), client_config()).await;
    let data = pattern(MUCH);

    // Towards the server, and towards the client.
    let (_, up) = world.client.channel_open_session().await.unwrap().split();
    let (mut up_reader, _up_writer) = opened.recv().await.unwrap().split();
    let (mut down_reader, _down_writer) = world.client.channel_open_session().await.unwrap().split();
    let (_, down) = opened.recv().await.unwrap().split();
    let (up_taken, up_task) = pour(up, data.clone());
    let (down_taken, down_task) = pour(down, data.clone());
    assert_eq!(soon("filling", settled(&up_taken)).await, WINDOW as usize);
    assert_eq!(soon("filling", settled(&down_taken)).await, WINDOW as usize);

    let (mut reader, writer) = world.client.channel_open_session().await.unwrap().split();
    let (far_reader, far_writer) = opened.recv().await.unwrap().split();
    tokio::spawn(echo(far_reader, far_writer));
    let (_, task) = pour(writer, data.clone());
    let got = soon("echo beside unread channels", read_all(&mut reader)).await;
    assert!(got == data);
    task.await.unwrap();

    stuck_then_read(&up_taken, up_task, &mut up_reader, &data).await;
    stuck_then_read(&down_taken, down_task, &mut down_reader, &data).await;
}

#[tokio::test]
async fn dropped_reader_opens_the_window_again() {
    let (desk, mut opened) = desk();
    let world = World::start(desk, server_config(), client_config()).await;
    let (_, writer) = world.client.channel_open_session().await.unwrap().split();
    let (reader, _writer) = opened.recv().await.unwrap().split();
    let (taken, task) = pour(writer, pattern(MUCH));
    assert_eq!(soon("filling", settled(&taken)).await, WINDOW as usize);
    drop(reader);
    soon("the rest", task).await.unwrap();
}

#[tokio::test]
async fn reader_hears_of_the_close_it_asked_for() {
    let (desk, mut opened) = desk();
    let world = World::start(desk, server_config(), client_config()).await;
    let (mut near, _writer) = world.client.channel_open_session().await.unwrap().split();
    let (mut far, writer) = opened.recv().await.unwrap().split();
    writer.close().await.unwrap();
    for reader in [&mut near, &mut far] {
        assert!(matches!(soon("close", reader.wait()).await, Some(ChannelMsg::Close)));
        assert!(soon("end", reader.wait()).await.is_none());
    }
}

#[tokio::test]
async fn requests_without_end_that_nobody_reads_end_the_connection() {
    let (desk, mut opened) = desk();
    let mut world = World::start(desk, server_config(), client_config()).await;
    let (_reader, writer) = world.client.channel_open_session().await.unwrap().split();
    let _unread = opened.recv().await.unwrap();
    // One more than may wait; a client that goes on sending would fail before it reads why.
    for number in 0..=1024 {
        writer.set_env(false, format!("V{number}"), "x").await.unwrap();
    }
    let error = soon("the end", world.server).await.unwrap_err();
    assert!(matches!(error, Error::ChannelFlood), "{error}");
    assert_eq!(soon("the reason", world.end.recv()).await.unwrap(), format!("told: {}", Error::ChannelFlood));
}

/// Carries what a pipe of 1 KiB holds each 50 ms.
async fn crawl(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin) {
    let mut piece = [0; 8192];
    while let Ok(len @ 1..) = from.read(&mut piece).await {
        if to.write_all(&piece[..len]).await.is_err() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    to.shutdown().await.ok();
}

#[tokio::test]
async fn what_was_sent_before_a_disconnection_arrives_on_a_slow_way() {
    let (near, server_side) = tokio::io::duplex(1024);
    let (client_side, far) = tokio::io::duplex(1024);
    let (from_server, to_server) = tokio::io::split(server_side);
    let (from_client, to_client) = tokio::io::split(client_side);
    tokio::spawn(crawl(from_server, to_client));
    tokio::spawn(crawl(from_client, to_server));
    let (desk, mut opened) = desk();
    let world = World::start_over(desk, server_config(), client_config(), near, far).await;
    let (_reader, writer) = world.client.channel_open_session().await.unwrap().split();
    let (mut far, _writer) = opened.recv().await.unwrap().split();
    // At 20 KiB a second this takes longer than a goodbye may.
    let data = pattern(60 * 1024);
    writer.data_bytes(data.clone()).await.unwrap();
    world.client.disconnect(Disconnect::ByApplication, "done", "").await.unwrap();
    let got = soon("all of it", read_all(&mut far)).await;
    assert!(got == data, "{} of {} bytes", got.len(), data.len());
}

/// Packets without encryption, so that a window can be forged on the way.
fn open_preferences(preferred: &mut russh::Preferred) {
    preferred.cipher = vec![cipher::NONE].into();
    preferred.mac = vec![mac::NONE].into();
    preferred.compression = vec![compression::NONE].into();
}

/// Carries packets, and makes the window in each of `kind` as large as it can be.
async fn forge(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, kind: u8, at: usize) {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        line.push(from.read_u8().await.unwrap());
    }
    to.write_all(&line).await.unwrap();
    while let Ok(len) = from.read_u32().await {
        let mut packet = vec![0; len as usize];
        from.read_exact(&mut packet).await.unwrap();
        if packet[1] == kind {
            packet[1 + at..5 + at].copy_from_slice(&(u32::MAX / 2).to_be_bytes());
        }
        let whole = [&len.to_be_bytes()[..], &packet].concat();
        if to.write_all(&whole).await.is_err() {
            return;
        }
    }
}

struct Forged {
    near: DuplexStream,
    far: DuplexStream,
}

const CHANNEL_OPEN: u8 = 90;
const CHANNEL_OPEN_CONFIRMATION: u8 = 91;

/// `down` and `up` name the packets to the client and to the server whose window is forged, and where in them it is.
fn forged(down: (u8, usize), up: (u8, usize)) -> Forged {
    let (near, server_side) = tokio::io::duplex(PIPE);
    let (client_side, far) = tokio::io::duplex(PIPE);
    let (from_server, to_server) = tokio::io::split(server_side);
    let (from_client, to_client) = tokio::io::split(client_side);
    tokio::spawn(forge(from_server, to_client, down.0, down.1));
    tokio::spawn(forge(from_client, to_server, up.0, up.1));
    Forged { near, far }
}

const NOTHING: (u8, usize) = (0, 0);

async fn lied_to(
    Forged { near, far }: Forged,
) -> (World<crate::world::Desk>, russh::Channel<russh::client::Msg>, russh::Channel<server::Msg>) {
    let (desk, mut opened) = desk();
    let (mut server, mut client) = (server_config(), client_config());
    open_preferences(&mut server.preferred);
    open_preferences(&mut client.preferred);
    let world = World::start_over(desk, server, client, near, far).await;
    let near = world.client.channel_open_session().await.unwrap();
    let far = opened.recv().await.unwrap();
    (world, near, far)
}

#[tokio::test]
async fn client_that_ignores_the_window_is_disconnected() {
    // Behind the kind: their channel, our channel, the window.
    let (world, near, _unread) = lied_to(forged((CHANNEL_OPEN_CONFIRMATION, 9), NOTHING)).await;
    let sending = tokio::spawn(async move { near.data_bytes(pattern(MUCH)).await });
    let error = soon("the end", world.server).await.unwrap_err();
    assert!(matches!(error, Error::WindowExceeded), "{error}");
    assert!(soon("the sender", sending).await.unwrap().is_err());
}

#[tokio::test]
async fn server_that_ignores_the_window_is_disconnected() {
    // Behind the kind: the type with its length, the channel, the window.
    let (mut world, _unread, far) = lied_to(forged(NOTHING, (CHANNEL_OPEN, 1 + 4 + 7 + 4))).await;
    let sending = tokio::spawn(async move { far.data_bytes(pattern(MUCH)).await });
    assert_eq!(soon("the reason", world.end.recv()).await.unwrap(), format!("own: {}", Error::WindowExceeded));
    assert!(soon("the sender", sending).await.unwrap().is_err());
}
