//! The life of one request, from its head to its answer.

use std::cell::OnceCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::response;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Version};
use shield_engine::token::Pass;
use shield_engine::{Exchange, HeaderEdit, Permit, Standing, Step, Stopwatch};
use shield_state::Store as _;

use crate::apart::apart;
use crate::body::{self, BodyError, Buffered, Inbound};
use crate::clock;
use crate::forward::{self, Onward};
use crate::listen::client::Client;
use crate::metrics::bump;
use crate::record::{Record, Span};
use crate::refusal::Refusal;
use crate::reply::{Reply, Serving};
use crate::snapshot::Snapshot;
use crate::spelling::Spelling;
use crate::translate::{self, Asked, Judging};
use crate::tunnel::Wish;
use crate::upstream::{Answer, Call, Changed, Content, Moment};
use crate::worker::Worker;

/// Answers one request; whatever happens, there is an answer, and it is counted and recorded.
// PERF: an `async fn` would move the request once more, and keep room for it twice.
#[expect(clippy::manual_async_fn, reason = "as said above")]
pub(crate) fn serve(
    worker: Rc<Worker>,
    client: Rc<Client>,
    mut request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Reply>, Infallible>> {
    async move {
        let busy = client.busy();
        let mut record = Record::begin(&worker, &client, request.headers());
        let spelling = client.link.spelled();
        let snapshot = worker.shared.snapshot.load_full();
        let wish = Wish::of(&client.link, request.headers());
        let change = wish.as_ref().map(|_| hyper::upgrade::on(&mut request));
        let (parts, incoming) = request.into_parts();
        let version = parts.version;
        let flight = worker.take_off();
        let outcome = match (&flight, &snapshot) {
            (Some(_), Some(snapshot)) => {
                let (worker, client, parts, incoming) = (&worker, &client, &parts, Some(incoming));
                let mut way = Way { worker, client, snapshot, parts, incoming, spelling, wish, change };
                // PERF: pinned where it is made, here and below; awaiting a future by value reserves room for it twice, at
                // every level.
                unwinding(pin!(judged(&mut way, &mut record))).await
            }
            (None, _) => Some(Err(Refusal::overload("requests_in_flight"))),
            (Some(_), None) => Some(Err(Refusal::unready())),
        };
        let outcome = outcome.unwrap_or_else(|| {
            bump(&worker.counters.panics);
            Err(Refusal::internal())
        });
        if record.is_told(&outcome) {
            record.describe(&parts);
        }
        let mut close = client.is_last_request();
        let mut response = outcome.unwrap_or_else(|refusal| {
            close |= refusal.close;
            record.refused(&refusal);
            refusal.response(record.id().as_str())
        });
        if close && version < Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if version == Version::HTTP_2 {
            response.body_mut().watch(worker.watch_reply(&client.link));
        }
        record.answered(response.status(), snapshot.as_deref());
        response.body_mut().serve(flight.map(|flight| Serving { _busy: busy, _flight: flight }));
        Ok(response)
    }
}

/// `None` when `future` panics.
async fn unwinding<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// A request on its way, and what stays the same meanwhile.
struct Way<'a> {
    worker: &'a Rc<Worker>,
    client: &'a Rc<Client>,
    snapshot: &'a Snapshot,
    parts: &'a Parts,
    /// The body, until somebody reads it.
    incoming: Option<Incoming>,
    spelling: Spelling,
    wish: Option<Wish>,
    change: Option<OnUpgrade>,
}

/// What an exchange borrows while it lives, and what therefore lives longer.
#[derive(Default)]
struct Slots {
    body: OnceCell<Bytes>,
    answer: OnceCell<(response::Parts, Spelling)>,
    answer_body: OnceCell<Bytes>,
}

/// What is done with an answer's head once its exchange has ended.
enum Outcome {
    Pass(Reply, Vec<HeaderEdit>),
    Switch(Changed, Vec<Pass>, Vec<HeaderEdit>),
}

