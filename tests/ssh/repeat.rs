//! Approved once, and again: for exactly this, or for its shape, as the approver chose.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sandbox::Sshd;
use tokio::io::AsyncWriteExt;
use workflows::clock::Span;
use workflows::id::RequestId;
use workflows::request::{Request, What};

use super::watched::{Terminal, watched};
use super::{Host, said, until};
use crate::world::{PATIENCE, Start, going_clock};

/// A folder at the host whose path has no hidden part, and files in it that the login may remove.
struct Files(PathBuf);

impl Files {
    fn new(port: u16) -> Self {
        let folder = PathBuf::from(format!("/tmp/countersign-repeat-{port}"));
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).expect("a folder");
        let files = Self(folder);
        for name in ["a", "b", "c", "d", "e"] {
            files.make(name);
        }
        files
    }

    /// A file that `rm` asks nothing about.
    fn make(&self, name: &str) {
        std::fs::write(self.at(name), "x").expect("a file");
        std::fs::set_permissions(self.at(name), PermissionsExt::from_mode(0o666)).expect("a file");
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// What is held next: another request than the last one.
async fn held(host: &Host, last: Option<RequestId>, file: &Path) -> Request {
    let request = host.world.held().await;
    assert_ne!(Some(request.id), last);
    let What::Operation { shown, .. } = &request.what else { panic!("an operation") };
    assert!(shown.contains(&file.display().to_string()), "{shown}");
    request
}

fn shape_of(request: &Request) -> Option<&str> {
    let What::Operation { shape, .. } = &request.what else { panic!("an operation") };
    shape.as_ref().map(|shape| shape.shown.as_str())
}

/// Linus agrees on the command line.
async fn approves(host: &Host, request: &Request, more: &[&str]) {
    let id = request.id.to_string();
    let args: Vec<&str> = ["approve", &id, "--yes"].into_iter().chain(more.iter().copied()).collect();
    let (out, told, code) = super::certificates::countersign_as(host, "linus", &args).await;
    assert_eq!(code, Some(0), "{out} {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_file_passes_by_the_shape_and_other_options_or_another_time_do_not() {
    let (clock, hand, _going) = going_clock();
    let sshd = tokio::task::spawn_blocking(|| Sshd::start("")).await.expect("a thread").expect("sshd");
    let host = Host::on(sshd, true, &[], Start { clock, ..Start::default() }).await;
    host.grant(Span::hours(1)).await;
    let files = Files::new(host.sshd.port());
    let mut ssh = host.ssh(&["-tt"], &[]).await;
    let mut child = ssh.stdin(Stdio::piped()).spawn().expect("ssh");
    let mut keys = child.stdin.take().expect("its input");
    let mut types = async |words: String| keys.write_all(format!("{words}\n").as_bytes()).await.expect("typed");
    types(format!("rm {}", files.at("a").display())).await;
    let first = held(&host, None, &files.at("a")).await;
    assert!(shape_of(&first).is_some_and(|shape| shape.ends_with("rm …")), "{first:?}");
    approves(&host, &first, &["--repeat", "shape", "--for", "10m"]).await;
    until("it ran", || !files.at("a").exists()).await;
    // Another operand passes, and nobody is asked.
    types(format!("rm {}", files.at("b").display())).await;
    until("another passes", || !files.at("b").exists()).await;
    // Another option asks again, and so does what is no operand of a shape.
    types(format!("rm -f {}", files.at("c").display())).await;
    let forced = held(&host, Some(first.id), &files.at("c")).await;
    host.world.deny("linus", forced.id).await;
    types(format!("rm {}/../{}/c", files.0.display(), files.0.file_name().expect("a name").display())).await;
    let above = held(&host, Some(forced.id), &files.0.join("..")).await;
    assert_eq!(shape_of(&above), None);
    host.world.deny("linus", above.id).await;
    types(format!("rm {}/[c]", files.0.display())).await;
    until("what the shell made of a pattern is a name", || !files.at("c").exists()).await;
    // The time is over.
    hand.advance(Span::minutes(10));
    types(format!("rm {}", files.at("d").display())).await;
    let late = held(&host, Some(above.id), &files.at("d")).await;
    assert!(files.at("d").exists(), "nothing ran");
    host.world.approve("linus", late.id).await;
    until("it ran", || !files.at("d").exists()).await;
    types("exit 5".to_owned()).await;
    let (out, told, code) =
        said(tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("ran"));
    assert_eq!(code, Some(5), "{out} {told}");
    assert!(out.contains("approved by linus, again for this shape until "), "{out}");
    assert_eq!(out.matches("allowed by linus, again for this shape until ").count(), 2, "{out}");
    let recorded = host.world.recorded();
    assert!(recorded.contains("approved linus again for this shape until "), "{recorded}");
    assert!(recorded.contains("approved linus allowed again for this shape until "), "{recorded}");
    let page = host.world.workflows().audit_page(0, 10_000).await.expect("the log");
    let again = page.entries.iter().filter(|entry| format!("{entry:?}").contains("spend again")).count();
    assert_eq!(again, 2, "each is in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_a_watched_shell_have_shapes_where_their_paths_are_whole() {
    let host = watched().await;
    let files = Files::new(host.sshd.port());
    let mut terminal = Terminal::ready(&host).await;
    terminal.types(&format!("rm {}\r", files.at("a").display())).await;
    let first = held(&host, None, &files.at("a")).await;
    assert_eq!(shape_of(&first), Some("rm …"));
    approves(&host, &first, &["--repeat", "shape"]).await;
    terminal.shows("approved by linus, again for this shape until ").await;
    until("it ran", || !files.at("a").exists()).await;
    terminal.types(&format!("rm {}\r", files.at("b").display())).await;
    terminal.shows("allowed by linus, again for this shape until ").await;
    until("another passes", || !files.at("b").exists()).await;
    // What is written out in full may run again.
    terminal.types(&format!("rm -f {}\r", files.at("d").display())).await;
    let whole = held(&host, Some(first.id), &files.at("d")).await;
    assert_eq!(shape_of(&whole), Some("rm -f …"));
    approves(&host, &whole, &["--repeat", "exact", "--for", "10m"]).await;
    until("it ran", || !files.at("d").exists()).await;
    files.make("d");
    terminal.types(&format!("rm -f {}\r", files.at("d").display())).await;
    terminal.shows("allowed by linus, again for exactly this until ").await;
    until("exactly this passes", || !files.at("d").exists()).await;
    terminal.types(&format!("cd {} && rm c\r", files.0.display())).await;
    let relative = held(&host, Some(whole.id), &files.0).await;
    assert_eq!(shape_of(&relative), None, "nobody knows where it would run");
    for again in ["shape", "exact"] {
        let args = ["approve", &relative.id.to_string(), "--yes", "--repeat", again, "--for", "10m"];
        let (_, told, code) = super::certificates::countersign_as(&host, "linus", &args).await;
        assert!(code != Some(0) && told.contains("can be approved once only"), "{told}");
    }
    approves(&host, &relative, &[]).await;
    until("it ran", || !files.at("c").exists()).await;
    files.make("c");
    // The same words again, which nobody could allow.
    terminal.types(&format!("cd {} && rm c\r", files.0.display())).await;
    held(&host, Some(relative.id), &files.0).await;
    assert!(files.at("c").exists());
}
