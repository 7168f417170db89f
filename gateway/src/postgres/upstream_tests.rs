use std::collections::BTreeMap;
use std::path::PathBuf;

use postgres_protocol::message::backend::Message;
use proptest::prelude::*;
use tokio::net::TcpListener;
use workflows::target::{Credential, Login, Protocol, SecretRef};
use workflows::told::Told;

use super::*;
use crate::postgres::refusal::Code;
use crate::postgres::testing::{Authority, Postgres};
use crate::tls::TlsError;

const SOON: Duration = Duration::from_secs(10);

/// A folder of secrets, and targets that use it.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn target(&self, address: &str, tls: Tls, user: &str, password: &str) -> Target {
        let password = SecretRef::File(self.put(&format!("{user}.{password}"), &format!("{password}\n")));
        Target {
            name: "orders-prod".parse().unwrap(),
            protocol: Protocol::Postgres,
            address: address.to_owned(),
            host_keys: Vec::new(),
            database: "postgres".to_owned(),
            keep_files: 0,
            labels: BTreeMap::new(),
            tls,
            ca: Some(self.dir.path().join("ca.pem")),
            logins: BTreeMap::from([(
                Access::Write,
                Login {
                    user: user.to_owned(),
                    credential: Credential::Password(password),
                    shell: None,
                    guard: None,
                    watch: false,
                    sudo: None,
                    forward: Vec::new(),
                    agent: false,
                },
            )]),
        }
    }
}

async fn dial(target: &Target) -> Result<Upstream, DialError> {
    Dialer::default().connect(target, Access::Write, &[], false, SOON).await
}

