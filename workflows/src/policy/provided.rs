//! Rotations whose people a provider names: how they are written, and whom a provider may name.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use super::check::Check;
use super::file::{Asked, File, RotationText, Word};
use super::mistake::Notes;
use super::place::pairs;
use super::read::{At, Table, parsed};
use crate::approval::Who;
use crate::identity::is_name;
use crate::oncall::{Provided, Provider, Source, Turns, is_api};
use crate::target::SecretRef;

/// What is written of a rotation that a provider knows, besides `provider` itself.
const THEIRS: [&str; 4] = ["schedule", "token", "fallback", "api"];
/// What is written of a rotation that is counted from the file.
const OURS: [&str; 4] = ["members", "hands_over", "starts", "every"];

/// Whether a table is about a provider. Where only `provider` itself was forgotten, it is.
pub(super) fn is_meant(table: &mut Table<'_>) -> bool {
    let mut has = |key: &'static str| table.take(key).is_some();
    has("provider") || (THEIRS.into_iter().any(&mut has) && !OURS.into_iter().any(&mut has))
}

/// In a rotation that is counted from the file, what only a provider needs is a mistake.
pub(super) fn exclude(table: &mut Table<'_>, notes: &mut Notes<'_>) {
    for key in THEIRS {
        if let Some(value) = table.take(key) {
            let instead = format!("leave `{key}` out, or write `provider` instead of `members` and `hands_over`");
            notes.wrong(&value.span(), format!("`{key}` goes with a `provider`, and there is none"), instead);
        }
    }
}

/// Reads a rotation that a provider knows.
pub(super) fn rotation(name: At<String>, mut table: Table<'_>, notes: &mut Notes<'_>) -> RotationText {
    for key in OURS {
        if let Some(value) = table.take(key) {
            let instead = format!("leave `{key}` out to ask the provider, or `provider` to count the shifts here");
            notes.wrong(&value.span(), format!("`{key}` and `provider` exclude each other"), instead);
        }
    }
    let provider = table.need_text("provider", "\"pagerduty\"", notes);
    let provider = provider.and_then(|text| parsed::<Provider>(&text, notes)).map(At::into_inner);
    let schedule = table.need_text("schedule", "\"PABC123\"", notes);
    let schedule = schedule.filter(|text| schedule_is_right(text, provider, notes));
    let token = table.need_text("token", "\"env:NAME\"", notes).and_then(|text| token(&text, notes));
    let fallback = table.need_text("fallback", "\"group:…\"", notes).and_then(|text| parsed::<Who>(&text, notes));
    if let Some(fallback) = fallback.as_ref().filter(|who| matches!(who.get_ref(), Who::OnCall(_))) {
        let what = "a fallback can't be a rotation, which may need a fallback itself";
        notes.wrong(&fallback.span(), what, "write `group:NAME` or a person's name");
    }
    let api = table.text("api", notes);
    if let Some(api) = api.as_ref().filter(|api| !is_api(api.get_ref())) {
        let what = "this is no address that a token may be sent to";
        let instead = "write it like `https://api.eu.opsgenie.com`; `http` only works on this machine";
        notes.wrong(&api.span(), what, instead);
    }
    table.close(notes);
    let turns = || {
        let provider = provider?;
        let api = api.as_ref().map_or(provider.api(), |api| api.get_ref()).trim_end_matches('/').to_owned();
        let source = Source { provider, schedule: schedule?.into_inner(), api, token: token? };
        Some(Turns::Provided(Provided { source, fallback: fallback.as_ref()?.get_ref().clone() }))
    };
    let turns = turns();
    // A misspelt provider is a provider all the same, so that nothing else seems wrong.
    let provider = provider.or(Some(Provider::PagerDuty));
    RotationText { name, members: Vec::new(), provider, fallback, turns }
}

fn schedule_is_right(text: &At<String>, provider: Option<Provider>, notes: &mut Notes<'_>) -> bool {
    let Some(provider) = provider.filter(|provider| !provider.is_schedule(text.get_ref())) else { return true };
    let instead = match provider {
        Provider::PagerDuty => "write the id at the end of the schedule's address, like `PABC123`",
        Provider::Opsgenie => "write the schedule's id or its name",
    };
    notes.wrong(&text.span(), format!("this is not what {} calls a schedule", provider.title()), instead);
    false
}

fn token(text: &At<String>, notes: &mut Notes<'_>) -> Option<SecretRef> {
    let token = text.get_ref().parse::<SecretRef>().ok();
    if token.is_none() {
        notes.hide(text.span());
        let what = "a token must not stand in the file itself";
        notes.wrong(&text.span(), what, "write `env:NAME` or `file:/path`, and change that token");
    }
    token
}

