//! Says what would happen and why: `countersign explain`.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::Policy;
use super::route::gives;
use super::rule::Rule;
use super::scope::{Found, Scope, Seat};
use crate::approval::{Needs, Quorum, Who};
use crate::clock::{Span, Timestamp};
use crate::operation::{Circumstances, Operation};
use crate::target::{Access, TargetName};
use crate::verdict::{ColumnPattern, Gate, Mask};

/// What is to be explained.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Who would do it.
    pub by: &'a str,
    /// Where.
    pub target: &'a TargetName,
    /// At which level; the highest that the person may ask for, where none is named.
    pub access: Option<Access>,
    /// Whether under a break-glass grant.
    pub emergency: bool,
    /// The classified statements; none where only access is in question.
    pub operations: &'a [Operation],
    /// What surrounds them.
    pub around: &'a Circumstances,
}

/// What would happen, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Who.
    pub by: String,
    /// Where.
    pub target: String,
    /// Whether there is such a target.
    pub known: bool,
    /// The level that operations are judged at.
    pub level: Access,
    /// The groups of the person.
    pub groups: BTreeSet<String>,
    /// The rotations in which the person is on call.
    pub on_call: BTreeSet<String>,
    /// The levels that the person may ask for.
    pub may_ask: Vec<Access>,
    /// Every way to a grant.
    pub access: Vec<AccessLine>,
    /// Every statement.
    pub operations: Vec<OperationLine>,
    /// Every mask.
    pub masks: Vec<MaskLine>,
}

/// One `[[access]]` or `[[emergency]]`.
#[derive(Clone, Debug, Serialize)]
pub struct AccessLine {
    /// Its name.
    pub rule: String,
    /// Whether it is a right to break the glass.
    pub emergency: bool,
    /// Whether it lets the person ask.
    pub matches: bool,
    /// Why, or why not.
    pub why: String,
    /// The levels that it gives here.
    pub levels: Vec<Access>,
    /// The longest that it gives.
    pub at_most: String,
    /// Who would be asked.
    pub asked: Vec<AskedLine>,
}

/// One quorum, with the people whom it means now.
#[derive(Clone, Debug, Serialize)]
pub struct AskedLine {
    /// The rule that wants it.
    pub rule: String,
    /// Who is asked.
    pub from: Who,
    /// Who that is now, without the person who asks.
    pub people: BTreeSet<String>,
    /// How many of them must agree.
    pub needed: u8,
    /// Within what time.
    pub within: String,
    /// How far an unanswered question may move that, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<String>,
    /// For how long at most what they approve may pass again, where the file says that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
    /// Who is asked after that.
    pub then: Option<Who>,
    /// Who that is now, without the person who asks.
    pub then_people: BTreeSet<String>,
    /// What is wrong with the rotations among them, and who is asked instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One statement.
#[derive(Clone, Debug, Serialize)]
pub struct OperationLine {
    /// Its facts.
    pub operation: Operation,
    /// `allow`, `hold` or `deny`.
    pub verdict: &'static str,
    /// For a denial, the rule and its words.
    pub because: Option<String>,
    /// For a hold, who would be asked.
    pub asked: Vec<AskedLine>,
    /// Every rule, in the order of the file.
    pub rules: Vec<RuleLine>,
}

/// One rule.
#[derive(Clone, Debug, Serialize)]
pub struct RuleLine {
    /// Its name.
    pub rule: String,
    /// What it does when it matches.
    pub does: &'static str,
    /// Whether it matches; a condition that fails counts as a match of whatever restricts.
    pub matches: bool,
    /// Why, or why not.
    pub why: String,
}

/// One mask.
#[derive(Clone, Debug, Serialize)]
pub struct MaskLine {
    /// Its name.
    pub mask: String,
    /// Whether it hides anything from this person.
    pub applies: bool,
    /// Why, or why not.
    pub why: String,
    /// What it hides.
    pub hides: Vec<String>,
}

const LEVELS: [Access; 3] = [Access::Read, Access::Write, Access::Admin];

impl Policy {
    /// Says what would happen and why. Rights are not needed for a question, so show the answer only to people who may
    /// read the policy.
    pub fn explain(&self, question: &Question<'_>, now: Timestamp) -> Explanation {
        let may_ask: BTreeSet<Access> = self
            .may_ask(question.by, now)
            .into_iter()
            .filter(|may| may.target.name == *question.target && may.emergency == question.emergency)
            .flat_map(|may| may.levels)
            .collect();
        let level = question.access.or(may_ask.last().copied()).unwrap_or(Access::Read);
        let seat = Seat {
            by: question.by,
            target: question.target,
            access: level,
            emergency: question.emergency,
            application: "explain",
            client: "127.0.0.1",
        };
        let scope = self.seated(&seat, now);
        let operation = |scope: &Scope, op: &Operation| self.operation_line(scope, op, question, level, now);
        let operations =
            scope.iter().flat_map(|scope| question.operations.iter().map(move |op| operation(scope, op)));
        Explanation {
            by: question.by.to_owned(),
            target: question.target.to_string(),
            known: scope.is_some(),
            level,
            groups: self.groups_of(question.by),
            on_call: self.inner.people.on_call_in(question.by, now),
            may_ask: may_ask.into_iter().collect(),
            access: self.access_lines(question, now),
            operations: operations.collect(),
            masks: self.mask_lines(question, level, now),
        }
    }

