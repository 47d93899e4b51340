//! Every doubt about framing, with the status it is answered with.

/// Why a connection's bytes are not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "FAULTS says what each means")]
pub enum Fault {
    RequestLine = 1,
    Method,
    Version,
    Target,
    TargetSize,
    LineEnd,
    HeaderName,
    HeaderValue,
    HeaderCount,
    HeadSize,
    ContentLength,
    TransferEncoding,
    BothLengths,
    Host,
    Expectation,
    Chunk,
    Trailer,
    HeadTimeout,
    BodyTimeout,
    Flood,
    Preface,
    FrameSize,
}

use Fault::{
    BodyTimeout, BothLengths, Chunk, ContentLength, Expectation, Flood, FrameSize, HeadSize, HeadTimeout,
    HeaderCount, HeaderName, HeaderValue, Host, LineEnd, Method, Preface, RequestLine, Target, TargetSize,
    Trailer, TransferEncoding, Version,
};

/// Reason, status, and a sentence for the client.
#[rustfmt::skip]
const FAULTS: [(Fault, &str, u16, &str); 22] = [
    (RequestLine,      "request_line",      400, "the request line is not a method, a target and a version with one space between them"),
    (Method,           "method",            501, "the method is not a registered one"),
    (Version,          "version",           505, "the version is not HTTP/1.0 or HTTP/1.1"),
    (Target,           "target",            400, "the target holds bytes that no target may hold"),
    (TargetSize,       "target_size",       414, "the target is too long"),
    (LineEnd,          "line_end",          400, "a line does not end in carriage return and line feed"),
    (HeaderName,       "header_name",       400, "a header line does not start with a name and a colon"),
    (HeaderValue,      "header_value",      400, "a header value holds control characters, or spaces at its ends"),
    (HeaderCount,      "header_count",      431, "there are too many header lines"),
    (HeadSize,         "head_size",         431, "the head of the request is too large"),
    (ContentLength,    "content_length",    400, "the content length is not one plain number"),
    (TransferEncoding, "transfer_encoding", 400, "the transfer encoding is not `chunked` alone"),
    (BothLengths,      "both_lengths",      400, "content length and transfer encoding exclude each other"),
    (Host,             "host",              400, "a request names exactly one host"),
    (Expectation,      "expectation",       417, "the only expectation that is met is `100-continue`"),
    (Chunk,            "chunk",             400, "the chunked framing of the body is damaged"),
    (Trailer,          "trailer",           400, "the trailers are damaged, too large, or change the framing"),
    (HeadTimeout,      "head_timeout",      408, "the head of the request took too long"),
    (BodyTimeout,      "body_timeout",      408, "the body of the request took too long"),
    (Flood,            "flood",             400, "the connection is kept busy with frames that carry nothing"),
    (Preface,          "preface",           400, "the first frame of the connection is not its settings"),
    (FrameSize,        "frame_size",        400, "a frame does not have the size that its type demands"),
];

impl Fault {
    fn row(self) -> (&'static str, u16, &'static str) {
        let row = FAULTS.iter().find(|(fault, ..)| *fault == self);
        row.map_or(("request_line", 400, ""), |(_, reason, status, text)| (*reason, *status, *text))
    }

    /// The stable name in events and metrics.
    pub fn reason(self) -> &'static str {
        self.row().0
    }

    /// The status of the refusal.
    pub fn status(self) -> u16 {
        self.row().1
    }

    /// What is wrong, for the client.
    pub fn detail(self) -> &'static str {
        self.row().2
    }

    /// The fault stored as `code`.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        FAULTS.iter().map(|(fault, ..)| *fault).find(|fault| *fault as u8 == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_own_row_and_code() {
        for (index, (fault, reason, ..)) in FAULTS.iter().enumerate() {
            assert_eq!(*fault as usize, index + 1);
            assert_eq!(Fault::from_code(*fault as u8), Some(*fault));
            assert_eq!(FAULTS.iter().filter(|row| row.1 == *reason).count(), 1);
        }
    }
}
