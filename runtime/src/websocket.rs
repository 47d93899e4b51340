//! Watches the frames that a client sends on a WebSocket (RFC 6455), so that it ends where they break its rules or our bounds.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Pieces that one message may come in, and control frames that may come with no data between them.
const PIECES: u32 = 4_096;
const CONTROLS: u32 = 128;

/// The longest head of a frame: two bytes, eight of length, four of mask.
const HEAD: usize = 14;

/// What a client has sent so far, as far as it matters for what may come next.
#[derive(Debug)]
pub(crate) struct Frames {
    /// Bytes that one message may have.
    most: u64,
    /// Whether an extension has been agreed on, which gives the first reserved bit a meaning.
    extended: bool,
    head: [u8; HEAD],
    known: usize,
    /// Bytes of the current frame's payload that are still to come.
    left: u64,
    message: u64,
    pieces: u32,
    controls: u32,
}

/// Why a WebSocket ends, as its peers are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Fault {
    Protocol = 1002,
    Policy = 1008,
    TooLarge = 1009,
}

impl Frames {
    pub(crate) const fn new(most: u64, extended: bool) -> Self {
        Self { most, extended, head: [0; HEAD], known: 0, left: 0, message: 0, pieces: 0, controls: 0 }
    }

    /// Follows the next bytes.
    fn see(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        loop {
            let skipped = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            self.left -= skipped as u64;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some((byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            if let Some(place) = self.head.get_mut(self.known) {
                *place = *byte;
            }
            self.known += 1;
            if self.known == 2 {
                self.begin()?;
            }
            if self.known >= 2 && self.known == self.head_length() {
                self.known = 0;
                self.left = self.measured()?;
            }
        }
    }

    const fn head_length(&self) -> usize {
        match self.head[1] & 0x7f {
            126 => 8,
            127 => HEAD,
            _ => 6,
        }
    }

    /// What the first two bytes of a frame may say.
    fn begin(&mut self) -> Result<(), Fault> {
        let [first, second, ..] = self.head;
        let (is_last, reserved, kind) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
        let allowed = if self.extended && matches!(kind, 1 | 2) { 0x40 } else { 0 };
        let is_inside = self.pieces > 0;
        let fits = match kind {
            0 => is_inside,
            1 | 2 => !is_inside,
            8..=10 => is_last && second & 0x7f <= 125,
            _ => false,
        };
        // A client's frames are masked, always.
        if !fits || reserved & !allowed != 0 || second & 0x80 == 0 {
            return Err(Fault::Protocol);
        }
        if kind >= 8 {
            self.controls += 1;
            return if self.controls > CONTROLS { Err(Fault::Policy) } else { Ok(()) };
        }
        self.controls = 0;
        self.pieces += 1;
        if self.pieces > PIECES { Err(Fault::TooLarge) } else { Ok(()) }
    }

    /// How long the payload is of a frame whose head is there.
    fn measured(&mut self) -> Result<u64, Fault> {
        let [first, second, long @ ..] = self.head;
        let number = |bytes: usize| long.iter().take(bytes).fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let (length, least) = match second & 0x7f {
            126 => (number(2), 126),
            127 => (number(8), 1 << 16),
            short => (u64::from(short), 0),
        };
        // A length has one form.
        if length < least || length >> 63 == 1 {
            return Err(Fault::Protocol);
        }
        if first & 0x0f < 8 {
            self.message = self.message.saturating_add(length);
            if self.message > self.most {
                return Err(Fault::TooLarge);
            }
            if first & 0x80 != 0 {
                (self.message, self.pieces) = (0, 0);
            }
        }
        Ok(length)
    }
}

/// A client's end of a connection, watched where it is a WebSocket.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    end: S,
    frames: Option<Frames>,
    fault: Option<Fault>,
}

impl<S> Watched<S> {
    pub(crate) const fn new(end: S, frames: Option<Frames>) -> Self {
        Self { end, frames, fault: None }
    }

    /// It is to end for that reason, unless it has one already.
    pub(crate) fn end(&mut self, fault: Fault) {
        self.fault = self.fault.or_else(|| self.frames.is_some().then_some(fault));
    }

