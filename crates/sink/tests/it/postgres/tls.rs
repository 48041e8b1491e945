//! TLS: as far as an address asks for it.

use std::env;
use std::time::Duration;

use lakeseed_sink::databases::postgres::{Postgres, PostgresOptions};
use lakeseed_sink::{Environment, Trouble};

use crate::databases::refused::trouble;
use crate::databases::{PostgresShop, Shop, text};

#[test]
fn tls_goes_as_far_as_it_is_asked_to() {
    let Some(shop) = PostgresShop::open("tls_goes_as_far") else {
        return;
    };
    let ca = env::var("LAKESEED_TEST_POSTGRES_CA").unwrap();
    let runs = |mode: &str, ca: Option<String>| {
        let options = PostgresOptions {
            patience: Duration::from_secs(20),
            environment: Environment::new(move |name| {
                ca.clone().filter(|_| name == "PGSSLROOTCERT")
            }),
        };
        let url = shop
            .url()
            .replace("sslmode=disable", &format!("sslmode={mode}"));
        Postgres::new(&url, &options).unwrap().runs()
    };
    for (mode, ca) in [
        ("prefer", None),
        ("require", None),
        ("require", Some(ca.clone())),
        ("verify-full", Some(ca.clone())),
    ] {
        runs(mode, ca).unwrap();
    }
    let error = runs("verify-full", None).unwrap_err();
    assert_eq!(
        trouble(&error),
        Some(Trouble::Untrusted),
        "{}",
        text(&error)
    );
    // A server that has no TLS, which this one says of a line without it.
    let lines = "SELECT count(*) FROM pg_hba_file_rules WHERE type = 'host'";
    assert_eq!(shop.ask(lines), "2");
}
