//! Rows of the user's own from a table of a database.

use anyhow::Result;
use lakeseed_sink::Error;
use lakeseed_sink::databases::{Database, read_table};

use super::{Read, too_many};
use crate::error::Failure;
use crate::lower::load::database;

/// All rows of the table that an address names behind its database.
pub(super) fn read_at(table: &str, place: &str, most: u64) -> Result<Read> {
    let (address, name) = parted(table, place)?;
    let from = database(&address)?;
    read_from(from.as_ref(), &name, table, most)
}

/// All rows of a table called `name`, for those of `table`.
pub(super) fn read_from(from: &dyn Database, name: &str, table: &str, most: u64) -> Result<Read> {
    let batches = read_table(from, name, most).map_err(|error| match error {
        Error::Memory { .. } => too_many(table, most),
        Error::Invalid {
            expected, found, ..
        } => {
            let advice = format!("check --use {table}");
            Failure::refused(expected, found, &advice)
        }
        other => Failure::of_loading(other, "nothing was changed"),
    })?;
    let Some(first) = batches.first() else {
        let expected = format!("rows in {name} at {} for --use {table}", from.address());
        return Err(Failure::refused(expected, "none", "fill it, or leave it out").into());
    };
    Ok(Read {
        schema: first.schema(),
        place: format!("{}/{name}", from.address()),
        batches,
    })
}

/// The address of the database, and the name of the table in it.
fn parted(table: &str, place: &str) -> Result<(String, String)> {
    let (path, query) = match place.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (place, String::new()),
    };
    let of_table = path.split_once("://").and_then(|(scheme, rest)| {
        let (authority, path) = rest.split_once('/')?;
        let (database, name) = path.split_once('/')?;
        let name = decoded(name)?;
        let is_one = !name.is_empty() && !database.is_empty();
        is_one.then(|| (format!("{scheme}://{authority}/{database}{query}"), name))
    });
    of_table.ok_or_else(|| {
        // What came may hold a password.
        let expected = format!("--use {table}=postgres://HOST/DATABASE/TABLE, or mysql://");
        let advice = "name the table behind the database, with / in a name as %2F";
        Failure::usage(expected, "an address without both", advice).into()
    })
}

/// A name of an address as it is.
fn decoded(text: &str) -> Option<String> {
    if text.contains('/') {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_stands_behind_its_database() {
        let of = |place: &str| parted("sellers", place).ok();
        let found = |address: &str, name: &str| Some((address.to_owned(), name.to_owned()));
        assert_eq!(
            of("mysql://ana:p%2Fw@db:3306/shop/vendedores?ssl-mode=disabled"),
            found(
                "mysql://ana:p%2Fw@db:3306/shop?ssl-mode=disabled",
                "vendedores"
            )
        );
        assert_eq!(
            of("postgres:///shop/a%20b%C3%A7"),
            found("postgres:///shop", "a bç")
        );
        for none in [
            "postgres://db/shop",
            "postgres://db/shop/",
            "postgres://db//sellers",
            "postgres://db/shop/public/sellers",
            "postgres://db/shop/%zz",
            "postgres://db/shop/%e7",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_not_shown() {
        let error = parted("sellers", "mysql://ana:topsecret@db").unwrap_err();
        assert!(!format!("{error:?} {error:#}").contains("topsecret"));
    }
}
