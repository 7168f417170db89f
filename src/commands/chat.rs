//! `link`, and what setting up a chat platform needs: `doctor`, `slack manifest`, `discord register`.

use std::process::ExitCode;

use bot::discord::Discord;
use bot::platform::{Finding, Grade};
use bot::{Bot, slack};
use console::documents::{AccountList, BegunLink, ChatAccount, CodeBody, LinkBody};
use serde::Serialize;
use workflows::identity::Chat;

use super::Desk;
use crate::cli::{ConfigArgs, LinkArgs, ManifestArgs};
use crate::failure::Failure;
use crate::ids::short;
use crate::prompt;

pub(super) async fn link(desk: &Desk<'_>, args: LinkArgs) -> Result<(), Failure> {
    let Some(chat) = args.chat else { return list(desk).await };
    if args.remove {
        return remove(desk, chat).await;
    }
    let client = desk.client()?;
    let begun: BegunLink = client.post("/v1/links", &LinkBody { chat }).await?;
    let until = desk.screen.when(begun.until.0);
    let what = match (&begun.url, &begun.say) {
        (Some(url), _) => format!("Open this in your browser and sign in at {}:\n\n  {url}\n\n", chat.title()),
        (None, Some(words)) => format!("Write this to the bot in {}:\n\n  {words}\n\n", chat.title()),
        (None, None) => String::new(),
    };
    desk.screen.say(&format!("{what}It shows a code. Type it here, until {until}.\n"));
    let code = prompt::secret(desk.screen, "Code: ")?;
    let path = format!("/v1/links/{}/finish", begun.id);
    let linked: ChatAccount = client.post(&path, &CodeBody { code }).await?;
    desk.screen.show(&linked, || {
        let (title, account) = (chat.title(), &linked.account);
        format!("{title} account {account} is linked to you; `countersign link {chat} --remove` takes it away\n")
    })
}

async fn list(desk: &Desk<'_>) -> Result<(), Failure> {
    let AccountList { accounts } = desk.client()?.get("/v1/accounts", &[]).await?;
    desk.screen.show(&accounts, || {
        let row = |account: &console::documents::Account| {
            let (at, linked) = (&account.at, desk.screen.when(account.linked.0));
            vec![at.chat.title().to_owned(), at.workspace.clone(), at.account.clone(), linked]
        };
        desk.screen.table(&["PLATFORM", "WORKSPACE", "ACCOUNT", "LINKED"], accounts.iter().map(row).collect())
    })
}

async fn remove(desk: &Desk<'_>, chat: Chat) -> Result<(), Failure> {
    let client = desk.client()?;
    let AccountList { accounts } = client.get("/v1/accounts", &[]).await?;
    let found: Vec<_> = accounts.iter().filter(|account| account.at.chat == chat).collect();
    if found.is_empty() {
        return Err(Failure::new(format!("you have no account linked at {}", chat.title())));
    }
    for account in found {
        client.tell(&format!("/v1/accounts/{}/remove", account.id), &serde_json::json!({})).await?;
        desk.screen.say(&format!("{} ({}) is linked no longer\n", account.at.account, short(&account.id)));
    }
    Ok(())
}

/// A finding, for programs.
#[derive(Serialize)]
struct Shown {
    platform: &'static str,
    grade: &'static str,
    what: String,
    fix: String,
}

/// Runs on the server, where the secrets are. Exits with 1 if something does not work.
pub(super) async fn doctor(desk: &Desk<'_>, args: ConfigArgs) -> Result<ExitCode, Failure> {
    let config = super::load(&args.config)?;
    let chats = config.bot.clone();
    let workflows = super::open(config).await?;
    let bot = Bot::connect(chats, workflows);
    let bot = bot.map_err(|error| Failure::new(format!("{:#}", anyhow::Error::from(error))))?;
    let mut shown = Vec::new();
    for platform in bot.platforms() {
        let found = platform.examine().await;
        shown.extend(found.into_iter().map(|finding| of(platform.chat(), finding)));
    }
    let wrong = shown.iter().any(|one| one.grade == "wrong");
    desk.screen.show(&shown, || {
        if shown.is_empty() {
            return "no chat platform is named in the file; add `[slack]`, `[discord]` or `[matrix]`\n".to_owned();
        }
        let line = |one: &Shown| {
            let fix = if one.fix.is_empty() { String::new() } else { format!("\n         -> {}", one.fix) };
            format!("{:<8} {}: {}{fix}\n", one.grade, one.platform, one.what)
        };
        shown.iter().map(line).collect()
    })?;
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn of(chat: Chat, finding: Finding) -> Shown {
    let grade = match finding.grade {
        Grade::Good => "good",
        Grade::Warning => "warning",
        Grade::Wrong => "wrong",
    };
    Shown { platform: chat.title(), grade, what: finding.what, fix: finding.fix }
}

pub(super) fn manifest(desk: &Desk<'_>, args: &ManifestArgs) -> Result<(), Failure> {
    let manifest = slack::manifest(&args.name, args.public.as_deref());
    let text = serde_json::to_string_pretty(&manifest).map_err(|error| Failure::new(error.to_string()))?;
    desk.screen.print(&format!("{text}\n"))?;
    let head = "Paste it at api.slack.com/apps, \"Create New App\", \"From a manifest\". What each right is for:\n";
    let scope = |(scope, why): &(&str, &str)| format!("  {scope:<20} {why}\n");
    desk.screen.say(&format!("{head}{}", slack::scopes().iter().map(scope).collect::<String>()));
    Ok(())
}

pub(super) async fn register(desk: &Desk<'_>, args: ConfigArgs) -> Result<(), Failure> {
    let config = super::load(&args.config)?;
    let settings = config.bot.discord.ok_or_else(|| Failure::new("the file has no `[discord]`"))?;
    let discord = Discord::new(settings).map_err(|error| Failure::new(error.to_string()))?;
    discord.register().await.map_err(|error| Failure::new(error.to_string()))?;
    desk.screen.say("the guild has Countersign's commands now\n");
    Ok(())
}
