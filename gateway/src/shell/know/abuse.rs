//! Forms of arguments that make a program run or write what it is not for, in the manner of GTFOBins.

use super::super::facts::Facts;
use super::super::options::Args;

/// A program, how one of its words begins, and what that does.
const FORMS: &[(&str, &[&str], &str)] = &[
    (
        "tar",
        &[
            "--checkpoint-action",
            "--to-command",
            "--use-compress-program",
            "-I",
            "--rsh-command",
            "--rmt-command",
            "--info-script",
            "--new-volume-script",
            "-F",
        ],
        "an option of `tar` that runs a program",
    ),
    ("bsdtar", &["--use-compress-program"], "an option of `tar` that runs a program"),
    ("zip", &["-TT", "--unzip-command"], "an option of `zip` that runs a program"),
    ("cpio", &["--rsh-command"], "an option of `cpio` that runs a program"),
    ("rsync", &["-e", "--rsh", "--rsync-path"], "an option of `rsync` that runs a program"),
    ("scp", &["-S", "-D", "-F"], "an option of `scp` that runs a program"),
    ("sftp", &["-S", "-D", "-F", "-b"], "an option of `sftp` that runs a program"),
    ("sort", &["--compress-program"], "`sort --compress-program` runs a program"),
    ("split", &["--filter"], "`split --filter` runs a program"),
    ("vim", &["-c", "--cmd", "+", "-S", "-s", "-u"], "a command of the editor among its arguments"),
    ("vi", &["-c", "--cmd", "+", "-S", "-s", "-u"], "a command of the editor among its arguments"),
    ("view", &["-c", "--cmd", "+", "-S"], "a command of the editor among its arguments"),
    ("rvim", &["-c", "--cmd", "+", "-S"], "a command of the editor among its arguments"),
    ("vimdiff", &["-c", "--cmd", "+"], "a command of the editor among its arguments"),
    ("nvim", &["-c", "--cmd", "+", "-S", "-u", "-l"], "a command of the editor among its arguments"),
    ("ex", &["-c", "+"], "a command of the editor among its arguments"),
    ("emacs", &["--eval", "-eval", "-f", "-l", "--load", "--script"], "code for the editor among its arguments"),
    ("nano", &["-s", "--speller"], "`nano -s` runs a program"),
    ("less", &["+", "-k", "-o", "-O", "--LOG-FILE", "--log-file"], "a command of the pager among its arguments"),
    ("more", &["+"], "a command of the pager among its arguments"),
    ("man", &["-P", "--pager", "-H", "--html", "-C", "-X"], "an option of `man` that runs a program"),
    (
        "git",
        &[
            "-c",
            "--exec-path=",
            "--config-env",
            "--upload-pack",
            "--receive-pack",
            "-O",
            "--open-files-in-pager",
            "--ext-diff",
            "--textconv",
        ],
        "an option of `git` that runs a program",
    ),
    (
        "wget",
        &["--use-askpass", "-e", "--execute", "--post-file", "--body-file"],
        "an option of `wget` that runs or sends something",
    ),
    ("curl", &["-K", "--config", "--engine"], "an option of `curl` that reads further options or code"),
    ("openssl", &["-engine", "-provider-path", "-config"], "an option of `openssl` that loads code"),
    ("nmap", &["--script", "--interactive", "--datadir"], "an option of `nmap` that runs code"),
    ("tcpdump", &["-z"], "`tcpdump -z` runs a program"),
    ("nc", &["-e", "-c", "--exec", "--sh-exec"], "a connection with a program at its end"),
    ("ncat", &["-e", "-c", "--exec", "--sh-exec", "--lua-exec"], "a connection with a program at its end"),
    ("netcat", &["-e", "-c"], "a connection with a program at its end"),
    (
        "socat",
        &["EXEC:", "SYSTEM:", "exec:", "system:", "SHELL:", "shell:"],
        "a connection with a program at its end",
    ),
    (
        "gdb",
        &["-ex", "--ex", "-x", "--command", "-batch", "--eval-command", "-iex"],
        "commands of the debugger among its arguments",
    ),
    ("make", &["--eval", "SHELL=", "-f"], "a rule of `make` among its arguments"),
    ("ansible", &["-a", "-m"], "a task among its arguments"),
    ("apt", &["-o", "-c", "--option"], "an option of `apt` that may run a program"),
    ("apt-get", &["-o", "-c", "--option"], "an option of `apt` that may run a program"),
    ("dpkg", &["--pre-invoke", "--post-invoke", "--status-logger"], "an option of `dpkg` that runs a program"),
    ("yum", &["--setopt", "--plugins", "-c"], "an option of `yum` that may load code"),
    ("dnf", &["--setopt", "-c"], "an option of `dnf` that may load code"),
    ("rpm", &["--eval", "-E", "--pipe", "--define", "-D"], "an option of `rpm` that runs code"),
    ("pip", &["--target", "--index-url", "-i", "git+"], "a package from somewhere else"),
    ("journalctl", &["--cursor-file"], "`journalctl` writes a file"),
    ("date", &["-f", "--file"], "`date -f` prints a file"),
    ("capsh", &["--"], "`capsh` starts a shell"),
    ("logsave", &[""], "`logsave` runs a program"),
    ("run-parts", &[""], "`run-parts` runs all programs of a folder"),
    ("parallel", &[""], "`parallel` runs programs"),
    ("strace", &[""], "`strace` runs a program"),
    ("ltrace", &[""], "`ltrace` runs a program"),
    ("start-stop-daemon", &[""], "`start-stop-daemon` runs a program"),
    ("screen", &[""], "`screen` runs programs out of sight"),
    ("tmux", &[""], "`tmux` runs programs out of sight"),
    ("at", &[""], "`at` runs programs later"),
    ("batch", &[""], "`batch` runs programs later"),
    ("expect", &[""], "`expect` runs programs"),
    ("ansible-playbook", &[""], "`ansible-playbook` runs programs"),
    ("mysql", &["-e", "--execute", "--pager"], "statements or a pager among its arguments"),
    ("ed", &[""], "an editor that runs programs"),
    ("red", &[""], "an editor that runs programs"),
    ("crash", &[""], "a debugger that runs programs"),
    ("xdotool", &[""], "`xdotool` types for somebody"),
    ("jjs", &[""], "`jjs` runs code"),
    ("dmsetup", &["--exec"], "`dmsetup` runs a program"),
    ("zsoelim", &[""], "`zsoelim` prints files"),
    ("ld.so", &[""], "the loader runs a program"),
    ("sysctl", &["kernel.core_pattern", "kernel.modprobe"], "a setting that names a program"),
    ("ag", &["--pager"], "`ag --pager` runs a program"),
    ("ssh-keygen", &["-D", "-w"], "an option of `ssh-keygen` that loads code"),
    ("ssh-add", &["-s", "-e"], "an option of `ssh-add` that loads code"),
    ("rg", &["--pre", "--hostname-bin"], "`rg --pre` runs a program"),
    ("docker", &["--privileged", "--pid=host", "-v/:", "--volume=/:", "/:/"], "a container with the host inside"),
    ("podman", &["--privileged", "--pid=host", "-v/:", "--volume=/:", "/:/"], "a container with the host inside"),
];

/// Settings of SSH that run a program on this side.
const SSH_RUNS: &[&str] =
    &["proxycommand", "localcommand", "knownhostscommand", "proxyjump", "pkcs11provider", "include"];

/// Notes a form that is known.
pub(super) fn look(name: &str, args: Args<'_>, facts: &mut Facts) {
    for (_, starts, what) in FORMS.iter().filter(|(program, ..)| *program == name) {
        let stands = |start: &&str| match start.strip_prefix("--") {
            // Long options may be written shorter than their names.
            Some(long) if !long.is_empty() => args.long(long.trim_end_matches('=')) || args.begins(start),
            _ => start.is_empty() || args.begins(start),
        };
        if starts.iter().any(stands) {
            facts.abuse(*what);
        }
    }
    let set = |arg: &str| SSH_RUNS.iter().any(|option| arg.to_lowercase().contains(option));
    if matches!(name, "scp" | "sftp") && args.0.iter().any(|arg| set(&arg.text)) {
        facts.abuse(format!("an option of `{name}` that runs a program"));
    }
}
