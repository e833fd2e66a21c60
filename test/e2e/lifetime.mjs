// SPDX-License-Identifier: MIT
//
// lifetime.mjs - the life of a session, on the wire: heartbeat, upgrade, end. The numbers are those
// of docs/conformance.md.
import net from 'node:net';
import { io } from 'socket.io-client';
import {
  WEBSOCKET, echoes, heard, nextAnswering, said, session, socket, wsEchoes,
} from './echo.mjs';
import {
  Host, Polling, SEP, equal, event, frame, joined, match, op, openWebSocket, run, test,
} from './lib.mjs';
import { badRequest, isError, unknownSid } from './refusals.mjs';

// ---- 2.8 the heartbeat --------------------------------------------------------------------------------

// A pong, and a poll, may be late on a busy machine.
const PULSE = { 'ping-interval': 200 };
const SHORT = { 'ping-interval': 200, 'ping-timeout': 2500 };
const UNPOLLED = { 'ping-interval': 200, 'ping-timeout': 150 };

// No namespace is joined here: what is heard are pings.
const quiet = async (t, flags) => Polling.open(await t.host(flags));

async function quietSocket(t, flags) {
  const host = await t.host(flags);
  const w = await openWebSocket(host);
  w.host = host;
  return w;
}

test('108 117 polling: three rounds of ping and pong', async (t) => {
  const s = await quiet(t, PULSE);
  for (let i = 0; i < 3; i++) {
    equal(await s.poll(), '2');
    await s.send('3');
    await s.host.line(/^engine heartbeat polling/);
  }
});

test('109 117 websocket: three rounds of ping and pong', async (t) => {
  const w = await quietSocket(t, PULSE);
  for (let i = 0; i < 3; i++) {
    equal(await w.next(), '2');
    w.send('3');
    await w.host.line(/^engine heartbeat websocket/);
  }
});

test('110 111 113 polling: no pong, no session', async (t) => {
  const s = await quiet(t, SHORT);
  equal(await s.poll(), '2');
  match(await s.host.line(/^closed/), /^closed ping timeout/);
  await s.dead();
});

test('110 111 113 websocket: no pong, no session', async (t) => {
  const w = await quietSocket(t, SHORT);
  equal(await w.next(), '2');
  equal(await w.closed(), 1005);
  match(await w.host.line(/^closed/), /^closed ping timeout/);
});

test('111 a session that nobody polls times out', async (t) => {
  const s = await quiet(t, UNPOLLED);
  match(await s.host.line(/^closed/), /^closed ping timeout/);
  await s.dead();
});

test('113 a waiting poll gets a close packet at the timeout', async (t) => {
  const s = await quiet(t, SHORT);
  equal(await s.poll(), '2');
  equal(await s.poll(), '1');
});

test('112 the timeout comes interval and timeout after the last pong', async (t) => {
  const w = await quietSocket(t, SHORT);
  equal(await w.next(), '2');
  w.send('3');
  await w.closed();
  equal(w.messages, ['2']);
  match(await w.host.line(/^closed/), /^closed ping timeout/);
});

test('114 an upgraded session lives on', async (t) => {
  const s = await quiet(t, PULSE);
  const w = await s.upgrade();
  for (let i = 0; i < 4; i++) {
    equal(await w.next(), '2');
    w.send('3');
  }
});

test('114 a peer that upgrades between ping and pong and falls silent times out', async (t) => {
  const s = await quiet(t, SHORT);
  equal(await s.poll(), '2');
  const w = await s.upgrade();
  equal(await w.closed(), 1005);
  match(await s.host.line(/^closed/), /^closed ping timeout/);
});

test('115 other traffic buys one more timeout, not a life', async (t) => {
  const w = await quietSocket(t, { 'ping-interval': 200, 'ping-timeout': 400 });
  equal(await w.next(), '2');
  const talk = setInterval(() => w.send('6'), 40);
  await w.closed();
  clearInterval(talk);
  match(await w.host.line(/^closed/), /^closed ping timeout/);
});

test('116 a server that closes right after a heartbeat just closes', async (t) => {
  const w = await quietSocket(t, PULSE);
  equal(await w.next(), '2');
  w.send('3').send('40').send('42["engine-close"]');
  match(await nextAnswering(w), /^40/);
  equal(await w.closed(), 1005);
  match(await w.host.line(/^closed/), /^closed forced close/);
});

// ---- 2.9 the upgrade -------------------------------------------------------------------------------------

test('118 a session moves to WebSocket', async (t) => {
  const s = await session(t);
  const waiting = s.start('GET').done;
  await s.host.caughtUp();
  const w = await s.probe();
  equal((await waiting).body, '6');
  await s.host.line(/^engine upgrading polling/);
  w.send('5');
  await s.host.line(/^engine upgrade websocket/);
  await wsEchoes(w);
  const stats = await s.host.stats();
  equal([stats.upgrades, stats.sessions], [1, 1]);
});

