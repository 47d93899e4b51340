//! Internationalised host names by IDNA 2008: Punycode, which characters a label may hold, the contextual rules and
//! the rule of direction.

use std::sync::LazyLock;

use regex_automata::meta::Regex;

use super::host::ldh;

/// Letters, marks and digits of lower case, and the exceptions of RFC 5892.
static VALID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let exceptions = r"\x{DF}\x{3C2}\x{6FD}\x{6FE}\x{F0B}\x{3007}";
    let contextual = r"\x{B7}\x{375}\x{5F3}\x{5F4}\x{30FB}\x{200C}\x{200D}";
    let disallowed = r"\x{640}\x{7FA}\x{302E}\x{302F}\x{3031}-\x{3035}\x{303B}";
    let class = format!(
        r"\A[[\p{{Ll}}\p{{Lo}}\p{{Lm}}\p{{Mn}}\p{{Mc}}\p{{Nd}}\-{exceptions}{contextual}]--[{disallowed}\x{{AA}}\x{{BA}}]]+\z"
    );
    Regex::new(&class).ok()
});
static MARK_FIRST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\A\p{M}").ok());
static GREEK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\A\p{Greek}").ok());
static HEBREW: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\p{Hebrew}\z").ok());
static JAPANESE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[\p{Hiragana}\p{Katakana}\p{Han}]").ok());
/// Signs that kill a vowel: what a joiner may follow.
static VIRAMA: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let viramas = r"[\x{94D}\x{9CD}\x{A4D}\x{ACD}\x{B4D}\x{BCD}\x{C4D}\x{CCD}\x{D3B}\x{D3C}\x{D4D}\x{DCA}\x{E3A}\x{EBA}\x{F84}\x{1039}\x{103A}\x{1714}\x{1734}\x{17D2}\x{1A60}\x{1B44}\x{1BAA}\x{1BAB}\x{1BF2}\x{1BF3}\x{2D7F}\x{A806}\x{A8C4}\x{A953}\x{A9C0}\x{AAF6}\x{ABED}]\z";
    Regex::new(viramas).ok()
});
/// Letters of scripts that join and are written from right to left.
static JOINING: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[\p{Arabic}\p{Syriac}\p{Nko}\p{Mongolian}\p{Mandaic}]").ok());
static RIGHT_TO_LEFT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[[\p{Hebrew}\p{Arabic}\p{Syriac}\p{Thaana}\p{Nko}\p{Samaritan}\p{Mandaic}&&\p{L}]]").ok()
});
static LEFT_TO_RIGHT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[\p{L}--[\p{Hebrew}\p{Arabic}\p{Syriac}\p{Thaana}\p{Nko}\p{Samaritan}\p{Mandaic}]]").ok()
});

fn matches(regex: &LazyLock<Option<Regex>>, text: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
}

/// An internationalised host name.
pub(super) fn hostname(text: &str) -> bool {
    let mut length = 0;
    let mut labels = Vec::new();
    for label in text.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']) {
        let (unicode, encoded) = if label.is_ascii() {
            let encoded = label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"));
            let decoded = if encoded { decoded(label) } else { Some(label.to_owned()) };
            let Some(decoded) = decoded.filter(|_| ldh(label)) else { return false };
            (decoded, label.len())
        } else {
            let Some(punycode) = encode(label).filter(|_| u_label(label)) else { return false };
            (label.to_owned(), punycode.len() + 4)
        };
        if encoded > 63 {
            return false;
        }
        length += encoded + 1;
        labels.push(unicode);
    }
    let bidi = labels.iter().any(|label| matches(&RIGHT_TO_LEFT, label));
    length <= 254 && (!bidi || labels.iter().all(|label| direction(label)))
}

/// A label that starts with `xn--` and is what IDNA writes for some text.
pub(super) fn a_label(label: &str) -> bool {
    decoded(label).is_some_and(|unicode| !matches(&RIGHT_TO_LEFT, &unicode) || direction(&unicode))
}

fn decoded(label: &str) -> Option<String> {
    let punycode = label.get(4..)?.to_ascii_lowercase();
    let unicode = decode(&punycode)?;
    let round_trip = encode(&unicode)? == punycode;
    (round_trip && !unicode.is_ascii() && u_label(&unicode)).then_some(unicode)
}

/// A label with characters beyond ASCII.
fn u_label(label: &str) -> bool {
    let chars: Vec<char> = label.chars().collect();
    !label.starts_with('-')
        && !label.ends_with('-')
        && chars.get(2..4) != Some(&['-', '-'])
        && matches(&VALID, label)
        && !matches(&MARK_FIRST, label)
        && label.char_indices().all(|(at, c)| in_context(label, at, c))
}

