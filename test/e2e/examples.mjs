// SPDX-License-Identifier: MIT
//
// examples.mjs - the example programs, each used by pages in headless Chromium.
import path from 'node:path';
import { NARROW, PATIENCE_MS, picture, shots, testOf, until } from './example_rig.mjs';
import { equal, match, ok, run, sleep, within } from './lib.mjs';

// ---- threads ----------------------------------------------------------------------------------

testOf('threads', 'the pages of all threads count each other, and a pulse of one reaches all', async ({ open }) => {
  const pages = [];
  for (let i = 0; i < 5; i++) pages.push(await open());
  const counts = async (page) => (await page.locator('.thread p').allTextContents()).map(Number);
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  for (const page of pages) {
    await until('five pages on four threads', async () => sum(await counts(page)) === 5);
    equal(await page.locator('.thread.mine').count(), 1);
  }
  await pages[3].click('#pulse');
  for (const page of pages) await page.waitForSelector('#log li:text("a pulse of")');
  await picture(pages[0], 'threads');
  await pages[0].setViewportSize({ width: 390, height: 844 });
  await picture(pages[0], 'threads-narrow');
  await pages[4].close();
  await until('four pages', async () => sum(await counts(pages[0])) === 4);
});

// ---- chat -------------------------------------------------------------------------------------

const chat = (name, body) => testOf('chat', name, body);

async function enter(page, nick) {
  await page.fill('#nick', nick);
  await page.press('#nick', 'Enter');
  await page.waitForSelector('#app:not([hidden])');
  await page.waitForSelector('#members button', { state: 'attached' });
  return page;
}

async function say(page, text) {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}

async function openRoom(page, name) {
  await page.fill('#room-name', name);
  await page.press('#room-name', 'Enter');
  await title(page, `# ${name}`);
}

const bubble = (text) => `#log .bubble:has(.text:text-is(${JSON.stringify(text)}))`;
const sees = (page, text) => page.waitForSelector(bubble(text));
const ticked = (page, text, how) => page.waitForSelector(`${bubble(text)} .tick.${how}`);
const texts = (page, selector) => page.locator(selector).allTextContents();
const title = (page, text) => page.waitForSelector(`#title:text-is("${text}")`);
const room = (page, name) => page.click(`#rooms button:has(.label:text-is("${name}"))`);
const member = (page, nick) => page.click(`#members button:has(.label:text-is("${nick}"))`);
const here_ = (page, nicks) =>
  until(`${nicks} here`, async () => `${await texts(page, '#members .label')}` === `${nicks}`);

async function two(open, a = 'ada', b = 'bob') {
  const pages = [await enter(await open(), a), await enter(await open(), b)];
  await here_(pages[0], [a, b]);
  return pages;
}

chat('what one page says is on the other, ticked once the server has it', async ({ open }) => {
  const [ada, bob] = await two(open);
  await say(ada, 'hello, is this on?');
  await sees(bob, 'hello, is this on?');
  await ticked(ada, 'hello, is this on?', 'sent');
  await say(bob, 'it is');
  await sees(ada, 'it is');
  equal(await texts(bob, '.theirs .body strong'), ['ada']);
});

chat('a nickname that somebody has is refused, and the page says why', async ({ open }) => {
  await enter(await open(), 'ada');
  const page = await open();
  await page.fill('#nick', 'Ada');
  await page.press('#nick', 'Enter');
  await page.waitForSelector('#login-error:text("Somebody else")');
  ok(await page.isHidden('#app'));
  await enter(page, 'grace');
});

chat('a nickname that breaks the rules is refused', async ({ open }) => {
  const page = await open();
  for (const nick of ['#ada', 'ada lovelace', 'ä'.repeat(16)]) {
    await page.fill('#nick', nick);
    await page.press('#nick', 'Enter');
    await page.waitForSelector('#login-error:text("A nickname is short")');
    await page.evaluate(() => (document.getElementById('login-error').textContent = ''));
  }
});

