//! How Discord says no: a status, a code, and for bad bodies a tree of what is wrong where.

use serde_json::{Value, json};

/// A request that is answered with an error.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub fn new(status: u16, code: u32, message: &str) -> Self {
        Self { status, body: json!({ "message": message, "code": code }), headers: Vec::new() }
    }

    /// The refusals that have a number of their own.
    pub fn of(code: u32) -> Self {
        let (status, message) = match code {
            10_002 => (404, "Unknown Application"),
            10_003 => (404, "Unknown Channel"),
            10_004 => (404, "Unknown Guild"),
            10_007 => (404, "Unknown Member"),
            10_008 => (404, "Unknown Message"),
            10_013 => (404, "Unknown User"),
            10_015 => (404, "Unknown Webhook"),
            10_062 => (404, "Unknown interaction"),
            10_063 => (404, "Unknown application command"),
            20_012 => (403, "You are not authorized to perform this action on this application"),
            30_032 => (400, "Maximum number of application commands reached (100)"),
            40_005 => (413, "Request entity too large"),
            40_060 => (400, "Interaction has already been acknowledged."),
            40_333 => (403, "internal network error"),
            50_001 => (403, "Missing Access"),
            50_005 => (403, "Cannot edit a message authored by another user"),
            50_006 => (400, "Cannot send an empty message"),
            50_007 => (403, "Cannot send messages to this user"),
            50_008 => (400, "Cannot send messages in a non-text channel"),
            50_013 => (403, "Missing Permissions"),
            50_024 => (403, "Cannot execute action on this channel type"),
            50_027 => (401, "Invalid Webhook Token"),
            50_083 => (400, "Thread is archived"),
            50_109 => (400, "The request body contains invalid JSON."),
            160_004 => (400, "A thread has already been created for this message"),
            other => panic!("the fake has no words for {other}"),
        };
        Self::new(status, code, message)
    }

    pub fn unauthorized() -> Self {
        Self::new(401, 0, "401: Unauthorized")
    }

    pub fn not_found() -> Self {
        Self::new(404, 0, "404: Not Found")
    }

    pub fn code(&self) -> u64 {
        self.body["code"].as_u64().unwrap_or_default()
    }
}

/// What is wrong with a body, gathered: Discord tells everything at once.
#[derive(Debug, Default)]
pub struct Faults {
    at: Vec<String>,
    tree: Value,
    any: bool,
}

impl Faults {
    pub fn new() -> Self {
        Self { at: Vec::new(), tree: json!({}), any: false }
    }

    /// Looks at something deeper in the body.
    pub fn within(&mut self, key: impl ToString, look: impl FnOnce(&mut Self)) {
        self.at.push(key.to_string());
        look(self);
        self.at.pop();
    }

    /// A fault here.
    pub fn add(&mut self, code: &str, message: &str) {
        let mut node = &mut self.tree;
        for key in &self.at {
            node = &mut node[key.as_str()];
            if node.is_null() {
                *node = json!({});
            }
        }
        if node["_errors"].is_null() {
            node["_errors"] = json!([]);
        }
        node["_errors"].as_array_mut().expect("made above").push(json!({ "code": code, "message": message }));
        self.any = true;
    }

    /// A fault of one key.
    pub fn at(&mut self, key: impl ToString, code: &str, message: &str) {
        self.within(key, |faults| faults.add(code, message));
    }

    pub fn required(&mut self, key: impl ToString) {
        self.at(key, "BASE_TYPE_REQUIRED", "This field is required");
    }

    pub fn choices(&mut self, key: impl ToString, of: &str) {
        self.at(key, "BASE_TYPE_CHOICES", &format!("Value must be one of {{{of}}}."));
    }

    /// A text of at most so many characters; gives it without the white space around, as Discord keeps it.
    pub fn text(&mut self, body: &Value, key: &str, least: usize, most: usize) -> Option<String> {
        let value = &body[key];
        if value.is_null() {
            if least > 0 {
                self.required(key);
            }
            return None;
        }
        let Some(text) = value.as_str() else {
            self.at(key, "STRING_TYPE_CONVERT", &format!("Could not interpret \"{value}\" as string."));
            return None;
        };
        let text = text.trim().to_owned();
        let length = text.chars().count();
        if length < least && length == 0 {
            self.required(key);
        } else if length < least || (length > most && least > 0) {
            self.at(key, "BASE_TYPE_BAD_LENGTH", &format!("Must be between {least} and {most} in length."));
        } else if length > most {
            self.at(key, "BASE_TYPE_MAX_LENGTH", &format!("Must be {most} or fewer in length."));
        }
        Some(text)
    }

    /// A list of so many; nothing where it is absent.
    pub fn list<'a>(&mut self, body: &'a Value, key: &str, least: usize, most: usize) -> &'a [Value] {
        let value = &body[key];
        if value.is_null() {
            if least > 0 {
                self.required(key);
            }
            return &[];
        }
        let Some(list) = value.as_array() else {
            self.at(key, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
            return &[];
        };
        if least > 0 && !(least..=most).contains(&list.len()) {
            self.at(key, "BASE_TYPE_BAD_LENGTH", &format!("Must be between {least} and {most} in length."));
        } else if list.len() > most {
            self.at(key, "BASE_TYPE_MAX_LENGTH", &format!("Must be {most} or fewer in length."));
        }
        list
    }

    /// An address that a person may open.
    pub fn url(&mut self, body: &Value, key: &str, schemes: &[&str]) {
        let Some(text) = self.text(body, key, 0, 2048).filter(|text| !text.is_empty()) else { return };
        let Some((scheme, rest)) = text.split_once("://") else {
            return self.at(key, "URL_TYPE_INVALID_URL", "Not a well formed URL.");
        };
        if !schemes.contains(&scheme) {
            let known = schemes.iter().map(|one| format!("'{one}'")).collect::<Vec<_>>().join(", ");
            self.at(key, "URL_TYPE_INVALID_SCHEME", &format!("Scheme \"{scheme}\" must be one of ({known})."));
        } else if rest.is_empty() || rest.contains(char::is_whitespace) {
            self.at(key, "URL_TYPE_INVALID_URL", "Not a well formed URL.");
        }
    }

    /// The refusal, where there is a fault.
    pub fn end(self) -> Result<(), Refusal> {
        if !self.any {
            return Ok(());
        }
        let body = json!({ "message": "Invalid Form Body", "code": 50_035, "errors": self.tree });
        Err(Refusal { status: 400, body, headers: Vec::new() })
    }
}
