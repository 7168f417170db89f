//! From the text of the file to a policy, or to every mistake in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use cel::Env;
use sha2::{Digest, Sha256};
use toml::de::DeTable;

use super::check::Check;
use super::condition::Condition;
use super::file::{Asked, File, MaskText, RuleText, Selector, WayText, Word};
use super::mistake::{Mistake, Notes};
use super::read::At;
use super::rule::{Effect, MaskRule, People, Rule, Select, Test, Way};
use super::walk::Names;
use super::{Inner, Policy, provided, secrets};
use crate::approval::{Needs, Quorum};
use crate::oncall::Board;
use crate::verdict::Mask;

/// What reading is given: only what is used of it is taken from the machine.
const STACK: usize = 64 << 20;
/// More than any policy that people have read.
const LARGEST: usize = 4 << 20;

impl Policy {
    /// Reads the file. All of its mistakes are told at once; a file with an error gives no policy at all.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        // The parser of conditions recurses with large frames: 16 parentheses are too many for a stack of 2 MiB. On a
        // stack of its own it can neither overflow nor, should it panic, take the caller with it.
        let read = std::thread::scope(|scope| {
            let reader = std::thread::Builder::new().name("policy".to_owned()).stack_size(STACK);
            reader.spawn_scoped(scope, || Self::read(text)).ok().and_then(|reader| reader.join().ok())
        });
        read.unwrap_or_else(|| {
            let mut notes = Notes::new(text);
            notes.wrong(&(0..0), "the file could not be read to its end", "try again; if it stays so, report it");
            Err(notes.into_list())
        })
    }

    fn read(text: &str) -> Result<Self, Vec<Mistake>> {
        let mut notes = Notes::new(text);
        if text.len() > LARGEST {
            notes.wrong(&(0..0), "the file is larger than 4 MiB", "move what is not policy elsewhere");
            return Err(notes.into_list());
        }
        let (root, errors) = DeTable::parse_recoverable(text);
        // What looks like a secret is hidden before the first word about any line is written.
        secrets::scan(root.get_ref(), &mut notes);
        for error in &errors {
            syntax(error.message(), error.span(), &mut notes);
        }
        // After a mistake in the form of the file, what can be read is not what was written: names would seem missing.
        if !errors.is_empty() {
            return Err(notes.into_list());
        }
        let file = File::read(&root, &mut notes);
        let inner = build(file, text, &mut notes);
        if notes.refuses() {
            return Err(notes.into_list());
        }
        Ok(Self { inner: Arc::new(Inner { warnings: notes.into_list(), ..inner }) })
    }
}

fn syntax(message: &str, span: Option<Range<usize>>, notes: &mut Notes<'_>) {
    let message = message.lines().next().unwrap_or_default();
    let (what, instead) = message
        .split_once(", expected ")
        .map_or((message, String::new()), |(what, expected)| (what, format!("write {expected} here")));
    let instead = if what.contains("duplicate key") { "leave one of the two out".to_owned() } else { instead };
    notes.wrong(&span.unwrap_or(0..0), what.to_lowercase(), instead);
}

