//! What somebody inside a guarded session can try against the guard.

use crate::world::{NOBODY, Reply, Way, World, bash, compile, folder, is_root, left_out, name};

/// Runs a line with `ways` at hand, `$watch` and `$guard` set; as nobody where the tests run as root.
fn attempt(line: &str) -> crate::world::Ended {
    let uid = if is_root() { NOBODY } else { rustix::process::geteuid().as_raw() };
    let folder = folder(uid);
    compile(folder.path(), "ways");
    let line = format!("guard=$PPID; watch=$(awk '/^PPid/ {{ print $2 }}' /proc/$guard/status); {line}; echo on");
    let argv = bash(&line);
    World::start_as(Way { uid, folder, argv: &argv, silence: 15 }, Box::new(|_| Reply::Go)).end()
}

#[test]
fn the_guard_cannot_be_stopped_from_inside() {
    if left_out() {
        return;
    }
    let group = "-$(awk '{ print $5 }' /proc/$guard/stat)";
    for line in [
        "./ways kill $guard".to_owned(),
        "./ways kill $watch".to_owned(),
        format!("./ways kill {group}"),
        "./ways kill -1".to_owned(),
        "./ways limit $guard".to_owned(),
        "./ways limit $watch".to_owned(),
        "./ways owner $guard".to_owned(),
        "./ways join $watch".to_owned(),
        "kill -9 $guard $watch 2>&1".to_owned(),
        "kill -STOP $guard 2>&1".to_owned(),
    ] {
        let ended = attempt(&line);
        assert!(ended.out.contains("Operation not permitted"), "{line}: {} {}", ended.out, ended.err);
        assert!(ended.out.ends_with("on\n"), "{line}: {}", ended.out);
        assert_eq!(ended.status, 0, "{line}");
    }
}

#[test]
fn the_guard_cannot_be_read_or_written_from_inside() {
    if left_out() {
        return;
    }
    for line in [
        "cat /proc/$guard/mem",
        "ls /proc/$guard/fd",
        "cat /proc/$watch/environ",
        "echo 1 > /proc/$guard/oom_score_adj",
    ] {
        let ended = attempt(&format!("({line}) 2>&1"));
        assert!(ended.out.contains("ermission denied"), "{line}: {}", ended.out);
    }
}

#[test]
fn tracing_writing_namespaces_and_other_listeners_are_refused() {
    if left_out() {
        return;
    }
    for way in ["trace", "write", "namespace", "shared", "listener"] {
        let ended = attempt(&format!("./ways {way}"));
        assert!(ended.out.contains("Operation not permitted"), "{way}: {} {}", ended.out, ended.err);
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn other_abis_are_not_a_way_around() {
    if left_out() {
        return;
    }
    let ended = attempt("./ways narrow; echo $?");
    assert!(!ended.out.contains("uid="), "{}", ended.out);
    assert!(ended.out.contains("159\n"), "killed by SIGSYS: {} {}", ended.out, ended.err);
    let ended = attempt("./ways x32");
    assert!(ended.out.contains("Function not implemented"), "{}", ended.out);
}

#[test]
fn what_the_guard_cannot_read_does_not_run() {
    if left_out() {
        return;
    }
    if !is_root() {
        eprintln!("LEFT OUT: making a program that its user cannot read takes root");
        return;
    }
    let folder = folder(NOBODY);
    let secret = folder.path().join("secret");
    std::fs::copy("/bin/true", &secret).unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let argv = bash("./secret; echo $?");
    let world = World::start_as(Way { uid: NOBODY, folder, argv: &argv, silence: 15 }, Box::new(|_| Reply::Go));
    let ended = world.end();
    assert_eq!(ended.out, "126\n", "{}", ended.err);
    assert!(ended.err.contains("cannot read the file"), "{}", ended.err);
    assert_eq!(ended.seen.refused.len(), 1);
    assert!(!ended.seen.names().contains(&"secret".to_owned()));
}

#[test]
fn a_process_that_shuts_itself_off_starts_nothing() {
    if left_out() {
        return;
    }
    if !is_root() {
        eprintln!("LEFT OUT: as the same user without root, this is tried below a root that drops its rights");
        return;
    }
    let ended = attempt("perl -e 'syscall(157, 4, 0, 0, 0, 0); exec \"/usr/bin/id\" or print \"$!\\n\"'");
    if cfg!(target_arch = "x86_64") {
        assert!(ended.out.contains("Operation not permitted"), "{} {}", ended.out, ended.err);
        assert!(!ended.out.contains("uid="));
    }
}

#[test]
fn setuid_programs_gain_nothing() {
    if left_out() {
        return;
    }
    if !is_root() {
        eprintln!("LEFT OUT: making a setuid program takes root");
        return;
    }
    let folder = folder(NOBODY);
    let path = folder.path().join("rooted");
    std::fs::copy("/usr/bin/id", &path).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o4755)).unwrap();
    let argv = bash("./rooted -u");
    let world = World::start_as(Way { uid: NOBODY, folder, argv: &argv, silence: 15 }, Box::new(|_| Reply::Go));
    let ended = world.end();
    assert_eq!(ended.out, format!("{NOBODY}\n"), "{}", ended.err);
}

#[test]
fn more_arguments_than_can_be_shown_are_refused_not_cut() {
    if left_out() {
        return;
    }
    let line = "/bin/true $(seq 1 17000); echo $?; printf -v long '%*s' 100000 ''; l=\"$long\"; /bin/true \"$l\" \"$l\" \"$l\" \"$l\" \"$l\" \"$l\" \"$l\" \"$l\" \"$l\" \"$l\" \"$l\"; echo $?; /bin/true $(seq 1 9000); echo $?";
    let ended = World::start(&bash(line), Box::new(|_| Reply::Go)).end();
    assert_eq!(ended.out, "126\n126\n0\n", "{}", ended.err);
    let asked: Vec<_> = ended.seen.asked.iter().filter(|question| name(question) == "true").collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].argv.len(), 9_001, "and what is asked is whole");
}
