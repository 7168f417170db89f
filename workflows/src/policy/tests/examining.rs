use super::*;

fn examine(text: &str) -> Vec<Mistake> {
    policy(text).examine(&mut |_, sql| (vec![classified(sql)], around()))
}

#[test]
fn tests_that_hold_say_nothing() {
    assert_eq!(examine(WORLD), []);
}

#[test]
fn the_starters_tests_hold_beside_a_prod_target_and_a_group() {
    let base = WORLD.split("[[rule]]").next().unwrap();
    let text = format!("{base}\n{STARTER}");
    assert!(policy(&text).warnings().is_empty());
    assert_eq!(examine(&text), []);
}

#[test]
fn a_test_that_fails_is_a_mistake_at_its_line() {
    let wrong =
        WORLD.replace("sql = \"DELETE FROM orders\"\nexpect = \"hold\"", "sql = \"SELECT 1\"\nexpect = \"hold\"");
    let list = examine(&wrong);
    let line = wrong.lines().position(|line| line == "expect = \"hold\"").unwrap() + 1;
    assert_eq!((list[0].line, list[0].column), (line, 10));
    assert_eq!(list[0].what, "this test expects `hold`, and the policy says `allow`: no rule is against it");
    assert_eq!(list[0].instead, "write `expect = \"allow\"`, or change the rule `bulk write`");
}

#[test]
fn a_test_holds_only_if_its_own_rule_matched() {
    let text = format!(
        "{WORLD}\n[[rule]]\nname = \"other\"\nwhen = 'op.ddl'\ndo = \"hold\"\napproval = {{ from = \"group:dba\" }}\n\
         [[rule.test]]\nsql = \"DELETE FROM orders\"\nexpect = \"hold\"\n"
    )
    .replace("[[mask]]\nname = \"personal data\"", "[[mask]]\nname = \"m\"");
    let list = examine(&text);
    assert_eq!(list.len(), 1);
    assert!(list[0].what.starts_with("the rule `other` did not match here"), "{}", list[0].what);
}

#[test]
fn a_test_may_say_who_where_when_and_at_which_level() {
    let rule = |test: &str| {
        let rule = "[[rule]]\nname = \"r\"\ndo = \"deny\"\nwho = \"group:interns\"\nwhen = 'time.hour >= 22'\n";
        let base = WORLD.split("[[rule]]").next().unwrap();
        examine(&format!("{base}{rule}[[rule.test]]\nsql = \"SELECT 1\"\n{test}")).len()
    };
    assert_eq!(rule("expect = \"allow\""), 0, "noon");
    assert_eq!(rule("at = \"2026-01-05 22:30\"\nexpect = \"deny\""), 0);
    assert_eq!(rule("at = \"2026-01-05 22:30\"\nas = \"ada@example.com\"\nexpect = \"allow\""), 0);
    assert_eq!(rule("at = \"2026-01-05 22:30\"\ntarget = \"orders-test\"\nexpect = \"deny\""), 0);
    assert_eq!(rule("at = \"2026-01-05 22:30\"\nexpect = \"allow\""), 1);
}

#[test]
fn an_explanation_says_who_is_asked_and_why_each_rule_did_or_did_not_match() {
    let policy = policy(WORLD);
    let (prod, operations, around) = (name("orders-prod"), [classified("DELETE FROM orders")], around());
    let question = Question {
        by: "ada@example.com",
        target: &prod,
        access: None,
        emergency: false,
        operations: &operations,
        around: &around,
    };
    let explained = policy.explain(&question, now());
    let expected = "\
ada@example.com on orders-prod
  groups:  orders
  on call: none
  may ask: read, write

access
  + `orders, on call`: ada@example.com is meant by `group:orders`
      read, write for at most 4h
      asks 1 of oncall:primary (grace@example.com) within 15m, then group:leads (eve@example.com, grace@example.com, linus@example.com)
  - `databases`: ada@example.com is not in `group:dba`
  + `fire` (break-glass): ada@example.com is meant by `group:orders`
      write for at most 30m
      reviewed by 1 of group:dba (grace@example.com, linus@example.com) within 1d

DELETE is write, writes, unbounded, touches orders
  + `bulk write` (hold): `op.act == \"write\" && !op.bounded` is true
  - `no ledger` (deny): `\"ledger\" in op.written` is false
  - `scratch` (allow): `op.written == [\"scratch\"]` is false
  verdict: hold
      asks 1 of group:dba (grace@example.com, linus@example.com) within 10m (rule `bulk write`)

masks
  + `personal data`: it is about this target
      hides *.email, customers.phone, every card
";
    assert_eq!(explained.to_string(), expected);
    let json = serde_json::to_value(&explained).unwrap();
    assert_eq!(json["operations"][0]["verdict"], "hold");
    assert_eq!(json["level"], "write");
    let nowhere = name("orders");
    let unknown = policy.explain(&Question { target: &nowhere, ..question }, now());
    assert_eq!(unknown.to_string(), "there is no target `orders`\n");
}
