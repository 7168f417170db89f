//! What is right between us and Discord and what is not, in words that say what to do.

use serde_json::Value;
use workflows::clock::Clock;

use super::Discord;
use super::people::word;
use super::register::commands;
use super::wire::{close, connect, hello};
use super::words::line;
use crate::doctor::{clock, good, warning, wrong};
use crate::event::Place;
use crate::platform::{Finding, Fitness, PlatformError};

/// With fewer beginnings left for today, something goes round in circles.
const FEW: u64 = 50;

/// Everything, from the token to the gateway.
pub(super) async fn examine(discord: &Discord) -> Vec<Finding> {
    let (headers, me) = match discord.api().look(&["users", "@me"]).await.map_err(|failed| failed.of("")) {
        Ok(answer) => answer,
        Err(PlatformError::Token(why)) => {
            return vec![wrong(
                format!("Discord refuses the bot's token: {why}"),
                "Reset the token on the application's page \"Bot\", and copy it to where `[discord] bot_token` points.",
            )];
        }
        Err(why) => {
            let fix = format!(
                "Look whether this machine reaches {}: name, proxy, firewall, certificates.",
                discord.api().base()
            );
            return vec![wrong(format!("Discord can't be reached: {why}"), fix)];
        }
    };
    let mut findings = vec![clock("Discord", &headers, Clock::System.now().micros() / 1_000_000)];
    findings.push(good(format!("the bot is `{}`", word(&me, "/username"))));
    match discord.api().get(&["applications", "@me"], &[]).await {
        Ok(application) => {
            let key = discord.0.key.as_ref().map(super::verify::Key::hex);
            findings.extend(ours(&application, discord.application(), key));
        }
        Err(failed) => findings.push(warning(
            format!("the application can't be looked at: {}", failed.of("")),
            "Look at the application's page yourself.",
        )),
    }
    findings.push(guild(discord).await);
    findings.push(registered(discord).await);
    findings.extend(places(discord).await);
    if discord.0.key.is_none() {
        findings.push(gateway(discord).await);
    }
    findings.push(if discord.0.client.is_some() {
        good("people can link their accounts by signing in with Discord")
    } else {
        warning(
            "nobody can link an account by signing in: `[discord]` has no `client_secret`",
            "Copy the client secret from the application's page \"OAuth2\" to where `client_secret` points.",
        )
    });
    findings
}

/// The application, against what the file says of it.
fn ours(application: &Value, id: &str, key: Option<&str>) -> Vec<Finding> {
    let found = word(application, "/id");
    if found != id {
        return vec![wrong(
            format!("the token belongs to the application {found}, and the file names {id}"),
            format!("Write `application = \"{found}\"` into `[discord]`, or take that application's own token."),
        )];
    }
    let mut findings = vec![good(format!("the token belongs to the application {id}"))];
    let endpoint = word(application, "/interactions_endpoint_url");
    findings.push(match (key, endpoint) {
        (None, "") => good("Discord delivers by the gateway"),
        (None, _) => wrong(
            "Discord delivers presses and commands to an address, and we listen at the gateway",
            "Clear \"Interactions Endpoint URL\" on the application's page \"General Information\", or set `public_key`.",
        ),
        (Some(_), "") => wrong(
            "Discord does not know where to deliver",
            "Write https://…/discord/interactions into \"Interactions Endpoint URL\" on the application's page \"General Information\", or leave `public_key` out.",
        ),
        (Some(key), _) if word(application, "/verify_key").eq_ignore_ascii_case(key) => {
            good("Discord delivers over HTTP to /discord/interactions")
        }
        (Some(_), _) => wrong(
            "`[discord] public_key` is not the application's",
            "Copy the public key from the application's page \"General Information\".",
        ),
    });
    findings
}

