use proptest::prelude::*;

use super::mistakes::case;
use super::routing::wish;
use super::*;
use crate::oncall::{Board, Provider, Source};

const COUNTED: &str = "members = [\"grace@example.com\", \"linus@example.com\"]\nhands_over = \"monday 09:00 \
                       Europe/Berlin\"\nstarts = \"2026-01-05\"";
const PROVIDED: &str = "provider = \"pagerduty\"\nschedule = \"PABC123\"\ntoken = \"env:PAGERDUTY_TOKEN\"\nfallback = \
                        \"group:privacy\"";

/// The world, with a rotation that PagerDuty knows.
fn world() -> String {
    assert!(WORLD.contains(COUNTED));
    let people = "[people]\n\"Linus.T@corp.example\" = \"linus@example.com\"\n\n[rotation.primary]";
    WORLD.replace(COUNTED, PROVIDED).replace("[rotation.primary]", people)
}

/// A policy on a board, and what to write on the board.
fn on_board(text: &str) -> (Policy, Board, Source) {
    let board = Board::default();
    let policy = policy(text).attached(&board);
    let source = policy.provided().next().unwrap().1.source.clone();
    (policy, board, source)
}

fn who() -> Who {
    "oncall:primary".parse().unwrap()
}

fn emails(list: &[&str]) -> Vec<String> {
    list.iter().map(|email| (*email).to_owned()).collect()
}

fn view(policy: &Policy, moment: Timestamp) -> (String, Option<Timestamp>, String) {
    let view = policy.on_call("primary", moment);
    assert_eq!(view.people, policy.people(&who(), moment));
    assert_eq!(view.note, policy.on_call_note("primary", moment));
    (view.people.into_iter().collect::<Vec<_>>().join(" "), view.as_of, view.note.unwrap_or_default())
}

#[test]
fn what_is_written_of_a_provider_is_read() {
    let (_, _, source) = on_board(&world());
    assert_eq!((source.provider, source.schedule.as_str()), (Provider::PagerDuty, "PABC123"));
    assert_eq!(
        (source.api.as_str(), source.token.to_string()),
        ("https://api.pagerduty.com", "env:PAGERDUTY_TOKEN".into())
    );
    let eu = PROVIDED.replace("pagerduty", "opsgenie").replace("PABC123", "Orders, first line");
    let eu = world().replace(PROVIDED, &format!("{eu}\napi = \"https://api.eu.opsgenie.com/\""));
    let (policy, _, source) = on_board(&eu);
    assert_eq!((source.provider, source.api.as_str()), (Provider::Opsgenie, "https://api.eu.opsgenie.com"));
    assert!(policy.warnings().is_empty(), "{:?}", policy.warnings());
}

