// SPDX-License-Identifier: MIT
//
// limits.mjs - what the host may set bounds to: peers that read slowly, and what becomes of the
// events for them; pages of other origins; its own pauses; and the time that leaving takes.
//
// Memory is read from /proc; a sanitizer is told to keep little of what is freed.
import { readFileSync } from 'node:fs';
import {
  Polling, equal, frame, joined, match, ok, op, openWebSocket, requestBytes, run, sleep, takeResponse,
  test,
} from './lib.mjs';

const asan = process.env.ASAN_OPTIONS ?? '';
process.env.ASAN_OPTIONS = `${asan}:quarantine_size_mb=1:malloc_context_size=2`;

const KIB = 1024;
const MIB = 1024 * KIB;

function memory(host, field) {
  const status = readFileSync(`/proc/${host.process.pid}/status`, 'latin1');
  return Number(status.match(new RegExp(`${field}:\\s+(\\d+) kB`))[1]) * KIB;
}

// It has joined, and reads nothing from now on.
async function deaf(host) {
  const w = await joined(host, { rude: true });
  w.wire.socket.pause();
  return w;
}

const indexOf = (packet) => JSON.parse(packet.slice(2))[1];

// Reads until the event with this index; the indices of all.
async function until(w, last) {
  const seen = [];
  while (seen.at(-1) !== last) seen.push(indexOf(await w.next()));
  return seen;
}

const ascends = (list) => list.every((n, i) => i === 0 || n > list[i - 1]);

// ---- slow readers -----------------------------------------------------------------------------

test('one of a thousand does not read: its oldest events go, the others get all of theirs', async (t) => {
  const HIGH = 256 * KIB;
  const host = await t.host({ 'queue-high': HIGH, 'when-full': 'drop-oldest', 'close-timeout': 500 });
  const slow = await deaf(host);
  // What the kernels hold is full already.
  slow.send('42["flood",20000,1000]');
  await host.line(/^flood sent/);
  const peers = [];
  while (peers.length < 998) {
    const some = Math.min(100, 998 - peers.length);
    peers.push(...(await Promise.all(Array.from({ length: some }, () => joined(host)))));
  }
  const sender = await joined(host);
  equal((await host.stats()).sockets, 1000);
  const before = memory(host, 'VmRSS');
  const all = Array.from({ length: 600 }, (_, i) => i);
  for (let i = 0; i < 6; i++) {
    sender.send(`421["news",100,1000,0]`);
    equal(await sender.next(), '431[100]');
    await Promise.all(peers.map(async (w) => {
      equal(await until(w, 99), all.slice(0, 100));
    }));
  }
  const grown = memory(host, 'VmHWM') - before;
  // The slow one's share, and what one turn has for a thousand.
  ok(grown < HIGH + 16 * MIB, `grown by ${grown}`);
  const stats = await host.stats();
  equal([stats.sockets, stats.overflows], [1000, 0]);
  ok(stats.events_dropped > 0 && stats.bytes_dropped >= 1000 * stats.events_dropped);
  await host.caughtUp();
  const told = host.lines.filter((line) => line.startsWith('drop '));
  const sum = (n) => told.reduce((s, line) => s + Number(line.match(/\d+/g).at(n)), 0);
  equal([sum(-2), sum(-1)], [stats.events_dropped, stats.bytes_dropped]);
  equal(new Set(told.map((line) => line.split(' ')[1])).size, 1);
  // It reads again, gets the newest, and the host is told that there is room.
  slow.wire.socket.resume();
  slow.send('42["flood",1,1]');
  match(await host.line(/^writable/), /queued=\d+$/);
  const rest = [];
  for (let n = 0; n < 300; n++) rest.push(await slow.next());
  while (!rest.at(-1).startsWith('42["flood",0,"x"]')) rest.push(await slow.next());
  const news = rest.filter((packet) => packet.startsWith('42["news"'));
  equal(indexOf(news.at(-1)), 99);
  ok(rest.length < 20000);
}, { ms: 120_000 });

