//! What a failed try means: whose fault it is, whether another may help, whether it took effect.

use std::fmt;

use object_store::client::HttpErrorKind;

use super::watch::Seen;
use crate::error::{Error, Trouble, chain};

/// A try that failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) trouble: Trouble,
    pub(crate) again: Again,
    /// The request may have taken effect all the same.
    pub(crate) doubt: bool,
    pub(super) status: Option<u16>,
    pub(super) code: Option<String>,
    /// One line, scrubbed.
    pub(crate) text: String,
}

/// Whether another try may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It cannot.
    Never,
    /// It may, but not while a run begins: these keys are wrong.
    NotAtStart,
    /// It may.
    Yes,
    /// It may with other keys.
    Renewed,
}

/// The error behind [`Error::Remote`]: a line without secrets. The client's own error would carry
/// whatever its libraries put into it.
struct Detail(String);

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Detail {}

impl Failure {
    /// A failure that is found without a request, and that no other try mends.
    pub(super) fn plain(trouble: Trouble, text: impl Into<String>) -> Self {
        Self {
            trouble,
            again: Again::Never,
            doubt: false,
            status: None,
            code: None,
            text: text.into(),
        }
    }

    /// No answer in time.
    pub(super) fn late(seconds: u64) -> Self {
        Self {
            again: Again::Yes,
            doubt: true,
            ..Self::plain(
                Trouble::Unreachable,
                format!("no answer within {seconds} s"),
            )
        }
    }

    /// What the library's error and the watched requests say together.
    pub(super) fn of(error: &object_store::Error, seen: Seen) -> Self {
        if let Some(why) = seen.no_keys {
            return Self {
                again: Again::NotAtStart,
                ..Self::plain(Trouble::Denied, why)
            };
        }
        if let Some((kind, text)) = seen.broken {
            return broken(kind, text);
        }
        let Some(status) = seen.status else {
            // Refused by the library before anything was sent.
            return Self::plain(Trouble::Other, chain(error));
        };
        let code = seen.code.as_deref().unwrap_or_default();
        let (trouble, again) = meaning(status, code);
        let mut text = if status < 300 {
            format!("the answer cannot be read: {}", chain(error))
        } else {
            format!("{status} {code}").trim_end().to_owned()
        };
        if let Some(message) = seen.message {
            text = format!("{text}: {message}");
        }
        if let Some(hint) = hint(status, code) {
            text = format!("{text}; {hint}");
        }
        Self {
            trouble,
            again,
            doubt: status < 300 || status == 408 || (status >= 500 && status != 501),
            status: Some(status),
            code: seen.code,
            text,
        }
    }

    pub(super) fn is_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// No such file. A bucket that is not there, or an upload, is another matter.
    pub(super) fn is_absent(&self) -> bool {
        self.status == Some(404) && !self.is_code("NoSuchBucket") && !self.is_code("NoSuchUpload")
    }

    /// Another file has the name already.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.status, Some(412 | 304))
    }

    /// The error for the caller.
    pub(super) fn into_error(self, action: &'static str, address: String) -> Error {
        Error::Remote {
            action,
            address,
            trouble: self.trouble,
            source: Box::new(Detail(self.text)),
        }
    }
}

/// What a status and a code stand for.
fn meaning(status: u16, code: &str) -> (Trouble, Again) {
    match code {
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" => {
            return (Trouble::Denied, Again::NotAtStart);
        }
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
            return (Trouble::Expired, Again::Renewed);
        }
        "RequestTimeTooSkewed" => return (Trouble::ClockSkew, Again::NotAtStart),
        "NoSuchBucket" => return (Trouble::Missing, Again::Never),
        // Sent with a 400: the body came too slowly, or not as it left.
        "RequestTimeout" | "BadDigest" | "IncompleteBody" | "XAmzContentSHA256Mismatch" => {
            return (Trouble::Unavailable, Again::Yes);
        }
        "NotImplemented" => return (Trouble::Unsupported, Again::Never),
        _ => {}
    }
    match status {
        // MinIO gives 403 in passing; AWS until a changed permission has spread.
        401 | 403 => (Trouble::Denied, Again::Yes),
        // A HEAD has no body to say so, and expired keys are the common reason.
        400 if code.is_empty() => (Trouble::Other, Again::Renewed),
        404 => (Trouble::Missing, Again::Never),
        501 => (Trouble::Unsupported, Again::Never),
        // Below 300 an answer that cannot be read, such as an error behind a 200.
        0..300 | 408 | 409 | 429 | 500.. => (Trouble::Unavailable, Again::Yes),
        _ => (Trouble::Other, Again::Never),
    }
}

fn hint(status: u16, code: &str) -> Option<&'static str> {
    match (status, code) {
        (301 | 307, _)
        | (_, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
            Some("the bucket belongs to another region or endpoint: set --region or --endpoint-url")
        }
        (_, "SignatureDoesNotMatch") => Some("the secret access key is not the one of this id"),
        (_, "RequestTimeTooSkewed") => Some("set this machine's clock"),
        _ => None,
    }
}