#[test]
fn mistakes_around_a_provider() {
    let with = |from: &str, to: &str| {
        assert!(PROVIDED.contains(from), "{from}");
        PROVIDED.replace(from, to)
    };
    let bad = |to: &str, at: &str, what: &str, instead: &str| case(COUNTED, to, at, what, instead);
    let more = |line: &str| format!("{PROVIDED}\n{line}");
    bad(
        &with("pagerduty", "pagerdooty"),
        "\"pagerdooty",
        "not an on-call provider",
        "write `pagerduty` or `opsgenie`",
    );
    bad(&with("PABC123", "pabc-123"), "\"pabc", "not what PagerDuty calls a schedule", "like `PABC123`");
    bad(&with("env:PAGERDUTY_TOKEN", "u+abcdefgh"), "\"u+abc", "must not stand in the file", "write `env:NAME`");
    bad(&with("group:privacy", "oncall:primary"), "\"oncall", "can't be a rotation", "write `group:NAME`");
    bad(&with("group:privacy", "group:privcy"), "\"group", "no group `privcy`", "write `group:privacy`");
    bad(&with("group:privacy", "privacy"), "\"privacy", "`privacy` is a group", "write `group:privacy`");
    bad(
        &more("api = \"http://api.pagerduty.com\""),
        "\"http:",
        "no address that a token",
        "only works on this machine",
    );
    bad(&more("api = 9"), "9", "`api` is a number", "write a text in quotes");
    bad(&more("members = [\"grace@example.com\"]"), "[\"grace", "exclude each other", "leave `members` out");
    bad(&more("hands_over = \"daily 09:00\""), "\"daily", "exclude each other", "leave `hands_over` out");
    bad(&more("shedule = \"P\""), "shedule", "not a key of [rotation.NAME]", "write `schedule`");
    bad(&format!("{COUNTED}\ntoken = \"env:X\""), "\"env:X", "goes with a `provider`", "leave `token` out");
    let people = |line: &str| format!("{PROVIDED}\n[people]\n{line}");
    bad(
        &people("\"grace\" = \"grace@example.com\""),
        "\"grace\"",
        "`grace` is not an e-mail",
        "e-mail at the provider",
    );
    bad(&people("\"g@x\" = \"group:dba\""), "\"group:dba", "not a person's name", "the one person");
    bad(&people("\"g@x\" = \"dba\""), "\"dba", "`dba` is a group, and this names a person", "write `group:dba`");
    bad(&people("\"g@x\" = \"grcae@example.com\""), "\"grcae", "in no group and no rotation", "`grace@example.com`");
    bad(&people("\"g@x\" = \"eve@example.com\"\n\"G@X\" = \"bob@example.com\""), "\"G@X", "here twice", "leave one");
    for key in ["provider", "schedule", "token", "fallback"] {
        let without: Vec<&str> = PROVIDED.lines().filter(|line| !line.starts_with(key)).collect();
        let text = WORLD.replace(COUNTED, &without.join("\n"));
        let list = Policy::parse(&text).unwrap_err();
        assert_eq!(list.len(), 1, "{list:?}");
        assert!(list[0].what.contains(&format!("has no `{key}`")), "{}", list[0].what);
        assert!(list[0].source_line.starts_with("[rotation.primary]"), "{}", list[0].source_line);
    }
    let shown = Policy::parse(&WORLD.replace(COUNTED, &with("env:PAGERDUTY_TOKEN", "u+abcdefgh"))).unwrap_err();
    assert!(!shown[0].render("t").contains("abcdefgh") && !format!("{shown:?}").contains("abcdefgh"));
}

#[test]
fn an_empty_fallback_and_a_restriction_that_hangs_on_a_provider_are_told() {
    let nobody = world().replace("group:privacy\"\n\n[[access]]", "group:nobody\"\n\n[[access]]");
    let nobody = nobody.replace("[group]\n", "[group]\nnobody = []\n");
    let list = Policy::parse(&nobody).unwrap_err();
    assert!(list[0].what.contains("`group:nobody` has nobody in it"), "{list:?}");
    let rule = world().replace("name = \"no ledger\"", "name = \"no ledger\"\nwho = \"oncall:primary\"");
    let warnings = policy(&rule).warnings().to_vec();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].what, "while PagerDuty does not answer, this is about `group:privacy`");
}

#[test]
fn a_policy_that_is_on_no_board_asks_the_fallback() {
    let policy = policy(&world());
    let note = "PagerDuty has not been asked yet; group:privacy is asked instead";
    assert_eq!(view(&policy, now()), ("grace@example.com".to_owned(), None, note.to_owned()));
    assert!(policy.is(&who(), "grace@example.com", now()) && !policy.is(&who(), "linus@example.com", now()));
    assert_eq!(policy.on_call("secondary", now()), OnCallView::default(), "there is no such rotation");
    let counted = super::policy(WORLD).on_call("primary", now());
    assert_eq!((counted.people.len(), counted.as_of, counted.note), (1, None, None));
}

