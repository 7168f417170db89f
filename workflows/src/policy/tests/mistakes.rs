use super::*;

/// Changes one place of the world and gives the mistakes.
fn broken(from: &str, to: &str) -> (String, Vec<Mistake>) {
    assert!(WORLD.contains(from), "`{from}` is not in the world");
    let text = WORLD.replacen(from, to, 1);
    let list = match Policy::parse(&text) {
        Ok(policy) => policy.warnings().to_vec(),
        Err(list) => list,
    };
    (text, list)
}

/// One change of the world, the part of the text that the mistake must point at, and words of it.
pub(super) fn case(from: &str, to: &str, at: &str, what: &str, instead: &str) {
    let (text, list) = broken(from, to);
    let near = WORLD.find(from).unwrap();
    // `$` is the end of what was written.
    let place = if at == "$" { Some(to.len()) } else { to.find(at) };
    let start = near + place.unwrap_or_else(|| panic!("`{at}` is not in `{to}`"));
    let before = text.get(..start).unwrap();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let shown = || list.iter().map(|mistake| mistake.render("t")).collect::<Vec<_>>().join("\n");
    let found = list.iter().find(|mistake| (mistake.line, mistake.column) == (line, column));
    let found = found.unwrap_or_else(|| panic!("nothing at {line}:{column} after `{to}`:\n{}", shown()));
    assert!(found.what.contains(what), "`{what}` is not in:\n{}", found.render("t"));
    assert!(found.instead.contains(instead), "`{instead}` is not in:\n{}", found.render("t"));
    assert!(!found.what.starts_with(char::is_uppercase) && !found.what.ends_with('.'), "{}", found.what);
    assert_eq!(list.len(), 1, "one mistake is told once:\n{}", shown());
}

#[test]
fn the_form_of_the_file() {
    case("zone = \"Europe/Berlin\"", "zone = ", "$", "string values must be quoted", "");
    case("[store]", "[stor]", "stor", "`stor` is not a key of the file", "write `store`");
    case("at_most = \"4h\"", "at_most = \"4h\"\nat_mots = 1", "at_mots", "not a key of [[access]]", "`at_most`");
    case("at_most = \"4h\"", "at_most = 4", "4", "`at_most` is a number", "write a text in quotes");
    case("at_most = \"4h\"", "at_most = \"4 foo\"", "\"4 foo\"", "not a length of time", "");
    case("within = \"10m\"", "within = \"soon\"", "\"soon\"", "not a length of time", "");
    case(
        "within = \"10m\"",
        "within = \"10m\", pause_for_questions = \"yes\"",
        "\"yes\"",
        "`pause_for_questions` is a text",
        "`true` or `false`, without quotes",
    );
    case(
        "within = \"10m\"",
        "within = \"10m\", pause_for_question = true",
        "pause_for_question",
        "not a key of approval",
        "write `pause_for_questions`",
    );
    case(
        "{ from = \"group:dba\", within = \"24h\" }",
        "{ from = \"group:dba\", within = \"24h\", pause_for_questions = true }",
        "true",
        "no clock is stopped for it",
        "leave `pause_for_questions` out",
    );
    case("within = \"10m\"", "within = \"10m\", repeat_at_most = \"0s\"", "\"0s\"", "not a length of time", "");
    case(
        "within = \"10m\"",
        "within = \"10m\", repeat_at_mots = \"5m\"",
        "repeat_at_mots",
        "not a key of approval",
        "write `repeat_at_most`",
    );
    case(
        "{ from = \"group:dba\", within = \"24h\" }",
        "{ from = \"group:dba\", within = \"24h\", repeat_at_most = \"5m\" }",
        "\"5m\"",
        "nothing passes again by it",
        "leave `repeat_at_most` out",
    );
    case("name = \"scratch\"", "name = \" scratch\"", "\" scratch", "without space around it", "");
    case("who = \"group:dba\"", "who = []", "[]", "nobody may ask", "group:");
    case(
        "{ from = \"group:dba\", within = \"24h\" }",
        "{ from = \"group:dba\", within = \"25h\" }",
        "{",
        "within a day",
        "24h",
    );
}

