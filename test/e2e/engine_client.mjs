// SPDX-License-Identifier: MIT
//
// engine_client.mjs - Engine.IO without Socket.IO: npm's engine.io-client, unmodified, and an engine of the
// host's own. The numbers are those of docs/conformance.md.
import { Socket } from 'engine.io-client';
import { io } from 'socket.io-client';
import { ask, bytes, connected, equal, event, match, ok, run, test, ways, within } from './lib.mjs';

const RAW = '/engine.io/';

const raw = (t, flags = {}) => t.host({ raw: RAW, ...flags });

// A client and what it heard, closed with the test's host.
function client(host, options = {}) {
  const c = new Socket(`ws://127.0.0.1:${host.port}`, { path: RAW, ...options });
  c.binaryType = 'nodebuffer';
  c.heard = [];
  c.waiting = [];
  c.on('message', (data) => {
    c.heard.push(data ?? ''); // what its parser makes of an empty text
    for (const look of [...c.waiting]) look();
  });
  return c;
}

async function opened(host, options) {
  const c = client(host, options);
  await event(c, 'open');
  return c;
}

// The first n messages.
function hears(c, n) {
  const enough = new Promise((done) => {
    const look = () => c.heard.length >= n && done(c.heard.slice(0, n));
    c.waiting.push(look);
    look();
  });
  return within(60_000, enough, `${n} messages`);
}

// Where it can, it moves.
const settled = (c, { transports }) => (transports ? null : event(c, 'upgrade'));

for (const [name, options] of Object.entries(ways)) {
  test(`66 91 messages go there and back (${name})`, async (t) => {
    const c = await opened(await raw(t), options);
    c.send('hello');
    c.send(bytes(0, 1, 255));
    c.send('€ and \u{1f600}');
    c.send('');
    equal(await hears(c, 4), ['hello', bytes(0, 1, 255), '€ and \u{1f600}', '']);
    c.close();
  });

  test(`33 the initial message of the host arrives first (${name})`, async (t) => {
    const host = await raw(t, { initial: 'faster!', greeting: 'hello' });
    const c = await opened(host, options);
    equal(await hears(c, 2), ['faster!', 'hello']);
    c.close();
  });

  test(`134 callbacks for what was sent come in order, once each (${name})`, async (t) => {
    const host = await raw(t);
    const c = await opened(host, options);
    c.send('burst 5');
    equal(await hears(c, 5), ['1', '2', '3', '4', '5']);
    await host.line(/^sent 5/);
    equal(host.lines.filter((line) => /^sent/.test(line)), [1, 2, 3, 4, 5].map((i) => `sent ${i} `));
    c.close();
  });

  test(`131 133 what was sent before a close comes first (${name})`, async (t) => {
    const host = await raw(t);
    const c = await opened(host, options);
    const closed = event(c, 'close');
    c.send('before');
    c.send('close');
    equal((await closed)[0], 'transport close');
    equal(c.heard, ['before']);
    match(await host.line(/^raw close/), /^raw close forced close code=0 text= /);
  });

  test(`131 a client that closes (${name})`, async (t) => {
    const host = await raw(t);
    const c = await opened(host, options);
    c.close();
    match(await host.line(/^raw close/), /^raw close transport close /);
  });

  test(`113 an engine.io-client lives on heartbeats, and the server knows its state (${name})`, async (t) => {
    const host = await raw(t, { 'ping-interval': 400 });
    const c = await opened(host, options);
    await settled(c, options);
    for (let i = 0; i < 5; i++) await event(c, 'heartbeat');
    c.send('state');
    const transport = c.transport.name;
    const moved = Number(name === 'default transports');
    equal(await hears(c, 1), [`state=0 protocol=4 transport=${transport} upgraded=${moved} queued=0`]);
    c.close();
  });

  test(`103 megabytes go there and back (${name})`, async (t) => {
    const c = await opened(await raw(t, { 'max-payload': 20_000_000 }), options);
    const big = Buffer.alloc(3_000_000, 7);
    c.send(big);
    c.send('x'.repeat(3_000_000));
    const [first, second] = await hears(c, 2);
    ok(big.equals(first));
    equal(second.length, 3_000_000);
    c.close();
  });

  test(`132 a server that closes ends its clients (${name})`, async (t) => {
    const host = await raw(t);
    const c = await opened(host, options);
    await settled(c, options);
    const closed = event(c, 'close');
    c.send('shut');
    await closed;
    match(await host.line(/^raw close/), /^raw close server shutting down /);
  });
}

