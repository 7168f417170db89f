//! Looks at the file as a whole: every name must lead somewhere, and every rule must be able to do something.

mod manages;

use std::collections::{BTreeMap, BTreeSet};

use super::file::{Asked, File, RotationText, RuleText, Selector, WayText, Word};
use super::mistake::{Notes, distance, nearest, suggest};
use super::read::At;
use super::rule::attribute;
use super::scope::ACCESS_LEVEL;
use crate::approval::Who;
use crate::clock::Span;
use crate::target::Target;

/// The longest that anybody may break the glass for (G14).
const LONGEST_EMERGENCY: Span = Span::hours(1);

/// The longest that a review may be owed (G14).
const LONGEST_REVIEW: Span = Span::hours(24);

/// The file and its mistakes.
pub(super) struct Check<'f, 'n, 's> {
    pub(super) file: &'f File,
    pub(super) notes: &'n mut Notes<'s>,
    groups: BTreeMap<&'f str, &'f [At<Who>]>,
    pub(super) rotations: BTreeMap<&'f str, &'f RotationText>,
    resolved: BTreeMap<String, BTreeSet<String>>,
}

impl<'f, 'n, 's> Check<'f, 'n, 's> {
    pub(super) fn new(file: &'f File, notes: &'n mut Notes<'s>) -> Self {
        let groups: BTreeMap<&str, &[At<Who>]> =
            file.groups.iter().map(|(name, members)| (name.get_ref().as_str(), members.as_slice())).collect();
        let rotations = file.rotations.iter().map(|text| (text.name.get_ref().as_str(), text)).collect();
        let resolved = groups.keys().map(|name| ((*name).to_owned(), resolve(&groups, name))).collect();
        Self { file, notes, groups, rotations, resolved }
    }

    /// Everybody in each group, groups of groups resolved.
    pub(super) fn people(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.resolved.clone()
    }

    /// Notes all mistakes.
    pub(super) fn all(&mut self) {
        let file = self.file;
        self.doubles();
        self.cycles();
        file.groups.iter().flat_map(|(_, members)| members).for_each(|who| self.who(who, true));
        for member in file.rotations.iter().flat_map(|text| &text.members) {
            self.not_a_name_of_many(&member.span(), member.get_ref());
        }
        self.providers();
        file.auditors.iter().chain(&file.administrators).for_each(|who| self.who(who, false));
        for way in file.access.iter().chain(&file.emergency) {
            self.way(way);
        }
        for way in &file.emergency {
            if let Some(at_most) = way.at_most.as_ref().filter(|at_most| *at_most.get_ref() > LONGEST_EMERGENCY) {
                let what = "break-glass access is for an hour at most";
                self.notes.wrong(&at_most.span(), what, "write `at_most = \"1h\"` or less");
            }
        }
        for review in file.emergency.iter().flat_map(|way| &way.asked) {
            if review.within > LONGEST_REVIEW {
                let what = "a review is owed within a day at most";
                self.notes.wrong(&review.span, what, "write `within = \"24h\"` or less");
            }
        }
        file.rules.iter().for_each(|rule| self.rule(rule));
        for mask in &file.masks {
            self.selector(&mask.select);
            mask.unless.iter().for_each(|who| self.who(who, false));
        }
        self.manages();
    }

