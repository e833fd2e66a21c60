// SPDX-License-Identifier: MIT
//
// recovery.mjs - connection state recovery: what docs/conformance.md lists as 230 to 236, packet by
// packet, and with socket.io-client behind a proxy that breaks its connection under traffic.
import { io } from 'socket.io-client';
import {
  Polling, Proxy, equal, event, match, ok, openWebSocket, run, sleep, test, within,
} from './lib.mjs';

// ---- packet by packet ---------------------------------------------------------------------------

const idsOf = (connect) => JSON.parse(connect.slice(connect.indexOf('{')));
const argsOf = (packet) => JSON.parse(packet.slice(packet.indexOf('[')));
const eventOf = (packet) => argsOf(packet).slice(0, -1);
const offsetOf = (packet) => argsOf(packet).at(-1);

// A peer over WebSocket that joined "/": its socket, and who the server says it is.
async function come(host, auth = '') {
  const ws = await openWebSocket(host);
  ws.send(`40${auth && JSON.stringify(auth)}`);
  const first = await ws.next();
  return { ws, first };
}

async function fresh(host) {
  const { ws, first } = await come(host);
  return { ws, ...idsOf(first) };
}

async function ask(peer, ...args) {
  peer.ws.send(`421${JSON.stringify(args)}`);
  for (let packet; (packet = await peer.ws.next()); )
    if (packet.startsWith('431')) return JSON.parse(packet.slice(3));
  return undefined;
}

const broadcast = (peer, how, ...event) => ask(peer, 'broadcast', how, ...event);

// Its connection breaks, and the server has seen it.
async function lose(host, peer) {
  const before = (await host.stats()).sockets;
  peer.ws.wire.close();
  await host.settled('sockets', before - 1);
}

test('230 with recovery, CONNECT brings a pid and events end in an offset', async (t) => {
  const host = await t.host({ recovery: 'on' });
  const a = await fresh(host);
  match(a.pid, /^[\w-]{20}$/);
  ok(a.pid !== a.sid);
  a.ws.send('42["message",1,"x"]');
  const packet = await a.ws.next();
  equal(eventOf(packet), ['message-back', 1, 'x']);
  equal(typeof offsetOf(packet), 'string');
  a.ws.send('42["message",{"_placeholder":true}]');
  ok(offsetOf(packet) !== offsetOf(await a.ws.next()));
});

test('230 without it there is neither, and a pid is no more than auth', async (t) => {
  const host = await t.host();
  const { ws, first } = await come(host, { pid: 'p', offset: 'o' });
  equal(Object.keys(idsOf(first)), ['sid']);
  ws.send('42["message",1]');
  equal(await ws.next(), '42["message-back",1]');
});

test('231 232 who comes back hears what it missed, in order, then the old sid and pid', async (t) => {
  const host = await t.host({ recovery: 'on', data: 16 });
  const a = await fresh(host);
  const b = await fresh(host);
  await ask(a, 'join', 'room');
  await ask(a, 'set-data', 'mine');
  await broadcast(b, {}, 'seen');
  const offset = offsetOf(await a.ws.next());
  await lose(host, a);
  await broadcast(b, {}, 'all', 1);
  await broadcast(b, { to: ['room'] }, 'room', 2);
  await broadcast(b, { to: ['elsewhere'] }, 'not for it');
  await broadcast(b, { to: [a.sid] }, 'direct', 3);
  const back = await come(host, { pid: a.pid, offset });
  const heard = [back.first, await back.ws.next(), await back.ws.next()];
  equal(heard.map(eventOf), [['all', 1], ['room', 2], ['direct', 3]]);
  equal(idsOf(await back.ws.next()), { sid: a.sid, pid: a.pid });
  equal(await ask(back, 'get-data'), ['mine', true]);
  equal(await ask(back, 'rooms'), [[a.sid, 'room']]);
  equal((await host.stats()).recovered, 1);
});

test('231 the same over long-polling', async (t) => {
  const host = await t.host({ recovery: 'on' });
  const b = await fresh(host);
  const first = await Polling.open(host);
  await first.send('40');
  const ids = idsOf(await first.poll());
  await first.send('1');
  await host.settled('sockets', 1);
  await broadcast(b, {}, 'missed', 1);
  const second = await Polling.open(host);
  await second.send(`40${JSON.stringify({ pid: ids.pid })}`);
  const [event, connect] = (await second.poll()).split('\x1e');
  equal(eventOf(event), ['missed', 1]);
  equal(idsOf(connect), ids);
});

