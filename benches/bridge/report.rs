//! Tables: printed as they are measured, and written into `docs/performance.md` between the marks
//! `<!-- table NAME -->` and `<!-- end -->`.

use std::fs;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");

pub struct Report {
    /// Fewer rounds, for a look.
    pub quick: bool,
    write: bool,
}

impl Report {
    pub fn new(quick: bool, write: bool) -> Self {
        Self { quick, write }
    }

    /// A number, or a tenth of it for a quick look.
    pub fn rounds(&self, full: usize) -> usize {
        if self.quick { full / 10 } else { full }
    }

    /// Prints a table, and puts it in its place in the document.
    pub fn table(&mut self, name: &str, header: &[&str], rows: &[Vec<String>]) {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
        let mut text = line(&header);
        text += &format!("|{}\n", "---|".repeat(header.len()));
        rows.iter().for_each(|row| text += &line(row));
        println!("{name}\n\n{text}");
        if !self.write {
            return;
        }
        let page = fs::read_to_string(PAGE).expect("the document");
        let mark = format!("<!-- table {name} -->\n");
        let start = page.find(&mark).unwrap_or_else(|| panic!("{PAGE} has no place for {name}")) + mark.len();
        let end = start + page[start..].find("<!-- end -->").expect("a place has an end");
        fs::write(PAGE, format!("{}{text}{}", &page[..start], &page[end..])).expect("the document");
    }
}

/// A number with its thousands apart.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
