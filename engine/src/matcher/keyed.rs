//! Values under constant names, as one header's or one query argument's: found by the names that a request has.

use std::collections::BTreeMap;

use shield_ir::{Expr, ExprId, FieldId, Program};

use crate::exchange::{Extract, extractor};
use crate::jit::Source;

use super::table::Table;
use super::{Postings, Subject};

/// So few names are asked for one by one: that is cheaper than to look up each name of a request.
const FEW: usize = 3;

/// The subjects that are values of one field by name.
#[derive(Debug)]
pub(super) struct Keyed {
    pub(super) field: FieldId,
    /// Ranges of `subjects` by name.
    pub(super) names: Table,
    pub(super) subjects: Vec<Named>,
}

/// A subject that has a name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) subject: Subject,
    /// Only the first value of the name is meant.
    pub(super) first: bool,
    /// Its number among all hits of the index.
    pub(super) number: u32,
}

/// The field, the name and whether only its first value is meant, where an operation is about such values.
fn name_of(program: &Program, of: ExprId) -> Option<(FieldId, Box<[u8]>, bool)> {
    let (array, first) =
        if let Expr::Index { of, at: 0 } = &program.node(of)?.expr { (*of, true) } else { (of, false) };
    let Source::Under(field, name) = Source::of(program, array) else { return None };
    // A name in upper case is none that a folded map has.
    let reachable = !is_folded(field) || !name.iter().any(u8::is_ascii_uppercase);
    reachable.then_some((field, name, first))
}

fn is_folded(field: FieldId) -> bool {
    matches!(extractor(field), Extract::Folded(_))
}

/// A subject with its name, and whether only the first value counts.
type Apart = (Box<[u8]>, bool, Subject);

/// Groups subjects by field, where they are many; those left over are asked one by one. `hits` numbers them.
pub(super) fn group(program: &Program, subjects: Vec<Subject>, hits: &mut u32) -> (Vec<Keyed>, Vec<Subject>) {
    let mut loose = Vec::new();
    let mut by_field: BTreeMap<FieldId, Vec<Apart>> = BTreeMap::new();
    for subject in subjects {
        match name_of(program, subject.of) {
            Some((field, name, first)) => by_field.entry(field).or_default().push((name, first, subject)),
            None => loose.push(subject),
        }
    }
    let mut groups = Vec::new();
    for (field, mut named) in by_field {
        if named.len() <= FEW {
            loose.extend(named.into_iter().map(|(_, _, subject)| subject));
            continue;
        }
        named.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let mut ranges: Vec<(Box<[u8]>, Postings)> = Vec::new();
        for (at, (name, ..)) in (0..).zip(&named) {
            match ranges.last_mut() {
                Some((last, Postings(_, end))) if *last == *name => *end = at + 1,
                _ => ranges.push((name.clone(), Postings(at, at + 1))),
            }
        }
        let subjects = named.into_iter().map(|(_, first, subject)| {
            *hits += 1;
            Named { subject, first, number: *hits - 1 }
        });
        let subjects = subjects.collect();
        groups.push(Keyed { field, names: Table::new(is_folded(field), ranges), subjects });
    }
    (groups, loose)
}
