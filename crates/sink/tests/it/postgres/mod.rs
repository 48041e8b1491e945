//! What only PostgreSQL has, with a real server. What stands there is looked at by `psql`.

pub(crate) mod server;
mod tls;
mod types;
