//! Schemes as OpenAPI documents describe them (OpenAPI 3.1, "Security Scheme Object").

use crate::{AuthLayer, Location, Scheme, credential::Place};
use std::fmt;
use utoipa::{
    Modify,
    openapi::{
        ComponentsBuilder, OpenApi,
        security::{
            ApiKey, ApiKeyValue, Http, HttpAuthScheme, OpenIdConnect, SecurityRequirement,
            SecurityScheme,
        },
    },
};

/// The security schemes and requirements of an API, for utoipa's OpenAPI documents.
///
/// It comes from the very schemes that judge: one security scheme for each location, of which a
/// request uses one.
///
/// ```
/// use tower_auth::{AuthLayer, Identity, Location, Scheme, openapi::OpenApiSecurity};
/// use tower_auth::{api_key::{ApiKey, ApiKeys}, bearer::{Bearer, Token}, verify_fn};
/// use utoipa::{Modify, OpenApi};
///
/// #[derive(OpenApi)]
/// struct Api;
///
/// let tokens = verify_fn(|_: Token| Ok(Identity::new("42")));
/// let layer = AuthLayer::new(Bearer::new(tokens).or(ApiKey::header("x-api-key", ApiKeys::new())));
///
/// let mut document = Api::openapi();
/// layer.openapi().modify(&mut document); // or `add_to`, and `requirements` for each operation
/// let json = document.to_json().unwrap();
/// assert!(json.contains(r#""security":[{"bearer":[]},{"header.x-api-key":[]}]"#));
/// ```
///
/// | location | security scheme | its name |
/// |---|---|---|
/// | `Authorization: Bearer`, `Basic`, or another scheme that OpenAPI knows | `http` | `bearer` |
/// | `Authorization` of any other scheme | `apiKey` in the header `Authorization` | `apikey` |
/// | a header, a parameter of the query, a cookie | `apiKey` | `header.x-api-key`, `query.key`, `cookie.session` |
/// | the WebSocket subprotocol | `apiKey` in the header `Sec-WebSocket-Protocol` | `websocket.bearer.` |
/// | the connection | `mutualTLS` | `mutualTLS` |
#[derive(Clone)]
#[must_use]
pub struct OpenApiSecurity {
    schemes: Vec<(String, SecurityScheme)>,
    optional: bool,
}

impl AuthLayer {
    /// Returns the description of the schemes of this layer for an OpenAPI document.
    pub fn openapi(&self) -> OpenApiSecurity {
        let (schemes, optional) = self.schemes();
        let security = schemes.fold(OpenApiSecurity::empty(), OpenApiSecurity::or);
        match optional {
            true => security.optional(),
            false => security,
        }
    }
}

impl OpenApiSecurity {
    /// Describes the locations of this scheme.
    ///
    /// [`AuthLayer::openapi`](crate::AuthLayer::openapi) describes all schemes of a layer.
    pub fn of<S: Scheme + ?Sized>(scheme: &S) -> Self {
        Self::empty().or(scheme)
    }

    fn empty() -> Self {
        Self {
            schemes: Vec::new(),
            optional: false,
        }
    }

    /// Adds the locations of another scheme. A request uses one of all.
    pub fn or<S: Scheme + ?Sized>(mut self, scheme: &S) -> Self {
        let others = self.schemes.len();
        for location in scheme.locations() {
            self.push(&name(&location), describe(&location));
        }
        if let Some(format) = scheme.token_format() {
            self.set_bearer_format(others, format);
        }
        self
    }

    /// Sets the format of bearer tokens, a hint for readers. `JWT` is known of the tokens that
    /// this crate verifies.
    pub fn bearer_format(mut self, format: impl Into<String>) -> Self {
        self.set_bearer_format(0, &format.into());
        self
    }

    fn set_bearer_format(&mut self, first: usize, format: &str) {
        for (_, scheme) in self.schemes.iter_mut().skip(first) {
            if let SecurityScheme::Http(http) = scheme
                && http.scheme == HttpAuthScheme::Bearer
            {
                http.bearer_format = Some(format.to_owned());
            }
        }
    }

    /// One alternative more: a token from this OpenID Provider (`openIdConnect`), by its issuer.
    pub fn open_id_connect(mut self, issuer: &str) -> Self {
        // OpenID Connect Discovery 1.0 section 4.
        let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
        let url = format!("{issuer}/.well-known/openid-configuration");
        let scheme = SecurityScheme::OpenIdConnect(OpenIdConnect::new(url));
        self.push("openIdConnect", scheme);
        self
    }

