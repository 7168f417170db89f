//! What was read before: bounded, sharded, found by a hash of the text.
//!
//! A look-up takes a read lock, marks the entry as used and clones an `Arc`: nothing is allocated and nothing is
//! moved. The entry that goes is the oldest that was not used since its last turn (second chance).

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};

const SHARDS: usize = 16;
/// Entries per shard: 4,096 in all.
const ENTRIES: usize = 256;
/// Longer texts are rare and would push hundreds of others out. With [`ENTRIES`] this bounds the whole to 64 MiB of text.
const LONGEST: usize = 16 * 1024;

pub(super) type Key = [u8; 32];

#[derive(Debug)]
struct Entry<V> {
    value: Arc<V>,
    used: AtomicBool,
}

#[derive(Debug)]
struct Shard<V> {
    entries: HashMap<Key, Entry<V>>,
    turns: VecDeque<Key>,
}

/// The cache; share it behind an `Arc`.
#[derive(Debug)]
pub(super) struct Cache<V> {
    shards: [RwLock<Shard<V>>; SHARDS],
}

impl<V> Default for Cache<V> {
    fn default() -> Self {
        let shard = || RwLock::new(Shard { entries: HashMap::new(), turns: VecDeque::new() });
        Self { shards: std::array::from_fn(|_| shard()) }
    }
}

impl<V> Cache<V> {
    /// What is kept under a key.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<V>> {
        // A panic elsewhere leaves whole entries behind, so a poisoned lock is as good as any.
        let shard = self.shard(key)?.read().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.entries.get(key)?;
        entry.used.store(true, Ordering::Relaxed);
        Some(Arc::clone(&entry.value))
    }

    /// Keeps something.
    pub(super) fn put(&self, key: Key, value: &Arc<V>) {
        let Some(shard) = self.shard(&key) else { return };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry { value: Arc::clone(value), used: AtomicBool::new(false) };
        if shard.entries.insert(key, entry).is_some() {
            return;
        }
        shard.turns.push_back(key);
        while shard.entries.len() > ENTRIES {
            let Some(oldest) = shard.turns.pop_front() else { return };
            let spared = shard.entries.get(&oldest).is_some_and(|entry| entry.used.swap(false, Ordering::Relaxed));
            if spared {
                shard.turns.push_back(oldest);
            } else {
                shard.entries.remove(&oldest);
            }
        }
    }

    fn shard(&self, key: &Key) -> Option<&RwLock<Shard<V>>> {
        let [first, ..] = key;
        self.shards.get(usize::from(*first) % SHARDS)
    }
}

/// The key of a text; nothing for one that is not kept.
///
/// INVARIANT: a text with a backslash is never kept. What it means depends on `standard_conforming_strings`, so a
/// look-up that does not know the session's setting cannot go wrong.
pub(super) fn key(text: &[u8]) -> Option<Key> {
    (text.len() <= LONGEST && !text.contains(&b'\\')).then(|| Sha256::digest(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_within_its_bounds_and_keeps_what_is_used() {
        let cache = Cache::default();
        let value = Arc::new(());
        let kept = key(b"SELECT 'kept'").unwrap();
        cache.put(kept, &value);
        for n in 0..3 * SHARDS * ENTRIES {
            cache.put(key(format!("SELECT {n}").as_bytes()).unwrap(), &value);
            assert!(cache.get(&kept).is_some(), "after {n}");
        }
        for shard in &cache.shards {
            let shard = shard.read().unwrap();
            assert!(shard.entries.len() <= ENTRIES);
            assert_eq!(shard.entries.len(), shard.turns.len());
        }
    }

    #[test]
    fn long_texts_and_backslashes_are_not_kept() {
        assert!(key(&vec![b' '; LONGEST]).is_some());
        assert!(key(&vec![b' '; LONGEST + 1]).is_none());
        assert!(key(b"SELECT 'a\\'").is_none());
    }
}
