//! [`ResourceMetadataBuilder`]: what the document says.

use super::{
    ResourceMetadata,
    document::Document,
    identifier::{check, well_known},
};
use crate::{ConfigError, rejection::Scope, well_known::published::Published};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::{fmt, sync::Arc, time::Duration};

/// Builds a [`ResourceMetadata`]; made by [`ResourceMetadata::of`].
#[derive(Clone)]
#[must_use = "a builder serves nothing"]
pub struct ResourceMetadataBuilder {
    resource: String,
    authorization_servers: Vec<String>,
    scopes: Vec<String>,
    bearer_methods: Vec<String>,
    members: Vec<(String, Result<Value, Arc<serde_json::Error>>)>,
    max_age: Duration,
}

impl ResourceMetadata {
    /// Begins the document of this resource: the URL under which clients know it, such as
    /// `https://api.example.com/mcp`.
    ///
    /// [`build`](ResourceMetadataBuilder::build) says whether it can be one.
    pub fn of(resource: impl Into<String>) -> ResourceMetadataBuilder {
        ResourceMetadataBuilder::new(resource.into())
    }
}

impl ResourceMetadataBuilder {
    pub(super) fn new(resource: String) -> Self {
        Self {
            resource,
            authorization_servers: Vec::new(),
            scopes: Vec::new(),
            bearer_methods: Vec::new(),
            members: Vec::new(),
            max_age: Duration::from_secs(3600),
        }
    }

    /// An authorization server that gives tokens for this resource, by its issuer identifier
    /// (`authorization_servers`). Call it again for another one. RFC 9728 section 2 leaves the
    /// member optional, so a document without one can be built. MCP requires one.
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        self.authorization_servers.push(issuer.into());
        self
    }

    /// The scopes that requests for this resource are made with (`scopes_supported`), those
    /// that are to be public. Call it again for more.
    ///
    /// The challenge of a request has the scopes that this request needs.
    ///
    /// `offline_access` does not belong here. Clients ask the authorization server for refresh
    /// tokens, and MCP servers should not list this scope. It is not rejected, because RFC 9728
    /// allows it.
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Sets the methods of sending tokens (`bearer_methods_supported`): `header`, `query`, or
    /// `body`.
    ///
    /// Default: the document does not say.
    pub fn bearer_methods<I>(mut self, methods: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.bearer_methods
            .extend(methods.into_iter().map(Into::into));
        self
    }

    /// The name of the resource, for people (`resource_name`).
    pub fn name(self, name: impl Into<String>) -> Self {
        self.text("resource_name", name.into())
    }

    /// Sets the address of the documentation for developers (`resource_documentation`).
    pub fn documentation(self, url: impl Into<String>) -> Self {
        self.text("resource_documentation", url.into())
    }

    /// Any other member, such as `resource_policy_uri`, `dpop_bound_access_tokens_required`, or
    /// `resource_name#fr` (RFC 9728 sections 2 and 2.1).
    pub fn member(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).map_err(Arc::new);
        self.members.push((name.into(), value));
        self
    }

    /// For how long caches may keep the document, in whole seconds. Default: an hour.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    fn text(mut self, name: &str, text: String) -> Self {
        self.members.push((name.to_owned(), Ok(text.into())));
        self
    }

    /// Makes the document.
    ///
    /// # Errors
    ///
    /// If the resource is no `https` URL (`http` where the host is this machine, such as
    /// `localhost`), or has a fragment; if an authorization server is none, or has a query
    /// (RFC 8414 section 2); if a scope or a way of sending tokens is none; if a member is named
    /// twice, is `null` or an empty array (RFC 9728 section 3.2), or cannot be written as JSON.
    pub fn build(self) -> Result<ResourceMetadata, ConfigError> {
        check("resource", &self.resource)?;
        for issuer in &self.authorization_servers {
            check("authorization server", issuer)?;
            if issuer.contains('?') {
                return Err(ConfigError::new(format!(
                    "authorization server {issuer:?} has a query"
                )));
            }
        }
        for scope in &self.scopes {
            Scope::new(scope)?;
        }
        for method in &self.bearer_methods {
            if !matches!(method.as_str(), "header" | "body" | "query") {
                return Err(ConfigError::new(format!(
                    "{method:?} is no way of sending bearer tokens: \"header\", \"body\" or \"query\" (RFC 9728 section 2)"
                )));
            }
        }
        let (url, asked) = well_known(&self.resource);
        let max_age = self.max_age;
        let resource = self.resource.clone();
        let json = serde_json::to_vec(&self.into_members()?)
            .map_err(|error| ConfigError::new("the metadata is no JSON").with_source(error))?;
        Ok(ResourceMetadata(Arc::new(Document {
            resource,
            url: url.into(),
            asked,
            published: Published::new(json, max_age)?,
        })))
    }

    /// The members in the order of RFC 9728 section 2; those without values are omitted
    /// (section 3.2).
    fn into_members(self) -> Result<Members, ConfigError> {
        let mut members = vec![("resource".to_owned(), Value::from(self.resource))];
        for (name, values) in [
            ("authorization_servers", self.authorization_servers),
            ("scopes_supported", self.scopes),
            ("bearer_methods_supported", self.bearer_methods),
        ] {
            let mut distinct: Vec<String> = Vec::with_capacity(values.len());
            for value in values {
                if !distinct.contains(&value) {
                    distinct.push(value);
                }
            }
            if !distinct.is_empty() {
                members.push((name.to_owned(), distinct.into()));
            }
        }
        for (name, value) in self.members {
            let value = value.map_err(|error| {
                ConfigError::new(format!("{name:?} cannot be written as JSON")).with_source(error)
            })?;
            if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
                return Err(ConfigError::new(format!("{name:?} has no value")));
            }
            if members.iter().any(|(other, _)| *other == name) {
                return Err(ConfigError::new(format!("{name:?} is there twice")));
            }
            members.push((name, value));
        }
        Ok(Members(members))
    }
}

/// A JSON object that keeps its order.
struct Members(Vec<(String, Value)>);

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl fmt::Debug for ResourceMetadataBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceMetadataBuilder")
            .field("resource", &self.resource)
            .field("authorization_servers", &self.authorization_servers)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
