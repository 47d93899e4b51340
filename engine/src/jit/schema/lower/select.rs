//! Which branches a member's string leaves over, so that not all of them are tried.

use std::collections::{BTreeMap, BTreeSet};

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder as _, Value, types};
use shield_ir::schema::{Keyword, NodeId};

use super::super::calls::{Call, MISSING, NO_STRING};
use super::super::flat::Flat;
use super::Lower;
use super::scalars::usual;

/// So many branches have a bit each.
const BRANCHES: usize = 64;

/// Members that tell more strings apart are not asked.
const TEXTS: usize = 256;

/// What is left when a member is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    /// One branch, which must hold then.
    Alone(NodeId),
    /// Branches by their bits.
    Several(u64),
}

impl Left {
    fn of(bits: u64, nodes: &[NodeId]) -> Self {
        let alone = nodes.get(bits.trailing_zeros() as usize).filter(|_| bits.is_power_of_two());
        alone.map_or(Self::Several(bits), |node| Self::Alone(*node))
    }
}

/// A member that tells branches apart.
pub(super) struct Selector {
    /// Where the plan says its name: node, keyword, place among the keyword's names.
    name: [u64; 3],
    /// Its strings, as they are usually written with a quote behind, with what each leaves.
    rows: Vec<(Vec<u8>, Left)>,
    /// What any other string leaves.
    other: Left,
    /// What is left where an object has no such member.
    missing: Left,
    /// What is left where it is no string, or there is no object.
    all: u64,
}

/// What a branch says of one of its members.
struct Listed {
    branch: usize,
    strings: Vec<Vec<u8>>,
    required: bool,
}

