//! What a person sees of a message or view, and what of it can be clicked. Errs on the side of "active": a text that some
//! client might make into a link or a mention counts as one.

use serde_json::Value;

use super::rules;
use super::world::{Message, View};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub url: String,
    pub label: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    pub label: String,
    pub action_id: String,
    pub value: String,
    pub style: Option<String>,
    pub url: Option<String>,
}

/// The visible side of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The words on the card, a line per piece.
    pub text: String,
    /// The words in the notification and for screen readers.
    pub notified: String,
    pub links: Vec<Link>,
    /// `U…`, `here`, `channel`, `everyone`, `S…` and `C…`: whoever is pinged or shown by reference.
    pub mentions: Vec<String>,
    pub buttons: Vec<Button>,
    /// Other elements one can use: (kind, action_id).
    pub inputs: Vec<(String, String)>,
}

impl Message {
    pub fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        let words = seen.mrkdwn(&self.text);
        if self.blocks.is_empty() {
            seen.line(&words);
        } else {
            seen.blocks(&self.blocks);
        }
        seen.notified = words;
        seen
    }

    pub fn buttons(&self) -> Vec<Button> {
        self.seen().buttons
    }

    /// Whether these words are on the card or in its notification.
    pub fn says(&self, words: &str) -> bool {
        let seen = self.seen();
        seen.text.contains(words) || seen.notified.contains(words)
    }
}

impl View {
    pub fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        for part in ["title", "submit", "close"] {
            seen.object(&self.content[part]);
        }
        seen.blocks(self.content["blocks"].as_array().map(Vec::as_slice).unwrap_or_default());
        seen
    }

    pub fn title(&self) -> &str {
        self.content["title"]["text"].as_str().unwrap_or_default()
    }

    pub fn callback_id(&self) -> &str {
        self.content["callback_id"].as_str().unwrap_or_default()
    }

    pub fn says(&self, words: &str) -> bool {
        self.seen().text.contains(words)
    }
}

impl Seen {
    fn line(&mut self, words: &str) {
        if !words.is_empty() {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            self.text.push_str(words);
        }
    }

    fn blocks(&mut self, blocks: &[Value]) {
        for block in blocks {
            for part in ["text", "title", "label", "hint"] {
                match block[part].as_str() {
                    Some(text) if block["type"] == "markdown" => {
                        let words = self.markdown(text);
                        self.line(&words);
                    }
                    Some(text) => self.line(text),
                    None => self.object(&block[part]),
                }
            }
            block["fields"].as_array().into_iter().flatten().for_each(|field| self.object(field));
            if let Some(alt) = block["alt_text"].as_str() {
                self.line(alt);
            }
            for row in block["rows"].as_array().into_iter().flatten() {
                row.as_array().into_iter().flatten().for_each(|cell| self.element(cell));
            }
            if !block["chart"].is_null() {
                self.line(&block["chart"].to_string());
            }
            rules::elements(block).into_iter().for_each(|element| self.element(element));
        }
    }

    /// A text object.
    fn object(&mut self, object: &Value) {
        let text = object["text"].as_str().unwrap_or_default();
        let words = if object["type"] == "mrkdwn" { self.mrkdwn(text) } else { text.to_owned() };
        self.line(&words);
    }

    fn element(&mut self, element: &Value) {
        let kind = element["type"].as_str().unwrap_or_default();
        let word = |key: &str| element[key].as_str().map(str::to_owned);
        match kind {
            "button" => self.buttons.push(Button {
                label: element["text"]["text"].as_str().unwrap_or_default().to_owned(),
                action_id: word("action_id").unwrap_or_default(),
                value: word("value").unwrap_or_default(),
                style: word("style"),
                url: word("url"),
            }),
            "image" => self.line(&word("alt_text").unwrap_or_default()),
            "plain_text" | "mrkdwn" => self.object(element),
            "raw_text" | "raw_number" => self.line(&word("text").unwrap_or_default()),
            "rich_text" => element["elements"].as_array().into_iter().flatten().for_each(|part| self.element(part)),
            _ if kind.starts_with("rich_text_") && kind != "rich_text_input" => {
                let mut words = String::new();
                self.rich(element, &mut words);
                self.line(&words);
            }
            _ => {
                self.inputs.push((kind.to_owned(), word("action_id").unwrap_or_default()));
                self.object(&element["placeholder"]);
                for option in rules::options(element) {
                    self.object(&option["text"]);
                    self.object(&option["description"]);
                }
                if let Some(text) = element["initial_value"].as_str() {
                    self.line(text);
                }
            }
        }
        let confirm = &element["confirm"];
        ["title", "text", "confirm", "deny"].iter().for_each(|part| self.object(&confirm[*part]));
    }

