//! Media types by RFC 9110: what a `content-type` names, and which of the declared ones it is.

use shield_ir::operation::Content;

/// A media type with its parameters, names in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MediaType {
    /// `type/subtype` in lower case.
    pub(super) essence: String,
    /// Parameters; values as they stand, without quotes.
    pub(super) parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads a `content-type`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim_matches([' ', '\t']);
        let end = rest.find(';').unwrap_or(rest.len());
        let (essence, after) = rest.split_at(end);
        let essence = essence.trim_end_matches([' ', '\t']).to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        rest = after;
        while let Some(next) = rest.strip_prefix(';') {
            let next = next.trim_start_matches([' ', '\t']);
            if next.is_empty() || next.starts_with(';') {
                rest = next;
                continue;
            }
            let (name, after) = next.split_once('=')?;
            let (value, after) = value(after)?;
            let name = name.to_ascii_lowercase();
            if !is_token(&name) || parameters.iter().any(|(known, _)| *known == name) {
                return None;
            }
            parameters.push((name, value));
            rest = after.trim_start_matches([' ', '\t']);
        }
        rest.is_empty().then_some(Self { essence, parameters })
    }

    /// The value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether texts of it are in UTF-8, or in ASCII, which is a part of it.
    pub(super) fn is_utf8(&self) -> bool {
        self.parameter("charset").is_none_or(|charset| {
            ["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known))
        })
    }

    /// The declared content that it is, the most specific one.
    pub(super) fn find<'a>(&self, contents: &'a [Content]) -> Option<(usize, &'a Content)> {
        let ranked =
            contents.iter().enumerate().filter_map(|(at, content)| Some((self.rank(content)?, at, content)));
        ranked
            .max_by_key(|(rank, at, _)| (*rank, std::cmp::Reverse(*at)))
            .map(|(_, at, content)| (at, content))
    }

    /// How specifically a declared content names it; parameters count where both sides give them.
    fn rank(&self, content: &Content) -> Option<(u8, usize)> {
        let declared = content.media_type.as_str();
        let specific = if declared == self.essence {
            3
        } else if declared == "*/*" {
            1
        } else {
            let (kind, subtype) = declared.split_once('/')?;
            (subtype == "*" && self.essence.split('/').next() == Some(kind)).then_some(2)?
        };
        let mut agreeing = 0;
        for (name, value) in &content.media_parameters {
            match self.parameter(name) {
                Some(own) if own.eq_ignore_ascii_case(value) => agreeing += 1,
                Some(_) => return None,
                None => {}
            }
        }
        Some((specific, agreeing))
    }
}

/// A token or quoted string, and what stands behind it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
        let (token, after) = text.split_at(end);
        return is_token(token).then(|| (token.to_owned(), after));
    };
    let (mut out, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                out.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((out, quoted.get(at + 1..)?)),
            _ => out.push(c),
        }
    }
    None
}

/// RFC 9110, token.
pub(super) fn is_token(text: &str) -> bool {
    crate::exchange::is_token(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_read_or_are_refused() {
        let media = MediaType::parse("Application/JSON ; Charset=\"UTF-8\";v=1").unwrap();
        assert_eq!(media.essence, "application/json");
        assert!(media.is_utf8() && media.parameter("v") == Some("1"));
        for text in ["", "json", "a/b/c", "a/b; c", "a/b; c=\"", "a/b, c/d", "a/b; c=1; c=2", "/b"] {
            assert_eq!(MediaType::parse(text), None, "{text}");
        }
    }
}
