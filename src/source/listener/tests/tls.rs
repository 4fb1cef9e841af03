use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::support::{Bench, Raw, config, connect_v5, publish_v5, soon};
use crate::source::listener::{Access, Config};

/// Made for these tests alone: `localhost`, signed by itself, until the year 2120.
const CERTIFICATE: &str = "\
    MIIBXzCCAQSgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwIBcNMjAwMTAxMDAw\
    MDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMMCWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49\
    AwEHA0IABGV4iIQRZrJHXbH6lWvBhWWGuP+Kaj7pSnStUHiDiT/zqMt2vRNVgzbgBSj+mErvKOZ/5adpbHYa\
    KJ9ZA00+syqjRTBDMBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAMBgNVHRMBAf8EAjAAMB0GA1UdDgQWBBRQkiUj\
    lGe0FVTUd6zyzaNMv6yezDAKBggqhkjOPQQDAgNJADBGAiEApIbfUA0k4CGQuerG//reoWqohcumo2H8j2in\
    vbcNdC8CIQCV3E+5hbRDOv/7BfksF5dfnyLo/LjwgOzeiKqklAL7Mg==";

const KEY: &str = "\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3BL05xf2N3/I2eGtXiQfKXofj/n9IOAGb1fH\
    w/OKzP6hRANCAARleIiEEWayR12x+pVrwYVlhrj/imo+6Up0rVB4g4k/86jLdr0TVYM24AUo/phK7yjmf+Wn\
    aWx2GiifWQNNPrMq";

fn both_ends() -> (ServerConfig, ClientConfig) {
    let certificate = CertificateDer::from(STANDARD.decode(CERTIFICATE).unwrap());
    let key = PrivatePkcs8KeyDer::from(STANDARD.decode(KEY).unwrap());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let ring = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&ring))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    let client = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (server, client)
}

#[tokio::test]
async fn publishes_over_tls_and_refuses_what_is_in_the_clear() {
    let (server, client) = both_ends();
    let mut bench = Bench::with(
        Config { access: Access { tls: Some(Arc::new(server)), ..Access::default() }, ..config() },
        10,
    )
    .await;
    let mut clear = Raw::open(bench.addr).await;
    clear.send(&connect_v5("ns")).await;
    while clear.0.read_u8().await.is_ok() {}
    assert_eq!(bench.refused("tls"), 1);

    let stream = Raw::open(bench.addr).await.0;
    let connector = TlsConnector::from(Arc::new(client));
    let mut stream =
        soon(connector.connect("localhost".try_into().unwrap(), stream)).await.unwrap();
    stream.write_all(&connect_v5("ns")).await.unwrap();
    stream.write_all(&publish_v5("a/b", 7, b"body")).await.unwrap();
    bench.commit().await;
    bench.stop.cancel();
    let mut received = Vec::new();
    soon(stream.read_to_end(&mut received)).await.unwrap();
    assert!(received.ends_with(&[0x40, 2, 0, 7, 0xe0, 1, 0x8b]), "{received:?}");
    drop(stream);
    soon(bench.task).await.unwrap();
}
