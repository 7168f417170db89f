//! Linked chat accounts, what platforms sent, and the cards that were posted.

use super::db::{Db, Row, StoreError, Tx, args, statements};
use crate::clock::Timestamp;
use crate::id::{AccountId, CardId, LetterId, LinkId, NodeId};
use crate::identity::{Chat, ChatUser, Identity};

statements! {
    ACCOUNT = "SELECT a.id, a.identity, i.name, i.suspended FROM accounts a JOIN identities i ON i.id = a.identity \
               WHERE a.chat = $1 AND a.workspace = $2 AND a.account = $3 AND a.ended IS NULL";
    ACCOUNTS_OF = "SELECT a.id, a.chat, a.workspace, a.account, a.made FROM accounts a \
                   JOIN identities i ON i.id = a.identity WHERE i.name = $1 AND a.ended IS NULL ORDER BY a.made";
    ADD_ACCOUNT = "INSERT INTO accounts (id, identity, chat, workspace, account, made) VALUES ($1, $2, $3, $4, $5, $6)";
    END_ACCOUNT = "UPDATE accounts SET ended = $2 WHERE id = $1 AND ended IS NULL";
    ADD_LINK = "INSERT INTO links (id, identity, chat, state, nonce, tries, made, until) VALUES ($1, $2, $3, $4, $5, 0, $6, $7)";
    LINK_BY_STATE = "SELECT l.id, l.identity, i.name, l.chat, l.nonce, l.code, l.workspace, l.account, l.tries, l.until \
                     FROM links l JOIN identities i ON i.id = l.identity WHERE l.state = $1 AND l.used IS NULL";
    LINK = "SELECT l.id, l.identity, i.name, l.chat, l.nonce, l.code, l.workspace, l.account, l.tries, l.until \
            FROM links l JOIN identities i ON i.id = l.identity WHERE l.id = $1 AND l.used IS NULL";
    PROVE_LINK = "UPDATE links SET code = $2, workspace = $3, account = $4 WHERE id = $1 AND code IS NULL AND used IS NULL";
    TRY_LINK = "UPDATE links SET tries = tries + 1 WHERE id = $1 AND used IS NULL";
    USE_LINK = "UPDATE links SET used = $2 WHERE id = $1 AND used IS NULL";
    DUE = "SELECT id FROM letters WHERE done IS NULL AND lease < $1 LIMIT 1";
    RECEIVE = "INSERT INTO letters (id, chat, token, body, made, lease, tries) VALUES ($1, $2, $3, $4, $5, 0, 0) \
               ON CONFLICT (chat, token) DO NOTHING";
    CLAIM = "UPDATE letters SET lease = $1, claimed = $2, tries = tries + 1 WHERE id IN \
             (SELECT id FROM letters WHERE done IS NULL AND lease < $3 ORDER BY made LIMIT $4) \
             AND done IS NULL AND lease < $3 RETURNING id, chat, body, made, tries";
    // What was said is not kept: it may hold what opens forms, and its effects are in the audit log.
    WORKED = "UPDATE letters SET done = $3, body = '' WHERE id = $1 AND claimed = $2 AND done IS NULL";
    FORGET = "DELETE FROM letters WHERE done IS NOT NULL AND done < $1";
    PLAN = "INSERT INTO cards (id, about, role, chat, place, made, lease) VALUES ($1, $2, $3, $4, $5, $6, 0) \
            ON CONFLICT (about, role, chat, place) DO NOTHING";
    CARD_AT = "SELECT id, about, role, chat, place, message, shown, made, gone FROM cards \
               WHERE about = $1 AND role = $2 AND chat = $3 AND place = $4";
    CARD = "SELECT id, about, role, chat, place, message, shown, made, gone FROM cards WHERE id = $1";
    CARDS_ABOUT = "SELECT id, about, role, chat, place, message, shown, made, gone FROM cards WHERE about = $1 ORDER BY made";
    CLAIM_NEW = "UPDATE cards SET lease = $2 WHERE id = $1 AND message IS NULL AND lease = 0";
    CLAIM_OLD = "UPDATE cards SET lease = $2 WHERE id = $1 AND message IS NULL AND lease < $3";
    // Not 0: whoever comes next has to look whether it was posted.
    YIELD = "UPDATE cards SET lease = 1 WHERE id = $1 AND message IS NULL";
    POSTED = "UPDATE cards SET message = $2, shown = $3, gone = NULL, lease = 0 WHERE id = $1";
    SHOWN = "UPDATE cards SET shown = $2 WHERE id = $1";
    GONE = "UPDATE cards SET gone = $2, message = NULL, lease = 0 WHERE id = $1";
}

