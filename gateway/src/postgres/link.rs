//! Two connections and the bytes between them. What may pass is decided elsewhere; here a length at the front of a buffer
//! says how much of it is free to go, and it goes from where it was read: nothing is copied.
//!
//! Both directions move in one task and one poll. A target that blocks because nobody reads its answers while we block on
//! writing to it would be a deadlock, and a channel between two tasks would cost two more wake-ups a round trip.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::dialect::Broken;
use crate::postgres::wire;
use crate::seams::Stream;

/// A buffer while little happens.
const SMALL: usize = 4 << 10;
/// A buffer under load, and how far a client is read ahead of its turn.
pub(super) const LARGE: usize = 64 << 10;

/// Bytes that arrived.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    from: usize,
    to: usize,
    /// The last read filled it: make it larger for the next one.
    full: bool,
}

impl Buffer {
    pub(super) fn filled(&self) -> &[u8] {
        self.bytes.get(self.from..self.to).unwrap_or_default()
    }

    pub(super) fn filled_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.from..self.to).unwrap_or_default()
    }

    pub(super) const fn len(&self) -> usize {
        self.to - self.from
    }

    /// Forgets the first bytes.
    pub(super) fn consume(&mut self, count: usize) {
        self.from += count.min(self.len());
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        }
    }

    /// Closes the gap between `kept` bytes at the front and the rest that begins at `next`.
    pub(super) fn close_gap(&mut self, kept: usize, next: usize) {
        if kept < next {
            self.bytes.copy_within(self.from + next..self.to, self.from + kept);
            self.to -= next - kept;
        }
    }

    /// Makes room for a frame of so many bytes at the front. Whoever asks has checked the length.
    pub(super) fn make_room(&mut self, whole: usize) {
        if self.from + whole > self.bytes.len() {
            self.bytes.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
            if whole > self.bytes.len() {
                self.bytes.resize(whole.next_multiple_of(SMALL), 0);
            }
        }
    }

    /// Adds bytes that came by another way.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.make_room(self.len() + bytes.len());
        if let Some(room) = self.bytes.get_mut(self.to..self.to + bytes.len()) {
            room.copy_from_slice(bytes);
            self.to += bytes.len();
        }
    }

    /// Hands memory back once there is nothing in it.
    pub(super) fn relax(&mut self) {
        if self.to == 0 && self.bytes.len() > 2 * SMALL {
            self.bytes = Vec::new();
        }
    }

    fn poll_fill(&mut self, from: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.to == self.bytes.len() && self.from > 0 {
            self.make_room(self.bytes.len());
        }
        if self.to == self.bytes.len() || (self.full && self.bytes.len() < LARGE) {
            let size = (self.bytes.len() * 4).clamp(SMALL, LARGE.max(self.bytes.len() + LARGE));
            self.bytes.resize(size, 0);
        }
        let mut space = ReadBuf::new(self.bytes.get_mut(self.to..).unwrap_or_default());
        ready!(Pin::new(from).poll_read(cx, &mut space))?;
        let count = space.filled().len();
        self.full = space.remaining() == 0;
        self.to += count;
        Poll::Ready(Ok(count))
    }
}

/// Our own words on their way: written before whatever else is free to go.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) bytes: Vec<u8>,
    done: usize,
}

impl Words {
    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn poll_write(&mut self, to: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.bytes.get(self.done..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *to).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.done += count,
            }
        }
        self.done = 0;
        // Large words are rare; idle sessions must not keep room for them.
        if self.bytes.capacity() > SMALL {
            self.bytes = Vec::new();
        } else {
            self.bytes.clear();
        }
        Poll::Ready(Ok(()))
    }
}

/// What a step moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// Bytes came from the client.
    pub(super) client: usize,
    /// Bytes came from the target.
    pub(super) upstream: usize,
    /// Bytes were written, and nothing of ours is left to write to that side.
    pub(super) wrote: bool,
}

/// A client and a target.
#[derive(Debug)]
pub(super) struct Link {
    client: Stream,
    upstream: Stream,
    pub(super) from_client: Buffer,
    pub(super) from_upstream: Buffer,
    /// How many bytes at the front of `from_client` may go to the target.
    pub(super) release: usize,
    /// How many bytes at the front of `from_upstream` may go to the client.
    pub(super) ready: usize,
    pub(super) to_upstream: Words,
    pub(super) to_client: Words,
    flush_client: bool,
    flush_upstream: bool,
    /// The target takes nothing any more; what it said before it went is still read.
    deaf: bool,
}

impl Link {
    pub(super) fn new(client: Stream, upstream: Stream) -> Self {
        Self {
            client,
            upstream,
            from_client: Buffer::default(),
            from_upstream: Buffer::default(),
            release: 0,
            ready: 0,
            to_upstream: Words::default(),
            to_client: Words::default(),
            flush_client: false,
            flush_upstream: false,
            deaf: false,
        }
    }

    /// Whether everything that may go to the client has gone.
    pub(super) const fn client_has_all(&self) -> bool {
        self.ready == 0 && self.to_client.is_empty() && !self.flush_client
    }

