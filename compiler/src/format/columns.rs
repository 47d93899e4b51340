//! How wide the keywords of neighbouring statements are made, so that their values stand in one column.

use super::tokens::{Starts, Token};
use crate::parse::Rule;

/// For each token that begins a statement, the width of its keyword; neighbours without a block share the widest.
pub(super) fn columns(tokens: &[Token<'_>]) -> Vec<usize> {
    let mut columns = vec![0; tokens.len()];
    let mut neighbours: Vec<usize> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let statement = token.starts == Starts::Statement;
        let simple = statement && is_simple(tokens.get(at + 1..).unwrap_or_default());
        let apart = token.before.blank || token.before.comments.iter().any(|comment| comment.own_line);
        if token.starts == Starts::Item
            || token.is_block(Rule::block_close)
            || statement && (apart || !simple)
        {
            share(&mut columns, &neighbours);
            neighbours.clear();
        }
        if statement {
            if let Some(column) = columns.get_mut(at) {
                *column = token.text.chars().count();
            }
            if simple {
                neighbours.push(at);
            }
        }
    }
    share(&mut columns, &neighbours);
    columns
}

fn share(columns: &mut [usize], neighbours: &[usize]) {
    let widest = neighbours.iter().filter_map(|at| columns.get(*at).copied()).max().unwrap_or_default();
    for at in neighbours {
        if let Some(column) = columns.get_mut(*at) {
            *column = widest;
        }
    }
}

/// Whether a statement, whose tokens after the keyword come next, has no block.
fn is_simple(rest: &[Token<'_>]) -> bool {
    rest.iter()
        .take_while(|token| token.starts == Starts::Nothing && !token.is_block(Rule::block_close))
        .all(|token| !token.is_block(Rule::block_open))
}
