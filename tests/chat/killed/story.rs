//! What people do in one life: they try again what visibly failed, and nothing else.

use std::process::Stdio;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::office::{CHANNEL, user};
use super::{Beginning, Life, PATIENCE};
use crate::slack::{FakeSlack, Message};

impl Life {
    /// How often somebody was told to try again.
    fn refusals(&self, name: &str) -> usize {
        self.slack.ephemerals(&user(name)).iter().filter(|one| one.says("try again")).count()
    }

    /// Presses a button until Slack says that it was heard and nobody says to try again, and waits for what comes of it.
    async fn press(&self, name: &str, label: &str, done: &str, find: impl Fn(&FakeSlack) -> Vec<Message>) {
        let until = Instant::now() + PATIENCE;
        let (mut heard, mut refused) = (false, self.refusals(name));
        loop {
            assert!(Instant::now() < until, "no `{done}` after `{label}`; {}", self.told());
            let cards = find(&self.slack);
            if cards.iter().any(|card| card.says(done)) {
                return;
            }
            if self.refusals(name) > refused {
                (heard, refused) = (false, self.refusals(name));
            }
            let button = |card: &Message| card.buttons().into_iter().find(|button| button.label == label);
            if let (false, Some((card, button))) = (heard, cards.iter().find_map(|card| Some((card, button(card)?))))
            {
                heard = self.slack.click(&user(name), card, &button.action_id).await.is_acked();
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// One request's life, told by people who try again what visibly failed.
    pub(super) async fn story(&self, from: &Beginning) {
        let asks = "orders-prod write 1h because INC-42";
        let asked = |slack: &FakeSlack| {
            slack.messages(CHANNEL).into_iter().filter(|card| card.says("ada wants WRITE")).collect::<Vec<_>>()
        };
        loop {
            let refused = self.refusals("ada");
            while !self.slack.slash(&user("ada"), CHANNEL, "/access", asks).await.is_acked() {
                self.slack.until_connected(1).await;
            }
            let answered = self.look("card or refusal", |slack| {
                let again = self.refusals("ada") > refused;
                (again || !asked(slack).is_empty()).then_some(again)
            });
            if !answered.await {
                break;
            }
        }
        self.press("linus", "Approve 1h", "Approved by linus", asked).await;
        self.look("way to connect", |slack| {
            slack.dm(&user("ada")).into_iter().find(|card| card.says("countersign connect orders-prod"))
        })
        .await;
        self.held(from).await;
        let holds = |slack: &FakeSlack| {
            let mine = |card: &Message| card.metadata.is_some() && card.says("orders-prod") && !card.says("wants");
            slack.dm(&user("ada")).into_iter().filter(mine).collect::<Vec<_>>()
        };
        self.press("ada", "I'm done", "was ended by you", holds).await;
        self.look("answer", |slack| slack.ephemerals(&user("ada")).pop().or_else(|| slack.dm(&user("ada")).pop()))
            .await;
    }

    /// Sends a held statement until one came through.
    async fn held(&self, from: &Beginning) {
        let (mut pressed, until) = (Vec::new(), Instant::now() + PATIENCE);
        let mut refused = self.refusals("linus");
        loop {
            let way = format!("host=127.0.0.1 port={} user=ada dbname=orders-prod", *self.server.port.borrow());
            let mut psql = tokio::process::Command::new(from.world.postgres.program("psql"));
            psql.args(["-X", "-d", &way, "-c", &format!("UPDATE life_{} SET n = n + 1", self.number)]);
            psql.env("PGPASSWORD", from.token.reveal()).stdin(Stdio::null()).kill_on_drop(true);
            let running = psql.output();
            tokio::pin!(running);
            let output = loop {
                assert!(Instant::now() < until, "nothing passed; {}", self.told());
                tokio::select! {
                    output = &mut running => break output.unwrap(),
                    () = sleep(Duration::from_millis(50)) => {}
                }
                if self.refusals("linus") > refused {
                    (pressed, refused) = (Vec::new(), self.refusals("linus"));
                }
                for card in self.slack.messages(CHANNEL) {
                    let run = card.buttons().into_iter().find(|button| button.label == "Run once");
                    let Some(run) = run.filter(|_| !pressed.contains(&card.ts)) else { continue };
                    if self.slack.click(&user("linus"), &card, &run.action_id).await.is_acked() {
                        pressed.push(card.ts);
                    }
                }
            };
            if String::from_utf8_lossy(&output.stdout).contains("UPDATE 1") {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}
