//! Reads what people reach and who they are: `[[target]]`, `[group]` and `[rotation.NAME]`.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::file::{LEVELS, RotationText, TargetText, people};
use super::mistake::{Notes, suggest};
use super::provided;
use super::read::{At, Table, parsed, text, texts, told};
use crate::approval::Who;
use crate::identity::is_name;
use crate::oncall::{HandOver, Rotation, Turns};
use crate::target::{AUTHORITY, Access, Credential, Guarding, Login, Protocol, SecretRef, Target, TargetName, Tls};

pub(super) fn target(mut table: Table<'_>, notes: &mut Notes<'_>) -> Option<TargetText> {
    let name: Option<At<TargetName>> =
        table.need_text("name", "\"orders-prod\"", notes).and_then(|name| parsed(&name, notes));
    let protocol = table.need_text("protocol", "\"postgres\"", notes);
    let protocol =
        protocol.and_then(|text| parsed::<Protocol>(&text, notes)).map_or(Protocol::Postgres, At::into_inner);
    let address = table.need_text("address", "\"10.0.0.5:5432\"", notes);
    if let Some(address) = address.as_ref().filter(|address| !is_address(address.get_ref())) {
        let instead = "write a host, a colon and a port, like `10.0.0.5:5432`, `[::1]:5432` or `db.example.com:5432`";
        notes.wrong(&address.span(), "the address is not a host and a port", instead);
    }
    let labels = table.take("labels").map(|value| labels(value, notes)).unwrap_or_default();
    let (mut database, mut safe, mut ca) = (String::new(), Tls::VerifyFull, None);
    let (mut keys, mut keep_files) = (Vec::new(), 0);
    match protocol {
        Protocol::Postgres => {
            database = table.need_text("database", "\"…\"", notes).map(At::into_inner).unwrap_or_default();
            safe = tls(&mut table, notes);
            ca = table.text("ca", notes).map(|path| path.into_inner().into());
        }
        Protocol::Ssh => {
            keys = host_keys(&mut table, notes);
            keep_files = table.text("keep_files", notes).and_then(|text| size(&text, notes)).unwrap_or_default();
        }
    }
    let login = table.take("login");
    if login.is_none() {
        table.misses("login.read", sample(protocol), notes);
    }
    let logins = login.map(|value| logins(value, protocol, notes)).unwrap_or_default();
    table.close(notes);
    let name = name?;
    let target = Target {
        name: name.get_ref().clone(),
        protocol,
        address: address.map(At::into_inner).unwrap_or_default(),
        database,
        host_keys: keys,
        keep_files,
        labels,
        tls: safe,
        ca,
        logins,
    };
    Some(TargetText { target, span: name.span() })
}

/// The largest file that may be kept: it is held in memory until it is whole.
const LARGEST: u64 = 8 << 20;

/// A size like `512KiB` or `1MiB`, in bytes.
fn size(text: &At<String>, notes: &mut Notes<'_>) -> Option<u64> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("B", 1)];
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
    let read = |text: &str| {
        let (count, unit) = units.into_iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
        number(count.trim_end())?.checked_mul(unit)
    };
    let words = text.get_ref().as_str();
    match read(words).filter(|size| *size > 0) {
        Some(size) if size <= LARGEST => Some(size),
        Some(_) => {
            let what = format!("`{words}` is more of a file than is kept");
            notes.wrong(&text.span(), what, "write `8MiB` or less");
            None
        }
        None => {
            let instead = "write it like `512KiB` or `1MiB`; leave `keep_files` out to keep nothing";
            notes.wrong(&text.span(), format!("`{words}` is not a size"), instead);
            None
        }
    }
}

fn tls(table: &mut Table<'_>, notes: &mut Notes<'_>) -> Tls {
    table.text("tls", notes).map_or(Tls::VerifyFull, |text| match text.get_ref().as_str() {
        "verify-full" => Tls::VerifyFull,
        "off" => Tls::Off,
        other => {
            let what = format!("`{other}` is not a way to protect a connection");
            notes.wrong(&text.span(), what, suggest(other, ["verify-full", "off"]));
            Tls::VerifyFull
        }
    })
}

/// The keys of an SSH target. Without one nothing could be told from an impostor, so one is needed.
fn host_keys(table: &mut Table<'_>, notes: &mut Notes<'_>) -> Vec<String> {
    let keys = table.texts("host_key", notes);
    if keys.is_empty() {
        table.misses("host_key", "\"ssh-ed25519 AAAA…\"", notes);
    }
    for key in keys.iter().filter(|key| !is_host_key(key.get_ref())) {
        let instead = "write it as in /etc/ssh/ssh_host_ed25519_key.pub at the target, like `ssh-ed25519 AAAA…`";
        notes.wrong(&key.span(), "this is not the public key of a host", instead);
    }
    keys.into_iter().map(At::into_inner).collect()
}

