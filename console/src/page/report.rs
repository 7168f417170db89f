//! A digest as a page: the same content and numbers as on the card and on the terminal, what needs a decision first.

use jiff::tz::TimeZone;
use workflows::engine::GivenDigest;

use super::bars;
use super::html::{Html, html, in_query};
use crate::documents::{
    Action, AskedMost, Change, Digest, DigestContent, FiledDigest, Line, Moment, Section, SectionItem, hours, short,
};

/// So many lines, and things in a section, stand open; the others unfold.
const OPEN: usize = 10;
/// So many names stand in the heading.
const NAMES: usize = 5;

/// What stands around a digest.
#[derive(Debug)]
pub(super) struct Around<'a> {
    reader: &'a str,
    before: String,
    after: Option<String>,
    others: &'a [FiledDigest],
}

impl<'a> Around<'a> {
    pub(super) fn of(given: &GivenDigest, reader: &'a str, others: &'a [FiledDigest]) -> Self {
        let digest = &given.digest;
        let over = digest.until <= digest.made;
        Self {
            reader,
            before: digest.week.before().to_string(),
            after: over.then(|| digest.week.after().to_string()),
            others,
        }
    }
}

/// All of it.
pub(super) fn of(digest: &Digest, around: &Around<'_>) -> Html {
    let content = &digest.content;
    let zone = TimeZone::get(&content.zone).unwrap_or(TimeZone::UTC);
    let filed = digest.filed.as_ref();
    html!(
        {top(content, around)}
        "<main>\n" {heading(content, filed, &zone)}
        {actions(content)} {changes(content)} {waits(content)} {table(content)}
        {content.sections.iter().map(section).collect::<Html>()}
        {review(content, filed, around, &zone)}
        {list(around.others, around.reader, filed.map(|filed| filed.id.to_string()).as_deref())}
        "</main>\n" {foot(content, filed, around, &zone)}
    )
}

fn top(content: &DigestContent, around: &Around<'_>) -> Html {
    let manager = if content.manager == around.reader { String::new() } else { manager(&content.manager) };
    let after = around
        .after
        .as_ref()
        .map(|week| html!("<a rel=\"next\" href=\"/digest?week=" {week} {manager} "\">" {week} " →</a>\n"));
    html!(
        "<header>\n<p class=\"mark\">Countersign</p>\n<nav aria-label=\"Weeks\">\n"
        "<a rel=\"prev\" href=\"/digest?week=" {around.before} {manager} "\">← " {around.before} "</a>\n" {after}
        "</nav>\n<form method=\"post\" action=\"/digest/sign-out\"><button>Sign out</button></form>\n</header>\n"
    )
}

fn manager(name: &str) -> String {
    format!("&manager={}", in_query(name))
}

fn heading(content: &DigestContent, filed: Option<&FiledDigest>, zone: &TimeZone) -> Html {
    let day = |at: jiff::Timestamp, form: &str| at.to_zoned(zone.clone()).strftime(form).to_string();
    let last = content.until.0.to_jiff() - jiff::SignedDuration::from_micros(1);
    let names: Vec<&str> = content.people.iter().take(NAMES).map(String::as_str).collect();
    let more = content.people.len().saturating_sub(NAMES) as u64;
    let more = (more > 0).then(|| html!(" and " {more} " more"));
    let chip = |section: &Section| {
        html!(
            "<li><a href=\"#" {section.about} "\">" {section.title} " <b>" {section.count.n} "</b></a></li>\n"
        )
    };
    let chips: Html = content.sections.iter().map(chip).collect();
    html!(
        "<h1>Access digest <span>" {content.week} "</span></h1>\n<p class=\"sub\">"
        {day(content.since.0.to_jiff(), "%a %-d %b")} " to " {day(last, "%a %-d %b %Y")} ", " {content.zone}
        " · for <bdi>" {content.manager} "</bdi> · about <bdi>" {names.join(", ")} "</bdi>" {more} "</p>\n"
        "<p class=\"lead\">" {content.summary} "</p>\n" {state(filed, zone)}
        "<ul class=\"chips\">\n" {chips} "</ul>\n"
    )
}

