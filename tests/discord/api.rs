//! The REST API, version 10: who asks, may he, how often, and which part answers.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::form::Form;
use super::refusal::Refusal;
use super::world::{Logged, World, id_of, text_of};
use super::{Shared, commands, interactions, messages, oauth};

/// The most that a request may bring along.
const LARGEST: usize = 32 * 1024 * 1024;

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: Vec<String>,
    pub query: HashMap<String, String>,
    pub form: Form,
}

/// The status and the body of an answer.
pub type Outcome = Result<(u16, Value), Refusal>;

/// Who asks.
enum Who {
    Bot,
    /// A person, through an access token of OAuth2 that an application holds.
    Person(u64),
    Nobody,
}

pub async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let segments: Vec<String> =
        request.uri().path().trim_matches('/').split('/').skip(2).map(str::to_owned).collect();
    let (step, ..) = named(request.method().as_str(), &segments);
    if shared.stops_at(&format!("{step} arrives")) {
        // Whoever asked is gone, and this goes nowhere.
        return plain(503, &[], Body::empty());
    }
    let response = heard(&shared, request).await;
    // Nobody hears it either, if the world stops here.
    shared.stops_at(&format!("{step} is done"));
    response
}

async fn heard(shared: &Shared, request: Request) -> Response {
    let (down, latency) = shared.read(|world| (world.down, world.latency));
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    if down {
        // What a broken Discord sends is a page, not JSON.
        return plain(503, &[("content-type", "text/html".into())], "<html>503 Service Unavailable</html>".into());
    }
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else { return finish(&Err(Refusal::of(40_005)), &[]) };
    let path = head.uri.path().trim_matches('/').to_owned();
    let query = pairs(head.uri.query().unwrap_or_default().as_bytes());
    if let Some(file) = path.strip_prefix("attachments/") {
        return attachment(shared, file);
    }
    if path.ends_with("oauth2/authorize") && head.method == "GET" {
        return oauth::authorize(shared, &query);
    }
    let Some(route) = path.strip_prefix("api/v10/") else { return finish(&Err(Refusal::not_found()), &[]) };
    let segments = route.split('/').map(str::to_owned).collect::<Vec<_>>();
    let (route, bucket, exempt) = named(head.method.as_str(), &segments);
    let kind = text(&head.headers, "content-type");
    if route == "POST /oauth2/token" {
        return oauth::token(shared, &kind, &text(&head.headers, "authorization"), &body);
    }
    let form = Form::read(&kind, &body);
    let said = form.as_ref().map(|form| form.json.clone()).unwrap_or_default();
    let (outcome, headers) = shared.change(|world| {
        let mut headers = Vec::new();
        let outcome = (|| {
            // Discord's wall in front of the API lets only clients through that say what they are. Where a token stands
            // in the address, it has to let through whatever an application is made of.
            if !exempt && !text(&head.headers, "user-agent").starts_with("DiscordBot (") {
                return Err(Refusal::of(40_333));
            }
            headers = world.rates.pass(&route, &bucket, exempt)?;
            let who = who(world, &text(&head.headers, "authorization"))?;
            let asked = Asked { method: head.method.to_string(), path: segments, query, form: form? };
            by_route(world, &who, &asked)
        })();
        let (status, answer) = match &outcome {
            Ok((status, answer)) => (*status, answer.clone()),
            Err(refusal) => (refusal.status, refusal.body.clone()),
        };
        world.log.push(Logged { route: route.clone(), path: path.clone(), body: said, status, answer });
        headers.push(("date", world.date()));
        (outcome, headers)
    });
    finish(&outcome, &headers)
}

/// A route without its ids; its bucket, which keeps the ids by which Discord counts; whether the global limit spares it.
fn named(method: &str, segments: &[String]) -> (String, String, bool) {
    let top = segments.first().map_or("", String::as_str);
    let by_token = ["interactions", "webhooks"].contains(&top);
    let mut route = method.to_owned() + " ";
    let mut bucket = route.clone();
    for (number, segment) in segments.iter().enumerate() {
        let is_id = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
        let short = match number {
            2 if by_token => "{token}",
            _ if is_id => "{id}",
            _ => segment,
        };
        let major = number == 1 || (by_token && number == 2);
        route.extend(["/", short]);
        bucket.extend(["/", if major { segment } else { short }]);
    }
    (route, bucket, by_token)
}

fn who(world: &World, authorization: &str) -> Result<Who, Refusal> {
    if authorization.is_empty() {
        return Ok(Who::Nobody);
    }
    if authorization.strip_prefix("Bot ") == Some(&world.app.token) {
        return Ok(Who::Bot);
    }
    let person = authorization.strip_prefix("Bearer ").and_then(|token| world.consents.of_token(token));
    person.map(Who::Person).ok_or_else(Refusal::unauthorized)
}

