//! Bytes between OpenSSH 9.2's `sftp` or `scp` and its `sftp-server`, as they were recorded: `>` from the client or
//! `<` from the server, a length of four bytes, and so many bytes, in the order in which they passed.

use std::path::Path;

use super::*;

/// What was judged and what was moved, a line each, when the recording passes in pieces of at most so many bytes.
fn replay(name: &str, most: usize) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpora/sftp").join(name);
    let recording = std::fs::read(path).unwrap();
    let mut rest = recording.as_slice();
    let (mut talk, mut lines) = (Talk::default(), Vec::new());
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    while let Some((way, after)) = rest.split_first() {
        let (len, after) = after.split_first_chunk().unwrap();
        let (bytes, after) = after.split_at(u32::from_be_bytes(*len) as usize);
        rest = after;
        for piece in bytes.chunks(most) {
            let buffer = if *way == b'>' { &mut asked } else { &mut answered };
            buffer.extend_from_slice(piece);
            while let Some(len) = cut(buffer).unwrap() {
                let packet: Vec<u8> = buffer.drain(..len).collect();
                if *way == b'<' {
                    lines.extend(talk.answer(&packet).unwrap().iter().map(ToString::to_string));
                    continue;
                }
                match talk.ask(&packet).unwrap() {
                    Look::Pass => {}
                    Look::Judge(fact) => {
                        assert_eq!(fact.opaque, None, "{fact}");
                        lines.push(fact.to_string());
                    }
                    Look::Refuse(_, why) => panic!("{why}: {packet:?}"),
                }
            }
        }
    }
    assert!(asked.is_empty() && answered.is_empty(), "something is left over");
    assert_eq!(talk.0.end(), [], "everything was closed");
    lines
}

/// The same, whatever the pieces.
fn lines(name: &str) -> Vec<String> {
    let lines = replay(name, usize::MAX);
    assert_eq!(replay(name, 1), lines);
    assert_eq!(replay(name, 7), lines);
    lines
}

const CONF: &[u8] = b"port = 8080\nname = \"demo\"\n";

fn blocks() -> Vec<u8> {
    (0..2000).map(|at: usize| ((at * 7 + at / 256) % 256) as u8).collect()
}

fn hex(bytes: &[u8]) -> String {
    sha256(bytes).map(|byte| format!("{byte:02x}")).concat()
}

#[test]
fn a_session_of_sftp_is_told() {
    let hash = hex(CONF);
    let there = "/tmp/sftp-demo/there";
    let told = lines("manage.rec");
    // What it looks up in between is of no interest here.
    let told: Vec<_> =
        told.iter().filter(|line| !line.starts_with("stat ") && !line.starts_with("realpath ")).collect();
    assert_eq!(
        told.iter().map(|line| line.replace(there, "T")).collect::<Vec<_>>(),
        [
            "mkdir T (mode 0777)".to_owned(),
            "open T/app.conf (write, create, truncate, mode 0644)".to_owned(),
            format!("put T/app.conf (26 bytes, sha256 {hash})"),
            "opendir T".to_owned(),
            "users".to_owned(),
            "setstat T/app.conf (mode 0600)".to_owned(),
            "symlink app.conf as T/link".to_owned(),
            "hardlink T/app.conf as T/second".to_owned(),
            "users".to_owned(),
            "rename T/second -> T/third".to_owned(),
            "open T/third (read)".to_owned(),
            "open T/copy (write, create, truncate, mode 0600)".to_owned(),
            "copy T/third -> T/copy".to_owned(),
            "get T/third (0 bytes, may not be all of it)".to_owned(),
            "put T/copy (0 bytes, may not be all of it)".to_owned(),
            "statvfs T".to_owned(),
            "open T/copy (read)".to_owned(),
            format!("get T/copy (26 bytes, sha256 {hash})"),
            "remove T/link".to_owned(),
            "remove T/third".to_owned(),
            "rmdir T/nothing".to_owned(),
        ]
    );
}

#[test]
fn requests_that_were_sent_ahead_are_told_right() {
    let told = lines("blocks.rec");
    let moved: Vec<_> = told.iter().filter(|line| line.starts_with("put ") || line.starts_with("get ")).collect();
    let hash = hex(&blocks());
    assert_eq!(
        moved,
        [
            &format!("put /tmp/sftp-demo/there/blocks.bin (2000 bytes, sha256 {hash})"),
            &format!("get /tmp/sftp-demo/there/blocks.bin (2000 bytes, sha256 {hash})"),
            // `reput` goes on where the file ends, and appends.
            "put /tmp/sftp-demo/there/app.conf (1974 bytes, no sha256, may not be all of it)",
        ]
    );
}

#[test]
fn scp_replaces_a_longer_file_and_never_asks_where_relative_paths_begin() {
    let told = lines("scp.rec");
    let hash = hex(CONF);
    let up = "/tmp/sftp-demo/there/up";
    assert_eq!(
        told.iter().map(|line| line.replace(up, "U")).collect::<Vec<_>>(),
        [
            "stat there/".to_owned(),
            "realpath there/up".to_owned(),
            "mkdir U (mode 0755, times)".to_owned(),
            "stat U".to_owned(),
            "open U/app.conf (write, create, mode 0644, times)".to_owned(),
            "setstat U/app.conf (size 26)".to_owned(),
            "setstat U/app.conf (mode 0644, times)".to_owned(),
            format!("put U/app.conf (26 bytes, sha256 {hash})"),
            "setstat U (mode 0755, times)".to_owned(),
        ]
    );
}
