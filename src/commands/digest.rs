//! `digest`: the week of those whom one manages, what needs a decision first.

use console::documents::{Digest, DigestContent, FiledDigest, Line, Section, hours};

use super::Desk;
use crate::cli::DigestArgs;
use crate::failure::Failure;
use crate::ids::short;
use crate::plain;
use crate::screen::Screen;

/// How many lines of the table, and things in a section, are shown to people; `--json` and `--csv` have all.
const SHOWN: usize = 10;

pub(super) async fn run(desk: &Desk<'_>, args: DigestArgs) -> Result<(), Failure> {
    let client = desk.client()?;
    let week = args.week.map(|week| week.to_string());
    let query: Vec<(&str, &str)> = [("week", week.as_deref()), ("manager", args.manager.as_deref())]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect();
    if args.csv {
        return desk.screen.print(&client.text("/v1/digest.csv", &query).await?);
    }
    let mut digest: Digest = client.get("/v1/digest", &query).await?;
    if args.reviewed {
        digest.filed = Some(review(&client, &digest).await?);
    }
    desk.screen.show(&digest, || page(desk.screen, &digest))
}

async fn review(client: &crate::client::Client, digest: &Digest) -> Result<FiledDigest, Failure> {
    let filed = digest.filed.as_ref().ok_or_else(|| {
        Failure::new(format!("no digest was made of week {}, so there is nothing to review", digest.content.week))
            .hint("leave `--reviewed` out to read how that week looks now")
    })?;
    client.post(&format!("/v1/digests/{}/review", filed.id), &serde_json::json!({})).await
}

fn page(screen: &Screen, digest: &Digest) -> String {
    let content = &digest.content;
    let mut text = format!(
        "week {} of {}, {} to {} ({})\n{}\n",
        content.week,
        content.manager,
        screen.when(content.since.0),
        screen.when(content.until.0),
        content.zone,
        plain::line(&content.summary)
    );
    text.push_str(&actions(content));
    text.push_str(&table(screen, content));
    text.extend(["\nWaits\n  ", &plain::line(&content.waits.words), "\n"]);
    text.push_str("\nAgainst the week before\n");
    for change in &content.changes {
        text.extend(["  ", &plain::line(&change.words), "\n"]);
    }
    for section in &content.sections {
        text.push_str(&part(section));
    }
    text.push_str(&last_line(screen, digest.filed.as_ref()));
    text
}

fn actions(content: &DigestContent) -> String {
    if content.actions.is_empty() {
        return "\nNothing to decide\n".to_owned();
    }
    let more = if content.more_actions > 0 { format!(" ({} more)", content.more_actions) } else { String::new() };
    let mut text = format!("\nTo decide{more}\n");
    for action in &content.actions {
        let command = action.command().map(|command| format!("\n      {command}")).unwrap_or_default();
        text.extend(["  ", &plain::line(&action.words), &command, "\n"]);
    }
    text
}

fn table(screen: &Screen, content: &DigestContent) -> String {
    if content.table.is_empty() {
        return "\nNobody held access\n".to_owned();
    }
    let row = |line: &Line| {
        vec![
            line.person.clone(),
            line.target.clone(),
            hours(line.held_seconds),
            hours(line.session_seconds),
            line.sessions.n.to_string(),
            line.operations.to_string(),
            line.rows.to_string(),
            line.words.clone(),
        ]
    };
    let header = ["WHO", "WHERE", "HELD", "CONNECTED", "SESSIONS", "OPS", "ROWS", "TO LOOK AT"];
    let rows: Vec<Vec<String>> = content.table.iter().take(SHOWN).map(row).collect();
    let left = usize::try_from(content.lines).unwrap_or(usize::MAX).saturating_sub(rows.len());
    let more = if left > 0 { format!("{left} more: --csv\n") } else { String::new() };
    format!("\n{}{more}", screen.table(&header, rows))
}

fn part(section: &Section) -> String {
    let mut text = format!("\n{}: {}\n", plain::line(&section.title), plain::line(&section.words));
    for item in section.items.iter().take(SHOWN) {
        text.extend(["  ", &plain::line(&item.words)]);
        if let Some(quote) = &item.quote {
            text.extend([": \"", &plain::line(quote), "\""]);
        }
        if let Some(id) = &item.id {
            text.extend([" (", &short(id), ")"]);
        }
        text.push('\n');
    }
    let left = usize::try_from(section.count.n).unwrap_or(usize::MAX).saturating_sub(SHOWN);
    if left > 0 {
        text.extend(["  ", &left.to_string(), " more: --csv\n"]);
    }
    text
}

fn last_line(screen: &Screen, filed: Option<&FiledDigest>) -> String {
    let Some(filed) = filed else { return "\nComputed now: no digest was made of this week.\n".to_owned() };
    let (id, week) = (short(&filed.id), &filed.week);
    let reviewed = filed.reviewed.map(|at| screen.when(at.0));
    match (reviewed, filed.due, filed.overdue) {
        (Some(at), _, _) => {
            format!("\n{id} was reviewed by {}, {at}\n", filed.reviewed_by.as_deref().unwrap_or("somebody"))
        }
        (None, Some(due), _) => format!(
            "\nWhen you have read it, before {}: countersign digest --week {week} --reviewed\n",
            screen.when(due.0)
        ),
        (None, None, Some(since)) => {
            format!("\n{id} is overdue: it went to {}, {}\n", filed.escalated_to.join(", "), screen.when(since.0))
        }
        (None, None, None) => format!("\n{id} has nothing in it that needs a review\n"),
    }
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