#[test]
fn a_missing_key_is_told_at_its_table() {
    for (cut, title, key) in [
        (
            "approval = { from = \"oncall:primary\", people = 1, within = \"15m\", then = \"group:leads\" }",
            "[[access]]",
            "approval",
        ),
        ("hands_over = \"monday 09:00 Europe/Berlin\"", "[rotation.NAME]", "hands_over"),
        ("who = \"group:dba\"\n", "[[access]]", "who"),
        ("review = { from = \"group:dba\", within = \"24h\" }", "[[emergency]]", "review"),
    ] {
        let (_, list) = broken(cut, "");
        assert_eq!(list.len(), 1, "{list:?}");
        assert!(list[0].what.contains(&format!("has no `{key}`")), "{title}: {}", list[0].what);
        assert!(list[0].source_line.starts_with('['), "{}", list[0].source_line);
        assert!(list[0].instead.starts_with(&format!("add `{key} = ")), "{}", list[0].instead);
    }
}

#[test]
fn names_that_lead_nowhere() {
    case("who = \"group:dba\"", "who = \"group:dbaa\"", "\"group:dbaa", "no group `dbaa`", "write `group:dba`");
    case("\"oncall:primary\"", "\"oncall:primry\"", "\"onc", "no rotation `primry`", "write `oncall:primary`");
    case("who = \"group:dba\"", "who = \"dba\"", "\"dba\"", "`dba` is a group", "write `group:dba`");
    case("who = \"group:dba\"", "who = \"everyone:dba\"", "\"every", "names nobody", "group:NAME");
    case("who = \"group:dba\"", "who = \"grcae@example.com\"", "\"grcae", "is in no group", "`grace@example.com`");
    case("unless = \"group:privacy\"", "unless = \"group:privcy\"", "\"group:privcy", "no group", "`group:privacy`");
    case("over = [\"bulk write\"]", "over = [\"bulk wriet\"]", "\"bulk wriet", "no rule", "write `bulk write`");
    case("over = [\"bulk write\"]", "over = [\"no ledger\"]", "\"no ledger", "nothing lifts a denial", "narrow");
    case("over = [\"bulk write\"]", "over = [\"scratch\"]", "\"scratch", "holds nothing", "`bulk write`");
    case("detect = [\"card\"]", "detect = [\"crad\"]", "\"crad", "not a detector", "write `card`");
    case("\"customers.phone\"", "\"customers.ph*\"", "\"customers.ph*", "does not name columns", "`table.column`");
    case(
        "hands_over = \"monday 09:00 Europe/Berlin\"",
        "hands_over = \"moonday 09:00\"",
        "\"moonday",
        "not a hand-over",
        "monday 09:00",
    );
    case(
        "hands_over = \"monday 09:00 Europe/Berlin\"",
        "hands_over = \"monday 09:00 Mars/X\"",
        "\"monday",
        "not a time zone",
        "Europe/Berlin",
    );
    case(
        "zone = \"Europe/Berlin\"",
        "zone = \"Europe/Berln\"",
        "\"Europe/Berln",
        "not a time zone",
        "`Europe/Berlin`",
    );
    case("address = \"10.0.0.5:5432\"", "address = \"10.0.0.5\"", "\"10.0.0.5\"", "not a host and a port", ":5432");
    case("address = \"10.0.0.5:5432\"", "address = \"u:p@h:5432\"", "\"u:p@h", "not a host and a port", ":5432");
    case("login.read = { user = \"cs\"", "login.reed = { user = \"cs\"", "reed", "not an access level", "`read`");
}

#[test]
fn doubles() {
    case(
        "name = \"databases\"",
        "name = \"orders, on call\"",
        "\"orders, on call",
        "two `[[access]]`",
        "another name",
    );
    case("name = \"no ledger\"", "name = \"bulk write\"", "\"bulk write", "two `[[rule]]` named", "another name");
    case("name = \"orders-test\"", "name = \"orders-prod\"", "\"orders-prod", "two `[[target]]`", "another name");
    case("name = \"no ledger\"", "name = \"access level\"", "\"access level", "judged by first", "another name");
    case("privacy = [", "dba = []\nprivacy = [", "dba", "duplicate key", "leave one of the two out");
}

