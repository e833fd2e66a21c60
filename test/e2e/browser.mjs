// SPDX-License-Identifier: MIT
//
// browser.mjs - Chromium with the client that the server itself hands out. CHROMIUM names another
// browser program; without one the tests fail.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { Host, equal, match, ok, run, test } from './lib.mjs';

const scripts = {
  'socket.io.js': '<script src="/socket.io/socket.io.js"></script>',
  'socket.io.min.js': '<script src="/socket.io/socket.io.min.js"></script>',
  'socket.io.esm.min.js': `<script type="module">
    import { io } from '/socket.io/socket.io.esm.min.js';
    window.io = io;
  </script>`,
  'socket.io.msgpack.min.js': '<script src="/socket.io/socket.io.msgpack.min.js"></script>',
};

const isMsgpack = (script) => script.includes('msgpack');

const pages = mkdtempSync(path.join(tmpdir(), 'sio-pages-'));
process.on('exit', () => rmSync(pages, { recursive: true }));
for (const [name, script] of Object.entries(scripts))
  writeFileSync(path.join(pages, `${name}.html`), `<!doctype html><meta charset="utf-8">
    <title>${name}</title><link rel="icon" href="data:,">${script}`);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

// A page of the host with that script; nothing may go wrong in it that the test did not ask for.
async function open(host, script = 'socket.io.js') {
  const page = await browser.newPage();
  page.wrong = [];
  page.on('pageerror', (e) => page.wrong.push(String(e)));
  page.on('console', (m) => m.type() === 'error' && page.wrong.push(m.text()));
  await page.goto(`http://127.0.0.1:${host.port}/files/${script}.html`);
  await page.waitForFunction('window.io');
  return page;
}

// Connects, and leaves the socket in window.socket.
const connect = (page, options = {}) =>
  page.evaluate((options) => new Promise((done, fail) => {
    window.socket = io(options);
    socket.once('connect', () => done(socket.id));
    socket.once('connect_error', fail);
  }), { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 100, ...options });

const transport = (page) => page.evaluate('socket.io.engine.transport.name');

// MessagePack in a browser takes a Uint8Array for an object: it is given the ArrayBuffer.
const talk = (page, buffers = false) =>
  page.evaluate(async (buffers) => {
    const back = (...args) => new Promise((done) => {
      socket.once('message-back', (...got) => done(got));
      socket.emit('message', ...args);
    });
    const view = new Uint8Array([0, 1, 254, 255]);
    const bytes = buffers ? view.buffer : view;
    const plain = (x) => (x instanceof ArrayBuffer ? [...new Uint8Array(x)] : x);
    const [binary, deep] = await back(bytes, { deep: [view.buffer] });
    socket.on('question', (arg, answer) => answer('heard', arg));
    const asked = new Promise((done) => socket.once('ack-result', (...got) => done(got)));
    socket.emit('call-me', 60000, 'question', { a: 1 });
    return {
      text: await back('text é \u2014 \u{1F600} \0', 1.5, null, { a: [true] }),
      binary: plain(binary),
      deep: plain(deep.deep[0]),
      ack: await socket.emitWithAck('echo', { x: 1 }),
      binaryAck: plain(await socket.emitWithAck('echo', bytes)),
      asked: await asked,
      late: await socket.timeout(50).emitWithAck('nobody').catch((e) => e.message),
    };
  }, buffers);

const expected = {
  text: ['text é \u2014 \u{1F600} \0', 1.5, null, { a: [true] }],
  binary: [0, 1, 254, 255],
  deep: [0, 1, 254, 255],
  ack: { x: 1 },
  binaryAck: [0, 1, 254, 255],
  asked: [null, 'heard', { a: 1 }],
  late: 'operation has timed out',
};

for (const script of Object.keys(scripts))
  test(`a browser connects with ${script}, upgrades and talks`, async (t) => {
    const host = await t.host({ static: pages, ...(isMsgpack(script) && { parser: 'msgpack' }) });
    const page = await open(host, script);
    await connect(page);
    await host.line(/^open polling/);
    await host.line(/^engine upgrade websocket/);
    equal(await talk(page, isMsgpack(script)), expected);
    equal(await transport(page), 'websocket');
    equal(page.wrong, []);
    await page.close();
    match(await host.line(/^disconnect /), /^disconnect transport close/);
  });

for (const only of ['polling', 'websocket'])
  test(`a browser talks over ${only} alone`, async (t) => {
    const host = await t.host({ static: pages });
    const page = await open(host);
    await connect(page, { transports: [only] });
    equal(await talk(page), expected);
    equal(await transport(page), only);
    equal(page.wrong, []);
    await page.close();
    await host.line(/^disconnect /);
  });

test('a browser joins two namespaces, and is refused by a third', async (t) => {
  const host = await t.host({ static: pages });
  const page = await open(host);
  await connect(page);
  equal(await page.evaluate(async () => {
    const custom = io('/custom', { auth: { token: 'x' } });
    const nowhere = io('/nowhere');
    const refused = new Promise((done) => nowhere.once('connect_error', (e) => done(e.message)));
    return [await custom.emitWithAck('echo', 1), await refused];
  }), [1, 'Invalid namespace']);
  equal(page.wrong, []);
  await page.close();
});

test('205 a browser comes back when the server is killed and starts again', async (t) => {
  const host = await Host.startOnPort({ static: pages });
  const page = await open(host);
  const first = await connect(page);
  await host.line(/^engine upgrade websocket/);
  await page.evaluate(() => {
    window.gone = new Promise((done) => socket.once('disconnect', done));
    window.back = gone.then(() => new Promise((done) => socket.once('connect', () => done(socket.id))));
  });
  host.process.kill('SIGKILL');
  match(await page.evaluate('gone'), /^transport (close|error)$/);
  const again = await t.host({ static: pages, port: host.port });
  const second = await page.evaluate('back');
  ok(second !== first);
  await again.line(/^engine upgrade websocket/);
  equal(await talk(page), expected);
  await page.close();
});

test('a browser that is told to go does not come back', async (t) => {
  const host = await t.host({ static: pages });
  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    const page = await open(host);
    await connect(page, { transports });
    equal(await page.evaluate(() => new Promise((done) => {
      socket.once('disconnect', (why) => done([why, socket.active]));
      socket.emit('close-me');
    })), ['io server disconnect', false], transports.join());
    await page.close();
  }
});

test('a crowd of pages hears one page', async (t) => {
  const host = await t.host({ static: pages });
  const crowd = await Promise.all(Array.from({ length: 6 }, () => open(host)));
  await Promise.all(crowd.map((page) => connect(page)));
  await Promise.all(crowd.map((page) => page.evaluate(() => {
    window.news = new Promise((done) => socket.once('news', (...args) => done(args)));
  })));
  await crowd[0].evaluate(() => socket.emitWithAck('broadcast', { self: true }, 'news', 'hello'));
  equal(await Promise.all(crowd.map((page) => page.evaluate('news'))), crowd.map(() => ['hello']));
  for (const page of crowd) await page.close();
});

await run({ atOnce: 2 });
