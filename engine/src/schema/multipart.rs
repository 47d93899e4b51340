//! Multipart bodies by a strict grammar: what two readers could take apart differently is refused.

use super::media::{MediaType, is_token};

/// More parts are refused.
const MAX_PARTS: usize = 1024;
/// Longer headers of a part are refused.
const MAX_HEADERS: usize = 8 << 10;

/// One part.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    /// The field's name; only `multipart/form-data` demands one.
    pub(super) name: Option<String>,
    /// The file's name, where it is a file.
    pub(super) filename: Option<String>,
    /// Its media type, where it says one.
    pub(super) media_type: Option<MediaType>,
    /// All its headers, names in lower case.
    pub(super) headers: Vec<(String, &'a str)>,
    /// Its content.
    pub(super) content: &'a [u8],
}

/// The media type whose parts are the fields of a form.
pub(super) const FORM: &str = "multipart/form-data";

/// Takes a body apart; says why where it cannot.
pub(super) fn parts<'a>(media: &MediaType, body: &'a [u8]) -> Result<Vec<Part<'a>>, &'static str> {
    let boundary = media.parameter("boundary").ok_or("the content type names no boundary")?;
    let valid = (1..=70).contains(&boundary.len())
        && boundary.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte))
        && !boundary.ends_with(' ');
    if !valid {
        return Err("the boundary is malformed");
    }
    let is_form = media.essence == FORM;
    let delimiter = format!("\r\n--{boundary}");
    let finder = memchr::memmem::Finder::new(delimiter.as_bytes());
    // The first delimiter needs no line before it; nothing may stand there.
    let first = delimiter.as_bytes().get(2..).unwrap_or_default();
    let mut rest = body.strip_prefix(first).ok_or("it does not start with the boundary")?;
    let mut parts = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            let closed = end.is_empty() || end == b"\r\n";
            return if closed { Ok(parts) } else { Err("something follows the last boundary") };
        }
        rest = rest.strip_prefix(b"\r\n").ok_or("a boundary is not at the end of its line")?;
        let len = finder.find(rest).ok_or("the last boundary is missing")?;
        let (part, after) = rest.split_at(len);
        if parts.len() == MAX_PARTS {
            return Err("it has too many parts");
        }
        parts.push(read(part, is_form)?);
        rest = after.get(delimiter.len()..).unwrap_or_default();
    }
}

fn read(part: &[u8], is_form: bool) -> Result<Part<'_>, &'static str> {
    let (head, content) = match part.strip_prefix(b"\r\n") {
        // A part that is no field may have no headers at all.
        Some(content) if !is_form => (&[][..], content),
        _ => {
            let end = memchr::memmem::find(part, b"\r\n\r\n").ok_or("a part has no end of its headers")?;
            (part.get(..end).unwrap_or_default(), part.get(end + 4..).unwrap_or_default())
        }
    };
    if head.len() > MAX_HEADERS {
        return Err("the headers of a part are too long");
    }
    let head = std::str::from_utf8(head).map_err(|_| "the headers of a part are not UTF-8")?;
    let mut headers: Vec<(String, &str)> = Vec::new();
    for line in head.split("\r\n").filter(|_| !head.is_empty()) {
        let (name, value) = line.split_once(':').ok_or("a header of a part has no colon")?;
        if !is_token(name) || value.contains(['\r', '\n', '\0']) {
            return Err("a header of a part is malformed");
        }
        let name = name.to_ascii_lowercase();
        if headers.iter().any(|(known, _)| *known == name) {
            return Err("a header of a part stands twice");
        }
        headers.push((name, value.trim_matches([' ', '\t'])));
    }
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    if header("content-transfer-encoding").is_some_and(|how| !is_identity(how)) {
        return Err("a part has a transfer encoding");
    }
    let (name, filename) = match header("content-disposition") {
        None if is_form => return Err("a part has no content disposition"),
        None => (None, None),
        Some(text) => disposition_of(text, is_form)?,
    };
    let media_type = match header("content-type") {
        None => None,
        Some(text) => Some(MediaType::parse(text).ok_or("a part's content type is malformed")?),
    };
    Ok(Part { name, filename, media_type, headers, content })
}

fn is_identity(how: &str) -> bool {
    ["7bit", "8bit", "binary"].iter().any(|known| how.eq_ignore_ascii_case(known))
}

