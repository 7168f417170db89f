//! One type for every byte stream that the gateway holds, so that the loop behind it is written once.
//!
//! An enum and not `dyn AsyncRead`: the set is closed, and the hot path pays no virtual call. TLS is boxed, because its
//! state is a kilobyte that a plain connection should not carry.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// An idle peer is probed after this long, and then in steps of [`KEEPALIVE_STEP`].
const KEEPALIVE: Duration = Duration::from_mins(1);
/// Between two probes of a peer that does not answer.
const KEEPALIVE_STEP: Duration = Duration::from_secs(15);

/// A connection to a client or to a target.
#[derive(Debug)]
pub enum Stream {
    /// Bytes as they are.
    Plain(TcpStream),
    /// TLS that a client opened towards us.
    Served(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    /// TLS that we opened towards a target.
    Dialed(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

/// Sets what every connection wants: no delay of small writes (a round trip is a small write), and probes that notice a
/// peer which vanished without a word.
pub fn prepare(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let probes = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_STEP);
    SockRef::from(tcp).set_tcp_keepalive(&probes)
}

impl Stream {
    /// A plain stream, prepared by [`prepare`].
    pub fn plain(tcp: TcpStream) -> io::Result<Self> {
        prepare(&tcp)?;
        Ok(Self::Plain(tcp))
    }

    /// The socket below. For its addresses and options; bytes go through the stream.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Served(tls) => tls.get_ref().0,
            Self::Dialed(tls) => tls.get_ref().0,
        }
    }

    /// Who is at the other end.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// Whether bytes are hidden from the network.
    pub const fn is_encrypted(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Served(_) | Self::Dialed(_) => true,
        }
    }

    /// The certificate that the other end proved to hold, if it had to.
    pub fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        match self {
            Self::Plain(_) => None,
            Self::Served(tls) => tls.get_ref().1.peer_certificates()?.first(),
            Self::Dialed(tls) => tls.get_ref().1.peer_certificates()?.first(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Served(tls) => Pin::new(tls.as_mut()).poll_read(cx, buf),
            Self::Dialed(tls) => Pin::new(tls.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Served(tls) => Pin::new(tls.as_mut()).poll_write(cx, buf),
            Self::Dialed(tls) => Pin::new(tls.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Self::Served(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, bufs),
            Self::Dialed(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Served(tls) => tls.is_write_vectored(),
            Self::Dialed(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Served(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
            Self::Dialed(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Served(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
            Self::Dialed(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}
