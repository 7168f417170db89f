//! Bodies: JSON, or a form of several parts where files come along.

use serde_json::{Value, json};

use super::refusal::{Faults, Refusal};
use super::world::File;

/// The largest file, and the most of them.
const LARGEST: usize = 10 * 1024 * 1024;
const MOST: usize = 10;

/// A body, read.
#[derive(Clone, Debug, Default)]
pub struct Form {
    pub json: Value,
    /// The number in `files[n]`, and the file.
    pub files: Vec<(u64, File)>,
}

impl Form {
    pub fn read(kind: &str, body: &[u8]) -> Result<Self, Refusal> {
        if let Some(boundary) = kind.strip_prefix("multipart/form-data").and_then(boundary) {
            return Self::parts(&boundary, body);
        }
        if body.is_empty() {
            return Ok(Self { json: json!({}), files: Vec::new() });
        }
        if !kind.starts_with("application/json") {
            // Discord reads other bodies as forms; every field is then missing, and it says so in a confusing way.
            let words = "Expected \"Content-Type\" header to be one of {'application/json'}.";
            let mut faults = Faults::new();
            faults.at("_content_type", "CONTENT_TYPE_INVALID", words);
            faults.end()?;
        }
        let json = serde_json::from_slice(body).map_err(|_| Refusal::of(50_109))?;
        Ok(Self { json, files: Vec::new() })
    }

    fn parts(boundary: &str, body: &[u8]) -> Result<Self, Refusal> {
        let mut form = Self { json: json!({}), files: Vec::new() };
        for part in split(body, format!("--{boundary}").as_bytes()) {
            // Before the first boundary there is nothing, after the last there are two dashes.
            let Some(part) = part.strip_prefix(b"\r\n").and_then(|part| part.strip_suffix(b"\r\n")) else { continue };
            let Some(end) = find(part, b"\r\n\r\n") else { return Err(Refusal::of(50_109)) };
            let head = String::from_utf8_lossy(&part[..end]).into_owned();
            let bytes = part[end + 4..].to_vec();
            let name = quoted(&head, "name").ok_or_else(|| Refusal::of(50_109))?;
            if name == "payload_json" {
                form.json = serde_json::from_slice(&bytes).map_err(|_| Refusal::of(50_109))?;
            } else if let Some(number) = name.strip_prefix("files[").and_then(|rest| rest.strip_suffix(']')) {
                let number = number.parse().map_err(|_| Refusal::of(50_109))?;
                let kind = head
                    .lines()
                    .find_map(|line| line.to_lowercase().strip_prefix("content-type:").map(str::to_owned));
                let kind = kind.map_or("application/octet-stream".into(), |kind| kind.trim().to_owned());
                let name = quoted(&head, "filename").unwrap_or_default();
                form.files.push((number, File { name, kind, bytes }));
            }
        }
        if form.files.len() > MOST || form.files.iter().any(|(_, file)| file.bytes.len() > LARGEST) {
            return Err(Refusal::of(40_005));
        }
        Ok(form)
    }

    /// The names of the files that came along.
    pub fn names(&self) -> Vec<String> {
        self.files.iter().map(|(_, file)| file.name.clone()).collect()
    }

    /// Checks what the body says of its files: each of them came, and each that came has a name.
    pub fn check(&self, faults: &mut Faults, body: &Value, kept: &[u64]) {
        let said = faults.list(body, "attachments", 0, MOST).to_vec();
        faults.within("attachments", |faults| {
            for (number, one) in said.iter().enumerate() {
                let id = super::world::id_of(&one["id"]);
                let known =
                    id.is_some_and(|id| kept.contains(&id) || self.files.iter().any(|(number, _)| *number == id));
                faults.within(number, |faults| {
                    if !known {
                        faults.at("id", "ATTACHMENT_NOT_FOUND", "no such file came with the message");
                    }
                    faults.text(one, "description", 0, 1024);
                });
            }
        });
        for (number, file) in &self.files {
            if file.name.is_empty() {
                faults.at(format!("files[{number}]"), "BASE_TYPE_REQUIRED", "This field is required");
            }
        }
    }
}

fn boundary(rest: &str) -> Option<String> {
    let (_, value) = rest.split_once("boundary=")?;
    Some(value.trim_matches('"').to_owned())
}

/// `name="value"` in the head of a part.
fn quoted(head: &str, key: &str) -> Option<String> {
    let line = head.lines().find(|line| line.to_lowercase().starts_with("content-disposition"))?;
    let mut pieces = line.split(';').map(str::trim);
    let value = pieces.find_map(|piece| piece.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.trim_matches('"').to_owned())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn split<'a>(mut text: &'a [u8], by: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = find(text, by) {
        parts.push(&text[..at]);
        text = &text[at + by.len()..];
    }
    parts.push(text);
    parts
}
