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
        let widths = self.widths();
        let mut out = self.line(indent, &head, &widths);
        out.push_str(&self.lines(indent, &widths));
        out
    }

    /// Aligned by spaces, with the head and a line under it.
    #[cfg(feature = "star")]
    pub(crate) fn ruled(&self) -> String {
        let head: Vec<String> = self.head.iter().map(|(name, _)| name.clone()).collect();
        let widths = self.widths();
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        let rule = rule.join("  ");
        let (head, body) = (self.line("", &head, &widths), self.lines("", &widths));
        format!("{head}{rule}\n{body}")
    }

    /// Aligned by spaces, each line after `indent`, without the head.
    pub(crate) fn body(&self, indent: &str) -> String {
        self.lines(indent, &self.widths())
    }

    fn lines(&self, indent: &str, widths: &[usize]) -> String {
        let lines = self.rows.iter().map(|row| self.line(indent, row, widths));
        lines.collect()
    }

    fn line(&self, indent: &str, cells: &[String], widths: &[usize]) -> String {
        let mut line = indent.to_owned();
        for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let space = " ".repeat(width.saturating_sub(cell.chars().count()));
            match self.head.get(column) {
                Some((_, Align::Right)) => line.extend([&space, cell.as_str(), "  "]),
                _ => line.extend([cell.as_str(), &space, "  "]),
            }
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }

    /// The widest cell of each column, in characters. All rows are read for it: once for all lines.
    fn widths(&self) -> Vec<usize> {
        let names = self.head.iter().map(|(name, _)| name.chars().count());
        let mut widths: Vec<usize> = names.collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        widths
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
