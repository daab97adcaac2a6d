//! A real MCP server behind tower-auth, and a client that finds its way from the first 401.
//!
//! `cargo run --example mcp` starts the MCP server and an authorization server, lets a client call
//! a tool, and shows every step. With `LISTEN=127.0.0.1:3000` it goes on serving and prints
//! commands to paste.
//!
//! What MCP's authorization asks of a server is in [`mcp_server`]: three lines. The authorization
//! server below is a toy; yours is an identity provider.

use axum::{
    Form, Json, Router,
    extract::State,
    routing::{get, post},
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::{EncodingKey, Header, encode};
use rmcp::{
    handler::server::{common::Extension, wrapper::Parameters},
    schemars, tool, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    error::Error,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::net::TcpListener;
use tower_auth::{
    AccessRules, AuthLayer, Identity,
    basic::{Basic, User, Users},
    bearer::Bearer,
    jwt::{Algorithm, JwtVerifier, Key},
    password::PasswordHash,
    scope,
    well_known::ResourceMetadata,
};

type AnyError = Box<dyn Error + Send + Sync>;

/// A demo may have its secrets in its source. Yours come from the environment, or are keys that
/// the issuer publishes.
const SECRET: &[u8] = b"a secret of at least 32 bytes, for HS256";
/// The last protocol version that begins with `initialize`.
const PROTOCOL: &str = "2025-11-25";
const CLIENT: (&str, &str) = ("inspector", "correct horse battery staple");

/// The tools, as any rmcp server has them; who calls is in the request's extensions.
#[derive(Clone)]
struct Tools;

#[derive(Deserialize, schemars::JsonSchema)]
struct Sum {
    a: i64,
    b: i64,
}

#[tool_router(server_handler)]
impl Tools {
    #[tool(description = "Says who is calling")]
    fn whoami(&self, Extension(head): Extension<Parts>) -> String {
        match head.extensions.get::<Identity>() {
            Some(identity) => format!("you are {}", identity.subject()),
            None => "nobody knows".to_owned(),
        }
    }

    #[tool(description = "Adds two numbers")]
    fn add(&self, Parameters(Sum { a, b }): Parameters<Sum>) -> String {
        a.saturating_add(b).to_string()
    }
}

/// The MCP server: tokens of this issuer, made for this very resource, with one scope.
fn mcp_server(resource: &str, issuer: &str) -> Result<Router, AnyError> {
    let jwt = JwtVerifier::issuer(issuer)
        .audience(resource)
        .keys(Key::from_secret(Algorithm::HS256, SECRET)?)
        .build()?;
    let metadata = ResourceMetadata::of(resource)
        .authorization_server(issuer)
        .scopes(["mcp:tools"])
        .bearer_methods(["header"])
        .name("Tools, to try things out")
        .build()?;

    // No sessions: every request stands for itself, and brings its own token.
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = false;
    config.json_response = true;
    let tools =
        StreamableHttpService::new(|| Ok(Tools), NeverSessionManager::default().into(), config);

    Ok(Router::new()
        .route_service("/mcp", tools)
        .layer(
            AuthLayer::new(Bearer::new(jwt))
                .rules(AccessRules::new().require("/mcp", scope("mcp:tools")))
                .resource(&metadata),
        )
        .layer(metadata.layer()))
}

/// An authorization server with one client, one grant and one resource. It also shows a second
/// `AuthLayer`: the client authenticates by Basic (RFC 6749 section 2.3.1).
fn authorization_server(issuer: &str, resource: &str) -> Result<Router, AnyError> {
    let (id, secret) = CLIENT;
    let clients = Users::new([User::new(id, PasswordHash::new(secret)?)])?;
    // RFC 8414 section 2.
    let metadata = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/token"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "scopes_supported": ["mcp:tools"],
    });
    let names = (issuer.to_owned(), resource.to_owned());
    Ok(Router::new()
        .route("/token", post(token).with_state(names))
        .route_layer(AuthLayer::new(Basic::new("clients", clients)))
        .route(
            "/.well-known/oauth-authorization-server",
            get(move || async { Json(metadata) }),
        ))
}

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    resource: String,
    #[serde(default)]
    scope: String,
}

