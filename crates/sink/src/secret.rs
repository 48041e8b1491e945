//! Secrets, and the scrubber that every text passes before it leaves a store or a queue.

use std::fmt;
use std::sync::{PoisonError, RwLock};

/// What stands where something was taken out.
const HIDDEN: &str = "***";
/// Below this length a secret is only replaced where it stands as a whole word: the toy secret
/// `test` would otherwise eat parts of every other word.
const SHORT: usize = 8;
/// The parts of a presigned address that prove who asks.
const SIGNED: &[&str] = &[
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
];
/// Elements of a server's error answer that repeat what was signed, or with what.
const ECHOES: &[&str] = &[
    "AWSAccessKeyId",
    "AccessKeyId",
    "SecretAccessKey",
    "SessionToken",
    "SignatureProvided",
    "StringToSign",
    "StringToSignBytes",
    "CanonicalRequest",
    "CanonicalRequestBytes",
    "Token-0",
];

/// A text that is never shown: not by `Debug`, not by `Display`, not by serde.
///
/// ```
/// use lakeseed_sink::Secret;
///
/// let secret = Secret::new("wJalrXUtnFEMI");
/// assert_eq!(format!("{secret:?} {secret}"), "*** ***");
/// assert_eq!(secret.reveal(), "wJalrXUtnFEMI");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// Takes secrets out of texts: those that it was told, and whatever has the shape of one.
#[derive(Default)]
pub(crate) struct Scrubber {
    /// Longest first, so that a secret which contains another goes whole.
    known: RwLock<Vec<String>>,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrubber")
    }
}

impl Scrubber {
    /// Adds a secret in use, and the form that it has inside of an address.
    pub(crate) fn learn(&self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        let encoded =
            percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for form in [secret.to_owned(), encoded.to_string()] {
            if !known.contains(&form) {
                known.push(form);
            }
        }
        known.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// The text without secrets, on one line.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut text: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        for secret in self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            text = without(&text, secret);
        }
        scrub_shapes(&text)
    }
}

/// Takes out what has the shape of a secret, known or not: users of addresses, signatures of
/// presigned ones, headers, a server's echo of what was signed.
pub(crate) fn scrub_shapes(text: &str) -> String {
    let mut text = without_users(text);
    for name in SIGNED {
        text = without_values(&text, name, '=');
    }
    for name in ["signature", "credential"] {
        text = without_values(&text, name, '=');
    }
    text = without_values(&text, "x-amz-security-token", ':');
    for name in ECHOES {
        text = without_element(&text, name);
    }
    text
}

fn without(text: &str, secret: &str) -> String {
    if secret.len() >= SHORT {
        return text.replace(secret, HIDDEN);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(secret) {
        let (before, from) = rest.split_at(at);
        let after = &from[secret.len()..];
        let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        clean.push_str(before);
        let within = joined(clean.chars().next_back()) || joined(after.chars().next());
        clean.push_str(if within { secret } else { HIDDEN });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

/// `http://user:password@host` becomes `http://***@host`.
fn without_users(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c))
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        rest = tail;
        if let Some((_, host)) = authority.rsplit_once('@') {
            clean.push_str(HIDDEN);
            clean.push('@');
            clean.push_str(host);
        } else {
            clean.push_str(authority);
        }
    }
    clean.push_str(rest);
    clean
}

/// `NAME=value` becomes `NAME=***`, in any case of letters, up to the next separator.
fn without_values(text: &str, name: &str, sign: char) -> String {
    // Lower case of ASCII keeps every offset.
    let lower = text.to_ascii_lowercase();
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    for (at, _) in lower.match_indices(name) {
        if at < done {
            continue;
        }
        let after = &text[at + name.len()..];
        let Some(value) = after.strip_prefix(sign) else {
            continue;
        };
        let blank = value.len() - value.trim_start().len();
        let start = at + name.len() + sign.len_utf8() + blank;
        let end = text[start..]
            .find(|c: char| c.is_whitespace() || "&\"'<>,;)".contains(c))
            .map_or(text.len(), |length| start + length);
        if end > start {
            clean.push_str(&text[done..start]);
            clean.push_str(HIDDEN);
            done = end;
        }
    }
    clean.push_str(&text[done..]);
    clean
}

/// `<Name>value</Name>` becomes `<Name>***</Name>`; one that is cut off is taken out to the end.
fn without_element(text: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&open) {
        let (before, from) = rest.split_at(at + open.len());
        clean.push_str(before);
        clean.push_str(HIDDEN);
        rest = from.find(&close).map_or("", |end| &from[end..]);
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, clean: &str) {
        let scrubber = Scrubber::default();
        scrubber.learn("SecretKeyOf/Sixteen+");
        scrubber.learn("AKIDCANARY000000");
        scrubber.learn("test");
        assert_eq!(scrubber.scrub(text), clean);
    }

    #[test]
    fn takes_out_known_secrets_in_both_forms() {
        check("a SecretKeyOf/Sixteen+ b", "a *** b");
        check("a=SecretKeyOf%2FSixteen%2B&b", "a=***&b");
        check("key AKIDCANARY000000.", "key ***.");
    }

    #[test]
    fn takes_out_a_short_secret_only_as_a_word() {
        check("latest test, tester (test)", "latest ***, tester (***)");
    }

    #[test]
    fn takes_out_users_of_addresses() {
        check(
            "http://u:p@h:1/x and https://h/a@b",
            "http://***@h:1/x and https://h/a@b",
        );
        check("proxy http://user:p@ss@host", "proxy http://***@host");
    }

    #[test]
    fn takes_out_signatures_of_presigned_addresses() {
        check(
            "https://h/k?X-Amz-Credential=AK%2F1&X-Amz-Date=2&X-Amz-Signature=abc",
            "https://h/k?X-Amz-Credential=***&X-Amz-Date=2&X-Amz-Signature=***",
        );
        check(
            "x-amz-security-token: abc def",
            "x-amz-security-token: *** def",
        );
        check(
            "AWS4-HMAC-SHA256 Credential=AK/20/s3, SignedHeaders=host, Signature=00ff",
            "AWS4-HMAC-SHA256 Credential=***, SignedHeaders=host, Signature=***",
        );
    }

    #[test]
    fn takes_out_what_a_server_repeats() {
        check(
            "<Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AK</AWSAccessKeyId><StringToSign>x\ny",
            "<Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>***</AWSAccessKeyId><StringToSign>***",
        );
    }

    #[test]
    fn keeps_everything_else() {
        let text = "403 AccessDenied: not authorised to do s3:PutObject on s3://lake/demo, é";
        check(text, text);
    }
}