fn params(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Runs a statement: its first column of its first row, or the SQLSTATE and text of its error.
async fn ask(upstream: &mut Upstream, statement: &str) -> String {
    let mut out = BytesMut::new();
    frontend::query(statement, &mut out).unwrap();
    upstream.stream.write_all(&out).await.unwrap();
    let (mut input, mut answer) = (BytesMut::new(), String::new());
    loop {
        match Message::parse(&mut input).unwrap() {
            None => assert_ne!(upstream.stream.read_buf(&mut input).await.unwrap(), 0, "closed: {answer}"),
            Some(Message::DataRow(row)) => answer = String::from_utf8_lossy(&row.buffer()[4..]).into_owned(),
            Some(Message::ErrorResponse(error)) => {
                use tokio_postgres::fallible_iterator::FallibleIterator;
                let mut fields = error.fields();
                while let Some(field) = fields.next().unwrap() {
                    answer += &String::from_utf8_lossy(field.value_bytes());
                }
            }
            Some(Message::ReadyForQuery(_)) => return answer,
            Some(_) => {}
        }
    }
}

/// Nothing that a client is told names the gateway's user, its password or where the target is.
fn discreet(error: &DialError, secrets: &[&str]) {
    let told = format!("{:?} {}", error.refusal("orders-prod"), error.told());
    for secret in secrets {
        assert!(!told.contains(secret), "{told}");
    }
    assert!(error.refusal("orders-prod").hint.is_some(), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_is_signed_in_to_over_tls() {
    let (bench, ca) = (Bench::new(), Authority::new());
    bench.put("ca.pem", &ca.pem());
    let server = Postgres::start(Some(ca.issue(&["localhost"])));
    let (named, numbered) = (format!("localhost:{}", server.port), format!("127.0.0.1:{}", server.port));
    let login = |address: &str, user: &str| {
        bench.target(address, Tls::VerifyFull, user, &format!("{}-word", user.trim_start_matches("cs_")))
    };

    let target = login(&named, "cs_write");
    let given = params(&[
        ("application_name", "psql"),
        ("TimeZone", "Asia/Tokyo"),
        ("role", "postgres"),
        ("options", "-c search_path=pg_catalog"),
    ]);
    let mut upstream = Dialer::default().connect(&target, Access::Write, &given, true, SOON).await.unwrap();
    assert!(upstream.stream.is_encrypted() && upstream.pending.is_empty());
    assert_eq!(upstream.dropped, ["role"]);
    let parameter = |name: &str| upstream.parameters.iter().find(|(found, _)| found == name).unwrap().1.clone();
    let version = parameter("server_version");
    assert_eq!((parameter("TimeZone").as_str(), parameter("application_name").as_str()), ("Asia/Tokyo", "psql"));
    assert_eq!(ask(&mut upstream, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").await, "t");
    assert_eq!(ask(&mut upstream, "SHOW server_version").await, version);
    assert_eq!(ask(&mut upstream, "SHOW search_path").await, "pg_catalog");
    assert_eq!(ask(&mut upstream, "SELECT current_user").await, "cs_write");
    assert_eq!(ask(&mut upstream, "SHOW transaction_read_only").await, "on");
    assert!(ask(&mut upstream, "CREATE TABLE orders ()").await.contains("25006"));

    // The certificate is for `localhost`: neither another name nor another authority will do.
    let error = dial(&login(&numbered, "cs_write")).await.unwrap_err();
    assert!(matches!(error, DialError::Certificate("it was made for another host name", _)), "{error:?}");
    bench.put("ca.pem", &Authority::new().pem());
    let error = dial(&target).await.unwrap_err();
    assert!(
        matches!(error, DialError::Certificate("it was not signed by an authority that the gateway trusts", _)),
        "{error:?}"
    );
    discreet(&error, &["cs_write", "write-word", "localhost", &server.port.to_string()]);
    let error = dial(&Target { ca: None, ..target.clone() }).await.unwrap_err();
    assert!(matches!(error, DialError::Certificate(..) | DialError::Authorities(TlsError::NoRoots)), "{error:?}");
    let error = dial(&Target { ca: Some("/nowhere".into()), ..target }).await.unwrap_err();
    assert!(matches!(error, DialError::Authorities(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_says_no_and_the_client_learns_what_it_may() {
    let bench = Bench::new();
    let server = Postgres::start(None);
    let address = format!("127.0.0.1:{}", server.port);
    let login = |user: &str, password: &str| bench.target(&address, Tls::Off, user, password);
    let good = login("cs_write", "write-word");
    assert!(dial(&good).await.is_ok());
    assert!(dial(&login("truster", "unused")).await.is_ok());
    // The same login over a name with several addresses, of which one answers.
    assert!(dial(&Target { address: format!("localhost:{}", server.port), ..good.clone() }).await.is_ok());

    for (target, code, of) in [
        (login("cs_write", "wrong-word"), "08006", "LoginRefused"),
        (login("nobody_such", "wrong-word"), "08006", "LoginRefused"),
        (login("md5er", "md5-word"), "08006", "Method(\"md5\")"),
        (login("plain", "plain-word"), "08006", "Method(\"password\")"),
        (login("full_up", "full-word"), "53300", "Refused"),
        (Target { database: "no_such".to_owned(), ..good.clone() }, "08006", "Refused"),
        (
            Target {
                tls: Tls::VerifyFull,
                address: format!("localhost:{}", server.port),
                ca: Some(bench.put("ca.pem", &Authority::new().pem())),
                ..good.clone()
            },
            "08006",
            "NoTls",
        ),
    ] {
        let error = dial(&target).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(of), "{of}: {error:?}");
        assert_eq!(error.refusal("orders-prod").code.as_str(), code, "{error:?}");
        let user = &target.logins[&Access::Write].user;
        discreet(&error, &[user, "-word", &server.port.to_string(), "127.0.0.1", "no_such"]);
    }

    let zone = params(&[("TimeZone", "No/Where")]);
    let error = Dialer::default().connect(&good, Access::Write, &zone, false, SOON).await.unwrap_err();
    assert_eq!(error.refusal("orders-prod").code, Code::BadValue, "{error:?}");
    let error = Dialer::default().connect(&good, Access::Admin, &[], false, SOON).await.unwrap_err();
    assert!(matches!(error, DialError::NoLogin(Access::Admin)));
    let option = params(&[("options", "-c role=postgres")]);
    let error = Dialer::default().connect(&good, Access::Write, &option, false, SOON).await.unwrap_err();
    assert!(error.refusal("orders-prod").message.contains("`role`"), "{error:?}");
    let login = Login {
        user: "cs_write".to_owned(),
        credential: Credential::Password(SecretRef::File("/nowhere".into())),
        shell: None,
        guard: None,
        watch: false,
        sudo: None,
        forward: Vec::new(),
        agent: false,
    };
    let error = dial(&Target { logins: BTreeMap::from([(Access::Write, login)]), ..good }).await.unwrap_err();
    assert!(matches!(error, DialError::Secret(_)), "{error:?}");
    discreet(&error, &["/nowhere"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_statement_is_cancelled_with_the_targets_own_key() {
    let (bench, ca) = (Bench::new(), Authority::new());
    bench.put("ca.pem", &ca.pem());
    let server = Postgres::start(Some(ca.issue(&["localhost"])));
    for (address, tls) in [("127.0.0.1", Tls::Off), ("localhost", Tls::VerifyFull)] {
        let target = bench.target(&format!("{address}:{}", server.port), tls, "cs_write", "write-word");
        let mut upstream = dial(&target).await.unwrap();
        let key = upstream.cancel_key().unwrap();
        assert!(!format!("{key:?} {upstream:?}").contains(&format!("{:?}", key.key.secret)));
        let mut wrong = key.clone();
        wrong.key.secret = vec![0; 4];
        let cancels = async {
            // In a thread of its own, since it waits for the server.
            let running = "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
            tokio::task::block_in_place(|| server.until(running));
            cancel(&wrong, SOON).await.unwrap();
            tokio::task::block_in_place(|| server.until(running));
            cancel(&key, SOON).await.unwrap();
        };
        let asks = tokio::time::timeout(SOON, ask(&mut upstream, "SELECT pg_sleep(60)"));
        let (answer, ()) = tokio::join!(asks, cancels);
        assert!(answer.unwrap().contains("57014"));
    }
}

/// A target that answers a startup packet with these bytes, and then hangs up or not.
async fn hostile(answers: &[&[u8]], hangs_up: bool, within: Duration) -> DialError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Bench::new();
    let target =
        (target.target(&listener.local_addr().unwrap().to_string(), Tls::Off, "cs_write", "write-word"), target);
    let serves = async {
        let (mut tcp, _) = listener.accept().await.unwrap();
        for answer in answers {
            if tcp.read(&mut [0; 4096]).await.is_err() || tcp.write_all(answer).await.is_err() {
                return;
            }
        }
        if !hangs_up {
            std::future::pending::<()>().await;
        }
    };
    let dials = Dialer::default();
    let dials = dials.connect(&target.0, Access::Write, &[], false, within);
    tokio::pin!(dials);
    tokio::select! {
        biased;
        error = &mut dials => error.unwrap_err(),
        () = serves => dials.await.unwrap_err(),
    }
}

const SASL: &[u8] = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0";
const OK: &[u8] = b"R\0\0\0\x08\0\0\0\0";
const READY: &[u8] = b"Z\0\0\0\x05I";

#[tokio::test]
async fn a_hostile_target_gets_an_error_and_nothing_else() {
    // Each is well-formed; there are only too many of them, or too long ones.
    let endless = [OK, &b"N\0\0\0\x05\0".repeat(300)].concat();
    let wide = [OK, &[b"S\0\0\xff\xffname\0", &b"x".repeat(0xfff5)[..], b"\0"].concat().repeat(20)].concat();
    let cases: [(&str, &[&[u8]]); 16] = [
        ("impossible length", &[b"R\x7f\xff\xff\xff"]),
        ("impossible length", &[b"R\0\0\0\x03"]),
        ("impossible length", &[b"R\0\x01\0\x05"]),
        ("impossible length", &[b"HTTP/1.1 400 Bad Request\r\n\r\n"]),
        ("no authentication", &[READY]),
        ("no authentication", &[b"R\0\0\0\x06\0\0"]),
        ("too many", &[&endless]),
        ("too much", &[&wide]),
        ("method", &[b"R\0\0\0\x08\0\0\0\x07"]),
        ("method", &[b"R\0\0\0\x08\0\0\0\x63"]),
        ("method", &[b"R\0\0\0\x0f\0\0\0\x0aPLAIN\0\0"]),
        ("prove", &[SASL, b"R\0\0\0\x0b\0\0\0\x0br=x"]),
        ("not well-formed", &[&[OK, b"S\0\0\0\x06ab"].concat()]),
        ("out of turn", &[SASL, OK]),
        ("out of turn", &[&[OK, b"Z\0\0\0\x05T"].concat()]),
        ("broke", &[&SASL[..9]]),
    ];
    for (words, answers) in cases {
        let error = hostile(answers, true, SOON).await;
        let told = if words == "method" { format!("{error:?}").to_lowercase() } else { error.to_string() };
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(matches!(hostile(&[], false, Duration::from_millis(50)).await, DialError::Timeout));
    assert!(matches!(hostile(&[SASL], false, Duration::from_millis(300)).await, DialError::Timeout));
}

/// A server that does not know the password can go through all of SCRAM but for its last signature.
#[tokio::test]
async fn an_impostor_without_the_password_is_not_believed() {
    for last in [&b"R\0\0\0\x36\0\0\0\x0cv=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="[..], OK] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bench = Bench::new();
        let target = bench.target(&listener.local_addr().unwrap().to_string(), Tls::Off, "cs_write", "write-word");
        let serves = async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut input = [0; 4096];
            let _read = tcp.read(&mut input).await.unwrap();
            tcp.write_all(SASL).await.unwrap();
            let read = tcp.read(&mut input).await.unwrap();
            let first = String::from_utf8_lossy(&input[..read]).into_owned();
            assert!(first.contains("n,,n=,r="), "{first:?}");
            let challenge = format!("r={}x,s=c2FsdHNhbHQ=,i=4096", first.split("r=").last().unwrap());
            let head = [&b"R"[..], &(challenge.len() as u32 + 8).to_be_bytes(), &11u32.to_be_bytes()].concat();
            tcp.write_all(&[&head, challenge.as_bytes()].concat()).await.unwrap();
            let _read = tcp.read(&mut input).await.unwrap();
            tcp.write_all(&[last, OK, READY].concat()).await.unwrap();
            tcp
        };
        let (error, _open) = tokio::join!(dial(&target), serves);
        assert!(matches!(error, Err(DialError::NotProved(_))), "{error:?}");
    }
}

#[tokio::test]
async fn a_target_that_is_down_is_said_to_be() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let bench = Bench::new();
    for address in [free.to_string(), "no-port".to_owned(), "host.invalid:5432".to_owned(), String::new()] {
        let error = dial(&bench.target(&address, Tls::Off, "cs_write", "write-word")).await.unwrap_err();
        assert!(matches!(error, DialError::Down(_)), "{address}: {error:?}");
        discreet(&error, &["cs_write", "host.invalid", "127.0.0.1"]);
    }
}

#[tokio::test]
async fn bytes_in_place_of_tls_are_not_believed() {
    let bench = Bench::new();
    bench.put("ca.pem", &Authority::new().pem());
    for (answer, of) in
        [(&b"N"[..], "NoTls"), (b"E\0\0\0\x09Mhi\0\0", "Protocol"), (b"?", "Protocol"), (b"SZ\0\0\0\x05I", "Tls")]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = bench.target(&format!("127.0.0.1:{port}"), Tls::VerifyFull, "cs_write", "write-word");
        let serves = async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let _read = tcp.read(&mut [0; 8]).await.unwrap();
            tcp.write_all(answer).await.unwrap();
            tcp.shutdown().await.unwrap();
            let mut sent = Vec::new();
            let _reset = tcp.read_to_end(&mut sent).await;
            assert!(!String::from_utf8_lossy(&sent).contains("cs_write"));
        };
        let (error, ()) = tokio::join!(dial(&target), serves);
        assert!(format!("{:?}", error.as_ref().unwrap_err()).starts_with(of), "{of}: {error:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rubbish_from_a_target_breaks_nothing(tag in prop::sample::select(&b"RSKNEZ"[..]), body in proptest::collection::vec(any::<u8>(), 0..40), after in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut answer = if after { OK.to_vec() } else { Vec::new() };
        answer.push(tag);
        answer.extend((body.len() as u32 + 4).to_be_bytes());
        answer.extend(&body);
        prop_assume!(!(after && tag == b'Z' && body == b"I"));
        let _error = runtime.block_on(hostile(&[&answer], true, SOON));
    }
}
