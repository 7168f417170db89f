use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::listen::{Limits, Listener};
use crate::postgres::cancel::Cancels;
use crate::postgres::greeting::{Greeting, greet};
use crate::postgres::testing::Authority;
use crate::tls;

const TOKEN: &str = "cs_a-token-of-ada";

/// A gateway's door without a gateway: it takes ada's token, opens, waits for a statement or a cancel, and closes.
async fn door(tcp: TcpStream, tls: Option<Arc<rustls::ServerConfig>>, cancels: Cancels, running: Arc<Notify>) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut hello = match greet(tcp, tls.as_ref(), deadline).await {
        Ok(Greeting::Login(hello)) => hello,
        Ok(Greeting::Cancel { pid, secret }) => {
            cancels.request(pid, &secret);
            return;
        }
        Err(_) => return,
    };
    let refusal = match password(&mut hello, deadline).await {
        Ok(token) if token.reveal() == TOKEN => same_user(&hello, "ada").err(),
        Ok(_) => Some(Refusal::bad_token()),
        Err(error) => match error.refusal() {
            Some(refusal) => Some(refusal),
            None => return,
        },
    };
    if let Some(refusal) = refusal {
        return refusal.send(hello.stream).await;
    }
    let (registration, mut watcher) = cancels.register().unwrap();
    let mut notices = BytesMut::new();
    notice("welcome", &mut notices);
    let parameters =
        [("server_version".to_owned(), "15.18".to_owned()), ("client_encoding".to_owned(), "UTF8".to_owned())];
    finish(&mut hello.stream, &parameters, &registration, &notices).await.unwrap();
    let _statement = hello.stream.read(&mut [0; 1024]).await;
    running.notify_one();
    let wait = tokio::time::timeout(Duration::from_secs(5), watcher.asked());
    let told = if hello.database == "waits" {
        if wait.await.is_ok() { "cancelled" } else { "not cancelled" }
    } else {
        "bye"
    };
    Refusal::new(Code::Ended, told).send(hello.stream).await;
}

/// What psql says when it connects with these settings.
async fn psql(port: u16, settings: &str, token: Option<&str>) -> String {
    let mut command = Command::new("psql");
    command.args([
        "-X",
        "-w",
        "-c",
        "SELECT 1",
        &format!("host=localhost port={port} connect_timeout=10 {settings}"),
    ]);
    command.env_remove("PGPASSWORD").envs(token.map(|token| ("PGPASSWORD", token))).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(20), command.output()).await.unwrap().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

struct Door {
    port: u16,
    ca: PathBuf,
    _dir: tempfile::TempDir,
    tasks: tokio::task::JoinSet<()>,
    /// Rings when a statement has come.
    running: Arc<Notify>,
}

impl Door {
    fn open(encrypted: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let ca = Authority::new();
        let (chain, key) = ca.issue(&["localhost"]);
        for (name, pem) in [("ca.pem", ca.pem()), ("a.pem", chain), ("a.key", key), ("b.pem", Authority::new().pem())]
        {
            std::fs::write(path(name), pem).unwrap();
        }
        let tls = encrypted.then(|| tls::server_config(&path("a.pem"), &path("a.key")).unwrap());
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), "postgres").unwrap();
        let port = listener.local_addr().port();
        let limits = Limits { connections: 10, handshakes: 10, drain: Duration::from_secs(1) };
        let cancels = Cancels::default();
        let running = Arc::new(Notify::new());
        let (mut tasks, seen) = (tokio::task::JoinSet::new(), Arc::clone(&running));
        tasks.spawn(listener.run(limits, CancellationToken::new(), move |accepted| {
            door(accepted.tcp, tls.clone(), cancels.clone(), Arc::clone(&seen))
        }));
        Self { port, ca: path("ca.pem"), _dir: dir, tasks, running }
    }
}

