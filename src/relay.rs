//! A port on this machine that leads to the gateway, for clients that cannot be started by us.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::screen::Screen;

/// A port that is taken and not served yet.
#[derive(Debug)]
pub struct Relay {
    listener: TcpListener,
    to: String,
}

impl Relay {
    /// Takes a port of the loopback address; 0 takes a free one. Nobody but this machine can reach it.
    pub async fn bind(port: u16, to: String) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
            Failure::new(format!("port {port} on 127.0.0.1 cannot be taken: {error}")).hint("choose another --port")
        })?;
        Ok(Self { listener, to })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> Result<SocketAddr, Failure> {
        Ok(self.listener.local_addr()?)
    }

    /// Passes bytes on until it is dropped. The gateway checks everything; this only carries.
    pub async fn run(self, screen: &Screen) -> Result<(), Failure> {
        let mut carried = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => {
                    let (mut client, _) = accepted?;
                    match TcpStream::connect(&self.to).await {
                        Ok(mut gateway) => {
                            drop(client.set_nodelay(true).and_then(|()| gateway.set_nodelay(true)));
                            carried.spawn(async move { drop(copy_bidirectional(&mut client, &mut gateway).await) });
                        }
                        Err(error) => screen.say(&format!("the gateway at {} cannot be reached: {error}\n", self.to)),
                    }
                }
                Some(_) = carried.join_next() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use workflows::clock::Timestamp;

    use super::*;
    use crate::screen::Form;

    #[tokio::test]
    async fn bytes_go_both_ways() {
        let gateway = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let to = gateway.local_addr().expect("an address").to_string();
        let relay = Relay::bind(0, to).await.expect("a port");
        let at = relay.local_addr().expect("an address");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let screen = Screen::fixed(Form::People, None, Timestamp::from_micros(0));
            relay.run(&screen).await
        });
        let mut client = TcpStream::connect(at).await.expect("connected");
        client.write_all(b"ping").await.expect("sent");
        let (mut served, _) = gateway.accept().await.expect("accepted");
        let mut four = [0; 4];
        served.read_exact(&mut four).await.expect("read");
        assert_eq!(&four, b"ping");
        served.write_all(b"pong").await.expect("sent");
        client.read_exact(&mut four).await.expect("read");
        assert_eq!(&four, b"pong");
    }
}
