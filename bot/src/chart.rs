//! A chart as a picture: lying bars, so that long names have room. Series differ by hue and by pattern, each bar says its
//! number, and every colour stands out from the white by at least 4.5 to 1. The font is our own: machines differ in theirs.

use plotters::backend::BitMapBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::Rectangle;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, TextStyle, WHITE, register_font};
use workflows::shown::visible;

use crate::card::Chart;

#[cfg(test)]
mod tests;

const FONT: &[u8] = include_bytes!("../assets/DejaVuSans.ttf");
const FAMILY: &str = "countersign";

/// It is drawn twice as large, since letters are set on whole pixels and would stand unevenly.
const WIDTH: i32 = 2400;
const HEIGHT: i32 = 1200;
const MARGIN: i32 = 56;
/// Where the bars are, from top to bottom.
const TOP: i32 = 236;
const BOTTOM: i32 = HEIGHT - 148;
/// Names get at most this much, and so does the number behind the longest bar.
const NAMES: i32 = 600;
/// Where the names of the series are.
const LEGEND: i32 = 144;

/// So much of a chart is drawn; the words beside it say everything.
const MOST_BARS: usize = 20;
const MOST_SERIES: usize = 4;
/// Bars of a group that would be thinner are stacked.
const THINNEST: f64 = 18.0;

const INK: RGBColor = RGBColor(26, 26, 26);
const GRID: RGBColor = RGBColor(214, 214, 214);
/// Blue, rust, green, purple: apart in hue and in value, also for those who see no red or no green.
const HUES: [RGBColor; MOST_SERIES] =
    [RGBColor(23, 84, 150), RGBColor(168, 67, 0), RGBColor(20, 112, 82), RGBColor(112, 40, 130)];

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Drawn = Result<(), String>;

fn words(error: impl std::fmt::Display) -> String {
    format!("the chart could not be drawn: {error}")
}

/// The chart as a PNG of 1200 by 600.
pub fn png(chart: &Chart) -> Result<Vec<u8>, String> {
    register_font(FAMILY, FontStyle::Normal, FONT).map_err(|_| words("its font is broken"))?;
    let mut pixels = vec![0; (WIDTH * HEIGHT * 3) as usize];
    {
        let area = BitMapBackend::with_buffer_and_format(&mut pixels, (WIDTH as u32, HEIGHT as u32));
        let area: Area<'_> = area.map_err(words)?.into_drawing_area();
        area.fill(&WHITE).map_err(words)?;
        draw(&area, chart)?;
        area.present().map_err(words)?;
    }
    encode(&halved(&pixels))
}

/// The picture at half its size: each pixel is the middle of four.
fn halved(pixels: &[u8]) -> Vec<u8> {
    let line = (WIDTH * 3) as usize;
    let mut small = Vec::with_capacity(pixels.len() / 4);
    for pair in pixels.chunks_exact(line * 2) {
        let (upper, lower) = pair.split_at(line);
        for four in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for part in 0..3 {
                let of = |two: &[u8], at: usize| two.get(at).copied().map_or(0, u16::from);
                let sum = of(four.0, part) + of(four.0, part + 3) + of(four.1, part) + of(four.1, part + 3);
                small.push((sum / 4) as u8);
            }
        }
    }
    small
}

fn encode(pixels: &[u8]) -> Result<Vec<u8>, String> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH as u32 / 2, HEIGHT as u32 / 2);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(words)?;
    writer.write_image_data(pixels).map_err(words)?;
    writer.finish().map_err(words)?;
    Ok(file)
}

fn font(size: f64) -> TextStyle<'static> {
    (FAMILY, size).into_font().color(&INK)
}

fn at(style: TextStyle<'_>, across: HPos, down: VPos) -> TextStyle<'_> {
    style.pos(Pos::new(across, down))
}

fn width(text: &str, size: f64) -> Result<i32, String> {
    let (width, _) = (FAMILY, size).into_font().box_size(text).map_err(words)?;
    Ok(width as i32)
}

/// The text, made visible, and cut where it would be wider than `most`.
fn fitting(text: &str, size: f64, most: i32) -> Result<String, String> {
    // Names are one line, and no longer than a card allows; whoever sends more gets the beginning.
    let mut text: String = visible(text).replace(['\n', '\t'], " ").chars().take(120).collect();
    if width(&text, size)? <= most {
        return Ok(text);
    }
    while !text.is_empty() {
        text.pop();
        let cut = format!("{}…", text.trim_end());
        if width(&cut, size)? <= most {
            return Ok(cut);
        }
    }
    Ok(text)
}

/// A row of the picture: a name, and its number in each series.
struct Row {
    name: String,
    numbers: Vec<i64>,
}

/// How the numbers lie on the picture.
struct Scale {
    left: i32,
    right: i32,
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    fn x(&self, value: f64) -> i32 {
        let part = (value - self.low) / (self.high - self.low);
        self.left + (part.clamp(0.0, 1.0) * f64::from(self.right - self.left)).round() as i32
    }
}

/// How the bars of one name lie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// Below each other.
    Grouped,
    /// Behind each other.
    Stacked,
}

