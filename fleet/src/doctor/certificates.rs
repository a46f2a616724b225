//! When the certificates expire: the servers', the authorities' and our own.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use mt5_redis::config::{Address, Endpoint, Site, Tls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Finding, Patient};

const DAY: i64 = 86_400;
/// Yellow: time enough to notice and act.
const SOON: i64 = 30 * DAY;
const NOW: i64 = 7 * DAY;

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for place in &patient.places {
        let Some(tls) = &place.endpoint.tls else { continue };
        let files = tls.ca.iter().chain(tls.client.as_ref().map(|(certificate, _)| certificate));
        for file in files {
            findings.push(
                of_file(file).unwrap_or_else(|error| Finding::red(file.display(), format!("{error:#}"))),
            );
        }
        for address in addresses(&place.endpoint, place.members.iter().map(|member| &member.address)) {
            // The check `reach` reports a server that does not answer.
            let Ok(certificate) = presented(&address, &place.endpoint, tls) else { continue };
            findings.push(judge(&address, &certificate)?);
        }
    }
    findings.dedup_by(|one, other| one.server == other.server && one.text == other.text);
    Ok(findings)
}

/// The servers that present certificates: those in the configuration and those found through them.
fn addresses<'a>(endpoint: &Endpoint, found: impl Iterator<Item = &'a Address>) -> Vec<Address> {
    let mut addresses = match &endpoint.site {
        Site::Server(address) => vec![address.clone()],
        Site::Sentinel { sentinels, .. } => sentinels.clone(),
        Site::Cluster(nodes) => nodes.clone(),
    };
    let known = addresses.clone();
    addresses.extend(found.filter(|address| !known.contains(address)).cloned());
    addresses
}

fn of_file(path: &Path) -> Result<Finding> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let certificate =
        CertificateDer::from_pem_slice(&bytes).ok().context("the file holds no PEM certificate")?;
    judge(path.display(), &certificate)
}

fn judge(server: impl ToString, certificate: &CertificateDer) -> Result<Finding> {
    let (_, parsed) = X509Certificate::from_der(certificate).context("the certificate cannot be parsed")?;
    let validity = parsed.validity();
    let left = validity.not_after.timestamp() - x509_parser::time::ASN1Time::now().timestamp();
    let text = format!("certificate {} until {}", parsed.subject(), validity.not_after);
    let cure =
        "renew it: the bridge rereads its files at each connection, Redis after CONFIG SET tls-cert-file";
    let days = format!("{text}: {} days left", left / DAY);
    Ok(if left <= 0 {
        Finding::red(server, format!("{text}: it has expired")).cure(cure)
    } else if left < NOW {
        Finding::red(server, days).cure(cure)
    } else if left < SOON {
        Finding::yellow(server, days).cure(cure)
    } else {
        Finding::green(server, text)
    })
}

/// The certificate that a server presents, valid or not. Nothing else is sent over this connection.
fn presented(address: &Address, endpoint: &Endpoint, tls: &Tls) -> Result<CertificateDer<'static>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone));
    let config = match &tls.client {
        Some((certificate, key)) => {
            let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key)?)?
        }
        None => builder.with_no_client_auth(),
    };
    let name = ServerName::try_from(address.host.clone())?;
    let mut connection = ClientConnection::new(Arc::new(config), name)?;
    let to = (address.host.as_str(), address.port).to_socket_addrs()?.next().context("no such host")?;
    let mut socket = TcpStream::connect_timeout(&to, endpoint.connect_timeout)?;
    socket.set_read_timeout(Some(endpoint.connect_timeout))?;
    socket.set_write_timeout(Some(endpoint.connect_timeout))?;
    // The server may refuse us, but only after it has presented its certificate.
    let _ = connection.complete_io(&mut socket);
    let chain = connection.peer_certificates().context("no certificate was presented")?;
    Ok(chain.first().context("no certificate was presented")?.clone().into_owned())
}

/// Accepts every certificate, only to read its dates.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer,
        _: &[CertificateDer],
        _: &ServerName,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
