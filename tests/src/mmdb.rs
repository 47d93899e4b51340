//! Writes small databases in `MaxMind`'s format, for tests of `geoip`.

use std::net::IpAddr;

use serde_json::Value;

/// What one side of a node of the tree leads to.
#[derive(Clone, Copy)]
enum Side {
    Nothing,
    Node(usize),
    Row(usize),
}

/// A database of networks and what is known of them, as JSON.
pub fn database(rows: &[(&str, Value)]) -> Vec<u8> {
    let mut nodes = vec![[Side::Nothing; 2]];
    let mut data = Vec::new();
    for (network, row) in rows {
        insert(&mut nodes, network, data.len());
        encode(row, &mut data);
    }
    let count = u32::try_from(nodes.len()).expect("a small tree");
    let mut bytes = Vec::new();
    for side in nodes.iter().flatten() {
        let record = match side {
            Side::Nothing => count,
            Side::Node(at) => u32::try_from(*at).expect("a small tree"),
            // What is above the nodes is a place in the data, 16 bytes on.
            Side::Row(at) => count + 16 + u32::try_from(*at).expect("little data"),
        };
        bytes.extend_from_slice(&record.to_be_bytes()[1..]);
    }
    bytes.extend_from_slice(&[0; 16]);
    bytes.extend_from_slice(&data);
    bytes.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    let about = serde_json::json!({
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1,
        "database_type": "Test", "description": {"en": "test"}, "ip_version": 6, "languages": ["en"],
        "node_count": count, "record_size": 24,
    });
    encode(&about, &mut bytes);
    bytes
}

fn insert(nodes: &mut Vec<[Side; 2]>, network: &str, row: usize) {
    let (address, length) = network.split_once('/').expect("a network");
    let length: u32 = length.parse().expect("a length");
    // IPv4 stands under 96 zero bits.
    let (bits, length) = match address.parse().expect("an address") {
        IpAddr::V4(address) => (u128::from(address.to_bits()), length + 96),
        IpAddr::V6(address) => (address.to_bits(), length),
    };
    let mut at = 0;
    for depth in 0..length {
        let bit = usize::from(bits >> (127 - depth) & 1 == 1);
        if depth + 1 == length {
            nodes[at][bit] = Side::Row(row);
            return;
        }
        if !matches!(nodes[at][bit], Side::Node(_)) {
            nodes.push([Side::Nothing; 2]);
            nodes[at][bit] = Side::Node(nodes.len() - 1);
        }
        if let Side::Node(next) = nodes[at][bit] {
            at = next;
        }
    }
}

fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let size = u8::try_from(size).ok().filter(|size| *size < 29).expect("values of a test are short");
    if kind < 8 {
        out.push(kind << 5 | size);
    } else {
        out.extend_from_slice(&[size, kind - 7]);
    }
}

fn unsigned(kind: u8, width: usize, value: u64, out: &mut Vec<u8>) {
    control(kind, width, out);
    out.extend_from_slice(&value.to_be_bytes()[8 - width..]);
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            control(7, members.len(), out);
            for (key, value) in members {
                control(2, key.len(), out);
                out.extend_from_slice(key.as_bytes());
                match (key.as_str(), value.as_u64()) {
                    // The format has integers of several widths, and each of these has its own.
                    ("node_count" | "autonomous_system_number" | "geoname_id", Some(whole)) => {
                        unsigned(6, 4, whole, out);
                    }
                    ("build_epoch", Some(whole)) => unsigned(9, 8, whole, out),
                    _ => encode(value, out),
                }
            }
        }
        Value::Array(elements) => {
            control(11, elements.len(), out);
            for each in elements {
                encode(each, out);
            }
        }
        Value::String(text) => {
            control(2, text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bool(value) => control(14, usize::from(*value), out),
        Value::Number(number) => {
            if let Some(whole) = number.as_u64() {
                unsigned(5, 2, whole, out);
            } else {
                control(3, 8, out);
                out.extend_from_slice(&number.as_f64().expect("a number").to_be_bytes());
            }
        }
        Value::Null => panic!("the format knows no null"),
    }
}
