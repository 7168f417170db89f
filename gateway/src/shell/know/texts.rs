//! Programs for texts: most only read, until an option or a script makes them write or run something.

use workflows::operation::Act;

use super::super::arg::Feed;
use super::super::facts::Facts;
use super::super::options::{Args, Spec};
use super::super::run::Call;

mod scripts;

pub(super) fn judge(name: &str, args: Args<'_>, call: &Call, facts: &mut Facts) -> bool {
    match name {
        "sort" | "shuf" | "sdiff" | "pr" => {
            writes_with(args, facts, 'o', "output");
        }
        "uniq" | "xxd" => {
            let mut operands = args.operands().filter(|arg| !arg.text.bytes().all(|byte| byte.is_ascii_digit()));
            let _input = operands.next();
            facts.act(Act::Read);
            if args.short('r') {
                facts.prints = Feed::Decoded;
            }
            if let Some(file) = operands.next() {
                facts.file(file, true);
                facts.act(Act::Write);
            }
        }
        "base64" | "base32" | "basenc" | "uudecode" => {
            facts.act(Act::Read);
            if args.short('d') || args.short('D') || args.long("decode") || name == "uudecode" || args.wild() {
                facts.prints = Feed::Decoded;
            }
        }
        "openssl" => {
            let command = args.operand(0);
            let decodes = args.any(&["-d", "-D", "-base64", "-a"]);
            let writes = args.any(&["-out", "-keyout", "-writerand"]) || args.begins("-out");
            let looks = ["version", "x509", "verify", "ciphers", "dgst", "crl", "req", "asn1parse", "base64", "enc"]
                .contains(&command);
            if command == "s_client" || command == "s_server" {
                facts.network();
            }
            if decodes {
                facts.prints = Feed::Decoded;
            }
            facts.act(if looks && !writes { Act::Read } else { Act::Execute });
        }
        "sed" => sed(call, facts),
        "awk" | "gawk" | "mawk" | "nawk" => awk(args, facts),
        "file" => {
            facts.act(if args.short('C') || args.long("compile") { Act::Write } else { Act::Read });
        }
        "date" => {
            let sets = args.short('s')
                || args.long("set")
                || args.operands().any(|arg| arg.text.bytes().all(|byte| byte.is_ascii_digit()));
            if sets || args.wild() {
                facts.act(Act::Administer);
                facts.destroys("the time of the host", false);
            }
            facts.act(Act::Read);
        }
        "rg" | "ag" => facts.act(Act::Read),
        "vi" | "vim" | "nvim" | "view" | "rvim" | "vimdiff" | "nano" | "pico" | "emacs" | "ex" | "ed" | "joe"
        | "mcedit" | "micro" => {
            args.operands().for_each(|file| facts.file(file, true));
            facts.abuse("an editor, from which programs can be started");
        }
        _ => return false,
    }
    true
}

/// A reader with one option that names a file to write.
fn writes_with(args: Args<'_>, facts: &mut Facts, letter: char, long: &str) {
    facts.act(Act::Read);
    if args.wild() {
        facts.opaque(format!("an argument may be `--{long}`"));
    }
    if args.short(letter) || args.long(long) {
        facts.act(Act::Write);
        let mut words = args.0.iter();
        while let Some(word) = words.next() {
            let glued = word
                .text
                .strip_prefix(&format!("--{long}="))
                .or_else(|| word.text.strip_prefix(&format!("-{letter}")));
            match glued {
                Some("") => words.next().into_iter().for_each(|file| facts.file(file, true)),
                Some(file) => facts.thing(workflows::operation::Kind::File, file, true),
                None => {}
            }
        }
    }
}

const SED: Spec = Spec {
    flags: "nEruszb",
    takes: "efl",
    glued: "i",
    long: &[
        "quiet",
        "silent",
        "regexp-extended",
        "unbuffered",
        "separate",
        "null-data",
        "in-place",
        "posix",
        "debug",
        "sandbox",
        "follow-symlinks",
        "help",
        "version",
        "binary",
    ],
    long_takes: &["expression", "file", "line-length"],
};

fn sed(call: &Call, facts: &mut Facts) {
    facts.act(Act::Read);
    let Ok(parsed) = SED.parse(call.args(), true) else {
        return facts.opaque("an argument of `sed` may be an option or its script");
    };
    let mut scripts: Vec<_> = parsed
        .options
        .iter()
        .filter(|(name, _)| name == "e" || name == "expression")
        .filter_map(|(_, value)| value.clone())
        .collect();
    let mut files = parsed.rest.as_slice();
    if parsed.has(&["f", "file"]) {
        facts.abuse("a script of `sed` from a file");
    } else if let ([], [script, rest @ ..]) = (scripts.as_slice(), files) {
        scripts.push(script.clone());
        files = rest;
    }
    let in_place = parsed.has(&["i", "in-place"]);
    for script in &scripts {
        // What a variable holds is put into the script before it is read.
        match script.known() {
            Some(text) if scripts::sed(text) => {}
            Some(_) => facts.abuse("a script of `sed` that may write a file or run a program"),
            None => facts.opaque("the script of `sed` is not in the text"),
        }
    }
    for file in files {
        facts.file(file, in_place);
    }
    if in_place {
        facts.act(Act::Write);
    }
}

fn awk(args: Args<'_>, facts: &mut Facts) {
    facts.act(Act::Read);
    let mut words = args.0.iter();
    let mut program = None;
    while let Some(word) = words.next() {
        match word.text.as_str() {
            "-F" | "-v" | "--field-separator" | "--assign" => {
                words.next();
            }
            "--" => {}
            text if !word.wild
                && (text.starts_with("-F")
                    || text.starts_with("-v")
                    || text.starts_with("--assign=")
                    || text.starts_with("--field-separator=")) => {}
            text if text.starts_with('-') || word.wild => {
                facts.abuse("an option of `awk` that loads code");
            }
            _ => {
                program = Some(word);
                break;
            }
        }
    }
    match program.map(|program| (program.known(), &program.text)) {
        Some((Some(text), _)) if scripts::awk(text) => {}
        Some((Some(_), _)) => facts.abuse("a program of `awk` that may write a file or run a program"),
        Some((None, _)) => facts.opaque("the program of `awk` is not in the text"),
        None => facts.opaque("`awk` without a program"),
    }
    words.filter(|word| word.text.starts_with('/')).for_each(|file| facts.file(file, false));
}
