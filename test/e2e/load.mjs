// SPDX-License-Identifier: MIT
//
// load.mjs - many peers, much data, bad readers: nothing is lost, doubled or out of order, and the
// server's memory and descriptors stay what its options say.
//
// Memory is read from /proc. A sanitizer keeps freed memory to find its misuse; it is told to keep
// little, so that the same bounds hold for every build.
import { readFileSync, readdirSync } from 'node:fs';
import net from 'node:net';
import { io } from 'socket.io-client';
import {
  Polling, equal, frame, joined, match, ok, op, requestBytes, run, sleep, test, upgradeHeaders,
} from './lib.mjs';

process.env.ASAN_OPTIONS = `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1:malloc_context_size=2`;

const KIB = 1024;
const MIB = 1024 * KIB;

// ---- what a process takes -------------------------------------------------------------------------

function memory(host, field) {
  const status = readFileSync(`/proc/${host.process.pid}/status`, 'latin1');
  return Number(status.match(new RegExp(`${field}:\\s+(\\d+) kB`))[1]) * KIB;
}
const resident = (host) => memory(host, 'VmRSS');
const peak = (host) => memory(host, 'VmHWM');
const descriptors = (host) => readdirSync(`/proc/${host.process.pid}/fd`).length;

const mib = (n) => `${(n / MIB).toFixed(1)} MiB`;

// How far what `body` does drives the server's memory up.
async function growth(host, body) {
  const before = resident(host);
  await body();
  return Math.max(peak(host), resident(host)) - before;
}

function atMost(n, limit, what) {
  ok(n <= limit, `${what}: ${mib(n)}, allowed ${mib(limit)}`);
}

// ---- real clients -----------------------------------------------------------------------------------

function connect(host, options = {}) {
  return io(`http://127.0.0.1:${host.port}`, { forceNew: true, reconnection: false, ...options });
}

const event = (client, name) => new Promise((done) => client.once(name, done));

test('200 clients at once are served, each with its own answers', async (t) => {
  const host = await t.host();
  const clients = Array.from({ length: 200 }, () => connect(host));
  await Promise.all(clients.map((client) => event(client, 'connect')));
  equal((await host.stats()).sockets, 200);
  const answers = await Promise.all(clients.map((client, i) => client.emitWithAck('echo', i)));
  equal(answers, clients.map((_, i) => i));
  for (const client of clients) client.disconnect();
  await host.settled('sessions', 0);
});

const CROWD = 50;
const MESSAGES = 500;

// Sends its numbers in small groups, so that the upgrade falls among them; gives what came back.
async function talk(client) {
  const back = [];
  const all = new Promise((done) =>
    client.on('message-back', (n) => back.push(n) === MESSAGES && done())
  );
  await event(client, 'connect');
  for (let n = 0; n < MESSAGES; n++) {
    client.emit('message', n);
    if (n % 20 === 19) await sleep(1);
  }
  await all;
  return back;
}

test(`${CROWD} clients send and get ${MESSAGES} messages through the upgrade, in order`, async (t) => {
  const host = await t.host();
  const clients = Array.from({ length: CROWD }, () => connect(host));
  const expected = Array.from({ length: MESSAGES }, (_, n) => n);
  for (const back of await Promise.all(clients.map(talk))) equal(back, expected);
  await host.settled('upgrades', CROWD);
  equal((await host.stats()).upgrades_failed, 0);
  for (const client of clients) {
    equal(client.io.engine.transport.name, 'websocket');
    equal(client.listeners('message-back').length, 1);
    client.disconnect();
  }
});

// ---- churn ----------------------------------------------------------------------------------------------

const hello = requestBytes('GET', '/socket.io/?EIO=4&transport=websocket', { headers: upgradeHeaders });
const question = Buffer.concat([frame(op.text, '40'), frame(op.text, '421["echo","hello"]')]);
const goodbye = frame(op.close);

