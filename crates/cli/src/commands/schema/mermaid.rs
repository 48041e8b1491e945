//! An entity diagram for Mermaid, which GitHub draws in Markdown.

use std::fmt::Write;

use arrow_schema::Field;
use lakeseed_gen_core::Table;

use super::{doc, is_key, parent, type_name};

pub(super) fn diagram(tables: &[Table]) -> String {
    let mut out = "erDiagram\n".to_owned();
    for table in tables {
        for field in table.schema().fields() {
            if let Some((parent, _)) = parent(field) {
                let one = if field.is_nullable() { "|o" } else { "||" };
                let (child, name) = (table.name(), field.name());
                let _ = writeln!(out, "    {parent} {one}--o{{ {child} : \"{name}\"");
            }
        }
    }
    for table in tables {
        let _ = writeln!(out, "    {} {{", table.name());
        for field in table.schema().fields() {
            let _ = writeln!(out, "        {}", attribute(field));
        }
        out.push_str("    }\n");
    }
    out
}

fn attribute(field: &Field) -> String {
    let mut line = format!("{} {}", word(&type_name(field.data_type())), field.name());
    let keys = [is_key(field).then_some("PK"), parent(field).map(|_| "FK")];
    let keys: Vec<&str> = keys.into_iter().flatten().collect();
    if !keys.is_empty() {
        line.push(' ');
        line.push_str(&keys.join(", "));
    }
    if !doc(field).is_empty() {
        let _ = write!(line, " \"{}\"", doc(field).replace('"', "'"));
    }
    line
}

/// The grammar takes letters, digits and `_` for a type: `decimal(12,2)` is `decimal_12_2`.
fn word(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    plain.trim_end_matches('_').to_owned()
}
