//! A list that needs no memory of its own while it is short.

/// How many elements stand in the list itself.
const FEW: usize = 6;

/// A list of whatever length.
#[derive(Debug)]
pub(super) struct List<T> {
    few: [T; FEW],
    length: usize,
    /// All of them, once they are more than a few.
    many: Vec<T>,
}

impl<T: Default> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut list = Self { few: Default::default(), length: 0, many: Vec::new() };
        for element in elements {
            if list.many.is_empty()
                && let Some(place) = list.few.get_mut(list.length)
            {
                *place = element;
                list.length += 1;
                continue;
            }
            if list.many.is_empty() {
                list.many.extend(list.few.iter_mut().map(std::mem::take));
            }
            list.many.push(element);
        }
        list
    }
}

impl<T> std::ops::Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        if self.many.is_empty() { self.few.get(..self.length).unwrap_or_default() } else { &self.many }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_is_kept_in_order() {
        for length in [0, 1, FEW - 1, FEW, FEW + 1, 100] {
            let list: List<usize> = (0..length).collect();
            assert_eq!(*list, *(0..length).collect::<Vec<_>>());
            assert_eq!(list.many.is_empty(), length <= FEW);
        }
    }
}
