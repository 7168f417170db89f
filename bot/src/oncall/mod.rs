//! Asks PagerDuty and Opsgenie who is on call, and writes it on the board that the policy reads.

mod http;
mod opsgenie;
mod pagerduty;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use workflows::Workflows;
use workflows::clock::Timestamp;
use workflows::oncall::{Provider, Source};
use workflows::policy::Policy;

use http::{Http, LONGEST_WAIT};

pub use http::AskError;

/// How often each schedule is asked for: twice within the time that an answer counts.
const EVERY: Duration = Duration::from_secs(30);
/// By how much that varies, so that several nodes do not ask at the same moment. Milliseconds.
const JITTER: u64 = 4_000;
/// How long all pages of one schedule may take. A slow provider must not use up another's time.
const PATIENCE: Duration = Duration::from_secs(15);

/// Keeps the board: asks for the schedule of every provided rotation of the policy in force.
#[derive(Debug)]
pub struct Watch {
    workflows: Workflows,
    http: Option<Http>,
    /// Until when a source wants to be left alone.
    waits: BTreeMap<Source, Timestamp>,
    /// What was said of each rotation last, so that only changes are said.
    told: BTreeMap<String, Told>,
}

/// What operators were told of a rotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    people: BTreeSet<String>,
    note: Option<String>,
    failure: Option<String>,
}

impl Watch {
    /// Nothing is asked yet. By the first question, the process must have chosen its TLS provider.
    pub const fn new(workflows: Workflows) -> Self {
        Self { workflows, http: None, waits: BTreeMap::new(), told: BTreeMap::new() }
    }

    /// Asks every half minute, and at once when the policy is reloaded, until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut reloads = self.workflows.watch_policy();
        loop {
            // Before the policy is read: a reload during a round ends that round.
            reloads.mark_unchanged();
            tokio::select! {
                () = stop.cancelled() => return,
                reloaded = reloads.changed() => if reloaded.is_ok() { continue } else { return },
                () = self.refresh() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                reloaded = reloads.changed() => if reloaded.is_err() { return },
                () = tokio::time::sleep(pause()) => {}
            }
        }
    }

    /// One round: every schedule is asked for once, all at the same time. Cancel-safe: what was answered is written.
    pub async fn refresh(&mut self) {
        let policy = self.workflows.policy();
        let sources: BTreeSet<Source> = policy.provided().map(|(_, provided)| provided.source.clone()).collect();
        let (board, now) = (self.workflows.board().clone(), self.workflows.clock().now());
        board.keep(&sources);
        // A wait that is longer than any is left over from a clock that was set back.
        self.waits
            .retain(|source, until| sources.contains(source) && *until > now && until.since(now) <= LONGEST_WAIT);
        let mut asked = JoinSet::new();
        let due: Vec<Source> = sources.into_iter().filter(|source| !self.waits.contains_key(source)).collect();
        for source in due {
            let Some(http) = self.http() else {
                board.failed(&source, AskError::Client.to_string(), now);
                continue;
            };
            let clock = self.workflows.clock().clone();
            asked.spawn(async move {
                let taken = clock.now();
                let who = tokio::time::timeout(PATIENCE, ask(&http, &source)).await;
                (source, taken, who.unwrap_or(Err(AskError::Slow)))
            });
        }
        while let Some(answer) = asked.join_next().await {
            // Where the question itself failed, the last answer grows old.
            let Ok((source, taken, who)) = answer else { continue };
            match who {
                Ok(people) => board.took(&source, people, taken),
                Err(error) => {
                    board.failed(&source, error.to_string(), taken);
                    if let AskError::Busy(wait) = error {
                        self.waits.insert(source, taken.plus(wait));
                    }
                }
            }
        }
        self.tell(&policy);
    }

    /// The client is made once. Where it can't be made, it is tried again in the next round.
    fn http(&mut self) -> Option<Http> {
        if self.http.is_none() {
            self.http = Http::new().ok();
        }
        self.http.clone()
    }

    /// Says what has changed for each rotation.
    fn tell(&mut self, policy: &Policy) {
        let now = self.workflows.clock().now();
        let before = std::mem::take(&mut self.told);
        for (name, provided) in policy.provided() {
            let view = policy.on_call(name, now);
            let failure = self.workflows.board().posted(&provided.source).failure;
            let told =
                Told { people: view.people, note: view.note, failure: failure.map(|failure| failure.why.clone()) };
            told.log(name, provided.source.provider, &before.get(name).cloned().unwrap_or_default());
            self.told.insert(name.to_owned(), told);
        }
    }
}

impl Told {
    fn log(&self, rotation: &str, provider: Provider, before: &Self) {
        let title = provider.title();
        match (&self.failure, &before.failure) {
            (Some(why), last) if last.as_ref() != Some(why) => {
                warn!(rotation, "{title} does not say who is on call in `{rotation}`: {why}");
            }
            (None, Some(_)) => info!(rotation, "{title} says who is on call in `{rotation}` again"),
            (Some(_), _) | (None, None) => {}
        }
        match &self.note {
            Some(note) if before.note.as_ref() != Some(note) => warn!(rotation, "`oncall:{rotation}`: {note}"),
            Some(_) => {}
            None if before.note.is_some() || before.people != self.people => {
                let people: Vec<&str> = self.people.iter().map(String::as_str).collect();
                info!(rotation, "`oncall:{rotation}` is {}", people.join(", "));
            }
            None => {}
        }
    }
}

/// Asks for one schedule. The token is read for each question, so that a new one needs no restart.
async fn ask(http: &Http, source: &Source) -> Result<Vec<String>, AskError> {
    let token = source.token.read()?;
    match source.provider {
        Provider::PagerDuty => pagerduty::who(http, source, &token).await,
        Provider::Opsgenie => opsgenie::who(http, source, &token).await,
    }
}

/// Half a minute, give or take.
fn pause() -> Duration {
    let random = RandomState::new().hash_one(()).checked_rem(JITTER).unwrap_or_default();
    EVERY.saturating_sub(Duration::from_millis(JITTER / 2)).saturating_add(Duration::from_millis(random))
}
