//! The memory of queries: what those under way at once share, what the operators of one share, and the
//! most that they held.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{Result as DfResult, resources_datafusion_err};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// The bytes of all queries that are under way at once: whoever comes first has them.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    held: AtomicUsize,
}

impl Memory {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            held: AtomicUsize::new(0),
        })
    }

    fn take(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    fn try_take(&self, bytes: usize) -> DfResult<()> {
        let taken = |held: usize| held.checked_add(bytes).filter(|held| *held <= self.limit);
        let order = Ordering::Relaxed;
        let asked = self.held.fetch_update(order, order, taken);
        asked.map(drop).map_err(|held| {
            resources_datafusion_err!("{bytes} bytes beside {held} of {}", self.limit)
        })
    }

    fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What one query takes of the memory: shared fairly between those of its operators that can spill, for one
/// that has too much gives it back only when it asks for more. Remembers the most that was held.
#[derive(Debug)]
pub(super) struct QueryPool {
    memory: Arc<Memory>,
    shared: FairSpillPool,
    peak: AtomicUsize,
}

impl QueryPool {
    pub(super) fn new(memory: &Arc<Memory>) -> Self {
        Self {
            memory: Arc::clone(memory),
            shared: FairSpillPool::new(memory.limit),
            peak: AtomicUsize::new(0),
        }
    }

    /// The most bytes that were held at once.
    pub(super) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    fn note(&self) {
        self.peak
            .fetch_max(self.shared.reserved(), Ordering::Relaxed);
    }
}

impl MemoryPool for QueryPool {
    fn register(&self, consumer: &MemoryConsumer) {
        self.shared.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.shared.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.memory.take(additional);
        self.shared.grow(reservation, additional);
        self.note();
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.shared.shrink(reservation, shrink);
        self.memory.give_back(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DfResult<()> {
        self.memory.try_take(additional)?;
        let grown = self.shared.try_grow(reservation, additional);
        match grown {
            Ok(()) => self.note(),
            Err(_) => self.memory.give_back(additional),
        }
        grown
    }

    fn reserved(&self) -> usize {
        self.shared.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.memory.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reservation(pool: &Arc<dyn MemoryPool>) -> MemoryReservation {
        MemoryConsumer::new("groups")
            .with_can_spill(true)
            .register(pool)
    }

    #[test]
    fn queries_at_once_share_what_there_is() {
        let memory = Memory::new(100);
        let pools: Vec<Arc<QueryPool>> =
            (0..2).map(|_| Arc::new(QueryPool::new(&memory))).collect();
        let [one, other] = [0, 1].map(|at| Arc::clone(&pools[at]) as Arc<dyn MemoryPool>);
        let (one, other) = (reservation(&one), reservation(&other));
        one.try_grow(60).unwrap();
        assert!(other.try_grow(50).is_err());
        // Nothing of what was refused is held.
        other.try_grow(40).unwrap();
        assert!(one.try_grow(1).is_err());
        drop(one);
        other.try_grow(60).unwrap();
        drop(other);
        assert_eq!(memory.held.load(Ordering::Relaxed), 0);
        assert_eq!([pools[0].peak(), pools[1].peak()], [60, 100]);
    }

    #[test]
    fn a_share_that_is_refused_is_not_held() {
        let memory = Memory::new(100);
        let pool = Arc::new(QueryPool::new(&memory)) as Arc<dyn MemoryPool>;
        let (one, _other) = (reservation(&pool), reservation(&pool));
        assert!(one.try_grow(60).is_err(), "a half each");
        assert_eq!(memory.held.load(Ordering::Relaxed), 0);
    }
}
