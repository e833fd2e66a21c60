// SPDX-License-Identifier: MIT
//
// lib.mjs - what the end-to-end scripts share: a small test runner, the host program they
// talk to, and clients that can be made to break every rule: raw bytes, HTTP, WebSocket frames.
//
//     import { test, run, equal } from './lib.mjs';
//     test('5 an unknown sid is refused with code 1', async (t) => {
//       const host = await t.host({ 'ping-interval': 200 });
//       const r = await host.get('EIO=4&transport=polling&sid=test');
//       equal(r.status, 400);
//     });
//     await run();
//
// A name begins with the lines of docs/conformance.md that it shows. `node lifetime.mjs probe` runs
// the tests whose name contains "probe", `node lifetime.mjs /^118/` those that match, `node
// lifetime.mjs --list` says which there are. Each
// test has its own host; whatever the test left open, the host must then end by itself: exit code
// 0, an empty loop, and not a word from a sanitizer.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const equal = assert.deepEqual;
export const ok = assert.ok;
export const match = assert.match;
export const SEP = '\x1e';

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.LIBSIO_BUILD ?? path.join(here, '../../build/asan');
const hostProgram = process.env.LIBSIO_HOST ?? path.join(build, 'test/e2e/host');

// Only against waiting for ever: no test is to pass or fail by how fast the machine is.
const TEST_MS = 120_000;
const STOP_MS = 60_000;
const AT_ONCE = Number(process.env.LIBSIO_JOBS ?? 6);

