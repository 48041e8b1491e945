//! `retail`
use crate::dataset::*; use crate::{Result, Table};
pub static INFO: DatasetInfo = DatasetInfo { name: "retail", about: "a distributor that sells to customers through sellers", data_version: 1, has_window: true, build, tables: &[], roots: &[], parameters: &[] };
fn build(_: &Resolved) -> Result<Vec<Table>> { Ok(vec![]) }
