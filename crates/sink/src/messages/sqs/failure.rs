//! What a server's answer, or its silence, means.

use http::HeaderMap;
use object_store::client::HttpError;
use serde::Deserialize;

use crate::error::{Error, Trouble, chain};
use crate::store::s3::failure::{Again, broken};

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not done, and may go by: a server that starts, or asks for patience.
    Passing(Trouble, String),
    /// The request went out and no whole answer came: it may have been done.
    Lost(String),
    /// The keys have expired: with others it may go.
    Stale(String),
    /// Waiting does not help.
    Final(Trouble, String),
    /// It stands in the library's words already.
    Whole(Error),
}

/// What a refusal says, as JSON.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(alias = "Message", default)]
    message: String,
}

impl Failure {
    pub(super) fn silent() -> Self {
        Self::Lost("no answer came in time".to_owned())
    }

    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Passing(..) | Self::Lost(_))
    }

    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Final(Trouble::Missing, _))
    }

    /// The library's error. The text has passed the scrubber.
    pub(super) fn into_error(self, action: &'static str, address: String) -> Error {
        let (trouble, text) = match self {
            Self::Passing(trouble, text) | Self::Final(trouble, text) => (trouble, text),
            Self::Lost(text) => (Trouble::Unreachable, text),
            Self::Stale(text) => (Trouble::Expired, text),
            Self::Whole(error) => return error,
        };
        Error::Remote {
            action,
            address,
            trouble,
            source: text.into(),
        }
    }

    /// The same after so many seconds of trying.
    pub(super) fn after(self, seconds: f64) -> Self {
        let more = |text: String| format!("{text}, for {seconds} s");
        match self {
            Self::Passing(trouble, text) => Self::Passing(trouble, more(text)),
            Self::Lost(text) => Self::Lost(more(text)),
            other => other,
        }
    }

    /// A connection that did not come about, or broke.
    pub(super) fn of_transport(error: &HttpError, scrub: impl Fn(&str) -> String) -> Self {
        let failure = broken(error.kind(), scrub(&chain(error)));
        match failure.again {
            Again::Yes if failure.doubt => Self::Lost(failure.text),
            Again::Yes => Self::Passing(failure.trouble, failure.text),
            _ => Self::Final(failure.trouble, failure.text),
        }
    }

    /// A refusal: its code stands in the body, or in a header where a server has both forms.
    pub(super) fn of_answer(
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
        scrub: impl Fn(&str) -> String,
    ) -> Self {
        let Refusal { kind, message } = serde_json::from_slice(body).unwrap_or_default();
        let header = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            value.split([';', ':']).next().map(str::to_owned)
        };
        let text = String::from_utf8_lossy(body);
        let element = |name: &str| element(&text, name).unwrap_or_default();
        let code = Some(kind)
            .filter(|kind| !kind.is_empty())
            .or_else(|| header("x-amzn-query-error"))
            .or_else(|| header("x-amzn-errortype"))
            .unwrap_or_else(|| element("Code"));
        let message = Some(message)
            .filter(|message| !message.is_empty())
            .unwrap_or_else(|| element("Message"));
        let failure = Self::of_code(&code, &message, &scrub);
        failure.unwrap_or_else(|| {
            let text = scrub(&told(&format!("{status} {}", bare(&code)), &message));
            match status {
                401 | 403 => Self::Final(Trouble::Denied, text),
                408 | 429 | 500.. => Self::Passing(Trouble::Unavailable, text),
                _ => Self::Final(Trouble::Other, text),
            }
        })
    }

    /// What one message of a batch was refused for.
    pub(super) fn of_entry(
        code: &str,
        message: &str,
        is_ours: bool,
        scrub: impl Fn(&str) -> String,
    ) -> Self {
        Self::of_code(code, message, &scrub).unwrap_or_else(|| {
            let text = scrub(&told(bare(code), message));
            if is_ours {
                Self::Final(Trouble::Other, text)
            } else {
                Self::Passing(Trouble::Unavailable, text)
            }
        })
    }

    /// What a code means; none where it is one that its status, or whose fault it is, tells better.
    fn of_code(code: &str, message: &str, scrub: &impl Fn(&str) -> String) -> Option<Self> {
        let code = bare(code);
        let text = scrub(&told(code, message));
        let lower = message.to_lowercase();
        Some(match code {
            "QueueDoesNotExist" | "NonExistentQueue" => Self::Final(Trouble::Missing, text),
            // Signed too long ago, or for the future, by the server's clock.
            "InvalidSignatureException" | "SignatureDoesNotMatch"
                if lower.contains("expired") || lower.contains("not yet current") =>
            {
                Self::Final(Trouble::ClockSkew, text)
            }
            "RequestExpired" | "RequestTimeTooSkewed" => Self::Final(Trouble::ClockSkew, text),
            "ExpiredToken" | "ExpiredTokenException" => Self::Stale(text),
            "AccessDenied"
            | "AccessDeniedException"
            | "AuthFailure"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidSecurity"
            | "InvalidSignatureException"
            | "KmsAccessDenied"
            | "KmsDisabled"
            | "KmsInvalidKeyUsage"
            | "KmsInvalidState"
            | "KmsNotFound"
            | "KmsOptInRequired"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "NotAuthorized"
            | "OptInRequired"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException" => Self::Final(Trouble::Denied, text),
            "InternalError"
            | "InternalFailure"
            | "InternalServerError"
            | "KmsThrottled"
            | "QueueDeletedRecently"
            | "RequestThrottled"
            | "ServiceUnavailable"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException" => Self::Passing(Trouble::Unavailable, text),
            // More messages are taken than may be.
            "OverLimit" => Self::Passing(Trouble::Full, text),
            "UnsupportedOperation" => Self::Final(Trouble::Unsupported, text),
            _ => return None,
        })
    }
}