chat('who is here follows those who come and go', async ({ open }) => {
  const [ada, bob] = await two(open);
  equal(await ada.textContent('#subtitle'), '2 people here');
  const eve = await enter(await open(), 'eve');
  await here_(ada, ['ada', 'bob', 'eve']);
  await within(PATIENCE_MS, eve.upgraded, 'upgrade');
  await eve.close();
  await here_(ada, ['ada', 'bob']);
  await bob.click('#logout');
  await here_(ada, ['ada']);
  equal(await texts(ada, '.note'), ['bob came in', 'eve came in', 'eve left', 'bob left']);
});

chat('a typing hint shows on the other page, and goes when the message comes', async ({ open }) => {
  const [ada, bob] = await two(open);
  await within(PATIENCE_MS, bob.upgraded, 'upgrade'); // a hint is volatile
  await ada.type('#text', 'hel');
  await bob.waitForSelector('#typing:text("ada is typing")');
  await ada.press('#text', 'Enter');
  await sees(bob, 'hel');
  equal(await bob.textContent('#typing'), '');
});

chat('rooms are opened, joined, switched, left; each keeps its messages', async ({ open }) => {
  const [ada, bob] = await two(open);
  await openRoom(ada, 'engines');
  await say(ada, 'only for engines');
  await ticked(ada, 'only for engines', 'sent');
  await bob.waitForSelector('#rooms .outside:has-text("engines")');
  equal(await bob.locator(bubble('only for engines')).count(), 0);
  await room(bob, 'engines');
  await sees(bob, 'only for engines'); // what was said before
  await here_(bob, ['ada', 'bob']);
  await room(ada, 'lobby');
  await say(bob, 'are you still there?');
  await ada.waitForSelector('#rooms button:has-text("engines") .badge:text-is("1")');
  equal(await ada.locator(bubble('are you still there?')).count(), 0);
  await room(ada, 'engines');
  await sees(ada, 'are you still there?');
  equal(await ada.locator('.badge').count(), 0);
  await bob.click('#leave');
  await title(bob, '# lobby');
  await here_(ada, ['ada']);
  await say(ada, 'alone');
  await ticked(ada, 'alone', 'sent');
  equal(await bob.locator(bubble('alone')).count(), 0);
});

chat('a private message reaches one page only, and is then ticked twice', async ({ open }) => {
  const [ada, bob] = await two(open);
  const eve = await enter(await open(), 'eve');
  await member(ada, 'bob');
  await title(ada, 'bob');
  await say(ada, 'between us');
  await ticked(ada, 'between us', 'read');
  await bob.click('#private button:has-text("ada")');
  await sees(bob, 'between us');
  await bob.type('#text', 'w');
  await ada.waitForSelector('#typing:text("bob is typing")');
  await say(bob, 'sure');
  await sees(ada, 'sure');
  equal(await eve.locator('#private button').count(), 0);
  await eve.click('#members button:has-text("bob")');
  await within(PATIENCE_MS, bob.upgraded, 'upgrade');
  await bob.close();
  await eve.waitForSelector('#subtitle:text("not in your rooms")');
  await say(eve, 'too late');
  await ticked(eve, 'too late', 'failed');
  await eve.waitForSelector('.retry:has-text("Nobody of that name")');
});

chat('what people write is never markup', async ({ open }) => {
  const [ada, bob] = await two(open, '<i>ada', 'b&amp;b');
  await say(ada, '<img src=x onerror=alert(1)>');
  await sees(bob, '<img src=x onerror=alert(1)>');
  equal(await texts(bob, '.theirs .body strong'), ['<i>ada']);
  equal(await bob.locator('#app img').count(), 0);
});

chat('a reload comes back with nickname, rooms and what was said', async ({ open }) => {
  const [ada, bob] = await two(open);
  await openRoom(ada, 'engines');
  await say(ada, 'before');
  await ticked(ada, 'before', 'sent');
  await ada.reload();
  await title(ada, '# engines');
  await sees(ada, 'before');
  equal(await ada.locator('.mine').count(), 1);
  await room(ada, 'lobby');
  await here_(ada, ['ada', 'bob']);
  await say(ada, 'back again');
  await sees(bob, 'back again');
});

