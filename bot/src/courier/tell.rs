//! What each notice makes of the cards.

use workflows::approval::Who;
use workflows::id::{DigestId, GrantId, QuestionId, RequestId};
use workflows::identity::ChatUser;
use workflows::notice::{Kind, Notice};
use workflows::request::{Request, State};
use workflows::shown::visible;

use super::subject::Subject;
use super::{Courier, Post, TellError};
use crate::card::{Card, Part, Piece, Ping, Text, Tone};
use crate::event::Place;
use crate::render::{self, Reader, View};

impl Courier {
    /// Tells a notice on one platform.
    pub(super) async fn tell(&self, post: &Post, notice: &Notice) -> Result<(), TellError> {
        match &notice.about {
            Kind::Asked { request } => self.asked(post, *request, &notice.to).await,
            Kind::Escalated { request } | Kind::ReviewOverdue { request } => {
                self.asked(post, *request, &notice.to).await?;
                self.call(post, *request, notice, "asked as well: nobody has decided yet").await
            }
            Kind::Nudged { request } => self.call(post, *request, notice, "reminded: this still waits").await,
            Kind::Changed { request } => {
                self.rewrite(post, &request.to_string()).await?;
                self.rewrite_questions(post, *request).await
            }
            Kind::Question { request, question } => self.question(post, *request, *question).await,
            Kind::Answered { request, question } => self.answered(post, *request, *question).await,
            Kind::Granted { grant } | Kind::Ended { grant } => self.grant(post, *grant).await,
            Kind::EndsSoon { grant } => self.ends_soon(post, *grant).await,
            Kind::Emergency { grant } => self.alarm(post, *grant, &notice.to).await,
            Kind::Digest { digest } | Kind::DigestOverdue { digest } | Kind::DigestReviewed { digest } => {
                self.digest(post, *digest, &notice.to).await
            }
        }
    }

