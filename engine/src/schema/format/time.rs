//! Dates, times and durations of RFC 3339.

/// `date "T" time`.
pub(super) fn date_time(text: &str) -> bool {
    let (Some(day), Some(rest)) = (text.get(..10), text.get(10..)) else { return false };
    let rest = rest.strip_prefix(['T', 't']);
    date(day) && rest.is_some_and(time)
}

/// `YYYY-MM-DD` of a day that exists.
pub(super) fn date(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return false;
    }
    let parts =
        (text.get(..4).and_then(digits), text.get(5..7).and_then(digits), text.get(8..).and_then(digits));
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
pub(super) fn time(text: &str) -> bool {
    let Some((clock, rest)) = text.get(..8).zip(text.get(8..)) else { return false };
    let Some((hour, minute)) = clock.get(..5).and_then(hour_and_minute) else { return false };
    let second = clock.get(5..).and_then(|rest| digits(rest.strip_prefix(':')?));
    let Some(second) = second.filter(|second| *second <= 60) else { return false };
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
    };
    let Some(offset) = offset(zone) else { return false };
    second < 60 || (i64::from(hour * 60 + minute) - offset).rem_euclid(24 * 60) == 24 * 60 - 1
}

/// Minutes east of UTC.
fn offset(zone: &str) -> Option<i64> {
    match zone.as_bytes().first()? {
        b'Z' | b'z' if zone.len() == 1 => Some(0),
        sign @ (b'+' | b'-') => {
            let (hour, minute) = hour_and_minute(zone.get(1..)?)?;
            let minutes = i64::from(hour * 60 + minute);
            Some(if *sign == b'-' { -minutes } else { minutes })
        }
        _ => None,
    }
}

fn hour_and_minute(text: &str) -> Option<(u32, u32)> {
    let (hour, minute) =
        text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2)?;
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    (hour < 24 && minute < 60).then_some((hour, minute))
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The durations of appendix A: weeks alone, or days and times whose units follow each other without a gap.
pub(super) fn duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P') else { return false };
    let (date, time) = rest.split_once('T').map_or((rest, None), |(date, time)| (date, Some(time)));
    if date.starts_with(|c: char| c.is_ascii_digit()) && date.ends_with('W') {
        return time.is_none() && units(date, "W").is_some();
    }
    let Some(dates) = units(date, "YMD") else { return false };
    match time {
        None => dates > 0,
        Some(time) => units(time, "HMS").is_some_and(|times| times > 0),
    }
}

/// How many numbers a text has that is nothing but numbers with letters, which follow each other in this order.
fn units(text: &str, order: &str) -> Option<usize> {
    let (mut count, mut last, mut number) = (0, None, false);
    for c in text.chars() {
        if c.is_ascii_digit() {
            number = true;
            continue;
        }
        let place = order.find(c).filter(|place| number && last.is_none_or(|last| *place == last + 1))?;
        (count, last, number) = (count + 1, Some(place), false);
    }
    (!number).then_some(count)
}
