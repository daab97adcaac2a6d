//! Login with an OpenID Provider: the authorization response, the session, refresh and log-out, with
//! a scripted provider and with a certified one.

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod browser;
mod certified_provider;
mod discovery;
mod glewlwyd;
mod log_out;
mod nginx;
mod oauth_toolkit;
mod provider_responses;
mod refresh;
mod scripted;
mod scripted_server;
mod several_sessions;
mod user_info;
