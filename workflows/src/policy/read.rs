//! Reads one table of the file, key by key: what has the wrong type or is not known is noted, and reading goes on.
//!
//! Serde would stop at the first mistake, and whoever writes a policy wants to hear of all of them at once.

use std::ops::Range;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Notes, suggest};

/// A value and where it stands.
pub(super) type At<T> = Spanned<T>;
type Value<'t> = Spanned<DeValue<'t>>;

/// A table that is being read.
pub(super) struct Table<'t> {
    entries: &'t DeTable<'t>,
    /// Where it stands: its header, or all of an inline table.
    pub(super) span: Range<usize>,
    /// What people call it: `[[rule]]`.
    title: &'static str,
    asked: Vec<&'static str>,
}

impl<'t> Table<'t> {
    /// The root of the file.
    pub(super) fn root(root: &'t Spanned<DeTable<'t>>) -> Self {
        Self { entries: root.get_ref(), span: root.span(), title: "the file", asked: Vec::new() }
    }

    /// A value that has to be a table.
    pub(super) fn of(value: &'t Value<'t>, title: &'static str, notes: &mut Notes<'_>) -> Option<Self> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            wrong_type(value, title, "a table", notes);
        }
        table.map(|entries| Self { entries, span: value.span(), title, asked: Vec::new() })
    }

    /// Every key with its value, for tables whose keys are names.
    pub(super) fn all(&self) -> impl Iterator<Item = (At<String>, &'t Value<'t>)> + use<'t> {
        let key = |key: &Spanned<toml::de::DeString<'_>>| At::new(key.span(), key.get_ref().to_string());
        self.entries.iter().map(move |(name, value)| (key(name), value))
    }

    /// The value of a key, if it is there.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'t Value<'t>> {
        self.asked.push(key);
        self.entries.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value)
    }

    /// A text, if it is there.
    pub(super) fn text(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<At<String>> {
        self.take(key).and_then(|value| text(value, key, notes))
    }

    /// A text that has to be there.
    pub(super) fn need_text(&mut self, key: &'static str, hint: &str, notes: &mut Notes<'_>) -> Option<At<String>> {
        let found = self.take(key);
        if found.is_none() {
            self.misses(key, hint, notes);
        }
        found.and_then(|value| text(value, key, notes))
    }

    /// A text that is parsed, if it is there.
    pub(super) fn parsed<T>(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<At<T>>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        self.text(key, notes).and_then(|text| parsed(&text, notes))
    }

    /// A whole number, if it is there.
    pub(super) fn number(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<At<u32>> {
        let value = self.take(key)?;
        let number = value.get_ref().as_integer().and_then(|number| u32::from_str(number.as_str()).ok());
        if number.is_none() {
            wrong_type(value, key, "a whole number, not negative", notes);
        }
        number.map(|number| At::new(value.span(), number))
    }

    /// True or false, if it is there.
    pub(super) fn flag(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<At<bool>> {
        let value = self.take(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            wrong_type(value, key, "`true` or `false`, without quotes", notes);
        }
        flag.map(|flag| At::new(value.span(), flag))
    }

    /// Texts: one, or a list of them.
    pub(super) fn texts(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Vec<At<String>> {
        self.take(key).map(|value| texts(value, key, notes)).unwrap_or_default()
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(&mut self, key: &'static str, title: &'static str, notes: &mut Notes<'_>) -> Vec<Table<'t>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            let instead = format!("write `{title}` above its keys, once for each");
            notes.wrong(&value.span(), format!("`{key}` is a list of tables"), instead);
            return Vec::new();
        };
        list.iter().filter_map(|value| Table::of(value, title, notes)).collect()
    }

    /// Says that a key is missing.
    pub(super) fn misses(&self, key: &str, hint: &str, notes: &mut Notes<'_>) {
        notes.wrong(&self.span, format!("`{}` has no `{key}`", self.title), format!("add `{key} = {hint}`"));
    }

    /// Every key that nobody asked for is a mistake.
    pub(super) fn close(self, notes: &mut Notes<'_>) {
        for (name, _) in self.entries {
            let key = name.get_ref().as_ref();
            if !self.asked.contains(&key) {
                let instead = suggest(key, self.asked.iter().copied());
                notes.wrong(&name.span(), format!("`{key}` is not a key of {}", self.title), instead);
            }
        }
    }
}

/// A value that has to be a text.
pub(super) fn text(value: &Value<'_>, key: &str, notes: &mut Notes<'_>) -> Option<At<String>> {
    let found = value.get_ref().as_str().map(|text| At::new(value.span(), text.to_owned()));
    if found.is_none() {
        wrong_type(value, key, "a text in quotes", notes);
    }
    found
}

/// A value that has to be a text or a list of texts.
pub(super) fn texts(value: &Value<'_>, key: &str, notes: &mut Notes<'_>) -> Vec<At<String>> {
    match value.get_ref().as_array() {
        Some(list) => list.iter().filter_map(|value| text(value, key, notes)).collect(),
        None => text(value, key, notes).into_iter().collect(),
    }
}

/// A text that has to parse. The error's words already say what to write, after a semicolon.
pub(super) fn parsed<T>(text: &At<String>, notes: &mut Notes<'_>) -> Option<At<T>>
where
    T: FromStr<Err: std::fmt::Display>,
{
    match text.get_ref().parse() {
        Ok(value) => Some(At::new(text.span(), value)),
        Err(error) => {
            told(&text.span(), &error, notes);
            None
        }
    }
}

/// Notes an error whose words are of the form "what is wrong; what to do".
pub(super) fn told(span: &Range<usize>, error: &dyn std::fmt::Display, notes: &mut Notes<'_>) {
    let words = error.to_string();
    let (what, instead) = words.split_once("; ").unwrap_or((&words, ""));
    notes.wrong(span, what, instead);
}

fn wrong_type(value: &Value<'_>, key: &str, wanted: &str, notes: &mut Notes<'_>) {
    let found = match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    notes.wrong(&value.span(), format!("`{key}` is {found}"), format!("write {wanted}"));
}
