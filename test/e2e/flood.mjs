// SPDX-License-Identifier: MIT
//
// flood.mjs - peers that send too much, addresses that connect too often, connections that ask for
// nothing: what becomes of them, and that others do not notice.
import { Agent, request } from 'node:http';
import { io } from 'socket.io-client';
import {
  Polling, ask, connected, equal, event, joined, match, ok, run, test, upgradeHeaders, ways,
} from './lib.mjs';

const range = (n) => Array.from({ length: n }, (_, i) => i);

const open = (t, host, options = {}) => {
  const client = io(`http://127.0.0.1:${host.port}`, { forceNew: true, reconnection: false, ...options });
  t.clients = [...(t.clients ?? []), client];
  return client;
};

function testWays(name, body, options) {
  for (const [way, transports] of Object.entries(ways))
    test(`${name} (${way})`, async (t) => {
      try {
        await body(t, transports);
      } finally {
        for (const client of t.clients ?? []) client.disconnect();
      }
    }, options);
}

const from = (n) => `127.0.0.${n}`;

// ---- one peer ------------------------------------------------------------------------------------

// Two lots, so that over polling the second waits for the answer to the first.
async function flood(host, client, came) {
  const emit = (n) => client.emit('echo', n, (echo) => came(echo));
  range(100).forEach(emit);
  await host.line(/^limited session packets_per_s paused/);
  range(50).forEach((n) => emit(100 + n));
}

testWays('while one that floods has to wait, the others are served', async (t, transports) => {
  const host = await t.host({ 'packets-per-s': 1, 'packets-burst': 50 });
  const flooder = await connected(open(t, host, transports));
  const others = await Promise.all(range(5).map(() => connected(open(t, host, transports))));
  let came = 0;
  await flood(host, flooder, () => came++);
  for (const round of range(15))
    equal(await Promise.all(others.map((other) => ask(other, 'echo', round))), others.map(() => [round]));
  ok(came < 150, `${came} of the flood came before 75 answers to others`);
  equal((await host.stats()).sockets, 6);
});

testWays('one that floods loses nothing, and no heartbeat', async (t, transports) => {
  const host = await t.host({
    'packets-per-s': 50, 'packets-burst': 20, 'ping-interval': 300, 'ping-timeout': 1500,
  });
  const flooder = await connected(open(t, host, transports));
  const came = [];
  let end;
  const all = new Promise((done) => (end = done));
  flooder.on('disconnect', (reason) => end(reason));
  await flood(host, flooder, (echo) => {
    came.push(echo);
    if (came.length === 150) end();
  });
  equal(await all, undefined);
  equal(came, range(150));
  const stats = await host.stats();
  ok(stats.limited > 0);
  equal([stats.limited_closed, stats.sockets], [0, 1]);
});

testWays('or it is closed, and told why', async (t, transports) => {
  const host = await t.host({ 'packets-per-s': 20, 'when-limited': 'close' });
  const flooder = await connected(open(t, host, transports));
  const gone = event(flooder, 'disconnect');
  range(200).forEach((n) => flooder.emit('echo', n));
  await host.line(/^limited session packets_per_s closed/);
  match(await host.line(/^disconnect /), /^disconnect forced close .*more than packets_per_s or bytes_per_s/);
  await gone;
  equal((await host.stats()).limited_closed, 1);
});

test('megabytes are let through at their rate', async (t) => {
  const host = await t.host({ 'bytes-per-s': 1_000_000, 'bytes-burst': 300_000 });
  const w = await joined(host);
  const text = 'x'.repeat(200_000);
  for (const n of range(6)) w.send(`42${n}["echo","${text}"]`);
  for (const n of range(6)) equal((await w.next()).length, `43${n}["${text}"]`.length);
  ok((await host.stats()).limited > 0);
});

test('pings of WebSocket count', async (t) => {
  const host = await t.host({ 'packets-per-s': 10, 'when-limited': 'close' });
  const w = await joined(host);
  const ping = Buffer.from([0x89, 0x80, 1, 2, 3, 4]);
  w.write(Buffer.concat(range(50).map(() => ping)));
  await host.line(/^limited session packets_per_s closed/);
  await w.closed();
});

test('a plain WebSocket is limited too', async (t) => {
  const host = await t.host({ 'packets-per-s': 20, 'packets-burst': 10 });
  const w = await host.upgrade('/ws');
  range(30).forEach((n) => w.send(`${n}`));
  await host.line(/^limited ws packets_per_s paused/);
  for (const n of range(30)) equal(await w.next(), `${n}`);
});

