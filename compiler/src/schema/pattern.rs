//! ECMA-262 patterns as regular expressions that match in linear time.
//!
//! What no automaton can do (look-around, back-references) is refused with its name. Characters are code points, as
//! under the flag `u`; characters that stand for themselves only without that flag are read as themselves. Half a surrogate
//! pair is a character that no text has, and so matches nothing.

use std::fmt::Write as _;

/// Deeper groups are refused.
const MAX_DEPTH: usize = 100;
/// Matches nothing, alone and inside a class.
const NOTHING: &str = "[a&&b]";
/// What ECMA-262 calls white space and line terminators.
const SPACE: &str =
    r"\t\n\x0B\x0C\r \x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}";

/// Why a pattern cannot be enforced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It asks for what needs more than linear time.
    #[error("{0} cannot be matched in linear time")]
    NotRegular(&'static str),
    /// It is not a pattern.
    #[error("{0}")]
    Malformed(&'static str),
    /// Its automaton would be too large.
    #[error("its automaton is too large: a repetition inside a repetition, or a very large one")]
    TooLarge,
}

/// The pattern in the syntax of the crate `regex`.
pub fn translate(pattern: &str) -> Result<String, PatternError> {
    let mut translator = Translator { rest: pattern.chars().collect(), at: 0, out: String::new(), depth: 0 };
    translator.alternatives()?;
    if translator.at < translator.rest.len() {
        return Err(PatternError::Malformed("a `)` closes nothing"));
    }
    check(&translator.out)?;
    Ok(translator.out)
}

/// Builds it once, so that a bundle holds only what loads.
fn check(regex: &str) -> Result<(), PatternError> {
    use regex_automata::nfa::thompson::{Config, NFA};
    use regex_automata::util::syntax;
    NFA::compiler()
        .syntax(syntax::Config::new().utf8(false))
        .configure(Config::new().utf8(false).nfa_size_limit(Some(shield_ir::schema::MAX_AUTOMATON_BYTES)))
        .build(regex)
        .map(|_| ())
        .map_err(|error| match error.size_limit() {
            Some(_) => PatternError::TooLarge,
            None => PatternError::Malformed(
                "it names a class of characters that does not exist, or a range is reversed",
            ),
        })
}

struct Translator {
    rest: Vec<char>,
    at: usize,
    out: String,
    depth: usize,
}

/// One member of a class; a character by its code point, which may be half a surrogate pair.
enum Member {
    Character(u32),
    Class(String),
}

impl Translator {
    fn alternatives(&mut self) -> Result<(), PatternError> {
        while let Some(next) = self.peek() {
            match next {
                ')' => break,
                '|' => {
                    self.at += 1;
                    self.out.push('|');
                }
                _ => self.term()?,
            }
        }
        Ok(())
    }

    fn term(&mut self) -> Result<(), PatternError> {
        let quantifiable = self.atom()?;
        let start = self.at;
        if !self.quantifier()? {
            return Ok(());
        }
        if quantifiable {
            if self.peek() == Some('?') {
                self.at += 1;
                self.out.push('?');
            }
            return Ok(());
        }
        self.at = start;
        Err(PatternError::Malformed("a repetition repeats nothing"))
    }

    /// Reads one atom or assertion; answers whether it may be repeated.
    fn atom(&mut self) -> Result<bool, PatternError> {
        let Some(next) = self.next() else { return Ok(false) };
        match next {
            '^' => self.out.push_str(r"\A"),
            '$' => self.out.push_str(r"\z"),
            '.' => self.out.push_str(r"[^\n\r\x{2028}\x{2029}]"),
            '(' => self.group()?,
            '[' => self.class()?,
            '\\' => return self.escape(),
            '*' | '+' | '?' => return Err(PatternError::Malformed("a repetition repeats nothing")),
            literal => self.literal(u32::from(literal)),
        }
        Ok(!matches!(next, '^' | '$'))
    }

    /// Reads a repetition, if one stands here. A `{` that starts none stands for itself.
    fn quantifier(&mut self) -> Result<bool, PatternError> {
        match self.peek() {
            Some(sign @ ('*' | '+' | '?')) => {
                self.at += 1;
                self.out.push(sign);
                Ok(true)
            }
            Some('{') => self.counted(),
            _ => Ok(false),
        }
    }

    fn counted(&mut self) -> Result<bool, PatternError> {
        let close = self.rest.iter().skip(self.at).position(|c| *c == '}');
        let Some(length) = close else { return Ok(false) };
        let body: String = self.rest.iter().skip(self.at + 1).take(length - 1).collect();
        let (low, high) = body.split_once(',').map_or((body.as_str(), None), |(low, high)| (low, Some(high)));
        let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !number(low) || !high.is_none_or(|high| high.is_empty() || number(high)) {
            return Ok(false);
        }
        let parse = |text: &str| text.parse::<u32>().map_err(|_| PatternError::TooLarge);
        let low = parse(low)?;
        match high {
            None => _ = write!(self.out, "{{{low}}}"),
            Some("") => _ = write!(self.out, "{{{low},}}"),
            Some(high) => {
                let high = parse(high)?;
                if high < low {
                    return Err(PatternError::Malformed("a repetition's bounds are reversed"));
                }
                _ = write!(self.out, "{{{low},{high}}}");
            }
        }
        self.at += length + 1;
        Ok(true)
    }

    fn group(&mut self) -> Result<(), PatternError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(PatternError::TooLarge);
        }
        if self.peek() == Some('?') {
            self.at += 1;
            match (self.next(), self.peek()) {
                (Some(':'), _) => {}
                (Some('='), _) => return Err(PatternError::NotRegular("look-ahead `(?=`")),
                (Some('!'), _) => return Err(PatternError::NotRegular("look-ahead `(?!`")),
                (Some('<'), Some('=')) => return Err(PatternError::NotRegular("look-behind `(?<=`")),
                (Some('<'), Some('!')) => return Err(PatternError::NotRegular("look-behind `(?<!`")),
                (Some('<'), _) => self.group_name()?,
                _ => return Err(PatternError::Malformed("an unknown kind of group")),
            }
        }
        self.out.push_str("(?:");
        self.alternatives()?;
        if self.next() != Some(')') {
            return Err(PatternError::Malformed("a `(` is not closed"));
        }
        self.out.push(')');
        self.depth -= 1;
        Ok(())
    }

    fn group_name(&mut self) -> Result<(), PatternError> {
        let mut length = 0;
        loop {
            match self.next() {
                Some('>') if length > 0 => return Ok(()),
                Some(c) if c.is_alphanumeric() || c == '_' || c == '$' => length += 1,
                _ => return Err(PatternError::Malformed("a group's name is malformed")),
            }
        }
    }

    fn escape(&mut self) -> Result<bool, PatternError> {
        match self.peek() {
            Some('b') => self.out.push_str(r"(?-u:\b)"),
            Some('B') => self.out.push_str(r"(?-u:\B)"),
            Some('1'..='9' | 'k') => return Err(PatternError::NotRegular("a back-reference")),
            _ => {
                match self.escaped()? {
                    Member::Character(c) => self.literal(c),
                    Member::Class(class) => _ = write!(self.out, "[{class}]"),
                }
                return Ok(true);
            }
        }
        self.at += 1;
        Ok(false)
    }

    /// Reads what follows a backslash, inside or outside a class.
    fn escaped(&mut self) -> Result<Member, PatternError> {
        let Some(next) = self.next() else {
            return Err(PatternError::Malformed("a backslash escapes nothing"));
        };
        Ok(match next {
            'd' => Member::Class("0-9".into()),
            'D' => Member::Class("[^0-9]".into()),
            'w' => Member::Class("0-9A-Za-z_".into()),
            'W' => Member::Class("[^0-9A-Za-z_]".into()),
            's' => Member::Class(SPACE.into()),
            'S' => Member::Class(format!("[^{SPACE}]")),
            'p' | 'P' => self.property(next)?,
            't' => character('\t'),
            'n' => character('\n'),
            'v' => character('\u{b}'),
            'f' => character('\u{c}'),
            'r' => character('\r'),
            '0' => character('\0'),
            'c' => self.control()?,
            'x' => Member::Character(self.code(2)?),
            'u' => Member::Character(self.unicode()?),
            'A' | 'Z' | 'z' => {
                return Err(PatternError::Malformed(r"ECMA-262 writes `^` and `$` for `\A` and `\z`"));
            }
            other if other.is_alphanumeric() && other != '_' => {
                return Err(PatternError::Malformed("an unknown escape"));
            }
            other => character(other),
        })
    }

    fn property(&mut self, letter: char) -> Result<Member, PatternError> {
        if self.next() != Some('{') {
            return Err(PatternError::Malformed(r"`\p` names no class of characters"));
        }
        let mut name = String::new();
        loop {
            match self.next() {
                Some('}') => break,
                Some(c) if c.is_ascii_alphanumeric() || matches!(c, '_' | '=') => name.push(c),
                _ => return Err(PatternError::Malformed(r"`\p` names no class of characters")),
            }
        }
        Ok(Member::Class(format!("\\{letter}{{{name}}}")))
    }

    fn control(&mut self) -> Result<Member, PatternError> {
        match self.next() {
            Some(letter) if letter.is_ascii_alphabetic() => Ok(Member::Character(u32::from(letter) % 32)),
            _ => Err(PatternError::Malformed(r"`\c` names no control character")),
        }
    }

    fn unicode(&mut self) -> Result<u32, PatternError> {
        if self.peek() == Some('{') {
            let close = self.rest.iter().skip(self.at).position(|c| *c == '}');
            let length = close.ok_or(PatternError::Malformed("a `{` is not closed"))?;
            self.at += 1;
            let code = self.code(length - 1)?;
            self.at += 1;
            return Ok(code);
        }
        let high = self.digits(4)?;
        let after = self.at;
        if (0xd800..0xdc00).contains(&high)
            && (self.next(), self.next()) == (Some('\\'), Some('u'))
            && let Ok(low @ 0xdc00..0xe000) = self.digits(4)
        {
            return Ok(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
        }
        self.at = after;
        Ok(high)
    }

    fn code(&mut self, length: usize) -> Result<u32, PatternError> {
        let code = self.digits(length)?;
        if code > u32::from(char::MAX) {
            return Err(PatternError::Malformed("no such character"));
        }
        Ok(code)
    }

    fn digits(&mut self, length: usize) -> Result<u32, PatternError> {
        let text: String = self.rest.iter().skip(self.at).take(length).collect();
        self.at += length;
        let complete = text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = complete.then(|| u32::from_str_radix(&text, 16).ok()).flatten();
        value.ok_or(PatternError::Malformed("hexadecimal digits are missing"))
    }

    fn class(&mut self) -> Result<(), PatternError> {
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        if self.peek() == Some(']') {
            self.at += 1;
            self.out.push_str(if negated { "(?s:.)" } else { NOTHING });
            return Ok(());
        }
        self.out.push_str(if negated { "[^" } else { "[" });
        while self.peek() != Some(']') {
            let low = self.member()?;
            let dash = self.peek() == Some('-') && !matches!(self.rest.get(self.at + 1), None | Some(']'));
            if !dash {
                self.push(&low);
                continue;
            }
            self.at += 1;
            let high = self.member()?;
            match (&low, &high) {
                (Member::Character(a), Member::Character(b)) if a > b => {
                    return Err(PatternError::Malformed("a range of characters is reversed"));
                }
                (Member::Character(a), Member::Character(b)) => {
                    self.range(*a, *b);
                }
                _ => {
                    self.push(&low);
                    self.push(&character('-'));
                    self.push(&high);
                }
            }
        }
        self.at += 1;
        self.out.push(']');
        Ok(())
    }

    fn member(&mut self) -> Result<Member, PatternError> {
        match self.next() {
            None => Err(PatternError::Malformed("a `[` is not closed")),
            Some('\\') if self.peek() == Some('b') => {
                self.at += 1;
                Ok(character('\u{8}'))
            }
            Some('\\') if self.peek() == Some('-') => {
                self.at += 1;
                Ok(character('-'))
            }
            Some('\\') => self.escaped(),
            Some(c) => Ok(character(c)),
        }
    }

    fn push(&mut self, member: &Member) {
        match member {
            Member::Character(code) => self.range(*code, *code),
            Member::Class(class) => self.out.push_str(class),
        }
    }

    /// The characters of a range, of which there may be none.
    fn range(&mut self, low: u32, high: u32) {
        let parts = [(low, high.min(0xd7ff)), (low.max(0xe000), high)];
        let before = self.out.len();
        for (low, high) in parts.into_iter().filter(|(low, high)| low <= high) {
            self.out.push_str(&hex(low));
            if low < high {
                _ = write!(self.out, "-{}", hex(high));
            }
        }
        if self.out.len() == before {
            self.out.push_str(NOTHING);
        }
    }

    fn literal(&mut self, code: u32) {
        match char::from_u32(code) {
            None => self.out.push_str(NOTHING),
            Some(c)
                if c.is_alphanumeric()
                    || matches!(
                        c,
                        '_' | ' ' | '/' | '@' | ',' | ':' | ';' | '=' | '"' | '\'' | '<' | '>'
                    ) =>
            {
                self.out.push(c);
            }
            Some(_) => self.out.push_str(&hex(code)),
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }
}

fn character(c: char) -> Member {
    Member::Character(u32::from(c))
}

fn hex(code: u32) -> String {
    let plain = char::from_u32(code).filter(char::is_ascii_alphanumeric);
    plain.map_or_else(|| format!("\\x{{{code:X}}}"), |c| c.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let regex = translate(pattern).unwrap();
        regex_automata::meta::Regex::new(&regex).unwrap().is_match(text)
    }

    #[test]
    fn classes_are_those_of_ecma_262() {
        assert!(matches(r"^\d$", "7") && !matches(r"^\d$", "\u{07c0}"));
        assert!(matches(r"^\w$", "a") && !matches(r"^\w$", "é"));
        assert!(matches(r"^\s$", "\u{feff}") && !matches(r"^\s$", "\u{180e}"));
        assert!(matches(r"^\W$", "é") && matches(r"^[^\w]$", "é") && !matches(r"^[\W]$", "a"));
        assert!(matches(r"^\p{Letter}+$", "éa") && !matches(r"^.$", "\n"));
        assert!(matches(r"^[\w-.]+$", "a-.") && matches("^[a-]$", "-") && matches("[^]", "\n"));
        assert!(!matches("^abc$", "abc\n") && matches(r"^\cC$", "\u{3}") && matches(r"^\u{1F409}$", "🐉"));
        assert!(matches(r"^\ud83d\udc09$", "🐉") && matches("^a{2,3}$", "aaa") && matches("^{a}$", "{a}"));
        assert!(matches(r"^[[&&~]$", "&") && matches(r"^\/\-\.$", "/-."));
    }

    #[test]
    fn half_a_surrogate_pair_is_no_character_of_a_text() {
        let sloppy = r"^[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDBFF-\uDC00\uDFFF]+$";
        assert!(matches(sloppy, "é a") && !matches(sloppy, "🐉") && !matches(sloppy, "\n"));
        assert!(matches(r"^[\u0000-\uDFFF]$", "a") && !matches(r"^[\u0000-\uDFFF]$", "\u{e000}"));
        assert!(matches(r"^[\uD800\uDC00-\uDBFF\uDFFF]$", "🐉") && matches(r"^[^\uD83D]$", "a"));
        assert!(
            matches(r"a|\uD800x", "a") && !matches(r"\uD800", "🐉") && !matches(r"^[\uDC09]$", "\u{fffd}")
        );
    }

    #[test]
    fn what_needs_more_than_linear_time_is_refused_by_name() {
        for (pattern, name) in [
            ("(?=a)", "look-ahead `(?=`"),
            ("(?!a)", "look-ahead `(?!`"),
            ("(?<=a)b", "look-behind `(?<=`"),
            ("(?<!a)b", "look-behind `(?<!`"),
            (r"(a)\1", "a back-reference"),
        ] {
            assert_eq!(translate(pattern), Err(PatternError::NotRegular(name)), "{pattern}");
        }
    }

    #[test]
    fn malformed_and_huge_patterns_are_refused() {
        for pattern in
            ["(", ")", "[a", "*", "a**", r"\", r"\a", "[z-a]", r"\p{Nope}", "a{3,2}", "(?x)", r"\x1"]
        {
            assert!(matches!(translate(pattern), Err(PatternError::Malformed(_))), "{pattern}");
        }
        assert_eq!(translate("(a{1000}){1000}"), Err(PatternError::TooLarge));
        assert_eq!(translate(&"(".repeat(100_000)), Err(PatternError::TooLarge));
    }
}
