//! However a program is reached, it is asked about; and an answer of no is an error that the caller lives on with.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::world::{Reply, World, bash, compile, folder, left_out, name};

/// Each line starts `id`, or something that stands for it.
const LINES: &[(&str, &str)] = &[
    ("as it is", "/usr/bin/id"),
    ("a sub-shell", "(/usr/bin/id)"),
    ("a substitution", "echo $(/usr/bin/id)"),
    ("a pipe", "true | /usr/bin/id | cat"),
    ("in the background", "/usr/bin/id & wait"),
    ("exec", "(exec /usr/bin/id)"),
    ("another shell", "bash -c /usr/bin/id"),
    ("a shell in a shell", "sh -c 'bash -c \"sh -c /usr/bin/id\"'"),
    ("eval and variables", "a=/usr/bi; b=n/id; eval \"$a$b\""),
    ("base64", "echo L3Vzci9iaW4vaWQK | base64 -d | sh"),
    ("env", "env -i /usr/bin/id"),
    ("nohup", "nohup /usr/bin/id"),
    ("setsid", "setsid -w /usr/bin/id"),
    ("timeout", "timeout 9 /usr/bin/id"),
    ("nice", "nice /usr/bin/id"),
    ("xargs", "echo x | xargs -I@ /usr/bin/id"),
    ("find", "find . -maxdepth 0 -exec /usr/bin/id ';'"),
    ("awk", "awk 'BEGIN { system(\"/usr/bin/id\") }'"),
    ("perl exec", "perl -e 'exec \"/usr/bin/id\"'"),
    ("perl system", "perl -e 'system \"/usr/bin/id\"'"),
    ("python", "python3 -c 'import os; os.system(\"/usr/bin/id\")'"),
    ("python subprocess", "python3 -c 'import subprocess; subprocess.call([\"/usr/bin/id\"])' 2>&1"),
    ("python posix_spawn", "python3 -c 'import os; os.wait4(os.posix_spawn(\"/usr/bin/id\", [\"id\"], {}), 0)' 2>&1"),
    ("vim", "vim -es -u NONE -c ':!/usr/bin/id > out' -c ':qa!' </dev/null; cat out"),
    ("tar", "touch f; tar cf /dev/null --checkpoint=1 --checkpoint-action=exec=/usr/bin/id f"),
    ("git alias", "git -c alias.x='!/usr/bin/id' x"),
    ("the loader", "./ways vfork"),
    ("posix_spawn", "./ways spawn"),
    ("a double fork", "./ways twice; sleep 0.3"),
    ("a thread", "./ways thread"),
    ("memory", "./ways memory"),
    ("no arguments", "./ways nothing"),
    ("a script", "./script"),
    ("a script of env", "./script-env"),
    ("a script without #!", "./script-bare"),
    ("a trap", "trap /usr/bin/id EXIT; :"),
    ("BASH_ENV", "echo /usr/bin/id > e; BASH_ENV=./e bash -c :"),
    ("make", "printf 'all:\\n\\t@/usr/bin/id\\n' > Makefile; make -s"),
];

fn is_id(question: &guard::wire::Question) -> bool {
    name(question) == "id" || question.doubts.nameless
}

