use std::time::Duration;

use proptest::prelude::*;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;

use super::*;
use crate::postgres::testing::Authority;
use crate::tls;

fn message(code: u32, body: &[u8]) -> Vec<u8> {
    let mut out = (body.len() as u32 + 8).to_be_bytes().to_vec();
    out.extend(code.to_be_bytes());
    out.extend(body);
    out
}

fn startup(version: u32, pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in pairs {
        body.extend(format!("{name}\0{value}\0").bytes());
    }
    body.push(0);
    message(version, &body)
}

fn ada() -> Vec<u8> {
    startup(
        VERSION,
        &[("user", "ada"), ("database", "orders"), ("application_name", "psql"), ("options", "-c jit=off")],
    )
}

fn config(ca: &Authority) -> Arc<ServerConfig> {
    let dir = tempfile::tempdir().unwrap();
    let (chain, key) = ca.issue(&["localhost"]);
    std::fs::write(dir.path().join("a.pem"), chain).unwrap();
    std::fs::write(dir.path().join("a.key"), key).unwrap();
    tls::server_config(&dir.path().join("a.pem"), &dir.path().join("a.key")).unwrap()
}

fn trusting(ca: &Authority, alpn: bool) -> TlsConnector {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, ca.pem()).unwrap();
    let mut config = (*tls::client_config(Some(&path)).unwrap()).clone();
    if !alpn {
        config.alpn_protocols.clear();
    }
    TlsConnector::from(Arc::new(config))
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// A connected pair: the client, and the socket that is greeted.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (client.unwrap(), accepted.unwrap().0)
}