async fn guild(discord: &Discord) -> Finding {
    let id = discord.guild();
    match discord.api().get(&["guilds", id], &[]).await {
        Ok(guild) => good(format!("the bot is in the server `{}`", word(&guild, "/name"))),
        Err(failed) if matches!(failed.code(), 10_004 | 50_001) => wrong(
            format!("the bot is not in the server {id}"),
            "Invite it from the application's page \"Installation\" with the scopes `bot` and `applications.commands`, or write the right id into `[discord] guild`.",
        ),
        Err(failed) => {
            wrong(format!("the server {id} can't be looked at: {}", failed.of(id)), "See the findings above.")
        }
    }
}

/// The commands that Discord knows, against those that there are.
async fn registered(discord: &Discord) -> Finding {
    let path = ["applications", discord.application(), "guilds", discord.guild(), "commands"];
    match discord.api().get(&path, &[]).await {
        Ok(known) => {
            let stale = stale(&known);
            if stale.is_empty() {
                good("every command is registered, as it is now")
            } else {
                wrong(format!("Discord {}", stale.join(", ")), "Run `countersign discord register`.")
            }
        }
        Err(failed) => wrong(
            format!("the commands can't be looked at: {}", failed.of(discord.guild())),
            "Invite the bot anew with the scope `applications.commands`.",
        ),
    }
}

/// What Discord knows otherwise than it is.
fn stale(known: &Value) -> Vec<String> {
    let list = |all: &Value| all.as_array().cloned().unwrap_or_default();
    let (known, ours) = (list(known), list(&commands()));
    let named = |all: &[Value], name: &str| all.iter().find(|one| word(one, "/name") == name).cloned();
    let mut stale = Vec::new();
    for command in &ours {
        let name = word(command, "/name");
        match named(&known, name) {
            None => stale.push(format!("does not know /{name}")),
            Some(other) if !covers(Some(&other), command) => stale.push(format!("knows another /{name}")),
            Some(_) => {}
        }
    }
    let over = known.iter().map(|one| word(one, "/name")).filter(|name| named(&ours, name).is_none());
    stale.extend(over.map(|name| format!("still knows /{}", line(name, 32))));
    stale
}

/// Whether an answer says all that we said. Discord adds keys of its own, and leaves out what is usual.
fn covers(theirs: Option<&Value>, ours: &Value) -> bool {
    match (theirs, ours) {
        (Some(Value::Object(theirs)), Value::Object(ours)) => {
            ours.iter().all(|(key, value)| covers(theirs.get(key), value))
        }
        (Some(Value::Array(theirs)), Value::Array(ours)) => {
            theirs.len() == ours.len() && theirs.iter().zip(ours).all(|(theirs, ours)| covers(Some(theirs), ours))
        }
        (None | Some(Value::Null), ours) => *ours == Value::Bool(false) || ours.as_array().is_some_and(Vec::is_empty),
        (Some(theirs), ours) => theirs == ours,
    }
}

/// The channels of the configuration.
async fn places(discord: &Discord) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, id) in [("channel", &discord.0.channel), ("alarms", &discord.0.alarms)] {
        let Some(id) = id else { continue };
        let named = format!("`[discord] {key}` = `{id}`");
        findings.push(match discord.look_at(&Place(id.clone())).await {
            Ok(Fitness::Fit) => allowed(discord, id, &named).await,
            Ok(Fitness::Shared) => wrong(
                format!("{named} is no channel of our server, so nothing is posted there"),
                "Name a channel of the server in `[discord] guild`.",
            ),
            Ok(Fitness::Archived) => wrong(format!("{named} is archived"), "Open it again, or name another channel."),
            Ok(Fitness::NotThere) => wrong(
                format!("{named} is not there, or the bot may not see it"),
                "Write the channel's id (Copy Channel ID), and let the bot view it, send messages, embed links, attach files, read its history and open threads.",
            ),
            Err(error) => wrong(format!("{named} can't be looked at: {error}"), "See the findings above."),
        });
    }
    findings
}

