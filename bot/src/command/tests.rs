use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

const CASES: &str = include_str!("../../../tests/corpora/chat/commands.txt");

fn names() -> Vec<TargetName> {
    let names = ["analytics", "billing.eu", "orders-dev", "orders-prod", "shard-12", "users-prod"];
    names.map(|name| name.parse().expect("a name")).to_vec()
}

/// A text of the corpus as people typed it.
fn typed(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        out.push_str(before);
        if let Some(code) = behind.strip_prefix("u{") {
            let (digits, behind) = code.split_once('}').expect("a closing brace");
            out.push(u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).expect("a character"));
            rest = behind;
            continue;
        }
        let letter = behind.chars().next().expect("a letter");
        out.push(match letter {
            'n' => '\n',
            't' => '\t',
            '\\' => '\\',
            other => panic!("\\{other} in {text}"),
        });
        rest = behind.split_at(letter.len_utf8()).1;
    }
    out + rest
}

/// A command as the corpus writes it.
fn compact(command: &Command) -> String {
    let about = |name: &str, what: &str| format!("{name} {what}");
    let why = |because: &str| format!("{{{}}}", visible(because).replace('\n', "\\n"));
    match command {
        Command::Ask(ask) => about("ask", &asked(ask)),
        Command::Emergency(ask) => about("emergency", &asked(ask)),
        Command::Form => "form".to_owned(),
        Command::Mine => "mine".to_owned(),
        Command::Help => "help".to_owned(),
        Command::Link => "link".to_owned(),
        Command::Done { what: None } => "done".to_owned(),
        Command::Done { what: Some(what) } => about("done", what),
        Command::Who { target } => about("who", target),
        Command::Approve { id, span, level, again, note } => {
            let span = span.map(|span| format!(" {span}")).unwrap_or_default();
            let level = level.map(|level| format!(" {level}")).unwrap_or_default();
            let note = note.as_deref().map(|note| format!(" {}", why(note))).unwrap_or_default();
            let again = again.map(|again| format!(" {}", again.as_str())).unwrap_or_default();
            format!("approve {id}{again}{span}{level}{note}")
        }
        Command::Deny { id, because } => format!("deny {id} {}", why(because)),
        Command::Withdraw { id } => about("withdraw", id),
        Command::Nudge { id } => about("nudge", id),
        Command::Escalate { id } => about("escalate", id),
        Command::Claim { id } => about("claim", id),
        Command::AskBack { id, words } => format!("ask {id} {}", why(words)),
        Command::Answer { id, words } => format!("answer {id} {}", why(words)),
        Command::Delegate { id, to } => format!("delegate {id} {to}"),
        Command::Extend { what, span, because } => {
            let because = because.as_deref().map(|because| format!(" {}", why(because))).unwrap_or_default();
            format!("extend {what} {span}{because}")
        }
        Command::Revoke { what, because } => format!("revoke {what} {}", why(because)),
        Command::LinkCode { code } => about("link", code),
        Command::Digest { week: None } => "digest".to_owned(),
        Command::Digest { week: Some(week) } => about("digest", week),
        Command::Unknown { hint, .. } => about("unknown", hint),
    }
}

fn asked(ask: &Ask) -> String {
    let mut text = match ask.certain {
        Certain::Short => "short ".to_owned(),
        Certain::Guessed => "guess ".to_owned(),
    };
    match &ask.target {
        Target::Exact(name) => text.push_str(name.as_str()),
        Target::Several(names) => text.push_str(&names.iter().map(TargetName::as_str).collect::<Vec<_>>().join("|")),
        Target::Unknown(said) => write!(text, "?{said}").expect("text"),
        Target::Missing => text.push('-'),
    }
    if let Some(level) = ask.level {
        write!(text, " {level}").expect("text");
    }
    if let Some(span) = ask.span {
        write!(text, " {span}").expect("text");
    }
    if let Some(person) = &ask.person {
        write!(text, " for {person}").expect("text");
    }
    if let Some(because) = &ask.because {
        write!(text, " {{{}}}", visible(because).replace('\n', "\\n")).expect("text");
    }
    if !ask.left_over.is_empty() {
        write!(text, " left {}", ask.left_over.join(",")).expect("text");
    }
    text
}

