//! Programs that fetch, send and listen.

use workflows::operation::{Act, Kind};

use super::super::arg::Arg;
use super::super::facts::Facts;
use super::super::options::Args;
use super::super::redirect::is_sink;

/// The far end of a copy, as the client asked for it: files go to whoever signed in here, or come from there.
fn served(args: Args<'_>, sends: bool, facts: &mut Facts) {
    for file in args.operands().filter(|arg| !arg.is(".")) {
        facts.file(file, !sends);
    }
    facts.act(if sends { Act::Read } else { Act::Write });
}

pub(super) fn judge(name: &str, args: Args<'_>, facts: &mut Facts) -> bool {
    match name {
        "curl" => curl(args, facts),
        "wget" => wget(args, facts),
        "http" | "https" | "xh" | "aria2c" | "axel" | "lynx" | "links" | "w3m" | "ftp" | "lftp" | "tftp"
        | "smbclient" | "rclone" | "aws" | "gcloud" | "az" | "gsutil" | "s3cmd" | "mc" => {
            facts.network();
            facts.act(Act::Execute);
        }
        "scp" if args.any(&["-t", "-f"]) => served(args, args.any(&["-f"]), facts),
        "rsync" if args.any(&["--server"]) => {
            served(args, args.any(&["--sender"]), facts);
            if args.begins("--delete") || args.begins("--remove-source") {
                facts.destroys("files that the other side does not have", false);
            }
        }
        "scp" | "rsync" | "sftp" => {
            let operands: Vec<&Arg> = args.operands().collect();
            if let Some((last, first)) = operands.split_last() {
                for file in first {
                    facts.file(file, false);
                }
                facts.file(last, true);
            }
            if name != "rsync" || operands.iter().any(|file| file.text.contains(':')) {
                facts.network();
            }
            if args.begins("--delete")
                || args.begins("--del")
                || args.begins("--remove-source")
                || args.begins("--inplace")
            {
                facts.destroys("files that the other side does not have", false);
            }
            facts.act(if name == "sftp" { Act::Execute } else { Act::Write });
        }
        "nc" | "ncat" | "netcat" | "socat" | "telnet" | "nmap" | "masscan" | "tcpdump" | "tshark" | "ssh-copy-id"
        | "sshfs" | "autossh" | "mosh" | "ngrok" | "cloudflared" | "chisel" | "openvpn" | "proxychains"
        | "torsocks" | "redis-cli" | "mongo" | "mongosh" | "mysqldump" | "pg_dump" | "pg_restore" | "pg_dumpall"
        | "ansible" | "terraform" => {
            facts.network();
            facts.act(Act::Execute);
            if name == "redis-cli"
                && args
                    .0
                    .iter()
                    .any(|arg| ["flushall", "flushdb", "shutdown", "del"].contains(&arg.text.to_lowercase().as_str()))
            {
                facts.destroys("what a database holds", false);
            }
        }
        "ssh-keygen" | "ssh-add" | "ssh-agent" | "ssh-keyscan" => {
            let looks = name == "ssh-keygen" && args.short('l')
                || name == "ssh-keyscan"
                || name == "ssh-add" && args.any(&["-l", "-L"]);
            if name == "ssh-keyscan" {
                facts.network();
            }
            facts.act(if looks { Act::Read } else { Act::Execute });
        }
        _ => return false,
    }
    true
}

/// Options of curl that take a value, so that the value is not taken for an option.
const CURL_TAKES: &[&str] = &[
    "-H",
    "--header",
    "-A",
    "--user-agent",
    "-u",
    "--user",
    "-w",
    "--write-out",
    "-m",
    "--max-time",
    "--connect-timeout",
    "--retry",
    "--resolve",
    "-x",
    "--proxy",
    "-b",
    "--cookie",
    "-e",
    "--referer",
    "--cacert",
    "--interface",
    "--retry-delay",
    "--limit-rate",
    "-r",
    "--range",
    "-y",
    "-Y",
];

