//! Counts the frames of an HTTP/2 connection, and says when a client keeps the proxy busy with frames that carry nothing.
//!
//! The codec above bounds memory; this bounds work. Every frame that asks for nothing costs one token, every request
//! and every kilobyte of a body earns some, and time earns a few more. A client that runs out of tokens is cut off.

/// Bytes of a frame header.
const HEADER: usize = 9;
/// Bytes that an HTTP/2 connection starts with.
const PREFACE: usize = 24;

/// Tokens at the start, and at most.
const MOST: u32 = 2_000;
/// What a request earns: window updates, a priority and a reset may belong to it.
const FOR_REQUEST: u32 = 4;
/// What each kilobyte of a body earns.
const FOR_KILOBYTE: u32 = 2;
/// What each tick of the clock earns.
const FOR_TICK: u32 = 10;

/// Frames that follow one header block before its end.
const MOST_CONTINUATIONS: u32 = 16;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;

/// Follows the frames of one connection.
#[derive(Debug)]
pub(crate) struct Frames {
    header: [u8; HEADER],
    /// Bytes of the header that have been read.
    read: usize,
    /// Bytes that are passed over: the preface first, then each frame's payload.
    skip: usize,
    tokens: u32,
    tick: u32,
    continuations: u32,
    /// What a reset costs.
    reset_cost: u32,
}

impl Frames {
    /// At a connection's first byte; a client may reset so many streams in one burst.
    pub(crate) fn new(tick: u32, resets: u32) -> Self {
        let reset_cost = (MOST / resets.max(1)).max(1);
        Self { header: [0; HEADER], read: 0, skip: PREFACE, tokens: MOST, tick, continuations: 0, reset_cost }
    }

    /// Follows the next bytes; whether the client may go on.
    pub(crate) fn follow(&mut self, mut bytes: &[u8], tick: u32) -> bool {
        self.earn(tick.saturating_sub(self.tick).saturating_mul(FOR_TICK));
        self.tick = tick;
        while !bytes.is_empty() {
            let passed = self.skip.min(bytes.len());
            self.skip -= passed;
            bytes = bytes.get(passed..).unwrap_or_default();
            let missing = self.header.get_mut(self.read..).unwrap_or_default();
            let taken = missing.len().min(bytes.len());
            let (head, rest) = bytes.split_at_checked(taken).unwrap_or_default();
            missing.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
            self.read += taken;
            bytes = rest;
            if self.read == HEADER && !self.frame() {
                return false;
            }
        }
        true
    }

    fn earn(&mut self, tokens: u32) {
        self.tokens = self.tokens.saturating_add(tokens).min(MOST);
    }

    /// Weighs the frame whose header is complete.
    fn frame(&mut self) -> bool {
        let [a, b, c, kind, ..] = self.header;
        let length = u32::from_be_bytes([0, a, b, c]);
        (self.read, self.skip) = (0, length as usize);
        self.continuations = if kind == CONTINUATION { self.continuations + 1 } else { 0 };
        match kind {
            DATA if length > 0 => self.earn((length / 1024).saturating_mul(FOR_KILOBYTE).max(1)),
            HEADERS => self.earn(FOR_REQUEST),
            _ => {
                let cost = if kind == RST_STREAM { self.reset_cost } else { 1 };
                match self.tokens.checked_sub(cost) {
                    Some(left) => self.tokens = left,
                    None => return false,
                }
            }
        }
        self.continuations <= MOST_CONTINUATIONS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, 0, 0, 0, 0, 1], payload].concat()
    }

    /// How many of `count` frames a client may send within one tick.
    fn allowed(kind: u8, payload: &[u8], count: u32) -> u32 {
        let mut frames = Frames::new(1, 200);
        assert!(frames.follow(&[b'x'; PREFACE], 1));
        let bytes = frame(kind, payload);
        (0..count).take_while(|_| bytes.chunks(5).all(|piece| frames.follow(piece, 1))).count() as u32
    }

    #[test]
    fn frames_that_carry_nothing_run_out() {
        const PING: u8 = 6;
        const SETTINGS: u8 = 4;
        for kind in [PING, SETTINGS, 2, 8] {
            assert_eq!(allowed(kind, &[0; 8], 10_000), MOST);
        }
        assert_eq!(allowed(DATA, &[], 10_000), MOST);
        assert_eq!(allowed(RST_STREAM, &[0; 4], 10_000), 200);
        assert_eq!(allowed(CONTINUATION, &[], 10_000), MOST_CONTINUATIONS);
    }

    #[test]
    fn requests_and_bodies_do_not() {
        assert_eq!(allowed(HEADERS, &[0; 20], 10_000), 10_000);
        assert_eq!(allowed(DATA, &[0; 1000], 10_000), 10_000);
    }

    #[test]
    fn time_gives_tokens_back() {
        let mut frames = Frames::new(1, 200);
        let pings =
            [b'x'; PREFACE].into_iter().chain((0..MOST).flat_map(|_| frame(6, &[0; 8]))).collect::<Vec<_>>();
        assert!(frames.follow(&pings, 1));
        assert!(frames.follow(&frame(6, &[0; 8]), 2));
    }
}
