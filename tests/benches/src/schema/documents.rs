//! The documents that are judged, with their schemas: three of usual shapes, and bodies of real documents of the corpora.

use serde_json::{Value, json};

use super::plain::Writer;

/// A schema with a valid text, and texts that are not valid at their start and at their end.
#[derive(Debug)]
pub struct Subject {
    pub name: String,
    pub schema: Value,
    pub valid: String,
    pub early: Option<String>,
    pub late: Option<String>,
    /// Another valid text, as programs write it.
    pub plain: Option<String>,
}

pub fn all() -> Vec<Subject> {
    vec![login(), order(), list()]
}

fn subject(name: &str, schema: Value, [valid, early, late]: [String; 3]) -> Subject {
    Subject { name: name.into(), schema, valid, early: Some(early), late: Some(late), plain: None }
}

fn login() -> Subject {
    let schema = json!({
        "type": "object",
        "properties": {
            "username": {"type": "string", "format": "email", "maxLength": 254},
            "password": {"type": "string", "minLength": 8, "maxLength": 128},
            "remember": {"type": "boolean"},
        },
        "required": ["username", "password"],
        "additionalProperties": false,
    });
    let text = |user: &str, remember: &str| {
        format!(r#"{{"username":"{user}","password":"correct horse battery","remember":{remember}}}"#)
    };
    let texts =
        [text("jane.doe@example.com", "true"), text("jane.doe", "true"), text("jane.doe@example.com", "1")];
    subject("login", schema, texts)
}

fn order() -> Subject {
    let address = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 100},
            "line1": {"type": "string", "minLength": 1, "maxLength": 200},
            "line2": {"type": ["string", "null"], "maxLength": 200},
            "city": {"type": "string", "minLength": 1, "maxLength": 100},
            "postal_code": {"type": "string", "pattern": "^[A-Z0-9 -]{3,10}$"},
            "country": {"type": "string", "enum": ["AT", "BE", "CH", "DE", "DK", "ES", "FR", "GB", "IE", "IT", "NL", "SE", "US"]},
        },
        "required": ["name", "line1", "city", "postal_code", "country"],
        "additionalProperties": false,
    });
    let schema = json!({
        "$defs": {
            "address": address,
            "money": {"type": "number", "minimum": 0, "multipleOf": 0.01},
            "card": {
                "type": "object",
                "properties": {
                    "kind": {"const": "card"},
                    "token": {"type": "string", "pattern": "^tok_[A-Za-z0-9]{16,32}$"},
                    "three_d_secure": {"type": "boolean"},
                },
                "required": ["kind", "token"],
                "additionalProperties": false,
            },
            "transfer": {
                "type": "object",
                "properties": {
                    "kind": {"const": "transfer"},
                    "iban": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$"},
                },
                "required": ["kind", "iban"],
                "additionalProperties": false,
            },
            "invoice": {
                "type": "object",
                "properties": {
                    "kind": {"const": "invoice"},
                    "days": {"type": "integer", "minimum": 1, "maximum": 90},
                },
                "required": ["kind", "days"],
                "additionalProperties": false,
            },
        },
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "created_at": {"type": "string", "format": "date-time"},
            "channel": {"enum": ["web", "app", "phone", "store"]},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "customer": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer", "minimum": 1},
                    "email": {"type": "string", "format": "email"},
                    "phone": {"type": "string", "pattern": "^\\+[0-9]{7,15}$"},
                    "vip": {"type": "boolean"},
                },
                "required": ["id", "email"],
                "additionalProperties": false,
            },
            "shipping": {"$ref": "#/$defs/address"},
            "billing": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/address"}]},
            "items": {
                "type": "array",
                "minItems": 1,
                "maxItems": 100,
                "items": {
                    "type": "object",
                    "properties": {
                        "sku": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4,8}$"},
                        "title": {"type": "string", "maxLength": 200},
                        "quantity": {"type": "integer", "minimum": 1, "maximum": 1000},
                        "price": {"$ref": "#/$defs/money"},
                        "tags": {"type": "array", "items": {"type": "string", "maxLength": 30}, "maxItems": 10, "uniqueItems": true},
                    },
                    "required": ["sku", "quantity", "price"],
                    "additionalProperties": false,
                },
            },
            "payment": {
                "oneOf": [{"$ref": "#/$defs/card"}, {"$ref": "#/$defs/transfer"}, {"$ref": "#/$defs/invoice"}],
                "discriminator": {"propertyName": "kind"},
            },
            "metadata": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 100}, "maxProperties": 20},
            "total": {"$ref": "#/$defs/money"},
        },
        "required": ["id", "created_at", "channel", "currency", "customer", "shipping", "items", "payment", "total"],
        "additionalProperties": false,
    });
    let item = |number: u32, title: &str, quantity: u32, price: &str, tags: &str| {
        format!(
            r#"{{"sku":"ABC-{number}","title":"{title}","quantity":{quantity},"price":{price},"tags":[{tags}]}}"#
        )
    };
    let items = [
        item(10_001, "Wireless keyboard, compact", 1, "79.90", r#""input","wireless""#),
        item(20_417, "USB-C cable, 2 m", 3, "12.50", r#""cable""#),
        item(33_120, "Désk lämp", 1, "149", ""),
        item(40_004, "Notebook A5, dotted \\\"soft\\\"", 5, "4.95", r#""paper","a5","dotted""#),
    ];
    let address = r#"{"name":"Jane Doe","line1":"12 Harbour Street","line2":null,"city":"Rotterdam","postal_code":"3011 AB","country":"NL"}"#;
    let text = |id: &str, total: &str| {
        format!(
            r#"{{"id":"{id}","created_at":"2026-03-14T09:26:53.589Z","channel":"web","currency":"EUR","customer":{{"id":8812734,"email":"jane.doe@example.com","phone":"+31101234567","vip":false}},"shipping":{address},"billing":null,"items":[{}],"payment":{{"kind":"card","token":"tok_9f8A7c6B5d4E3f2A1b0C","three_d_secure":true}},"metadata":{{"campaign":"spring-26","referrer":"newsletter","experiment":"checkout-b"}},"total":{total}}}"#,
            items.join(",")
        )
    };
    let id = "3f0c7a52-9d5e-4b6f-8a21-c0ffee123456";
    subject("order", schema, [text(id, "291.15"), text("3f0c7a52", "291.15"), text(id, "-291.15")])
}

fn list() -> Subject {
    let schema = json!({
        "type": "object",
        "properties": {
            "page": {"type": "integer", "minimum": 1},
            "items": {
                "type": "array",
                "maxItems": 100_000,
                "items": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "integer", "minimum": 1},
                        "uuid": {"type": "string", "format": "uuid"},
                        "name": {"type": "string", "minLength": 1, "maxLength": 80},
                        "email": {"type": "string", "format": "email"},
                        "active": {"type": "boolean"},
                        "role": {"enum": ["admin", "editor", "viewer", "guest"]},
                        "score": {"type": "number", "minimum": 0, "maximum": 100},
                        "created_at": {"type": "string", "format": "date-time"},
                        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z-]+$"}, "maxItems": 8},
                        "address": {
                            "type": "object",
                            "properties": {
                                "street": {"type": "string"},
                                "city": {"type": "string"},
                                "country": {"type": "string", "pattern": "^[A-Z]{2}$"},
                                "position": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
                            },
                            "required": ["street", "city", "country"],
                        },
                    },
                    "required": ["id", "uuid", "name", "email", "active", "role", "created_at"],
                    "additionalProperties": false,
                },
            },
            "total": {"type": "integer", "minimum": 0},
        },
        "required": ["page", "items", "total"],
    });
    let names =
        ["Ada Lovelace", "Grace Hopper", "José Ortega", "Margaret Hamilton", "Łukasz Nowak", "Alan Kay"];
    let tags = ["alpha", "beta-test", "newsletter", "partner", "trial"];
    let item = |at: usize| {
        let pick =
            |list: &[&str], at: usize| list.get(at % list.len()).copied().unwrap_or_default().to_owned();
        let own: Vec<String> = (0..at % 4).map(|tag| format!("\"{}\"", pick(&tags, at + tag))).collect();
        format!(
            r#"{{"id":{},"uuid":"{:08x}-1c2d-4e3f-8a4b-{:012x}","name":"{}","email":"user.{at}@example.org","active":{},"role":"{}","score":{}.{},"created_at":"2026-{:02}-{:02}T{:02}:30:00Z","tags":[{}],"address":{{"street":"{} Long Street","city":"Springfield","country":"US","position":[{}.5123,-{}.25]}}}}"#,
            at + 1,
            at * 7919,
            at * 104_729,
            pick(&names, at),
            at % 3 != 0,
            pick(&["admin", "editor", "viewer", "guest"], at / 2),
            at % 100,
            at % 10,
            at % 12 + 1,
            at % 28 + 1,
            at % 24,
            own.join(","),
            at % 900 + 1,
            at % 90,
            at % 180,
        )
    };
    let items: Vec<String> = (0..2_950).map(item).collect();
    let text = |page: &str, total: &str| {
        format!(r#"{{"page":{page},"items":[{}],"total":{total}}}"#, items.join(","))
    };
    subject("list", schema, [text("1", "2950"), text("0", "2950"), text("1", "\"2950\"")])
}

