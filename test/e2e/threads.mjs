// SPDX-License-Identifier: MIT
//
// threads.mjs - servers on four threads that serve as one on one port (sio/threads.h), and real
// clients on all of them. No balancer stands in front.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { equal, ok, run, sleep, test, within } from './lib.mjs';
import { LONG, THREADS, Threads, ask } from './threads_lib.mjs';

function scene(name, f) {
  test(name, async () => {
    const host = await Threads.start();
    try {
      await f(host);
      await host.stop();
    } finally {
      host.process.kill('SIGKILL');
    }
  });
}

// Each request of these clients is a connection of its own, that any thread may get.
const polling = { transports: ['polling'], agent: false };

scene('polling works whichever thread a request comes to', async (host) => {
  const clients = await host.many(8, polling);
  for (let round = 0; round < 25; round++)
    equal(await Promise.all(clients.map((s, i) => ask(s, 'echo', round * 8 + i))),
      clients.map((s, i) => round * 8 + i));
});

scene('sessions upgrade whichever thread the WebSocket comes to', async (host) => {
  const clients = await host.many(16);
  await within(LONG, Promise.all(clients.map((s) => s.io.engine.transport.name === 'websocket' ||
    new Promise((done) => s.io.engine.once('upgrade', done)))), 'upgrade of all');
  for (const s of clients) equal(await ask(s, 'echo', s.id), s.id);
});

scene('connections are spread evenly over the threads', async (host) => {
  const clients = await host.many(40, { transports: ['websocket'] });
  const count = new Array(THREADS).fill(0);
  for (const s of clients) count[await ask(s, 'where')]++;
  // Connections that arrive at the same moment may be counted a moment late.
  ok(Math.min(...count) >= 9 && Math.max(...count) <= 11, count.join());
});

scene('a broadcast reaches the clients of all threads, in order and once', async (host) => {
  const clients = [...await host.many(12, { transports: ['websocket'] }), ...await host.many(4, polling)];
  const heard = clients.map(() => []);
  clients.forEach((s, i) => s.on('all', (x) => heard[i].push(x)));
  for (let i = 0; i < 200; i++) clients[0].emit('all', i, () => {});
  const want = Array.from({ length: 200 }, (_, i) => i);
  await within(LONG, (async () => {
    while (heard.some((h) => h.length < 200)) await sleep(10);
  })(), 'broadcasts');
  for (const h of heard) equal(h, want);
});

scene('rooms span the threads', async (host) => {
  const clients = await host.many(12, { transports: ['websocket'] });
  const heard = clients.map(() => 0);
  clients.forEach((s, i) => s.on('to', () => heard[i]++));
  for (let i = 0; i < 12; i += 3) equal(await ask(clients[i], 'join', 'every third'), 0);
  await ask(clients[1], 'to', 'every third', 'x');
  await within(LONG, (async () => {
    while (heard.reduce((a, b) => a + b) < 4) await sleep(10);
  })(), 'events to the room');
  equal(heard, clients.map((s, i) => (i % 3 === 0 ? 1 : 0)));
});

scene('all clients answer a question, are fetched, and all servers answer', async (host) => {
  const clients = await host.many(10, { transports: ['websocket'] });
  const bytes = Buffer.from('binary');
  equal(await ask(clients[3], 'ask', bytes), [0, 10, 10]);
  equal(await ask(clients[4], 'fetch'), [0, 10]);
  equal(await ask(clients[5], 'servers', bytes), [0, THREADS - 1, THREADS - 1]);
});

// Clients that come and go over all transports, each sending numbered messages that come back as an
// ack and as an event: nothing is lost, doubled or out of order while its connection lasts.
scene('messages stay in order while clients come and go', async (host) => {
  const kinds = [polling, { transports: ['websocket'] }, {}];
  const life = async (i) => {
    for (let round = 0; round < 3; round++) {
      const s = await host.client(kinds[(i + round) % kinds.length]);
      const events = [], acks = [];
      s.on('echo', (x) => events.push(x));
      const want = Array.from({ length: 40 }, (_, n) => `${i} ${round} ${n}`);
      await within(LONG, Promise.all(want.map(async (x) => acks.push(await s.emitWithAck('echo', x)))), 'acks');
      equal(acks, want);
      await within(LONG, (async () => {
        while (events.length < want.length) await sleep(5);
      })(), 'events');
      equal(events, want);
      if ((i + round) % 2) s.io.engine.close();
      else s.disconnect();
    }
  };
  await Promise.all(Array.from({ length: 30 }, (_, i) => life(i)));
});

// Whichever thread a connection comes to, the client is the same socket, and hears each number once.
scene('clients whose connections break are recovered on any thread', async (host) => {
  const kinds = [polling, { transports: ['websocket'] }, {}];
  const again = { reconnection: true, reconnectionDelay: 5, reconnectionDelayMax: 30 };
  const talker = await host.client({ transports: ['websocket'] });
  const clients = await Promise.all(Array.from({ length: 12 }, (_, i) => host.client({ ...kinds[i % 3], ...again })));
  const heard = clients.map(() => []), threads = clients.map(() => new Set());
  let recovered = 0;
  for (const [i, s] of clients.entries()) {
    s.on('all', (x) => heard[i].push(x));
    s.on('connect', () => {
      ok(s.recovered, 'a client is a new socket');
      recovered++;
      s.emit('where', (n) => threads[i].add(n));
    });
    // A client without an offset would be sent only what comes after its return.
    equal(await ask(s, 'echo', i), i);
  }
  let sent = 0;
  for (let round = 0; round < 60; round++) {
    for (let k = 0; k < 5; k++) talker.emit('all', sent++, () => {});
    const s = clients[round % clients.length];
    while (!s.connected) await sleep(2); // it may still be on its way back
    s.io.engine.close();
    await sleep(2);
  }
  await within(LONG, (async () => {
    while (recovered < 60 || heard.some((h) => h.length < sent)) await sleep(10);
  })(), 'all that was missed');
  for (const h of heard) equal(h, Array.from({ length: sent }, (_, n) => n));
  equal(recovered, 60);
  ok(threads.some((t) => t.size > 1), 'no client came to another thread');
});

test('polling and upgrades work over TLS, whichever thread a connection comes to', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'threads-'));
  const [key, cert] = [path.join(dir, 'key.pem'), path.join(dir, 'cert.pem')];
  execFileSync(process.env.OPENSSL ?? 'openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
    'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext',
    'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const host = await Threads.start(cert, key);
  host.ca = readFileSync(cert);
  try {
    const clients = [...await host.many(4, polling), ...await host.many(4), ...await host.many(4, { transports: ['websocket'] })];
    for (let round = 0; round < 6; round++)
      equal(await Promise.all(clients.map((s, i) => ask(s, 'echo', `${round} ${i}`))),
        clients.map((s, i) => `${round} ${i}`));
    await host.stop();
  } finally {
    host.process.kill('SIGKILL');
    rmSync(dir, { recursive: true });
  }
});

await run();
