//! What a policy needs of this deployment to know its callers: a store of counters, shared secrets, deny lists.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shield_engine::Policy;
use shield_engine::token::{KeySet, Tokens};
use shield_ir::identity::Keys;
use shield_state::{AnyStore, Fleet, Memory, Redis};

use crate::config::{Settings, files};

/// Where counters are: in this process, or shared through `redis://…`.
pub(crate) fn store(settings: &Settings) -> Result<AnyStore, String> {
    let bytes = settings.store_memory as usize;
    if settings.store.is_empty() {
        return Ok(AnyStore::Memory(Memory::new(bytes)));
    }
    let deadline: Duration = settings.store_timeout;
    let redis = Redis::new(&settings.store, "shield", deadline).map_err(|error| error.to_string())?;
    Ok(AnyStore::Fleet(Fleet::new(redis, bytes)))
}

/// A policy with what it needs of this deployment; what it names and is not there is an error.
pub(crate) fn equip(policy: Policy, secret: &[u8; 32], settings: &Settings) -> Result<Policy, String> {
    let policy = policy.with_secret(secret).map_err(|error| error.to_string())?;
    let Some(tokens) = policy.tokens() else { return Ok(policy) };
    let kinds: Vec<_> = tokens.kinds().map(|(id, kind)| (id, kind.clone())).collect();
    for (id, kind) in kinds {
        for (place, keys) in kind.keys.iter().enumerate() {
            let Keys::Secret(name) = keys else { continue };
            let value = files::variable(name).ok_or_else(|| {
                format!("the environment variable `{name}` holds no secret for `jwt {}`", kind.name)
            })?;
            let set =
                KeySet::of_secret(value.as_bytes(), &kind.algorithms).map_err(|error| error.to_string())?;
            tokens.replace_keys(id, place, Arc::new(set));
        }
        if let Some(file) = &kind.deny {
            tokens.replace_denied(id, denied(file, settings)?);
        }
    }
    Ok(policy)
}

/// The values in a deny file: one a line, `#` begins a comment.
fn denied(file: &str, settings: &Settings) -> Result<BTreeSet<Box<str>>, String> {
    let path = Path::new(&settings.data_dir).join(file);
    let text = files::read_text(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = text.lines().map(|line| line.split_once('#').map_or(line, |(before, _)| before).trim());
    Ok(lines.filter(|line| !line.is_empty()).map(Box::from).collect())
}

/// Files under the data directory that a policy reads, and that are read again when they change.
pub(crate) fn watched(policy: &Policy, settings: &Settings) -> Vec<std::path::PathBuf> {
    let tokens = policy.tokens().into_iter().flat_map(Tokens::kinds);
    tokens.filter_map(|(_, kind)| Some(Path::new(&settings.data_dir).join(&**kind.deny.as_ref()?))).collect()
}

/// Reads the deny files again; a file that cannot be read changes nothing.
pub(crate) fn refresh(policy: &Policy, settings: &Settings) -> Result<(), String> {
    let Some(tokens) = policy.tokens() else { return Ok(()) };
    for (id, kind) in tokens.kinds() {
        if let Some(file) = &kind.deny {
            tokens.replace_denied(id, denied(file, settings)?);
        }
    }
    Ok(())
}