/// An algorithm, a blob that begins with the same algorithm, and perhaps a comment (RFC 4253, section 6.6).
fn is_host_key(text: &str) -> bool {
    let text = text.strip_prefix(AUTHORITY).unwrap_or(text);
    use base64::Engine as _;
    let mut words = text.split_ascii_whitespace();
    let (Some(algorithm), Some(blob)) = (words.next(), words.next()) else { return false };
    let Ok(blob) = base64::engine::general_purpose::STANDARD.decode(blob) else { return false };
    let named = blob.get(4..4 + algorithm.len()) == Some(algorithm.as_bytes());
    named && blob.get(..4) == Some(&(algorithm.len() as u32).to_be_bytes()) && blob.len() > 4 + algorithm.len()
}

const fn sample(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Postgres => "{ user = \"…\", password = \"env:NAME\" }",
        Protocol::Ssh => "{ user = \"…\", key = \"file:/path\" }",
    }
}

/// Host and port, and nothing that a URL would have besides.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let number = !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port > 0);
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let named = |host: &str| {
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    number && bracketed.map_or_else(|| named(host), |inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

fn labels(value: &toml::Spanned<DeValue<'_>>, notes: &mut Notes<'_>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (key, value) in pairs(value, "labels", notes) {
        if ["name", "protocol"].contains(&key.get_ref().as_str()) {
            let what = format!("`{}` can't be a label, since rules select by it already", key.get_ref());
            notes.wrong(&key.span(), what, "give the label another name");
        }
        all.insert(key.into_inner(), value.into_inner());
    }
    all
}

/// A table of texts.
pub(super) fn pairs(
    value: &toml::Spanned<DeValue<'_>>,
    title: &'static str,
    notes: &mut Notes<'_>,
) -> Vec<(At<String>, At<String>)> {
    let Some(table) = Table::of(value, title, notes) else { return Vec::new() };
    let mut all = Vec::new();
    for (key, value) in table.all() {
        if let Some(value) = text(value, key.get_ref(), notes) {
            all.push((key, value));
        }
    }
    all
}

/// The logins by level; a secret in the file is hidden before anything is said about it.
fn logins(value: &toml::Spanned<DeValue<'_>>, protocol: Protocol, notes: &mut Notes<'_>) -> BTreeMap<Access, Login> {
    let mut all = BTreeMap::new();
    let Some(table) = Table::of(value, "login", notes) else { return all };
    for (key, value) in table.all() {
        let Ok(access) = key.get_ref().parse::<Access>() else {
            let what = format!("`{}` is not an access level", key.get_ref());
            notes.wrong(&key.span(), what, suggest(key.get_ref(), LEVELS));
            continue;
        };
        let Some(mut login) = Table::of(value, "login", notes) else { continue };
        let user = login.need_text("user", "\"…\"", notes);
        let credential = credential(&mut login, protocol, notes);
        let (shell, guard, watch, sudo, forward, agent) = match protocol {
            Protocol::Postgres => (None, None, false, None, Vec::new(), false),
            Protocol::Ssh => {
                let shell = login.text("shell", notes);
                let watch = login.flag("watch", notes).is_some_and(At::into_inner);
                let forward = login.texts("forward", notes).iter().filter_map(|to| destination(to, notes)).collect();
                let shell = shell.and_then(|text| path(&text, "shell", notes));
                let guard = guard(&mut login, notes);
                let agent = login.flag("agent", notes).is_some_and(At::into_inner);
                (shell, guard.clone(), watch, sudo(&mut login, guard.is_some(), notes), forward, agent)
            }
        };
        login.close(notes);
        if let (Some(user), Some(credential)) = (user, credential) {
            all.insert(
                access,
                Login { user: user.into_inner(), credential, shell, guard, watch, sudo, forward, agent },
            );
        }
    }
    all
}

/// A path at the target. It becomes part of a command line, so that it has no sign that a shell could read otherwise.
fn path(text: &At<String>, key: &str, notes: &mut Notes<'_>) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
    if text.get_ref().starts_with('/') && text.get_ref().chars().all(plain) {
        return Some(text.get_ref().clone());
    }
    let what = format!("`{key}` must be a whole path without spaces or special signs");
    notes.wrong(&text.span(), what, "write it like `/bin/bash`");
    None
}

fn sudo(login: &mut Table<'_>, guarded: bool, notes: &mut Notes<'_>) -> Option<String> {
    let text = login.text("sudo", notes)?;
    if guarded {
        notes.wrong(&text.span(), "sudo does not work under a guard", "leave out `guard` or `sudo`");
    }
    path(&text, "sudo", notes)
}

/// Where a port may lead: a name or an address that is compared as it is, and a port or `*`.
fn destination(text: &At<String>, notes: &mut Notes<'_>) -> Option<String> {
    let split = text.get_ref().rsplit_once(':');
    let good = split.is_some_and(|(host, port)| {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host_is = bare.map_or(!host.is_empty() && !host.contains(':'), |host| host.parse::<Ipv6Addr>().is_ok());
        let clean = |c: char| c.is_ascii_alphanumeric() || ".:-_[]".contains(c);
        host_is && host.chars().all(clean) && (port == "*" || port.parse::<u16>().is_ok_and(|port| port > 0))
    });
    if good {
        return Some(text.get_ref().clone());
    }
    let what = format!("`{}` is not where a port can lead", text.get_ref());
    notes.wrong(
        &text.span(),
        what,
        "write `host:port`, or `host:*` for all ports of it; an IPv6 address in brackets",
    );
    None
}

fn guard(login: &mut Table<'_>, notes: &mut Notes<'_>) -> Option<Guarding> {
    let text = login.text("guard", notes)?;
    if text.get_ref() == "login" {
        return Some(Guarding::LoginShell);
    }
    path(&text, "guard", notes).map(Guarding::Path)
}

fn credential(login: &mut Table<'_>, protocol: Protocol, notes: &mut Notes<'_>) -> Option<Credential> {
    let (key, certificate) = match protocol {
        Protocol::Postgres => (None, false),
        Protocol::Ssh => (login.text("key", notes), login.flag("certificate", notes).is_some_and(At::into_inner)),
    };
    if certificate {
        return Some(Credential::Certificate);
    }
    if let Some(key) = key {
        return secret(&key, "a private key", notes).map(Credential::Key);
    }
    let password = login.need_text("password", "\"env:NAME\"", notes)?;
    secret(&password, "a password", notes).map(Credential::Password)
}

fn secret(text: &At<String>, what: &str, notes: &mut Notes<'_>) -> Option<SecretRef> {
    let secret = text.get_ref().parse::<SecretRef>().ok();
    if secret.is_none() {
        notes.hide(text.span());
        let what = format!("{what} must not stand in the file itself");
        notes.wrong(&text.span(), what, "write `env:NAME` or `file:/path`, and change that secret");
    }
    secret
}

pub(super) fn groups(value: &toml::Spanned<DeValue<'_>>, notes: &mut Notes<'_>) -> Vec<(At<String>, Vec<At<Who>>)> {
    let Some(table) = Table::of(value, "[group]", notes) else { return Vec::new() };
    let mut all = Vec::new();
    for (key, value) in table.all() {
        known_form(&key, notes);
        let members = people(texts(value, key.get_ref(), notes), notes);
        for member in members.iter().filter(|member| matches!(member.get_ref(), Who::OnCall(_))) {
            let instead = "name the rotation where people are asked, as in `from = \"oncall:…\"`";
            notes.wrong(&member.span(), "a group can't contain a rotation, whose people change by the hour", instead);
        }
        all.push((key, members));
    }
    all
}

fn known_form(name: &At<String>, notes: &mut Notes<'_>) {
    if !is_name(name.get_ref()) {
        let what = format!("`{}` can't be named after `group:` or `oncall:`", name.get_ref());
        notes.wrong(&name.span(), what, "write letters, digits, `-`, `_`, `.`, `+` and `@` only");
    }
}

pub(super) fn rotations(
    value: &toml::Spanned<DeValue<'_>>,
    zone: &TimeZone,
    notes: &mut Notes<'_>,
) -> Vec<RotationText> {
    let Some(table) = Table::of(value, "[rotation.NAME]", notes) else { return Vec::new() };
    let all: Vec<_> = table.all().collect();
    all.into_iter().filter_map(|(name, value)| rotation(name, value, zone, notes)).collect()
}

fn rotation<'t>(
    name: At<String>,
    value: &'t toml::Spanned<DeValue<'t>>,
    zone: &TimeZone,
    notes: &mut Notes<'_>,
) -> Option<RotationText> {
    known_form(&name, notes);
    let mut table = Table::of(value, "[rotation.NAME]", notes)?;
    if provided::is_meant(&mut table) {
        return Some(provided::rotation(name, table, notes));
    }
    provided::exclude(&mut table, notes);
    let members = table.texts("members", notes);
    if members.is_empty() {
        table.misses("members", "[\"grace@example.com\", …]", notes);
    }
    for member in members.iter().filter(|member| !is_name(member.get_ref())) {
        let what = format!("`{}` is not a person's name", member.get_ref());
        notes.wrong(&member.span(), what, "write each member by name; groups have no order to take turns in");
    }
    let hint = "\"monday 09:00 Europe/Berlin\"";
    let hands_over = table.need_text("hands_over", hint, notes).and_then(|text| {
        let parsed = HandOver::parse(text.get_ref(), zone);
        parsed.map_err(|error| told(&text.span(), &error, notes)).ok()
    });
    let starts = table.text("starts", notes).and_then(|text| {
        let date = text.get_ref().parse::<jiff::civil::Date>().ok();
        if date.is_none() {
            notes.wrong(&text.span(), format!("`{}` is not a date", text.get_ref()), "write it like `2026-01-05`");
        }
        date
    });
    let every = table.number("every", notes);
    if let Some(every) = every.as_ref().filter(|every| !(1..=52).contains(every.get_ref())) {
        notes.wrong(&every.span(), "`every` is not from 1 to 52", "write how many weeks, or days, a shift lasts");
    }
    table.close(notes);
    let names = members.iter().map(|member| member.get_ref().clone()).collect();
    let every = every.map_or(1, At::into_inner);
    let turns = hands_over.map(|hands_over| Turns::Counted(Rotation::new(names, hands_over, starts, every)));
    Some(RotationText { name, members, provider: None, fallback: None, turns })
}