/// A linked account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The platform's ids.
    pub at: ChatUser,
    /// Since when it is linked.
    pub made: Timestamp,
}

/// Whose account it is.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) id: AccountId,
    pub(crate) of: Identity,
    pub(crate) suspended: bool,
}

/// A linking that is under way.
#[derive(Clone, Debug)]
pub(crate) struct LinkRow {
    pub(crate) id: LinkId,
    pub(crate) of: Identity,
    pub(crate) chat: Chat,
    pub(crate) nonce: String,
    pub(crate) code: Option<String>,
    pub(crate) proved: Option<ChatUser>,
    pub(crate) tries: i64,
    pub(crate) until: Timestamp,
}

/// Something that a platform sent.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Its id.
    pub id: LetterId,
    /// Who sent it.
    pub chat: Chat,
    /// As it came.
    pub body: String,
    /// When it came.
    pub at: Timestamp,
    /// How often it was taken up, this time included.
    pub tries: i64,
}

/// A card that was posted, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardRow {
    /// Its id: what its buttons carry, and what goes along as its mark.
    pub id: CardId,
    /// The id of what it is about: `req_…`, `grt_…`, `dig_…`.
    pub about: String,
    /// For whom: `asked`, `own`, `alarm`, `whisper`, …: the same thing looks different to different readers.
    pub role: String,
    /// Where.
    pub chat: Chat,
    /// The place at the platform.
    pub place: String,
    /// The message; nothing while nobody knows whether it was posted.
    pub message: Option<String>,
    /// A hash of what stands there.
    pub shown: Option<String>,
    /// When it was planned.
    pub made: Timestamp,
    /// When the platform lost it.
    pub gone: Option<Timestamp>,
}

fn user(row: &Row) -> Result<ChatUser, StoreError> {
    Ok(ChatUser {
        chat: row.parsed("chat")?,
        workspace: row.text("workspace")?.to_owned(),
        user: row.text("account")?.to_owned(),
    })
}

fn card(row: &Row) -> Result<CardRow, StoreError> {
    Ok(CardRow {
        id: row.parsed("id")?,
        about: row.text("about")?.to_owned(),
        role: row.text("role")?.to_owned(),
        chat: row.parsed("chat")?,
        place: row.text("place")?.to_owned(),
        message: row.maybe_text("message")?.map(str::to_owned),
        shown: row.maybe_text("shown")?.map(str::to_owned),
        made: Timestamp::from_micros(row.int("made")?),
        gone: row.maybe_int("gone")?.map(Timestamp::from_micros),
    })
}

fn link(row: &Row) -> Result<LinkRow, StoreError> {
    let proved = if row.maybe_text("account")?.is_some() { Some(user(row)?) } else { None };
    Ok(LinkRow {
        id: row.parsed("id")?,
        of: Identity { id: row.parsed("identity")?, name: row.text("name")?.to_owned() },
        chat: row.parsed("chat")?,
        nonce: row.text("nonce")?.to_owned(),
        code: row.maybe_text("code")?.map(str::to_owned),
        proved,
        tries: row.int("tries")?,
        until: Timestamp::from_micros(row.int("until")?),
    })
}

