//! The library's threads. Each starts here, so that what must be done at its end is done even if it panics: nobody waits
//! for a thread that is gone.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};

use crate::panic_text;

/// Starts a thread that runs `body`, and then `end` with its result or the message of its panic.
pub fn start<T: 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
    end: impl FnOnce(Result<T, String>) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name).spawn(move || {
        // What `body` owns is dropped before `end` begins.
        end(catch_unwind(AssertUnwindSafe(body)).map_err(|panic| panic_text(&*panic).to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn the_end_comes_after_a_panic_too() {
        let (sender, ends) = channel();
        for fails in [false, true] {
            let sender = sender.clone();
            let body = move || {
                assert!(!fails, "it fails");
                7
            };
            let thread = start("test".into(), body, move |end| sender.send(end).unwrap()).unwrap();
            thread.join().unwrap();
            assert_eq!(ends.recv(), Ok(if fails { Err("it fails".to_owned()) } else { Ok(7) }));
        }
    }

    #[test]
    fn no_thread_starts_elsewhere() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![root.join("src"), root.join("worker/src")];
        let mut elsewhere = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap();
                // Tests join their threads.
                let (text, _) = text.split_once("#[cfg(test)]\nmod tests").unwrap_or((&text, ""));
                let is_test = path.iter().any(|part| part == "tests" || part == "interleavings.rs");
                if !is_test && ["thread::Builder", "thread::spawn"].iter().any(|call| text.contains(call)) {
                    elsewhere.push(path);
                }
            }
        }
        assert_eq!(
            elsewhere,
            Vec::<std::path::PathBuf>::new(),
            "these start threads of their own: use background::start"
        );
    }
}
