//! Redirections: what is read from, written to, and said in here-documents.

use brush_parser::ast::{IoFileRedirectKind as Kind, IoFileRedirectTarget as Target, IoHereDocument, IoRedirect};

use super::arg::{Arg, Feed, one};
use super::facts::Facts;
use super::read::{Reader, Spot};
use super::run::Call;
use super::walk::{Place, letters};
use super::word::{Doubt, body};

/// What a command's redirections do, all together.
#[derive(Clone, Debug, Default)]
pub(super) struct Redirects {
    pub(super) writes: Vec<Arg>,
    pub(super) reads: Vec<Arg>,
    /// Its standard input, where that is redirected.
    pub(super) input: Option<Feed>,
    pub(super) network: bool,
}

/// Whether writing to it changes nothing.
pub(super) fn is_sink(path: &str) -> bool {
    matches!(path, "/dev/null" | "/dev/stdout" | "/dev/stderr" | "/dev/tty" | "/dev/stdin" | "/dev/zero")
        || path.strip_prefix("/dev/fd/").is_some_and(|fd| fd.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Reader {
    pub(super) fn redirect(
        &mut self,
        redirect: &IoRedirect,
        into: &mut Redirects,
        place: &mut Place,
        source: &[char],
        spot: &Spot,
    ) -> Result<(), Doubt> {
        match redirect {
            IoRedirect::File(fd, kind, target) => {
                let input = fd.is_none_or(|fd| fd == 0);
                match target {
                    Target::Filename(word) => {
                        place.add(word);
                        let mut words = self.words(word, source, spot)?;
                        let (Some(file), true) = (words.pop(), words.is_empty()) else {
                            return Err("a redirection to several files".to_owned());
                        };
                        into.file(file, kind, input);
                    }
                    Target::Fd(_) => spot.bash_only("pipes of errors")?,
                    Target::ProcessSubstitution(what, shell) => {
                        let made = self.process(what, shell, source, spot)?;
                        if input {
                            into.input = Some(made.feed);
                        }
                    }
                    Target::Duplicate(word) => {
                        place.add(word);
                        let (scan, feed) = self.scan(letters(word, source).ok_or("a redirection")?, spot)?;
                        let file = one(&scan, &feed);
                        let number = file.text.strip_suffix('-').unwrap_or(&file.text);
                        if !file.fixed || number.bytes().any(|byte| !byte.is_ascii_digit()) {
                            into.file(file, kind, input);
                        } else if input && matches!(kind, Kind::DuplicateInput) {
                            into.input = Some(Feed::Program);
                        }
                    }
                }
            }
            IoRedirect::OutputAndError(word, _) => {
                spot.bash_only("redirections of output and errors")?;
                place.add(word);
                for file in self.words(word, source, spot)? {
                    into.file(file, &Kind::Write, false);
                }
            }
            IoRedirect::HereString(fd, word) => {
                spot.bash_only("here-strings")?;
                place.add(word);
                let (scan, feed) = self.scan(letters(word, source).ok_or("a here-string")?, spot)?;
                into.said(*fd, one(&scan, &feed));
            }
            IoRedirect::HereDocument(fd, document) => {
                place.add(&document.here_end);
                let said = self.here_document(document, source, spot)?;
                into.said(*fd, said);
            }
        }
        Ok(())
    }

    /// The text of a here-document, found a second time by hand: both readings must agree on where it ends.
    fn here_document(&mut self, document: &IoHereDocument, source: &[char], spot: &Spot) -> Result<Arg, Doubt> {
        let doubt = |what: &str| Err(format!("a here-document with {what}"));
        let tag: String = letters(&document.here_end, source).ok_or("a here-document")?.iter().collect();
        let plain =
            |tag: &str| !tag.is_empty() && tag.bytes().all(|c| c.is_ascii_alphanumeric() || b"_.+-".contains(&c));
        let inner = tag
            .strip_prefix('\\')
            .or_else(|| tag.strip_prefix('\'').and_then(|tag| tag.strip_suffix('\'')))
            .or_else(|| tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')));
        let end = inner.unwrap_or(&tag);
        if !plain(end) {
            return doubt("an unusual end");
        }
        let all: String = source.iter().collect();
        if all.contains("((") || all.contains("$[") {
            return doubt("arithmetic beside it");
        }
        let behind = document.here_end.loc.as_ref().map_or(0, |span| span.end.index);
        let begin = line_end(source, behind)?;
        let rest: String = source.get(begin..).unwrap_or_default().iter().collect();
        let mut text = String::new();
        let mut closed = false;
        for line in rest.split_inclusive('\n') {
            let line = if document.remove_tabs { line.trim_start_matches('\t') } else { line };
            if line.strip_suffix('\n').unwrap_or(line) == end {
                closed = true;
                break;
            }
            text.push_str(line);
        }
        if !closed || text != document.doc.value {
            return doubt("an end that two readers see in different places");
        }
        if inner.is_some() {
            return Ok(Arg::fixed(text));
        }
        let letters: Vec<char> = text.chars().collect();
        let scan = body(&letters, spot.posix)?;
        let feed = self.codes(&scan, spot)?;
        Ok(one(&scan, &feed))
    }

    /// The redirections of a group of commands, as an operation of their own where they touch something.
    pub(super) fn group(&mut self, list: &[IoRedirect], source: &[char], spot: &Spot) -> Result<Spot, Doubt> {
        if list.is_empty() {
            return Ok(spot.clone());
        }
        let (mut redirects, mut place) = (Redirects::default(), Place::default());
        for redirect in list {
            self.redirect(redirect, &mut redirects, &mut place, source, spot)?;
        }
        let feed = redirects.input.clone().unwrap_or_else(|| spot.feed.clone());
        let terminal = spot.terminal && redirects.writes.is_empty();
        if redirects.network || !redirects.writes.is_empty() || !redirects.reads.is_empty() {
            let shown = place.text(source);
            self.run(Call { redirects, shown, spot: spot.clone(), ..Call::default() });
        }
        Ok(Spot { terminal, feed, ..spot.clone() })
    }

    /// Notes a word that no program is given, but that may name a secret.
    pub(super) fn look(&mut self, arg: &Arg, spot: &Spot) {
        let call = Call {
            env: vec![(String::new(), arg.clone())],
            shown: arg.text.clone(),
            spot: spot.clone(),
            ..Call::default()
        };
        let facts = Facts::of(&call);
        if !facts.run.secrets.is_empty() {
            self.found.push(facts.finish());
        }
    }
}

impl Redirects {
    fn file(&mut self, file: Arg, kind: &Kind, input: bool) {
        let network = file.text.starts_with("/dev/tcp/") || file.text.starts_with("/dev/udp/");
        self.network |= network;
        let (reads, writes) = match kind {
            Kind::Read | Kind::DuplicateInput => (true, false),
            Kind::Write | Kind::Append | Kind::Clobber | Kind::DuplicateOutput => (false, true),
            Kind::ReadAndWrite => (true, true),
        };
        if reads && input {
            self.input = Some(if network { Feed::Network } else { Feed::File });
        }
        if reads {
            self.reads.push(file.clone());
        }
        if writes && !(file.fixed && is_sink(&file.text)) {
            self.writes.push(file);
        }
    }

    fn said(&mut self, fd: Option<i32>, said: Arg) {
        if fd.is_none_or(|fd| fd == 0) {
            let plain = said.fixed || said.feed == Feed::Client && !said.text.contains(['$', '`']);
            self.input = Some(if plain { Feed::Text(said.text) } else { said.feed.max(Feed::Program) });
        }
    }
}

/// Where the line ends that a here-document begins on. Quotes across lines and more of the kind are doubt.
fn line_end(source: &[char], from: usize) -> Result<usize, Doubt> {
    let doubt = || Err("a here-document with more on its line than can be told apart".to_owned());
    let mut quote = None;
    let mut at = from;
    while let Some(&c) = source.get(at) {
        let next = source.get(at + 1).copied();
        at += 1;
        match (quote, c) {
            (None, '\n') => return Ok(at),
            (Some(_), '\n') | (_, '`' | '\\') | (None, '#') => return doubt(),
            (None, '<') if next == Some('<') => return doubt(),
            (_, '$') if next == Some('(') => return doubt(),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    Err("a here-document without a body".to_owned())
}
