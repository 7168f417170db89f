//! Containers and clusters.

use workflows::operation::{Act, Kind};

use super::super::facts::Facts;
use super::super::options::Args;
use super::super::wrap::VALUES;

pub(super) fn judge(name: &str, args: Args<'_>, facts: &mut Facts) -> bool {
    let looks: &[&str] = match name {
        "docker" | "podman" | "nerdctl" | "crictl" => &[
            "ps", "images", "logs", "inspect", "stats", "top", "version", "info", "port", "diff", "history",
            "events", "search", "pods",
        ],
        "docker-compose" => &["ps", "logs", "config", "images", "top", "version"],
        "kubectl" | "oc" | "k3s" => &[
            "get",
            "describe",
            "logs",
            "top",
            "version",
            "api-resources",
            "api-versions",
            "explain",
            "cluster-info",
            "auth",
            "diff",
            "events",
        ],
        "helm" => &["list", "ls", "status", "history", "get", "show", "search", "template", "version"],
        _ => return false,
    };
    let all = args;
    let args = Args(all.command(VALUES).and_then(|at| all.0.get(at..)).unwrap_or_default());
    let verb = args.operand(0);
    let noun =
        ["container", "image", "volume", "network", "system", "compose", "config", "rollout", "node", "secret"]
            .contains(&verb);
    let second = if noun { args.operand(1) } else { verb };
    facts.verb(verb);
    if matches!(name, "kubectl" | "oc" | "helm" | "k3s") || ["pull", "push", "login", "search"].contains(&verb) {
        facts.network();
    }
    if all.0.iter().take(all.0.len() - args.0.len() + 1).any(|word| word.wild) {
        facts.opaque(format!("what `{name}` does is not in the text"));
    }
    if matches!(name, "kubectl" | "oc")
        && looks.contains(&verb)
        && args.operands().any(|arg| arg.text.starts_with("secret"))
        && !args.any(&["-o=name", "name"])
    {
        facts.run.secrets.push("secrets of the cluster".to_owned());
    }
    let noun_looks = noun
        && [
            "ls",
            "list",
            "inspect",
            "ps",
            "logs",
            "df",
            "history",
            "status",
            "view",
            "current-context",
            "get-contexts",
        ]
        .contains(&second);
    if looks.contains(&verb) || noun_looks {
        facts.act(Act::Read);
        return true;
    }
    args.operands().skip(1).for_each(|thing| facts.thing(Kind::Other, &thing.text, true));
    let takes = [
        "rm",
        "rmi",
        "kill",
        "stop",
        "restart",
        "prune",
        "down",
        "delete",
        "drain",
        "cordon",
        "uninstall",
        "rollback",
        "scale",
        "replace",
        "undo",
        "remove",
        "evict",
        "taint",
        "patch",
    ];
    facts.act(match verb {
        "run" | "exec" | "debug" | "attach" | "build" | "cp" | "proxy" | "port-forward" | "plugin" | "apply"
        | "create" | "edit" | "import" | "load" => Act::Execute,
        _ => Act::Administer,
    });
    if takes.contains(&second) || takes.contains(&verb) {
        facts.destroys("containers, volumes or what runs in a cluster", false);
    }
    true
}
