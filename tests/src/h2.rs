//! An HTTP/2 client that sends any frame a test can think of; it understands just enough of what comes back.

use std::net::SocketAddr;

use crate::live::Client;

/// Frame types.
pub mod kind {
    #![expect(missing_docs, reason = "the names of RFC 9113")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// What a client says first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Flags.
pub const END_STREAM: u8 = 1;
/// The header block is complete.
pub const END_HEADERS: u8 = 4;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// A connection.
#[derive(Debug)]
pub struct H2 {
    /// The socket underneath.
    pub client: Client,
}

/// What came back on one stream.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The status, where it is one of the table's.
    pub status: Option<u16>,
    /// The body.
    pub body: Vec<u8>,
    /// The stream was reset.
    pub reset: bool,
    /// The connection was given up.
    pub goaway: bool,
}

impl H2 {
    /// Connects with prior knowledge.
    pub fn connect(address: SocketAddr) -> Self {
        let mut client = Client::connect(address);
        client.send(PREFACE);
        let mut this = Self { client };
        this.frame(kind::SETTINGS, 0, 0, &[]);
        this
    }

    /// Sends a frame.
    pub fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.client.send(&encode(kind, flags, stream, payload));
    }

    /// Sends a request's head.
    pub fn head(&mut self, stream: u32, end: bool, headers: &[(&str, &str)]) {
        let flags = END_HEADERS | if end { END_STREAM } else { 0 };
        self.frame(kind::HEADERS, flags, stream, &block(headers));
    }

    /// Sends a request without a body and reads its answer.
    pub fn get(&mut self, stream: u32, path: &str) -> Answer {
        self.head(stream, true, &pseudo("GET", path));
        self.answer(stream)
    }

    /// Reads until the stream has ended or the connection has.
    pub fn answer(&mut self, stream: u32) -> Answer {
        let mut answer = Answer::default();
        while let Some(frame) = self.read() {
            answer.goaway |= frame.kind == kind::GOAWAY;
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                kind::HEADERS if answer.status.is_none() => answer.status = status(&frame.payload),
                kind::DATA => answer.body.extend(&frame.payload),
                kind::RST_STREAM => answer.reset = true,
                _ => {}
            }
            if answer.reset
                || (matches!(frame.kind, kind::HEADERS | kind::DATA) && frame.flags & END_STREAM != 0)
            {
                return answer;
            }
        }
        answer
    }

    /// The next frame; what the protocol obliges to is done.
    pub fn read(&mut self) -> Option<Frame> {
        let head = self.client.take(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        let frame =
            Frame { kind: head[3], flags: head[4], stream, payload: self.client.take(length as usize)? };
        if frame.kind == kind::SETTINGS && frame.flags & 1 == 0 {
            self.frame(kind::SETTINGS, 1, 0, &[]);
        }
        Some(frame)
    }

    /// Reads until the connection ends: whether it was given up by a `GOAWAY`.
    pub fn ended_by_goaway(&mut self) -> bool {
        let mut goaway = false;
        while let Some(frame) = self.read() {
            goaway |= frame.kind == kind::GOAWAY;
        }
        goaway
    }
}

/// A frame's bytes.
pub fn encode(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The pseudo-headers of a plain request.
pub fn pseudo<'a>(method: &'a str, path: &'a str) -> [(&'a str, &'a str); 4] {
    [(":method", method), (":scheme", "http"), (":path", path), (":authority", "petstore.example.com")]
}

/// A header block in literals only.
pub fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(0);
        for text in [name, value] {
            number(&mut block, text.len());
            block.extend(text.bytes());
        }
    }
    block
}

/// A number in seven bits and continuations.
fn number(block: &mut Vec<u8>, value: usize) {
    if value < 127 {
        return block.push(value as u8);
    }
    block.push(127);
    let mut rest = value - 127;
    while rest >= 128 {
        block.push((rest % 128 + 128) as u8);
        rest /= 128;
    }
    block.push(rest as u8);
}

/// The status, from the static table or from the digits in Huffman's code.
pub fn status(block: &[u8]) -> Option<u16> {
    const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    // Table size updates may come first.
    let start = block.iter().position(|byte| byte & 0xe0 != 0x20)?;
    let (first, rest) = block[start..].split_first()?;
    if first & 0x80 != 0 {
        return INDEXED.get(usize::from(first & 0x7f).checked_sub(8)?).copied();
    }
    let (length, value) = rest.split_first()?;
    let text = value.get(..usize::from(length & 0x7f))?;
    let digits = if length & 0x80 == 0 { text.to_vec() } else { huffman_digits(text) };
    String::from_utf8(digits).ok()?.parse().ok()
}

/// `0` to `2` have five bits, `3` to `9` have six.
fn huffman_digits(bytes: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let (mut at, mut digits) = (0, Vec::new());
    while digits.len() < 3 && at + 5 <= bits.len() {
        let code = |length: usize| bits[at..].iter().take(length).fold(0_u8, |code, bit| code << 1 | bit);
        let (digit, length) = match code(5) {
            short @ 0..=2 => (short, 5),
            _ => (code(6).wrapping_sub(0x19) + 3, 6),
        };
        digits.push(b'0' + digit);
        at += length;
    }
    digits
}
