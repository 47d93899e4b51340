//! Parameters and headers: where they are, how their values are written, what these must satisfy.

use shield_ir::operation::{ContentKind, Encoding, Location, Parameter, Style};
use shield_ir::schema::NodeId;
use shield_ir::template::Template;

use super::Reader;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::schema::library::Loc;
use crate::schema::tree::At;

/// Where parameters are, in which styles they may be written there; the first is the default.
const LOCATIONS: &[(&str, Location, &[Style])] = &[
    ("path", Location::Path, &[Style::Simple, Style::Label, Style::Matrix]),
    (
        "query",
        Location::Query,
        &[Style::Form, Style::SpaceDelimited, Style::PipeDelimited, Style::DeepObject],
    ),
    ("header", Location::Header, &[Style::Simple]),
    ("cookie", Location::Cookie, &[Style::Form]),
];

const STYLES: &[Style] = &[
    Style::Simple,
    Style::Label,
    Style::Matrix,
    Style::Form,
    Style::SpaceDelimited,
    Style::PipeDelimited,
    Style::DeepObject,
];

/// Headers that the specification has other words for.
const NOT_PARAMETERS: &[&str] = &["accept", "content-type", "authorization"];

impl Reader<'_> {
    /// The parameters of an operation: its own, and those of its path that it does not restate.
    pub(super) fn parameters(
        &mut self,
        template: &Template,
        loc: Loc,
        shared: Option<Loc>,
    ) -> Vec<Parameter> {
        let mut parameters: Vec<Parameter> = Vec::new();
        for list in [self.child(loc, "parameters"), shared].into_iter().flatten() {
            let known = parameters.len();
            if !self.at(list).is_array() {
                let at = self.at(list);
                self.error(at.span(), format!("`parameters` is an array, not {}", at.kind()));
            }
            for item in self.at(list).items() {
                let item_loc = Loc { document: list.document, ix: item.ix };
                let Some(parameter) = self.parameter(item_loc) else { continue };
                let same = |other: &Parameter| {
                    (other.location, &other.name) == (parameter.location, &parameter.name)
                };
                let restated = parameters.iter().take(known).any(same);
                if parameters.iter().skip(known).any(same) {
                    let message =
                        format!("the parameter `{}` stands here for the second time", parameter.name);
                    self.compiler.diagnostics.push(Diagnostic::new(codes::E0506, item.span(), message));
                } else if !restated {
                    parameters.push(parameter);
                }
            }
        }
        self.agree(template, loc, &mut parameters);
        parameters.sort_by(|a, b| (a.location, &a.name).cmp(&(b.location, &b.name)));
        parameters
    }

    /// Paths and path parameters name each other.
    fn agree(&mut self, template: &Template, loc: Loc, parameters: &mut Vec<Parameter>) {
        let span = self.at(loc).span();
        let span = crate::source::Span { end: span.start.saturating_add(1), ..span };
        let mut undeclared: Vec<&str> = template.variables().collect();
        let (known, strays): (Vec<Parameter>, Vec<Parameter>) =
            std::mem::take(parameters).into_iter().partition(|parameter| {
                let at = undeclared.iter().position(|variable| *variable == parameter.name);
                parameter.location != Location::Path || at.map(|at| undeclared.remove(at)).is_some()
            });
        *parameters = known;
        let warning = |message: String| Diagnostic::new(codes::W0503, span, message);
        // One name in two spellings is one mistake.
        if let ([variable], [stray]) = (&*undeclared, &*strays) {
            let name = &stray.name;
            let message = format!(
                "`{template}` has the variable `{{{variable}}}` and no `{{{name}}}`; any text matches"
            );
            let help = format!("give path and parameter one name, `{variable}` or `{name}`");
            self.compiler.diagnostics.push(warning(message).help(help));
            return;
        }
        for variable in undeclared {
            let message = format!("`{{{variable}}}` of `{template}` is declared nowhere; any text matches");
            let help = format!("declare it: `{{ name: {variable}, in: path, required: true, schema: … }}`");
            self.compiler.diagnostics.push(warning(message).help(help));
        }
        for Parameter { name, .. } in strays {
            let message = format!("`{template}` has no variable `{{{name}}}`");
            let help = format!("put `{{{name}}}` into the path, or say where else the parameter is");
            self.compiler.diagnostics.push(warning(message).help(help));
        }
    }

    fn parameter(&mut self, loc: Loc) -> Option<Parameter> {
        let loc = self.follow(loc)?;
        let at = self.at(loc);
        let (name, place) = (at.get("name"), at.get("in"));
        let (Some(name), Some(place)) = (name.and_then(At::as_str), place) else {
            self.fault(at, "a parameter says its `name` and where it is, its `in`");
            return None;
        };
        let row = LOCATIONS.iter().find(|(known, _, _)| Some(*known) == place.as_str());
        let Some((_, location, styles)) = row else {
            let message = format!("`{}` is not where a parameter can be", place.as_str().unwrap_or("?"));
            let help = "`in` is path, query, header or cookie";
            self.compiler.diagnostics.push(Diagnostic::new(codes::E0506, place.span(), message).help(help));
            return None;
        };
        let name = if *location == Location::Header { name.to_ascii_lowercase() } else { name.to_owned() };
        if *location == Location::Header && NOT_PARAMETERS.contains(&name.as_str()) {
            return None;
        }
        let required =
            at.get("required").and_then(At::as_bool).unwrap_or(false) || *location == Location::Path;
        let (encoding, schema) = self.encoded(loc, styles)?;
        Some(Parameter { name, location: *location, required, encoding, schema })
    }

    /// A header of a response or of a part.
    pub(super) fn header(&mut self, name: &str, loc: Loc) -> Option<Parameter> {
        let loc = self.follow(loc)?;
        let name = name.to_ascii_lowercase();
        if name == "content-type" {
            return None;
        }
        let required = self.at(loc).get("required").and_then(At::as_bool).unwrap_or(false);
        let (encoding, schema) = self.encoded(loc, &[Style::Simple])?;
        Some(Parameter { name, location: Location::Header, required, encoding, schema })
    }

    /// How a parameter's value is written, and its schema.
    fn encoded(&mut self, loc: Loc, styles: &[Style]) -> Option<(Encoding, NodeId)> {
        let at = self.at(loc);
        if let Some(content) = self.child(loc, "content") {
            return self.content_parameter(content);
        }
        let encoding = self.style(at, styles)?;
        let Some(schema) = self.child(loc, "schema") else {
            self.fault(at, "a parameter has a `schema` or a `content`");
            return None;
        };
        let schema = self.compiler.schema(schema);
        Some((encoding, schema))
    }

    fn content_parameter(&mut self, content: Loc) -> Option<(Encoding, NodeId)> {
        let at = self.at(content);
        let mut members = at.members();
        let (Some((media_type, _, value)), None) = (members.next(), members.next()) else {
            self.fault(at, "the `content` of a parameter has exactly one media type");
            return None;
        };
        let value = Loc { document: content.document, ix: value.ix };
        let json = ContentKind::of(&media_type.to_ascii_lowercase()) == ContentKind::Json;
        let schema = match self.child(value, "schema") {
            Some(schema) => self.compiler.schema(schema),
            None => self.compiler.plan.node(Vec::new()),
        };
        Some((if json { Encoding::Json } else { Encoding::Text }, schema))
    }

    /// `style`, `explode` and what goes with them; of parameters and of fields of forms.
    pub(super) fn style(&mut self, at: At<'_>, styles: &[Style]) -> Option<Encoding> {
        let default = *styles.first()?;
        let style = match at.get("style") {
            None => default,
            Some(value) => {
                let known = STYLES.iter().copied().find(|style| Some(style.name()) == value.as_str());
                let Some(style) = known.filter(|style| styles.contains(style)) else {
                    let names: Vec<_> = styles.iter().map(|style| style.name()).collect();
                    let message =
                        format!("`{}` is not a style of this parameter", value.as_str().unwrap_or("?"));
                    let help = format!("here it is {}", names.join(" or "));
                    self.compiler
                        .diagnostics
                        .push(Diagnostic::new(codes::E0506, value.span(), message).help(help));
                    return None;
                };
                style
            }
        };
        let flag = |name| at.get(name).and_then(At::as_bool);
        Some(Encoding::Style {
            style,
            explode: flag("explode").unwrap_or(matches!(style, Style::Form | Style::DeepObject)),
            allow_reserved: flag("allowReserved").unwrap_or(false),
            allow_empty: flag("allowEmptyValue").unwrap_or(false),
        })
    }

    fn fault(&mut self, at: At<'_>, message: &str) {
        self.compiler.diagnostics.push(Diagnostic::new(codes::E0506, at.span(), message));
    }
}
