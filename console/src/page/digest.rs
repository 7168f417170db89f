//! The page of the weekly digest: `countersign digest`, for a browser.

use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use workflows::digest::{Filed, Week};
use workflows::engine::GivenDigest;
use workflows::id::DigestId;
use workflows::identity::Authenticated;

use super::browser::FromUs;
use super::html::{Html, in_query};
use super::report::{self, Around};
use super::{page, wrong};
use crate::auth::Caller;
use crate::documents::{Digest, FiledDigest};
use crate::extract::{Args, Id};
use crate::problem::Problem;
use crate::routes::App;

/// So many digests are listed below one.
const LISTED: usize = 12;

/// Whose digest, of which week; or one that is filed, by its id.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// As `2026-W47`; the last whole week if left out.
    #[param(value_type = Option<String>, example = "2026-W47")]
    week: Option<Week>,
    /// The caller if left out. Somebody else's is for auditors, administrators, and those to whom it went.
    manager: Option<String>,
    /// `dig_…`, instead of the others.
    #[param(value_type = Option<String>)]
    id: Option<DigestId>,
}

impl Which {
    /// What an address asks for; the last week where that cannot be read.
    pub(crate) fn among(uri: &Uri) -> Self {
        Query::try_from_uri(uri).map(|Query(which)| which).unwrap_or_default()
    }

    /// The same as the query of an address.
    pub(crate) fn query(&self) -> String {
        let week = self.week.map(|week| format!("week={week}"));
        let manager = self.manager.as_ref().map(|manager| format!("manager={}", in_query(manager)));
        let id = self.id.map(|id| format!("id={id}"));
        let all: Vec<String> = [week, manager, id].into_iter().flatten().collect();
        if all.is_empty() { String::new() } else { format!("?{}", all.join("&")) }
    }
}

/// What the address asks for. Whoever reads a page is helped by the words, and not by what programs are told besides.
pub(crate) fn asked(which: Result<Args<Which>, Problem>) -> Result<Which, Problem> {
    which.map(|Args(which)| which).map_err(|problem| Problem { hint: None, ..problem })
}

async fn find(app: &App, who: &Authenticated, which: Result<Args<Which>, Problem>) -> Result<GivenDigest, Problem> {
    let which = asked(which)?;
    match (which.id, which.manager, which.week) {
        (Some(id), None, None) => Ok(app.workflows.show_digest(who, id).await?),
        (Some(_), _, _) => {
            let words = "an id says which digest it is; leave the week and the manager out";
            Err(Problem::new(StatusCode::BAD_REQUEST, words, None))
        }
        (None, manager, week) => Ok(app.workflows.digest(who, manager.as_deref(), week).await?),
    }
}

/// Those that the reader may see, newest first. Where they cannot be read, the page is no worse without them.
async fn others(app: &App, who: &Authenticated) -> Vec<Filed> {
    let mut filed = app.workflows.digests(who).await.unwrap_or_default();
    filed.truncate(LISTED);
    filed
}

/// One digest as a page: as it was filed, or computed now for a week of which none was.
#[utoipa::path(get, path = "/digest", tag = "page", params(Which),
    responses((status = 200, content_type = "text/html", body = String)))]
pub(crate) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    which: Result<Args<Which>, Problem>,
) -> Response {
    let found = find(&app, &who, which).await;
    let others: Vec<FiledDigest> = others(&app, &who).await.iter().map(FiledDigest::from).collect();
    let reader = &who.identity().name;
    match found {
        Ok(given) => {
            let around = Around::of(&given, reader, &others);
            let digest = Digest::from(&given);
            page(
                StatusCode::OK,
                &format!("Access digest {}", digest.content.week),
                None,
                report::of(&digest, &around),
            )
        }
        Err(problem) => {
            let list: Option<Html> = report::list(&others, reader, None);
            wrong(&problem, list)
        }
    }
}

/// "I have reviewed this", pressed on the page: the same evidence as the button in chat.
#[utoipa::path(post, path = "/digest/{id}/review", tag = "page",
    params(("id" = String, Path, description = "`dig_…`")),
    responses((status = 303, description = "Back to the page.")))]
pub(crate) async fn review(
    _: FromUs,
    State(app): State<App>,
    Caller(who): Caller,
    id: Result<Id<DigestId>, Problem>,
) -> Response {
    let done = match id {
        Ok(Id(id)) => app.workflows.review_digest(&who, id).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(filed) => Redirect::to(&format!("/digest?id={}#review", filed.id)).into_response(),
        Err(problem) => wrong(&problem, None),
    }
}