/// The contextual rules of RFC 5892, appendix A.
fn in_context(label: &str, at: usize, c: char) -> bool {
    let before = label.get(..at).unwrap_or_default();
    let after = label.get(at + c.len_utf8()..).unwrap_or_default();
    match c {
        '\u{b7}' => before.ends_with('l') && after.starts_with('l'),
        '\u{375}' => matches(&GREEK, after),
        '\u{5f3}' | '\u{5f4}' => matches(&HEBREW, before),
        '\u{30fb}' => matches(&JAPANESE, &label.replace('\u{30fb}', "")),
        '\u{660}'..='\u{669}' => !label.contains(|c| ('\u{6f0}'..='\u{6f9}').contains(&c)),
        '\u{200d}' => matches(&VIRAMA, before),
        '\u{200c}' => {
            let last = before.chars().next_back().map(String::from).unwrap_or_default();
            let next = after.chars().next().map(String::from).unwrap_or_default();
            matches(&VIRAMA, before) || (matches(&JOINING, &last) && matches(&JOINING, &next))
        }
        _ => true,
    }
}

/// RFC 5893: a label reads in one direction.
fn direction(label: &str) -> bool {
    let arabic = label.contains(|c| ('\u{660}'..='\u{669}').contains(&c));
    let european = label.contains(|c: char| c.is_ascii_digit() || ('\u{6f0}'..='\u{6f9}').contains(&c));
    let first = label.chars().next().map(String::from).unwrap_or_default();
    if matches(&RIGHT_TO_LEFT, &first) {
        return !(matches(&LEFT_TO_RIGHT, label) || (arabic && european));
    }
    matches(&LEFT_TO_RIGHT, &first) && !matches(&RIGHT_TO_LEFT, label) && !arabic
}

const BASE: u32 = 36;

/// RFC 3492.
fn decode(punycode: &str) -> Option<String> {
    let (basic, rest) = punycode.rsplit_once('-').unwrap_or(("", punycode));
    let mut out: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (128_u32, 0_u32, 72);
    let mut digits = rest.bytes().peekable();
    digits.peek()?;
    while digits.peek().is_some() {
        let (old, mut weight, mut k) = (i, 1_u32, BASE);
        loop {
            let digit =
                char::from(digits.next()?).to_digit(BASE).map(|d| if d < 10 { d + 26 } else { d - 10 })?;
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let t = threshold(k, bias);
            if digit < t {
                break;
            }
            weight = weight.checked_mul(BASE - t)?;
            k += BASE;
        }
        let count = out.len() as u32 + 1;
        bias = adapt(i - old, count, old == 0);
        n = n.checked_add(i / count)?;
        i %= count;
        out.insert(i as usize, char::from_u32(n)?);
        i += 1;
        if out.len() > 63 {
            return None;
        }
    }
    Some(out.into_iter().collect())
}

/// RFC 3492; `None` for what is longer than any label.
fn encode(label: &str) -> Option<String> {
    let chars: Vec<u32> = label.chars().map(u32::from).collect();
    if chars.len() > 63 {
        return None;
    }
    let mut out: String = label.chars().filter(char::is_ascii).map(|c| c.to_ascii_lowercase()).collect();
    let basic = out.len() as u32;
    let (mut handled, mut n, mut delta, mut bias) = (basic, 128_u32, 0_u32, 72);
    if basic > 0 {
        out.push('-');
    }
    while (handled as usize) < chars.len() {
        let next = *chars.iter().filter(|c| **c >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for c in &chars {
            delta = delta.checked_add(u32::from(*c < n))?;
            if *c == n {
                write_number(&mut out, delta, bias)?;
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta += 1;
        n += 1;
    }
    Some(out)
}

fn write_number(out: &mut String, mut q: u32, bias: u32) -> Option<()> {
    let mut k = BASE;
    loop {
        let t = threshold(k, bias);
        let digit = if q < t { q } else { t + (q - t) % (BASE - t) };
        out.push(char::from(u8::try_from(if digit < 26 { digit + 97 } else { digit + 22 }).ok()?));
        if q < t {
            return Some(());
        }
        q = (q - t) / (BASE - t);
        k += BASE;
    }
}

fn threshold(k: u32, bias: u32) -> u32 {
    k.saturating_sub(bias).clamp(1, 26)
}

fn adapt(delta: u32, count: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / count;
    let mut k = 0;
    while delta > 455 {
        delta /= BASE - 1;
        k += BASE;
    }
    k + 36 * delta / (delta + 38)
}
