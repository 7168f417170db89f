//! The policy's part of the file as it is written: every value with its place, nothing looked up yet.

use std::ops::Range;

use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::manage::{DigestText, ManagesText, manages};
use super::mistake::{Notes, nearest, suggest};
use super::place::{groups, pairs, rotations, target};
use super::provided;
use super::read::{At, Table, parsed};
use crate::approval::Who;
use crate::clock::Span;
use crate::oncall::{Provider, Turns};
use crate::target::{Access, Target};
use crate::verdict::ColumnPattern;

/// Tables that others read; here they only have to be known.
const OTHERS: [&str; 8] = ["store", "keys", "recordings", "gateway", "console", "slack", "discord", "matrix"];
/// Whether a question that waits for its answer stops the clock.
const PAUSE: &str = "pause_for_questions";
/// For how long at most what was approved may pass again.
const REPEAT: &str = "repeat_at_most";
pub(super) const LEVELS: [&str; 3] = ["read", "write", "admin"];
/// The detectors that a mask may name.
pub const DETECTORS: [&str; 9] =
    ["card", "email", "entropy", "iban", "jwt", "phone", "private_key", "secrets", "vendor"];

/// What an entry is about: who, where, at which level.
#[derive(Debug, Default)]
pub(super) struct Selector {
    pub(super) who: Vec<At<Who>>,
    pub(super) targets: Vec<(At<String>, At<String>)>,
    pub(super) levels: Vec<At<Access>>,
}

/// `approval = { … }` or `review = { … }`.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) from: At<Who>,
    pub(super) people: At<u8>,
    pub(super) within: Span,
    pub(super) then: Option<At<Who>>,
    pub(super) pause: Span,
    pub(super) repeat: Option<At<Span>>,
    pub(super) span: Range<usize>,
}

/// `[[access]]` or `[[emergency]]`.
#[derive(Debug)]
pub(super) struct WayText {
    pub(super) name: At<String>,
    pub(super) select: Selector,
    pub(super) at_most: Option<At<Span>>,
    /// Each of them must be met, by different people.
    pub(super) asked: Vec<Asked>,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Allow,
    Hold,
    Deny,
}

impl Word {
    /// As it is written in the file.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::Deny => "deny",
        }
    }
}

/// `[[rule.test]]`.
#[derive(Debug)]
pub(super) struct TestText {
    pub(super) sql: At<String>,
    pub(super) expect: At<Word>,
    pub(super) person: Option<At<String>>,
    pub(super) level: Option<Access>,
    pub(super) target: Option<At<String>>,
    pub(super) at: Option<jiff::civil::DateTime>,
}

/// `[[rule]]`.
#[derive(Debug)]
pub(super) struct RuleText {
    pub(super) name: At<String>,
    pub(super) select: Selector,
    pub(super) when: Option<At<String>>,
    pub(super) word: Option<At<Word>>,
    pub(super) over: Vec<At<String>>,
    pub(super) because: Option<String>,
    /// Each of them must be met, by different people.
    pub(super) asked: Vec<Asked>,
    pub(super) tests: Vec<TestText>,
    pub(super) span: Range<usize>,
}

/// `[[mask]]`.
#[derive(Debug)]
pub(super) struct MaskText {
    pub(super) name: At<String>,
    pub(super) select: Selector,
    pub(super) columns: Vec<ColumnPattern>,
    pub(super) detect: Vec<String>,
    pub(super) unless: Vec<At<Who>>,
}

/// `[[target]]`.
#[derive(Debug)]
pub(super) struct TargetText {
    pub(super) target: Target,
    pub(super) span: Range<usize>,
}

/// `[rotation.NAME]`.
#[derive(Debug)]
pub(super) struct RotationText {
    pub(super) name: At<String>,
    /// Who takes turns, where the file counts the shifts.
    pub(super) members: Vec<At<String>>,
    /// Who names the people, where somebody else does.
    pub(super) provider: Option<Provider>,
    pub(super) fallback: Option<At<Who>>,
    pub(super) turns: Option<Turns>,
}

