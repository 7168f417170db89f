//! What programs do, by name and by the options that change it. A program that is not known writes.

use workflows::operation::Act;

use super::arg::Feed;
use super::facts::Facts;
use super::options::Args;
use super::run::{Call, is_risky, trusted};
use super::wrap::names_a_part;

mod abuse;
mod changes;
mod containers;
mod lists;
mod network;
mod system;
mod texts;
mod versions;

/// Judges one program that is not looked through.
pub(super) fn judge(path: &str, args: Args<'_>, call: &Call, facts: &mut Facts) {
    let name = path.rsplit('/').next().unwrap_or(path);
    abuse::look(name, args, facts);
    let known = trusted(path).is_some_and(|name| {
        builtin(name, args, facts)
            || reads(name, args, call, facts)
            || texts::judge(name, args, call, facts)
            || changes::judge(name, args, facts)
            || system::judge(name, args, facts)
            || network::judge(name, args, facts)
            || versions::judge(name, args, call, facts)
            || containers::judge(name, args, facts)
    });
    if call.spot.terminal && facts.only_reads() && lists::PAGING.contains(&name) && !args.any(&["--no-pager"]) {
        facts.abuse("a pager on a terminal, from which programs can be started");
    }
    if !known {
        // Its name may still tell what it is going to break.
        changes::judge(name, args, facts);
        facts.act(Act::Execute);
    }
}

/// Programs that only look, and pagers, which start programs on a terminal.
fn reads(name: &str, args: Args<'_>, call: &Call, facts: &mut Facts) -> bool {
    if lists::PAGERS.contains(&name) {
        facts.act(Act::Read);
        if call.spot.terminal {
            facts.abuse("a pager on a terminal, from which programs can be started");
        }
        return true;
    }
    if !lists::READERS.contains(&name) {
        return false;
    }
    facts.act(Act::Read);
    args.operands().filter(|arg| arg.text.starts_with(['/', '~', '.'])).for_each(|arg| facts.file(arg, false));
    if name == "cat" && args.0.is_empty() {
        facts.prints = call.feed();
    } else if lists::TALKERS.contains(&name) {
        facts.network();
    }
    true
}

/// The shell's own words that change nothing but the shell.
fn builtin(name: &str, args: Args<'_>, facts: &mut Facts) -> bool {
    match name {
        "echo" => {
            facts.act(Act::Read);
            facts.prints = said(args, false);
        }
        "printf" => {
            if args.begins("-v") {
                facts.opaque("`printf -v` sets a variable that may be named by something else");
            }
            facts.act(Act::Read);
            facts.prints = said(args, true);
        }
        "test" | "[" => {
            if args.any(&["-v", "-R"]) {
                facts.opaque("a test of a variable that may be named by something else");
            }
            facts.act(Act::Read);
        }
        "export" | "declare" | "typeset" | "local" | "readonly" => {
            if args.short('i') || args.short('n') || args.short('f') && !args.short('F') {
                facts.opaque("it declares a variable that is evaluated, or a function");
            }
            sets(args, facts);
        }
        "read" | "mapfile" | "readarray" | "unset" | "getopts" | "wait" => {
            if args.short('C') {
                facts.opaque("code that runs for each line");
            }
            sets(args, facts);
        }
        "set" => {
            let plain = |arg: &str| {
                arg.strip_prefix(['-', '+']).is_some_and(|letters| letters.chars().all(|c| "euxfvCoE".contains(c)))
                    || ["pipefail", "errexit", "nounset", "xtrace", "noglob", "posix", "noclobber"].contains(&arg)
            };
            let options = args.0.iter().take_while(|arg| !arg.is("--"));
            if options.into_iter().any(|arg| !arg.fixed || !plain(&arg.text)) {
                facts.opaque("an unusual form of `set`");
            }
        }
        "alias" | "unalias" | "shopt" | "enable" | "bind" | "complete" | "compgen" | "compopt" | "fc" | "hash"
        | "let" | "coproc" => {
            let shows =
                args.0.is_empty() || (name == "hash" && args.any(&["-r"])) || args.any(&["-p"]) && args.0.len() == 1;
            if !shows {
                facts.opaque(format!("`{name}` changes what later words mean"));
            }
        }
        name => return lists::SESSION.contains(&name),
    }
    true
}

/// Whether its arguments are names of variables that it sets.
pub(super) fn sets_variables(name: &str) -> bool {
    let setters = [
        "read",
        "mapfile",
        "readarray",
        "getopts",
        "export",
        "declare",
        "typeset",
        "local",
        "readonly",
        "printf",
        "wait",
        "unset",
        "let",
    ];
    setters.contains(&name)
}

/// Variables that a builtin sets.
fn sets(args: Args<'_>, facts: &mut Facts) {
    if names_a_part(args.0) || args.0.iter().any(|arg| arg.wild) {
        facts.opaque("a variable that is named by something else");
    }
    for arg in args.operands() {
        let name = arg.text.split(['=', '+']).next().unwrap_or_default();
        if is_risky(name) {
            facts.opaque(format!("it sets `{name}`, which changes what later words run"));
        }
        if arg.text.contains('=') {
            facts.run.env.push(name.to_owned());
        }
    }
}

/// What `echo` and `printf` print, if that is exactly what stands there.
fn said(args: Args<'_>, one: bool) -> Feed {
    let known: Option<Vec<&str>> = args.0.iter().map(super::arg::Arg::known).collect();
    match known {
        Some(known)
            if (!one || known.len() == 1)
                && !known.iter().any(|arg| arg.contains(['\\', '%']) || arg.starts_with('-')) =>
        {
            Feed::Text(known.join(" "))
        }
        _ => Feed::Program,
    }
}