test('232 middleware is skipped for who comes back, or runs if it is to', async (t) => {
  for (const [flags, runs] of [[{}, 1], [{ 'recovery-middleware': 1 }, 2]]) {
    const host = await t.host({ recovery: 'on', middleware1: 'later:ok', ...flags });
    const a = await fresh(host);
    await lose(host, a);
    const back = await come(host, { pid: a.pid });
    equal(idsOf(back.first), { sid: a.sid, pid: a.pid });
    await host.line(/^recovered/);
    equal(await host.told(/^middleware/), runs);
  }
});

test('233 an unknown pid makes a new socket, without an error', async (t) => {
  const host = await t.host({ recovery: 'on' });
  const { first } = await come(host, { pid: 'AAAAAAAAAAAAAAAAAAAA', offset: 'x' });
  equal(Object.keys(idsOf(first)), ['sid', 'pid']);
  equal((await host.stats()).unrecovered, 1);
});

test('234 questions, replies, volatile events and who is excepted: nothing of it comes again', async (t) => {
  const host = await t.host({ recovery: 'on' });
  const a = await fresh(host);
  const b = await fresh(host);
  await ask(a, 'join', 'room');
  a.ws.send('42["call-me",600000,"question",1]');
  equal(await a.ws.next(), '420["question",1]');
  await lose(host, a);
  await broadcast(b, { volatile: true }, 'volatile');
  await broadcast(b, { except: ['room'] }, 'excepted');
  await broadcast(b, { except: [a.sid] }, 'excepted');
  await broadcast(b, {}, 'missed', 1);
  const back = await come(host, { pid: a.pid });
  equal(eventOf(back.first), ['missed', 1]);
  equal(idsOf(await back.ws.next()).sid, a.sid);
});

test('234 who is away too long, or shows an offset nobody gave it, is new', async (t) => {
  const host = await t.host({ recovery: 100 });
  const a = await fresh(host);
  const b = await fresh(host);
  await lose(host, a);
  await lose(host, b);
  const odd = await come(host, { pid: a.pid, offset: 'no offset' });
  ok(idsOf(odd.first).sid !== a.sid);
  await sleep(2000);
  const late = await come(host, { pid: b.pid });
  ok(idsOf(late.first).sid !== b.sid);
  equal((await host.stats()).unrecovered, 2);
});

test('234 the log is bounded in bytes: who missed more is new', async (t) => {
  const host = await t.host({ recovery: 'on', 'recovery-log': 10000 });
  const a = await fresh(host);
  const b = await fresh(host);
  await lose(host, a);
  for (let i = 0; i < 30; i++) await broadcast(b, {}, 'missed', 'x'.repeat(1000));
  const back = await come(host, { pid: a.pid });
  ok(idsOf(back.first).sid !== a.sid);
  equal((await host.stats()).unrecovered, 1);
});

test('235 a volatile event carries an offset to come back with', async (t) => {
  const host = await t.host({ recovery: 'on' });
  const a = await fresh(host);
  const b = await fresh(host);
  await broadcast(b, {}, 'first');
  await broadcast(b, { volatile: true }, 'volatile', 'text');
  await a.ws.next();
  const packet = await a.ws.next();
  equal(eventOf(packet), ['volatile', 'text']);
  await lose(host, a);
  await broadcast(b, {}, 'missed', 1);
  const back = await come(host, { pid: a.pid, offset: offsetOf(packet) });
  equal(eventOf(back.first), ['missed', 1]);
});

test('236 the same pid twice: the older connection ends, and one socket is left', async (t) => {
  const host = await t.host({ recovery: 'on' });
  const a = await fresh(host);
  const b = await come(host, { pid: a.pid });
  equal(idsOf(b.first), { sid: a.sid, pid: a.pid });
  await a.ws.wire.when(() => a.ws.wire.ended ?? undefined);
  match(await host.line(/^disconnect /), /^disconnect transport close .*over another connection/);
  equal((await host.stats()).sockets, 1);
  equal(await ask(b, 'bulk', 'fetch', {}), [0, [a.sid]]);
});

test('230-236 who leaves, or is made to, does not come back', async (t) => {
  const host = await t.host({ recovery: 'on' });
  for (const packet of ['41', '42["leave-nsp"]', '42["close-me"]']) {
    const a = await fresh(host);
    a.ws.send(packet);
    await host.settled('sockets', 0);
    a.ws.wire.close();
    const back = await come(host, { pid: a.pid });
    ok(idsOf(back.first).sid !== a.sid);
    back.ws.send('41');
    await host.settled('sockets', 0);
  }
});