chat('a newcomer is given the last 50 messages of a room', async ({ open }) => {
  const ada = await enter(await open(), 'ada');
  for (let i = 1; i <= 60; i++) await say(ada, `number ${i}`);
  await ticked(ada, 'number 60', 'sent');
  const bob = await enter(await open(), 'bob');
  await sees(bob, 'number 60');
  const got = await texts(bob, '.bubble .text');
  equal([got.length, got[0]], [50, 'number 11']);
});

chat('both come back to a server that starts again, and nothing is lost', async (t) => {
  const { server, open } = t;
  const [ada, bob] = await two(open);
  await openRoom(ada, 'engines');
  await openRoom(bob, 'engines');
  await say(ada, 'before');
  await sees(bob, 'before');
  await server.stop();
  await ada.waitForSelector('#banner:text("Connection lost")');
  await bob.waitForSelector('#banner:text("Connection lost")');
  await say(ada, 'said into the void');
  await ticked(ada, 'said into the void', 'waiting');
  await picture(ada, 'chat-lost');
  await server.start();
  await ticked(ada, 'said into the void', 'sent');
  await sees(bob, 'said into the void');
  await here_(ada, ['ada', 'bob']);
  await here_(bob, ['ada', 'bob']);
  await say(bob, 'there you are');
  await sees(ada, 'there you are');
  equal((await texts(ada, '.bubble .text')), ['before', 'said into the void', 'there you are']);
  equal((await texts(bob, '.bubble .text')), ['before', 'said into the void', 'there you are']);
});

chat('a server that is killed outright is come back to as well', async ({ server, open }) => {
  const [ada, bob] = await two(open);
  server.child.kill('SIGKILL');
  await server.ended;
  await ada.waitForSelector('#banner:text("Connection lost")');
  await server.start();
  await here_(ada, ['ada', 'bob']);
  await say(bob, 'still us');
  await sees(ada, 'still us');
});

chat('the same page in another window takes over, and the first one says so', async ({ open }) => {
  const ada = await enter(await open(), 'ada');
  const other = await ada.context().newPage();
  const kept = await ada.evaluate(() => ({ ...sessionStorage }));
  await other.addInitScript((s) => Object.assign(sessionStorage, s), kept);
  await other.goto(ada.url());
  await other.waitForSelector('#members button');
  await ada.waitForSelector('#banner:text("another window")');
  await here_(other, ['ada']);
  await ada.click('#banner button');
  await other.waitForSelector('#banner:text("another window")');
  await here_(ada, ['ada']);
});

if (shots) chat('it looks as it should', async ({ open }) => {
  const login = await open();
  await picture(login, 'chat-login');
  const ada = await enter(await open(), 'ada');
  const bob = await enter(await open({ colorScheme: 'dark' }), 'bob');
  const phone = { viewport: NARROW, hasTouch: true, isMobile: true };
  const eve = await enter(await open(phone), 'eve');
  const kim = await enter(await open({ ...phone, colorScheme: 'dark' }), 'kim-ji');
  await openRoom(bob, 'engines');
  await room(bob, 'lobby');
  await say(ada, 'Good morning! Has anyone tried the new build on the small board yet?');
  await sees(bob, 'Good morning! Has anyone tried the new build on the small board yet?');
  await say(bob, 'Yes, since last night.');
  await say(bob, 'It idles with two hundred pages open, and the fan has not come on once. ' +
    'I left it running to see what the weekend does to it.');
  await say(eve, 'nice');
  await sees(ada, 'nice');
  await say(ada, 'Then I will put it on the other two as well.\nAnything to watch for?');
  await say(kim, 'Only the clock: it wants to be set before the first start.');
  await sees(eve, 'Only the clock: it wants to be set before the first start.');
  await member(ada, 'kim-ji');
  await say(ada, 'Could you lend me the serial cable?');
  await ticked(ada, 'Could you lend me the serial cable?', 'read');
  await picture(ada, 'chat-private');
  await room(ada, 'lobby');
  await eve.tap('#text');
  await eve.type('#text', 'tha');
  await ada.waitForSelector('#typing:text("eve is typing")');
  await picture(ada, 'chat-light');
  await eve.type('#text', 'nks');
  await picture(bob, 'chat-dark');
  await picture(eve, 'chat-phone');
  await picture(kim, 'chat-phone-dark');
  await eve.tap('#show-side');
  await picture(eve, 'chat-phone-rooms');
  await kim.tap('#show-members');
  await picture(kim, 'chat-phone-people');
});