#[test]
fn groups_and_quorums() {
    let text = WORLD.replace("interns = [\"bob@example.com\"]", "interns = [\"group:orders\"]");
    let list = Policy::parse(&text).unwrap_err();
    let cycle = list.iter().find(|mistake| mistake.what.contains("contain each other")).unwrap();
    assert!(cycle.source_line.starts_with("interns = "), "{}", cycle.source_line);
    assert_eq!(cycle.what, "groups contain each other: `interns` contains `orders` contains `interns`");
    assert_eq!(cycle.instead, "take `group:orders` out of `interns`");
    case("privacy = [", "privacy = [\"oncall:primary\", ", "\"oncall", "can't contain a rotation", "");
    case("people = 2", "people = 4", "4", "4 must agree, and 3 can be asked", "write `people = 3`");
    case("people = 2", "people = 0", "0", "not from 1 to 255", "at least 1");
    case(
        "from = \"oncall:primary\", people = 1, within = \"15m\", then = \"group:leads\"",
        "from = \"oncall:primary\", people = 2",
        "2",
        "2 must agree, and 1 can be asked",
        "`people = 1`",
    );
    // People who can only ask themselves: the file works, and not for them.
    case(
        "{ from = \"group:leads\", people = 2, within = \"15m\" }",
        "{ from = \"group:dba\", people = 2 }",
        "{",
        "when `grace@example.com` asks, too few others can agree",
        "ask more people",
    );
}

#[test]
fn what_can_never_match() {
    case(
        "targets = { env = \"prod\" }\nlevels = [\"admin\"]",
        "targets = { evn = \"prod\" }\nlevels = [\"admin\"]",
        "evn",
        "no target has a label `evn`",
        "write `env`",
    );
    case(
        "targets = { env = \"prod\" }\ncolumns",
        "targets = { env = \"pord\" }\ncolumns",
        "\"pord",
        "no target has env `pord`",
        "write `prod`",
    );
    case(
        "targets = { team = \"orders\", env = \"prod\" }",
        "targets = { name = \"orders-test\", env = \"prod\" }",
        "name",
        "all of these at once",
        "",
    );
    case(
        "targets = { env = \"prod\" }\nlevels = [\"admin\"]",
        "targets = { env = \"test\" }\nlevels = [\"admin\"]",
        "\"admin\"",
        "`orders-test` has no login for `admin`",
        "add `login.admin`",
    );
    case("levels = [\"admin\"]", "levels = [\"amdin\"]", "\"amdin", "not an access level", "write `admin`");
    case("at_most = \"30m\"", "at_most = \"2h\"", "\"2h", "an hour at most", "at_most = \"1h\"");
    let (_, list) = broken("columns = [\"*.email\", \"customers.phone\"]\ndetect = [\"card\"]\n", "");
    assert_eq!((list[0].what.as_str(), list[0].source_line.as_str()), ("this mask hides nothing", "[[mask]]"));
}

#[test]
fn rules_that_ask_too_much_or_too_little() {
    let hold = "do = \"hold\"\napproval = { from = \"group:dba\", people = 1, within = \"10m\" }";
    let (_, list) = broken(hold, "do = \"hold\"");
    assert!(list[0].what.contains("does not say who may agree") && list[0].source_line == "[[rule]]", "{list:?}");
    let allow = "do = \"allow\"\napproval = { from = \"group:dba\" }";
    case("do = \"allow\"", allow, "{ from", "nobody is asked unless the rule holds", "leave `approval` out");
    case("do = \"deny\"", "do = \"dney\"", "\"dney", "not what a rule can do", "write `deny`");
    case(
        "do = \"deny\"",
        "do = \"deny\"\nover = [\"bulk write\"]",
        "\"bulk",
        "only a rule that allows",
        "leave `over` out",
    );
    case(
        "sql = \"DELETE FROM orders\"",
        "sql = \"DELETE\"\ntarget = \"orders-prd\"",
        "\"orders-prd",
        "no target",
        "`orders-prod`",
    );
}

