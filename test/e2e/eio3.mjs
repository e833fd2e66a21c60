// SPDX-License-Identifier: MIT
//
// eio3.mjs - Engine.IO 3: the protocol of Socket.IO 2 clients, raw and through the real client.
// The numbers are those of docs/conformance.md.
import { createRequire } from 'node:module';
import { equal, match, ok, op, run, sleep, test, within } from './lib.mjs';

const io = createRequire(import.meta.url)('socket.io-client-v2');
const BASE = 'EIO=3&transport=polling';
const allow = (more = {}) => ({ eio3: 1, ...more });

// One packet of a text payload, its length in UTF-16 code units.
const packed = (...packets) => packets.map((p) => `${p.length}:${p}`).join('');

async function open(host, more = '') {
  const r = await host.get(BASE + more);
  equal(r.status, 200, r.body);
  const [, length, json] = r.body.match(/^(\d+):0(.*)$/s);
  equal(Number(length), json.length + 1);
  const query = `${BASE}${more}&sid=${JSON.parse(json).sid}`;
  const s = {
    query,
    handshake: JSON.parse(json),
    poll: async () => (await host.get(query)).body,
    get: () => host.get(query),
    post: (body, headers) => host.post(query, body, headers),
    send: async (body, headers) => equal((await host.post(query, body, headers)).body, 'ok'),
    dead: async () => equal((await host.get(query)).status, 400),
  };
  equal(await s.poll(), '2:40');
  return s;
}

async function openWs(host, more = '') {
  const w = await host.upgrade(`EIO=3&transport=websocket${more}`);
  w.handshake = JSON.parse((await w.next()).slice(1));
  equal(await w.next(), '40');
  return w;
}

test('17 EIO=3 is refused before the 101 where it is not allowed', async (t) => {
  const host = await t.host();
  equal((await host.get(BASE)).body, '{"code":5,"message":"Unsupported protocol version"}');
  equal((await host.upgrade('EIO=3&transport=websocket')).status, 400);
});

test('18 where EIO=3 is allowed another number, or none, is still refused', async (t) => {
  const host = await t.host(allow());
  for (const eio of ['EIO=5&', 'EIO=abc&', ''])
    equal((await host.get(`${eio}transport=polling`)).json.code, 5);
});

test('19 a session keeps its protocol: the other one is a mismatch both ways', async (t) => {
  const host = await t.host(allow());
  const s = await open(host);
  equal((await host.get(s.query.replace('EIO=3', 'EIO=4'))).json.code, 3);
  const r = await host.get('EIO=4&transport=polling');
  const sid = JSON.parse(r.body.slice(1)).sid;
  equal((await host.get(`${BASE}&sid=${sid}`)).json.code, 3);
  match(await host.line(/PROTOCOL_MISMATCH/), /code|connection_error 3/);
});

