//! The `geoip` database of a policy: a file in `MaxMind`'s format under the data directory, read again when it changes.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use maxminddb::Reader;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use shield_engine::geo::{Geo, Whereabouts};

use crate::config::{Settings, files};

/// A database and where it came from.
pub(crate) struct Database {
    path: PathBuf,
    reader: ArcSwap<Reader<Vec<u8>>>,
}

impl Database {
    /// Reads the file that a policy names.
    pub(crate) fn open(file: &str, settings: &Settings) -> Result<Self, String> {
        let path = PathBuf::from(&settings.data_dir).join(file);
        let reader = ArcSwap::from_pointee(read(&path)?);
        Ok(Self { path, reader })
    }

    /// Reads it again; one that cannot be read changes nothing.
    pub(crate) fn refresh(&self) -> Result<(), String> {
        self.reader.store(Arc::new(read(&self.path)?));
        Ok(())
    }

    /// The file.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }
}

fn read(path: &std::path::Path) -> Result<Reader<Vec<u8>>, String> {
    let wrong = |why: &dyn fmt::Display| format!("{}: {why}", path.display());
    let bytes = files::read(path).map_err(|error| wrong(&error))?;
    Reader::from_source(bytes).map_err(|error| wrong(&error))
}

impl Debug for Database {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Geo for Database {
    fn whereabouts(&self, address: IpAddr) -> Whereabouts {
        let reader = self.reader.load();
        // What is damaged in the file is unknown, as what it does not have.
        let row = reader.lookup(address).and_then(|found| found.decode::<Row<'_>>());
        row.ok().flatten().map(Whereabouts::from).unwrap_or_default()
    }
}

/// What city, country and system databases say of a network.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Row<'d> {
    #[serde(borrow)]
    city: Area<'d>,
    continent: Area<'d>,
    country: Area<'d>,
    registered_country: Area<'d>,
    subdivisions: Vec<Area<'d>>,
    location: Location<'d>,
    postal: Area<'d>,
    autonomous_system_number: Number,
    traits: Traits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Area<'d> {
    code: &'d str,
    iso_code: &'d str,
    is_in_european_union: bool,
    #[serde(borrow)]
    names: BTreeMap<&'d str, &'d str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Location<'d> {
    latitude: Number,
    longitude: Number,
    metro_code: Number,
    time_zone: &'d str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Traits {
    autonomous_system_number: Number,
}

/// A number of any width as text, empty where there is none: files of several makers differ in widths.
#[derive(Debug, Default)]
struct Number(Box<str>);

impl<'d> Deserialize<'d> for Number {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNumber)
    }
}

struct AnyNumber;

impl Visitor<'_> for AnyNumber {
    type Value = Number;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
        Ok(Number(number.to_string().into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
        Ok(Number(number.to_string().into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
        Ok(Number(number.to_string().into()))
    }
}

impl Number {
    fn whole(&self) -> Option<i64> {
        self.0.parse().ok()
    }
}

impl Area<'_> {
    fn name(&self) -> Box<str> {
        self.names.get("en").copied().unwrap_or_default().into()
    }
}

impl From<Row<'_>> for Whereabouts {
    fn from(row: Row<'_>) -> Self {
        // An address without a place has at least the country that its network is registered in.
        let country = if row.country.iso_code.is_empty() { &row.registered_country } else { &row.country };
        let subdivision = |at: usize| -> Box<str> {
            let code = row.subdivisions.get(at).map_or("", |area| area.iso_code);
            if code.is_empty() { code.into() } else { format!("{}-{code}", country.iso_code).into() }
        };
        let region = row.subdivisions.first();
        let system =
            row.autonomous_system_number.whole().or_else(|| row.traits.autonomous_system_number.whole());
        Self {
            asnum: system.unwrap_or_default(),
            continent: row.continent.code.into(),
            subdivision_1: subdivision(0),
            subdivision_2: subdivision(1),
            in_european_union: country.is_in_european_union,
            latitude: row.location.latitude.0,
            longitude: row.location.longitude.0,
            city: row.city.name(),
            postal_code: row.postal.code.into(),
            metro_code: row.location.metro_code.0,
            region: region.map(Area::name).unwrap_or_default(),
            region_code: region.map_or("", |area| area.iso_code).into(),
            timezone: row.location.time_zone.into(),
            ..match country.iso_code {
                "" => Self::default(),
                code => Self { country: code.into(), ..Self::default() },
            }
        }
    }
}
