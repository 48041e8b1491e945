//! Workers: each takes parts, makes their messages, and sends them or writes them to a file.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::block::Block;
use super::folder::FileOfMessages;
use super::pace::Pace;
use super::publish::Publish;
use super::queue::{Before, PartToSend, Queue, Receipt};
use super::render::{Rendered, Renderer};
use crate::error::{Error, Result};
use crate::manifest::ManifestPart;
use crate::path::PartPath;
use crate::store::Store;
use crate::sync::lock;

/// What the workers of a run share.
pub(super) struct Work<'w> {
    publish: &'w Publish<'w>,
    pace: Option<&'w Pace<'w>>,
    is_tallied: bool,
    failed: AtomicBool,
    /// The error that counts: the first.
    error: Mutex<Option<Error>>,
}

impl<'w> Work<'w> {
    pub(super) fn new(
        publish: &'w Publish<'w>,
        pace: Option<&'w Pace<'w>>,
        is_tallied: bool,
    ) -> Self {
        Self {
            publish,
            pace,
            is_tallied,
            failed: AtomicBool::new(false),
            error: Mutex::new(None),
        }
    }

    fn is_over(&self) -> bool {
        let stopped = self.publish.stop;
        self.failed.load(Ordering::Relaxed)
            || stopped.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    pub(super) fn end_with(&self, error: Error) {
        lock(&self.error).get_or_insert(error);
        self.failed.store(true, Ordering::SeqCst);
    }

    /// Gives a block on, at the pace, and tells of it.
    fn paced(&self, block: &Block, send: &mut dyn FnMut(&Block) -> Result<()>) -> Result<()> {
        match self.pace {
            None => send(block)?,
            Some(pace) => {
                let group = pace.group();
                for start in (0..block.len()).step_by(group) {
                    let end = block.len().min(start + group);
                    pace.wait(end - start, &|| self.is_over())?;
                    send(&block.slice(start..end))?;
                }
            }
        }
        if let Some(observer) = self.publish.observer {
            observer.rows(0, block.rows());
            observer.bytes(0, block.body_bytes());
        }
        Ok(())
    }

    /// Makes and sends all messages of a part.
    pub(super) fn send(
        &self,
        queue: &dyn Queue,
        maker: &mut Renderer,
        part: usize,
        before: Before<'_>,
    ) -> Result<(Rendered, Receipt)> {
        let plan = self.publish.plan;
        let is_over = || self.is_over();
        let mut sender = queue.open(PartToSend {
            plan,
            part,
            before,
            is_over: &is_over,
        })?;
        let sent = maker.part(plan, part, &is_over, &mut |block| {
            self.paced(block, &mut |block| sender.send(block))
        });
        let rendered = match sent {
            Ok(rendered) => rendered,
            Err(error) => {
                sender.abort();
                return Err(error);
            }
        };
        let receipt = sender.finish()?;
        if receipt.messages != rendered.messages {
            return Err(Error::Promise {
                table: plan.table.clone(),
                expected: format!(
                    "{} messages of {}",
                    rendered.messages, plan.parts[part].name
                ),
                found: format!("{} acknowledged", receipt.messages),
            });
        }
        Ok((rendered, receipt))
    }

    /// Makes and writes all messages of a part.
    pub(super) fn write(
        &self,
        store: &dyn Store,
        maker: &mut Renderer,
        part: usize,
        path: &PartPath,
    ) -> Result<ManifestPart> {
        let plan = self.publish.plan;
        let mut file = FileOfMessages::create(store, path)?;
        let is_over = || self.is_over();
        let rendered = maker.part(plan, part, &is_over, &mut |block| {
            self.paced(block, &mut |block| file.write(block.lines()))
        })?;
        let Rendered {
            rows,
            messages,
            totals,
        } = rendered;
        file.finish(path, rows, messages, totals)
    }

    /// Tells of a part that a queue has acknowledged.
    pub(super) fn tell(&self, part: usize, rows: u64, bytes: u64) {
        if let Some(observer) = self.publish.observer {
            let name = &self.publish.plan.parts[part].name;
            observer.part_acknowledged(name, rows, bytes);
        }
    }
}

/// Has workers take parts until none is left; an error or a panic of one ends the others.
pub(super) fn work_on(
    work: &Work<'_>,
    todo: &[usize],
    workers: usize,
    each: &(dyn Fn(&mut Renderer, usize) -> Result<()> + Sync),
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let one = || -> Result<()> {
        // Before anything is taken: who waits for memory holds up nobody.
        let _lease = work.publish.lease()?;
        let mut maker = Renderer::try_new(work.publish.plan, work.is_tallied)?;
        loop {
            if work.is_over() {
                return Err(Error::Stopped);
            }
            let Some(part) = todo.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(());
            };
            each(&mut maker, *part)?;
        }
    };
    let guarded = || {
        struct EndOthers<'g, 'w>(&'g Work<'w>);
        impl Drop for EndOthers<'_, '_> {
            fn drop(&mut self) {
                if thread::panicking() {
                    self.0.failed.store(true, Ordering::SeqCst);
                }
            }
        }
        let guard = EndOthers(work);
        if let Err(error) = one() {
            work.end_with(error);
        }
        drop(guard);
    };
    thread::scope(|scope| {
        for _ in 1..workers.min(todo.len()) {
            scope.spawn(guarded);
        }
        guarded();
    });
    match lock(&work.error).take() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}
