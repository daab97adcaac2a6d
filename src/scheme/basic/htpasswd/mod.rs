//! [`Htpasswd`]: users of a file that `htpasswd` writes.

mod log;
mod read;
mod stamp;
mod users;
mod watch;

pub use users::Htpasswd;
