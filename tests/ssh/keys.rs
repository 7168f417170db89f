//! Signing in with a public key that is bound to a person.

use std::path::{Path, PathBuf};

use tokio::process::Command;
use workflows::clock::Span;

use super::certificates::countersign;
use super::{Host, said};
use crate::world::PATIENCE;

/// A key pair of OpenSSH's own making; the file of its private half.
fn pair(folder: &Path, name: &str, kind: &str) -> PathBuf {
    let path = folder.join(name);
    let mut keygen = std::process::Command::new("ssh-keygen");
    keygen.args(["-q", "-t", kind, "-N", "", "-C", name, "-f"]).arg(&path);
    assert!(keygen.status().expect("ssh-keygen").success());
    path
}

async fn ssh(host: &Host, user: &str, keys: &[&Path]) -> (String, String, Option<i32>) {
    let folder = host.world.folder.path();
    let port = host.world.ready.ssh.expect("SSH is served").port().to_string();
    let known = format!("UserKnownHostsFile={}", folder.join("known").display());
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none", "-p", &port, "-o", &known, "-o", "StrictHostKeyChecking=accept-new"]);
    ssh.args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"]);
    for key in keys {
        ssh.arg("-i").arg(key);
    }
    ssh.arg(format!("{user}@127.0.0.1")).arg("echo in").env_remove("SSH_AUTH_SOCK").kill_on_drop(true);
    said(tokio::time::timeout(PATIENCE, ssh.output()).await.expect("in time").expect("ran"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bound_key_signs_its_owner_in_and_nobody_else() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let folder = host.world.folder.path().to_owned();
    let (mine, other) = (pair(&folder, "mine", "ed25519"), pair(&folder, "other", "ecdsa"));
    let in_with = |code: Option<i32>, out: &str| code == Some(0) && out == "in\n";
    let (out, told, code) = ssh(&host, "web-1", &[&mine]).await;
    assert!(code == Some(255) && told.contains("Permission denied"), "{out} {told}");
    let public = mine.with_extension("pub").display().to_string();
    let (out, told, code) = countersign(&host, &["ssh-key", "add", &public, "--for", "30d"]).await;
    assert!(
        code == Some(0) && out.starts_with("SHA256:") && out.contains("signs you in over SSH until"),
        "{out} {told}"
    );
    let (out, told, code) = ssh(&host, "web-1", &[&mine]).await;
    assert!(in_with(code, &out), "{told}");
    let (out, told, code) = ssh(&host, "ada+web-1", &[&mine]).await;
    assert!(in_with(code, &out), "{told}");
    for (user, key) in [("grace+web-1", &mine), ("web-1", &other), ("ada+web-1", &other)] {
        let (out, told, code) = ssh(&host, user, &[key]).await;
        assert!(code == Some(255) && told.contains("Permission denied"), "{user} {out} {told}");
    }
    // A probe signs nobody in: the client that has only the public half gets no further.
    let half = folder.join("half.pub");
    std::fs::copy(mine.with_extension("pub"), &half).expect("a copy");
    let (out, told, code) = ssh(&host, "web-1", &[&half]).await;
    assert!(code == Some(255) && out.is_empty(), "{out} {told}");
    // The bound one counts though it is the last of many.
    let many: Vec<PathBuf> = (0..4).map(|at| pair(&folder, &format!("many-{at}"), "ed25519")).collect();
    let all: Vec<&Path> = many.iter().chain([&mine]).map(PathBuf::as_path).collect();
    let (out, told, code) = ssh(&host, "web-1", &all).await;
    assert!(in_with(code, &out), "{told}");
    let (out, told, code) = countersign(&host, &["ssh-key", "list"]).await;
    assert!(code == Some(0) && out.contains("mine") && out.contains("SHA256:"), "{out} {told}");
    let id = out.split_whitespace().find(|word| word.starts_with("key_")).expect("an id").to_owned();
    let (_, told, code) = countersign(&host, &["ssh-key", "revoke", &id]).await;
    assert_eq!(code, Some(0), "{told}");
    let (out, told, code) = ssh(&host, "web-1", &[&mine]).await;
    assert!(code == Some(255) && told.contains("Permission denied"), "{out} {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_bound_by_whoever_holds_its_private_half_alone() {
    let host = Host::start().await;
    let folder = host.world.folder.path().to_owned();
    let mine = pair(&folder, "mine", "ed25519");
    // Only the public half is here, as if it were somebody else's.
    let half = folder.join("half.pub");
    std::fs::copy(mine.with_extension("pub"), &half).expect("a copy");
    let (out, told, code) = countersign(&host, &["ssh-key", "add", &half.display().to_string()]).await;
    assert!(code == Some(1) && told.contains("`ssh-keygen` did not sign"), "{out} {told}");
    let (out, told, code) =
        countersign(&host, &["ssh-key", "add", &mine.display().to_string(), "--for", "400d"]).await;
    assert!(code == Some(2) && told.contains("at most 366d"), "{out} {told}");
}
