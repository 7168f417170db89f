//! The rules and masks that matter for one session, prepared once, and the judge.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::condition::{Condition, Outcome};
use super::facts::{Fact, Facts, Scene, Sitter};
use super::rule::{Effect, Rule};
use super::{Inner, Policy};
use crate::approval::Who;
use crate::clock::Timestamp;
use crate::operation::{Act, Circumstances, Operation};
use crate::target::{Access, TargetName};
use crate::verdict::{Denial, Gate, Mask, Verdict};

/// What denials by the grant's own level are called. No rule may have this name.
pub(super) const ACCESS_LEVEL: &str = "access level";

/// One end of a session: who, where, and how.
#[derive(Clone, Copy, Debug)]
pub struct Seat<'a> {
    /// Who is connected.
    pub by: &'a str,
    /// To what.
    pub target: &'a TargetName,
    /// At which level.
    pub access: Access,
    /// Whether under a break-glass grant.
    pub emergency: bool,
    /// What the client calls itself.
    pub application: &'a str,
    /// The client's address.
    pub client: &'a str,
}

/// The rules and masks that can matter for one session.
pub struct Scope {
    inner: Arc<Inner>,
    sitter: Sitter,
    rules: Vec<Arc<Rule>>,
    mask: Arc<Mask>,
    looks_at: Vec<&'static Fact>,
    steady: bool,
    looks_at_text: bool,
    until: Option<Timestamp>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("sitter", &self.sitter).field("steady", &self.steady).finish_non_exhaustive()
    }
}

/// What the policy says of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The names of the rules that matched, in the order of the file.
    pub rules: Vec<String>,
    /// Conditions that could not be computed, each with its rule and the reason.
    pub doubts: Vec<String>,
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is about other people, or about others at this moment.
    Others,
    /// It is about other operations.
    No,
    /// It matches.
    Yes,
    /// Its condition could not be computed.
    Failed(String),
}

impl Policy {
    /// Prepares a session's rules and masks; nothing where the policy no longer permits it.
    pub fn scope(&self, seat: &Seat<'_>, now: Timestamp) -> Option<Scope> {
        if !self.permits(seat.by, seat.target, seat.access, seat.emergency, now) {
            return None;
        }
        self.seated(seat, now)
    }

    /// The same for somebody who may have no right to be there, for explanations and tests.
    pub(super) fn seated(&self, seat: &Seat<'_>, now: Timestamp) -> Option<Scope> {
        let target = Arc::clone(self.target(seat.target)?);
        let sitter = Sitter {
            by: seat.by.to_owned(),
            groups: self.groups_of(seat.by),
            target,
            access: seat.access,
            emergency: seat.emergency,
            application: seat.application.to_owned(),
            client: seat.client.to_owned(),
        };
        Some(Scope::new(Arc::clone(&self.inner), sitter, now))
    }
}

impl Scope {
    fn new(inner: Arc<Inner>, sitter: Sitter, now: Timestamp) -> Self {
        let people = &inner.people;
        let here = |rule: &&Arc<Rule>| rule.select.covers(&sitter.target) && rule.select.at(sitter.access);
        let rules: Vec<Arc<Rule>> = inner.rules.iter().filter(here).cloned().collect();
        let masks = inner.masks.iter().filter(|mask| mask.select.covers(&sitter.target));
        let masks: Vec<_> = masks.filter(|mask| mask.select.at(sitter.access)).collect();
        let hides = masks.iter().filter(|mask| people.is_any(&mask.select.who, &sitter.by, now));
        let lifted = |who: &[Who]| who.iter().any(|who| people.is(who, &sitter.by, now));
        let hides = hides.filter(|mask| !lifted(&mask.unless));
        let mask = hides.fold(Mask::default(), |all, rule| all.union(&rule.mask));
        let ways = inner.ways.iter().filter(|way| way.select.covers(&sitter.target));
        let asked = ways.flat_map(|way| &way.select.who);
        let asked = asked.chain(masks.iter().flat_map(|mask| mask.select.who.iter().chain(&mask.unless)));
        let until = people.next_change(asked, now);
        let mut looks_at: Vec<&'static Fact> = Vec::new();
        for fact in rules.iter().filter_map(|rule| rule.when.as_ref()).flat_map(Condition::looks_at) {
            if !looks_at.iter().any(|known| std::ptr::eq(*known, *fact)) {
                looks_at.push(fact);
            }
        }
        let turns = |rule: &Arc<Rule>| rule.select.who.iter().any(|who| matches!(who, Who::OnCall(_)));
        let steady = !looks_at.iter().any(|fact| fact.moves) && !rules.iter().any(turns);
        let looks_at_text = looks_at.iter().any(|fact| (fact.root, fact.field) == ("op", "text"));
        Self { mask: Arc::new(mask), until, rules, looks_at, steady, looks_at_text, sitter, inner }
    }

