//! A TCP proxy between a store and its server, which a test slows down, cuts off or moves to another
//! server.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

/// A proxy; cloned, it is the same one.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

struct State {
    upstream: u16,
    delay: Duration,
    cut: bool,
    connections: JoinSet<io::Result<()>>,
}

impl Proxy {
    /// Before the server that listens at this port of the loopback interface.
    pub(crate) async fn before(upstream: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            state: Arc::new(Mutex::new(State {
                upstream,
                delay: Duration::ZERO,
                cut: false,
                connections: JoinSet::new(),
            })),
        };
        let state = Arc::clone(&proxy.state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&state);
                let mut state = state.lock().unwrap();
                while state.connections.try_join_next().is_some() {}
                if !state.cut {
                    let upstream = SocketAddr::from(([127, 0, 0, 1], state.upstream));
                    state.connections.spawn(carry(client, upstream, shared));
                }
            }
        });
        proxy
    }

    /// Delays every piece of data, in both directions.
    pub(crate) fn slow_down(&self, delay: Duration) {
        self.state.lock().unwrap().delay = delay;
    }

    /// Closes all connections, and each new one at once.
    pub(crate) fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        state.cut = true;
        state.connections.abort_all();
    }

    pub(crate) fn mend(&self) {
        self.state.lock().unwrap().cut = false;
    }

    /// Closes all connections; new ones lead to another server.
    pub(crate) fn lead_to(&self, upstream: u16) {
        let mut state = self.state.lock().unwrap();
        state.upstream = upstream;
        state.connections.abort_all();
    }
}

async fn carry(
    client: TcpStream,
    upstream: SocketAddr,
    state: Arc<Mutex<State>>,
) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        end = pump(from_client, to_server, &state) => end,
        end = pump(from_server, to_client, &state) => end,
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &Mutex<State>,
) -> io::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        let delay = state.lock().unwrap().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        to.write_all(&piece[..length]).await?;
    }
}
