//! Wrappers that change with which rights, or in which world, the inner program runs.

use super::super::arg::Arg;
use super::super::facts::Facts;
use super::super::options::{Parsed, Spec};
use super::super::read::{Reader, Spot};
use super::super::run::Call;
use super::super::word::Doubt;
use super::set;

const SUDO: Spec = Spec {
    flags: "AbBEeHKklnPSsiNvV",
    takes: "aCcDgpRrTtUu",
    glued: "",
    long: &[
        "askpass",
        "background",
        "bell",
        "preserve-env",
        "edit",
        "set-home",
        "help",
        "remove-timestamp",
        "reset-timestamp",
        "list",
        "non-interactive",
        "preserve-groups",
        "stdin",
        "shell",
        "version",
        "login",
        "validate",
        "no-update",
    ],
    long_takes: &[
        "auth-type",
        "close-from",
        "login-class",
        "chdir",
        "group",
        "host",
        "prompt",
        "chroot",
        "role",
        "type",
        "other-user",
        "user",
        "command-timeout",
    ],
};
const SU: Spec = Spec {
    flags: "fmpPlhV",
    takes: "csgGwTu",
    glued: "",
    long: &["fast", "login", "preserve-environment", "pty", "no-pty", "help", "version"],
    long_takes: &["command", "session-command", "shell", "group", "supp-group", "whitelist-environment", "user"],
};
const DOAS: Spec = Spec { flags: "Lns", takes: "aCu", glued: "", long: &[], long_takes: &[] };
const SETPRIV: Spec = Spec {
    flags: "dhV",
    takes: "",
    glued: "",
    long: &["clear-groups", "keep-groups", "init-groups", "reset-env", "no-new-privs", "nnp", "dump", "list-caps"],
    long_takes: &[
        "reuid",
        "regid",
        "ruid",
        "euid",
        "rgid",
        "egid",
        "groups",
        "inh-caps",
        "ambient-caps",
        "bounding-set",
        "securebits",
        "pdeathsig",
        "selinux-label",
        "apparmor-profile",
    ],
};
const PKEXEC: Spec = Spec {
    flags: "",
    takes: "",
    glued: "",
    long: &["disable-internal-agent", "keep-cwd", "help", "version"],
    long_takes: &["user"],
};
const NSENTER: Spec = Spec {
    flags: "aFZe",
    takes: "tSG",
    glued: "muinpCUTrw",
    long: &[
        "all",
        "mount",
        "uts",
        "ipc",
        "net",
        "pid",
        "cgroup",
        "user",
        "time",
        "root",
        "wd",
        "no-fork",
        "preserve-credentials",
        "env",
        "follow-context",
    ],
    long_takes: &["target", "setuid", "setgid", "wdns"],
};
const CHROOT: Spec =
    Spec { flags: "", takes: "", glued: "", long: &["skip-chdir"], long_takes: &["groups", "userspec"] };
const UNSHARE: Spec = Spec {
    flags: "frc",
    takes: "RwSG",
    glued: "muinpUCT",
    long: &[
        "mount",
        "uts",
        "ipc",
        "net",
        "pid",
        "user",
        "cgroup",
        "time",
        "fork",
        "map-root-user",
        "map-current-user",
        "map-auto",
        "keep-caps",
        "mount-proc",
        "kill-child",
    ],
    long_takes: &[
        "propagation",
        "setgroups",
        "root",
        "wd",
        "setuid",
        "setgid",
        "map-users",
        "map-groups",
        "map-user",
        "map-group",
        "monotonic",
        "boottime",
    ],
};
const SYSTEMD_RUN: Spec = Spec {
    flags: "qtPGdSr",
    takes: "puEHM",
    glued: "",
    long: &[
        "user",
        "system",
        "scope",
        "quiet",
        "pipe",
        "pty",
        "wait",
        "collect",
        "no-block",
        "no-ask-password",
        "remain-after-exit",
        "send-sighup",
        "same-dir",
        "shell",
        "slice-inherit",
    ],
    long_takes: &[
        "unit",
        "property",
        "description",
        "slice",
        "uid",
        "gid",
        "nice",
        "working-directory",
        "setenv",
        "on-active",
        "on-boot",
        "on-startup",
        "on-unit-active",
        "on-unit-inactive",
        "on-calendar",
        "timer-property",
        "path-property",
        "socket-property",
        "service-type",
        "host",
        "machine",
    ],
};

