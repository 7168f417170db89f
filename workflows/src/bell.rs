//! "Something changed", without saying what. Waiters read the store again; a lost ring costs time, never truth.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::store::Db;

/// Rings on every change of the store. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bell(watch::Sender<u64>);

impl Bell {
    /// Rings.
    pub(crate) fn ring(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    /// Carries other nodes' rings here, until stopped. With SQLite there are no other nodes.
    pub(crate) async fn relay(self, db: Db, stop: CancellationToken) {
        let Db::Postgres(pool) = db else { return stop.cancelled().await };
        let listen = async {
            loop {
                if let Ok(mut listener) = PgListener::connect_with(&pool).await
                    && listener.listen("countersign").await.is_ok()
                {
                    // Whatever happened before we listened is found by reading now.
                    self.ring();
                    // `try_recv` gives `None` when the connection was lost: that, too, is a reason to read again.
                    while let Ok(Some(_)) = listener.try_recv().await {
                        self.ring();
                    }
                    self.ring();
                }
                debug!("the store's bell is silent; trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = listen => {}
        }
    }
}
