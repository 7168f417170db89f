//! The watch against strict fakes of both APIs, which refuse whatever the published schemas do not have.

mod fake;

use std::sync::{Arc, Mutex, Once, PoisonError};

use fake::{Fake, TOKEN};
use proptest::prelude::*;
use tempfile::TempDir;
use workflows::clock::{Clock, ManualClock, Span};
use workflows::{Config, Faults};

use super::*;

const GRACE: &str = "grace@example.com";
const LINUS: &str = "linus@example.com";
/// The fallback's only member.
const EVE: &str = "eve@example.com";

/// A Tuesday, 11:00 in Berlin.
const NOW: Timestamp = Timestamp::from_micros(1_767_693_600_000_000);

/// An engine whose rotation asks a fake provider.
struct World {
    workflows: Workflows,
    hand: ManualClock,
    watch: Watch,
    folder: TempDir,
}

fn file(rotation: &str, folder: &TempDir) -> String {
    let token = folder.path().join("token").display().to_string();
    format!(
        "zone = \"Europe/Berlin\"\n[group]\ndba = [\"{GRACE}\", \"{LINUS}\"]\nleads = [\"{EVE}\"]\n\
         [people]\n\"Linus.T@corp.example\" = \"{LINUS}\"\n\
         [rotation.orders]\n{rotation}\ntoken = \"file:{token}\"\nfallback = \"group:leads\"\n"
    )
}

fn pagerduty(api: &str) -> String {
    format!("provider = \"pagerduty\"\nschedule = \"PABC123\"\napi = \"{api}\"")
}

fn opsgenie(api: &str, schedule: &str) -> String {
    format!("provider = \"opsgenie\"\nschedule = \"{schedule}\"\napi = \"{api}/eu\"")
}

fn policy(text: &str) -> Policy {
    Policy::parse(text).unwrap_or_else(|list| panic!("{list:?}"))
}

impl World {
    async fn new(rotation: &str) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
        let mut config = Config {
            store: workflows::engine::StoreConfig::default(),
            keys: workflows::engine::KeysConfig::default(),
            recordings: workflows::engine::RecordingsConfig::default(),
            policy: policy(&file(rotation, &folder)),
            faults: Faults::default(),
        };
        config.store.url = format!("sqlite:{}", folder.path().join("store.db").display());
        config.keys.path = folder.path().join("keys");
        config.recordings.path = folder.path().join("recordings");
        let (clock, hand) = Clock::manual(NOW);
        let workflows = Workflows::start(config, clock).await.unwrap();
        Self { watch: Watch::new(workflows.clone()), workflows, hand, folder }
    }

    /// Who is on call after a round, and the note.
    async fn round(&mut self) -> (String, String) {
        self.watch.refresh().await;
        self.shown()
    }

    fn shown(&self) -> (String, String) {
        let view = self.workflows.policy().on_call("orders", self.workflows.clock().now());
        (view.people.into_iter().collect::<Vec<_>>().join(" "), view.note.unwrap_or_default())
    }

    fn failure(&self) -> String {
        let policy = self.workflows.policy();
        let (_, provided) = policy.provided().next().unwrap();
        self.workflows.board().posted(&provided.source).failure.map_or(String::new(), |failure| failure.why.clone())
    }
}

fn is(name: &str) -> (String, String) {
    (name.to_owned(), String::new())
}

#[tokio::test]
async fn pagerduty_says_who_is_on_call() {
    let fake = Fake::start().await;
    let mut world = World::new(&pagerduty(&fake.api)).await;
    fake.says(&[GRACE, GRACE, "linus.t@corp.example"]);
    assert_eq!(world.shown().0, EVE, "nobody was asked yet");
    assert_eq!(world.round().await, is(&format!("{GRACE} {LINUS}")));
    assert_eq!(world.workflows.policy().on_call("orders", NOW).as_of, Some(NOW));
    fake.says(&[LINUS]);
    world.hand.advance(Span::seconds(60));
    assert_eq!(world.shown(), is(&format!("{GRACE} {LINUS}")), "an answer counts for a minute");
    assert_eq!(world.round().await, is(LINUS));
    fake.says(&[]);
    assert_eq!(
        world.round().await,
        (EVE.to_owned(), "PagerDuty names nobody who is on call; group:leads is asked instead".to_owned())
    );
    assert_eq!(fake.wrong(), Vec::<String>::new());
}

#[tokio::test]
async fn pagerduty_is_read_page_by_page_to_an_end() {
    let fake = Fake::start().await;
    let mut world = World::new(&pagerduty(&fake.api)).await;
    let mut many = vec![GRACE; 250];
    many.push(LINUS);
    fake.says(&many);
    assert_eq!(world.round().await, is(&format!("{GRACE} {LINUS}")));
    assert_eq!(fake.asked(), 3);
    fake.says(&vec![GRACE; 2_000]);
    world.round().await;
    assert_eq!((world.failure().as_str(), fake.asked()), ("its answer is too long", 13));
}