fn session(line: &str, deny: bool) -> crate::world::Ended {
    let uid = rustix::process::geteuid().as_raw();
    let folder = folder(uid);
    compile(folder.path(), "ways");
    for (name, text) in [
        ("script", "#!/bin/sh\n/usr/bin/id\n"),
        ("script-env", "#!/usr/bin/env bash\n/usr/bin/id\n"),
        ("script-bare", "/usr/bin/id\n"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let line = format!("{line}; echo the shell goes on");
    let rule = move |question: &guard::wire::Question| {
        if is_id(question) && deny { Reply::Deny("not today") } else { Reply::Go }
    };
    let argv = bash(&line);
    World::start_as(crate::world::Way { uid, folder, argv: &argv, silence: 15 }, Box::new(rule)).end()
}

/// Programs that a machine without them leaves out, loudly.
fn missing(line: &str) -> bool {
    let path = "/usr/local/bin:/usr/bin:/bin";
    let there = |program: &str| path.split(':').any(|folder| fs::exists(format!("{folder}/{program}")).unwrap());
    ["vim", "git", "make", "perl", "python3"].into_iter().any(|program| {
        let wanted = line.split([' ', ';']).any(|word| word == program) && !there(program);
        if wanted {
            eprintln!("LEFT OUT: `{program}` is not installed");
        }
        wanted
    })
}

#[test]
fn every_way_to_a_program_is_asked_about_and_runs_when_it_may() {
    if left_out() {
        return;
    }
    for (way, line) in LINES.iter().filter(|(_, line)| !missing(line)) {
        let ended = session(line, false);
        assert!(ended.seen.asked.iter().any(is_id), "{way}: asked {:?}; {}", ended.seen.names(), ended.err);
        assert!(ended.out.contains("uid="), "{way}: {} {}", ended.out, ended.err);
        assert!(ended.out.contains("the shell goes on"), "{way}: {} {}", ended.out, ended.err);
        assert_eq!(ended.seen.outcomes().get("altered"), None, "{way}: {}", ended.err);
    }
}

#[test]
fn a_denied_program_does_not_run_and_the_shell_goes_on() {
    if left_out() {
        return;
    }
    for (way, line) in LINES.iter().filter(|(_, line)| !missing(line)) {
        let ended = session(line, true);
        assert!(!ended.out.contains("uid="), "{way}: {}", ended.out);
        assert!(ended.out.contains("the shell goes on"), "{way}: {} {}", ended.out, ended.err);
        assert!(ended.err.contains("not today"), "{way}: {}", ended.err);
        assert_eq!((ended.status, ended.seen.ended), (0, Some(0)), "{way}");
    }
}

#[test]
fn the_error_of_a_denial_is_eperm() {
    if left_out() {
        return;
    }
    let ended = session("./ways vfork; echo $?; ./ways spawn", true);
    assert!(ended.out.contains("42\n"), "{}", ended.out);
    assert!(ended.out.contains("Operation not permitted"), "{}", ended.out);
}

#[test]
fn the_question_says_what_would_run() {
    if left_out() {
        return;
    }
    let rule = |question: &guard::wire::Question| match name(question).as_str() {
        "rm" => Reply::Deny("no"),
        _ => Reply::Go,
    };
    let line = "cd /usr/share && LD_PRELOAD=/x.so FOO=1 rm -rf 'a b' $'\\xff\\n' ''; true";
    let ended = World::start(&bash(line), Box::new(rule)).end();
    let question = ended.seen.asked.iter().find(|question| name(question) == "rm").unwrap();
    assert_eq!(question.program, fs::canonicalize("/bin/rm").unwrap().to_str().unwrap().as_bytes());
    assert_eq!(question.argv, [b"rm".to_vec(), b"-rf".to_vec(), b"a b".to_vec(), vec![0xff, b'\n'], Vec::new()]);
    assert_eq!(question.cwd, b"/usr/share");
    assert_eq!(question.uid, rustix::process::geteuid().as_raw());
    assert_eq!(question.session, "ses-1");
    assert!(question.env.contains(&b"LD_PRELOAD=/x.so".to_vec()), "{:?}", question.env);
    assert!(!question.env.iter().any(|entry| entry.starts_with(b"FOO=")));
    assert!(question.pid > 0 && question.ppid > 0);
    assert_eq!(ended.seen.names()[0], "bash", "the session's own shell is asked about too");
    let nonces: std::collections::HashSet<_> = ended.seen.asked.iter().map(|question| question.nonce).collect();
    assert_eq!(nonces.len(), ended.seen.asked.len());
}

#[test]
fn scripts_name_script_and_interpreter_and_what_the_user_may_change_is_marked() {
    if left_out() {
        return;
    }
    let ended = session("./script; ./ways memory", false);
    let script = ended.seen.asked.iter().find(|question| name(question) == "script").unwrap();
    assert!(script.interpreter.ends_with(b"sh") && script.interpreter != script.program);
    assert!(script.doubts.writable);
    assert!(ended.seen.asked.iter().any(|question| question.doubts.nameless));
}

#[test]
fn errors_that_the_kernel_would_give_are_given_without_asking() {
    if left_out() {
        return;
    }
    let line = "/no/such/thing; echo $?; ./plain; echo $?; /tmp; echo $?";
    let ended = World::start(&bash(line), Box::new(|_| Reply::Go)).end();
    assert_eq!(ended.out, "127\n127\n126\n");
    assert_eq!(ended.seen.names(), ["bash"], "nobody is asked about programs that are not there");
}

#[test]
fn a_program_that_the_kernel_cannot_start_after_all_fails_as_always() {
    if left_out() {
        return;
    }
    let line = "(ulimit -s 128; /bin/true $(seq 1 15000); echo $?) 2>&1; ./ways self";
    let ended = session(line, false);
    assert!(ended.out.contains("Argument list too long\n126\nmyself\n"), "{} {}", ended.out, ended.err);
    assert_eq!(ended.seen.outcomes().get("failed"), Some(&1));
    assert!(ended.out.contains("the shell goes on"));
}
