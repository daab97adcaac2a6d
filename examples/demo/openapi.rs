//! The OpenAPI document: what a route takes is said by the very layer that judges there.

use axum::http::StatusCode;
use tower_auth::AuthLayer;
use utoipa::openapi::{
    HttpMethod::{self, Delete, Get, Post, Put},
    Info, ObjectBuilder, OpenApi, OpenApiBuilder, Paths, Required, Response, Type,
    path::{OperationBuilder, ParameterBuilder, ParameterIn},
};

/// Behind which layer a route is.
#[derive(Clone, Copy)]
enum For {
    /// None.
    Everybody,
    /// TokenIssuer, passwords and API keys.
    Anyone,
    /// Tokens and passwords.
    People,
    /// TokenIssuer, or none.
    Sessions,
}

const ROUTES: [(HttpMethod, &str, For, &str, &[u16]); 13] = {
    use For::{Anyone, Everybody, People, Sessions};
    [
        (
            Post,
            "/register",
            Everybody,
            "A new account",
            &[201, 409, 422],
        ),
        (
            Post,
            "/login",
            Everybody,
            "Tokens for a password",
            &[200, 401, 429],
        ),
        (Post, "/refresh", Everybody, "New tokens", &[200, 401]),
        (Post, "/logout", Sessions, "Ends the session", &[204, 401]),
        (Get, "/whoami", Anyone, "Who is calling", &[200, 401]),
        (Get, "/protected", Anyone, "A greeting", &[200, 401]),
        (
            Get,
            "/data",
            Anyone,
            "Scope data:read or role admin",
            &[200, 401, 403],
        ),
        (Get, "/admin", Anyone, "Role admin", &[200, 401, 403]),
        (Get, "/api-keys", People, "One's own API keys", &[200, 401]),
        (
            Post,
            "/api-keys",
            People,
            "A new API key",
            &[201, 401, 403, 422],
        ),
        (
            Delete,
            "/api-keys/{id}",
            People,
            "Revokes a key",
            &[204, 401, 403, 404],
        ),
        (
            Put,
            "/accounts/{name}/roles",
            People,
            "Role admin",
            &[200, 401, 403, 404],
        ),
        (Get, "/openapi.json", Everybody, "This document", &[200]),
    ]
};

/// The document, for routes behind these layers.
pub fn document(anyone: &AuthLayer, people: &AuthLayer, sessions: &AuthLayer) -> OpenApi {
    let (anyone, people, sessions) = (anyone.openapi(), people.openapi(), sessions.openapi());
    let mut paths = Paths::new();
    for (method, path, who, summary, answers) in ROUTES {
        let mut operation = OperationBuilder::new()
            .summary(Some(summary))
            .securities(Some(match who {
                For::Everybody => Vec::new(),
                For::Anyone => anyone.requirements(),
                For::People => people.requirements(),
                For::Sessions => sessions.requirements(),
            }));
        for name in path.split('{').skip(1) {
            let name = name.split('}').next().unwrap_or_default();
            let text = ObjectBuilder::new().schema_type(Type::String).build();
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(text));
            operation = operation.parameter(parameter);
        }
        for answer in answers {
            let status = StatusCode::from_u16(*answer).unwrap_or_default();
            let reason = status.canonical_reason().unwrap_or_default();
            operation = operation.response(status.as_str(), Response::new(reason));
        }
        paths.add_path_operation(path, vec![method], operation);
    }
    let info = Info::new("tower-auth demo", env!("CARGO_PKG_VERSION"));
    let mut document = OpenApiBuilder::new().info(info).paths(paths).build();
    // A scheme that several layers know is described once.
    for layer in [anyone, people, sessions] {
        layer.add_to(&mut document);
    }
    document
}
