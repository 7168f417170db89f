use proptest::prelude::*;
use workflows::operation::Run;

use super::*;
use crate::shell::tests::corpus;

const WATCHED: Login = Login { shell: Shell::Bash, terminal: true, interactive: true };

fn of(text: &str) -> Option<Shape> {
    shape(text.as_bytes(), Login::default(), Some("/home/ada/work"))
}

/// The same line where nobody knows in which folder it runs.
fn anywhere(text: &str) -> Option<Shape> {
    shape(text.as_bytes(), WATCHED, None)
}

#[test]
fn commands_that_differ_in_operands_alone_have_one_shape() {
    for (shown, lines) in [
        ("rm …", &["rm /srv/app/a", "rm /srv/app/b", "rm '/srv/app/a'", "rm /home/ada/notes"][..]),
        ("rm -r …", &["rm -r /data/cache/app", "rm -r /srv/old/app", "rm  -r  /srv/app/v1"]),
        ("sudo rm -r …", &["sudo rm -r /srv/app/v1", "sudo rm -r /srv/app/v2"]),
        ("sudo -u app rm …", &["sudo -u app rm /srv/app/a", "sudo -u app rm /srv/app/b"]),
        ("mv … …", &["mv /srv/app/a /srv/app/b", "mv /var/www/app/c /home/ada/d"]),
        ("cp … …", &["cp /srv/a /data/b", "cp /tmp/c /var/tmp/d"]),
        ("cp -a … …", &["cp -a /srv/app/a /srv/app/b", "cp -a /srv/app/c /srv/app/d"]),
        ("chmod 640 …", &["chmod 640 /srv/app/a", "chmod 640 /srv/app/b"]),
        ("tail -n 20 …", &["tail -n 20 /srv/app/a", "tail -n 20 /srv/app/b"]),
        ("cat … | wc -l", &["cat /srv/app/a | wc -l", "cat /srv/app/b|wc -l"]),
        ("cat … > … 2>&1", &["cat /srv/app/a > /srv/app/b 2>&1", "cat /srv/app/c >/srv/app/d 2>&1"]),
        (
            "mkdir -p … && touch …",
            &["mkdir -p /srv/app/a && touch /srv/app/a/x", "mkdir -p /srv/b/c && touch /srv/b/y"],
        ),
        ("rm …; rm …", &["rm /srv/app/a; rm /srv/app/b", "rm /srv/app/c; rm /srv/app/d"]),
    ] {
        let shapes: Vec<Shape> =
            lines.iter().map(|line| anywhere(line).unwrap_or_else(|| panic!("{line} has no shape"))).collect();
        for (shape, line) in shapes.iter().zip(lines) {
            assert_eq!(
                (shape.shown.as_str(), Some(&shape.digest)),
                (shown, shapes.first().map(|one| &one.digest)),
                "{line}"
            );
        }
    }
}

#[test]
fn anything_else_that_differs_is_another_shape() {
    let all = [
        "rm /srv/app/a",
        "rm -f /srv/app/a",
        "rm -r /srv/app/a",
        "rm -rf /srv/app/a",
        "rm -fr /srv/app/a",
        "rm -r -f /srv/app/a",
        "rm --recursive /srv/app/a",
        "rm -- /srv/app/a",
        "rm /srv/app/a/",
        "rm /srv/app/a /srv/app/b",
        "/bin/rm /srv/app/a",
        "unlink /srv/app/a",
        "sudo rm /srv/app/a",
        "sudo -n rm /srv/app/a",
        "sudo -u app rm /srv/app/a",
        "sudo -u web rm /srv/app/a",
        "rm /srv/app/a; rm /srv/app/b",
        "rm /srv/app/a && rm /srv/app/b",
        "rm /srv/app/a || rm /srv/app/b",
        "rm /srv/app/a & rm /srv/app/b",
        "cat /srv/app/a",
        "cat /srv/app/a > /srv/app/b",
        "cat /srv/app/a >> /srv/app/b",
        "cat /srv/app/a 2> /srv/app/b",
        "cat /srv/app/a > /dev/null",
        "cat < /srv/app/a",
        "cat /srv/app/a | tee /srv/app/b",
        "cat /srv/app/a | sudo tee /srv/app/b",
        "truncate -s 0 /srv/app/a",
        "truncate -s 1 /srv/app/a",
        "chmod 640 /srv/app/a",
        "chmod 666 /srv/app/a",
        "chown ada /srv/app/a",
        "chown root /srv/app/a",
        "tail -n 1 /srv/app/a",
        "tail -n 2 /srv/app/a",
        "head -n 1 /srv/app/a",
    ];
    let shapes: Vec<(&str, Shape)> =
        all.iter().map(|line| (*line, anywhere(line).unwrap_or_else(|| panic!("{line} has no shape")))).collect();
    for (at, (line, shape)) in shapes.iter().enumerate() {
        for (other, another) in shapes.iter().skip(at + 1) {
            assert_ne!(shape.digest, another.digest, "`{line}` and `{other}`");
        }
    }
}

