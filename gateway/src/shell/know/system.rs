//! Programs that look after the host: services, users, network, packages, time tables.

use workflows::operation::{Act, Kind};

use super::super::facts::Facts;
use super::super::options::Args;

pub(super) fn judge(name: &str, args: Args<'_>, facts: &mut Facts) -> bool {
    match name {
        "systemctl" => systemctl(args, facts),
        "service" => {
            let status = args.operand(1) == "status" || args.any(&["--status-all"]);
            two_faced(facts, status, matches!(args.operand(1), "stop" | "restart"), "a service");
        }
        "journalctl" => {
            let cleans = [
                "vacuum-size",
                "vacuum-time",
                "vacuum-files",
                "rotate",
                "flush",
                "sync",
                "relinquish-var",
                "setup-keys",
                "update-catalog",
                "cursor-file",
            ];
            let looks = !cleans.iter().any(|option| args.long(option)) && !args.wild();
            two_faced(facts, looks, args.begins("--vacuum") || args.begins("--rot"), "the journal");
        }
        "loginctl" | "timedatectl" | "hostnamectl" | "localectl" | "networkctl" | "resolvectl" | "bootctl"
        | "coredumpctl" | "machinectl" => {
            let verb = args.operand(0);
            let looks = ["", "status", "list", "show", "query", "statistics", "info"].contains(&verb)
                || verb.starts_with("list-")
                || verb.starts_with("show-")
                || verb.ends_with("-status");
            two_faced(
                facts,
                looks,
                verb.starts_with("terminate") || verb.starts_with("kill") || verb == "poweroff",
                "sessions",
            );
        }
        "reboot" | "shutdown" | "halt" | "poweroff" | "init" | "telinit" | "kexec" => {
            facts.act(Act::Administer);
            facts.destroys("the running host", false);
        }
        "useradd" | "adduser" | "usermod" | "groupadd" | "addgroup" | "groupmod" | "gpasswd" | "passwd"
        | "chpasswd" | "chage" | "chsh" | "chfn" | "newusers" | "visudo" | "vipw" | "vigr" | "newgrp" | "sg" => {
            args.operands().for_each(|user| facts.thing(Kind::Role, &user.text, true));
            facts.act(Act::Administer);
        }
        "userdel" | "deluser" | "groupdel" | "delgroup" => {
            args.operands().for_each(|user| facts.thing(Kind::Role, &user.text, true));
            facts.act(Act::Administer);
            facts.destroys("a user or a group", false);
        }
        "mount" | "hostname" | "swapon" | "dmesg" | "sysctl" | "route" | "ifconfig" | "arp" | "ss"
        | "iptables-save" | "ip6tables-save" => {
            let looks = match name {
                "mount" => args.operands().next().is_none() && !args.short('a') && !args.long("all"),
                "hostname" => args.operands().next().is_none() && !args.short('F') && !args.long("file"),
                "swapon" => args.any(&["-s", "--show", "--summary"]),
                "dmesg" => {
                    !["clear", "read-clear", "console-off", "console-on", "console-level"]
                        .iter()
                        .any(|option| args.long(option))
                        && !['c', 'C', 'D', 'E', 'n'].iter().any(|letter| args.short(*letter))
                }
                "sysctl" => {
                    !args.0.iter().any(|arg| arg.text.contains('='))
                        && !args.short('w')
                        && !args.short('p')
                        && !args.short('f')
                        && !args.long("system")
                        && !args.long("load")
                        && !args.long("write")
                }
                "route" => args.operands().next().is_none(),
                "ifconfig" => args.operands().count() <= 1,
                "arp" => !args.short('d') && !args.short('s') && !args.short('f'),
                "ss" => !args.short('K') && !args.long("kill") && !args.short('D') && !args.long("diag"),
                _ => !args.short('f') && !args.long("file"),
            };
            two_faced(facts, looks && !args.wild(), false, "");
        }
        "umount" | "swapoff" | "rmmod" => {
            facts.act(Act::Administer);
            facts.destroys("a file system, swap or a module that is in use", true);
        }
        "modprobe"
        | "insmod"
        | "depmod"
        | "ldconfig"
        | "update-alternatives"
        | "update-grub"
        | "grub-install"
        | "setenforce"
        | "aa-disable"
        | "auditctl"
        | "augenrules"
        | "hwclock"
        | "ntpdate"
        | "timedatectl-set"
        | "tc"
        | "ethtool"
        | "brctl"
        | "wg"
        | "nmcli"
        | "netplan"
        | "dhclient"
        | "logrotate"
        | "sysctl-set"
        | "loadkeys" => facts.act(Act::Administer),
        "iptables" | "ip6tables" | "nft" | "ufw" | "firewall-cmd" | "ipset" | "ebtables" => {
            firewall(name, args, facts);
        }
        "ip" => ip(args, facts),
        "crontab" => {
            let looks = args.short('l') && !args.short('r') && !args.short('e');
            two_faced(facts, looks, !looks, "somebody's time table");
        }
        "atq" | "lslocks" | "lsipc" | "findmnt" | "swaplabel" | "getenforce" | "sestatus" | "aa-status" => {
            facts.act(Act::Read);
        }
        "atrm" => {
            facts.act(Act::Administer);
            facts.destroys("a job that waits", true);
        }
        "apt" | "apt-get" | "aptitude" | "yum" | "dnf" | "zypper" | "apk" | "pacman" | "snap" | "flatpak"
        | "brew" => packages(name, args, facts),
        "apt-cache" | "dpkg-query" | "apt-mark-show" => facts.act(Act::Read),
        "dpkg" | "rpm" => {
            let looks = if name == "dpkg" {
                let list = [
                    "-l",
                    "-L",
                    "-s",
                    "-S",
                    "-p",
                    "--list",
                    "--listfiles",
                    "--status",
                    "--search",
                    "--get-selections",
                    "--print-architecture",
                    "--audit",
                    "-C",
                    "--verify",
                    "-V",
                ];
                args.0.first().is_some_and(|first| list.contains(&first.text.as_str()))
            } else {
                args.0.first().is_some_and(|first| {
                    first.text.starts_with("-q")
                        || first.text == "--query"
                        || first.text == "-V"
                        || first.text == "--verify"
                }) && !args.begins("--pipe")
                    && !args.begins("--eval")
            };
            let removes = args.any(&["-r", "-P", "--remove", "--purge", "-e", "--erase"]);
            two_faced(facts, looks && facts.run.abuse.is_none(), removes, "packages");
        }
        _ => return false,
    }
    true
}

