//! Dates, times and durations of RFC 3339.

/// `date "T" time`.
pub(super) fn date_time(text: &[u8]) -> bool {
    let Some((day, [b'T' | b't', rest @ ..])) = text.split_at_checked(10) else { return false };
    date(day) && time(rest)
}

/// `YYYY-MM-DD` of a day that exists.
pub(super) fn date(text: &[u8]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return false };
    let parts = (digits([*y1, *y2, *y3, *y4]), digits([*m1, *m2]), digits([*d1, *d2]));
    let (Some(year), Some(month), Some(day)) = parts else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// `HH:MM:SS[.fraction]` and an offset. A leap second stands only at the end of a day of UTC.
pub(super) fn time(text: &[u8]) -> bool {
    let Some((clock, [b':', s1, s2, rest @ ..])) = text.split_at_checked(5) else { return false };
    let parts = (minutes(clock), digits([*s1, *s2]).filter(|second| *second <= 60));
    let (Some(minutes), Some(second)) = parts else { return false };
    let zone = match rest {
        [b'.', fraction @ ..] => {
            let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if length == 0 {
                return false;
            }
            fraction.get(length..).unwrap_or_default()
        }
        _ => rest,
    };
    let Some(offset) = offset(zone) else { return false };
    second < 60 || (minutes - offset).rem_euclid(24 * 60) == 24 * 60 - 1
}

/// Minutes east of UTC.
fn offset(zone: &[u8]) -> Option<i32> {
    match zone {
        [b'Z' | b'z'] => Some(0),
        [b'+', rest @ ..] => minutes(rest),
        [b'-', rest @ ..] => Some(-minutes(rest)?),
        _ => None,
    }
}

/// `HH:MM` in minutes.
fn minutes(text: &[u8]) -> Option<i32> {
    let [h1, h2, b':', m1, m2] = text else { return None };
    let (hour, minute) = (digits([*h1, *h2])?, digits([*m1, *m2])?);
    (hour < 24 && minute < 60).then_some((hour * 60 + minute).cast_signed())
}

/// The number that digits say; none where one is no digit.
fn digits<const COUNT: usize>(text: [u8; COUNT]) -> Option<u32> {
    text.into_iter().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u32::from(digit))
    })
}

/// The durations of appendix A: weeks alone, or days and times whose units follow each other without a gap.
pub(super) fn duration(text: &[u8]) -> bool {
    let [b'P', rest @ ..] = text else { return false };
    let (date, time) = match rest.iter().position(|byte| *byte == b'T') {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..)),
        None => (rest, None),
    };
    if let [b'0'..=b'9', .., b'W'] = date {
        return time.is_none() && units(date, b"W").is_some();
    }
    let Some(dates) = units(date, b"YMD") else { return false };
    match time {
        None => dates > 0,
        Some(time) => units(time, b"HMS").is_some_and(|times| times > 0),
    }
}

/// How many numbers a text has that is nothing but numbers with letters, which follow each other in this order.
fn units(text: &[u8], order: &[u8]) -> Option<usize> {
    let (mut count, mut last, mut number) = (0, None, false);
    for byte in text {
        if byte.is_ascii_digit() {
            number = true;
            continue;
        }
        let place = order.iter().position(|unit| unit == byte);
        let place = place.filter(|place| number && last.is_none_or(|last| *place == last + 1))?;
        (count, last, number) = (count + 1, Some(place), false);
    }
    (!number).then_some(count)
}
