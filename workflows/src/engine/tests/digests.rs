use super::world::*;
use crate::approval::Who;
use crate::clock::{Span, Timestamp};
use crate::digest::{About, Review, Verb, Week};
use crate::engine::{AccessAsk, DigestError, Workflows};
use crate::id::DigestId;
use crate::notice::{Kind, Notice};
use crate::policy::Policy;
use crate::session::{Ending, Totals};
use crate::store::Faults;
use crate::told::{Fault, Told};

/// Mona manages a group, and mia manages mona. Times are UTC; the clock starts on Friday, 2027-01-15 08:00.
fn managed() -> Policy {
    World::policy_without("[group]", "[manages]\nmona = [\"group:orders\"]\nmia = [\"mona\"]\n\n[group]")
}

fn week(text: &str) -> Week {
    text.parse().unwrap()
}

fn moment(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_micros(moment.as_microsecond())
}

async fn notices(workflows: &Workflows) -> Vec<Notice> {
    let all = workflows.claim_notices(Span::seconds(1), 1_000).await.unwrap();
    let ours = |notice: &Notice| {
        matches!(notice.about, Kind::Digest { .. } | Kind::DigestOverdue { .. } | Kind::DigestReviewed { .. })
    };
    let mut mine = Vec::new();
    for notice in all {
        workflows.notice_told(notice.id).await.unwrap();
        if ours(&notice) {
            mine.push(notice);
        }
    }
    mine
}

/// Ada worked on Friday: one request, one grant, one session; and it is Monday, 09:00.
async fn monday(world: &World) -> DigestId {
    world.workflows.reload(managed()).await.unwrap();
    let ada = world.person("ada").await;
    world.granted(&ada).await;
    let session = world.session(&ada).await;
    world.hand.advance(Span::minutes(10));
    let totals = Totals { operations: 7, rows: 120, ..Totals::default() };
    world.workflows.end(session, Ending::Left, totals).await;
    world.hand.advance(Span::minutes(50));
    world.workflows.reconcile().await.unwrap();
    world.hand.set(moment("2027-01-18T09:00:00Z"));
    world.workflows.sweep_digests().await.unwrap();
    let mona = world.person("mona").await;
    world.workflows.digests(&mona).await.unwrap()[0].id
}