#[test]
fn conditions_that_make_sense_are_left_alone() {
    for condition in [
        "has(op.act) && op.act == \"read\"",
        "has(target.labels.team) && target.labels.team == \"orders\"",
        "op.objects.exists(o, o.startsWith(\"tmp_\")) && op.verb in [\"DELETE\", \"UPDATE\"]",
        "op.params[0] == null || op.params.size() > 3",
        "op[\"writes\"] ? op.bounded : op.text.matches(\"^S\")",
        "\"team\" in target.labels && (time.hour >= 22 || time.hour < 6)",
        "!(\"dba\" in person.groups) && !op.writes",
        "op.act == \"read\" || op.act == \"write\"",
        "size(op.functions) == 0 && session.client != \"\"",
    ] {
        let (_, list) = broken("when = 'op.act == \"write\" && !op.bounded'", &format!("when = '{condition}'"));
        assert_eq!(list, [], "{condition}");
    }
}

/// Puts a condition into the first rule.
fn when(condition: &str, at: &str, what: &str, instead: &str) {
    case("when = 'op.act == \"write\" && !op.bounded'", &format!("when = '{condition}'"), at, what, instead);
}

#[test]
fn conditions_that_name_what_is_not_there() {
    when("op.wirtes", "wirtes", "`op` has no `wirtes`", "write `op.writes`");
    when("ops.writes", "ops", "`ops` is not known", "write `op`");
    when("writes && op.ddl", "writes", "`writes` is not known", "write `op.writes`");
    when("op.hour > 20", "hour", "`op` has no `hour`", "write `time.hour`");
    when("op[\"wirtes\"] == true", "\"wirtes", "`op` has no `wirtes`", "write `op.writes`");
    when("op == 1", "op ==", "`op` alone is not a value", "op.act");
    when("op.act.size.x == 1", "size", "has nothing below it", "write `op.act`");
    when("target.labels.evn == \"prod\"", "evn", "no target has a label `evn`", "write `env`");
    when(
        "op.objects.exists(o, o.startWith(\"x\"))",
        "startWith",
        "`startWith` is not a function",
        "write `startsWith`",
    );
    when("op.objects.exists(o, p == \"x\")", "p ==", "`p` is not known", "");
    when("has(op.wirtes)", "wirtes", "`op` has no `wirtes`", "write `op.writes`");
}

#[test]
fn conditions_that_compare_what_can_not_be() {
    when("op.act == \"reed\"", "\"reed", "`op.act` is never `reed`", "write `read`");
    when("op.act in [\"read\", \"wriet\"]", "\"wriet", "never `wriet`", "write `write`");
    when("op.verb == \"delete\"", "\"delete", "in upper case", "write `DELETE`");
    when("session.access != \"rite\"", "\"rite", "never `rite`", "write `write`");
    when("time.weekday == \"Monday\"", "\"Monday", "never `Monday`", "write `monday`");
    when("target.name == \"orders-prd\"", "\"orders-prd", "is never", "write `orders-prod`");
    when("target.labels.env == \"pord\"", "\"pord", "is never", "write `prod`");
    when("\"dbaa\" in person.groups", "\"dbaa", "never holds", "write `dba`");
    when("op.writes == \"yes\"", "\"yes", "true or false, and this is a text", "write `op.writes`");
    when("op.objects == \"orders\"", "\"orders", "a list of texts", "in op.objects");
    when("time.hour > \"9\"", "\"9", "`time.hour` is a number", "compare it with a number");
    when("op.verb", "verb", "this is a text", "compare it");
    when("op.writes && op.verb", "verb", "this is a text", "compare it");
    when("op.text.matches(\"[\")", "\"[", "not a regular expression", "");
}

#[test]
fn conditions_that_can_not_be_read_or_never_be_true() {
    when("op.writes and op.ddl", "and", "can't be read", "write `&&` instead of `and`");
    when("op.writes &&", "&'", "can't be read", "op.writes");
    when("1 > 2", "'1", "can never be true", "");
    when("op.writes && false", "'op", "can never be true", "");
    when("op.writes && !op.writes", "'op", "`op.writes` can't be both true and false", "");
    when("op.act == \"read\" && op.ddl && op.act == \"write\"", "'op", "can't be both `read` and `write`", "");
    when("(op.ddl && !op.ddl) || 1 == 2", "'(", "can never be true", "");
    when("1 == 1", "'1", "this is always true", "leave `when` out");
    when("1 / 0 == 1", "'1", "this fails always", "");
}

