//! What judging a JSON body costs: from its bytes to the verdict, for every engine; parsing alone beside it.

mod documents;
mod load;
mod plain;

use std::hint::black_box;

use serde_json::{Value, json};
use shield_compiler::schema::{Dialect, Reading, Texts, compile_schema};
use shield_compiler::source::SourceMap;
use shield_engine::schema::{Native, Validators, Verdict, json as reader};
use shield_ir::schema::{Direction, NodeId};

use documents::Subject;

/// An engine that judges texts.
trait Engine {
    fn is_valid(&self, text: &str) -> bool;
}

impl<F: Fn(&str) -> bool> Engine for F {
    fn is_valid(&self, text: &str) -> bool {
        self(text)
    }
}

pub fn run(arguments: &[&str]) {
    if let ["schema", "load", path] = arguments {
        return load::run(path);
    }
    let (subjects, as_json) = if arguments.contains(&"real") {
        (documents::real(None), arguments.contains(&"--json"))
    } else {
        (documents::all(), arguments.contains(&"--json"))
    };
    let mut rows = Vec::new();
    for subject in &subjects {
        let own = judge(subject);
        if !as_json {
            own.iter().for_each(print_row);
        }
        rows.extend(own);
    }
    if as_json {
        rows.iter().for_each(|row| println!("{row}"));
    }
}

/// Judges a document by us or by the peer, for tools that count instructions.
pub fn count(name: &str, case: &str, engine: &str) {
    let named = |list: Vec<Subject>| list.into_iter().find(|subject| subject.name == name);
    let subject = named(documents::all()).or_else(|| named(documents::real(Some(name)))).expect("a document");
    let text = match case {
        "early" => subject.early.expect("such a text"),
        "late" => subject.late.expect("such a text"),
        "plain" => subject.plain.expect("such a text"),
        // As people write it: white space everywhere, so that no guess is right.
        "spaced" => format!("{:#}", serde_json::from_str::<Value>(&subject.valid).expect("JSON")),
        _ => subject.valid,
    };
    let valid = !matches!(case, "early" | "late");
    let (shield, peer) = (Shield::new(&subject.schema), peer(&subject.schema));
    let judge: &dyn Fn() -> bool = match engine {
        "shield" => &|| shield.native(black_box(&text)) == valid,
        _ => &|| by_peer(&peer, black_box(&text)) == valid,
    };
    assert!(judge(), "{engine} says otherwise of {name} {case}");
    counted(judge);
}

/// The names of the schemas of real documents, with the cases that each has.
pub fn names() {
    for subject in documents::real(None) {
        println!("{} valid", subject.name);
        subject.plain.iter().for_each(|_| println!("{} plain", subject.name));
    }
}

/// What is counted.
#[inline(never)]
fn counted(judge: &dyn Fn() -> bool) {
    for _ in 0..100 {
        assert!(black_box(judge()));
    }
}

fn print_row(row: &Value) {
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| row[key].as_f64().map_or("—".to_owned(), |number| format!("{number:.2}"));
    println!(
        "| {} | {} | {} | {} | {} | {} | {} |",
        text("document"),
        row["bytes"],
        text("case"),
        text("engine"),
        number("ns"),
        number("mb_s"),
        number("vs_jsonschema"),
    );
}

/// Every engine on every text of a subject.
fn judge(subject: &Subject) -> Vec<Value> {
    let shield = Shield::new(&subject.schema);
    let jsonschema = peer(&subject.schema);
    let (boon_schemas, boon_root) = boon(&subject.schema);
    let engines: Vec<(&str, bool, Box<dyn Engine + '_>)> = vec![
        ("shield", true, Box::new(|text: &str| shield.native(text))),
        ("shield-interpreter", true, Box::new(|text: &str| shield.interpreter(text))),
        ("serde_json+jsonschema", true, Box::new(|text: &str| by_peer(&jsonschema, text))),
        (
            "serde_json+boon",
            true,
            Box::new(|text: &str| {
                serde_json::from_str(text).is_ok_and(|value| boon_schemas.validate(&value, boon_root).is_ok())
            }),
        ),
        ("serde_json::Value", false, Box::new(|text: &str| serde_json::from_str::<Value>(text).is_ok())),
        ("sonic-rs", false, Box::new(|text: &str| sonic_rs::from_str::<sonic_rs::Value>(text).is_ok())),
    ];
    let cases = [
        ("valid", Some(&subject.valid), true),
        ("plain", subject.plain.as_ref(), true),
        ("early", subject.early.as_ref(), false),
        ("late", subject.late.as_ref(), false),
    ];
    let mut rows = Vec::new();
    for (case, text, expected) in cases {
        let Some(text) = text else { continue };
        let mut times = Vec::new();
        for (name, judges, engine) in &engines {
            let said = engine.is_valid(text);
            // boon divides binary floating point numbers, so that 79.90 is no multiple of 0.01.
            let inexact = *name == "serde_json+boon";
            assert!(
                !judges || inexact || said == expected,
                "{name} says otherwise of {} {case}",
                subject.name
            );
            if *judges && said != expected {
                eprintln!("{name} says otherwise of {} {case}", subject.name);
            }
            times.push((*name, crate::measure(|| black_box(engine.is_valid(black_box(text))))));
        }
        let peer = times.iter().find(|(name, _)| *name == "serde_json+jsonschema").map_or(0.0, |(_, ns)| *ns);
        rows.extend(times.iter().map(|(name, ns)| {
            let round = |number: f64| (number * 100.0).round() / 100.0;
            json!({"engine": name, "document": subject.name, "bytes": text.len(), "case": case, "ns": round(*ns),
                   "mb_s": round(text.len() as f64 * 1e3 / ns), "vs_jsonschema": round(peer / ns)})
        }));
    }
    rows
}

struct Shield {
    validators: Validators,
    root: NodeId,
    native: Native,
}

impl Shield {
    fn new(schema: &Value) -> Self {
        let text = schema.to_string();
        let texts = Texts { root: ("http://shield.test/schema", &text), others: &[] };
        let reading = Reading { dialect: Dialect::OpenApi31, assert_formats: true };
        let (plan, root) = compile_schema(&mut SourceMap::default(), texts, reading)
            .unwrap_or_else(|errors| panic!("{errors:?}"));
        let validators = Validators::load(plan).expect("a plan");
        let native = validators.native(root, Direction::Both).expect("code").expect("a schema that has code");
        Self { validators, root, native }
    }

    fn native(&self, text: &str) -> bool {
        self.validators.judge(&self.native, text.as_bytes()) == Verdict::Valid
    }

    fn interpreter(&self, text: &str) -> bool {
        reader::parse(text.as_bytes())
            .is_ok_and(|document| self.validators.is_valid(self.root, &document) == Ok(true))
    }
}

fn peer(schema: &Value) -> jsonschema::Validator {
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    options.build(schema).expect("a schema that jsonschema reads")
}

fn by_peer(peer: &jsonschema::Validator, text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|value| peer.is_valid(&value))
}

fn boon(schema: &Value) -> (boon::Schemas, boon::SchemaIndex) {
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.set_default_draft(boon::Draft::V2020_12);
    compiler.enable_format_assertions();
    let name = "http://shield.test/schema.json";
    compiler.add_resource(name, schema.clone()).expect("a resource");
    let root = compiler.compile(name, &mut schemas).expect("a schema that boon reads");
    (schemas, root)
}
