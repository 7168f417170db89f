//! Files that pass are kept in the recording where the policy says so.

use workflows::clock::Span;

use super::certificates::countersign;
use super::files::{files, sftp};
use super::recordings::latest;
use super::{Host, until};

const KEEPS: (&str, &str) = ("protocol = \"ssh\"", "protocol = \"ssh\"\nkeep_files = \"64KiB\"");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_files_are_kept_both_ways_and_got_out_again() {
    let host = Host::edited(&[KEEPS]).await;
    host.grant(Span::hours(1)).await;
    let (here, there) = files(&host);
    let (h, t) = (here.display(), there.display());
    let small: Vec<u8> = (0..50_000_u32).flat_map(u32::to_be_bytes).take(60_000).collect();
    std::fs::write(here.join("small"), &small).expect("a file");
    let lines = format!("put {h}/small {t}/small\nput {h}/big {t}/big\nget {t}/old {h}/old\n");
    let (out, told, code) = sftp(&host, &[], &lines).await;
    assert_eq!(code, Some(0), "{out} {told}");
    until("it is over", || host.world.recorded().contains("\"ending\"")).await;
    let id = latest(&host).await;
    let looks = async || {
        let page = host.world.workflows().audit_page(0, 10_000).await.expect("the log");
        page.entries.iter().filter(|entry| format!("{entry:?}").contains("look at recording")).count()
    };
    let (out, told, code) = countersign(&host, &["sessions", "show", &id]).await;
    assert!(code == Some(0) && out.contains("2; --files lists them"), "{out} {told}");
    assert_eq!(looks().await, 0, "nobody looked at what is in it");
    let (out, told, code) = countersign(&host, &["sessions", "show", &id, "--files", "--identity", "/nowhere"]).await;
    assert!(
        code == Some(0) && out.contains(&id) && told.contains("the kept files can't be listed: "),
        "{out} {told}"
    );
    let (out, told, code) = countersign(&host, &["sessions", "show", &id, "--files"]).await;
    assert_eq!(code, Some(0), "{out} {told}");
    assert_eq!(looks().await, 1);
    let old = std::fs::read(there.join("old")).expect("a file");
    assert!(out.contains(&format!("1: put {t}/small (60000 bytes)")), "{out}");
    assert!(out.contains(&format!("2: get {t}/old ({} bytes)", old.len())), "{out}");
    assert!(host.world.recorded().contains(&format!("not kept: put {t}/big: it is larger than 65536 bytes")));
    for (number, expected) in [("1", &small), ("2", &old)] {
        let to = host.world.folder.path().join(format!("out-{number}"));
        let to = to.display().to_string();
        let args = ["sessions", "file", &id, number, "-o", &to];
        let (out, told, code) = countersign(&host, &args).await;
        assert_eq!(code, Some(0), "{out} {told}");
        assert_eq!(&std::fs::read(&to).expect("a file"), expected);
        // What is there already is left alone.
        let (_, told, code) = countersign(&host, &args).await;
        assert_eq!(code, Some(1), "{told}");
    }
    let (_, told, code) = countersign(&host, &["sessions", "file", &id, "3", "-o", "/nowhere/x"]).await;
    assert_eq!(code, Some(1), "{told}");
    let to = host.world.folder.path().join("out-3").display().to_string();
    let (_, told, code) = countersign(&host, &["sessions", "file", &id, "3", "-o", &to]).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("there is no file 3: the recording has 2"), "{told}");
    assert!(!std::path::Path::new(&to).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_word_in_the_policy_nothing_is_kept() {
    let host = Host::start().await;
    host.grant(Span::hours(1)).await;
    let (here, there) = files(&host);
    std::fs::write(here.join("small"), "only-in-the-file").expect("a file");
    let lines = format!("put {}/small {}/small\n", here.display(), there.display());
    let (out, told, code) = sftp(&host, &[], &lines).await;
    assert_eq!(code, Some(0), "{out} {told}");
    until("it is over", || host.world.recorded().contains("\"ending\"")).await;
    let text = host.world.recorded();
    assert!(text.contains("(16 bytes, sha256 ") && !text.contains("only-in-the-file"), "{text}");
    assert!(!text.contains("not kept"), "{text}");
}