#[test]
fn a_condition_over_several_lines_is_pointed_at_where_it_is_wrong() {
    let when = "when = '''\nop.writes &&\n  op.wirtes'''";
    case("when = 'op.act == \"write\" && !op.bounded'", when, "wirtes", "`op` has no `wirtes`", "write `op.writes`");
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = WORLD
        .replace("address = \"10.0.0.5:5432\"", "address = \"nowhere\"")
        .replace("who = \"group:dba\"", "who = \"group:dbaa\"")
        .replace("op.bounded", "op.bonded")
        .replace("detect = [\"card\"]", "detect = [\"crad\"]");
    let list = Policy::parse(&text).unwrap_err();
    let lines: Vec<usize> = list.iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines.len(), 4, "{list:?}");
    assert!(lines.is_sorted());
}

#[test]
fn a_secret_in_the_file_is_a_mistake_and_is_shown_nowhere() {
    let canary = "canary-7d1f";
    for (from, to) in [
        ("password = \"env:ORDERS_READ\"", format!("password = \"{canary}\"")),
        ("password = \"env:ORDERS_READ\"", format!("password = '''\n{canary}\n'''")),
        ("password = \"env:ORDERS_READ\"", format!("password = \"{canary}")),
        ("password = \"env:ORDERS_READ\"", format!("pasword = \"env:X\", password = \"{canary}\", x = 1")),
        ("user = \"cs_read\"", format!("user = \"xoxb-0000-{canary}\"")),
        ("url = \"sqlite:countersign.db\"", format!("url = \"postgres://cs:{canary}@db/cs\"")),
        ("[store]", format!("[slack]\nbot_token = \"{canary}\"\nwrong = \n[store]")),
    ] {
        let (_, list) = broken(from, &to);
        assert!(!list.is_empty(), "{to}");
        for mistake in &list {
            let shown = format!("{} {mistake} {mistake:?}", mistake.render("countersign.toml"));
            assert!(!shown.contains(canary), "{shown}");
        }
    }
    let (_, list) = broken("password = \"env:ORDERS_READ\"", &format!("password = \"{canary}\""));
    assert_eq!(list[0].what, "a password must not stand in the file itself");
    assert!(list[0].instead.contains("env:NAME"));
    assert!(list[0].source_line.contains("password = …"), "{}", list[0].source_line);
}

#[test]
fn where_ports_lead_is_a_host_and_a_port() {
    let target = |to: &str| {
        let login = format!("login.read = {{ user = \"x\", password = \"env:X\", forward = [\"{to}\"] }}");
        let keys = "host_key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGP2Hcq6OYhfz8dVSDkRdhdXvnkvZZXk0mDBgpmzuFCU\"";
        format!("{WORLD}\n[[target]]\nname = \"web-9\"\nprotocol = \"ssh\"\naddress = \"h:22\"\n{keys}\n{login}\n")
    };
    for good in ["db.internal:5432", "10.0.0.7:*", "[::1]:80"] {
        let policy = Policy::parse(&target(good)).unwrap_or_else(|list| panic!("{good}: {list:?}"));
        let login = policy.target(&"web-9".parse().unwrap()).unwrap().logins[&Access::Read].clone();
        assert_eq!(login.forward, [good]);
    }
    for wrong in ["db.internal", "*:5432", "::1:80", "[x]:80", "db:0", "db:70000", ":80", "a b:80", ""] {
        let list = Policy::parse(&target(wrong)).expect_err(wrong);
        assert!(
            list.iter().any(|mistake| mistake.what.contains("is not where a port can lead")),
            "{wrong}: {list:?}"
        );
    }
}