/// A code without the names of services before it.
fn bare(code: &str) -> &str {
    let code = code.rsplit_once('#').map_or(code, |(_, code)| code);
    code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code)
}

fn told(code: &str, message: &str) -> String {
    match message {
        "" => code.trim().to_owned(),
        _ => format!("{}: {message}", code.trim()),
    }
}

/// The text of an element that holds nothing but text: servers refuse keys in XML.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Failure {
        Failure::of_answer(status, &HeaderMap::new(), body.as_bytes(), str::to_owned)
    }

    #[track_caller]
    fn check(status: u16, body: &str, trouble: Trouble, is_passing: bool) {
        let failure = of(status, body);
        assert_eq!(failure.is_passing(), is_passing, "{failure:?}");
        match failure.into_error("ask", "q".to_owned()) {
            Error::Remote { trouble: found, .. } => assert_eq!(found, trouble, "{body}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_mean_what_the_page_says() {
        let missing = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"gone"}"#;
        check(400, missing, Trouble::Missing, false);
        assert!(of(400, missing).is_missing());
        let xml = "<Error><Code>InvalidClientTokenId</Code><Message>no</Message></Error>";
        check(403, xml, Trouble::Denied, false);
        check(403, "", Trouble::Denied, false);
        let skewed = r#"{"__type":"x#InvalidSignatureException","message":"Signature expired: a"}"#;
        check(400, skewed, Trouble::ClockSkew, false);
        let stale = r#"{"__type":"x#ExpiredTokenException","message":"a"}"#;
        check(400, stale, Trouble::Expired, false);
        let slow = r#"{"__type":"com.amazonaws.sqs#RequestThrottled","Message":"a"}"#;
        check(400, slow, Trouble::Unavailable, true);
        check(
            400,
            r#"{"__type":"KmsThrottled"}"#,
            Trouble::Unavailable,
            true,
        );
        check(
            400,
            r#"{"__type":"KmsAccessDenied"}"#,
            Trouble::Denied,
            false,
        );
        check(503, "", Trouble::Unavailable, true);
        check(
            400,
            r#"{"__type":"a#BatchRequestTooLong"}"#,
            Trouble::Other,
            false,
        );
    }

    #[test]
    fn a_header_tells_what_a_body_does_not() {
        let mut headers = HeaderMap::new();
        let code = "AWS.SimpleQueueService.NonExistentQueue;Sender";
        headers.insert("x-amzn-query-error", code.parse().unwrap());
        let failure = Failure::of_answer(400, &headers, b"{}", str::to_owned);
        assert!(failure.is_missing(), "{failure:?}");
    }

    #[test]
    fn a_message_of_a_batch_is_tried_again_where_it_is_not_its_fault() {
        let of = |code, is_ours| Failure::of_entry(code, "m", is_ours, str::to_owned).is_passing();
        assert!(of("ServiceUnavailable", false) && of("Strange", false));
        assert!(of("RequestThrottled", true) && !of("InvalidMessageContents", true));
    }
}
