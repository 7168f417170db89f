//! Runs the tests that rules carry: each says what the whole policy does with a statement that its rule is about.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Policy;
use super::file::Word;
use super::mistake::{Mistake, Notes};
use super::rule::Test;
use super::scope::{Judgement, Seat};
use crate::clock::Timestamp;
use crate::operation::{Circumstances, Operation};
use crate::target::{Access, Target};
use crate::verdict::{Gate, Verdict};

/// When tests are run that name no time: a Monday at noon, so that a test says the same on every day.
const USUALLY: jiff::civil::DateTime = jiff::civil::date(2026, 1, 5).at(12, 0, 0, 0);

/// How the protocols' classifiers are called from here: the policy knows no wire.
pub(super) type Classify<'c> = dyn FnMut(&Target, &str) -> (Vec<Operation>, Circumstances) + 'c;

impl Policy {
    /// Runs every `[[rule.test]]`; each that fails is a mistake at its line.
    ///
    /// A test is judged by the whole policy, for somebody whom its rule is about, at the highest level that its rule is
    /// about (`admin` where it names none), at a target that its rule covers, on a Monday at noon; `as`, `level`,
    /// `target` and `at` say otherwise.
    pub fn examine(&self, classify: &mut Classify<'_>) -> Vec<Mistake> {
        let mut notes = Notes::new(&self.inner.text);
        for test in &self.inner.tests {
            if let Err((what, instead)) = self.run(test, classify) {
                notes.wrong(&test.span, what, instead);
            }
        }
        notes.into_list()
    }

    fn run(&self, test: &Test, classify: &mut Classify<'_>) -> Result<(), (String, String)> {
        let select = &test.rule.select;
        let wanted = |target: &&Arc<Target>| match &test.target {
            Some(name) => target.name.as_str() == name,
            None => select.covers(target),
        };
        let Some(target) = self.targets().find(wanted) else {
            return Err(("there is no target to test this on".to_owned(), "write `target = \"…\"`".to_owned()));
        };
        let at = test.at.unwrap_or(USUALLY).to_zoned(self.zone().clone());
        let now = at.map_or(Timestamp::from_micros(0), |at| Timestamp::from_micros(at.timestamp().as_microsecond()));
        let somebody = || select.who.iter().find_map(|who| self.people(who, now).into_iter().next());
        let by = test.person.clone().or_else(somebody).unwrap_or_else(|| "somebody".to_owned());
        let access = test.level.or_else(|| select.levels.last().copied()).unwrap_or(Access::Admin);
        let seat = Seat {
            by: &by,
            target: &target.name,
            access,
            emergency: false,
            application: "test",
            client: "127.0.0.1",
        };
        let (operations, around) = classify(target, &test.sql);
        if operations.is_empty() {
            return Err(("there is no statement in this test".to_owned(), "write `sql = \"…\"`".to_owned()));
        }
        let Some(scope) = self.seated(&seat, now) else { return Ok(()) };
        let judged = operations.iter().map(|op| scope.judge(op, &around, now));
        compare(test, &judged.collect::<Vec<_>>())
    }
}

/// Whether the verdict is the expected one, and the rule had its part in it.
fn compare(test: &Test, judged: &[Judgement]) -> Result<(), (String, String)> {
    let verdict = judged.iter().fold(Verdict::open(), |all, one| all.strictest(one.verdict.clone()));
    let (says, by) = match &verdict.gate {
        Gate::Open => (Word::Allow, String::new()),
        Gate::Hold(needs) => {
            let rules: BTreeSet<String> = needs.quorums().iter().map(|quorum| format!("`{}`", quorum.rule)).collect();
            (Word::Hold, rules.into_iter().collect::<Vec<_>>().join(", "))
        }
        Gate::Shut(denial) => (Word::Deny, format!("`{}`", denial.rule)),
    };
    let doubts: Vec<&str> = judged.iter().flat_map(|one| &one.doubts).map(String::as_str).collect();
    let because = if by.is_empty() { "no rule is against it".to_owned() } else { format!("by {by}") };
    let because = if doubts.is_empty() { because } else { format!("{because}; {}", doubts.join("; ")) };
    let (expected, says_word) = (test.expect.as_str(), says.as_str());
    if says != test.expect {
        let what = format!("this test expects `{expected}`, and the policy says `{says_word}`: {because}");
        return Err((what, format!("write `expect = \"{says_word}\"`, or change the rule `{}`", test.rule.name)));
    }
    let matched = judged.iter().any(|one| one.rules.contains(&test.rule.name));
    if test.expect == test.rule.effect.word() && !matched {
        let what = format!(
            "the rule `{}` did not match here, though the policy says `{says_word}`: {because}",
            test.rule.name
        );
        return Err((what, "move the test to the rule that matched, or change the rule".to_owned()));
    }
    Ok(())
}
