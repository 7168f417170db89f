//! Bad input: a clear error in the words of whoever caused it, nothing lost, nothing let through.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use workflows::clock::Span;
use workflows::target::Access;

use crate::world::{Start, World};

async fn raw(world: &World, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(world.ready.postgres).await.unwrap();
    // The other side may close while we still write; that is an answer too.
    drop(socket.write_all(bytes).await);
    let mut answer = Vec::new();
    drop(tokio::time::timeout(Duration::from_secs(15), socket.read_to_end(&mut answer)).await);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_is_refused_and_the_next_client_is_served() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".as_slice(),
        &[0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0],
        &[0, 0, 0, 4],
        &[0xff; 64],
        &[0, 0, 0, 8, 0, 9, 0, 0],
        b"",
    ] {
        let answer = raw(&world, bytes).await;
        assert!(answer.len() < 4_096);
        assert!(!answer.contains(&b'R'), "nobody is authenticated: {answer:?}");
    }
    let (said, worked) = world.run("ada", &["-c", "SELECT 41 + 1"]).await;
    assert!(worked && said.contains("42"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stalls_does_not_keep_others_out() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let mut stalled = Vec::new();
    for _client in 0..100 {
        let mut socket = TcpStream::connect(world.ready.postgres).await.unwrap();
        socket.write_all(&[0, 0]).await.unwrap();
        stalled.push(socket);
    }
    let (said, worked) = world.run("ada", &["-c", "SELECT 41 + 1"]).await;
    assert!(worked && said.contains("42"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_down_is_said_without_its_address() {
    let port = sandbox::free_port().unwrap();
    let world = World::start_with(Start { address: Some(format!("127.0.0.1:{port}")), ..Start::default() }).await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let (said, worked) = world.run("ada", &["-c", "SELECT 1"]).await;
    assert!(!worked && said.contains("orders-prod"), "{said}");
    assert!(!said.contains(&port.to_string()) && !said.contains("cs_read"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_without_the_certificate_that_is_asked_for_is_refused() {
    let world = World::edited("tls = \"off\"", "tls = \"verify-full\"").await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    let (said, worked) = world.run("ada", &["-c", "SELECT 1"]).await;
    assert!(!worked && said.to_lowercase().contains("tls"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_the_target_refuses_is_not_the_persons_fault() {
    let world = World::start().await;
    world.grant("ada", Access::Read, Span::hours(1)).await;
    world.server("ALTER ROLE cs_read PASSWORD 'changed'");
    let (said, worked) = world.run("ada", &["-c", "SELECT 1"]).await;
    assert!(!worked && said.contains("platform"), "{said}");
    assert!(!said.contains("cs_read"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_said_with_its_key() {
    use countersign::config::Config;
    use countersign::serve::{Parts, serve};
    let world = World::start().await;
    let text =
        world.text().replace("postgres = \"127.0.0.1:0\"", &format!("postgres = \"{}\"", world.ready.postgres));
    let config = Config::parse(&text, "test.toml").unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let error = serve(config, Parts::real(), stop).await.expect_err("the port is in use");
    let words = format!("{error:#}");
    assert!(words.contains("in use") && words.contains("[gateway]"), "{words}");
}

#[test]
fn a_broken_file_is_refused_with_lines_and_what_to_write_instead() {
    use countersign::config::Config;
    let policy = crate::world::POLICY.replace("@GATEWAY@", "");
    for (from, to, words) in [
        ("[group]", "[group", "unclosed"),
        ("who = \"group:orders\"", "who = \"group:order\"", "group:orders"),
        ("do = \"hold\"", "do = \"hodl\"", "hold"),
        ("op.writes", "op.wrtes", "writes"),
        ("[gateway]", "[gatway]", "gatway"),
        ("postgres = \"127.0.0.1:0\"", "postgress = \"127.0.0.1:0\"", "postgress"),
        ("listen = \"127.0.0.1:0\"", "listen = \"0.0.0.0:8420\"", "clear"),
        ("postgres = \"127.0.0.1:0\"", "postgres = \"0.0.0.0:6432\"", "tls"),
        ("people = 1, within = \"15m\"", "people = 3, within = \"15m\"", "3"),
        ("password = \"file:@FOLDER@/read\"", "password = \"hunter2hunter2\"", "env:"),
        ("detect = [\"card\"", "detect = [\"cards\"", "card"),
        ("levels = [\"read\", \"write\"]", "levels = [\"read\", \"admin\"]", "admin"),
    ] {
        assert!(policy.contains(from), "{from}");
        let text =
            policy.replacen(from, to, 1).replace("@ADDRESS@", "127.0.0.1:5432").replace("@STORE@", "sqlite:x.db");
        let error = Config::parse(&text, "test.toml").expect_err(to).to_string();
        assert!(error.contains("test.toml"), "{to}: {error}");
        assert!(error.contains(words), "{to}: {error}");
        assert!(!error.contains("hunter2"), "a secret is not repeated: {error}");
    }
}