fn draw(area: &Area<'_>, chart: &Chart) -> Drawn {
    let title = fitting(&chart.title, 60.0, WIDTH - 2 * MARGIN)?;
    area.draw_text(&title, &font(60.0), (MARGIN, 44)).map_err(words)?;
    let series: Vec<&String> = chart.series.iter().take(MOST_SERIES).collect();
    let numbers = |numbers: &Vec<i64>| (0..series.len()).map(|at| numbers.get(at).copied().unwrap_or(0)).collect();
    let bars = chart.bars.iter().take(MOST_BARS);
    let rows: Vec<Row> = bars.map(|(name, each)| Row { name: name.clone(), numbers: numbers(each) }).collect();
    if rows.is_empty() || series.is_empty() {
        let middle = at(font(48.0), HPos::Center, VPos::Center);
        return area.draw_text("Nothing to show", &middle, (WIDTH / 2, HEIGHT / 2)).map_err(words);
    }
    legend(area, &series)?;
    let room = f64::from(BOTTOM - TOP) / rows.len() as f64;
    let (room, lie) = (room.min(280.0), lie(&rows, room));
    let size = (room * 0.62).clamp(28.0, 40.0);
    let mut names = Vec::new();
    for row in &rows {
        names.push(fitting(&row.name, size, NAMES)?);
    }
    let longest = names.iter().map(|name| width(name, size)).collect::<Result<Vec<i32>, _>>()?;
    let left = MARGIN + longest.into_iter().max().unwrap_or(0) + 28;
    let scale = scale(&rows, lie, left)?;
    let unit = fitting(&chart.unit, 36.0, 800)?;
    let end = TOP + (room * rows.len() as f64).round() as i32;
    axis(area, &scale, &unit, end)?;
    for (nth, (row, name)) in rows.iter().zip(&names).enumerate() {
        let (top, bottom) = (f64::from(TOP) + room * nth as f64, f64::from(TOP) + room * (nth + 1) as f64);
        let middle = f64::midpoint(top, bottom + size * 0.2).round() as i32;
        let style = at(font(size), HPos::Right, VPos::Center);
        area.draw_text(name, &style, (left - 24, middle)).map_err(words)?;
        let within = (top + room * 0.12, bottom - room * 0.12);
        match lie {
            Lie::Grouped => grouped(area, &scale, row, within)?,
            Lie::Stacked => stacked(area, &scale, row, within)?,
        }
    }
    Ok(())
}

/// Grouped where there is room for it, and where something is below nothing: that can't be stacked.
fn lie(rows: &[Row], room: f64) -> Lie {
    let series = rows.first().map_or(0, |row| row.numbers.len());
    let wide = room * 0.76 / series.max(1) as f64 >= THINNEST + 10.0;
    let below = rows.iter().any(|row| row.numbers.iter().any(|number| *number < 0));
    if wide || below || series == 1 { Lie::Grouped } else { Lie::Stacked }
}

fn scale(rows: &[Row], lie: Lie, left: i32) -> Result<Scale, String> {
    let (mut low, mut high) = (0.0_f64, 0.0_f64);
    for row in rows {
        match lie {
            Lie::Grouped => {
                for number in &row.numbers {
                    (low, high) = (low.min(*number as f64), high.max(*number as f64));
                }
            }
            Lie::Stacked => high = high.max(row.numbers.iter().map(|number| *number as f64).sum()),
        }
    }
    if high <= low {
        high = low + 1.0;
    }
    // About six lines, at 1, 2 or 5 times a power of ten; all numbers are whole.
    let rough = (high - low) / 6.0;
    let power = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough).max(1.0);
    let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    let numbers = rows.iter().map(|row| match lie {
        Lie::Grouped => {
            row.numbers.iter().map(|number| i128::from(*number)).max_by_key(|number| number.unsigned_abs())
        }
        Lie::Stacked => Some(row.numbers.iter().map(|number| i128::from(*number)).sum()),
    });
    let mut behind = 0;
    for number in numbers.flatten() {
        behind = behind.max(width(&grouped_digits(number), 36.0)?);
    }
    Ok(Scale { left, right: WIDTH - MARGIN - behind.clamp(80, NAMES), low, high, step })
}

