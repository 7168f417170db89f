//! Errors as a client sees them: RFC 9457 problems. Their words come from `Told` or from here, never from a chain.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tracing::{error, info};
use utoipa::ToSchema;
use workflows::told::{Fault, Told};

use crate::auth::CHALLENGE;

/// Why a call was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"type": "about:blank", "title": "Forbidden", "status": 403,
    "detail": "nobody decides on their own request", "hint": "ask somebody of group:dba"}))]
pub struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>, hint: Option<&str>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            hint: hint.map(str::to_owned),
        }
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        let hint = "send `Authorization: Bearer cst_…`, or run `countersign login`";
        Self::new(StatusCode::UNAUTHORIZED, detail, Some(hint))
    }

    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail, Some("see /openapi.json for what this call takes"))
    }

    pub(crate) fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail, None)
    }

    pub(crate) fn ours(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail, Some("try again; if it stays, tell who runs Countersign"))
    }
}

/// Each verb's error, by whose fault it is. This is where such an error is handled, so its chain is logged here, once.
impl<E: Told> From<E> for Problem {
    fn from(error: E) -> Self {
        let status = match error.fault() {
            Fault::Asker => StatusCode::BAD_REQUEST,
            Fault::Refused => StatusCode::FORBIDDEN,
            Fault::Missing => StatusCode::NOT_FOUND,
            Fault::Conflict => StatusCode::CONFLICT,
            Fault::Ours => StatusCode::SERVICE_UNAVAILABLE,
        };
        let told = error.told();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            error!(error.chain = chain(&error), "a call could not be served: {told}");
        } else {
            info!(status = status.as_u16(), "a call was refused: {told}");
        }
        // Words of two lines are what was wrong, and what to do.
        let (detail, hint) = told.split_once('\n').map_or((told.as_str(), None), |(one, two)| (one, Some(two)));
        Self::new(status, detail, hint)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, CHALLENGE);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("a chain with secret internals")]
    struct Failed(Fault);

    impl Told for Failed {
        fn told(&self) -> String {
            "what was wrong\nwhat to do".to_owned()
        }
        fn fault(&self) -> Fault {
            self.0
        }
    }

    #[test]
    fn each_fault_has_its_status_and_only_the_told_words() {
        let expected = [
            (Fault::Asker, 400),
            (Fault::Refused, 403),
            (Fault::Missing, 404),
            (Fault::Conflict, 409),
            (Fault::Ours, 503),
        ];
        for (fault, status) in expected {
            let problem = Problem::from(Failed(fault));
            assert_eq!(problem.status, status);
            assert_eq!(problem.detail, "what was wrong");
            assert_eq!(problem.hint.as_deref(), Some("what to do"));
        }
    }
}
