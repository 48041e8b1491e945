//! Questions: a file each, whose first comment is its title.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::query::named;
use crate::{Error, Result};

/// A folder of questions that is built in.
macro_rules! questions {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../questions/", $folder, "/", $name, ".sql")))),+]
    };
}

/// A question to measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The name of its file, without the ending.
    pub name: String,
    /// What it asks, in a few words.
    pub title: String,
    /// One `SELECT`.
    pub sql: String,
}

impl Question {
    /// A question from its statement. Its first line is its title, where it is a comment.
    ///
    /// ```
    /// use lakeseed_star_schema::bench::Question;
    ///
    /// let question = Question::new("pets", "-- How many pets\nSELECT count(*) FROM pets");
    /// assert_eq!(question.title, "How many pets");
    /// ```
    pub fn new(name: impl Into<String>, sql: impl Into<String>) -> Self {
        let (name, sql) = (name.into(), sql.into());
        let comment = sql.lines().next().and_then(|line| line.strip_prefix("--"));
        let title = comment.map(str::trim).filter(|title| !title.is_empty());
        let title = title.unwrap_or(&name).to_owned();
        Self { name, title, sql }
    }

    /// Those that are built in: four classic ones to the tables of the dataset `retail`, then ten to its
    /// star. They stand in `questions/retail` of this crate.
    pub fn retail() -> Vec<Self> {
        let all = questions!("retail":
            "full_scan_count",
            "one_month",
            "sum_by_product",
            "join_with_stock",
            "revenue_by_month",
            "growth_by_month",
            "revenue_by_state_and_category",
            "top_products",
            "seller_commission",
            "ticket_by_payment",
            "cancelled_by_segment",
            "customers_abc",
            "cohort_retention",
            "stock_cover",
        );
        all.map(|(name, sql)| Self::new(name, sql)).to_vec()
    }

    /// The files `*.sql` of a folder, in order of their names.
    ///
    /// # Errors
    /// [`Error::Query`]: a folder or a file that cannot be read, no such file.
    pub fn in_folder(folder: &Path) -> Result<Vec<Self>> {
        let unreadable = |path: &Path, cause: &dyn std::fmt::Display| {
            refused(
                format!("files that can be read at {}", path.display()),
                cause,
            )
        };
        let entries = fs::read_dir(folder).map_err(|cause| unreadable(folder, &cause))?;
        let mut questions = Vec::new();
        for entry in entries {
            let path = entry.map_err(|cause| unreadable(folder, &cause))?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let is_sql = path.extension().is_some_and(|ending| ending == "sql");
            if is_sql && !name.starts_with('.') {
                let sql = fs::read_to_string(&path).map_err(|cause| unreadable(&path, &cause))?;
                questions.push(Self::new(name, sql));
            }
        }
        if questions.is_empty() {
            let expected = format!("files NAME.sql in {}", folder.display());
            return Err(refused(expected, &"none"));
        }
        questions.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(questions)
    }

    /// The tables that it names and that are not among those which are known. Of a statement that cannot
    /// be read nothing is said.
    pub fn missing(&self, known: &[String]) -> Vec<String> {
        let named = named(&self.sql).unwrap_or_default();
        let tables = named.iter().map(ToString::to_string);
        tables.filter(|name| !known.contains(name)).collect()
    }
}

fn refused(expected: String, found: &dyn std::fmt::Display) -> Error {
    Error::Query {
        expected,
        found: found.to_string(),
        advice: "name a folder with a question a file".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A question that stands in the folder and not in the list would never be asked.
    #[test]
    fn every_file_is_built_in_and_has_a_title() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("questions/retail");
        let mut built_in = Question::retail();
        assert!(
            built_in
                .iter()
                .all(|question| question.title != question.name)
        );
        built_in.sort_by(|one, other| one.name.cmp(&other.name));
        assert_eq!(built_in, Question::in_folder(&folder).unwrap());
    }
}
