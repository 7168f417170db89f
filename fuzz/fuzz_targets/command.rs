//! Any text, read as a command. Nothing may panic, and what may be sent at once was said in full.
#![no_main]

use bot::command::{Ask, Certain, Command, Target, parse};
use libfuzzer_sys::fuzz_target;
use workflows::target::TargetName;

fuzz_target!(|text: &str| {
    let names: Vec<TargetName> = ["analytics", "billing.eu", "orders-dev", "orders-prod", "1h"]
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    match parse(text, &names) {
        Command::Ask(ask) | Command::Emergency(ask) => look(text, &names, &ask),
        Command::Unknown { said, hint } => {
            assert!(said.len() <= 8 * text.len().min(1_000) + 3, "only the beginning is repeated");
            assert!(!hint.is_empty(), "there is always something to write instead");
        }
        _ => {}
    }
});

fn look(text: &str, names: &[TargetName], ask: &Ask) {
    if let Target::Exact(name) = &ask.target {
        assert!(names.contains(name), "only what may be asked for is understood");
    }
    if let Some(because) = &ask.because {
        assert!((1..=1_000).contains(&because.chars().count()), "a reason has an end");
    }
    if ask.certain == Certain::Short {
        assert!(matches!(ask.target, Target::Exact(_)) && ask.span.is_some(), "said in full");
        assert!(ask.left_over.is_empty(), "every word was understood");
        let because = ask.because.as_deref().unwrap_or_default();
        assert!(text.contains('<') || text.contains(because), "the reason is as it was typed");
    }
}
