//! What the bot may do in a channel. Discord tells nobody; it is worked out as Discord does.

use serde_json::Value;

use super::Discord;
use super::people::{odd, word};
use crate::platform::PlatformError;

/// May do everything everywhere.
const ADMINISTRATOR: u64 = 1 << 3;
/// What is needed, as Discord's settings call it.
const NEEDED: [(u64, &str); 7] = [
    (1 << 10, "View Channel"),
    (1 << 11, "Send Messages"),
    (1 << 14, "Embed Links"),
    (1 << 15, "Attach Files"),
    (1 << 16, "Read Message History"),
    (1 << 35, "Create Public Threads"),
    (1 << 38, "Send Messages in Threads"),
];

/// Bits, which Discord writes as a text.
fn bits(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What a member may do in a channel of a guild; nothing where the answers do not say.
fn rights(guild: &Value, member: &Value, channel: &Value) -> Option<u64> {
    let (here, me) = (word(guild, "/id"), word(member, "/user/id"));
    let mine = |id: &str| id == here || list(member, "roles").iter().any(|role| role.as_str() == Some(id));
    // The role of everybody has the guild's id, and is always there.
    list(guild, "roles").iter().find(|role| word(role, "/id") == here)?;
    let roles = list(guild, "roles").iter().filter(|role| mine(word(role, "/id")));
    let base = roles.fold(0, |all, role| all | bits(role, "permissions"));
    if base & ADMINISTRATOR != 0 || word(guild, "/owner_id") == me {
        return Some(u64::MAX);
    }
    // First what everybody is denied and allowed, then all roles at once, then the member.
    let of = |fits: &dyn Fn(&str) -> bool, base: u64| {
        let fitting = list(channel, "permission_overwrites").iter().filter(|one| fits(word(one, "/id")));
        let (deny, allow) =
            fitting.fold((0, 0), |(deny, allow), one| (deny | bits(one, "deny"), allow | bits(one, "allow")));
        (base & !deny) | allow
    };
    let everybody = of(&|id| id == here, base);
    let by_role = of(&|id| id != here && mine(id), everybody);
    Some(of(&|id| id == me, by_role))
}

/// The names of what is needed and not allowed.
fn lacking(rights: u64) -> Vec<&'static str> {
    NEEDED.into_iter().filter(|(bit, _)| rights & bit == 0).map(|(_, name)| name).collect()
}

impl Discord {
    /// What the bot needs in a channel and may not do there.
    pub(super) async fn lacks(&self, channel: &str) -> Result<Vec<&'static str>, PlatformError> {
        let me = self.me().await?;
        let api = self.api();
        let ask = async |path: &[&str]| api.get(path, &[]).await.map_err(|failed| failed.of(channel));
        let guild = ask(&["guilds", self.guild()]).await?;
        let member = ask(&["guilds", self.guild(), "members", me]).await?;
        let mut place = ask(&["channels", channel]).await?;
        // A thread has the rules of the channel that it is in.
        if place.get("thread_metadata").is_some_and(Value::is_object) {
            place = ask(&["channels", word(&place, "/parent_id")]).await?;
        }
        rights(&guild, &member, &place).map(lacking).ok_or_else(odd)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_denied_and_allowed_counts_in_discords_order() {
        let everything = NEEDED.into_iter().fold(0, |all, (bit, _)| all | bit);
        let (view, send) = ((1_u64 << 10).to_string(), (1_u64 << 11).to_string());
        let role = |id: &str, bits: u64| json!({ "id": id, "permissions": bits.to_string() });
        let guild =
            json!({ "id": "7", "owner_id": "1", "roles": [role("7", everything), role("8", 0), role("9", 1 << 3)] });
        let lacks = |roles: Value, rules: Value| {
            let member = json!({ "user": { "id": "42" }, "roles": roles });
            rights(&guild, &member, &json!({ "permission_overwrites": rules })).map(lacking)
        };
        let none = || Some(Vec::new());
        let rule = |id: &str, deny: &str, allow: &str| json!({ "id": id, "deny": deny, "allow": allow });
        assert_eq!(lacks(json!([]), json!([])), none());
        assert_eq!(lacks(json!([]), json!([rule("7", &send, "0")])), Some(vec!["Send Messages"]));
        // A role allows what everybody is denied, a member is denied what a role is allowed.
        let allowed = json!([rule("8", "0", &send), rule("7", &send, "0")]);
        assert_eq!(lacks(json!(["8"]), allowed.clone()), none());
        assert_eq!(lacks(json!([]), allowed), Some(vec!["Send Messages"]));
        let denied = json!([rule("42", &view, "0"), rule("8", "0", &view)]);
        assert_eq!(lacks(json!(["8"]), denied.clone()), Some(vec!["View Channel"]));
        assert_eq!(lacks(json!(["8", "9"]), denied), none(), "an administrator may do everything");
        assert_eq!(rights(&json!({ "id": "7" }), &json!({}), &json!({})), None);
    }
}
