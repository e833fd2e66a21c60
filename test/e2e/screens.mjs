// SPDX-License-Identifier: MIT
//
// screens.mjs - pictures of the pages of all examples, or of the documentation's site, for people to look
// at: 390 and 1280 wide, light and dark, and the four of each page on one sheet. Run by tools/screens.
//
//     node screens.mjs OUT [NAME]...           the examples of these names; all
//     node screens.mjs OUT --site DIR PAGE...  pages of the built site
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { Program, browser, build } from './example_rig.mjs';
import { freePort, sleep } from './lib.mjs';
import { startRedis } from './redis_lib.mjs';

const SIZES = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } };
const SCHEMES = ['light', 'dark'];

// ---- what to do on a page before its picture is taken -------------------------------------------------

const fill = async (page, fields) => {
  for (const [selector, text] of Object.entries(fields)) await page.fill(selector, text);
};

async function chat({ open }) {
  const enter = async (nick) => {
    const page = await open();
    await page.fill('#nick', nick);
    await page.press('#nick', 'Enter');
    await page.waitForSelector('#members button', { state: 'attached' });
    return page;
  };
  const say = async (page, text) => {
    await page.fill('#text', text);
    await page.press('#text', 'Enter');
    await page.waitForSelector(`#log .text:text-is(${JSON.stringify(text)})`);
  };
  const [ada, bob] = [await enter('ada'), await enter('bob')];
  await say(ada, 'Is the antenna back on its feet?');
  await say(bob, 'Since noon. The wind took only the cover.');
  await say(ada, 'Then I write the report, with the numbers of the last week and the pictures that Grace took '
    + 'of the mast, and you look it over before it goes out.');
  await sleep(200);
  return ada;
}

async function cppChat({ open }) {
  const enter = async (nick) => {
    const page = await open();
    await fill(page, { '#nick': nick, '#room': 'lobby' });
    await page.press('#room', 'Enter');
    return page;
  };
  const [ada, bob] = [await enter('ada'), await enter('bob')];
  for (const [page, text] of [[ada, 'is anybody here?'], [bob, 'I am.']]) {
    await page.fill('#text', text);
    await page.press('#text', 'Enter');
    await ada.waitForSelector(`#said:has-text("${text}")`);
  }
  return ada;
}

async function told({ open }) {
  const page = await open();
  await page.waitForSelector('#who:has-text("on")');
  await page.fill('#text', 'Is anybody on the other one?');
  await page.press('#text', 'Enter');
  await page.waitForSelector('#log li');
  return page;
}

const seconds = (n) => async ({ open }) => {
  const page = await open();
  await sleep(n * 1000);
  return page;
};

async function drawn({ open }) {
  const page = await open();
  const board = page.locator('canvas').first();
  const { x, y, width, height } = await board.boundingBox();
  for (const shift of [0, 0.2]) {
    await page.mouse.move(x + width * 0.2, y + height * (0.3 + shift));
    await page.mouse.down();
    for (let i = 0; i < 30; i++)
      await page.mouse.move(x + width * (0.2 + i * 0.02), y + height * (0.3 + shift + 0.1 * Math.sin(i / 3)));
    await page.mouse.up();
  }
  await sleep(300);
  return page;
}

