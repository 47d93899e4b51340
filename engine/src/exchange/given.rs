//! Values that fields were given, which win over what a request shows.

use shield_ir::FieldId;

use crate::value::Value;

/// How many stand in the exchange itself: no more are given where requests are served over TLS.
const FEW: usize = 2;

/// Fields and their values, each field once.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    /// A bit for the fields here, by their number modulo 64: nearly every field is told from it that it was given nothing.
    mask: u64,
    few: [Option<(FieldId, Value<'a>)>; FEW],
    more: Vec<(FieldId, Value<'a>)>,
}

impl<'a> Given<'a> {
    pub(super) fn set(&mut self, field: FieldId, value: Value<'a>) {
        let may_be_known = self.mask & bit(field) != 0;
        self.mask |= bit(field);
        let mut known = self.few.iter_mut().flatten().chain(&mut self.more);
        if may_be_known && let Some((_, known)) = known.find(|(known, _)| *known == field) {
            *known = value;
        } else if let Some(free) = self.few.iter_mut().find(|place| place.is_none()) {
            *free = Some((field, value));
        } else {
            self.more.push((field, value));
        }
    }

    pub(super) fn get(&self, field: FieldId) -> Option<&Value<'a>> {
        if self.mask & bit(field) == 0 {
            return None;
        }
        let mut known = self.few.iter().flatten().chain(&self.more);
        known.find(|(known, _)| *known == field).map(|(_, value)| value)
    }
}

const fn bit(field: FieldId) -> u64 {
    1 << (field.index() % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_the_value_that_it_was_given_last() {
        let fields = ["http.host", "http.cookie", "http.referer", "http.user_agent"];
        let fields: Vec<FieldId> = fields.iter().map(|name| FieldId::find(name).unwrap()).collect();
        let mut given = Given::default();
        for round in [0, 1] {
            for (at, field) in (0..).zip(&fields) {
                given.set(*field, Value::Int(round * 10 + at));
            }
        }
        for (at, field) in (0..).zip(&fields) {
            assert_eq!(given.get(*field), Some(&Value::Int(10 + at)));
        }
        assert_eq!(given.get(FieldId::find("ip.src").unwrap()), None);
    }
}
