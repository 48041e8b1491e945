//! Tables read back and compared.

use lakeseed_sink::databases::{IfExists, VerifyLoad};

use super::{MariadbShop, PostgresShop, Shop, pets};

/// Bounds are kept of keys, and none of dictionaries: of their values, as they come back, neither.
fn a_key_of_words_is_verified<S: Shop>(shop: &S) {
    let plans = [S::plan().table(pets("kind")).build().unwrap()];
    shop.load(&plans[0], IfExists::Fail).unwrap();
    let from = shop.to();
    let verified = || VerifyLoad::new(&plans, from.as_ref()).run().unwrap();
    assert_eq!(verified().findings, []);
    shop.ask("UPDATE pets SET kind = 'z' WHERE id = 3");
    assert_eq!(verified().findings.len(), 1);
}

#[test]
fn a_key_of_words_is_verified_in_postgres() {
    if let Some(shop) = PostgresShop::open("a_key_of_words") {
        a_key_of_words_is_verified(&shop);
    }
}

#[test]
fn a_key_of_words_is_verified_in_mariadb() {
    if let Some(shop) = MariadbShop::open("a_key_of_words") {
        a_key_of_words_is_verified(&shop);
    }
}
