//! `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…` as a server, a database, and credentials;
//! what is missing comes from the variables that libpq looks up.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::secret::Secret;

const FORM: &str = "postgres://USER@HOST:PORT/DATABASE, where HOST is one server, and a folder of a \
                    socket stands as ?host=/var/run/postgresql";
const MODES: &str = "sslmode=disable, prefer, require or verify-full";
const PARAMETERS: &str = "sslmode, sslrootcert, options and host behind the database";
/// What of a name is not shown as it is.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const DEFAULT_HOST: &str = "localhost";
const DEFAULT_PORT: u16 = 5432;

/// How far TLS goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SslMode {
    Disable,
    /// Where the server offers it; nobody vouches for the server.
    Prefer,
    /// Always; where an authority is named, it must vouch for the server.
    Require,
    /// Always, and an authority vouches for a server of that name.
    VerifyFull,
}

/// Which database of which server, as whom.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// A name, a number, or the folder of a socket, which begins with `/`.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: Option<Secret>,
    pub(super) ssl: SslMode,
    /// A PEM file of authorities.
    pub(super) ca: Option<PathBuf>,
    /// Settings of the session, as `-c search_path=shop`.
    pub(super) options: Option<String>,
}

/// What an address may leave to the environment.
#[derive(Default)]
struct Given {
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    user: Option<String>,
    password: Option<Secret>,
    ssl: Option<String>,
    ca: Option<String>,
    options: Option<String>,
}

impl Address {
    /// Reads an address. User, password, database and parameters may be percent-encoded.
    pub(super) fn parse(text: &str, environment: &Environment) -> Result<Self> {
        let refused = |expected: &str| Error::Invalid {
            what: "PostgreSQL address",
            expected: expected.to_owned(),
            found: shown_of(text),
        };
        let Some(("postgres" | "postgresql", rest)) = text.split_once("://") else {
            return Err(refused(FORM));
        };
        let mut given = Given::default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = match authority.split_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if host.contains('@') || database.contains('@') {
            return Err(refused(
                "a user and a password once, before the host, with `@` written as %40 and `/` as %2F",
            ));
        }
        if let Some(user) = user {
            given.take_user(user).ok_or_else(|| {
                refused("a user and a password, percent-encoded UTF-8 without NUL")
            })?;
        }
        given.take_host(host).ok_or_else(|| refused(FORM))?;
        if !database.is_empty() {
            given.database = Some(decoded(database).ok_or_else(|| refused(FORM))?);
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| refused(PARAMETERS))?;
            let value = decoded(value).ok_or_else(|| refused(PARAMETERS))?;
            match name {
                "sslmode" => given.ssl = Some(value),
                "sslrootcert" => given.ca = Some(value),
                "options" => given.options = Some(value),
                "host" if value.starts_with('/') => given.host = Some(value),
                _ => return Err(refused(PARAMETERS)),
            }
        }
        given.completed(environment)
    }

    /// The address without credentials.
    pub(super) fn shown(&self) -> String {
        let Self { host, port, .. } = self;
        let database = utf8_percent_encode(&self.database, IN_PATH);
        if host.starts_with('/') {
            return format!("postgres:///{database}?host={host}");
        }
        if host.contains(':') {
            return format!("postgres://[{host}]:{port}/{database}");
        }
        format!("postgres://{host}:{port}/{database}")
    }
}

impl Given {
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

    /// Looks up what was not given.
    fn completed(self, environment: &Environment) -> Result<Address> {
        let variable = |name: &str| environment.get(name);
        let invalid = |what, expected: &str, found: &str| Error::Invalid {
            what,
            expected: expected.to_owned(),
            found: found.to_owned(),
        };
        let port = match (self.port, variable("PGPORT")) {
            (Some(port), _) => port,
            (None, None) => DEFAULT_PORT,
            (None, Some(text)) => text
                .parse()
                .map_err(|_| invalid("PGPORT", "a port", &text))?,
        };
        let user = self.user.or_else(|| variable("PGUSER"));
        let user = user.or_else(|| variable("USER")).ok_or_else(|| {
            invalid(
                "PostgreSQL address",
                "a user before the host, or PGUSER",
                "neither",
            )
        })?;
        let ssl = self.ssl.or_else(|| variable("PGSSLMODE"));
        let ssl = match ssl.as_deref() {
            None | Some("prefer") => SslMode::Prefer,
            Some("disable") => SslMode::Disable,
            Some("require") => SslMode::Require,
            Some("verify-full") => SslMode::VerifyFull,
            Some(other) => return Err(invalid("sslmode", MODES, other)),
        };
        let password = self.password;
        Ok(Address {
            host: self
                .host
                .or_else(|| variable("PGHOST"))
                .unwrap_or_else(|| DEFAULT_HOST.to_owned()),
            port,
            database: self
                .database
                .or_else(|| variable("PGDATABASE"))
                .unwrap_or_else(|| user.clone()),
            user,
            password: password.or_else(|| variable("PGPASSWORD").map(Secret::new)),
            ssl,
            ca: self
                .ca
                .or_else(|| variable("PGSSLROOTCERT"))
                .map(PathBuf::from),
            options: self.options.or_else(|| variable("PGOPTIONS")),
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, variables: &'static [(&str, &str)]) -> Result<Address> {
        let environment = Environment::new(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        Address::parse(text, &environment)
    }

    #[test]
    fn takes_what_stands_there_before_variables() {
        let variables = &[("PGUSER", "eva"), ("PGPASSWORD", "q"), ("PGPORT", "1")];
        let found = parse("postgres://ana:p%40ss@db.example:6000/my%20shop", variables).unwrap();
        assert_eq!(found.user, "ana");
        assert_eq!(found.password.as_ref().unwrap().reveal(), "p@ss");
        assert_eq!(found.shown(), "postgres://db.example:6000/my%20shop");
        assert_eq!(found.ssl, SslMode::Prefer);
    }

    #[test]
    fn takes_variables_for_what_is_missing() {
        let variables = &[
            ("PGUSER", "eva"),
            ("PGPASSWORD", "q"),
            ("PGPORT", "6001"),
            ("PGHOST", "/run/pg"),
            ("PGSSLMODE", "verify-full"),
        ];
        let found = parse("postgresql://", variables).unwrap();
        assert_eq!(found.shown(), "postgres:///eva?host=/run/pg");
        assert_eq!(found.password.as_ref().unwrap().reveal(), "q");
        assert_eq!((found.port, found.ssl), (6001, SslMode::VerifyFull));
    }

    #[test]
    fn refuses_what_it_does_not_know_without_showing_secrets() {
        for text in [
            "postgres://ana:topsecret@h@db/x",
            "postgres://ana:top/secret@db/x",
            "postgres://ana:topsecret@db:0/x",
            "postgres://ana:topsecret@db/x?password=topsecret",
            "postgres://ana:topsecret@db/x?sslmode",
            "postgres://ana:top?secret@db/x",
            "postgres://ana:topsecret@a,b/x",
            "mysql://ana:topsecret@db/x",
        ] {
            let error = parse(text, &[("USER", "u")]).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(parse("postgres://db/x", &[]).is_err());
        assert!(parse("postgres://a@db/x?sslmode=verify-ca", &[]).is_err());
    }
}