both! {
    fn a_digest_is_made_once_for_each_manager_and_week_whatever_restarts_and_however_many_nodes(world) {
        world.workflows.reload(managed()).await.unwrap();
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        world.hand.set(moment("2027-01-18T08:59:59Z"));
        world.workflows.sweep_digests().await.unwrap();
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM digests").await, 0, "not before its hour");
        world.hand.advance(Span::seconds(1));
        let other = world.node(Faults::default()).await.unwrap();
        other.reload(managed()).await.unwrap();
        let (one, two) = tokio::join!(world.workflows.sweep_digests(), other.sweep_digests());
        one.unwrap();
        two.unwrap();
        let restarted = world.node(Faults::default()).await.unwrap();
        restarted.reload(managed()).await.unwrap();
        restarted.sweep_digests().await.unwrap();
        world.hand.set(moment("2027-01-24T23:59:59Z"));
        restarted.sweep_digests().await.unwrap();
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM digests").await, 2);
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM digests WHERE week = '2027-W02'").await, 2);
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM audit WHERE verb = 'digest'").await, 2);
        let told = notices(&world.workflows).await;
        assert_eq!(told.len(), 1, "nothing happened below mia, and once a month is enough to say so: {told:?}");
        assert_eq!(told[0].to, [Who::Person("mona".to_owned())]);
    }

    fn a_crash_between_two_digests_leaves_the_others_to_the_next_sweep(world) {
        world.workflows.reload(managed()).await.unwrap();
        world.granted(&world.person("ada").await).await;
        world.hand.set(moment("2027-01-18T09:00:00Z"));
        // The node's entry and its policy are two commits; the third is mia's digest, the fourth is mona's.
        for (nth, made) in [(3, 0), (4, 1)] {
            let node = world.node(Faults::nth_commit(nth, false)).await.unwrap();
            node.reload(managed()).await.unwrap();
            assert!(node.sweep_digests().await.is_err());
            assert_eq!(world.count("SELECT COUNT(*) AS n FROM digests").await, made);
        }
        world.workflows.sweep_digests().await.unwrap();
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM digests").await, 2);
        assert_eq!(notices(&world.workflows).await.len(), 1);
    }

    fn a_monday_that_was_missed_is_made_up_for_in_the_same_week_and_not_later(world) {
        world.workflows.reload(managed()).await.unwrap();
        world.hand.set(moment("2027-01-20T15:00:00Z"));
        world.workflows.sweep_digests().await.unwrap();
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM digests WHERE week = '2027-W02'").await, 2);
        // Down for the whole of the next week.
        world.hand.set(moment("2027-02-01T08:00:00Z"));
        world.workflows.sweep_digests().await.unwrap();
        world.hand.advance(Span::hours(1));
        world.workflows.sweep_digests().await.unwrap();
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM digests WHERE week = '2027-W03'").await, 0);
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM digests WHERE week = '2027-W04'").await, 2);
        // The first Monday of a month: whoever has nothing to read hears that it is still looked at.
        let told = notices(&world.workflows).await;
        assert_eq!(told.len(), 2, "{told:?}");
        let mona = world.person("mona").await;
        let filed = world.workflows.digests(&mona).await.unwrap();
        assert!(filed.iter().all(|filed| filed.review == Review::NotNeeded));
    }

    fn a_digest_says_what_the_rows_say(world) {
        let id = monday(&world).await;
        let mona = world.person("mona").await;
        let given = world.workflows.digest(&mona, None, None).await.unwrap();
        assert_eq!(given.filed.as_ref().map(|filed| filed.id), Some(id));
        let digest = given.digest;
        assert_eq!((digest.week, digest.people.len()), (week("2027-W02"), 3));
        assert_eq!(digest.summary, "1 request, 1 approved, half decided within 0 s");
        let line = &digest.table[0];
        assert_eq!((line.person.as_str(), line.held_seconds, line.session_seconds), ("ada", 3_600, 600));
        assert_eq!((line.sessions.n, line.operations, line.rows), (1, 7, 120));
        let abouts: Vec<About> = digest.sections.iter().map(|section| section.about).collect();
        assert_eq!(abouts, [About::OnlyRead, About::Hasty]);
        assert_eq!(digest.actions[0].verb, Verb::ProposeRead);
        // Computed for another week, it is not filed; the week of the request stands against it.
        let next = world.workflows.digest(&mona, None, Some(week("2027-W03"))).await.unwrap();
        assert!(next.filed.is_none());
        assert_eq!((next.digest.changes[0].now.n, next.digest.changes[0].before.n), (0, 1));
        assert_eq!((next.digest.changes[5].now.n, next.digest.changes[5].before.n), (0, 1));
        let early = world.workflows.digest(&mona, None, Some(week("2027-W04"))).await.unwrap_err();
        assert_eq!((early.fault(), early.to_string().as_str()), (Fault::Asker, "the week 2027-W04 has not begun"));
    }

    fn what_goes_on_over_sunday_is_in_both_weeks_and_counted_once(world) {
        world.workflows.reload(managed()).await.unwrap();
        world.hand.set(moment("2027-01-17T23:30:00Z"));
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let idle = world.granted(&world.person("alan").await).await;
        let fire = AccessAsk { emergency: true, span: Span::minutes(20), ..ask("orders-prod") };
        world.workflows.request(&world.person("grace").await, fire).await.unwrap();
        world.hand.set(moment("2027-01-18T00:20:00Z"));
        let mona = world.person("mona").await;
        let live = world.workflows.digest(&mona, None, None).await.unwrap().digest;
        let alan = live.table.iter().find(|line| line.person == "alan").unwrap();
        assert_eq!((alan.held_seconds, alan.decide), (1_800, 1));
        let of = |verb: Verb| live.actions.iter().find(|action| action.verb == verb).map(|action| action.about.clone());
        assert_eq!(of(Verb::Revoke), Some(idle.to_string()));
        assert!(of(Verb::Review).unwrap().starts_with("req_"));
        assert_eq!(live.section(About::Ends).unwrap().count.n, 2);
        // The one tap: a manager takes back what nobody uses; somebody else's manager may not.
        let mia = world.person("mia").await;
        assert!(world.workflows.revoke(&mia, idle, "not used").await.is_err());
        world.workflows.revoke(&mona, idle, "not used").await.unwrap();
        world.workflows.end(session, Ending::Left, Totals { operations: 3, writes: 1, ..Totals::default() }).await;
        for (which, held, operations) in [("2027-W02", 1_800, 0), ("2027-W03", 1_200, 3)] {
            let digest = world.workflows.digest(&mona, None, Some(week(which))).await.unwrap().digest;
            let ada = digest.table.iter().find(|line| line.person == "ada").unwrap();
            assert_eq!((ada.held_seconds, ada.session_seconds, ada.operations), (held, held, operations), "{which}");
            assert_eq!(ada.sessions.n, 1, "{which}");
        }
    }

    fn a_manager_in_the_group_that_they_manage_is_not_in_their_own_digest(world) {
        let managed = World::policy_without("[group]", "[manages]\ngrace = [\"group:orders\"]\n\n[group]");
        world.workflows.reload(managed).await.unwrap();
        let (grace, linus) = (world.person("grace").await, world.person("linus").await);
        let request = world.ask(&grace).await;
        world.workflows.vote(&linus, request.id, yes()).await.unwrap();
        let digest = world.workflows.digest(&grace, None, Some(week("2027-W02"))).await.unwrap().digest;
        assert_eq!(digest.people, ["ada", "alan"]);
        assert!(digest.is_empty(), "{digest:?}");
    }

    fn only_the_manager_reviews_a_digest_and_that_is_evidence(world) {
        let id = monday(&world).await;
        for name in ["ada", "linus", "mia", "audrey", "mallory"] {
            let other = world.person(name).await;
            let error = world.workflows.review_digest(&other, id).await.unwrap_err();
            assert_eq!(error.fault(), Fault::Missing, "{name}");
            let sees = world.workflows.show_digest(&other, id).await.is_ok();
            assert_eq!(sees, name == "audrey", "{name}");
            assert_eq!(world.workflows.digest(&other, Some("mona"), None).await.is_ok(), sees, "{name}");
            assert_eq!(!world.workflows.digests(&other).await.unwrap().is_empty(), name == "audrey" || name == "mia");
        }
        let ada = world.person("ada").await;
        assert!(matches!(world.workflows.digest(&ada, None, None).await, Err(DigestError::NoTeam(name)) if name == "ada"));
        notices(&world.workflows).await;
        let mona = world.person("mona").await;
        let filed = world.workflows.review_digest(&mona, id).await.unwrap();
        assert_eq!(filed.review, Review::Done { at: world.clock.now(), by: "mona".to_owned() });
        let again = world.workflows.review_digest(&mona, id).await.unwrap_err();
        assert_eq!((again.fault(), again.told().as_str()), (Fault::Conflict, "it was reviewed already, by mona"));
        let told = notices(&world.workflows).await;
        assert_eq!(told.iter().map(|notice| notice.about.clone()).collect::<Vec<_>>(), [Kind::DigestReviewed { digest: id }]);
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM audit WHERE verb = 'review digest' AND actor = 'mona'").await, 1);
        world.hand.advance(Span::hours(8 * 24));
        world.workflows.sweep_digests().await.unwrap();
        let told = notices(&world.workflows).await;
        assert!(told.iter().all(|notice| !matches!(notice.about, Kind::DigestOverdue { .. })), "{told:?}");
    }

    fn a_digest_that_nobody_reviewed_goes_to_the_managers_manager_once(world) {
        let id = monday(&world).await;
        notices(&world.workflows).await;
        world.hand.advance(Span::hours(7 * 24 - 1));
        world.workflows.sweep_digests().await.unwrap();
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM notices WHERE kind = 'digest_overdue'").await, 0);
        world.hand.advance(Span::hours(1));
        let other = world.node(Faults::default()).await.unwrap();
        other.reload(managed()).await.unwrap();
        let (one, two) = tokio::join!(world.workflows.sweep_digests(), other.sweep_digests());
        one.unwrap();
        two.unwrap();
        world.workflows.sweep_digests().await.unwrap();
        let told = notices(&world.workflows).await;
        let overdue: Vec<&Notice> =
            told.iter().filter(|notice| notice.about == Kind::DigestOverdue { digest: id }).collect();
        assert_eq!(overdue.len(), 1, "{told:?}");
        assert_eq!(overdue[0].to, [Who::Person("mia".to_owned())]);
        let mia = world.person("mia").await;
        assert!(world.workflows.digests(&mia).await.unwrap().iter().any(|filed| filed.id == id));
        world.workflows.digest(&mia, Some("mona"), Some(week("2027-W02"))).await.unwrap();
        let filed = world.workflows.review_digest(&mia, id).await.unwrap();
        assert_eq!(filed.review, Review::Done { at: world.clock.now(), by: "mia".to_owned() });
        let told = notices(&world.workflows).await;
        assert_eq!(told[0].to, ["mona", "mia"].map(|name| Who::Person(name.to_owned())), "both cards change");
    }

    fn without_a_managers_manager_it_goes_to_the_overseers_and_not_to_those_whom_it_is_about(world) {
        let managed =
            World::policy_without("[group]", "[manages]\nmona = [\"group:orders\", \"audrey\"]\n\n[group]");
        world.workflows.reload(managed).await.unwrap();
        world.granted(&world.person("ada").await).await;
        world.hand.set(moment("2027-01-18T09:00:00Z"));
        world.workflows.sweep_digests().await.unwrap();
        world.hand.advance(Span::hours(7 * 24));
        world.workflows.sweep_digests().await.unwrap();
        let told = notices(&world.workflows).await;
        let overdue = told.iter().find(|notice| matches!(notice.about, Kind::DigestOverdue { .. })).unwrap();
        assert_eq!(overdue.to, ["auditors", "admins"].map(|group| Who::Group(group.to_owned())));
        let Kind::DigestOverdue { digest } = overdue.about else { panic!("overdue") };
        let audrey = world.person("audrey").await;
        assert!(world.workflows.review_digest(&audrey, digest).await.is_err(), "her own access is in it");
        let root = world.person("root").await;
        world.workflows.review_digest(&root, digest).await.unwrap();
    }
}