fn build(file: File, text: &str, notes: &mut Notes<'_>) -> Inner {
    let mut check = Check::new(&file, notes);
    check.all();
    let (groups, manages) = (check.people(), check.managed());
    let by_email = provided::by_email(&file, &groups);
    let names = names(&file);
    let env = Arc::new(Env::stdlib());
    let File {
        zone,
        auditors,
        administrators,
        targets,
        rotations,
        access,
        emergency,
        rules: rule_texts,
        masks,
        digest,
        ..
    } = file;
    let ways = access.into_iter().map(|text| (text, false)).chain(emergency.into_iter().map(|text| (text, true)));
    let ways = ways.filter_map(|(text, emergency)| way(text, emergency)).collect();
    let (mut rules, mut tests) = (Vec::new(), Vec::new());
    for text in rule_texts {
        if let Some((rule, its_tests)) = rule(text, &env, &names, notes) {
            rules.push(rule);
            tests.extend(its_tests);
        }
    }
    let rotations = rotations.into_iter().filter_map(|text| Some((text.name.into_inner(), text.turns?)));
    Inner {
        hash: hash(text),
        text: text.to_owned(),
        zone,
        auditors: auditors.into_iter().map(At::into_inner).collect(),
        administrators: administrators.into_iter().map(At::into_inner).collect(),
        env,
        targets: targets.into_iter().map(|text| (text.target.name.clone(), Arc::new(text.target))).collect(),
        people: People { groups, rotations: rotations.collect(), by_email, board: Board::default() },
        ways,
        rules,
        masks: masks.into_iter().map(mask).collect(),
        tests,
        digest: digest.schedule,
        manages,
        warnings: Vec::new(),
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String does not fail.
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}

fn names(file: &File) -> Names {
    let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, value) in file.targets.iter().flat_map(|text| &text.target.labels) {
        labels.entry(key.clone()).or_default().insert(value.clone());
    }
    Names {
        labels,
        targets: file.targets.iter().map(|text| text.target.name.as_str().to_owned()).collect(),
        groups: file.groups.iter().map(|(name, _)| name.get_ref().clone()).collect(),
        rotations: file.rotations.iter().map(|text| text.name.get_ref().clone()).collect(),
    }
}

fn select(text: Selector) -> Select {
    Select {
        who: text.who.into_iter().map(At::into_inner).collect(),
        targets: text.targets.into_iter().map(|(key, value)| (key.into_inner(), value.into_inner())).collect(),
        levels: text.levels.into_iter().map(At::into_inner).collect(),
    }
}

/// Nothing where nobody is asked: that was noted.
fn needs(rule: &str, asked: Vec<Asked>) -> Option<Needs> {
    let one = |asked: Asked| {
        Needs::one(Quorum {
            rule: rule.to_owned(),
            from: asked.from.into_inner(),
            people: asked.people.into_inner(),
            within: asked.within,
            then: asked.then.map(At::into_inner),
            pause: asked.pause,
            repeat: asked.repeat.map_or(Quorum::REPEAT, At::into_inner),
        })
    };
    asked.into_iter().map(one).reduce(Needs::join)
}

/// What is missing was noted when it was read.
fn way(text: WayText, emergency: bool) -> Option<Way> {
    let name = text.name.into_inner();
    let needs = needs(&name, text.asked)?;
    Some(Way { select: select(text.select), at_most: text.at_most?.into_inner(), needs, emergency, name })
}

fn mask(text: MaskText) -> MaskRule {
    MaskRule {
        name: text.name.into_inner(),
        select: select(text.select),
        mask: Mask { columns: text.columns.into_iter().collect(), detect: text.detect.into_iter().collect() },
        unless: text.unless.into_iter().map(At::into_inner).collect(),
    }
}

fn rule(text: RuleText, env: &Arc<Env>, names: &Names, notes: &mut Notes<'_>) -> Option<(Arc<Rule>, Vec<Test>)> {
    let when = match &text.when {
        Some(when) => Some(Condition::compile(when, env, names, notes)?),
        None => None,
    };
    let name = text.name.into_inner();
    let effect = match text.word?.into_inner() {
        Word::Allow => Effect::Allow { over: text.over.into_iter().map(At::into_inner).collect() },
        Word::Hold => Effect::Hold(needs(&name, text.asked)?),
        Word::Deny => Effect::Deny { because: text.because },
    };
    let rule = Arc::new(Rule { name, select: select(text.select), when, effect });
    let tests = text.tests.into_iter().map(|test| Test {
        rule: Arc::clone(&rule),
        span: test.expect.span(),
        sql: test.sql.into_inner(),
        expect: test.expect.into_inner(),
        person: test.person.map(At::into_inner),
        level: test.level,
        target: test.target.map(At::into_inner),
        at: test.at,
    });
    let tests = tests.collect();
    Some((rule, tests))
}
