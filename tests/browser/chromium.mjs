// Chromium, and whatever a page in it complains of.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  // What goes back is to find what a browser of today keeps.
  ignoreDefaultArgs: ['--disable-back-forward-cache'],
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});

const wrong = [];
const pages = [];

/** Cookies of their own, and pages that say what breaks their policy. */
export async function newContext(browser, options) {
  const context = await browser.newContext(options);
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return context;
}

export async function open(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  pages.push(page);
  page.on('pageerror', (error) => wrong.push(`error: ${error}`));
  page.on('console', (message) => {
    // That a request is refused is what is tested here; everything else is a fault.
    const refused = /^Failed to load resource: the server responded with a status of 4\d\d/;
    if (['error', 'warning'].includes(message.type()) && !refused.test(message.text())) {
      wrong.push(`console: ${message.text()}`);
    }
  });
  return page;
}

/** A page that comes from the cache of pages, or goes there, has no history for a moment. */
async function travel(page, way) {
  for (let i = 0; ; i += 1) {
    try {
      await page[way]({ waitUntil: 'commit' });
      return;
    } catch (error) {
      if (i === 20 || !String(error).includes('Not attached to an active page')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** What is done in a page again and again. */
export const on = (page) => ({
  status: (text) => page.getByRole('status').filter({ hasText: text }).waitFor(),
  press: (button) => page.getByRole('button', { name: button, exact: true }).click(),
  cookie: async (name) => {
    const cookies = await page.context().cookies();
    return cookies.find((cookie) => cookie.name === name);
  },
  focused: () => page.evaluate(() => {
    const { id, dataset, textContent } = document.activeElement;
    return id || dataset.path || textContent.trim();
  }),
  fits: async () => {
    const { width, height } = page.viewportSize();
    await page.setViewportSize({ width: 360, height: 740 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    await page.setViewportSize({ width, height });
    assert.ok(wide <= 360, `${wide} pixels wide on a phone`);
  },
  back: () => travel(page, 'goBack'),
  forward: () => travel(page, 'goForward'),
  async tabTo(wanted) {
    for (let i = 0; i < 40; i += 1) {
      if (await this.focused() === wanted) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`no way to ${wanted} by the keyboard`);
  },
});

export async function step(what, test) {
  try {
    await test();
  } catch (error) {
    console.log(`FAILED: ${what}`);
    for (const page of pages.filter((page) => !page.isClosed())) {
      const text = await page.locator('body').innerText().catch(String);
      console.log(`${page.url()} shows: ${text.slice(0, 500)}`);
    }
    throw error;
  }
  console.log(`ok: ${what}`);
}

export async function close(browser) {
  await browser.close();
  assert.deepEqual(wrong, []);
  console.log('ok: no error, no violation of the policy');
}
