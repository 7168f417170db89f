//! `ssh-key`: one's own public keys, for SSH without a token.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use console::documents::{BindBody, SshKey};

use super::Desk;
use crate::cli::SshKeyAddArgs;
use crate::failure::Failure;
use crate::ids::short;

/// Binds a key. Its private half signs here, where it is, and proves that it is the caller's.
pub(super) async fn add(desk: &Desk<'_>, args: SshKeyAddArgs) -> Result<(), Failure> {
    let (public, private) = halves(&args.key);
    let public_key = fs::read_to_string(&public)
        .map_err(|error| Failure::new(format!("`{}` cannot be read: {error}", public.display())))?;
    let client = desk.client()?;
    let words = BindBody::words(client.whoami().await?.person.id);
    // A key that only an agent holds is named by its public half.
    let signature = sign(if private.exists() { &private } else { &public }, &words)?;
    let label = args.label.unwrap_or_else(|| public_key.split_whitespace().nth(2).unwrap_or_default().to_owned());
    let bound = client.bind_key(&BindBody { public_key, signature, span: args.span, label }).await?;
    desk.screen.show(&bound, || {
        format!("{} signs you in over SSH until {}\n", bound.fingerprint, desk.screen.when(bound.until.0))
    })
}

/// The files of both halves, whichever was named.
fn halves(key: &Path) -> (PathBuf, PathBuf) {
    if key.extension().is_some_and(|end| end == "pub") {
        (key.to_owned(), key.with_extension(""))
    } else {
        let mut public = key.as_os_str().to_owned();
        public.push(".pub");
        (public.into(), key.to_owned())
    }
}

/// Asks `ssh-keygen`, which knows agents, passphrases and keys that have to be touched.
fn sign(key: &Path, words: &str) -> Result<String, Failure> {
    let failed = |why: &str| {
        Failure::new(format!("`ssh-keygen` did not sign with `{}`: {}", key.display(), why.trim()))
            .hint("the private half must be beside it, or in your agent (ssh-add)")
    };
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-Y", "sign", "-n", gateway::ssh::HOST, "-f"]).arg(key);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(words.as_bytes()).map_err(|error| failed(&error.to_string()))?;
    }
    let ended = child.wait_with_output().map_err(|error| failed(&error.to_string()))?;
    if !ended.status.success() {
        return Err(failed(&String::from_utf8_lossy(&ended.stderr)));
    }
    String::from_utf8(ended.stdout).map_err(|_| failed("it printed no text"))
}

pub(super) async fn list(desk: &Desk<'_>) -> Result<(), Failure> {
    let keys = desk.client()?.ssh_keys().await?;
    desk.screen.show(&keys, || {
        let row = |key: &SshKey| {
            let state = key.revoked.map_or_else(
                || format!("until {}", desk.screen.when(key.until.0)),
                |at| format!("revoked {}", desk.screen.when(at.0)),
            );
            let used = key.last_used.map_or_else(|| "never".to_owned(), |at| desk.screen.when(at.0));
            vec![short(&key.id), key.label.clone(), key.fingerprint.clone(), state, used]
        };
        desk.screen.table(&["KEY", "FOR", "FINGERPRINT", "SERVES", "LAST USED"], keys.iter().map(row).collect())
    })
}

pub(super) async fn revoke(desk: &Desk<'_>, given: &str) -> Result<(), Failure> {
    let client = desk.client()?;
    let id = client.key_id(given).await?;
    client.tell(&format!("/v1/ssh-keys/{id}/revoke"), &serde_json::json!({})).await?;
    desk.screen.say(&format!("{} signs in no longer\n", short(&id)));
    Ok(())
}
