//! `login`, `logout`, `whoami`.

use std::path::Path;

use workflows::secret::Secret;

use super::Desk;
use crate::cli::LoginArgs;
use crate::client::{self, Client};
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::ids::short;
use crate::{plain, prompt};

pub(super) async fn login(desk: &Desk<'_>, args: LoginArgs) -> Result<(), Failure> {
    // The address is checked before anybody types a token for it.
    client::address(&args.url)?;
    let token = match &args.token_file {
        Some(path) => from_file(path)?,
        None => prompt::secret(desk.screen, &format!("Token for {}: ", plain::line(&args.url)))?,
    };
    if !token.starts_with("cst_") {
        return Err(Failure::wrong_use("this is no token of Countersign; it begins with `cst_`")
            .hint("on the server: countersign token new NAME --for 30d --label laptop"));
    }
    let credentials = Credentials { url: args.url, token: Secret::new(token) };
    let who = Client::new(&credentials)?.whoami().await?;
    let path = desk.path()?;
    credentials.save(&path)?;
    desk.screen.show(&who, || {
        format!("signed in as {} at {}\n", plain::line(&who.person.name), plain::line(&credentials.url))
    })
}

fn from_file(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("`{}` cannot be read: {error}", path.display())))?;
    Ok(text.trim().to_owned())
}

pub(super) fn logout(desk: &Desk<'_>) -> Result<(), Failure> {
    let known = Credentials::forget(&desk.path()?)?;
    desk.screen.say(if known { "signed out on this machine\n" } else { "nobody was signed in\n" });
    Ok(())
}

pub(super) async fn whoami(desk: &Desk<'_>) -> Result<(), Failure> {
    let who = desk.client()?.whoami().await?;
    desk.screen.show(&who, || {
        desk.screen.fields(&[
            ("name", who.person.name.clone()),
            ("identity", who.person.id.to_string()),
            ("token", who.token.as_ref().map(short).unwrap_or_default()),
        ])
    })
}
