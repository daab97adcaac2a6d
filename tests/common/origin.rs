//! A server on loopback whose answers a test scripts, with faults.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What is done with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A response of this status, with these fields and this body.
    Send(u16, Vec<(String, String)>, String),
    /// The same, after a while.
    Later(Duration, Box<Answer>),
    /// The connection stays open, and nothing comes.
    Hang,
    /// The connection ends without an answer.
    Reset,
    /// A body of so many bytes, without its length.
    Flood(usize),
}

impl Answer {
    pub fn json(body: impl Into<String>) -> Self {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        Self::Send(200, vec![json], body.into())
    }

    pub fn status(status: u16) -> Self {
        Self::Send(status, Vec::new(), String::new())
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Send(_, fields, _) = &mut self {
            fields.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub fields: HashMap<String, String>,
    pub body: String,
}

type Script = dyn Fn(&Asked) -> Answer + Send + Sync;

#[derive(Default)]
struct Shared {
    asked: Vec<Asked>,
    answers: HashMap<String, Arc<Script>>,
}

/// The server; it ends when it is dropped.
pub struct Origin {
    pub address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

impl Origin {
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let shared = Arc::<Mutex<Shared>>::default();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(accept(listener, shared.clone()));
        Self {
            address,
            shared,
            task,
        }
    }

    /// The server's URL, with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers this path so, from now on.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.script(path, move |_| answer.clone());
    }

    pub fn script(&self, path: &str, script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) {
        let mut shared = self.shared.lock().unwrap();
        shared.answers.insert(path.to_owned(), Arc::new(script));
    }

    /// Every request for this path so far.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let shared = self.shared.lock().unwrap();
        let asked = shared.asked.iter().filter(|asked| asked.path == path);
        asked.cloned().collect()
    }

    /// How many requests for this path there were.
    pub fn count(&self, path: &str) -> usize {
        self.asked(path).len()
    }

    /// How many requests there were at all.
    pub fn total(&self) -> usize {
        self.shared.lock().unwrap().asked.len()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve(stream, shared.clone()));
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(asked) = read(&mut stream, &mut buffer).await? {
        let script = {
            let mut shared = shared.lock().unwrap();
            shared.asked.push(asked.clone());
            shared.answers.get(&asked.path).cloned()
        };
        let mut answer = script.map_or(Answer::status(404), |script| script(&asked));
        while let Answer::Later(wait, then) = answer {
            tokio::time::sleep(wait).await;
            answer = *then;
        }
        match answer {
            Answer::Send(status, fields, body) => {
                let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in fields {
                    head += &format!("{name}: {value}\r\n");
                }
                stream
                    .write_all(format!("{head}\r\n{body}").as_bytes())
                    .await?;
            }
            Answer::Flood(bytes) => {
                let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
                stream.write_all(head).await?;
                for _ in 0..bytes / 1024 {
                    stream.write_all(&[b' '; 1024]).await?;
                }
                return Ok(());
            }
            Answer::Hang => std::future::pending().await,
            Answer::Reset => {
                stream.set_zero_linger()?;
                return Ok(());
            }
            Answer::Later(..) => unreachable!(),
        }
    }
    Ok(())
}

/// The next request of a connection, with its body.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Asked>> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head: Vec<u8> = buffer.drain(..end).collect();
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let fields: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = fields
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    while buffer.len() < length {
        stream.read_buf(buffer).await?;
    }
    let body: Vec<u8> = buffer.drain(..length).collect();
    Ok(Some(Asked {
        method: first.next().unwrap().to_owned(),
        path: first.next().unwrap().to_owned(),
        fields,
        body: String::from_utf8(body).unwrap(),
    }))
}
