//! TLS as far as an address asks for it, and a socket, which needs none.

use std::env;
use std::time::Duration;

use lakeseed_sink::databases::mysql::{Mysql, MysqlOptions};
use lakeseed_sink::{Environment, Trouble};

use crate::databases::family::{family, holds_the_family, load};
use crate::databases::refused::trouble;
use crate::databases::{MariadbShop, Shop, text};

#[test]
fn tls_goes_as_far_as_it_is_asked_to() {
    let Some(shop) = MariadbShop::open("tls_goes_as_far") else {
        return;
    };
    let ca = env::var("LAKESEED_TEST_MARIADB_CA").unwrap();
    // She must come by TLS.
    let runs = |query: &str| {
        let options = MysqlOptions {
            patience: Duration::from_secs(20),
            environment: Environment::new(|_| None),
        };
        let url = format!(
            "mysql://eva:right%3Ap%40ss@127.0.0.1:{}/shop?{query}",
            shop.port()
        );
        Mysql::new(&url, &options).unwrap().runs()
    };
    for query in [
        String::new(),
        "ssl-mode=REQUIRED".to_owned(),
        format!("ssl-mode=REQUIRED&ssl-ca={ca}"),
        format!("ssl-ca={ca}"),
        format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}"),
    ] {
        runs(&query).unwrap();
    }
    for (query, expected) in [
        ("ssl-mode=VERIFY_IDENTITY", Trouble::Untrusted),
        ("ssl-mode=DISABLED", Trouble::Denied),
    ] {
        let error = runs(query).unwrap_err();
        assert_eq!(trouble(&error), Some(expected), "{}", text(&error));
    }
}

#[test]
fn a_socket_leads_there_too() {
    let Some(shop) = MariadbShop::open("a_socket_leads_there") else {
        return;
    };
    let socket = env::var("LAKESEED_TEST_MARIADB_SOCKET").unwrap();
    let url = format!("mysql://root@/{}?socket={socket}", shop.place());
    load::<MariadbShop>(&family::<MariadbShop>(), &url).unwrap();
    holds_the_family(&shop);
}
