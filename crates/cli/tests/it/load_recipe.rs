//! The script of the recipe for databases, as it stands in the book, against a real PostgreSQL.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::load::server::Shop;
use crate::support::{Ran, binary, json, ran};

const PAGES: [&str; 2] = [
    include_str!("../../../../docs/recipes/database.md"),
    include_str!("../../../../docs/recipes/database.pt-BR.md"),
];

/// The script of a page: what stands between its first line and the end of the block.
fn script(page: &str) -> &str {
    let (_, rest) = page.split_once("```sh\n#!/bin/sh\n").unwrap();
    rest.split_once("```").unwrap().0
}

fn day(folder: &Path, shop: &Shop, day: &str) -> Ran {
    // What the binary of a test is given, and where it is found.
    let program = binary(folder);
    let mut command = Command::new("/bin/sh");
    command.current_dir(folder).arg("lakeseed-day").arg(day);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let bin = Path::new(program.get_program()).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", bin.display()));
    command
        .env("LAKESEED_TO", shop.url())
        .env("LAKESEED_SCALE", "0.01");
    ran(&mut command)
}

#[test]
fn a_day_is_added_once_however_often_and_in_any_order() {
    let Some(shop) = Shop::open("cli_recipe_days") else {
        return;
    };
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    let without_comment = |page| -> Vec<&str> {
        let lines = script(page).lines();
        lines.filter(|line| !line.starts_with('#')).collect()
    };
    assert_eq!(without_comment(PAGES[0]), without_comment(PAGES[1]));
    fs::write(folder.join("lakeseed-day"), script(PAGES[0])).unwrap();
    json(folder, &format!("load retail -s 0.01 --to {to}"));
    // The third before the second, the first twice.
    for of_january in ["2024-01-01", "2024-01-03", "2024-01-01", "2024-01-02"] {
        let done = day(folder, &shop, of_january);
        assert_eq!(done.code, Some(0), "{of_january}: {}", done.err);
    }
    let all = "SELECT count(*), max(invoice_id), count(DISTINCT issued_at::date) FROM invoices \
               WHERE issued_at >= '2024-01-01'";
    let expected = json(
        folder,
        "plan retail.invoices -s 0.01 --start 2024-01-01 --end 2024-01-03",
    );
    let rows = expected["tables"][0]["rows"].as_u64().unwrap();
    assert_eq!(shop.ask(all), format!("{rows}|{}|3", 30_000 + rows));
    let lost = "SELECT count(*) FROM invoices LEFT JOIN invoice_items USING (invoice_id) \
                WHERE invoice_items.invoice_id IS NULL";
    assert_eq!(shop.ask(lost), "0");
    assert_eq!(json(folder, &format!("verify {to}"))["clean"], true);
    // What the command ends with, the script ends with.
    assert_eq!(day(folder, &shop, "2024-01-32").code, Some(2));
}
