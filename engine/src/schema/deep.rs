//! Objects written as `key[inner]=value`: in queries with `deepObject`, and in forms.

use std::borrow::Cow;

use super::coerce::Builder;
use super::parameters::Undecodable;
use super::shape::Shape;
use super::value::{Ix, Member};

/// Keys inside keys.
pub(super) const MAX_KEYS: usize = 8;

/// A text behind its keys.
pub(super) type Entry<'a> = (Vec<String>, Cow<'a, str>);

/// Adds the value that these entries write; says why where they write none.
pub(super) fn value<'a>(
    builder: &mut Builder<'a>,
    entries: Vec<Entry<'a>>,
    shape: Option<&Shape>,
) -> Result<Ix, Undecodable> {
    // `key[]=a` writes an item, as a second `key=b` does.
    let list = |path: &[String]| matches!(path, [empty] if empty.is_empty());
    let array = shape.is_some_and(Shape::is_array);
    if entries.iter().all(|(path, _)| path.is_empty() || list(path)) {
        let brackets = entries.iter().any(|(path, _)| list(path));
        let mut texts = entries.into_iter().map(|(_, text)| text);
        if array || brackets || texts.len() > 1 {
            let item = |at| shape.and_then(|shape| shape.item(at));
            let items: Vec<Ix> = texts.enumerate().map(|(at, text)| builder.scalar(text, item(at))).collect();
            return Ok(builder.document.add_array(items));
        }
        return Ok(texts.next().map(|text| builder.scalar(text, shape)).unwrap_or_default());
    }
    let groups = grouped(entries)?;
    let number = |key: &str| key.bytes().all(|byte| byte.is_ascii_digit());
    if array && groups.iter().all(|(key, _)| number(key)) {
        return numbered(builder, groups, shape);
    }
    let mut members = Vec::new();
    for (name, group) in groups {
        let inner = shape.and_then(|shape| shape.member(&name));
        let value = value(builder, group, inner)?;
        members.push(Member { name: Cow::Owned(name), value });
    }
    builder.document.add_object(members).map_err(|_| Undecodable::Twice)
}

/// Entries by their first key, in the order in which keys come.
fn grouped(entries: Vec<Entry<'_>>) -> Result<Vec<(String, Vec<Entry<'_>>)>, Undecodable> {
    let mut groups: Vec<(String, Vec<Entry<'_>>)> = Vec::new();
    for (mut path, text) in entries {
        if path.is_empty() {
            return Err(Undecodable::Twice);
        }
        let key = path.remove(0);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push((path, text)),
            None => groups.push((key, vec![(path, text)])),
        }
    }
    Ok(groups)
}

/// `key[0][a]=x&key[1][a]=y`: the items of an array, in any order.
fn numbered<'a>(
    builder: &mut Builder<'a>,
    groups: Vec<(String, Vec<Entry<'a>>)>,
    shape: Option<&Shape>,
) -> Result<Ix, Undecodable> {
    let gap = || Undecodable::Syntax("must number its items from 0 without a gap");
    let mut items = vec![None; groups.len()];
    for (key, group) in groups {
        let at: usize = key.parse().map_err(|_| gap())?;
        let item = value(builder, group, shape.and_then(|shape| shape.item(at)))?;
        // A number that is written in two ways is one number.
        if items.get_mut(at).ok_or_else(gap)?.replace(item).is_some() {
            return Err(Undecodable::Twice);
        }
    }
    let items: Vec<Ix> = items.into_iter().collect::<Option<_>>().ok_or_else(gap)?;
    Ok(builder.document.add_array(items))
}
