//! Hostile documents and bodies: bounded work and memory, and the right verdict or a refusal.
#![expect(clippy::needless_pass_by_value, clippy::string_slice, clippy::unwrap_used, reason = "tests panic")]

use std::fmt::Write as _;

use shield_compiler::diagnostic::Diagnostic;
use shield_compiler::schema::{Compiled, Dialect, Document, PlanBuilder, Reading, Texts, compile_schema};
use shield_compiler::source::{MemorySources, SourceMap};
use shield_engine::schema::{Exhausted, Judge, Parts, Validators, json};
use shield_ir::schema::NodeId;
use shield_tests::native::Both;

fn load(schema: &str) -> (Validators, NodeId) {
    let reading = Reading { dialect: Dialect::Draft202012, assert_formats: true };
    let texts = Texts { root: ("http://shield.test/", schema), others: &[] };
    let (plan, root) = compile_schema(&mut SourceMap::default(), texts, reading).unwrap();
    (Validators::load(plan).unwrap(), root)
}

fn verdict(schema: &str, text: &str) -> Result<bool, Exhausted> {
    let (validators, root) = load(schema);
    let document = json::parse(text.as_bytes()).unwrap();
    let verdict = validators.is_valid(root, &document);
    assert_eq!(verdict, validators.violations(root, &document).map(|list| list.is_empty()));
    assert_eq!(Both::new(&validators, root).judge(text.as_bytes()), verdict.ok());
    verdict
}

/// Reads and compiles a document; its errors as `code message`, in order.
fn errors(files: MemorySources, path: &str) -> Vec<String> {
    let (mut map, mut diagnostics) = (SourceMap::default(), Vec::new());
    let document = Document::read(&files, &mut map, path, &mut diagnostics);
    let compiled = document.map(|document| document.compile(&mut PlanBuilder::new(), &mut diagnostics));
    let _: Option<Compiled> = compiled;
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    errors.map(|Diagnostic { code, message, .. }| format!("{} {message}", code.name)).collect()
}

fn document(schemas: &str) -> String {
    format!(
        r##"{{"openapi":"3.1.0","info":{{}},"paths":{{"/x":{{"post":{{"requestBody":{{"content":{{"application/json":
        {{"schema":{{"$ref":"#/components/schemas/A"}}}}}}}}}}}}}},"components":{{"schemas":{schemas}}}}}"##
    )
}