/// How many managers, people and sessions the large week has.
const MANAGERS: usize = 500;
const PEOPLE: usize = 10;

/// Every manager has ten people in a group of theirs; the first one manages the others as well.
fn large_policy() -> Policy {
    use std::fmt::Write;
    let (mut manages, mut groups) = (String::from("[manages]\n"), String::from("[group]\n"));
    for manager in 0..MANAGERS {
        let more = if manager == 0 { ", \"group:managers\"" } else { "" };
        writeln!(manages, "m{manager} = [\"group:team{manager}\"{more}]").unwrap();
        let people: Vec<String> = (0..PEOPLE).map(|person| format!("\"p{}\"", manager * PEOPLE + person)).collect();
        writeln!(groups, "team{manager} = [{}]", people.join(", ")).unwrap();
    }
    let managers: Vec<String> = (1..MANAGERS).map(|manager| format!("\"m{manager}\"")).collect();
    writeln!(groups, "managers = [{}]", managers.join(", ")).unwrap();
    World::policy_without("[group]", &format!("{manages}\n{groups}"))
}

/// 5,500 people, 25,000 requests and grants, 100,000 sessions in the week of 2027-01-11.
async fn fill(world: &World) {
    for sql in [
        "WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < 5499) \
         INSERT INTO identities (id, name, made) SELECT 'idn_' || printf('%026d', x), \
         CASE WHEN x < 5000 THEN 'p' || x ELSE 'm' || (x - 5000) END, 0 FROM n",
        "WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < 24999) \
         INSERT INTO requests (id, version, identity, made, kind, target, what, why, needs, state, detail) \
         SELECT 'req_' || printf('%026d', x), 1, 'idn_' || printf('%026d', x % 5000), (1799625600 + x * 24) * 1000000, \
         'access', 'db-' || (x % 20), '{\"access\":{\"target\":\"db-' || (x % 20) || '\",\"access\":\"write\",\"span\":\"1h\",\
         \"extends\":null,\"emergency\":false}}', 'INC-' || x, \
         '[{\"rule\":\"orders\",\"from\":\"group:dba\",\"people\":1,\"within\":\"15m\",\"then\":null}]', 'spent', \
         '{\"is\":\"spent\",\"at\":' || ((1799625600 + x * 24) * 1000000 + x * 1000) || ',\"votes\":[{\"by\":{\"id\":\"idn_' || \
         printf('%026d', 5000 + x % 500) || '\",\"name\":\"m' || (x % 500) || '\"},\"at\":' || \
         ((1799625600 + x * 24) * 1000000 + x * 1000) || ',\"terms\":{\"span\":null,\"access\":null},\"note\":null,\
         \"serves\":[0]}]}' FROM n",
        "INSERT INTO grants (id, version, request, identity, target, access, begins, until, emergency, reminded, ended, ending) \
         SELECT 'grt_' || substr(id, 5), 1, id, identity, target, 'write', made, made + 3600000000, 0, 0, \
         made + 3600000000, '{\"is\":\"expired\",\"at\":' || (made + 3600000000) || '}' FROM requests",
        "WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < 3) \
         INSERT INTO sessions (id, identity, grant_id, target, access, client, application, begins, ended, ending, totals, \
         recording, node) SELECT 'ses_' || n.x || substr(g.id, 6), g.identity, g.id, g.target, g.access, '10.0.0.1:5432', \
         'psql', g.begins + n.x * 600000000, g.begins + n.x * 600000000 + 500000000, '\"left\"', \
         '{\"operations\":7,\"writes\":' || n.x || ',\"held\":0,\"refused\":0,\"rows\":100,\"masked\":0,\"bytes_in\":1,\
         \"bytes_out\":2}', 'x.csr', (SELECT id FROM nodes LIMIT 1) FROM grants g, n",
    ] {
        world.tamper(sql).await;
    }
}

