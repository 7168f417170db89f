//! `token`: made on the server, listed and revoked through the API.

use serde::Serialize;
use workflows::Workflows;
use workflows::clock::Timestamp;
use workflows::id::TokenId;
use workflows::secret::Secret;
use workflows::told::Told;

use super::Desk;
use crate::cli::{PersonArgs, TokenNewArgs};
use crate::failure::Failure;
use crate::ids::short;

/// Who did it, in the audit log.
const LOCAL: &str = "local administrator";

/// A token that was just made.
struct Made {
    id: TokenId,
    token: Secret<String>,
    until: Timestamp,
}

/// Makes it in the store of the configuration: whoever can write there needs no other right.
async fn issue(args: &TokenNewArgs) -> Result<Made, Failure> {
    let workflows = super::open(super::load(&args.config)?).await?;
    let issued = workflows.issue(LOCAL, &args.name, args.span, &args.label).await;
    let issued = issued.map_err(|error| Failure::new(error.told()))?;
    Ok(Made { id: issued.id, token: issued.token, until: issued.until })
}

pub(super) async fn new(desk: &Desk<'_>, args: TokenNewArgs) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Shown<'a> {
        id: String,
        token: &'a str,
        until: String,
    }
    let made = issue(&args).await?;
    let (id, token) = (made.id.to_string(), made.token.reveal().as_str());
    let until = desk.screen.when(made.until);
    // The secret alone goes to the standard output, so that it can be piped into `login` or a vault.
    desk.screen.show(&Shown { id, token, until: made.until.to_string() }, || format!("{token}\n"))?;
    desk.screen.say(&format!(
        "{} signs in {} until {until}. It is shown this once: keep it, or pipe it into `countersign login`.\n",
        short(&made.id),
        args.name
    ));
    Ok(())
}

pub(super) async fn list(desk: &Desk<'_>) -> Result<(), Failure> {
    let tokens = desk.client()?.tokens().await?;
    desk.screen.show(&tokens, || {
        let row = |token: &console::documents::Token| {
            let state = token.revoked.map_or_else(
                || format!("until {}", desk.screen.when(token.until.0)),
                |at| format!("revoked {}", desk.screen.when(at.0)),
            );
            let used = token.last_used.map_or_else(|| "never".to_owned(), |at| desk.screen.when(at.0));
            vec![short(&token.id), token.label.clone(), state, used]
        };
        desk.screen.table(&["TOKEN", "FOR", "SERVES", "LAST USED"], tokens.iter().map(row).collect())
    })
}

pub(super) async fn revoke(desk: &Desk<'_>, given: &str) -> Result<(), Failure> {
    let client = desk.client()?;
    let id = client.token_id(given).await?;
    client.tell(&format!("/v1/tokens/{id}/revoke"), &serde_json::json!({})).await?;
    desk.screen.say(&format!("{} serves no longer\n", short(&id)));
    Ok(())
}

/// In the store of the configuration, like `new`: for the day on which the API can't be trusted with it.
pub(super) async fn suspend(desk: &Desk<'_>, args: PersonArgs) -> Result<(), Failure> {
    engine(&args).await?.suspend(LOCAL, &args.name, true).await.map_err(|error| Failure::new(error.to_string()))?;
    desk.screen.say(&format!(
        "{} is suspended: their tokens serve no longer, and their sessions end within seconds\n",
        args.name
    ));
    Ok(())
}

async fn engine(args: &PersonArgs) -> Result<Workflows, Failure> {
    super::open(super::load(&args.config)?).await
}

/// The way back.
pub(super) async fn restore(desk: &Desk<'_>, args: PersonArgs) -> Result<(), Failure> {
    engine(&args).await?.suspend(LOCAL, &args.name, false).await.map_err(|error| Failure::new(error.to_string()))?;
    desk.screen.say(&format!("{} may sign in again\n", args.name));
    Ok(())
}
