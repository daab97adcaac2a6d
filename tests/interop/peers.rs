//! PyJWT and jose verify the tokens of this crate, and this crate verifies theirs. `.ci/run servers`
//! installs them; without them the tests print that they are skipped.

use serde_json::{Value, json};
use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Verify,
    bearer::Token,
    issue::{Signer, SigningKeys, TokenIssuer, TokenSubject},
    jwt::{Algorithm, JwtVerifier},
};

const ISSUER: &str = "https://api.example.com/";
const AUDIENCE: &str = "https://rs.example.com/";
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A library that signs and verifies on demand.
struct Peer {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(command: &mut Command) -> Option<Self> {
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.ok()?;
        let answers = BufReader::new(process.stdout.take()?);
        Some(Self { process, answers })
    }

    fn ask(&mut self, ask: &Value) -> Value {
        let input = self.process.stdin.as_mut().unwrap();
        writeln!(input, "{ask}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}

fn temporary() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn pyjwt() -> Option<Peer> {
    let own = temporary().join("python/bin/python");
    let python = [own.as_path(), Path::new("python3")]
        .into_iter()
        .find(|python| {
            let import = Command::new(python)
                .args(["-c", "import jwt, cryptography"])
                .stderr(Stdio::null())
                .status();
            import.is_ok_and(|status| status.success())
        });
    let Some(python) = python else {
        eprintln!("skipped: Python with PyJWT and cryptography is not here");
        return None;
    };
    Peer::start(Command::new(python).arg(scripts().join("pyjwt_peer.py")))
}

fn jose() -> Option<Peer> {
    // A module is looked for beside the script that imports it.
    let folder = temporary().join("jose");
    if !folder.join("node_modules/jose").is_dir() {
        eprintln!("skipped: Node with jose is not here");
        return None;
    }
    let script = folder.join("jose_peer.mjs");
    std::fs::copy(scripts().join("jose_peer.mjs"), &script).unwrap();
    Peer::start(Command::new("node").arg(script))
}

async fn both_ways(peer: &mut Peer) {
    for algorithm in [
        Algorithm::HS256,
        Algorithm::HS512,
        Algorithm::RS256,
        Algorithm::PS384,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ] {
        let is_secret = algorithm.as_str().starts_with("HS");
        let signer = match is_secret {
            true => Signer::from_secret(algorithm, SECRET),
            false => Signer::generate(algorithm),
        };
        let signer = signer.unwrap();
        let keys = SigningKeys::new(signer.clone());
        let jwks = keys.jwks();
        let tokens = TokenIssuer::issuer(ISSUER, keys)
            .audience(AUDIENCE)
            .build()
            .unwrap();

        let grant = TokenSubject::new("42").with_role("editor").with_scope("a");
        let grant = grant.with_claim("name", "Zoë \"Q\"").unwrap();
        let issued = tokens.start_session(grant).await.unwrap();
        let mut ask = json!({
            "op": "verify", "alg": algorithm.as_str(), "token": issued.access_token().expose(),
            "iss": ISSUER, "aud": AUDIENCE, "jwks": jwks,
        });
        if is_secret {
            ask["secret"] = SECRET.into();
        }
        let claims = peer.ask(&ask)["claims"].take();
        assert_eq!(claims["sub"], "42", "{algorithm}");
        assert_eq!(claims["roles"], json!(["editor"]));
        assert_eq!(claims["scope"], "a");
        assert_eq!(claims["name"], "Zoë \"Q\"");
        // They do refuse.
        ask["aud"] = "https://other.example.com/".into();
        assert!(peer.ask(&ask)["error"].is_string(), "{algorithm}");

        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let headers = signer
            .key_id()
            .map_or(json!({}), |kid| json!({ "kid": kid }));
        let ask = json!({
            "op": "sign", "alg": algorithm.as_str(), "headers": headers,
            "secret": is_secret.then_some(SECRET), "pem": signer.to_pem().map(|pem| pem.to_string()),
            "claims": { "iss": ISSUER, "aud": AUDIENCE, "sub": "43", "iat": now, "exp": now + 60 },
        });
        let answer = peer.ask(&ask);
        let token = answer["token"]
            .as_str()
            .unwrap_or_else(|| panic!("{algorithm}: {answer}"));
        let jwt = JwtVerifier::issuer(ISSUER)
            .audience(AUDIENCE)
            .keys(signer.key().clone());
        let identity = jwt
            .build()
            .unwrap()
            .verify(Token::new(token))
            .await
            .unwrap();
        assert_eq!(identity.subject(), "43");
    }
}

#[tokio::test]
async fn pyjwt_and_this_crate_verify_each_others_tokens() {
    if let Some(mut peer) = pyjwt() {
        both_ways(&mut peer).await;
    }
}

#[tokio::test]
async fn jose_and_this_crate_verify_each_others_tokens() {
    if let Some(mut peer) = jose() {
        both_ways(&mut peer).await;
    }
}