impl Reader {
    pub(super) fn rights(&mut self, name: &str, call: &Call) {
        let mut facts = Facts::of(call);
        facts.becomes();
        let spec = match name {
            "sudo" => SUDO,
            "su" | "runuser" => SU,
            "doas" => DOAS,
            "setpriv" => SETPRIV,
            "pkexec" => PKEXEC,
            "nsenter" => NSENTER,
            "chroot" => CHROOT,
            "unshare" => UNSHARE,
            _ => SYSTEMD_RUN,
        };
        let permute = name == "su" || name == "runuser";
        let Parsed { options, rest } = match spec.parse(call.args(), permute) {
            Ok(parsed) => parsed,
            Err(why) => {
                facts.opaque(why);
                self.found.push(facts.finish());
                return;
            }
        };
        let parsed = Parsed { options, rest: rest.clone() };
        let user = parsed.value(&["u", "user", "uid", "reuid"]).map(|user| user.text.clone());
        facts.run.user =
            user.clone().or_else(|| matches!(name, "sudo" | "doas" | "pkexec").then(|| "root".to_owned()));
        let begin = self.found.len();
        let outcome = match name {
            "su" | "runuser" if user.is_none() => self.login(call, &parsed, &mut facts),
            "sudo"
                if parsed.has(&[
                    "l",
                    "list",
                    "v",
                    "validate",
                    "k",
                    "K",
                    "V",
                    "remove-timestamp",
                    "reset-timestamp",
                    "version",
                ]) =>
            {
                Ok(None)
            }
            "sudo" if parsed.has(&["e", "edit"]) => {
                facts.abuse("`sudo -e` starts an editor");
                for file in &rest {
                    facts.file(file, true);
                }
                Ok(None)
            }
            "setpriv" if parsed.has(&["d", "dump", "list-caps"]) => Ok(None),
            "chroot" => Ok(Some(rest.get(1..).unwrap_or_default().to_vec())),
            "sudo" => {
                let shell = parsed.has(&["s", "i", "shell", "login"]);
                set(&mut facts, rest).and_then(|words| {
                    if shell && words.iter().any(|word| word.text.contains('$')) {
                        // A shell in between expands what is behind `$` once more.
                        return Err("a shell reads the words a second time".to_owned());
                    }
                    Ok(Some(words))
                })
            }
            _ => Ok(Some(rest)),
        };
        let user = facts.run.user.clone();
        let words = match outcome {
            Ok(Some(words)) if words.is_empty() => {
                facts.opaque("it starts an interactive shell");
                Vec::new()
            }
            Ok(words) => words.unwrap_or_default(),
            Err(why) => {
                facts.opaque(why);
                Vec::new()
            }
        };
        self.made(call, &facts);
        // What `su` was told to run may have been read already.
        self.found.insert(begin, facts.finish());
        let spot = Spot { privileged: true, user, ..call.spot.clone() };
        self.below(&Call { spot, ..call.clone() }, words);
    }

    /// `su - ada -c '…'`: the code is read here, and no words are left.
    fn login(&mut self, call: &Call, parsed: &Parsed, facts: &mut Facts) -> Result<Option<Vec<Arg>>, Doubt> {
        let operands: Vec<&Arg> = parsed.rest.iter().filter(|word| !word.is("-")).collect();
        facts.run.user = Some(operands.first().map_or_else(|| "root".to_owned(), |user| user.text.clone()));
        if operands.len() > 1 {
            return Err("more words than a user and a command".to_owned());
        }
        let Some(code) = parsed.value(&["c", "command", "session-command"]) else { return Ok(Some(Vec::new())) };
        let spot = Spot { privileged: true, user: facts.run.user.clone(), ..call.spot.clone() };
        self.code(&Call { spot, ..call.clone() }, code)?;
        Ok(None)
    }
}
