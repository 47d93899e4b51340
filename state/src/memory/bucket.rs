//! One bucket: the events of a sliding window, or the moment at which a pace is at rest; and a hold.

use std::collections::VecDeque;

use crate::op::{Millis, Rate, Reply};

/// Units taken at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Event {
    at: Millis,
    units: u32,
    /// How many of them are not settled.
    pending: u32,
}

/// What a bucket counts.
#[derive(Clone, Debug, Default)]
enum Count {
    /// Nothing yet.
    #[default]
    Nothing,
    /// One event of a window; most keys never have more, and need no memory of their own for it.
    One(Event),
    /// Events of a window, in order of time.
    Many(Box<Events>),
    /// The microsecond at which a pace is at rest again.
    Paced(u64),
}

#[derive(Clone, Debug, Default)]
struct Events {
    list: VecDeque<Event>,
    units: u32,
    pending: u32,
    /// Until when events have been made one with the first.
    folded: Millis,
}

/// A bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    count: Count,
    held: Millis,
    rests: Millis,
}

/// What a take asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Take {
    pub(super) rate: Rate,
    pub(super) units: u32,
    pub(super) hold: Millis,
    pub(super) pending: bool,
}

impl Bucket {
    /// Whether forgetting it changes nothing.
    pub(super) const fn is_idle(&self, now: Millis) -> bool {
        self.rests <= now && self.held <= now
    }

    /// Bytes that it owns outside of itself.
    pub(super) fn heap(&self) -> usize {
        match &self.count {
            Count::Many(events) => size_of::<Events>() + events.list.capacity() * size_of::<Event>(),
            Count::Nothing | Count::One(_) | Count::Paced(_) => 0,
        }
    }

    /// How long its hold still lasts.
    pub(super) const fn held(&self, now: Millis) -> Millis {
        self.held.saturating_sub(now)
    }

    /// Starts a hold, or makes it longer.
    pub(super) fn hold(&mut self, now: Millis, millis: Millis) {
        self.held = self.held.max(now.saturating_add(millis));
    }

    /// Takes units; `spare` bytes may be used for it.
    pub(super) fn take(&mut self, now: Millis, take: Take, spare: usize) -> Reply {
        if self.held > now {
            return Reply::Refused { wait: self.held(now), held: true, shared: false };
        }
        let taken = match take.rate {
            Rate::Window { most, millis } => {
                Window { most, millis, bucket: self }.take(now, take.units, take.pending, spare)
            }
            Rate::Paced { most, millis, burst } => self.paced(now, &Pace { most, millis, burst }, take.units),
        };
        match taken {
            Ok(reply) => reply,
            Err(Wait { settled, .. }) if take.hold > 0 && settled && !is_pending_pace(&take) => {
                self.hold(now, take.hold);
                Reply::Refused { wait: take.hold, held: true, shared: false }
            }
            Err(Wait { millis, .. }) => Reply::Refused { wait: millis, held: false, shared: false },
        }
    }

    /// Says whether pending units count.
    pub(super) fn settle(&mut self, rate: Rate, at: Millis, units: u32, counts: bool) {
        match (rate, &mut self.count) {
            (Rate::Window { .. }, Count::One(event)) if event.at == at => event.settle(units, counts),
            (Rate::Window { .. }, Count::Many(events)) => events.settle(at, units, counts),
            (Rate::Paced { most, millis, .. }, Count::Paced(rest)) if !counts => {
                *rest = rest.saturating_sub(Rate::pace(most, millis, units));
            }
            (_, Count::Nothing | Count::One(_) | Count::Many(_) | Count::Paced(_)) => {}
        }
    }

    fn paced(&mut self, now: Millis, pace: &Pace, units: u32) -> Result<Reply, Wait> {
        let micros = now.saturating_mul(1_000);
        let rest = if let Count::Paced(rest) = self.count { rest.max(micros) } else { micros };
        let tolerance = Rate::pace(pace.most, pace.millis, pace.burst);
        let then = rest.saturating_add(Rate::pace(pace.most, pace.millis, units));
        let over = then.saturating_sub(micros).saturating_sub(tolerance);
        if over > 0 {
            return Err(Wait { millis: over.div_ceil(1_000), settled: true });
        }
        self.count = Count::Paced(then);
        self.rests = self.rests.max(then.div_ceil(1_000));
        let room = tolerance.saturating_sub(then.saturating_sub(micros));
        let left = room / Rate::pace(pace.most, pace.millis, 1).max(1);
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        Ok(Reply::Taken { at: now, left, resets: then.saturating_sub(micros).div_ceil(1_000) })
    }
}

/// Whether a refusal may be due to units that are still to be settled; a pace does not know which they are.
const fn is_pending_pace(take: &Take) -> bool {
    take.pending && matches!(take.rate, Rate::Paced { .. })
}

struct Pace {
    most: u32,
    millis: Millis,
    burst: u32,
}

/// Why units are not there.
struct Wait {
    /// When they may be.
    millis: Millis,
    /// Whether that is so without what is pending.
    settled: bool,
}

/// A bucket seen as a sliding window.
struct Window<'a> {
    most: u32,
    millis: Millis,
    bucket: &'a mut Bucket,
}

