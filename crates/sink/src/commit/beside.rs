//! Calls of a store side by side: over a network each waits for an answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Result;

/// The most calls that wait at a time.
const MOST: usize = 16;

/// Makes a call for each item. All are made; the error is that of the first item that has one.
pub(super) fn side_by_side<T: Sync>(
    items: &[T],
    call: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failed = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else {
                return failed;
            };
            failed.extend(call(item).err().map(|error| (at, error)));
        }
    };
    let mut failed = thread::scope(|scope| {
        let others: Vec<_> = (1..items.len().min(MOST))
            .map(|_| scope.spawn(work))
            .collect();
        let mut failed = work();
        for other in others {
            match other.join() {
                Ok(more) => failed.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        failed
    });
    failed.sort_by_key(|(at, _)| *at);
    failed
        .into_iter()
        .next()
        .map_or(Ok(()), |(_, error)| Err(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::sync::{Barrier, Mutex};

    #[test]
    fn calls_wait_together_and_the_first_error_counts() {
        // Each waits for all the others.
        let barrier = Barrier::new(MOST);
        let items: Vec<usize> = (0..MOST).collect();
        side_by_side(&items, |_| {
            barrier.wait();
            Ok(())
        })
        .unwrap();

        let called = Mutex::new(Vec::new());
        let items: Vec<usize> = (0..100).collect();
        let error = side_by_side(&items, |item| {
            called.lock().unwrap().push(*item);
            match item {
                70 => Err(Error::Stopped),
                30 => Err(Error::Unfinished {
                    address: "30".to_owned(),
                }),
                _ => Ok(()),
            }
        });
        assert!(matches!(error, Err(Error::Unfinished { .. })), "{error:?}");
        let mut called = called.into_inner().unwrap();
        called.sort_unstable();
        assert_eq!(called, items);
        side_by_side(&[] as &[usize], |_| Err(Error::Stopped)).unwrap();
    }
}
