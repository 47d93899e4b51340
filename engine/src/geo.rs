//! Where an address is, as a database of the deployment knows it: what the engine asks, and what it is told.

use std::fmt::Debug;
use std::net::IpAddr;

/// What tells where addresses are.
pub trait Geo: Debug + Send + Sync {
    /// What is known of an address.
    fn whereabouts(&self, address: IpAddr) -> Whereabouts;
}

/// What is known of an address; texts are empty where nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The number of the autonomous system, 0 where unknown.
    pub asnum: i64,
    /// Two upper-case letters of ISO 3166-1; `XX` where unknown.
    pub country: Box<str>,
    /// Two upper-case letters.
    pub continent: Box<str>,
    /// The first subdivision by ISO 3166-2.
    pub subdivision_1: Box<str>,
    /// The second one.
    pub subdivision_2: Box<str>,
    /// Whether the country is in the European Union.
    pub in_european_union: bool,
    /// Degrees north.
    pub latitude: Box<str>,
    /// Degrees east.
    pub longitude: Box<str>,
    /// The city's English name.
    pub city: Box<str>,
    /// The postal code.
    pub postal_code: Box<str>,
    /// The code of the metropolitan area.
    pub metro_code: Box<str>,
    /// The first subdivision's English name.
    pub region: Box<str>,
    /// The first subdivision's code without its country.
    pub region_code: Box<str>,
    /// The zone's name, as `Europe/Berlin`.
    pub timezone: Box<str>,
}

impl Default for Whereabouts {
    fn default() -> Self {
        let unknown = Box::<str>::default;
        Self {
            asnum: 0,
            country: "XX".into(),
            continent: unknown(),
            subdivision_1: unknown(),
            subdivision_2: unknown(),
            in_european_union: false,
            latitude: unknown(),
            longitude: unknown(),
            city: unknown(),
            postal_code: unknown(),
            metro_code: unknown(),
            region: unknown(),
            region_code: unknown(),
            timezone: unknown(),
        }
    }
}