#[test]
fn what_is_no_operand_or_more_than_one_has_no_shape() {
    for line in [
        // At the top, or above where it stands.
        "rm -r /",
        "rm -r //",
        "rm -r /.",
        "rm -r /..",
        "rm -r /var",
        "rm -r /var/",
        "rm /home",
        "rm -r /srv/app/..",
        "rm -r /var/lib",
        "rm -r /home/ada",
        "rm -r /srv/app",
        "rm /srv/app/../../etc/passwd",
        // What reaches below it, or decides who gets there.
        "sudo mv /var/lib /srv/app/x",
        "sudo mv /srv/app/a /home/bob",
        "sudo mv /home/bob /srv/app/x",
        "mv /srv/app /srv/app/b",
        "cp -a /home/bob /srv/app/x",
        "cp -r /srv/app /srv/app/x",
        "cp -pR /srv/app /srv/app/x",
        "chown ada /srv/app",
        "chgrp ada /srv/app",
        "chmod 640 /srv/app",
        "chmod 640 /home/bob",
        "ls -R /srv/app",
        "du -s /srv/app",
        // Outside the places of the list.
        "rm /var/lib/app/a",
        "rm /var/log/app/a",
        "rm /var/cache/app/a",
        "rm /var/backups/app/a",
        "rm /opt/app/a",
        "rm /mnt/disk/a",
        "rm /media/disk/a",
        "rm /app/a/b",
        "rm /nix/store/a",
        "cat /home/bob",
        "rm /srv",
        "rm /var/www",
        "rm /tmp",
        // A whole system below one of them.
        "cat /srv/image/etc/shadow",
        "cp /srv/app/a /srv/image/usr/bin/sh",
        // Copies of secrets.
        "cat /srv/app/shadow.bak",
        "cat /srv/app/gshadow.bak",
        "cat /srv/app/passwd.bak",
        "cat /srv/app/tls.key.bak",
        "cat /home/ada/id_rsa.old",
        "rm /srv/app/./a",
        // Patterns and what only running can tell.
        "rm -r /srv/app/*",
        "rm /srv/app/?",
        "rm /srv/app/[ab]",
        "rm /srv/app/{a,b}",
        "rm $HOME/a/b",
        "rm ~/a/b",
        "rm \"$X\"",
        "rm /srv/app/$(id)",
        "rm /srv/app/`id`",
        "rm /srv/app/${X}",
        "rm ~ada/a",
        "cat <(id) /srv/app/a",
        // What could be an option, and options that nobody listed.
        "rm -x /srv/app/a",
        "rm /srv/app/a -r",
        "rm -- -r",
        "rm --no-preserve-root -r /srv/app/a",
        "rmdir -p /srv/app/a",
        "cp -t /srv/app/a /srv/app/b",
        "cp --target-directory=/srv/app/a /srv/app/b",
        "chmod -R 640 /srv/app/a",
        "chmod +x /srv/app/a",
        "chmod --reference=/srv/app/a /srv/app/b",
        "touch -r /srv/app/a /srv/app/b",
        "tail +5 /srv/app/a",
        "head -5 /srv/app/a",
        // Where files are what programs are told.
        "rm /etc/hosts",
        "rm /usr/lib/x",
        "cat /proc/1/environ",
        "cp /srv/app/a /dev/sda1",
        "rm /root/a/b",
        "rm /run/app/x",
        "cp /srv/app/a /var/spool/cron/root",
        "cp /srv/app/a /home/ada/.ssh/authorized_keys",
        "rm /home/ada/.bashrc",
        "cat /srv/app/tls.key",
        "cat /home/ada/id_rsa",
        "rm /srv/.git/config",
        "cat /srv/app/a > /etc/cron.d/x",
        // Programs that run others, and code.
        "sh -c 'rm /srv/app/a'",
        "bash /srv/app/a",
        "python3 -c 'x'",
        "python3 /srv/app/a",
        "perl -e 1",
        "eval rm /srv/app/a",
        "env rm /srv/app/a",
        "env X=1 rm /srv/app/a",
        "xargs rm /srv/app/a",
        "find /srv/app -exec rm /srv/app/a +",
        "find /srv/app/a -delete",
        "ssh web-2 rm /srv/app/a",
        "nice rm /srv/app/a",
        "timeout 5 rm /srv/app/a",
        "nohup rm /srv/app/a",
        "docker exec x rm /srv/app/a",
        "su -c 'rm /srv/app/a'",
        "sudo -s",
        "sudo -i rm /srv/app/a",
        "sudo sudo rm /srv/app/a",
        "sudo sh -c 'rm /srv/app/a'",
        "sudo -E rm /srv/app/a",
        "sudo X=1 rm /srv/app/a",
        "sudo -D /etc rm a",
        "busybox rm /srv/app/a",
        "tar cf /srv/app/a /srv/app/b",
        "sed -i s/a/b/ /srv/app/a",
        "awk 1 /srv/app/a",
        "vim /srv/app/a",
        "less /srv/app/a",
        "ln -s / /srv/app/a",
        "dd if=/srv/app/a of=/srv/app/b",
        "kill 1",
        "systemctl restart app",
        "curl http://x/ -o /srv/app/a",
        "scp web-2:/srv/app/a /srv/app/b",
        "exec rm /srv/app/a",
        "command rm /srv/app/a",
        "\\rm /srv/app/a; alias rm=x",
        "./rm /srv/app/a",
        "/tmp/rm /srv/app/a",
        "echo x > /srv/app/a",
        "nc -l 1 > /srv/app/a",
        "dig x > /srv/app/a",
        // More than simple commands.
        "X=1 rm /srv/app/a",
        "PATH=/tmp rm /srv/app/a",
        "! rm /srv/app/a",
        "time rm /srv/app/a",
        "(rm /srv/app/a)",
        "{ rm /srv/app/a; }",
        "if rm /srv/app/a; then rm /srv/app/b; fi",
        "for x in 1 2; do rm /srv/app/a; done",
        "while rm /srv/app/a; do :; done",
        "f() { rm /srv/app/a; }",
        "cd /srv/app && rm /srv/app/a",
        "cat <<< x /srv/app/a",
        "rm /srv/app/a &> /srv/app/b",
        "> /srv/app/a",
        "ls",
        "cat",
        "",
        " ",
        "rm",
        "rm /srv/app/a a=b",
        "rm '/srv/app/a\nb'",
        "rm /srv/app/\u{430}",
        "rm '/srv/a b/c'",
        "rm ''",
        "rm web-2:/srv/app",
        "rm /srv/app/a |& cat",
        "rm /srv/app/a >&1-",
        "((1))",
        "[[ -e /srv/app/a ]]",
    ] {
        assert_eq!(anywhere(line), None, "`{line}`");
    }
    let long = format!("rm /srv/{}", "a".repeat(LONGEST));
    assert_eq!(anywhere(&long), None);
    // Words that a card would cut end in what reads as any operand.
    let words = |times: usize| format!("rm {}", "/srv/app/a ".repeat(times));
    assert!(anywhere(&words(29)).is_some_and(|shape| shape.shown.chars().count() == Shown::LONGEST));
    assert_eq!(anywhere(&words(30)), None);
}

