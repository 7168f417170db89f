//! Requests and their answers.

use std::time::Duration;

use bytes::Bytes;
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, Pty, server};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::world::{World, client_config, desk, server_config, soon};

/// The answers until the data, which the tests send last.
async fn answers(reader: &mut ChannelReadHalf) -> Vec<bool> {
    let mut answers = Vec::new();
    loop {
        match soon("an answer", reader.wait()).await.unwrap() {
            ChannelMsg::Success => answers.push(true),
            ChannelMsg::Failure => answers.push(false),
            ChannelMsg::Data { .. } => return answers,
            ChannelMsg::WindowAdjusted { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn ask_for_a_shell(channel: &Channel<russh::client::Msg>) {
    channel.request_pty(true, "xterm", 80, 24, 0, 0, &[(Pty::ECHO, 1)]).await.unwrap();
    channel.set_env(false, "LANG", "C.UTF-8").await.unwrap();
    channel.request_shell(true).await.unwrap();
}

#[tokio::test]
async fn break_and_eow_arrive_with_their_payload_and_are_answered() {
    let (desk, mut opened) = desk();
    let world = World::start(desk, server_config(), client_config()).await;
    let (mut near, asking) = world.client.channel_open_session().await.unwrap().split();
    let (mut far, answering) = opened.recv().await.unwrap().split();

    asking.request(true, "break", Bytes::copy_from_slice(&500_u32.to_be_bytes())).await.unwrap();
    let Some(ChannelMsg::Request { name, want_reply, data }) = soon("break", far.wait()).await else {
        panic!("no request");
    };
    assert_eq!((name.as_str(), want_reply, &data[..]), ("break", true, &[0, 0, 1, 244][..]));
    answering.reply(true).await.unwrap();
    assert!(matches!(soon("its answer", near.wait()).await, Some(ChannelMsg::Success)));

    answering.request(false, "eow@openssh.com", Bytes::new()).await.unwrap();
    answering.request(true, "twin@example.com", Bytes::from_static(b"\0")).await.unwrap();
    let Some(ChannelMsg::Request { name, want_reply, data }) = soon("eow", near.wait()).await else {
        panic!("no request");
    };
    assert_eq!((name.as_str(), want_reply, data.len()), ("eow@openssh.com", false, 0));
    let Some(ChannelMsg::Request { want_reply: true, data, .. }) = soon("the second", near.wait()).await else {
        panic!("no request");
    };
    assert_eq!(&data[..], b"\0");
    asking.reply(false).await.unwrap();
    assert!(matches!(soon("its answer", far.wait()).await, Some(ChannelMsg::Failure)));
}

#[tokio::test]
async fn pipelined_requests_say_whether_they_want_an_answer_and_get_it_in_order() {
    let (desk, mut opened) = desk();
    let world = World::start(desk, server_config(), client_config()).await;
    let channel = world.client.channel_open_session().await.unwrap();
    ask_for_a_shell(&channel).await;
    let (mut far, answering) = opened.recv().await.unwrap().split();
    let mut wanted = Vec::new();
    for _ in 0..3 {
        wanted.push(match soon("a request", far.wait()).await.unwrap() {
            ChannelMsg::RequestPty { want_reply, .. } => ("pty", want_reply),
            ChannelMsg::SetEnv { want_reply, .. } => ("env", want_reply),
            ChannelMsg::RequestShell { want_reply } => ("shell", want_reply),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(wanted, [("pty", true), ("env", false), ("shell", true)]);

    answering.reply(true).await.unwrap();
    answering.reply(false).await.unwrap();
    // Nobody asked for a third.
    answering.reply(true).await.unwrap();
    answering.data_bytes(&b"end"[..]).await.unwrap();
    let (mut near, _) = channel.split();
    assert_eq!(answers(&mut near).await, [true, false]);
}

/// Answers in callbacks, as most servers do: all of them, wanted or not, but the terminal later.
struct Callbacks {
    wanted: mpsc::UnboundedSender<bool>,
    channels: mpsc::UnboundedSender<Channel<server::Msg>>,
    terminal_at_once: bool,
}

impl server::Handler for Callbacks {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<server::Auth, Self::Error> {
        Ok(server::Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<server::Msg>,
        reply: server::ChannelOpenHandle,
        _: &mut server::Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        self.channels.send(channel).map_err(|_| russh::Error::SendError)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut server::Session,
    ) -> Result<(), Self::Error> {
        self.wanted.send(session.wants_reply(channel)).unwrap();
        if self.terminal_at_once {
            session.channel_success(channel)?;
        }
        Ok(())
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: &str,
        session: &mut server::Session,
    ) -> Result<(), Self::Error> {
        self.wanted.send(session.wants_reply(channel)).unwrap();
        session.channel_success(channel)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut server::Session) -> Result<(), Self::Error> {
        self.wanted.send(session.wants_reply(channel)).unwrap();
        session.channel_failure(channel)
    }
}

async fn in_callbacks(terminal_at_once: bool) -> (Vec<bool>, Vec<bool>) {
    let (channels, mut opened) = mpsc::unbounded_channel();
    let (wanted_sender, mut wanted) = mpsc::unbounded_channel();
    let callbacks = Callbacks { wanted: wanted_sender, channels, terminal_at_once };
    let world = World::start(callbacks, server_config(), client_config()).await;
    let channel = world.client.channel_open_session().await.unwrap();
    ask_for_a_shell(&channel).await;
    let (_far, answering) = opened.recv().await.unwrap().split();
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(soon("a callback", wanted.recv()).await.unwrap());
    }
    let (mut near, _) = channel.split();
    if !terminal_at_once {
        let early = timeout(Duration::from_millis(200), near.wait()).await;
        assert!(early.is_err(), "the shell's answer did not pass the terminal's: {early:?}");
        answering.reply(true).await.unwrap();
    }
    answering.data_bytes(&b"end"[..]).await.unwrap();
    (asked, answers(&mut near).await)
}

#[tokio::test]
async fn callbacks_answer_their_own_request_and_none_that_wants_no_answer() {
    assert_eq!(in_callbacks(true).await, (vec![true, false, true], vec![true, false]));
}

#[tokio::test]
async fn answer_that_is_late_keeps_later_ones_behind_it() {
    assert_eq!(in_callbacks(false).await, (vec![true, false, true], vec![true, false]));
}

#[tokio::test]
async fn unknown_request_is_refused_by_default_on_both_sides() {
    let (channels, mut opened) = mpsc::unbounded_channel();
    let (wanted, _wanted) = mpsc::unbounded_channel();
    let callbacks = Callbacks { wanted, channels, terminal_at_once: true };
    let world = World::start(callbacks, server_config(), client_config()).await;
    let (mut near, asking) = world.client.channel_open_session().await.unwrap().split();
    let (_far, answering) = opened.recv().await.unwrap().split();
    asking.request(true, "break", Bytes::from_static(&[0; 4])).await.unwrap();
    asking.request(false, "break", Bytes::from_static(&[0; 4])).await.unwrap();
    assert!(matches!(soon("the refusal", near.wait()).await, Some(ChannelMsg::Failure)));
    answering.data_bytes(&b"end"[..]).await.unwrap();
    assert_eq!(answers(&mut near).await, [] as [bool; 0]);
}
