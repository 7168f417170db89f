//! sudo's lists of strings, copied out of its memory.
#![expect(unsafe_code, reason = "the lists are pointers to pointers")]

use std::ffi::{CStr, c_char};

use guard::wire::WORDS_MOST;

/// A list that ends with a null pointer; null is an empty one.
pub(crate) type List = *const *const c_char;

/// The strings of a list. Beyond a bound there is nothing: see `is_whole`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    words: Vec<Vec<u8>>,
    whole: bool,
}

impl Words {
    /// Copies a list.
    ///
    /// # Safety
    /// Null, or a list of pointers to strings that ends with a null pointer, all of it valid for reading.
    pub(crate) unsafe fn of(list: List) -> Self {
        let mut words = Vec::new();
        for index in 0..=WORDS_MOST {
            // SAFETY: at most one step beyond an entry that was not the last.
            let word = if list.is_null() { std::ptr::null() } else { unsafe { list.add(index) } };
            // SAFETY: inside the list, as the caller promises.
            let word = if word.is_null() { std::ptr::null() } else { unsafe { *word } };
            if word.is_null() {
                return Self { words, whole: true };
            }
            // SAFETY: an entry is a string with an end.
            words.push(unsafe { CStr::from_ptr(word) }.to_bytes().to_vec());
        }
        Self { words, whole: false }
    }

    /// False: there was more than the bound.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    pub(crate) fn all(&self) -> &[Vec<u8>] {
        &self.words
    }

    /// The value of the first `NAME=value`.
    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        self.words.iter().find_map(|word| word.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.value(name)?).ok()
    }

    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.text(name)?.parse().ok()
    }

    #[cfg(test)]
    pub(crate) fn new(words: &[&str]) -> Self {
        Self { words: words.iter().map(|word| word.as_bytes().to_vec()).collect(), whole: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_copied_up_to_its_end() {
        let strings = [c"a=1", c"ab=2", c"a=3", c"b=x=y"];
        let mut list: Vec<*const c_char> = strings.iter().map(|string| string.as_ptr()).collect();
        list.push(std::ptr::null());
        // SAFETY: made by the lines above.
        let words = unsafe { Words::of(list.as_ptr()) };
        assert!(words.is_whole());
        assert_eq!(words.text("a"), Some("1"), "the first counts");
        assert_eq!(words.text("ab"), Some("2"));
        assert_eq!(words.text("b"), Some("x=y"));
        assert_eq!((words.number("a"), words.number("b"), words.text("c")), (Some(1), None, None));
        // SAFETY: null is an empty list.
        assert!(unsafe { Words::of(std::ptr::null()) }.all().is_empty());
    }

    #[test]
    fn a_list_beyond_the_bound_says_so() {
        let mut list = vec![c"x".as_ptr(); WORDS_MOST + 5];
        list.push(std::ptr::null());
        // SAFETY: made by the lines above.
        assert!(!unsafe { Words::of(list.as_ptr()) }.is_whole());
    }
}