    /// Says that visitors are welcome, too: the empty requirement is one of the alternatives.
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The security schemes and their names, for `components.securitySchemes`.
    #[must_use]
    pub fn schemes(&self) -> &[(String, SecurityScheme)] {
        &self.schemes
    }

    /// One requirement for each alternative, for the `security` of a document or an operation.
    ///
    /// OpenAPI lets any one of them do.
    #[must_use]
    pub fn requirements(&self) -> Vec<SecurityRequirement> {
        self.requirements_with::<[&str; 0]>([])
    }

    /// The same for an operation that takes these scopes.
    #[must_use]
    pub fn requirements_with<I>(&self, scopes: I) -> Vec<SecurityRequirement>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let scopes: Vec<String> = scopes.into_iter().map(Into::into).collect();
        let named = self
            .schemes
            .iter()
            .map(|(name, _)| SecurityRequirement::new(name, &scopes));
        let visitors = self.optional.then(SecurityRequirement::default);
        named.chain(visitors).collect()
    }

    /// Describes the schemes in a document, and requires none yet.
    pub fn add_to(&self, document: &mut OpenApi) {
        let components = document
            .components
            .get_or_insert_with(|| ComponentsBuilder::new().build());
        components.add_security_schemes_from_iter(self.schemes.iter().cloned());
    }

    fn push(&mut self, name: &str, scheme: SecurityScheme) {
        // The characters of names of components (OpenAPI 3.1, "Components Object").
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let name: String = name
            .chars()
            .map(|c| if plain(c) { c } else { '_' })
            .collect();
        let is_free = |name: &String| self.schemes.iter().all(|(other, _)| other != name);
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(is_free);
        self.schemes.push((free.unwrap_or(name), scheme));
    }
}

/// Describes the schemes, and requires one of them of every operation that does not say
/// otherwise.
impl Modify for OpenApiSecurity {
    fn modify(&self, document: &mut OpenApi) {
        self.add_to(document);
        let security = document.security.get_or_insert_default();
        for requirement in self.requirements() {
            if !security.contains(&requirement) {
                security.push(requirement);
            }
        }
    }
}

fn name(location: &Location) -> String {
    let name = location.name();
    match location.place() {
        Place::Authorization => name.to_ascii_lowercase(),
        Place::Header => format!("header.{name}"),
        Place::Query => format!("query.{name}"),
        Place::Cookie => format!("cookie.{name}"),
        Place::WebSocketProtocol => format!("websocket.{name}"),
        Place::Connection => "mutualTLS".to_owned(),
    }
}

fn describe(location: &Location) -> SecurityScheme {
    let name = location.name();
    let key = match location.place() {
        Place::Authorization => {
            let scheme = location.scheme().map(str::to_ascii_lowercase);
            let known = scheme.map(|scheme| serde_json::from_value(scheme.into()));
            if let Some(Ok(scheme)) = known {
                return SecurityScheme::Http(Http::new(scheme));
            }
            ApiKey::Header(in_field("Authorization", location))
        }
        Place::Header => ApiKey::Header(in_field(name, location)),
        Place::Query => ApiKey::Query(ApiKeyValue::new(name)),
        Place::Cookie => ApiKey::Cookie(ApiKeyValue::new(name)),
        Place::WebSocketProtocol => {
            let description = format!("One of the subprotocols: `{name}` and the credentials.");
            ApiKey::Header(ApiKeyValue::with_description(
                "Sec-WebSocket-Protocol",
                &description,
            ))
        }
        Place::Connection => {
            return SecurityScheme::MutualTls {
                description: None,
                deprecated: None,
                extensions: None,
            };
        }
    };
    SecurityScheme::ApiKey(key)
}

/// Describes a credential in this field, with the name of a scheme before it if there is one.
fn in_field(field: &str, location: &Location) -> ApiKeyValue {
    match location.scheme() {
        Some(scheme) => {
            let description = format!("`{scheme}` in any case, a space, and the credentials.");
            ApiKeyValue::with_description(field, &description)
        }
        None => ApiKeyValue::new(field),
    }
}

impl fmt::Debug for OpenApiSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.schemes.iter().map(|(name, _)| name);
        f.debug_struct("OpenApiSecurity")
            .field("schemes", &names.collect::<Vec<_>>())
            .field("optional", &self.optional)
            .finish()
    }
}
