//! Views over a dataset's tables where they stand in a database: a star and its indicators, as SQL.
//!
//! The statements ask the dataset's own tables, by their names. Names that need it stand in double
//! quotes, as the standard has it: `MySQL` and `MariaDB` take that in the mode `ANSI_QUOTES`. Whole numbers
//! are divided by way of `1e0`, which is exact in Postgres and a double elsewhere.

/// A view over a dataset's tables: its name, what it says, and the statement behind it.
///
/// ```
/// let views = lakeseed_gen_core::retail::INFO.views;
/// let revenue = views.iter().find(|view| view.name == "revenue").unwrap();
/// assert!(revenue.about().starts_with("Revenue in all."));
/// assert!(revenue.postgres.contains("FROM invoices"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Its name: that of the star's table or of the indicator.
    pub name: &'static str,
    /// A `SELECT` for Postgres, with its first comment.
    pub postgres: &'static str,
    /// The same for `MySQL` and `MariaDB`.
    pub mysql: &'static str,
}

impl View {
    /// What the view says, for people: the first comment of its statement, in one line.
    pub fn about(&self) -> String {
        let lines = self.postgres.lines();
        let lines = lines.map_while(|line| line.strip_prefix("-- "));
        lines.collect::<Vec<_>>().join(" ")
    }
}

/// A view by its name: of one statement for all systems, or of one each.
macro_rules! view {
    ($folder:literal, $name:literal) => {
        $crate::views::View {
            name: $name,
            postgres: include_str!(concat!($folder, "/", $name, ".sql")),
            mysql: include_str!(concat!($folder, "/", $name, ".sql")),
        }
    };
    ($folder:literal, $name:literal, apart) => {
        $crate::views::View {
            name: $name,
            postgres: include_str!(concat!($folder, "/", $name, ".postgres.sql")),
            mysql: include_str!(concat!($folder, "/", $name, ".mysql.sql")),
        }
    };
}
pub(crate) use view;