// Waits for p, but not for ever.
export async function within(ms, p, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`no ${what} within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([p, late]);
  } finally {
    clearTimeout(timer);
  }
}

// ---- waiting for something to become true -----------------------------------------------------

export class Watched {
  #waiting = new Set();

  changed() {
    for (const look of [...this.#waiting]) look();
  }

  // The first value of look() that is not undefined; what look throws is thrown.
  when(look) {
    return new Promise((done, fail) => {
      const again = () => {
        let value;
        try {
          value = look();
        } catch (e) {
          this.#waiting.delete(again);
          fail(e);
          return;
        }
        if (value === undefined) return;
        this.#waiting.delete(again);
        done(value);
      };
      this.#waiting.add(again);
      again();
    });
  }
}

// ---- bytes --------------------------------------------------------------------------------------

// One TCP connection: what was read and not taken yet, and whether it ended.
export class Wire extends Watched {
  constructor(port, { halfOpen = false, localAddress } = {}) {
    super();
    this.in = Buffer.alloc(0);
    this.ended = null; // 'end', 'close' or an error code
    this.socket = net.connect({
      port, host: '127.0.0.1', allowHalfOpen: halfOpen, localAddress,
    });
    this.socket.setNoDelay(true);
    this.socket.on('data', (d) => {
      this.in = Buffer.concat([this.in, d]);
      this.changed();
    });
    this.socket.on('error', (e) => this.#end(e.code));
    this.socket.on('end', () => this.#end('end'));
    this.socket.on('close', () => this.#end('close'));
  }

  #end(how) {
    this.ended ??= how;
    this.changed();
  }

  write(bytes) {
    this.socket.write(bytes);
    return this;
  }

  close() {
    this.socket.destroy();
  }

  reset() {
    this.socket.resetAndDestroy();
  }

  // Takes n(in) bytes once that is a number.
  async take(n, what = 'bytes') {
    const count = await this.when(() => {
      const want = n(this.in);
      if (want !== undefined && want <= this.in.length) return want;
      if (this.ended) throw new Error(`the connection ended (${this.ended}) before ${what}`);
      return undefined;
    });
    const taken = this.in.subarray(0, count);
    this.in = this.in.subarray(count);
    return taken;
  }

  takeUntil(mark, what) {
    return this.take((b) => {
      const at = b.indexOf(mark);
      return at < 0 ? undefined : at + mark.length;
    }, what);
  }

  // Everything until the server ends the connection.
  async rest() {
    await this.when(() => this.ended ?? undefined);
    return this.in;
  }
}

// ---- HTTP -----------------------------------------------------------------------------------------

function parseHead(text) {
  const [first, ...lines] = text.trimEnd().split('\r\n');
  const [, status, reason] = first.match(/^HTTP\/1\.1 (\d+) ?(.*)$/);
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? [headers[name], value].flat() : value;
  }
  return { status: Number(status), reason, headers };
}

async function takeChunks(wire) {
  let body = Buffer.alloc(0);
  for (;;) {
    const size = parseInt((await wire.takeUntil('\r\n', 'chunk size')).toString(), 16);
    const data = (await wire.take(() => size + 2, 'chunk')).subarray(0, size);
    if (size === 0) return body;
    body = Buffer.concat([body, data]);
  }
}

async function takeBody(wire, method, { status, headers }) {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304)
    return Buffer.alloc(0);
  if (headers['transfer-encoding'] === 'chunked') return takeChunks(wire);
  if ('content-length' in headers)
    return wire.take(() => Number(headers['content-length']), 'the body');
  return wire.rest();
}

// The next response on a wire: { status, reason, headers, bytes, body, json }.
export async function takeResponse(wire, method = 'GET') {
  const head = parseHead((await wire.takeUntil('\r\n\r\n', 'a response')).toString('latin1'));
  if (head.status === 100) return takeResponse(wire, method);
  const bytes = await takeBody(wire, method, head);
  const body = bytes.toString();
  return { ...head, bytes, body, get json() { return JSON.parse(body); } };
}

export function requestBytes(method, url, { headers = {}, body, version = '1.1' } = {}) {
  const all = { Host: 'localhost', ...headers };
  if (body !== undefined && !('Transfer-Encoding' in all))
    all['Content-Length'] ??= Buffer.byteLength(body);
  const lines = Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [value].flat().map((v) => `${name}: ${v}\r\n`));
  const head = Buffer.from(`${method} ${url} HTTP/${version}\r\n${lines.join('')}\r\n`, 'latin1');
  return Buffer.concat([head, Buffer.from(body ?? '')]);
}

// A request on a connection of its own. `done` is its response, `wire` what it travels on.
export function startRequest(port, method, url, options = {}) {
  const wire = new Wire(port, options);
  wire.write(requestBytes(method, url, options));
  const done = takeResponse(wire, method).then((r) => {
    if (!options.keep) wire.close();
    return r;
  });
  done.catch(() => {}); // whoever awaits it hears of it
  return { wire, done };
}

// ---- WebSocket ------------------------------------------------------------------------------------

export const upgradeHeaders = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

export const op = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

function frameHead(flags, masked, n) {
  const bit = masked ? 0x80 : 0;
  if (n < 126) return Buffer.from([flags, bit | n]);
  if (n < 65536) {
    const b = Buffer.from([flags, bit | 126, 0, 0]);
    b.writeUInt16BE(n, 2);
    return b;
  }
  const b = Buffer.alloc(10);
  b[0] = flags;
  b[1] = bit | 127;
  b.writeBigUInt64BE(BigInt(n), 2);
  return b;
}

// One client frame, right or wrong.
export function frame(opcode, payload = '', { fin = true, masked = true, rsv = 0 } = {}) {
  const data = Buffer.from(payload);
  const head = frameHead((fin ? 0x80 : 0) | (rsv << 4) | opcode, masked, data.length);
  if (!masked) return Buffer.concat([head, data]);
  const mask = crypto.randomBytes(4);
  for (let i = 0; i < data.length; i++) data[i] ^= mask[i & 3];
  return Buffer.concat([head, mask, data]);
}

// A WebSocket client over a Wire whose handshake is done. It answers a close frame as a browser
// does, unless told to be `rude`.
export class Socket {
  constructor(wire, response, { rude = false } = {}) {
    this.wire = wire;
    this.response = response;
    this.rude = rude;
    this.closeCode = undefined;
    this.messages = [];
    this.frames = [];
    this.state = new Watched();
    this.#read().catch((e) => {
      this.failure = e;
      this.state.changed();
    });
  }

  async #takeFrame() {
    const [flags, size] = await this.wire.take(() => 2, 'a frame');
    let n = size & 127;
    if (n === 126) n = (await this.wire.take(() => 2)).readUInt16BE();
    else if (n === 127) n = Number((await this.wire.take(() => 8)).readBigUInt64BE());
    const payload = n > 0 ? await this.wire.take(() => n) : Buffer.alloc(0);
    assert.equal(size & 128, 0, 'a server never masks');
    assert.equal(flags & 0xf0, 0x80, 'one whole frame, no extension');
    return { opcode: flags & 15, payload };
  }

  async #read() {
    for (;;) {
      const f = await this.#takeFrame();
      this.frames.push(f);
      if (f.opcode === op.text) this.messages.push(f.payload.toString());
      if (f.opcode === op.binary) this.messages.push(f.payload);
      if (f.opcode === op.ping) this.wire.write(frame(op.pong, f.payload));
      if (f.opcode === op.close) {
        this.closeCode = f.payload.length >= 2 ? f.payload.readUInt16BE() : 1005;
        if (!this.rude) this.wire.write(frame(op.close, f.payload.subarray(0, 2)));
      }
      this.state.changed();
    }
  }

  send(data) {
    this.wire.write(frame(typeof data === 'string' ? op.text : op.binary, data));
    return this;
  }

  write(bytes) {
    this.wire.write(bytes);
    return this;
  }

  // The next message: a string, or a Buffer for a binary one.
  async next() {
    await this.state.when(() => {
      if (this.messages.length > 0) return true;
      if (this.failure) throw this.failure;
      return undefined;
    });
    return this.messages.shift();
  }

  // The next frame with this opcode, data frames included.
  async nextFrame(opcode) {
    return this.state.when(() => {
      const at = this.frames.findIndex((f) => f.opcode === opcode);
      if (at >= 0) return this.frames.splice(at, 1)[0];
      if (this.failure) throw this.failure;
      return undefined;
    });
  }

  // Once the server has ended the connection: the code of its close frame, 1006 without one.
  async closed() {
    await this.wire.when(() => this.wire.ended ?? undefined);
    await this.state.when(() => this.failure);
    return this.closeCode ?? 1006;
  }

  close() {
    this.wire.close();
  }
}

// ---- a server, as its clients see it ----------------------------------------------------------------

export class Server extends Watched {
  constructor(port) {
    super();
    this.port = port;
    this.wires = [];
  }

  wire(options) {
    const w = new Wire(this.port, options);
    this.wires.push(w);
    return w;
  }

  // A target that begins with '/' is taken as it is, another one is the query of the engine's path.
  url(target) {
    return target.startsWith('/') ? target : `/socket.io/?${target}`;
  }

  start(method, target, options) {
    const r = startRequest(this.port, method, this.url(target), options);
    this.wires.push(r.wire);
    return r;
  }

  request(method, target, options) {
    return this.start(method, target, options).done;
  }

  get(target, headers) {
    return this.request('GET', target, { headers });
  }

  post(target, body, headers) {
    return this.request('POST', target, { headers, body });
  }

  // An upgrade request: a Socket if it was accepted, else the response.
  async upgrade(target, { headers = {}, early, method = 'GET', ...options } = {}) {
    const wire = this.wire(options);
    const all = { ...upgradeHeaders, ...headers };
    wire.write(requestBytes(method, this.url(target), { headers: all }));
    if (early) wire.write(early);
    const head = parseHead((await wire.takeUntil('\r\n\r\n', 'a response')).toString('latin1'));
    if (head.status === 101) return new Socket(wire, head, options);
    const bytes = await takeBody(wire, method, head);
    return { ...head, body: bytes.toString(), ended: await wire.when(() => wire.ended ?? undefined) };
  }

  // By the time this is answered, what was sent before has been read.
  async caughtUp() {
    await this.get('/socket.io/');
  }

  hangUp() {
    for (const w of this.wires) w.close();
  }
}

// A port below those that the kernel gives to whoever asks: it stays free.
export function freePort() {
  return new Promise((done) => {
    const port = 20_000 + crypto.randomInt(10_000);
    const server = net.createServer().listen(port, '127.0.0.1', () => server.close(() => done(port)));
    server.on('error', () => done(freePort()));
  });
}

// ---- the host ---------------------------------------------------------------------------------------

const trouble = /AddressSanitizer|LeakSanitizer|runtime error:|Sanitizer:/;

export class Host extends Server {
  constructor(flags) {
    super();
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.flags = flags;
    this.lines = [];
    this.read = 0;
    this.marks = 0;
    this.err = '';
    this.process = spawn(hostProgram, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#collect();
  }

  #collect() {
    let partial = '';
    this.process.stdout.on('data', (d) => {
      const parts = (partial + d).split('\n');
      partial = parts.pop();
      this.lines.push(...parts);
      this.changed();
    });
    this.process.stderr.on('data', (d) => {
      this.err += d;
      this.changed();
    });
    this.exit = new Promise((done, fail) => {
      this.process.on('error', fail);
      this.process.on('close', (code, signal) => done(signal ?? code));
    });
    this.exit.then(
      (how) => {
        this.ended = how;
        this.changed();
      },
      () => {}
    );
  }

  static async start(flags = {}) {
    const host = new Host(flags);
    const line = await within(TEST_MS, Promise.race([host.line(/^listening/), host.exit]), 'host');
    if (typeof line !== 'string') throw new Error(`the host ended with ${line}: ${host.err}`);
    host.port = Number(line.split(' ')[1]);
    return host;
  }

  // The next line that matches, of those not taken yet; what comes before it is skipped.
  async line(pattern) {
    return this.when(() => {
      for (let i = this.read; i < this.lines.length; i++) {
        if (!pattern.test(this.lines[i])) continue;
        this.read = i + 1;
        return this.lines[i];
      }
      if (this.ended === undefined) return undefined;
      throw new Error(`the host ended (${this.ended}) before saying ${pattern}: ${this.err}`);
    });
  }

  said(pattern) {
    return this.lines.filter((line) => pattern.test(line)).length;
  }

  // Ends it and tells what is wrong with how it ended, or ''.
  async stop() {
    if (this.said(/^closing/) === 0) this.process.kill('SIGTERM');
    let code;
    try {
      code = await within(STOP_MS, this.exit, 'end of the host after SIGTERM');
    } catch (e) {
      this.process.kill('SIGKILL');
      return `${e.message}\n${this.err}`;
    }
    this.hangUp();
    if (trouble.test(this.err)) return this.err;
    if (code !== 0) return `the host ended with ${code}\n${this.err}`;
    return this.said(/^loop empty$/) === 1 ? '' : 'the host did not say that its loop is empty';
  }

  // And what it said until now is in `lines`.
  async caughtUp() {
    const n = this.marks++;
    await this.get(`/mark?n=${n}`);
    await this.when(() => this.lines.includes(`mark ${n}`) || undefined);
  }

  // How many lines fit, once all that it said until now is here.
  async told(pattern) {
    await this.caughtUp();
    return this.said(pattern);
  }

  async stats() {
    return (await this.get('/stats')).json;
  }

  // One on a port that can be had again.
  static async startOnPort(flags = {}) {
    return Host.start({ ...flags, port: await freePort() });
  }

  // Once a gauge of /stats has this value.
  async settled(name, value) {
    for (;;) {
      const now = await this.stats();
      if (now[name] === value) return;
      await sleep(20);
    }
  }
}

// ---- Engine.IO sessions -------------------------------------------------------------------------------

// A session over long-polling.
export class Polling {
  constructor(host, response, query) {
    this.host = host;
    this.response = response;
    this.handshake = JSON.parse(response.body.slice(1));
    this.sid = this.handshake.sid;
    this.query = `EIO=4&transport=polling${query}&sid=${this.sid}`;
    this.wsQuery = `EIO=4&transport=websocket&sid=${this.sid}`;
  }

  static async open(host, { query = '', headers } = {}) {
    const r = await host.get(`EIO=4&transport=polling${query}`, headers);
    equal(r.status, 200, r.body);
    return new Polling(host, r, query);
  }

  start(method, options) {
    return this.host.start(method, this.query, options);
  }

  // The body of the next poll.
  async poll() {
    const r = await this.host.get(this.query);
    equal(r.status, 200, r.body);
    return r.body;
  }

  async send(body, headers) {
    const r = await this.host.post(this.query, body, headers);
    equal([r.status, r.body], [200, 'ok']);
  }

  // Joins "/" (or what the packet says) and takes the reply.
  async join(packet = '40') {
    await this.send(packet);
    return this.poll();
  }

  // The host knows this sid no more.
  async dead() {
    const r = await this.host.get(this.query);
    equal([r.status, r.body], [400, '{"code":1,"message":"Session ID unknown"}']);
  }

  async probe() {
    const w = await this.host.upgrade(this.wsQuery);
    w.send('2probe');
    equal(await w.next(), '3probe');
    return w;
  }

  // To a WebSocket, while no poll is open.
  async upgrade() {
    const w = await this.probe();
    w.send('5');
    return w;
  }
}

// A session over WebSocket: its socket, the handshake taken.
export async function openWebSocket(host, { query = '', ...options } = {}) {
  const w = await host.upgrade(`EIO=4&transport=websocket${query}`, options);
  ok(w instanceof Socket, `refused with ${w.status}: ${w.body}`);
  const text = await w.next();
  equal(text[0], '0');
  w.handshake = JSON.parse(text.slice(1));
  w.sid = w.handshake.sid;
  return w;
}

export async function joined(host, options) {
  const w = await openWebSocket(host, options);
  w.send('40');
  let first;
  while ((first = await w.next()) === '2') w.send('3');
  match(first, /^40\{"sid":"/);
  return w;
}

// ---- a connection that can be cut ----------------------------------------------------------------------

// Between clients and a host. cut() breaks what goes through it; "silent" leaves the host believing
// that its peer is there.
export class Proxy {
  static async open(port) {
    const proxy = new Proxy();
    proxy.pairs = new Set();
    proxy.left = new Set();
    proxy.server = net.createServer((down) => {
      const up = net.connect(port, '127.0.0.1');
      const pair = { down, up };
      proxy.pairs.add(pair);
      for (const [from, to] of [[down, up], [up, down]]) {
        from.setNoDelay(true);
        from.on('error', () => {});
        from.on('data', (d) => to.write(d));
        from.on('close', () => proxy.pairs.has(pair) && proxy.#drop(pair));
      }
    });
    await new Promise((done) => proxy.server.listen(0, '127.0.0.1', done));
    proxy.port = proxy.server.address().port;
    return proxy;
  }

  #drop(pair) {
    this.pairs.delete(pair);
    pair.down.destroy();
    pair.up.destroy();
  }

  cut(silent = false) {
    for (const pair of [...this.pairs]) {
      if (silent) {
        this.pairs.delete(pair);
        this.left.add(pair.up);
        pair.up.removeAllListeners('data');
        pair.up.resume();
        pair.up.on('close', () => this.left.delete(pair.up));
        pair.down.destroy();
      } else {
        this.#drop(pair);
      }
    }
  }

  close() {
    this.server.close();
    this.cut();
    for (const up of this.left) up.destroy();
  }
}

// ---- clients, as a program uses them -----------------------------------------------------------------

const EVENT_MS = 30_000;

export const ways = {
  'default transports': {},
  'polling only': { transports: ['polling'] },
  'websocket only': { transports: ['websocket'] },
};

export const bytes = (...list) => Buffer.from(list);

// The arguments of the next event of that name.
export function event(emitter, name) {
  const next = new Promise((done) => emitter.once(name, (...args) => done(args)));
  const came = within(EVENT_MS, next, name);
  came.catch(() => {}); // whoever awaits it hears of it
  return came;
}

// The client, once it is.
export const connected = (client) =>
  within(EVENT_MS, new Promise((done, fail) => {
    client.once('connect', () => done(client));
    client.once('connect_error', fail);
  }), 'connect');

// The answer to an emit with a callback.
export const ask = (client, ...args) =>
  within(EVENT_MS, new Promise((done) => client.emit(...args, (...answer) => done(answer))), args[0]);

// ---- tests -----------------------------------------------------------------------------------------------

const tests = [];

// ms: how long it may take, when that is more than usual.
export function test(name, body, { ms = TEST_MS } = {}) {
  tests.push({ name, body, ms });
}

class Test {
  hosts = [];

  constructor(flags) {
    this.flags = flags;
  }

  async host(flags) {
    const host = await Host.start({ ...this.flags, ...flags });
    this.hosts.push(host);
    return host;
  }

  async finish() {
    const wrong = await Promise.all(this.hosts.map((host) => host.stop()));
    return wrong.filter((text) => text !== '');
  }
}

async function runOne({ name, body, ms }, flags) {
  const t = new Test(flags);
  const wrong = [];
  try {
    await within(ms, body(t), 'end of the test');
  } catch (e) {
    wrong.push(e.stack ?? String(e));
    for (const host of t.hosts) wrong.push(`the host said:\n  ${host.lines.join('\n  ')}`);
  }
  wrong.push(...(await t.finish()));
  if (wrong.length > 0) console.log(`FAILED ${name}\n${wrong.join('\n').replace(/^/gm, '    ')}`);
  else if (process.env.VERBOSE) console.log(`ok ${name}`);
  return wrong.length === 0;
}

function chosen() {
  const filter = process.argv[2] ?? '';
  const pattern = filter.match(/^\/(.*)\/$/);
  return tests.filter(({ name }) =>
    pattern ? new RegExp(pattern[1]).test(name) : name.includes(filter)
  );
}

// Runs the tests, a few at once, and ends the process. report(results) is told before that which
// passed: a Map from names to whether. Every host gets `flags`, unless its test says otherwise.
export async function run({ atOnce = AT_ONCE, report, flags } = {}) {
  if (process.argv[2] === '--list') {
    for (const { name } of tests) console.log(name);
    process.exit(0);
  }
  const queue = chosen();
  const results = new Map();
  const worker = async () => {
    for (let one; (one = queue.shift()); ) results.set(one.name, await runOne(one, flags));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  report?.(results);
  const passed = [...results.values()].filter(Boolean).length;
  const failed = results.size - passed;
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 || passed === 0 ? 1 : 0);
}
