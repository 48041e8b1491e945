//! What a server's answer, or its silence, means.

use std::error::Error as StdError;

use mysql_async::{DriverError, Error as ClientError, ServerError};

use crate::databases::failure::Failure;
use crate::error::{Error, Trouble, chain};
use crate::secret::Scrubber;

/// A key that is there already.
const DUPLICATE: [u16; 3] = [1022, 1062, 1586];
/// `LOAD DATA LOCAL` is switched off: before MySQL 8, since, MariaDB's own, and by a proxy's refusal.
const NO_LOCAL: [u16; 3] = [1148, 3948, 4166];
/// Columns that cannot hold a value: null, out of range, wrong, too long, cut.
const UNFIT: [u16; 7] = [1048, 1264, 1265, 1292, 1366, 1406, 1411];

/// What the client says: the server's words, or why there are none.
pub(super) fn failure_of(error: &ClientError, scrubber: &Scrubber) -> Failure {
    let text = || scrubber.scrub(&chain(error));
    match error {
        ClientError::Server(answer) => of_answer(answer, scrubber),
        ClientError::Io(_) if is_untrusted(error) => Failure::Final(Trouble::Untrusted, text()),
        ClientError::Io(_)
        | ClientError::Driver(
            DriverError::ConnectionClosed
            | DriverError::PacketOutOfOrder
            | DriverError::LocalInfile(_),
        ) => Failure::Passing(Trouble::Unreachable, text()),
        ClientError::Driver(
            DriverError::UnknownAuthPlugin { .. }
            | DriverError::MysqlOldPasswordDisabled
            | DriverError::CleartextPluginDisabled,
        ) => Failure::Final(Trouble::Denied, text()),
        ClientError::Driver(DriverError::NoClientSslFlagFromServer) => Failure::Final(
            Trouble::Unsupported,
            "the server has no TLS, and ssl-mode asks for it".to_owned(),
        ),
        _ => Failure::Final(Trouble::Other, text()),
    }
}

/// Whether the server has no TLS.
pub(super) fn has_no_tls(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Driver(DriverError::NoClientSslFlagFromServer)
    )
}

/// Whether the server forbids `LOAD DATA LOCAL`.
pub(super) fn has_no_local(error: &ClientError) -> bool {
    matches!(error, ClientError::Server(answer) if NO_LOCAL.contains(&answer.code))
}

fn of_answer(answer: &ServerError, scrubber: &Scrubber) -> Failure {
    let text = scrubber.scrub(&answer.message);
    match answer.code {
        code if DUPLICATE.contains(&code) => Failure::Double(text),
        // Unknown database.
        1049 => Failure::Final(Trouble::Missing, text),
        // Access denied, to the database, the server, a table, a column, an act; TLS that is asked for;
        // passwords that have expired; accounts that are locked.
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1410 | 1698 | 1820 | 1862 | 3118 | 3159
        | 4151 => Failure::Final(Trouble::Denied, text),
        // Disk full, table full.
        1021 | 1114 => Failure::Final(Trouble::Full, text),
        // Read only.
        1290 | 1792 | 1836 => Failure::Final(Trouble::Unsupported, text),
        1205 => Failure::Final(
            Trouble::Unavailable,
            format!("{text}: somebody else holds a lock on the table"),
        ),
        // Too many connections, no memory, shutting down, deadlock, killed, gone, idle for too long.
        1020 | 1040 | 1041 | 1053 | 1077 | 1079 | 1203 | 1213 | 1317 | 1927 | 2006 | 2013
        | 3024 | 4031 => Failure::Passing(Trouble::Unavailable, text),
        // A commit that may have been done, or not.
        1180 => Failure::Passing(Trouble::Unknown, text),
        // Packets that were lost on their way.
        1154..=1161 => Failure::Passing(Trouble::Unreachable, text),
        _ => Failure::Final(Trouble::Other, text),
    }
}

/// A warning of a statement that has sent rows: the part cannot stand. `before` are rows of the part
/// that earlier statements have sent, `more` is how many warnings there are beside this one.
pub(super) fn of_warning(
    (table, first_row, before): (&str, u64, u64),
    (code, message): (u16, &str),
    more: u64,
    scrubber: &Scrubber,
) -> Failure {
    let mut text = scrubber.scrub(message);
    let row = number_behind(&text, "at row ").map(|row| first_row + before + row.saturating_sub(1));
    if UNFIT.contains(&code)
        && let (Some(row), Some(column)) = (row, column_of(&text))
    {
        return Failure::Whole(Error::Value {
            table: table.to_owned(),
            column,
            row,
            expected: "a value that the database's column holds".to_owned(),
            found: text,
        });
    }
    if let Some(row) = row {
        text = format!("row {row}: {text}");
    }
    if more > 0 {
        text = format!("{text} (and {more} more warnings)");
    }
    if DUPLICATE.contains(&code) {
        return Failure::Double(text);
    }
    Failure::Final(Trouble::Other, text)
}

/// The number behind a word in a server's message.
fn number_behind(text: &str, word: &str) -> Option<u64> {
    let (_, behind) = text.rsplit_once(word)?;
    let end = behind.find(|c: char| !c.is_ascii_digit());
    behind[..end.unwrap_or(behind.len())].parse().ok()
}

/// The column that a message names: `column 'x' at row`, or with schema and table before it.
fn column_of(text: &str) -> Option<String> {
    let (before, _) = text.rsplit_once(" at row ")?;
    let (_, named) = before.rsplit_once("column ")?;
    let name = named.rsplit_once("`.`").map_or(named, |(_, name)| name);
    Some(name.trim_matches(['\'', '`']).to_owned())
}

/// Whether the handshake failed over a certificate.
fn is_untrusted(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("invalid peer certificate") {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(code: u16, message: &str) -> Failure {
        of_warning(("t", 100, 10), (code, message), 2, &Scrubber::default())
    }

    #[test]
    fn a_warning_names_row_and_column() {
        for message in [
            "Data too long for column 'it''s' at row 3",
            "Data too long for column `shop`.`t`.`it''s` at row 3",
        ] {
            let Failure::Whole(Error::Value { column, row, .. }) = warned(1406, message) else {
                panic!("{message}");
            };
            assert_eq!((column.as_str(), row), ("it''s", 112));
        }
    }

    #[test]
    fn a_key_that_is_there_is_told_apart() {
        let text = "Duplicate entry '9' for key 'PRIMARY'";
        let Failure::Double(told) = warned(1062, text) else {
            panic!();
        };
        assert!(told.contains("'9'") && told.contains("2 more"), "{told}");
        assert!(matches!(warned(1000, "something"), Failure::Final(..)));
    }
}
