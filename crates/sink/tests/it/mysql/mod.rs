//! What only MariaDB has, with a real server. What stands there is looked at by its own client.

pub(crate) mod forbidden;
mod refused;
pub(crate) mod server;
mod tls;
mod types;
