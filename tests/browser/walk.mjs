// Walks through the demo's page in Chromium: `node walk.mjs URL ADMINS_PASSWORD`, of a demo whose
// access tokens are good for three seconds. `SCREENSHOT` names a file to be written on the way.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { close, launch, newContext, on, open, step } from './chromium.mjs';

const [url, adminPassword] = process.argv.slice(2);
const name = `walker-${Math.random().toString(36).slice(2, 8)}`;
const password = 'seven blue lanterns sway';

const browser = await launch();
const context = await newContext(browser, { viewport: { width: 1280, height: 900 } });
const page = await open(context);
const walker = on(page);
const { status, press, cookie, focused, fits } = walker;
const tabTo = (wanted) => walker.tabTo(wanted);

await step('the page comes with a strict policy, and nothing of anybody', async () => {
  const response = await page.goto(url);
  const policy = response.headers()['content-security-policy'];
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
  assert.equal(response.headers()['x-content-type-options'], 'nosniff');
  await page.locator('#visitor').waitFor();
  assert.ok(await page.locator('#user').isHidden());
  await fits();
});

await step('a weak password is refused, and says why', async () => {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill('short');
  await press('Register');
  await status('POST /register: 422');
  await page.getByText('the password is too short').waitFor();
});

await step('a keyboard is enough to register and to be logged in', async () => {
  await page.reload();
  await tabTo('name');
  await page.keyboard.type(name);
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'password');
  await page.keyboard.type(password);
  await tabTo('register');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: `Hello ${name}` }).waitFor();
  assert.equal(await focused(), 'user-title');
});

await step('tokens are in cookies that scripts cannot read', async () => {
  for (const name of ['__Host-access', '__Host-refresh']) {
    const { secure, httpOnly, sameSite, path } = await cookie(name);
    assert.deepEqual({ secure, httpOnly, sameSite, path },
      { secure: true, httpOnly: true, sameSite: 'Lax', path: '/' });
  }
  const readable = await page.evaluate(() => document.cookie);
  assert.match(readable, /^__Host-csrf=[\w-]+$/);
});

await step('every button can be reached by the keyboard, and shows it', async () => {
  const reached = new Set();
  for (let i = 0; i < 40; i += 1) {
    await page.keyboard.press('Tab');
    reached.add(await focused());
    const { outline, active } = await page.evaluate(() => ({
      outline: getComputedStyle(document.activeElement).outlineStyle,
      active: document.activeElement !== document.body,
    }));
    assert.ok(!active || outline !== 'none', `${await focused()} does not show its focus`);
  }
  const wanted = ['refresh', 'log-out', '/whoami', '/protected', '/data', '/admin', 'label', 'data'];
  for (const id of wanted) assert.ok(reached.has(id), `no way to ${id} by the keyboard`);
});

await step('the role is refused, then granted', async () => {
  await press('/protected');
  await status('GET /protected: 200');
  await press('/data');
  await status('GET /data: 200');
  await press('/admin');
  await status('GET /admin: 403');
  const basic = Buffer.from(`admin:${adminPassword}`).toString('base64');
  const answer = await fetch(`${url}/accounts/${name}/roles`, {
    method: 'PUT',
    headers: { authorization: `Basic ${basic}`, 'content-type': 'application/json' },
    body: JSON.stringify({ roles: ['admin'] }),
  });
  assert.equal(answer.status, 200);
  await press('New tokens');
  await status('POST /refresh: 200');
  await press('/admin');
  await status('GET /admin: 200');
});

await step('a change needs the token beside the cookie', async () => {
  const change = (headers) => page.evaluate(async (headers) => {
    const response = await fetch('/api-keys/nothing', { method: 'DELETE', headers });
    return response.status;
  }, headers);
  const token = (await cookie('__Host-csrf')).value;
  assert.equal(await change({}), 403);
  assert.equal(await change({ 'x-csrf-token': 'a guess' }), 403);
  assert.equal(await change({ 'x-csrf-token': token }), 404);
});

await step('another origin cannot log anybody out', async () => {
  const evil = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<link rel="icon" href="data:,"><p>Win a prize</p>');
  });
  await new Promise((done) => { evil.listen(0, '127.0.0.1', done); });
  const other = await open(context);
  // Another port of one host: to `SameSite` that is no other site.
  await other.goto(`http://127.0.0.1:${evil.address().port}/`);
  const [refused] = await Promise.all([
    other.waitForResponse(`${url}/logout`),
    other.evaluate((path) => {
      fetch(path, { method: 'POST', mode: 'no-cors', credentials: 'include' });
    }, `${url}/logout`),
  ]);
  assert.equal(refused.status(), 403);
  await other.close();
  evil.close();
  evil.closeAllConnections();
  await press('/protected');
  await status('GET /protected: 200');
});

await step('keys are made, used and revoked', async () => {
  await page.getByLabel('Label').fill('nightly report');
  await page.getByLabel('may read /data').check();
  await press('Make a key');
  await status('POST /api-keys: 201');
  await press('Call /data with it');
  await status('GET /data: 200');
  await fits();
  if (process.env.SCREENSHOT) {
    await press('/admin');
    await status('GET /admin: 200');
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: process.env.SCREENSHOT });
  }
  await press('Revoke nightly report');
  await status(/DELETE \/api-keys\/\w+: 204/);
  await page.getByRole('button', { name: 'Revoke nightly report' }).waitFor({ state: 'hidden' });
  await press('Call /data with it');
  await status('GET /data: 401');
});

await step('the session renews itself unseen', async () => {
  const before = (await cookie('__Host-access'))?.value;
  await page.waitForTimeout(4000);
  await press('/protected');
  await status('GET /protected: 200');
  await page.getByText('It was renewed unseen.').waitFor();
  assert.notEqual((await cookie('__Host-access')).value, before);
});

await step('going back after a log-out elsewhere shows nothing of anybody', async () => {
  await page.goto(`${url}/page.css`);
  const other = await open(context);
  await other.goto(url);
  await other.getByRole('button', { name: 'Log out' }).click();
  await other.locator('#visitor').waitFor();
  assert.ok(!(await other.content()).includes(name));
  await other.close();
  await on(page).back();
  await page.locator('#visitor').waitFor();
  assert.ok(!(await page.content()).includes(name));
});

await step('a keyboard is enough to log in and out', async () => {
  await tabTo('name');
  await page.keyboard.type(name);
  await tabTo('password');
  await page.keyboard.type('not the password');
  await page.keyboard.press('Enter');
  await status('POST /login: 401');
  assert.equal(await focused(), 'password');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: `Hello ${name}` }).waitFor();
  const kept = await context.cookies();
  await tabTo('log-out');
  await page.keyboard.press('Enter');
  await status('POST /logout: 204');
  assert.equal(await focused(), 'visitor-title');
  assert.deepEqual(await context.cookies(), []);
  assert.ok(!(await page.content()).includes(name));
  await on(page).back();
  await on(page).forward();
  await page.locator('#visitor').waitFor();
  assert.ok(!(await page.content()).includes(name));
  // Whoever kept the cookies has nothing.
  await context.addCookies(kept);
  await page.reload();
  await page.locator('#visitor').waitFor();
  assert.ok(!(await page.content()).includes(name));
});

await close(browser);
