use super::world::*;
use crate::engine::AuditError;
use crate::evidence::{Entry, Fault, HeadsFile, Report, SignedNote, verify};

async fn check(world: &World) -> Result<Report, Fault> {
    let page = world.workflows.audit_page(0, 10_000).await.unwrap();
    let mut heads: Vec<SignedNote> = HeadsFile::read_all(&heads_file(world)).unwrap().notes;
    heads.extend(page.heads);
    let entries = page.entries.into_iter().map(Ok::<Entry, std::convert::Infallible>);
    verify(entries, &heads, world.workflows.audit_key())
}

fn heads_file(world: &World) -> std::path::PathBuf {
    let entries = std::fs::read_dir(world.keys()).unwrap().flatten();
    entries.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "heads")).unwrap()
}

/// A world in which a few things happened, and whose head was signed.
async fn busy(world: &World) {
    let ada = world.person("ada").await;
    world.granted(&ada).await;
    world.ask(&world.person("alan").await).await;
    world.workflows.sign_head(0).await.unwrap();
}

both! {
    fn an_untouched_log_verifies(world) {
        busy(&world).await;
        let report = check(&world).await.unwrap();
        assert!(report.head.seq >= 7, "{report:?}");
        assert_eq!(report.unsigned, 0);
    }

    fn a_changed_entry_is_found(world) {
        busy(&world).await;
        world.tamper("UPDATE audit SET actor = 'mallory' WHERE seq = 3").await;
        assert!(check(&world).await.is_err());
    }

    fn a_deleted_entry_is_found(world) {
        busy(&world).await;
        world.tamper("DELETE FROM audit WHERE seq = 3").await;
        assert!(check(&world).await.is_err());
    }

    fn reordered_entries_are_found(world) {
        busy(&world).await;
        world.tamper("UPDATE audit SET seq = -3 WHERE seq = 3").await;
        world.tamper("UPDATE audit SET seq = 3 WHERE seq = 4").await;
        world.tamper("UPDATE audit SET seq = 4 WHERE seq = -3").await;
        assert!(check(&world).await.is_err());
    }

    fn a_truncated_log_is_found_even_with_its_signed_heads(world) {
        busy(&world).await;
        world.tamper("DELETE FROM audit WHERE seq > 3").await;
        world.tamper("DELETE FROM audit_signed").await;
        assert!(check(&world).await.is_err());
    }

    fn a_forked_log_is_found(world) {
        busy(&world).await;
        // Somebody with the database cuts the log back and lets it grow anew, in good order.
        world.tamper("DELETE FROM audit WHERE seq > 4").await;
        world.tamper("UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)").await;
        let _new = world.person("mary").await;
        let _new = world.person("linus").await;
        let _new = world.person("edsger").await;
        let _new = world.person("root").await;
        let _new = world.person("audrey").await;
        assert!(check(&world).await.is_err());
    }

    fn only_auditors_read_the_log(world) {
        let (ada, audrey) = (world.person("ada").await, world.person("audrey").await);
        assert!(matches!(world.workflows.audit(&ada, 0, 10).await, Err(AuditError::NotForYou)));
        assert!(!world.workflows.audit(&audrey, 0, 10).await.unwrap().entries.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_is_accepted_by_both_engines() {
    use crate::store::{audit, chat, digests, grants, notices, people, remarks, requests, sessions, ssh_keys};
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(world) = World::on(engine).await else { continue };
        let all = [
            audit::STATEMENTS,
            digests::STATEMENTS,
            chat::STATEMENTS,
            grants::STATEMENTS,
            notices::STATEMENTS,
            people::STATEMENTS,
            remarks::STATEMENTS,
            requests::STATEMENTS,
            sessions::STATEMENTS,
            ssh_keys::STATEMENTS,
        ];
        for (name, text) in all.concat() {
            let prepared = world.workflows.db().prepare(text).await;
            assert!(prepared.is_ok(), "{engine:?} refuses {name}: {prepared:?}");
        }
    }
}