// A whole visit, as cheap as it can be: join, ask, hear the answer, go. Every other one goes rudely.
function visit(host, i) {
  return new Promise((done, fail) => {
    // Many addresses, so that there are ports enough.
    const socket = net.connect({ port: host.port, localAddress: `127.0.1.${1 + (i % 200)}` });
    const steps = [
      ['maxPayload', () => socket.write(question)],
      ['431["hello"]', () => (i % 2 ? socket.resetAndDestroy() : socket.end(goodbye))],
    ];
    let seen = '';
    socket.write(hello);
    socket.on('data', (data) => {
      seen += data.toString('latin1');
      while (steps.length > 0 && seen.includes(steps[0][0])) steps.shift()[1]();
    });
    socket.on('error', fail);
    socket.on('close', () => (steps.length === 0 ? done() : fail(new Error(seen))));
  });
}

async function visitByPolling(host, i) {
  const p = await Polling.open(host);
  match(await p.join(), /^40/);
  await p.send('421["echo","hello"]');
  equal(await p.poll(), '431["hello"]');
  await p.send('1');
}

async function visits(host, n, one) {
  let next = 0;
  const visitor = async () => {
    while (next < n) await one(host, next++);
  };
  await Promise.all(Array.from({ length: 50 }, visitor));
  await host.settled('sessions', 0);
  await host.settled('connections', 1); // the one that asks
}

async function churn(t, n, one) {
  const host = await t.host({ log: 1 });
  const fds = descriptors(host);
  await visits(host, 1000, one); // pools and maps have their size
  const rss = resident(host);
  await visits(host, n, one);
  while (descriptors(host) > fds) await sleep(20); // that of the last who asked
  // What the allocator has cut up may cost some pages, but not a page for every 20 visits.
  atMost(resident(host) - rss, 2 * MIB, 'resident after churn');
  equal((await host.stats()).sockets, 0);
}

test('10 000 clients that come and go leave nothing behind (websocket)', (t) => churn(t, 10_000, visit),
  { ms: 180_000 });

test('2 000 clients that come and go leave nothing behind (polling)', (t) =>
  churn(t, 2_000, visitByPolling), { ms: 180_000 });

// ---- peers that do not read ------------------------------------------------------------------------------

// It has joined, and from now on reads nothing.
async function deaf(host) {
  const w = await joined(host, { rude: true });
  w.wire.socket.pause();
  return w;
}

// Somebody else's questions are answered meanwhile.
async function unaffected(host, body) {
  const w = await joined(host);
  let over = false;
  let asked = 0;
  const asking = (async () => {
    for (; !over; asked++) {
      w.send(`42${asked}["echo",${asked}]`);
      equal(await w.next(), `43${asked}[${asked}]`);
      await sleep(5);
    }
  })();
  await body();
  over = true;
  await asking;
  ok(asked > 0);
  w.close();
}

const LIMIT = 4 * MIB;
// The packet that crosses the limit, one in the making, and what the allocator adds.
const SLACK = 3 * MIB;

for (const [size, count] of [[60 * KIB, 5000], [1000, 200_000], [10, 2_000_000]])
  test(`a flood of ${size} byte events at a peer that does not read stops at max_queued`, async (t) => {
    const host = await t.host({ 'max-queued': LIMIT, 'close-timeout': 500 });
    await joined(host); // what the first peer costs is there
    const w = await deaf(host);
    const grown = await growth(host, () =>
      unaffected(host, async () => {
        w.send(`42["flood",${count},${size}]`);
        match(await host.line(/^flood/), /^flood over a size limit/);
        match(await host.line(/^disconnect /), /^disconnect forced close/);
        await sleep(100);
      })
    );
    atMost(grown, LIMIT + SLACK, 'grown');
    equal((await host.stats()).overflows, 1);
  });

for (const [size, count] of [[1000, 200_000], [10, 2_000_000]])
  test(`a flood of ${size} byte events at a peer that does not poll stops at max_queued`, async (t) => {
    const host = await t.host({ 'max-queued': LIMIT, 'close-timeout': 500 });
    await joined(host);
    const p = await Polling.open(host);
    await p.join();
    const grown = await growth(host, () =>
      unaffected(host, async () => {
        await p.send(`42["flood",${count},${size}]`);
        match(await host.line(/^disconnect /), /^disconnect forced close/);
        await sleep(100);
      })
    );
    atMost(grown, LIMIT + SLACK, 'grown');
    await p.dead();
  });