test('a plain WebSocket of a foreign page is refused', async (t) => {
  const host = await t.host({ origins: 'https://a.example' });
  equal((await host.upgrade('/ws', { headers: { Origin: 'https://b.example' } })).status, 403);
  const w = await host.upgrade('/ws', { headers: { Origin: 'https://a.example' } });
  w.send('here');
  equal(await w.next(), 'here');
});

// ---- one address -----------------------------------------------------------------------------------

test('an address has so many connections, another one its own', async (t) => {
  const host = await t.host({ 'max-per-address': 3, host: '::' });
  const wires = range(3).map(() => host.wire({ localAddress: from(2) }));
  for (const wire of wires) {
    wire.write('GET /who HTTP/1.1\r\nHost: a\r\n\r\n');
    match((await wire.takeUntil(`${from(2)} by`)).toString(), /^HTTP\/1.1 200 OK/);
  }
  for (const n of range(10)) {
    const more = host.wire({ localAddress: from(2) });
    equal((await more.rest()).length, 0, `no. ${n}`);
  }
  const client = await joined(host, { localAddress: from(3) });
  client.send('421["echo",1]');
  equal(await client.next(), '431[1]');
  equal(await host.told(/^refused 3 127\.0\.0\.2: /), 10);
  wires[0].close();
  await host.settled('connections', 4); // two, the client's, and the one that asks
  const back = host.wire({ localAddress: from(2) });
  back.write('GET /who HTTP/1.1\r\nHost: a\r\n\r\n');
  await back.takeUntil(`${from(2)} by`);
});

test('an address has so many sessions, over however few connections', async (t) => {
  const host = await t.host({ 'max-per-address': 4 });
  for (let n = 0; n < 4; n++) await Polling.open(host);
  const r = await host.get('EIO=4&transport=polling');
  equal([r.status, r.headers['retry-after'], r.body], [429, '30', '']);
  equal((await host.upgrade('EIO=4&transport=websocket')).status, 429);
  equal((await host.upgrade('/ws')).status, 429);
  equal(await host.told(/^refused 5 127\.0\.0\.1: /), 3);
});

test('an address connects so often', async (t) => {
  const host = await t.host({ 'connects-per-s': 1, 'connects-burst': 20 });
  const wires = range(100).map(() => host.wire({ localAddress: from(2) }));
  for (const wire of wires) wire.write('GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const answers = await Promise.all(wires.map((wire) => wire.rest()));
  const served = answers.filter((a) => a.length > 0).length;
  await host.stats();
  equal(served + await host.told(/^refused 2 127\.0\.0\.2: /), 100);
  ok(served >= 20 && served < 60, `${served} served`);
});

test('who may come again is told when', async (t) => {
  const host = await t.host({ 'connects-per-s': 1, 'connects-burst': 3 });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const answers = [];
  for (let n = 0; n < 5; n++)
    answers.push(await fetchVia(agent, host, '/socket.io/?EIO=4&transport=polling'));
  agent.destroy();
  equal(answers.slice(0, 3).map((a) => a.status), [200, 200, 200]);
  const late = answers.find((a) => a.status === 429);
  equal(late.retry, '1');
});

function fetchVia(agent, host, path) {
  return new Promise((done, fail) => {
    const r = request({ host: '127.0.0.1', port: host.port, path, agent }, (res) => {
      res.resume();
      res.on('end', () => done({ status: res.statusCode, retry: res.headers['retry-after'] }));
    });
    r.on('error', fail);
    r.end();
  });
}

// ---- all of them ------------------------------------------------------------------------------------

test('silent connections shut nobody out', async (t) => {
  const host = await t.host({ 'max-pending': 10 });
  const silent = range(100).map(() => host.wire({ localAddress: from(2) }));
  await host.when(() => (host.said(/^refused 1 /) >= 90 ? true : undefined));
  const client = await joined(host);
  client.send('421["echo",1]');
  equal(await client.next(), '431[1]');
  const late = host.wire({ localAddress: from(2) });
  late.write('GET /who HTTP/1.1\r\nHost: a\r\n');
  late.write('\r\n');
  await late.takeUntil(`${from(2)} by`);
  ok(silent.filter((w) => w.ended).length >= 90);
  equal((await host.upgrade('/ws', { headers: upgradeHeaders })).response.status, 101);
});

await run();
