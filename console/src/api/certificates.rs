//! Certificates for SSH.

use axum::Json;
use axum::extract::State;

use super::Answer;
use crate::auth::Caller;
use crate::documents::{Certificate, CertificateBody, Moment};
use crate::extract::Body;
use crate::problem::Problem;
use crate::routes::{App, Wish};

/// A certificate for one target, made of the caller's token. It ends with the grant or the token, and within a day.
#[utoipa::path(post, path = "/v1/certificates", tag = "access", request_body = CertificateBody,
    responses((status = 200, body = Certificate)))]
pub(crate) async fn make(
    State(app): State<App>,
    Caller(who): Caller,
    Body(body): Body<CertificateBody>,
) -> Answer<Certificate> {
    let authority = app.authority()?;
    // Looked at before anything is noted.
    let key = authority.fingerprint(&body.public_key).map_err(Problem::bad)?;
    let certified = app.workflows.certify(&who, &body.target, &key).await?;
    let (id, token) = (who.identity().id.to_string(), certified.token.to_string());
    let wish = Wish {
        key: &body.public_key,
        identity: &id,
        person: &who.identity().name,
        token: &token,
        target: body.target.as_str(),
        from: certified.from,
        until: certified.until,
    };
    let certificate = authority.sign(&wish).map_err(Problem::ours)?;
    let known_hosts = authority.known_hosts().map_err(Problem::ours)?;
    Ok(Json(Certificate { certificate, known_hosts, until: Moment(certified.until) }))
}
