//! The same line under other shells, and with a terminal.

use workflows::operation::Act;

use super::super::{Login, Shell, classify};

fn opaque(line: &str, login: Login) -> bool {
    classify(line.as_bytes(), login).operations.iter().any(|operation| operation.opaque.is_some())
}

#[test]
fn what_only_bash_reads_like_this_is_doubt_for_another_shell() {
    let bash = Login::default();
    let posix = Login { shell: Shell::Sh, ..bash };
    for line in [
        "diff <(ls a) <(ls b)",
        "cat <<< x",
        "[[ -n x ]]",
        "((1))",
        "ls |& cat",
        "ls &> f",
        "echo {a,b}",
        "echo $'a'",
        "a=(1 2)",
        "time ls",
        "for ((i=0; i<1; i++)); do ls; done",
        "coproc ls",
        "echo ${x//a/b}",
        "x+=1",
        "echo ${x:1:2}",
    ] {
        assert!(!opaque(line, bash), "{line}");
        assert!(opaque(line, posix), "{line}");
    }
    for line in [
        "ls -l",
        "echo \"$(date)\"",
        "cat <<E\nx\nE",
        "x=1; echo ${x:-2} $((1 + 2))",
        "f() { ls; }",
        "case a in a) ls;; esac",
    ] {
        assert!(!opaque(line, posix), "{line}");
    }
}

#[test]
fn other_shells_are_trusted_with_plain_words_only() {
    let other = Login { shell: Shell::Other, ..Login::default() };
    for line in ["ls -l /srv", "ls | wc -l", "ls && df; ps", "grep 'a b' file", "dd bs=1M if=x"] {
        assert!(!opaque(line, other), "{line}");
    }
    for line in [
        "ls $x",
        "echo \"a\"",
        "ls *",
        "repeat 3 rm x",
        "noglob rm x",
        "=ls",
        "ls; eval x",
        "ls ^x",
        "echo 'a\\'",
        "ls !x",
        "x=1 ls",
        "a | 'rm' x",
    ] {
        assert!(opaque(line, other), "{line}");
    }
}

#[test]
fn a_pager_can_start_programs_only_on_a_terminal() {
    let terminal = Login { terminal: true, ..Login::default() };
    for (line, with) in [
        ("less x", Act::Execute),
        ("man ls", Act::Execute),
        ("git log", Act::Execute),
        ("less x | cat", Act::Read),
        ("git --no-pager log", Act::Read),
    ] {
        let act = |login| classify(line.as_bytes(), login).operations[0].act;
        assert_eq!(act(terminal), with, "{line}");
        assert_eq!(act(Login::default()), Act::Read, "{line}");
    }
}

#[test]
fn an_interactive_shell_has_a_history() {
    let interactive = Login { interactive: true, ..Login::default() };
    assert!(opaque("echo !x", interactive));
    assert!(!opaque("echo !x", Login::default()));
}

#[test]
fn a_shell_is_known_by_its_path() {
    for (path, shell) in [
        ("/bin/bash", Shell::Bash),
        ("/usr/bin/dash", Shell::Sh),
        ("/bin/sh", Shell::Sh),
        ("/usr/bin/fish", Shell::Other),
        ("/bin/zsh", Shell::Other),
    ] {
        assert_eq!(Shell::at(path), shell, "{path}");
    }
}
