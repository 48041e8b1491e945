//! The services beside S3 that hand out keys for a while: STS, a container's agent, a machine's
//! metadata. They give the server's own keys to whoever shows the right token.

use crate::settings::Settings;
use hyper::{Method, Response, StatusCode, http};
use percent_encoding::percent_decode_str;
use s3s::Body;

/// Far enough for every test, and no clock is asked.
const EXPIRES: &str = "2099-12-31T23:59:59Z";
const ROLE: &str = "lakeseed-test-role";
const METADATA: &str = "/latest/meta-data/iam/security-credentials/";

/// Who gives keys, and for which token.
pub(crate) struct Identity {
    token: String,
    access_key: String,
    secret_key: String,
    session_token: String,
}

impl Identity {
    /// None where the settings ask for none.
    pub(crate) fn of(settings: &Settings) -> Option<Self> {
        Some(Self {
            token: settings.identity_token.clone()?,
            access_key: settings.access_key.clone(),
            secret_key: settings.secret_key.clone(),
            session_token: settings.session_token.clone().unwrap_or_default(),
        })
    }

    /// The answer to a request that is for one of these services; None for those to S3.
    pub(crate) fn answer(&self, head: &http::request::Parts) -> Option<Response<Body>> {
        let query = head.uri.query().unwrap_or_default();
        match (&head.method, head.uri.path()) {
            (&Method::POST, "/") if argument(query, "Action").is_some() => Some(self.assume(query)),
            (&Method::GET, "/container") => {
                let shown = head.headers.get(hyper::header::AUTHORIZATION);
                Some(self.keys_for(shown.and_then(|shown| shown.to_str().ok())))
            }
            (&Method::PUT, "/latest/api/token") => Some(text(StatusCode::OK, self.token.clone())),
            (&Method::GET, METADATA) => Some(text(StatusCode::OK, ROLE.to_owned())),
            (&Method::GET, path) if path.strip_prefix(METADATA) == Some(ROLE) => {
                let shown = head.headers.get("x-aws-ec2-metadata-token");
                Some(self.keys_for(shown.and_then(|shown| shown.to_str().ok())))
            }
            _ => None,
        }
    }

    /// `AssumeRoleWithWebIdentity`. A refusal repeats what came, as careless servers do.
    fn assume(&self, query: &str) -> Response<Body> {
        let shown = argument(query, "WebIdentityToken").unwrap_or_default();
        let has_role = argument(query, "RoleArn").is_some_and(|role| role.starts_with("arn:"));
        let is_asked = argument(query, "Action").as_deref() == Some("AssumeRoleWithWebIdentity");
        if shown != self.token || !has_role || !is_asked {
            let refusal = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code>\
                 <Message>not a token of ours: {shown}</Message></Error></ErrorResponse>"
            );
            return text(StatusCode::BAD_REQUEST, refusal);
        }
        let Self {
            access_key,
            secret_key,
            session_token,
            ..
        } = self;
        let keys = format!(
            "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
             <AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>{secret_key}</SecretAccessKey>\
             <SessionToken>{session_token}</SessionToken><Expiration>{EXPIRES}</Expiration>\
             </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        );
        text(StatusCode::OK, keys)
    }

    fn keys_for(&self, shown: Option<&str>) -> Response<Body> {
        if shown != Some(&self.token) {
            let refusal = format!("not a token of ours: {}", shown.unwrap_or_default());
            return text(StatusCode::UNAUTHORIZED, refusal);
        }
        let Self {
            access_key,
            secret_key,
            session_token,
            ..
        } = self;
        let keys = format!(
            "{{\"AccessKeyId\":\"{access_key}\",\"SecretAccessKey\":\"{secret_key}\",\
             \"Token\":\"{session_token}\",\"Expiration\":\"{EXPIRES}\"}}"
        );
        text(StatusCode::OK, keys)
    }
}

/// An argument of a query, decoded.
fn argument(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name)?;
    let value = value.replace('+', " ");
    Some(percent_decode_str(&value).decode_utf8_lossy().into_owned())
}

fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    answer
}
