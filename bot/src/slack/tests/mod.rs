//! The adapter against what Slack documents, read a second time here: nothing of the renderer is used to judge it.

mod blocks;
mod calls;
mod delivery;
mod forms;
mod golden;
mod read;
mod rules;
mod sockets;
mod vendor;

use std::sync::Once;

use proptest::prelude::*;
use tempfile::TempDir;
use workflows::clock::{Clock, Timestamp};
use workflows::policy::Policy;
use workflows::{Config, Faults, Workflows};

use super::Slack;
use crate::config;
use crate::inbox::Inbox;

pub(super) const SIGNING: &str = "test-signing-secret";
/// 2026-11-27 05:34:14 UTC.
pub(super) const NOW: Timestamp = Timestamp::from_micros(1_795_757_654_000_000);

/// A store, an inbox in it, and an adapter that finds Slack at `api`.
pub(super) struct World {
    pub(super) workflows: Workflows,
    pub(super) inbox: Inbox,
    pub(super) slack: Slack,
    _folder: TempDir,
}

/// How Slack delivers.
#[derive(Clone, Copy)]
pub(super) enum By {
    Socket,
    Http,
}

impl World {
    pub(super) async fn new(api: &str, by: By) -> Self {
        Self::with(api, by, Faults::default()).await.unwrap()
    }

    /// With faults; nothing where they keep the store from opening.
    pub(super) async fn with(api: &str, by: By, faults: Faults) -> Option<Self> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            format!("file:{}", path.display()).parse().unwrap()
        };
        let mut own = config::Slack {
            bot_token: file("bot", "xoxb-test"),
            app_token: None,
            signing_secret: None,
            channel: None,
            alarms: None,
            client_id: None,
            client_secret: None,
            api: api.to_owned(),
        };
        match by {
            By::Socket => own.app_token = Some(file("app", "xapp-test")),
            By::Http => own.signing_secret = Some(file("signing", SIGNING)),
        }
        let policy = "zone = \"Europe/Berlin\"\n[group]\ndba = [\"grace@example.com\"]\n";
        let mut config = Config {
            store: workflows::engine::StoreConfig::default(),
            keys: workflows::engine::KeysConfig::default(),
            recordings: workflows::engine::RecordingsConfig::default(),
            policy: Policy::parse(policy).unwrap_or_else(|list| panic!("{list:?}")),
            faults,
        };
        config.store.url = format!("sqlite:{}", folder.path().join("store.db").display());
        config.keys.path = folder.path().join("keys");
        config.recordings.path = folder.path().join("recordings");
        let (clock, _hand) = Clock::manual(NOW);
        let workflows = Workflows::start(config, clock).await.ok()?;
        let inbox = Inbox::new(workflows.clone());
        Some(Self { workflows, inbox, slack: Slack::new(own).unwrap(), _folder: folder })
    }

    /// What was stored and nobody has worked on yet.
    pub(super) async fn letters(&self) -> Vec<String> {
        let claimed = self.workflows.claim_letters(workflows::clock::Span::seconds(60), 100).await.unwrap();
        claimed.into_iter().map(|letter| letter.body).collect()
    }
}

/// What somebody might write to get more than text.
pub(super) fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        2 => any::<String>(),
        1 => "[ -~]{0,40}",
        4 => prop::sample::select(vec![
            "<!channel>", "<!here|now>", "<@U1>", "<@U1|ann>", "<#C1>", "<https://evil.example|Approve>", "@everyone", "@here",
            "@channel", "https://evil.example/x?y=1", "mailto:a@b.co", "www.evil.example", "[a](https://evil.example)", "](", "```",
            "`", "*b*", "_i_", "~s~", ":smile:", "&lt;!channel&gt;", "&amp;", "\u{202e}", "\u{2066}", "\u{200b}", "\u{0}", "\u{7}",
            "\u{feff}", "\n", "\n\n\n", "\t", "\r\n", "\"}],\"type\":\"button\"", "\\", "'", "<!date^0^{date}|x>", "|", "approve|crd_1|",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// The same, now and then very long.
pub(super) fn long() -> impl Strategy<Value = String> {
    (hostile(), prop_oneof![4 => Just(1_usize), 1 => 50..400_usize]).prop_map(|(text, times)| text.repeat(times))
}