    fn doubles(&mut self) {
        let file = self.file;
        let targets: Vec<(&str, _)> =
            file.targets.iter().map(|text| (text.target.name.as_str(), text.span.clone())).collect();
        let named = |names: Vec<&'f At<String>>| {
            names.into_iter().map(|name| (name.get_ref().as_str(), name.span())).collect()
        };
        let lists: [(&str, Vec<(&str, _)>); 5] = [
            ("target", targets),
            ("access", named(file.access.iter().map(|way| &way.name).collect())),
            ("emergency", named(file.emergency.iter().map(|way| &way.name).collect())),
            ("rule", named(file.rules.iter().map(|rule| &rule.name).collect())),
            ("mask", named(file.masks.iter().map(|mask| &mask.name).collect())),
        ];
        for (kind, names) in lists {
            let mut seen = BTreeSet::new();
            for (name, span) in names {
                if !name.is_empty() && !seen.insert(name) {
                    let what = format!("there are two `[[{kind}]]` named `{name}`");
                    self.notes.wrong(&span, what, "give one of them another name");
                }
            }
        }
    }

    fn cycles(&mut self) {
        let file = self.file;
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for (name, _) in &file.groups {
            let name = name.get_ref().as_str();
            let Some(path) = cycle(&self.groups, name) else { continue };
            // Each cycle is told once, at the first of its groups.
            if path.iter().any(|group| told.contains(group)) {
                continue;
            }
            told.extend(path.iter().copied());
            let around: Vec<String> = path.iter().chain([&name]).map(|group| format!("`{group}`")).collect();
            let next = path.get(1).copied().unwrap_or(name);
            let member = self.groups.get(name).into_iter().copied().flatten();
            let member = member.into_iter().find(|who| matches!(who.get_ref(), Who::Group(group) if group == next));
            if let Some(member) = member {
                let what = format!("groups contain each other: {}", around.join(" contains "));
                self.notes.wrong(&member.span(), what, format!("take `group:{next}` out of `{name}`"));
            }
        }
    }

    /// Somebody that the file names.
    pub(super) fn who(&mut self, who: &At<Who>, is_member: bool) {
        let span = who.span();
        match who.get_ref() {
            Who::Group(name) if !self.groups.contains_key(name.as_str()) => {
                let known: Vec<String> = self.groups.keys().map(|group| format!("group:{group}")).collect();
                let instead = suggest(&format!("group:{name}"), known.iter().map(String::as_str));
                self.notes.wrong(&span, format!("there is no group `{name}`"), instead);
            }
            Who::OnCall(name) if !self.rotations.contains_key(name.as_str()) => {
                let known: Vec<String> = self.rotations.keys().map(|rotation| format!("oncall:{rotation}")).collect();
                let instead = suggest(&format!("oncall:{name}"), known.iter().map(String::as_str));
                self.notes.wrong(&span, format!("there is no rotation `{name}`"), instead);
            }
            Who::Group(_) | Who::OnCall(_) => {}
            Who::Person(name) => {
                if !self.not_a_name_of_many(&span, name) && !is_member {
                    self.typo(&span, name);
                }
            }
        }
    }

    /// A person who is called as a group or a rotation is: the prefix was forgotten.
    fn not_a_name_of_many(&mut self, span: &std::ops::Range<usize>, name: &str) -> bool {
        let (kind, prefix) = if self.groups.contains_key(name) {
            ("group", "group")
        } else if self.rotations.contains_key(name) {
            ("rotation", "oncall")
        } else {
            return false;
        };
        let what = format!("`{name}` is a {kind}, and this names a person");
        self.notes.wrong(span, what, format!("write `{prefix}:{name}`"));
        true
    }

    /// A person whom no group knows, and who is called nearly like somebody. Two people may be, so it is a warning.
    fn typo(&mut self, span: &std::ops::Range<usize>, name: &str) {
        let in_groups = self.resolved.values().flatten().map(String::as_str);
        let known: BTreeSet<&str> = in_groups
            .chain(self.rotations.values().flat_map(|text| &text.members).map(|member| member.get_ref().as_str()))
            .collect();
        if known.contains(name) {
            return;
        }
        let near = nearest(name, known.iter().copied()).filter(|near| distance(name, near) <= 2);
        let many = nearest(name, self.groups.keys().copied()).map(|group| format!("group:{group}"));
        if let Some(near) = near.map(str::to_owned).or(many) {
            let what = format!("`{name}` is in no group and no rotation");
            self.notes.warn(span, what, format!("write `{near}` if that is who was meant"));
        }
    }

    fn selector(&mut self, select: &Selector) {
        select.who.iter().for_each(|who| self.who(who, false));
        let targets: Vec<&Target> = self.file.targets.iter().map(|text| &text.target).collect();
        let mut known = true;
        for (key, value) in &select.targets {
            let has: BTreeSet<&str> = targets.iter().filter_map(|target| attribute(target, key.get_ref())).collect();
            if has.is_empty() {
                let labels = targets.iter().flat_map(|target| target.labels.keys().map(String::as_str));
                let keys: BTreeSet<&str> = labels.chain(["name", "protocol"]).collect();
                let what = format!("no target has a label `{}`", key.get_ref());
                self.notes.wrong(&key.span(), what, suggest(key.get_ref(), keys));
                known = false;
            } else if !has.contains(value.get_ref().as_str()) {
                let what = format!("no target has {} `{}`", key.get_ref(), value.get_ref());
                self.notes.wrong(&value.span(), what, suggest(value.get_ref(), has));
                known = false;
            }
        }
        // Inline tables come sorted by key, not by place.
        let start = select.targets.iter().map(|(key, _)| key.span().start).min();
        let end = select.targets.iter().map(|(_, value)| value.span().end).max();
        if let (true, Some(start), Some(end)) = (known, start, end)
            && self.selected(select).is_empty()
        {
            self.notes.wrong(&(start..end), "no target has all of these at once", "write what one target has");
        }
    }

    fn selected(&self, select: &Selector) -> Vec<&'f Target> {
        let all = self.file.targets.iter().map(|text| &text.target);
        let has = |target: &Target, (key, value): &(At<String>, At<String>)| {
            attribute(target, key.get_ref()) == Some(value.get_ref())
        };
        all.filter(|target| select.targets.iter().all(|pair| has(target, pair))).collect()
    }

    fn way(&mut self, way: &WayText) {
        self.selector(&way.select);
        for target in self.selected(&way.select) {
            for level in &way.select.levels {
                if !target.logins.contains_key(level.get_ref()) && !target.logins.is_empty() {
                    let what = format!("the target `{}` has no login for `{}`", target.name, level.get_ref());
                    let instead = format!("add `login.{0}` to it, or leave `{0}` out here", level.get_ref());
                    self.notes.wrong(&level.span(), what, instead);
                }
            }
        }
        for asked in &way.asked {
            if self.asked(asked) {
                self.requesters(way, asked);
            }
        }
    }

    /// Whether the people who are asked are known and enough.
    fn asked(&mut self, asked: &Asked) -> bool {
        let everyone: Vec<&At<Who>> = std::iter::once(&asked.from).chain(&asked.then).collect();
        for who in &everyone {
            self.who(who, false);
        }
        let known = everyone.iter().all(|who| match who.get_ref() {
            Who::Group(name) => self.groups.contains_key(name.as_str()),
            Who::OnCall(name) => self.rotations.contains_key(name.as_str()),
            Who::Person(_) => true,
        });
        let (people, most) = (usize::from(*asked.people.get_ref()), self.most(asked, None));
        if known && people > most {
            let what = format!("{people} must agree, and {most} can be asked at a time");
            let instead = if most == 0 {
                "ask a group that has people in it".to_owned()
            } else {
                format!("write `people = {most}`, or ask more")
            };
            self.notes.wrong(&asked.people.span(), what, instead);
        }
        known && people <= most
    }

    /// How many different people can be asked at the same moment, one of them left out.
    fn most(&self, asked: &Asked, without: Option<&str>) -> usize {
        let everyone: BTreeSet<&Who> = std::iter::once(&asked.from).chain(&asked.then).map(At::get_ref).collect();
        let fixed: BTreeSet<String> = everyone.iter().flat_map(|who| self.fixed(who)).collect();
        let other =
            |member: &At<String>| !fixed.contains(member.get_ref()) && Some(member.get_ref().as_str()) != without;
        let turns = everyone.iter().map(|who| match who {
            Who::OnCall(name) => self.rotations.get(name.as_str()).map_or(0, |text| match text.provider {
                // However many the schedule names: the file can't tell.
                Some(_) => usize::from(u8::MAX),
                // One person of a rotation at a time.
                None => usize::from(text.members.iter().any(other)),
            }),
            Who::Group(_) | Who::Person(_) => 0,
        });
        fixed.iter().filter(|name| Some(name.as_str()) != without).count() + turns.sum::<usize>()
    }

    pub(super) fn fixed(&self, who: &Who) -> BTreeSet<String> {
        match who {
            Who::Group(name) => self.resolved.get(name).cloned().unwrap_or_default(),
            Who::Person(name) => BTreeSet::from([name.clone()]),
            Who::OnCall(_) => BTreeSet::new(),
        }
    }

    /// Nobody decides on their own request, so whoever asks must leave enough others.
    fn requesters(&mut self, way: &WayText, asked: &Asked) {
        let askers = way.select.who.iter().flat_map(|who| self.fixed(who.get_ref())).collect::<BTreeSet<String>>();
        let people = usize::from(*asked.people.get_ref());
        let stuck = askers.into_iter().find(|asker| self.most(asked, Some(asker)) < people);
        if let Some(asker) = stuck {
            let what =
                format!("when `{asker}` asks, too few others can agree, since nobody decides on their own request");
            self.notes.warn(&asked.span, what, "ask more people, or add `then`");
        }
    }

    fn rule(&mut self, rule: &RuleText) {
        self.selector(&rule.select);
        if rule.name.get_ref() == ACCESS_LEVEL {
            let what = format!("`{ACCESS_LEVEL}` is the name of what every grant is judged by first");
            self.notes.wrong(&rule.name.span(), what, "give the rule another name");
        }
        for asked in &rule.asked {
            self.asked(asked);
        }
        match (rule.word.as_ref().map(At::get_ref), rule.asked.first()) {
            (Some(Word::Hold), None) => {
                let instead = "add `approval = { from = \"group:…\", people = 1, within = \"10m\" }`";
                self.notes.wrong(&rule.span, "this rule holds, and does not say who may agree", instead);
            }
            (Some(Word::Deny | Word::Allow), Some(asked)) => {
                let what = "nobody is asked unless the rule holds";
                self.notes.wrong(&asked.span, what, "leave `approval` out, or write `do = \"hold\"`");
            }
            (Some(Word::Hold) | None, Some(_)) | (Some(Word::Deny | Word::Allow) | None, None) => {}
        }
        self.over(rule);
        for test in &rule.tests {
            let Some(target) = &test.target else { continue };
            let names: Vec<&str> = self.file.targets.iter().map(|text| text.target.name.as_str()).collect();
            if !names.contains(&target.get_ref().as_str()) {
                let what = format!("there is no target `{}`", target.get_ref());
                self.notes.wrong(&target.span(), what, suggest(target.get_ref(), names));
            }
        }
    }

    fn over(&mut self, rule: &RuleText) {
        let allows = rule.word.as_ref().is_none_or(|word| *word.get_ref() == Word::Allow);
        for over in &rule.over {
            let named = |other: &&RuleText| other.name.get_ref() == over.get_ref();
            let does =
                self.file.rules.iter().find(named).map(|other| other.word.as_ref().map(|word| *word.get_ref()));
            let holds = |other: &&RuleText| other.word.as_ref().is_some_and(|word| *word.get_ref() == Word::Hold);
            let holds = self.file.rules.iter().filter(holds).map(|other| other.name.get_ref().as_str());
            let (what, instead) = match does {
                _ if !allows => (
                    "only a rule that allows can lift others".to_owned(),
                    "leave `over` out, or write `do = \"allow\"`".to_owned(),
                ),
                Some(None | Some(Word::Hold)) => continue,
                Some(Some(Word::Deny)) => (
                    format!("`{}` denies, and nothing lifts a denial", over.get_ref()),
                    "narrow that rule's `when` instead".to_owned(),
                ),
                Some(Some(Word::Allow)) => (
                    format!("`{}` holds nothing that could be lifted", over.get_ref()),
                    suggest(over.get_ref(), holds),
                ),
                None => (format!("there is no rule `{}`", over.get_ref()), suggest(over.get_ref(), holds)),
            };
            self.notes.wrong(&over.span(), what, instead);
        }
    }
}