/// Operations of real documents with bodies that a fuzzer generated: the document, where the schema stands, the case.
const REAL: &[(&str, &str, &str, &str)] = &[
    (
        "apis-guru/azure.com/databricks.json",
        "put",
        "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Databricks/workspaces/{workspaceName}",
        "st-abda1780a49f",
    ),
    ("apis-guru/apisetu.gov.in/cisce.json", "post", "/hsmgr/certificate", "st-b0aaeb1cc09b"),
    ("apis-guru/cloudrf.com.json", "post", "/area", "st-e8fbae39a506"),
    (
        "apis-guru/azure.com/mediaservices-ContentKeyPolicies.json",
        "put",
        "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Media/mediaServices/{accountName}/contentKeyPolicies/{contentKeyPolicyName}",
        "st-a39107f4baff",
    ),
    (
        "apis-guru/azure.com/scheduler.json",
        "put",
        "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Scheduler/jobCollections/{jobCollectionName}/jobs/{jobName}",
        "st-124dcc0e6bf4",
    ),
    (
        "apis-guru/azure.com/machinelearning-workspaces.json",
        "put",
        "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.MachineLearning/workspaces/{workspaceName}",
        "st-8bd07f2a3673",
    ),
    (
        "apis-guru/googleapis.com/reseller.json",
        "post",
        "/apps/reseller/v1/customers/{customerId}/subscriptions",
        "st-9393270cb5bf",
    ),
    (
        "apis-guru/googleapis.com/firebasedynamiclinks.json",
        "post",
        "/v1/installAttribution",
        "st-aaff80daa0d0",
    ),
    ("apis-guru/wyjyt-geo-calculate.azurewebsites.net.json", "post", "/Fence", "st-e93ed70282c3"),
    (
        "apis-guru/amazonaws.com/managedblockchain-query.json",
        "post",
        "/batch-get-token-balance",
        "st-e7ada884f93d",
    ),
];