async function uploaded({ open }) {
  const page = await open();
  await page.setInputFiles('input[type=file]', { name: 'report.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(700_000, 7) });
  await sleep(1500);
  return page;
}

async function signedIn({ open }) {
  const page = await open();
  await fill(page, { '#name': 'ada', '#password': 'sesame' });
  await page.press('#password', 'Enter');
  await page.waitForSelector('#inside:not([hidden])');
  return page;
}

async function threads({ open }) {
  const pages = [];
  for (let i = 0; i < 5; i++) pages.push(await open());
  await pages[3].click('#pulse');
  await pages[0].waitForSelector('#log li:text("a pulse of")');
  return pages[0];
}

async function secure({ open }) {
  const page = await open();
  await page.waitForSelector('#version:has-text("TLS")');
  return page;
}

function certificate(folder) {
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => path.join(folder, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { CERT: cert, KEY: key };
}

const redis = async () => ({ REDIS: (await startRedis(await freePort())).url });

const examples = {
  admin: { act: seconds(0.5) },
  auth: { act: signedIn },
  'auth (signed out)': { program: 'auth', act: seconds(0.2) },
  chat: { act: chat },
  'chat (entrance)': { program: 'chat', act: seconds(0.2) },
  cluster: { act: told, env: redis },
  compare: { act: seconds(25) },
  cpp: { act: cppChat },
  embed: { act: seconds(6) },
  secure: { act: secure, env: certificate },
  service: { act: seconds(0.5) },
  telemetry: { act: seconds(12) },
  threads: { act: threads },
  upload: { act: uploaded },
  whiteboard: { act: drawn },
};

// ---- pictures ----------------------------------------------------------------------------------------------

// One picture of each size and scheme, and all on one sheet.
async function take(out, name, page, again = async () => {}) {
  const files = [];
  for (const colorScheme of SCHEMES)
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await again();
      await sleep(400);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      if (wide > viewport.width) console.log(`${name}: ${wide} wide on a page of ${viewport.width}`);
      const file = path.join(out, `${name}-${size}-${colorScheme}.png`);
      await page.screenshot({ path: file });
      files.push(file);
    }
  await sheet(path.join(out, `${name}.png`), files);
}

async function sheet(file, pictures) {
  const page = await (await browser.newContext({ viewport: { width: 1080, height: 800 } })).newPage();
  const images = pictures.map((p) =>
    `<img src="data:image/png;base64,${readFileSync(p).toString('base64')}" height="500">`);
  await page.setContent(`<body style="margin:8px;background:#888;display:flex;flex-wrap:wrap;gap:8px">${images.join('')}`);
  await page.screenshot({ path: file, fullPage: true });
  await page.context().close();
}

async function openPages(url) {
  const contexts = [];
  const open = async () => {
    const context = await browser.newContext({ viewport: SIZES.wide, ignoreHTTPSErrors: true });
    contexts.push(context);
    const page = await context.newPage();
    await page.goto(url);
    return page;
  };
  return { open, close: () => Promise.all(contexts.map((c) => c.close())) };
}

async function takeExample(out, name, { program = name, act, env = () => ({}) }) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'screens-'));
  const server = await Program.start(program, await env(folder));
  const pages = await openPages(server.url);
  try {
    await take(out, name.replaceAll(/\W+/g, '-').replace(/-$/, ''), await act(pages));
  } finally {
    await pages.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  }
}

// ---- the site -------------------------------------------------------------------------------------------------

const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml',
  '.png': 'image/png', '.json': 'application/json' };

async function serve(dir) {
  const server = http.createServer((request, response) => {
    let file = path.join(dir, decodeURIComponent(new URL(request.url, 'http://x').pathname));
    if (file.endsWith('/')) file = path.join(file, 'index.html');
    if (!existsSync(file)) return response.writeHead(404).end();
    return response.writeHead(200, { 'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream' })
      .end(readFileSync(file));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

async function takeSite(out, dir, pages) {
  const server = await serve(dir);
  for (const one of pages) {
    const { open, close } = await openPages(`http://127.0.0.1:${server.address().port}/${one}`);
    const page = await open();
    // The site looks at the scheme once, and remembers it.
    const again = async () => {
      await page.evaluate(() => localStorage.clear());
      await page.reload();
    };
    await take(out, `site-${one.replaceAll(/\W+/g, '-')}`, page, again);
    await close();
  }
  server.close();
}

const [out, ...wanted] = process.argv.slice(2);
mkdirSync(out, { recursive: true });
if (wanted[0] === '--site') {
  await takeSite(out, wanted[1], wanted.slice(2));
} else {
  for (const [name, how] of Object.entries(examples)) {
    const program = how.program ?? name;
    if (wanted.length > 0 && !wanted.includes(program)) continue;
    if (!existsSync(path.join(build, 'examples', program))) console.log(`SKIPPED: ${program} is not built`);
    else await takeExample(out, name, how);
  }
}
await browser.close();
process.exit(0);
