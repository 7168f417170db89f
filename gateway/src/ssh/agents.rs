//! A person's agent, lent to a session: what the target asks of it is carried to the client and back, unread, for as long as the
//! session lasts. Each time is recorded.

use russh::client::{ChannelOpenHandle, Msg};
use russh::server::Handle;
use russh::{Channel, ChannelOpenFailure};
use tokio::io::copy_bidirectional;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// So many programs may ask at once.
const MOST: usize = 8;

/// A channel that the target wants to the agent.
pub(super) type Asking = (Channel<Msg>, ChannelOpenHandle);

/// The way from a target to a client's agent. What is under way ends when this is dropped.
pub(super) struct Agents {
    asking: mpsc::Receiver<Asking>,
    client: Handle,
    under_way: JoinSet<()>,
    notes: Vec<&'static str>,
}

impl Agents {
    pub(super) fn new(asking: mpsc::Receiver<Asking>, client: Handle) -> Self {
        Self { asking, client, under_way: JoinSet::new(), notes: Vec::new() }
    }

    /// The next program that asks. Cancel-safe.
    pub(super) async fn next(&mut self) -> Asking {
        loop {
            tokio::select! {
                Some(_) = self.under_way.join_next() => {}
                Some(asking) = self.asking.recv() => return asking,
                else => std::future::pending().await,
            }
        }
    }

    /// Carries what it asks, unless too many do already.
    pub(super) async fn carry(&mut self, (target, reply): Asking) {
        if self.under_way.len() >= MOST {
            self.notes.push("the person's agent was not asked: too many ask it already");
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return;
        }
        self.notes.push("the person's agent was asked");
        let client = self.client.clone();
        self.under_way.spawn(async move {
            // A handle that is dropped is a refusal.
            let Ok(client) = client.channel_open_agent().await else { return };
            reply.accept().await;
            let _ended = copy_bidirectional(&mut target.into_stream(), &mut client.into_stream()).await;
        });
    }

    /// What happened since the last time, for the recording.
    pub(super) fn take_notes(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.notes)
    }
}