/// Reads `[people]`.
pub(super) fn people(value: &toml::Spanned<DeValue<'_>>, notes: &mut Notes<'_>) -> Vec<(At<String>, At<Who>)> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    let mut pairs = pairs(value, "[people]", notes);
    // They come sorted by e-mail, and the second of two is the one that is too many.
    pairs.sort_by_key(|(email, _)| email.span().start);
    for (email, name) in pairs {
        if !is_email(email.get_ref()) {
            let what = format!("`{}` is not an e-mail", email.get_ref());
            notes.wrong(&email.span(), what, "write `\"e-mail at the provider\" = \"name in this file\"`");
        } else if !seen.insert(email.get_ref().to_lowercase()) {
            let what = format!("`{}` is here twice, since capitals make no difference", email.get_ref());
            notes.wrong(&email.span(), what, "leave one of the two out");
        }
        if is_name(name.get_ref()) {
            let who = At::new(name.span(), Who::Person(name.into_inner()));
            all.push((email, who));
        } else {
            let what = format!("`{}` is not a person's name", name.get_ref());
            notes.wrong(&name.span(), what, "write the one person who has this e-mail");
        }
    }
    all
}

fn is_email(text: &str) -> bool {
    let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let parts: Vec<&str> = text.split('@').collect();
    plain && text.len() <= 254 && matches!(parts.as_slice(), [user, host] if !user.is_empty() && !host.is_empty())
}

/// Whom a provider may name: whoever is in a group or a rotation, is asked by name, or stands in `[people]`. The e-mail
/// is in lower case; where two names differ in capitals only, it is nobody's.
pub(super) fn by_email(file: &File, groups: &BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, String> {
    let ways = file.access.iter().chain(&file.emergency).flat_map(|way| &way.asked);
    let asked = ways.chain(file.rules.iter().flat_map(|rule| &rule.asked));
    let asked = asked.flat_map(|Asked { from, then, .. }| std::iter::once(from).chain(then));
    let fallbacks = file.rotations.iter().filter_map(|text| text.fallback.as_ref());
    let named = asked.chain(fallbacks).filter_map(|who| person(who.get_ref()));
    let members = file.rotations.iter().flat_map(|text| &text.members).map(|name| name.get_ref().as_str());
    let known: BTreeSet<&str> = groups.values().flatten().map(String::as_str).chain(members).chain(named).collect();
    let mut all: BTreeMap<String, Option<&str>> = BTreeMap::new();
    for name in known {
        all.entry(name.to_lowercase()).and_modify(|found| *found = None).or_insert(Some(name));
    }
    for (email, who) in &file.people {
        all.insert(email.get_ref().to_lowercase(), person(who.get_ref()));
    }
    all.into_iter().filter_map(|(email, name)| Some((email, name?.to_owned()))).collect()
}

fn person(who: &Who) -> Option<&str> {
    match who {
        Who::Person(name) => Some(name),
        Who::Group(_) | Who::OnCall(_) => None,
    }
}

impl Check<'_, '_, '_> {
    /// Notes the mistakes around providers.
    pub(super) fn providers(&mut self) {
        let file = self.file;
        for fallback in file.rotations.iter().filter_map(|text| text.fallback.as_ref()) {
            self.who(fallback, false);
            let empty = file.groups.iter().any(|(name, _)| Who::Group(name.get_ref().clone()) == *fallback.get_ref())
                && self.fixed(fallback.get_ref()).is_empty();
            if empty {
                let what = format!("`{}` has nobody in it, so there would be nobody to ask", fallback.get_ref());
                self.notes.wrong(&fallback.span(), what, "name a group that has people in it");
            }
        }
        file.people.iter().for_each(|(_, who)| self.who(who, false));
        // What restricts whoever is on call would restrict others while the provider is silent.
        let restricts = |word: &At<Word>| matches!(word.get_ref(), Word::Hold | Word::Deny);
        let rules = file.rules.iter().filter(|rule| rule.word.as_ref().is_some_and(restricts));
        let selects = rules.map(|rule| &rule.select).chain(file.masks.iter().map(|mask| &mask.select));
        for who in selects.flat_map(|select| &select.who) {
            let Who::OnCall(name) = who.get_ref() else { continue };
            let Some(text) = self.rotations.get(name.as_str()).copied() else { continue };
            if let (Some(provider), Some(fallback)) = (text.provider, &text.fallback) {
                let title = provider.title();
                let what = format!("while {title} does not answer, this is about `{}`", fallback.get_ref());
                self.notes.warn(&who.span(), what, "name a group, if it must hold at every hour");
            }
        }
    }
}