    fn rich(&mut self, element: &Value, words: &mut String) {
        for part in element["elements"].as_array().into_iter().flatten() {
            let word = |key: &str| part[key].as_str().unwrap_or_default().to_owned();
            match part["type"].as_str().unwrap_or_default() {
                "text" => words.push_str(&word("text")),
                "link" => {
                    let label = Some(word("text")).filter(|text| !text.is_empty()).unwrap_or_else(|| word("url"));
                    words.push_str(&label);
                    self.links.push(Link { url: word("url"), label });
                }
                "user" => self.mention(words, '@', word("user_id")),
                "usergroup" => self.mention(words, '@', word("usergroup_id")),
                "channel" => self.mention(words, '#', word("channel_id")),
                "broadcast" => self.mention(words, '@', word("range")),
                "emoji" => words.extend([":", &word("name"), ":"]),
                "date" => words.push_str(&word("fallback")),
                "rich_text_section" => {
                    self.rich(part, words);
                    words.push('\n');
                }
                _ => {}
            }
        }
    }

    fn mention(&mut self, words: &mut String, sign: char, who: String) {
        words.push(sign);
        words.push_str(&who);
        self.mentions.push(who);
    }

    /// Reads Slack's own markup: what stands in angle brackets is active, bare addresses become links.
    fn mrkdwn(&mut self, text: &str) -> String {
        let mut words = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            let Some((inside, tail)) = after.split_once('>') else { break };
            let bare = self.bare(before);
            words.push_str(&bare);
            self.active(inside, &mut words);
            rest = tail;
        }
        let bare = self.bare(rest);
        words.push_str(&bare);
        words
    }

    fn active(&mut self, inside: &str, words: &mut String) {
        let (target, label) = inside.split_once('|').map_or((inside, None), |(target, label)| (target, Some(label)));
        if let Some(who) = target.strip_prefix('@') {
            self.mention(words, '@', who.to_owned());
        } else if let Some(channel) = target.strip_prefix('#') {
            self.mention(words, '#', channel.to_owned());
        } else if let Some(date) = target.strip_prefix("!date^") {
            words.push_str(&unescaped(label.unwrap_or_default()));
            if let Some(url) = date.split('^').nth(2) {
                self.links.push(Link { url: url.to_owned(), label: label.unwrap_or_default().to_owned() });
            }
        } else if let Some(special) = target.strip_prefix('!') {
            self.mention(words, '@', special.trim_start_matches("subteam^").to_owned());
        } else {
            let label = unescaped(label.unwrap_or(target));
            words.push_str(&label);
            self.links.push(Link { url: unescaped(target), label });
        }
    }

    /// Text outside brackets: addresses and `@here` are still found by Slack or its clients.
    fn bare(&mut self, text: &str) -> String {
        let text = unescaped(text);
        for word in text.split(|c: char| c.is_whitespace() || "\"'`*_~()[]{}<>,;|".contains(c)) {
            let word = word.trim_matches(['.', ':', '!', '?']);
            let lower = word.to_lowercase();
            let scheme = ["http://", "https://", "mailto:", "slack://", "www."].iter().any(|s| lower.starts_with(s));
            if scheme || is_domain(&lower) {
                self.links.push(Link { url: word.to_owned(), label: word.to_owned() });
            }
            if let "@here" | "@channel" | "@everyone" = lower.as_str() {
                self.mentions.push(lower.trim_start_matches('@').to_owned());
            }
        }
        text
    }

    /// Standard Markdown, as the `markdown` block has it.
    fn markdown(&mut self, text: &str) -> String {
        let mut words = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("](") {
            let Some((ahead, label)) = before.rsplit_once('[') else { break };
            let Some((url, tail)) = after.split_once(')') else { break };
            let ahead = self.mrkdwn(ahead);
            words.push_str(&ahead);
            words.push_str(label);
            self.links.push(Link { url: url.to_owned(), label: label.to_owned() });
            rest = tail;
        }
        let tail = self.mrkdwn(rest);
        words + &tail
    }
}

/// `example.com`, `ann@example.com`, with a path or without: a name with a well-known ending.
fn is_domain(word: &str) -> bool {
    let host = word.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let Some((name, end)) = host.rsplit_once('.') else { return false };
    let known = ["com", "org", "net", "io", "dev", "app", "co", "de", "uk", "me", "ai", "sh", "xyz", "info"];
    known.contains(&end) && name.chars().all(|c| c.is_alphanumeric() || "-.".contains(c)) && !name.is_empty()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