test('118 a poll that comes after the probe is let go of', async (t) => {
  const s = await session(t);
  await s.probe();
  equal(await s.poll(), '6');
  equal(await s.poll(), '6');
});

test('118 a poll that waits when the upgrade completes is let go of', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  const waiting = s.start('GET').done;
  await s.host.caughtUp();
  w.send('5');
  equal((await waiting).body, '6');
  await wsEchoes(w);
});

test('118 probe and upgrade in one segment', async (t) => {
  const s = await session(t);
  const w = await s.host.upgrade(s.wsQuery, {
    early: Buffer.concat([frame(op.text, '2probe'), frame(op.text, '5'), frame(op.text, said('x'))]),
  });
  equal(await w.next(), '3probe');
  equal(await w.next(), heard('x'));
});

test('118 an upgrade packet without a probe completes as well', async (t) => {
  for (const packet of ['5', '52', '5x']) {
    const s = await session(t);
    const w = await s.host.upgrade(s.wsQuery);
    w.send(packet);
    await wsEchoes(w);
  }
});

test('119 nothing is lost and all keeps its order across an upgrade', async (t) => {
  const s = await session(t);
  const got = [];
  const poll = async () => {
    const r = await s.host.get(s.query);
    if (r.status !== 200) return false;
    got.push(...r.body.split(SEP).filter((p) => p !== '6'));
    return true;
  };
  for (let i = 0; i < 20; i++) await s.send(said(`n${i}`));
  const w = await s.probe();
  await poll();
  for (let i = 20; i < 40; i++) await s.send(said(`n${i}`));
  w.send('5');
  for (let i = 40; i < 50; i++) w.send(said(`n${i}`));
  while (got.length < 50) got.push(await w.next());
  equal(got, Array.from({ length: 50 }, (_, i) => heard(`n${i}`)));
});

// A proxy that keeps back what the server sends over a WebSocket for so many ms, and answers to polls
// for half as long; answers to POSTs pass at once.
async function slowWebSockets(port, ms) {
  const ends = new Set();
  const server = net.createServer((down) => {
    const up = net.connect(port, '127.0.0.1');
    let wait = 0;
    down.on('data', (d) => {
      const head = d.toString('latin1');
      if (head.startsWith('GET')) wait = /upgrade: websocket/i.test(head) ? ms : ms / 2;
      if (head.startsWith('POST')) wait = 0;
      up.write(d);
    });
    up.on('data', (d) => (wait ? setTimeout(() => down.write(d), wait) : down.write(d)));
    for (const [from, to] of [[down, up], [up, down]]) {
      ends.add(from);
      from.on('error', () => {});
      from.on('close', () => setTimeout(() => to.destroy(), 2 * ms));
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { port: server.address().port, close: () => (server.close(), ends.forEach((s) => s.destroy())) };
}

// Answers to POSTs whose packets wait may arrive before "3probe" does. Then the client sends more.
test('119 120 socket.io-client upgrades while acks that it must take first wait', async (t) => {
  const host = await t.host({ 'ping-interval': 60_000 });
  const proxy = await slowWebSockets(host.port, 300);
  const client = io(`http://127.0.0.1:${proxy.port}`, { forceNew: true, reconnection: false });
  await event(client, 'connect');
  const acks = [];
  const text = 'x'.repeat(30_000);
  for (let i = 0; i < 120; i++)
    acks.push(new Promise((done) => client.emit('echo', i, text, done)));
  equal(await Promise.all(acks), acks.map((_, i) => i));
  equal(client.io.engine.transport.name, 'websocket');
  equal((await host.stats()).upgrades_failed, 0);
  client.disconnect();
  proxy.close();
});

test('120 polling after the upgrade is refused, and the session goes on', async (t) => {
  const s = await session(t);
  const w = await s.upgrade();
  await s.host.line(/^engine upgrade /);
  isError(await s.host.get(s.query), badRequest);
  isError(await s.host.post(s.query, said('x')), badRequest);
  await wsEchoes(w);
});

test('121 a second WebSocket is closed, the first goes on', async (t) => {
  const s = await session(t);
  const w = await s.upgrade();
  await s.host.line(/^engine upgrade /);
  const second = await s.host.upgrade(s.wsQuery);
  equal(await second.closed(), 1005);
  await wsEchoes(w);
  const native = await joined(s.host);
  const third = await s.host.upgrade(`${WEBSOCKET}&sid=${native.sid}`);
  equal(await third.closed(), 1005);
  await wsEchoes(native);
});

test('122 a second WebSocket while the first probes is closed', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  const second = await s.host.upgrade(s.wsQuery);
  equal(await second.closed(), 1005);
  w.send('5');
  await wsEchoes(w);
});

test('123 a wrong packet ends the probe, not the session', async (t) => {
  for (const packet of ['4hello', '2', '05', 'zzz', '', Buffer.from('2probe')]) {
    const s = await session(t);
    const w = await s.host.upgrade(s.wsQuery);
    w.send(packet);
    equal(await w.closed(), 1005);
    await echoes(s);
    const again = await s.upgrade();
    await wsEchoes(again);
  }
});

test('124 an upgrade that does not come in time ends the probe, not the session', async (t) => {
  const s = await session(t, { 'upgrade-timeout': 2000 });
  const silent = await s.host.upgrade(s.wsQuery);
  equal(await silent.closed(), 1005);
  const probed = await s.probe();
  equal(await probed.closed(), 1005);
  await echoes(s);
  equal((await s.host.stats()).upgrades_failed, 2);
});

test('125 a session that closes tells a poll, and takes its probe along', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  await s.send('42["engine-close"]');
  equal(await s.poll(), '6\x1e1');
  equal(await w.closed(), 1005);
});

test('125 a session that closes when its client has stopped polling tells the WebSocket', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  await s.send('42["engine-close"]');
  await s.host.line(/^closed/);
  w.send('5');
  equal(await w.closed(), 1005);
  const stats = await s.host.stats();
  equal([stats.upgrades, stats.upgrades_failed], [1, 0]);
  isError(await s.host.get(s.query), unknownSid);
});