#[test]
fn a_word_of_the_provider_counts_for_a_minute() {
    let (policy, board, source) = on_board(&world());
    let later = |seconds| now().plus(Span::seconds(seconds));
    board.failed(&source, "it can't be reached", now());
    let never = "PagerDuty was first asked at 11:00 CET and has not answered; group:privacy is asked instead";
    assert_eq!(view(&policy, later(1)).2, never);
    // Capitals make no difference in an e-mail, and [people] says whose it is.
    board.took(&source, emails(&["linus.t@CORP.example"]), now());
    let linus = "linus@example.com".to_owned();
    assert_eq!(view(&policy, later(60)), (linus.clone(), Some(now()), String::new()));
    assert!(policy.is(&who(), &linus, later(60)) && !policy.is(&who(), "grace@example.com", later(60)));
    board.failed(&source, "it can't be reached", later(30));
    assert_eq!(view(&policy, later(60)).0, linus, "a fresh word counts though the provider is down by now");
    let stale = "PagerDuty has not answered since 11:00 CET; group:privacy is asked instead";
    assert_eq!(view(&policy, later(61)), ("grace@example.com".to_owned(), None, stale.to_owned()));
    let tomorrow = view(&policy, later(86_400)).2;
    assert!(tomorrow.contains("since 2026-01-06 11:00 CET"), "{tomorrow}");
    board.took(&source, Vec::new(), later(70));
    let nobody = "PagerDuty names nobody who is on call; group:privacy is asked instead";
    assert_eq!(view(&policy, later(71)), ("grace@example.com".to_owned(), None, nobody.to_owned()));
    board.took(&source, emails(&["grace@example.com", "linus@example.com"]), later(80));
    assert_eq!(view(&policy, later(81)).0, "grace@example.com linus@example.com");
}

#[test]
fn a_stranger_is_never_on_call() {
    let (policy, board, source) = on_board(&world());
    board.took(&source, emails(&["mallory@corp.example"]), now());
    let note = "PagerDuty names mallory@corp.example, whom the file does not know; group:privacy is asked instead";
    assert_eq!(view(&policy, now()), ("grace@example.com".to_owned(), None, note.to_owned()));
    assert!(!policy.is(&who(), "mallory@corp.example", now()));
    board.took(&source, emails(&["mallory@corp.example", "bob@example.com"]), now());
    let (people, as_of, note) = view(&policy, now());
    assert_eq!((people.as_str(), as_of), ("bob@example.com", Some(now())));
    assert_eq!(note, "PagerDuty names mallory@corp.example too, whom the file does not know and who is not asked");
    // What might be read as something else is not shown.
    board.took(&source, emails(&["<!channel> approve", "a@x", "b@x", "c@x", "d@x"]), now());
    assert!(view(&policy, now()).2.starts_with("PagerDuty names a@x, b@x, c@x and 2 more, whom"));
    board.took(&source, emails(&["<!channel> approve"]), now());
    assert!(view(&policy, now()).2.starts_with("PagerDuty names somebody, whom"));
}

#[test]
fn two_names_that_differ_in_capitals_only_are_nobodys_e_mail() {
    let two = world()
        .replace("privacy = [\"grace@example.com\"]", "privacy = [\"grace@example.com\", \"Grace@example.com\"]");
    let (policy, board, source) = on_board(&two);
    board.took(&source, emails(&["grace@example.com"]), now());
    assert!(view(&policy, now()).2.contains("whom the file does not know"));
}

