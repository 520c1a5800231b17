//! "Did you mean": the nearest of the words that are possible.

/// The candidate nearest to `word`, if it is near enough to be what was meant. Of equally near ones the first.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    let lower = plain(word);
    candidates
        .into_iter()
        .map(|candidate| {
            let other = plain(candidate);
            // The beginning of a word is as good as the word.
            let is_start = lower.len() >= 3 && other.starts_with(&lower);
            let distance = if is_start { 1 } else { strsim::damerau_levenshtein(&lower, &other) };
            (distance, candidate)
        })
        // Of a word of one letter, any other one is as near.
        .filter(|&(distance, _)| distance <= limit && distance < lower.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Words as a list for people: `a`, `b` and `c`.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}
