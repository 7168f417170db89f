use super::*;

fn chart(bars: &[(&str, &[i64])], series: &[&str]) -> Chart {
    Chart {
        title: "Access by person, week 47".to_owned(),
        unit: "hours".to_owned(),
        bars: bars.iter().map(|(name, numbers)| ((*name).to_owned(), numbers.to_vec())).collect(),
        series: series.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// The picture's pixels. `COUNTERSIGN_CHARTS` names a folder in which to look at it.
#[expect(clippy::disallowed_methods, reason = "a switch of the test alone")]
fn drawn(name: &str, chart: &Chart) -> Vec<u8> {
    let file = png(chart).expect("drawn");
    if let Ok(folder) = std::env::var("COUNTERSIGN_CHARTS") {
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), &file).expect("written");
    }
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("a PNG");
    assert_eq!((reader.info().width, reader.info().height), (1200, 600));
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    reader.next_frame(&mut pixels).expect("whole");
    pixels
}

fn has(pixels: &[u8], colour: RGBColor) -> bool {
    pixels.chunks(3).any(|pixel| pixel == [colour.0, colour.1, colour.2])
}

#[test]
fn a_chart_of_two_series_has_both_of_their_hues() {
    let bars: [(&str, &[i64]); 4] =
        [("ada", &[12, 3]), ("grace", &[7, 7]), ("linus@example.com", &[1, 0]), ("orders-prod-replica", &[31, 11])];
    let pixels = drawn("two", &chart(&bars, &["read", "write"]));
    assert!(has(&pixels, HUES[0]) && has(&pixels, HUES[1]) && !has(&pixels, HUES[2]));
    drawn("one", &chart(&[("ada", &[12]), ("grace", &[7])], &["sessions"]));
    drawn("one_bar", &chart(&[("ada", &[12, 5, 2, 9])], &["read", "write", "admin", "break-glass"]));
}

#[test]
fn twenty_long_names_and_four_series_find_room() {
    let names: Vec<String> = (0..20).map(|at| format!("analytics-prod-db-{at:02}")).collect();
    let numbers: Vec<[i64; 4]> = (0..20).map(|at| [at * 3, 40 - at, at % 5 * 4, 7]).collect();
    let bars: Vec<(&str, &[i64])> =
        names.iter().zip(&numbers).map(|(name, each)| (name.as_str(), &each[..])).collect();
    let pixels = drawn("twenty", &chart(&bars, &["read", "write", "admin", "break-glass"]));
    assert!(HUES.into_iter().all(|hue| has(&pixels, hue)));
}

#[test]
fn a_chart_of_nothing_is_a_picture_all_the_same() {
    let pixels = drawn("empty", &chart(&[], &["read"]));
    assert!(has(&pixels, INK) && !has(&pixels, HUES[0]));
    drawn("no_series", &chart(&[("ada", &[1])], &[]));
    drawn("zeros", &chart(&[("ada", &[0, 0]), ("grace", &[0])], &["read", "write"]));
}

#[test]
fn names_and_numbers_of_any_kind_are_drawn() {
    let long = "x".repeat(10_000);
    let bars: [(&str, &[i64]); 8] = [
        ("", &[i64::MAX, i64::MAX]),
        ("\u{202e}evil\u{0}\n\t", &[i64::MIN, 1]),
        ("東京 🎉", &[-5, 5]),
        ("Ærøskøbing Ελλάδα Жук", &[1]),
        (&long, &[1, 2, 3, 4, 5, 6]),
        ("<b>&amp;", &[0, 0]),
        ("a̐é", &[4, 4]),
        ("WWWWWWWWWWWWWWWWWWWW", &[4, 4]),
    ];
    drawn("weird", &chart(&bars, &["\u{7}", "write"]));
    let many: Vec<(&str, &[i64])> = (0..500).map(|_| ("ada", &[1_i64, i64::MAX, 3, 4, 5][..])).collect();
    drawn("many", &chart(&many, &["a", "b", "c", "d", "e", "f"]));
}

#[test]
fn every_colour_of_letters_and_bars_stands_out_from_the_white() {
    let light = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    for RGBColor(red, green, blue) in HUES.into_iter().chain([INK]) {
        let luminance = 0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue);
        assert!(1.05 / (luminance + 0.05) >= 4.5, "{red} {green} {blue}");
    }
}