test('119 127 nothing is lost, doubled or reordered while the client moves', async (t) => {
  const host = await raw(t);
  const c = client(host);
  const sent = [];
  const say = () => {
    c.send(String(sent.length));
    sent.push(String(sent.length));
  };
  const moved = event(c, 'upgrade');
  const some = () => {
    for (let i = 0; i < 50; i++) say();
  };
  c.once('open', some);
  c.once('upgrading', some);
  await moved;
  for (let i = 0; i < 50; i++) say();
  equal(await hears(c, 150), sent);
  equal(c.transport.name, 'websocket');
  c.close();
});

test('134 callbacks keep their order across the move', async (t) => {
  const host = await raw(t);
  const c = client(host);
  const moved = event(c, 'upgrade');
  c.once('open', () => c.send('burst 20'));
  c.once('upgrading', () => c.send('burst 20'));
  await moved;
  c.send('burst 3');
  await hears(c, 43);
  await host.when(() => (host.said(/^sent/) === 43 ? true : undefined));
  const seen = host.lines.filter((line) => /^sent/.test(line)).map((line) => Number(line.split(' ')[1]));
  const twenty = Array.from({ length: 20 }, (_, i) => i + 1);
  equal(seen, [...twenty, ...twenty, 1, 2, 3]);
  c.close();
});

test('135 what never left is told as such', async (t) => {
  const host = await raw(t);
  const s = await host.get(`${RAW}?EIO=4&transport=polling`);
  const { sid } = JSON.parse(s.body.slice(1));
  const query = `${RAW}?EIO=4&transport=polling&sid=${sid}`;
  equal((await host.post(query, '4burst 3')).body, 'ok');
  equal((await host.post(query, '1')).body, 'ok');
  match(await host.line(/^sent 3/), /^sent 3 the peer is gone$/);
  equal(await host.told(/^sent \d the peer is gone$/), 3);
});

test('98 codes and texts of close frames are seen on both sides', async (t) => {
  const host = await raw(t);
  const c = await opened(host, { transports: ['websocket'] });
  const closed = event(c, 'close');
  c.send('close 4321 go away');
  const [reason, details] = await closed;
  equal([reason, details.context.code, details.context.reason], ['transport close', 4321, 'go away']);
  const d = await opened(host, { transports: ['websocket'] });
  d.transport.ws.close(3456, 'bye');
  match(await host.line(/^raw close transport/), /^raw close transport close code=3456 text=bye /);
});

test('97 a message over max_payload ends the session', async (t) => {
  const host = await raw(t, { 'max-payload': 1000 });
  const c = await opened(host, { transports: ['websocket'] });
  const closed = event(c, 'close');
  c.send('x'.repeat(1001));
  await closed;
  match(await host.line(/^raw close/), /^raw close transport error code=1009 .*Max payload size/);
});

test('51 two engines on one server do not disturb each other', async (t) => {
  const host = await raw(t);
  const c = await opened(host);
  const s = io(`http://127.0.0.1:${host.port}`, { forceNew: true });
  await connected(s);
  c.send('for the one');
  equal(await ask(s, 'message', 'for the other'), ['for the other']);
  equal(await hears(c, 1), ['for the one']);
  s.disconnect();
  c.send('still there');
  await hears(c, 2);
  c.close();
});

test('51 an engine in the place of Socket.IO', async (t) => {
  const host = await raw(t, { raw: 'instead' });
  const c = await opened(host, { path: '/socket.io/' });
  c.send('0');
  equal(await hears(c, 1), ['0']);
  equal((await host.get('/socket.io/socket.io.js')).status, 400);
  c.close();
});

test('117 136 packets, flushes and drains are shown to the host', async (t) => {
  const host = await raw(t, { taps: 1, 'ping-interval': 1500 });
  const c = await opened(host, { transports: ['websocket'] });
  c.send('hi');
  await hears(c, 1);
  await event(c, 'heartbeat');
  await host.line(/^tap in 3/);
  const taps = host.lines.filter((line) => /^tap/.test(line));
  equal(taps.slice(taps.indexOf('tap in 4 hi')), [
    'tap in 4 hi', 'tap out 4 hi', 'tap flush 1', 'tap drain 0',
    'tap out 2 ', 'tap flush 1', 'tap drain 0', 'tap in 3 ',
  ]);
  c.close();
});

test('36 40 59 the hooks of the server see an engine of the host too: requests, headers, CORS, the cookie', async (t) => {
  const host = await raw(t, { headers: 1, cookie: 'io', cors: 'any', allow: 'ok' });
  const r = await host.get(`${RAW}?EIO=4&transport=polling`, { Origin: 'http://a.example' });
  equal(r.status, 200);
  equal([r.headers['x-initial'], r.headers['access-control-allow-origin']], ['1', '*']);
  match(String(r.headers['set-cookie']), /^io=/);
  await host.line(/^allow_request/);
});

await run();
