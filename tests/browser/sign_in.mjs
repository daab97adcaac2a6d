// Signs in with a provider in Chromium: `node sign_in.mjs URL ISSUER`, of a demo whose access tokens
// are good for three seconds, and of the provider of `examples/provider`, whose users have no
// passwords: it takes everybody for alice, unless `login_hint` says otherwise.

import assert from 'node:assert/strict';
import { launch, watched, checked } from './chromium.mjs';

const [url, issuer] = process.argv.slice(2);
const browser = await launch();

/** A browser of somebody else: its own cookies, here and at the provider. */
async function somebody() {
  const context = await browser.newContext();
  const page = await watched(context);
  return {
    context,
    page,
    status: (text) => page.getByRole('status').filter({ hasText: text }).waitFor(),
    press: (button) => page.getByRole('button', { name: button, exact: true }).click(),
    cookie: async (name) => (await context.cookies(url)).find((cookie) => cookie.name === name),
  };
}
