//! Programs that run code: a shell's is read like any other text, other languages' is only noted.

use workflows::operation::Act;

use super::arg::{Arg, Feed};
use super::facts::Facts;
use super::options::Args;
use super::plain;
use super::read::{Reader, Spot};
use super::run::{Call, made_by};
use super::secrets::normal;
use super::word::Doubt;

const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "rbash", "ksh93"];
/// Other languages, and the options behind which code stands.
const LANGUAGES: &[(&str, &[&str])] = &[
    ("python", &["-c"]),
    ("pypy", &["-c"]),
    ("perl", &["-e", "-E", "-M", "-n", "-p"]),
    ("ruby", &["-e", "-r"]),
    ("node", &["-e", "-p", "--eval", "--print", "-r", "--require"]),
    ("nodejs", &["-e", "-p", "--eval", "--print", "-r", "--require"]),
    ("php", &["-r", "-B", "-R", "-E"]),
    ("lua", &["-e", "-l"]),
    ("tclsh", &[]),
    ("expect", &["-c"]),
    ("guile", &["-c"]),
    ("Rscript", &["-e"]),
    ("jrunscript", &["-e"]),
    ("osascript", &["-e"]),
    ("deno", &["eval"]),
    ("bun", &["-e"]),
    ("psql", &[]),
    ("mysql", &[]),
    ("sqlite3", &[]),
];

/// Whether a program is a shell, by its name.
pub(super) fn is_shell(name: &str) -> bool {
    SHELLS.contains(&name)
}

impl Reader {
    /// Judges a program that runs code, if this is one.
    pub(super) fn interpreter(&mut self, name: &str, call: &Call) -> Result<bool, Doubt> {
        if SHELLS.contains(&name) {
            return self.shell(name, call).map(|()| true);
        }
        let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let Some((language, code)) = LANGUAGES.iter().find(|(language, _)| *language == bare || *language == name)
        else {
            return Ok(false);
        };
        let mut facts = Facts::of(call);
        let args = Args(call.args());
        if args.any(&["--version", "-V", "-v", "--help"]) && call.args().len() == 1 {
            facts.act(Act::Read);
            self.found.push(facts.finish());
            return Ok(true);
        }
        facts.act(Act::Execute);
        let database = ["psql", "mysql", "sqlite3"].contains(language);
        if database {
            facts.run.network = *language != "sqlite3";
            let escapes = ["\\!", "\\copy", ".shell", ".system", "PROGRAM", "\\o", "system "];
            if call.args().iter().any(|arg| escapes.iter().any(|escape| arg.text.contains(escape))) {
                facts.abuse("a command of the client that runs a program or writes a file");
            }
        }
        if code.iter().any(|option| call.args().iter().any(|arg| is_code(&arg.text, option))) {
            facts.abuse(format!("code for `{name}` in its arguments"));
        }
        for arg in call.args() {
            facts.foreign(&arg.feed);
            if arg.feed.foreign().is_some() {
                facts.opaque(format!("`{name}` is given code that is not in the text"));
            }
            if let Some(feed) = self.made.get(&normal(&arg.text)) {
                facts.run.foreign_code.get_or_insert_with(|| made_by(feed));
            }
        }
        let piped = args.operands().next().is_none_or(|arg| ["-", "/dev/stdin"].contains(&arg.text.as_str()));
        let coded = facts.run.abuse.is_some();
        if piped && !coded && !(database && call.feed() == Feed::Client) {
            facts.foreign(&call.feed());
            facts.opaque(format!("`{name}` reads its code from its input"));
        }
        self.made(call, &facts);
        self.found.push(facts.finish());
        Ok(true)
    }

