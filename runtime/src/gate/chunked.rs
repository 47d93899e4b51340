//! Follows the chunked coding byte by byte, and stops at the first that does not belong.

use shield_engine::exchange::is_token_byte;

use super::fault::Fault;
use super::head::header_line;

/// Bytes of one chunk line, its extensions included.
const LONGEST_LINE: usize = 256;

/// Where in a chunked body the next byte belongs.
#[derive(Debug, Clone)]
pub struct Chunked {
    at: At,
    /// The unfinished line.
    line: Vec<u8>,
    /// Bytes of trailers that are still allowed.
    trailers: usize,
    /// Whether it is an answer: spaces may follow a size, as old servers fill theirs up, and which trailers are believed is
    /// for whoever reads it.
    is_answer: bool,
}

/// So many bytes that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// What tells how long a chunk is, and where it ends.
    Framing(usize),
    /// The body itself.
    Data(usize),
    /// Lines after the body, of which the last is empty.
    Trailer(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Size,
    Data(u64),
    DataEnd { return_seen: bool },
    Trailers,
    End,
}

impl Chunked {
    /// At the start of a body whose trailers may take `trailers` bytes.
    pub fn new(trailers: usize) -> Self {
        Self { at: At::Size, line: Vec::new(), trailers, is_answer: false }
    }

    /// The same for an answer.
    pub fn of_answer(trailers: usize) -> Self {
        Self { is_answer: true, ..Self::new(trailers) }
    }

    /// Whether the body is complete.
    pub fn ended(&self) -> bool {
        self.at == At::End
    }

    /// Takes bytes of the body from the start of `bytes`: how many belong to it.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.ended() {
            let (Piece::Framing(taken) | Piece::Data(taken) | Piece::Trailer(taken)) = self.step(rest)?;
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(bytes.len() - rest.len())
    }

    /// Takes the first piece of `bytes`, of which there are some; nothing is a piece once the body is complete.
    pub fn step(&mut self, bytes: &[u8]) -> Result<Piece, Fault> {
        Ok(match self.at {
            At::Size => Piece::Framing(self.line(bytes)?),
            At::Data(left) => Piece::Data(self.data(left, bytes.len())),
            At::DataEnd { return_seen } => Piece::Framing(self.data_end(return_seen, bytes)?),
            At::Trailers => Piece::Trailer(self.line(bytes)?),
            At::End => Piece::Framing(0),
        })
    }

    fn data(&mut self, left: u64, available: usize) -> usize {
        let taken = left.min(available as u64);
        self.at = if taken == left { At::DataEnd { return_seen: false } } else { At::Data(left - taken) };
        taken as usize
    }

    fn data_end(&mut self, return_seen: bool, bytes: &[u8]) -> Result<usize, Fault> {
        self.at = match (return_seen, bytes.first()) {
            (false, Some(b'\r')) => At::DataEnd { return_seen: true },
            (true, Some(b'\n')) => At::Size,
            _ => return Err(Fault::Chunk),
        };
        Ok(1)
    }

    /// Collects a line and reads it when it is whole.
    fn line(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let (room, fault) = match self.at {
            At::Trailers => (self.trailers, Fault::Trailer),
            At::Size | At::Data(_) | At::DataEnd { .. } | At::End => (LONGEST_LINE, Fault::Chunk),
        };
        let (taken, whole) = memchr::memchr(b'\n', bytes).map_or((bytes.len(), false), |at| (at + 1, true));
        self.line.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.line.len() > room {
            return Err(fault);
        }
        // A damaged size must not wait for its line to end: what follows it is already another reader's.
        if !whole && self.at == At::Size && !self.line.first().is_some_and(u8::is_ascii_hexdigit) {
            return Err(fault);
        }
        if whole {
            let line = std::mem::take(&mut self.line);
            let text = line.strip_suffix(b"\r\n").ok_or(fault)?;
            self.at = if self.at == At::Size { self.size(text)? } else { self.trailer(text)? };
            self.line = line;
            self.line.clear();
        }
        Ok(taken)
    }

    fn size(&self, line: &[u8]) -> Result<At, Fault> {
        let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
        let (size, extensions) = line.split_at_checked(digits).ok_or(Fault::Chunk)?;
        let extensions = if self.is_answer { without_blanks(extensions) } else { extensions };
        if size.is_empty() || size.len() > 15 || !well_formed_extensions(extensions) {
            return Err(Fault::Chunk);
        }
        let text = std::str::from_utf8(size).map_err(|_| Fault::Chunk)?;
        match u64::from_str_radix(text, 16).map_err(|_| Fault::Chunk)? {
            0 => Ok(At::Trailers),
            size => Ok(At::Data(size)),
        }
    }

    fn trailer(&mut self, line: &[u8]) -> Result<At, Fault> {
        if line.is_empty() {
            return Ok(At::End);
        }
        self.trailers = self.trailers.saturating_sub(line.len() + 2);
        let (name, _) = header_line(line).map_err(|_| Fault::Trailer)?;
        if comes_too_late(name) && !self.is_answer { Err(Fault::Trailer) } else { Ok(At::Trailers) }
    }
}

/// Headers that frame, route or authenticate a message, and so may not come after it.
const FORBIDDEN_TRAILERS: [&[u8]; 10] = [
    b"content-length",
    b"transfer-encoding",
    b"host",
    b"authorization",
    b"cookie",
    b"content-type",
    b"content-encoding",
    b"trailer",
    b"te",
    b"connection",
];

/// Whether a header of this name may not come after a body.
pub(crate) fn comes_too_late(name: &[u8]) -> bool {
    FORBIDDEN_TRAILERS.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}

/// Without spaces and tabs at both ends; other white space separates nothing in a message.
fn without_blanks(bytes: &[u8]) -> &[u8] {
    let full = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let (first, last) = (bytes.iter().position(full), bytes.iter().rposition(full));
    first.zip(last).and_then(|(first, last)| bytes.get(first..=last)).unwrap_or_default()
}

/// `;name`, `;name=token`, `;name="quoted"`, any number of them and no space anywhere.
fn well_formed_extensions(mut rest: &[u8]) -> bool {
    while let Some(after) = rest.strip_prefix(b";") {
        rest = skip_token(after);
        if rest.len() == after.len() {
            return false;
        }
        if let Some(value) = rest.strip_prefix(b"=") {
            rest = if value.first() == Some(&b'"') { skip_quoted(value) } else { skip_token(value) };
            if rest.len() == value.len() {
                return false;
            }
        }
    }
    rest.is_empty()
}

fn skip_token(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(bytes.len());
    bytes.get(end..).unwrap_or_default()
}

/// What follows the quoted string that `bytes` starts with; all of `bytes` when it does not end.
fn skip_quoted(bytes: &[u8]) -> &[u8] {
    let mut escaped = false;
    for (index, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            0..=0x08 | 0x0a..=0x1f | 0x7f => return bytes,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return bytes.get(index + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    bytes
}
