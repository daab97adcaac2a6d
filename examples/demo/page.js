// The page. Nothing is kept here: tokens are in cookies that scripts cannot read, and whatever
// is shown of somebody is taken off the page when it is left.
'use strict';

const at = (id) => document.getElementById(id);
const show = (id, is) => { at(id).hidden = !is; };

/** The double-submit token. Its cookie may be read, and is there for as long as a session. */
function csrf() {
  const pair = document.cookie.split('; ').find((pair) => pair.startsWith('__Host-csrf='));
  return pair ? pair.slice('__Host-csrf='.length) : '';
}

/** Asks the server, and shows what it answers unless that is a secret. */
async function ask(method, path, { body, headers = {}, quiet = false } = {}) {
  const request = { method, headers: { ...headers } };
  if (body) {
    request.headers['content-type'] = 'application/json';
    request.body = JSON.stringify(body);
  }
  if (method !== 'GET' && csrf()) request.headers['x-csrf-token'] = csrf();
  let answer;
  try {
    const response = await fetch(path, request);
    const text = await response.text();
    let json = null;
    try { json = JSON.parse(text); } catch { /* No body, or an error of a proxy. */ }
    answer = { ok: response.ok, status: response.status, title: response.statusText, json };
  } catch {
    answer = { ok: false, status: 0, title: 'The server cannot be reached', json: null };
  }
  if (!quiet) report(`${method} ${path}`, answer);
  return answer;
}

function report(what, { ok, status, title, json }) {
  at('status').textContent = `${what}: ${status || ''} ${title}`;
  at('status').className = ok ? 'good' : 'bad';
  at('answer').textContent = json ? JSON.stringify(json, null, 2) : '';
}

let tokenId; // of the access token that was seen last
let ends; // when it ends, in seconds

/** Shows who is logged in, if anybody is. */
async function look() {
  const answer = csrf() ? await ask('GET', '/whoami', { quiet: true }) : { status: 401 };
  if (answer.status === 401) {
    document.cookie = '__Host-csrf=; Path=/; Secure; Max-Age=0';
    forget();
    return false;
  }
  if (!answer.ok) { // Nobody can tell now.
    report('GET /whoami', answer);
    show('visitor', at('user').hidden);
    return false;
  }
  const who = answer.json;
  const renewed = tokenId && who.claims?.jti !== tokenId;
  tokenId = who.claims?.jti;
  ends = who.expires_at;
  at('user-name').textContent = who.name ?? who.subject;
  const rows = {
    subject: who.subject,
    scheme: who.scheme,
    roles: who.roles.join(', ') || 'none',
    scopes: who.scopes.join(', ') || 'none',
  };
  at('identity').replaceChildren(...Object.entries(rows).flatMap(([name, value]) => [
    element('dt', name), element('dd', value),
  ]));
  at('claims').textContent = JSON.stringify(who.claims, null, 2);
  at('life').dataset.renewed = renewed ? 'yes' : '';
  tick();
  show('visitor', false);
  show('user', true);
  show('keys', true);
  return true;
}

/** Takes everything off the page that is somebody's. */
function forget() {
  tokenId = ends = undefined;
  for (const id of ['user-name', 'identity', 'life', 'claims', 'key', 'key-list', 'answer']) {
    at(id).replaceChildren();
  }
  at('life').dataset.renewed = '';
  at('credentials').reset();
  at('new-key').reset();
  show('made', false);
  show('user', false);
  show('keys', false);
  show('visitor', true);
}

function tick() {
  if (ends === undefined) return;
  const left = Math.max(0, ends - Math.floor(Date.now() / 1000));
  const renewed = at('life').dataset.renewed ? 'It was renewed unseen. ' : '';
  at('life').textContent = left
    ? `${renewed}The access token is good for ${left} s.`
    : `${renewed}The access token is over; the next request renews it.`;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** Offers the provider, if there is one. A link, since the browser itself has to go there. */
async function offer() {
  const { ok, json } = await ask('GET', '/config', { quiet: true });
  if (!ok || !json.sign_in) return;
  at('provider').textContent = json.sign_in;
  show('elsewhere', true);
}

async function list() {
  const answer = await ask('GET', '/api-keys', { quiet: true });
  if (!answer.ok) return;
  at('key-list').replaceChildren(...answer.json.keys.map((key) => {
    const row = document.createElement('li');
    const label = element('span', `${key.label || 'no label'} · ${key.id}`);
    label.append(key.scopes.length ? ` · ${key.scopes.join(' ')}` : '');
    row.append(label);
    if (key.revoked_at) {
      label.className = 'over';
      return row;
    }
    const button = element('button', 'Revoke');
    button.type = 'button';
    button.setAttribute('aria-label', `Revoke ${key.label || key.id}`);
    button.addEventListener('click', async () => {
      await ask('DELETE', `/api-keys/${key.id}`);
      await list();
      at('label').focus();
    });
    row.append(button);
    return row;
  }));
}

/** One thing at a time: a button that is pressed twice asks once. */
function once(action) {
  let busy = false;
  return async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    try { await action(event); } finally { busy = false; }
  };
}

const credentials = () => ({ name: at('name').value, password: at('password').value });

async function logIn() {
  const { ok } = await ask('POST', '/login', { body: { ...credentials(), cookies: true } });
  at('password').value = '';
  if (!ok) return at('password').focus();
  if (await look()) {
    at('user-title').focus();
    await list();
  }
}

at('credentials').addEventListener('submit', once(logIn));

at('register').addEventListener('click', once(async () => {
  if (!at('credentials').reportValidity()) return;
  const { ok } = await ask('POST', '/register', { body: credentials() });
  if (ok) await logIn();
}));

at('log-out').addEventListener('click', once(async () => {
  const { ok, status } = await ask('POST', '/logout');
  // 401: it was over already. Anything else: nobody knows, and the session may still be there.
  if (!ok && status !== 401) return;
  forget();
  at('visitor-title').focus();
}));

at('refresh').addEventListener('click', once(async () => {
  await ask('POST', '/refresh');
  await look();
}));

at('routes').addEventListener('click', once(async (event) => {
  const path = event.target.dataset.path;
  if (!path) return;
  await ask('GET', path);
  if (at('user').hidden) return;
  await look();
  if (at('user').hidden) at('visitor-title').focus();
}));

at('new-key').addEventListener('submit', once(async () => {
  const body = { label: at('label').value, data: at('data').checked };
  const { ok, status, title, json } = await ask('POST', '/api-keys', { body, quiet: true });
  report('POST /api-keys', { ok, status, title, json: ok ? { id: json.id } : json });
  if (!ok) return;
  at('key').textContent = json.key;
  show('made', true);
  at('new-key').reset();
  await list();
}));

at('try-key').addEventListener('click', once(async () => {
  await ask('GET', '/data', { headers: { 'x-api-key': at('key').textContent } });
}));

setInterval(tick, 1000);
offer();

// What a browser keeps to go back to has nothing of anybody.
addEventListener('pagehide', () => {
  forget();
  show('visitor', false);
  at('status').textContent = 'Nothing was asked yet.';
  at('status').className = '';
});

addEventListener('pageshow', async () => {
  if (await look()) await list();
});
