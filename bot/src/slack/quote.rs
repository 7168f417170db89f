//! Somebody else's text, whole where it can be. Where it can't, that is said, and the card offers no agreement to it.

use serde_json::Value;

use super::page::{IN_BLOCK, small, weight};
use super::rich;
use crate::card::Part;

/// What a text must not be longer than to come first where there is not room for all: a card's own texts are no longer.
const SHORT: usize = 1_500;
/// A long line is taken apart in pieces of this many characters.
const PIECE: usize = 200;
/// What the words about the rest take.
const REST: usize = 220;
/// What a block takes beside its text.
const AROUND: usize = 230;

/// A quote as blocks.
#[derive(Clone, Debug)]
pub(super) struct Quoted {
    pub(super) blocks: Vec<Value>,
    pub(super) weight: usize,
    pub(super) whole: bool,
}

/// What room quotes get of a card, one entry for each part.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) quotes: Vec<Option<Quoted>>,
    pub(super) blocks: usize,
    pub(super) weight: usize,
    pub(super) whole: bool,
}

/// Lines, and pieces of those that are too long for one block.
fn pieces(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.len() <= PIECE {
            all.push(line.to_owned());
            continue;
        }
        let line: Vec<char> = line.chars().collect();
        all.extend(line.chunks(PIECE).map(|piece| piece.iter().collect()));
    }
    all
}

/// What a text takes as JSON, without its quotation marks.
fn cost(piece: &str) -> usize {
    weight(&Value::from(piece)).saturating_sub(3)
}

/// A text under a label, in at most so much room and so many blocks; nothing where not even its beginning fits.
pub(super) fn quote(label: &str, text: &str, room: usize, most: usize) -> Option<Quoted> {
    let text = rich::lines(text, usize::MAX);
    let pieces = pieces(&text);
    let all: usize = pieces.iter().map(|piece| piece.chars().count()).sum();
    let mut chunks = vec![String::new()];
    let (mut spent, mut in_chunk, mut shown) = (AROUND + REST + label.chars().count() * 2, 0, 0);
    for piece in &pieces {
        let long = piece.chars().count();
        let fresh = in_chunk + long > IN_BLOCK;
        let next = spent + cost(piece) + if fresh { AROUND } else { 0 };
        // One block is for the words about the rest.
        if next > room || (fresh && chunks.len() + 2 > most) {
            break;
        }
        if fresh {
            chunks.push(String::new());
            in_chunk = 0;
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.push_str(piece);
        }
        (spent, in_chunk, shown) = (next, in_chunk + long, shown + long);
    }
    if shown == 0 || most < 2 {
        return None;
    }
    let label = (!label.is_empty()).then(|| rich::section(&[rich::strong(label)]));
    let mut blocks: Vec<Value> = Vec::new();
    for (at, chunk) in chunks.iter().enumerate() {
        let before = label.iter().filter(|_| at == 0).cloned();
        let parts: Vec<Value> = before.chain([rich::preformatted(chunk)]).collect();
        blocks.push(rich::block(&parts));
    }
    let whole = shown == all;
    if !whole {
        blocks.push(small(&rest(&text, shown)));
    }
    Some(Quoted { blocks, weight: spent, whole })
}

/// What is said where a text ends too early.
fn rest(text: &str, shown: usize) -> String {
    let hidden: String = text.chars().skip(shown).collect();
    let lines = hidden.lines().count();
    let much =
        if lines > 1 { format!("{lines} more lines") } else { format!("{} more characters", hidden.chars().count()) };
    format!("… {much}; open the full text.")
}

/// Puts room aside for quotes before anything else gets some: the short ones whole, and what is left for the long ones.
pub(super) fn plan(parts: &[Part], room: usize, most: usize) -> Plan {
    let mut plan = Plan { quotes: vec![None; parts.len()], blocks: 0, weight: 0, whole: true };
    let texts = |part: &Part| match part {
        Part::Quote(_, text) => Some(text.chars().count()),
        Part::Fact(..)
        | Part::Say(_)
        | Part::Note(_)
        | Part::Table(_)
        | Part::Chart(_)
        | Part::Rule
        | Part::Buttons(_) => None,
    };
    let mut order: Vec<(usize, usize)> =
        parts.iter().enumerate().filter_map(|(at, part)| Some((at, texts(part)?))).collect();
    order.sort_by_key(|(at, long)| (*long > SHORT, *at));
    let count = order.len();
    for (done, (at, long)) in order.into_iter().enumerate() {
        let Some(Part::Quote(label, text)) = parts.get(at) else { continue };
        let (left, blocks) = (room.saturating_sub(plan.weight), most.saturating_sub(plan.blocks));
        // Short texts take what they need; long ones share.
        let (left, blocks) =
            if long > SHORT { (left / (count - done), blocks / (count - done)) } else { (left, blocks) };
        let quoted = quote(label, text, left, blocks);
        plan.whole &= quoted.as_ref().is_some_and(|quoted| quoted.whole);
        if let Some(quoted) = &quoted {
            plan.blocks += quoted.blocks.len();
            plan.weight += quoted.weight;
        }
        if let Some(place) = plan.quotes.get_mut(at) {
            *place = quoted;
        }
    }
    plan
}
