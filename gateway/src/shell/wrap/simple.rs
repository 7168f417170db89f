//! Wrappers that have options, perhaps some operands, and then a command.

use super::super::options::Spec;

const NONE: Spec = Spec { flags: "", takes: "", glued: "", long: &["help", "version"], long_takes: &[] };

/// Each with its options and the number of operands before the command.
pub(super) const ALL: &[(&str, Spec, usize)] = &[
    ("nohup", NONE, 0),
    ("nice", Spec { takes: "n", long_takes: &["adjustment"], ..NONE }, 0),
    (
        "ionice",
        Spec {
            flags: "t",
            takes: "cnpPu",
            long: &["ignore"],
            long_takes: &["class", "classdata", "pid", "pgid", "uid"],
            glued: "",
        },
        0,
    ),
    ("setsid", Spec { flags: "cfw", long: &["ctty", "fork", "wait"], ..NONE }, 0),
    (
        "timeout",
        Spec {
            flags: "v",
            takes: "ks",
            long: &["preserve-status", "foreground", "verbose"],
            long_takes: &["kill-after", "signal"],
            glued: "",
        },
        1,
    ),
    ("stdbuf", Spec { takes: "ioe", long_takes: &["input", "output", "error"], ..NONE }, 0),
    ("taskset", Spec { flags: "acp", long: &["all-tasks", "cpu-list", "pid"], ..NONE }, 1),
    (
        "chrt",
        Spec {
            flags: "abdfiorRmpv",
            takes: "TPD",
            long: &[
                "all-tasks",
                "batch",
                "deadline",
                "fifo",
                "idle",
                "other",
                "rr",
                "reset-on-fork",
                "max",
                "pid",
                "verbose",
            ],
            long_takes: &["sched-runtime", "sched-period", "sched-deadline"],
            glued: "",
        },
        1,
    ),
    ("cgexec", Spec { takes: "g", long: &["sticky"], ..NONE }, 0),
    (
        "numactl",
        Spec {
            takes: "CNmipP",
            long_takes: &["cpunodebind", "physcpubind", "membind", "interleave", "preferred"],
            ..NONE
        },
        0,
    ),
    ("fakeroot", NONE, 0),
    ("catchsegv", NONE, 0),
    ("unbuffer", Spec { flags: "p", ..NONE }, 0),
    ("chronic", Spec { flags: "ve", ..NONE }, 0),
    ("ifne", Spec { flags: "n", ..NONE }, 0),
    ("dbus-run-session", NONE, 0),
    ("eatmydata", NONE, 0),
    ("softlimit", Spec { takes: "acdflmoprst", ..NONE }, 0),
    ("prlimit", Spec { glued: "cdefilmnqrstuvxy", takes: "p", long_takes: &["pid"], ..NONE }, 0),
];
