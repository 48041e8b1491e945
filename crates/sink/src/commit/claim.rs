//! Who is at work on a plan and shard: one living process at most.
//!
//! A local folder has locks that end with their process. An object store has none: there a claim
//! is a small file that its owner writes anew with every heartbeat. Whoever finds one looks whether
//! its owner lives: on the same machine by its process id, elsewhere by watching for a heartbeat.
//! No clocks are compared. Nothing is lost where two processes work on the same shard after all:
//! both make the same bytes.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::names::{self, Shard};
use crate::error::{Error, Result};
use crate::store::{Lock, PutNew, Store};
use crate::sync::lock;

/// How often a living owner shows itself.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);
/// A claim of another machine is looked at so often in the time of a heartbeat.
const LOOKS_A_BEAT: u32 = 10;
/// For three heartbeats and a half: an owner that lives shows itself within.
const LOOKS: u32 = 35;

/// The right to work on a shard of a plan, given back when dropped.
pub(super) struct Claim<'s> {
    store: &'s dyn Store,
    kind: Kind,
}

enum Kind {
    /// Ends with the process.
    Lock {
        name: String,
        held: Box<dyn Send + Sync>,
    },
    File {
        name: String,
        owner: Mutex<Owner>,
        held: Held,
    },
    GivenBack,
}

/// The nonces of the claims that this process has: one that it could not give back is nobody's.
static HELD: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

/// A nonce of [`HELD`], until it is dropped.
struct Held(u64);

impl Held {
    fn new(nonce: u64) -> Self {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(nonce);
        Self(nonce)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&self.0);
    }
}

/// A process, so that another one can tell whether it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// Tells apart what else may be alike.
    nonce: u64,
    pub(crate) host: String,
    pub(crate) pid: u32,
    /// The boot of the machine and the start of the process within it, where they are known.
    pub(crate) boot: Option<String>,
    started: Option<String>,
    /// One more with each heartbeat.
    beats: u64,
}

impl Owner {
    pub(crate) fn this_process() -> Self {
        let pid = std::process::id();
        Self {
            nonce: RandomState::new().hash_one(pid),
            host: host(),
            pid,
            boot: boot(),
            started: started(pid),
            beats: 0,
        }
    }

    /// The process for people.
    fn words(&self) -> String {
        format!("process {} on {}", self.pid, self.host)
    }

    /// Whether the process lives; `None` where that cannot be seen from here.
    pub(crate) fn lives(&self) -> Option<bool> {
        let is_here = self.boot.is_some() && self.boot == boot() && self.host == host();
        if !is_here || self.started.is_none() {
            return None;
        }
        let is_alive = started(self.pid) == self.started;
        if is_alive && self.pid == std::process::id() {
            let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
            return Some(held.contains(&self.nonce));
        }
        Some(is_alive)
    }
}

impl<'s> Claim<'s> {
    /// Claims a shard of a plan.
    ///
    /// # Errors
    /// [`Error::InUse`] when another living process has it.
    pub(super) fn take(store: &'s dyn Store, plan_id: &str, shard: Shard) -> Result<Self> {
        Self::take_at(store, plan_id, shard, HEARTBEAT)
    }

    /// The same where owners show themselves at another rate.
    pub(super) fn take_at(
        store: &'s dyn Store,
        plan_id: &str,
        shard: Shard,
        heartbeat: Duration,
    ) -> Result<Self> {
        let mut taken = Self::take_all(store, &[(plan_id, shard)], heartbeat, &[])?;
        Ok(taken.remove(0))
    }

