//! Figures side by side as bars, an SVG file each under `docs/`.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::report::thousands;

const WIDTH: u32 = 900;
const LABELS: i32 = 290;
const BAR: i32 = 13;
const TOP: i32 = 62;
/// What is left to a bar's right for its figure.
const FIGURES: i32 = 110;
const COLORS: [RGBColor; 4] =
    [RGBColor(31, 119, 180), RGBColor(255, 127, 14), RGBColor(44, 160, 44), RGBColor(148, 103, 189)];

/// A drawing: what its bars mean, and a group of bars a row.
pub struct Bars<'a> {
    /// `docs/<name>.svg`.
    pub name: &'a str,
    pub title: &'a str,
    /// What the bars of a group are.
    pub series: &'a [&'a str],
    pub groups: Vec<(String, Vec<f64>)>,
    /// For figures that are apart by orders of magnitude.
    pub logarithmic: bool,
}

impl Bars<'_> {
    pub fn draw(&self) -> Result<(), Box<dyn std::error::Error>> {
        let path = format!("{}/docs/{}.svg", env!("CARGO_MANIFEST_DIR"), self.name);
        let group = BAR * self.series.len() as i32 + 9;
        let height = TOP + group * self.groups.len() as i32 + 8;
        let area = SVGBackend::new(&path, (WIDTH, height as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        text(&area, self.title, (12, 10), 17)?;
        for (at, (name, color)) in self.series.iter().zip(COLORS).enumerate() {
            let x = LABELS + 190 * at as i32;
            area.draw(&Rectangle::new([(x, 38), (x + 12, 50)], color.filled()))?;
            text(&area, name, (x + 18, 37), 13)?;
        }
        let figures = || self.groups.iter().flat_map(|(_, figures)| figures.iter().copied());
        let (least, most) = (figures().fold(f64::MAX, f64::min), figures().fold(0.0, f64::max));
        for (row, (label, figures)) in self.groups.iter().enumerate() {
            let top = TOP + group * row as i32;
            text(&area, label, (12, top + (group - 9) / 2 - 7), 13)?;
            for (at, (&figure, color)) in figures.iter().zip(COLORS).enumerate() {
                let y = top + BAR * at as i32;
                let room = f64::from(WIDTH as i32 - LABELS - FIGURES);
                // A logarithm has no zero to start from: the smallest figure gets a bar of a twentieth.
                let share = if self.logarithmic {
                    0.05 + 0.95 * (figure / least).ln() / (most / least).ln().max(f64::MIN_POSITIVE)
                } else {
                    figure / most
                };
                let end = LABELS + (share * room) as i32;
                area.draw(&Rectangle::new(
                    [(LABELS, y), (end.max(LABELS + 1), y + BAR - 2)],
                    color.filled(),
                ))?;
                text(&area, &thousands(figure), (end + 6, y - 1), 11)?;
            }
        }
        area.present()?;
        Ok(())
    }
}

fn text(
    area: &DrawingArea<SVGBackend, Shift>,
    text: &str,
    at: (i32, i32),
    size: i32,
) -> Result<(), Box<dyn std::error::Error>> {
    Ok(area.draw(&Text::new(text.to_owned(), at, ("sans-serif", size)))?)
}
