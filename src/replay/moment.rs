//! How far into a recording something is: `12m30.250s`.

/// A place in a recording, in words that `--at` takes back.
pub fn shown(micros: i64) -> String {
    let millis = micros.max(0) / 1_000;
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis % 60_000);
    let seconds = format!("{}.{:03}s", seconds / 1_000, seconds % 1_000);
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

/// Reads `12m30s`, `1h2m3.5s`, `90`, `1:02:03`; in microseconds.
pub fn read(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no place in a recording; write it like 90s, 12m30s or 1:02:03");
    let seconds = |text: &str| text.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    let total = if text.contains(':') {
        let parts = text.split(':').map(seconds).collect::<Option<Vec<f64>>>().ok_or_else(wrong)?;
        if parts.len() > 3 {
            return Err(wrong());
        }
        parts.iter().fold(0.0, |total, part| total * 60.0 + part)
    } else {
        let (mut total, mut rest) = (0.0, text);
        for (unit, worth) in [('h', 3_600.0), ('m', 60.0), ('s', 1.0)] {
            if let Some((number, after)) = rest.split_once(unit) {
                total += seconds(number).ok_or_else(wrong)? * worth;
                rest = after;
            }
        }
        if !rest.is_empty() {
            total += seconds(rest).filter(|_| rest == text).ok_or_else(wrong)?;
        }
        total
    };
    // A month is longer than any recording.
    if text.is_empty() || total > 31.0 * 86_400.0 {
        return Err(wrong());
    }
    Ok((total * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_shown() {
        for (micros, text) in [
            (0, "0.000s"),
            (1_500_000, "1.500s"),
            (750_250_000, "12m30.250s"),
            (3_600_000_000, "1h0m0.000s"),
            (3_723_004_000, "1h2m3.004s"),
        ] {
            assert_eq!(shown(micros), text);
            assert_eq!(read(text), Ok(micros));
        }
        for (text, seconds) in
            [("90", 90), ("90s", 90), ("12m", 720), ("1:30", 90), ("1:02:03", 3_723), ("2h1s", 7_201)]
        {
            assert_eq!(read(text), Ok(seconds * 1_000_000), "{text}");
        }
        for wrong in ["", "x", "-5", "1m2", "1s2m", "1:2:3:4", "inf", "1e9", "m", ":"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
