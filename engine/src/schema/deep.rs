//! Objects written as `key[inner]=value`: in queries with `deepObject`, and in forms.

use std::borrow::Cow;

use shield_ir::schema::TypeSet;

use super::coerce::Builder;
use super::shape::Shape;
use super::value::{Ix, Member};

/// Keys inside keys.
pub(super) const MAX_KEYS: usize = 8;

/// A text behind its keys.
pub(super) type Entry<'a> = (Vec<String>, Cow<'a, str>);

/// Adds the object that these entries write; `None` where they contradict each other.
pub(super) fn object<'a>(
    builder: &mut Builder<'a>,
    entries: Vec<Entry<'a>>,
    shape: Option<&Shape>,
) -> Option<Ix> {
    let mut groups: Vec<(String, Vec<Entry<'a>>)> = Vec::new();
    for (mut path, text) in entries {
        if path.is_empty() {
            return None;
        }
        let key = path.remove(0);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push((path, text)),
            None => groups.push((key, vec![(path, text)])),
        }
    }
    let mut members = Vec::new();
    for (name, group) in groups {
        let inner = shape.and_then(|shape| shape.member(&name));
        let value = member(builder, group, inner)?;
        members.push(Member { name: Cow::Owned(name), value });
    }
    builder.document.add_object(members).ok()
}

fn member<'a>(builder: &mut Builder<'a>, group: Vec<Entry<'a>>, shape: Option<&Shape>) -> Option<Ix> {
    // `key[]=a` writes an item, as a second `key=b` does.
    let list = |path: &[String]| matches!(path, [empty] if empty.is_empty());
    let array = shape.is_some_and(|shape| shape.types.meets(TypeSet::ARRAY) && shape.types != TypeSet::ALL);
    if group.iter().all(|(path, _)| path.is_empty() || list(path)) {
        let brackets = group.iter().any(|(path, _)| list(path));
        let mut texts = group.into_iter().map(|(_, text)| text);
        if array || brackets || texts.len() > 1 {
            let items: Vec<Ix> = texts
                .map(|text| builder.scalar(text, shape.and_then(|shape| shape.items.as_deref())))
                .collect();
            return Some(builder.document.add_array(items));
        }
        return texts.next().map(|text| builder.scalar(text, shape));
    }
    object(builder, group, shape)
}
