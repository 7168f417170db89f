//! Reading SQL for the policy: the gateway's classifier, called from where nothing else of the gateway runs. Here, since
//! the policy knows no SQL, and the console knows no gateway.

use std::sync::Arc;
use std::thread;

use console::documents;
use gateway::sql::{Classified, Classifier};
use workflows::clock::Timestamp;
use workflows::operation::{Circumstances, Operation};
use workflows::policy::{Explanation, Mistake, Policy, Question};
use workflows::target::{Protocol, Target, TargetName};

/// Reads statements. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Judge {
    classifier: Classifier,
}

impl Judge {
    /// Starts the parser's threads.
    pub fn start() -> std::io::Result<Self> {
        Ok(Self { classifier: Classifier::start()? })
    }

    /// What a text would do. Blocks: for commands, and for calls off the reactor.
    fn read(&self, sql: &str) -> Vec<Operation> {
        let classified: Option<Arc<Classified>> = thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
                Some(runtime.block_on(self.classifier.classify(sql, true)))
            });
            waiting.join().ok().flatten()
        });
        match classified {
            Some(classified) => classified.operations.clone(),
            None => vec![Operation::opaque(sql, "the parser could not be started")],
        }
    }

    fn facts(&self, target: &Target, text: &str) -> (Vec<Operation>, Circumstances) {
        match target.protocol {
            Protocol::Postgres => {
                let operations = self.read(text);
                let around = Circumstances { statements: operations.len(), ..Circumstances::default() };
                (operations, around)
            }
            Protocol::Ssh => {
                let operations = gateway::ssh::read(target, text);
                let around = Circumstances { statements: operations.len(), ..Circumstances::default() };
                (operations, around)
            }
        }
    }

    /// Runs the tests that the rules carry; each that fails is a mistake.
    pub fn examine(&self, policy: &Policy) -> Vec<Mistake> {
        policy.examine(&mut |target, sql| self.facts(target, sql))
    }

    /// What somebody would meet with a text at a target.
    pub fn explain(&self, policy: &Policy, by: &str, target: &TargetName, sql: &str, now: Timestamp) -> Explanation {
        let (operations, around) = policy.target(target).map(|target| self.facts(target, sql)).unwrap_or_default();
        let question =
            Question { by, target, access: None, emergency: false, operations: &operations, around: &around };
        policy.explain(&question, now)
    }
}

/// The same for the API: the strictest verdict first, then each rule that had a part in it.
pub fn document(explanation: &Explanation) -> documents::Explanation {
    let strictest = explanation.operations.iter().max_by_key(|line| match line.verdict {
        "deny" => 2,
        "hold" => 1,
        _ => 0,
    });
    let gate = match strictest.map(|line| line.verdict) {
        Some("allow") => "open",
        Some("hold") => "hold",
        // Whoever may not enter meets a closed door, whatever the statement.
        Some(_) | None => "shut",
    };
    let mut because: Vec<String> = Vec::new();
    for line in &explanation.access {
        because.push(format!("access `{}`: {}", line.rule, line.why));
    }
    for line in &explanation.operations {
        because.push(format!("{} reads as {} ({})", line.operation.verb, line.operation.act, line.verdict));
        because.extend(line.because.clone());
        because.extend(line.rules.iter().map(|rule| format!("rule `{}`: {}", rule.rule, rule.why)));
    }
    let asked = strictest.into_iter().flat_map(|line| &line.asked);
    let asked = asked.map(|line| {
        let people: Vec<&str> = line.people.iter().map(String::as_str).collect();
        format!("{} ({})", line.from, people.join(", "))
    });
    let masked = explanation.masks.iter().filter(|line| line.applies);
    documents::Explanation {
        gate: gate.to_owned(),
        because,
        asked: asked.collect(),
        masked: masked.flat_map(|line| line.hides.clone()).collect(),
    }
}