    /// Claims shards of plans, all or none of them. Owners that cannot be seen from here are watched
    /// all in the same time, in which `own` and what is claimed already are kept alive.
    ///
    /// # Errors
    /// [`Error::InUse`] when another living process has one.
    pub(super) fn take_all(
        store: &'s dyn Store,
        wanted: &[(&str, Shard)],
        heartbeat: Duration,
        own: &[&Claim<'_>],
    ) -> Result<Vec<Self>> {
        let mut claims = Vec::with_capacity(wanted.len());
        let mut taken = Vec::new();
        for (plan_id, shard) in wanted {
            match Self::try_take(store, plan_id, *shard)? {
                Some(claim) => claims.push(claim),
                None => taken.push(names::claim(plan_id, *shard)),
            }
        }
        let beat = || own.iter().copied().chain(&claims).try_for_each(Claim::beat);
        let dead = wait_for_the_dead(store, &taken, heartbeat, &beat)?;
        for (name, dead) in taken.iter().zip(dead) {
            // Another one may have seen the same, and be ahead.
            if let Some(now) = read(store, name)?
                && dead.as_ref() != Some(&now)
            {
                return Err(in_use(store, name, &now.words()));
            }
            store.remove(name)?;
            let Some(claim) = Self::put(store, name)? else {
                return Err(in_use(store, name, "another process, which was faster"));
            };
            claims.push(claim);
        }
        Ok(claims)
    }

    /// Whether it is this shard's.
    pub(super) fn is_of(&self, plan_id: &str, shard: Shard) -> bool {
        match &self.kind {
            Kind::Lock { name, .. } => *name == names::lock(plan_id, shard),
            Kind::File { name, .. } => *name == names::claim(plan_id, shard),
            Kind::GivenBack => false,
        }
    }

    /// Claims a shard; `None` where its name is another one's, dead or alive.
    fn try_take(store: &'s dyn Store, plan_id: &str, shard: Shard) -> Result<Option<Self>> {
        let name = names::lock(plan_id, shard);
        match store.lock(&name)? {
            Lock::Held(held) => Ok(Some(Self {
                store,
                kind: Kind::Lock { name, held },
            })),
            Lock::Taken => Err(Error::InUse {
                address: store.address(),
                by: "another process".to_owned(),
            }),
            Lock::Unsupported => Self::put(store, &names::claim(plan_id, shard)),
        }
    }

    /// Writes a claim's file; `None` where there is one.
    fn put(store: &'s dyn Store, name: &str) -> Result<Option<Self>> {
        let owner = Owner::this_process();
        let held = Held::new(owner.nonce);
        if store.put_new(name, &json(&owner)?)? == PutNew::Taken {
            return Ok(None);
        }
        Ok(Some(Self {
            store,
            kind: Kind::File {
                name: name.to_owned(),
                owner: Mutex::new(owner),
                held,
            },
        }))
    }

    /// Shows that this process lives.
    ///
    /// # Errors
    /// [`Error::InUse`] when somebody has taken the shard over.
    pub(super) fn beat(&self) -> Result<()> {
        let Kind::File { name, owner, .. } = &self.kind else {
            return Ok(());
        };
        self.check()?;
        let mut owner = lock(owner);
        owner.beats += 1;
        self.store.replace(name, &json(&owner)?)
    }

    /// Looks whether nobody has taken the shard over.
    ///
    /// # Errors
    /// [`Error::InUse`] when somebody has.
    pub(super) fn check(&self) -> Result<()> {
        let Kind::File { name, owner, .. } = &self.kind else {
            return Ok(());
        };
        let nonce = lock(owner).nonce;
        match read(self.store, name)? {
            Some(found) if found.nonce != nonce => Err(in_use(self.store, name, &found.words())),
            _ => Ok(()),
        }
    }
}

impl Claim<'_> {
    /// Gives the shard free, once.
    ///
    /// # Errors
    /// When the claim cannot be removed. The next one sees that it is nobody's.
    pub(super) fn give_back(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.kind, Kind::GivenBack) {
            Kind::GivenBack => Ok(()),
            // The name goes while it is still locked: whoever opens it later makes a new one.
            Kind::Lock { name, held } => {
                let removed = self.store.remove(&name);
                drop(held);
                removed
            }
            Kind::File { name, owner, held } => {
                let owner = owner.into_inner().unwrap_or_else(PoisonError::into_inner);
                let found = read(self.store, &name)?;
                if found.is_some_and(|found| found.nonce == owner.nonce) {
                    self.store.remove(&name)?;
                }
                drop(held);
                Ok(())
            }
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let _ = self.give_back();
    }
}

/// Removes a claim that nobody living has. Who has it, this process too, gives it back at the end:
/// until then nobody is to begin.
pub(super) fn remove_dead(store: &dyn Store, name: &str) -> Result<()> {
    let owner = read(store, name)?;
    if owner.and_then(|owner| owner.lives()) == Some(true) {
        return Ok(());
    }
    store.remove(name)
}

/// Returns once the owners of all claims are known to be dead, with who they were: at once, where all
/// are of this machine.
fn wait_for_the_dead(
    store: &dyn Store,
    names: &[String],
    heartbeat: Duration,
    beat: &dyn Fn() -> Result<()>,
) -> Result<Vec<Option<Owner>>> {
    let mut owners = Vec::with_capacity(names.len());
    let mut unknown = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let owner = read(store, name)?;
        match owner.as_ref().map(|owner| (owner.lives(), owner)) {
            Some((Some(true), owner)) => return Err(in_use(store, name, &owner.words())),
            Some((None, _)) => unknown.push(at),
            Some((Some(false), _)) | None => {}
        }
        owners.push(owner);
    }
    let mut beaten = Instant::now();
    for _ in 0..LOOKS {
        if unknown.is_empty() {
            break;
        }
        std::thread::sleep(heartbeat / LOOKS_A_BEAT);
        if beaten.elapsed() >= heartbeat {
            beat()?;
            beaten = Instant::now();
        }
        for &at in &unknown {
            match read(store, &names[at])? {
                Some(now) if Some(&now) != owners[at].as_ref() => {
                    return Err(in_use(store, &names[at], &now.words()));
                }
                Some(_) => {}
                None => owners[at] = None,
            }
        }
        unknown.retain(|at| owners[*at].is_some());
    }
    Ok(owners)
}

fn in_use(store: &dyn Store, name: &str, by: &str) -> Error {
    Error::InUse {
        address: format!("{}/{name}", store.address()),
        by: by.to_owned(),
    }
}

fn read(store: &dyn Store, name: &str) -> Result<Option<Owner>> {
    // One that cannot be read is nobody's.
    Ok(store
        .get(name)?
        .and_then(|json| serde_json::from_slice(&json).ok()))
}

fn json(owner: &Owner) -> Result<Vec<u8>> {
    serde_json::to_vec(owner).map_err(Error::encode("claim"))
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok());
    name.map_or_else(
        || "an unknown host".to_owned(),
        |name| name.trim().to_owned(),
    )
}

pub(super) fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// When a process started, in the kernel's own count; `None` where there is none, or it is a
/// zombie, or the system does not tell.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?;
    (state != "Z" && state != "X").then(|| started.to_owned())
}
