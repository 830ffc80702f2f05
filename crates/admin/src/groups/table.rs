//! Tables as Kafka's group tool prints them: an empty line, headings, rows; left-aligned columns with one space between.

use yak_cli::text::one_line;

/// Rows under headings.
#[derive(Debug)]
pub(crate) struct Table {
    /// Each with the least width of its column.
    headings: Vec<(&'static str, usize)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headings: &[(&'static str, usize)]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Appends a row; names that a peer chose cannot drive the terminal.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| one_line(cell)).collect());
    }

    /// The lines, an empty one first.
    pub(crate) fn render(&self) -> String {
        let widths: Vec<usize> = self
            .headings
            .iter()
            .enumerate()
            .map(|(at, (name, least))| {
                let longest = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
                longest.chain([name.len(), *least]).max().unwrap_or(0)
            })
            .collect();
        let headings: Vec<String> = self.headings.iter().map(|(name, _)| (*name).to_owned()).collect();
        let mut out = String::from("\n");
        for row in std::iter::once(&headings).chain(&self.rows) {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            out.push_str(cells.join(" ").trim_end());
            out.push('\n');
        }
        out
    }
}

/// A value, or `-`.
pub(crate) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_kafkas_at_least() {
        let mut table = Table::new(&[("GROUP", 15), ("PARTITION", 10), ("CLIENT-ID", 0)]);
        table.row(vec!["g".to_owned(), "0".to_owned(), or_dash(None::<&str>)]);
        table.row(vec!["a-group-with-a-long-name".to_owned(), "1".to_owned(), "c".to_owned()]);
        assert_eq!(
            table.render(),
            "\n\
             GROUP                    PARTITION  CLIENT-ID\n\
             g                        0          -\n\
             a-group-with-a-long-name 1          c\n"
        );
    }

    #[test]
    fn a_name_stays_in_its_cell() {
        let mut table = Table::new(&[("GROUP", 0), ("CLIENT-ID", 0)]);
        table.row(vec!["g".to_owned(), "a\nb\x1b[2J".to_owned()]);
        assert_eq!(table.render(), "\nGROUP CLIENT-ID\ng     a\\nb\\x1b[2J\n");
    }
}
