//! The other way for interactions: signed requests to an address of the application.

use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

use super::FakeDiscord;
use super::form::Form;
use super::interactions::{self, FIRST};
use super::world::{Logged, World};

/// A request as it was sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub url: String,
    pub timestamp: String,
    pub signature: String,
    pub body: String,
}

/// What is wrong with a request; with [`Forgery::None`] nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    None,
    /// The body was changed after it was signed.
    Tampered,
    /// No signature at all.
    Unsigned,
    /// Signed with the key of somebody else.
    OtherKey,
    /// A signature that is no signature.
    Garbled,
    /// Rightly signed, but so long ago.
    Stale(Duration),
    /// Rightly signed for a time that has not come.
    Early(Duration),
}

/// A client that reaches only this machine; its TLS is never used, but has to be there.
pub fn client() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = reqwest::Client::builder().user_agent("Discord-Interactions/1.0 (+https://discord.com)");
    builder.redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(FIRST).build().expect("a client")
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl World {
    /// The public key of the application.
    pub fn endpoint_key(&self) -> String {
        hex(self.key.verifying_key().as_bytes())
    }
}

impl FakeDiscord {
    /// Saves the address, as the portal does it: only if it answers a ping and refuses a wrong signature.
    pub async fn deliver_by_http(&self, url: &str) -> Result<(), String> {
        let ping = json!({
            "id": "1", "type": 1, "version": 1, "token": "ping", "application_id": self.app_id().to_string(),
            "user": self.read(|world| world.user_json(world.bot())), "entitlements": [],
        });
        let (status, body) = self.post(url, &ping, Forgery::None).await;
        let pong = serde_json::from_str::<Value>(&body).unwrap_or_default();
        if status != 200 || pong["type"] != 1 {
            return Err(format!("a ping was answered with {status} `{body}`"));
        }
        for forgery in [Forgery::OtherKey, Forgery::Garbled, Forgery::Tampered, Forgery::Unsigned] {
            let (status, _) = self.post(url, &ping, forgery).await;
            if status != 401 {
                return Err(format!("{forgery:?} was answered with {status}"));
            }
        }
        self.change(|world| world.endpoint = Some(url.to_owned()));
        Ok(())
    }

    /// The socket is used again.
    pub fn deliver_by_socket(&self) {
        self.change(|world| world.endpoint = None);
    }

    /// Sends a payload to an address, right or forged. Gives the status and the body; 0 where nobody answered.
    pub async fn post(&self, url: &str, payload: &Value, forgery: Forgery) -> (u16, String) {
        let delivery = self.signed(url, payload, forgery);
        self.send(&delivery).await
    }

    /// Sends the same bytes again, with the same signature.
    pub async fn replay(&self, delivery: &Delivery) -> (u16, String) {
        self.send(delivery).await
    }

    /// Every interaction that went to the address so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.read(|world| world.deliveries.clone())
    }

    fn signed(&self, url: &str, payload: &Value, forgery: Forgery) -> Delivery {
        let now = jiff::Timestamp::now().as_second();
        let timestamp = match forgery {
            Forgery::Stale(age) => now - age.as_secs() as i64,
            Forgery::Early(ahead) => now + ahead.as_secs() as i64,
            Forgery::None | Forgery::Tampered | Forgery::Unsigned | Forgery::OtherKey | Forgery::Garbled => now,
        };
        let timestamp = timestamp.to_string();
        let mut body = payload.to_string();
        let key = match forgery {
            Forgery::OtherKey => super::new_key(),
            Forgery::None
            | Forgery::Tampered
            | Forgery::Unsigned
            | Forgery::Garbled
            | Forgery::Stale(_)
            | Forgery::Early(_) => self.read(|world| SigningKey::from_bytes(world.key.as_bytes())),
        };
        let mut signature = hex(&key.sign(format!("{timestamp}{body}").as_bytes()).to_bytes());
        match forgery {
            Forgery::Tampered => body.push(' '),
            Forgery::Unsigned => signature.clear(),
            Forgery::Garbled => signature = "no signature".to_owned(),
            Forgery::None | Forgery::OtherKey | Forgery::Stale(_) | Forgery::Early(_) => {}
        }
        Delivery { url: url.to_owned(), timestamp, signature, body }
    }

    async fn send(&self, delivery: &Delivery) -> (u16, String) {
        let mut request = client().post(&delivery.url).header("content-type", "application/json");
        if !delivery.signature.is_empty() {
            request = request.header("x-signature-ed25519", &delivery.signature);
            request = request.header("x-signature-timestamp", &delivery.timestamp);
        }
        let Ok(response) = request.body(delivery.body.clone()).send().await else { return (0, String::new()) };
        (response.status().as_u16(), response.text().await.unwrap_or_default())
    }

    /// Delivers an interaction to the address, and takes what comes back as the first response.
    pub(super) async fn deliver_to(self, url: String, at: usize, payload: Value) {
        let delivery = self.signed(&url, &payload, Forgery::None);
        self.change(|world| world.deliveries.push(delivery.clone()));
        let (status, body) = self.send(&delivery).await;
        self.change(|world| {
            // An empty 202 promises that the first response comes over the REST route.
            if status == 202 && body.is_empty() {
                return;
            }
            let answer = serde_json::from_str::<Value>(&body).unwrap_or_default();
            let form = Form { json: answer.clone(), files: Vec::new() };
            let refused = if status == 200 { interactions::respond(world, at, &form).err() } else { None };
            let told = refused.as_ref().map_or(Value::Null, |refusal| refusal.body.clone());
            let took = status == 200 && refused.is_none();
            let status = refused.map_or(status, |refusal| refusal.status);
            world.log.push(Logged { route: "HTTP answer".into(), path: url, body: answer, status, answer: told });
            if !took {
                world.fail(at);
            }
        });
    }
}
