//! Bodies as programs write them: what a schema's author gives as an example or default, else plain values.

use serde_json::{Map, Value, json};

/// What people and programs write: little of it needs an escape or is not ASCII.
const TEXTS: [&str; 8] = [
    "Rotterdam",
    "prod-eu-west-1-blue-4711",
    "Wireless keyboard, compact",
    "https://api.example.com/v1/things/42?expand=owner",
    "jane.doe@example.com",
    "José Ortega",
    "The first line.\nA second one, with \"quotes\".",
    "a81bc81b0f7a4c7dbb0d6f3bb4f0c3c2",
];

/// What is written where a schema asks for a format.
const FORMATS: [(&str, &str); 5] = [
    ("date-time", "2026-03-14T09:26:53Z"),
    ("date", "2026-03-14"),
    ("duration", "PT15M"),
    ("uuid", "3f0c7a52-9d5e-4b6f-8a21-c0ffee123456"),
    ("uri", "https://api.example.com/v1/things/42"),
];

/// Writes values for the schemas of a document.
pub struct Writer<'d> {
    document: &'d Value,
    /// References that are being followed: a value does not contain one of its own kind.
    open: Vec<&'d str>,
    /// How many texts have been written.
    texts: usize,
}

impl<'d> Writer<'d> {
    pub fn new(document: &'d Value) -> Self {
        Self { document, open: Vec::new(), texts: 0 }
    }

    /// A value that the schema describes, with all members that a client writes.
    pub fn value(&mut self, schema: &'d Value) -> Option<Value> {
        if let Some(reference) = schema["$ref"].as_str() {
            if self.open.contains(&reference) {
                return None;
            }
            self.open.push(reference);
            let target = self.document.pointer(reference.trim_start_matches('#'))?;
            let value = self.value(target);
            self.open.pop();
            return value;
        }
        let given = [&schema["example"], &schema["examples"][0], &schema["default"], &schema["enum"][0]];
        // Not every document keeps to its own types and bounds.
        let bound = |key: &str, otherwise| schema[key].as_f64().unwrap_or(otherwise);
        let (least, most) = (bound("minimum", f64::MIN), bound("maximum", f64::MAX));
        let is_kind = |given: &Value| match schema["type"].as_str() {
            Some("object") => given.is_object(),
            Some("array") => given.is_array(),
            Some("string") => given.is_string(),
            _ => !given.is_null(),
        };
        let fits = |given: &&Value| {
            is_kind(given) && given.as_f64().is_none_or(|number| least <= number && number <= most)
        };
        if let Some(given) = given.into_iter().find(fits) {
            return Some(given.clone());
        }
        let choice = ["oneOf", "anyOf"].iter().find_map(|keyword| schema[keyword].get(0));
        if let Some(first) = choice {
            return self.value(first);
        }
        let is_object = ["properties", "allOf", "additionalProperties"].iter().any(|k| !schema[k].is_null());
        Some(match schema["type"].as_str() {
            Some("array") => {
                let most = schema["maxItems"].as_u64().unwrap_or(2).min(2);
                (0..most).filter_map(|_| self.value(&schema["items"])).collect()
            }
            Some("boolean") => json!(true),
            Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(42)),
            Some("number") => schema.get("minimum").cloned().unwrap_or(json!(12.5)),
            Some("string") => self.text(schema),
            Some("object") => self.object(schema),
            _ if is_object => self.object(schema),
            _ => self.text(schema),
        })
    }

    fn object(&mut self, schema: &'d Value) -> Value {
        let mut members = Map::new();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            match self.value(part) {
                Some(Value::Object(inherited)) => members.extend(inherited),
                // All parts are of one type, where they say which.
                Some(value) if ["$ref", "type", "enum"].iter().any(|k| !part[k].is_null()) => return value,
                _ => {}
            }
        }
        let required =
            |name: &str| schema["required"].as_array().is_some_and(|list| list.contains(&json!(name)));
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            if member["readOnly"] != true || required(name) {
                members.extend(self.value(member).map(|value| (name.clone(), value)));
            }
        }
        if let others @ Value::Object(_) = &schema["additionalProperties"] {
            let names = ["owner", "cost-centre"];
            members.extend(names.iter().filter_map(|name| Some(((*name).to_owned(), self.value(others)?))));
        }
        Value::Object(members)
    }

    /// The next text that fits what is asked of it.
    fn text(&mut self, schema: &Value) -> Value {
        if let Some((_, text)) = FORMATS.iter().find(|(format, _)| schema["format"] == **format) {
            return json!(text);
        }
        let pattern = schema["pattern"].as_str().and_then(|pattern| regex::Regex::new(pattern).ok());
        let fits = |text: &&&str| {
            text.len() as u64 <= schema["maxLength"].as_u64().unwrap_or(u64::MAX)
                && pattern.as_ref().is_none_or(|pattern| pattern.is_match(text))
        };
        self.texts += 1;
        let text = TEXTS.iter().cycle().skip(self.texts).take(TEXTS.len()).find(fits);
        json!(text.unwrap_or(&""))
    }
}
