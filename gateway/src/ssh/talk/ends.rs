//! How a channel ends: the last words of a target, and the end of all that runs there.

use std::time::Duration;

use russh::{ChannelMsg, Sig};
use tokio::time::timeout;

use super::{Stage, Talk};
use crate::dialect::Broken;
use crate::record::Record;
use crate::ssh::pipe::Came;
use crate::ssh::start::What;

/// How long a program may take to end by itself before it is killed.
const MERCY: Duration = Duration::from_millis(300);
/// Ends what else the same connection has started: each command is the first of a session of processes, below the server's
/// own process; and whatever left that session, or lost its first process, still has the connection in its environment, unless it
/// was meant to get away. Read by `sh`, whatever the login's shell is.
const SWEEP: &str = "exec sh -c 'all=$(ps -o pid= --ppid $PPID); for s in TERM KILL; do \
    for it in $all; do [ $it = $$ ] || pkill -$s -s $it; done; \
    for it in $(grep -lzxF \"SSH_CONNECTION=$SSH_CONNECTION\" /proc/[0-9]*/environ); do \
    it=${it#/proc/}; it=${it%/environ}; [ $it = $$ ] || kill -$s $it; done; sleep .2; done'";
/// How long that may take on a slow way.
const SWEEP_WITHIN: Duration = Duration::from_secs(2);
/// How long all that may take that ends what runs at a target.
pub(super) const KILL_WITHIN: Duration = Duration::from_secs(4);

impl Talk {
    /// Passes on what the target still says to a client that has closed, until the target has closed its channel as well.
    pub(super) async fn last_words(&mut self, record: &mut Record<'_>) -> Result<bool, Broken> {
        self.watched = None;
        while self.stage != Stage::Over {
            match self.step(false).await? {
                Some(Came::Target(message)) => self.answered(message, record)?,
                Some(Came::Client(_) | Came::Moved) => {}
                None => {
                    self.end_of_output();
                    self.unveil(record)?;
                }
            }
        }
        self.pipe.flush(false).await?;
        Ok(false)
    }

    /// What runs there ends with the session, even where it would survive its connection (G1).
    pub(super) async fn kill(&mut self) {
        if matches!(self.start.what, What::Port(_)) {
            // No process of ours is there; the port ends with its connection.
            return;
        }
        // A guard ends all by itself, and says so; one that did not was killed. What only carries sudo's questions ends nothing.
        let killed = self.is_guarded() && self.guard.as_ref().is_some_and(|guard| !guard.has_ended());
        if self.pipe.target().is_none() && !killed {
            return;
        }
        // By another command of the same connection first: it finds background jobs as well, and OpenSSH passes no signal on to
        // a command of root's.
        let sweep = async {
            let channel = self.upstream.handle.channel_open_session().await.ok()?;
            channel.exec(true, SWEEP).await.ok()?;
            let (mut read, _write) = channel.split();
            while !matches!(read.wait().await, None | Some(ChannelMsg::Close)) {}
            Some(())
        };
        let _swept = timeout(SWEEP_WITHIN, sweep).await;
        let Some((read, write)) = self.pipe.target() else { return };
        for signal in [Sig::TERM, Sig::KILL] {
            let gone = async { while !matches!(read.wait().await, None | Some(ChannelMsg::Close)) {} };
            if timeout(MERCY, gone).await.is_ok() || write.signal(signal).await.is_err() {
                return;
            }
        }
    }
}
