//! Both halves of a channel, and the bytes between them. It moves in steps that can be given up at any point, since the loop
//! races everything against the end of the grant and a reminder.

use std::collections::VecDeque;

use bytes::Bytes;
use russh::server::{ChannelOpenHandle, Msg as ToClient};
use russh::{ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf, client};
use tokio_util::sync::CancellationToken;

use super::start::BREAK;
use crate::dialect::Broken;

/// So many messages may wait for one side before no more is read for it.
const WAITING: usize = 8;
/// With so many for the client, it is not listened to either.
const FULL: usize = 4 * WAITING;
/// What is said on standard error (RFC 4254, section 5.2).
pub(super) const STDERR: u32 = 1;

type ToTarget = ChannelWriteHalf<client::Msg>;

/// Something came, or something went.
#[derive(Debug)]
pub(super) enum Came {
    /// From the client; not yet passed on.
    Client(ChannelMsg),
    /// From the target; not yet passed on.
    Target(ChannelMsg),
    /// What waited for one of them went.
    Moved,
}

/// A client's channel and, once it is open, the target's.
pub(super) struct Pipe {
    from_client: ChannelReadHalf,
    to_client: ChannelWriteHalf<ToClient>,
    target: Option<(ChannelReadHalf, ToTarget)>,
    up: VecDeque<ChannelMsg>,
    down: VecDeque<ChannelMsg>,
    /// The client's connection is gone. A channel that is not read, or not open, does not hear of that.
    gone: CancellationToken,
    port: Option<Port>,
}

/// What is different where the channel is a port: it is open only once it leads somewhere, and has no place for words of ours.
pub(super) struct Port {
    /// How the client is told whether it is open, as long as it was not.
    reply: Option<ChannelOpenHandle>,
    /// What a refusal says.
    words: String,
}

impl Port {
    pub(super) const fn new(reply: ChannelOpenHandle) -> Self {
        Self { reply: Some(reply), words: String::new() }
    }
}

impl Pipe {
    pub(super) const fn new(
        from_client: ChannelReadHalf,
        to_client: ChannelWriteHalf<ToClient>,
        gone: CancellationToken,
        port: Option<Port>,
    ) -> Self {
        Self { from_client, to_client, target: None, up: VecDeque::new(), down: VecDeque::new(), gone, port }
    }

    /// Resolves when the client's connection is gone. Cancel-safe.
    pub(super) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Tells the client that its channel is open, where it was not told yet.
    pub(super) async fn opened(&mut self) {
        if let Some(reply) = self.port.as_mut().and_then(|port| port.reply.take()) {
            reply.accept().await;
        }
    }

    /// The target's channel is open.
    pub(super) fn open(&mut self, channel: russh::Channel<client::Msg>) -> &ToTarget {
        &self.target.insert(channel.split()).1
    }

    /// Queues something for the target: what was cleared, or what needs no judge.
    pub(super) fn up(&mut self, message: ChannelMsg) {
        self.up.push_back(message);
    }

    /// Queues something for the client.
    pub(super) fn down(&mut self, message: ChannelMsg) {
        self.down.push_back(message);
    }

    /// The next thing that comes or goes. `listen`: whether the client is read at all. Cancel-safe.
    pub(super) async fn step(&mut self, listen: bool) -> Result<Came, Broken> {
        let Self { from_client, to_client, target, up, down, gone, .. } = self;
        let Some((from_target, to_target)) = target else {
            return tokio::select! {
                biased;
                () = gone.cancelled() => Err(Broken::Left),
                gone = pass(to_client, down), if !down.is_empty() => gone.map(|()| Came::Moved).map_err(|()| Broken::Left),
                came = from_client.wait(), if listen => Ok(Came::Client(came.ok_or(Broken::Left)?)),
                // With neither there is nothing to wait for but whoever gives this up.
                () = std::future::pending(), if !listen && down.is_empty() => Ok(Came::Moved),
            };
        };
        let may_answer = down.len() < WAITING;
        // Answers of ours count as well, but so that Ctrl-C is read while the target floods.
        let may_ask = listen && up.len() < WAITING && down.len() < FULL;
        tokio::select! {
            biased;
            gone = pass(to_client, down), if !down.is_empty() => gone.map(|()| Came::Moved).map_err(|()| Broken::Left),
            gone = pass(to_target, up), if !up.is_empty() => gone.map(|()| Came::Moved).map_err(|()| Broken::TargetGone),
            // The client first: what it may say is bounded by what the target takes.
            came = from_client.wait(), if may_ask => Ok(Came::Client(came.ok_or(Broken::Left)?)),
            came = from_target.wait(), if may_answer => Ok(Came::Target(came.ok_or(Broken::TargetGone)?)),
            // All four may be closed to us only while nothing waits for either side, which is never so.
            else => Err(Broken::TargetGone),
        }
    }