#[test]
fn where_a_path_begins_has_to_be_known() {
    assert_eq!(anywhere("rm notes"), None, "in whatever folder the shell is");
    assert!(of("rm notes").is_some());
    assert_ne!(of("rm notes"), of("rm /home/ada/work/notes"));
    for (folder, line) in [
        ("/", "rm -r etc"),
        ("/", "rm home"),
        ("/etc", "rm hosts"),
        ("/etc/ssh", "rm x"),
        ("/home/ada/.ssh", "rm config"),
        ("/srv", "rm -r app"),
        ("relative", "rm a"),
        ("", "rm /srv"),
        ("/srv/app/..", "rm a"),
    ] {
        assert_eq!(shape(line.as_bytes(), Login::default(), Some(folder)), None, "`{line}` in `{folder}`");
    }
}

/// What a program and its arguments are, beside their names.
fn exec<'a>(program: &'a [u8], argv: &'a [Vec<u8>]) -> Exec<'a> {
    Exec { program, interpreter: b"", argv, privileged: false, writable: false, nameless: false }
}

fn words(text: &str) -> Vec<Vec<u8>> {
    text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

#[test]
fn a_program_that_was_stopped_has_the_shape_of_its_file_and_arguments() {
    let (a, b, r) = (words("rm /srv/app/a"), words("rm /srv/app/b"), words("rm -r /srv/app/a"));
    let of = |argv: &[Vec<u8>]| shape_exec(exec(b"/usr/bin/rm", argv), "/srv/app");
    let first = of(&a).expect("a shape");
    assert_eq!((first.shown.as_str(), Some(&first)), ("/usr/bin/rm …", of(&b).as_ref()));
    assert_ne!(Some(first.digest), of(&r).map(|shape| shape.digest));
    let root = shape_exec(Exec { privileged: true, ..exec(b"/usr/bin/rm", &a) }, "/srv/app").expect("a shape");
    assert_ne!(first.digest, root.digest, "as somebody else");
    assert!(of(&words("rm c")).is_some() && shape_exec(exec(b"/usr/bin/rm", &words("rm hosts")), "/etc").is_none());
    for wrong in [
        Exec { writable: true, ..exec(b"/usr/bin/rm", &a) },
        Exec { nameless: true, ..exec(b"/usr/bin/rm", &a) },
        Exec { interpreter: b"/bin/sh", ..exec(b"/usr/bin/rm", &a) },
        exec(b"/usr/bin/busybox", &a),
        exec(b"/tmp/rm", &a),
        exec(b"/usr/bin/rm", &words("ls /srv/app/a")),
        exec(b"/usr/bin/rm", &words("rm /srv/app/*")),
        exec(b"/usr/bin/rm", &words("rm -r /srv")),
        exec(b"/usr/bin/rm", &[]),
        exec(b"/bin/sh", &words("sh -c x")),
        exec(b"/usr/bin/rm", &[b"rm".to_vec(), b"/srv/app/\xff".to_vec()]),
    ] {
        assert_eq!(shape_exec(wrong, "/srv/app"), None, "{wrong:?}");
    }
}

/// All that rules can look at, but the operands' own text.
fn facts(line: &str) -> Vec<String> {
    let blind = |operation: &Operation| {
        let mut on: Vec<String> = operation.on.iter().map(|on| format!("{:?} {}", on.kind, on.written)).collect();
        on.sort();
        let run = operation.run.as_deref().cloned().unwrap_or_default();
        let run =
            Run { args: vec![run.args.len().to_string()], redirects: vec![run.redirects.len().to_string()], ..run };
        format!(
            "{:?} {on:?}",
            Operation { on: Vec::new(), run: Some(Box::new(run)), shown: String::new(), ..operation.clone() }
        )
    };
    classify(line.as_bytes(), WATCHED).operations.iter().map(blind).collect()
}

proptest! {
    /// Whatever is put together: what two commands of one shape differ in, no fact tells; and nothing of a shape is above a
    /// folder of its own.
    #[test]
    fn commands_of_one_shape_differ_in_no_fact(
        begin in prop::sample::select(BEGINS),
        one in proptest::collection::vec(prop::sample::select(WORDS), 1..4),
        swaps in proptest::collection::vec(prop::sample::select(WORDS), 6),
        swapped in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let other: Vec<&str> =
            one.iter().zip(swaps.iter().zip(&swapped)).map(|(word, (swap, yes))| if *yes { *swap } else { *word }).collect();
        let (one, other) = (format!("{begin} {}", one.join(" ")), format!("{begin} {}", other.join(" ")));
        if let (Some(first), Some(second)) = (anywhere(&one), anywhere(&other)) {
            if first.digest == second.digest {
                prop_assert_eq!(facts(&one), facts(&other), "`{}` and `{}`", one, other);
                prop_assert_eq!(first.shown, second.shown);
            } else {
                prop_assert_ne!(&one, &other);
            }
        }
    }
}

/// So that many of what is put together are commands that have shapes.
const BEGINS: &[&str] = &[
    "",
    "rm",
    "rm -r",
    "mv",
    "sudo mv",
    "sudo rm",
    "sudo -u ada rm",
    "cat",
    "cp -a",
    "cat /srv/app/a |",
    "cat /srv/app/a >",
    "chmod 640",
];

const WORDS: &[&str] = &[
    "rm",
    "sudo",
    "cat",
    "cp",
    "tee",
    "chmod",
    "-r",
    "-f",
    "-u",
    "ada",
    "640",
    "--",
    "|",
    "&&",
    ";",
    ">",
    ">>",
    "2>&1",
    "<",
    "/srv/app/a",
    "/srv/app/b",
    "/srv/app/b/",
    "/",
    "/etc/passwd",
    "/srv/app/*",
    "../a",
    "/dev/null",
    "/srv/app/x.key",
    "$X",
    "/var/lib",
    "/var/www/app",
    "/home/ada",
    "/home/ada/x",
];

#[test]
fn what_the_corpus_has_of_evasions_has_no_shape_unless_it_is_plain() {
    let mut shaped = 0;
    for case in corpus() {
        for login in [Login::default(), WATCHED] {
            let Some(shape) = shape(case.line.as_bytes(), login, None) else { continue };
            shaped += 1;
            let read = classify(case.line.as_bytes(), login);
            let plain = read.operations.iter().all(|operation| {
                operation.opaque.is_none()
                    && operation.run.as_ref().is_some_and(|run| {
                        run.abuse.is_none()
                            && run.foreign_code.is_none()
                            && run.secrets.is_empty()
                            && !run.network
                            && !run.loose
                    })
            });
            assert!(plain, "{}: `{}` has the shape `{}`", case.place, case.line, shape.shown);
        }
    }
    assert!(shaped > 0, "the corpus has plain commands as well");
}
