//! A real homeserver: Synapse from the drivers' Python, with SQLite in a temporary folder, on a free port, without a network.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

pub(crate) const SERVER: &str = "countersign.test";
/// Long enough for a machine that does much else; whatever waits, waits for a condition.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The drivers' Python, seen from whichever crate is tested.
fn python() -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut found = above.map(|folder| folder.join("target/drivers/bin/python")).filter(|python| python.exists());
    found.next().unwrap_or_else(|| PathBuf::from("target/drivers/bin/python"))
}

/// Whether there is a Synapse to test with.
pub(crate) async fn is_there() -> bool {
    let import = Command::new(python()).args(["-c", "import synapse"]).stderr(Stdio::null()).status().await;
    import.is_ok_and(|status| status.success())
}

/// Waits until something is so.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let found = timeout(PATIENCE, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

pub(crate) struct Homeserver {
    pub(crate) base: String,
    client: Client,
    pub(crate) folder: TempDir,
    _child: Child,
}

impl Homeserver {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let file = folder.path().join("homeserver.yaml");
        std::fs::write(&file, settings(folder.path(), port)).expect("written");
        let mut synapse = Command::new(python());
        synapse.args(["-m", "synapse.app.homeserver", "-c"]).arg(&file);
        let log = std::fs::File::create(folder.path().join("synapse.log")).expect("a log");
        let also = log.try_clone().expect("a log");
        let child =
            synapse.current_dir(folder.path()).stdout(log).stderr(also).kill_on_drop(true).spawn().expect("Synapse");
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().expect("a client");
        let this = Self { base: format!("http://127.0.0.1:{port}"), client, folder, _child: child };
        until("Synapse answers", || async { this.client.get(format!("{}/health", this.base)).send().await.ok() })
            .await;
        this
    }

    /// Somebody with an account.
    pub(crate) async fn person(&self, name: &str) -> Person {
        let file = self.folder.path().join("homeserver.yaml");
        let script = "from synapse._scripts.register_new_matrix_user import main; main()";
        let mut register = Command::new(python());
        register.args(["-c", script, "-c"]).arg(file).args([
            "-u",
            name,
            "-p",
            "correct horse",
            "--no-admin",
            &self.base,
        ]);
        let done = register.output().await.expect("it ran");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let wish = json!({ "type": "m.login.password", "password": "correct horse",
            "identifier": { "type": "m.id.user", "user": name } });
        let url = format!("{}/_matrix/client/v3/login", self.base);
        let answer: Value = self.client.post(url).json(&wish).send().await.expect("sent").json().await.expect("JSON");
        let text = |key: &str| answer[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {answer}")).to_owned();
        Person {
            id: text("user_id"),
            token: text("access_token"),
            base: self.base.clone(),
            client: self.client.clone(),
        }
    }
}

fn settings(folder: &Path, port: u16) -> String {
    let fast = json!({ "per_second": 1_000, "burst_count": 1_000 });
    let at = |name: &str| folder.join(name).display().to_string();
    // JSON is YAML.
    json!({
        "server_name": SERVER,
        "pid_file": at("pid"),
        "listeners": [{ "port": port, "type": "http", "bind_addresses": ["127.0.0.1"],
            "resources": [{ "names": ["client", "media"], "compress": false }] }],
        "database": { "name": "sqlite3", "args": { "database": at("homeserver.db") } },
        "media_store_path": at("media"),
        "signing_key_path": at("signing.key"),
        "registration_shared_secret": "only for this test",
        "macaroon_secret_key": "only for this test",
        "form_secret": "only for this test",
        "report_stats": false,
        "trusted_key_servers": [],
        "federation_domain_whitelist": [],
        "presence": { "enabled": false },
        "rc_message": fast, "rc_registration": fast, "rc_login": { "address": fast, "account": fast, "failed_attempts": fast },
        "rc_joins": { "local": fast, "remote": fast }, "rc_joins_per_room": fast, "rc_admin_redaction": fast,
        "rc_invites": { "per_room": fast, "per_user": fast, "per_issuer": fast }, "rc_room_creation": fast,
    })
    .to_string()
}

/// Somebody, through the client-server API alone.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
    base: String,
    client: Client,
}

impl Person {
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}/_matrix/client/v3/{path}", self.base);
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.expect("sent");
        let status = response.status();
        let answer: Value = response.json().await.expect("JSON");
        assert!(status.is_success(), "{path}: {answer}");
        answer
    }

    pub(crate) async fn room(&self, wish: Value) -> String {
        let answer = self.call(Method::POST, "createRoom", Some(&wish)).await;
        answer["room_id"].as_str().expect("a room").to_owned()
    }

    pub(crate) async fn join(&self, room: &str) {
        self.call(Method::POST, &format!("join/{room}"), Some(&json!({}))).await;
    }

    pub(crate) async fn send(&self, room: &str, kind: &str, content: Value) -> String {
        let once = workflows::id::LetterId::new();
        let answer = self.call(Method::PUT, &format!("rooms/{room}/send/{kind}/{once}"), Some(&content)).await;
        answer["event_id"].as_str().expect("an event").to_owned()
    }

    pub(crate) async fn say(&self, room: &str, words: &str) -> String {
        self.send(room, "m.room.message", json!({ "msgtype": "m.text", "body": words })).await
    }

    pub(crate) async fn react(&self, room: &str, to: &str, sign: &str) -> String {
        let relation = json!({ "rel_type": "m.annotation", "event_id": to, "key": sign });
        self.send(room, "m.reaction", json!({ "m.relates_to": relation })).await
    }

    pub(crate) async fn redact(&self, room: &str, event: &str) {
        let once = workflows::id::LetterId::new();
        self.call(Method::PUT, &format!("rooms/{room}/redact/{event}/{once}"), Some(&json!({}))).await;
    }

    /// The latest of a room, the newest first, as this person's client gets it.
    pub(crate) async fn sees(&self, room: &str) -> Vec<Value> {
        let answer = self.call(Method::GET, &format!("rooms/{room}/messages?dir=b&limit=50"), None).await;
        answer["chunk"].as_array().expect("events").clone()
    }

    pub(crate) async fn event(&self, room: &str, id: &str) -> Value {
        self.call(Method::GET, &format!("rooms/{room}/event/{id}"), None).await
    }

    pub(crate) async fn is_joined(&self, room: &str, who: &str) -> Option<()> {
        let answer = self.call(Method::GET, &format!("rooms/{room}/joined_members"), None).await;
        answer["joined"].get(who).map(drop)
    }

    /// The rooms that somebody else invites to.
    pub(crate) async fn invitations(&self) -> Vec<String> {
        let answer = self.call(Method::GET, "sync?timeout=0", None).await;
        answer["rooms"]["invite"].as_object().map(|rooms| rooms.keys().cloned().collect()).unwrap_or_default()
    }
}
