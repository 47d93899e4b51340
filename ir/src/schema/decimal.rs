//! Exact decimal numbers, read from their JSON text and compared without rounding.

use std::cmp::Ordering;

/// A JSON number: sign, significant digits, and the power of ten of the last one.
///
/// Digits have neither leading nor trailing zeros; zero has no digits. `digits` may skip over one `.`.
#[derive(Clone, Copy, Debug)]
pub struct Decimal<'a> {
    negative: bool,
    digits: &'a str,
    count: i64,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Reads JSON number text; `None` where it is not one, or its exponent exceeds any use.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = match unsigned.find(['e', 'E']) {
            Some(at) => (unsigned.get(..at)?, power(unsigned.get(at + 1..)?)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(a, b)| (a, Some(b)));
        let well_formed = digits_only(whole)
            && fraction.is_none_or(digits_only)
            && (whole.len() == 1 || !whole.starts_with('0'));
        if !well_formed {
            return None;
        }
        let places = length(fraction.unwrap_or_default());
        Some(Self::normal(negative, mantissa, power.checked_sub(places)?))
    }

    /// Takes the zeros off both ends.
    fn normal(negative: bool, mantissa: &'a str, exponent: i64) -> Self {
        let from_end = mantissa.trim_end_matches(['0', '.']);
        let dropped = mantissa.get(from_end.len()..).unwrap_or_default();
        let zeros = length(dropped) - i64::from(dropped.contains('.'));
        let digits = from_end.trim_start_matches(['0', '.']);
        if digits.is_empty() {
            return Self { negative: false, digits: "", count: 0, exponent: 0 };
        }
        let count = length(digits) - i64::from(digits.contains('.'));
        Self { negative, digits, count, exponent: exponent.saturating_add(zeros) }
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.count == 0
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether it has no fraction.
    pub fn is_integer(&self) -> bool {
        self.exponent >= 0
    }

    /// The number in 64 bits, where it is an integer that fits.
    pub fn to_i64(&self) -> Option<i64> {
        let zeros = u32::try_from(self.exponent).ok()?;
        if self.is_zero() {
            return Some(0);
        }
        if self.count > 19 || zeros > 19 {
            return None;
        }
        let mut magnitude: i128 = 0;
        for digit in self.digits() {
            magnitude = magnitude * 10 + i128::from(digit);
        }
        let magnitude = magnitude.checked_mul(10_i128.checked_pow(zeros)?)?;
        i64::try_from(if self.negative { -magnitude } else { magnitude }).ok()
    }

    /// Whether it is an integer multiple of `divisor`, which is above zero; `None` where the divisor has more
    /// digits than can be divided by.
    pub fn is_multiple_of(&self, divisor: &Self) -> Option<bool> {
        let modulus = divisor.magnitude()?;
        let shift = self.exponent.checked_sub(divisor.exponent)?;
        if self.is_zero() {
            return Some(true);
        }
        if shift < 0 {
            // The last digit is not zero, so no power of ten divides it.
            return Some(false);
        }
        let mut rest: u128 = 0;
        for digit in self.digits() {
            rest = (rest * 10 + u128::from(digit)) % modulus;
        }
        Some((rest * power_of_ten(shift.cast_unsigned(), modulus)).is_multiple_of(modulus))
    }

    /// The digits as an integer below 2⁶³, so that products of two fit 128 bits.
    fn magnitude(&self) -> Option<u128> {
        (self.count > 0 && self.count <= 18)
            .then(|| self.digits().fold(0, |sum, digit| sum * 10 + u128::from(digit)))
    }

    fn digits(&self) -> impl Iterator<Item = u8> + 'a {
        self.digits.bytes().filter(|byte| *byte != b'.').map(|byte| byte - b'0')
    }

    /// The power of ten of the digit before the first one: numbers of one sign with another one differ in size.
    fn scale(&self) -> i64 {
        self.exponent.saturating_add(self.count)
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => {
                self.scale().cmp(&other.scale()).then_with(|| self.digits().cmp(other.digits()))
            }
        }
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal<'_> {}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
        }
    }
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

fn digits_only(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The written exponent. One beyond fifteen digits names a number that no sender can mean and is refused.
fn power(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if !digits_only(digits) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    if significant.len() > 15 {
        return None;
    }
    let value: i64 = if significant.is_empty() { 0 } else { significant.parse().ok()? };
    Some(if negative { -value } else { value })
}

fn power_of_ten(mut exponent: u64, modulus: u128) -> u128 {
    let (mut result, mut base) = (1 % modulus, 10 % modulus);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % modulus;
        }
        base = base * base % modulus;
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Decimal<'_> {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn numbers_compare_exactly() {
        assert_eq!(of("1.0"), of("1"));
        assert_eq!(of("-0"), of("0.00e5"));
        assert_eq!(of("120e-1"), of("12"));
        assert_eq!(of("0.0012"), of("12e-4"));
        assert!(of("9007199254740993") > of("9007199254740992"));
        assert!(of("-2") < of("-1.5"));
        assert!(of("1e400") > of("1e308"));
        assert!(of("0.1") < of("0.10000000000000000001"));
        assert!(of("10.5") > of("9"));
    }

    #[test]
    fn multiples_are_exact() {
        assert_eq!(of("0.3").is_multiple_of(&of("0.1")), Some(true));
        assert_eq!(of("0.0075").is_multiple_of(&of("0.0001")), Some(true));
        assert_eq!(of("0.00751").is_multiple_of(&of("0.0001")), Some(false));
        assert_eq!(of("1e308").is_multiple_of(&of("0.123456789")), Some(false));
        assert_eq!(of("12391239123").is_multiple_of(&of("1e-8")), Some(true));
        assert_eq!(of("-7").is_multiple_of(&of("3.5")), Some(true));
    }

    #[test]
    fn malformed_numbers_are_refused() {
        for text in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1e9999999999999999", "1.2.3"] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn integers_fit_or_do_not() {
        assert_eq!(of("9223372036854775807").to_i64(), Some(i64::MAX));
        assert_eq!(of("-9223372036854775808").to_i64(), Some(i64::MIN));
        assert_eq!(of("9223372036854775808").to_i64(), None);
        assert_eq!(of("1e3").to_i64(), Some(1000));
        assert_eq!(of("1.5").to_i64(), None);
    }
}
