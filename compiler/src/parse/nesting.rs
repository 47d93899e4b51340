//! How deep a text nests, found before the parser recurses into it.

/// The offset of the first bracket that is more than `limit` deep, strings, comments and paths left out as the grammar does.
pub(super) fn too_deep(text: &str, limit: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    // Whether a regular expression may come next, and whether the byte before ended a token.
    let (mut regex_next, mut blank_before) = (false, true);
    while let Some(byte) = bytes.get(at).copied() {
        let start = at;
        at += 1;
        let rest = bytes.get(at..).unwrap_or_default();
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                blank_before = true;
                continue;
            }
            b'#' => {
                at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                continue;
            }
            b'/' if blank_before => {
                at += rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            }
            b'"' => at += if regex_next { regex_length(rest) } else { string_length(rest) },
            b'r' if !word_before(bytes, start) => at += raw_length(rest).unwrap_or(0),
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return Some(start);
                }
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        blank_before = false;
        regex_next = byte == b'~' || ends_with_matches(bytes, at);
    }
    None
}

/// The offset after the string that begins at `at`, plain or raw, if it ends.
pub(super) fn string_end(text: &str, at: usize) -> Option<usize> {
    match text.as_bytes().get(at..)? {
        [b'r', raw @ ..] => raw_close(raw).map(|length| at + 1 + length),
        [b'"', string @ ..] => string_close(string).map(|length| at + 1 + length),
        _ => None,
    }
}

/// The innermost parenthesis that is open at `at`, strings and comments left out.
pub(super) fn open_parenthesis(text: &str, at: usize) -> Option<usize> {
    let mut open = Vec::new();
    let mut skipped = strings(text).take_while(|(start, _)| *start < at).peekable();
    for (place, byte) in text.bytes().enumerate().take(at) {
        while skipped.next_if(|(_, end)| *end <= place).is_some() {}
        let inside = skipped.peek().is_some_and(|(start, _)| *start <= place);
        match byte {
            b'(' if !inside => open.push(place),
            b')' if !inside => {
                open.pop();
            }
            _ => {}
        }
    }
    open.pop()
}

/// Where the strings of a text begin and end, comments left out.
pub(super) fn strings(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..)?;
            let next = at + rest.find(['"', '#'])?;
            let start = if text.get(..next)?.ends_with('r') { next - 1 } else { next };
            if let Some(end) = string_end(text, start) {
                at = end;
                return Some((start, end));
            }
            at = next + text.get(next..)?.find('\n')?;
        }
    })
}

fn word_before(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|before| bytes.get(before))
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn ends_with_matches(bytes: &[u8], at: usize) -> bool {
    bytes.get(..at).is_some_and(|before| {
        before.ends_with(b"matches") && !word_before(bytes, at.saturating_sub(b"matches".len()))
    })
}

fn string_length(rest: &[u8]) -> usize {
    string_close(rest).unwrap_or(rest.len())
}

fn string_close(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match rest.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

fn regex_length(rest: &[u8]) -> usize {
    let (mut at, mut class) = (0, false);
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 1,
            b'[' => class = true,
            b']' => class = false,
            b'"' if !class => return at + 1,
            _ => {}
        }
        at += 1;
    }
    rest.len()
}

fn raw_length(rest: &[u8]) -> Option<usize> {
    let opens = rest.get(hashes(rest)) == Some(&b'"');
    opens.then(|| raw_close(rest).unwrap_or(rest.len()))
}

fn raw_close(rest: &[u8]) -> Option<usize> {
    let hashes = hashes(rest);
    let body = rest.get(hashes..)?.strip_prefix(b"\"")?;
    let mut end = 0;
    loop {
        end += body.get(end..)?.iter().position(|byte| *byte == b'"')? + 1;
        if body.get(end..end + hashes)?.iter().all(|byte| *byte == b'#') {
            return Some(hashes + 1 + end + hashes);
        }
    }
}

fn hashes(rest: &[u8]) -> usize {
    rest.iter().take_while(|byte| **byte == b'#').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_of_the_syntax_count() {
        assert_eq!(too_deep("((a))", 2), None);
        assert_eq!(too_deep("((a))", 1), Some(1));
        assert_eq!(too_deep(r#""((((" (a) # (((("#, 1), None);
        assert_eq!(too_deep(r##"r#"((("("# (a)"##, 1), None);
        assert_eq!(too_deep(r#"x matches "["((((]" and (y)"#, 1), None);
        assert_eq!(too_deep("GET /a/{b}/{c(((} {", 1), None);
        assert_eq!(too_deep(r#"x ~ "[\"(((]" and (y)"#, 1), None);
    }
}