impl<'p> Lower<'_, 'p> {
    /// The member that tells these branches of a node apart: the one that the node says, else one for which several of
    /// them list strings.
    pub(super) fn selector(&self, node: NodeId, nodes: &[NodeId]) -> Option<Selector> {
        let all = u64::MAX.checked_shr(BRANCHES.checked_sub(nodes.len())? as u32)?;
        self.declared(node, nodes, all).or_else(|| self.discovered(nodes, all))
    }

    fn declared(&self, node: NodeId, nodes: &[NodeId], all: u64) -> Option<Selector> {
        let keywords = &self.plan().node(node)?.keywords;
        keywords.iter().enumerate().find_map(|(at, keyword)| match keyword {
            Keyword::Discriminator { mapping, .. }
                if mapping.first().is_some_and(|(_, branch)| nodes.contains(branch)) =>
            {
                let row = |(text, branch): &(String, NodeId)| (usual(text, b"\""), Left::Alone(*branch));
                Some(Selector {
                    name: [u64::from(node.0), at as u64, 0],
                    rows: mapping.iter().map(row).collect(),
                    other: Left::Several(0),
                    missing: Left::Several(all),
                    all,
                })
            }
            _ => None,
        })
    }

    fn discovered(&self, nodes: &[NodeId], all: u64) -> Option<Selector> {
        let mut listed: BTreeMap<&'p str, Vec<Listed>> = BTreeMap::new();
        for (branch, node) in nodes.iter().enumerate() {
            let flat = Flat::of(self.plan(), &self.key([*node]));
            let required: BTreeSet<&str> = flat
                .each(
                    |keyword| if let Keyword::Required { names, .. } = keyword { Some(names) } else { None },
                )
                .flatten()
                .map(String::as_str)
                .collect();
            for (name, nodes) in self.members(&flat).named {
                let member = Flat::of(self.plan(), &self.key(nodes));
                if let Some(strings) = self.listed_strings(&member) {
                    let required = required.contains(name);
                    listed.entry(name).or_default().push(Listed { branch, strings, required });
                }
            }
        }
        let selectors = listed.iter().filter(|(_, rows)| rows.len() > 1);
        let selectors = selectors.filter_map(|(name, rows)| self.by_member(name, rows, (nodes, all)));
        let best = selectors.min_by_key(|(most, _)| *most).filter(|(most, _)| (*most as usize) < nodes.len());
        best.map(|(_, selector)| selector)
    }

    /// How a member tells branches apart, and how many of them a string leaves at most.
    fn by_member(
        &self,
        name: &str,
        rows: &[Listed],
        (nodes, all): (&[NodeId], u64),
    ) -> Option<(u32, Selector)> {
        let bit = |row: &Listed| 1_u64 << row.branch;
        let free = rows.iter().fold(all, |free, row| free & !bit(row));
        let missing = rows.iter().filter(|row| row.required).fold(all, |left, row| left & !bit(row));
        let mut texts: BTreeMap<&[u8], u64> = BTreeMap::new();
        for row in rows {
            for text in &row.strings {
                *texts.entry(text).or_insert(free) |= bit(row);
            }
        }
        let most = texts.values().chain([&free]).map(|bits| bits.count_ones()).max()?;
        let selector = Selector {
            name: self.place_of_name(name, nodes)?,
            rows: texts.iter().map(|(text, bits)| (text.to_vec(), Left::of(*bits, nodes))).collect(),
            other: Left::of(free, nodes),
            missing: Left::of(missing, nodes),
            all,
        };
        (selector.rows.len() <= TEXTS).then_some((most, selector))
    }

    /// A place in the plan that says the name of a member of one of these branches.
    fn place_of_name(&self, name: &str, nodes: &[NodeId]) -> Option<[u64; 3]> {
        nodes.iter().find_map(|node| {
            let flat = Flat::of(self.plan(), &self.key([*node]));
            flat.rows.iter().find_map(|row| {
                let Keyword::Properties { named, .. } = row.keyword else { return None };
                let at = named.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
                Some([u64::from(row.node.0), row.at as u64, at as u64])
            })
        })
    }

    /// Goes on with the branches that are left of a value, as bits; where one alone is left, that is judged and `done`
    /// gets the place behind the value.
    pub(super) fn select(&mut self, selector: &Selector, at: Value, done: Block) -> Value {
        let [ask, found, text, several] = [(); 4].map(|()| self.b.create_block());
        let left = self.b.append_block_param(several, types::I64);
        let all = self.word(selector.all.cast_signed());
        let first = self.byte(at);
        let object = self.is(IntCC::Equal, first, i64::from(b'{'));
        self.b.ins().brif(object, ask, &[], several, &[all.into()]);

        self.b.switch_to_block(ask);
        let name = selector.name.map(|word| self.word(word.cast_signed()));
        let [node, keyword, number] = name;
        let member = self.checked(Call::Member, &[at, node, keyword, number]);
        let mut ways: BTreeMap<Left, Block> = BTreeMap::new();
        let missing = self.way(selector.missing, &mut ways);
        let is_missing = self.is(IntCC::Equal, member, MISSING as i64);
        self.b.ins().brif(is_missing, missing, &[], found, &[]);
        self.b.switch_to_block(found);
        let is_other = self.is(IntCC::Equal, member, NO_STRING as i64);
        self.b.ins().brif(is_other, several, &[all.into()], text, &[]);

        self.b.switch_to_block(text);
        let texts: Vec<Vec<u8>> = selector.rows.iter().map(|(text, _)| text.clone()).collect();
        let matching = self.matching(member, &texts, false);
        let rows = matching.hits.iter().map(|(block, _)| *block).zip(selector.rows.iter().map(|row| row.1));
        for (block, left) in rows.chain([(matching.miss.0, selector.other)]) {
            self.b.switch_to_block(block);
            let way = self.way(left, &mut ways);
            self.b.ins().jump(way, &[]);
        }
        for (way, block) in ways {
            self.b.switch_to_block(block);
            match way {
                Left::Alone(node) => {
                    let end = self.judged(node, at);
                    self.jump(done, &[end]);
                }
                Left::Several(0) => drop(self.b.ins().jump(self.fail, &[])),
                Left::Several(bits) => {
                    let bits = self.word(bits.cast_signed());
                    self.jump(several, &[bits]);
                }
            }
        }
        self.b.switch_to_block(several);
        left
    }

    fn way(&mut self, left: Left, ways: &mut BTreeMap<Left, Block>) -> Block {
        *ways.entry(left).or_insert_with(|| self.b.create_block())
    }
}
