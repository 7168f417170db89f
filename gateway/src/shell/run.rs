//! One program that would run: looked through where it runs another one, judged where it does not.

use super::arg::{Arg, Feed};
use super::facts::{Facts, Found};
use super::know;
use super::options::Args;
use super::read::{Reader, Spot};
use super::redirect::Redirects;
use super::secrets::normal;
use super::word::{DEEPEST, Doubt};

/// A command: words, what is set for it, and what surrounds it.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub(super) words: Vec<Arg>,
    pub(super) env: Vec<(String, Arg)>,
    pub(super) redirects: Redirects,
    pub(super) shown: String,
    pub(super) spot: Spot,
}

impl Call {
    /// The words behind the program.
    pub(super) fn args(&self) -> &[Arg] {
        self.words.get(1..).unwrap_or_default()
    }

    /// What it reads.
    pub(super) fn feed(&self) -> Feed {
        self.redirects.input.clone().unwrap_or_else(|| self.spot.feed.clone())
    }

    /// The command that these words make, started by this one.
    pub(super) fn inner(&self, words: Vec<Arg>) -> Self {
        let spot = Spot { feed: self.feed(), depth: self.spot.depth + 1, ..self.spot.clone() };
        Self { words, env: Vec::new(), redirects: Redirects::default(), shown: self.shown.clone(), spot }
    }
}

/// Folders whose programs are what their names say.
const FOLDERS: &[&str] = &[
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/libexec",
    "/usr/lib/openssh",
];

/// Variables that change what programs do or which ones are found.
const RISKY: &[&str] = &[
    "BROWSER",
    "CDPATH",
    "DOCKER_CONFIG",
    "DOCKER_HOST",
    "EDITOR",
    "ENV",
    "GCONV_PATH",
    "GREP_OPTIONS",
    "HOME",
    "IFS",
    "INPUTRC",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "KUBECONFIG",
    "KUBE_EDITOR",
    "LESSCLOSE",
    "LESSOPEN",
    "MAKEFILES",
    "MAKEFLAGS",
    "MANOPT",
    "MANPAGER",
    "NODE_OPTIONS",
    "NODE_PATH",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "PAGER",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "POSIXLY_CORRECT",
    "PROMPT_COMMAND",
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RSYNC_RSH",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "SUDO_EDITOR",
    "SYSTEMD_EDITOR",
    "SYSTEMD_PAGER",
    "SYSTEMD_PAGERSECURE",
    "TAR_OPTIONS",
    "TERMCAP",
    "TERMINFO",
    "VISUAL",
    "XDG_CONFIG_DIRS",
    "XDG_CONFIG_HOME",
    "_JAVA_OPTIONS",
];

/// Whether setting a variable may make another program run.
pub(super) fn is_risky(name: &str) -> bool {
    RISKY.contains(&name) || ["LD_", "DYLD_", "GIT_", "BASH", "LUA_"].iter().any(|start| name.starts_with(start))
}

/// What a program is, from the word in its place.
pub(super) fn program(word: &Arg) -> Result<&str, Doubt> {
    let Some(text) = word.known() else { return Err("which program runs is not in the text".to_owned()) };
    if !text.is_ascii() {
        return Err("a program's name with letters that only look alike".to_owned());
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "_./+:@,-[".contains(c);
    let path = text.strip_prefix("~/").unwrap_or(text);
    // A number that is too large for a file is none, and bash then says so.
    let number = path.len() > 9 && path.bytes().all(|byte| byte.is_ascii_digit());
    if number
        || path.is_empty()
        || path.starts_with(['-', '+'])
        || !path.chars().all(fits)
        || (path.contains('[') && path != "[")
    {
        return Err("an unusual name of a program".to_owned());
    }
    Ok(text)
}

/// Its name without the folder; `None` where another program may hide behind that name.
pub(super) fn trusted(path: &str) -> Option<&str> {
    match path.rsplit_once('/') {
        None => Some(path),
        Some((folder, name)) => {
            let loader = (folder.starts_with("/lib") || folder.starts_with("/usr/lib")) && !folder.contains("..");
            (FOLDERS.contains(&folder) || loader && name.starts_with("ld-")).then_some(name)
        }
    }
}

impl Reader {
    pub(super) fn run(&mut self, call: Call) {
        let shown = call.shown.clone();
        if let Err(why) = self.launch(&call) {
            let mut facts = Facts::of(&call);
            facts.opaque(why);
            if call.spot.depth > DEEPEST {
                self.found.push(Found::opaque(&shown, "nested too deeply"));
                return;
            }
            self.found.push(facts.finish());
        }
    }

    fn launch(&mut self, call: &Call) -> Result<(), Doubt> {
        self.node()?;
        if call.spot.depth > DEEPEST {
            return Err("nested too deeply".to_owned());
        }
        let risky = call.env.iter().map(|(name, _)| name.as_str()).find(|name| is_risky(name));
        let Some(first) = call.words.first() else {
            let mut facts = Facts::of(call);
            if let Some(name) = risky {
                facts.opaque(format!("it sets `{name}`, which changes what later words run"));
            }
            self.made(call, &facts);
            self.found.push(facts.finish());
            return Ok(());
        };
        let path = program(first)?.to_owned();
        if let Some(name) = risky {
            let mut facts = Facts::of(call);
            facts.opaque(format!("it sets `{name}`, which changes what runs"));
            self.found.push(facts.finish());
            let bare = Call { env: Vec::new(), ..call.clone() };
            return self.launch(&bare);
        }
        if let Some(name) = trusted(&path)
            && (self.wrapper(name, call)? || self.interpreter(name, call)?)
        {
            return Ok(());
        }
        let mut facts = Facts::of(call);
        know::judge(&path, Args(call.args()), call, &mut facts);
        if know::sets_variables(&path) {
            let names = call.args().iter().filter_map(|arg| arg.text.split(['=', '+']).next());
            let names: Vec<String> = names.filter(|name| !name.starts_with('-')).map(str::to_owned).collect();
            self.values.extend(names.into_iter().map(|name| (name, false)));
        }
        if matches!(facts.prints, Feed::Text(_)) && !self.functions.is_empty() {
            // Perhaps one of them has that name.
            facts.prints = Feed::Program;
        }
        if let Some(feed) = self.made.get(&normal(&path)) {
            facts.run.foreign_code.get_or_insert_with(|| made_by(feed));
        }
        self.made(call, &facts);
        self.found.push(facts.finish());
        Ok(())
    }

    /// Notes files that a command makes: running one of them is running what nobody has seen.
    pub(super) fn made(&mut self, call: &Call, facts: &Facts) {
        let feed = match facts.prints {
            Feed::Network | Feed::Decoded => facts.prints.clone(),
            Feed::Client | Feed::Text(_) | Feed::File | Feed::Program => call.feed().max(Feed::Program),
        };
        let written = facts.written().chain(call.redirects.writes.iter().map(|arg| arg.text.as_str()));
        let written: Vec<String> = written.map(str::to_owned).collect();
        for path in written {
            self.made.insert(normal(&path), feed.clone());
        }
    }
}

/// Where the code of a file comes from that the same text makes.
pub(super) fn made_by(feed: &Feed) -> String {
    match feed.foreign() {
        Some(place) => format!("{place}, by way of a file"),
        None => "a file that the same text makes".to_owned(),
    }
}
