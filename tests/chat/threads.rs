//! Asked back and answered in a thread of Discord: everybody who decides reads both, and only whom it concerns is called.

use workflows::engine::Filter;

use super::guild::Guild;
use crate::discord::Message;

/// The thread under a card, once it is there.
async fn thread(guild: &Guild, card: &Message) -> u64 {
    // A thread has the id of the message under which it hangs.
    guild.discord.until("a thread", |world| world.channels.contains_key(&card.id).then_some(card.id)).await
}

/// The question as ada gets it: her own card says it as well, and has no way to answer.
async fn asked_back(guild: &Guild, words: &str) -> Message {
    let fits = |message: &Message| guild.says(message, "linus asks back") && guild.says(message, words);
    guild.discord.until_dm(guild.discord.user("ada"), fits).await
}

async fn in_thread(guild: &Guild, thread: u64, words: &str) -> Message {
    guild.discord.until_message(thread, |message| guild.says(message, words)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_in_a_thread_is_answered_in_it() {
    let guild = Guild::open().await;
    let (ada, linus) = (guild.discord.user("ada"), guild.discord.user("linus"));
    guild.asks("ada", "INC-42").await;
    let card = guild.card("wants WRITE").await;
    // By the button: a form, and then the question is in the card's own thread.
    let form = guild.press("linus", &card, "Ask…").await.modal().clone();
    guild.discord.submit(linus, &form, &[("text", "which table?")]).await;
    let thread = thread(&guild, &card).await;
    in_thread(&guild, thread, "which table?").await;
    let parent = guild.discord.read(|world| world.channels[&thread].parent);
    assert_eq!(parent, Some(guild.discord.channel("approvals")));
    // Ada gets the question with its button, and answers with it; linus is called into the thread, and nobody else.
    let question = asked_back(&guild, "which table?").await;
    let form = guild.press("ada", &question, "Answer…").await.modal().clone();
    guild.discord.submit(ada, &form, &[("text", "orders, the May rows @everyone")]).await;
    let answer = in_thread(&guild, thread, "orders, the May rows").await;
    assert_eq!(guild.discord.seen(&answer).pings, [format!("<@{linus}>")], "{:?}", guild.discord.seen(&answer));
    guild.discord.until_edited(&card, |message| guild.says(message, "orders, the May rows")).await;
    // By typing, in the thread itself: who decides asks there, and who asked answers there.
    let request = guild
        .world
        .workflows()
        .requests(&guild.world.person("ada").await, Filter { open_only: true, limit: 10 })
        .await;
    let id = request.expect("requests")[0].id;
    let bot = guild.discord.app_id();
    guild.discord.say(linus, thread, &format!("<@{bot}> ask {id} and how many rows?"));
    in_thread(&guild, thread, "and how many rows?").await;
    asked_back(&guild, "and how many rows?").await;
    guild.discord.say(ada, thread, &format!("<@{bot}> answer {id} about forty"));
    let answer = in_thread_of_bot(&guild, thread, "about forty").await;
    assert_eq!(guild.discord.seen(&answer).pings, [format!("<@{linus}>")]);
    guild.discord.until_edited(&card, |message| guild.says(message, "about forty")).await;
    // Each was said once, and nothing of it was lost to a refusal.
    let said = guild.discord.messages(thread);
    for words in ["which table?", "the May rows", "and how many rows?", "about forty"] {
        let by_bot = |message: &&Message| message.author == bot && guild.says(message, words);
        assert_eq!(said.iter().filter(by_bot).count(), 1, "{words}");
    }
    assert!(guild.discord.refused().is_empty(), "{:?}", guild.discord.refused());
    guild.press("linus", &card, "Approve 1h").await;
    guild.discord.until_edited(&card, |message| guild.says(message, "Approved by linus")).await;
}

async fn in_thread_of_bot(guild: &Guild, thread: u64, words: &str) -> Message {
    let bot = guild.discord.app_id();
    guild.discord.until_message(thread, |message| message.author == bot && guild.says(message, words)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_is_no_thread_the_question_answers_the_card() {
    let guild = Guild::open().await;
    let (ada, linus) = (guild.discord.user("ada"), guild.discord.user("linus"));
    let channel = guild.discord.channel("approvals");
    // The bot may write there, and open no threads.
    guild.discord.change_channel(channel, |channel| channel.bot &= !(1 << 35));
    guild.asks("ada", "INC-42").await;
    let card = guild.card("wants WRITE").await;
    let form = guild.press("linus", &card, "Ask…").await.modal().clone();
    guild.discord.submit(linus, &form, &[("text", "which table?")]).await;
    let below = |message: &Message| message.json["referenced_message"]["id"] == card.id.to_string().as_str();
    guild.discord.until_message(channel, |message| below(message) && guild.says(message, "which table?")).await;
    let question = asked_back(&guild, "which table?").await;
    let form = guild.press("ada", &question, "Answer…").await.modal().clone();
    guild.discord.submit(ada, &form, &[("text", "the May rows")]).await;
    guild.discord.until_message(channel, |message| below(message) && guild.says(message, "the May rows")).await;
    assert!(!guild.discord.read(|world| world.channels.contains_key(&card.id)), "no thread was opened");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_was_put_away_wakes_and_one_that_was_deleted_loses_no_answer() {
    let guild = Guild::open().await;
    let (ada, linus) = (guild.discord.user("ada"), guild.discord.user("linus"));
    guild.asks("ada", "INC-42").await;
    let card = guild.card("wants WRITE").await;
    let asks = async |words: &str| {
        let form = guild.press("linus", &card, "Ask…").await.modal().clone();
        guild.discord.submit(linus, &form, &[("text", words)]).await;
    };
    asks("which table?").await;
    let thread = thread(&guild, &card).await;
    in_thread(&guild, thread, "which table?").await;
    guild.discord.change_channel(thread, |thread| thread.archived = true);
    asks("how many rows?").await;
    in_thread(&guild, thread, "how many rows?").await;
    assert!(!guild.discord.read(|world| world.channels[&thread].archived), "what is posted there wakes it");
    guild.discord.delete_channel(thread);
    let question = asked_back(&guild, "how many rows?").await;
    let form = guild.press("ada", &question, "Answer…").await.modal().clone();
    guild.discord.submit(ada, &form, &[("text", "about forty")]).await;
    // There is none any more, so it stands below the card.
    let channel = guild.discord.channel("approvals");
    guild
        .discord
        .until_message(channel, |message| {
            message.json["referenced_message"]["id"] == card.id.to_string().as_str()
                && guild.says(message, "about forty")
        })
        .await;
}