test('146 the handshake is one packet with its length, and CONNECT comes by itself', async (t) => {
  const host = await t.host(allow());
  const s = await open(host);
  equal(Object.keys(s.handshake), ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload']);
});

test('147 messages travel with their lengths, several in one body', async (t) => {
  const host = await t.host(allow());
  const s = await open(host);
  const events = [1, 2, 3].map((n) => `42["message","test${n}"]`);
  await s.send(packed(...events));
  equal(await s.poll(), packed(...events.map((e) => e.replace('message', 'message-back'))));
});

test('148 binary is base64 with b64, and bytes in an octet-stream without', async (t) => {
  const host = await t.host(allow());
  const event = '451-["message",{"_placeholder":true,"num":0}]';
  const back = event.replace('message', 'message-back');
  const a = await open(host, '&b64=1');
  await a.send(packed(event, 'b4AQIDBA=='));
  equal(await a.poll(), packed(back, 'b4AQIDBA=='));
  const b = await open(host);
  await b.send(packed(event, 'b4AQIDBA=='));
  const r = await b.get();
  equal(r.headers['content-type'], 'application/octet-stream');
  const head = Buffer.from([0, ...String(back.length).split('').map(Number), 0xff]);
  const tail = Buffer.from([1, 5, 0xff, 4, 1, 2, 3, 4]);
  equal(r.bytes, Buffer.concat([head, Buffer.from(back), tail]));
});

test('148 an octet-stream body is read with its own framing', async (t) => {
  const host = await t.host(allow());
  const s = await open(host, '&b64=1');
  const event = '451-["message",{"_placeholder":true,"num":0},"€"]';
  const n = Buffer.byteLength(event);
  const body = Buffer.concat([
    Buffer.from([0, ...String(n).split('').map(Number), 0xff]), Buffer.from(event),
    Buffer.from([1, 4, 0xff, 4, 9, 8, 7]),
  ]);
  await s.send(body, { 'Content-Type': 'application/octet-stream' });
  equal(await s.poll(), packed(event.replace('message', 'message-back'), 'b4CQgH'));
});

test('149 an invalid payload ends the session', async (t) => {
  const host = await t.host(allow());
  const s = await open(host);
  equal((await s.post('abc')).body, 'ok');
  await s.dead();
});

test('150 a ping is answered with a pong without its data, on both transports', async (t) => {
  const host = await t.host(allow());
  const s = await open(host);
  await s.send('1:2');
  equal(await s.poll(), '1:3');
  const w = await openWs(host);
  w.send('2');
  equal(await w.next(), '3');
  w.send('2probe');
  equal(await w.next(), '3');
});

test('151 silence for interval and timeout ends the session', async (t) => {
  const host = await t.host(allow({ 'ping-interval': 100, 'ping-timeout': 100 }));
  const w = await openWs(host);
  await w.closed();
  match(await host.line(/^closed/), /ping timeout/);
});

test('151 pings keep it alive past interval and timeout', async (t) => {
  const host = await t.host(allow({ 'ping-interval': 300, 'ping-timeout': 2000 }));
  const w = await openWs(host);
  for (let i = 0; i < 6; i++) {
    await sleep(500);
    w.send('2');
    equal(await w.next(), '3');
  }
});

test('152 the client closes with a packet, and its poll gets a noop', async (t) => {
  const host = await t.host(allow());
  const s = await open(host);
  const parked = s.poll();
  await host.caughtUp();
  await s.send('1:1');
  equal(await parked, '1:6');
  await s.dead();
});

test('153 the upgrade: a noop frees the poll, the WebSocket takes over', async (t) => {
  const host = await t.host(allow());
  const s = await open(host);
  const parked = s.poll();
  const w = await host.upgrade(s.query.replace('polling', 'websocket'));
  w.send('2probe');
  equal(await w.next(), '3probe');
  equal(await parked, '1:6');
  w.send('5');
  w.send('42["message","after"]');
  equal(await w.next(), '42["message-back","after"]');
});

test('154 binary over WebSocket has its type byte, both ways', async (t) => {
  const host = await t.host(allow());
  const w = await openWs(host);
  w.send('451-["message",{"_placeholder":true,"num":0}]');
  w.send(Buffer.from([4, 1, 2, 3, 4]));
  equal(await w.next(), '451-["message-back",{"_placeholder":true,"num":0}]');
  equal(Buffer.from(await w.next()), Buffer.from([4, 1, 2, 3, 4]));
});

test('155 157 lengths count UTF-16 code units: € is one, an astral character two', async (t) => {
  const host = await t.host(allow());
  const s = await open(host);
  for (const text of ['€€€€', '😀', 'a😀b€', 'é']) {
    await s.send(packed(`42["message","${text}"]`));
    equal(await s.poll(), packed(`42["message-back","${text}"]`));
  }
});

test('156 invalid lengths end the session', async (t) => {
  const host = await t.host(allow());
  for (const body of [':2', '-1:2', 'x:2', '99999999999:2', '5:2', '1', '1:😀']) {
    const s = await open(host);
    await s.post(body);
    await s.dead();
  }
});

test('161 a namespace may carry a query, which becomes the auth object', async (t) => {
  const host = await t.host(allow({ greet: 'auth' }));
  const w = await host.upgrade('EIO=3&transport=websocket');
  await w.next();
  equal([await w.next(), await w.next()], ['40', '42["auth",{}]']);
  w.send('40/custom?token=a%20b&x=%22');
  equal([await w.next(), await w.next()],
    ['40/custom,', '42/custom,["auth",{"token":"a b","x":"\\""}]']);
  w.send('40/zz');
  equal(await w.next(), '44/zz,{"message":"Invalid namespace"}');
});

test('161 a refusal is an ERROR packet with the message or the data alone', async (t) => {
  const a = await t.host(allow({ middleware1: 'fail:nope' }));
  const wa = await a.upgrade('EIO=3&transport=websocket');
  await wa.next();
  equal(await wa.next(), '44"nope"');
  const b = await t.host(allow({ middleware1: 'later:fail:nope:{"k":1}' }));
  const wb = await b.upgrade('EIO=3&transport=websocket');
  await wb.next();
  equal(await wb.next(), '44{"k":1}');
});

test('161 a pong from the client is the wrong way', async (t) => {
  const host = await t.host(allow());
  const w = await openWs(host);
  w.send('3');
  await w.closed();
  match(await host.line(/^closed/), /transport error .*invalid heartbeat direction/);
});

test('162 JSONP: the answer is a script, the POST a form field', async (t) => {
  const host = await t.host(allow());
  const r = await host.get(`${BASE}&j=0x1&b64=1`);
  match(r.body, /^___eio\[01\]\("\d+:0\{\\"sid\\":\\".*"\);$/);
  const payload = JSON.parse(r.body.match(/\((".*")\);$/)[1]);
  const sid = payload.match(/"sid":"([^"]+)"/)[1];
  const query = `${BASE}&j=1&b64=1&sid=${sid}`;
  match((await host.get(query)).body, /^___eio\[1\]\("2:40"\);$/);
  const event = '42["message","a\u2028<b\\nc"]';
  const form = `d=${encodeURIComponent(packed(event).replace(/\\n/g, '\\\\n'))}`;
  equal((await host.post(query, form, { 'Content-Type': 'application/x-www-form-urlencoded' })).body, 'ok');
  const answer = (await host.get(query)).body;
  ok(!/[\u2028<]/.test(answer), answer);
  equal(JSON.parse(answer.match(/\((".*")\);$/)[1]), packed(event.replace('message', 'message-back')));
});

// ---- the real client -------------------------------------------------------------------------------

async function client(host, path = '', options = {}) {
  const s = io(`http://127.0.0.1:${host.port}${path}`, { reconnection: false, forceNew: true, ...options });
  s.replies = [];
  s.on('message-back', (...args) => s.replies.push(args));
  await within(60_000, new Promise((done, fail) => {
    s.on('connect', done);
    s.on('error', (e) => fail(new Error(JSON.stringify(e))));
    s.on('connect_error', fail);
  }), 'connect');
  return s;
}

const call = (s, ...args) =>
  within(60_000, new Promise((done) => s.emit(...args, (...reply) => done(reply))), 'an ack');

test('159 a 2.5 client joins a namespace with a query, and its id follows from the sid', async (t) => {
  const host = await t.host(allow());
  const s = await client(host, '/custom?test=123');
  match(s.id, /^\/custom#/);
  equal(await call(s, 'rooms'), [[s.id]]);
  s.close();
});

test('160 a 2.5 client is refused by default', async (t) => {
  const host = await t.host();
  await client(host).then(() => ok(false, 'it connected'), () => {});
});

await run();
