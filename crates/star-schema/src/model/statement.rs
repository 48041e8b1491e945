//! Whether a file holds one statement that reads: as far as that is told without parsing it.

/// Why a file is not one `SELECT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotOne {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) found: String,
}

/// Looks through a statement: it begins with `SELECT` or `WITH`, and nothing but comments stands
/// behind its semicolon, if it has one. Texts, quoted names and comments are passed over.
pub(crate) fn is_one_select(sql: &str) -> Result<(), NotOne> {
    let bytes = sql.as_bytes();
    let line_of = |at: usize| 1 + memchr::memchr_iter(b'\n', &bytes[..at]).count();
    let not_one = |at: usize, found: &str| NotOne {
        line: line_of(at),
        found: found.to_owned(),
    };
    let mut at = 0;
    let mut has_begun = false;
    let mut has_ended = false;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let passed = match rest {
            [b'-', b'-', ..] => rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
            [b'/', b'*', inner @ ..] => match inner.windows(2).position(|two| two == b"*/") {
                Some(end) => end + 4,
                None => return Err(not_one(at, "a comment that does not end")),
            },
            [byte, ..] if byte.is_ascii_whitespace() => 1,
            [b';', ..] if has_begun => {
                has_ended = true;
                1
            }
            _ if has_ended => return Err(not_one(at, "something behind the statement")),
            [quote @ (b'\'' | b'"'), inner @ ..] if has_begun => {
                // A doubled quote is the end of one text and the beginning of the next.
                match inner.iter().position(|byte| byte == quote) {
                    Some(end) => end + 2,
                    None => return Err(not_one(at, "a text that does not end")),
                }
            }
            _ if !has_begun => {
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                let length = rest.iter().take_while(|byte| is_word(byte)).count();
                let word = &sql[at..at + length];
                if !["select", "with"]
                    .iter()
                    .any(|begin| word.eq_ignore_ascii_case(begin))
                {
                    let found = sql[at..]
                        .chars()
                        .take(length.clamp(1, 40))
                        .collect::<String>();
                    return Err(not_one(at, &found));
                }
                has_begun = true;
                length
            }
            _ => 1,
        };
        at += passed;
    }
    if has_begun {
        Ok(())
    } else {
        Err(not_one(bytes.len(), "nothing"))
    }
}

#[cfg(test)]
mod tests {
    use super::is_one_select;

    #[test]
    fn one_select_with_comments_and_texts() {
        for sql in [
            "SELECT 1",
            "-- a; b\n/* c; */ with x as (select ';' as \"a;b\") select * from x; -- end\n",
            "select 'it''s; fine' from t;",
            "select 'ã' from \"município\"",
        ] {
            assert_eq!(is_one_select(sql), Ok(()), "{sql}");
        }
    }

    #[test]
    fn anything_else_is_told_with_its_line() {
        for (sql, line, found) in [
            ("", 1, "nothing"),
            ("-- only\n", 2, "nothing"),
            ("\nDROP TABLE a", 2, "DROP"),
            ("SELECT 1;\nSELECT 2", 2, "something behind the statement"),
            ("SELECT 'a\n", 1, "a text that does not end"),
            ("/* SELECT 1", 1, "a comment that does not end"),
            ("ção", 1, "ç"),
        ] {
            let not_one = is_one_select(sql).unwrap_err();
            assert_eq!(
                (not_one.line, not_one.found.as_str()),
                (line, found),
                "{sql}"
            );
        }
    }
}
