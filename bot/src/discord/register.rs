//! The commands of our guild.

use reqwest::Method;
use serde_json::{Value, json};

use super::Discord;
use crate::platform::PlatformError;

/// An option that is a text.
fn text(name: &str, description: &str) -> Value {
    json!({ "type": 3, "name": name, "description": description, "required": false })
}

/// An option that is found by typing.
fn target(description: &str) -> Value {
    json!({
        "type": 3, "name": "target", "description": description, "required": false, "autocomplete": true,
    })
}

fn command(name: &str, description: &str, options: Vec<Value>) -> Value {
    json!({ "type": 1, "name": name, "description": description, "options": options })
}

/// Every command. Whatever is missing is asked for, so nothing is required.
pub(super) fn commands() -> Value {
    let choice = |level: &str| json!({ "name": level, "value": level });
    let mut level = text("level", "What you need to do there");
    if let Some(level) = level.as_object_mut() {
        level.insert("choices".to_owned(), json!([choice("read"), choice("write"), choice("admin")]));
    }
    let duration = || text("duration", "For how long, like 30m or 2h");
    let why = |words: &str| text("because", words);
    json!([
        command(
            "access",
            "Ask for access",
            vec![target("Where you need it"), duration(), level, why("Why you need it, best with a ticket")]
        ),
        command(
            "breakglass",
            "Emergency: get in now, and account for it afterwards",
            vec![target("Where it burns"), duration(), why("What is happening")]
        ),
        command("mine", "Your requests and what you may use", vec![]),
        command("who", "Who may get in", vec![target("Where")]),
        command("done", "You are finished: give your access back", vec![]),
        command("digest", "The digest of the last days", vec![]),
    ])
}

impl Discord {
    /// Tells Discord which commands there are in our guild. Safe to repeat.
    pub async fn register(&self) -> Result<(), PlatformError> {
        let path = ["applications", self.application(), "guilds", self.guild(), "commands"];
        let done = self.api().write(Method::PUT, &path, &commands(), &[]).await;
        done.map(|_commands| ()).map_err(|failed| failed.of(self.guild()))
    }
}
