//! The guard as a program of its own, small enough to be put on every target.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    guard::main(&std::env::args_os().collect::<Vec<_>>()).into()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("countersign: a session can be guarded on Linux only");
    125.into()
}
