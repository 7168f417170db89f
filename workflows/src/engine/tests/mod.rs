//! Every test runs on both engines.

/// Declares a test for each engine: `both!(fn name(world) { … })`.
macro_rules! both {
    ($($(#[$doc:meta])* fn $name:ident($world:ident) $body:block)*) => {
        $($(#[$doc])* mod $name {
            use super::*;
            async fn story($world: $crate::engine::tests::world::World) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let world = $crate::engine::tests::world::World::on($crate::engine::tests::world::Engine::Sqlite).await;
                story(world.expect("SQLite is built in")).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if let Some(world) = $crate::engine::tests::world::World::on($crate::engine::tests::world::Engine::Postgres).await {
                    story(world).await;
                }
            }
        })*
    };
}

mod access;
mod audit;
mod chat;
mod crash;
mod digests;
mod pause;
mod people;
mod races;
mod repeat;
mod sessions;
mod world;