/// Greets a client that writes these pieces one after the other; also what the client was answered.
async fn greeted(
    pieces: &[&[u8]],
    tls: Option<&Arc<ServerConfig>>,
    patience: Duration,
) -> (Result<Greeting, GreetError>, Vec<u8>) {
    let (mut client, server) = pair().await;
    client.set_nodelay(true).unwrap();
    let writes = async {
        for piece in pieces {
            if client.write_all(piece).await.is_err() {
                break;
            }
            // Lets the other side see this piece alone.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        }
        client
    };
    let hangs_up = async {
        let mut client = writes.await;
        let mut answer = Vec::new();
        let _reset = client.read_to_end(&mut answer).await;
        answer
    };
    let greets = async {
        let greeting = greet(server, tls, Instant::now() + patience).await;
        // A stream that is kept would keep the client waiting.
        match greeting {
            Ok(Greeting::Login(mut hello)) => {
                hello.stream.shutdown().await.unwrap();
                Ok(Greeting::Login(hello))
            }
            other => other,
        }
    };
    tokio::join!(greets, hangs_up)
}

async fn said(bytes: &[u8]) -> (Result<Greeting, GreetError>, Vec<u8>) {
    greeted(&[bytes], None, Duration::from_secs(5)).await
}

fn hello(greeting: Result<Greeting, GreetError>) -> Hello {
    match greeting.unwrap() {
        Greeting::Login(hello) => hello,
        Greeting::Cancel { .. } => panic!("a cancel"),
    }
}

/// All of a greeting that does not depend on its socket.
fn gist(greeting: &Result<Greeting, GreetError>) -> String {
    match greeting {
        Ok(Greeting::Login(Hello { user, database, application_name, params, encrypted, .. })) => {
            format!("{user} {database} {application_name} {params:?} {encrypted}")
        }
        Ok(Greeting::Cancel { pid, secret }) => format!("{pid} {secret:?}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_login_is_read_with_all_that_it_says() {
    let (greeting, answer) = said(&ada()).await;
    let hello = hello(greeting);
    assert_eq!(
        (hello.user.as_str(), hello.database.as_str(), hello.application_name.as_str()),
        ("ada", "orders", "psql")
    );
    let params = [("application_name", "psql"), ("options", "-c jit=off")];
    assert_eq!(hello.params, params.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(!hello.encrypted && answer.is_empty());

    let (greeting, _) = said(&startup(VERSION, &[("user", "ada"), ("replication", "false")])).await;
    assert_eq!(gist(&greeting), "ada ada  [] false");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_split_of_the_bytes_gives_the_same_greeting(which in 0usize..5, cuts in proptest::collection::vec(0usize..120, 0..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let whole = match which {
            0 => ada(),
            1 => [message(GSS, &[]), message(TLS, &[]), ada()].concat(),
            2 => message(CANCEL, &[0, 0, 0, 7, 1, 2, 3, 4]),
            3 => startup(VERSION + 2, &[("user", "ada"), ("_pq_.x", "1")]),
            _ => startup(VERSION, &[("user", "ada"), ("replication", "database")]),
        };
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(whole.len())).chain([0, whole.len()]).collect();
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &whole[cut[0]..cut[1]]).filter(|piece| !piece.is_empty()).collect();
        let (greeting, answer) = runtime.block_on(greeted(&pieces, None, Duration::from_secs(5)));
        let (expected, expected_answer) = runtime.block_on(said(&whole));
        prop_assert_eq!(gist(&greeting), gist(&expected));
        prop_assert_eq!(answer, expected_answer);
    }

    #[test]
    fn rubbish_is_no_login_and_breaks_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (greeting, _) = runtime.block_on(greeted(&[&bytes], None, Duration::from_millis(30)));
        prop_assert!(greeting.is_err());
    }

    #[test]
    fn rubbish_within_a_startup_packet_breaks_nothing(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _any = asked(&Packet { code: VERSION, body: body.clone() });
        let _any = asked(&Packet { code: CANCEL, body });
    }
}

#[tokio::test]
async fn what_is_no_startup_packet_is_refused_in_words() {
    let long = startup(VERSION, &[("user", &"a".repeat(MAX_STARTUP))]);
    for (bytes, words) in [
        // 2 GiB, and the largest: nothing of that size is allocated, or this test would be slow and big.
        (&[0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0][..], "length"),
        (&[0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0], "length"),
        (&[0, 0, 0, 0, 0, 3, 0, 0], "length"),
        (&[0, 0, 0, 7, 0, 3, 0], "length"),
        (&long, "length"),
        (b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n", "length"),
        (&message(VERSION, b"user\0ada\0"), "cut off"),
        (&message(VERSION, b"user\0ada"), "cut off"),
        (&message(VERSION, b"user\0ada\0\0more\0"), "goes on"),
        (&message(VERSION, b"user\0\xff\xfe\0\0"), "UTF-8"),
        (&startup(VERSION, &[("user", "ada"), ("user", "grace")]), "twice"),
        (&startup(VERSION, &[("options", ""), ("OPTIONS", "")]), "twice"),
        (&message(CANCEL, &[0, 0, 0, 1]), "cancel"),
        (&message(CANCEL, &[0; 300]), "cancel"),
        (&[message(TLS, &[]), message(TLS, &[])].concat(), "twice"),
        (&[message(GSS, &[]), message(GSS, &[])].concat(), "twice"),
        (&message(TLS, b"x"), "something else"),
    ] {
        let (greeting, answer) = said(bytes).await;
        let told = greeting.unwrap_err().to_string();
        assert!(told.contains(words), "{words}: {told}");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.contains("08P01") && answer.contains(words), "{words}: {answer}");
    }
}

#[tokio::test]
async fn what_is_not_served_is_refused_with_its_own_code() {
    for (bytes, code) in [
        (startup(2 << 16, &[("user", "ada")]), "0A000"),
        (startup(4 << 16, &[("user", "ada")]), "0A000"),
        (startup(VERSION, &[("user", "ada"), ("replication", "database")]), "28000"),
        (startup(VERSION, &[("user", "ada"), ("replication", "true")]), "28000"),
        (startup(VERSION, &[("database", "orders")]), "28000"),
    ] {
        let (greeting, answer) = said(&bytes).await;
        assert!(greeting.is_err());
        assert!(String::from_utf8_lossy(&answer).contains(code), "{code}");
    }
}

#[tokio::test]
async fn newer_minor_versions_and_options_are_negotiated_down() {
    let (greeting, answer) = said(&startup(VERSION + 2, &[("user", "ada")])).await;
    assert_eq!(gist(&greeting), "ada ada  [] false");
    assert_eq!(answer, b"v\0\0\0\x0c\0\x03\0\0\0\0\0\0");
    let (greeting, answer) = said(&startup(VERSION, &[("_pq_.a", "1"), ("user", "ada"), ("_pq_.bc", "")])).await;
    assert_eq!(gist(&greeting), "ada ada  [] false");
    assert_eq!(answer, b"v\0\0\0\x1b\0\x03\0\0\0\0\0\x02_pq_.a\0_pq_.bc\0");
}

#[tokio::test]
async fn a_cancel_is_read_with_keys_old_and_new() {
    for length in [4, 32, 256] {
        let secret = vec![9; length];
        let (greeting, answer) = said(&message(CANCEL, &[&[0, 0, 1, 0], &secret[..]].concat())).await;
        assert_eq!(gist(&greeting), format!("256 {secret:?}"));
        assert!(answer.is_empty());
    }
}

#[tokio::test]
async fn a_client_that_stalls_meets_the_deadline_wherever_it_stalls() {
    let config = config(&Authority::new());
    let (hello, tls) = (ada(), message(TLS, &[]));
    let parts: [&[&[u8]]; 5] = [&[], &[&hello[..3]], &[&hello[..20]], &[&tls], &[&[CLIENT_HELLO, 3]]];
    for pieces in parts {
        let patience = Duration::from_millis(50);
        let within = tokio::time::timeout(Duration::from_secs(3), greeted(pieces, Some(&config), patience));
        assert!(matches!(within.await.unwrap().0, Err(GreetError::Slow)), "{pieces:?}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_no_error_of_note() {
    let (client, server) = pair().await;
    drop(client);
    let greeting = greet(server, None, Instant::now() + Duration::from_secs(5)).await;
    assert!(matches!(greeting, Err(GreetError::Gone)), "{greeting:?}");
}

#[tokio::test]
async fn bytes_behind_a_request_for_tls_are_never_read_as_if_they_had_come_through_it() {
    let config = config(&Authority::new());
    let stuffed = [message(TLS, &[]), ada()].concat();
    let (greeting, answer) = greeted(&[&stuffed], Some(&config), Duration::from_secs(5)).await;
    assert!(matches!(greeting, Err(GreetError::Protocol(_))), "{greeting:?}");
    assert_ne!(answer.first(), Some(&b'S'));
    // The same bytes a moment later meet TLS, and fail there.
    let (greeting, _) = greeted(&[&message(TLS, &[]), &ada()], Some(&config), Duration::from_secs(5)).await;
    assert!(matches!(greeting, Err(GreetError::Tls(_) | GreetError::Protocol(_))), "{greeting:?}");
}

#[tokio::test]
async fn tls_comes_by_request_or_directly_with_the_protocols_name() {
    let ca = Authority::new();
    let config = config(&ca);
    for (asks, alpn, served) in [(true, true, true), (true, false, true), (false, true, true), (false, false, false)]
    {
        let (mut client, server) = pair().await;
        let connector = trusting(&ca, alpn);
        let client = async {
            if asks {
                client.write_all(&message(GSS, &[])).await.unwrap();
                assert_eq!(client.read_u8().await.unwrap(), b'N');
                client.write_all(&message(TLS, &[])).await.unwrap();
                assert_eq!(client.read_u8().await.unwrap(), b'S');
            }
            let mut tls = connector.connect(localhost(), client).await.unwrap();
            let _refused = tls.write_all(&ada()).await;
            let _refused = tls.read(&mut [0; 1]).await;
        };
        let server = async {
            let greeting = greet(server, Some(&config), Instant::now() + Duration::from_secs(5)).await;
            if served {
                assert!(hello(greeting).encrypted);
            } else {
                assert!(matches!(greeting, Err(GreetError::Protocol(_))), "{greeting:?}");
            }
        };
        tokio::join!(client, server);
    }
}

#[tokio::test]
async fn within_tls_no_second_encryption_is_asked_for() {
    let ca = Authority::new();
    let config = config(&ca);
    let (client, server) = pair().await;
    let client = async {
        let mut tls = trusting(&ca, true).connect(localhost(), client).await.unwrap();
        tls.write_all(&message(TLS, &[])).await.unwrap();
        let mut answer = Vec::new();
        let _end = tls.read_to_end(&mut answer).await;
        assert!(String::from_utf8_lossy(&answer).contains("08P01"));
    };
    let (greeting, ()) = tokio::join!(greet(server, Some(&config), Instant::now() + Duration::from_secs(5)), client);
    assert!(matches!(greeting, Err(GreetError::Protocol(_))));
}
