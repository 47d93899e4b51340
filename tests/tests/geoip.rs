//! Fields of a `geoip` database are live: what the file says of the client's address decides, and a new file decides anew.
#![expect(
    clippy::unwrap_used,
    reason = "a test writes files of its own, and stops loudly when it cannot go on"
)]

use std::path::PathBuf;

use serde_json::{Value, json};
use shield_runtime::{Settings, Source};
use shield_tests::live::{Live, bundle, settings};
use shield_tests::mmdb::database;

const POLICY: &str = r#"
geoip "places.mmdb"
api shop {
  host "petstore.example.com"
  upstream "http://127.0.0.1:9"
  unknown log
}
rule all-of-berlin {
  when ip.src.country eq "DE" and ip.geoip.country eq "DE" and ip.src.continent eq "EU"
    and ip.src.subdivision_1_iso_code eq "DE-BE" and ip.src.subdivision_2_iso_code eq ""
    and ip.src.is_in_european_union and ip.src.lat eq "52.5" and ip.src.lon eq "-13.25" and ip.src.city eq "Berlin"
    and ip.src.postal_code eq "10115" and ip.src.metro_code eq "7" and ip.src.region eq "Land Berlin"
    and ip.src.region_code eq "BE" and ip.src.timezone.name eq "Europe/Berlin" and ip.src.asnum eq 64500
  then block 451
}
rule registered {
  when ip.src.country eq "FR"
  then block 410
}
rule nowhere {
  when ip.src.country eq "XX" and ip.src.asnum eq 0 and ip.src.city eq "" and not ip.src.is_in_european_union
  then block 409
}
"#;

fn berlin() -> Value {
    json!({
        "city": {"names": {"de": "Bärlin", "en": "Berlin"}}, "continent": {"code": "EU"},
        "country": {"iso_code": "DE", "is_in_european_union": true, "geoname_id": 1},
        "registered_country": {"iso_code": "US"},
        "subdivisions": [{"iso_code": "BE", "names": {"en": "Land Berlin"}}],
        "location": {"latitude": 52.5, "longitude": -13.25, "metro_code": 7, "time_zone": "Europe/Berlin"},
        "postal": {"code": "10115"}, "traits": {"autonomous_system_number": 64500},
    })
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("shield-geoip-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn put(&self, bytes: &[u8]) {
        std::fs::write(self.0.join("places.mmdb"), bytes).unwrap();
    }

    fn settings(&self) -> Settings {
        Settings { data_dir: self.0.display().to_string(), ..settings() }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn status(live: &Live) -> u16 {
    live.get("/").status
}

#[test]
fn what_the_database_says_of_the_client_decides() {
    let folder = Folder::new("decides");
    folder.put(&database(&[("127.0.0.0/8", berlin())]));
    let live = Live::start(bundle(POLICY), folder.settings());
    assert_eq!(status(&live), 451);
}

#[test]
fn a_network_without_a_place_has_the_country_of_its_registration_and_no_network_has_none() {
    let folder = Folder::new("registration");
    folder.put(&database(&[("127.0.0.0/8", json!({"registered_country": {"iso_code": "FR"}}))]));
    assert_eq!(status(&Live::start(bundle(POLICY), folder.settings())), 410);
    folder.put(&database(&[("192.0.2.0/24", berlin())]));
    assert_eq!(status(&Live::start(bundle(POLICY), folder.settings())), 409);
}

#[test]
fn a_row_of_other_types_is_as_none() {
    let folder = Folder::new("types");
    folder.put(&database(&[("127.0.0.0/8", json!({"country": "DE"}))]));
    assert_eq!(status(&Live::start(bundle(POLICY), folder.settings())), 409);
}

#[test]
fn a_new_file_decides_after_a_reload_and_a_damaged_one_changes_nothing() {
    let folder = Folder::new("reload");
    let path = folder.0.join("policy.shieldb");
    std::fs::write(&path, bundle(POLICY)).unwrap();
    folder.put(&database(&[("192.0.2.0/24", berlin())]));
    let settings = Settings { bundle: path.display().to_string(), ..folder.settings() };
    let live = Live::try_start(Source::File, settings).unwrap();
    assert_eq!(status(&live), 409);

    folder.put(&database(&[("127.0.0.0/8", berlin())]));
    live.server.reload().unwrap();
    assert_eq!(status(&live), 451);

    folder.put(b"no database");
    let error = live.server.reload().unwrap_err();
    assert!(error.to_string().contains("places.mmdb"), "{error}");
    assert_eq!(status(&live), 451);
}

#[test]
fn a_file_that_is_missing_is_said_at_the_start() {
    let folder = Folder::new("missing");
    let error = Live::try_start(Source::Bytes(bundle(POLICY)), folder.settings()).unwrap_err();
    assert!(error.to_string().contains("places.mmdb"), "{error}");
}