async fn judged(way: &mut Way<'_>, record: &mut Record) -> Result<Response<Reply>, Refusal> {
    let Way { worker, client, snapshot, parts, .. } = *way;
    let spelling = std::mem::take(&mut way.spelling);
    if let Some(fault) = client.link.fault().or_else(|| translate::malformed(parts)) {
        return Err(Refusal::framing(fault));
    }
    record.client = worker.addresses.client(client.peer.ip(), &parts.headers);
    let (id, absolute) = (record.id(), translate::absolute_target(parts));
    let seed = worker.random.id();
    let standings = standings(client, snapshot);
    let stopwatch = record.timed.then(|| Stopwatch::new(worker.shared.clock));
    let asked = Asked {
        parts,
        spelling: snapshot.spells_requests.then_some(&spelling),
        absolute: absolute.as_deref(),
        id: id.as_str(),
        client,
        seed,
        standings: standings.as_deref().unwrap_or_default(),
        stopwatch: stopwatch.as_ref(),
    };
    let slots = Slots::default();
    let head = asked.head(record)?;
    let canonical = asked.canonical(&head, &snapshot.limits)?;
    // PERF: an exchange is large. It ends where it stays; to drop it by name would move it first.
    let (outcome, settled) = {
        let mut exchange = Exchange::new(&canonical);
        let mut judging = Judging::new(&snapshot.policy, asked, &mut exchange);
        let outcome = pin!(exchanged(way, &slots, &mut judging, record)).await;
        let settled = judging.settle(outcome.is_ok());
        (outcome, settled)
    };
    record.laps = stopwatch.map(Stopwatch::laps).unwrap_or_default();
    if !settled.is_empty() {
        // A store that does not answer counts nothing; the answer does not wait for it to come back.
        let _ = apart(|| worker.shared.store.apply(clock::unix_millis(), &settled)).await;
        record.spend(Span::Store);
    }
    let outcome = outcome?;
    let (mut answer, _) = slots.answer.into_inner().ok_or_else(Refusal::internal)?;
    match outcome {
        Outcome::Pass(reply, edits) => {
            forward::homeward(&mut answer.headers, &edits);
            Ok(Response::from_parts(answer, reply))
        }
        Outcome::Switch(upstream, passes, edits) => {
            let change = way.wish.take().zip(way.change.take());
            let mut response = forward::switch((worker, client), answer, (upstream, passes), change)?;
            translate::edit(response.headers_mut(), &edits);
            Ok(response)
        }
    }
}

/// What the policy thinks of the client's certificate, where there is one.
fn standings(client: &Client, snapshot: &Snapshot) -> Option<Arc<[Standing]>> {
    let shown = client.tls.as_ref()?.shown.as_ref()?;
    Some(shown.standings(&snapshot.demands.load(), clock::unix_millis()))
}

/// Judges a request, sends it, and judges its answer.
async fn exchanged<'a>(
    way: &mut Way<'_>,
    slots: &'a Slots,
    judging: &mut Judging<'_, 'a>,
    record: &mut Record,
) -> Result<Outcome, Refusal> {
    let (permit, content) = pin!(permitted(way, slots, judging, record)).await?;
    let Way { worker, client, snapshot, parts, ref wish, .. } = *way;
    let group = snapshot.group(permit.api());
    let onward = Onward::new(&permit, parts, client, wish.as_ref(), record)?;
    let call = Call {
        group,
        head: &|framing, out| onward.write(framing, out),
        idempotent: parts.method.is_idempotent(),
        bodiless: parts.method == Method::HEAD,
        spelled: snapshot.spells_answers,
    };
    let moment = Moment { ticks: &worker.ticks, random: worker.random.next(), counters: &worker.counters };
    let sent = pin!(worker.upstreams.send(permit, call, content, &moment)).await;
    record.spend(Span::Upstream);
    let Answer { head, spelling, lease, member } =
        sent.map_err(|failure| Refusal::upstream(failure, client.link.fault()))?;
    record.upstream = Some(member.address);
    let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
    let (head, spelling) = slots.answer.get_or_init(|| (*head, spelling));
    let wanted = judging.answer(head, spelling, record);
    if switches {
        return Ok(Outcome::Switch(lease.into_stream(), judging.passes(), judging.response(record)?));
    }
    let reply = match wanted {
        None => Reply::stream(Vec::new(), lease, worker),
        Some(most) => {
            let read = body::buffer(lease, most, &worker.shared.memory, |_| true).await;
            record.spend(Span::AnswerWait);
            let Buffered { bytes, beyond, body: lease, share: _share } =
                read.map_err(|error| forward::unread(&error))?;
            let bytes = slots.answer_body.get_or_init(|| bytes);
            judging.answer_body(bytes, beyond.is_some());
            let read = beyond.into_iter().chain([bytes.clone()]).collect();
            Reply::stream(read, lease, worker)
        }
    };
    Ok(Outcome::Pass(reply, judging.response(record)?))
}

