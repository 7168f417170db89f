//! What a human sees of a message, and what in it reacts when it is touched: Discord's markdown, read strictly.

use std::collections::BTreeSet;

use serde_json::Value;

use super::FakeDiscord;
use super::views::{Button, Message, Select};

/// A message as it is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// All visible words, from top to bottom; markup is gone, names stand for mentions.
    pub text: String,
    /// Addresses that open when somebody clicks, links on buttons too.
    pub links: Vec<String>,
    /// Who is notified: `<@1>`, `<@&2>`, `@everyone`.
    pub pings: Vec<String>,
    /// Everything that is drawn as a mention, whether it notifies or not.
    pub mentions: Vec<String>,
    /// What stands in blocks of code.
    pub code: Vec<String>,
    /// Each piece of markup that took effect, such as `**` or `# `.
    pub markup: Vec<String>,
    pub buttons: Vec<Button>,
    pub selects: Vec<Select>,
}

/// Whom a text notifies.
#[derive(Clone, Debug, Default)]
pub struct Pings {
    pub users: Vec<u64>,
    pub roles: Vec<u64>,
    pub everyone: bool,
}

/// Whom a text notifies, by the rules that came with it; by everything where none came.
pub fn pings(content: &str, allowed: Option<&Value>) -> Pings {
    let mut reader = Reader::default();
    reader.read(content);
    let may = |kind: &str, id: Option<u64>| {
        let Some(allowed) = allowed else { return true };
        let all = allowed["parse"].as_array().is_some_and(|parse| parse.iter().any(|one| one == kind));
        let named = |id: u64| {
            let list = allowed[kind].as_array();
            list.is_some_and(|list| list.iter().any(|one| super::world::id_of(one) == Some(id)))
        };
        all || id.is_some_and(named)
    };
    let mut found = Pings::default();
    for mention in reader.seen.mentions.iter().collect::<BTreeSet<_>>() {
        let id = mention.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().ok();
        match id {
            Some(id) if mention.starts_with("<@&") && may("roles", Some(id)) => found.roles.push(id),
            Some(id) if mention.starts_with("<@") && !mention.starts_with("<@&") && may("users", Some(id)) => {
                found.users.push(id);
            }
            None if mention.starts_with('@') && may("everyone", None) => found.everyone = true,
            Some(_) | None => {}
        }
    }
    found
}

impl FakeDiscord {
    /// Shows a message as it is drawn for a person.
    pub fn seen(&self, message: &Message) -> Seen {
        let mut reader = Reader::default();
        reader.read(&message.content);
        for embed in message.embeds() {
            // Titles, authors and footers know no links in their text; descriptions and fields do.
            for (words, link) in
                [(&embed["author"]["name"], &embed["author"]["url"]), (&embed["title"], &embed["url"])]
            {
                reader.line(words.as_str().unwrap_or_default());
                reader.seen.links.extend(link.as_str().map(str::to_owned));
            }
            reader.read(embed["description"].as_str().unwrap_or_default());
            for field in embed["fields"].as_array().into_iter().flatten() {
                reader.line(field["name"].as_str().unwrap_or_default());
                reader.read(field["value"].as_str().unwrap_or_default());
            }
            reader.line(embed["footer"]["text"].as_str().unwrap_or_default());
        }
        for file in message.json["attachments"].as_array().into_iter().flatten() {
            reader.line(file["filename"].as_str().unwrap_or_default());
        }
        let mut seen = reader.seen;
        seen.links.extend(message.buttons().into_iter().filter_map(|button| button.url));
        (seen.buttons, seen.selects) = (message.buttons(), message.selects());
        let found = pings(&message.content, message.allowed.as_ref());
        seen.pings.extend(found.users.iter().map(|id| format!("<@{id}>")));
        seen.pings.extend(found.roles.iter().map(|id| format!("<@&{id}>")));
        seen.pings.extend(found.everyone.then(|| "@everyone".to_owned()));
        let guild = self.read(|world| world.channels[&message.channel].guild);
        for mention in &seen.mentions {
            let id = mention.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().ok();
            let role =
                id.and_then(|id| self.read(|world| Some(world.guilds.get(&guild?)?.roles.get(&id)?.name.clone())));
            let name = role.or_else(|| id.map(|id| self.read(|world| world.called(guild, id))));
            if let Some(name) = name.filter(|_| mention.starts_with("<@")) {
                seen.text = seen.text.replace(mention.as_str(), &format!("@{name}"));
            }
        }
        seen
    }
}

#[derive(Debug, Default)]
struct Reader {
    seen: Seen,
}

/// Marks that change how words look. Longer ones first.
const MARKS: [&str; 7] = ["***", "**", "__", "~~", "||", "*", "_"];
const HEADS: [&str; 9] = ["### ", "## ", "# ", "-# ", ">>> ", "> ", "- ", "* ", "1. "];

impl Reader {
    /// Words in which no markup works.
    fn line(&mut self, text: &str) {
        if !text.is_empty() {
            self.part();
            self.seen.text.push_str(text);
        }
    }

    fn part(&mut self) {
        if !self.seen.text.is_empty() && !self.seen.text.ends_with('\n') {
            self.seen.text.push('\n');
        }
    }

    fn read(&mut self, text: &str) {
        if !text.is_empty() {
            self.part();
            self.read_from(text, true);
        }
    }

