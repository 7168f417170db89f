//! Accepting connections, once for all protocols: limits, keep-alive, and an orderly end.
//!
//! Two limits with two manners. A connection beyond `connections` is still handed over, without a [`Place`], so that
//! it can be told in its own protocol. A handshake beyond `handshakes` pushes the *oldest* one out: an honest client
//! signs in within milliseconds, so whoever is oldest is whoever stalls. (Rejected: a semaphore to wait on. A few
//! hundred silent sockets would then shut the listener for everybody until their deadlines.)

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::stream;

/// How many connections the system keeps for us between two `accept`s.
const BACKLOG: i32 = 1024;
/// How long to wait after `accept` failed, by custom for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Why an address could not be listened on. `key` is the one in the file to change.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has it.
    #[error("`{address}` is in use by another program; stop that, or write another port as `[gateway] {key}`")]
    InUse {
        /// Where we wanted to listen.
        address: SocketAddr,
        /// The key in the file.
        key: &'static str,
    },
    /// Not without a privilege.
    #[error("listening on `{address}` is not permitted; write a port above 1023 as `[gateway] {key}`")]
    Denied {
        /// Where we wanted to listen.
        address: SocketAddr,
        /// The key in the file.
        key: &'static str,
    },
    /// No network card has it.
    #[error("`{address}` is not an address of this machine; write one that is as `[gateway] {key}`")]
    NotHere {
        /// Where we wanted to listen.
        address: SocketAddr,
        /// The key in the file.
        key: &'static str,
    },
    /// Anything else.
    #[error("`{address}` (`[gateway] {key}`) could not be listened on")]
    Other {
        /// Where we wanted to listen.
        address: SocketAddr,
        /// The key in the file.
        key: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl BindError {
    fn new(address: SocketAddr, key: &'static str, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            Self::InUse { address, key }
        } else if source.kind() == io::ErrorKind::PermissionDenied {
            Self::Denied { address, key }
        } else if source.kind() == io::ErrorKind::AddrNotAvailable {
            Self::NotHere { address, key }
        } else {
            Self::Other { address, key, source }
        }
    }
}

/// How many at once, and how long the last ones may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once that have not signed in yet.
    pub handshakes: usize,
    /// How long the connections may take to end after the stop; then they are cut.
    pub drain: Duration,
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The socket, prepared by [`stream::prepare`].
    pub tcp: TcpStream,
    /// Who is at the other end.
    pub peer: SocketAddr,
    /// Its place among those who sign in. Drop it once they have.
    pub handshake: Handshake,
    /// Its place among all; `None` if there was none left, which the client is to be told.
    pub place: Option<Place>,
}

/// One of [`Limits::connections`]; given back when dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// One of [`Limits::handshakes`]; given back when dropped.
#[derive(Debug)]
pub struct Handshake(Arc<CancellationToken>);

impl Handshake {
    /// Runs a part of the handshake. `None` if it had to make room for others, and the connection is to be closed.
    /// Cancel-safe if `work` is.
    pub async fn guard<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.0.cancelled() => None,
            done = work => Some(done),
        }
    }
}

/// Those who sign in, oldest first. Finished ones are swept out only when the queue is full, which costs O(1) each.
#[derive(Debug)]
struct Handshakes {
    most: usize,
    queue: VecDeque<Weak<CancellationToken>>,
}

impl Handshakes {
    fn enter(&mut self) -> Handshake {
        if self.queue.len() >= self.most {
            self.queue.retain(|one| one.strong_count() > 0);
        }
        if self.queue.len() >= self.most
            && let Some(oldest) = self.queue.pop_front().and_then(|one| one.upgrade())
        {
            oldest.cancel();
        }
        let token = Arc::new(CancellationToken::new());
        self.queue.push_back(Arc::downgrade(&token));
        Handshake(token)
    }
}

/// A bound address that nobody is served on yet.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds. `key` is the key in the file, for the words of an error. Port 0 lets the system choose. Needs a runtime.
    pub fn bind(address: SocketAddr, key: &'static str) -> Result<Self, BindError> {
        Self::open(address).map_err(|source| BindError::new(address, key, source))
    }

    fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restart must not wait for old connections to leave TIME_WAIT. On Linux this never shares a live port.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let tcp = TcpListener::from_std(socket.into())?;
        let address = tcp.local_addr()?;
        Ok(Self { tcp, address })
    }

    /// Where it listens; with the port that the system chose.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until `stop`, and runs `serve` for each connection in a task of its own. Then closes the port, waits for
    /// the tasks for at most [`Limits::drain`] and cuts the rest. `serve` is expected to watch the same token.
    pub async fn run<W>(self, limits: Limits, stop: CancellationToken, mut serve: impl FnMut(Accepted) -> W)
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        let mut handshakes = Handshakes { most: limits.handshakes.max(1), queue: VecDeque::new() };
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = tasks.join_next() => note(ended),
                accepted = accept(&self.tcp) => {
                    let Some((tcp, peer)) = accepted else { continue };
                    let place = Arc::clone(&places).try_acquire_owned().ok().map(|permit| Place { _permit: permit });
                    tasks.spawn(serve(Accepted { tcp, peer, handshake: handshakes.enter(), place }));
                }
            }
        }
        drop(self.tcp);
        drain(tasks, limits.drain).await;
    }
}