#[tokio::test]
async fn opsgenie_says_who_is_on_call_by_name_and_by_id() {
    let fake = Fake::start().await;
    for schedule in ["First line / orders?", "d875a1b4-9b4e-4219-a1b3-0c26936d18de"] {
        let mut world = World::new(&opsgenie(&fake.api, schedule)).await;
        fake.knows(schedule);
        fake.says(&["Linus.T@corp.example"]);
        assert_eq!(world.round().await, is(LINUS), "{schedule}");
        fake.switches_off();
        assert!(world.round().await.1.starts_with("Opsgenie names nobody who is on call"));
    }
    let mut unknown = World::new(&opsgenie(&fake.api, "Second line")).await;
    unknown.round().await;
    assert_eq!(unknown.failure(), "it does not know the schedule");
    assert_eq!(fake.wrong(), Vec::<String>::new());
}

#[tokio::test]
async fn while_the_provider_is_down_the_fallback_is_asked_and_then_it_recovers() {
    let fake = Fake::start().await;
    let mut world = World::new(&pagerduty(&fake.api)).await;
    fake.says(&[GRACE]);
    world.round().await;
    fake.fails(503, &[]);
    world.hand.advance(Span::seconds(30));
    assert_eq!(world.round().await, is(GRACE));
    assert_eq!(world.failure(), "it is out of order (503)");
    world.hand.advance(Span::seconds(31));
    let note = "PagerDuty has not answered since 11:00 CET; group:leads is asked instead";
    assert_eq!(world.shown(), (EVE.to_owned(), note.to_owned()), "without another round, too");
    assert_eq!(world.round().await, (EVE.to_owned(), note.to_owned()));
    fake.works();
    assert_eq!((world.round().await, world.failure()), (is(GRACE), String::new()));
    assert_eq!(fake.wrong(), Vec::<String>::new());
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_said_so() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut world = World::new(&pagerduty(&format!("http://{gone}"))).await;
    let note = "PagerDuty was first asked at 11:00 CET and has not answered; group:leads is asked instead";
    assert_eq!(world.round().await, (EVE.to_owned(), note.to_owned()));
    assert_eq!(world.failure(), "it can't be reached");
}

#[tokio::test]
async fn a_stranger_is_not_counted() {
    let fake = Fake::start().await;
    let mut world = World::new(&pagerduty(&fake.api)).await;
    fake.says(&["mallory@corp.example"]);
    let note = "PagerDuty names mallory@corp.example, whom the file does not know; group:leads is asked instead";
    assert_eq!(world.round().await, (EVE.to_owned(), note.to_owned()));
}

#[tokio::test]
async fn every_refusal_has_words() {
    let fake = Fake::start().await;
    let mut world = World::new(&pagerduty(&fake.api)).await;
    for (status, words) in [
        (400, "it answered with status 400"),
        (401, "it refuses the token"),
        (402, "it answered with status 402"),
        (403, "the token may not read this schedule"),
        (404, "it does not know the schedule"),
        (500, "it is out of order (500)"),
        (204, "it answered with status 204"),
    ] {
        fake.fails(status, &[]);
        world.round().await;
        assert_eq!(world.failure(), words);
    }
    for (body, words) in [
        (
            "{\"oncalls\": [{\"user\": {\"id\": \"P1\"}, \"schedule\": {\"id\": \"PABC123\"}}]}",
            "its answer can't be understood",
        ),
        ("[1, 2", "its answer can't be understood"),
        ("<html>", "its answer can't be understood"),
        (" ".repeat((1 << 20) + 1).as_str(), "its answer is too long"),
    ] {
        fake.answers(body);
        world.round().await;
        assert_eq!(world.failure(), words);
    }
    // Somebody else's schedule, or none, is no answer to what was asked.
    fake.answers("{\"oncalls\": [{\"user\": {\"email\": \"grace@example.com\"}, \"schedule\": null}]}");
    assert!(world.round().await.1.contains("names nobody"));
    fake.works();
    std::fs::write(world.folder.path().join("token"), "another").unwrap();
    world.round().await;
    assert_eq!(world.failure(), "it refuses the token");
    std::fs::write(world.folder.path().join("token"), "two\nlines").unwrap();
    world.round().await;
    assert_eq!(world.failure(), "the token has characters in it that can't be sent");
    std::fs::remove_file(world.folder.path().join("token")).unwrap();
    world.round().await;
    assert!(world.failure().ends_with("could not be read"), "{}", world.failure());
}

