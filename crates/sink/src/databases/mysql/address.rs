//! `mysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl-mode=…` as a server, a database, and credentials; what
//! is missing comes from the variables that the `mysql` client looks up.

use std::path::PathBuf;

use crate::databases::url::{self, Form};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::secret::Secret;

const FORM: Form = Form {
    what: "MySQL address",
    schemes: &["mysql", "mariadb"],
    looks: "mysql://USER@HOST:PORT/DATABASE, where HOST is one server, and a socket stands as \
           ?socket=/run/mysqld/mysqld.sock",
    parameters: "ssl-mode, ssl-ca and socket behind the database",
};
const MODES: &str = "ssl-mode=DISABLED, PREFERRED, REQUIRED or VERIFY_IDENTITY";
const DEFAULT_HOST: &str = "localhost";
const DEFAULT_PORT: u16 = 3306;

/// How far TLS goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SslMode {
    Disabled,
    /// Where the server offers it; nobody vouches for the server.
    Preferred,
    /// Always; where an authority is named, it must vouch for the server.
    Required,
    /// Always, and an authority vouches for a server of that name.
    VerifyIdentity,
}

/// Which database of which server, as whom.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    /// Instead of host and port.
    pub(super) socket: Option<String>,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: Option<Secret>,
    pub(super) ssl: SslMode,
    /// A PEM file of authorities.
    pub(super) ca: Option<PathBuf>,
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
        let (mut mode, mut ca, mut socket) = (None, None, None);
        for (name, value) in url.parameters {
            match name.as_str() {
                "ssl-mode" => mode = Some(value),
                "ssl-ca" => ca = Some(PathBuf::from(value)),
                "socket" if value.starts_with('/') => socket = Some(value),
                _ => return Err(FORM.refused(text, FORM.parameters)),
            }
        }
        let Some(database) = url.database else {
            return Err(FORM.refused(
                text,
                "a database behind the host, as in mysql://HOST/DATABASE",
            ));
        };
        let port = match (url.port, variable("MYSQL_TCP_PORT")) {
            (Some(port), _) => port,
            (None, None) => DEFAULT_PORT,
            (None, Some(text)) => text
                .parse()
                .map_err(|_| invalid("MYSQL_TCP_PORT", "a port", &text))?,
        };
        let user = url.user.or_else(|| variable("USER")).ok_or_else(|| {
            let expected = "a user before the host, or USER";
            invalid("MySQL address", expected, "neither")
        })?;
        let host = url.host.or_else(|| variable("MYSQL_HOST"));
        if socket.is_none() && host.is_none() && url.port.is_none() {
            socket = variable("MYSQL_UNIX_PORT").filter(|path| path.starts_with('/'));
        }
        // An authority is named to vouch for somebody.
        let unsaid = if ca.is_some() {
            "VERIFY_IDENTITY"
        } else {
            "PREFERRED"
        };
        let mode = mode
            .unwrap_or_else(|| unsaid.to_owned())
            .to_ascii_uppercase();
        let ssl = match mode.as_str() {
            "DISABLED" => SslMode::Disabled,
            "PREFERRED" => SslMode::Preferred,
            "REQUIRED" => SslMode::Required,
            "VERIFY_IDENTITY" => SslMode::VerifyIdentity,
            _ => return Err(invalid("ssl-mode", MODES, &mode)),
        };
        if ca.is_some() && matches!(ssl, SslMode::Disabled | SslMode::Preferred) {
            let expected = "ssl-mode=REQUIRED or VERIFY_IDENTITY beside ssl-ca";
            return Err(invalid("ssl-mode", expected, &mode));
        }
        Ok(Self {
            host: host.unwrap_or_else(|| DEFAULT_HOST.to_owned()),
            port,
            socket,
            database,
            user,
            password: url
                .password
                .or_else(|| variable("MYSQL_PWD").map(Secret::new)),
            ssl,
            ca,
        })
    }

    /// The address without credentials.
    pub(super) fn shown(&self) -> String {
        let socket = self.socket.as_deref().map(|path| ("socket", path));
        url::shown("mysql", &self.host, self.port, &self.database, socket)
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
        let variables = &[
            ("USER", "eva"),
            ("MYSQL_PWD", "q"),
            ("MYSQL_TCP_PORT", "1"),
            ("MYSQL_UNIX_PORT", "/s"),
        ];
        let found = parse("mysql://ana:p%40ss@db.example:6000/my%20shop", variables).unwrap();
        assert_eq!(found.user, "ana");
        assert_eq!(found.password.as_ref().unwrap().reveal(), "p@ss");
        assert_eq!(found.shown(), "mysql://db.example:6000/my%20shop");
        assert_eq!(found.ssl, SslMode::Preferred);
    }

    #[test]
    fn takes_variables_for_what_is_missing() {
        let variables = &[
            ("USER", "eva"),
            ("MYSQL_PWD", "q"),
            ("MYSQL_TCP_PORT", "6001"),
            ("MYSQL_HOST", "db"),
        ];
        let found = parse("mariadb:///shop?ssl-mode=verify_identity", variables).unwrap();
        assert_eq!(found.shown(), "mysql://db:6001/shop");
        assert_eq!(found.password.as_ref().unwrap().reveal(), "q");
        assert_eq!(
            (found.user.as_str(), found.ssl),
            ("eva", SslMode::VerifyIdentity)
        );
        let by_socket = [("USER", "eva"), ("MYSQL_UNIX_PORT", "/run/s")];
        let by_socket: &'static [_] = by_socket.to_vec().leak();
        let found = parse("mysql:///shop", by_socket).unwrap();
        assert_eq!(found.shown(), "mysql:///shop?socket=/run/s");
        assert!(
            parse("mysql://localhost/shop", by_socket)
                .unwrap()
                .socket
                .is_none()
        );
    }

    #[test]
    fn an_authority_is_never_named_in_vain() {
        let mode =
            |text: &str| parse(&format!("mysql://a@h/d?ssl-ca=/c{text}"), &[]).map(|it| it.ssl);
        assert_eq!(mode("").unwrap(), SslMode::VerifyIdentity);
        assert_eq!(mode("&ssl-mode=REQUIRED").unwrap(), SslMode::Required);
        assert!(mode("&ssl-mode=PREFERRED").is_err() && mode("&ssl-mode=disabled").is_err());
    }

    #[test]
    fn refuses_what_it_does_not_know_without_showing_secrets() {
        for text in [
            "mysql://ana:topsecret@h@db/x",
            "mysql://ana:top/secret@db/x",
            "mysql://ana:topsecret@db:0/x",
            "mysql://ana:topsecret@db/x?password=topsecret",
            "mysql://ana:topsecret@db/x?ssl-mode",
            "mysql://ana:top?secret@db/x",
            "mysql://ana:topsecret@a,b/x",
            "mysql://ana:topsecret@db",
            "postgres://ana:topsecret@db/x",
        ] {
            let error = parse(text, &[("USER", "u")]).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(parse("mysql://db/x", &[]).is_err());
        assert!(parse("mysql://a@db/x?ssl-mode=VERIFY_CA", &[]).is_err());
    }
}
