//! Reads files that people write: regular files of at most 1 MiB, in any of the encodings that Windows editors use.
//! An error message never quotes a file's content, which may be a secret.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Nobody writes a longer file by hand, but a wrong path may lead to anything.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a file as bytes; a text with a byte order mark becomes UTF-8.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    read(path).map_err(|reason| unreadable(path, &reason))
}

/// Reads a text in UTF-8, or in UTF-16 with a byte order mark.
#[doc(hidden)]
pub fn text(path: &Path) -> Result<String, String> {
    String::from_utf8(bytes(path)?).map_err(|error| {
        let line = line(error.as_bytes(), error.utf8_error().valid_up_to());
        unreadable(path, &format!("line {line} is not UTF-8: save the file as UTF-8"))
    })
}

/// Reads a password, which is a single line, without blanks at its end. Returns whether there were any.
pub(super) fn password(path: &Path) -> Result<(String, bool), String> {
    let text = text(path)?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.contains(['\r', '\n']) {
        return Err(format!("{} has more than one line: a password is one line", path.display()));
    }
    let password = line.trim_end_matches([' ', '\t']);
    Ok((password.to_owned(), password.len() < line.len()))
}

/// The number of the line in which the byte at this offset is.
pub(super) fn line(text: &[u8], at: usize) -> usize {
    text.iter().take(at).filter(|&&byte| byte == b'\n').count() + 1
}

fn unreadable(path: &Path, reason: &dyn Display) -> String {
    format!("{} cannot be read: {reason}", path.display())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    // Opening a pipe would wait for its other end.
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a regular file".into());
    }
    if metadata.len() > MAX_BYTES {
        return Err(format!("it has {} bytes, and the limit is {MAX_BYTES}", metadata.len()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    decode(bytes)
}

fn decode(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let damaged = || "it is damaged UTF-16: save it as UTF-8".to_owned();
        let (pairs, []) = rest.as_chunks() else { return Err(damaged()) };
        let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
        text.map(String::into_bytes).map_err(|_| damaged())
    };
    match &bytes[..] {
        [0xEF, 0xBB, 0xBF, rest @ ..] => Ok(rest.to_vec()),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [_, 0, ..] | [0, _, ..] => Err("it is not a text, or UTF-16 without a mark: save it as UTF-8".into()),
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(unit).collect()
    }

    #[test]
    fn a_text_is_the_same_in_every_form_that_windows_gives_it() {
        const TEXT: &str = "url = \"größer\"\r\n";
        for bytes in [
            TEXT.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF", TEXT.as_bytes()].concat(),
            utf16(TEXT, u16::to_le_bytes),
            utf16(TEXT, u16::to_be_bytes),
        ] {
            assert_eq!(decode(bytes).unwrap(), TEXT.as_bytes());
        }
        let without_mark: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let odd = utf16(TEXT, u16::to_le_bytes)[..5].to_vec();
        for bytes in [without_mark, odd, vec![0xFF, 0xFE, 0x00, 0xD8]] {
            assert!(decode(bytes).err().unwrap().ends_with("save it as UTF-8"));
        }
    }

    #[test]
    fn a_password_is_one_line_without_what_editors_and_shells_add() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (bytes, had_blanks) in [
            (b"geheim".to_vec(), false),
            (b"\xEF\xBB\xBFgeheim\r\n".to_vec(), false),
            (utf16("geheim\r\n", u16::to_le_bytes), false),
            (b"geheim \r\n".to_vec(), true),
            (b"\xEF\xBB\xBFgeheim\t".to_vec(), true),
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(password(&path).unwrap(), ("geheim".to_owned(), had_blanks));
        }
        fs::write(&path, "geheim\nand more").unwrap();
        assert!(password(&path).unwrap_err().ends_with("has more than one line: a password is one line"));
        fs::write(&path, b"ok\ngeh\xFFeim").unwrap();
        let refused = password(&path).unwrap_err();
        assert!(refused.ends_with("line 2 is not UTF-8: save the file as UTF-8"), "{refused}");
        assert!(!refused.contains("geh"));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_and_a_device_are_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, Path::new("/dev/zero"), folder.path()] {
            assert!(bytes(path).unwrap_err().ends_with(" cannot be read: it is not a regular file"));
        }
    }
}