/// A program that looks or administers, and perhaps takes something away.
fn two_faced(facts: &mut Facts, looks: bool, takes: bool, what: &str) {
    if looks {
        facts.act(Act::Read);
        return;
    }
    facts.act(Act::Administer);
    if takes {
        facts.destroys(what, false);
    }
}

fn systemctl(args: Args<'_>, facts: &mut Facts) {
    let verb = args.operand(0);
    let looks = [
        "",
        "status",
        "show",
        "cat",
        "is-active",
        "is-enabled",
        "is-failed",
        "is-system-running",
        "get-default",
        "help",
        "show-environment",
    ];
    args.operands().skip(1).for_each(|unit| facts.thing(Kind::Other, &unit.text, !looks.contains(&verb)));
    if args.wild() && !args.0.first().is_some_and(|first| first.fixed) {
        facts.opaque("what `systemctl` does is not in the text");
    }
    if looks.contains(&verb) || verb.starts_with("list-") {
        facts.act(Act::Read);
        return;
    }
    facts.verb(verb);
    facts.act(Act::Administer);
    if ["edit", "link", "set-environment", "import-environment"].contains(&verb) {
        facts.abuse("a unit is edited or comes from somewhere else");
    }
    let takes = [
        "stop",
        "restart",
        "try-restart",
        "kill",
        "disable",
        "mask",
        "isolate",
        "reboot",
        "poweroff",
        "halt",
        "kexec",
        "suspend",
        "hibernate",
        "emergency",
        "rescue",
        "reset-failed",
        "revert",
        "clean",
        "freeze",
        "default",
        "exit",
        "soft-reboot",
        "reload-or-restart",
    ];
    if takes.contains(&verb) {
        facts.destroys("a service or the host", false);
    }
}

fn firewall(name: &str, args: Args<'_>, facts: &mut Facts) {
    let verb = args.operand(0);
    let looks = match name {
        "nft" => verb == "list",
        "ufw" => ["status", "version", "show"].contains(&verb),
        "firewall-cmd" => args.0.iter().all(|arg| {
            ["--list", "--get", "--query", "--state", "--zone", "--info"]
                .iter()
                .any(|start| arg.text.starts_with(start))
        }),
        "ipset" => ["list", "test", "save"].contains(&verb),
        _ => {
            (args.short('L') || args.short('S') || args.long("list") || args.long("list-rules"))
                && !["A", "I", "D", "F", "X", "P", "R", "N", "Z", "E"]
                    .iter()
                    .any(|letter| args.short(letter.chars().next().unwrap_or('A')))
                && !["append", "insert", "delete", "flush", "policy", "replace", "new-chain", "zero"]
                    .iter()
                    .any(|option| args.long(option))
        }
    };
    two_faced(facts, looks, true, "rules of the firewall");
}

fn ip(args: Args<'_>, facts: &mut Facts) {
    let verb = args.operand(1);
    let shows = ["", "show", "list", "ls", "lst", "get", "sh", "s", "l"].contains(&verb)
        || (verb.len() > 1 && "show".starts_with(verb));
    let batch = args.begins("-b") || args.begins("-force") || args.wild() || args.any(&["exec"]);
    if batch {
        facts.opaque("what `ip` does is not in the text");
    }
    let takes = args.any(&["del", "delete", "flush", "down", "change", "replace"]);
    two_faced(
        facts,
        shows && !args.any(&["set", "up", "down", "flush", "del", "add"]),
        takes,
        "addresses, links or routes",
    );
}

fn packages(name: &str, args: Args<'_>, facts: &mut Facts) {
    let verb = args.operand(0);
    let looks = [
        "list",
        "search",
        "show",
        "policy",
        "info",
        "provides",
        "repolist",
        "history",
        "check-update",
        "changelog",
        "depends",
        "rdepends",
        "se",
        "if",
        "version",
        "stats",
    ];
    let short = name == "pacman" && (args.begins("-Q") || args.begins("-Ss") || args.begins("-Si"));
    let removes = [
        "remove",
        "purge",
        "autoremove",
        "erase",
        "del",
        "uninstall",
        "rm",
        "clean",
        "autoclean",
        "downgrade",
        "dist-upgrade",
        "full-upgrade",
    ];
    if facts.run.abuse.is_none() && (looks.contains(&verb) || short) {
        facts.act(Act::Read);
        return;
    }
    facts.verb(verb);
    facts.network();
    facts.act(Act::Administer);
    if removes.contains(&verb) || (name == "pacman" && args.begins("-R")) {
        facts.destroys("packages", false);
    }
}