    /// Whether everything that may go to the target has gone.
    pub(super) const fn upstream_has_all(&self) -> bool {
        self.release == 0 && self.to_upstream.is_empty() && !self.flush_upstream
    }

    /// Writes what may go and reads what has come, until something moved. The client is read up to `ahead` bytes beyond
    /// what is released. Cancel-safe: all progress is in `self`.
    pub(super) async fn step(&mut self, ahead: usize) -> Result<Moved, Broken> {
        poll_fn(|cx| self.poll_step(ahead, cx)).await
    }

    fn poll_step(&mut self, ahead: usize, cx: &mut Context<'_>) -> Poll<Result<Moved, Broken>> {
        let mut moved = Moved::default();
        if !self.client_has_all() && self.poll_client(cx).map_err(|_| Broken::Left)?.is_ready() {
            moved.wrote = true;
        }
        if !self.upstream_has_all() && self.poll_upstream(cx).is_ready() {
            moved.wrote = true;
        }
        // The answer is read only as fast as the client takes it: that is the whole of our memory bound.
        if self.client_has_all()
            && let Poll::Ready(read) = self.from_upstream.poll_fill(&mut self.upstream, cx)
        {
            match read {
                Ok(0) | Err(_) => return Poll::Ready(Err(Broken::TargetGone)),
                Ok(count) => moved.upstream = count,
            }
        }
        if self.from_client.len() < self.release + ahead
            && let Poll::Ready(read) = self.from_client.poll_fill(&mut self.client, cx)
        {
            match read {
                Ok(0) | Err(_) => return Poll::Ready(Err(Broken::Left)),
                Ok(count) => moved.client = count,
            }
        }
        if moved == Moved::default() { Poll::Pending } else { Poll::Ready(Ok(moved)) }
    }

    /// Our words first, then what is ready of the target's.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush_client = true;
        ready!(self.to_client.poll_write(&mut self.client, cx))?;
        ready!(poll_front(&mut self.from_upstream, &mut self.ready, &mut self.client, cx))?;
        ready!(Pin::new(&mut self.client).poll_flush(cx))?;
        self.flush_client = false;
        Poll::Ready(Ok(()))
    }

    /// Our words first, then what is released of the client's.
    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.flush_upstream = true;
        let done =
            if self.deaf { Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) } else { self.poll_upstream_write(cx) };
        if ready!(done).is_err() {
            // A target that shuts down says why before it goes. So reading goes on; the end is seen there.
            self.deaf = true;
            self.to_upstream = Words::default();
            self.from_client.consume(self.release);
            self.release = 0;
        }
        self.flush_upstream = false;
        Poll::Ready(())
    }

    fn poll_upstream_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.to_upstream.poll_write(&mut self.upstream, cx))?;
        ready!(poll_front(&mut self.from_client, &mut self.release, &mut self.upstream, cx))?;
        Pin::new(&mut self.upstream).poll_flush(cx)
    }

    /// Sends the first `len` bytes of the client with a Describe of ours before each of these places.
    pub(super) fn insert_describes(&mut self, len: usize, before: &[(usize, Box<[u8]>)]) {
        let mut from = 0;
        for (at, portal) in before {
            self.to_upstream.bytes.extend_from_slice(self.from_client.filled().get(from..*at).unwrap_or_default());
            wire::write_describe(&mut self.to_upstream.bytes, true, portal);
            from = *at;
        }
        self.to_upstream.bytes.extend_from_slice(self.from_client.filled().get(from..len).unwrap_or_default());
        self.from_client.consume(len);
    }

    /// Writes the rest of what may go to the client, then `words`, and closes the client's side.
    pub(super) async fn farewell_client(&mut self, words: &[u8]) -> io::Result<()> {
        poll_fn(|cx| self.poll_client(cx)).await?;
        self.to_client.bytes.extend_from_slice(words);
        poll_fn(|cx| self.poll_client(cx)).await?;
        poll_fn(|cx| Pin::new(&mut self.client).poll_shutdown(cx)).await
    }

    /// Says goodbye to the target if that is still possible, and closes its side.
    pub(super) async fn farewell_upstream(&mut self, words: &[u8]) -> io::Result<()> {
        if self.upstream_has_all() && !self.deaf {
            self.to_upstream.bytes.extend_from_slice(words);
            poll_fn(|cx| self.poll_upstream_write(cx)).await?;
        }
        poll_fn(|cx| Pin::new(&mut self.upstream).poll_shutdown(cx)).await
    }
}

impl Link {
    /// Reads and drops what the target still says, until it has closed its side.
    pub(super) async fn until_upstream_is_gone(&mut self) {
        let mut dropped = [0; 4096];
        loop {
            match tokio::io::AsyncReadExt::read(&mut self.upstream, &mut dropped).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}

/// Writes the first `free` bytes of a buffer and forgets them.
fn poll_front(from: &mut Buffer, free: &mut usize, to: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    while *free > 0 {
        let bytes = from.filled().get(..*free).unwrap_or_default();
        match ready!(Pin::new(&mut *to).poll_write(cx, bytes))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            count => {
                from.consume(count);
                *free = free.saturating_sub(count);
            }
        }
    }
    Poll::Ready(Ok(()))
}
