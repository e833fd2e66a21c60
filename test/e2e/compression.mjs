// SPDX-License-Identifier: MIT
//
// compression.mjs - compressed polling responses, files and WebSocket messages, read by Node's
// own http and zlib, by the `ws` package and by socket.io-client.
import http from 'node:http';
import zlib from 'node:zlib';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { heard } from './echo.mjs';
import {
  Polling, SEP, equal, frame, match, ok, op, openWebSocket, run, sleep, test, within,
} from './lib.mjs';

const LONG = 'libsio '.repeat(1000);
const GZIP = { 'Accept-Encoding': 'gzip, deflate' };

const stats = async (host) => (await host.get('/stats')).json;
const echo = (text) => `42${JSON.stringify(['echo', text])}`;

async function joinedPolling(host) {
  const p = await Polling.open(host);
  await p.join();
  return p;
}

// The answer to a poll that asks for a coding.
const pollAs = (p, encoding) => p.host.get(p.query, { 'Accept-Encoding': encoding });

// ---- HTTP ---------------------------------------------------------------------------------------

test('87 a long response is gzip to who takes it, with its exact length', async (t) => {
  const host = await t.host({});
  const p = await joinedPolling(host);
  await p.send(echo(LONG));
  const r = await pollAs(p, 'gzip, deflate');
  equal(r.headers['content-encoding'], 'gzip');
  equal(Number(r.headers['content-length']), r.bytes.length);
  equal(r.headers['transfer-encoding'], undefined);
  ok(r.bytes.length < 500);
  equal(zlib.gunzipSync(r.bytes).toString(), heard(LONG));
});

test("87 Node's http reads it", async (t) => {
  const host = await t.host({});
  const p = await joinedPolling(host);
  await p.send(echo(LONG));
  const options = { port: host.port, path: host.url(p.query), headers: GZIP };
  const text = await new Promise((done, fail) => {
    http.get(options, async (r) => {
      const parts = [];
      for await (const part of r.pipe(zlib.createGunzip())) parts.push(part);
      done(Buffer.concat(parts).toString());
    }).on('error', fail);
  });
  equal(text, heard(LONG));
});

test('88 only deflate taken: deflate, in zlib form', async (t) => {
  const host = await t.host({});
  const p = await joinedPolling(host);
  await p.send(echo(LONG));
  const r = await pollAs(p, 'deflate');
  equal(r.headers['content-encoding'], 'deflate');
  equal(zlib.inflateSync(r.bytes).toString(), heard(LONG));
});

test('88 weights are respected, none with 0 is taken', async (t) => {
  const host = await t.host({});
  const p = await joinedPolling(host);
  for (const [encoding, want] of [
    ['gzip;q=0.1, deflate;q=0.9', 'deflate'], ['gzip;q=0', undefined], ['br', undefined],
    ['gzip;q=0, *', 'deflate'], ['identity, gzip;q=0.5', undefined], ['*', 'gzip'],
  ]) {
    await p.send(echo(LONG));
    equal((await pollAs(p, encoding)).headers['content-encoding'], want, encoding);
  }
});

test('89 short responses stay as they are', async (t) => {
  const host = await t.host({});
  const p = await joinedPolling(host);
  await p.send(echo('x'.repeat(900)));
  const r = await pollAs(p, 'gzip');
  equal([r.headers['content-encoding'], r.body], [undefined, heard('x'.repeat(900))]);
});

test('89 the threshold is an option', async (t) => {
  const host = await t.host({ 'gzip-from': 100 });
  const p = await joinedPolling(host);
  await p.send(echo('x'.repeat(900)));
  equal((await pollAs(p, 'gzip')).headers['content-encoding'], 'gzip');
  await p.send(echo('x'));
  equal((await pollAs(p, 'gzip')).headers['content-encoding'], undefined);
});

test('89 it can be switched off', async (t) => {
  const host = await t.host({ 'no-gzip': 1 });
  const p = await joinedPolling(host);
  await p.send(echo(LONG));
  const r = await pollAs(p, 'gzip');
  equal([r.headers['content-encoding'], r.body], [undefined, heard(LONG)]);
  const js = await host.get('/socket.io/socket.io.js', GZIP);
  equal([js.headers['content-encoding'], js.headers.vary], [undefined, undefined]);
});

test('89 214 a response whose packets all do not want it is left alone', async (t) => {
  const host = await t.host({});
  const p = await joinedPolling(host);
  const plain = `42${JSON.stringify(['broadcast', { self: true, compress: false }, 'n', LONG])}`;
  await p.send(plain);
  const r = await pollAs(p, 'gzip');
  equal(r.headers['content-encoding'], undefined);
  await p.send([plain, echo('short')].join(SEP));
  const both = await pollAs(p, 'gzip');
  equal(both.headers['content-encoding'], 'gzip');
  equal(zlib.gunzipSync(both.bytes).toString().split(SEP).length, 2);
});

