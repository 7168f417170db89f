//! Files in three steps: ask where to, send the bytes, complete.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State as With};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Shared;
use super::api::{Answer, Args, refuse, refuse_with};
use super::world::{File, Message, State};

pub(super) fn upload_url(state: &mut State, args: &Args, base: &str) -> Answer {
    let name = args.need("filename")?.to_owned();
    let Some(length) = args.number("length").filter(|length| *length > 0) else {
        return refuse_with("invalid_arguments", vec!["[ERROR] length must be more than 0".to_owned()]);
    };
    let alt = args.text("alt_txt").map(str::to_owned);
    if alt.as_ref().is_some_and(|alt| alt.chars().count() > 1000) {
        return refuse("alt_txt_too_large");
    }
    let id = state.id("F");
    let file =
        File { id: id.clone(), title: name.clone(), name, alt, length, bytes: None, complete: false, channel: None };
    state.files.insert(id.clone(), file);
    Ok(json!({ "upload_url": format!("{base}/upload/{id}"), "file_id": id }))
}

/// The bytes themselves, without a token: who knows the URL may send, once, exactly as many as were announced.
pub(super) async fn upload(With(shared): With<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    shared.edit(|state| match state.files.get_mut(&id) {
        Some(file) if file.bytes.is_none() && file.length == body.len() => {
            file.bytes = Some(body.to_vec());
            (StatusCode::OK, format!("OK - {}", body.len())).into_response()
        }
        Some(_) => (StatusCode::BAD_REQUEST, "another length than announced, or a second time").into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

pub(super) fn complete(state: &mut State, args: &Args) -> Answer {
    let Some(Value::Array(wanted)) = args.json("files")? else {
        return refuse_with("invalid_arguments", vec!["[ERROR] missing required field: files".to_owned()]);
    };
    let ids: Vec<String> = wanted.iter().filter_map(|file| file["id"].as_str().map(str::to_owned)).collect();
    if ids.len() != wanted.len() || ids.is_empty() {
        return refuse_with("invalid_arguments", vec!["[ERROR] missing required field: id".to_owned()]);
    }
    if ids.iter().any(|id| state.files.get(id).is_none_or(|file| file.bytes.is_none() || file.complete)) {
        return refuse("file_not_found");
    }
    let channel = match args.text("channel_id").or(args.text("channels")) {
        None => None,
        Some(to) if to.contains(',') => return refuse("invalid_channel"),
        Some(to) => {
            let to = to.to_owned();
            Some(state.writable(&to)?)
        }
    };
    for (id, wanted) in ids.iter().zip(&wanted) {
        let file = state.files.get_mut(id).expect("seen above");
        file.complete = true;
        file.channel.clone_from(&channel);
        if let Some(title) = wanted["title"].as_str() {
            title.clone_into(&mut file.title);
        }
    }
    if let Some(channel) = channel {
        let message = Message {
            channel,
            ts: state.ts(),
            user: state.app.bot_user.clone(),
            by_bot: true,
            text: args.text("initial_comment").unwrap_or_default().to_owned(),
            thread: args.text("thread_ts").map(str::to_owned),
            files: ids.clone(),
            ..Message::default()
        };
        state.store(message);
    }
    let told = ids.iter().map(|id| {
        let file = &state.files[id];
        json!({ "id": id, "name": file.name, "title": file.title, "size": file.length, "mimetype": "application/octet-stream" })
    });
    Ok(json!({ "files": told.collect::<Vec<_>>() }))
}
