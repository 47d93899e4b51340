//! A JSON value as a flat tape: what bodies and parameters are read into before they are judged.

use std::borrow::Cow;
use std::cmp::Ordering;

use shield_ir::schema::{Decimal, TypeSet};

use super::json::write_usual;

/// Objects up to this size are searched from left to right.
const SMALL: usize = 8;

/// A value of a [`Document`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ix(pub u32);

/// One JSON value with everything inside it.
#[derive(Clone, Debug, Default)]
pub struct Document<'a> {
    values: Vec<Value<'a>>,
    items: Vec<Ix>,
    members: Vec<Member<'a>>,
    /// For every member of a large object, the place of the member that stands there in the order of names.
    order: Vec<u32>,
    root: Ix,
}

/// What a value is; ranges point into the document.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as its text.
    Number(Cow<'a, str>),
    /// A string.
    String(Cow<'a, str>),
    /// An array.
    Array(Range),
    /// An object.
    Object(Range),
}

/// A stretch of items or members.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    start: u32,
    len: u32,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its value.
    pub value: Ix,
}

impl<'a> Document<'a> {
    /// A document without a value yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value without parts.
    pub fn add(&mut self, value: Value<'a>) -> Ix {
        self.values.push(value);
        Ix(self.values.len() as u32 - 1)
    }

    /// Adds an array of values added before.
    pub fn add_array(&mut self, items: impl IntoIterator<Item = Ix>) -> Ix {
        let start = self.items.len() as u32;
        self.items.extend(items);
        let len = self.items.len() as u32 - start;
        self.add(Value::Array(Range { start, len }))
    }

    /// Adds an object of values added before; the name that stands twice, where one does.
    pub fn add_object(&mut self, members: impl IntoIterator<Item = Member<'a>>) -> Result<Ix, String> {
        match self.add_members(members) {
            (_, Some(twice)) => Err(twice),
            (object, None) => Ok(object),
        }
    }

    /// Adds an object in which names may stand twice: then every member is judged, and which one is found by name is
    /// not said. Answers with the first such name too.
    pub fn add_members(&mut self, members: impl IntoIterator<Item = Member<'a>>) -> (Ix, Option<String>) {
        let start = self.members.len();
        self.members.extend(members);
        let len = self.members.len() - start;
        let own = self.members.get(start..).unwrap_or_default();
        let twice = if len <= SMALL {
            self.order.resize(start + len, 0);
            own.iter().enumerate().find_map(|(at, member)| {
                own.iter().take(at).any(|other| other.name == member.name).then(|| member.name.to_string())
            })
        } else {
            let mut order: Vec<u32> = (0..len as u32).collect();
            let name = |at: &u32| own.get(*at as usize).map(|member| &member.name);
            order.sort_unstable_by(|a, b| name(a).cmp(&name(b)));
            let pairs = order.iter().zip(order.iter().skip(1));
            let twice = pairs.into_iter().find(|(a, b)| name(a) == name(b)).and_then(|(a, _)| name(a));
            let twice = twice.map(ToString::to_string);
            self.order.extend(order);
            twice
        };
        (self.add(Value::Object(Range { start: start as u32, len: len as u32 })), twice)
    }

    /// Adds all of another document; answers with its root here.
    pub fn graft(&mut self, other: &Document<'static>) -> Ix {
        let (values, items, members) = (self.values.len(), self.items.len(), self.members.len());
        let shifted = |ix: Ix| Ix(ix.0 + values as u32);
        let moved = |range: Range, by: usize| Range { start: range.start + by as u32, len: range.len };
        self.values.extend(other.values.iter().map(|value| match value {
            Value::Array(range) => Value::Array(moved(*range, items)),
            Value::Object(range) => Value::Object(moved(*range, members)),
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(*value),
            Value::Number(text) => Value::Number(text.clone()),
            Value::String(text) => Value::String(text.clone()),
        }));
        self.items.extend(other.items.iter().map(|ix| shifted(*ix)));
        let own = other.members.iter();
        self.members
            .extend(own.map(|member| Member { name: member.name.clone(), value: shifted(member.value) }));
        self.order.resize(members, 0);
        self.order.extend(&other.order);
        shifted(other.root)
    }