// ---- compare ----------------------------------------------------------------------------------

// What the browser's network layer saw, by URL: HTTP bytes with true headers, WebSocket payloads.
async function watchNetwork(page) {
  const cdp = await page.context().newCDPSession(page);
  const seen = { http: [], sockets: [] };
  const byId = new Map();
  await cdp.send('Network.enable');
  cdp.on('Network.requestWillBeSent', ({ requestId, request }) => {
    const r = { url: new URL(request.url), bytes: 0, done: false };
    if (!r.url.protocol.startsWith('http')) return;
    byId.set(requestId, r);
    seen.http.push(r);
  });
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const r = byId.get(requestId);
    if (r) Object.assign(r, { bytes: encodedDataLength, done: true });
  });
  cdp.on('Network.webSocketCreated', ({ requestId, url }) => {
    const w = { url: new URL(url), payload: 0, messages: 0, texts: [] };
    byId.set(requestId, w);
    seen.sockets.push(w);
  });
  cdp.on('Network.webSocketFrameReceived', ({ requestId, response }) => {
    const w = byId.get(requestId);
    if (!w || response.opcode > 2) return;
    w.messages++;
    w.payload += Buffer.byteLength(response.payloadData);
    w.texts.push(response.payloadData);
  });
  return seen;
}

const measured = (page) => page.evaluate(() => window.results.map((group) => group.measured));

const sum = (list) => list.reduce((n, r) => n + r.bytes, 0);
const byPath = (names) => names.map((name) => name.replace(' (polling)', '')).sort();

testOf('compare', 'three messages cost what the page says they cost', async ({ server, open }) => {
  const page = await open({ url: null });
  const network = await watchNetwork(page);
  await page.goto(server.url);
  await page.waitForSelector('#run:not([disabled])');
  equal(await page.textContent('#status'), 'Measured just now, in this browser.');
  const [[plain], [first, second], [lean]] = await measured(page);
  const all = [plain, first, second, lean];
  for (const m of all) {
    equal(m.messages, 3);
    ok(m.seconds > 0, `${m.seconds} s`);
    equal(m.requests, m.list.length);
    equal(m.bytes, sum(m.list));
  }
  equal([plain.requests, lean.requests], [2, 3]);
  ok(first.requests >= 6, `${first.requests} requests`);
  ok(plain.bytes < 3000, `${plain.bytes} bytes`);
  ok(first.bytes > 20_000 && first.bytes < 200_000, `${first.bytes} bytes`);
  ok(second.bytes < first.bytes / 10, 'the second visit takes the client from the cache');
  ok(lean.bytes < first.bytes / 2);

  // HTTP: what the page lists is what the network saw, but for the headers: the
  // page counts 300 bytes for each, and so is off by the difference from their true size.
  const listed = all.flatMap((m) => m.list);
  const requests = listed.filter((r) => r.messages === undefined);
  const own = ['/', '/compare.css', '/compare.js'];
  const wired = network.http.filter((r) => r.done && !own.includes(r.url.pathname));
  equal(byPath(requests.map((r) => r.name)), byPath(wired.map((r) => r.url.pathname)));
  const head = (sum(wired) - requests.reduce((n, r) => n + r.bytes - 300, 0)) / wired.length;
  ok(head > 80 && head < 300, `response heads of ${head} bytes, and not 300`);

  // WebSocket: to the byte.
  const wire = network.sockets.filter((w) => w.messages > 0);
  const ours = listed.filter((r) => r.messages !== undefined);
  equal(ours.map((r) => [r.messages, r.body]), wire.map((w) => [w.messages, w.payload]));
  equal(wire[0].texts, Array(3).fill('message from server'));
  for (const r of ours) equal(r.bytes, r.body + 2 * r.messages);

  // The table: what was published beside it.
  const published = await texts(page, '#results tr.published');
  equal(published, ['published21.50 KB0.050 s', 'published6181.56 KB0.25 s']);
  const cells = await texts(page, '#results tr.here td');
  equal(cells.length, 12);
  for (const c of cells) match(c, /^\d+$|^[\d.]+ KB$|^[\d.]+ s$/);
  equal(cells.slice(0, 2), ['2', `${(plain.bytes / 1000).toFixed(2)} KB`]);

  if (shots) {
    await picture(page, 'compare-light');
    await page.screenshot({ path: path.join(shots, 'compare-full.png'), fullPage: true });
    await page.setViewportSize(NARROW);
    await page.emulateMedia({ colorScheme: 'dark' });
    await picture(page, 'compare-phone-dark');
    await page.screenshot({ path: path.join(shots, 'compare-phone-full.png'), fullPage: true });
  }
});