/// The field's and the file's name of `form-data; name="…"; filename="…"`.
fn disposition_of(text: &str, is_form: bool) -> Result<(Option<String>, Option<String>), &'static str> {
    let malformed = "a part's content disposition is malformed";
    let (kind, mut rest) = text.split_at(text.find([';', ' ', '\t']).unwrap_or(text.len()));
    if !is_token(kind) || (is_form && !kind.eq_ignore_ascii_case("form-data")) {
        return Err(malformed);
    }
    let (mut name, mut filename) = (None, None);
    while !rest.is_empty() {
        let next = rest.trim_start_matches([' ', '\t']).strip_prefix(';').ok_or(malformed)?;
        let next = next.trim_start_matches([' ', '\t']);
        let (key, after) = next.split_once('=').ok_or(malformed)?;
        let (value, after) = quoted(after).ok_or(malformed)?;
        let slot = match key.to_ascii_lowercase().as_str() {
            "name" => &mut name,
            "filename" => &mut filename,
            _ => return Err("a part's content disposition has an unknown parameter"),
        };
        if slot.replace(value).is_some() {
            return Err("a part's content disposition says a name twice");
        }
        rest = after;
    }
    if is_form && name.is_none() {
        return Err("a part has no name");
    }
    Ok((name, filename))
}

/// A quoted string or token, as browsers write them: `%22` for a quote, no backslash escapes but `\"`.
fn quoted(text: &str) -> Option<(String, &str)> {
    let Some(rest) = text.strip_prefix('"') else {
        let end = text.find([';', ' ']).unwrap_or(text.len());
        let (token, after) = text.split_at(end);
        return is_token(token).then(|| (token.to_owned(), after));
    };
    let mut from = 0;
    loop {
        let at = from + rest.get(from..)?.find('"')?;
        if !rest.get(..at)?.ends_with('\\') {
            return Some((rest.get(..at)?.replace("\\\"", "\""), rest.get(at + 1..)?));
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(body: &str) -> Result<Vec<String>, &'static str> {
        let media = MediaType::parse("multipart/form-data; boundary=\"x y\"").unwrap();
        let body = body.replace('\n', "\r\n");
        Ok(parts(&media, body.as_bytes())?.into_iter().filter_map(|part| part.name).collect())
    }

    #[test]
    fn parts_are_read_strictly() {
        let part = |name: &str| format!("--x y\nContent-Disposition: form-data; name=\"{name}\"\n\nv\n");
        assert_eq!(read_all(&format!("{}{}--x y--\n", part("a"), part("b"))).unwrap(), ["a", "b"]);
        assert_eq!(read_all("--x y--").unwrap(), Vec::<String>::new());
        for body in [
            "",
            "preamble\n--x y--",
            "--x y\n\nv\n--x y--",
            "--x y\nContent-Disposition: form-data; name=a\n\nv",
            "--x y\nContent-Disposition: form-data\n\nv\n--x y--",
            "--x y\nContent-Disposition: form-data; name=a; name=b\n\nv\n--x y--",
            "--x y\nContent-Disposition: form-data; name=a; filename*=utf-8''b\n\nv\n--x y--",
            "--x y\nContent-Disposition: form-data; name=a\nContent-Transfer-Encoding: base64\n\nv\n--x y--",
            "--x y\nContent-Disposition: form-data; name=a\n folded\n\nv\n--x y--",
            "--x y--\nepilogue",
        ] {
            assert!(read_all(body).is_err(), "{body}");
        }
    }

    #[test]
    fn parts_that_are_no_fields_need_no_name() {
        let media = MediaType::parse("multipart/mixed; boundary=b").unwrap();
        let read = |body: &str| -> Result<Vec<String>, &'static str> {
            let body = body.replace('\n', "\r\n");
            let said = |part: Part<'_>| {
                format!("{}={}", part.name.unwrap_or_default(), String::from_utf8_lossy(part.content))
            };
            Ok(parts(&media, body.as_bytes())?.into_iter().map(said).collect())
        };
        let body = "--b\n\nv\n--b\nContent-Type: text/plain\n\n\n--b\nContent-Disposition: attachment; name=n\n\nw\n--b--";
        assert_eq!(read(body).unwrap(), ["=v", "=", "n=w"]);
        for body in ["--b\nv\n--b--", "--b\nContent-Disposition: ;name=n\n\nw\n--b--", "--b\nx\n\nv\n--b--"] {
            assert!(read(body).is_err(), "{body}");
        }
    }
}