test('of events with one key the newest is kept, in order', async (t) => {
  const host = await t.host({
    'queue-high': MIB, 'queue-low': 100 * KIB, 'when-full': 'keep-latest', 'close-timeout': 500,
  });
  const slow = await deaf(host);
  const sender = await joined(host);
  sender.send('421["news",30000,1000,7]');
  equal(await sender.next(), '431[30000]');
  ok((await host.stats()).events_dropped > 0);
  slow.wire.socket.resume();
  const seen = await until(slow, 29999);
  ok(ascends(seen));
  equal(seen.slice(-7), [29993, 29994, 29995, 29996, 29997, 29998, 29999]);
  ok(seen.length < 30000);
  await host.line(/^writable/);
});

test('a peer past queue_high is closed, if that is asked for', async (t) => {
  const host = await t.host({ 'queue-high': 300 * KIB, 'when-full': 'close', 'close-timeout': 300 });
  const slow = await deaf(host);
  slow.send('42["flood",20000,1000]');
  match(await host.line(/^flood/), /over a size limit/);
  match(await host.line(/^disconnect /), /^disconnect forced close .*queue_high/);
  equal((await host.stats()).overflows, 1);
});

test('a burst for a peer that reads is no sign of a slow one', async (t) => {
  const host = await t.host({ 'queue-high': 64 * KIB, 'when-full': 'close' });
  const w = await joined(host);
  for (let i = 0; i < 20; i++) {
    w.send('42["flood",100,1000]');
    await until(w, 99);
  }
  equal((await host.stats()).overflows, 0);
});

test('a peer that does not poll loses its oldest events, and no ack', async (t) => {
  const host = await t.host({ 'queue-high': 100 * KIB, 'when-full': 'drop-oldest' });
  const p = await Polling.open(host);
  await p.join();
  await p.send('421["echo",1]\x1e42["flood",5000,1000]\x1e422["echo",2]');
  match(await host.line(/^drop/), /events=\d+/);
  const got = (await p.poll()).split('\x1e');
  equal(got[0], '431[1]');
  equal(got.at(-1), '432[2]');
  const seen = got.slice(1, -1).map(indexOf);
  equal(seen.at(-1), 4999);
  equal(seen.length, 4999 - seen[0] + 1);
  equal((await host.stats()).events_dropped, 5000 - seen.length);
  await host.line(/^writable/);
  ok(seen.length <= 100);
});

test('what waits for an upgrade counts on, and its room is reported', async (t) => {
  const host = await t.host({ 'queue-high': 100 * KIB, 'when-full': 'drop-oldest' });
  const p = await Polling.open(host);
  await p.join();
  await p.send('42["flood",500,1000]');
  const w = await p.upgrade();
  const seen = await until(w, 499);
  ok(ascends(seen) && seen.length <= 100);
  await host.line(/^writable/);
});

test('without a policy nothing is dropped, and the host is told when there is room', async (t) => {
  const host = await t.host({ 'queue-high': 100 * KIB });
  const p = await Polling.open(host);
  await p.join();
  await p.send('42["flood",500,1000]');
  const got = (await p.poll()).split('\x1e');
  equal(got.length, 500);
  await host.line(/^writable/);
  equal((await host.stats()).events_dropped, 0);
});

// ---- origins -----------------------------------------------------------------------------------

const refused = [403, '{"code":4,"message":"Forbidden"}'];

test('only pages of allowed origins get in, over polling and over WebSocket', async (t) => {
  const host = await t.host({ origins: 'https://a.example,http://localhost:8080', cors: 'reflect' });
  for (const Origin of ['https://a.example', 'http://localhost:8080']) {
    equal((await host.get('EIO=4&transport=polling', { Origin })).status, 200);
    (await openWebSocket(host, { headers: { Origin } })).close();
  }
  for (const Origin of ['https://b.example', 'http://a.example', 'https://a.example.b', 'null', '']) {
    const r = await host.get('EIO=4&transport=polling', { Origin });
    equal([r.status, r.body], refused);
    equal((await host.upgrade('EIO=4&transport=websocket', { headers: { Origin } })).status, 403);
  }
  match(await host.line(/^connection_error/), /^connection_error 4 Forbidden name=ORIGIN detail=https:\/\/b/);
});

test('who sends no Origin is no page, and gets in', async (t) => {
  const host = await t.host({ origins: 'https://a.example' });
  (await joined(host)).close();
  await Polling.open(host);
});

