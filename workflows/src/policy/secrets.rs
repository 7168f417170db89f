//! Finds what looks like a secret anywhere in the file, whoever reads that table: it is hidden, and it is a mistake (G15).

use toml::de::{DeTable, DeValue};

use super::mistake::Notes;

/// How well-known secrets begin.
const BEGINNINGS: [&str; 14] = [
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "sk-",
    "sk_live_",
    "AKIA",
    "eyJhbGciOi",
    "-----BEGIN",
    "AGE-SECRET-KEY-",
];
/// Keys whose values are secrets.
const KEYS: [&str; 5] = ["password", "passwd", "secret", "token", "private_key"];

/// Walks through the whole file.
pub(super) fn scan(table: &DeTable<'_>, notes: &mut Notes<'_>) {
    for (key, value) in table {
        value_of(key.get_ref(), value, notes);
    }
}

fn value_of(key: &str, value: &toml::Spanned<DeValue<'_>>, notes: &mut Notes<'_>) {
    match value.get_ref() {
        DeValue::String(text) => looks(key, text, value, notes),
        DeValue::Array(list) => list.iter().for_each(|value| value_of(key, value, notes)),
        DeValue::Table(table) => scan(table, notes),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

fn looks(key: &str, text: &str, value: &toml::Spanned<DeValue<'_>>, notes: &mut Notes<'_>) {
    if text.starts_with("env:") || text.starts_with("file:") {
        return;
    }
    let span = value.span();
    let key = key.to_ascii_lowercase();
    let keyed = KEYS.iter().any(|word| key == *word || key.ends_with(&format!("_{word}")));
    if keyed {
        // Whoever reads that key says what is wrong with it; it must not be shown until then.
        notes.hide(span);
    } else if BEGINNINGS.iter().any(|begins| text.starts_with(begins) && text.len() > begins.len() + 8) {
        notes.hide(span.clone());
        let instead = "write `env:NAME` or `file:/path` where a secret is wanted, and change that secret";
        notes.wrong(&span, format!("the value of `{key}` looks like a secret"), instead);
    } else if has_password(text) {
        notes.hide(span.clone());
        let instead = "leave the password to the server's own means, or keep this file as secret as the password";
        notes.warn(&span, format!("the value of `{key}` is an address with a password in it"), instead);
    }
}

/// `scheme://user:password@host`.
fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).is_some_and(|(_, word)| !word.is_empty())
}