    /// Everybody who is meant, by name, without doubles.
    fn names(&self, who: &[Who]) -> Vec<String> {
        let (policy, now) = (self.workflows.policy(), self.workflows.clock().now());
        let mut names: Vec<String> = Vec::new();
        for name in who.iter().flat_map(|who| policy.people(who, now)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The card of a request, as it is now.
    pub(super) async fn request_card(
        &self,
        post: &Post,
        id: RequestId,
        reader: Reader,
        key: &str,
    ) -> Result<Option<Card>, TellError> {
        let Some(request) = self.workflows.read_request(id).await? else { return Ok(None) };
        let remarks = self.workflows.remarks(id).await?;
        let history = self.workflows.history(&request).await?;
        let mut asked: Vec<(String, Option<ChatUser>)> = Vec::new();
        for name in self.workflows.people_asked(&request) {
            let account = self.account(post, &name).await?;
            asked.push((name, account));
        }
        let until = match request.state {
            State::Pending { until, .. } => Some(until),
            State::Approved { .. }
            | State::Spent { .. }
            | State::Denied { .. }
            | State::Withdrawn { .. }
            | State::Lapsed { .. } => None,
        };
        let view = View {
            request: &request,
            remarks: &remarks,
            history: Some(history),
            asked: &asked,
            key,
            until,
            note: self.on_call_note(&request),
        };
        Ok(Some(render::request(&view, reader)))
    }

    /// What is wrong with the on-call provider of those who are asked, in words.
    fn on_call_note(&self, request: &Request) -> Option<String> {
        let (policy, now) = (self.workflows.policy(), self.workflows.clock().now());
        request.asked().iter().find_map(|who| match who {
            Who::OnCall(rotation) => policy.on_call_note(rotation, now),
            Who::Group(_) | Who::Person(_) => None,
        })
    }

    /// People are asked: one card in the channel, or one for each where there is none; and one for whoever asked.
    async fn asked(&self, post: &Post, id: RequestId, to: &[Who]) -> Result<(), TellError> {
        let Some(request) = self.workflows.read_request(id).await? else { return Ok(()) };
        let channel = self.fit_channel(post, post.channel.as_ref()).await?;
        // Somebody who is named in particular hears of it in person as well.
        let in_person = |who: &&Who| channel.is_none() || matches!(who, Who::Person(_));
        let people: Vec<Who> = to.iter().filter(in_person).cloned().collect();
        if let Some(channel) = &channel {
            self.put(post, channel, Subject::Asked(id)).await?;
        }
        for name in self.names(&people).iter().filter(|name| **name != request.by.name) {
            self.put_to(post, name, Subject::Asked(id)).await?;
        }
        self.put_to(post, &request.by.name, Subject::Own(id)).await
    }

    /// Calls people into the threads of the cards.
    async fn call(&self, post: &Post, id: RequestId, notice: &Notice, words: &str) -> Result<(), TellError> {
        let once = notice.id.to_string();
        self.rewrite(post, &id.to_string()).await?;
        let mut text = Text::default();
        for name in self.names(&notice.to) {
            text = match self.account(post, &name).await? {
                Some(user) => text.and(Piece::Person(user, Ping::Loud)),
                None => text.say(visible(&name)),
            };
            text = text.say(" ");
        }
        let text = text.say(words);
        let card = Card { title: text.clone(), ..Card::saying(Tone::Asking, text.words()) };
        self.follow(post, id, &once, &card).await
    }

    /// Asks the requester back, with a button to answer; the others read it in the thread.
    async fn question(&self, post: &Post, id: RequestId, question: QuestionId) -> Result<(), TellError> {
        let once = format!("{question}:asked");
        let Some(request) = self.workflows.read_request(id).await? else { return Ok(()) };
        if let Some(card) = self.question_card(id, question).await? {
            self.follow(post, id, &once, &card).await?;
        }
        self.put_to(post, &request.by.name, Subject::Question(id, question)).await
    }

    /// Tells whoever asked back what the answer is, and pings nobody else.
    async fn answered(&self, post: &Post, id: RequestId, question: QuestionId) -> Result<(), TellError> {
        let once = format!("{question}:answered");
        let remarks = self.workflows.remarks(id).await?;
        let Some(remark) = remarks.iter().find(|one| one.id == question) else { return Ok(()) };
        let Some((answer, _)) = &remark.answer else { return Ok(()) };
        let title = match self.account(post, &remark.by.name).await? {
            Some(user) => Text::default().and(Piece::Person(user, Ping::Loud)),
            None => Text::plain(visible(&remark.by.name)),
        };
        let card = Card { title: title.say(": answered"), ..Card::saying(Tone::Asking, "The requester answered.") };
        self.follow(post, id, &once, &card.with(Part::Quote("Answer", visible(answer)))).await
    }

    /// The card of whoever holds a grant, and those of alarms.
    async fn grant(&self, post: &Post, id: GrantId) -> Result<(), TellError> {
        let Some(grant) = self.workflows.read_grant(id).await? else { return Ok(()) };
        self.put_to(post, &grant.to.name, Subject::Held(id)).await?;
        self.rewrite(post, &id.to_string()).await
    }

    async fn ends_soon(&self, post: &Post, id: GrantId) -> Result<(), TellError> {
        let Some(grant) = self.workflows.read_grant(id).await? else { return Ok(()) };
        self.put_to(post, &grant.to.name, Subject::Soon(id, grant.until.micros())).await
    }

    /// Somebody broke the glass: everyone who is concerned is told, in person and where alarms go.
    async fn alarm(&self, post: &Post, id: GrantId, to: &[Who]) -> Result<(), TellError> {
        let Some(grant) = self.workflows.read_grant(id).await? else { return Ok(()) };
        let place: Option<&Place> = post.alarms.as_ref().or(post.channel.as_ref());
        if let Some(place) = self.fit_channel(post, place).await? {
            self.put(post, &place, Subject::Alarm(id)).await?;
        }
        for name in self.names(to).iter().filter(|name| **name != grant.to.name) {
            self.put_to(post, name, Subject::Alarm(id)).await?;
        }
        self.grant(post, id).await
    }

    /// Posts a digest to those whom it is for, and rewrites it where it is. Never to somebody whom it is about.
    async fn digest(&self, post: &Post, id: DigestId, to: &[Who]) -> Result<(), TellError> {
        let Some((_, digest)) = self.workflows.digest_to_post(id).await? else { return Ok(()) };
        for name in self.names(to).iter().filter(|name| !digest.people.contains(name)) {
            self.put_to(post, name, Subject::Digest(id)).await?;
        }
        Ok(())
    }
}