test('a known sid does not help a foreign page', async (t) => {
  const host = await t.host({ origins: 'https://a.example' });
  const p = await Polling.open(host, { headers: { Origin: 'https://a.example' } });
  const Origin = 'https://b.example';
  equal((await host.post(p.query, '40', { Origin })).status, 403);
  equal((await host.upgrade(p.wsQuery, { headers: { Origin } })).status, 403);
  match(await p.join(), /^40/);
});

// ---- a loop that is kept from its work ------------------------------------------------------------

test('when the host blocks the loop nobody is taken for dead', async (t) => {
  const host = await t.host({ 'ping-interval': 300, 'ping-timeout': 1500, log: 2 });
  const alive = await Promise.all(Array.from({ length: 20 }, () => joined(host)));
  // As a client does.
  const pongs = alive.map(async (w) => {
    for (;;) if ((await w.next()) === '2') w.send('3');
  });
  for (const p of pongs) p.catch(() => {});
  const dead = await joined(host);
  for (let i = 0; i < 2; i++) {
    await sleep(350);
    alive[0].send('42["block",3000]');
    await host.line(/^blocked/);
  }
  match(await host.line(/^closed ping timeout/), /no pong/);
  await sleep(700);
  const stats = await host.stats();
  equal(stats.sockets, 20);
  ok(stats.stalls >= 2);
  await host.when(() => /the program blocked the event loop for \d+ ms/.test(host.err) || undefined);
  dead.close();
});

test('a handler that blocks the loop is counted and logged, although no deadline is due', async (t) => {
  const host = await t.host({ log: 2 });
  const w = await joined(host);
  w.send('42["block",1500]');
  await host.line(/^blocked/);
  await host.when(() => /the program blocked the event loop for \d+ ms/.test(host.err) || undefined);
  ok((await host.stats()).stalls >= 1);
});

test('what came in time while the host blocked the loop is in time', async (t) => {
  const host = await t.host({ 'keep-alive': 2000 });
  const w = await joined(host);
  const other = await joined(host);
  const idle = host.wire();
  idle.write(requestBytes('GET', '/stats'));
  equal((await takeResponse(idle)).status, 200);
  w.send('42["call-me",2000,"question",1]');
  equal(await w.next(), '420["question",1]');
  other.send('42["block",3000]');
  await sleep(100);
  w.send('430["yes"]');
  idle.write(requestBytes('GET', '/stats'));
  equal(await w.next(), '42["ack-result",null,"yes"]');
  equal((await takeResponse(idle)).status, 200);
});

// ---- deadlines ------------------------------------------------------------------------------------

test('a socket leaves at its deadline, unless that is renewed', async (t) => {
  const host = await t.host();
  const w = await joined(host);
  for (let i = 0; i < 5; i++) {
    w.send('421["deadline",1500]');
    equal(await w.next(), '431[0]');
    await sleep(400);
  }
  equal(await w.next(), '41');
  match(await host.line(/^disconnect /), /^disconnect server namespace disconnect .*the deadline set with sio_socket_set_deadline\(\) has passed/);
  w.send('40');
  match(await w.next(), /^40/);
});

test('middleware that does not decide in time is a timeout, whatever it says later', async (t) => {
  const host = await t.host({ middleware1: 'later:ok', think: 2500, 'middleware-timeout': 100 });
  const w = await openWebSocket(host);
  w.send('40');
  equal(await w.next(), '44{"message":"timeout"}');
  await sleep(3000);
  equal((await host.stats()).sockets, 0);
});

test('a packet whose attachments do not come in time closes its peer', async (t) => {
  const host = await t.host({ 'packet-timeout': 200 });
  const [w, p] = [await joined(host), await Polling.open(host)];
  await p.join();
  const half = '452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]';
  w.send(half).send(Buffer.from([1]));
  await p.send(half);
  equal(await w.closed(), 1005);
  equal(await p.poll(), '6\x1e1');
  for (let i = 0; i < 2; i++)
    match(await host.line(/^disconnect /), /^disconnect forced close .*not all attachments of a packet arrived within packet_timeout_ms/);
  const slow = await joined(host);
  slow.send('451-1["echo",{"_placeholder":true,"num":0}]');
  await sleep(100);
  slow.send(Buffer.from([2]));
  equal(await slow.next(), '461-1[{"_placeholder":true,"num":0}]');
  await sleep(300);
  slow.send('422["echo"]');
  equal([await slow.next(), await slow.next()], [Buffer.from([2]), '432[]']);
});

