//! The threads that transfers run on, and the way back from them to blocking calls.

use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};

/// Enough for encryption and copies of one network card; the processor is for encoding rows.
const THREADS: usize = 2;

/// A small runtime of its own, so that calls block from any thread, one of another runtime too.
#[derive(Debug)]
pub(super) struct Engine {
    /// Only a drop takes it.
    runtime: Option<Runtime>,
}

/// What a task that runs on the engine will give.
pub(super) struct Pending<T> {
    answer: mpsc::Receiver<T>,
    task: JoinHandle<()>,
}

impl Engine {
    pub(super) fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("lakeseed-s3")
            .enable_all()
            .build()
            .map_err(Error::io("start threads for", std::path::Path::new("S3")))?;
        Ok(Self {
            runtime: Some(runtime),
        })
    }

    /// Runs a task beside the caller.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<Pending<T>> {
        let (sender, answer) = mpsc::sync_channel(1);
        let task = self.runtime.as_ref()?.spawn(async move {
            // A caller that has gone needs no answer.
            let _ = sender.send(task.await);
        });
        Some(Pending { answer, task })
    }

    /// Runs a task and waits for its end.
    pub(super) fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.spawn(task)
            .and_then(Pending::wait)
            .unwrap_or_else(|| Err(broken()))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Waiting for tasks here would panic inside of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl<T> Pending<T> {
    /// What the task gave; nothing when it died.
    pub(super) fn wait(self) -> Option<T> {
        self.answer.recv().ok()
    }

    /// The same, for at most so long.
    pub(super) fn wait_for(&self, most: Duration) -> Option<T> {
        self.answer.recv_timeout(most).ok()
    }

    /// Ends the task at its next step.
    pub(super) fn cancel(&self) {
        self.task.abort();
    }
}

/// A task that died, which is a defect of ours or of a library.
pub(super) fn broken() -> Error {
    Error::Remote {
        action: "work with",
        address: "S3".to_owned(),
        trouble: crate::error::Trouble::Other,
        source: "a transfer ended without an answer".into(),
    }
}
