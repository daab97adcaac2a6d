// Signs in elsewhere, in Chromium: `node sign_in.mjs URL ISSUER`, of a demo whose access tokens are
// good for three seconds, and of the provider of `examples/provider`. Its users have no passwords:
// it takes everybody for alice, unless `login_hint` says otherwise.

import assert from 'node:assert/strict';
import { close, launch, newContext, on, open, step } from './chromium.mjs';

const [url, issuer] = process.argv.slice(2);
const browser = await launch();
const context = await newContext(browser, { viewport: { width: 1280, height: 900 } });
const page = await open(context);
const alice = on(page);
const hello = (page, name) => page.getByRole('heading', { name: `Hello ${name}` }).waitFor();
const ours = async (context) => {
  const names = (await context.cookies(url)).map((cookie) => cookie.name);
  return names.filter((name) => /^__Host-(access|refresh|csrf)$/.test(name)).sort();
};
const all = ['__Host-access', '__Host-csrf', '__Host-refresh'];
const nobody = async (page, name) => {
  await page.locator('#visitor').waitFor();
  assert.ok(await page.locator('#user').isHidden());
  assert.ok(!(await page.content()).includes(name), `${name} is still there`);
};

await step('the page offers the provider, and nothing of anybody', async () => {
  const response = await page.goto(url);
  const policy = response.headers()['content-security-policy'];
  assert.match(policy, /^default-src 'none'; .*form-action 'self'; /);
  await page.getByRole('link', { name: 'Sign in with 127.0.0.1' }).waitFor();
  await nobody(page, 'alice');
  await alice.fits();
});

await step('a keyboard is enough to go there, and to land back signed in', async () => {
  const visited = [];
  page.on('request', (request) => {
    if (request.isNavigationRequest()) visited.push(new URL(request.url()).origin);
  });
  await alice.tabTo('sign-in');
  await page.keyboard.press('Enter');
  await hello(page, 'alice');
  assert.equal(page.url(), `${url}/`);
  assert.ok(visited.includes(issuer), `${visited}`);
});

await step('the session is in the cookies that a password brings', async () => {
  assert.deepEqual(await ours(context), all);
  for (const name of ['__Host-access', '__Host-refresh']) {
    const { secure, httpOnly, sameSite, path } = await alice.cookie(name);
    assert.deepEqual({ secure, httpOnly, sameSite, path },
      { secure: true, httpOnly: true, sameSite: 'Lax', path: '/' });
  }
  assert.match(await page.evaluate(() => document.cookie), /^__Host-csrf=[\w-]+$/);
});

await step('who has no role there is refused here', async () => {
  await alice.press('/protected');
  await alice.status('GET /protected: 200');
  await alice.press('/data');
  await alice.status('GET /data: 200');
  await alice.press('/admin');
  await alice.status('GET /admin: 403');
});

await step('a change needs the token beside the cookie', async () => {
  const change = (headers) => page.evaluate(async (headers) => {
    const response = await fetch('/api-keys/nothing', { method: 'DELETE', headers });
    return response.status;
  }, headers);
  assert.equal(await change({}), 403);
  assert.equal(await change({ 'x-csrf-token': (await alice.cookie('__Host-csrf')).value }), 404);
});

await step('keys are made, used and revoked', async () => {
  await page.getByLabel('Label').fill('nightly report');
  await page.getByLabel('may read /data').check();
  await alice.press('Make a key');
  await alice.status('POST /api-keys: 201');
  await alice.press('Call /data with it');
  await alice.status('GET /data: 200');
  await alice.press('Revoke nightly report');
  await alice.status(/DELETE \/api-keys\/\w+: 204/);
});

await step('the session renews itself unseen, and by the button', async () => {
  const before = (await alice.cookie('__Host-access'))?.value;
  await page.waitForTimeout(4000);
  await alice.press('/protected');
  await alice.status('GET /protected: 200');
  await page.getByText('It was renewed unseen.').waitFor();
  assert.notEqual((await alice.cookie('__Host-access')).value, before);
  await alice.press('New tokens');
  await alice.status('POST /refresh: 200');
  await hello(page, 'alice');
});

await step('after a log-out nothing of anybody is left, nor found by going back', async () => {
  const kept = (await context.cookies(url)).filter((cookie) => all.includes(cookie.name));
  await alice.tabTo('log-out');
  await page.keyboard.press('Enter');
  await alice.status('POST /logout: 204');
  assert.equal(await alice.focused(), 'visitor-title');
  assert.deepEqual(await ours(context), []);
  await nobody(page, 'alice');
  await on(page).back();
  await nobody(page, 'alice');
  await on(page).forward();
  await nobody(page, 'alice');
  // Whoever kept the cookies has nothing.
  await context.addCookies(kept);
  await page.reload();
  await nobody(page, 'alice');
});

await step('a log-out elsewhere counts in a page that is gone back to', async () => {
  await page.getByRole('link', { name: 'Sign in with' }).click();
  await hello(page, 'alice');
  await page.goto(`${url}/page.css`);
  const other = await open(context);
  await other.goto(url);
  await on(other).press('Log out');
  await other.locator('#visitor').waitFor();
  await other.close();
  await on(page).back();
  await nobody(page, 'alice');
});

await step('an administrator there is one here', async () => {
  const context = await newContext(browser);
  const page = await open(context);
  const admin = on(page);
  await page.goto(`${url}/sign-in?login_hint=admin`);
  await hello(page, 'admin');
  await admin.press('/admin');
  await admin.status('GET /admin: 200');
  await admin.press('Log out');
  await admin.status('POST /logout: 204');
  await nobody(page, 'Hello admin');
  await page.reload();
  await nobody(page, 'Hello admin');
  await context.close();
});

await step('a page that is refused leads to the provider and back to it', async () => {
  const context = await newContext(browser);
  const page = await open(context);
  await page.goto(`${url}/whoami`);
  assert.equal(page.url(), `${url}/whoami`);
  assert.equal(JSON.parse(await page.locator('pre').textContent()).name, 'alice');
  await context.close();
});

await step('who is refused there is nobody here', async () => {
  const context = await newContext(browser);
  const page = await open(context);
  const response = await page.goto(`${url}/sign-in?login_hint=deny`);
  assert.equal(response.status(), 403);
  await page.getByRole('heading', { name: 'Forbidden' }).waitFor();
  assert.deepEqual(await ours(context), []);
  await page.getByRole('link', { name: 'Sign in again' }).click();
  await hello(page, 'alice');
  await context.close();
});

await close(browser);