#[test]
fn a_deep_body_is_refused() {
    for text in
        ["[".repeat(100_000), "{\"a\":".repeat(100_000), format!("{}{}", "[".repeat(129), "]".repeat(129))]
    {
        assert!(matches!(json::parse(text.as_bytes()).unwrap_err().kind, json::SyntaxKind::Depth));
        let (validators, root) = load(r##"{"properties":{"a":{"$ref":"#"}},"items":{"$ref":"#"}}"##);
        assert_eq!(Both::new(&validators, root).judge(text.as_bytes()), Some(false));
    }
}

#[test]
fn a_million_members_are_read_and_judged() {
    let mut text = String::from("{");
    for at in 0..1_000_000 {
        write!(text, "{}\"k{at}\":{at}", if at == 0 { "" } else { "," }).unwrap();
    }
    text.push('}');
    let schema =
        r#"{"required":["k999999"],"additionalProperties":{"type":"integer"},"maxProperties":1000000}"#;
    assert_eq!(verdict(schema, &text), Ok(true));
    let twice = text.replace("\"k7\":", "\"k8\":");
    let (validators, root) = load(schema);
    assert_eq!(Both::new(&validators, root).judge(twice.as_bytes()), Some(false));
    assert!(matches!(json::parse(twice.as_bytes()).unwrap_err().kind, json::SyntaxKind::Duplicate(_)));
}

#[test]
fn a_million_digits_are_compared_exactly() {
    let nines = "9".repeat(1_000_000);
    assert_eq!(
        verdict(r#"{"minimum":1e999999,"exclusiveMaximum":1e1000000}"#, &format!("1{}", &nines[1..])),
        Ok(true)
    );
    assert_eq!(verdict(r#"{"multipleOf":3}"#, &nines), Ok(true));
    assert_eq!(verdict(r#"{"multipleOf":2}"#, &nines), Ok(false));
    assert_eq!(verdict(r#"{"multipleOf":7,"type":"integer"}"#, "7e1000000"), Ok(true));
}

#[test]
fn branches_inside_branches_do_not_multiply() {
    let schema = r##"{"$defs":{"n":{"oneOf":[
        {"properties":{"n":{"$ref":"#/$defs/n"}}, "required":["a"]},
        {"properties":{"n":{"$ref":"#/$defs/n"}}, "required":["b"]},
        {"properties":{"n":{"$ref":"#/$defs/n"}}, "required":["c"]}]}},"$ref":"#/$defs/n"}"##;
    let nested = |inner: &str| format!("{}{inner}{}", r#"{"a":1,"n":"#.repeat(100), "}".repeat(100));
    assert_eq!(verdict(schema, &nested(r#"{"b":1}"#)), Ok(true));
    assert_eq!(verdict(schema, &nested("{}")), Ok(false));
}

#[test]
fn unique_items_of_many_objects_take_sorting_time() {
    let object = |at: usize| format!(r#"{{"a":{at},"b":"{}"}}"#, at % 7);
    let all: Vec<String> = (0..50_000).map(object).collect();
    let schema = r#"{"uniqueItems":true}"#;
    assert_eq!(verdict(schema, &format!("[{}]", all.join(","))), Ok(true));
    assert_eq!(verdict(schema, &format!("[{},{}]", all.join(","), object(77))), Ok(false));
}

#[test]
fn a_pathological_pattern_takes_linear_time() {
    let text = format!("\"{}b\"", "a".repeat(50_000));
    assert_eq!(verdict(r#"{"pattern":"^(a+)+$"}"#, &text), Ok(false));
    assert_eq!(verdict(r#"{"pattern":"^(a|a|a?)*$"}"#, &text), Ok(false));
}

#[test]
fn a_long_chain_of_references_ends_in_a_refusal_not_in_a_fall() {
    let mut defs = String::from("{");
    for at in 0..5_000 {
        write!(defs, "\"d{at}\":{{\"$ref\":\"#/$defs/d{}\"}},", at + 1).unwrap();
    }
    write!(defs, "\"d5000\":true}}").unwrap();
    assert_eq!(verdict(&format!("{{\"$defs\":{defs},\"$ref\":\"#/$defs/d0\"}}"), "1"), Err(Exhausted));
    assert_eq!(verdict(&format!("{{\"$defs\":{defs},\"$ref\":\"#/$defs/d4900\"}}"), "1"), Ok(true));
}

#[test]
fn a_recursive_schema_goes_as_deep_as_a_body_may() {
    let schema = r##"{"properties":{"n":{"allOf":[{"$ref":"#"}]}},"unevaluatedProperties":false}"##;
    let nested = |inner: &str| format!("{}{inner}{}", r#"{"n":"#.repeat(120), "}".repeat(120));
    assert_eq!(verdict(schema, &nested("{}")), Ok(true));
    assert_eq!(verdict(schema, &nested(r#"{"x":1}"#)), Ok(false));
}

#[test]
fn references_that_go_round_without_progress_are_refused() {
    for schemas in [
        r##"{"A":{"$ref":"#/components/schemas/A"}}"##,
        r##"{"A":{"allOf":[{"$ref":"#/components/schemas/B"}]},"B":{"anyOf":[{"$ref":"#/components/schemas/A"}]}}"##,
        r##"{"A":{"$dynamicAnchor":"x","not":{"$dynamicRef":"#x"}}}"##,
    ] {
        let found = errors(MemorySources::new([("a.json", &document(schemas))]), "a.json");
        assert_eq!(found, ["E0502 this schema refers to itself without going into the value"], "{schemas}");
    }
}

#[test]
fn references_stay_inside_the_root() {
    for (reference, expected) in [
        ("../../etc/passwd", "E0502 `../../etc/passwd` leaves the policy's root"),
        ("/etc/passwd", "E0502 `/etc/passwd` leaves the policy's root"),
        ("..%2f..%2fetc/passwd", "E0502 `..%2f..%2fetc/passwd` leaves the policy's root"),
        ("https://a.test/x", "E0502 `https://a.test/x` lies outside this policy; nothing is fetched"),
        ("//a.test/x", "E0502 `//a.test/x` lies outside this policy; nothing is fetched"),
        ("file:///etc/passwd", "E0502 `file:///etc/passwd` lies outside this policy; nothing is fetched"),
        ("gone.yaml", "E0502 `api/gone.yaml` cannot be read: there is no such file"),
        ("other.yaml#/Gone", "E0502 nothing stands at `other.yaml#/Gone`"),
    ] {
        let text = document(&format!(r#"{{"A":{{"$ref":"{reference}"}}}}"#));
        let files = MemorySources::new([("api/a.json", &text), ("api/other.yaml", "Pet: {type: object}")]);
        assert_eq!(errors(files, "api/a.json"), [expected]);
    }
}

#[test]
fn documents_may_be_split_over_files_that_refer_to_each_other() {
    let root = "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths:\n  /pets/{id}:\n    $ref: 'paths/pet.yaml#/item'\n";
    let path = "item:\n  parameters:\n    - $ref: '../parts.yaml#/id'\n  put:\n    requestBody:\n      content:\n        \
                application/json:\n          schema: {$ref: '../parts.yaml#/Pet'}\n    responses: {'204': {description: d}}\n";
    let parts = "id: {name: id, in: path, required: true, schema: {type: integer}}\nPet:\n  type: object\n  properties:\n    \
                 parent: {$ref: '#/Pet'}\n    name: {type: string}\n  required: [name]\n";
    let files = MemorySources::new([("a.yaml", root), ("paths/pet.yaml", path), ("parts.yaml", parts)]);
    let (mut map, mut diagnostics, mut plan) = (SourceMap::default(), Vec::new(), PlanBuilder::new());
    let compiled = Document::read(&files, &mut map, "a.yaml", &mut diagnostics)
        .unwrap()
        .compile(&mut plan, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let validators = Validators::load(plan.finish()).unwrap();
    let judge = Judge::new(&validators, compiled.operations.into_iter().next().unwrap().operation);
    let pointers = |id: &str, body: &str| -> Vec<String> {
        let headers: &[(&[u8], &[u8])] = &[(b"content-type", b"application/json")];
        let parts = Parts { path: &[("id", id)], headers, body: Some(body.as_bytes()), ..Parts::default() };
        judge.request(&validators, &parts).into_iter().map(|violation| violation.pointer).collect()
    };
    assert!(pointers("7", r#"{"name":"a","parent":{"name":"b"}}"#).is_empty());
    assert_eq!(pointers("x", r#"{"name":"a","parent":{}}"#), ["/id", "/parent/name"]);
}

#[test]
fn deep_documents_and_bombs_of_aliases_are_refused_or_shared() {
    for (path, text) in
        [("a.json", "[".repeat(100_000)), ("a.yaml", "[".repeat(100_000)), ("a.yaml", "- ".repeat(50_000))]
    {
        let found = errors(MemorySources::new([(path, &text)]), path);
        assert!(
            found.len() == 1 && found.iter().all(|error| error.starts_with("E0501")),
            "{path}: {found:?}"
        );
    }
    let mut bomb =
        String::from("openapi: 3.1.0\ninfo: {}\npaths: {}\nx-a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for at in 1..40 {
        writeln!(bomb, "x-a{at}: &a{at} [{}]", vec![format!("*a{}", at - 1); 10].join(", ")).unwrap();
    }
    assert!(errors(MemorySources::new([("a.yaml", &bomb)]), "a.yaml").is_empty());
    let constant = format!("{bomb}components: {{schemas: {{A: {{enum: *a39}}}}}}\n").replace(
        "paths: {}",
        "paths: {/x: {post: {requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}}}}",
    );
    let found = errors(MemorySources::new([("a.yaml", &constant)]), "a.yaml");
    assert!(!found.is_empty() && found.iter().all(|error| error.contains("longer than 1 MiB")), "{found:?}");
    for (text, expected) in [
        ("a: &x [*x]", "an alias inside what it stands for"),
        ("a: !!python/object:os.system x", "is not one that a document may use"),
        ("a: 1\na: 2", "stands here for the second time"),
        ("a: 1\n---\nb: 1", "a second document in one file"),
    ] {
        let found = errors(MemorySources::new([("a.yaml", text)]), "a.yaml");
        assert!(found.iter().any(|error| error.contains(expected)), "{text}: {found:?}");
    }
}

#[test]
fn json_and_yaml_give_the_same_plan() {
    let yaml = "openapi: 3.1.0\ninfo: {}\npaths:\n  /x:\n    get:\n      parameters:\n      - name: q\n        in: query\n        \
                schema: {type: [integer, 'null'], enum: [1, 0x10, 010, null, 1.50, 'no', no, ~]}\n";
    let text = r#"{"openapi":"3.1.0","info":{},"paths":{"/x":{"get":{"parameters":[{"name":"q","in":"query",
        "schema":{"type":["integer","null"],"enum":[1,16,10,null,1.50,"no","no",null]}}]}}}}"#;
    let plan = |path: &str, text: &str| {
        let (mut map, mut diagnostics, mut plan) = (SourceMap::default(), Vec::new(), PlanBuilder::new());
        let files = MemorySources::new([(path, text)]);
        Document::read(&files, &mut map, path, &mut diagnostics)
            .unwrap()
            .compile(&mut plan, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        plan.finish().to_string()
    };
    assert_eq!(plan("a.yaml", yaml), plan("a.json", text));
}