    /// `fresh` where a line begins.
    fn read_from(&mut self, text: &str, mut fresh: bool) {
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if fresh && let Some(head) = HEADS.iter().find(|head| rest.starts_with(**head)) {
                self.seen.markup.push((*head).to_owned());
                rest = rest.strip_prefix(head).unwrap_or_default();
                // A quote may hold a heading.
                fresh = head.starts_with('>');
                continue;
            }
            fresh = next == '\n';
            rest = self
                .code(rest)
                .or_else(|| self.escaped(rest))
                .or_else(|| self.bracketed(rest))
                .or_else(|| self.masked(rest))
                .or_else(|| self.bare(rest))
                .or_else(|| self.marked(rest))
                .unwrap_or_else(|| {
                    self.seen.text.push(next);
                    rest.strip_prefix(next).unwrap_or_default()
                });
        }
    }

    /// A block of code, or code in a line: nothing in it means anything.
    fn code<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        if ticks == 0 {
            return None;
        }
        let fence = "`".repeat(ticks.min(3));
        let (inside, after) = rest.strip_prefix(&fence)?.split_once(&fence)?;
        if inside.is_empty() {
            return None;
        }
        if ticks < 3 {
            self.seen.text.push_str(inside);
            self.seen.markup.push(fence);
            return Some(after);
        }
        // The first line may name a language.
        let language = |line: &str| line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-_.#".contains(&byte));
        let inside = inside.split_once('\n').filter(|(line, _)| language(line)).map_or(inside, |(_, rest)| rest);
        self.seen.code.push(inside.to_owned());
        self.seen.markup.push(fence);
        self.part();
        self.seen.text.push_str(inside);
        self.part();
        Some(after)
    }

    fn escaped<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let after = rest.strip_prefix('\\')?;
        let next = after.chars().next().filter(char::is_ascii_punctuation)?;
        self.seen.text.push(next);
        after.strip_prefix(next)
    }

    /// `<@1>`, `<#1>`, `<t:1:R>`, `</ask:1>`, `<https://…>`.
    fn bracketed<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let (inside, after) = rest.strip_prefix('<')?.split_once('>')?;
        let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let person =
            inside.strip_prefix("@&").or_else(|| inside.strip_prefix("@!")).or_else(|| inside.strip_prefix('@'));
        let place = inside.strip_prefix('#');
        if person.or(place).is_some_and(number) {
            let name = format!("<{}>", inside.replace("@!", "@"));
            self.seen.text.push_str(&name);
            self.seen.mentions.push(name);
        } else if inside.starts_with("http://") || inside.starts_with("https://") {
            self.seen.text.push_str(inside);
            self.seen.links.push(inside.to_owned());
        } else if inside.starts_with("t:") || inside.starts_with(':') || inside.starts_with("a:") {
            self.seen.text.push_str(inside);
        } else if inside.starts_with('/') && inside.contains(':') {
            self.seen.text.push_str(inside);
            self.seen.mentions.push(format!("<{inside}>"));
        } else {
            return None;
        }
        Some(after)
    }

    /// `[words](address)`: the address is not seen.
    fn masked<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let (words, after) = rest.strip_prefix('[')?.split_once("](")?;
        let (target, after) = after.split_once(')')?;
        let target = target.split_whitespace().next().unwrap_or_default().trim_matches(['<', '>']);
        let known = ["http://", "https://", "discord://"].iter().any(|scheme| target.starts_with(scheme));
        if !known || words.is_empty() || words.contains('\n') {
            return None;
        }
        self.seen.text.push_str(words);
        self.seen.links.push(target.to_owned());
        Some(after)
    }

    /// An address as it stands, and the words that call everybody.
    fn bare<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        if let Some(word) = ["@everyone", "@here"].iter().find(|word| rest.starts_with(**word)) {
            self.seen.text.push_str(word);
            self.seen.mentions.push((*word).to_owned());
            return rest.strip_prefix(word);
        }
        if !["http://", "https://", "discord://"].iter().any(|scheme| rest.starts_with(scheme)) {
            return None;
        }
        let end = rest.find(|c: char| c.is_whitespace() || "<>`".contains(c)).unwrap_or(rest.len());
        let (address, after) = rest.split_at_checked(end)?;
        if address.ends_with("://") {
            return None;
        }
        self.seen.text.push_str(address);
        self.seen
            .links
            .push(address.trim_end_matches(['.', ',', ')', '*', '_', '!', '?', ':', ';', '"', '\'']).to_owned());
        Some(after)
    }

    /// Bold and the like: the marks vanish where they come in pairs.
    fn marked<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let mark = MARKS.iter().find(|mark| rest.starts_with(**mark))?;
        let after = rest.strip_prefix(mark)?;
        let (inside, behind) = after.split_once(mark)?;
        if inside.trim().is_empty() || inside.starts_with(char::is_whitespace) || inside.contains("\n\n") {
            return None;
        }
        self.seen.markup.push((*mark).to_owned());
        let mut inner = Self::default();
        inner.read_from(inside, false);
        self.seen.text.push_str(&inner.seen.text);
        self.seen.links.extend(inner.seen.links);
        self.seen.mentions.extend(inner.seen.mentions);
        self.seen.code.extend(inner.seen.code);
        self.seen.markup.extend(inner.seen.markup);
        Some(behind)
    }
}