/// Accepts one connection; `None` if it failed, after a pause where the system is short of something. Cancel-safe.
async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        // A connection that can't be prepared is gone already.
        Ok((tcp, peer)) => stream::prepare(&tcp).is_ok().then_some((tcp, peer)),
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

async fn drain(mut tasks: JoinSet<()>, within: Duration) {
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            note(ended);
        }
    };
    if tokio::time::timeout(within, all).await.is_err() {
        tracing::warn!(left = tasks.len(), "connections were cut at the end of the drain");
        tasks.shutdown().await;
    }
}

/// One session's bug must not end the others, nor go unseen.
fn note(ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a connection ended by a bug of the gateway");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LIMITS: Limits = Limits { connections: 100, handshakes: 100, drain: Duration::from_millis(200) };

    fn local() -> Listener {
        Listener::bind(([127, 0, 0, 1], 0).into(), "postgres").unwrap()
    }

    #[tokio::test]
    async fn a_port_in_use_names_the_key_to_change() {
        let first = local();
        let told = Listener::bind(first.local_addr(), "postgres").unwrap_err().to_string();
        assert!(told.contains("in use") && told.contains("`[gateway] postgres`"), "{told}");
        let told = Listener::bind(([203, 0, 113, 1], 0).into(), "postgres").unwrap_err().to_string();
        assert!(told.contains("not an address of this machine"), "{told}");
    }

    /// Answers `1` with a place and `0` without, after a byte was read within the handshake; then waits for the end.
    async fn answer(accepted: Accepted, stop: CancellationToken) {
        let Accepted { mut tcp, handshake, place, .. } = accepted;
        if handshake.guard(tcp.read_u8()).await.is_none_or(|read| read.is_err()) {
            return;
        }
        drop(handshake);
        tcp.write_all(if place.is_some() { b"1" } else { b"0" }).await.unwrap();
        tokio::select! { _ = tcp.read_u8() => {}, () = stop.cancelled() => {} }
    }

    async fn shake(tcp: &mut TcpStream) -> u8 {
        tcp.write_all(b"x").await.unwrap();
        tcp.read_u8().await.unwrap()
    }

    #[tokio::test]
    async fn silent_clients_do_not_keep_others_out() {
        let (listener, stop) = (local(), CancellationToken::new());
        let (address, inner) = (listener.local_addr(), stop.clone());
        let limits = Limits { handshakes: 4, ..LIMITS };
        let run = listener.run(limits, stop.clone(), move |accepted| answer(accepted, inner.clone()));
        let clients = async {
            let mut first = TcpStream::connect(address).await.unwrap();
            let mut silent = Vec::new();
            for _ in 0..8 {
                silent.push(TcpStream::connect(address).await.unwrap());
            }
            let evicted = tokio::time::timeout(Duration::from_secs(5), first.read(&mut [0; 1])).await;
            assert_eq!(evicted.expect("the oldest had to go").unwrap(), 0);
            let mut honest = TcpStream::connect(address).await.unwrap();
            assert_eq!(shake(&mut honest).await, b'1');
            stop.cancel();
        };
        tokio::join!(run, clients);
    }

    #[tokio::test]
    async fn a_connection_too_many_is_handed_over_without_a_place() {
        let (listener, stop) = (local(), CancellationToken::new());
        let (address, inner) = (listener.local_addr(), stop.clone());
        let limits = Limits { connections: 1, ..LIMITS };
        let run = listener.run(limits, stop.clone(), move |accepted| answer(accepted, inner.clone()));
        let clients = async {
            let mut first = TcpStream::connect(address).await.unwrap();
            assert_eq!(shake(&mut first).await, b'1');
            let mut second = TcpStream::connect(address).await.unwrap();
            assert_eq!(shake(&mut second).await, b'0');
            stop.cancel();
        };
        tokio::join!(run, clients);
    }

    #[tokio::test]
    async fn the_end_waits_for_the_drain_and_then_cuts() {
        let (listener, stop) = (local(), CancellationToken::new());
        let address = listener.local_addr();
        // This one never looks at the token.
        let run = listener.run(LIMITS, stop.clone(), |accepted| async move {
            std::future::pending::<()>().await;
            drop(accepted);
        });
        let client = async {
            let mut tcp = TcpStream::connect(address).await.unwrap();
            tokio::task::yield_now().await;
            stop.cancel();
            // Cut by us, or reset because it was still in the backlog.
            let read = tcp.read(&mut [0; 1]).await;
            assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
            assert!(TcpStream::connect(address).await.is_err());
        };
        tokio::time::timeout(Duration::from_secs(5), async { tokio::join!(run, client) }).await.unwrap();
    }

    #[tokio::test]
    async fn a_bug_in_one_connection_leaves_the_listener_alive() {
        let (listener, stop) = (local(), CancellationToken::new());
        let (address, inner) = (listener.local_addr(), stop.clone());
        let mut count = 0;
        let run = listener.run(LIMITS, stop.clone(), move |accepted| {
            count += 1;
            let (first, inner) = (count == 1, inner.clone());
            async move {
                assert!(!first, "a bug");
                answer(accepted, inner).await;
            }
        });
        let clients = async {
            let mut first = TcpStream::connect(address).await.unwrap();
            assert!(matches!(first.read(&mut [0; 1]).await, Ok(0) | Err(_)));
            let mut second = TcpStream::connect(address).await.unwrap();
            assert_eq!(shake(&mut second).await, b'1');
            stop.cancel();
        };
        tokio::join!(run, clients);
    }
}
