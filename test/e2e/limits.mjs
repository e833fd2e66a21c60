// SPDX-License-Identifier: MIT
//
// limits.mjs - what the host may set bounds to: peers that read slowly, and what becomes of the
// events for them.
//
// Memory is read from /proc; a sanitizer is told to keep little of what is freed.
import { readFileSync } from 'node:fs';
import { Polling, equal, joined, match, ok, run, sleep, test } from './lib.mjs';

process.env.ASAN_OPTIONS = `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1:malloc_context_size=2`;

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
}, { ms: 60_000 });

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

test('what waits for an upgrade counts on, and its room is told of', async (t) => {
  const host = await t.host({ 'queue-high': 100 * KIB, 'when-full': 'drop-oldest' });
  const p = await Polling.open(host);
  await p.join();
  await p.send('42["flood",500,1000]');
  const w = await p.upgrade();
  const seen = await until(w, 499);
  ok(ascends(seen) && seen.length <= 100);
  await host.line(/^writable/);
  await sleep(0);
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

await run({ atOnce: 1 });
