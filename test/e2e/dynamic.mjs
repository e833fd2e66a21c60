// SPDX-License-Identifier: MIT
//
// dynamic.mjs - namespaces that are made when a client asks for them, with socket.io-client 4.
import { io } from 'socket.io-client';
import { connected, equal, joined, match, ok, run, sleep, test, within } from './lib.mjs';

const open = (host, name, options = {}) =>
  io(`http://127.0.0.1:${host.port}${name}`, { reconnection: false, forceNew: true, ...options });

const refused = (s) =>
  within(60_000, new Promise((done, fail) => {
    s.on('connect', () => fail(new Error('it connected')));
    s.on('connect_error', done);
  }), 'connect_error');

const enter = (host, name, options) => connected(open(host, name, options));
const once = (s, event) => within(60_000, new Promise((done) => s.once(event, done)), event);
const ask = (s, ...args) =>
  within(60_000, new Promise((done) => s.emit(...args, done)), args[0]);

async function gone(root, name) {
  while (await ask(root, 'exists', name)) await sleep(20);
}

for (const transport of ['polling', 'websocket']) {
  const transports = [transport];

  test(`218 a pattern's namespaces: middleware, handlers and broadcasts of the parent (${transport})`, async (t) => {
    const host = await t.host({ dynamic: 1, 'dynamic-middleware': 'later:ok' });
    const root = await enter(host, '/', { transports });
    const one = await enter(host, '/dynamic-101', { transports });
    await host.line(/^new_namespace \/dynamic-101$/);
    await host.line(/^middleware dynamic-middleware connected=0/);
    await host.line(/^connect \/dynamic-101 /);
    const two = await enter(host, '/dynamic-102', { transports });
    const told = Promise.all([once(one, 'from-parent'), once(two, 'from-parent')]);
    root.emit('all-rooms', '', { hello: [1] });
    equal(await told, [{ hello: [1] }, { hello: [1] }]);
    two.emit('join', 'r');
    equal(await ask(two, 'echo', 'y'), 'y');
    const inRoom = once(two, 'from-parent');
    let other = 0;
    one.on('from-parent', () => other++);
    root.emit('all-rooms', 'r', Buffer.from([1, 2]));
    equal(await inRoom, Buffer.from([1, 2]));
    equal(await ask(one, 'echo', 'x'), 'x');
    equal(other, 0);
    [root, one, two].forEach((s) => s.disconnect());
  });

  test(`218 a function says yes, later, or no (${transport})`, async (t) => {
    const host = await t.host({ dynamic: 1 });
    const now = await enter(host, '/ok-1', { transports, auth: { k: 1 } });
    match(await host.line(/^match/), /^match \/ok-1 \{"k":1\}$/);
    const later = await enter(host, '/later-1', { transports });
    equal((await refused(open(host, '/none', { transports }))).message, 'Invalid namespace');
    match(await host.line(/^match \/none/), /^match \/none \{\}$/);
    equal((await host.stats()).sockets, 2);
    [now, later].forEach((s) => s.disconnect());
  });

  test(`219 two that ask at once meet in one namespace (${transport})`, async (t) => {
    const host = await t.host({ dynamic: 1 });
    const [a, b] = await Promise.all([1, 2].map(() => enter(host, '/later-2', { transports })));
    equal(await host.told(/^new_namespace \/later-2$/), 1);
    const heard = Promise.all([once(a, 'news'), once(b, 'news')]);
    a.emit('broadcast', { self: true }, 'news', 7);
    await heard;
    [a, b].forEach((s) => s.disconnect());
  });
}

test('220 an empty namespace is gone, others stay, and it comes back', async (t) => {
  const host = await t.host({ dynamic: 1 });
  const root = await enter(host, '/');
  const [a, b] = await Promise.all([enter(host, '/dynamic-1'), enter(host, '/dynamic-1')]);
  a.disconnect();
  await host.line(/^disconnect client namespace disconnect/);
  equal(await ask(root, 'exists', '/dynamic-1'), true);
  b.io.engine.close();
  await gone(root, '/dynamic-1');
  const again = await enter(host, '/dynamic-1');
  equal(await host.told(/^new_namespace \/dynamic-1$/), 2);
  equal(await ask(again, 'echo', 1), 1);
  again.disconnect();
  await gone(root, '/dynamic-1');
  equal(await ask(root, 'exists', '/custom'), true);
  root.disconnect();
});

test('220 a refused peer leaves none', async (t) => {
  const host = await t.host({ dynamic: 1, 'dynamic-middleware': 'fail:nope' });
  const root = await enter(host, '/');
  equal((await refused(open(host, '/dynamic-1'))).message, 'nope');
  await gone(root, '/dynamic-1');
  root.disconnect();
});

test('220 kept ones stay', async (t) => {
  const host = await t.host({ dynamic: 1, 'keep-empty': 1 });
  const root = await enter(host, '/');
  const a = await enter(host, '/dynamic-1');
  a.disconnect();
  await host.line(/^disconnect client namespace disconnect/);
  await sleep(100);
  equal(await ask(root, 'exists', '/dynamic-1'), true);
  root.disconnect();
});

test("221 a namespace made by the host is the pattern's", async (t) => {
  const host = await t.host({ dynamic: 1 });
  const root = await enter(host, '/');
  equal(await ask(root, 'of', '/dynamic-101'), 0);
  const a = await enter(host, '/dynamic-101');
  const told = once(a, 'from-parent');
  root.emit('all-rooms', '', 1);
  equal(await told, 1);
  equal(await host.told(/^new_namespace \/dynamic-101$/), 1);
  [root, a].forEach((s) => s.disconnect());
});

test('there are no more of them than max_child_nsps', async (t) => {
  // One address has half of them.
  const host = await t.host({ dynamic: 1, 'max-children': 4 });
  const [a, b] = await Promise.all([enter(host, '/dynamic-1'), enter(host, '/ok-2')]);
  equal((await refused(open(host, '/dynamic-3'))).message, 'Too many namespaces');
  a.disconnect();
  await host.line(/^disconnect client namespace disconnect/);
  const c = await enter(host, '/dynamic-3');
  [b, c].forEach((s) => s.disconnect());
});

test('a peer that leaves, withdraws or speaks while it waits makes no namespace', async (t) => {
  const host = await t.host({ dynamic: 1, think: 1500 });
  const left = await joined(host);
  left.send('40/later-a,');
  await host.line(/^match \/later-a/);
  left.close();
  const withdrawn = await joined(host);
  withdrawn.send('40/later-b,');
  withdrawn.send('41/later-b,');
  const early = await joined(host);
  early.send('40/later-c,');
  early.send('42/later-c,["echo",1]');
  await host.line(/^closed forced close .*not joined/);
  await sleep(2000);
  equal(await host.told(/^new_namespace \/later/), 0);
  equal((await host.stats()).sockets, 1);
});

test('a peer that asks twice while it waits is let in once', async (t) => {
  const host = await t.host({ dynamic: 1, think: 500 });
  const ws = await joined(host);
  ws.send('40/later-b,');
  ws.send('40/later-b,');
  match(await ws.next(), /^40\/later-b,\{"sid":/);
  equal(await host.told(/^match /), 1);
});

test('a server closes while a verdict is owed', async (t) => {
  const host = await t.host({ dynamic: 1, think: 1500 });
  const w = await joined(host);
  w.send('40/later-a,');
  await host.line(/^match \/later-a/);
  ok(w);
});

run();