#[tokio::test]
async fn psql_comes_in_with_and_without_tls() {
    for (encrypted, settings, comes_in) in [
        (false, "sslmode=disable", true),
        (false, "sslmode=prefer", true),
        (false, "sslmode=require", false),
        (true, "sslmode=disable", true),
        (true, "sslmode=prefer gssencmode=prefer", true),
        (true, "sslmode=require", true),
        (true, "sslmode=verify-full sslrootcert=CA", true),
        (true, "sslmode=verify-full sslrootcert=OTHER", false),
    ] {
        let door = Door::open(encrypted);
        let (ca, other) = (door.ca.display().to_string(), door.ca.with_file_name("b.pem").display().to_string());
        let settings = settings.replace("CA", &ca).replace("OTHER", &other);
        let said = psql(door.port, &format!("user=ada dbname=orders {settings}"), Some(TOKEN)).await;
        assert_eq!(said.contains("FATAL:  bye"), comes_in, "{settings}: {said}");
        assert_eq!(said.contains("NOTICE:  welcome"), comes_in, "{settings}: {said}");
        drop(door.tasks);
    }
}

#[tokio::test]
async fn psql_is_told_what_is_wrong_and_what_to_do() {
    let door = Door::open(true);
    let said = psql(door.port, "user=ada dbname=orders sslmode=require", Some("cs_wrong")).await;
    assert!(said.contains("token is not known, or has expired") && said.contains("countersign token"), "{said}");
    let said = psql(door.port, "user=grace dbname=orders sslmode=require", Some(TOKEN)).await;
    assert!(said.contains("does not belong to `grace`") && !said.contains("ada"), "{said}");
    let said = psql(door.port, "user=ada dbname=orders sslmode=require", None).await;
    assert!(said.contains("no password supplied"), "{said}");
    let said = psql(door.port, "user=ada dbname=orders sslmode=require", Some(&"x".repeat(MAX_TOKEN + 1))).await;
    assert!(said.contains("longer than any token"), "{said}");
    let said = psql(door.port, "user=ada dbname=orders sslmode=require replication=database", Some(TOKEN)).await;
    assert!(said.contains("replication is not served"), "{said}");
}

#[tokio::test]
async fn a_cancel_of_libpq_reaches_its_own_session() {
    let door = Door::open(false);
    let settings = format!("host=localhost port={} user=ada dbname=waits sslmode=disable", door.port);
    let mut command = Command::new("psql");
    command.args(["-X", "-w", "-c", "SELECT 1", &settings]).env("PGPASSWORD", TOKEN);
    let child = command.stderr(std::process::Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let pid = child.id().unwrap().to_string();
    let ended = child.wait_with_output();
    let interrupts = async {
        // Before a statement runs, psql would die of it.
        door.running.notified().await;
        Command::new("kill").args(["-INT", &pid]).status().await.unwrap();
    };
    let (output, ()) = tokio::join!(ended, interrupts);
    let said = String::from_utf8_lossy(&output.unwrap().stderr).into_owned();
    assert!(said.contains("FATAL:  cancelled"), "{said}");
}

/// Asks a client for its token that answers with these bytes.
async fn answered(bytes: &[u8], deadline: Duration) -> Result<Secret<String>, StartupError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (mut client, tcp) = (client.unwrap(), accepted.unwrap().0);
    client.write_all(bytes).await.unwrap();
    let mut hello = Hello {
        stream: Stream::plain(tcp).unwrap(),
        user: "ada".to_owned(),
        database: "orders".to_owned(),
        application_name: String::new(),
        params: Vec::new(),
        encrypted: false,
    };
    password(&mut hello, Instant::now() + deadline).await
}

#[tokio::test]
async fn a_password_is_bounded_and_well_formed() {
    let soon = Duration::from_secs(5);
    assert_eq!(answered(b"p\0\0\0\x08abc\0", soon).await.unwrap().reveal(), "abc");
    for bytes in [
        &b"p\x7f\xff\xff\xff"[..],
        b"p\0\0\0\0",
        b"p\0\0\0\x04",
        b"p\0\0\0\x08abcd",
        b"p\0\0\0\x08a\0c\0",
        b"p\0\0\0\x06\xff\0",
        b"Q\0\0\0\x08abc\0",
    ] {
        let answer = answered(bytes, soon).await;
        assert!(matches!(answer, Err(StartupError::Protocol(_))), "{bytes:?}: {answer:?}");
    }
    assert!(matches!(answered(b"X\0\0\0\x04", soon).await, Err(StartupError::Gone)));
    assert!(matches!(answered(b"p\0\0", Duration::from_millis(30)).await, Err(StartupError::Slow)));
}