/// The time is told, not judged: it is the machine's as much as ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_managers_over_a_hundred_thousand_sessions() {
    let world = World::on(Engine::Sqlite).await.unwrap();
    let began = tokio::time::Instant::now();
    world.workflows.reload(large_policy()).await.unwrap();
    fill(&world).await;
    assert_eq!(world.count("SELECT COUNT(*) AS n FROM sessions").await, 100_000);
    println!("a policy of 500 managers and a week of 100,000 sessions were made in {:?}", began.elapsed());
    world.hand.set(moment("2027-01-18T09:00:00Z"));
    let began = tokio::time::Instant::now();
    world.workflows.sweep_digests().await.unwrap();
    println!("500 digests over 100,000 sessions took {:?}", began.elapsed());
    assert_eq!(world.count("SELECT COUNT(*) AS n FROM digests").await, 500);
    assert_eq!(world.count("SELECT COUNT(*) AS n FROM notices WHERE kind = 'digest'").await, 500);
    let began = tokio::time::Instant::now();
    world.workflows.sweep_digests().await.unwrap();
    println!("the next sweep took {:?}", began.elapsed());
    let m7 = world.person("m7").await;
    let digest = world.workflows.digest(&m7, None, None).await.unwrap().digest;
    assert_eq!(digest.changes[5].now.n, 200, "ten people, five grants each, four sessions under each");
    assert_eq!(digest.table.iter().map(|line| line.operations).sum::<u64>(), 200 * 7);
    let largest = world.count("SELECT MAX(LENGTH(content)) AS n FROM digests").await;
    println!("the largest digest has {largest} bytes");
}
