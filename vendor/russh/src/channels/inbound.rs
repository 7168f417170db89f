//! The messages of a channel that its reader has not taken yet.
//!
//! Putting a message in never waits, so one channel cannot stop the others of its connection.
//! Data is bounded by the channel's window, which opens again only as the reader takes data out;
//! everything else is bounded by number and size.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::UnboundedSender;

use super::ChannelMsg;
use crate::{ChannelId, Error};

/// Messages other than data that may wait for a reader.
const CONTROLS: usize = 1024;
/// Their size together.
const CONTROL_BYTES: usize = 1 << 20;
/// Data shorter than this joins data that waits already: a message costs more than its bytes.
const SHORT: usize = 4096;
/// Data grows by joining up to this length.
const JOINED: usize = 32 * 1024;
/// With so many messages waiting, short data joins past data of another stream too: the order
/// within each stream stays, the order between them is lost for a reader that far behind.
const CROWDED: usize = 1024;

/// How the session hears that a reader has taken half a window.
pub(crate) type CreditSender = UnboundedSender<ChannelId>;

#[derive(Debug)]
struct State {
    queue: VecDeque<ChannelMsg>,
    unread: usize,
    taken: usize,
    target: u32,
    told: bool,
    controls: usize,
    control_bytes: usize,
    credit: Option<(ChannelId, CreditSender)>,
    /// Set when the session has forgotten the channel: nothing more will come.
    ended: bool,
    /// Set when the reader wants no more.
    closed: bool,
    waker: Option<Waker>,
}

type Shared = Arc<Mutex<State>>;

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn inbound() -> (InboundSender, InboundReceiver) {
    let shared = Arc::new(Mutex::new(State {
        queue: VecDeque::new(),
        unread: 0,
        taken: 0,
        target: u32::MAX,
        told: false,
        controls: 0,
        control_bytes: 0,
        credit: None,
        ended: false,
        closed: false,
        waker: None,
    }));
    (InboundSender { shared: shared.clone() }, InboundReceiver { shared })
}

/// The session's end. Dropping it ends the channel for the reader.
#[derive(Debug)]
pub(crate) struct InboundSender {
    shared: Shared,
}

impl InboundSender {
    /// From now on the session hears of data taken out of this channel.
    pub(crate) fn connect(&self, id: ChannelId, target: u32, sender: CreditSender) {
        let mut state = lock(&self.shared);
        state.target = target;
        state.credit = Some((id, sender));
        state.tell();
    }

    /// True if the reader has it now, false if there is no reader.
    pub(crate) fn send(&self, msg: ChannelMsg) -> Result<bool, Error> {
        let mut state = lock(&self.shared);
        if state.closed {
            return Ok(false);
        }
        match msg {
            ChannelMsg::Data { data } => state.push_data(None, data)?,
            ChannelMsg::ExtendedData { data, ext } => state.push_data(Some(ext), data)?,
            msg => state.push_control(msg)?,
        }
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        Ok(true)
    }

    /// The bytes that wait, if the window is to be opened by the bytes taken since the last call.
    pub(crate) fn take_credit(&self, target: u32) -> usize {
        let mut state = lock(&self.shared);
        state.taken = 0;
        state.told = false;
        state.target = target;
        state.unread
    }
}

