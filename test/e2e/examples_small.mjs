// SPDX-License-Identifier: MIT
//
// examples_small.mjs - the small example programs, each used by pages in headless Chromium.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { NARROW, build, picture, shots, testOf, until } from './example_rig.mjs';
import { equal, ok, run } from './lib.mjs';

const number = async (page, selector) => Number((await page.textContent(selector)).replace(/\D/g, ''));
const shows = (page, selector, text) => page.waitForSelector(`${selector}:has-text("${text}")`);
const pixels = (page, selector) => page.evaluate((s) => document.querySelector(s).toDataURL(), selector);

// Wide and narrow, light and dark; and no page is wider than a telephone.
async function looks(page, name) {
  if (shots) await picture(page, `${name}-wide-light`);
  await page.setViewportSize(NARROW);
  equal(await page.evaluate(() => document.documentElement.scrollWidth), NARROW.width);
  if (!shots) return;
  await picture(page, `${name}-narrow-light`);
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, `${name}-narrow-dark`);
  await page.setViewportSize({ width: 1280, height: 800 });
  await picture(page, `${name}-wide-dark`);
}

// ---- telemetry --------------------------------------------------------------------------------

testOf('telemetry', 'samples are plotted, and the stop button stops the machine for all', async ({ open }) => {
  const [page, other] = [await open(), await open()];
  await until('samples', async () => (await number(page, '#arrived')) > 20);
  const before = await pixels(page, '#plot');
  await until('another picture', async () => (await pixels(page, '#plot')) !== before);
  if (shots) await until('a full plot', async () => (await page.evaluate(() => samples.at(-1).seconds - samples[0].seconds)) > 9.8);
  await looks(page, 'telemetry');
  await page.click('#run');
  await shows(page, '#run', 'Start');
  await shows(other, '#state', 'The machine is stopped');
  const stopped = await page.evaluate(() => samples.at(-1).number);
  const late = await open();
  await shows(late, '#run', 'Start');
  equal(await page.evaluate(() => samples.at(-1).number), stopped);
  await late.click('#run');
  await until('samples again', () => page.evaluate((n) => samples.at(-1).number > n, stopped));
});

testOf('telemetry', 'a page that reads late skips stale samples and shows how many', async ({ open }) => {
  const page = await open();
  await until('samples', async () => (await number(page, '#arrived')) > 5);
  // While the connection is away nothing is kept for it.
  await page.evaluate(() => socket.io.engine.close());
  const last = await page.evaluate(() => samples.at(-1).number);
  await until('samples after it', () => page.evaluate((n) => samples.at(-1).number > n, last));
  await until('the count', async () => (await number(page, '#skipped')) > 0);
  const [arrived, skipped, first, newest] = await page.evaluate(() => [arrived, skipped, samples[0].number, samples.at(-1).number]);
  equal(arrived + skipped, newest - first + 1);
});

testOf('telemetry', 'a page that stops reading for a while skips what it missed', async ({ open }) => {
  const page = await open();
  await until('samples', async () => (await number(page, '#arrived')) > 5);
  await page.evaluate(() => {
    window.got = [];
    socket.onAny((name, n) => name === 'sample' && got.push(n));
    const ends = Date.now() + 5000;
    while (Date.now() < ends);
  });
  const firstAfterGap = () => page.evaluate(() => got.findIndex((n, i) => i > 0 && n > got[i - 1] + 100));
  await until('a gap', async () => (await firstAfterGap()) > 0);
  const late = await firstAfterGap();
  ok(late <= 100, `${late} samples came late`);
});

// ---- whiteboard -------------------------------------------------------------------------------

async function draw(page, from, to) {
  const box = await page.locator('#board').boundingBox();
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at(to), { steps: 12 });
  await page.mouse.up();
}
const lineCount = (page) => page.evaluate(() => lines.length);

testOf('whiteboard', 'what one draws is on the other board, and on that of a newcomer', async ({ open }) => {
  const [page, other] = [await open(), await open()];
  await shows(page, '#state', '2 people');
  await draw(page, [0.1, 0.8], [0.5, 0.2]);
  await other.click('[aria-label="Red"]');
  await draw(other, [0.5, 0.2], [0.9, 0.8]);
  await page.click('[aria-label="Blue"]');
  await draw(page, [0.3, 0.5], [0.7, 0.5]);
  const all = await until('lines', async () => (await lineCount(page)) === 36 && 36);
  const late = await open();
  for (const p of [other, late]) await until('all lines', async () => (await lineCount(p)) === all);
  await looks(late, 'whiteboard');
  await late.click('#clear');
  for (const p of [page, other, late]) await until('an empty board', async () => (await lineCount(p)) === 0);
});

testOf('whiteboard', 'a page whose connection broke is sent the lines it missed', async ({ open }) => {
  const [page, other] = [await open(), await open()];
  await shows(page, '#state', '2 people');
  await draw(page, [0.1, 0.1], [0.4, 0.4]);
  await until('lines', async () => (await lineCount(other)) === 12);
  await other.evaluate(() => socket.io.reconnection(false)); // it comes back when the test says so
  await other.click('#cut');
  await shows(other, '#state', 'The connection is lost');
  await draw(page, [0.6, 0.1], [0.9, 0.4]);
  await other.evaluate(() => socket.connect());
  await shows(other, '#state', 'Back, with 12 lines');
  equal(await lineCount(other), 24);
});

