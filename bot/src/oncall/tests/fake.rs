//! Both providers' APIs on this machine, as their schemas are published. Whatever is asked otherwise is refused, and noted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use url::form_urlencoded;

/// The only token that is let in.
pub(super) const TOKEN: &str = "canary-0123456789";

#[derive(Debug, Default)]
struct Scene {
    schedules: Vec<String>,
    on_call: Vec<String>,
    off: bool,
    status: Option<(u16, Vec<(String, String)>)>,
    body: Option<String>,
    asked: usize,
    wrong: Vec<String>,
}

/// A server. It is gone when this is dropped.
pub(super) struct Fake {
    pub(super) api: String,
    scene: Arc<Mutex<Scene>>,
    _server: JoinSet<()>,
}

type Shared = State<Arc<Mutex<Scene>>>;

fn lock(scene: &Mutex<Scene>) -> MutexGuard<'_, Scene> {
    scene.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fake {
    pub(super) async fn start() -> Self {
        let scene = Arc::new(Mutex::new(Scene { schedules: vec!["PABC123".to_owned()], ..Scene::default() }));
        let router = Router::new()
            .route("/oncalls", get(pagerduty))
            .route("/eu/v2/schedules/{schedule}/on-calls", get(opsgenie))
            .with_state(Arc::clone(&scene));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { api, scene, _server: server }
    }

    /// These are on call from now on.
    pub(super) fn says(&self, emails: &[&str]) {
        lock(&self.scene).on_call = emails.iter().map(|email| (*email).to_owned()).collect();
    }

    /// There is one more schedule, and it is switched on.
    pub(super) fn knows(&self, schedule: &str) {
        let mut scene = lock(&self.scene);
        scene.schedules.push(schedule.to_owned());
        scene.off = false;
    }

    pub(super) fn switches_off(&self) {
        lock(&self.scene).off = true;
    }

    /// Every answer has this status.
    pub(super) fn fails(&self, status: u16, headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        lock(&self.scene).status = Some((status, headers.collect()));
    }

    /// Every answer has this body.
    pub(super) fn answers(&self, body: &str) {
        let mut scene = lock(&self.scene);
        scene.body = Some(body.to_owned());
        scene.status = None;
    }

    pub(super) fn works(&self) {
        let mut scene = lock(&self.scene);
        scene.status = None;
        scene.body = None;
    }

    pub(super) fn asked(&self) -> usize {
        lock(&self.scene).asked
    }

    /// What was asked otherwise than published.
    pub(super) fn wrong(&self) -> Vec<String> {
        lock(&self.scene).wrong.clone()
    }
}

