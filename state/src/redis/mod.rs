//! The store that a fleet shares: Redis or Valkey, one script for a whole batch, all keys under one hash tag.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, Script, ServerErrorKind};

use crate::key::Key;
use crate::op::{Millis, Op, Rate, Reply};
use crate::store::{Store, StoreError};

/// How many integers the script answers for each operation.
const WIDTH: usize = 4;

/// How many units of an event, or microseconds, a script's numbers hold exactly.
const LARGEST: u64 = 1 << 52;

/// What a batch is, in the server's language.
const SCRIPT: &str = include_str!("batch.lua");

/// A Redis or Valkey server.
pub struct Redis {
    client: Client,
    /// The name that a server gives to [`SCRIPT`].
    script: Box<str>,
    prefix: Box<str>,
    deadline: Duration,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Redis {
    /// The server at `redis://…`. Keys begin with `{prefix}`: in a cluster they stay on one node, as a batch is atomic.
    /// Whatever takes longer than `deadline` has failed.
    pub fn new(url: &str, prefix: &str, deadline: Duration) -> Result<Self, StoreError> {
        let client = Client::open(url).map_err(|error| StoreError::Address(error.to_string()))?;
        let script = Script::new(SCRIPT).get_hash().into();
        Ok(Self { client, script, prefix: prefix.into(), deadline, connection: Mutex::new(None) })
    }

    /// Connects anew and has the script loaded. Nothing else connects, so that requests never do so all at once.
    pub async fn connect(&self) -> Result<(), StoreError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.deadline.saturating_mul(8)))
            .set_response_timeout(Some(self.deadline));
        let opened = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let mut connection = opened.map_err(|error| failure(&error))?;
        let name: String = redis::cmd("SCRIPT")
            .arg("LOAD")
            .arg(SCRIPT)
            .query_async(&mut connection)
            .await
            .map_err(|error| failure(&error))?;
        if name != *self.script {
            return Err(StoreError::Answer(format!("`{}` for a script", name.escape_debug())));
        }
        *self.slot() = Some(connection);
        Ok(())
    }

    /// Forgets the connection, if there is one.
    pub fn disconnect(&self) {
        *self.slot() = None;
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<MultiplexedConnection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, now: Millis, ops: &[Op]) -> Cmd {
        let mut call = redis::cmd("EVALSHA");
        call.arg(&*self.script).arg(ops.len() * 2);
        for op in ops {
            let Key { scope, id } = op.key();
            let id = u128::from_be_bytes(id);
            call.arg(format!("{{{}}}:{scope:x}:{id:x}", self.prefix));
            call.arg(format!("{{{}}}:{scope:x}:{id:x}:t", self.prefix));
        }
        call.arg(now);
        for op in ops {
            call.arg(&arguments(op)[..]);
        }
        call
    }
}

impl Store for Redis {
    async fn apply(&self, now: Millis, ops: &[Op]) -> Result<Vec<Reply>, StoreError> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        let open = self.slot().clone();
        let mut connection = open.ok_or_else(|| StoreError::Unreachable(String::from("not connected")))?;
        let call = self.call(now, ops);
        let asked = tokio::time::timeout(self.deadline, call.query_async(&mut connection)).await;
        // A server that has forgotten the script was started again: that is an outage, whose end loads it.
        let answer: Vec<i64> = asked.map_err(|_| StoreError::Slow)?.map_err(|error| failure(&error))?;
        replies(ops, &answer)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password.
        f.debug_struct("Redis").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// An operation as the script takes it: what, and six numbers.
fn arguments(op: &Op) -> [u64; 7] {
    let numbers = match *op {
        Op::Take { rate: Rate::Window { most, millis }, units, hold, pending, .. } => {
            let grain = Rate::grain(most, millis);
            [1, u64::from(most), millis, grain, u64::from(units), hold, u64::from(pending)]
        }
        Op::Take { rate: Rate::Paced { most, millis, burst }, units, hold, pending, .. } => {
            let pace = |units| Rate::pace(most, millis, units);
            let hold = if pending { 0 } else { hold };
            [2, pace(burst), pace(units), pace(1).max(1), hold, 0, 0]
        }
        Op::Settle { rate: Rate::Window { .. }, at, units, counts, .. } => {
            [3, at, u64::from(units), u64::from(counts), 0, 0, 0]
        }
        Op::Settle { rate: Rate::Paced { most, millis, .. }, units, counts, .. } => {
            [4, Rate::pace(most, millis, units), u64::from(counts), 0, 0, 0, 0]
        }
        Op::Hold { millis, .. } => [5, millis, 0, 0, 0, 0, 0],
        Op::Held { .. } => [6, 0, 0, 0, 0, 0, 0],
    };
    numbers.map(|number| number.min(LARGEST))
}

fn replies(ops: &[Op], answer: &[i64]) -> Result<Vec<Reply>, StoreError> {
    let strange = || StoreError::Answer(format!("{} numbers for {} operations", answer.len(), ops.len()));
    if answer.len() != ops.len() * WIDTH {
        return Err(strange());
    }
    answer.chunks_exact(WIDTH).zip(ops).map(|(row, op)| reply(op, row).ok_or_else(strange)).collect()
}

fn reply(op: &Op, row: &[i64]) -> Option<Reply> {
    let [what, a, b, c] = *row else { return None };
    let [a, b, c] = [u64::try_from(a).ok()?, u64::try_from(b).ok()?, u64::try_from(c).ok()?];
    match (op, what) {
        (Op::Take { .. }, 1) => {
            Some(Reply::Taken { at: a, left: u32::try_from(b).unwrap_or(u32::MAX), resets: c })
        }
        (Op::Take { .. }, 2) => Some(Reply::Refused { wait: a, held: b == 1, shared: false }),
        (Op::Held { .. }, 3) => Some(Reply::Held { wait: a }),
        (Op::Settle { .. } | Op::Hold { .. }, 4) => Some(Reply::Done),
        _ => None,
    }
}

fn failure(error: &RedisError) -> StoreError {
    if error.is_timeout() {
        return StoreError::Slow;
    }
    let strange = ErrorKind::Server(ServerErrorKind::ResponseError);
    if [ErrorKind::Parse, ErrorKind::UnexpectedReturnType, strange].contains(&error.kind()) {
        return StoreError::Answer(error.to_string());
    }
    StoreError::Unreachable(error.to_string())
}