    fn access_lines(&self, question: &Question<'_>, now: Timestamp) -> Vec<AccessLine> {
        let Some(target) = self.target(question.target) else { return Vec::new() };
        let line = |way: &super::rule::Way| {
            let levels: Vec<Access> = LEVELS.into_iter().filter(|level| gives(way, target, *level)).collect();
            let people = &self.inner.people;
            let why = if !way.select.covers(target) {
                Err("it is about other targets".to_owned())
            } else if way.select.who.iter().any(|who| people.is(who, question.by, now)) {
                Ok(format!("{} is meant by {}", question.by, list(&way.select.who)))
            } else {
                Err(format!("{} is not in {}", question.by, list(&way.select.who)))
            };
            AccessLine {
                rule: way.name.clone(),
                emergency: way.emergency,
                matches: why.is_ok(),
                why: why.unwrap_or_else(|why| why),
                levels,
                at_most: way.at_most.to_string(),
                asked: self.asked_lines(&way.needs, question.by, now),
            }
        };
        self.inner.ways.iter().map(line).collect()
    }

    fn asked_lines(&self, needs: &Needs, by: &str, now: Timestamp) -> Vec<AskedLine> {
        let others =
            |who: &Who| -> BTreeSet<String> { self.people(who, now).into_iter().filter(|name| name != by).collect() };
        let line = |quorum: &Quorum| AskedLine {
            rule: quorum.rule.clone(),
            people: others(&quorum.from),
            from: quorum.from.clone(),
            needed: quorum.people,
            within: quorum.within.to_string(),
            pause: (quorum.pause > Span::ZERO).then(|| quorum.pause.to_string()),
            repeat: (quorum.repeat != Quorum::REPEAT).then(|| quorum.repeat.to_string()),
            then_people: quorum.then.as_ref().map(others).unwrap_or_default(),
            then: quorum.then.clone(),
            notes: self.on_call_notes(quorum, now),
        };
        needs.quorums().iter().map(line).collect()
    }

    fn operation_line(
        &self,
        scope: &Scope,
        op: &Operation,
        question: &Question<'_>,
        level: Access,
        now: Timestamp,
    ) -> OperationLine {
        let found = scope.weigh(op, question.around, now);
        let gate = scope.fold(op, &found).verdict.gate;
        let (verdict, because, asked) = match &gate {
            Gate::Open => ("allow", None, Vec::new()),
            Gate::Hold(needs) => ("hold", None, self.asked_lines(needs, question.by, now)),
            Gate::Shut(denial) => ("deny", Some(format!("`{}`: {}", denial.rule, denial.because)), Vec::new()),
        };
        let line = |rule: &std::sync::Arc<Rule>| {
            let found = found.iter().find(|(here, _)| std::sync::Arc::ptr_eq(here, rule)).map(|(_, found)| found);
            let (matches, why) = why(rule, found, question.by, level);
            RuleLine { rule: rule.name.clone(), does: rule.effect.word().as_str(), matches, why }
        };
        let rules = self.inner.rules.iter().map(line).collect();
        OperationLine { operation: op.clone(), verdict, because, asked, rules }
    }

