//! The exact line with which a common tool reads what was written.

use lakeseed_sink::{FormatKind, Plan};

use crate::lower::Job;

/// For the last table, which is the largest in most datasets: `DuckDB`, or `PyArrow` for Arrow
/// files, which `DuckDB` does not read without an extension. `secret` is what `DuckDB` needs before,
/// with variables that the shell is to fill in.
pub(super) fn line(out: &str, secret: &str, job: &Job, plan: &Plan<'_>) -> String {
    let Some(table) = plan.tables().last() else {
        return String::new();
    };
    let is_partitioned = !table.partition_columns().is_empty();
    let folder = format!("{out}/{}", table.name());
    let depth = if is_partitioned { "**/*" } else { "*" };
    let files = format!("{folder}/{depth}.{}", job.format.extension());
    let files = shell(&files.replace('\'', "''"));
    let hive = if is_partitioned {
        ", hive_partitioning = true"
    } else {
        ""
    };
    let query = match job.format.kind() {
        FormatKind::Parquet if !is_partitioned => format!("FROM '{files}' LIMIT 10"),
        FormatKind::Parquet => format!("FROM read_parquet('{files}'{hive}) LIMIT 10"),
        FormatKind::Csv => format!("FROM read_csv('{files}'{hive}) LIMIT 10"),
        FormatKind::Json => format!("FROM read_json('{files}'{hive}) LIMIT 10"),
        _ => return pyarrow(&folder, is_partitioned),
    };
    format!("duckdb -c \"{secret}{query}\"")
}

fn pyarrow(folder: &str, is_partitioned: bool) -> String {
    let folder = shell(&folder.replace('\\', "\\\\").replace('\'', "\\'"));
    let hive = if is_partitioned {
        ", partitioning='hive'"
    } else {
        ""
    };
    format!(
        "python3 -c \"import pyarrow.dataset as ds; \
         print(ds.dataset('{folder}', format='arrow'{hive}).head(10))\""
    )
}

/// What a shell would take for its own within double quotes is escaped.
fn shell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '$' | '`' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
