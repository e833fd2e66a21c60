// SPDX-License-Identifier: MIT
//
// example_rig.mjs - an example program and pages of headless Chromium that use it. SCREENSHOTS=DIR
// keeps pictures of them. Every program must end with exit code 0 when it is told to.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { equal, freePort, sleep, test, within } from './lib.mjs';

export const here = path.dirname(fileURLToPath(import.meta.url));
export const build = process.env.LIBSIO_BUILD ?? path.join(here, '../../build/asan');
export const shots = process.env.SCREENSHOTS;
export const PATIENCE_MS = 60_000;
export const WIDE = { width: 1280, height: 800 };
export const NARROW = { width: 390, height: 844 };

export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

// ---- a program under test ---------------------------------------------------------------------

function accepts(port) {
  return new Promise((done) => {
    const s = net.connect(port, '127.0.0.1');
    s.once('connect', () => { done(true); s.destroy(); }).once('error', () => done(false));
  });
}

export class Program {
  constructor(name, port, env) {
    const scheme = env.KEY ? 'https' : 'http';
    Object.assign(this, { name, port, env, said: '', url: `${scheme}://127.0.0.1:${port}/` });
  }

  static async start(name, env = {}) {
    const program = new Program(name, await freePort(), env);
    await program.start();
    return program;
  }

  async start() {
    const env = { ...process.env, ...this.env, PORT: `${this.port}`, HOST: '127.0.0.1' };
    this.child = spawn(path.join(build, 'examples', this.name), { env });
    this.ended = new Promise((done) => {
      this.child.once('exit', (code, signal) => done(code ?? signal));
    });
    for (const out of [this.child.stdout, this.child.stderr])
      out.on('data', (d) => (this.said += d));
    while (this.child.exitCode === null && !(await accepts(this.port))) await sleep(50);
  }

  async stop(signal = 'SIGTERM') {
    if (this.child.exitCode === null) this.child.kill(signal);
    const code = await within(PATIENCE_MS, this.ended, `end of ${this.name}`).catch((e) => {
      this.child.kill('SIGKILL');
      throw e;
    });
    equal(code, 0, `${this.name} ended with ${code}:\n${this.said}`);
  }
}

// A page that closes while it moves to WebSocket has no request open that would tell the server so;
// it is missed only when its ping is. Tests that look at its leaving let it move first.
function upgrade(page) {
  return new Promise((done) => {
    page.on('websocket', (ws) => ws.on('framesent', ({ payload }) => payload === '5' && done()));
  });
}

// A test of one program: open() gives pages, each as of a browser of its own. In the end the
// program must stop well while its pages look on, and no script of a page has thrown.
export function testOf(program, name, body, env) {
  test(name, async () => {
    const server = await Program.start(program, env);
    const contexts = [];
    const thrown = [];
    const open = async (options = {}) => {
      const common = { viewport: WIDE, reducedMotion: 'reduce', ignoreHTTPSErrors: true };
      const context = await browser.newContext({ ...common, ...options });
      contexts.push(context);
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE_MS);
      page.on('pageerror', (e) => thrown.push(e.stack));
      page.upgraded = upgrade(page);
      if (options.url !== null) await page.goto(server.url);
      return page;
    };
    try {
      await body({ server, open });
      await server.stop(); // with its pages still there
    } catch (e) {
      e.stack += `\n${[...thrown.slice(0, 3), server.said].join('\n')}`;
      throw e;
    } finally {
      await Promise.all(contexts.map((c) => c.close()));
      await server.stop();
    }
    equal(thrown, []);
  });
}

export async function picture(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await sleep(150);
  await page.screenshot({ path: path.join(shots, `${name}.png`) });
}

export async function until(what, look) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await look();
    if (value) return value;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await sleep(25);
  }
}
