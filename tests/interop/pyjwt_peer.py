"""Signs and verifies by PyJWT: one JSON object a line in, one a line out."""

import json
import sys

import jwt

for line in sys.stdin:
    ask = json.loads(line)
    try:
        if ask["op"] == "sign":
            key = ask.get("secret") or ask["pem"]
            token = jwt.encode(ask["claims"], key, ask["alg"], headers=ask["headers"])
            print(json.dumps({"token": token}), flush=True)
            continue
        if "secret" in ask:
            key = ask["secret"]
        else:
            kid = jwt.get_unverified_header(ask["token"])["kid"]
            key = jwt.PyJWKSet.from_json(ask["jwks"])[kid].key
        claims = jwt.decode(
            ask["token"],
            key,
            algorithms=[ask["alg"]],
            audience=ask["aud"],
            issuer=ask["iss"],
            options={"require": ["exp", "iat", "nbf", "jti", "sub"]},
        )
        print(json.dumps({"claims": claims}), flush=True)
    except Exception as error:  # noqa: BLE001
        print(json.dumps({"error": repr(error)}), flush=True)