    /// Whether a verdict may be remembered by the statement's text: no condition here looks at anything that differs
    /// from one run to the next, and no rule is about whoever is on call.
    pub const fn steady(&self) -> bool {
        self.steady
    }

    /// Whether a condition here looks at the statement's own text, so that no other statement's verdict stands for it.
    pub const fn looks_at_text(&self) -> bool {
        self.looks_at_text
    }

    /// What is hidden in results.
    pub const fn mask(&self) -> &Arc<Mask> {
        &self.mask
    }

    /// The policy that this is part of, as [`Policy::hash`] says.
    pub fn policy_hash(&self) -> &str {
        &self.inner.hash
    }

    /// When the scope must be made anew, since a rotation hands over that the mask or the right to be here hangs on.
    pub const fn valid_until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Judges an operation. Deny wins over hold, hold over allow, and doubt counts as a match of whatever restricts.
    pub fn judge(&self, op: &Operation, around: &Circumstances, now: Timestamp) -> Judgement {
        let found = self.weigh(op, around, now);
        self.fold(op, &found)
    }

    /// What becomes of each rule, in the order of the file.
    pub(super) fn weigh(&self, op: &Operation, around: &Circumstances, now: Timestamp) -> Vec<(&Arc<Rule>, Found)> {
        let facts = if self.looks_at.is_empty() { None } else { Some(self.facts(op, around, now)) };
        let nothing = Facts::none();
        let facts = facts.as_ref().unwrap_or(&nothing);
        let weigh = |rule: &Rule| {
            if !self.inner.people.is_any(&rule.select.who, &self.sitter.by, now) {
                return Found::Others;
            }
            match rule.when.as_ref().map(|when| when.holds(&self.inner.env, facts)) {
                None | Some(Outcome::Yes) => Found::Yes,
                Some(Outcome::No) => Found::No,
                Some(Outcome::Failed(why)) => Found::Failed(why),
            }
        };
        self.rules.iter().map(|rule| (rule, weigh(rule))).collect()
    }

    fn facts(&self, op: &Operation, around: &Circumstances, now: Timestamp) -> Facts {
        let on_call = if self.steady { BTreeSet::new() } else { self.inner.people.on_call_in(&self.sitter.by, now) };
        let now = now.to_jiff().to_zoned(self.inner.zone.clone());
        Facts::of(&Scene { op, around, sitter: &self.sitter, mask: &self.mask, on_call, now }, &self.looks_at)
    }