/// Where the review stands, in a line that leads to it.
fn state(filed: Option<&FiledDigest>, zone: &TimeZone) -> Option<Html> {
    let filed = filed?;
    match (filed.reviewed, filed.due, filed.overdue) {
        (Some(at), _, _) => Some(html!(
            "<p class=\"state done\"><a href=\"#review\">Reviewed by <bdi>" {filed.reviewed_by} "</bdi>, "
            {when(at, zone)} "</a></p>\n"
        )),
        (None, Some(until), _) => Some(
            html!("<p class=\"state owed\"><a href=\"#review\">Review owed until " {when(until, zone)} "</a></p>\n"),
        ),
        (None, None, Some(since)) => Some(html!(
            "<p class=\"state late\"><a href=\"#review\">Review overdue since " {when(since, zone)} "</a></p>\n"
        )),
        (None, None, None) => None,
    }
}

/// A moment in the digest's zone, written as in its sentences.
fn when(at: Moment, zone: &TimeZone) -> Html {
    let words = at.0.to_jiff().to_zoned(zone.clone()).strftime("%a %-d %b %H:%M %Z").to_string();
    html!("<time datetime=\"" {at.to_string()} "\">" {words} "</time>")
}

fn actions(content: &DigestContent) -> Html {
    if content.actions.is_empty() {
        return html!("<section id=\"decide\">\n<h2>Nothing to decide</h2>\n</section>\n");
    }
    let item = |action: &Action| {
        let how = action.command().map_or_else(
            || {
                html!(
                    "<p class=\"how\">Give this to whoever keeps <code>countersign.toml</code>; "
                    "a review of the file changes it.</p>"
                )
            },
            |command| html!("<pre class=\"how\"><code>" {unbroken(&command)} "</code></pre>"),
        );
        html!("<li>\n<p class=\"what\">" {action.words} "</p>\n" {how} "\n</li>\n")
    };
    let items: Html = content.actions.iter().map(item).collect();
    let more = more(content.more_actions);
    html!(
        "<section id=\"decide\">\n<h2>To decide</h2>\n<ol class=\"decide\">\n" {items} "</ol>\n" {more}
        "</section>\n"
    )
}

/// A command whose option stays in one piece where the line breaks.
fn unbroken(command: &str) -> Html {
    let (verb, option) = command.split_once(" --").map_or((command, None), |(verb, option)| (verb, Some(option)));
    let option = option.map(|option| html!(" <span>--" {option} "</span>"));
    html!({verb} {option})
}

fn more(n: u64) -> Option<Html> {
    (n > 0).then(|| html!("<p class=\"small\">and " {n} " more</p>\n"))
}

fn changes(content: &DigestContent) -> Html {
    let tile = |change: &Change| {
        html!(
            "<li>\n<p class=\"n\">" {change.now.n} "</p>\n<p class=\"of\">" {measure(&change.measure)} "</p>\n"
            {bars::pair(change.now.n, change.before.n, &change.words)}
            "\n<p class=\"small\">before: " {change.before.n} "</p>\n</li>\n"
        )
    };
    let counted = |change: &Change| {
        (!change.now.ids.is_empty())
            .then(|| html!("<dt>" {measure(&change.measure)} "</dt>\n<dd>" {ids(&change.now.ids)} "</dd>\n"))
    };
    let tiles: Html = content.changes.iter().map(tile).collect();
    let counted: Vec<Html> = content.changes.iter().filter_map(counted).collect();
    let which = (!counted.is_empty()).then(|| {
        let counted: Html = counted.into_iter().collect();
        html!("<details>\n<summary>What they count</summary>\n<dl>\n" {counted} "</dl>\n</details>\n")
    });
    html!(
        "<section id=\"changes\">\n<h2>Against the week before</h2>\n<ul class=\"tiles\">\n" {tiles} "</ul>\n"
        {which} "</section>\n"
    )
}

/// What a number counts, in a word or two.
fn measure(name: &str) -> &str {
    match name {
        "requests" => "requests for access",
        "denied" => "denials",
        "held" => "held commands",
        "emergencies" => "break-glass",
        other => other,
    }
}

fn ids(all: &[String]) -> Html {
    all.iter().map(|id| html!("<code title=\"" {id} "\">" {short(id)} "</code> ")).collect()
}