/// Everybody in a group. Cycles end where they began.
fn resolve(groups: &BTreeMap<&str, &[At<Who>]>, name: &str) -> BTreeSet<String> {
    let (mut people, mut seen, mut left) = (BTreeSet::new(), BTreeSet::new(), vec![name]);
    while let Some(group) = left.pop() {
        if !seen.insert(group) {
            continue;
        }
        for member in groups.get(group).copied().unwrap_or_default() {
            match member.get_ref() {
                Who::Group(inner) => left.push(inner),
                Who::Person(name) => {
                    people.insert(name.clone());
                }
                Who::OnCall(_) => {}
            }
        }
    }
    people
}

/// The groups on the way from a group back to itself.
fn cycle<'g>(groups: &BTreeMap<&'g str, &'g [At<Who>]>, start: &'g str) -> Option<Vec<&'g str>> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![vec![start]]);
    while let Some(path) = left.pop() {
        let members = path.last().and_then(|group| groups.get(group)).copied().unwrap_or_default();
        for member in members {
            let Who::Group(inner) = member.get_ref() else { continue };
            if inner == start {
                return Some(path);
            }
            if seen.insert(inner.as_str()) {
                left.push(path.iter().copied().chain([inner.as_str()]).collect());
            }
        }
    }
    None
}