#[tokio::test]
async fn a_provider_that_asks_us_to_wait_is_left_alone() {
    let fake = Fake::start().await;
    let mut world = World::new(&pagerduty(&fake.api)).await;
    for (header, seconds, words) in [
        (Some(("retry-after", "90")), 90, "it asks us to wait for 1m30s"),
        (Some(("ratelimit-reset", "45")), 45, "it asks us to wait for 45s"),
        (Some(("retry-after", "99999999")), 900, "it asks us to wait for 15m"),
        (Some(("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")), 60, "it asks us to wait for 1m"),
        (None, 60, "it asks us to wait for 1m"),
    ] {
        fake.fails(429, header.as_slice());
        world.round().await;
        assert_eq!(world.failure(), words);
        fake.says(&[GRACE]);
        fake.works();
        let asked = fake.asked();
        world.hand.advance(Span::seconds(seconds - 1));
        world.round().await;
        assert_eq!((fake.asked(), world.shown().0.as_str()), (asked, EVE), "{words}");
        world.hand.advance(Span::seconds(1));
        assert_eq!(world.round().await, is(GRACE), "{words}");
        world.hand.advance(Span::seconds(61));
    }
    // A clock that is set back does not make the wait any longer.
    fake.fails(429, &[]);
    world.round().await;
    fake.works();
    world.hand.set(NOW);
    assert_eq!(world.round().await, is(GRACE));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (fake, other) = (Fake::start().await, Fake::start().await);
    let mut world = World::new(&pagerduty(&fake.api)).await;
    other.says(&[GRACE]);
    let elsewhere = format!("{}/oncalls", other.api);
    for status in [301, 302, 307, 308] {
        fake.fails(status, &[("location", &elsewhere)]);
        assert_eq!(world.round().await.0, EVE);
        assert_eq!(world.failure(), "it sends us to another address, and the token stays here");
    }
    assert_eq!(other.asked(), 0);
}

#[tokio::test]
async fn a_provider_that_says_nothing_is_not_waited_for() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut world = World::new(&pagerduty(&format!("http://{}", silent.local_addr().unwrap()))).await;
    let began = tokio::time::Instant::now();
    world.round().await;
    assert_eq!(world.failure(), "it took more than 5 s");
    assert!(began.elapsed() < Duration::from_secs(15));
}

/// What can be spawned.
fn movable<T: Send>(task: T) -> T {
    task
}

#[tokio::test]
async fn a_reload_is_asked_for_at_once_and_forgets_the_old_schedule() {
    let (fake, other) = (Fake::start().await, Fake::start().await);
    let World { workflows, watch, folder, .. } = World::new(&pagerduty(&fake.api)).await;
    fake.says(&[GRACE]);
    let stop = CancellationToken::new();
    let running = movable(watch.run(stop.clone()));
    let until = async |name: &str| loop {
        if workflows.policy().on_call("orders", NOW).people == BTreeSet::from([name.to_owned()]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let story = async {
        until(GRACE).await;
        let old = workflows.policy().provided().next().unwrap().1.source.clone();
        other.says(&[LINUS]);
        workflows.reload(policy(&file(&pagerduty(&other.api), &folder))).await.unwrap();
        until(LINUS).await;
        assert!(workflows.board().posted(&old).shift.is_none());
        stop.cancel();
    };
    let both = async { tokio::join!(running, story) };
    // Half of what passes between two rounds.
    tokio::time::timeout(EVERY / 2, both).await.expect("the reload was noticed");
}

/// What is logged here, on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn taken(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn what_changes_is_logged_once_and_the_token_never() {
    let log = Log::default();
    let writer = log.clone();
    let all = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE);
    let _guard = tracing::subscriber::set_default(all.with_writer(move || writer.clone()).finish());
    let fake = Fake::start().await;
    let mut world = World::new(&pagerduty(&fake.api)).await;
    let mut seen = String::new();
    let mut ours = || {
        let lines = log.taken();
        seen.push_str(&lines.join("\n"));
        lines.iter().filter(|line| line.contains("bot::oncall")).count()
    };
    ours();
    fake.says(&[GRACE]);
    let mut told = Vec::new();
    for change in ["works", "works", "shift", "shift", "down", "down", "old", "old", "works", "works"] {
        match change {
            "works" => fake.works(),
            "shift" => fake.says(&[LINUS]),
            "down" => fake.fails(500, &[("location", TOKEN)]),
            _ => world.hand.advance(Span::seconds(61)),
        }
        world.round().await;
        told.push((change, ours()));
    }
    let expected = [
        ("works", 1),
        ("works", 0),
        ("shift", 1),
        ("shift", 0),
        ("down", 1),
        ("down", 0),
        ("old", 1),
        ("old", 0),
        ("works", 2),
        ("works", 0),
    ];
    assert_eq!(told, expected);
    fake.answers(&format!("{{\"error\": \"{TOKEN}\"}}"));
    world.round().await;
    ours();
    let failure = world.failure();
    let debug = format!("{:?} {:?} {failure}", world.watch, world.workflows.policy().provided().collect::<Vec<_>>());
    assert!(!seen.is_empty() && !seen.contains(TOKEN) && !debug.contains(TOKEN));
}

proptest! {
    /// Whatever a schedule is called, it can't lead to another place of the API.
    #[test]
    fn an_address_keeps_a_schedule_in_one_segment(schedule in "\\PC{1,40}") {
        let url = http::address("https://api.example.com/eu", &["v2", "schedules", &schedule, "on-calls"]).unwrap();
        prop_assert_eq!(url.host_str(), Some("api.example.com"));
        prop_assert!(url.query().is_none() && url.fragment().is_none());
        let segments: Vec<&str> = url.path_segments().unwrap().collect();
        let plain = Provider::Opsgenie.is_schedule(&schedule);
        prop_assert!(!plain || (segments.len() == 5 && segments[4] == "on-calls"), "{}", url);
    }
}
