"""Glewlwyd (Debian's package) with a user, a client and OpenID Connect, set up by its REST API.

Arguments: the port, the redirect URI of the client `web`, and an empty folder.
"""

import ctypes
import json
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request

port, redirect_uri, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
base = f"http://localhost:{port}"
issuer = f"{base}/api/oidc"

with sqlite3.connect(f"{folder}/db.sqlite3") as database:
    database.executescript(open("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3").read())

with open(f"{folder}/glewlwyd.conf", "w") as conf:
    conf.write(
        f"""
port={port}
bind_address="127.0.0.1"
external_url="{base}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="ERROR"
cookie_domain="localhost"
cookie_secure=0
session_expiration=86400
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
allow_multiple_user_per_session=false
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database = {{ type = "sqlite3" path = "{folder}/db.sqlite3" }};
"""
    )

# The kernel ends the server together with this script (PR_SET_PDEATHSIG, SIGKILL).
server = subprocess.Popen(
    ["glewlwyd", f"--config-file={folder}/glewlwyd.conf"],
    preexec_fn=lambda: ctypes.CDLL(None).prctl(1, 9),
)
cookies = ""


def call(method, path, body):
    global cookies
    request = urllib.request.Request(
        f"{base}/api{path}",
        json.dumps(body).encode(),
        {"content-type": "application/json", "cookie": cookies},
        method=method,
    )
    try:
        with urllib.request.urlopen(request) as answer:
            set_cookie = answer.headers.get("set-cookie")
            cookies = set_cookie.split(";")[0] if set_cookie else cookies
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.code} {error.read()}")


for _ in range(600):
    try:
        urllib.request.urlopen(f"{base}/config/")
        break
    except urllib.error.HTTPError:
        break
    except OSError:
        time.sleep(0.1)

call("POST", "/auth/", {"username": "admin", "password": "password"})
call("POST", "/scope/", {"name": "orders", "display_name": "orders", "password_required": True, "scheme": {}})
call(
    "POST",
    "/user/",
    {
        "username": "alice",
        "password": "a long password",
        "name": "Alice",
        "email": "alice@example.com",
        "scope": ["g_profile", "openid", "orders"],
        "enabled": True,
    },
)
call(
    "POST",
    "/client/",
    {
        "client_id": "web",
        "name": "web",
        "client_secret": "web-secret",
        "confidential": True,
        "authorization_type": ["code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_method": ["client_secret_basic"],
        "redirect_uri": [redirect_uri],
        "post_logout_redirect_uri": redirect_uri.rsplit("/", 1)[0] + "/",
        "scope": ["orders"],
        "enabled": True,
    },
)
key = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True).stdout.decode()
public = subprocess.run(
    ["openssl", "rsa", "-pubout"], input=key.encode(), capture_output=True, check=True
).stdout.decode()
call(
    "POST",
    "/mod/plugin/",
    {
        "module": "oidc",
        "name": "oidc",
        "display_name": "OpenID Connect",
        "parameters": {
            "iss": issuer,
            "jwt-type": "rsa",
            "jwt-key-size": "256",
            "key": key,
            "cert": public,
            "access-token-duration": 6,
            "refresh-token-duration": 3600,
            "code-duration": 600,
            "refresh-token-rolling": True,
            "refresh-token-one-use": "always",
            "allow-non-oidc": True,
            "auth-type-code-enabled": True,
            "auth-type-client-enabled": True,
            "auth-type-refresh-enabled": True,
            "pkce-allowed": True,
            "pkce-required": True,
            "introspection-revocation-allowed": True,
            "introspection-revocation-allow-target-client": True,
            "subject-type": "public",
            "session-management-allowed": True,
            "address-claim": {"type": "no"},
            "session-cookie-name": "GLEWLWYD2_OIDC_SID",
            "session-cookie-expiration": 86400,
            "email-claim": "mandatory",
            "discovery": True,
            "jwks-show": True,
        },
    },
)
server.wait()