test('125 the last poll of a session that closes may come before the upgrade', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  const poll = s.start('GET');
  equal((await poll.done).body, '6');
  const last = s.start('GET');
  await s.host.caughtUp();
  await s.send('42["close-me"]');
  equal((await last.done).body, '42["bye"]\x1e41');
  w.send('5');
  equal(await w.closed(), 1005);
  equal((await s.host.stats()).upgrades, 1);
});

test('125 a session that closes with something left to say says it over the WebSocket', async (t) => {
  for (const probed of [true, false]) {
    const s = await session(t);
    const w = await (probed ? s.probe() : s.host.upgrade(s.wsQuery));
    await s.send('42["close-me"]');
    if (!probed) equal(await w.send('2probe').next(), '3probe');
    w.send('5');
    equal(await w.next(), '42["bye"]');
    equal(await w.next(), '41');
    equal(await w.closed(), 1005);
    match(await s.host.line(/^closed/), /^closed forced close/);
    await s.host.settled('sessions', 0);
    isError(await s.host.get(s.query), unknownSid);
  }
});

test('125 a session that closes with something left to say says it to a poll', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  await s.send('42["close-me"]');
  equal(await s.poll(), '42["bye"]\x1e41');
  equal(await s.poll(), '6\x1e1');
  equal(await w.closed(), 1005);
});

test('125 a session that closes outlives a probe that fails', async (t) => {
  const s = await session(t, { 'upgrade-timeout': 2000 });
  const w = await s.probe();
  await s.send('42["close-me"]');
  equal(await w.closed(), 1005);
  equal((await s.host.stats()).upgrades_failed, 1);
  equal(await s.poll(), '42["bye"]\x1e41');
  equal(await s.poll(), '6\x1e1');
});

test('125 a session that closes and is not asked lets go of its probe', async (t) => {
  const s = await session(t, { 'close-timeout': 300 });
  const w = await s.probe();
  await s.send('42["close-me"]');
  equal(await w.closed(), 1005);
  isError(await s.host.get(s.query), unknownSid);
});

test('126 a client that runs away while it upgrades', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  w.wire.reset();
  const waiting = s.start('GET');
  await s.host.caughtUp();
  waiting.wire.reset();
  match(await s.host.line(/^closed/), /^closed transport error/);
  await s.host.settled('sessions', 0);
});

test('127 what is sent between probe and upgrade leaves by the poll that waits', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  const waiting = s.start('GET').done;
  await s.send(said('between'));
  equal((await waiting).body, heard('between'));
  w.send('5');
  await wsEchoes(w);
});

test('127 without a poll it leaves by the WebSocket, first', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  await s.send(said('between'));
  w.send('5').send(said('after'));
  equal(await w.next(), heard('between'));
  equal(await w.next(), heard('after'));
});

test('128 the server ends with clients in every state', async (t) => {
  const s = await session(t, { 'head-timeout': 1500 });
  const { host } = s;
  s.start('GET');
  await host.upgrade((await Polling.open(host)).wsQuery);
  await (await Polling.open(host)).probe();
  await (await Polling.open(host)).upgrade();
  const native = await joined(host);
  await Polling.open(host);
  host.wire();
  const half = host.wire();
  half.write('GET /socket.io/?EIO=4');
  equal(await host.stop(), '');
  t.hosts.length = 0;
  equal(await native.closed(), 1005);
});

