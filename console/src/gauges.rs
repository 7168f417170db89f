//! What operators watch: counts, never names. There is no global registry: whoever counts is handed a [`Gauges`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// What became of an operation at the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gate {
    /// It passed.
    Open,
    /// It was held until people agreed.
    Hold,
    /// It was refused.
    Shut,
}

impl EncodeLabelValue for Gate {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        let name = match self {
            Self::Open => "open",
            Self::Hold => "hold",
            Self::Shut => "shut",
        };
        EncodeLabelValue::encode(&name, encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByGate {
    gate: Gate,
}

/// From the approval to the release, in seconds. The aim is 50 ms, so most buckets lie around it.
const RELEASE: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Counters and gauges. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Gauges {
    sessions_live: Gauge,
    operations: Family<ByGate, Counter>,
    holds_open: Gauge,
    release: Histogram,
    masked_values: Counter,
    store_errors: Counter,
    recording_failures: Counter,
    registry: Arc<Registry>,
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges").finish_non_exhaustive()
    }
}

impl Default for Gauges {
    fn default() -> Self {
        Self::new()
    }
}

impl Gauges {
    /// All at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("countersign");
        let sessions_live = Gauge::default();
        registry.register("sessions_live", "Sessions that are open now", sessions_live.clone());
        let operations = Family::<ByGate, Counter>::default();
        // Each series exists from the start, so that a rate over it never begins with a gap.
        for gate in [Gate::Open, Gate::Hold, Gate::Shut] {
            drop(operations.get_or_create(&ByGate { gate }));
        }
        registry.register("operations", "Operations by what became of them", operations.clone());
        let holds_open = Gauge::default();
        registry.register("holds_open", "Operations that wait for people now", holds_open.clone());
        let release = Histogram::new(RELEASE);
        registry.register("release_seconds", "From an approval to the release of what was held", release.clone());
        let masked_values = Counter::default();
        registry.register("masked_values", "Values that were hidden in results", masked_values.clone());
        let store_errors = Counter::default();
        registry.register("store_errors", "Calls that the store could not answer", store_errors.clone());
        let recording_failures = Counter::default();
        registry.register("recording_failures", "Recordings that could not be written", recording_failures.clone());
        let registry = Arc::new(registry);
        Self {
            sessions_live,
            operations,
            holds_open,
            release,
            masked_values,
            store_errors,
            recording_failures,
            registry,
        }
    }

    /// A session began.
    pub fn session_began(&self) {
        self.sessions_live.inc();
    }

    /// A session ended.
    pub fn session_ended(&self) {
        self.sessions_live.dec();
    }

    /// An operation came to the checkpoint.
    pub fn operation(&self, gate: Gate) {
        self.operations.get_or_create(&ByGate { gate }).inc();
    }

    /// An operation began to wait for people.
    pub fn hold_began(&self) {
        self.holds_open.inc();
    }

    /// An operation no longer waits, whatever came of it.
    pub fn hold_ended(&self) {
        self.holds_open.dec();
    }

    /// What was held went on, this long after it was approved.
    pub fn released(&self, after: Duration) {
        self.release.observe(after.as_secs_f64());
    }

    /// Values were hidden in a result.
    pub fn masked(&self, values: u64) {
        self.masked_values.inc_by(values);
    }

    /// The store could not answer.
    pub fn store_failed(&self) {
        self.store_errors.inc();
    }

    /// A recording could not be written.
    pub fn recording_failed(&self) {
        self.recording_failures.inc();
    }

    /// All of it in Prometheus' text format.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_was_counted() {
        let gauges = Gauges::new();
        let gateway = gauges.clone();
        gateway.session_began();
        gateway.session_began();
        gateway.session_ended();
        gateway.operation(Gate::Open);
        gateway.operation(Gate::Open);
        gateway.operation(Gate::Shut);
        gateway.hold_began();
        gateway.released(Duration::from_millis(20));
        gateway.masked(3);
        gateway.store_failed();
        gateway.recording_failed();
        let page = gauges.render().expect("text");
        for line in [
            "countersign_sessions_live 1",
            "countersign_operations_total{gate=\"open\"} 2",
            "countersign_operations_total{gate=\"hold\"} 0",
            "countersign_operations_total{gate=\"shut\"} 1",
            "countersign_holds_open 1",
            "countersign_release_seconds_count 1",
            "countersign_release_seconds_bucket{le=\"0.025\"} 1",
            "countersign_release_seconds_bucket{le=\"0.01\"} 0",
            "countersign_masked_values_total 3",
            "countersign_store_errors_total 1",
            "countersign_recording_failures_total 1",
            "# TYPE countersign_sessions_live gauge",
            "# EOF",
        ] {
            assert!(page.lines().any(|at| at == line), "{line} is missing in\n{page}");
        }
    }
}
