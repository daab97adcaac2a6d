//! Real sockets: servers on a free port, and a client that writes and reads raw HTTP/1.1.

use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Serves an axum application on a free port until the test ends.
pub async fn serve_axum(app: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// One connection to a server.
pub struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// One response, as it stood on the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.headers.iter().filter(|(field, _)| field == name);
        fields.map(|(_, value)| value.as_str()).collect()
    }
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
            unread: Vec::new(),
        }
    }

    /// Writes a request as it is; line ends may be given as `\n`.
    pub async fn write(&mut self, head: &str, body: &[u8]) {
        let mut bytes = head.replace('\n', "\r\n").into_bytes();
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(body);
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// Reads one response; one to `HEAD` has no body, whatever its head says.
    pub async fn read(&mut self, is_head: bool) -> Answer {
        let end = loop {
            let end = self.unread.windows(4).position(|w| w == b"\r\n\r\n");
            match end {
                Some(end) => break end,
                None => self.more().await,
            }
        };
        let head = String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer {
            status: status.parse().unwrap(),
            headers,
            body: String::new(),
        };
        let length = answer.all("content-length").first().map(|n| n.parse());
        let length: usize = length.map_or(0, Result::unwrap);
        if !is_head {
            while self.unread.len() < length {
                self.more().await;
            }
            let body = self.unread.drain(..length).collect();
            answer.body = String::from_utf8(body).unwrap();
        }
        answer
    }

    pub async fn ask(&mut self, head: &str) -> Answer {
        self.write(head, b"").await;
        self.read(head.starts_with("HEAD")).await
    }

    async fn more(&mut self) {
        let mut buffer = [0; 4096];
        let read = self.stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the server closed the connection");
        self.unread.extend_from_slice(&buffer[..read]);
    }
}
