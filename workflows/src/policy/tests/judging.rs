use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::operation::Run;
use crate::verdict::Gate;

fn word(gate: &Gate) -> &'static str {
    match gate {
        Gate::Open => "open",
        Gate::Hold(_) => "hold",
        Gate::Shut(_) => "shut",
    }
}

/// Judges for ada, at a level on the production database, whoever may be there.
fn judge(policy: &Policy, access: Access, op: &Operation, now: Timestamp) -> Judgement {
    let target = name("orders-prod");
    let scope = policy.seated(&seat("ada@example.com", &target, access), now).unwrap();
    scope.judge(op, &around(), now)
}

fn gate(policy: &Policy, access: Access, sql: &str) -> &'static str {
    word(&judge(policy, access, &classified(sql), now()).verdict.gate)
}

#[test]
fn every_act_at_every_level_is_judged_by_the_level_first() {
    let bare = policy(WORLD.split("[[rule]]").next().unwrap());
    for (sql, read, write, admin) in [
        ("SELECT 1 FROM orders", "open", "open", "open"),
        ("SET search_path", "open", "open", "open"),
        ("SET transaction_read_only = off", "shut", "open", "open"),
        ("DELETE FROM orders", "shut", "open", "open"),
        ("DROP TABLE orders", "shut", "open", "open"),
        ("GRANT ALL ON orders", "shut", "shut", "open"),
        ("COPY orders TO PROGRAM", "shut", "shut", "open"),
        ("DO something", "shut", "open", "open"),
    ] {
        for (access, expected) in [(Access::Read, read), (Access::Write, write), (Access::Admin, admin)] {
            assert_eq!(gate(&bare, access, sql), expected, "{sql} at {access}");
        }
    }
    let Gate::Shut(denial) = judge(&bare, Access::Read, &classified("DELETE FROM orders"), now()).verdict.gate else {
        panic!("a read session writes nothing");
    };
    assert_eq!(denial.rule, "access level");
    assert!(denial.because.contains("countersign request orders-prod --level write"), "{}", denial.because);
}

#[test]
fn an_act_alone_is_enough_even_if_its_flags_say_nothing() {
    let bare = policy(WORLD.split("[[rule]]").next().unwrap());
    for act in [Act::Write, Act::Define, Act::Administer, Act::Execute, Act::Opaque] {
        let op = Operation { act, writes: false, bounded: true, ..classified("SELECT 1 FROM orders") };
        assert_eq!(word(&judge(&bare, Access::Read, &op, now()).verdict.gate), "shut", "{act}");
    }
    let op = Operation { opaque: Some("odd".to_owned()), ..classified("SELECT 1 FROM orders") };
    assert_eq!(word(&judge(&bare, Access::Read, &op, now()).verdict.gate), "shut");
}

#[test]
fn deny_wins_over_hold_and_hold_over_allow() {
    let policy = policy(WORLD);
    for (sql, expected, rules) in [
        ("DELETE FROM orders", "hold", vec!["bulk write"]),
        ("DELETE FROM orders WHERE id = 1", "open", vec![]),
        ("DELETE FROM ledger", "shut", vec!["bulk write", "no ledger"]),
        ("DELETE FROM bank.ledger", "shut", vec!["bulk write", "no ledger"]),
        ("INSERT INTO ledger", "shut", vec!["no ledger"]),
        ("DELETE FROM scratch", "open", vec!["bulk write", "scratch"]),
        ("DELETE FROM other.scratch", "hold", vec!["bulk write"]),
    ] {
        let judged = judge(&policy, Access::Write, &classified(sql), now());
        assert_eq!(word(&judged.verdict.gate), expected, "{sql}");
        assert_eq!(judged.rules, rules, "{sql}");
    }
    let Gate::Shut(denial) = judge(&policy, Access::Write, &classified("INSERT INTO ledger"), now()).verdict.gate
    else {
        panic!("the ledger is closed")
    };
    assert_eq!(denial.because, "the ledger is written by the bank's own job");
}

#[test]
fn an_exception_lifts_the_rules_that_it_names_and_no_other() {
    let more = WORLD.to_owned()
        + r#"
[[rule]]
name = "nights"
when = 'op.writes'
do = "hold"
approval = { from = "group:leads" }
"#;
    let judged = judge(&policy(&more), Access::Write, &classified("DELETE FROM scratch"), now());
    let Gate::Hold(needs) = judged.verdict.gate else { panic!("nights holds") };
    assert_eq!(needs.quorums().iter().map(|quorum| quorum.rule.as_str()).collect::<Vec<_>>(), ["nights"]);
}