    fn mask_lines(&self, question: &Question<'_>, level: Access, now: Timestamp) -> Vec<MaskLine> {
        let Some(target) = self.target(question.target) else { return Vec::new() };
        let people = &self.inner.people;
        let line = |rule: &super::rule::MaskRule| {
            let why = if !rule.select.covers(target) {
                Err("it is about other targets".to_owned())
            } else if !rule.select.at(level) {
                Err(format!("it is not about {level} access"))
            } else if !people.is_any(&rule.select.who, question.by, now) {
                Err(format!("{} is not in {}", question.by, list(&rule.select.who)))
            } else if rule.unless.iter().any(|who| people.is(who, question.by, now)) {
                Err(format!("{} is in {}, who see everything", question.by, list(&rule.unless)))
            } else {
                Ok("it is about this target".to_owned())
            };
            MaskLine {
                mask: rule.name.clone(),
                applies: why.is_ok(),
                why: why.unwrap_or_else(|why| why),
                hides: hides(&rule.mask),
            }
        };
        self.inner.masks.iter().map(line).collect()
    }
}

/// Whether a rule matched, and why.
fn why(rule: &Rule, found: Option<&Found>, by: &str, level: Access) -> (bool, String) {
    let when = rule.when.as_ref().map(super::condition::Condition::text);
    match found {
        None if !rule.select.at(level) => (false, format!("it is not about {level} access")),
        None => (false, "it is about other targets".to_owned()),
        Some(Found::Others) => (false, format!("{by} is not in {}", list(&rule.select.who))),
        Some(Found::No) => (false, format!("`{}` is false", when.unwrap_or_default())),
        Some(Found::Yes) => (true, when.map_or("it has no condition".to_owned(), |when| format!("`{when}` is true"))),
        Some(Found::Failed(why)) => {
            let restricts = rule.effect.word() != super::file::Word::Allow;
            (restricts, format!("`{}` could not be computed: {why}", when.unwrap_or_default()))
        }
    }
}

fn list(who: &[Who]) -> String {
    who.iter().map(|who| format!("`{who}`")).collect::<Vec<_>>().join(" or ")
}

/// A mask as the file would write it.
fn hides(mask: &Mask) -> Vec<String> {
    let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
    let column = |pattern: &ColumnPattern| match &pattern.schema {
        Some(schema) => format!("{schema}.{}.{}", part(&pattern.table), part(&pattern.column)),
        None => format!("{}.{}", part(&pattern.table), part(&pattern.column)),
    };
    mask.columns.iter().map(column).chain(mask.detect.iter().map(|name| format!("every {name}"))).collect()
}

impl fmt::Display for AskedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |people: &BTreeSet<String>| {
            if people.is_empty() {
                "nobody else now".to_owned()
            } else {
                people.iter().cloned().collect::<Vec<_>>().join(", ")
            }
        };
        write!(f, "{} of {} ({}) within {}", self.needed, self.from, names(&self.people), self.within)?;
        if let Some(pause) = &self.pause {
            write!(f, ", questions stop the clock for up to {pause}")?;
        }
        if let Some(repeat) = &self.repeat {
            write!(f, ", may pass again for up to {repeat}")?;
        }
        if let Some(then) = &self.then {
            write!(f, ", then {then} ({})", names(&self.then_people))?;
        }
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.known {
            return writeln!(f, "there is no target `{}`", self.target);
        }
        let joined = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
        writeln!(f, "{} on {}", self.by, self.target)?;
        writeln!(f, "  groups:  {}", or_none(joined(&self.groups)))?;
        writeln!(f, "  on call: {}", or_none(joined(&self.on_call)))?;
        let levels: Vec<&str> = self.may_ask.iter().map(|level| level.as_str()).collect();
        writeln!(f, "  may ask: {}", or_none(levels.join(", ")))?;
        writeln!(f, "\naccess")?;
        for line in &self.access {
            let kind = if line.emergency { " (break-glass)" } else { "" };
            writeln!(f, "  {} `{}`{kind}: {}", mark(line.matches), line.rule, line.why)?;
            if line.matches {
                let levels: Vec<&str> = line.levels.iter().map(|level| level.as_str()).collect();
                writeln!(f, "      {} for at most {}", levels.join(", "), line.at_most)?;
                let verb = if line.emergency { "reviewed by" } else { "asks" };
                line.asked.iter().try_for_each(|asked| writeln!(f, "      {verb} {asked}"))?;
            }
        }
        for line in &self.operations {
            writeln!(f, "\n{line}")?;
        }
        if !self.masks.is_empty() {
            writeln!(f, "\nmasks")?;
        }
        for line in &self.masks {
            writeln!(f, "  {} `{}`: {}", mark(line.applies), line.mask, line.why)?;
            if line.applies {
                writeln!(f, "      hides {}", line.hides.join(", "))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for OperationLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = &self.operation;
        let objects: Vec<String> = op.on.iter().map(crate::operation::Object::path).collect();
        let flag = |yes: bool, word: &'static str, no: &'static str| if yes { word } else { no };
        write!(f, "{} is {}", op.verb, op.act)?;
        write!(f, ", {}", flag(op.writes, "writes", "does not write"))?;
        write!(f, ", {}", flag(op.bounded, "bounded", "unbounded"))?;
        if !objects.is_empty() {
            write!(f, ", touches {}", objects.join(", "))?;
        }
        if !op.functions.is_empty() {
            write!(f, ", calls {}", op.functions.join(", "))?;
        }
        if let Some(why) = &op.opaque {
            write!(f, ", could not be read: {why}")?;
        }
        writeln!(f)?;
        for rule in &self.rules {
            writeln!(f, "  {} `{}` ({}): {}", mark(rule.matches), rule.rule, rule.does, rule.why)?;
        }
        write!(f, "  verdict: {}", self.verdict)?;
        if let Some(because) = &self.because {
            write!(f, ", by {because}")?;
        }
        self.asked.iter().try_for_each(|asked| write!(f, "\n      asks {asked} (rule `{}`)", asked.rule))
    }
}

const fn mark(yes: bool) -> char {
    if yes { '+' } else { '-' }
}
