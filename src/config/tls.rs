//! The certificates and keys for TLS. They are read and checked at open, so that a wrong path is reported at once, and
//! read again for each connection, so that a renewed certificate needs no restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::text_file::bytes;

/// How connections are encrypted: TLS 1.2 or 1.3. The server's certificate and name are always checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// PEM file with the authorities to trust. None: those that web browsers trust.
    pub ca: Option<PathBuf>,
    /// PEM files with our own certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Reads the files and returns the settings of a connection. An error names the file and never quotes its
    /// content, which may be secret.
    pub fn client(&self) -> Result<Arc<ClientConfig>, String> {
        let mut roots = RootCertStore::empty();
        match &self.ca {
            Some(path) => {
                let (usable, _) = roots.add_parsable_certificates(certificates(path)?);
                if usable == 0 {
                    return Err(format!("{} has no usable certificate", path.display()));
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let config = match &self.client {
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let key_of = PrivateKeyDer::from_pem_slice(&bytes(key)?)
                    .map_err(|_| format!("{} has no private key in PEM form", key.display()))?;
                builder.with_client_auth_cert(chain, key_of).map_err(|error| {
                    format!("{} and {} do not match: {error}", certificate.display(), key.display())
                })?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Arc::new(config))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(&bytes(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| format!("{} is not a PEM file, or is damaged", path.display()))?;
    match found.len() {
        0 => Err(format!("{} has no certificate in PEM form", path.display())),
        _ => Ok(found),
    }
}