    /// The close frame that the client is told the fault with, if there was one.
    pub(crate) fn farewell(&self) -> Option<[u8; 4]> {
        let [high, low] = (self.fault? as u16).to_be_bytes();
        Some([0x88, 2, high, low])
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.end).poll_read(cx, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        if let Some(Err(fault)) = self.frames.as_mut().map(|frames| frames.see(new)) {
            self.fault = Some(fault);
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.end).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 100_000;

    /// A frame with that first byte and so many bytes, masked.
    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match length {
            0..126 => frame.push(0x80 | length as u8),
            126..65_536 => {
                frame.push(0xfe);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(0xff);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(vec![0xff; length + 4]);
        frame
    }

    /// What becomes of frames, however they are cut.
    fn seen(extended: bool, frames: &[Vec<u8>]) -> Result<(), Fault> {
        let bytes = frames.concat();
        let all = Frames::new(MOST, extended).see(&bytes);
        for size in [1, 3, 1_000] {
            let mut pieces = Frames::new(MOST, extended);
            assert_eq!(
                bytes.chunks(size).try_for_each(|piece| pieces.see(piece)),
                all,
                "in pieces of {size}"
            );
        }
        all
    }

    #[test]
    fn frames_as_they_should_be_pass() {
        let controls = [frame(0x89, 125), frame(0x8a, 0), frame(0x88, 2)];
        let fragments = [frame(0x01, 7), frame(0x89, 1), frame(0x00, 0), frame(0x80, 300)];
        let lengths = [0, 125, 126, 65_535, 65_536, 100_000].map(|length| frame(0x82, length));
        for frames in [&controls[..], &fragments, &lengths] {
            assert_eq!(seen(false, frames), Ok(()));
        }
        assert_eq!(seen(true, &[frame(0xc1, 5), frame(0x41, 5), frame(0x80, 5)]), Ok(()));
    }

    #[test]
    fn threat_116_frames_that_break_the_rules_end_it() {
        let unmasked = vec![0x81, 2, b'h', b'i'];
        let other_forms = [vec![0x81, 0xfe, 0, 125], vec![0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]];
        let [short, long] = other_forms.map(|head| [head, vec![0; 200]].concat());
        let negative = [vec![0x81, 0xff, 0x80], vec![0; 20]].concat();
        let cases: [&[Vec<u8>]; 14] = [
            &[unmasked],
            &[short],
            &[long],
            &[negative],
            &[frame(0xc1, 1)],
            &[frame(0xa1, 1)],
            &[frame(0x83, 1)],
            &[frame(0x8b, 1)],
            &[frame(0x09, 1)],
            &[frame(0x89, 126)],
            &[frame(0x80, 1)],
            &[frame(0x01, 1), frame(0x81, 1)],
            &[frame(0x81, 1), frame(0x00, 1)],
            &[b"GET / HTTP/1.1\r\n".to_vec()],
        ];
        for frames in cases {
            assert_eq!(seen(false, frames), Err(Fault::Protocol), "{frames:?}");
        }
        assert_eq!(seen(true, &[frame(0x01, 1), frame(0xc0, 1)]), Err(Fault::Protocol));
    }

    #[test]
    fn threat_116_messages_pieces_and_pings_are_bounded() {
        assert_eq!(seen(false, &[frame(0x82, 100_001)]), Err(Fault::TooLarge));
        assert_eq!(seen(false, &[frame(0x02, 60_000), frame(0x80, 60_000)]), Err(Fault::TooLarge));
        let pieces = [vec![frame(0x01, 0)], vec![frame(0x00, 0); PIECES as usize]].concat();
        assert_eq!(seen(false, &pieces), Err(Fault::TooLarge));
        assert_eq!(seen(false, &vec![frame(0x89, 0); CONTROLS as usize + 1]), Err(Fault::Policy));
        let with_data = [vec![frame(0x89, 0); CONTROLS as usize], vec![frame(0x81, 0)]].concat().concat();
        assert_eq!(seen(false, &vec![with_data; 3]), Ok(()));
    }
}