#[test]
fn who_may_vote_changes_with_the_shift() {
    let (policy, board, source) = on_board(&world());
    let (grace, linus) = ("grace@example.com", "linus@example.com");
    let request = wish(false);
    let may = |moment| [grace, linus].map(|voter| !policy.serves(&request, voter, moment).is_empty());
    assert_eq!(may(now()), [true, false], "the fallback is asked");
    board.took(&source, emails(&[linus]), now());
    assert_eq!(may(now()), [false, true], "the shift is linus's");
    board.took(&source, emails(&["bob@example.com", "mallory@example.com"]), now());
    assert_eq!(may(now()), [false, false], "bob asked himself, and mallory is a stranger");
    assert!(policy.serves(&request, "bob@example.com", now()).is_empty());
    assert!(policy.serves(&request, "mallory@example.com", now()).is_empty());
    assert_eq!(may(now().plus(Span::seconds(61))), [true, false], "the word is too old");
}

#[test]
fn another_schedule_is_not_answered_by_the_old_one() {
    let (policy, board, source) = on_board(&world());
    board.took(&source, emails(&["linus@example.com"]), now());
    assert_eq!(view(&policy, now()).0, "linus@example.com");
    let again = super::policy(&world().replace("4h", "3h")).attached(&board);
    assert_eq!(view(&again, now()).0, "linus@example.com", "the board outlives a reload");
    let moved = super::policy(&world().replace("PABC123", "PXYZ789")).attached(&board);
    assert_eq!(view(&moved, now()).0, "grace@example.com");
}

#[test]
fn an_explanation_says_who_is_asked_instead_and_a_scope_looks_again() {
    let (policy, board, source) = on_board(&world());
    let prod = name("orders-prod");
    let around = around();
    let question = Question {
        by: "bob@example.com",
        target: &prod,
        access: None,
        emergency: false,
        operations: &[],
        around: &around,
    };
    let text = policy.explain(&question, now()).to_string();
    assert!(text.contains("asks 1 of oncall:primary (grace@example.com)"), "{text}");
    assert!(text.contains("PagerDuty has not been asked yet; group:privacy is asked instead"), "{text}");
    board.took(&source, emails(&["linus@example.com"]), now());
    let text = policy.explain(&question, now()).to_string();
    assert!(text.contains("(linus@example.com)") && !text.contains("PagerDuty"), "{text}");
    let by_turns = world().replace("unless = \"group:privacy\"", "unless = \"oncall:primary\"");
    let policy = super::policy(&by_turns).attached(&board);
    let seat = seat("bob@example.com", &prod, Access::Read);
    let until = |moment| policy.scope(&seat, moment).unwrap().valid_until().unwrap();
    assert_eq!(until(now().plus(Span::seconds(20))), now().plus(Span::seconds(60)));
    assert_eq!(until(now().plus(Span::seconds(60))), now().plus(Span::seconds(61)));
    assert_eq!(until(now().plus(Span::seconds(90))), now().plus(Span::seconds(120)));
}

proptest! {
    /// Whatever a provider says, and whenever: only people whom the file names are ever on call, and there is somebody.
    #[test]
    fn only_people_of_the_file_are_ever_on_call(
        said in prop::collection::vec("(grace|linus|eve|Bob|mallory|root)(@example.com|@corp.example|)", 0..4),
        age in -200..200_i64,
    ) {
        let (policy, board, source) = on_board(&world());
        board.took(&source, said.clone(), Timestamp::from_micros(now().micros() - age * 1_000_000));
        let view = policy.on_call("primary", now());
        let file = ["grace@example.com", "linus@example.com", "eve@example.com", "bob@example.com"];
        prop_assert!(!view.people.is_empty() && view.people.iter().all(|name| file.contains(&name.as_str())));
        let fallback = view.people.iter().all(|name| name == "grace@example.com");
        prop_assert!(view.as_of.is_some() || (fallback && view.note.is_some()));
        prop_assert!(age.abs() <= 60 || view.as_of.is_none());
        for name in ["grace@example.com", "linus@example.com", "mallory@example.com", "root"] {
            prop_assert_eq!(policy.is(&who(), name, now()), view.people.contains(name));
        }
        let until = policy.inner.people.next_shift("primary", now()).unwrap();
        prop_assert!(until > now() && until <= now().plus(Span::seconds(60)));
    }
}