/// What the bot may do in a channel that it sees.
async fn allowed(discord: &Discord, id: &str, named: &str) -> Finding {
    match discord.lacks(id).await {
        Ok(lacking) if lacking.is_empty() => {
            good(format!("{named} can be seen, and the bot may do there what it has to"))
        }
        Ok(lacking) => wrong(
            format!("{named} can be seen, and the bot lacks permissions there: {}", lacking.join(", ")),
            "Allow them to the bot in the channel's settings, under \"Permissions\".",
        ),
        Err(error) => warning(
            format!("{named} can be seen; what the bot may do there can't be told: {error}"),
            "Look at the channel's settings, under \"Permissions\", yourself.",
        ),
    }
}

async fn gateway(discord: &Discord) -> Finding {
    match discord.api().get(&["gateway", "bot"], &[]).await {
        Ok(answer) => {
            let left = answer.pointer("/session_start_limit/remaining").and_then(Value::as_u64);
            match left {
                Some(left) if left < FEW => warning(
                    format!("the gateway lets us begin only {left} times more today"),
                    "Look in the log why the bot begins so often; two of them with one token do that.",
                ),
                Some(_) | None => reached(word(&answer, "/url")).await,
            }
        }
        Err(failed) => wrong(format!("the gateway does not let us in: {}", failed.of("")), "See the findings above."),
    }
}

/// Whether the gateway itself answers: it is another machine than the API's. Nobody signs in, so nothing is used up.
async fn reached(url: &str) -> Finding {
    let said = async {
        let (mut sink, mut stream) = connect(url).await?;
        hello(&mut stream).await?;
        close(&mut sink, 1_000).await;
        Ok::<_, PlatformError>(())
    };
    match said.await {
        Ok(()) => good("the gateway lets us in"),
        Err(error) => wrong(
            format!("the gateway can't be reached: {error}"),
            "Let this machine open websockets (wss, port 443) to gateway.discord.gg and what is below it: name, proxy, firewall, certificates.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::platform::Grade;

    #[test]
    fn the_application_must_be_ours_and_deliver_where_we_listen() {
        let grade =
            |application: Value, key| ours(&application, "42", key).iter().map(|one| one.grade).max().unwrap();
        let at = "https://gate.example/discord/interactions";
        assert_eq!(grade(json!({ "id": "42", "interactions_endpoint_url": null }), None), Grade::Good);
        assert_eq!(grade(json!({ "id": "43" }), None), Grade::Wrong);
        assert_eq!(grade(json!({ "id": "42", "interactions_endpoint_url": at }), None), Grade::Wrong);
        assert_eq!(grade(json!({ "id": "42" }), Some("ab")), Grade::Wrong);
        let keyed = |key: &str| json!({ "id": "42", "interactions_endpoint_url": at, "verify_key": key });
        assert_eq!(grade(keyed("ab"), Some("ab")), Grade::Good);
        assert_eq!(grade(keyed("cd"), Some("ab")), Grade::Wrong);
    }

    #[test]
    fn every_command_that_is_not_as_it_should_be_is_named() {
        // As Discord gives them back: with more keys, and without what is usual.
        let mut known = commands();
        for command in known.as_array_mut().unwrap() {
            command["version"] = json!("1");
            command["options"].as_array_mut().unwrap().iter_mut().for_each(|option| {
                option.as_object_mut().unwrap().remove("required");
            });
            if command["options"] == json!([]) {
                command.as_object_mut().unwrap().remove("options");
            }
        }
        assert!(stale(&known).is_empty() && stale(&commands()).is_empty());
        let mut other = known.clone();
        other[0]["options"][0]["autocomplete"] = json!(false);
        assert_eq!(stale(&other), ["knows another /access"]);
        other = known.clone();
        other[0]["options"].as_array_mut().unwrap().pop();
        assert_eq!(stale(&other), ["knows another /access"]);
        other = known;
        let all = other.as_array_mut().unwrap();
        all.retain(|one| one["name"] == "access" || one["name"] == "mine");
        all.push(json!({ "name": "grant", "description": "x" }));
        let names = ["breakglass", "who", "done", "digest"].map(|name| format!("does not know /{name}"));
        assert_eq!(stale(&other), [&names[..], &["still knows /grant".to_owned()]].concat());
    }
}