impl Drop for InboundSender {
    fn drop(&mut self) {
        let mut state = lock(&self.shared);
        state.ended = true;
        state.credit = None;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

impl State {
    fn push_data(&mut self, ext: Option<u32>, data: Bytes) -> Result<(), Error> {
        if data.is_empty() {
            return Ok(());
        }
        self.unread += data.len();
        match self.joinable(ext, data.len()) {
            Some(waiting) => {
                let bytes = std::mem::take(waiting);
                let mut joined = bytes.try_into_mut().unwrap_or_else(|shared| {
                    let mut copy = BytesMut::with_capacity(shared.len() + data.len());
                    copy.extend_from_slice(&shared);
                    copy
                });
                joined.extend_from_slice(&data);
                *waiting = joined.freeze();
            }
            None => self.queue.push_back(match ext {
                None => ChannelMsg::Data { data },
                Some(ext) => ChannelMsg::ExtendedData { data, ext },
            }),
        }
        // Out of reach for output and errors; only many streams in turn come so far.
        if self.queue.len() > 4 * CONTROLS + self.unread / 1024 {
            return Err(Error::ChannelFlood);
        }
        Ok(())
    }

    /// Data of the same stream that short data may join without passing anything but data.
    fn joinable(&mut self, ext: Option<u32>, len: usize) -> Option<&mut Bytes> {
        if len >= SHORT {
            return None;
        }
        let reach = if self.queue.len() >= CROWDED { 4 } else { 1 };
        for msg in self.queue.iter_mut().rev().take(reach) {
            let (stream, waiting) = match msg {
                ChannelMsg::Data { data } => (None, data),
                ChannelMsg::ExtendedData { data, ext } => (Some(*ext), data),
                _ => return None,
            };
            if stream == ext {
                return (waiting.len() + len <= JOINED).then_some(waiting);
            }
        }
        None
    }

    fn push_control(&mut self, msg: ChannelMsg) -> Result<(), Error> {
        // Both only report a state, so the newest is enough; peers send them without end.
        match (&msg, self.queue.back_mut()) {
            (ChannelMsg::WindowAdjusted { .. }, Some(last @ ChannelMsg::WindowAdjusted { .. }))
            | (ChannelMsg::WindowChange { .. }, Some(last @ ChannelMsg::WindowChange { .. })) => {
                *last = msg;
                return Ok(());
            }
            (ChannelMsg::WindowAdjusted { .. }, Some(_)) => return Ok(()),
            _ => {}
        }
        self.controls += 1;
        self.control_bytes += size(&msg);
        if self.controls > CONTROLS || self.control_bytes > CONTROL_BYTES {
            return Err(Error::ChannelFlood);
        }
        self.queue.push_back(msg);
        Ok(())
    }

    fn pop(&mut self) -> Option<ChannelMsg> {
        let msg = self.queue.pop_front()?;
        match &msg {
            ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => {
                self.unread -= data.len();
                self.taken += data.len();
                self.tell();
            }
            _ => {
                self.controls -= 1;
                self.control_bytes -= size(&msg);
            }
        }
        Some(msg)
    }

    fn discard(&mut self) {
        self.closed = true;
        self.taken += self.unread;
        self.unread = 0;
        self.controls = 0;
        self.control_bytes = 0;
        self.queue = VecDeque::new();
        self.tell();
    }

    /// Tells the session once half a window was taken, and once only until it answers.
    fn tell(&mut self) {
        if self.told || self.taken == 0 || self.taken < self.target as usize / 2 {
            return;
        }
        if let Some((id, sender)) = &self.credit {
            self.told = sender.send(*id).is_ok();
        }
    }
}

fn size(msg: &ChannelMsg) -> usize {
    match msg {
        ChannelMsg::RequestPty { term, terminal_modes, .. } => term.len() + 8 * terminal_modes.len(),
        ChannelMsg::Exec { command, .. } => command.len(),
        ChannelMsg::RequestSubsystem { name, .. } => name.len(),
        ChannelMsg::RequestX11 {
            x11_authentication_protocol: protocol, x11_authentication_cookie: cookie, ..
        } => protocol.len() + cookie.len(),
        ChannelMsg::SetEnv { variable_name, variable_value, .. } => variable_name.len() + variable_value.len(),
        ChannelMsg::Request { name, data, .. } => name.len() + data.len(),
        ChannelMsg::Signal { signal: crate::Sig::Custom(name) } => name.len(),
        ChannelMsg::ExitSignal { error_message, lang_tag, .. } => error_message.len() + lang_tag.len(),
        _ => 0,
    }
}

/// The reader's end. Dropping it discards what waits and opens the window again.
#[derive(Debug)]
pub(crate) struct InboundReceiver {
    shared: Shared,
}

impl InboundReceiver {
    /// The next message, or [`None`] when the channel is gone. Cancel-safe.
    pub(crate) async fn recv(&mut self) -> Option<ChannelMsg> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<ChannelMsg>> {
        let mut state = lock(&self.shared);
        if let Some(msg) = state.pop() {
            return Poll::Ready(Some(msg));
        }
        if state.ended || state.closed {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes no more; what waits can still be read.
    pub(crate) fn close(&mut self) {
        lock(&self.shared).closed = true;
    }
}

impl Drop for InboundReceiver {
    fn drop(&mut self) {
        lock(&self.shared).discard();
    }
}

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