// ---- embed ------------------------------------------------------------------------------------

const number = async (page, id) => Number((await page.textContent(id)).replace(/\D/g, ''));
const pixels = (page) => page.evaluate(() => document.querySelector('#plot').toDataURL());

async function setRate(page, hz) {
  await page.evaluate((n) => {
    const rate = document.querySelector('#rate');
    rate.value = n;
    rate.dispatchEvent(new Event('input'));
    rate.dispatchEvent(new Event('change'));
  }, hz);
}

testOf('embed', 'readings of the thread arrive, and the plot moves', async ({ open }) => {
  const page = await open();
  await page.waitForSelector('#state.live');
  await until('a first reading', () => page.evaluate(() => readings.length > 1));
  const [before, picture1] = [await number(page, '#arrived'), await pixels(page)];
  await until('more readings', async () => (await number(page, '#arrived')) > before);
  await until('another picture', async () => (await pixels(page)) !== picture1);
  const value = Number(await page.textContent('#value'));
  ok(value > 16 && value < 26, `${value}`);
  equal(await page.textContent('#pages'), '1');
});

testOf('embed', 'the rate is set from a page, acked, and shown on the others', async ({ open }) => {
  const [page, other] = [await open(), await open()];
  for (const p of [page, other]) await p.waitForSelector('#wanted:text-is("20")');
  await setRate(page, 50);
  await page.waitForSelector('#ack.good:text("confirms 50 per second")');
  await other.waitForSelector('#wanted:text-is("50")');
  const count = () => page.evaluate(() => lastNumber);
  const from = await count();
  await until('readings after that', async () => (await count()) > from);
});

testOf('embed', 'it ends in good order on SIGINT, pages looking on', async ({ server, open }) => {
  const page = await open();
  await until('a reading', () => page.evaluate(() => arrived > 0));
  await server.stop('SIGINT');
  await page.waitForSelector('#state:text("connection lost")');
  await server.start();
  await page.waitForSelector('#state.live');
  await until('readings again', () => page.evaluate(() => lastNumber > 0));
});

if (shots) testOf('embed', 'it looks as it should', async ({ open }) => {
  const page = await open();
  const phone = await open({ viewport: NARROW, colorScheme: 'dark' });
  await setRate(page, 40);
  await page.waitForSelector('#ack.good');
  await sleep(21_000);
  await picture(page, 'embed-light');
  await picture(phone, 'embed-phone-dark');
});

for (const name of ['chat', 'compare', 'embed']) {
  testOf(name, `no page of ${name} is wider than a telephone`, async ({ open }) => {
    const page = await open({ viewport: NARROW });
    if (name === 'chat') await enter(page, 'ada');
    const widths = () => page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    equal(await widths(), [NARROW.width, NARROW.width]);
  });
}

await run({ atOnce: 2 });