    /// Folds what was found into one judgement. The order of the rules does not matter to the gate.
    pub(super) fn fold(&self, op: &Operation, found: &[(&Arc<Rule>, Found)]) -> Judgement {
        let open = Verdict { gate: Gate::Open, mask: Arc::clone(&self.mask) };
        let mut verdict = match self.beyond_level(op).or_else(|| self.leads_nowhere(op)) {
            Some(denial) => self.and(open, Gate::Shut(denial)),
            None => open,
        };
        let lifted: BTreeSet<&String> =
            found.iter().filter(|(_, found)| *found == Found::Yes).flat_map(|(rule, _)| over(rule)).collect();
        let (mut rules, mut doubts) = (Vec::new(), Vec::new());
        for (rule, found) in found {
            let doubt = match found {
                Found::Others | Found::No => continue,
                Found::Yes => None,
                Found::Failed(why) => {
                    Some(format!("the condition of the rule `{}` could not be computed: {why}", rule.name))
                }
            };
            let counts = match &rule.effect {
                // What can't be computed lifts nothing.
                Effect::Allow { .. } => doubt.is_none(),
                Effect::Hold(needs) => {
                    if !lifted.contains(&rule.name) {
                        verdict = self.and(verdict, Gate::Hold(needs.clone()));
                    }
                    true
                }
                Effect::Deny { because } => {
                    let because = self.because(rule, because.as_deref(), doubt.as_deref());
                    verdict = self.and(verdict, Gate::Shut(Denial { rule: rule.name.clone(), because }));
                    true
                }
            };
            if counts {
                rules.push(rule.name.clone());
            }
            doubts.extend(doubt);
        }
        Judgement { verdict, rules, doubts }
    }

    /// A port that the file lets lead nowhere. Rules only narrow what the file's login says.
    pub(super) fn leads_nowhere(&self, op: &Operation) -> Option<Denial> {
        if op.verb != FORWARD {
            return None;
        }
        let (access, target) = (self.sitter.access, &self.sitter.target);
        let login = target.logins.get(&access);
        let to = op.on.first().map_or("", |on| on.name.as_str());
        if login.is_some_and(|login| login.forwards(to)) {
            return None;
        }
        let because = format!(
            "no port leads through {} to {to} at {access} access; whoever keeps the file adds it: login.{access} = \
             {{ …, forward = [\"{to}\"] }}",
            target.name
        );
        Some(Denial { rule: "forwarding".to_owned(), because })
    }

    fn and(&self, verdict: Verdict, gate: Gate) -> Verdict {
        verdict.strictest(Verdict { gate, mask: Arc::clone(&self.mask) })
    }

    /// The words of a deny rule.
    fn because(&self, rule: &Rule, because: Option<&str>, doubt: Option<&str>) -> String {
        let target = &self.sitter.target.name;
        let words = because
            .map_or_else(|| format!("the rule `{}` does not allow this on {target}", rule.name), str::to_owned);
        match doubt {
            Some(doubt) => format!("{words} ({doubt})"),
            None => words,
        }
    }

    /// What the grant's level does not reach, before any rule is asked.
    pub(super) fn beyond_level(&self, op: &Operation) -> Option<Denial> {
        let (have, target) = (self.sitter.access, &self.sitter.target.name);
        let unread = op.act == Act::Opaque || op.opaque.is_some();
        let wanted = match op.act {
            Act::Administer | Act::Execute => Access::Admin,
            Act::Write | Act::Define | Act::Opaque => Access::Write,
            Act::Transaction | Act::Session | Act::Read if op.writes || op.undoes_read_only || unread => {
                Access::Write
            }
            Act::Transaction | Act::Session | Act::Read => Access::Read,
        };
        if wanted <= have {
            return None;
        }
        let what = match &op.opaque {
            Some(why) => format!("this could not be read ({why}), so it"),
            None => format!("`{}`", op.verb),
        };
        let because = format!(
            "{what} needs {wanted} access to {target}, and this is {have} access; ask for {wanted} with \
             `countersign request {target} --level {wanted}`"
        );
        Some(Denial { rule: ACCESS_LEVEL.to_owned(), because })
    }
}

/// The verb of a port that leads through a target to somewhere else.
pub const FORWARD: &str = "FORWARD";

/// The hold rules that an allow rule lifts.
fn over(rule: &Rule) -> impl Iterator<Item = &String> {
    match &rule.effect {
        Effect::Allow { over } => Some(over),
        Effect::Hold(_) | Effect::Deny { .. } => None,
    }
    .into_iter()
    .flatten()
}
