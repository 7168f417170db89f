//! `[manages]` as a whole: each name leads somewhere, and nobody is their own manager, by whatever way round.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::approval::Who;
use crate::identity::is_name;
use crate::policy::read::At;

impl Check<'_, '_, '_> {
    /// Whom each manager manages, groups resolved. Somebody in a group that they manage is left out of it: what they
    /// hold is for their own manager to look at.
    pub(in crate::policy) fn managed(&self) -> BTreeMap<String, BTreeSet<String>> {
        let people = |(manager, managed): &(At<String>, Vec<At<Who>>)| {
            let all = managed.iter().flat_map(|who| self.fixed(who.get_ref()));
            (manager.get_ref().clone(), all.filter(|name| name != manager.get_ref()).collect())
        };
        self.file.manages.iter().map(people).collect()
    }

    pub(super) fn manages(&mut self) {
        let file = self.file;
        let known: BTreeSet<String> = self.resolved.values().flatten().cloned().collect();
        for (manager, people) in &file.manages {
            self.manager(manager, &known);
            for who in people {
                self.managed_one(manager.get_ref(), who, &known);
            }
        }
        self.circles();
        if let (Some(span), true) = (&file.digest.span, file.manages.is_empty()) {
            let instead = "add `[manages]` with lines like `\"mona@example.com\" = [\"group:orders\"]`";
            self.notes.warn(span, "nobody manages anybody, so no digest is made", instead);
        }
    }

    fn manager(&mut self, manager: &At<String>, known: &BTreeSet<String>) {
        let (span, name) = (manager.span(), manager.get_ref());
        if is_name(name) {
            if !self.not_a_name_of_many(&span, name) && !known.contains(name) {
                self.typo(&span, name);
            }
            return;
        }
        let what = format!("`{name}` is not a person's name, and a manager is one person");
        let instead = match name.strip_prefix("group:") {
            Some(group) if self.groups.contains_key(group) => {
                format!("write one line for each manager in `{group}`")
            }
            Some(_) | None => "write letters, digits, `-`, `_`, `.`, `+` and `@` only".to_owned(),
        };
        self.notes.wrong(&span, what, instead);
    }

    fn managed_one(&mut self, manager: &str, who: &At<Who>, known: &BTreeSet<String>) {
        match who.get_ref() {
            Who::OnCall(_) => {
                let instead = "name the people, or a group of them";
                self.notes.wrong(&who.span(), "nobody manages a rotation, whose people change by the hour", instead);
            }
            Who::Person(name) if name == manager => {
                let what = format!("`{name}` manages themselves; what they hold is for their own manager to look at");
                self.notes.wrong(&who.span(), what, format!("take `{name}` out, and name it under who manages them"));
            }
            // Thousands of people are looked up faster than they are compared.
            Who::Person(name) if known.contains(name) => {}
            Who::Person(_) | Who::Group(_) => self.who(who, false),
        }
    }

    /// Managers who manage each other: nobody would be left to read what they hold, or to be asked when they don't read.
    fn circles(&mut self) {
        let managed = self.managed();
        let mut told: BTreeSet<String> = BTreeSet::new();
        for (manager, people) in &self.file.manages {
            let name = manager.get_ref();
            let Some(path) = circle(&managed, name) else { continue };
            if path.iter().any(|one| told.contains(one)) {
                continue;
            }
            told.extend(path.iter().cloned());
            let next = path.get(1).unwrap_or(name);
            let span = people.iter().find(|who| self.fixed(who.get_ref()).contains(next)).map(At::span);
            let around: Vec<String> = path.iter().chain([name]).map(|one| format!("`{one}`")).collect();
            let what = format!("managers manage each other: {}", around.join(" manages "));
            self.notes.wrong(
                &span.unwrap_or(manager.span()),
                what,
                format!("take `{next}` out of what `{name}` manages"),
            );
        }
    }
}

/// The people on the way from a manager back to themselves.
fn circle(managed: &BTreeMap<String, BTreeSet<String>>, start: &str) -> Option<Vec<String>> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![vec![start.to_owned()]]);
    while let Some(path) = left.pop() {
        let people = path.last().and_then(|last| managed.get(last));
        for name in people.into_iter().flatten() {
            if name == start {
                return Some(path);
            }
            if managed.contains_key(name) && seen.insert(name.clone()) {
                left.push(path.iter().cloned().chain([name.clone()]).collect());
            }
        }
    }
    None
}