test('a slow attachment is waited for as long as something of it comes', async (t) => {
  // All of it takes longer than twice the limit, a piece a sixth of it, so that a busy machine does not matter.
  const pieces = 14;
  const host = await t.host({ 'packet-timeout': 3000 });
  const w = await joined(host);
  w.send('451-1["echo",{"_placeholder":true,"num":0}]');
  w.wire.write(frame(op.binary, Buffer.from([0]), { fin: false }));
  for (let i = 1; i < pieces; i++) {
    await sleep(500);
    w.wire.write(frame(op.more, Buffer.from([i]), { fin: i === pieces - 1 }));
  }
  equal(await w.next(), '461-1[{"_placeholder":true,"num":0}]');
  equal(await w.next(), Buffer.from(Array.from({ length: pieces }, (_, i) => i)));
  const slow = await Polling.open(host);
  await slow.join();
  await slow.send('452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
  await slow.send('bAA==');
  match(await slow.poll(), /1$/);
});

test('a body over max_payload is told to the sockets of its peer', async (t) => {
  const host = await t.host({ 'max-payload': 100 });
  const p = await Polling.open(host);
  await p.join();
  for (const headers of [{}, { 'Transfer-Encoding': 'chunked' }]) {
    const body = headers['Transfer-Encoding'] ? `c8\r\n${'4'.repeat(200)}\r\n0\r\n\r\n` : '4'.repeat(200);
    equal((await host.post(p.query, body, headers)).status, 413);
    equal(await host.line(/^error/), 'error -10004 a POST is longer than max_payload or, before a namespace is joined, ' +
      'than a quarter of max_unjoined');
  }
  await p.send('421["echo"]');
  equal(await p.poll(), '431[]');
});

// ---- leaving in good order --------------------------------------------------------------------------

test('a server that drains ends its sessions one after the other, then itself', async (t) => {
  const host = await t.host();
  const peers = await Promise.all(Array.from({ length: 20 }, () => joined(host)));
  const ends = peers.map((w) => w.closed());
  peers[0].send('42["drain",3000,60000]');
  equal(await host.line(/^closing/), 'closing 0');
  const r = await host.get('EIO=4&transport=polling');
  equal([r.status, r.headers['retry-after']], [503, '7']);
  equal((await host.upgrade('EIO=4&transport=websocket')).status, 503);
  await Promise.race(ends);
  ok((await host.stats()).sessions > 0);
  await Promise.all(ends);
  await host.line(/^done/);
  equal(host.said(/^disconnect server shutting down/), 20);
});

test('while it drains, those there go on', async (t) => {
  const host = await t.host();
  const p = await Polling.open(host);
  await p.join();
  const others = await Promise.all(Array.from({ length: 3 }, () => joined(host)));
  const q = await joined(host);
  await p.send('42["drain",4000,60000]');
  await host.line(/^closing/);
  q.send('421["echo",1]');
  equal(await q.next(), '431[1]');
  for (const w of others) w.wire.socket.on('error', () => {});
  await host.line(/^done/);
});

test('what waits for a peer that polls is fetched before the end', async (t) => {
  const host = await t.host();
  const p = await Polling.open(host);
  await p.join();
  await p.send('42["message","x"]\x1e42["drain",0,60000]');
  await host.line(/^disconnect/);
  equal(await p.poll(), '42["message-back","x"]');
  match(await p.poll(), /1$/);
  await host.line(/^done/);
});

test('a drain ends at its deadline', async (t) => {
  const host = await t.host();
  const peers = await Promise.all(Array.from({ length: 10 }, () => joined(host)));
  peers[0].send('42["drain",3600000,500]');
  await host.line(/^done/);
});

test('a close makes a drain short', async (t) => {
  const host = await t.host();
  await joined(host); // goes at the first step
  const w = await joined(host);
  w.send('42["drain",3600000,3600000]');
  await host.line(/^closing/);
  const again = await joined(host).catch((e) => e);
  ok(again instanceof Error);
  w.send('42["close-now"]');
  await host.line(/^done/);
  await host.line(/^done/);
});

// What is heard is counted, however long that takes: without pings.
await run({ atOnce: 1, flags: { 'ping-interval': 3_600_000 } });
