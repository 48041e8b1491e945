use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::MIB;

/// Waits until so many callers stand in the queue; fails instead of hanging.
fn wait_for_queue(budget: &Budget, length: u64) {
    let start = Instant::now();
    loop {
        let state = budget.shared.lock();
        if state.next_ticket - state.serving == length {
            return;
        }
        drop(state);
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "nobody came to the queue"
        );
        thread::yield_now();
    }
}

#[test]
fn what_can_never_fit_is_refused_at_once() {
    let budget = Budget::new(10 * MIB);
    let error = budget.lease("whale", 11 * MIB).unwrap_err();
    assert_eq!(
        error.to_string(),
        "whale asks for 11 MiB, more than the whole budget of 10 MiB"
    );
    assert_eq!(budget.free(), 10 * MIB);
}

#[test]
fn a_drop_gives_back_and_a_shrink_gives_back_a_part() {
    let budget = Budget::new(10 * MIB);
    let mut lease = budget.try_lease("a", 10 * MIB).unwrap();
    assert_eq!(budget.free(), Bytes::ZERO);
    lease.shrink_to(4 * MIB);
    lease.shrink_to(9 * MIB);
    assert_eq!((lease.bytes(), budget.free()), (4 * MIB, 6 * MIB));
    drop(lease);
    assert_eq!(budget.free(), 10 * MIB);
}

#[test]
fn the_largest_holders_are_named_largest_first() {
    let budget = Budget::new(100 * MIB);
    let leases = [10, 40, 20, 30].map(|size| {
        budget
            .try_lease(format!("part of {size}"), size * MIB)
            .unwrap()
    });
    let Err(Error::Exhausted { largest, free, .. }) = budget.try_lease("late", MIB) else {
        panic!("it must not fit");
    };
    let names: Vec<_> = largest.iter().map(|holder| holder.name.as_str()).collect();
    assert_eq!(names, ["part of 40", "part of 30", "part of 20"]);
    assert_eq!(free, Bytes::ZERO);

    drop(leases);
    let _lease = budget.try_lease("alone", 100 * MIB).unwrap();
    let Err(Error::Exhausted { largest, .. }) = budget.try_lease("late", MIB) else {
        panic!("it must not fit");
    };
    assert_eq!(
        largest,
        [Holder {
            name: "alone".into(),
            bytes: 100 * MIB
        }]
    );
}

#[test]
fn a_large_request_is_not_overtaken_by_small_ones() {
    let budget = Budget::new(10 * MIB);
    let held = budget.lease("first", 5 * MIB).unwrap();
    thread::scope(|scope| {
        let large = scope.spawn(|| budget.lease("large", 10 * MIB).map(|lease| lease.bytes()));
        wait_for_queue(&budget, 1);
        let Err(Error::Exhausted { waiting, .. }) = budget.try_lease("small", MIB) else {
            panic!("the small one must not pass the queue");
        };
        assert_eq!(waiting, 1);
        drop(held);
        assert_eq!(large.join().unwrap(), Ok(10 * MIB));
    });
    assert!(budget.try_lease("small", MIB).is_ok());
}

#[test]
fn who_waits_is_served_in_order() {
    let budget = Budget::new(10 * MIB);
    let held = budget.lease("first", 5 * MIB).unwrap();
    let served = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for (place, size) in [(1, 10), (2, 1)] {
            let (budget, served) = (&budget, &served);
            scope.spawn(move || {
                let lease = budget.lease("next", size * MIB).unwrap();
                served.lock().unwrap().push(size);
                drop(lease);
            });
            // The second would fit at once, and has to wait all the same.
            wait_for_queue(budget, place);
        }
        drop(held);
    });
    assert_eq!(served.into_inner().unwrap(), [10, 1]);
}

