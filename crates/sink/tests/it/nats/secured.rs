//! Connections under TLS, with an authority of the test's own.

use std::fs;

use lakeseed_sink::messages::Publish;
use lakeseed_sink::messages::nats::{NatsOptions, NatsQueue};
use lakeseed_sink::{Environment, Trouble};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::server::NatsServer;
use super::{options, plan, rows, trouble};

#[test]
fn a_server_is_trusted_by_its_authority_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let ca = file(
        "ca.pem",
        authority.self_signed(&authority_key).unwrap().pem(),
    );
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &issuer).unwrap().pem();
    let certificate = file("server.pem", certificate);
    let key = file("server.key", key.serialize_pem());
    let settings = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\" }}",
        certificate.display(),
        key.display()
    );
    let name_of_test = "a_server_is_trusted_by_its_authority_alone";
    let Some(server) = NatsServer::with(name_of_test, &settings) else {
        return;
    };
    let batch = rows().slice(0, 1_000);
    let plan = plan(&batch);
    let send = |url: &str, options: NatsOptions| {
        let options = NatsOptions {
            create_stream: Some("LAKE".to_owned()),
            ..options
        };
        let queue = NatsQueue::new(url, options).unwrap();
        Publish::to_queue(&plan, &queue).run()
    };
    let url = server.url("lake");
    let tls = url.replace("nats://", "tls://");
    let trusting = NatsOptions {
        environment: Environment::new(move |name| {
            (name == "NATS_CA").then(|| ca.to_str().unwrap().to_owned())
        }),
        ..options()
    };
    // A server that demands TLS gets it, whatever the address says.
    for url in [&tls, &url] {
        assert_eq!(send(url, trusting.clone()).unwrap().messages, 10);
        let (kind, text) = trouble(&send(url, options()).unwrap_err());
        assert_eq!(kind, Trouble::Untrusted, "{text}");
    }
    // One that has none is not spoken to in the clear where TLS was asked for.
    let clear = NatsServer::start(name_of_test).unwrap();
    let url = clear.url("lake").replace("nats://", "tls://");
    assert!(send(&url, trusting).is_err());
}
