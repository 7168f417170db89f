//! Wrappers that run the inner program somewhere else: on a host behind this one, in a container, in a name space.

use workflows::operation::Act;

use super::super::arg::Arg;
use super::super::facts::Facts;
use super::super::options::{Args, Spec};
use super::super::read::{Reader, Spot};
use super::super::run::Call;
use super::super::word::Doubt;
use super::joined;

const SSH: Spec =
    Spec { flags: "46AaCfGgKkMNnqsTtVvXxYy", takes: "BbcDEeFIiJLlmOopQRSWwP", glued: "", long: &[], long_takes: &[] };
const EXEC: Spec = Spec {
    flags: "ditTq",
    takes: "euwcn",
    glued: "",
    long: &["detach", "interactive", "tty", "stdin", "quiet", "privileged"],
    long_takes: &["env", "env-file", "user", "workdir", "detach-keys", "container", "namespace", "context"],
};

/// Options before the command of `docker` and `kubectl` that take a value.
pub(in crate::shell) const VALUES: &[&str] = &[
    "-n",
    "--namespace",
    "--context",
    "--cluster",
    "--kubeconfig",
    "-s",
    "--server",
    "--user",
    "-H",
    "--host",
    "-c",
    "--config",
    "-l",
    "--log-level",
    "--as",
    "--token",
];

impl Reader {
    pub(super) fn remote(&mut self, name: &str, call: &Call) -> Result<bool, Doubt> {
        match name {
            "ssh" => self.ssh(call)?,
            "ip" => return Ok(self.name_space(call)),
            _ => return self.container(call),
        }
        Ok(true)
    }

    fn ssh(&mut self, call: &Call) -> Result<(), Doubt> {
        let parsed = SSH.parse(call.args(), false)?;
        let mut facts = Facts::of(call);
        facts.network();
        facts.act(Act::Execute);
        for (name, value) in &parsed.options {
            let text = value.as_ref().map_or("", |value| value.text.as_str()).to_lowercase();
            let runs = [
                "proxycommand",
                "localcommand",
                "knownhostscommand",
                "match",
                "include",
                "pkcs11",
                "securitykey",
                "proxyjump",
            ];
            if name == "o" && runs.iter().any(|option| text.contains(option))
                || matches!(name.as_str(), "F" | "I" | "J")
            {
                facts.abuse(format!("`ssh -{name}` may run a program on this side"));
            }
            if ["L", "R", "D", "W", "w"].contains(&name.as_str()) {
                facts.abuse(format!("`ssh -{name}` opens a way through this host"));
            }
            if name == "E" {
                facts.abuse("`ssh -E` writes a file");
            }
        }
        let words = match parsed.rest.as_slice() {
            [] => {
                self.found.push(facts.finish());
                return Ok(());
            }
            [_, dashes, words @ ..] if dashes.is("--") => words,
            [_, words @ ..] => words,
        };
        // OpenSSH takes options behind the host as well.
        if words.first().is_some_and(|word| word.wild || word.text.starts_with('-')) {
            facts.opaque("options of `ssh` behind the host");
            self.found.push(facts.finish());
            return Ok(());
        }
        match (words, joined(words)) {
            ([], _) => {
                facts.opaque("it starts an interactive shell on another host");
                self.found.push(facts.finish());
            }
            (_, Ok(code)) => {
                self.found.push(facts.finish());
                let Call { spot, .. } = call.inner(Vec::new());
                self.text(&code.text, &Spot { elsewhere: true, posix: true, privileged: false, user: None, ..spot });
            }
            (_, Err(why)) => {
                facts.opaque(why);
                self.found.push(facts.finish());
            }
        }
        Ok(())
    }

    /// `docker exec box rm x`, `kubectl exec pod -- rm x`.
    fn container(&mut self, call: &Call) -> Result<bool, Doubt> {
        let args = call.args();
        let Some(at) = Args(args).command(VALUES) else { return Ok(false) };
        if !args.get(at).is_some_and(|word| word.is("exec")) {
            return Ok(false);
        }
        let parsed = EXEC.parse(args.get(at + 1..).unwrap_or_default(), false)?;
        let mut words: Vec<Arg> = parsed.rest.get(1..).unwrap_or_default().to_vec();
        // kubectl takes its own options between the pod and `--`.
        if let Some(dashes) = words.iter().position(|word| word.is("--")) {
            words = words.split_off(dashes + 1);
        }
        let mut facts = Facts::of(call);
        facts.verb("EXEC");
        if call.words.first().is_some_and(|word| word.text.ends_with("kubectl")) {
            facts.network();
        }
        facts.act(Act::Execute);
        if words.first().is_some_and(|word| word.text.starts_with('-')) {
            facts.opaque("options between the container and its command");
            words.clear();
        }
        self.found.push(facts.finish());
        let spot = Spot { elsewhere: true, privileged: false, user: None, ..call.spot.clone() };
        self.below(&Call { spot, ..call.clone() }, words);
        Ok(true)
    }

    /// `ip netns exec blue rm x`, and only that.
    fn name_space(&mut self, call: &Call) -> bool {
        let words: Vec<&Arg> = call.args().iter().collect();
        let Some(at) = words.iter().position(|word| !word.text.starts_with('-')) else { return false };
        let begins = |word: Option<&&Arg>, full: &str| {
            word.is_some_and(|word| word.text.len() > 1 && full.starts_with(&word.text))
        };
        if !begins(words.get(at), "netns") || !begins(words.get(at + 1), "exec") {
            return false;
        }
        let mut facts = Facts::of(call);
        facts.becomes();
        if words.iter().take(at).any(|word| word.text.starts_with("-a") || word.text.starts_with("--a")) {
            facts.opaque("it runs in every name space");
        }
        self.found.push(facts.finish());
        let spot = Spot { privileged: true, ..call.spot.clone() };
        let call = &Call { spot, ..call.clone() };
        self.below(call, words.iter().skip(at + 3).map(|word| (*word).clone()).collect());
        true
    }
}
