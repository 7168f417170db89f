use workflows::clock::{Span, Timestamp};
use workflows::id::{GrantId, IdentityId};
use workflows::identity::Identity;
use workflows::session::{Ending, Totals};
use workflows::target::Access;

use super::*;

fn session() -> (Session, std::path::PathBuf) {
    let (from, by) = (Timestamp::from_micros(0), Identity { id: IdentityId::new(), name: "ada".to_owned() });
    let session = Session {
        id: SessionId::new(),
        by,
        target: "web-1".parse().expect("a name"),
        access: Access::Read,
        grant: GrantId::new(),
        client: String::new(),
        application: String::new(),
        from,
        ended: Some((from, Ending::Left)),
        totals: Totals::default(),
        recording: String::new(),
        uninspected: None,
    };
    (session, std::path::PathBuf::new())
}

/// Looks through sessions in each of which so many lines are.
fn found(lines: usize, sessions: &[(Session, std::path::PathBuf)], most: usize) -> SearchResult {
    let look: Look = Arc::new(move |_, query: &Query, _: &dyn Fn() -> bool| {
        let find = |_| Find {
            at: Timestamp::from_micros(0),
            offset: Span::ZERO,
            operation: None,
            place: Place::Note,
            line: "needle".to_owned(),
        };
        ((0..lines.min(query.most)).map(find).collect(), (lines > query.most).then_some(Stopped::Full))
    });
    let query =
        Query { text: "needle".to_owned(), ignore_case: false, places: Vec::new(), since: None, until: None, most };
    through(sessions, query, &look, &|| false)
}

#[test]
fn lines_that_are_left_out_of_a_session_are_told() {
    let sessions = [session(), session()];
    let result = found(3, &sessions, 5);
    let [(one, _), (two, _)] = &sessions;
    assert_eq!((result.hits.len(), result.next), (5, Some(two.id)));
    let unread: Vec<(SessionId, &str)> = result.unread.iter().map(|one| (one.session, one.why.as_str())).collect();
    assert_eq!(unread, [(two.id, MORE)]);
    let result = found(3, &sessions, 2);
    assert_eq!((result.hits.len(), result.next, result.unread.len()), (2, Some(one.id), 1));
}

#[test]
fn a_session_of_which_nothing_could_be_shown_is_left_to_the_next_call() {
    let sessions = [session(), session()];
    let [(one, _), _] = &sessions;
    let result = found(3, &sessions, 3);
    assert_eq!((result.hits.len(), result.next, result.unread.len()), (3, Some(one.id), 0));
    let result = found(3, &sessions, 6);
    assert_eq!((result.hits.len(), result.next, result.unread.len()), (6, None, 0));
}