/// RFC 6749 section 4.4, RFC 8707 section 2: the token is for the resource that was asked for.
async fn token(
    State((issuer, resource)): State<(String, String)>,
    client: Identity,
    Form(request): Form<TokenRequest>,
) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    let refused = |error: &str| Err((StatusCode::BAD_REQUEST, Json(json!({ "error": error }))));
    if request.grant_type != "client_credentials" {
        return refused("unsupported_grant_type");
    }
    if request.resource != resource {
        return refused("invalid_target");
    }
    if !matches!(request.scope.as_str(), "" | "mcp:tools") {
        return refused("invalid_scope");
    }
    let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else {
        return refused("server_error");
    };
    let claims = json!({
        "iss": issuer,
        "aud": resource,
        "sub": client.subject(),
        "iat": now.as_secs(),
        "exp": now.as_secs() + 600,
        "scope": request.scope,
    });
    let token =
        EncodingKey::from_secret(SECRET).and_then(|key| encode(&Header::default(), &claims, &key));
    match token {
        Ok(token) => Ok(Json(json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": 600,
            "scope": request.scope,
        }))),
        Err(_) => refused("server_error"),
    }
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let listen = std::env::var("LISTEN").ok();
    let listener = bind(listen.as_deref().unwrap_or("127.0.0.1:0")).await?;
    let issuers = bind("127.0.0.1:0").await?;
    // What clients know them by. Never taken from a request.
    let resource = format!("http://{}/mcp", listener.local_addr()?);
    let issuer = format!("http://{}", issuers.local_addr()?);

    let server = axum::serve(listener, mcp_server(&resource, &issuer)?);
    let issuing = axum::serve(issuers, authorization_server(&issuer, &resource)?);
    tokio::spawn(async move { issuing.await });
    tokio::spawn(async move { server.await });
    let client = McpClient::new();
    if listen.is_none() {
        return client.find_the_way(&resource).await;
    }
    println!("listening on {resource}, tokens from {issuer}\n");
    let endpoint = format!("{issuer}/token");
    let token = client.token(&endpoint, &resource, "mcp:tools").await?;
    print_commands(&resource, &issuer, &token);
    std::future::pending().await
}

async fn bind(address: &str) -> Result<TcpListener, AnyError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| format!("{address}: {error}; set LISTEN to another address").into())
}

/// What an MCP client does, step by step. It knows one URL, and who it is itself.
struct McpClient(Client<HttpConnector, Full<Bytes>>);

impl McpClient {
    fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    async fn find_the_way(&self, url: &str) -> Result<(), AnyError> {
        let refused = self.call(url, "", "tools/list", &json!({})).await?;
        let challenge = challenge(&refused);
        println!("no token               {} {challenge}", refused.status());
        let wanted = param(&challenge, "scope").ok_or("no scope")?;
        let document = param(&challenge, "resource_metadata").ok_or("no resource_metadata")?;

        let document = self.fetch(document).await?;
        println!("the document           {document}");
        // RFC 9728 section 3.3: a document about another resource is not to be used.
        if document["resource"] != url {
            return Err("that is the document of another resource".into());
        }
        let issuer = document["authorization_servers"][0]
            .as_str()
            .ok_or("no authorization server")?;

        // RFC 8414 section 3; an issuer with a path has it behind the well-known one.
        let metadata = self
            .fetch(&format!("{issuer}/.well-known/oauth-authorization-server"))
            .await?;
        if metadata["issuer"] != issuer {
            return Err("that is the metadata of another issuer".into());
        }
        let endpoint = metadata["token_endpoint"].as_str().ok_or("no endpoint")?;
        println!("authorization server   {issuer}, tokens from {endpoint}");

        let poor = self.token(endpoint, url, "").await?;
        let refused = self.call(url, &poor, "tools/list", &json!({})).await?;
        let told = self::challenge(&refused);
        println!("a token, no scope      {} {told}", refused.status());

        let token = self.token(endpoint, url, wanted).await?;
        println!("a token for {wanted}");
        let hello = json!({
            "protocolVersion": PROTOCOL,
            "capabilities": {},
            "clientInfo": { "name": CLIENT.0, "version": "1" },
        });
        let answer = self.result(url, &token, "initialize", &hello).await?;
        println!("initialize             {}", answer["protocolVersion"]);
        let answer = self.result(url, &token, "tools/list", &json!({})).await?;
        let tools = answer["tools"].as_array().into_iter().flatten();
        let names: Vec<_> = tools.filter_map(|tool| tool["name"].as_str()).collect();
        println!("tools/list             {}", names.join(", "));
        for (name, arguments) in [("whoami", json!({})), ("add", json!({ "a": 20, "b": 22 }))] {
            let params = json!({ "name": name, "arguments": arguments });
            let answer = self.result(url, &token, "tools/call", &params).await?;
            let text = answer["content"][0]["text"].as_str().ok_or("no text")?;
            println!("tools/call {name:11} {text}");
        }
        Ok(())
    }

