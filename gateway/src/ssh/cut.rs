//! A stream that can be cut. The SSH library runs each connection in a task of its own, which goes on when its handle is
//! dropped; so the one certain end is here, below it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What is read at once. The library reads a packet in two small pieces.
const BUFFER: usize = 32 << 10;

/// A connection until it is cut.
pub(super) struct Cut<S> {
    inner: BufReader<S>,
    knife: Pin<Box<WaitForCancellationFutureOwned>>,
    over: bool,
}

impl<S: AsyncRead + AsyncWrite> Cut<S> {
    pub(super) fn new(stream: S, cut: &CancellationToken) -> Self {
        let inner = BufReader::with_capacity(BUFFER, stream);
        Self { inner, knife: Box::pin(cut.clone().cancelled_owned()), over: false }
    }

    /// Looks at the knife first. Registers whoever asks, so that a blocked read or write wakes up when it falls.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.over = self.over || self.knife.as_mut().poll(cx).is_ready();
        if self.over { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Cut<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_read(cx, space)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Cut<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
