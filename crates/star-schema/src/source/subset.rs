//! Some pieces of a source, as a source: the parts of it that came last.

use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::{BatchReader, Bounds, Part, Piece, Source};
use crate::Result;

/// The pieces of some parts of a source, in its order.
pub(crate) struct Subset {
    source: Arc<dyn Source>,
    /// Where each piece is in the source.
    places: Vec<usize>,
    pieces: Vec<Piece>,
    parts: Vec<Part>,
    identity: String,
}

impl Subset {
    /// The parts for which `is_in` holds; none of them are a source without rows.
    pub(crate) fn new(source: &Arc<dyn Source>, is_in: impl Fn(&str) -> bool) -> Self {
        let (mut places, mut parts): (Vec<usize>, Vec<Part>) = (Vec::new(), Vec::new());
        for part in source.parts() {
            if is_in(&part.identity) {
                let start = places.len();
                places.extend(part.pieces);
                let pieces = start..places.len();
                let identity = part.identity;
                parts.push(Part { identity, pieces });
            }
        }
        let known = source.pieces();
        let identities = parts.iter().map(|part| part.identity.as_str());
        Self {
            pieces: places.iter().map(|&place| known[place]).collect(),
            identity: identities.collect::<Vec<_>>().join(" "),
            source: Arc::clone(source),
            places,
            parts,
        }
    }
}

impl Source for Subset {
    fn schema(&self) -> SchemaRef {
        self.source.schema()
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn read(&self, piece: usize, columns: &[usize], batch_rows: usize) -> Result<BatchReader> {
        // A piece that is not there is refused by the source, which has none behind its last.
        let place = self.places.get(piece).copied().unwrap_or(usize::MAX);
        self.source.read(place, columns, batch_rows)
    }

    fn held_bytes(&self, piece: usize, columns: &[usize]) -> u64 {
        let place = self.places.get(piece);
        place.map_or(0, |&place| self.source.held_bytes(place, columns))
    }

    /// What is left out of sorted rows leaves them sorted.
    fn sorted_by(&self) -> &[String] {
        self.source.sorted_by()
    }

    fn identity(&self) -> &str {
        &self.identity
    }

    fn parts(&self) -> Vec<Part> {
        self.parts.clone()
    }

    fn bounds(&self, column: usize) -> Option<Bounds> {
        Some(self.source.bounds(column)?.of(&self.places))
    }
}
