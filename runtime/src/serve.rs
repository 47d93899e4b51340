//! The life of one request, from its head to its answer.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode, Version};
use shield_engine::Step;

use crate::body::{self, BodyError, Buffered, Inbound};
use crate::forward::{self, Onward};
use crate::listen::client::Client;
use crate::metrics::bump;
use crate::record::Record;
use crate::refusal::Refusal;
use crate::reply::{Reply, Serving};
use crate::translate::{self, Asked, Judging};
use crate::tunnel::Wish;
use crate::upstream::{Answer, Call, Content, Moment};
use crate::worker::Worker;

/// Answers one request; whatever happens, there is an answer, and it is counted and recorded.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    client: Rc<Client>,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Infallible> {
    let busy = client.link.busy();
    let version = request.version();
    let mut record = Record::begin(&worker, &client, request.headers());
    let flight = worker.take_off();
    let outcome = match &flight {
        Some(_) => unwinding(live(&worker, &client, request, &mut record)).await,
        None => Some(Err(Refusal::overload("requests_in_flight"))),
    };
    let outcome = outcome.unwrap_or_else(|| {
        bump(&worker.counters.panics);
        Err(Refusal::internal())
    });
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
        response.body_mut().stall = Some(worker.watch_reply(&client.link));
    }
    record.answered(response.status());
    response.body_mut().serving = flight.map(|flight| Serving { _busy: busy, _flight: flight });
    Ok(response)
}

/// `None` when `future` panics.
async fn unwinding<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

async fn live(
    worker: &Rc<Worker>,
    client: &Rc<Client>,
    mut request: Request<Incoming>,
    record: &mut Record,
) -> Result<Response<Reply>, Refusal> {
    let wish = Wish::of(&client.link, request.headers());
    let change = wish.as_ref().map(|_| hyper::upgrade::on(&mut request));
    let (parts, incoming) = request.into_parts();
    let outcome = judged(Way { worker, client, parts: &parts, wish, change }, incoming, record).await;
    if record.is_told(&outcome) {
        record.describe(&parts);
    }
    outcome
}

/// What stays the same while a request is on its way.
struct Way<'a> {
    worker: &'a Rc<Worker>,
    client: &'a Rc<Client>,
    parts: &'a Parts,
    wish: Option<Wish>,
    change: Option<OnUpgrade>,
}

async fn judged(way: Way<'_>, incoming: Incoming, record: &mut Record) -> Result<Response<Reply>, Refusal> {
    let Way { worker, client, parts, wish, change } = way;
    if let Some(fault) = client.link.fault() {
        return Err(Refusal::framing(fault));
    }
    let snapshot = worker.shared.snapshot.load_full().ok_or(Refusal::unready())?;
    record.snapshot = Some(Arc::clone(&snapshot));
    record.client = worker.addresses.client(client.peer.ip(), &parts.headers);
    let (id, absolute) = (record.id(), translate::absolute_target(parts));
    let seed = worker.random.id();
    let asked = Asked { parts, absolute: absolute.as_deref(), id: id.as_str(), client, seed };
    // What the exchange borrows later is declared before it.
    let (buffered, answered, answer_body);
    let mut judging = Judging::begin(&snapshot.policy, asked, &snapshot.limits, record)?;
    let (permit, content) = match judging.head(record)? {
        Step::Forward(permit) => (permit, stream(worker, incoming)?),
        Step::Body { max } => {
            let read = body::buffer(incoming, max, &worker.shared.memory).await;
            let Buffered { bytes, more, share: _share } =
                read.map_err(|error| Refusal::body(&error, client.link.fault()))?;
            buffered = bytes;
            let permit = judging.body(&buffered, more.is_some(), record)?;
            let most = worker.shared.settings.body_size;
            (
                permit,
                match more {
                    None => Content::whole(buffered.clone()),
                    Some((beyond, rest)) => {
                        Content::Stream(Inbound::continued([buffered.clone(), beyond], rest, most))
                    }
                },
            )
        }
    };
    let group = snapshot.group(permit.api());
    let onward = Onward::new(&permit, parts, client, wish.as_ref(), record)?;
    let call =
        Call { group, head: &|outgoing| onward.request(outgoing), idempotent: parts.method.is_idempotent() };
    let moment = Moment { now: worker.ticks.now(), random: worker.random.next(), counters: &worker.counters };
    let sent = worker.upstreams.send(permit, call, content, &moment).await;
    let Answer { response, lease, progress, member } =
        sent.map_err(|failure| Refusal::upstream(failure, client.link.fault()))?;
    record.upstream = Some(member.address);
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return forward::switch(worker, client, response, wish.zip(change));
    }
    let (head, incoming) = response.into_parts();
    answered = head;
    let reply = match judging.answer(&answered, record) {
        None => Reply::stream([Bytes::new(), Bytes::new()], incoming, (lease, progress), worker),
        Some(most) => {
            let read = body::buffer(incoming, most, &worker.shared.memory).await;
            let Buffered { bytes, more, share: _share } = read.map_err(|error| forward::unread(&error))?;
            answer_body = bytes;
            judging.answer_body(&answer_body, more.is_some());
            match more {
                None => forward::whole(worker, answer_body.clone(), lease, &progress),
                Some((beyond, rest)) => {
                    Reply::stream([answer_body.clone(), beyond], rest, (lease, progress), worker)
                }
            }
        }
    };
    let edits = judging.response(record)?;
    drop(judging);
    Ok(Response::from_parts(forward::homeward(answered, &edits), reply))
}

/// The client's body as it comes, when it can be within its bound.
fn stream(worker: &Worker, incoming: Incoming) -> Result<Content, Refusal> {
    if incoming.is_end_stream() {
        return Ok(Content::Empty);
    }
    let most = worker.shared.settings.body_size;
    if incoming.size_hint().lower() > most {
        return Err(Refusal::body(&BodyError::TooLarge, None));
    }
    Ok(Content::Stream(Inbound::new(incoming, most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_its_own_request_alone() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let outcome = runtime.block_on(async {
            let panicking = unwinding(async { std::panic::panic_any("a defect") }).await;
            (panicking, unwinding(async { 1 }).await)
        });
        assert_eq!(outcome, (None, Some(1)));
    }
}
