//! A second process for the second backend of `jsonwebtoken`, of which a process has one. It waits
//! while the first one measures, and the first while it does.

use crate::{
    backend::Backend,
    cases::{self, Selection},
    measure::{Figures, Round, Timed},
    tokens::Material,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// The word that makes a process a worker.
pub(crate) const WORD: &str = "--worker";

#[derive(Deserialize, Serialize)]
struct Order {
    backend: Backend,
    words: Vec<String>,
    materials: Vec<Material>,
}

pub(crate) struct Worker {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    pub(crate) fn start(
        backend: Backend,
        selection: &Selection,
        materials: Vec<Material>,
    ) -> io::Result<(Self, Vec<Figures>, Vec<String>)> {
        let mut child = Command::new(env::current_exe()?)
            .arg(WORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut worker = Self {
            child,
            orders,
            answers,
        };
        let (figures, remarks) = worker.ask(&Order {
            backend,
            words: selection.0.clone(),
            materials,
        })?;
        Ok((worker, figures, remarks))
    }

    pub(crate) fn round(&mut self) -> io::Result<Vec<Round>> {
        self.ask(&"round")
    }

    fn ask<T: DeserializeOwned>(&mut self, order: &impl Serialize) -> io::Result<T> {
        let orders = self.orders.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        say(orders, order)?;
        hear(&mut self.answers)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It ends with its orders.
        self.orders = None;
        let _ = self.child.wait();
    }
}

/// The worker's side.
pub(crate) fn work() -> io::Result<()> {
    let (mut orders, mut answers) = (io::stdin().lock(), io::stdout().lock());
    let Some(order) = hear::<Order>(&mut orders)? else {
        return Ok(());
    };
    order.backend.install();
    let selection = Selection(order.words);
    let all = cases::peers(&selection, order.backend, &order.materials);
    let (mut timed, figures) = Timed::new(all.cases);
    say(&mut answers, &(figures, all.remarks))?;
    while hear::<String>(&mut orders)?.is_some() {
        say(&mut answers, &timed.round())?;
    }
    Ok(())
}

fn say(to: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    writeln!(to, "{}", serde_json::to_string(what)?)?;
    to.flush()
}

fn hear<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = String::new();
    match from.read_line(&mut line)? {
        0 => Ok(None),
        _ => Ok(Some(serde_json::from_str(&line)?)),
    }
}
