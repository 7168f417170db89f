//! HTML as text, so made that a forgotten escape does not compile: what stands in a page as it is must be a literal of
//! ours; whatever else comes goes through [`Shown`], which escapes it. A template engine would be larger than the pages.

use workflows::shown::visible;

/// A part of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Html(String);

impl Html {
    /// Markup of ours.
    pub(crate) fn ours(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Text of anybody: shown as it is, and obeyed nowhere, neither between tags nor in a quoted attribute.
    pub(crate) fn text(&mut self, text: &str) {
        for c in visible(text).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// What can stand in a page.
pub(crate) trait Shown {
    /// Adds it to `page`.
    fn show(&self, page: &mut Html);
}

impl Shown for Html {
    fn show(&self, page: &mut Html) {
        page.0.push_str(&self.0);
    }
}

impl Shown for str {
    fn show(&self, page: &mut Html) {
        page.text(self);
    }
}

impl Shown for String {
    fn show(&self, page: &mut Html) {
        page.text(self);
    }
}

impl Shown for u64 {
    fn show(&self, page: &mut Html) {
        page.text(&self.to_string());
    }
}

impl<T: Shown + ?Sized> Shown for &T {
    fn show(&self, page: &mut Html) {
        (**self).show(page);
    }
}

impl<T: Shown> Shown for Option<T> {
    fn show(&self, page: &mut Html) {
        if let Some(part) = self {
            part.show(page);
        }
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Html>>(parts: I) -> Self {
        Self(parts.into_iter().map(|part| part.0).collect())
    }
}

/// `html!("<p>" {words} "</p>")`: literals are markup, what stands in braces is [`Shown`].
macro_rules! html {
    (@in $page:ident) => {};
    (@in $page:ident $markup:literal $($rest:tt)*) => {
        $page.ours($markup);
        $crate::page::html::html!(@in $page $($rest)*);
    };
    (@in $page:ident { $part:expr } $($rest:tt)*) => {
        $crate::page::html::Shown::show(&$part, &mut $page);
        $crate::page::html::html!(@in $page $($rest)*);
    };
    ($($rest:tt)*) => {{
        let mut page = $crate::page::html::Html::default();
        $crate::page::html::html!(@in page $($rest)*);
        page
    }};
}
pub(crate) use html;

/// A value in the query of a link: everything but letters, digits and `-._~` is percent-encoded.
pub(crate) fn in_query(value: &str) -> String {
    use std::fmt::Write as _;
    let mut safe = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_shown_and_not_obeyed() {
        for (text, shown) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            (r#"" onload="x"#, "&quot; onload=&quot;x"),
            ("' onload='x", "&#39; onload=&#39;x"),
            ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
            ("</title><b>", "&lt;/title&gt;&lt;b&gt;"),
            ("a\u{202e}b\u{200b}c\0\r", r"a\u{202e}b\u{200b}c\u{0}\u{d}"),
            ("Grüße, 東京 🎉", "Grüße, 東京 🎉"),
        ] {
            let page = html!("<p title=\"" {text} "\">" {text.to_owned()} "</p>").into_string();
            assert_eq!(page, format!("<p title=\"{shown}\">{shown}</p>"));
        }
    }

    #[test]
    fn parts_are_not_escaped_twice() {
        let inner = html!("<b>" {"a & b"} "</b>");
        let all: Html = [inner.clone(), inner].into_iter().collect();
        assert_eq!(html!({all} {Some(7_u64)} {None::<u64>}).into_string(), "<b>a &amp; b</b><b>a &amp; b</b>7");
    }

    #[test]
    fn a_value_in_a_link_stays_one_value() {
        assert_eq!(in_query("ada@example.com&id=x y#ü\"/"), "ada%40example.com%26id%3Dx%20y%23%C3%BC%22%2F");
        assert_eq!(in_query("2026-W47"), "2026-W47");
    }
}
