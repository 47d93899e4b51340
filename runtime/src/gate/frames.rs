//! Follows the frames of an HTTP/2 connection: their sizes, how they begin, and how much of a client's work is empty.
//!
//! The codec above bounds memory; this bounds work. Every frame that asks for nothing costs one token, every request
//! and every kilobyte of a body earns some, and time earns a few more. A client that runs out of tokens is cut off.

use super::fault::Fault;

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
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// The flag of settings that answer others.
const ACK: u8 = 1;

/// Settings of a stream, which there are not: read above as an error of the protocol.
const UNPROTOCOLLED: &[u8] = &[0, 0, 0, SETTINGS, 0, 0, 0, 0, 1];
/// A frame that is larger than any may be: read above as an error of a frame's size.
const OVERSIZED: &[u8] = &[0xff, 0xff, 0xff, PING, 0, 0, 0, 0, 0];

/// Follows the frames of one connection.
#[derive(Debug, Clone)]
pub(super) struct Frames {
    /// Bytes that are passed over: the preface first, then each frame's payload.
    skip: usize,
    /// The first frame has been seen.
    begun: bool,
    tokens: u32,
    tick: u32,
    continuations: u32,
    /// What a reset costs.
    reset_cost: u32,
}

impl Frames {
    /// At a connection's first byte; a client may reset so many streams in one burst.
    pub(super) fn new(tick: u32, resets: u32) -> Self {
        let reset_cost = (MOST / resets.max(1)).max(1);
        Self { skip: PREFACE, begun: false, tokens: MOST, tick, continuations: 0, reset_cost }
    }

    /// Time has passed.
    pub(super) fn at(&mut self, tick: u32) {
        self.earn(tick.saturating_sub(self.tick).saturating_mul(FOR_TICK));
        self.tick = tick;
    }

    /// How many bytes may pass: the rest of a frame, or the header of the next once it is whole.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let passed = self.skip.min(bytes.len());
        if passed > 0 {
            self.skip -= passed;
            return Ok(passed);
        }
        let Some(header) = bytes.first_chunk() else { return Ok(0) };
        self.frame(*header)?;
        Ok(HEADER)
    }

    /// The frame that makes the codec above say to the client what is wrong; a flood is ended in another way.
    pub(super) fn stand_in(fault: Fault) -> &'static [u8] {
        if fault == Fault::FrameSize { OVERSIZED } else { UNPROTOCOLLED }
    }

    fn earn(&mut self, tokens: u32) {
        self.tokens = self.tokens.saturating_add(tokens).min(MOST);
    }

    fn frame(&mut self, [a, b, c, kind, flags, ..]: [u8; HEADER]) -> Result<(), Fault> {
        let length = u32::from_be_bytes([0, a, b, c]);
        let answers = flags & ACK != 0;
        if !std::mem::replace(&mut self.begun, true) && (kind != SETTINGS || answers) {
            return Err(Fault::Preface);
        }
        if !has_size(kind, answers, length) {
            return Err(Fault::FrameSize);
        }
        self.skip = length as usize;
        self.continuations = if kind == CONTINUATION { self.continuations + 1 } else { 0 };
        match kind {
            DATA if length > 0 => self.earn((length / 1024).saturating_mul(FOR_KILOBYTE).max(1)),
            HEADERS => self.earn(FOR_REQUEST),
            _ => {
                let cost = if kind == RST_STREAM { self.reset_cost } else { 1 };
                self.tokens = self.tokens.checked_sub(cost).ok_or(Fault::Flood)?;
            }
        }
        if self.continuations > MOST_CONTINUATIONS { Err(Fault::Flood) } else { Ok(()) }
    }
}

/// Whether a frame is as long as its type demands; the codec above would call another size an error of the protocol.
fn has_size(kind: u8, answers: bool, length: u32) -> bool {
    match kind {
        PRIORITY => length == 5,
        RST_STREAM | WINDOW_UPDATE => length == 4,
        SETTINGS if answers => length == 0,
        SETTINGS => length.is_multiple_of(6),
        PING => length == 8,
        GOAWAY => length >= 8,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, 0, 0, 0, 0, 1], payload].concat()
    }

    /// Follows bytes in pieces of this length, of which what does not pass is seen again.
    fn follow(frames: &mut Frames, bytes: &[u8], piece: usize) -> Result<(), Fault> {
        let mut held = Vec::new();
        for piece in bytes.chunks(piece) {
            held.extend_from_slice(piece);
            loop {
                match frames.step(&held)? {
                    0 => break,
                    passed => drop(held.drain(..passed)),
                }
            }
        }
        assert!(held.len() < HEADER);
        Ok(())
    }

    /// Past the preface and the first settings.
    fn begun() -> Frames {
        let mut frames = Frames::new(1, 200);
        follow(&mut frames, &[&[b'x'; PREFACE], &frame(SETTINGS, &[])[..]].concat(), 7).unwrap();
        frames.tokens = MOST;
        frames
    }

    /// How many of `count` frames a client may send within one tick.
    fn allowed(kind: u8, payload: &[u8], count: u32) -> u32 {
        let (mut frames, bytes) = (begun(), frame(kind, payload));
        (0..count).take_while(|_| follow(&mut frames, &bytes, 5).is_ok()).count() as u32
    }

    #[test]
    fn frames_that_carry_nothing_run_out() {
        for (kind, length) in [(PING, 8), (SETTINGS, 0), (PRIORITY, 5), (WINDOW_UPDATE, 4), (DATA, 0)] {
            assert_eq!(allowed(kind, &vec![0; length], 10_000), MOST, "{kind}");
        }
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
        let mut frames = begun();
        let pings: Vec<u8> = (0..MOST).flat_map(|_| frame(PING, &[0; 8])).collect();
        assert_eq!(follow(&mut frames, &pings, 1000), Ok(()));
        frames.at(2);
        assert_eq!(follow(&mut frames, &frame(PING, &[0; 8]), 1000), Ok(()));
    }

    #[test]
    fn a_connection_begins_with_its_settings() {
        for first in [frame(PING, &[0; 8]), frame(HEADERS, &[]), vec![0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0]] {
            let bytes = [&[b'x'; PREFACE], &first[..]].concat();
            for piece in [1, 24, 100] {
                assert_eq!(follow(&mut Frames::new(1, 200), &bytes, piece), Err(Fault::Preface), "{first:?}");
            }
        }
    }

    #[test]
    fn a_frame_has_the_size_of_its_type() {
        for (kind, length) in
            [(PRIORITY, 4), (RST_STREAM, 5), (SETTINGS, 7), (PING, 7), (GOAWAY, 7), (WINDOW_UPDATE, 3)]
        {
            let bytes = frame(kind, &vec![0; length]);
            assert_eq!(follow(&mut begun(), &bytes, 3), Err(Fault::FrameSize), "{kind}");
        }
    }
}
