//! The server's certificate: given, or one that it makes for itself and keeps in a folder.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use crate::acl::hexadecimal;

/// A TLS configuration with the certificate and key in these PEM files, and the certificate's SHA-256 sum.
pub fn read(certificate: &Path, key: &Path) -> Result<(Arc<ServerConfig>, String)> {
    let at = |path: &Path| format!("cannot read {}", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| at(certificate))?;
    let first = chain.first().with_context(|| format!("{} has no certificate", certificate.display()))?;
    let fingerprint = hexadecimal(&Sha256::digest(first));
    let private = PrivateKeyDer::from_pem_file(key).with_context(|| at(key))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .with_context(|| format!("{} and {} do not fit", certificate.display(), key.display()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((Arc::new(config), fingerprint))
}

/// The same with a certificate of its own, which is made if the folder has none.
pub fn own(folder: &Path, address: IpAddr) -> Result<(Arc<ServerConfig>, String)> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    if !certificate.exists() && !key.exists() {
        let mut names = vec!["localhost".to_owned()];
        if !address.is_unspecified() {
            names.push(address.to_string());
        }
        names.extend(host_name());
        let made = rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        write_secret(&key, &made.signing_key.serialize_pem())?;
        fs::write(&certificate, made.cert.pem())
            .with_context(|| format!("cannot write {}", certificate.display()))?;
    }
    read(&certificate, &key)
}

/// This machine's name, where it can be a name in a certificate.
fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    plain.then(|| name.to_owned())
}

/// Writes a file that only its owner can read.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}
