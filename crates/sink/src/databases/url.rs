//! Addresses of databases: `SCHEME://USER:PASSWORD@HOST:PORT/DATABASE?NAME=VALUE`, percent-encoded.

use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::error::{Error, Result};
use crate::secret::Secret;

/// What of a name is not shown as it is.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What an address of a system looks like, for people.
pub(super) struct Form {
    /// What it is called in errors.
    pub(super) what: &'static str,
    pub(super) schemes: &'static [&'static str],
    pub(super) looks: &'static str,
    pub(super) parameters: &'static str,
}

/// What an address says; it may leave all of it to the environment.
#[derive(Default)]
pub(super) struct Url {
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) database: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    /// Names as they stand, values decoded.
    pub(super) parameters: Vec<(String, String)>,
}

impl Form {
    /// Reads an address.
    ///
    /// # Errors
    /// [`Error::Invalid`], which shows nothing that may be a password.
    pub(super) fn parse(&self, text: &str) -> Result<Url> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(self.refused(text, self.looks));
        };
        if !self.schemes.contains(&scheme) {
            return Err(self.refused(text, self.looks));
        }
        let mut url = Url::default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = match authority.split_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if host.contains('@') || database.contains('@') {
            let expected = "a user and a password once, before the host, with `@` written as %40 \
                            and `/` as %2F";
            return Err(self.refused(text, expected));
        }
        if let Some(user) = user {
            let expected = "a user and a password, percent-encoded UTF-8 without NUL";
            let taken = url.take_user(user);
            taken.ok_or_else(|| self.refused(text, expected))?;
        }
        let taken = url.take_host(host);
        taken.ok_or_else(|| self.refused(text, self.looks))?;
        if !database.is_empty() {
            let name = decoded(database);
            url.database = Some(name.ok_or_else(|| self.refused(text, self.looks))?);
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let pair = pair.split_once('=');
            let pair = pair.and_then(|(name, value)| Some((name.to_owned(), decoded(value)?)));
            let pair = pair.ok_or_else(|| self.refused(text, self.parameters))?;
            url.parameters.push(pair);
        }
        Ok(url)
    }

    /// An address that is none.
    pub(super) fn refused(&self, text: &str, expected: &str) -> Error {
        Error::Invalid {
            what: self.what,
            expected: expected.to_owned(),
            found: shown_of(text),
        }
    }
}

impl Url {
    fn take_user(&mut self, text: &str) -> Option<()> {
        let (user, password) = match text.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (text, None),
        };
        self.user = Some(decoded(user).filter(|user| !user.is_empty())?);
        if let Some(password) = password {
            self.password = Some(Secret::new(decoded(password)?));
        }
        Some(())
    }

    /// Reads `HOST` or `HOST:PORT`; a number of version 6 stands in brackets.
    fn take_host(&mut self, text: &str) -> Option<()> {
        let bracket = text.rfind(']').unwrap_or(0);
        let name = match text[bracket..].rfind(':') {
            Some(at) => {
                let (name, port) = text.split_at(bracket + at);
                self.port = Some(port[1..].parse().ok().filter(|port| *port > 0)?);
                name
            }
            None => text,
        };
        if name.is_empty() {
            return Some(());
        }
        let letter = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let name = match name.strip_prefix('[').and_then(|v6| v6.strip_suffix(']')) {
            Some(v6) => v6.parse::<Ipv6Addr>().ok().map(|_| v6)?,
            None => Some(name).filter(|name| name.chars().all(letter))?,
        };
        self.host = Some(name.to_owned());
        Some(())
    }
}

/// An address without credentials; `socket` is the parameter that names a socket, and its value.
pub(super) fn shown(
    scheme: &str,
    host: &str,
    port: u16,
    database: &str,
    socket: Option<(&str, &str)>,
) -> String {
    let database = utf8_percent_encode(database, IN_PATH);
    match socket {
        Some((name, path)) => format!("{scheme}:///{database}?{name}={path}"),
        None if host.contains(':') => format!("{scheme}://[{host}]:{port}/{database}"),
        None => format!("{scheme}://{host}:{port}/{database}"),
    }
}

/// An address that is none, without what may be a password: whatever stands before the last `@`, with
/// any sign in it, and every value of a parameter.
fn shown_of(text: &str) -> String {
    let (head, query) = text.split_once('?').unwrap_or((text, ""));
    // An `@` in the query too: a password with a question mark in it.
    let tail = match text.rsplit_once('@') {
        Some((before, behind)) if before.len() >= head.len() => {
            return format!("***@{}", behind.split('?').next().unwrap_or_default());
        }
        Some(_) => format!("***@{}", head.rsplit('@').next().unwrap_or_default()),
        None => head.to_owned(),
    };
    let names: Vec<&str> = query
        .split('&')
        .filter_map(|pair| pair.split('=').next())
        .filter(|name| !name.is_empty())
        .collect();
    if names.is_empty() {
        tail
    } else {
        format!("{tail}?{}", names.join("&"))
    }
}

fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    Some(text.into_owned()).filter(|text| !text.contains('\0'))
}
