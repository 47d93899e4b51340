//! Nearest names, for suggestions.

/// The candidate that a misspelt word most likely means, if one is near enough.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    let folded = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word && candidate.len().abs_diff(word.len()) <= allowed)
        .map(|candidate| (strsim::osa_distance(&folded, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_another_word_does_not() {
        assert_eq!(nearest("wehn", ["when", "then", "on"]), Some("when"));
        assert_eq!(nearest("http.hosts", ["http.host", "http.cookie"]), Some("http.host"));
        assert_eq!(nearest("banana", ["when", "then", "on"]), None);
    }
}