// ---- upload -----------------------------------------------------------------------------------

testOf('upload', 'a file goes up and comes back, whole in both directions', async ({ open }) => {
  const page = await open();
  await page.waitForSelector('#choose:not([disabled])');
  const buffer = Buffer.alloc(300_000, 'a telemetry log, line by line\n');
  await page.setInputFiles('#file', { name: 'log.txt', mimeType: 'text/plain', buffer });
  await shows(page, '#result.good', 'Whole in both directions');
  equal(await page.textContent('#up-text'), '0.3 MiB of 0.3 MiB');
  equal(await page.textContent('#down-text'), '0.3 MiB of 0.3 MiB');
  await looks(page, 'upload');
});

testOf('upload', 'damage on the way and pieces out of turn are refused', async ({ open }) => {
  const page = await open();
  await page.waitForSelector('#choose:not([disabled])');
  const answer = (...event) => page.evaluate((e) => ask(...e).then(() => 'fine', (x) => x.message), event);
  equal(await answer('begin', 0), 'a file has 1 byte to 32 MiB');
  equal(await answer('begin', 40_000_000), 'a file has 1 byte to 32 MiB');
  equal(await answer('begin', 3), 'fine');
  equal(await answer('read', 0), 'nothing is there');
  const piece = (at, ...bytes) => page.evaluate(
    ([at, bytes]) => ask('piece', at, Uint8Array.from(bytes)).then(() => 'fine', (x) => x.message), [at, bytes]);
  equal(await piece(1, 1), 'not the next piece');
  equal(await piece(0, 1, 2, 3, 4), 'not the next piece');
  equal(await piece(0, 1, 2, 3), 'fine');
  equal(await answer('end', 1), 'damaged');
});

// ---- auth -------------------------------------------------------------------------------------

async function signIn(page, name, password = 'sesame') {
  await page.fill('#name', name);
  await page.fill('#password', password);
  await page.press('#password', 'Enter');
}

testOf('auth', 'who has the password is in, and can renew; a wrong one is refused', async ({ open }) => {
  const page = await open();
  await signIn(page, 'ada', 'open');
  await shows(page, '#refused', 'not the password');
  await signIn(page, 'ada');
  await shows(page, '#who', 'ada');
  const token = await page.textContent('#token');
  await looks(page, 'auth');
  await page.click('#renew');
  await until('another token', async () => (await page.textContent('#token')) !== token);
  await page.evaluate(() => socket.io.engine.close());
  await until('again', () => page.evaluate(() => socket.connected));
  await page.click('#leave');
  await shows(page, '#state', 'Signed out');
});

testOf('auth', 'a token that is not renewed ends the connection, and does not open another', async ({ open }) => {
  const page = await open();
  await signIn(page, 'ada');
  await shows(page, '#who', 'ada');
  const old = await page.evaluate(() => token);
  await shows(page, '#state', 'The token has expired');
  await page.evaluate((t) => ((token = t), socket.connect()), old);
  await until('refused again', () => page.evaluate(() => token === undefined));
}, { SECONDS: '2' });

// ---- secure and cpp ---------------------------------------------------------------------------

const certificates = mkdtempSync(path.join(os.tmpdir(), 'sio-examples-'));
process.on('exit', () => rmSync(certificates, { recursive: true }));
const [KEY, CERT] = ['key.pem', 'cert.pem'].map((name) => path.join(certificates, name));

if (existsSync(path.join(build, 'examples/secure'))) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '30', '-subj', '/CN=localhost', '-keyout', KEY, '-out', CERT], { stdio: 'ignore' });
  testOf('secure', 'the page over TLS shows what encrypts it, and what is said reaches all', async ({ open }) => {
    const [page, other] = [await open(), await open()];
    await shows(page, '#version', 'TLSv1.3');
    await shows(other, '#state', 'Connected');
    await page.fill('#text', 'hello over there');
    await page.press('#text', 'Enter');
    for (const p of [page, other]) await shows(p, '#said li', 'hello over there');
    await looks(page, 'secure');
  }, { KEY, CERT });
}

if (existsSync(path.join(build, 'examples/cpp'))) {
  testOf('cpp', 'the chat in C++ has rooms, acks and a history', async ({ open }) => {
    const enter = async (page, nick, room) => {
      await page.fill('#nick', nick);
      await page.fill('#room', room);
      await page.press('#room', 'Enter');
      return page;
    };
    const page = await enter(await open(), '', 'lobby');
    await shows(page, '#refused', 'Write something first');
    await enter(page, 'ada', 'lobby');
    await shows(page, '#where', 'lobby');
    await page.fill('#text', 'is anybody here?');
    await page.press('#text', 'Enter');
    await shows(page, '#ack', 'Delivered to you alone');
    const other = await enter(await open(), 'bob', 'lobby');
    await shows(other, '#said', 'is anybody here?');
    await shows(page, '#state', '2 people');
    await other.fill('#text', 'I am.');
    await other.press('#text', 'Enter');
    await shows(page, '#said', 'I am.');
    await shows(other, '#ack', 'Delivered to 2 people');
    await looks(page, 'cpp');
    await other.click('#other');
    await enter(other, 'bob', 'kitchen');
    await shows(page, '#said', 'bob left');
    await shows(page, '#state', 'You are alone');
    ok((await other.textContent('#said')).includes('bob came'));
  });
}

await run({ atOnce: 2 });