/// What the client says of a certificate that it does not take.
const UNTRUSTED: &str = "invalid peer certificate";

/// EMFILE and ENFILE, as std writes them; the client tells them in words only.
const OUT_OF_HANDLES: [&str; 2] = ["(os error 24)", "(os error 23)"];

/// What a connection that did not come about, or broke, means.
pub(crate) fn broken(kind: HttpErrorKind, text: String) -> Failure {
    // No wait makes a certificate known.
    if let Some(at) = text.find(UNTRUSTED) {
        return Failure::plain(Trouble::Untrusted, &text[at..]);
    }
    // No network is to blame, and only a worker that ends gives a handle back.
    if let Some(at) = OUT_OF_HANDLES.iter().find_map(|end| text.find(end)) {
        let start = text[..at].rfind(": ").map_or(0, |colon| colon + 2);
        return Failure {
            again: Again::NotAtStart,
            ..Failure::plain(Trouble::OutOfHandles, &text[start..])
        };
    }
    let lower = text.to_ascii_lowercase();
    let hopeless = ["certificate", "invalid dns name", "builder error"]
        .iter()
        .any(|word| lower.contains(word));
    Failure {
        again: if hopeless { Again::Never } else { Again::Yes },
        // Whatever was not refused at the door may have been read.
        doubt: kind != HttpErrorKind::Connect,
        ..Failure::plain(Trouble::Unreachable, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, code: &str, trouble: Trouble, again: Again, doubt: bool) {
        let error = object_store::Error::Generic {
            store: "S3",
            source: "x".into(),
        };
        let seen = Seen {
            status: Some(status),
            code: Some(code.to_owned()).filter(|code| !code.is_empty()),
            ..Seen::default()
        };
        let failure = Failure::of(&error, seen);
        let found = (failure.trouble, failure.again, failure.doubt);
        assert_eq!(found, (trouble, again, doubt), "{status} {code}");
    }

    #[test]
    fn answers_mean_what_the_page_says() {
        use Again::{Never, NotAtStart, Renewed, Yes};
        check(403, "AccessDenied", Trouble::Denied, Yes, false);
        check(403, "", Trouble::Denied, Yes, false);
        check(
            403,
            "InvalidAccessKeyId",
            Trouble::Denied,
            NotAtStart,
            false,
        );
        check(
            403,
            "SignatureDoesNotMatch",
            Trouble::Denied,
            NotAtStart,
            false,
        );
        check(400, "ExpiredToken", Trouble::Expired, Renewed, false);
        check(403, "ExpiredToken", Trouble::Expired, Renewed, false);
        check(
            400,
            "TokenRefreshRequired",
            Trouble::Expired,
            Renewed,
            false,
        );
        check(
            403,
            "RequestTimeTooSkewed",
            Trouble::ClockSkew,
            NotAtStart,
            false,
        );
        check(404, "NoSuchBucket", Trouble::Missing, Never, false);
        check(404, "NoSuchKey", Trouble::Missing, Never, false);
        check(400, "RequestTimeout", Trouble::Unavailable, Yes, false);
        check(400, "InvalidArgument", Trouble::Other, Never, false);
        check(
            409,
            "ConditionalRequestConflict",
            Trouble::Unavailable,
            Yes,
            false,
        );
        check(429, "TooManyRequests", Trouble::Unavailable, Yes, false);
        check(503, "SlowDown", Trouble::Unavailable, Yes, true);
        check(500, "InternalError", Trouble::Unavailable, Yes, true);
        check(501, "NotImplemented", Trouble::Unsupported, Never, false);
        check(200, "", Trouble::Unavailable, Yes, true);
        check(301, "PermanentRedirect", Trouble::Other, Never, false);
    }

    #[test]
    fn a_broken_connection_leaves_doubt_unless_there_was_none() {
        let gone = broken(HttpErrorKind::Interrupted, "reset".to_owned());
        assert_eq!(
            (gone.trouble, gone.again, gone.doubt),
            (Trouble::Unreachable, Again::Yes, true)
        );
        assert!(!broken(HttpErrorKind::Connect, "refused".to_owned()).doubt);
        let text = "error sending request: invalid peer certificate: UnknownIssuer";
        let tls = broken(HttpErrorKind::Connect, text.to_owned());
        assert_eq!(
            (tls.trouble, tls.again, tls.doubt),
            (Trouble::Untrusted, Again::Never, false)
        );
        assert_eq!(tls.text, "invalid peer certificate: UnknownIssuer");
        let text = "error sending request: tcp open error: Too many open files (os error 24)";
        let full = broken(HttpErrorKind::Connect, text.to_owned());
        assert_eq!(
            (full.trouble, full.again, full.doubt),
            (Trouble::OutOfHandles, Again::NotAtStart, false)
        );
        assert_eq!(full.text, "Too many open files (os error 24)");
    }
}