/// Takes the steps that the engine asks for, up to the permit.
async fn permitted<'a>(
    way: &mut Way<'_>,
    slots: &'a Slots,
    judging: &mut Judging<'_, 'a>,
    record: &mut Record,
) -> Result<(Permit<'a>, Content), Refusal> {
    let (worker, client) = (way.worker, way.client);
    let most = worker.shared.settings.body_size;
    let mut content = Content::Empty;
    if let Some((policy, wanted)) = judging.wanted() {
        record.spend(Span::Head);
        worker.shared.keys.wait(policy, &wanted).await;
        record.spend(Span::Keys);
    }
    let mut step = judging.head(record)?;
    loop {
        step = match step {
            Step::Forward(permit) => {
                let unread = way.incoming.take().map(|incoming| stream(incoming, most)).transpose()?;
                return Ok((permit, unread.unwrap_or(content)));
            }
            Step::Ask(ops) => {
                // PERF: a store that is elsewhere takes room that requests without counters need not have.
                let replies = apart(|| worker.shared.store.apply(record.unix_millis, &ops)).await;
                record.spend(Span::Store);
                judging.replies(replies.unwrap_or_default(), record)?
            }
            Step::Body { max } => {
                let incoming = way.incoming.take().ok_or_else(Refusal::internal)?;
                let mut refused = None;
                let goes_on = |bytes: &[u8]| {
                    refused = judging.beginning(bytes, record).err();
                    refused.is_none()
                };
                let read = body::buffer(incoming, max, &worker.shared.memory, goes_on).await;
                if let Some(refusal) = refused {
                    return Err(refusal);
                }
                record.spend(Span::BodyWait);
                let Buffered { bytes, beyond, body, share: _share } =
                    read.map_err(|error| Refusal::body(&error, client.link.fault()))?;
                let bytes = slots.body.get_or_init(|| bytes);
                let cut = beyond.is_some();
                content = match beyond {
                    None => Content::whole(bytes.clone()),
                    Some(beyond) => {
                        Content::Stream(Inbound::continued([bytes.clone(), beyond], body, most).into())
                    }
                };
                judging.body(bytes, cut, record)?
            }
        };
    }
}

/// The client's body as it comes, when it can be within its bound.
fn stream(incoming: Incoming, most: u64) -> Result<Content, Refusal> {
    if incoming.is_end_stream() {
        return Ok(Content::Empty);
    }
    if incoming.size_hint().lower() > most {
        return Err(Refusal::body(&BodyError::TooLarge, None));
    }
    Ok(Content::Stream(Inbound::new(incoming, most).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_in_an_outcome() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let outcome = runtime.block_on(async {
            let panicking = unwinding(pin!(async { std::panic::panic_any("a defect") })).await;
            (panicking, unwinding(pin!(async { 1 })).await)
        });
        assert_eq!(outcome, (None, Some(1)));
    }
}
