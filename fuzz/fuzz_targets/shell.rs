//! Any bytes, read as a command line. Nothing may panic or take long, and what could not be read says why.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use shell::{Login, Shell, classify, shape};
use workflows::operation::{Act, Operation};

/// What the reader gives, without the crate around it.
mod seams {
    /// The part of it that command lines have.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Classified {
        pub(crate) operations: Vec<workflows::operation::Operation>,
        pub(crate) statements: usize,
        pub(crate) mistaken: bool,
    }
}

#[allow(dead_code, unreachable_pub, private_interfaces, reason = "the folder as it is, without the crate around it")]
#[path = "../../gateway/src/shell/mod.rs"]
mod shell;

fuzz_target!(|bytes: &[u8]| {
    for shell in [Shell::Bash, Shell::Sh, Shell::Other] {
        let since = Instant::now();
        let login = Login { shell, ..Login::default() };
        let classified = classify(bytes, login);
        assert!(since.elapsed() < Duration::from_millis(50), "an answer comes soon");
        if shape(bytes, login, None).is_some() {
            let clear = |operation: &Operation| {
                operation.opaque.is_none() && operation.run.as_ref().is_some_and(|run| !run.loose)
            };
            assert!(classified.operations.iter().all(clear), "what can't be read has no shape");
        }
        assert!(!classified.operations.is_empty(), "there is always something to judge");
        for operation in &classified.operations {
            let opaque = operation.opaque.as_ref();
            assert_eq!(operation.act == Act::Opaque, opaque.is_some(), "what is opaque has a reason");
            assert!(opaque.is_none_or(|why| !why.is_empty() && why != "the parser failed"), "nothing panicked");
            assert!(opaque.is_none() || (operation.writes && !operation.bounded), "doubt counts as a write");
        }
    }
});
