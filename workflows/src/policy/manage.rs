//! Who manages whom, and when digests are made: `[manages]` and `[digest]`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::Policy;
use super::file::{people, zone};
use super::mistake::Notes;
use super::read::{At, Table, texts, told};
use crate::approval::Who;
use crate::clock::Timestamp;
use crate::digest::{Entry, MONDAY_MORNING, Schedule, Team};
use crate::target::TargetName;

/// `[digest]`, or its defaults.
#[derive(Debug)]
pub(super) struct DigestText {
    /// Nothing where it could not be read.
    pub(super) schedule: Option<Schedule>,
    /// Where it stands, if the file has it.
    pub(super) span: Option<Range<usize>>,
}

impl DigestText {
    /// As the file has it; Monday morning in the file's zone where it says nothing.
    pub(super) fn read(value: Option<&toml::Spanned<DeValue<'_>>>, files: &TimeZone, notes: &mut Notes<'_>) -> Self {
        let usual = || Schedule::parse(MONDAY_MORNING, files).ok();
        let Some(value) = value else { return Self { schedule: usual(), span: None } };
        let span = Some(value.span());
        let Some(mut table) = Table::of(value, "[digest]", notes) else { return Self { schedule: None, span } };
        let own = table.text("zone", notes).and_then(|name| zone(&name, notes));
        let own = own.unwrap_or_else(|| files.clone());
        let schedule = match table.text("schedule", notes) {
            None => Schedule::parse(MONDAY_MORNING, &own).ok(),
            Some(text) => {
                let parsed = Schedule::parse(text.get_ref(), &own);
                parsed.map_err(|error| told(&text.span(), &error, notes)).ok()
            }
        };
        table.close(notes);
        Self { schedule, span }
    }
}

/// A manager, and whom they manage.
pub(super) type ManagesText = (At<String>, Vec<At<Who>>);

pub(super) fn manages(value: &toml::Spanned<DeValue<'_>>, notes: &mut Notes<'_>) -> Vec<ManagesText> {
    let Some(table) = Table::of(value, "[manages]", notes) else { return Vec::new() };
    let all: Vec<_> = table.all().collect();
    let read = |(key, value): (At<String>, &toml::Spanned<DeValue<'_>>)| {
        if value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
            let what = format!("`{}` manages nobody", key.get_ref());
            notes.wrong(&value.span(), what, "name people or groups, or leave the line out");
        }
        let texts = texts(value, key.get_ref(), notes);
        (key, people(texts, notes))
    };
    all.into_iter().map(read).collect()
}

impl Policy {
    /// When digests are made.
    pub fn digest(&self) -> Option<&Schedule> {
        self.inner.digest.as_ref()
    }

    /// Everybody who manages somebody.
    pub fn managers(&self) -> impl Iterator<Item = &str> {
        self.inner.manages.keys().map(String::as_str)
    }

    /// Whether the file says that one manages the other. Nobody manages themselves, nor those whom their people manage.
    pub fn manages(&self, manager: &str, person: &str) -> bool {
        self.inner.manages.get(manager).is_some_and(|people| people.contains(person))
    }

    /// Who manages somebody.
    pub fn managers_of(&self, person: &str) -> BTreeSet<String> {
        let all = self.inner.manages.iter().filter(|(_, people)| people.contains(person));
        all.map(|(manager, _)| manager.clone()).collect()
    }

    /// A manager's people, each with the entries by which they may ask; nothing where somebody manages nobody.
    ///
    /// Break-glass is meant to stay unused, and whoever is on call changes by the hour: such entries are left out.
    pub fn team(&self, manager: &str, now: Timestamp) -> Option<Team> {
        let people = self.inner.manages.get(manager)?;
        let ways = self.inner.ways.iter().filter(|way| !way.emergency).map(|way| {
            let targets = self.targets().filter(|target| way.select.covers(target)).map(|target| target.name.clone());
            (way, Arc::new(targets.collect::<BTreeSet<TargetName>>()))
        });
        let ways: Vec<_> = ways.collect();
        let named = |who: &Who, name: &str| !matches!(who, Who::OnCall(_)) && self.is(who, name, now);
        let entries = |name: &String| {
            let open = ways.iter().filter(|(way, _)| way.select.who.iter().any(|who| named(who, name)));
            open.map(|(way, targets)| Entry { name: way.name.clone(), targets: targets.as_ref().clone() }).collect()
        };
        let members = people.iter().map(|name| (name.clone(), entries(name))).collect();
        Some(Team { manager: manager.to_owned(), members })
    }
}