impl Scene {
    /// What the scene was set to, before anything is looked at.
    fn set(&mut self) -> Option<Response> {
        self.asked += 1;
        if let Some((status, headers)) = &self.status {
            let mut response = (StatusCode::from_u16(*status).unwrap(), "").into_response();
            for (name, value) in headers {
                let name = axum::http::HeaderName::try_from(name).unwrap();
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            return Some(response);
        }
        self.body.clone().map(IntoResponse::into_response)
    }

    fn refuse(&mut self, status: u16, body: Value, why: String) -> Response {
        self.wrong.push(why);
        (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn query(raw: Option<String>) -> Vec<(String, String)> {
    form_urlencoded::parse(raw.unwrap_or_default().as_bytes()).into_owned().collect()
}

/// `listOnCalls` of PagerDuty's REST API v2.
async fn pagerduty(State(scene): Shared, headers: HeaderMap, RawQuery(raw): RawQuery) -> Response {
    let mut scene = lock(&scene);
    if let Some(response) = scene.set() {
        return response;
    }
    let error = |message: &str, code: u16| json!({ "error": { "message": message, "code": code } });
    if header(&headers, "authorization") != format!("Token token={TOKEN}") {
        return (StatusCode::UNAUTHORIZED, axum::Json(error("Unauthorized", 2006))).into_response();
    }
    for (name, wanted) in
        [("accept", "application/vnd.pagerduty+json;version=2"), ("content-type", "application/json")]
    {
        let found = header(&headers, name).to_owned();
        if found != wanted {
            return scene.refuse(400, error("Invalid Input Provided", 2001), format!("{name}: {found}"));
        }
    }
    let (mut schedules, mut users, mut limit, mut offset) = (Vec::new(), false, 25_usize, 0_usize);
    for (key, value) in query(raw) {
        match (key.as_str(), value.as_str()) {
            ("schedule_ids[]", _) => schedules.push(value),
            ("include[]", "users") => users = true,
            ("earliest", "true") => {}
            ("limit", number) if number.parse::<usize>().is_ok_and(|limit| limit <= 100) => {
                limit = number.parse().unwrap();
            }
            ("offset", number) if number.parse::<usize>().is_ok() => offset = number.parse().unwrap(),
            _ => return scene.refuse(400, error("Invalid Input Provided", 2001), format!("{key}={value}")),
        }
    }
    if schedules.is_empty() || schedules.iter().any(|schedule| !scene.schedules.contains(schedule)) {
        return scene.refuse(404, error("Not Found", 2100), format!("{schedules:?}"));
    }
    let reference = |id: &str, kind: &str| json!({ "id": id, "type": format!("{kind}_reference"), "summary": id });
    let user = |email: &String| {
        if users {
            json!({ "id": "PUSER01", "type": "user", "name": "Somebody", "email": email, "role": "user" })
        } else {
            reference("PUSER01", "user")
        }
    };
    let entry = |email: &String| {
        json!({
            "escalation_policy": reference("PPOLICY", "escalation_policy"),
            "escalation_level": 1,
            "schedule": reference(&schedules[0], "schedule"),
            "user": user(email),
            "start": "2026-01-05T09:00:00+01:00",
            "end": "2026-01-12T09:00:00+01:00",
        })
    };
    let entries: Vec<Value> = scene.on_call.iter().skip(offset).take(limit).map(entry).collect();
    let more = offset + entries.len() < scene.on_call.len();
    axum::Json(json!({ "oncalls": entries, "limit": limit, "offset": offset, "more": more, "total": null }))
        .into_response()
}

/// "Get On Calls" of Opsgenie's Who is On Call API.
async fn opsgenie(
    State(scene): Shared,
    Path(schedule): Path<String>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Response {
    let mut scene = lock(&scene);
    if let Some(response) = scene.set() {
        return response;
    }
    let error = |message: &str| json!({ "message": message, "took": 0.003, "requestId": "5eb27f2c" });
    if header(&headers, "authorization") != format!("GenieKey {TOKEN}") {
        let body = error("Key format is not valid!");
        return (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response();
    }
    let query: BTreeMap<String, String> = query(raw).into_iter().collect();
    let known = ["scheduleIdentifierType", "flat", "date"];
    if let Some((key, value)) = query.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        return scene.refuse(400, error("Request is not processable"), format!("{key}={value}"));
    }
    // The default is by id, and an id has this form.
    let by_name = query.get("scheduleIdentifierType").is_some_and(|kind| kind == "name");
    let looks_like_id = schedule.len() == 36 && schedule.matches('-').count() == 4;
    if by_name == looks_like_id || !scene.schedules.contains(&schedule) {
        let kind = if by_name { "name" } else { "id" };
        return (StatusCode::NOT_FOUND, axum::Json(error(&format!("No schedule exists with {kind} [{schedule}]"))))
            .into_response();
    }
    let parent = json!({ "id": "d875a1b4-9b4e-4219-a1b3-0c26936d18de", "name": schedule, "enabled": !scene.off });
    let data = if query.get("flat").is_some_and(|flat| flat == "true") {
        json!({ "_parent": parent, "onCallRecipients": scene.on_call })
    } else {
        let person = |name: &String| json!({ "id": "c569c016", "name": name, "type": "user" });
        let people: Vec<Value> = scene.on_call.iter().map(person).collect();
        json!({ "_parent": parent, "onCallParticipants": people })
    };
    axum::Json(json!({ "data": data, "took": 0.033, "requestId": "2ef52cdb" })).into_response()
}
