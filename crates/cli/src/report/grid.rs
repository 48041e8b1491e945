//! Small tables in text and Markdown.

use std::fmt::Write;

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of cells under a head.
#[derive(Debug)]
pub(crate) struct Grid {
    head: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// No rows yet.
    pub(crate) fn new<const N: usize>(head: [(&str, Align); N]) -> Self {
        let head = head.map(|(name, align)| (name.to_owned(), align)).to_vec();
        Self {
            head,
            rows: Vec::new(),
        }
    }

    /// The same for columns that are told only now.
    #[cfg(feature = "star")]
    pub(crate) fn of(head: Vec<(String, Align)>) -> Self {
        Self {
            head,
            rows: Vec::new(),
        }
    }

    /// One row more of such columns.
    #[cfg(feature = "star")]
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// One row more.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Aligned by spaces, each line after `indent`, with the head.
    pub(crate) fn text(&self, indent: &str) -> String {
        let head: Vec<String> = self.head.iter().map(|(name, _)| name.clone()).collect();
        let mut out = self.line(indent, &head);
        out.push_str(&self.body(indent));
        out
    }

    /// Aligned by spaces, with the head and a line under it.
    #[cfg(feature = "star")]
    pub(crate) fn ruled(&self) -> String {
        let head: Vec<String> = self.head.iter().map(|(name, _)| name.clone()).collect();
        let widths = (0..head.len()).map(|column| "-".repeat(self.width(column)));
        let rule = widths.collect::<Vec<_>>().join("  ");
        format!("{}{rule}\n{}", self.line("", &head), self.body(""))
    }

    /// Aligned by spaces, each line after `indent`, without the head.
    pub(crate) fn body(&self, indent: &str) -> String {
        self.rows.iter().map(|row| self.line(indent, row)).collect()
    }

    fn line(&self, indent: &str, cells: &[String]) -> String {
        let mut line = indent.to_owned();
        for (column, cell) in cells.iter().enumerate() {
            let space = " ".repeat(self.width(column).saturating_sub(cell.chars().count()));
            match self.head.get(column) {
                Some((_, Align::Right)) => line.extend([&space, cell.as_str(), "  "]),
                _ => line.extend([cell.as_str(), &space, "  "]),
            }
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let names = self.head.get(column).map(|(name, _)| name);
        cells
            .chain(names)
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    }

    /// As a Markdown table.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::new();
        for (name, _) in &self.head {
            let _ = write!(out, "| {name} ");
        }
        out.push_str("|\n");
        for (_, align) in &self.head {
            out.push_str(if *align == Align::Right {
                "|---:"
            } else {
                "|---"
            });
        }
        out.push_str("|\n");
        for row in &self.rows {
            for cell in row {
                let _ = write!(out, "| {} ", cell.replace('|', "\\|"));
            }
            out.push_str("|\n");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut grid = Grid::new([("table", Align::Left), ("rows", Align::Right)]);
        grid.row(["a".to_owned(), "12".to_owned()]);
        grid.row(["endereço".to_owned(), "1,234".to_owned()]);
        assert_eq!(
            grid.text("  "),
            "  table      rows\n  a            12\n  endereço  1,234\n"
        );
        assert_eq!(
            grid.markdown(),
            "| table | rows |\n|---|---:|\n| a | 12 |\n| endereço | 1,234 |\n"
        );
    }
}