test('90 a client that goes away amid a compressed response leaves nothing', async (t) => {
  const host = await t.host({ 'ping-interval': 1000, 'ping-timeout': 500 });
  const p = await joinedPolling(host);
  const noise = [...Array(3000)].map(() => Math.random().toString(36)).join(' ');
  await p.send(echo(noise));
  const { wire, done } = p.start('GET', { headers: GZIP });
  await wire.take(() => 20);
  wire.reset();
  await done.catch(() => {});
  await host.line(/^closed /);
  equal((await stats(host)).sessions, 0);
});

test('237 the client is gzip to who takes it, and compressed once', async (t) => {
  const host = await t.host({});
  const plain = await host.get('/socket.io/socket.io.js');
  equal(plain.headers['content-encoding'], undefined);
  equal(plain.headers.vary, 'Accept-Encoding');
  const brotli = await host.get('/socket.io/socket.io.js', { 'Accept-Encoding': 'br' });
  equal([brotli.headers['content-encoding'], brotli.body], [undefined, plain.body]);
  for (let i = 0; i < 3; i++) {
    const r = await host.get('/socket.io/socket.io.js', { 'Accept-Encoding': 'gzip,br,deflate' });
    equal(r.headers['content-encoding'], 'gzip');
    equal(r.headers.vary, 'Accept-Encoding');
    ok(r.bytes.length < plain.bytes.length / 3);
    ok(zlib.gunzipSync(r.bytes).equals(plain.bytes));
    const known = { ...GZIP, 'If-None-Match': r.headers.etag };
    equal((await host.get('/socket.io/socket.io.js', known)).status, 304);
  }
  equal((await stats(host)).compressed, 1);
});

test('a file in memory is gzip to who takes it, and compressed once', async (t) => {
  const host = await t.host({ assets: 1 });
  for (let i = 0; i < 3; i++) {
    const r = await host.get('/assets/page.html', GZIP);
    equal([r.headers['content-encoding'], r.headers.vary], ['gzip', 'Accept-Encoding']);
    equal(zlib.gunzipSync(r.bytes).toString(), '-'.repeat(4000));
  }
  equal((await host.get('/assets/page.html')).body, '-'.repeat(4000));
  equal((await stats(host)).compressed, 1);
});

// ---- WebSocket ----------------------------------------------------------------------------------

const URL = 'EIO=4&transport=websocket';
const offer = (value) => ({ headers: { 'Sec-WebSocket-Extensions': value } });