    /// One message of JSON-RPC, as MCP's streamable HTTP has it.
    async fn call(
        &self,
        url: &str,
        token: &str,
        method: &str,
        params: &Value,
    ) -> Result<Response<Bytes>, AnyError> {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut request = Request::post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream");
        if method != "initialize" {
            request = request.header("mcp-protocol-version", PROTOCOL);
        }
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.send(request.body(Full::from(message.to_string()))?)
            .await
    }

    async fn result(
        &self,
        url: &str,
        token: &str,
        method: &str,
        params: &Value,
    ) -> Result<Value, AnyError> {
        let answer = self.call(url, token, method, params).await?;
        let mut message = json_of(&answer)?;
        match message["result"].take() {
            Value::Null => Err(format!("{method}: {message}").into()),
            result => Ok(result),
        }
    }

    async fn token(&self, endpoint: &str, url: &str, scope: &str) -> Result<String, AnyError> {
        let (id, secret) = CLIENT;
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("resource", url)
            .append_pair("scope", scope)
            .finish();
        let basic = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            format!("{id}:{secret}"),
        );
        let request = Request::post(endpoint)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::AUTHORIZATION, format!("Basic {basic}"))
            .body(Full::from(form))?;
        let answer = json_of(&self.send(request).await?)?;
        let token = answer["access_token"].as_str().ok_or("no token")?;
        Ok(token.to_owned())
    }

    async fn fetch(&self, url: &str) -> Result<Value, AnyError> {
        let request = Request::get(url).body(Full::default())?;
        json_of(&self.send(request).await?)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, AnyError> {
        let (head, body) = self.0.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

fn json_of(answer: &Response<Bytes>) -> Result<Value, AnyError> {
    if answer.status() != StatusCode::OK {
        let text = String::from_utf8_lossy(answer.body());
        return Err(format!("{}: {text}", answer.status()).into());
    }
    Ok(serde_json::from_slice(answer.body())?)
}

fn challenge(answer: &Response<Bytes>) -> String {
    let field = answer.headers().get(header::WWW_AUTHENTICATE);
    let text = field.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_owned()
}

/// A parameter of the one challenge; a real client parses RFC 9110 section 11.6.1.
fn param<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0)
}

fn print_commands(url: &str, issuer: &str, token: &str) {
    let json =
        "-H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream'";
    let call = |name: &str| {
        let params = json!({ "name": name, "arguments": { "a": 20, "b": 22 } });
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        format!("{json} -d '{message}'")
    };
    let bearer = format!("-H 'Authorization: Bearer {token}'");
    let document = url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp");
    let (id, secret) = CLIENT;
    for (what, line) in [
        (
            "no token: 401, and where to go",
            format!("{} {url}", call("whoami")),
        ),
        ("there: 200", document),
        (
            "the authorization server: 200",
            format!("{issuer}/.well-known/oauth-authorization-server"),
        ),
        (
            "a token: 200",
            format!(
                "-u '{id}:{secret}' -d grant_type=client_credentials -d resource={url} -d scope=mcp:tools {issuer}/token"
            ),
        ),
        (
            "who am I: 200",
            format!("{bearer} {} {url}", call("whoami")),
        ),
        ("a sum: 200", format!("{bearer} {} {url}", call("add"))),
    ] {
        println!("# {what}\ncurl -i {line}\n");
    }
}