#[test]
fn commands_are_read_as_the_corpus_says() {
    let mut wrong = String::new();
    let cases = CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut count = 0;
    for line in cases {
        let (expected, text) = line.split_once(" => ").expect("a case");
        let found = compact(&parse(&typed(text), &names()));
        let same = match expected.strip_prefix("unknown ") {
            Some(words) => found.strip_prefix("unknown ").is_some_and(|hint| hint.contains(words)),
            None => found == expected,
        };
        if !same {
            writeln!(wrong, "{text}\n  expected {expected}\n  found    {found}").expect("text");
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count >= 120, "{count} cases");
}

#[test]
fn every_line_of_the_help_is_understood_with_and_without_what_may_be_left_out() {
    for line in HELP.lines() {
        let line = line.split("  ").next().expect("a command");
        let filled =
            line.replace("read|write|admin", "read").replace("TARGET", "orders-prod").replace("ID", "req_01J9ZX");
        let filled = filled.replace("PERSON", "grace@example.com").replace("WEEK", "2026-W47");
        let short: String =
            filled.split('[').map(|part| part.split_once("] ").map_or(part, |(_, rest)| rest)).collect();
        for text in [filled.replace(['[', ']'], ""), short.split(" [").next().expect("text").to_owned()] {
            let found = compact(&parse(&text, &names()));
            assert!(!found.starts_with("unknown") && !found.contains("guess"), "{text}: {found}");
        }
    }
    let whole = parse(HELP, &names());
    assert!(matches!(whole, Command::Ask(Ask { certain: Certain::Guessed, .. })), "{whole:?}");
}

#[test]
fn a_name_that_is_also_a_word_of_the_grammar_is_still_a_name() {
    let names: Vec<TargetName> =
        ["admin", "1h", "mine", "-x.", "for"].map(|name| name.parse().expect("a name")).to_vec();
    for (text, expected) in [
        ("access admin 2h because x", "ask short admin 2h {x}"),
        ("access admin admin 2h because x", "ask short admin admin 2h {x}"),
        ("access 1h 2h because x", "ask short 1h 2h {x}"),
        ("access mine 2h because x", "ask short mine 2h {x}"),
        ("access -x. 2h because x", "ask short -x. 2h {x}"),
        ("mine", "mine"),
    ] {
        assert_eq!(compact(&parse(text, &names)), expected, "{text}");
    }
}

#[test]
fn texts_and_reasons_have_an_end() {
    let hint = |text: &str| {
        let Command::Unknown { said, hint } = parse(text, &names()) else { panic!("{text}") };
        assert!(said.chars().count() <= 201, "{said}");
        hint
    };
    assert!(hint(&format!("access orders-prod 1h because {}", "ü".repeat(1_001))).contains("longer than 1000"));
    assert!(hint(&format!("deny req_01J9ZX {}", "ü".repeat(1_001))).contains("longer than 1000"));
    assert!(hint(&"ü".repeat(8_001)).contains("longer than 8000"));
    let Command::Ask(ask) = parse(&format!("access orders-prod 1h because {}", "ü".repeat(1_000)), &names()) else {
        panic!("an ask");
    };
    assert_eq!((ask.certain, ask.because), (Certain::Short, Some("ü".repeat(1_000))));
}

#[test]
fn at_most_25_targets_are_offered() {
    let names: Vec<TargetName> = (10..99).map(|n| format!("db-{n}").parse().expect("a name")).collect();
    let Command::Ask(ask) = parse("access db 1h because x", &names) else { panic!("an ask") };
    let Target::Several(several) = ask.target else { panic!("several") };
    assert_eq!(several.len(), 25);
}

#[test]
fn long_texts_of_any_kind_are_read_at_once() {
    let names: Vec<TargetName> = (0..3_000).map(|n| format!("orders-{n}").parse().expect("a name")).collect();
    let started = tokio::time::Instant::now();
    for piece in ["<", "a: ", "- ", "-- ", "1 ", "1h ", "ordres-x ", "a ", "and ", "INC-42 ", "half of ", "http://x "]
    {
        let text: String = "access ".chars().chain(piece.chars().cycle()).take(8_000).collect();
        let _ = parse(&text, &names);
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

/// Texts that come close to the grammar, and anything else.
fn near_commands() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        6 => prop::sample::select(vec![
            "access", "request", "breakglass", "approve", "deny", "extend", "done", "who", "orders-prod", "users-prod",
            "orders", "1h", "30", "min", "half", "an", "hour", "and", "a", "read", "write", "for", "bob@example.com",
            "<@U1>", "because", "reason:", "--", "—", ":", "INC-42", "req_01J9ZX", "until", "15:00", "1x", "please",
            "<mailto:a@b|a@b>", "to", "of", "not", "digest", "link", "ask",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[a-z0-9.,:½-]{1,8}",
    ];
    prop::collection::vec(word, 0..12).prop_map(|words| words.join(" "))
}

/// What must hold of any text.
fn holds(text: &str) {
    let names = names();
    let command = parse(text, &names);
    let (Command::Ask(ask) | Command::Emergency(ask)) = command else { return };
    if let Target::Exact(name) = &ask.target {
        assert!(names.contains(name), "{name}");
    }
    if ask.certain == Certain::Guessed {
        return;
    }
    let Target::Exact(name) = &ask.target else { panic!("short without a target: {text}") };
    let because = ask.because.expect("short with a reason");
    assert!(ask.span.is_some() && ask.left_over.is_empty(), "{text}");
    assert!(text.contains('<') || text.contains(&because), "the reason is as it was typed: {text}");
    // Said again in the plainest way it is the same: nothing else was in it.
    let level = ask.level.map(|level| format!(" {level}")).unwrap_or_default();
    let person = ask.person.as_ref().map(|person| format!(" for {person}")).unwrap_or_default();
    let span = ask.span.expect("short with a span");
    let plain = format!("access {name}{level} {span}{person} because: {because}");
    let Command::Ask(again) = parse(&plain, &names) else { panic!("{plain}") };
    assert_eq!(
        (again.target, again.level, again.span, again.person),
        (ask.target, ask.level, ask.span, ask.person),
        "{plain}"
    );
    assert_eq!(again.certain, Certain::Short, "{plain}");
}

proptest! {
    #[test]
    fn any_text_is_read(text in any::<String>()) {
        holds(&text);
    }

    #[test]
    fn what_comes_close_to_a_command_is_never_short_by_accident(text in near_commands()) {
        holds(&text);
    }

    /// A word more that is none of the grammar's makes it a guess.
    #[test]
    fn a_word_that_was_not_understood_is_never_sent_at_once(word in "[b-z]{3,9}|\\PC{1,5}", at in 0..5usize) {
        // A space of any kind is no word.
        prop_assume!(!word.trim().is_empty());
        let mut said = vec!["access", "orders-prod", "write", "1h"];
        said.insert(at.clamp(1, said.len()), &word);
        let text = format!("{} because INC-42", said.join(" "));
        if let Command::Ask(Ask { certain: Certain::Short, because, .. }) = parse(&text, &names()) {
            // Unless the reason began there.
            prop_assert_ne!(because.as_deref(), Some("INC-42"), "{}", text);
        }
    }

    #[test]
    fn the_reason_is_kept_as_it_was_typed(because in "[^<]{1,200}") {
        let because = because.trim();
        prop_assume!(!because.is_empty() && !because.starts_with("of") && because.split_whitespace().next() != Some("of"));
        let text = format!("access orders-prod 1h because {because}");
        let Command::Ask(ask) = parse(&text, &names()) else { panic!("an ask") };
        prop_assert_eq!(ask.because.as_deref(), Some(because));
        prop_assert_eq!(ask.certain, Certain::Short);
    }

    /// Words that are not in capitals, with nothing that says what is to be done, never decide about a request.
    #[test]
    fn prose_behind_approve_approves_nothing(words in prop::collection::vec("[b-z]{3,9}", 1..5)) {
        let text = format!("approve req_01J9ZX {}", words.join(" "));
        if let Command::Approve { .. } = parse(&text, &names()) {
            let known = ["for", "please", "pls", "now", "thanks", "read", "write", "readonly"];
            prop_assert!(words.iter().all(|word| known.contains(&word.as_str())), "{}", text);
        }
    }
}