fn curl(args: Args<'_>, facts: &mut Facts) {
    facts.network();
    facts.act(Act::Read);
    let mut words = args.0.iter();
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        if word.wild {
            facts.opaque("an argument may be an option that makes `curl` write a file");
        }
        if CURL_TAKES.contains(&text) {
            words.next();
            continue;
        }
        let letters = text.strip_prefix('-').filter(|rest| !rest.starts_with('-')).unwrap_or_default();
        match text {
            "-X" | "--request" => {
                let method = words.next().map_or("", |method| method.text.as_str());
                if !["GET", "HEAD", "OPTIONS"].contains(&method) {
                    facts.act(Act::Write);
                    if method == "DELETE" {
                        facts.destroys("something behind an address", true);
                    }
                }
            }
            "-o" | "--output" | "-D" | "--dump-header" | "-c" | "--cookie-jar" | "--stderr" | "--trace"
            | "--trace-ascii" | "--etag-save" | "--hsts" | "--alt-svc" | "--libcurl" | "--output-dir" => {
                if let Some(file) =
                    words.next().filter(|file| !(file.fixed && (is_sink(&file.text) || file.text == "-")))
                {
                    facts.file(file, true);
                    facts.act(Act::Write);
                }
            }
            long if long.starts_with("--") => {
                let name = long.split('=').next().unwrap_or(long);
                let harmless = [
                    "--silent",
                    "--show-error",
                    "--fail",
                    "--location",
                    "--insecure",
                    "--head",
                    "--verbose",
                    "--compressed",
                    "--include",
                    "--get",
                    "--http1.1",
                    "--http2",
                    "--no-progress-meter",
                    "--progress-bar",
                    "--globoff",
                    "--fail-with-body",
                    "--ipv4",
                    "--ipv6",
                    "--tlsv1.2",
                    "--no-buffer",
                    "--version",
                    "--help",
                    "--tcp-nodelay",
                    "--ssl-reqd",
                    "--retry-connrefused",
                    "--retry-all-errors",
                ];
                if !harmless.contains(&name) {
                    // Uploads, forms, files: and what nobody listed.
                    facts.act(Act::Write);
                }
            }
            _ => {
                // Letters in one word: the first that takes a value ends them.
                for (at, letter) in letters.char_indices() {
                    if letter == 'o' {
                        let file = letters.get(at + 1..).unwrap_or_default();
                        match file {
                            "" => {
                                if let Some(file) =
                                    words.next().filter(|file| file.text != "-" && !is_sink(&file.text))
                                {
                                    facts.file(file, true);
                                    facts.act(Act::Write);
                                }
                            }
                            file if file == "-" || is_sink(file) => {}
                            file => {
                                facts.thing(Kind::File, file, true);
                                facts.act(Act::Write);
                            }
                        }
                        break;
                    }
                    if "OJTdFDcXQtK".contains(letter) {
                        facts.act(Act::Write);
                    }
                    if "HAuwmxberyYXdFDcTQtKEC".contains(letter) {
                        if letters.len() == at + 1 {
                            words.next();
                        }
                        break;
                    }
                }
                if let (true, Some(name)) =
                    (letters.contains('O'), args.operands().last().and_then(|url| url.text.rsplit('/').next()))
                {
                    facts.thing(Kind::File, name, true);
                }
            }
        }
    }
    if args.0.iter().any(|arg| arg.text.starts_with("file:")) {
        facts.abuse("`curl` reads a file of this host");
    }
}

fn wget(args: Args<'_>, facts: &mut Facts) {
    facts.network();
    let mut to = None;
    let mut words = args.0.iter();
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        if let Some(file) = text.strip_prefix("--output-document=") {
            to = Some(file);
        } else if text == "--output-document"
            || text.starts_with('-') && !text.starts_with("--") && text.ends_with('O')
        {
            to = words.next().map(|file| file.text.as_str());
        } else if let Some((_, file)) =
            text.split_once('O').filter(|_| text.starts_with('-') && !text.starts_with("--"))
        {
            to = Some(file);
        }
    }
    if args.wild() {
        facts.opaque("an argument may be an option that makes `wget` write a file");
    }
    let checks = args.long("spider");
    match to {
        Some("-" | "/dev/stdout" | "/dev/null") => facts.act(Act::Read),
        Some(file) => {
            facts.thing(Kind::File, file, true);
            facts.act(Act::Write);
        }
        None if checks => facts.act(Act::Read),
        None => {
            if let Some(name) = args.operands().last().and_then(|url| url.text.rsplit('/').next()) {
                facts.thing(Kind::File, name, true);
            }
            facts.act(Act::Write);
        }
    }
    let writes = [
        "post-data",
        "post-file",
        "body-data",
        "body-file",
        "method",
        "save-cookies",
        "warc-file",
        "output-file",
        "append-output",
        "input-file",
        "rejected-log",
        "delete-after",
    ];
    if writes.iter().any(|option| args.long(option))
        || ['a', 'i', 'P', 'm', 'r'].iter().any(|letter| args.short(*letter))
    {
        facts.act(Act::Write);
    }
}
