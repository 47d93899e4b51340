//! The bundle and its bytes: `magic | format version | digest of the rest | postcard`, deterministic and data only.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::anchor::Anchors;
use crate::expr::Program;
use crate::identity::Identity;
use crate::policy::{Api, Endpoint, Rule};
use crate::schema::Plan;
use crate::verify::{self, VerifyError};

/// The first bytes of every bundle.
pub const MAGIC: [u8; 8] = *b"shieldb\n";

/// The format that this version writes and reads.
pub const FORMAT: u32 = 1;

/// The largest bundle that is decoded.
pub const MAX_BYTES: usize = 1 << 30;

const HEADER: usize = MAGIC.len() + 4 + 32;

/// The SHA-256 of a bundle's format version and content: its name in events, metrics and the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A compiled policy as data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// All expressions.
    pub program: Program,
    /// Protected APIs, in the order of the text.
    pub apis: Vec<Api>,
    /// Their endpoints.
    pub endpoints: Vec<Endpoint>,
    /// What bodies and parameters must satisfy.
    pub schemas: Plan,
    /// Rules, in the order of the text.
    pub rules: Vec<Rule>,
    /// Who calls, and how often.
    pub identity: Identity,
    /// By rule, what must hold wherever it does; empty where no index was planned.
    pub anchors: Box<[Anchors]>,
    /// The file that fills geography and network fields, by name under the data directory.
    pub geoip: Option<Box<str>>,
}

/// A bundle's bytes and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The name.
    pub digest: Digest,
}

/// Why bytes are not a bundle; trying again with the same bytes never helps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Shorter than a header.
    #[error("not a bundle: {0} bytes are less than a header")]
    Short(usize),
    /// Longer than [`MAX_BYTES`].
    #[error("the bundle is larger than {MAX_BYTES} bytes")]
    Large,
    /// Not our magic.
    #[error("not a bundle: it does not begin with the mark of one")]
    Magic,
    /// Another format version.
    #[error(
        "the bundle has format {found}, this version reads {FORMAT}: build it again with the matching shieldc"
    )]
    Format {
        /// The version found.
        found: u32,
    },
    /// Bytes are damaged or missing.
    #[error("the bundle is damaged: its digest does not fit its content")]
    Digest,
    /// The digest fits, the content does not decode.
    #[error("the bundle does not decode: {0}")]
    Content(String),
    /// Bytes follow the content.
    #[error("{0} bytes follow the bundle's content")]
    Trailing(usize),
    /// It decodes and breaks an invariant.
    #[error("the bundle breaks an invariant: {0}")]
    Invalid(#[from] VerifyError),
}

impl Bundle {
    /// The bytes; the same bundle always gives the same.
    pub fn encode(&self) -> Encoded {
        // INVARIANT: serialisation to a growing vector fails only on types that postcard refuses (none here).
        let content = postcard::to_allocvec(self).unwrap_or_default();
        let digest = digest(FORMAT, &content);
        let mut bytes = Vec::with_capacity(HEADER + content.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&digest.0);
        bytes.extend_from_slice(&content);
        Encoded { bytes, digest }
    }

    /// The bundle in these bytes, verified, and its name.
    pub fn decode(bytes: &[u8]) -> Result<(Self, Digest), BundleError> {
        if bytes.len() > MAX_BYTES {
            return Err(BundleError::Large);
        }
        let short = BundleError::Short(bytes.len());
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| short.clone())?;
        if *magic != MAGIC {
            return Err(BundleError::Magic);
        }
        let (format, rest) = rest.split_first_chunk::<4>().ok_or_else(|| short.clone())?;
        let found = u32::from_le_bytes(*format);
        if found != FORMAT {
            return Err(BundleError::Format { found });
        }
        let (name, content) = rest.split_first_chunk::<32>().ok_or(short)?;
        let name = Digest(*name);
        if digest(found, content) != name {
            return Err(BundleError::Digest);
        }
        let (bundle, rest) = postcard::take_from_bytes::<Self>(content)
            .map_err(|error| BundleError::Content(error.to_string()))?;
        if !rest.is_empty() {
            return Err(BundleError::Trailing(rest.len()));
        }
        verify::bundle(&bundle)?;
        Ok((bundle, name))
    }
}

fn digest(format: u32, content: &[u8]) -> Digest {
    Digest(Sha256::new().chain_update(format.to_le_bytes()).chain_update(content).finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_prefix_and_any_flipped_bit_is_refused() {
        let bytes = Bundle::default().encode().bytes;
        assert!(Bundle::decode(&bytes).is_ok());
        for end in 0..bytes.len() {
            assert!(Bundle::decode(&bytes[..end]).is_err(), "prefix of {end}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Bundle::decode(&damaged).is_err(), "bit {bit}");
        }
    }
}