fn waits(content: &DigestContent) -> Html {
    let asked = |asked: &AskedMost| html!("<li><bdi>" {asked.who} "</bdi> <b>" {asked.count.n} "</b></li>\n");
    let most: Html = content.waits.asked.iter().map(asked).collect();
    let most = (!content.waits.asked.is_empty())
        .then(|| html!("<ul class=\"asked\" aria-label=\"Asked most\">\n" {most} "</ul>\n"));
    html!(
        "<section id=\"waits\">\n<h2>Waits</h2>\n<p class=\"what\">" {content.waits.words} "</p>\n"
        {most} "</section>\n"
    )
}

fn table(content: &DigestContent) -> Html {
    if content.table.is_empty() {
        return html!("<section id=\"access\">\n<h2>Nobody held access</h2>\n</section>\n");
    }
    let most = content.table.iter().map(|line| line.held_seconds.max(line.session_seconds)).max().unwrap_or(0);
    let (open, folded) = content.table.split_at_checked(OPEN).unwrap_or((&content.table, &[]));
    let folded = (!folded.is_empty()).then(|| {
        html!("<details>\n<summary>" {folded.len() as u64} " more</summary>\n" {lines(folded, most)} "</details>\n")
    });
    html!(
        "<section id=\"access\">\n<h2>Access held and used</h2>\n"
        "<p class=\"legend\" aria-hidden=\"true\"><span class=\"held\"></span> held "
        "<span class=\"used\"></span> connected</p>\n"
        {lines(open, most)} {folded} {more(content.lines.saturating_sub(content.table.len() as u64))}
        "</section>\n"
    )
}

/// The roles are those that the elements have anyway: a narrow screen shows each line as a block, and keeps them so.
fn lines(lines: &[Line], most: u64) -> Html {
    let line = |line: &Line| {
        let (held, used) = (hours(line.held_seconds), hours(line.session_seconds));
        let words = format!("held {held}, connected {used}");
        let bar = bars::inside(line.held_seconds, line.session_seconds, most, &words);
        html!(
            "<tr role=\"row\">\n<th role=\"rowheader\" scope=\"row\"><bdi>" {line.person} "</bdi></th>\n"
            "<td role=\"cell\" class=\"where\">" {line.target} "</td>\n"
            "<td role=\"cell\" class=\"bars\">" {bar} "</td>\n"
            "<td role=\"cell\" class=\"num\" data-of=\"held\">" {held} "</td>\n"
            "<td role=\"cell\" class=\"num\" data-of=\"connected\">" {used} "</td>\n"
            "<td role=\"cell\" class=\"num\" data-of=\"sessions\">" {line.sessions.n} "</td>\n"
            "<td role=\"cell\" class=\"num\" data-of=\"operations\">" {line.operations} "</td>\n"
            "<td role=\"cell\" class=\"num\" data-of=\"rows\">" {line.rows} "</td>\n"
            "<td role=\"cell\" class=\"look\">" {line.words} "</td>\n</tr>\n"
        )
    };
    html!(
        "<table role=\"table\">\n<thead role=\"rowgroup\">\n<tr role=\"row\">"
        "<th role=\"columnheader\" scope=\"col\">Who</th><th role=\"columnheader\" scope=\"col\">Where</th>"
        "<th role=\"columnheader\" scope=\"col\"><span class=\"unseen\">Drawn</span></th>"
        "<th role=\"columnheader\" scope=\"col\" class=\"num\">Held</th>"
        "<th role=\"columnheader\" scope=\"col\" class=\"num\">Connected</th>"
        "<th role=\"columnheader\" scope=\"col\" class=\"num\">Sessions</th>"
        "<th role=\"columnheader\" scope=\"col\" class=\"num\">Ops</th>"
        "<th role=\"columnheader\" scope=\"col\" class=\"num\">Rows</th>"
        "<th role=\"columnheader\" scope=\"col\">To look at</th>"
        "</tr>\n</thead>\n<tbody role=\"rowgroup\">\n"
        {lines.iter().map(line).collect::<Html>()}
        "</tbody>\n</table>\n"
    )
}

fn section(section: &Section) -> Html {
    let weight = match section.about.as_str() {
        "emergencies" | "gaps" => "alarm",
        _ => "plain",
    };
    let items: Vec<Html> = section.items.iter().map(item).collect();
    let (open, folded) = items.split_at_checked(OPEN).unwrap_or((&items, &[]));
    let folded = (!folded.is_empty()).then(|| {
        html!(
            "<details>\n<summary>" {folded.len() as u64} " more</summary>\n<ul class=\"items\">\n"
            {folded.iter().cloned().collect::<Html>()} "</ul>\n</details>\n"
        )
    });
    html!(
        "<section id=\"" {section.about} "\" class=\"" {weight} "\">\n<h2>" {section.title} "</h2>\n"
        "<p class=\"sub\">" {section.words} "</p>\n"
        "<ul class=\"items\">\n" {open.iter().cloned().collect::<Html>()} "</ul>\n" {folded}
        {more(section.count.n.saturating_sub(items.len() as u64))} "</section>\n"
    )
}

