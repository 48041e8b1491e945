//! How a cut statement is executed in bounded memory.

pub(crate) mod block;
pub(crate) mod dictionary;
pub(crate) mod direct;
pub(crate) mod group;
pub(crate) mod hash;
pub(crate) mod pack;
pub(crate) mod partition;
pub(crate) mod rows;
pub(crate) mod scan;
pub(crate) mod scatter;
pub(crate) mod sorted;
pub(crate) mod stream;
pub(crate) mod unit;
pub(crate) mod words;