/// Ten schemas of real documents, or one of them, with a fuzzer's body and, where one can be written, a plain one of each; none where the corpora are
/// not there.
pub fn real(name: Option<&str>) -> Vec<Subject> {
    let Some(root) = std::env::var_os("SHIELD_CORPORA").map(std::path::PathBuf::from) else {
        eprintln!("NOT RUN: ten schemas of real documents, because SHIELD_CORPORA does not name the corpora");
        return Vec::new();
    };
    let cases = std::fs::read_to_string(root.join("openapi-cases-generated/schemathesis-shared.jsonl"))
        .expect("cases");
    let name_of = |spec: &str| spec.rsplit('/').next().unwrap_or(spec).trim_end_matches(".json").to_owned();
    REAL.iter()
        .filter(|(spec, ..)| name.is_none_or(|name| name_of(spec) == name))
        .map(|(spec, method, path, id)| {
            let text = std::fs::read_to_string(root.join("openapi").join(spec)).expect("a document");
            let document: Value = serde_json::from_str(&text).expect("JSON");
            let mut body = &document["paths"][path][method]["requestBody"];
            if let Some(reference) = body["$ref"].as_str() {
                body = document.pointer(reference.trim_start_matches('#')).expect("what is referred to");
            }
            let content = &body["content"];
            let schema =
                content.as_object().and_then(|list| list.values().next()).expect("a content")["schema"]
                    .clone();
            let line = cases.lines().find(|line| line.contains(&format!("\"{id}\""))).expect("a case");
            let case: Value = serde_json::from_str(line).expect("JSON");
            let body = base64(case["request"]["body_b64"].as_str().expect("a body"));
            let plain = Writer::new(&document).value(&schema).expect("a value").to_string();
            let mut schema = schema;
            schema["components"] = document["components"].clone();
            let valid = String::from_utf8(body).expect("UTF-8");
            // A pattern may be one that no plain text fits.
            let plain = Some(plain).filter(|plain| super::by_peer(&super::peer(&schema), plain));
            Subject { name: name_of(spec), schema, valid, early: None, late: None, plain }
        })
        .collect()
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for digit in text.chars().filter_map(|character| DIGITS.find(character)) {
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}