#[test]
fn a_shrink_wakes_who_waits() {
    let budget = Budget::new(10 * MIB);
    let mut held = budget.lease("first", 10 * MIB).unwrap();
    thread::scope(|scope| {
        let next = scope.spawn(|| budget.lease("next", 6 * MIB).map(|lease| lease.bytes()));
        wait_for_queue(&budget, 1);
        held.shrink_to(4 * MIB);
        assert_eq!(next.join().unwrap(), Ok(6 * MIB));
    });
}

#[test]
fn one_release_serves_all_who_fit() {
    let budget = Budget::new(10 * MIB);
    let held = budget.lease("first", 10 * MIB).unwrap();
    thread::scope(|scope| {
        let waiting = [1, 2, 3].map(|size| {
            let budget = &budget;
            scope.spawn(move || budget.lease("next", size * MIB))
        });
        wait_for_queue(&budget, 3);
        drop(held);
        let leases = waiting.map(|thread| thread.join().unwrap().unwrap());
        assert_eq!(budget.free(), 4 * MIB);
        drop(leases);
    });
}

#[test]
fn the_total_is_never_exceeded_under_contention() {
    let budget = Budget::new(10 * MIB);
    let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for worker in 0..8_u64 {
            let (budget, held, most) = (&budget, &held, &most);
            scope.spawn(move || {
                for turn in 0..200 {
                    let bytes = (1 + (worker * 7 + turn) % 6) * MIB;
                    let lease = budget.lease("worker", bytes).unwrap();
                    let now = held.fetch_add(bytes.get(), Ordering::SeqCst) + bytes.get();
                    most.fetch_max(now, Ordering::SeqCst);
                    thread::yield_now();
                    held.fetch_sub(bytes.get(), Ordering::SeqCst);
                    drop(lease);
                }
            });
        }
    });
    assert_eq!(budget.free(), budget.total());
    let most = Bytes::new(most.into_inner());
    assert!(most <= budget.total(), "{most} were held at once");
    assert!(
        most > 6 * MIB,
        "the test never had two holders at once, so it proved nothing"
    );
}

#[test]
fn a_panic_in_a_holder_gives_back_too() {
    let budget = Budget::new(10 * MIB);
    let other = budget.clone();
    let result = thread::spawn(move || {
        let _lease = other.lease("doomed", 10 * MIB).unwrap();
        panic!("on purpose");
    })
    .join();
    assert!(result.is_err());
    assert_eq!(budget.free(), 10 * MIB);
}

#[test]
fn workers_are_the_smallest_of_three() {
    let budget = Budget::new(100 * MIB);
    let need = Need::new("chunk", 30 * MIB);
    assert_eq!(budget.workers(2, 9, &need), Ok(2));
    assert_eq!(budget.workers(9, 1, &need), Ok(1));
    assert_eq!(budget.workers(9, 9, &need), Ok(3));
    assert_eq!(budget.workers(0, 9, &need), Ok(1));
    assert_eq!(budget.workers(4, 0, &need), Ok(0));
    assert_eq!(budget.workers(4, 0, &Need::new("whale", 999 * MIB)), Ok(0));
    assert_eq!(
        budget.workers(4, 9, &Need::new("nothing", Bytes::ZERO)),
        Ok(4)
    );

    let base = budget.lease("the program itself", 50 * MIB).unwrap();
    assert_eq!(budget.workers(9, 9, &need), Ok(1));
    drop(base);
}

#[test]
fn not_even_one_worker_shows_the_sum() {
    let budget = Budget::new(100 * MIB);
    let _base = budget.lease("the program itself", 32 * MIB).unwrap();
    let need = Need::new("batch", 8 * MIB).and("chunk", 64 * MIB);
    let error = budget.workers(2, 9, &need).unwrap_err();
    assert_eq!(
        error.to_string(),
        "one worker needs 72 MiB (batch 8 MiB + chunk 64 MiB), and 68 MiB of the 100 MiB budget \
         is free; the largest holders are the program itself with 32 MiB"
    );
    assert!(error.is_retryable());
    let whale = Need::new("whale", 101 * MIB);
    assert!(!budget.workers(2, 9, &whale).unwrap_err().is_retryable());
}
