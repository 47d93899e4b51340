//! Events as JSON lines: a bounded queue and one thread that writes; a slow or dead sink loses lines, never time.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use serde::Serialize;
use serde::ser::Serializer;

/// Lines that wait to be written.
const QUEUE: usize = 4096;
/// How long the last lines may take.
const LAST_WRITE: Duration = Duration::from_secs(2);
/// Bytes of one text in an event; what is longer is cut and marked.
const LONGEST_TEXT: usize = 512;

/// Where events are written.
pub enum Output {
    /// Nowhere.
    Off,
    /// To this.
    To(Box<dyn Write + Send>),
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::To(_) => "To",
        })
    }
}

/// The sending side.
#[derive(Debug)]
pub(crate) struct Events {
    queue: Option<SyncSender<Message>>,
    counts: Arc<Counts>,
}

/// What the writer gets.
#[derive(Debug)]
enum Message {
    Line(String),
    /// Everything before this has been written when the answer comes.
    Finish(SyncSender<()>),
}

/// What became of the lines.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) written: AtomicU64,
    pub(crate) lost: AtomicU64,
}

impl Events {
    /// Starts the writer; it ends when the sender is gone and the queue is empty.
    pub(crate) fn start(output: Output) -> io::Result<Self> {
        let counts = Arc::new(Counts::default());
        let Output::To(sink) = output else { return Ok(Self { queue: None, counts }) };
        let (queue, lines) = sync_channel(QUEUE);
        let counted = Arc::clone(&counts);
        std::thread::Builder::new().name("events".into()).spawn(move || write(&lines, sink, &counted))?;
        Ok(Self { queue: Some(queue), counts })
    }

    /// Waits a moment for the lines that are still queued.
    pub(crate) fn finish(&self) {
        let (done, wait) = sync_channel(1);
        if let Some(queue) = &self.queue
            && queue.try_send(Message::Finish(done)).is_ok()
        {
            // A dead sink is not waited for any longer.
            let _ = wait.recv_timeout(LAST_WRITE);
        }
    }

    /// Whether anybody reads events.
    pub(crate) fn wanted(&self) -> bool {
        self.queue.is_some()
    }

    /// Queues an event, or counts it as lost.
    pub(crate) fn send(&self, event: &Event<'_>) {
        let Some(queue) = &self.queue else { return };
        let Ok(line) = serde_json::to_string(event) else { return bump(&self.counts.lost) };
        match queue.try_send(Message::Line(line)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => bump(&self.counts.lost),
        }
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }
}

fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

fn write(messages: &Receiver<Message>, sink: Box<dyn Write + Send>, counts: &Counts) {
    let mut sink = BufWriter::new(sink);
    while let Ok(first) = messages.recv() {
        // What has queued up meanwhile goes out with the same flush.
        let (mut lines, mut finished) = (0, Vec::new());
        let mut write = |message| match message {
            Message::Line(line) => {
                lines += 1;
                sink.write_all(line.as_bytes()).and_then(|()| sink.write_all(b"\n"))
            }
            Message::Finish(done) => {
                finished.push(done);
                Ok(())
            }
        };
        let written = std::iter::once(first).chain(messages.try_iter()).try_for_each(&mut write);
        match written.and_then(|()| sink.flush()) {
            Ok(()) => drop(counts.written.fetch_add(lines, Relaxed)),
            Err(_) => drop(counts.lost.fetch_add(lines, Relaxed)),
        }
        // Whoever asked may have stopped waiting.
        for done in finished {
            let _ = done.send(());
        }
    }
}

/// One event; `docs/operations/events.md` describes the members.
#[derive(Debug, Serialize)]
pub(crate) struct Event<'a> {
    pub(crate) time: String,
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) trace: String,
    pub(crate) bundle: &'a str,
    pub(crate) client: String,
    pub(crate) protocol: &'static str,
    pub(crate) method: Text<'a>,
    pub(crate) host: Text<'a>,
    pub(crate) path: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    pub(crate) verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) findings: Vec<serde_json::Value>,
    pub(crate) micros: u64,
    pub(crate) spent: Map,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) stages: Map,
}

/// Members whose names are known when an event is written.
pub(crate) type Map = serde_json::Map<String, serde_json::Value>;

/// Text from outside: cut when too long, and never more than text (the writer escapes control characters).
#[derive(Debug, Clone, Default)]
pub(crate) struct Text<'a>(pub(crate) std::borrow::Cow<'a, [u8]>);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.0.get(..LONGEST_TEXT).unwrap_or(&self.0);
        let text = String::from_utf8_lossy(bytes);
        let cut = if bytes.len() < self.0.len() { "…" } else { "" };
        // DEL and the C1 controls move terminals too, and JSON lets them stand.
        let clean: String =
            text.chars().map(|c| if ('\u{7f}'..='\u{9f}').contains(&c) { '\u{fffd}' } else { c }).collect();
        serializer.serialize_str(&(clean + cut))
    }
}

/// RFC 3339 in UTC, to the millisecond.
pub(crate) fn timestamp(unix_millis: u64) -> String {
    let (days, rest) = (unix_millis / 86_400_000, unix_millis % 86_400_000);
    // Days since 0000-03-01, in eras of 400 years: leap days come last in each (the civil-from-days algorithm).
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_know_leap_years() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(timestamp(millis), text);
        }
    }

    #[test]
    fn text_from_outside_cannot_break_a_line_or_a_terminal() {
        let text = Text(b"a\r\n\"\x1b[31m\x7f\xc2\x9b\xff".to_vec().into());
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(json, "\"a\\r\\n\\\"\\u001b[31m\u{fffd}\u{fffd}\u{fffd}\"");
        let long = serde_json::to_string(&Text(vec![b'a'; 1 << 20].into())).unwrap();
        assert!(long.len() < 600 && long.ends_with("…\""));
    }

    #[test]
    fn a_dead_sink_loses_lines_and_holds_nobody() {
        struct Dead;
        impl Write for Dead {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("no space left"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let events = Events::start(Output::To(Box::new(Dead))).unwrap();
        for _ in 0..10 {
            events.queue.as_ref().unwrap().send(Message::Line("{}".into())).unwrap();
        }
        events.finish();
        assert_eq!(events.counts.written.load(Relaxed), 0);
        assert!(events.counts.lost.load(Relaxed) > 0);
    }
}
