//! The real servers do what tests of our client take for granted.

use crate::client::Client;
use crate::store::race;
use lakeseed_test_s3::Service;

#[test]
fn moto_checks_keys_and_lets_one_writer_win() {
    let test = "moto_checks_keys_and_lets_one_writer_win";
    let Some(moto) = Service::find("moto", test) else {
        return;
    };
    let client = |access: &str, secret: &str| {
        Client::new(&moto.endpoint, &moto.bucket, access, secret, None)
    };
    let good = || client(&moto.access_key, &moto.secret_key);
    let prefix = format!("{test}-{}", std::process::id());

    let refused = format!("{prefix}/refused");
    let wrong = client(&moto.access_key, "not the secret")
        .put(&refused, b"1")
        .unwrap_err();
    assert!(
        wrong.to_string().contains("SignatureDoesNotMatch"),
        "{wrong}"
    );
    let unknown = client("NOSUCHKEY", &moto.secret_key)
        .put(&refused, b"1")
        .unwrap_err();
    assert!(
        unknown.to_string().contains("InvalidAccessKeyId"),
        "{unknown}"
    );
    assert_eq!(good().list(&prefix).unwrap(), []);

    let key = format!("{prefix}/manifest");
    let won = race(&key, good);
    assert_eq!(won.len(), 1, "{won:?} won");
    assert_eq!(good().get(&key).unwrap(), [won[0]; 3000]);
}
