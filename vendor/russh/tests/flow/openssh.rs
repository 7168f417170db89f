//! OpenSSH's client, where there is one.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use russh::server;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

use crate::world::{Desk, desk, server_config};

const SSH: &str = "/usr/bin/ssh";

/// Starts `cat` for whatever is asked.
struct Cat(Desk);

impl server::Handler for Cat {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<server::Auth, Self::Error> {
        self.0.auth_none(user).await
    }

    async fn channel_open_session(
        &mut self,
        channel: russh::Channel<server::Msg>,
        reply: server::ChannelOpenHandle,
        session: &mut server::Session,
    ) -> Result<(), Self::Error> {
        self.0.channel_open_session(channel, reply, session).await
    }

    async fn exec_request(
        &mut self,
        channel: russh::ChannelId,
        _: &[u8],
        session: &mut server::Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }
}

/// The port of a server for one connection.
async fn serve() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (desk, mut opened) = desk();
        let _session = server::run_stream(Arc::new(server_config()), stream, Cat(desk)).await.unwrap();
        while let Some(channel) = opened.recv().await {
            tokio::spawn(cat(channel));
        }
    });
    port
}

async fn cat(channel: russh::Channel<server::Msg>) {
    let (mut reader, writer) = channel.split();
    while let Some(msg) = reader.wait().await {
        match msg {
            russh::ChannelMsg::Data { data } => writer.data_bytes(data).await.unwrap(),
            russh::ChannelMsg::Eof => {
                writer.eof().await.unwrap();
                writer.exit_status(0).await.unwrap();
                writer.close().await.unwrap();
            }
            _ => {}
        }
    }
}

async fn there_and_back(options: &str) {
    if !Path::new(SSH).exists() {
        println!("skipped: there is no {SSH}");
        return;
    }
    let port = serve().await;
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "head -c 100M /dev/urandom > sent || exit 90
         {SSH} -F none -p {port} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
             -o LogLevel=ERROR {options} ada@127.0.0.1 cat < sent > got || exit 91
         cmp sent got || exit 92"
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(dir.path()).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(Duration::from_secs(180), command.output()).await.expect("it hangs").unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn openssh_sends_100_mib_through_cat() {
    there_and_back("").await;
}

#[tokio::test]
async fn openssh_sends_100_mib_through_cat_with_many_key_exchanges() {
    there_and_back("-o RekeyLimit=4M").await;
}