/// The whole file, as far as it is policy.
#[derive(Debug)]
pub(super) struct File {
    pub(super) zone: TimeZone,
    pub(super) auditors: Vec<At<Who>>,
    pub(super) administrators: Vec<At<Who>>,
    pub(super) targets: Vec<TargetText>,
    pub(super) groups: Vec<(At<String>, Vec<At<Who>>)>,
    pub(super) rotations: Vec<RotationText>,
    /// `[people]`: an e-mail at a provider, and the name in this file.
    pub(super) people: Vec<(At<String>, At<Who>)>,
    pub(super) access: Vec<WayText>,
    pub(super) emergency: Vec<WayText>,
    pub(super) rules: Vec<RuleText>,
    pub(super) masks: Vec<MaskText>,
    pub(super) digest: DigestText,
    pub(super) manages: Vec<ManagesText>,
}

impl File {
    /// Reads the file; what can't be read is noted and left out.
    pub(super) fn read<'t>(root: &'t toml::Spanned<DeTable<'t>>, notes: &mut Notes<'_>) -> Self {
        let mut file = Table::root(root);
        let zone = file.text("zone", notes).and_then(|name| zone(&name, notes)).unwrap_or(TimeZone::UTC);
        let auditors = people(file.texts("auditors", notes), notes);
        let administrators = people(file.texts("administrators", notes), notes);
        let targets = file.tables("target", "[[target]]", notes);
        let targets = targets.into_iter().filter_map(|table| target(table, notes)).collect();
        let groups = file.take("group").map(|value| groups(value, notes)).unwrap_or_default();
        let rotations = file.take("rotation").map(|value| rotations(value, &zone, notes)).unwrap_or_default();
        let people = file.take("people").map(|value| provided::people(value, notes)).unwrap_or_default();
        let access = file.tables("access", "[[access]]", notes);
        let access = access.into_iter().map(|table| way(table, "approval", notes)).collect();
        let emergency = file.tables("emergency", "[[emergency]]", notes);
        let emergency = emergency.into_iter().map(|table| way(table, "review", notes)).collect();
        let rules = file.tables("rule", "[[rule]]", notes);
        let rules = rules.into_iter().map(|table| rule(table, notes)).collect();
        let masks = file.tables("mask", "[[mask]]", notes);
        let masks = masks.into_iter().map(|table| mask(table, notes)).collect();
        let digest = DigestText::read(file.take("digest"), &zone, notes);
        let manages = file.take("manages").map(|value| manages(value, notes)).unwrap_or_default();
        for other in OTHERS {
            let _read_elsewhere = file.take(other);
        }
        file.close(notes);
        Self {
            zone,
            auditors,
            administrators,
            targets,
            groups,
            rotations,
            people,
            access,
            emergency,
            rules,
            masks,
            digest,
            manages,
        }
    }
}

pub(super) fn zone(name: &At<String>, notes: &mut Notes<'_>) -> Option<TimeZone> {
    let zone = TimeZone::get(name.get_ref()).ok();
    if zone.is_none() {
        let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        let near = nearest(name.get_ref(), known.iter().map(String::as_str)).unwrap_or("Europe/Berlin");
        notes.wrong(&name.span(), format!("`{}` is not a time zone", name.get_ref()), format!("write `{near}`"));
    }
    zone
}

fn name(table: &mut Table<'_>, notes: &mut Notes<'_>) -> At<String> {
    let found = table.need_text("name", "\"…\"", notes);
    if let Some(name) = found.as_ref().filter(|name| {
        let text = name.get_ref();
        text.trim() != text || text.is_empty() || text.len() > 100 || text.chars().any(char::is_control)
    }) {
        let what = "a name is 1 to 100 visible characters, without space around it";
        notes.wrong(&name.span(), what, "write a short name that people can say aloud");
    }
    found.unwrap_or_else(|| At::new(table.span.clone(), String::new()))
}

pub(super) fn people(texts: Vec<At<String>>, notes: &mut Notes<'_>) -> Vec<At<Who>> {
    texts.iter().filter_map(|text| parsed(text, notes)).collect()
}

