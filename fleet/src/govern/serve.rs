//! A web server for one small page. Time, request size and the number of connections are limited, so no client can
//! exhaust memory or lock others out for long.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// The most bytes of a request's first line and headers.
const HEAD: usize = 8 << 10;
const HEADERS: usize = 64;
/// The most time for a request and its response.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The most simultaneous connections; further ones are closed.
const CONNECTIONS: usize = 16;

/// Answers every request for `path` with the current `page`.
pub fn serve(listener: &TcpListener, path: &'static str, page: impl Fn() -> String + Send + Sync + 'static) {
    let (page, taken) = (Arc::new(page), Arc::new(AtomicUsize::new(0)));
    loop {
        let Ok((stream, _)) = listener.accept() else {
            // Out of file descriptors, perhaps; some may be freed.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        if taken.fetch_add(1, Relaxed) >= CONNECTIONS {
            taken.fetch_sub(1, Relaxed);
            continue;
        }
        let (page, place) = (page.clone(), taken.clone());
        let answer = move || {
            // The client may be gone.
            let _ = attend(stream, path, &*page);
            place.fetch_sub(1, Relaxed);
        };
        if thread::Builder::new().name("metrics".into()).spawn(answer).is_err() {
            taken.fetch_sub(1, Relaxed);
        }
    }
}

fn attend(stream: TcpStream, path: &str, page: &impl Fn() -> String) -> Result<()> {
    let mut client = Client { stream, deadline: Instant::now() + TIMEOUT };
    let (status, body, wanted) = match client.request()? {
        Ok((method, target)) => match (method.as_str(), target.split('?').next() == Some(path)) {
            ("GET" | "HEAD", true) => ("200 OK", page(), method == "GET"),
            ("GET" | "HEAD", false) => {
                ("404 Not Found", format!("the metrics are at {path}\n"), method == "GET")
            }
            _ => ("405 Method Not Allowed", "only GET and HEAD are allowed\n".to_owned(), true),
        },
        Err(status) => (status, String::new(), true),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    client.send(head.as_bytes())?;
    if wanted {
        client.send(body.as_bytes())?;
    }
    Ok(())
}

/// A client, with the deadline of its request.
struct Client {
    stream: TcpStream,
    deadline: Instant,
}

impl Client {
    /// Method and target of the request, or the status to answer a bad one with.
    fn request(&mut self) -> Result<std::result::Result<(String, String), &'static str>> {
        let mut head = Vec::new();
        let mut piece = [0; 1024];
        loop {
            self.stream.set_read_timeout(Some(self.left()?))?;
            let count = self.stream.read(&mut piece)?;
            head.extend_from_slice(&piece[..count]);
            let mut headers = [httparse::EMPTY_HEADER; HEADERS];
            let mut request = httparse::Request::new(&mut headers);
            match request.parse(&head) {
                Ok(httparse::Status::Complete(_)) => {
                    let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
                    return Ok(Ok((text(request.method), text(request.path))));
                }
                Ok(httparse::Status::Partial) if count == 0 => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(httparse::Status::Partial) if head.len() < HEAD => {}
                Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                    return Ok(Err("431 Request Header Fields Too Large"));
                }
                Err(_) => return Ok(Err("400 Bad Request")),
            }
        }
    }

    fn send(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(self.left()?))?;
            match self.stream.write(bytes)? {
                0 => return Err(ErrorKind::WriteZero.into()),
                count => bytes = &bytes[count..],
            }
        }
        Ok(())
    }

    /// The time left, never 0.
    fn left(&self) -> Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}