    /// The same document without borrowing.
    pub fn into_owned(self) -> Document<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let values = self.values.into_iter().map(|value| match value {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Number(text) => Value::Number(owned(text)),
            Value::String(text) => Value::String(owned(text)),
            Value::Array(range) => Value::Array(range),
            Value::Object(range) => Value::Object(range),
        });
        let members = self.members.into_iter();
        Document {
            values: values.collect(),
            items: self.items,
            members: members.map(|member| Member { name: owned(member.name), value: member.value }).collect(),
            order: self.order,
            root: self.root,
        }
    }

    /// The document as JSON text.
    pub(crate) fn to_text(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        self.write(self.root, &mut out);
        out
    }

    fn write(&self, ix: Ix, out: &mut Vec<u8>) {
        match self.value(ix) {
            Value::Null => out.extend(b"null"),
            Value::Bool(truth) => out.extend(if *truth { &b"true"[..] } else { b"false" }),
            Value::Number(text) => out.extend(text.as_bytes()),
            Value::String(text) => write_string(text, out),
            Value::Array(_) => {
                out.push(b'[');
                for (at, item) in self.items(ix).iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    self.write(*item, out);
                }
                out.push(b']');
            }
            Value::Object(_) => {
                out.push(b'{');
                for (at, member) in self.members(ix).iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write_string(&member.name, out);
                    out.push(b':');
                    self.write(member.value, out);
                }
                out.push(b'}');
            }
        }
    }

    /// Says which value the document is.
    pub fn set_root(&mut self, root: Ix) {
        self.root = root;
    }

    /// The value that the document is.
    pub fn root(&self) -> Ix {
        self.root
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value there.
    pub fn value(&self, ix: Ix) -> &Value<'a> {
        self.values.get(ix.0 as usize).unwrap_or(&Value::Null)
    }

    /// The items of an array; none of anything else.
    pub fn items(&self, ix: Ix) -> &[Ix] {
        if let Value::Array(range) = self.value(ix) { slice(&self.items, *range) } else { &[] }
    }

    /// The members of an object in the order in which they stand; none of anything else.
    pub fn members(&self, ix: Ix) -> &[Member<'a>] {
        if let Value::Object(range) = self.value(ix) { slice(&self.members, *range) } else { &[] }
    }

    /// The member of that name.
    pub fn member(&self, ix: Ix, name: &str) -> Option<Ix> {
        let Value::Object(range) = self.value(ix) else { return None };
        let members = slice(&self.members, *range);
        if members.len() <= SMALL {
            return members.iter().find(|member| member.name == name).map(|member| member.value);
        }
        let order = slice(&self.order, *range);
        let at = order.binary_search_by(|at| {
            members.get(*at as usize).map_or(Ordering::Less, |member| member.name.as_ref().cmp(name))
        });
        members.get(*order.get(at.ok()?)? as usize).map(|member| member.value)
    }

    /// The members of an object sorted by name.
    fn sorted(&self, ix: Ix) -> Vec<&Member<'a>> {
        let mut members: Vec<_> = self.members(ix).iter().collect();
        if members.len() <= SMALL {
            members.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        } else if let Value::Object(range) = self.value(ix) {
            let own = self.members(ix);
            members = slice(&self.order, *range).iter().filter_map(|at| own.get(*at as usize)).collect();
        }
        members
    }

    /// The type of the value; a number without a fraction is an integer.
    pub fn types(&self, ix: Ix) -> TypeSet {
        match self.value(ix) {
            Value::Null => TypeSet::NULL,
            Value::Bool(_) => TypeSet::BOOLEAN,
            Value::Number(text) => match Decimal::parse(text) {
                Some(number) if number.is_integer() => TypeSet::INTEGER,
                _ => TypeSet::NUMBER,
            },
            Value::String(_) => TypeSet::STRING,
            Value::Array(_) => TypeSet::ARRAY,
            Value::Object(_) => TypeSet::OBJECT,
        }
    }

    /// Orders two values of any documents: equal values are those that JSON Schema calls equal. `fuel` counts down
    /// with the work, and nothing is compared when it is spent.
    pub fn compare(&self, a: Ix, other: &Document<'_>, b: Ix, fuel: &mut u64) -> Ordering {
        *fuel = fuel.saturating_sub(1);
        if *fuel == 0 {
            return Ordering::Less;
        }
        match (self.value(a), other.value(b)) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Number(a), Value::Number(b)) => {
                *fuel = fuel.saturating_sub((a.len().min(b.len()) / 64) as u64);
                if a == b { Ordering::Equal } else { Decimal::parse(a).cmp(&Decimal::parse(b)) }
            }
            (Value::String(a), Value::String(b)) => {
                *fuel = fuel.saturating_sub((a.len().min(b.len()) / 256) as u64);
                a.as_ref().cmp(b.as_ref())
            }
            (Value::Array(_), Value::Array(_)) => {
                let (a, b) = (self.items(a), other.items(b));
                let pairs = a.iter().zip(b);
                let first = pairs.map(|(a, b)| self.compare(*a, other, *b, fuel)).find(|order| order.is_ne());
                a.len().cmp(&b.len()).then(first.unwrap_or(Ordering::Equal))
            }
            (Value::Object(_), Value::Object(_)) => {
                let sizes = self.members(a).len().cmp(&other.members(b).len());
                if sizes.is_ne() {
                    return sizes;
                }
                let (a, b) = (self.sorted(a), other.sorted(b));
                let pairs = a.iter().zip(b);
                let mut orders = pairs.map(|(a, b)| {
                    let names = a.name.as_ref().cmp(b.name.as_ref());
                    names.then_with(|| self.compare(a.value, other, b.value, fuel))
                });
                orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

impl Value<'_> {
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Number(_) => 2,
            Self::String(_) => 3,
            Self::Array(_) => 4,
            Self::Object(_) => 5,
        }
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_usual(text.as_bytes(), out);
    out.push(b'"');
}

fn slice<T>(list: &[T], range: Range) -> &[T] {
    list.get(range.start as usize..(range.start + range.len) as usize).unwrap_or_default()
}
