//! Connections under TLS, with an authority of the test's own.

use std::fs;

use lakeseed_sink::messages::Publish;
use lakeseed_sink::messages::rabbitmq::{RabbitOptions, RabbitQueue};
use lakeseed_sink::{Environment, Trouble};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::server::RabbitServer;
use super::{options, plan, rows, trouble};
use crate::ports::free_ports;

#[test]
fn a_server_is_trusted_by_its_authority_alone() {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let authority_key = KeyPair::generate().unwrap();
    let ca_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let certificate = certificate.signed_by(&key, &issuer).unwrap().pem();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, &ca_pem).unwrap();
    let [port] = free_ports();
    let name_of_test = "a_server_is_trusted_by_its_authority_alone";
    let server = RabbitServer::with(name_of_test, |folder| {
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        format!(
            "listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n\
             ssl_options.cacertfile = {}\nssl_options.verify = verify_none\n",
            file("server.pem", &certificate),
            file("server.key", &key.serialize_pem()),
            file("ca.pem", &ca_pem),
        )
    });
    let Some(server) = server else {
        return;
    };
    let batch = rows().slice(0, 1_000);
    let plan = plan(&batch);
    let send = |address: &str, options: RabbitOptions| {
        let options = RabbitOptions {
            create: true,
            ..options
        };
        let queue = RabbitQueue::new(address, options).unwrap();
        Publish::to_queue(&plan, &queue).run()
    };
    let trusting = RabbitOptions {
        environment: Environment::new(move |name| {
            (name == "RABBITMQ_CA").then(|| ca.to_str().unwrap().to_owned())
        }),
        ..options()
    };
    let tls = format!("amqps://127.0.0.1:{port}/%2F/lake?type=stream");
    assert_eq!(send(&tls, trusting.clone()).unwrap().messages, 10);
    let (kind, text) = trouble(&send(&tls, options()).unwrap_err());
    assert_eq!(kind, Trouble::Untrusted, "{text}");
    // A port without TLS is not spoken to in the clear where TLS was asked for.
    let clear = format!("amqps://127.0.0.1:{}/%2F/lake", server.port());
    assert!(send(&clear, trusting).is_err());
}