fn axis(area: &Area<'_>, scale: &Scale, unit: &str, end: i32) -> Drawn {
    let style = at(font(32.0), HPos::Center, VPos::Top);
    let lines = (((scale.high - scale.low) / scale.step).round() as i32).clamp(1, 20);
    // Numbers that are long stand at every other line, or at every third.
    let digits = |value: f64| grouped_digits(value as i128);
    let longest = width(&digits(scale.low), 32.0)?.max(width(&digits(scale.high), 32.0)?) + 24;
    let every = 1 + longest / ((scale.right - scale.left) / lines).max(1);
    for line in 0..=lines {
        let value = scale.low + f64::from(line) * scale.step;
        let x = scale.x(value);
        let colour = if value == 0.0 { INK } else { GRID };
        area.draw(&Rectangle::new([(x, TOP - 8), (x + 1, end)], colour.filled())).map_err(words)?;
        if line % every == 0 {
            area.draw_text(&digits(value), &style, (x, end + 16)).map_err(words)?;
        }
    }
    let style = at(font(36.0), HPos::Right, VPos::Top);
    area.draw_text(unit, &style, (scale.right, end + 68)).map_err(words)
}

fn legend(area: &Area<'_>, series: &[&String]) -> Drawn {
    let mut x = MARGIN;
    let each = (WIDTH - 2 * MARGIN) / MOST_SERIES as i32 - 100;
    for (nth, name) in series.iter().enumerate() {
        let name = fitting(name, 36.0, each)?;
        bar(area, nth, [(x, LEGEND), (x + 60, LEGEND + 40)])?;
        let style = at(font(36.0), HPos::Left, VPos::Center);
        area.draw_text(&name, &style, (x + 80, LEGEND + 22)).map_err(words)?;
        x += 80 + width(&name, 36.0)? + 68;
    }
    Ok(())
}

fn grouped(area: &Area<'_>, scale: &Scale, row: &Row, (top, bottom): (f64, f64)) -> Drawn {
    let each = (bottom - top) / row.numbers.len() as f64;
    let size = (each * 0.8).clamp(22.0, 36.0);
    for (nth, number) in row.numbers.iter().enumerate() {
        let (upper, lower) = (top + each * nth as f64, top + each * (nth + 1) as f64 - 2.0);
        let (zero, end) = (scale.x(0.0), scale.x(*number as f64));
        bar(area, nth, [(zero.min(end), upper.round() as i32), (zero.max(end), lower.round() as i32)])?;
        if each >= THINNEST {
            let style = at(font(size), HPos::Left, VPos::Center);
            let place = (zero.max(end) + 16, f64::midpoint(upper, lower + size * 0.2).round() as i32);
            area.draw_text(&grouped_digits((*number).into()), &style, place).map_err(words)?;
        }
    }
    Ok(())
}

fn stacked(area: &Area<'_>, scale: &Scale, row: &Row, (top, bottom): (f64, f64)) -> Drawn {
    let (top, bottom) = (top.round() as i32, bottom.round() as i32);
    let size = f64::from(bottom - top) * 0.84;
    let (mut before, middle) = (0_i128, i32::midpoint(top, bottom) + (size * 0.1) as i32);
    for (nth, number) in row.numbers.iter().enumerate() {
        let (from, to) = (scale.x(before as f64), scale.x((before + i128::from(*number)) as f64));
        before += i128::from(*number);
        bar(area, nth, [(from, top), (to, bottom)])?;
        let (text, hue) = (grouped_digits((*number).into()), hue(nth));
        let wide = width(&text, size)?;
        // On a plain ground, since no number can be read on a pattern.
        if *number != 0 && wide + 24 < to - from {
            let middle_x = i32::midpoint(from, to);
            let ground = [(middle_x - wide / 2 - 8, top + 2), (middle_x + wide / 2 + 8, bottom - 2)];
            area.draw(&Rectangle::new(ground, hue.filled())).map_err(words)?;
            let style = at(font(size).color(&WHITE), HPos::Center, VPos::Center);
            area.draw_text(&text, &style, (middle_x, middle)).map_err(words)?;
        }
    }
    let style = at(font(size.clamp(22.0, 36.0)), HPos::Left, VPos::Center);
    area.draw_text(&grouped_digits(before), &style, (scale.x(before as f64) + 16, middle)).map_err(words)
}

fn hue(nth: usize) -> RGBColor {
    HUES.get(nth).copied().unwrap_or(INK)
}

/// A bar, with the pattern of its series in it.
fn bar(area: &Area<'_>, nth: usize, [(left, top), (right, bottom)]: [(i32, i32); 2]) -> Drawn {
    if right <= left {
        return Ok(());
    }
    let hue = hue(nth);
    area.draw(&Rectangle::new([(left, top), (right, bottom)], hue.filled())).map_err(words)?;
    // Its edge stays whole, so that its length is seen.
    for x in left + 4..=right - 4 {
        for y in top + 4..=bottom - 4 {
            let light = match nth {
                0 => false,
                1 => (x + y).rem_euclid(16) < 4,
                2 => x.rem_euclid(14) < 4 && y.rem_euclid(14) < 4,
                _ => y.rem_euclid(10) < 2,
            };
            if light {
                area.draw_pixel((x, y), &WHITE).map_err(words)?;
            }
        }
    }
    Ok(())
}

/// `1234567` as `1,234,567`.
fn grouped_digits(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
