// SPDX-License-Identifier: MIT
//
// admin_lib.mjs - what the scripts about the Admin UI share: a UI without a page, and pages of it in
// headless Chromium. SCREENSHOTS=DIR keeps pictures of them.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { io } from 'socket.io-client';
import { Watched, connected, equal, sleep } from './lib.mjs';

// Of the same password as that of examples/admin, and cheap: JavaScript computes it.
export const HASH = '$2b$04$abcdefghijklmnopqrstuudwGrhhx5JklpO9.j/ckWDCf3exvs1/2';
export const RIGHT = { username: 'admin', password: 'changeit' };

// ---- a UI without a page ---------------------------------------------------------------------------

export const client = (server, options) =>
  io(`http://127.0.0.1:${server.port}${options.nsp ?? '/'}`,
    { forceNew: true, reconnection: false, ...options });

export class Ui extends Watched {
  constructor(server, auth) {
    super();
    this.heard = [];
    this.socket = client(server, { nsp: '/admin', auth, transports: ['websocket'] });
    this.socket.onAny((name, ...args) => {
      this.heard.push([name, ...args]);
      this.changed();
    });
  }

  // Takes the first event of this name whose arguments fit.
  async take(name, fits = () => true) {
    const found = await this.when(() => {
      const at = this.heard.findIndex(([n, ...args]) => n === name && fits(...args));
      return at < 0 ? undefined : at;
    });
    return this.heard.splice(found, 1)[0].slice(1);
  }

  // Adds up the sums of all server_stats until they fit.
  async sums(fits) {
    const sums = {};
    do {
      const [stats] = await this.take('server_stats');
      for (const { type, subType, count, timestamp } of stats.aggregatedEvents) {
        equal(timestamp % 1000, 0);
        sums[type] = (sums[type] ?? 0) + count;
        if (subType) sums[subType] = (sums[subType] ?? 0) + count;
      }
      this.stats = stats;
    } while (!fits(sums, this.stats));
    return sums;
  }
}

export const signedIn = async (server, auth = RIGHT) => {
  const ui = new Ui(server, auth);
  await connected(ui.socket);
  return ui;
};

export const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

// ---- pages -------------------------------------------------------------------------------------------

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

// The fonts and icons that the UI's index.html takes from elsewhere are not there.
export async function openPage(browser) {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  page.setDefaultTimeout(60_000);
  await page.route(/^https:/, (route) => route.abort());
  return page;
}

const shots = process.env.SCREENSHOTS;

export async function picture(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await sleep(300);
  await page.screenshot({ path: path.join(shots, `admin-${name}.png`) });
}
