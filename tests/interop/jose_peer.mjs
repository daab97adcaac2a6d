// Signs and verifies by jose (npm): one JSON object a line in, one a line out.
import { createInterface } from 'node:readline';
import * as jose from 'jose';

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  let answer;
  try {
    const secret = ask.secret && new TextEncoder().encode(ask.secret);
    if (ask.op === 'sign') {
      const key = secret ?? (await jose.importPKCS8(ask.pem, ask.alg));
      const jwt = new jose.SignJWT(ask.claims).setProtectedHeader({ alg: ask.alg, ...ask.headers });
      answer = { token: await jwt.sign(key) };
    } else {
      const key = secret ?? jose.createLocalJWKSet(JSON.parse(ask.jwks));
      const { payload } = await jose.jwtVerify(ask.token, key, {
        algorithms: [ask.alg], audience: ask.aud, issuer: ask.iss, typ: 'at+jwt',
        requiredClaims: ['exp', 'iat', 'nbf', 'jti', 'sub'],
      });
      answer = { claims: payload };
    }
  } catch (error) {
    answer = { error: String(error) };
  }
  console.log(JSON.stringify(answer));
}
