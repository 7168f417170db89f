//! Ids as people type them: whole, or the beginning or end of one that a listing shows.

use std::str::FromStr;

pub use console::documents::short;

use crate::failure::Failure;

/// Fewer characters name too much by chance.
const FEWEST: usize = 6;

/// An id that was given whole, if it was.
pub fn whole<T: FromStr>(given: &str) -> Option<T> {
    given.trim().parse().ok()
}

/// The one id of a listing that begins or ends with what was given.
pub fn among<T: Copy + ToString>(given: &str, prefix: &str, listed: impl Iterator<Item = T>) -> Result<T, Failure> {
    let wanted = given.trim().to_ascii_uppercase();
    let digits = wanted.strip_prefix(&format!("{}_", prefix.to_ascii_uppercase())).unwrap_or(&wanted).to_owned();
    if digits.len() < FEWEST || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Failure::wrong_use(format!("`{given}` is no id of the form `{prefix}_…`"))
            .hint(format!("give it whole, or at least {FEWEST} characters of its beginning or end")));
    }
    let names = |id: &T| {
        let text = id.to_string();
        let all = text.split_once('_').map_or(text.as_str(), |(_, digits)| digits);
        all.starts_with(&digits) || all.ends_with(&digits)
    };
    let mut found = listed.filter(names);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Failure::new(format!("nothing that you may see has the id `{given}`"))),
        (Some(_), Some(_)) => {
            Err(Failure::wrong_use(format!("more than one id begins or ends with `{given}`")).hint("give more of it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use workflows::id::RequestId;

    use super::*;

    fn listed() -> Vec<RequestId> {
        ["req_01JD8Z0000000000000AAAAAAA", "req_01JD8Z0000000000000BBBBBBB"]
            .map(|id| id.parse().expect("an id"))
            .to_vec()
    }

    #[test]
    fn an_id_is_found_by_its_short_form() {
        let ids = listed();
        for id in &ids {
            assert_eq!(among(&short(id), "req", ids.iter().copied()), Ok(*id));
            assert_eq!(among(&short(id).to_lowercase(), "req", ids.iter().copied()), Ok(*id));
        }
        assert_eq!(among("AAAAAA", "req", ids.iter().copied()), Ok(ids[0]));
        assert_eq!(whole(&ids[0].to_string()), Some(ids[0]));
        assert_eq!(whole::<RequestId>("AAAAAA"), None);
    }

    #[test]
    fn what_names_two_ids_none_or_too_little_is_refused() {
        let ids = listed();
        let refused = |given: &str| among(given, "req", ids.iter().copied()).expect_err("refused").to_string();
        assert!(refused("01JD8Z").contains("more than one"));
        assert!(refused("CCCCCC").contains("nothing that you may see"));
        assert!(refused("AAAAA").contains("at least 6"));
        assert!(refused("grt_AAAAAA").contains("no id of the form"));
    }
}
