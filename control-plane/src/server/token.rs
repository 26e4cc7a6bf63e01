//! The bearer token that calls over TCP must carry.
//!
//! It is made at the first start and kept in the data directory in a file that only its owner reads.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tonic::{Request, Status};

/// A secret text; printing it shows nothing.
#[derive(Clone)]
pub struct Token(Arc<str>);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[error("the token file {}: {cause}", path.display())]
pub struct TokenError {
    path: PathBuf,
    cause: io::Error,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The file in a data directory.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("api-token")
    }

    /// Reads a token file.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let failed = |cause| TokenError {
            path: path.to_owned(),
            cause,
        };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        match text.trim() {
            "" => Err(failed(io::Error::other(
                "it is empty; remove it and a new one is made",
            ))),
            text => Ok(Self(text.into())),
        }
    }

    /// Reads the token of a data directory, and makes it if there is none.
    pub fn of(data_dir: &Path) -> Result<Self, TokenError> {
        let path = Self::path(data_dir);
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let failed = |cause| TokenError {
            path: path.clone(),
            cause,
        };
        match made {
            Ok(mut file) => {
                let token = random().map_err(failed)?;
                file.write_all(format!("{token}\n").as_bytes())
                    .and_then(|()| file.sync_all())
                    .map_err(failed)?;
                Ok(Self(token.into()))
            }
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Self::read(&path),
            Err(cause) => Err(failed(cause)),
        }
    }

    /// The value of the `authorization` header.
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Lets a call pass that carries the token.
    pub fn check(&self, request: Request<()>) -> Result<Request<()>, Status> {
        let given = request.metadata().get("authorization");
        let given = given.and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer "));
        match given {
            // Hashes are compared, so that the time it takes tells nothing of the token.
            Some(given) if blake3::hash(given.as_bytes()) == blake3::hash(self.0.as_bytes()) => {
                Ok(request)
            }
            Some(_) => Err(Status::unauthenticated(
                "the bearer token is not this server's",
            )),
            None => Err(Status::unauthenticated(
                "calls over TCP carry a bearer token; it is in the file api-token of the data directory",
            )),
        }
    }
}

/// 256 bits from the kernel, as hexadecimal digits.
fn random() -> io::Result<String> {
    let mut bytes = [0u8; 32];
    let mut source = std::fs::File::open("/dev/urandom")?;
    io::Read::read_exact(&mut source, &mut bytes)?;
    Ok(blake3::Hash::from_bytes(bytes).to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let token = Token::of(dir.path()).unwrap();
        let again = Token::of(dir.path()).unwrap();
        assert_eq!(token.header(), again.header());
        assert_eq!(token.header().len(), "Bearer ".len() + 64);
        let file = std::fs::metadata(Token::path(dir.path())).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        assert_eq!(format!("{token:?}"), "Token");
    }

    #[test]
    fn only_the_right_token_passes() {
        let dir = tempfile::tempdir().unwrap();
        let token = Token::of(dir.path()).unwrap();
        let with = |value: Option<&str>| {
            let mut request = Request::new(());
            if let Some(value) = value {
                let value = value.parse().unwrap();
                request.metadata_mut().insert("authorization", value);
            }
            token.check(request)
        };
        assert!(with(Some(&token.header())).is_ok());
        for wrong in [None, Some("Bearer x"), Some("Bearer "), Some("x")] {
            assert_eq!(
                with(wrong).unwrap_err().code(),
                tonic::Code::Unauthenticated
            );
        }
    }
}
