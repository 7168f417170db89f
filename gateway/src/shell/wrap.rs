//! Programs that run another one: both are judged, the inner one as if it stood there alone.

use super::arg::{Arg, Feed};
use super::facts::Facts;
use super::options::{Parsed, Spec};
use super::read::{Reader, Spot};
use super::redirect::is_sink;
use super::run::{Call, is_risky};
use super::word::Doubt;

mod builtins;
mod find;
mod remote;
mod rights;
mod simple;

pub(super) use builtins::names_a_part;
pub(super) use remote::VALUES;

impl Reader {
    /// Looks through a program that runs another one, if this is one.
    pub(super) fn wrapper(&mut self, name: &str, call: &Call) -> Result<bool, Doubt> {
        if let Some((_, spec, operands)) = simple::ALL.iter().find(|(known, ..)| *known == name) {
            self.simple_wrapper(name, call, spec, *operands)?;
            return Ok(true);
        }
        match name {
            "env" => self.env(call)?,
            "xargs" => self.xargs(call)?,
            "find" => self.find(call)?,
            "busybox" | "toybox" => self.applet(call),
            "watch" | "flock" | "script" => self.coded(name, call)?,
            "sudo" | "su" | "doas" | "runuser" | "setpriv" | "pkexec" | "nsenter" | "chroot" | "unshare"
            | "systemd-run" => self.rights(name, call),
            "ssh" | "docker" | "podman" | "kubectl" | "ip" => return self.remote(name, call),
            "command" | "builtin" | "exec" | "eval" | "trap" | "." | "source" | "time" => self.builtin(name, call)?,
            name if name.starts_with("ld-linux") || name.starts_with("ld-musl") || name == "ld.so" => {
                self.applet(call);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Runs words as a command of their own, below this one. Without words there is nothing to look at.
    fn below(&mut self, call: &Call, words: Vec<Arg>) {
        if !words.is_empty() {
            self.run(call.inner(words));
        }
    }

    /// The operation of the wrapper itself, which does nothing of its own.
    fn itself(&mut self, call: &Call) {
        let facts = Facts::of(call);
        self.made(call, &facts);
        self.found.push(facts.finish());
    }

    fn simple_wrapper(&mut self, name: &str, call: &Call, spec: &Spec, operands: usize) -> Result<(), Doubt> {
        let args = match call.args() {
            // `nice -10` is an old way to write a number.
            [first, rest @ ..] if name == "nice" && is_number(&first.text) => rest,
            args => args,
        };
        let Parsed { options, rest } = spec.parse(args, false)?;
        self.itself(call);
        let of_process = options.iter().any(|(name, _)| name == "p" || name == "pid");
        if of_process && ["taskset", "chrt", "ionice", "prlimit"].contains(&name) {
            return Ok(());
        }
        if rest.iter().take(operands).any(|word| word.many) {
            return Err("what it runs is not in the text".to_owned());
        }
        self.below(call, rest.into_iter().skip(operands).collect());
        Ok(())
    }

    /// `busybox rm x`: the first word is the program.
    fn applet(&mut self, call: &Call) {
        self.itself(call);
        self.below(call, call.args().to_vec());
    }

    fn env(&mut self, call: &Call) -> Result<(), Doubt> {
        const SPEC: Spec = Spec {
            flags: "i0v",
            takes: "uCS",
            glued: "",
            long: &[
                "ignore-environment",
                "null",
                "debug",
                "block-signal",
                "default-signal",
                "ignore-signal",
                "list-signal-handling",
                "help",
                "version",
            ],
            long_takes: &["unset", "chdir", "split-string"],
        };
        let dash = |arg: &Arg| if arg.is("-") { Arg::fixed("-i") } else { arg.clone() };
        let Parsed { options, mut rest } = SPEC.parse(&call.args().iter().map(dash).collect::<Vec<_>>(), false)?;
        let mut facts = Facts::of(call);
        let split = options.iter().find(|(name, _)| name == "S" || name == "split-string");
        if let Some((_, text)) = split {
            facts.abuse("`env -S` splits a word into a command");
            let text = text.as_ref().and_then(Arg::known).ok_or("what `env -S` runs is not in the text")?;
            if text.contains(['\'', '"', '\\', '$', '#']) {
                return Err("`env -S` with quotes of its own".to_owned());
            }
            let words = text.split_whitespace().map(Arg::fixed);
            rest = words.chain(rest).collect();
            // What it was split into may begin with options again.
            if rest.first().is_some_and(|first| first.text.starts_with('-')) {
                return Err("`env -S` with options inside".to_owned());
            }
        }
        let inner = set(&mut facts, rest)?;
        if inner.is_empty() {
            facts.act(workflows::operation::Act::Read);
        }
        self.found.push(facts.finish());
        self.below(call, inner);
        Ok(())
    }

    fn xargs(&mut self, call: &Call) -> Result<(), Doubt> {
        const SPEC: Spec = Spec {
            flags: "0rtpxo",
            takes: "aEILnPsd",
            glued: "eil",
            long: &[
                "null",
                "no-run-if-empty",
                "verbose",
                "interactive",
                "exit",
                "open-tty",
                "replace",
                "eof",
                "max-lines",
                "show-limits",
                "help",
                "version",
            ],
            long_takes: &["arg-file", "delimiter", "max-args", "max-procs", "max-chars", "process-slot-var"],
        };
        let parsed = SPEC.parse(call.args(), false)?;
        let mut facts = Facts::of(call);
        if let Some(file) = parsed.value(&["a", "arg-file"]) {
            facts.file(file, false);
        }
        self.found.push(facts.finish());
        let replaced = match parsed.value(&["I", "i", "replace"]) {
            Some(given) => Some(given.known().ok_or("what `xargs` replaces is not in the text")?.to_owned()),
            None => parsed.has(&["i", "replace"]).then(|| "{}".to_owned()),
        };
        let mut words = match parsed.rest {
            words if words.is_empty() => vec![Arg::fixed("echo")],
            words => words,
        };
        match replaced.filter(|replaced| !replaced.is_empty()) {
            Some(replaced) => words.iter_mut().for_each(|word| replace(word, &replaced)),
            None => words.push(Arg { feed: call.feed(), ..Arg::unknown("…") }),
        }
        let call = Call { spot: Spot { feed: Feed::Program, ..call.spot.clone() }, ..call.clone() };
        self.below(&call, words);
        Ok(())
    }

    /// `watch`, `flock` and `script`, which may be given code for a shell.
    fn coded(&mut self, name: &str, call: &Call) -> Result<(), Doubt> {
        const WATCH: Spec = Spec {
            flags: "bcdegtxpqwCr",
            takes: "ns",
            glued: "",
            long: &[
                "beep",
                "color",
                "differences",
                "errexit",
                "exec",
                "precise",
                "no-title",
                "chgexit",
                "no-color",
                "no-rerun",
                "no-wrap",
            ],
            long_takes: &["interval", "equexit"],
        };
        const FLOCK: Spec = Spec {
            flags: "sxeunFov",
            takes: "wEc",
            glued: "",
            long: &["shared", "exclusive", "unlock", "nonblock", "nb", "close", "no-fork", "verbose"],
            long_takes: &["timeout", "wait", "conflict-exit-code", "command"],
        };
        const SCRIPT: Spec = Spec {
            flags: "aefq",
            takes: "cIOBTmEo",
            glued: "t",
            long: &["append", "return", "flush", "force", "quiet"],
            long_takes: &[
                "command",
                "log-in",
                "log-out",
                "log-io",
                "log-timing",
                "logging-format",
                "echo",
                "output-limit",
            ],
        };
        let mut facts = Facts::of(call);
        let spec = match name {
            "watch" => WATCH,
            "flock" => FLOCK,
            _ => SCRIPT,
        };
        let parsed = spec.parse(call.args(), name == "script")?;
        let (code, words) = match name {
            "watch" if parsed.has(&["x", "exec"]) => (None, parsed.rest),
            "watch" => (Some(joined(&parsed.rest)?), Vec::new()),
            "flock" => {
                let rest = parsed.rest.get(1..).unwrap_or_default();
                match (rest, parsed.value(&["c", "command"])) {
                    (_, Some(code)) => (Some(code.clone()), Vec::new()),
                    ([option, code, ..], _) if option.is("-c") || option.is("--command") => {
                        (Some(code.clone()), Vec::new())
                    }
                    (rest, _) => (None, rest.to_vec()),
                }
            }
            _ => {
                let code = parsed.value(&["c", "command"]).cloned();
                parsed.rest.iter().filter(|file| !is_sink(&file.text)).for_each(|file| facts.file(file, true));
                facts.act(workflows::operation::Act::Write);
                if parsed.rest.len() > 1 {
                    return Err("an unusual form of `script`".to_owned());
                }
                (Some(code.ok_or("`script` starts an interactive shell")?), Vec::new())
            }
        };
        self.found.push(facts.finish());
        match code {
            Some(code) => self.code(call, &code)?,
            None => self.below(call, words),
        }
        Ok(())
    }

    /// Reads a text for `sh -c`, started by this command.
    fn code(&mut self, call: &Call, code: &Arg) -> Result<(), Doubt> {
        let code = code.known().ok_or("the code that it runs is not in the text")?;
        let Call { spot, .. } = call.inner(Vec::new());
        self.text(code, &Spot { posix: true, ..spot });
        Ok(())
    }
}

/// Takes `NAME=value` words off the front.
fn set(facts: &mut Facts, rest: Vec<Arg>) -> Result<Vec<Arg>, Doubt> {
    let mut rest = rest.into_iter().peekable();
    while let Some(word) = rest.next_if(|word| !word.wild && word.text.contains('=')) {
        let name = word.text.split('=').next().unwrap_or_default();
        if is_risky(name) {
            facts.opaque(format!("it sets `{name}`, which changes what runs"));
        }
        facts.run.env.push(name.to_owned());
    }
    match rest.peek() {
        Some(first) if !first.fixed => Err("which program runs is not in the text".to_owned()),
        _ => Ok(rest.collect()),
    }
}

/// Words that a program joins with spaces and gives to a shell.
fn joined(words: &[Arg]) -> Result<Arg, Doubt> {
    let known: Option<Vec<&str>> = words.iter().map(Arg::known).collect();
    let known = known.ok_or("the code that it runs is not in the text")?;
    Ok(Arg::fixed(known.join(" ")))
}

/// Marks what something else is put in place of.
fn replace(word: &mut Arg, replaced: &str) {
    if word.text.contains(replaced) {
        word.fixed = false;
        word.wild |= word.text.starts_with(replaced);
    }
}

fn is_number(text: &str) -> bool {
    text.strip_prefix('-')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}