#[test]
fn a_rule_says_for_how_long_what_was_approved_may_pass_again() {
    let repeat = |text: &str| {
        let Gate::Hold(needs) =
            judge(&policy(text), Access::Write, &classified("DELETE FROM orders"), now()).verdict.gate
        else {
            panic!("bulk write holds");
        };
        needs.repeat()
    };
    assert_eq!(repeat(WORLD), Span::hours(1), "where the file says nothing");
    let within = "people = 1, within = \"10m\"";
    assert!(WORLD.contains(within), "the rule is there");
    let shorter = WORLD.replace(within, "people = 1, within = \"10m\", repeat_at_most = \"5m\"");
    assert_eq!(repeat(&shorter), Span::minutes(5));
}

#[test]
fn a_condition_that_fails_counts_against_the_operation() {
    // Test databases have no label `team` here, so the condition can't be computed.
    let base =
        WORLD.split("[[rule]]").next().unwrap().replace(r#"env = "prod", team = "orders" "#, r#"env = "prod" "#);
    let base = base.replace(r#"{ team = "orders", env = "prod" }"#, r#"{ env = "prod" }"#);
    let hold = r#"
[[rule]]
name = "r"
do = "hold"
when = 'target.labels.team == "orders"'
approval = { from = "group:dba" }
"#;
    let deny = hold.replace("\"hold\"", "\"deny\"").replace("approval = { from = \"group:dba\" }", "");
    let lift = format!(
        "{}\n[[rule]]\nname = \"lift\"\ndo = \"allow\"\nover = [\"r\"]\nwhen = 'target.labels.team == \"orders\"'\n",
        hold.replace("target.labels.team == \"orders\"", "op.writes")
    );
    for (rules, expected) in [(hold, "hold"), (&deny, "shut"), (&lift, "hold")] {
        let judged =
            judge(&policy(&format!("{base}{rules}")), Access::Write, &classified("DELETE FROM orders"), now());
        assert_eq!(word(&judged.verdict.gate), expected, "{rules}");
        assert!(judged.doubts[0].contains("there is no `team` here"), "{:?}", judged.doubts);
    }
}

#[test]
fn every_fact_can_be_looked_at_and_has_its_kind() {
    for fact in FACTS {
        let path = format!("{}.{}", fact.root, fact.field);
        let when = match fact.kind {
            Kind::Flag => format!("{path} || !{path}"),
            Kind::Text => format!("{path}.size() > 0"),
            Kind::Number => format!("{path} >= 0"),
            Kind::Texts => format!("{path}.size() >= 0"),
            Kind::Labels => format!("{path}.env == \"prod\""),
        };
        let rule = format!("[[rule]]\nname = \"fact\"\ndo = \"deny\"\nwhen = '{when}'\n");
        let text = format!("{}{rule}", WORLD.split("[[rule]]").next().unwrap());
        let op = Operation { run: Some(Box::new(program())), ..classified("SELECT 1 FROM orders") };
        let judged = judge(&policy(&text), Access::Write, &op, now());
        assert_eq!(judged.doubts, Vec::<String>::new(), "{path}");
        assert_eq!(judged.rules, ["fact"], "{path}");
    }
}

/// A program with something in every text.
fn program() -> Run {
    Run {
        program: "rm".to_owned(),
        args: vec!["-rf".to_owned(), "/srv".to_owned()],
        privileged: true,
        user: Some("root".to_owned()),
        abuse: Some("a form".to_owned()),
        destroys: Some("files".to_owned()),
        ..Run::default()
    }
}

#[test]
fn a_rule_can_look_at_the_program_that_runs() {
    let base = WORLD.split("[[rule]]").next().unwrap();
    let when = r#"op.program == "rm" && op.args.exists(arg, arg == "-rf") && op.privileged && op.destructive"#;
    let policy = policy(&format!("{base}[[rule]]\nname = \"rm\"\ndo = \"deny\"\nwhen = '{when}'\n"));
    let statement = classified("SELECT 1 FROM orders");
    let rm = Operation { run: Some(Box::new(program())), ..statement.clone() };
    let ls = Operation { run: Some(Box::new(Run { program: "ls".to_owned(), ..program() })), ..statement.clone() };
    for (op, expected) in [(&rm, "shut"), (&ls, "open"), (&statement, "open")] {
        assert_eq!(word(&judge(&policy, Access::Write, op, now()).verdict.gate), expected, "{:?}", op.run);
    }
}

#[test]
fn an_operation_from_before_there_were_programs_is_read() {
    let statement = classified("SELECT 1 FROM orders");
    let text = serde_json::to_string(&statement).unwrap();
    assert!(!text.contains("run"), "SQL looks as it did: {text}");
    assert_eq!(serde_json::from_str::<Operation>(&text).unwrap(), statement);
}

#[test]
fn time_is_told_in_the_policys_zone() {
    let text = format!(
        "{}[[rule]]\nname = \"weekend\"\ndo = \"deny\"\nwhen = 'time.weekday == \"saturday\" && time.hour < 1'\n",
        WORLD.split("[[rule]]").next().unwrap()
    );
    let policy = policy(&text);
    let op = classified("SELECT 1 FROM orders");
    for (moment, expected) in
        [("2026-01-09T22:59:59Z", "open"), ("2026-01-09T23:00:00Z", "shut"), ("2026-01-10T00:00:00Z", "open")]
    {
        assert_eq!(word(&judge(&policy, Access::Write, &op, at(moment)).verdict.gate), expected, "{moment}");
    }
}

#[test]
fn a_scope_is_steady_unless_something_in_it_moves() {
    let base = WORLD.split("[[rule]]").next().unwrap();
    let target = name("orders-prod");
    for (rule, steady) in [
        ("when = 'op.writes && person.name == \"x\"'", true),
        ("when = 'op.params.size() > 1'", false),
        ("when = 'message.in_transaction'", false),
        ("when = 'time.hour > 20'", false),
        ("when = '\"primary\" in person.on_call'", false),
        ("who = \"oncall:primary\"", false),
        ("targets = { env = \"test\" }\nwhen = 'time.hour > 20'", true),
    ] {
        let policy = policy(&format!("{base}[[rule]]\nname = \"r\"\ndo = \"deny\"\n{rule}\n"));
        let scope = policy.seated(&seat("ada@example.com", &target, Access::Read), now()).unwrap();
        assert_eq!(scope.steady(), steady, "{rule}");
        assert_eq!(scope.policy_hash(), policy.hash());
    }
}

#[test]
fn a_scope_says_whether_it_looks_at_the_text_itself() {
    let base = WORLD.split("[[rule]]").next().unwrap();
    let target = name("orders-prod");
    for (when, looks) in
        [("op.writes", false), ("\"t\" in op.objects", false), ("op.writes && op.text.contains(\"x\")", true)]
    {
        let policy = policy(&format!("{base}[[rule]]\nname = \"r\"\ndo = \"deny\"\nwhen = '{when}'\n"));
        let scope = policy.seated(&seat("ada@example.com", &target, Access::Read), now()).unwrap();
        assert_eq!((scope.looks_at_text(), scope.steady()), (looks, true), "{when}");
    }
}

#[test]
fn masks_are_united_and_lifted_for_those_who_may_see() {
    let target = name("orders-prod");
    let more = format!("{WORLD}\n[[mask]]\nname = \"more\"\ndetect = [\"iban\"]\n");
    let policy = policy(&more);
    let mask = |by: &str| policy.seated(&seat(by, &target, Access::Read), now()).unwrap().mask().clone();
    assert_eq!(mask("ada@example.com").columns.len(), 2);
    assert_eq!(mask("ada@example.com").detect.iter().collect::<Vec<_>>(), ["card", "iban"]);
    assert!(mask("grace@example.com").columns.is_empty());
    assert_eq!(mask("grace@example.com").detect.iter().collect::<Vec<_>>(), ["iban"]);
}

#[test]
fn who_is_on_call_is_looked_up_when_it_is_judged() {
    let base = WORLD.split("[[rule]]").next().unwrap();
    let rule = "[[rule]]\nname = \"r\"\ndo = \"deny\"\nwho = \"oncall:primary\"\n";
    let policy = policy(&format!("{base}{rule}"));
    let target = name("orders-prod");
    let scope = policy.seated(&seat("grace@example.com", &target, Access::Read), now()).unwrap();
    let op = classified("SELECT 1 FROM orders");
    assert_eq!(word(&scope.judge(&op, &around(), now()).verdict.gate), "shut");
    let later = at("2026-01-12T08:00:00Z");
    assert_eq!(word(&scope.judge(&op, &around(), later).verdict.gate), "open");
}

/// Rules made of parts that often match.
fn rules() -> impl Strategy<Value = Vec<(String, usize, usize)>> {
    proptest::collection::vec(("[a-f]", 0..3usize, 0..5usize), 0..6).prop_map(|mut rules| {
        let mut seen = BTreeSet::new();
        rules.retain(|(name, ..)| seen.insert(name.clone()));
        rules
    })
}

/// The names of the rules that hold: what exceptions lift.
fn holds(rules: &[(String, usize, usize)]) -> String {
    let holds = rules.iter().filter(|(_, does, _)| *does == 0).map(|(name, ..)| format!("\"{name}\""));
    holds.take(2).collect::<Vec<_>>().join(", ")
}

fn written(rules: &[(String, usize, usize)], lifted: &str) -> Policy {
    let whens = [
        "op.writes",
        "!op.bounded",
        "op.ddl || op.opaque",
        "op.params[0] == \"x\"",
        "target.name == \"orders-prod\"",
    ];
    let mut text = WORLD.split("[[rule]]").next().unwrap().to_owned();
    for (name, does, when) in rules {
        let when = whens[*when];
        let does = match does {
            0 => "do = \"hold\"\napproval = { from = \"group:dba\" }".to_owned(),
            1 => "do = \"deny\"".to_owned(),
            _ => format!("do = \"allow\"\nover = [{lifted}]"),
        };
        text += "[[rule]]\n";
        writeln!(text, "name = \"{name}\"\nwhen = '{when}'\n{does}").unwrap();
    }
    policy(&text)
}

fn strength(gate: &Gate) -> usize {
    match gate {
        Gate::Open => 0,
        Gate::Hold(needs) => needs.quorums().len(),
        Gate::Shut(_) => usize::MAX,
    }
}

const STATEMENTS: [&str; 6] = [
    "SELECT 1 FROM orders",
    "DELETE FROM orders",
    "UPDATE orders WHERE x",
    "DROP TABLE orders",
    "GRANT ALL ON orders",
    "DO it",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_rule_more_never_makes_a_verdict_weaker(rules in rules(), does in 0..2usize, when in 0..5usize, at in 0..6usize) {
        let mut more = rules.clone();
        more.insert(at.min(rules.len()), ("z".to_owned(), does, when));
        let lifted = holds(&rules);
        let (before, after) = (written(&rules, &lifted), written(&more, &lifted));
        for sql in STATEMENTS {
            for access in [Access::Read, Access::Write, Access::Admin] {
                let op = classified(sql);
                let one = judge(&before, access, &op, now()).verdict;
                let two = judge(&after, access, &op, now()).verdict;
                prop_assert!(strength(&one.gate) <= strength(&two.gate), "{sql} at {access}");
            }
        }
    }

    #[test]
    fn the_order_of_rules_does_not_change_the_gate(rules in rules(), turn in 0..6usize) {
        let mut turned = rules.clone();
        turned.rotate_left(turn.min(rules.len()));
        turned.reverse();
        let lifted = holds(&rules);
        let (one, two) = (written(&rules, &lifted), written(&turned, &lifted));
        for sql in STATEMENTS {
            let op = classified(sql);
            let one = judge(&one, Access::Admin, &op, now()).verdict;
            let two = judge(&two, Access::Admin, &op, now()).verdict;
            prop_assert_eq!(one, two);
        }
    }
}

#[test]
fn a_scope_says_until_when_its_mask_and_its_right_stand() {
    let target = name("orders-prod");
    let seat = seat("grace@example.com", &target, Access::Admin);
    assert_eq!(policy(WORLD).scope(&seat, now()).unwrap().valid_until(), None, "nobody's right hangs on a rotation");
    let text = WORLD.replace("unless = \"group:privacy\"", "unless = \"oncall:primary\"");
    let scope = policy(&text).scope(&seat, now()).unwrap();
    assert!(scope.mask().is_empty());
    let hand_over = at("2026-01-12T08:00:00Z");
    assert_eq!(scope.valid_until(), Some(hand_over));
    assert!(!policy(&text).scope(&seat, hand_over).unwrap().mask().is_empty());
}
