//! The certificate that one connection has shown, and what the policy thinks of it.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use rustls::pki_types::CertificateDer;
use shield_engine::{Certificate, Standing};

use super::Demands;

/// For how many milliseconds a judgement holds: a connection may live longer than a certificate.
const HOLDS: u64 = 60_000;

/// A certificate that a client has shown, and has the key of.
#[derive(Debug)]
pub(crate) struct Shown {
    chain: Box<[CertificateDer<'static>]>,
    pub(crate) certificate: Certificate,
    judged: RefCell<Option<Judgement>>,
}

/// What the demands of one policy think of it.
#[derive(Debug)]
struct Judgement {
    by: Weak<Demands>,
    at: u64,
    standings: Arc<[Standing]>,
}

impl Shown {
    /// A chain with the client's own certificate first; none where it is empty.
    pub(crate) fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let ders: Vec<&[u8]> = chain.iter().map(|certificate| &**certificate).collect();
        let certificate = Certificate::of(&ders)?;
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        Some(Self { chain, certificate, judged: RefCell::default() })
    }

    /// What each of these demands thinks of it at that time; looked into once for each policy and minute.
    pub(crate) fn standings(&self, demands: &Arc<Demands>, unix_millis: u64) -> Arc<[Standing]> {
        let mut judged = self.judged.borrow_mut();
        let known = judged.as_ref().filter(|known| {
            std::ptr::eq(known.by.as_ptr(), Arc::as_ptr(demands)) && unix_millis.abs_diff(known.at) < HOLDS
        });
        if let Some(known) = known {
            return Arc::clone(&known.standings);
        }
        let standings = demands.standings(&self.chain, unix_millis);
        let (by, kept) = (Arc::downgrade(demands), Arc::clone(&standings));
        *judged = Some(Judgement { by, at: unix_millis, standings: kept });
        standings
    }
}