impl Window<'_> {
    fn take(&mut self, now: Millis, units: u32, pending: bool, spare: usize) -> Result<Reply, Wait> {
        self.expire(now);
        let (used, unsettled) = self.used();
        let room = self.most.saturating_sub(used);
        if units > room {
            let settled = u64::from(used - unsettled) + u64::from(units) > u64::from(self.most);
            return Err(Wait { millis: self.wait(now, units - room), settled });
        }
        let grain = Rate::grain(self.most, self.millis);
        let at = now.div_ceil(grain).saturating_mul(grain);
        if units > 0 {
            self.add(Event { at, units, pending: if pending { units } else { 0 } }, spare);
            self.bucket.rests = self.bucket.rests.max(at.saturating_add(self.millis));
        }
        Ok(Reply::Taken { at, left: room - units, resets: self.first(now) })
    }

    fn expire(&mut self, now: Millis) {
        let millis = self.millis;
        let gone = |event: &Event| event.at.saturating_add(millis) <= now;
        match &mut self.bucket.count {
            Count::One(event) if gone(event) => self.bucket.count = Count::Nothing,
            Count::Many(events) => events.expire(gone),
            Count::Paced(_) => self.bucket.count = Count::Nothing,
            Count::Nothing | Count::One(_) => {}
        }
    }

    fn used(&self) -> (u32, u32) {
        match &self.bucket.count {
            Count::One(event) => (event.units, event.pending),
            Count::Many(events) => (events.units, events.pending),
            Count::Nothing | Count::Paced(_) => (0, 0),
        }
    }

    /// How long until the first event leaves.
    fn first(&self, now: Millis) -> Millis {
        let at = match &self.bucket.count {
            Count::One(event) => event.at,
            Count::Many(events) => events.list.front().map_or(now, |event| event.at),
            Count::Nothing | Count::Paced(_) => return 0,
        };
        at.saturating_add(self.millis).saturating_sub(now)
    }

    /// How long until `missing` units have left; the whole window where that never happens.
    fn wait(&self, now: Millis, missing: u32) -> Millis {
        let mut left = 0_u32;
        let mut enough = |event: &&Event| {
            left = left.saturating_add(event.units);
            left >= missing
        };
        let event = match &self.bucket.count {
            Count::One(event) => Some(event).filter(&mut enough),
            Count::Many(events) => events.list.iter().find(enough),
            Count::Nothing | Count::Paced(_) => None,
        };
        event.map_or(self.millis, |event| event.at.saturating_add(self.millis).saturating_sub(now))
    }

    fn add(&mut self, event: Event, spare: usize) {
        match &mut self.bucket.count {
            Count::Nothing | Count::Paced(_) => self.bucket.count = Count::One(event),
            Count::One(first) if first.at == event.at || spare < Events::FIRST => first.merge(event),
            Count::One(first) => {
                let mut events = Events::default();
                events.add(*first, spare);
                events.add(event, spare);
                self.bucket.count = Count::Many(Box::new(events));
            }
            Count::Many(events) => events.add(event, spare),
        }
    }
}

impl Event {
    /// Makes one event of two, at the later time: units then count longer, never shorter, than they should.
    fn merge(&mut self, other: Self) {
        self.at = self.at.max(other.at);
        self.units = self.units.saturating_add(other.units);
        self.pending = self.pending.saturating_add(other.pending);
    }

    fn settle(&mut self, units: u32, counts: bool) {
        self.pending = self.pending.saturating_sub(units);
        if !counts {
            self.units = self.units.saturating_sub(units);
        }
    }
}

impl Events {
    /// The room that a list is made with.
    const SMALLEST: usize = 4;

    /// The bytes of the smallest list.
    const FIRST: usize = size_of::<Self>() + Self::SMALLEST * size_of::<Event>();

    fn expire(&mut self, gone: impl Fn(&Event) -> bool) {
        while let Some(event) = self.list.pop_front_if(|event| gone(event)) {
            self.units = self.units.saturating_sub(event.units);
            self.pending = self.pending.saturating_sub(event.pending);
        }
    }

    fn add(&mut self, event: Event, spare: usize) {
        self.units = self.units.saturating_add(event.units);
        self.pending = self.pending.saturating_add(event.pending);
        if let Some(same) = self.position(event.at).and_then(|index| self.list.get_mut(index)) {
            return same.merge(event);
        }
        if self.list.len() == self.list.capacity() && !self.grow(spare) {
            self.fold();
        }
        // Nearly always the end: only a clock that went back, or a thread that was overtaken, comes earlier.
        let index = self.list.partition_point(|known| known.at < event.at);
        self.list.insert(index, event);
    }

    fn position(&self, at: Millis) -> Option<usize> {
        self.list.binary_search_by_key(&at, |event| event.at).ok()
    }

    fn grow(&mut self, spare: usize) -> bool {
        let more = self.list.capacity().max(Self::SMALLEST);
        let fits = more * size_of::<Event>() <= spare;
        if fits {
            self.list.reserve_exact(more);
        }
        fits
    }

    /// Makes room by making one event of the two oldest.
    fn fold(&mut self) {
        if let Some(oldest) = self.list.pop_front()
            && let Some(next) = self.list.front_mut()
        {
            next.merge(oldest);
            self.folded = next.at;
        }
    }

    fn settle(&mut self, at: Millis, units: u32, counts: bool) {
        // An event that was made one with others is not where it was; one that has left does not come back.
        let folded = self.list.front().filter(|first| at <= self.folded && first.at == self.folded);
        let Some(index) = folded.map(|_| 0).or_else(|| self.position(at)) else { return };
        let Some(event) = self.list.get_mut(index) else { return };
        let before = *event;
        event.settle(units, counts);
        self.units = self.units.saturating_sub(before.units - event.units);
        self.pending = self.pending.saturating_sub(before.pending - event.pending);
    }
}