pub(crate) async fn owner(db: &Db, at: &ChatUser) -> Result<Option<Owner>, StoreError> {
    let row = db.first(ACCOUNT, args![at.chat.as_str(), at.workspace.as_str(), at.user.as_str()]).await?;
    let owner = |row: Row| {
        Ok(Owner {
            id: row.parsed("id")?,
            of: Identity { id: row.parsed("identity")?, name: row.text("name")?.to_owned() },
            suspended: row.maybe_int("suspended")?.is_some(),
        })
    };
    row.map(owner).transpose()
}

pub(crate) async fn accounts_of(db: &Db, name: &str) -> Result<Vec<Account>, StoreError> {
    let account = |row: &Row| {
        Ok(Account { id: row.parsed("id")?, at: user(row)?, made: Timestamp::from_micros(row.int("made")?) })
    };
    db.all(ACCOUNTS_OF, args![name]).await?.iter().map(account).collect()
}

pub(crate) async fn add_account(
    tx: &mut Tx,
    of: &Identity,
    at: &ChatUser,
    now: Timestamp,
) -> Result<AccountId, StoreError> {
    let id = AccountId::new();
    let (of, chat) = (of.id.to_string(), at.chat.as_str());
    let values = args![id.to_string(), of, chat, at.workspace.as_str(), at.user.as_str(), now.micros()];
    tx.one(ADD_ACCOUNT, values).await.map(|()| id)
}

/// Unlinks; false where it was unlinked already.
pub(crate) async fn end_account(tx: &mut Tx, id: AccountId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.run(END_ACCOUNT, args![id.to_string(), now.micros()]).await? == 1)
}

pub(crate) async fn add_link(tx: &mut Tx, link: &LinkRow, state: &str, now: Timestamp) -> Result<(), StoreError> {
    let values = args![
        link.id.to_string(),
        link.of.id.to_string(),
        link.chat.as_str(),
        state,
        link.nonce.as_str(),
        now.micros(),
        link.until.micros(),
    ];
    tx.one(ADD_LINK, values).await
}

pub(crate) async fn link_by_state(tx: &mut Tx, state: &str) -> Result<Option<LinkRow>, StoreError> {
    tx.first(LINK_BY_STATE, args![state]).await?.as_ref().map(link).transpose()
}

pub(crate) async fn find_link(tx: &mut Tx, id: LinkId) -> Result<Option<LinkRow>, StoreError> {
    tx.first(LINK, args![id.to_string()]).await?.as_ref().map(link).transpose()
}

/// Notes what the platform proved; false where something was proved already.
pub(crate) async fn prove_link(tx: &mut Tx, id: LinkId, code: &str, at: &ChatUser) -> Result<bool, StoreError> {
    let values = args![id.to_string(), code, at.workspace.as_str(), at.user.as_str()];
    Ok(tx.run(PROVE_LINK, values).await? == 1)
}

pub(crate) async fn try_link(tx: &mut Tx, id: LinkId) -> Result<(), StoreError> {
    tx.one(TRY_LINK, args![id.to_string()]).await
}

pub(crate) async fn use_link(tx: &mut Tx, id: LinkId, now: Timestamp) -> Result<(), StoreError> {
    tx.one(USE_LINK, args![id.to_string(), now.micros()]).await
}

/// Stores what a platform sent; false where it had been sent before.
pub(crate) async fn receive(
    tx: &mut Tx,
    chat: Chat,
    token: &str,
    body: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = args![LetterId::new().to_string(), chat.as_str(), token, body, now.micros()];
    Ok(tx.run(RECEIVE, values).await? == 1)
}

/// Whether there is anything to claim. Reads only, so that looking costs writers nothing.
pub(crate) async fn due(db: &Db, now: Timestamp) -> Result<bool, StoreError> {
    Ok(db.first(DUE, args![now.micros()]).await?.is_some())
}

