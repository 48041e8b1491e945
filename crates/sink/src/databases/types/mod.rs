//! What systems call the types of columns: the one table of each behind its DDL and what is sent.

mod mysql;
mod postgres;

pub(super) use self::mysql::MyType;
pub(super) use self::postgres::PgType;