    fn shell(&mut self, name: &str, call: &Call) -> Result<(), Doubt> {
        let mut facts = Facts::of(call);
        let Options { code, input, rest } = options(call.args())?;
        let spot = Spot {
            posix: name != "bash",
            feed: call.feed(),
            depth: call.spot.depth + 1,
            terminal: call.spot.terminal && call.redirects.writes.is_empty(),
            ..call.spot.clone()
        };
        let script = rest.first();
        let code = match (code, script) {
            (true, Some(code)) => Some(code.clone()),
            (true, None) => return Err(format!("`{name} -c` without its code")),
            (false, Some(script)) if !input && !["/dev/stdin", "-"].contains(&script.text.as_str()) => {
                self.script(script, &mut facts);
                self.found.push(facts.finish());
                return Ok(());
            }
            (false, _) => match call.feed() {
                Feed::Text(text) => Some(Arg::fixed(text)),
                feed @ (Feed::Client | Feed::File | Feed::Program | Feed::Decoded | Feed::Network) => {
                    facts.foreign(&feed);
                    None
                }
            },
        };
        match code {
            Some(code) if code.fixed => {
                let others = !["sh", "bash", "dash", "ash", "rbash"].contains(&name);
                self.found.push(facts.finish());
                if others {
                    plain::check(&code.text)?;
                }
                self.text(&code.text, &spot);
            }
            Some(code) => {
                facts.foreign(&code.feed);
                facts.opaque(format!("the code that `{name}` runs is not in the text"));
                self.found.push(facts.finish());
            }
            None => {
                facts.opaque(format!("`{name}` reads its commands from its input"));
                self.found.push(facts.finish());
            }
        }
        Ok(())
    }

    /// A file of code that a shell is given.
    pub(super) fn script(&self, script: &Arg, facts: &mut Facts) {
        facts.act(Act::Execute);
        facts.file(script, false);
        facts.foreign(&script.feed);
        if let Some(feed) = self.made.get(&normal(&script.text)) {
            facts.run.foreign_code.get_or_insert_with(|| made_by(feed));
        }
        if !script.fixed {
            facts.opaque("which file of code runs is not in the text");
        }
    }
}

/// Whether an argument is an option behind which code stands, alone or glued to it or to other letters.
fn is_code(arg: &str, option: &str) -> bool {
    if option.starts_with("--") || !option.starts_with('-') {
        return arg == option || arg.strip_prefix(option).is_some_and(|rest| rest.starts_with('='));
    }
    let letter = option.trim_start_matches('-');
    arg.starts_with('-') && !arg.starts_with("--") && arg.contains(letter)
}

struct Options {
    /// `-c` is among them.
    code: bool,
    /// `-s` is among them.
    input: bool,
    rest: Vec<Arg>,
}

/// A shell's own options. What is not known to be harmless is doubt.
fn options(args: &[Arg]) -> Result<Options, Doubt> {
    let mut options = Options { code: false, input: false, rest: Vec::new() };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        if word.wild && options.code {
            options.rest.push(word.clone());
            break;
        }
        if word.wild {
            return Err("what the shell runs is not in the text".to_owned());
        }
        let text = word.text.as_str();
        let letters = match text.strip_prefix(['-', '+']) {
            Some("-" | "") => {
                options.rest.extend(words.cloned());
                break;
            }
            Some("-login" | "-norc" | "-noprofile" | "-posix" | "-verbose" | "-noediting") => continue,
            Some(letters) => letters,
            None => {
                options.rest.push(word.clone());
                options.rest.extend(words.cloned());
                break;
            }
        };
        for letter in letters.chars() {
            match letter {
                'c' => options.code = true,
                's' => options.input = true,
                'o' => match words.next().and_then(Arg::known) {
                    Some("pipefail" | "errexit" | "nounset" | "xtrace" | "verbose" | "noglob") => {}
                    _ => return Err("an unusual option of a shell".to_owned()),
                },
                'l' | 'e' | 'u' | 'x' | 'v' | 'f' | 'n' | 'i' | 'p' => {}
                _ => return Err("an unusual option of a shell".to_owned()),
            }
        }
    }
    Ok(options)
}