// ---- socket.io-client, whose connection breaks ------------------------------------------------------

const quick = { forceNew: true, transports: ['websocket'], reconnectionDelay: 1,
  reconnectionDelayMax: 1, randomizationFactor: 0 };

// Sends numbers to who has `id` and is in "room": to all, to its room, to itself, in turn.
function feeder(host, client) {
  let n = 0;
  let stopped = false;
  const targets = (id) => [{}, { to: ['room'] }, { to: [id] }, { except: ['nobody'] }];
  const feed = (id) => {
    if (stopped) return;
    client.emit('broadcast', targets(id)[n % 4], 'number', n++);
    if (n % 50 === 0) client.emit('broadcast', { volatile: true }, 'volatile', 'text');
  };
  let timer;
  return {
    start: (id) => (timer = setInterval(() => { feed(id); feed(id); }, 1)),
    stop: () => {
      stopped = true;
      clearInterval(timer);
      return n;
    },
  };
}

async function survive(t, breaks, breakOne) {
  const host = await t.host({ recovery: 'on', log: 1 });
  const proxy = await Proxy.open(host.port);
  const writer = io(`http://127.0.0.1:${host.port}`, quick);
  const reader = io(`http://127.0.0.1:${proxy.port}`, quick);
  const heard = [];
  reader.on('number', (n) => heard.push(n));
  await Promise.all([event(writer, 'connect'), event(reader, 'connect')]);
  await new Promise((done) => reader.emit('join', 'room', done));
  const { id } = reader;
  const feed = feeder(host, writer);
  feed.start(id);
  for (let i = 0; i < breaks; i++) {
    const before = heard.length;
    if (i % 2) await within(60_000, (async () => { while (heard.length === before) await sleep(1); })(), 'event');
    const back = event(reader, 'connect');
    breakOne(i, reader, proxy);
    await back;
    ok(reader.recovered, `break ${i}`);
    equal(reader.id, id);
  }
  const sent = feed.stop();
  await within(60_000, (async () => { while (heard.length < sent) await sleep(5); })(), 'last event');
  await sleep(50);
  equal(heard.length, sent);
  ok(heard.every((n, i) => n === i), 'each once, in order');
  ok(sent >= breaks / 2, `${sent} events`);
  equal((await host.stats()).recovered, breaks);
  equal((await host.stats()).unrecovered, 0);
  reader.disconnect();
  writer.disconnect();
  proxy.close();
}

test('231 235 a thousand breaks in a row, by a proxy and by the client: every event once, in order', (t) =>
  survive(t, 1000, (i, reader, proxy) => {
    if (i % 5 === 4) reader.io.engine.close();
    else proxy.cut(i % 5 === 3);
  }), { ms: 900_000 });

test('236 a hundred breaks that the server does not notice', (t) =>
  survive(t, 100, (i, reader, proxy) => proxy.cut(true)));

test('233 without recovery the client is new each time', async (t) => {
  const host = await t.host();
  const client = io(`http://127.0.0.1:${host.port}`, quick);
  await event(client, 'connect');
  const ids = new Set([client.id]);
  for (let i = 0; i < 3; i++) {
    const back = event(client, 'connect');
    client.io.engine.close();
    await back;
    ok(!client.recovered);
    ids.add(client.id);
  }
  equal(ids.size, 4);
  client.disconnect();
});

test('231 a client that never heard an event is recovered; so is one whose server forgot it, anew', async (t) => {
  const host = await t.host({ recovery: 2500 });
  const client = io(`http://127.0.0.1:${host.port}`, { ...quick, reconnectionDelay: 1 });
  await event(client, 'connect');
  const first = client.id;
  let back = event(client, 'connect');
  client.io.engine.close();
  await back;
  ok(client.recovered);
  equal(client.id, first);
  client.io.reconnectionDelay(5000);
  client.io.reconnectionDelayMax(5000);
  back = event(client, 'connect');
  client.io.engine.close();
  await back;
  ok(!client.recovered);
  client.io.reconnectionDelay(1);
  client.io.reconnectionDelayMax(1);
  back = event(client, 'connect');
  const second = client.id;
  client.io.engine.close();
  await back;
  ok(client.recovered);
  equal(client.id, second);
  client.disconnect();
});

await run();
