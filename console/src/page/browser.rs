//! Browsers: the cookie that carries a token, and whether a form was sent from a page of ours.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;

use super::wrong;
use crate::config::Config;
use crate::problem::Problem;
use crate::routes::App;

/// Longest that a browser keeps a token, in seconds: a working day. The token itself may end sooner, or be revoked.
const KEPT: u32 = 8 * 3_600;

/// How browsers reach the console.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    secure: bool,
    public: Option<String>,
}

impl Browser {
    pub(crate) fn of(config: &Config) -> Self {
        let public = config.public.as_ref().map(|public| public.trim_end_matches('/').to_ascii_lowercase());
        let https = public.as_ref().is_some_and(|public| public.starts_with("https://"));
        Self { secure: https || config.behind_tls_proxy, public }
    }

    /// `__Host-` makes the browser hold what we ask for: over TLS only, from this host only, for this host only.
    const fn name(&self) -> &'static str {
        if self.secure { "__Host-countersign" } else { "countersign" }
    }

    /// The header that makes a browser keep a token. `Strict`: no page of others ever sends it along.
    pub(crate) fn keep(&self, token: &str) -> String {
        self.cookie(token, KEPT)
    }

    /// The header that makes a browser forget it.
    pub(crate) fn forget(&self) -> String {
        self.cookie("", 0)
    }

    fn cookie(&self, value: &str, seconds: u32) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", self.name())
    }

    /// What the browser kept. Two of that name could be anybody's, so they are none.
    pub(crate) fn kept<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut ours = pairs.filter(|(name, _)| *name == self.name()).map(|(_, value)| value);
        match (ours.next(), ours.next()) {
            (Some(token), None) => Some(token),
            (None, _) | (Some(_), Some(_)) => None,
        }
    }

    /// Whether a page of ours sent this form. Browsers say where a form comes from, and no page can make them say
    /// otherwise; since our pages send no referrer, some say `null` for the origin, and then the site has to be said.
    fn is_from_us(&self, headers: &HeaderMap) -> bool {
        let (site, origin) = (said(headers, SITE), said(headers, header::ORIGIN));
        match (site, origin) {
            (Said::Once("same-origin"), Said::Nothing | Said::Once("null")) => true,
            (Said::Once("same-origin") | Said::Nothing, Said::Once(origin)) => self.is_ours(origin, headers),
            (Said::Once(_) | Said::Nothing | Said::Unclear, _) => false,
        }
    }

    fn is_ours(&self, origin: &str, headers: &HeaderMap) -> bool {
        if self.public.as_ref().is_some_and(|public| public.eq_ignore_ascii_case(origin)) {
            return true;
        }
        let scheme = if self.secure { "https://" } else { "http://" };
        let Said::Once(host) = said(headers, header::HOST) else { return false };
        origin.strip_prefix(scheme).is_some_and(|from| from.eq_ignore_ascii_case(host))
    }
}

/// Where a request comes from, as the browser tells it.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether another site's page led here: the browser keeps a `Strict` cookie back then.
pub(crate) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    said(headers, SITE) == Said::Once("cross-site")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said<'h> {
    Nothing,
    Once(&'h str),
    Unclear,
}

fn said(headers: &HeaderMap, name: HeaderName) -> Said<'_> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Said::Nothing,
        (Some(value), None) => value.to_str().map_or(Said::Unclear, Said::Once),
        (Some(_), Some(_)) => Said::Unclear,
    }
}

/// A form that a page of ours sent. A handler that changes something takes one: no other page can press its button.
pub(crate) struct FromUs;

impl FromRequestParts<App> for FromUs {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        if app.browser.is_from_us(&parts.headers) {
            return Ok(Self);
        }
        let words = "this form was not sent from a page of Countersign, so nothing was done";
        let hint = "open the page again, and press the button there";
        Err(wrong(&Problem::new(StatusCode::FORBIDDEN, words, Some(hint)), None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn browser(public: Option<&str>, behind_tls_proxy: bool) -> Browser {
        Browser::of(&Config { public: public.map(str::to_owned), behind_tls_proxy, ..Config::default() })
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn a_form_of_another_page_is_told_by_what_the_browser_says() {
        let (host, site) = (("host", "localhost:8420"), "sec-fetch-site");
        let here = ("origin", "http://localhost:8420");
        for (lines, ours) in [
            (vec![host], false),
            (vec![host, here], true),
            (vec![host, (site, "same-origin")], true),
            (vec![host, (site, "same-origin"), here], true),
            (vec![host, (site, "same-origin"), ("origin", "null")], true),
            (vec![host, ("origin", "null")], false),
            (vec![host, (site, "same-origin"), ("origin", "https://evil.example")], false),
            (vec![host, (site, "same-site"), here], false),
            (vec![host, (site, "cross-site"), here], false),
            (vec![host, (site, "none"), here], false),
            (vec![host, ("origin", "https://evil.example")], false),
            (vec![host, ("origin", "http://localhost:84200")], false),
            (vec![host, ("origin", "http://localhost")], false),
            (vec![host, ("origin", "https://localhost:8420")], false),
            (vec![host, here, ("origin", "https://evil.example")], false),
            (vec![host, (site, "same-origin"), (site, "cross-site"), here], false),
            (vec![here], false),
        ] {
            assert_eq!(browser(None, false).is_from_us(&headers(&lines)), ours, "{lines:?}");
        }
    }

    #[test]
    fn behind_a_proxy_the_public_address_is_ours_as_well() {
        let from = |origin: &'static str| headers(&[("host", "10.0.0.7:8420"), ("origin", origin)]);
        let public = browser(Some("https://Countersign.example.com/"), false);
        assert!(public.is_from_us(&from("https://countersign.example.com")));
        for other in
            ["http://countersign.example.com", "https://countersign.example.com.evil.example", "http://10.0.0.7:8420"]
        {
            assert!(!public.is_from_us(&from(other)), "{other}");
        }
        assert!(browser(None, true).is_from_us(&from("https://10.0.0.7:8420")));
    }

    #[test]
    fn a_cookie_is_bound_to_the_host_and_to_tls_where_there_is_tls() {
        let expected = "countersign=cst_x; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict";
        assert_eq!(browser(None, false).keep("cst_x"), expected);
        for tls in [browser(None, true), browser(Some("https://c.example"), false)] {
            assert_eq!(tls.keep("cst_x"), format!("__Host-{expected}; Secure"));
            assert!(tls.forget().starts_with("__Host-countersign=; Path=/; Max-Age=0;"));
            // A page on a neighbouring host can set this one, but not the other.
            assert_eq!(tls.kept(&headers(&[("cookie", "countersign=cst_planted")])), None);
        }
    }

    #[test]
    fn a_cookie_that_is_there_twice_is_none() {
        let kept =
            |lines: &[(&'static str, &'static str)]| browser(None, false).kept(&headers(lines)).map(str::to_owned);
        assert_eq!(kept(&[("cookie", "a=b; countersign=cst_1; c=d")]).as_deref(), Some("cst_1"));
        assert_eq!(kept(&[("cookie", "countersign=cst_1; countersign=cst_2")]), None);
        assert_eq!(kept(&[("cookie", "countersign=cst_1"), ("cookie", "countersign=cst_2")]), None);
        assert_eq!(kept(&[("cookie", "xcountersign=cst_1; countersign-x=cst_2")]), None);
    }
}
