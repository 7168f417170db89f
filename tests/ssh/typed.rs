//! What is typed is kept apart from what is printed, and what is typed without being shown is kept nowhere.

use std::path::Path;

use workflows::clock::Span;

use super::certificates::countersign;
use super::watched::Terminal;
use super::{Host, until};
use crate::world::files;

/// Nothing that could be mistaken for anything else.
const CANARY: &str = "zQ7unseen";

/// A shell is not held, though nobody can tell what is typed into it.
const SHELLS: (&str, &str) = ("op.program == \"rm\" || op.opaque", "op.program == \"rm\"");

/// Types lines that are shown around a password that is not.
async fn a_password(host: &Host, terminal: &mut Terminal, agreed: bool) {
    terminal.types("echo plain-$((40+2))\r").await;
    terminal.shows("plain-42\r\n").await;
    terminal.types("read -s -p 'Password: ' word; echo; echo length ${#word}\r").await;
    terminal.shows("Password: ").await;
    secret(host, terminal, agreed).await;
    terminal.shows(&format!("length {}\r\n", CANARY.len())).await;
    terminal.types("echo after-$((50+5))\r").await;
    terminal.shows("after-55\r\n").await;
}

/// Types a password where a real program asks for one.
async fn a_passphrase(host: &Host, terminal: &mut Terminal) {
    let key = host.place().join("sealed");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", CANARY, "-f"])
        .arg(&key)
        .status()
        .expect("ssh-keygen");
    assert!(made.success());
    let owned = std::process::Command::new("chown").arg(host.sshd.user()).arg(&key).status().expect("chown");
    assert!(owned.success());
    terminal.types(&format!("ssh-keygen -y -f {} | cut -c1-11\r", key.display())).await;
    terminal.shows("passphrase").await;
    secret(host, terminal, false).await;
    terminal.shows("ssh-ed25519\r\n").await;
}

/// Types a password; a watched session holds what it can't read.
async fn secret(host: &Host, terminal: &mut Terminal, agreed: bool) {
    // A program may take a moment from its question to the end of the echo.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    terminal.types(&format!("{CANARY}\r")).await;
    if agreed {
        let held = host.world.held().await;
        host.world.approve("linus", held.id).await;
    }
}

fn holds(path: &Path) -> bool {
    let bytes = std::fs::read(path).expect("a file");
    bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}

async fn nothing_unseen_is_kept(host: &Host) {
    until("the session is over", || host.world.recorded().contains("\"ending\"")).await;
    let text = host.world.recorded();
    for line in ["echo plain-$((40+2))\r", "read -s -p 'Password: ' word; echo; echo length ${#word}\r", "exit\r"] {
        assert!(text.contains(&format!("typed 1 {line}\n")), "{line:?} is missing in {text}");
    }
    assert!(!text.contains(CANARY), "{text}");
    // Nor in the store, the keys' folder, or anything else that was written.
    for path in files(host.world.folder.path()) {
        assert!(!holds(&path), "{} holds what was never shown", path.display());
    }
    let (out, told, code) = countersign(host, &["sessions", "search", "--in", "typed", "after-$((50+5))"]).await;
    assert_eq!(code, Some(0), "{out} {told}");
    assert!(out.contains("echo after-$((50+5))"), "{out}");
    let (out, told, code) = countersign(host, &["sessions", "search", CANARY]).await;
    assert_eq!((out.as_str(), code), ("", Some(1)), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_typed_unseen_is_kept_nowhere() {
    let host = Host::edited(&[SHELLS]).await;
    host.grant(Span::hours(1)).await;
    let mut terminal = Terminal::ready(&host).await;
    a_password(&host, &mut terminal, false).await;
    a_passphrase(&host, &mut terminal).await;
    terminal.types("exit\r").await;
    nothing_unseen_is_kept(&host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_is_it_in_a_watched_session() {
    let host = super::watched::watched().await;
    let mut terminal = Terminal::ready(&host).await;
    a_password(&host, &mut terminal, true).await;
    terminal.types("exit\r").await;
    nothing_unseen_is_kept(&host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_typed_is_masked_and_in_a_film_on_request_only() {
    let masks = "\n[[mask]]\nname = \"cards\"\ntargets = { name = \"web-1\" }\ndetect = [\"card\"]\n\n[[mask]]\n";
    let host = Host::edited(&[SHELLS, ("\n[[mask]]\n", masks)]).await;
    host.grant(Span::hours(1)).await;
    let mut terminal = Terminal::ready(&host).await;
    terminal.types("echo 4111-1111-1111-1111 | wc -c\r").await;
    terminal.shows("20\r\n").await;
    terminal.types("exit\r").await;
    until("it is over", || host.world.recorded().contains("\"ending\"")).await;
    let text = host.world.recorded();
    assert!(text.contains("typed 1 echo ****-****-****-1111 | wc -c\r\n"), "{text}");
    let id = super::recordings::latest(&host).await;
    for (input, expected) in [(false, 0), (true, 2)] {
        let film = host.world.folder.path().join(format!("film-{expected}.cast"));
        let mut args = vec!["sessions", "export", &id, "--cast", "--output", film.to_str().expect("a path")];
        args.extend(input.then_some("--input"));
        let (_, told, code) = countersign(&host, &args).await;
        assert_eq!(code, Some(0), "{told}");
        let text = std::fs::read_to_string(&film).expect("a film");
        let typed = text.lines().skip(1).filter(|line| line.contains(", \"i\", ")).count();
        assert_eq!(typed, expected, "{text}");
    }
}
