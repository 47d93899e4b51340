//! Whether a text is a regular expression of ECMA-262, whatever it would take to match it.

/// Deeper groups are no pattern that anyone wrote.
const MAX_DEPTH: u32 = 100;

/// Whether it is a pattern.
pub(super) fn pattern(text: &str) -> bool {
    let mut reader = Reader { rest: text.chars().collect(), at: 0, depth: 0 };
    reader.alternatives() && reader.at == reader.rest.len()
}

struct Reader {
    rest: Vec<char>,
    at: usize,
    depth: u32,
}

impl Reader {
    fn alternatives(&mut self) -> bool {
        while let Some(next) = self.peek() {
            match next {
                ')' => return true,
                '|' => self.at += 1,
                _ => {
                    if !self.term() {
                        return false;
                    }
                }
            }
        }
        true
    }

    fn term(&mut self) -> bool {
        let quantifiable = match self.next() {
            Some('^' | '$') => Some(false),
            Some('(') => self.group(),
            Some('[') => self.class().then_some(true),
            Some('\\') => self.escape(false),
            Some('*' | '+' | '?') | None => None,
            Some(_) => Some(true),
        };
        let Some(quantifiable) = quantifiable else { return false };
        let repeated = match self.peek() {
            Some('*' | '+' | '?') => {
                self.at += 1;
                true
            }
            Some('{') => self.counted(),
            _ => return true,
        };
        if repeated && self.peek() == Some('?') {
            self.at += 1;
        }
        quantifiable || !repeated
    }

    /// Reads `{1,2}`; a brace that is none of that stands for itself.
    fn counted(&mut self) -> bool {
        let body: String = self.rest.iter().skip(self.at + 1).take_while(|c| **c != '}').collect();
        let shaped = body.starts_with(|c: char| c.is_ascii_digit())
            && body.bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
            && body.matches(',').count() <= 1
            && self.rest.get(self.at + 1 + body.len()) == Some(&'}');
        if shaped {
            self.at += body.len() + 2;
        }
        shaped
    }

    fn group(&mut self) -> Option<bool> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut quantifiable = true;
        if self.peek() == Some('?') {
            self.at += 1;
            match (self.next()?, self.peek()) {
                (':', _) => {}
                ('=' | '!', _) => quantifiable = false,
                ('<', Some('=' | '!')) => {
                    self.at += 1;
                    quantifiable = false;
                }
                ('<', _) => self.name()?,
                _ => return None,
            }
        }
        let closed = self.alternatives() && self.next() == Some(')');
        self.depth -= 1;
        closed.then_some(quantifiable)
    }

    fn name(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek()? != '>' {
            let c = self.next()?;
            if !(c.is_alphabetic() || c == '_' || c == '$' || (c.is_numeric() && self.at > start + 1)) {
                return None;
            }
        }
        self.at += 1;
        (self.at > start + 1).then_some(())
    }

    fn class(&mut self) -> bool {
        if self.peek() == Some('^') {
            self.at += 1;
        }
        loop {
            match self.next() {
                None => return false,
                Some(']') => return true,
                Some('\\') => {
                    if self.escape(true).is_none() {
                        return false;
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Reads what follows a backslash; answers whether it may be repeated.
    fn escape(&mut self, in_class: bool) -> Option<bool> {
        match self.next()? {
            'b' | 'B' if !in_class => Some(false),
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 't' | 'n' | 'v' | 'f' | 'r' | '0'..='9' | 'b' => Some(true),
            'p' | 'P' => {
                let close = self.rest.iter().skip(self.at).position(|c| *c == '}')?;
                let braces = self.peek() == Some('{') && close > 1;
                self.at += close + 1;
                braces.then_some(true)
            }
            'c' => self.next()?.is_ascii_alphabetic().then_some(true),
            'x' => self.hex(2),
            'u' if self.peek() == Some('{') => {
                let close = self.rest.iter().skip(self.at).position(|c| *c == '}')?;
                self.at += 1;
                let valid = self.hex(close - 1);
                self.at += 1;
                valid
            }
            'u' => self.hex(4),
            'k' if !in_class => {
                (self.next()? == '<').then_some(())?;
                self.name()?;
                Some(true)
            }
            other if other.is_alphanumeric() => None,
            _ => Some(true),
        }
    }

    fn hex(&mut self, length: usize) -> Option<bool> {
        let digits = self.rest.get(self.at..self.at + length)?;
        self.at += length;
        (length > 0 && digits.iter().all(char::is_ascii_hexdigit)).then_some(true)
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