    /// What waits for a target that will read no more is of no use.
    pub(super) fn target_closed(&mut self) {
        self.up.clear();
        self.target = None;
    }

    /// The target's channel, to end what runs there.
    pub(super) fn target(&mut self) -> Option<&mut (ChannelReadHalf, ToTarget)> {
        self.target.as_mut()
    }

    /// Words of ours, on standard error; the carriage returns do no harm where there is no terminal.
    pub(super) fn say(&mut self, words: &str) {
        if let Some(port) = &mut self.port {
            words.clone_into(&mut port.words);
            return;
        }
        self.down(ChannelMsg::ExtendedData { data: Bytes::from(ours(words)), ext: STDERR });
    }

    /// The end of the channel, with a status.
    pub(super) fn finish(&mut self, status: u32) {
        if self.port.is_none() {
            self.down(ChannelMsg::ExitStatus { exit_status: status });
        }
        for last in [ChannelMsg::Eof, ChannelMsg::Close] {
            self.down(last);
        }
    }

    /// Whether more may be queued for the client.
    pub(super) fn has_room(&self) -> bool {
        self.down.len() < FULL
    }

    /// Sends all that is queued for the client, for as long as it is there; `listen` is false for one that has closed, and is still
    /// told. Cancel-safe.
    pub(super) async fn flush(&mut self, listen: bool) -> Result<(), Broken> {
        if let Some(port) = &mut self.port
            && let Some(reply) = port.reply.take()
        {
            // What was never opened has nothing to close.
            self.down.clear();
            let words = port.words.lines().collect::<Vec<_>>().join("; ");
            reply.reject_because(ChannelOpenFailure::AdministrativelyProhibited, words).await;
        }
        while !self.down.is_empty() {
            tokio::select! {
                biased;
                gone = pass(&self.to_client, &mut self.down) => gone.map_err(|()| Broken::Left)?,
                // Whoever waits for a window is not woken when the channel dies.
                came = self.from_client.wait(), if listen => {
                    if matches!(came, None | Some(ChannelMsg::Close)) {
                        return Err(Broken::Left);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Words of ours, so that they are known for that.
pub(super) fn ours(words: &str) -> String {
    words.lines().fold(String::new(), |all, line| all + "countersign: " + line + "\r\n")
}

/// What a client may send on a channel that has started. All else is for nobody: a second start, a late terminal, and what
/// the library tells us about the channel.
pub(super) fn is_for_target(message: &ChannelMsg) -> bool {
    match message {
        ChannelMsg::Data { .. } | ChannelMsg::Eof | ChannelMsg::WindowChange { .. } | ChannelMsg::Signal { .. } => {
            true
        }
        ChannelMsg::Request { name, .. } => name == BREAK,
        ChannelMsg::Open { .. }
        | ChannelMsg::ExtendedData { .. }
        | ChannelMsg::Close
        | ChannelMsg::RequestPty { .. }
        | ChannelMsg::RequestShell { .. }
        | ChannelMsg::Exec { .. }
        | ChannelMsg::RequestSubsystem { .. }
        | ChannelMsg::RequestX11 { .. }
        | ChannelMsg::SetEnv { .. }
        | ChannelMsg::AgentForward { .. }
        | ChannelMsg::XonXoff { .. }
        | ChannelMsg::ExitStatus { .. }
        | ChannelMsg::ExitSignal { .. }
        | ChannelMsg::WindowAdjusted { .. }
        | ChannelMsg::Success
        | ChannelMsg::Failure
        | ChannelMsg::OpenFailure(_)
        | _ => false,
    }
}

/// Sends the first of what waits, or a piece of it. Cancel-safe: what was not sent still waits.
async fn pass<S: From<(russh::ChannelId, ChannelMsg)> + Send + Sync + 'static>(
    to: &ChannelWriteHalf<S>,
    queue: &mut VecDeque<ChannelMsg>,
) -> Result<(), ()> {
    let done = match queue.front_mut() {
        None => return Ok(()),
        Some(ChannelMsg::Data { data }) => to.write_some(None, data).await.map(|()| data.is_empty()),
        Some(ChannelMsg::ExtendedData { data, ext }) => {
            to.write_some(Some(*ext), data).await.map(|()| data.is_empty())
        }
        Some(other) => to.send_control(other).await.map(|()| true),
    };
    if done.map_err(|_| ())? {
        queue.pop_front();
    }
    Ok(())
}
