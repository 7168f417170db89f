//! The handlers: strict input, one verb, one document.

pub(crate) mod accounts;
pub(crate) mod certificates;
pub(crate) mod digest;
pub(crate) mod evidence;
pub(crate) mod grants;
pub(crate) mod people;
pub(crate) mod requests;
pub(crate) mod search;
pub(crate) mod sessions;
pub(crate) mod ssh_keys;
pub(crate) mod system;

use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;
use workflows::engine::Filter;

use crate::problem::Problem;

pub(crate) type Answer<T> = Result<Json<T>, Problem>;

/// More than this is never listed at once.
const MOST: u32 = 1000;

/// Which of a listing.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Those that are over as well.
    #[serde(default)]
    all: bool,
    /// At most this many, the newest; 100 if left out, 1000 at the most.
    limit: Option<u32>,
}

impl Listing {
    fn filter(&self) -> Filter {
        Filter { open_only: !self.all, limit: self.limit.unwrap_or(100).clamp(1, MOST) }
    }
}
