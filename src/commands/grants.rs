//! `targets`, `grants`, `extend`, `revoke`.

use console::documents::{Asked, BecauseBody, ExtendBody, Grant, Target};

use super::{Desk, view};
use crate::cli::{BecauseArgs, ExtendArgs};
use crate::failure::Failure;
use crate::ids::short;
use crate::plain;
use crate::screen::Screen;

pub(super) async fn targets(desk: &Desk<'_>) -> Result<(), Failure> {
    let targets = desk.client()?.targets().await?;
    desk.screen.show(&targets, || table(desk.screen, &targets))
}

fn table(screen: &Screen, targets: &[Target]) -> String {
    if targets.is_empty() {
        return "there is nothing that you may ask for\n".to_owned();
    }
    let row = |target: &Target| {
        let offers = target.offers.iter().map(|offer| {
            let glass = if offer.emergency { ", emergency" } else { "" };
            format!("{} up to {}{glass}", offer.level, offer.at_most)
        });
        let held = target.grants.iter().filter(|grant| grant.live);
        let held = held.map(|grant| format!("{} until {}", grant.level, screen.when(grant.until.0)));
        let labels = target.labels.iter().map(|(name, value)| format!("{name}={value}"));
        vec![
            target.name.clone(),
            target.protocol.clone(),
            labels.collect::<Vec<_>>().join(" "),
            offers.collect::<Vec<_>>().join("; "),
            held.collect::<Vec<_>>().join("; "),
        ]
    };
    screen.table(&["TARGET", "SPEAKS", "LABELS", "YOU MAY ASK FOR", "YOU HOLD"], targets.iter().map(row).collect())
}

pub(super) async fn list(desk: &Desk<'_>, all: bool) -> Result<(), Failure> {
    let grants = desk.client()?.grants(all).await?;
    desk.screen.show(&grants, || view::grants(desk.screen, &grants))
}

pub(super) async fn extend(desk: &Desk<'_>, args: ExtendArgs) -> Result<(), Failure> {
    let client = desk.client()?;
    let id = client.grant_id(&args.id).await?;
    let body = ExtendBody { span: args.span, because: args.because };
    let asked: Asked = client.post(&format!("/v1/grants/{id}/extend"), &body).await?;
    desk.screen.show(&asked, || {
        format!("{}: {}\n", short(&asked.request.id), plain::line(&view::asked(desk.screen, &asked)))
    })
}

pub(super) async fn revoke(desk: &Desk<'_>, args: BecauseArgs) -> Result<(), Failure> {
    let client = desk.client()?;
    let id = client.grant_id(&args.id).await?;
    let body = BecauseBody { because: args.because };
    let grant: Grant = client.post(&format!("/v1/grants/{id}/revoke"), &body).await?;
    desk.screen.show(&grant, || view::grants(desk.screen, std::slice::from_ref(&grant)))
}
