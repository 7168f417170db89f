//! What people say about a request beside their votes: questions and answers, who looks at it, who has read it all.

use super::db::{Db, Row, StoreError, Tx, args, statements};
use crate::clock::Timestamp;
use crate::id::{QuestionId, RequestId};
use crate::identity::Identity;

statements! {
    ADD = "INSERT INTO remarks (id, request, identity, kind, words, made) VALUES ($1, $2, $3, $4, $5, $6)";
    OF = "SELECT m.id, m.request, m.identity, i.name, m.kind, m.words, m.made, m.answer, m.answered \
          FROM remarks m JOIN identities i ON i.id = m.identity WHERE m.request = $1 ORDER BY m.made";
    ONE = "SELECT m.id, m.request, m.identity, i.name, m.kind, m.words, m.made, m.answer, m.answered \
           FROM remarks m JOIN identities i ON i.id = m.identity WHERE m.id = $1";
    ANSWER = "UPDATE remarks SET answer = $2, answered = $3 WHERE id = $1 AND answer IS NULL";
}

/// What kind of remark it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// A question of somebody who decides.
    Question,
    /// "I am looking at it."
    Claim,
    /// All of the text was shown to them (G8).
    Read,
    /// The requester reminded those who were asked.
    Nudge,
}

impl RemarkKind {
    const ALL: [Self; 4] = [Self::Question, Self::Claim, Self::Read, Self::Nudge];

    /// The name in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Claim => "claim",
            Self::Read => "read",
            Self::Nudge => "nudge",
        }
    }
}

/// A remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Its id.
    pub id: QuestionId,
    /// About which request.
    pub request: RequestId,
    /// Whose.
    pub by: Identity,
    /// What kind.
    pub kind: RemarkKind,
    /// What they wrote.
    pub words: String,
    /// When.
    pub at: Timestamp,
    /// What the requester answered, and when.
    pub answer: Option<(String, Timestamp)>,
}

impl Remark {
    /// Whether it is a question that nobody answered yet.
    pub fn is_open_question(&self) -> bool {
        self.kind == RemarkKind::Question && self.answer.is_none()
    }
}

fn remark(row: &Row) -> Result<Remark, StoreError> {
    let kind = row.text("kind")?;
    let known = RemarkKind::ALL.into_iter().find(|one| one.as_str() == kind);
    let answer = match (row.maybe_text("answer")?, row.maybe_int("answered")?) {
        (Some(words), Some(at)) => Some((words.to_owned(), Timestamp::from_micros(at))),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(StoreError::Unknown { column: "answer", value: "half an answer".to_owned() });
        }
    };
    Ok(Remark {
        id: row.parsed("id")?,
        request: row.parsed("request")?,
        by: Identity { id: row.parsed("identity")?, name: row.text("name")?.to_owned() },
        kind: known.ok_or_else(|| StoreError::Unknown { column: "kind", value: kind.to_owned() })?,
        words: row.text("words")?.to_owned(),
        at: Timestamp::from_micros(row.int("made")?),
        answer,
    })
}

pub(crate) async fn add(
    tx: &mut Tx,
    request: RequestId,
    by: &Identity,
    (kind, words): (RemarkKind, &str),
    now: Timestamp,
) -> Result<QuestionId, StoreError> {
    let id = QuestionId::new();
    let (request, by) = (request.to_string(), by.id.to_string());
    tx.one(ADD, args![id.to_string(), request, by, kind.as_str(), words, now.micros()]).await.map(|()| id)
}

/// Everything about a request, in order.
pub(crate) async fn of(db: &Db, request: RequestId) -> Result<Vec<Remark>, StoreError> {
    db.all(OF, args![request.to_string()]).await?.iter().map(remark).collect()
}

/// The same within a transaction.
pub(crate) async fn of_now(tx: &mut Tx, request: RequestId) -> Result<Vec<Remark>, StoreError> {
    tx.all(OF, args![request.to_string()]).await?.iter().map(remark).collect()
}

pub(crate) async fn get(tx: &mut Tx, id: QuestionId) -> Result<Option<Remark>, StoreError> {
    tx.first(ONE, args![id.to_string()]).await?.as_ref().map(remark).transpose()
}

/// Answers a question; false where it was answered before.
pub(crate) async fn answer(tx: &mut Tx, id: QuestionId, words: &str, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.run(ANSWER, args![id.to_string(), words, now.micros()]).await? == 1)
}