test('129 a WebSocket that breaks off while it probes leaves the session alone', async (t) => {
  for (const leave of ['close', 'reset']) {
    const s = await session(t);
    const w = await s.probe();
    w.wire[leave]();
    await s.host.settled('upgrades_failed', 1);
    await echoes(s);
    await wsEchoes(await s.upgrade());
  }
});

test('129 a POST that is on its way when the upgrade completes is given up', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  const body = said('straddles');
  const post = s.start('POST', { headers: { 'Content-Length': body.length }, body: body.slice(0, 5) });
  await s.host.caughtUp();
  w.send('5');
  await s.host.line(/^engine upgrade /);
  post.wire.write(body.slice(5));
  equal((await post.wire.rest()).length, 0);
  await wsEchoes(w);
});

// ---- 2.10 the end --------------------------------------------------------------------------------------------

test('131 who closes is told apart', async (t) => {
  const host = await t.host();
  const byServer = await joined(host);
  byServer.send('42["engine-close"]');
  equal(await byServer.closed(), 1005);
  match(await host.line(/^closed/), /^closed forced close/);
  const byFrame = await joined(host);
  byFrame.write(frame(op.close));
  await byFrame.closed();
  match(await host.line(/^closed/), /^closed transport close err=0/);
  const byFin = await joined(host);
  byFin.wire.socket.end();
  match(await host.line(/^closed/), /^closed transport close err=0/);
  const byReset = await joined(host);
  byReset.wire.reset();
  match(await host.line(/^closed/), /^closed transport close/);
});

test('132 a server that closes: a waiting poll gets a close packet', async (t) => {
  const s = await session(t);
  const { done } = s.start('GET');
  await s.host.caughtUp();
  s.start('POST', { body: '42["shut"]' });
  equal((await done).body, '1');
  await s.host.line(/^done/);
});

test('132 a server that closes right after a message: what could leave at once does', async (t) => {
  const s = await session(t);
  const { done } = s.start('GET');
  await s.host.caughtUp();
  s.start('POST', { body: [said('x'), '42["shut"]', said('y')].join(SEP) });
  equal((await done).body, heard('x'));
  await s.host.line(/^done/);
  const w = await socket(t);
  w.send(said('x')).send('42["shut"]').send(said('y'));
  equal(await w.next(), heard('x'));
  equal(await w.closed(), 1005);
  await w.host.line(/^done/);
});

test('132 a session that lingers for its last poll does not keep a server from closing', async (t) => {
  const s = await session(t);
  await s.send('42["close-me"]');
  equal(await s.host.stop(), '');
  t.hosts.length = 0;
});

test('133 a message, then a close: the message comes first', async (t) => {
  const w = await socket(t);
  w.send('42["close-me"]');
  equal([await w.next(), await w.next()], ['42["bye"]', '41']);
  equal(await w.closed(), 1005);
  const s = await session(t);
  const { done } = s.start('GET');
  await s.host.caughtUp();
  await s.send('42["close-me"]');
  equal((await done).body, ['42["bye"]', '41'].join(SEP));
  equal(await s.poll(), ['6', '1'].join(SEP));
  await s.dead();
});

test('137 a server that starts again on its port serves', async (t) => {
  const first = await Host.startOnPort();
  const w = await joined(first);
  equal(await first.stop(), '');
  equal(await w.closed(), 1005);
  await wsEchoes(await joined(await t.host({ port: first.port })));
});

test('138 no session is left once it has closed', async (t) => {
  const host = await t.host();
  const s = await Polling.open(host);
  const w = await openWebSocket(host);
  const up = await (await Polling.open(host)).upgrade();
  equal((await host.stats()).sessions, 3);
  await s.send('1');
  w.wire.reset();
  up.write(frame(op.close));
  await host.settled('sessions', 0);
});

test('138 a peer that said goodbye but stays on the line is gone, and not written to', async (t) => {
  const host = await t.host({ 'ping-interval': 1500 });
  const w = await joined(host, { rude: true, halfOpen: true });
  const other = await joined(host);
  w.write(frame(op.close, [0x03, 0xe8]));
  await w.nextFrame(op.close);
  match(await host.line(/^closed/), /^closed transport close err=0 code=1000/);
  other.send('421["broadcast",{},"news",1]');
  equal(await nextAnswering(other), '431[0]');
  equal(await other.next(), '2');
  equal(w.wire.in.length, 0);
  w.wire.socket.end();
});

test('138 a peer that breaks a rule but stays on the line is gone', async (t) => {
  const host = await t.host();
  const w = await joined(host, { rude: true, halfOpen: true });
  w.write(frame(op.text, [0xff]));
  await w.nextFrame(op.close);
  match(await host.line(/^closed/), /^closed transport error err=-\d+ code=1007/);
  await host.settled('sessions', 0);
  w.wire.socket.end();
});

await run();
