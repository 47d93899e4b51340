//! A small origin for `shieldc dev`: it answers every request with what it was asked, so that one sees what came through.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::json;

/// The largest body and the longest line that it reads.
const MAX: u64 = 64 << 20;

/// Starts the origin on a free port of this machine; it ends with the process.
pub fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::Builder::new().name("demo-origin".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = move || {
                // A client that goes away is no concern of the origin's.
                drop(connection(&stream));
            };
            drop(thread::Builder::new().name("demo-connection".into()).spawn(serve));
        }
    })?;
    Ok(address)
}

/// Answers requests until the peer closes.
fn connection(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = request(&mut reader)? {
        let body = json!({
            "demo": "this answer comes from the demo origin: the request passed",
            "request": request.line,
            "body_bytes": request.body,
        })
        .to_string();
        let empty = request.line.starts_with("HEAD ");
        let sent = if empty { "" } else { body.as_str() };
        write!(
            &mut &*stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{sent}",
            body.len(),
        )?;
    }
    Ok(())
}

/// What was asked.
struct Request {
    line: String,
    body: u64,
}

/// The next request, read to its end; none where the peer has closed.
fn request(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Request>> {
    let first = line(reader)?;
    if first.is_empty() {
        return Ok(None);
    }
    let (mut length, mut chunked) = (0, false);
    loop {
        let header = line(reader)?;
        let Some((name, value)) = header.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
        chunked |= name.eq_ignore_ascii_case("transfer-encoding");
    }
    let body = if chunked { chunks(reader)? } else { skip(reader, length)? };
    Ok(Some(Request { line: first, body }))
}

fn chunks(reader: &mut BufReader<&TcpStream>) -> io::Result<u64> {
    let mut total = 0;
    loop {
        let size = line(reader)?;
        let size = u64::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
        total += skip(reader, size)?;
        if size == 0 {
            while !line(reader)?.is_empty() {}
            return Ok(total);
        }
        line(reader)?;
    }
}

fn skip(reader: &mut BufReader<&TcpStream>, length: u64) -> io::Result<u64> {
    io::copy(&mut reader.take(length.min(MAX)), &mut io::sink())
}

/// A line without its end.
fn line(reader: &mut BufReader<&TcpStream>) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(MAX).read_until(b'\n', &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}
