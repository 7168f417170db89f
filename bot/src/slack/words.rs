//! What people typed, out of Slack's markup.

/// What somebody typed: links and addresses as they were written, people as `<@U…>`.
pub(super) fn said(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        let Some((inside, tail)) = after.split_once('>') else { break };
        words.push_str(&unescaped(before));
        words.push_str(&reference(inside));
        rest = tail;
    }
    words.push_str(&unescaped(rest));
    words.trim().to_owned()
}

/// What stood between angle brackets.
fn reference(inside: &str) -> String {
    let (target, label) = inside.split_once('|').map_or((inside, ""), |(target, label)| (target, label));
    if target.starts_with('@') {
        return format!("<{target}>");
    }
    if let Some(channel) = target.strip_prefix('#') {
        return format!("#{}", if label.is_empty() { channel } else { label });
    }
    if let Some(special) = target.strip_prefix('!') {
        return if label.is_empty() { format!("@{special}") } else { unescaped(label) };
    }
    // A link with words of its own says where it goes, not what it claims.
    let target = unescaped(target);
    let label = unescaped(label);
    let same = !label.is_empty() && target.trim_end_matches('/').ends_with(label.trim_end_matches('/'));
    if same { label } else { target }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Whether a text names an account.
pub(super) fn mentions(text: &str, user: &str) -> bool {
    !user.is_empty() && (text.contains(&format!("<@{user}>")) || text.contains(&format!("<@{user}|")))
}

/// What was typed, without the name of whom it was said to. Where our own name is not known, it is the first.
pub(super) fn without(text: &str, user: &str) -> String {
    let said = said(text);
    let name = format!("<@{user}>");
    if !user.is_empty() && said.contains(&name) {
        return said.replacen(&name, "", 1).trim().trim_start_matches([',', ':']).trim().to_owned();
    }
    match said.strip_prefix("<@").and_then(|rest| rest.split_once('>')) {
        Some((_, rest)) if user.is_empty() => rest.trim().to_owned(),
        _ => said,
    }
}

/// The address of a message, as Slack builds it; its payloads do not have it.
pub(super) fn link_to(domain: &str, channel: &str, ts: &str, thread: &str) -> Option<String> {
    let name = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let moment = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !name(domain) || !name(channel) || !moment(ts) {
        return None;
    }
    let link = format!("https://{domain}.slack.com/archives/{channel}/p{}", ts.replace('.', ""));
    let within = moment(thread) && thread != ts;
    Some(if within { format!("{link}?thread_ts={thread}&cid={channel}") } else { link })
}
