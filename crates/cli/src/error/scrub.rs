//! Users and passwords in addresses that stand where none belongs: an argument in the wrong place
//! is repeated in the line that refuses it.

/// The text with `***` for whatever looks like a user with a password before an `@`.
pub(super) fn users(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`');
    text.split_inclusive(is_end).map(word).collect()
}

fn word(word: &str) -> String {
    // A password may hold any sign, `@` too: the last one counts.
    let Some(at) = word.rfind('@') else {
        return word.to_owned();
    };
    let (address, host) = word.split_at(at);
    let scheme = address.find(":/").map_or(0, |colon| {
        let slashes = address[colon..].find(|c| c != ':' && c != '/');
        slashes.map_or(address.len(), |slashes| colon + slashes)
    });
    let (scheme, user) = address.split_at(scheme);
    // A key of a bucket may have an `@`, and people have addresses too.
    let is_user = user.contains(':') || (!scheme.is_empty() && !user.contains('/'));
    if is_user {
        format!("{scheme}***{host}")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::users;

    #[test]
    fn takes_out_what_stands_before_an_at() {
        for (text, clean) in [
            ("got 's3://k:p@lake/x'; no", "got 's3://***@lake/x'; no"),
            ("s3:/k:p@lake", "s3:/***@lake"),
            ("s3://k@lake", "s3://***@lake"),
            ("http://a:b@c http://d", "http://***@c http://d"),
            ("http://a:b/@c@d/e", "http://***@d/e"),
            ("got key:pass@host, é", "got ***@host, é"),
        ] {
            assert_eq!(users(text), clean);
        }
    }

    #[test]
    fn leaves_the_rest() {
        for text in [
            "s3://lake/x, me@home",
            "s3://lake/day@7/x",
            "at 12:30 :/ é@",
            "://",
            "",
        ] {
            assert_eq!(users(text), text);
        }
    }
}
