//! The same story in Discord: asked by a command, agreed by a button, held, countersigned, done.

use super::guild::Guild;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_agreed_held_countersigned_and_done_in_discord() {
    let guild = Guild::open().await;
    let (ada, channel) = (guild.discord.user("ada"), guild.discord.channel("general"));
    let options =
        [("target", "orders-prod"), ("duration", "1h"), ("level", "write"), ("because", "INC-42 @everyone")];
    let reply = guild.discord.command(ada, channel, "access", &options).await;
    assert!(!reply.failed(), "{reply:?}");
    guild.discord.until_ephemeral(ada, |message| guild.says(message, "Asked for orders-prod")).await;
    let card = guild.card("wants WRITE").await;
    assert!(
        guild.discord.seen(&card).pings.iter().all(|who| !who.contains("everyone")),
        "{:?}",
        guild.discord.seen(&card)
    );
    guild.press("linus", &card, "Approve 1h").await;
    let dm = guild.discord.until_dm(ada, |message| guild.says(message, "countersign connect orders-prod")).await;
    let mut psql = guild.world.connect("ada").await;
    psql.ask("DELETE FROM order_items WHERE true;", "held by rule `bulk write`").await;
    let held = guild.card("held command").await;
    guild.press("linus", &held, "Run once").await;
    psql.has("DELETE 3").await;
    guild.discord.until_edited(&held, |message| guild.says(message, "3 rows")).await;
    psql.ask("DELETE FROM orders WHERE true;", "held by rule `bulk write`").await;
    let held = guild.card("DELETE FROM orders WHERE true").await;
    let reply = guild.press("grace", &held, "Deny…").await;
    let modal = reply.modal().clone();
    guild.discord.submit(guild.discord.user("grace"), &modal, &[("because", "not on a Friday")]).await;
    psql.has("denied by grace: not on a Friday").await;
    guild.press("ada", &dm, "I'm done").await;
    guild.discord.until_edited(&dm, |message| guild.says(message, "was ended by you")).await;
    psql.ask("SELECT 1;", "access to orders-prod was revoked").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_and_the_unlinked_are_told_and_nothing_happens() {
    let guild = Guild::open().await;
    let options = [("target", "orders-prod"), ("duration", "1h"), ("because", "INC-1")];
    let (grace, channel) = (guild.discord.user("grace"), guild.discord.channel("general"));
    guild.discord.command(grace, channel, "access", &options).await;
    let card = guild.card("wants READ").await;
    for (name, words) in [("grace", "nobody decides on their own request"), ("edsger", "countersign link discord")] {
        guild.press(name, &card, "Approve 1h").await;
        let who = guild.discord.user(name);
        guild.discord.until_ephemeral(who, |message| guild.says(message, words)).await;
    }
    assert!(guild.says(&guild.discord.now(&card).expect("there"), "asked group:dba"));
}
