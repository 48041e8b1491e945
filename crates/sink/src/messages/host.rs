//! A server of a queue's address, with its port.

use std::fmt;
use std::net::Ipv6Addr;

/// A server; as text `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    /// A name or a number, one of version 6 without brackets.
    pub(super) name: String,
    pub(super) port: u16,
}

impl Host {
    /// Reads `HOST` or `HOST:PORT`; a number of version 6 stands in brackets.
    fn parse(text: &str, default: u16) -> Option<Self> {
        let bracket = text.rfind(']').unwrap_or(0);
        let (name, port) = match text[bracket..].rfind(':') {
            Some(at) => {
                let (name, port) = text.split_at(bracket + at);
                (name, port[1..].parse().ok().filter(|port| *port > 0)?)
            }
            None => (text, default),
        };
        let letter = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let name = match name.strip_prefix('[').and_then(|v6| v6.strip_suffix(']')) {
            Some(v6) => v6.parse::<Ipv6Addr>().ok().map(|_| v6)?,
            None => Some(name).filter(|name| !name.is_empty() && name.chars().all(letter))?,
        };
        Some(Self {
            name: name.to_owned(),
            port,
        })
    }

    /// Reads several of them, with commas between.
    pub(super) fn parse_all(text: &str, default: u16) -> Option<Vec<Self>> {
        text.split(',')
            .map(|host| Self::parse(host, default))
            .collect()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, port } = self;
        if name.contains(':') {
            write!(f, "[{name}]:{port}")
        } else {
            write!(f, "{name}:{port}")
        }
    }
}

/// `HOST:PORT` of each, with commas between.
#[cfg(any(feature = "kafka", feature = "nats", feature = "rabbitmq"))]
pub(super) fn joined(hosts: &[Host]) -> String {
    let hosts: Vec<String> = hosts.iter().map(Host::to_string).collect();
    hosts.join(",")
}
