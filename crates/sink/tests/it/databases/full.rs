//! A server whose disk is full in the middle of a load.
//!
//! The tables of a test lie on a small disk in memory, which only root may mount: a tablespace of
//! PostgreSQL, the folder of a database of MariaDB.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use lakeseed_sink::databases::{Database, Load, VerifyLoad};
use lakeseed_sink::{Error, Trouble};

use super::own::user;
use super::{MariadbShop, PostgresShop, Shop, many_pets, text, to_postgres};

/// Several times what the small disk takes.
const ROWS: u64 = 700_000;
const SMALL: &str = "20m";
const LARGE: &str = "400m";

/// A disk of its own at a folder, which is there; it goes with the value.
struct Disk(PathBuf);

impl Disk {
    /// Nothing, and a line that says so, where this process may not mount.
    fn mount(at: &Path, user: Option<(u32, u32)>) -> Option<Self> {
        let (Some((user, group)), true) = (user, mount(at, "tmpfs", SMALL)) else {
            let _ = writeln!(
                io::stderr(),
                "\nnot tried: a full disk takes root, who may mount one"
            );
            return None;
        };
        let disk = Self(at.to_owned());
        chown(at, Some(user), Some(group)).unwrap();
        fs::set_permissions(at, fs::Permissions::from_mode(0o700)).unwrap();
        Some(disk)
    }

    fn grow(&self) {
        let remount = format!("remount,size={LARGE}");
        let status = Command::new("mount")
            .args(["-o", &remount])
            .arg(&self.0)
            .status();
        assert!(status.unwrap().success());
    }
}

fn mount(at: &Path, kind: &str, size: &str) -> bool {
    let size = format!("size={size}");
    let mut command = Command::new("mount");
    command.args(["-t", kind, "-o", &size, kind]).arg(at);
    command.output().is_ok_and(|ran| ran.status.success())
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The server may hold files of it open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// What does not fit is told by its name; what stands is whole; with more room it goes on.
fn is_told_and_gone_on_with<S: Shop>(shop: &S, to: &dyn Database, disk: &Disk) {
    let plan = S::plan().data_id("pets").table(many_pets(ROWS)).build();
    let plan = plan.unwrap();
    let mut stand = 0;
    // Repeated while there is no room it does no harm.
    for _ in 0..2 {
        let error = Load::new(&plan, to).threads(2).run().unwrap_err();
        let Error::Incomplete { proven, .. } = &error else {
            panic!("{}", text(&error));
        };
        let trouble = match error.cause() {
            Error::Remote { trouble, .. } => *trouble,
            other => panic!("{other}"),
        };
        assert_eq!(trouble, Trouble::Full, "{}", text(&error));
        assert!(text(&error).contains("table `pets`, "), "{}", text(&error));
        assert!(*proven > 0 && (*proven as u64) < plan.parts(), "{proven}");
        assert!(*proven >= stand, "{proven} after {stand}");
        stand = *proven;
        let ledger = "SELECT COUNT(*), SUM(row_count) FROM lakeseed_ledger";
        let rows = shop.ask("SELECT COUNT(*) FROM pets");
        assert_eq!(shop.ask(ledger), format!("{proven}|{rows}"));
    }
    disk.grow();
    let done = Load::new(&plan, to).threads(2).run().unwrap();
    assert_eq!((done.rows, done.parts_found), (ROWS, stand));
    let found = VerifyLoad::new(&[plan], to).run().unwrap();
    assert_eq!((found.findings, found.rows_read), (vec![], ROWS));
}

/// A tablespace, which goes with the value, after its tables.
struct Tablespace<'s> {
    shop: &'s PostgresShop,
    name: String,
}

impl Drop for Tablespace<'_> {
    fn drop(&mut self) {
        let (schema, name) = (self.shop.place(), &self.name);
        self.shop.ask(&format!("DROP SCHEMA {schema} CASCADE"));
        self.shop.ask(&format!("DROP TABLESPACE {name}"));
    }
}

#[test]
fn a_full_disk_is_told_and_gone_on_with_in_postgres() {
    let Some(shop) = PostgresShop::open("a_full_disk") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let place = folder.path().join("disk");
    fs::create_dir(&place).unwrap();
    let Some(disk) = Disk::mount(&place, user("postgres")) else {
        return;
    };
    let name = format!("full_{}", std::process::id());
    let location = place.display();
    shop.ask(&format!("CREATE TABLESPACE {name} LOCATION '{location}'"));
    let space = Tablespace {
        shop: &shop,
        name: name.clone(),
    };
    let to = to_postgres(&format!("{}%20-cdefault_tablespace%3D{name}", shop.url()));
    is_told_and_gone_on_with(&shop, to.as_ref(), &disk);
    drop(space);
}

#[test]
fn a_full_disk_is_told_and_gone_on_with_in_mariadb() {
    let Some(shop) = MariadbShop::open("a_full_disk") else {
        return;
    };
    let place = Path::new(&shop.ask("SELECT @@datadir")).join(shop.place());
    let Some(disk) = Disk::mount(&place, user("mysql")) else {
        return;
    };
    is_told_and_gone_on_with(&shop, shop.to().as_ref(), &disk);
    // The database goes while its files are there.
    shop.ask("DROP TABLE pets, lakeseed_ledger, lakeseed_runs");
}