fn item(item: &SectionItem) -> Html {
    let quote = item.quote.as_ref().map(|quote| html!("<blockquote><bdi>" {quote} "</bdi></blockquote>\n"));
    let id = item.id.as_ref().map(|id| html!(" <code title=\"" {id} "\">" {short(id)} "</code>"));
    html!("<li>\n<p>" {item.words} {id} "</p>\n" {quote} "</li>\n")
}

fn review(content: &DigestContent, filed: Option<&FiledDigest>, around: &Around<'_>, zone: &TimeZone) -> Html {
    let Some(filed) = filed else {
        return html!(
            "<section id=\"review\">\n<h2>Review</h2>\n"
            "<p>Computed now: no digest was made of this week, so there is nothing to review.</p>\n</section>\n"
        );
    };
    let words = match (filed.reviewed, filed.due, filed.overdue) {
        (Some(at), _, _) => html!("Reviewed by <bdi>" {filed.reviewed_by} "</bdi>, " {when(at, zone)} "."),
        (None, Some(until), _) => html!("Owed until " {when(until, zone)} "."),
        (None, None, Some(since)) => {
            html!("Overdue: it went to <bdi>" {filed.escalated_to.join(", ")} "</bdi>, " {when(since, zone)} ".")
        }
        (None, None, None) => html!("Nothing in it needs a review."),
    };
    let owed = filed.due.is_some() || filed.overdue.is_some();
    // Whom the engine would refuse is not shown a button; whether it refuses is asked when it is pressed.
    let asked = filed.manager == around.reader || filed.overdue.is_some();
    let about_them = content.people.iter().any(|name| name == around.reader);
    let form = (owed && asked && !about_them).then(|| {
        html!(
            "<form method=\"post\" action=\"/digest/" {filed.id.to_string()} "/review\">\n"
            "<button class=\"main\">I have reviewed this</button>\n</form>\n"
            "<p class=\"small\">The audit log keeps that you have, and when.</p>\n"
        )
    });
    html!("<section id=\"review\">\n<h2>Review</h2>\n<p>" {words} "</p>\n" {form} "</section>\n")
}

/// Digests that the reader may see, without the one that is shown.
pub(super) fn list(filed: &[FiledDigest], reader: &str, shown: Option<&str>) -> Option<Html> {
    let others: Vec<&FiledDigest> =
        filed.iter().filter(|filed| Some(filed.id.to_string().as_str()) != shown).collect();
    let item = |filed: &&FiledDigest| {
        let of = (filed.manager != reader).then(|| html!(" of <bdi>" {filed.manager} "</bdi>"));
        html!(
            "<li><a href=\"/digest?id=" {filed.id.to_string()} "\">" {filed.week} "</a>" {of}
            " <span>" {standing(&filed.review)} "</span></li>\n"
        )
    };
    let items: Html = others.iter().map(item).collect();
    (!others.is_empty()).then(|| {
        html!(
            "<section id=\"others\">\n<h2>Other digests</h2>\n<ul class=\"others\">\n" {items} "</ul>\n"
            "</section>\n"
        )
    })
}

fn standing(review: &str) -> &str {
    match review {
        "not_needed" => "nothing in it",
        "owed" => "review owed",
        "overdue" => "review overdue",
        "done" => "reviewed",
        other => other,
    }
}

fn foot(content: &DigestContent, filed: Option<&FiledDigest>, around: &Around<'_>, zone: &TimeZone) -> Html {
    let id = filed.map(|filed| html!("<code>" {filed.id.to_string()} "</code> · "));
    let of = (content.manager != around.reader).then(|| html!(" --manager " {content.manager}));
    html!(
        "<footer>\n<p>" {id} "made " {when(content.made, zone)} " · <code>countersign digest --week "
        {content.week} {of} "</code>, with <code>--json</code> or <code>--csv</code> for all of it</p>\n</footer>\n"
    )
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