#[test]
fn a_condition_that_nobody_can_read_is_refused() {
    let said = |condition: &str| {
        let (_, list) = broken("op.act == \"write\" && !op.bounded", condition);
        list.first().map(|mistake| mistake.what.clone()).unwrap_or_default()
    };
    let sum = |count: usize| format!("op.writes && {}1 > 0", "1 + ".repeat(count));
    let parens = |count: usize| format!("{}op.writes{}", "(".repeat(count), ")".repeat(count));
    assert_eq!(said(&sum(20)), "");
    assert_eq!(said(&sum(400)), "the condition is nested too deeply");
    assert_eq!(said(&sum(100_000)), "the condition is longer than 2000 letters");
    assert_eq!(said(&parens(16)), "");
    assert!(said(&parens(900)).starts_with("the condition can't be read"), "{}", said(&parens(900)));
    assert!(said(&"op.writes ? true : ".repeat(100)).contains("nested too deeply"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn no_change_of_a_few_letters_makes_it_fall_over(
        changes in proptest::collection::vec((0..WORLD.len(), "[\\[\\]{}\"'=.,#a-z0-9\n ü]{0,3}"), 1..4)
    ) {
        let mut text = WORLD.to_owned();
        for (at, new) in changes {
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                text.replace_range(at..=at, &new);
            }
        }
        if let Err(list) = Policy::parse(&text) {
            proptest::prop_assert!(!list.is_empty());
            proptest::prop_assert!(list.iter().all(|mistake| mistake.render("t").contains('^')));
        }
    }
}

#[test]
fn no_text_makes_it_fall_over() {
    for text in [
        "",
        "=",
        "[",
        "[[rule]]",
        "rule = 1",
        "group = []",
        "target = [1]",
        "zone = 1",
        "\u{feff}",
        "[[access]]\nwho = {}",
    ] {
        let _either = Policy::parse(text);
    }
    for cut in (0..WORLD.len()).filter(|cut| WORLD.is_char_boundary(*cut)).step_by(7) {
        if let Err(list) = Policy::parse(WORLD.get(..cut).unwrap()) {
            assert!(list.iter().all(|mistake| !mistake.render("t").is_empty()));
        }
    }
}

#[test]
fn how_much_of_files_is_kept_is_a_size_of_an_ssh_target() {
    let key = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    let target = |keep: &str| {
        format!(
            "{WORLD}\n[[target]]\nname = \"web-1\"\nprotocol = \"ssh\"\naddress = \"10.0.0.9:22\"\n\
             host_key = \"ssh-ed25519 {key}\"\nlogin.read = {{ user = \"app\", key = \"file:/k\" }}\n{keep}\n"
        )
    };
    let read = |keep: &str| Policy::parse(&target(&format!("keep_files = {keep}")));
    for (text, bytes) in [("\"1MiB\"", 1 << 20), ("\"512KiB\"", 512 << 10), ("\"7 B\"", 7), ("\"8MiB\"", 8 << 20)] {
        let policy = read(text).unwrap();
        assert_eq!(policy.target(&"web-1".parse().unwrap()).unwrap().keep_files, bytes, "{text}");
    }
    assert_eq!(Policy::parse(&target("")).unwrap().target(&"web-1".parse().unwrap()).unwrap().keep_files, 0);
    for (text, what, instead) in [
        ("\"1 GB\"", "`1 GB` is not a size", "`512KiB` or `1MiB`"),
        ("\"0MiB\"", "`0MiB` is not a size", "leave `keep_files` out"),
        ("\"9MiB\"", "more of a file than is kept", "`8MiB` or less"),
        ("\"99999999999999999999MiB\"", "is not a size", "`1MiB`"),
        ("\"-1MiB\"", "is not a size", "`1MiB`"),
        ("1048576", "", "write a text in quotes"),
    ] {
        let list = read(text).unwrap_err();
        let shown: String = list.iter().map(|mistake| mistake.render("t")).collect();
        assert_eq!(list.len(), 1, "{text}: {shown}");
        assert!(shown.contains(what) && shown.contains(instead), "{text}: {shown}");
    }
    case("database = \"orders\"", "database = \"orders\"\nkeep_files = \"1MiB\"", "keep_files", "", "");
}
