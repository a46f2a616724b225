//! The files that encryption needs. They are read and checked at open, so that a wrong path is told at once,
//! and read again for each connection, so that a renewed certificate needs no restart.

use std::path::{Path, PathBuf};

use redis::{ClientTlsConfig, TlsCertificates};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::small_file;

/// How connections are encrypted: TLS 1.2 or 1.3. The server's certificate and name are always checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// PEM file with the authorities to trust; none: those that web browsers trust.
    pub ca: Option<PathBuf>,
    /// PEM files with our own certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Reads the files. A refusal names the file and never quotes it: one of them is a secret.
    pub(crate) fn certificates(&self) -> Result<TlsCertificates, String> {
        let client = self.client.as_ref().map(|(certificate, key)| {
            let (client_cert, client_key) = (certificates(certificate)?, small_file(key)?);
            PrivateKeyDer::from_pem_slice(&client_key)
                .map_err(|_| format!("{} has no private key in PEM", key.display()))?;
            Ok::<_, String>(ClientTlsConfig { client_cert, client_key })
        });
        Ok(TlsCertificates {
            client_tls: client.transpose()?,
            root_cert: self.ca.as_deref().map(certificates).transpose()?,
        })
    }
}

fn certificates(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = small_file(path)?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        certificate.map_err(|_| format!("{} is damaged: it is no PEM", path.display()))?;
        found += 1;
    }
    match found {
        0 => Err(format!("{} has no certificate in PEM", path.display())),
        _ => Ok(bytes),
    }
}
