//! Certificates, each way in which one can be wrong, and OpenSSH's own programs.

mod craft;
mod hosts;
mod keeping;
mod openssh;
mod people;
mod servers;
mod sessions;
mod words;

use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey};
use tempfile::TempDir;

use super::check::Refused;
use super::draft::IssueError;
use super::key::Unfit;
use super::user::Proved;
use super::*;

/// The 15th of January 2027.
const NOW: u64 = 1_800_000_000;
const ADA: &str = "idn_01JZ8Q4V7XK2M9T3B6N5R1C0DE";

/// Three authorities, and the folder that holds their keys.
fn authorities() -> (TempDir, Authorities) {
    let folder = tempfile::tempdir().unwrap();
    let made = Authorities::open(folder.path()).unwrap();
    (folder, made)
}

fn key() -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap()
}

fn for_ada(subject: &russh::keys::PublicKey) -> ForPerson<'_> {
    ForPerson {
        subject,
        identity: ADA,
        person: "ada@example.com",
        issue: "tok_01JZ8Q4V7XK2M9T3B6N5R1C0DE",
        target: None,
        valid: NOW..NOW + 3600,
        serial: 7,
        permits: &[],
    }
}

fn for_session(principal: &str) -> ForSession<'_> {
    ForSession {
        principal,
        person: "ada@example.com",
        session: "ses_01JZ8Q4V7XK2M9T3B6N5R1C0DE",
        now: NOW,
        until: NOW + 3600,
        from: &[],
        permits: &[],
    }
}

fn visit() -> Visit<'static> {
    Visit { now: NOW, peer: [192, 0, 2, 7].into(), target: "web-1" }
}