fn by_route(world: &mut World, who: &Who, asked: &Asked) -> Outcome {
    let path = asked.path.iter().map(String::as_str).collect::<Vec<_>>();
    let method = asked.method.as_str();
    // Interactions carry their own token; anybody who holds it may answer.
    match (method, path.as_slice()) {
        ("GET", ["gateway"]) => return Ok((200, json!({ "url": world.socket_url }))),
        ("POST", ["interactions", id, token, "callback"]) => {
            return interactions::callback(world, number(id)?, token, asked);
        }
        (_, ["webhooks", app, token, rest @ ..]) => {
            return interactions::webhook(world, number(app)?, token, rest, asked);
        }
        ("GET", ["users", "@me"]) => {
            if let Who::Person(user) = who {
                return Ok((200, world.user_json(*user)));
            }
        }
        _ => {}
    }
    if !matches!(who, Who::Bot) {
        return Err(Refusal::unauthorized());
    }
    match (method, path.as_slice()) {
        ("GET", ["gateway", "bot"]) => {
            let limit = json!({ "total": 1000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1 });
            Ok((200, json!({ "url": world.socket_url, "shards": 1, "session_start_limit": limit })))
        }
        ("GET", ["users", "@me"]) => {
            let mut me = world.user_json(world.bot());
            (me["verified"], me["mfa_enabled"], me["email"]) = (json!(true), json!(true), Value::Null);
            Ok((200, me))
        }
        ("GET", ["users", id]) => {
            let id = number(id)?;
            if world.users.contains_key(&id) { Ok((200, world.user_json(id))) } else { Err(Refusal::of(10_013)) }
        }
        ("GET", ["applications", "@me"] | ["oauth2", "applications", "@me"]) => Ok((200, application(world))),
        (_, ["applications", app, rest @ ..]) => {
            if number(app)? != world.app.id {
                return Err(Refusal::of(20_012));
            }
            let guild = match rest {
                ["commands"] => None,
                ["guilds", guild, "commands"] => Some(number(guild)?),
                _ => return Err(Refusal::not_found()),
            };
            match method {
                "PUT" => commands::replace(world, guild, asked),
                "GET" => commands::list_of(world, guild),
                _ => Err(Refusal::new(405, 0, "405: Method Not Allowed")),
            }
        }
        ("POST", ["users", "@me", "channels"]) => messages::open_private(world, asked),
        ("GET", ["guilds", guild]) => guild_of(world, number(guild)?),
        ("GET", ["guilds", guild, "members", user]) => member_of(world, number(guild)?, number(user)?),
        (_, ["channels", channel, rest @ ..]) => in_channel(world, number(channel)?, rest, asked),
        _ => Err(Refusal::not_found()),
    }
}

fn in_channel(world: &mut World, channel: u64, rest: &[&str], asked: &Asked) -> Outcome {
    match (asked.method.as_str(), rest) {
        ("GET", []) => {
            world.open(channel)?;
            Ok((200, world.channel_json(channel)))
        }
        ("POST", ["messages"]) => messages::create(world, channel, asked),
        ("GET", ["messages"]) => messages::list(world, channel, asked),
        ("GET", ["messages", id]) => messages::read(world, channel, number(id)?),
        ("PATCH", ["messages", id]) => messages::edit(world, channel, number(id)?, asked),
        ("DELETE", ["messages", id]) => messages::delete(world, channel, number(id)?),
        ("POST", ["messages", id, "threads"]) => messages::open_thread(world, channel, number(id)?, asked),
        ("POST", ["typing"]) => world.open(channel).map(|_| (204, Value::Null)),
        _ => Err(Refusal::not_found()),
    }
}

fn guild_of(world: &World, guild: u64) -> Outcome {
    let inside = world.guilds.get(&guild).is_some_and(|guild| guild.has_bot);
    if inside { Ok((200, world.guild_json(guild))) } else { Err(Refusal::of(10_004)) }
}

fn member_of(world: &World, guild: u64, user: u64) -> Outcome {
    guild_of(world, guild)?;
    if !world.users.contains_key(&user) {
        return Err(Refusal::of(10_013));
    }
    world.member_json(guild, user).map(|json| (200, json)).ok_or_else(|| Refusal::of(10_007))
}

fn application(world: &World) -> Value {
    let flags = if world.app.message_content { 1 << 18 } else { 0 };
    json!({
        "id": text_of(world.app.id), "name": "Countersign", "icon": null, "description": "", "bot_public": false,
        "bot_require_code_grant": false, "verify_key": world.endpoint_key(), "flags": flags, "team": null,
        "owner": world.user_json(world.bot()), "summary": "", "redirect_uris": world.app.redirects,
        "interactions_endpoint_url": world.endpoint, "rpc_origins": [], "tags": [],
    })
}

fn attachment(shared: &Shared, path: &str) -> Response {
    let id = path.split('/').nth(1).and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
    match shared.read(|world| world.files.get(&id).cloned()) {
        Some(file) => plain(200, &[("content-type", file.kind)], file.bytes.into()),
        None => plain(404, &[], "This content is no longer available.".into()),
    }
}

/// An id in an address.
fn number(text: &str) -> Result<u64, Refusal> {
    if let Some(id) = id_of(&json!(text)) {
        return Ok(id);
    }
    let mut faults = super::refusal::Faults::new();
    faults.at("id", "NUMBER_TYPE_COERCE", &format!("Value \"{text}\" is not snowflake."));
    faults.end().map(|()| 0)
}

pub fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

pub fn pairs(text: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

fn finish(outcome: &Outcome, headers: &[(&'static str, String)]) -> Response {
    let (status, body, more) = match outcome {
        Ok((status, body)) => (*status, body, [].as_slice()),
        Err(refusal) => (refusal.status, &refusal.body, refusal.headers.as_slice()),
    };
    let mut all = [headers, more].concat();
    if body.is_null() {
        return plain(status, &all, Body::empty());
    }
    all.push(("content-type", "application/json".into()));
    plain(status, &all, body.to_string().into())
}

pub fn plain(status: u16, headers: &[(&'static str, String)], body: Body) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(body).expect("a response")
}