fn selector(table: &mut Table<'_>, notes: &mut Notes<'_>) -> Selector {
    let who = people(table.texts("who", notes), notes);
    let targets = table.take("targets").map(|value| pairs(value, "targets", notes)).unwrap_or_default();
    let levels = table.texts("levels", notes);
    let levels = levels.iter().filter_map(|level| {
        let parsed = level.get_ref().parse::<Access>().ok();
        if parsed.is_none() {
            let what = format!("`{}` is not an access level", level.get_ref());
            notes.wrong(&level.span(), what, suggest(level.get_ref(), LEVELS));
        }
        parsed.map(|access| At::new(level.span(), access))
    });
    Selector { levels: levels.collect(), who, targets }
}

/// `approval = { … }`, or a list of such: then each must be met, by different people.
fn asked(table: &mut Table<'_>, key: &'static str, notes: &mut Notes<'_>) -> Vec<Asked> {
    let Some(value) = table.take(key) else { return Vec::new() };
    match value.get_ref().as_array() {
        None => asked_one(value, key, notes).into_iter().collect(),
        Some(list) if list.is_empty() => {
            notes.wrong(&value.span(), format!("`{key}` is empty, so nobody could agree"), "write who must agree");
            Vec::new()
        }
        Some(list) => list.iter().filter_map(|one| asked_one(one, key, notes)).collect(),
    }
}

fn asked_one(value: &Spanned<DeValue<'_>>, key: &'static str, notes: &mut Notes<'_>) -> Option<Asked> {
    let mut asked = Table::of(value, key, notes)?;
    let from = asked.need_text("from", "\"group:…\"", notes).and_then(|who| parsed(&who, notes));
    let people = asked.number("people", notes).unwrap_or_else(|| At::new(value.span(), 1));
    let few = u8::try_from(*people.get_ref()).ok().filter(|people| *people > 0);
    if few.is_none() {
        notes.wrong(&people.span(), "`people` is not from 1 to 255", "write how many people must agree, at least 1");
    }
    let within = asked.parsed::<Span>("within", notes);
    let then = asked.parsed::<Who>("then", notes);
    let pauses = asked.flag(PAUSE, notes);
    if let Some(pauses) = pauses.as_ref().filter(|_| key == "review") {
        let what = "a review is owed until it is done, so no clock is stopped for it";
        notes.wrong(&pauses.span(), what, format!("leave `{PAUSE}` out"));
    }
    let repeat = asked.parsed::<Span>(REPEAT, notes);
    asked.close(notes);
    // A review is owed within a day; an approval is waited for by somebody.
    let usual = if key == "review" { Span::hours(24) } else { Span::minutes(15) };
    let within = within.map_or(usual, At::into_inner);
    Some(Asked {
        from: from?,
        people: At::new(people.span(), few.unwrap_or(1)),
        within,
        then,
        // As long again, and no longer: a requester who never answers does not keep a request open.
        pause: if pauses.is_some_and(At::into_inner) { within } else { Span::ZERO },
        repeat,
        span: value.span(),
    })
}

fn way(mut table: Table<'_>, key: &'static str, notes: &mut Notes<'_>) -> WayText {
    let name = name(&mut table, notes);
    let select = selector(&mut table, notes);
    for (key, hint) in [("who", "\"group:…\""), ("levels", "[\"read\"]")] {
        match table.take(key) {
            None => table.misses(key, hint, notes),
            Some(value) if value.get_ref().as_array().is_some_and(|list| list.is_empty()) => {
                notes.wrong(&value.span(), format!("`{key}` is empty, so nobody may ask"), format!("write {hint}"));
            }
            Some(_) => {}
        }
    }
    let at_most = table.need_text("at_most", "\"1h\"", notes).and_then(|text| parsed(&text, notes));
    let asked = asked(&mut table, key, notes);
    for repeat in asked.iter().filter_map(|one| one.repeat.as_ref()) {
        let what = "access is given once, and nothing passes again by it";
        notes.wrong(&repeat.span(), what, format!("leave `{REPEAT}` out, or write it at a rule that holds"));
    }
    if table.take(key).is_none() {
        table.misses(key, "{ from = \"group:…\", people = 1, within = \"15m\" }", notes);
    }
    table.close(notes);
    WayText { name, select, at_most, asked }
}

