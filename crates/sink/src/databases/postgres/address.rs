//! `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…` as a server, a database, and credentials;
//! what is missing comes from the variables that libpq looks up.

use std::path::PathBuf;

use crate::databases::url::{self, Form};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::secret::Secret;

const FORM: Form = Form {
    what: "PostgreSQL address",
    schemes: &["postgres", "postgresql"],
    looks: "postgres://USER@HOST:PORT/DATABASE, where HOST is one server, and a folder of a socket \
           stands as ?host=/var/run/postgresql",
    parameters: "sslmode, sslrootcert, options and host behind the database",
};
const MODES: &str = "sslmode=disable, prefer, require or verify-full";
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

impl Address {
    /// Reads an address. User, password, database and parameters may be percent-encoded.
    pub(super) fn parse(text: &str, environment: &Environment) -> Result<Self> {
        let variable = |name: &str| environment.get(name);
        let invalid = |what, expected: &str, found: &str| Error::Invalid {
            what,
            expected: expected.to_owned(),
            found: found.to_owned(),
        };
        let url = FORM.parse(text)?;
        let (mut host, mut ssl, mut ca, mut options) = (url.host, None, None, None);
        for (name, value) in url.parameters {
            match name.as_str() {
                "sslmode" => ssl = Some(value),
                "sslrootcert" => ca = Some(value),
                "options" => options = Some(value),
                "host" if value.starts_with('/') => host = Some(value),
                _ => return Err(FORM.refused(text, FORM.parameters)),
            }
        }
        let port = match (url.port, variable("PGPORT")) {
            (Some(port), _) => port,
            (None, None) => DEFAULT_PORT,
            (None, Some(text)) => text
                .parse()
                .map_err(|_| invalid("PGPORT", "a port", &text))?,
        };
        let user = url.user.or_else(|| variable("PGUSER"));
        let user = user.or_else(|| variable("USER")).ok_or_else(|| {
            let expected = "a user before the host, or PGUSER";
            invalid(FORM.what, expected, "neither")
        })?;
        let ssl = ssl.or_else(|| variable("PGSSLMODE"));
        let ssl = match ssl.as_deref() {
            None | Some("prefer") => SslMode::Prefer,
            Some("disable") => SslMode::Disable,
            Some("require") => SslMode::Require,
            Some("verify-full") => SslMode::VerifyFull,
            Some(other) => return Err(invalid("sslmode", MODES, other)),
        };
        Ok(Self {
            host: host
                .or_else(|| variable("PGHOST"))
                .unwrap_or_else(|| DEFAULT_HOST.to_owned()),
            port,
            database: url
                .database
                .or_else(|| variable("PGDATABASE"))
                .unwrap_or_else(|| user.clone()),
            user,
            password: url
                .password
                .or_else(|| variable("PGPASSWORD").map(Secret::new)),
            ssl,
            ca: ca.or_else(|| variable("PGSSLROOTCERT")).map(PathBuf::from),
            options: options.or_else(|| variable("PGOPTIONS")),
        })
    }

    /// The address without credentials.
    pub(super) fn shown(&self) -> String {
        let host = self.host.as_str();
        let socket = host.starts_with('/').then_some(("host", host));
        url::shown("postgres", host, self.port, &self.database, socket)
    }
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