// A `ws` client that has joined "/": next() gives its messages.
async function wsClient(host, options = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${host.port}/socket.io/?${URL}`, options);
  const messages = [];
  let answer;
  socket.on('upgrade', (r) => (answer = r.headers['sec-websocket-extensions'] ?? ''));
  let wake = () => {};
  socket.on('message', (data, binary) => {
    messages.push(binary ? data : data.toString());
    wake();
  });
  const closed = new Promise((done) => socket.on('close', done));
  await new Promise((done, fail) => socket.on('open', done).on('error', fail));
  const next = async () => {
    while (messages.length === 0) await within(60_000, new Promise((done) => (wake = done)), 'message');
    return messages.shift();
  };
  const window = Number(answer.match(/server_max_window_bits=(\d+)/)?.[1]);
  const client = { socket, window, next, closed, send: (data) => socket.send(data) };
  match(await next(), /^0/);
  client.send('40');
  match(await next(), /^40/);
  return client;
}

test('106 an offer to a server that has it off is not taken', async (t) => {
  const host = await t.host({});
  const w = await openWebSocket(host, offer('permessage-deflate; client_max_window_bits'));
  equal(w.response.headers['sec-websocket-extensions'], undefined);
  w.write(frame(op.text, 'abc', { rsv: 4 }));
  equal(await w.closed(), 1002);
});

test('the answer names no context takeover in either direction', async (t) => {
  const host = await t.host({ deflate: 1024 });
  const plain = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
  for (const [value, want] of [
    ['permessage-deflate; client_max_window_bits', plain],
    ['permessage-deflate; server_max_window_bits=15', `${plain}; server_max_window_bits=15`],
    ['permessage-deflate; server_max_window_bits=10', undefined],
    ['permessage-deflate; server_max_window_bits=10, permessage-deflate', plain],
    ['permessage-deflate; nonsense', undefined],
    [['x-first', 'permessage-deflate'], plain],
    [undefined, undefined],
  ]) {
    const w = await openWebSocket(host, offer(value));
    equal(w.response.headers['sec-websocket-extensions'], want, String(value));
    w.close();
  }
});

test('the ws package and the server understand each other both ways', async (t) => {
  const host = await t.host({ deflate: 1024 });
  const c = await wsClient(host, { perMessageDeflate: { threshold: 0 } });
  match(c.socket.extensions, /permessage-deflate/);
  for (const text of ['short', LONG, 'x'.repeat(200000), 'é€😀'.repeat(3000), '']) {
    c.send(echo(text));
    equal(await c.next(), heard(text));
  }
  c.send('451-["echo",{"_placeholder":true,"num":0}]');
  c.send(Buffer.alloc(50000, 7));
  equal(await c.next(), '451-["message-back",{"_placeholder":true,"num":0}]');
  ok((await c.next()).equals(Buffer.alloc(50000, 7)));
  equal((await stats(host)).compressed, 4);
  c.socket.close();
  await c.closed;
});

test('every window we may say is understood by the ws package', async (t) => {
  for (const bits of [9, 12]) {
    const host = await t.host({ deflate: 1, 'deflate-window': bits });
    const c = await wsClient(host, { perMessageDeflate: true });
    equal(c.window, bits);
    const text = [...Array(20000)].map((_, i) => i.toString(36)).join(' ');
    c.send(echo(text));
    equal(await c.next(), heard(text));
    c.socket.terminate();
  }
});

test('fragments of the ws package, compressed, are one message', async (t) => {
  const host = await t.host({ deflate: 1024 });
  const c = await wsClient(host, { perMessageDeflate: { threshold: 0 } });
  const whole = echo(LONG);
  for (let at = 0; at < whole.length; at += 1000)
    c.socket.send(whole.slice(at, at + 1000), { fin: at + 1000 >= whole.length, compress: true });
  equal(await c.next(), heard(LONG));
  c.socket.terminate();
});

test('a broadcast is compressed once for all who agreed, and not for the others', async (t) => {
  const host = await t.host({ deflate: 1024 });
  const agreed = await Promise.all([...Array(5)].map(() => wsClient(host, { perMessageDeflate: true })));
  const plain = await Promise.all([...Array(2)].map(() => wsClient(host, { perMessageDeflate: false })));
  const polling = await joinedPolling(host);
  agreed[0].send(`42${JSON.stringify(['broadcast', { self: true }, 'news', LONG])}`);
  const want = `42${JSON.stringify(['news', LONG])}`;
  for (const c of [...agreed, ...plain]) equal(await c.next(), want);
  equal(await polling.poll(), want);
  equal((await stats(host)).compressed, 1);
  for (const c of [...agreed, ...plain]) c.socket.terminate();
});

test('214 a message that does not want to be compressed is not', async (t) => {
  const host = await t.host({ deflate: 1024 });
  const c = await wsClient(host, { perMessageDeflate: true });
  c.send(`42${JSON.stringify(['broadcast', { self: true, compress: false }, 'news', LONG])}`);
  equal(await c.next(), `42${JSON.stringify(['news', LONG])}`);
  equal((await stats(host)).compressed, 0);
  c.socket.terminate();
});

const deflated = (text) =>
  zlib.deflateRawSync(text, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);

test('a bomb is refused with 1009', async (t) => {
  const host = await t.host({ deflate: 1024, 'max-payload': 100000 });
  const w = await openWebSocket(host, offer('permessage-deflate'));
  const bomb = deflated('4'.repeat(10_000_000));
  ok(bomb.length < 100000);
  w.write(frame(op.text, bomb, { rsv: 4 }));
  equal(await w.closed(), 1009);
});

test('what is marked where it may not be, or does not inflate, is refused', async (t) => {
  const host = await t.host({ deflate: 1024 });
  const hello = deflated('40');
  for (const [bytes, code] of [
    [frame(op.ping, 'x', { rsv: 4 }), 1002],
    [Buffer.concat([frame(op.text, hello, { fin: false, rsv: 4 }), frame(op.more, '', { rsv: 4 })]), 1002],
    [frame(op.text, hello, { rsv: 6 }), 1002],
    [frame(op.text, 'not deflate', { rsv: 4 }), 1007],
    [frame(op.text, deflated(Buffer.from([0x34, 0xff])), { rsv: 4 }), 1007],
  ]) {
    const w = await openWebSocket(host, offer('permessage-deflate'));
    w.write(bytes);
    equal(await w.closed(), code);
  }
});

test('a route of the host speaks compressed too', async (t) => {
  const host = await t.host({ deflate: 100 });
  const socket = new WebSocket(`ws://127.0.0.1:${host.port}/ws`, { perMessageDeflate: { threshold: 0 } });
  await new Promise((done, fail) => socket.on('open', done).on('error', fail));
  socket.send(LONG);
  const data = await new Promise((done) => socket.on('message', done));
  equal(data.toString(), LONG);
  equal((await stats(host)).compressed, 1);
  socket.terminate();
});

test('socket.io-client upgrades and talks compressed', async (t) => {
  const host = await t.host({ deflate: 1024 });
  const socket = io(`http://127.0.0.1:${host.port}`, { perMessageDeflate: {}, reconnection: false });
  await new Promise((done, fail) => socket.on('connect', done).on('connect_error', fail));
  if (socket.io.engine.transport.name !== 'websocket')
    await new Promise((done) => socket.io.engine.once('upgrade', done));
  await sleep(50);
  equal(await socket.emitWithAck('message-with-ack', LONG), LONG);
  ok((await stats(host)).compressed >= 1);
  socket.close();
});

await run();
