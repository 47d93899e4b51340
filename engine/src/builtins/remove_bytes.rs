//! A string without some bytes.

use crate::value::Value;

use super::Arguments;

pub(super) fn remove_bytes<'v>(arguments: &Arguments<'_, 'v>) -> Option<Value<'v>> {
    let mut removed = [false; 256];
    for byte in arguments.text(1)? {
        if let Some(place) = removed.get_mut(usize::from(*byte)) {
            *place = true;
        }
    }
    let is_kept = |byte: &u8| removed.get(usize::from(*byte)) == Some(&false);
    Some(arguments.text(0)?.iter().copied().filter(is_kept).collect::<Vec<_>>().into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    #[test]
    fn every_byte_of_the_set_goes() {
        assert_eq!(
            call("remove_bytes", &[text("www.cloudflare.com"), bytes(b"\x2e\x77")]),
            Some(text("cloudflarecom"))
        );
        assert_eq!(call("remove_bytes", &[text("a.b"), text("")]), Some(text("a.b")));
    }
}
