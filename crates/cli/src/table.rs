//! Columns of text for a person: aligned, coloured if wanted, and fitted to a width.

use crate::text::one_line;

/// Least width to which a column that may shrink is cut.
const NARROWEST: usize = 8;
/// Spaces between two columns.
const GAP: usize = 2;

/// How a column is aligned, and what happens when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Text, never cut.
    Left,
    /// Numbers, never cut.
    Right,
    /// Text that is cut with `…` when the table is too wide.
    Shrinks,
}

/// One text in a table, perhaps in a colour (the parameters of an SGR sequence).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    text: String,
    color: Option<&'static str>,
}

impl Cell {
    /// A text that stands out in red.
    #[must_use]
    pub fn bad(text: impl ToString) -> Self {
        Self { color: Some("31"), ..Self::from(text.to_string()) }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text: one_line(&text), color: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

/// How wide and how colourful the output may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal; `None` cuts nothing.
    pub width: Option<usize>,
    /// Whether to use colours.
    pub color: bool,
}

impl Style {
    /// `text` in a colour, if colours are wanted.
    #[must_use]
    pub fn paint(self, text: &str, color: &str) -> String {
        if self.color { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Rows under a line of headings.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(&'static str, Column)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: &[(&'static str, Column)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; cells beyond the columns are dropped, missing ones are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, headings first, each ending in a newline and none in a space.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        let widths = self.widths(style.width);
        let headings =
            self.columns.iter().map(|(name, _)| Cell { text: (*name).to_owned(), color: Some("1") });
        let mut out = String::new();
        self.line(&headings.collect::<Vec<_>>(), &widths, style, &mut out);
        for row in &self.rows {
            self.line(row, &widths, style, &mut out);
        }
        out
    }

    fn line(&self, cells: &[Cell], widths: &[usize], style: Style, out: &mut String) {
        let start = out.len();
        for (at, ((cell, width), (_, column))) in cells.iter().zip(widths).zip(&self.columns).enumerate() {
            if at > 0 {
                out.push_str(&" ".repeat(GAP));
            }
            let text = cut(&cell.text, *width);
            let padding = " ".repeat(width - text.chars().count());
            let color = cell.color.filter(|_| !text.is_empty());
            let painted = color.map_or_else(|| text.clone(), |color| style.paint(&text, color));
            match column {
                Column::Right => out.extend([padding, painted]),
                Column::Left | Column::Shrinks => out.extend([painted, padding]),
            }
        }
        out.truncate(start + out[start..].trim_end_matches(' ').len());
        out.push('\n');
    }

    fn widths(&self, available: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|(name, _)| name.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let mut excess = available.map_or(0, |available| total.saturating_sub(available));
        // The widest of those that may shrink gives first.
        while excess > 0 {
            let shrinking = |(_, column): &(&str, Column)| *column == Column::Shrinks;
            let widest = (0..widths.len())
                .filter(|at| shrinking(&self.columns[*at]) && widths[*at] > NARROWEST)
                .max_by_key(|at| widths[*at]);
            let Some(widest) = widest else { break };
            widths[widest] -= 1;
            excess -= 1;
        }
        widths
    }
}

/// `text` in at most `width` characters, the last being `…` if something was cut.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table =
            Table::new(&[("NAME", Column::Shrinks), ("RECORDS", Column::Right), ("STATE", Column::Left)]);
        table.row(["orders".into(), "1,041".into(), "fine".into()]);
        table.row(["a-rather-long-name".into(), "7".into(), Cell::bad("offline")]);
        table
    }

    #[test]
    fn columns_are_aligned_and_no_line_ends_in_a_space() {
        assert_eq!(
            table().render(Style::default()),
            "NAME                RECORDS  STATE\n\
             orders                1,041  fine\n\
             a-rather-long-name        7  offline\n"
        );
    }

    #[test]
    fn the_column_that_may_shrink_is_cut() {
        let style = Style { width: Some(30), color: false };
        assert_eq!(
            table().render(style),
            "NAME          RECORDS  STATE\n\
             orders          1,041  fine\n\
             a-rather-lo…        7  offline\n"
        );
    }

    #[test]
    fn colours_do_not_disturb_the_alignment() {
        let mut table = Table::new(&[("A", Column::Left), ("B", Column::Left)]);
        table.row([Cell::bad("no"), "x\x1b".into()]);
        let style = Style { width: None, color: true };
        assert_eq!(table.render(style), "\x1b[1mA\x1b[0m   \x1b[1mB\x1b[0m\n\x1b[31mno\x1b[0m  x\\x1b\n");
    }
}