test('a broadcast to many that do not read is held once', async (t) => {
  const host = await t.host({ 'max-queued': LIMIT, 'close-timeout': 500 });
  const peers = await Promise.all(Array.from({ length: 30 }, () => deaf(host)));
  const sender = await joined(host);
  const text = JSON.stringify('x'.repeat(50 * KIB));
  const grown = await growth(host, async () => {
    for (let i = 0; i < 400; i++) {
      sender.send(`42${i}["broadcast",{},"news",${text}]`);
      equal(await sender.next(), `43${i}[0]`);
    }
  });
  atMost(grown, LIMIT + SLACK, 'grown');
  equal((await host.stats()).overflows, peers.length);
});

test('who asks without reading the answers is read no further than high_water', async (t) => {
  const host = await t.host({ 'high-water': MIB, 'close-timeout': 500 });
  await joined(host);
  const w = await deaf(host);
  const one = frame(op.text, `42["echo","${'x'.repeat(30 * KIB)}"]`);
  const waiting = () => w.wire.socket.writableLength;
  const grown = await growth(host, () =>
    unaffected(host, async () => {
      for (let i = 0; i < 2000; i++) {
        w.write(one);
        if (i % 20 === 0) await sleep(1);
      }
      for (let before = -1; before !== waiting(); await sleep(200)) before = waiting();
    })
  );
  ok(waiting() > 2000 * one.length / 2, 'it was read all the time'); // kernels hold some
  atMost(grown, MIB + SLACK, 'grown');
  equal((await host.stats()).overflows, 0);
  // It reads again, and gets everything.
  w.wire.socket.resume();
  w.send('429["echo"]');
  let answers = 0;
  for (; (await w.next()) !== '439[]'; answers++);
  equal(answers, 2000);
});

test('a peer that stopped reading is closed by its heartbeat, and memory comes back', async (t) => {
  const host = await t.host({ 'ping-interval': 300, 'ping-timeout': 300 });
  const w = await deaf(host);
  w.send(`42["flood",100,${60 * KIB}]`);
  match(await host.line(/^disconnect /), /^disconnect ping timeout/);
  await host.settled('connections', 1);
});

// ---- floods both ways ----------------------------------------------------------------------------------------

// Sends n events of that size without waiting, and reads the answers, in order and whole.
async function floodBothWays(w, n, size) {
  const text = (i) => `"${String(i).padEnd(size, 'y')}"`;
  const reading = (async () => {
    for (let i = 0; i < n; i++) {
      const packet = await w.next();
      ok(packet === `43${i}[${text(i)}]`, packet.slice(0, 60));
    }
  })();
  for (let i = 0; i < n; i++) {
    w.send(`42${i}["echo",${text(i)}]`);
    if (w.wire.socket.writableLength > MIB) await new Promise((go) => w.wire.socket.once('drain', go));
    else if (i % 50 === 0) await sleep(0);
  }
  await reading;
}

for (const [size, count] of [[100_000, 300], [1000, 10_000], [1, 30_000]])
  test(`${count} events of ${size} bytes go and come at once`, async (t) => {
    const w = await joined(await t.host());
    await floodBothWays(w, count, size);
  });

test('20 peers flood both ways at once', async (t) => {
  const host = await t.host();
  const peers = await Promise.all(Array.from({ length: 20 }, () => joined(host)));
  const grown = await growth(host, () =>
    Promise.all(peers.map((w) => floodBothWays(w, 100, 50_000))));
  atMost(grown, peers.length * MIB + SLACK, 'grown'); // high_water each
});

test('binary floods both ways over polling too', async (t) => {
  const host = await t.host();
  const p = await Polling.open(host);
  await p.join();
  const bytes = Buffer.alloc(100_000, 7);
  const packet = (i) => `451-${i}["echo",{"_placeholder":true,"num":0}]\x1eb${bytes.toString('base64')}`;
  const reading = (async () => {
    const got = [];
    while (got.length < 200) got.push(...(await p.poll()).split('\x1e'));
    return got;
  })();
  for (let i = 0; i < 100; i++) await p.send(packet(i));
  const got = await reading;
  for (let i = 0; i < 100; i++)
    ok(`${got[2 * i]}\x1e${got[2 * i + 1]}` ===
      packet(i).replace('451', '461').replace('"echo",', ''), `answer ${i}`);
});

// What is heard is counted, however long that takes: without pings.
await run({ atOnce: 1, flags: { 'ping-interval': 3_600_000 } });
