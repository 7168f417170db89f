//! `git`, which reads, writes, forgets and runs.

use workflows::operation::Act;

use super::super::facts::Facts;
use super::super::options::Args;
use super::super::run::Call;

/// Commands that only look, whatever is behind them.
const LOOKS: &[&str] = &[
    "status",
    "log",
    "show",
    "diff",
    "blame",
    "shortlog",
    "ls-files",
    "ls-tree",
    "rev-parse",
    "rev-list",
    "describe",
    "cat-file",
    "for-each-ref",
    "merge-base",
    "show-ref",
    "name-rev",
    "whatchanged",
    "count-objects",
    "check-ignore",
    "version",
    "cherry",
    "var",
];
/// Commands that take something away, whatever is behind them.
const TAKES: &[&str] =
    &["clean", "filter-branch", "filter-repo", "gc", "prune", "reflog", "rm", "update-ref", "replace", "lfs"];

pub(super) fn judge(name: &str, args: Args<'_>, call: &Call, facts: &mut Facts) -> bool {
    if let "git-upload-pack" | "git-upload-archive" | "git-receive-pack" = name {
        // The far end of a fetch or a push. A push runs the repository's own hooks, which it can't bring along.
        let written = name == "git-receive-pack";
        args.operands().for_each(|repository| facts.file(repository, written));
        facts.act(if written { Act::Write } else { Act::Read });
        return true;
    }
    if name != "git" {
        return false;
    }
    let mut words = args.0.iter();
    let mut verb = "";
    let mut paged = false;
    while let Some(word) = words.next() {
        if word.wild {
            facts.opaque("what `git` does is not in the text");
        }
        match word.text.as_str() {
            "-C" | "-c" | "--git-dir" | "--work-tree" | "--namespace" | "--config-env" | "--exec-path" => {
                words.next();
            }
            text if text.starts_with('-') => paged |= ["-p", "--paginate"].contains(&text),
            text => {
                verb = text;
                break;
            }
        }
    }
    let rest = Args(words.as_slice());
    facts.verb(verb);
    let pages = call.spot.terminal
        && !args.any(&["--no-pager", "-P"])
        && [
            "log",
            "show",
            "diff",
            "blame",
            "branch",
            "tag",
            "reflog",
            "whatchanged",
            "grep",
            "help",
            "config",
            "shortlog",
        ]
        .contains(&verb);
    if pages || paged {
        facts.abuse("`git` starts a pager on a terminal, from which programs can be started");
    }
    if args.any(&["--help"]) || verb == "help" {
        facts.act(Act::Read);
        return true;
    }
    if rest.begins("--output") || args.begins("--exec-path=") {
        facts.act(Act::Write);
    }
    match verb {
        verb if LOOKS.contains(&verb) => facts.act(Act::Read),
        "branch" | "tag" | "remote" | "stash" | "config" | "worktree" | "notes" | "submodule" | "bisect" | "grep" => {
            listed(verb, rest, facts);
        }
        "ls-remote" => {
            facts.network();
            facts.act(Act::Read);
            if rest.operands().any(|arg| arg.text.starts_with("ext::")) {
                facts.abuse("an address of `git` that runs a program");
            }
        }
        "push" => {
            facts.network();
            facts.act(Act::Write);
            let forced = rest.short('f')
                || rest.begins("--force")
                || rest.long("delete")
                || rest.short('d')
                || rest.long("mirror")
                || rest.long("prune");
            if forced || rest.operands().any(|arg| arg.text.starts_with('+') || arg.text.starts_with(':')) {
                facts.destroys("what others may have built upon", false);
            }
        }
        "fetch" | "pull" | "clone" => {
            facts.network();
            facts.act(Act::Write);
            if rest.operands().any(|arg| arg.text.starts_with("ext::") || arg.text.starts_with("fd::")) {
                facts.abuse("an address of `git` that runs a program");
            }
        }
        "reset" | "checkout" | "switch" | "restore" => {
            facts.act(Act::Write);
            if rest.long("hard")
                || rest.short('f')
                || rest.long("force")
                || rest.any(&["--", "."])
                || verb == "restore"
            {
                facts.destroys("changes that are not committed", false);
            }
        }
        "rebase" => {
            facts.act(Act::Write);
            if rest.begins("-x") || rest.begins("--exec") || rest.begins("-i") || rest.begins("--interactive") {
                facts.abuse("`git rebase` runs a program or an editor");
            }
        }
        verb if TAKES.contains(&verb) => {
            facts.act(Act::Write);
            facts.destroys("what nothing refers to", false);
        }
        "add" | "commit" | "merge" | "cherry-pick" | "revert" | "init" | "mv" | "apply" | "am" | "format-patch"
        | "archive" => facts.act(Act::Write),
        // An alias, or a program `git-…` of somebody's.
        _ => facts.act(Act::Execute),
    }
    true
}

/// Commands that look without words behind them, and change something with them.
fn listed(verb: &str, rest: Args<'_>, facts: &mut Facts) {
    let first = rest.operand(0);
    let looks = match verb {
        "branch" | "tag" => {
            (first.is_empty() && !rest.short('d') && !rest.short('D') && !rest.short('m') && !rest.short('f'))
                || rest.any(&["-l", "--list", "--contains", "--merged"])
        }
        "remote" => matches!(first, "" | "show" | "get-url"),
        "stash" => matches!(first, "list" | "show"),
        "config" => rest.any(&["--get", "--list", "-l", "--get-all"]) && !rest.any(&["--edit", "-e"]),
        "worktree" | "notes" => matches!(first, "list" | "show"),
        "submodule" => first == "status",
        "bisect" => first == "log",
        _ => !rest.short('O') && !rest.begins("--open"),
    };
    if verb == "config" && !looks || verb == "submodule" && first == "foreach" || verb == "bisect" && first == "run" {
        facts.abuse(format!("`git {verb}` runs a program, or sets one that runs later"));
    }
    if looks {
        facts.act(Act::Read);
        return;
    }
    facts.act(Act::Write);
    if rest.short('D')
        || rest.short('d')
        || rest.short('f')
        || rest.long("delete")
        || matches!(first, "drop" | "clear" | "remove" | "prune")
    {
        facts.destroys("a name of what may be lost without it", false);
    }
}
