//! Tables and charts: Slack's own where it takes them, text where it does not.

use serde_json::{Value, json};

use super::page::weight;
use super::rich::{cut, line, plain};
use crate::card::Chart;

/// What Slack's table holds.
const ROWS: usize = 100;
const COLUMNS: usize = 20;
/// The characters of one cell.
const CELL: usize = 200;
/// The characters of one cell in text.
const WIDE: usize = 40;

fn width(rows: &[Vec<String>]) -> usize {
    rows.iter().map(Vec::len).max().unwrap_or_default().min(COLUMNS)
}

fn cells(row: &[String], width: usize, most: usize) -> impl Iterator<Item = String> {
    (0..width).map(move |at| line(row.get(at).map_or("", String::as_str), most))
}

/// A table of Slack's own with the rows that fit, and how many do not; nothing where there is no row that fits.
pub(super) fn table(rows: &[Vec<String>], room: usize) -> Option<(Value, usize)> {
    let width = width(rows);
    if width == 0 {
        return None;
    }
    let mut shown = Vec::new();
    let mut left = room.saturating_sub(100);
    for row in rows.iter().take(ROWS) {
        let cells: Vec<Value> =
            cells(row, width, CELL).map(|text| json!({ "type": "raw_text", "text": text })).collect();
        let cells = Value::Array(cells);
        let cost = weight(&cells);
        if cost > left {
            break;
        }
        left -= cost;
        shown.push(cells);
    }
    let left_out = rows.len() - shown.len();
    (!shown.is_empty()).then(|| (json!({ "type": "table", "rows": shown }), left_out))
}

/// The same as text in columns.
pub(super) fn text(rows: &[Vec<String>]) -> String {
    let width = width(rows);
    let rows: Vec<Vec<String>> = rows.iter().map(|row| cells(row, width, WIDE).collect()).collect();
    let long = |cell: &String| cell.chars().count();
    let wide: Vec<usize> =
        (0..width).map(|at| rows.iter().filter_map(|row| row.get(at).map(long)).max().unwrap_or_default()).collect();
    let padded = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&wide).map(|(cell, wide)| format!("{cell:<wide$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(padded).collect::<Vec<_>>().join("\n")
}

/// Names of at most 20 characters, none of them twice.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (at, name) in all.enumerate() {
        let mut own = line(name, 20);
        if names.contains(&own) {
            own = format!("{} {}", cut(&own, 15), at + 1);
        }
        names.push(own);
    }
    names
}

/// A chart that Slack draws; nothing where there is nothing to draw.
pub(super) fn chart(chart: &Chart) -> Option<Value> {
    if chart.bars.is_empty() || chart.series.is_empty() {
        return None;
    }
    let categories = names(chart.bars.iter().take(20).map(|(name, _)| name.as_str()));
    let series: Vec<Value> = names(chart.series.iter().take(6).map(String::as_str))
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let number = |numbers: &[i64]| numbers.get(at).copied().unwrap_or_default();
            let points = categories.iter().zip(&chart.bars);
            let points: Vec<Value> =
                points.map(|(label, (_, numbers))| json!({ "label": label, "value": number(numbers) })).collect();
            json!({ "name": name, "data": points })
        })
        .collect();
    Some(json!({
        "type": "data_visualization", "title": line(&chart.title, 50),
        "chart": {
            "type": "bar", "series": series,
            "axis_config": { "categories": categories, "y_label": line(&chart.unit, 50) },
        },
    }))
}

/// A chart as a picture that was uploaded before.
pub(super) fn picture(chart: &Chart, file: &str) -> Value {
    json!({
        "type": "image", "slack_file": { "id": file }, "title": plain(&chart.title, 150),
        "alt_text": line(&chart.words(), 1_900),
    })
}