/// Claims up to `limit` letters until `lease`, the oldest first.
pub(crate) async fn claim(
    tx: &mut Tx,
    by: NodeId,
    now: Timestamp,
    lease: Timestamp,
    limit: i64,
) -> Result<Vec<Letter>, StoreError> {
    let rows = tx.all(CLAIM, args![lease.micros(), by.to_string(), now.micros(), limit]).await?;
    let letter = |row: &Row| {
        Ok(Letter {
            id: row.parsed("id")?,
            chat: row.parsed("chat")?,
            body: row.text("body")?.to_owned(),
            at: Timestamp::from_micros(row.int("made")?),
            tries: row.int("tries")?,
        })
    };
    let mut claimed: Vec<Letter> = rows.iter().map(letter).collect::<Result<_, StoreError>>()?;
    claimed.sort_by_key(|letter| (letter.at, letter.id));
    Ok(claimed)
}

/// Marks a claimed letter as worked on; false where the claim was lost.
pub(crate) async fn worked(tx: &mut Tx, id: LetterId, by: NodeId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.run(WORKED, args![id.to_string(), by.to_string(), now.micros()]).await? == 1)
}

/// Forgets letters that were worked on before a moment: no platform delivers them again.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, StoreError> {
    tx.run(FORGET, args![before.micros()]).await
}

/// Plans a card, or finds the one that was planned before.
pub(crate) async fn plan(
    tx: &mut Tx,
    (about, role): (&str, &str),
    (chat, place): (Chat, &str),
    now: Timestamp,
) -> Result<CardRow, StoreError> {
    let values = args![CardId::new().to_string(), about, role, chat.as_str(), place, now.micros()];
    tx.run(PLAN, values).await?;
    let row = tx.first(CARD_AT, args![about, role, chat.as_str(), place]).await?.ok_or(StoreError::Raced)?;
    card(&row)
}

/// Whether somebody may post a card now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nobody has tried before.
    First,
    /// Somebody has, and did not live to say what became of it.
    Again,
    /// Somebody is at it, or it is posted.
    Taken,
}

/// Takes the right to post a card, until `lease`.
pub(crate) async fn take(tx: &mut Tx, id: CardId, now: Timestamp, lease: Timestamp) -> Result<Turn, StoreError> {
    if tx.run(CLAIM_NEW, args![id.to_string(), lease.micros()]).await? == 1 {
        return Ok(Turn::First);
    }
    let old = tx.run(CLAIM_OLD, args![id.to_string(), lease.micros(), now.micros()]).await?;
    Ok(if old == 1 { Turn::Again } else { Turn::Taken })
}

/// Gives the right to post a card back: nobody knows whether it was posted.
pub(crate) async fn yields(tx: &mut Tx, id: CardId) -> Result<(), StoreError> {
    tx.run(YIELD, args![id.to_string()]).await.map(drop)
}

pub(crate) async fn find_card(db: &Db, id: CardId) -> Result<Option<CardRow>, StoreError> {
    db.first(CARD, args![id.to_string()]).await?.as_ref().map(card).transpose()
}

pub(crate) async fn cards_about(db: &Db, about: &str) -> Result<Vec<CardRow>, StoreError> {
    db.all(CARDS_ABOUT, args![about]).await?.iter().map(card).collect()
}

pub(crate) async fn posted(tx: &mut Tx, id: CardId, message: &str, shown: &str) -> Result<(), StoreError> {
    tx.one(POSTED, args![id.to_string(), message, shown]).await
}

pub(crate) async fn shown(tx: &mut Tx, id: CardId, shown: &str) -> Result<(), StoreError> {
    tx.one(SHOWN, args![id.to_string(), shown]).await
}

pub(crate) async fn gone(tx: &mut Tx, id: CardId, now: Timestamp) -> Result<(), StoreError> {
    tx.one(GONE, args![id.to_string(), now.micros()]).await
}
