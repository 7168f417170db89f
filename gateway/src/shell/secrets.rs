//! Files that hold secrets, by their paths.

/// Programs that look at names and not into files, or that only say what they are given.
pub(super) fn is_blind(program: &str) -> bool {
    [
        "ls", "stat", "test", "[", "du", "readlink", "realpath", "basename", "dirname", "echo", "printf", "mkdir",
        "touch",
    ]
    .contains(&program)
}

/// Whole paths. A pattern in a command is compared with each.
const FILES: &[&str] = &[
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/security/opasswd",
    "/etc/krb5.keytab",
    "/etc/kubernetes/admin.conf",
    "/etc/rancher/k3s/k3s.yaml",
    "/proc/self/environ",
    "/proc/1/environ",
    "/proc/1/mem",
    "/proc/kcore",
    "/dev/mem",
    "/dev/kmem",
    "/root/.ssh/id_rsa",
    "/root/.ssh/id_ed25519",
    "/root/.aws/credentials",
    "/root/.kube/config",
    "~/.ssh/id_rsa",
    "~/.ssh/id_ed25519",
    "~/.aws/credentials",
    "~/.kube/config",
    "~/.pgpass",
];
/// Folders in which everything is secret.
const FOLDERS: &[&str] = &["/etc/ssl/private/", "/run/secrets/", "/var/run/secrets/", "/etc/letsencrypt/live/"];
/// The last part of a path, whatever the folder.
const NAMES: &[&str] = &[
    ".pgpass",
    ".my.cnf",
    ".netrc",
    ".git-credentials",
    ".env",
    ".htpasswd",
    ".pypirc",
    ".vault-token",
    ".npmrc",
    "kubeconfig",
    "terraform.tfstate",
    "wp-config.php",
    "secrets.yml",
    "secrets.yaml",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_ed25519_sk",
    "id_ecdsa_sk",
    "master.key",
    "credentials.json",
    ".bash_history",
];
/// The last two parts.
const PAIRS: &[&str] = &[
    ".aws/credentials",
    ".kube/config",
    ".docker/config.json",
    ".azure/accessTokens.json",
    ".config/gh/hosts.yml",
    ".config/gcloud/credentials.db",
    ".gnupg/secring.gpg",
    ".ssh/identity",
];
/// How names of keys end.
const ENDS: &[&str] = &[".pem", ".key", ".pfx", ".p12", ".jks", ".kdbx", ".keytab", ".ppk"];
/// How names of copies end.
const COPIES: &[&str] = &[".bak", ".backup", ".old", ".orig", ".save", "~", "-"];
/// What is secret in a copy, whatever the folder.
const COPIED: &[&str] = &["shadow", "gshadow", "passwd", "opasswd", "sudoers"];

/// The secrets that a word names, alone or inside.
pub(crate) fn find(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let apart = |c: char| " \t\n'\"()=@:,;<>|&{}`".contains(c);
    for piece in text.split(apart) {
        if piece.len() > 256 || piece.len() < 4 {
            continue;
        }
        let path = normal(piece);
        if is_secret(&path) && !found.contains(&path) {
            found.push(path);
        }
        if found.len() >= 16 {
            break;
        }
    }
    found
}

/// A path without `//`, `/./` and `/x/..`.
pub(super) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != ".." && *last != "~") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

fn is_secret(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    if path.contains(['*', '?', '[']) {
        return by_pattern(path, name);
    }
    if path.strip_prefix("/proc/").is_some_and(|rest| rest.ends_with("/environ") || rest.ends_with("/mem")) {
        return true;
    }
    let copied = |end: &&str| {
        let (of, name) = (path.strip_suffix(*end), name.strip_suffix(*end));
        of.zip(name).is_some_and(|(of, name)| !name.is_empty() && (COPIED.contains(&name) || is_file(of, name)))
    };
    is_file(path, name) || COPIES.iter().any(copied)
}

/// Whether a path without patterns names a secret, and is no copy of one.
fn is_file(path: &str, name: &str) -> bool {
    let host_key = name.starts_with("ssh_host_") && name.ends_with("_key");
    let env = name.starts_with(".env.") && !name.ends_with(".example") && !name.ends_with(".sample");
    FILES.contains(&path)
        || NAMES.contains(&name)
        || host_key
        || env
        || FOLDERS.iter().any(|folder| path.starts_with(folder) || folder.trim_end_matches('/') == path)
        || PAIRS.iter().any(|pair| path.ends_with(pair))
        || ENDS.iter().any(|end| name.len() > end.len() && name.ends_with(end))
        || name == ".ssh"
}

/// Whether a pattern may become a secret's path.
fn by_pattern(path: &str, name: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |file: &str| {
        let wanted: Vec<&str> = file.split('/').collect();
        wanted.len() == parts.len() && wanted.iter().zip(&parts).all(|(wanted, part)| matches(part, wanted))
    };
    // A pattern of nothing but wildcards says nothing; there must be letters to recognise a name by.
    let letters = name.chars().filter(|c| !"*?[]".contains(*c)).count();
    FILES.iter().any(|file| fits(file))
        || (letters >= 2 && NAMES.iter().any(|known| matches(name, known)))
        || ENDS.iter().any(|end| name.ends_with(end))
        || FOLDERS.iter().any(|folder| path.starts_with(folder))
        || path.contains("/.ssh/")
        || (path.starts_with("/proc/") && name == "environ")
}

/// Whether a shell pattern fits a name. Brackets fit any one letter.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = simple(pattern);
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut of) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while of < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(c) if *c == '?' || name.get(of) == Some(c) => {
                at += 1;
                of += 1;
            }
            _ => match &mut star {
                Some((from, taken)) => {
                    *taken += 1;
                    at = *from + 1;
                    of = *taken;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|c| *c == '*')
}

/// A pattern with `?` in place of each bracket.
fn simple(pattern: &str) -> Vec<char> {
    let mut out = Vec::new();
    let mut inside = false;
    for c in pattern.chars() {
        match c {
            '[' if !inside => inside = true,
            ']' if inside => {
                inside = false;
                out.push('?');
            }
            _ if inside => {}
            c => out.push(c),
        }
    }
    out
}
