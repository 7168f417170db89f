//! Discord's limits and markdown, read a second time: nothing of the renderer is used to judge it.

use serde_json::{Value, json};

/// Our own address.
pub(super) const OURS: &str = "https://gate.example/requests";

/// The characters of a text that Discord counts.
pub(super) fn size(value: &Value) -> usize {
    value.as_str().unwrap_or_default().trim().chars().count()
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What breaks Discord's limits.
pub(super) fn faults(body: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            faults.push(what.to_owned());
        }
    };
    must(size(&body["content"]) <= 2_000, "content");
    let mut total = 0;
    for embed in list(&body["embeds"]) {
        must(size(&embed["title"]) <= 256, "title");
        must(size(&embed["description"]) <= 4_096, "description");
        total += size(&embed["title"]) + size(&embed["description"]);
        must(list(&embed["fields"]).len() <= 25, "fields");
        for field in list(&embed["fields"]) {
            must((1..=256).contains(&size(&field["name"])), "name");
            must((1..=1_024).contains(&size(&field["value"])), "value");
            total += size(&field["name"]) + size(&field["value"]);
        }
    }
    must(total <= 6_000, "total");
    let mut names = Vec::new();
    must(list(&body["components"]).len() <= 5, "rows");
    for row in list(&body["components"]) {
        must((1..=5).contains(&list(&row["components"]).len()), "row");
        for button in list(&row["components"]) {
            must((1..=80).contains(&size(&button["label"])), "label");
            must((1..=100).contains(&size(&button["custom_id"])), "custom_id");
            must(!names.contains(&&button["custom_id"]), "a name twice");
            names.push(&button["custom_id"]);
        }
    }
    faults
}

/// What is active in markdown: mentions, links and moments, and the blocks of code.
pub(super) fn active(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut found, mut blocks) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let tail = rest.strip_prefix(c).unwrap();
        if let Some(inside) = rest.strip_prefix("```") {
            let (block, after) = inside.split_once("```").unwrap_or_else(|| panic!("a block does not end: {rest:?}"));
            blocks.push(block.to_owned());
            rest = after;
            continue;
        }
        if c == '`' {
            let fence = if tail.starts_with('`') { "``" } else { "`" };
            let inside = rest.strip_prefix(fence).unwrap();
            let (code, after) = inside.split_once(fence).unwrap_or_else(|| panic!("code does not end: {rest:?}"));
            assert!(!code.contains('\n'), "{code:?}");
            rest = after;
            continue;
        }
        if c == '\\' {
            let next = tail.chars().next().unwrap_or_else(|| panic!("a lone backslash"));
            rest = tail.strip_prefix(next).unwrap();
            continue;
        }
        let lower = rest.to_lowercase();
        if c == '<' {
            let (inside, _) = tail.split_once('>').unwrap_or_else(|| panic!("{rest:?}"));
            found.push(format!("<{inside}>"));
        } else if lower.starts_with("](") {
            let (target, after) =
                tail.strip_prefix('(').unwrap().split_once(')').unwrap_or_else(|| panic!("{rest:?}"));
            found.push(target.to_owned());
            rest = after;
            continue;
        } else if ["http://", "https://", "www.", "@everyone", "@here", "discord.gg"]
            .iter()
            .any(|bad| lower.starts_with(bad))
        {
            found.push(rest.chars().take(20).collect());
        }
        rest = tail;
    }
    (found, blocks)
}

pub(super) fn harmless(body: &Value) {
    let embed = &body["embeds"][0];
    let texts = [&body["content"], &embed["title"], &embed["description"]].into_iter();
    for text in texts.chain(list(&embed["fields"]).iter().map(|field| &field["value"])) {
        let text = text.as_str().unwrap_or_default();
        let (found, _) = active(text);
        let known = |one: &String| one == "<@42>" || one == OURS || moment(one);
        assert!(found.iter().all(known), "{found:?} in {text:?}");
    }
    assert_eq!(body["allowed_mentions"]["parse"], json!([]));
    assert!(list(&body["allowed_mentions"]["users"]).iter().all(|id| id == "42"));
}

fn moment(one: &str) -> bool {
    let seconds = one.strip_prefix("<t:").and_then(|rest| rest.strip_suffix(":f>"));
    seconds.is_some_and(|seconds| seconds.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Text as a client shows it, where there is no markup in it; else what is.
pub(super) fn plain(text: &str) -> Result<String, String> {
    let mut shown = String::new();
    for line in text.split_inclusive('\n') {
        let begins = line.trim_start();
        let number = begins.trim_start_matches(|c: char| c.is_ascii_digit());
        let listed = number.len() < begins.len() && number.starts_with('.');
        if listed || begins.starts_with(['#', '-', '+', '>', '*']) {
            return Err(format!("a line begins with markup: {line:?}"));
        }
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match c {
                // A letter, a digit or a space after it is none of its business.
                '\\' => match chars.next() {
                    Some(next) if !next.is_alphanumeric() && !next.is_whitespace() => shown.push(next),
                    other => return Err(format!("a backslash before {other:?}: {line:?}")),
                },
                '*' | '_' | '~' | '`' | '|' | '[' | ']' | '<' | '>' => {
                    return Err(format!("{c} is markup: {line:?}"));
                }
                ':' if emoji(chars.as_str()) => return Err(format!("an emoji: {line:?}")),
                c => shown.push(c),
            }
        }
    }
    Ok(shown)
}

/// Whether what follows a colon is the name of an emoji, and another colon.
fn emoji(rest: &str) -> bool {
    let after = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    after.len() < rest.len() && after.starts_with(':')
}
