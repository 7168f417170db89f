use super::*;

/// The world with some lines before its first group.
fn with(lines: &str) -> Result<Policy, Vec<Mistake>> {
    Policy::parse(&WORLD.replacen("[group]", &format!("{lines}\n\n[group]"), 1))
}

/// One mistake: where it stands, what is wrong and what to write instead.
fn case(lines: &str, at: &str, what: &str, instead: &str) {
    let list = match with(lines) {
        Ok(policy) => policy.warnings().to_vec(),
        Err(list) => list,
    };
    let shown = || list.iter().map(|mistake| mistake.render("t")).collect::<Vec<_>>().join("\n");
    assert_eq!(list.len(), 1, "one mistake after `{lines}`:\n{}", shown());
    assert!(list[0].what.contains(what) && list[0].instead.contains(instead), "{}", shown());
    let start = WORLD.find("[group]").unwrap() + lines.find(at).unwrap();
    let before = WORLD.replacen("[group]", &format!("{lines}\n\n[group]"), 1).get(..start).unwrap().to_owned();
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    assert_eq!((list[0].line, list[0].column), (before.matches('\n').count() + 1, column), "{}", shown());
}

const MANAGES: &str = r#"[manages]
"mona@example.com" = ["ada@example.com", "group:dba"]
"margot@example.com" = "mona@example.com""#;

#[test]
fn managers_and_their_people_are_read() {
    let policy = with(MANAGES).unwrap();
    assert_eq!(policy.managers().collect::<Vec<_>>(), ["margot@example.com", "mona@example.com"]);
    assert!(policy.manages("mona@example.com", "grace@example.com"));
    assert!(!policy.manages("margot@example.com", "grace@example.com"), "only those directly below");
    assert_eq!(policy.managers_of("mona@example.com").into_iter().collect::<Vec<_>>(), ["margot@example.com"]);
    assert!(policy.managers_of("margot@example.com").is_empty());
    let team = policy.team("mona@example.com", now()).unwrap();
    let entries = |name: &str| team.members[name].iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>();
    assert_eq!(entries("ada@example.com"), ["orders, on call"]);
    assert_eq!(entries("grace@example.com"), ["databases"]);
    assert_eq!(
        team.members["ada@example.com"][0].targets.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["orders-prod"]
    );
    assert!(policy.team("ada@example.com", now()).is_none());
}

#[test]
fn somebody_in_the_group_that_they_manage_is_left_out_of_it() {
    let policy = with("[manages]\n\"grace@example.com\" = \"group:dba\"").unwrap();
    assert!(!policy.manages("grace@example.com", "grace@example.com"));
    assert!(policy.manages("grace@example.com", "linus@example.com"));
}

#[test]
fn digests_are_made_on_monday_morning_in_the_files_zone_if_nothing_else_is_said() {
    let zone = |policy: &Policy| policy.digest().unwrap().zone().iana_name().unwrap().to_owned();
    assert_eq!(zone(&with(MANAGES).unwrap()), "Europe/Berlin");
    let here =
        with(&format!("[digest]\nschedule = \"30 7 * * FRI\"\nzone = \"America/New_York\"\n{MANAGES}")).unwrap();
    assert_eq!(zone(&here), "America/New_York");
    // Friday 07:30 in New York is 12:30 UTC.
    assert_eq!(here.digest().unwrap().due(at("2026-11-27T12:29:59Z")), None);
    assert!(here.digest().unwrap().due(at("2026-11-27T12:30:00Z")).is_some());
}

#[test]
fn mistakes_in_who_manages_whom() {
    let line = |manager: &str, people: &str| format!("[manages]\n\"{manager}\" = {people}");
    case(&line("mona@example.com", "[\"group:dbaa\"]"), "\"group:dbaa", "no group `dbaa`", "write `group:dba`");
    case(
        &line("mona@example.com", "[\"oncall:primary\"]"),
        "\"oncall",
        "nobody manages a rotation",
        "a group of them",
    );
    case(
        &line("mona@example.com", "[\"ada@example.com\", \"mona@example.com\"]"),
        "\"mona@example.com\"]",
        "`mona@example.com` manages themselves",
        "take `mona@example.com` out",
    );
    case(&line("mona@example.com", "[]"), "[]", "manages nobody", "leave the line out");
    case(&line("group:leads", "[\"ada@example.com\"]"), "\"group", "a manager is one person", "one line for each");
    case(&line("leads", "[\"ada@example.com\"]"), "\"leads", "`leads` is a group", "write `group:leads`");
    case(&line("mona@example.com", "[\"dba\"]"), "\"dba", "`dba` is a group", "write `group:dba`");
    case(&line("mona@example.com", "7"), "7", "is a number", "a text in quotes");
}

#[test]
fn managers_who_manage_each_other() {
    let list = with(
        "[manages]\n\"grace@example.com\" = [\"group:interns\", \"eve@example.com\"]\n\
         \"eve@example.com\" = \"bob@example.com\"\n\"bob@example.com\" = \"group:dba\"",
    )
    .unwrap_err();
    assert_eq!(list.len(), 1, "{list:?}");
    assert!(list[0].what.starts_with("managers manage each other: `bob@example.com` manages "), "{}", list[0].what);
    assert!(list[0].what.ends_with("manages `bob@example.com`"), "{}", list[0].what);
    assert!(list[0].source_line.starts_with("\"bob"), "{}", list[0].source_line);
    assert_eq!(list[0].instead, "take `grace@example.com` out of what `bob@example.com` manages");
}

#[test]
fn mistakes_in_when_digests_are_made() {
    let with_manages = |lines: &str| format!("{MANAGES}\n[digest]\n{lines}");
    case(&with_manages("schedule = \"monday\""), "\"monday", "not a cron expression", "0 9 * * MON");
    case(&with_manages("schedule = \"0 9 * * 1\""), "\"0 9", "Sunday to some and Monday to others", "by name");
    case(&with_manages("schedule = 9"), "9", "`schedule` is a number", "a text in quotes");
    case(&with_manages("zone = \"Europe/Berln\""), "\"Europe/Berln", "not a time zone", "`Europe/Berlin`");
    case(&with_manages("shedule = \"0 9 * * MON\""), "shedule", "not a key of [digest]", "write `schedule`");
    case("[digest]", "[digest]", "nobody manages anybody", "add `[manages]`");
}