fn word(text: &At<String>, notes: &mut Notes<'_>) -> Option<At<Word>> {
    let word = match text.get_ref().as_str() {
        "allow" => Word::Allow,
        "hold" => Word::Hold,
        "deny" => Word::Deny,
        other => {
            let what = format!("`{other}` is not what a rule can do");
            notes.wrong(&text.span(), what, suggest(other, ["allow", "hold", "deny"]));
            return None;
        }
    };
    Some(At::new(text.span(), word))
}

fn rule(mut table: Table<'_>, notes: &mut Notes<'_>) -> RuleText {
    let name = name(&mut table, notes);
    let select = selector(&mut table, notes);
    let when = table.text("when", notes);
    let word = table.need_text("do", "\"hold\"", notes).and_then(|text| word(&text, notes));
    let over = table.texts("over", notes);
    let because = table.text("because", notes).map(At::into_inner);
    let asked = asked(&mut table, "approval", notes);
    let tests = table.tables("test", "[[rule.test]]", notes);
    let tests = tests.into_iter().filter_map(|table| test(table, notes)).collect();
    let span = table.span.clone();
    table.close(notes);
    RuleText { name, select, when, word, over, because, asked, tests, span }
}

fn test(mut table: Table<'_>, notes: &mut Notes<'_>) -> Option<TestText> {
    // A statement, or a command line: what the target reads.
    let sql = match table.text("command", notes) {
        Some(command) => Some(command),
        None => table.need_text("sql", "\"…\"", notes),
    };
    let expect = table.need_text("expect", "\"hold\"", notes).and_then(|text| word(&text, notes));
    let person = table.text("as", notes);
    let level = table.parsed::<Access>("level", notes).map(At::into_inner);
    let target = table.text("target", notes);
    let at = table.text("at", notes).and_then(|text| {
        let at = text.get_ref().parse::<jiff::civil::DateTime>().ok();
        if at.is_none() {
            let what = format!("`{}` is not a local time", text.get_ref());
            notes.wrong(&text.span(), what, "write it like `2026-01-05 03:00`");
        }
        at
    });
    table.close(notes);
    Some(TestText { sql: sql?, expect: expect?, person, level, target, at })
}

fn mask(mut table: Table<'_>, notes: &mut Notes<'_>) -> MaskText {
    let name = name(&mut table, notes);
    let select = selector(&mut table, notes);
    let columns = table.texts("columns", notes);
    let detect = table.texts("detect", notes);
    let unless = people(table.texts("unless", notes), notes);
    if columns.is_empty() && detect.is_empty() {
        let instead = "add `columns = [\"*.email\"]` or `detect = [\"card\"]`";
        notes.wrong(&table.span, "this mask hides nothing", instead);
    }
    table.close(notes);
    for wrong in detect.iter().filter(|name| !DETECTORS.contains(&name.get_ref().as_str())) {
        let what = format!("`{}` is not a detector", wrong.get_ref());
        notes.wrong(&wrong.span(), what, suggest(wrong.get_ref(), DETECTORS));
    }
    let columns = columns.iter().filter_map(|text| column(text, notes)).collect();
    MaskText { name, select, columns, detect: detect.into_iter().map(At::into_inner).collect(), unless }
}

fn column(text: &At<String>, notes: &mut Notes<'_>) -> Option<ColumnPattern> {
    // A star stands for a whole part, so `cust*.email` would never match anything.
    let part = |part: &str| part == "*" || !part.contains(|c: char| c == '*' || c.is_whitespace() || c.is_control());
    let pattern = ColumnPattern::parse(text.get_ref()).filter(|_| text.get_ref().split('.').all(part));
    if pattern.is_none() {
        let what = format!("`{}` does not name columns", text.get_ref());
        let instead = "write `column`, `table.column` or `schema.table.column`, with `*` for a whole part";
        notes.wrong(&text.span(), what, instead);
    }
    pattern
}
