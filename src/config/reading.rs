//! Files that people write: no pipe and no device, a MiB at most, and as editors and shells on Windows save them.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Nobody writes a longer one by hand; a wrong path may lead to anything.
const MAX_BYTES: u64 = 1 << 20;

/// What a file says, as UTF-8 if it has a byte order mark.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// It began with a byte order mark, which is left out.
    pub(super) marked: bool,
}

/// Reads a file. The reason of a refusal holds nothing of what is in it.
pub(super) fn read(path: &Path) -> Result<Content, String> {
    // Before it is opened: whoever opens a pipe waits for its other end.
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no file".into());
    }
    if metadata.len() > MAX_BYTES {
        return Err(format!("it has {} bytes, more than {MAX_BYTES}", metadata.len()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    decode(bytes)
}

fn decode(bytes: Vec<u8>) -> Result<Content, String> {
    let units = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let damaged = || "it is damaged UTF-16: save it as UTF-8".to_owned();
        let (pairs, []) = rest.as_chunks() else { return Err(damaged()) };
        let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
        text.map(String::into_bytes).map_err(|_| damaged())
    };
    let decoded = match &bytes[..] {
        [0xEF, 0xBB, 0xBF, rest @ ..] => rest.to_vec(),
        [0xFF, 0xFE, rest @ ..] => units(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => units(rest, u16::from_be_bytes)?,
        [_, 0, ..] | [0, _, ..] => return Err("it is UTF-16, or no text: save it as UTF-8".into()),
        _ => return Ok(Content { bytes, marked: false }),
    };
    Ok(Content { bytes: decoded, marked: true })
}

/// A password, which is one line, and what was left out of it.
pub(super) fn password(path: &Path) -> Result<(String, Option<String>), String> {
    let Content { bytes, marked } = read(path)?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8: save it as UTF-8".to_owned())?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.contains(['\r', '\n']) {
        return Err("it has more than one line: a password is one".into());
    }
    let password = line.trim_end_matches([' ', '\t']);
    let left_out = match (marked, password.len() < line.len()) {
        (false, false) => None,
        (true, false) => Some("a byte order mark is left out; save it as UTF-8 without one"),
        (false, true) => Some(
            "blanks at its end are left out; a password that ends with one goes into quotes, as password",
        ),
        (true, true) => Some("a byte order mark and blanks at its end are left out"),
    };
    Ok((password.to_owned(), left_out.map(|what| format!("{}: {what}", path.display()))))
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
            assert_eq!(decode(bytes).unwrap().bytes, TEXT.as_bytes());
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
        for (bytes, left_out) in [
            (b"geheim".to_vec(), ""),
            (b"geheim\r\n".to_vec(), ""),
            (b"\xEF\xBB\xBFgeheim\n".to_vec(), "a byte order mark is left out"),
            (utf16("geheim\r\n", u16::to_le_bytes), "a byte order mark is left out"),
            (b"geheim \r\n".to_vec(), "blanks at its end are left out"),
            (b"\xEF\xBB\xBFgeheim\t".to_vec(), "a byte order mark and blanks"),
        ] {
            fs::write(&path, bytes).unwrap();
            let (password, told) = password(&path).unwrap();
            assert_eq!(password, "geheim");
            assert_eq!(told.is_some(), !left_out.is_empty());
            assert!(told.is_none_or(|told| told.contains(left_out) && !told.contains("geheim")));
        }
        fs::write(&path, "geheim\nand more").unwrap();
        assert_eq!(password(&path).unwrap_err(), "it has more than one line: a password is one");
        fs::write(&path, b"geh\xFFeim").unwrap();
        assert!(!password(&path).unwrap_err().contains("geh"));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_and_a_device_are_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, Path::new("/dev/zero"), folder.path()] {
            assert_eq!(read(path).err().unwrap(), "it is no file");
        }
    }
}
