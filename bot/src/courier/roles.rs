//! For whom a card is, as rows name it: the same thing looks different to different readers.

/// Those who decide.
pub(crate) const ASKED: &str = "asked";
/// Whoever asked.
pub(crate) const OWN: &str = "own";
/// Whoever holds a grant.
pub(crate) const HELD: &str = "held";
/// The same, shortly before its end, which follows: one that was extended ends soon once more.
pub(crate) const SOON: &str = "soon:";
/// Everybody who is concerned when the glass was broken.
pub(crate) const ALARM: &str = "alarm";
/// A manager.
pub(crate) const DIGEST: &str = "digest";
/// A wish that waits for its confirmation; shown to one person, and posted nowhere.
pub(crate) const DRAFT: &str = "draft";
/// A line of somebody's own list; shown to one person, and posted nowhere.
pub(crate) const MINE: &str = "mine";
/// Words in a thread: said once, and never written anew.
pub(crate) const SAID: &str = "said";
