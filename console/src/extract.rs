//! Input, read strictly. Whatever does not fit is a [`Problem`] in words, not the framework's plain text.

use std::str::FromStr;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body. The types refuse unknown fields.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(refuse_body(&rejection)),
        }
    }
}

fn refuse_body(rejection: &JsonRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 1 MiB", Some("send less at once"))
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body is not marked as JSON",
            Some("send `Content-Type: application/json`"),
        ),
        _ => Problem::bad(format!("the body cannot be read: {}", rejection.body_text())),
    }
}

/// The query string. The types refuse unknown parameters.
pub(crate) struct Args<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Args<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let words = rejection.body_text();
                // What the parser calls its work helps nobody; what it says of the parameter does.
                let words = words.strip_prefix("Failed to deserialize query string: ").unwrap_or(&words);
                Err(Problem::bad(format!("the parameters cannot be read: {words}")))
            }
        }
    }
}

/// The id in the path, of one type only.
pub(crate) struct Id<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for Id<T>
where
    T: FromStr<Err = workflows::id::IdError>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(Path(text)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(Problem::bad("the id cannot be read"));
        };
        text.parse().map(Self).map_err(|wrong: workflows::id::IdError| Problem::bad(wrong.to_string()))
    }
}
