// SPDX-License-Identifier: MIT
//
// threads_chaos.mjs - many clients on servers of four threads on one port, through a proxy that
// delays, cuts and breaks their connections (chaos/weather.mjs). They poll, upgrade, break and are
// recovered on any thread, while talkers send numbered broadcasts. Each client hears each number
// once and in order for as long as it is the same socket, and it becomes another one only if the
// servers have counted why. What a client says on one connection arrives without gaps.
//
//     CHAOS_CLIENTS=n   how many clients (60)     CHAOS_SECONDS=n  how long (5)
//     CHAOS_SEED=n      for the proxy (1)
//
// The long run: CHAOS_CLIENTS=1000 CHAOS_SECONDS=1200 node test/e2e/threads_chaos.mjs
import { io } from 'socket.io-client';
import { Draw, Weather } from './chaos/weather.mjs';
import { equal, ok, run, sleep, test, within } from './lib.mjs';
import { THREADS, Threads, ask } from './threads_lib.mjs';

const TALKERS = 4;
const CLIENTS = Number(process.env.CHAOS_CLIENTS ?? 60);
const SECONDS = Number(process.env.CHAOS_SECONDS ?? 5);
const SEED = Number(process.env.CHAOS_SEED ?? 1);
const LONG = 120_000 + 200 * CLIENTS;

const KINDS = [{}, {}, { transports: ['polling'] }, { transports: ['websocket'] },
  { transports: ['websocket', 'polling'] }];
const USUAL_LOG = /Session ID unknown|more log lines|did not arrive within head_timeout_ms|^eio: (session|upgrade of session|a WebSocket of) /;

// A client notes the last number of each talker and of its own echoes, and looks at the next one.
class Listener {
  constructor(port, draw, faults, counts) {
    Object.assign(this, { faults, counts, last: [], echo: [0, -1], said: 0, connection: 0, thread: -1 });
    this.socket = io(`http://127.0.0.1:${port}`, {
      forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 200, timeout: 5000 + 20 * CLIENTS, ...draw.of(KINDS),
    });
    // What came before a CONNECT that did not arrive would be heard twice: see docs/guide.md.
    this.socket.io.on('open', () => { this.socket.receiveBuffer = []; });
    this.socket.on('connect', () => this.#connected());
    this.socket.on('all', (x) => this.#hear(x));
    this.socket.on('echo', (x) => this.#hearEcho(x));
    this.socket.io.on('open', () => this.socket.io.engine.on('upgrade', () => counts.upgrades++));
  }

  #fault(what) {
    this.faults.push(`client ${this.socket.id}, connection ${this.connection}: ${what}`);
  }

  #connected() {
    this.connection++;
    this.said = 0;
    this.counts.connections++;
    this.pid = this.socket._pid;
    if (this.socket.recovered) this.counts.recovered++;
    else if (this.connection > 1) this.counts.anew++;
    if (!this.socket.recovered) this.last = [];
    this.socket.emit('where', (thread) => {
      if (this.socket.recovered && thread !== this.thread) this.counts.moved++;
      this.thread = thread;
    });
  }

  #hear([talker, n]) {
    const last = this.last[talker];
    if (last !== undefined && n !== last + 1) this.#fault(`${n} of ${talker} after ${last}`);
    this.last[talker] = n;
    this.counts.heard++;
  }

  // Events on a connection that breaks may be lost on the way to the server.
  #hearEcho([connection, n]) {
    const [last, k] = this.echo;
    if (connection < last || n !== (connection === last ? k + 1 : 0))
      this.#fault(`echo ${n} of connection ${connection} after ${k} of ${last}`);
    this.echo = [connection, n];
    this.counts.echoes++;
  }

  // If the client finds that the ping is overdue, it closes the connection and keeps the event for the next
  // one. What it has said before may be lost with the connection, so the event would seem to come after a gap.
  say() {
    if (!this.socket.connected) return;
    this.socket.emit('echo', [this.connection, this.said++], () => {});
    const kept = this.socket.sendBuffer.findIndex(({ data: [name, x] }) => name === 'echo' && x[0] === this.connection);
    if (kept >= 0) this.socket.sendBuffer.splice(kept, 1);
    if (kept >= 0) this.counts.overdue++;
  }

  breakOff() {
    this.socket.io.engine?.close();
  }
}

class Chaos {
  static async begin() {
    const c = new Chaos();
    c.draw = new Draw(SEED);
    c.faults = [];
    c.counts = { connections: 0, recovered: 0, anew: 0, moved: 0, upgrades: 0, heard: 0, echoes: 0, overdue: 0 };
    c.sent = new Array(TALKERS).fill(0);
    c.listeners = [];
    c.host = await Threads.start();
    c.talkers = await c.host.many(TALKERS, { transports: ['websocket'] });
    c.weather = await Weather.open(c.host.port, SEED, { harm: true });
    return c;
  }

  async come() {
    for (let i = 0; i < CLIENTS; i++) {
      this.listeners.push(new Listener(this.weather.port, this.draw, this.faults, this.counts));
      if (i % 10 === 9) await sleep(50);
    }
  }

  talk(i) {
    this.talkers[i].emit('all', [i, this.sent[i]++], () => {});
  }

  anyone() {
    return this.listeners[this.draw.below(CLIENTS)];
  }

  // A slow machine needs longer until each of these has happened.
  #hasSeenAll() {
    const { recovered, moved, upgrades, echoes } = this.counts;
    return recovered > 0 && moved > 0 && upgrades > 0 && echoes > 0;
  }

  async go() {
    const until = performance.now() + SECONDS * 1000, pause = Math.max(5, CLIENTS / 4);
    for (let round = 0; performance.now() < until || !this.#hasSeenAll(); round++) {
      if (this.#mostHaveHeard()) this.talk(round % TALKERS);
      for (let i = 0; i < 4; i++) this.anyone().say();
      if (this.draw.often(0.2)) this.anyone().breakOff();
      await sleep(this.draw.below(2 * pause));
      equal(this.faults, []);
    }
  }

  #isThere(l) {
    return l.socket.connected && this.sent.every((n, i) => l.last[i] === n - 1);
  }

  // Of the broadcasts so far, but for a few: a busy machine is not given more than it can do.
  #mostHaveHeard() {
    const late = this.listeners.filter((l) => l.socket.connected && this.sent.some((n, i) => l.last[i] < n - 8));
    return late.length < CLIENTS / 4;
  }

  #missing() {
    return this.listeners.filter((l) => !this.#isThere(l));
  }

  // The weather clears, and everyone hears the last numbers. A new socket has heard none yet.
  async settle() {
    this.weather.clear();
    const until = performance.now() + LONG;
    for (let round = 0; this.#missing().length; round++) {
      if (round % 40 === 0 && this.#missing().every((l) => l.socket.connected)) this.sent.forEach((n, i) => this.talk(i));
      await sleep(100);
      equal(this.faults, []);
      if (performance.now() > until)
        equal(this.#missing().map((l) => [l.socket.connected, l.socket.io._readyState, ...l.last]), this.sent);
    }
  }

  // A session whose connection vanished is there until its ping times out.
  async #sumWithoutVanished() {
    for (;;) {
      const sum = await ask(this.talkers[0], 'sum');
      if (sum.sockets <= CLIENTS + TALKERS) return sum;
      await sleep(200);
    }
  }

  async look() {
    const sum = await within(LONG, this.#sumWithoutVanished(), 'sessions that vanished end'), { counts } = this;
    console.log(`${CLIENTS} clients, ${this.sent.reduce((a, b) => a + b)} broadcasts,`, counts, sum);
    equal([sum.servers, sum.sockets, sum.lost], [THREADS, CLIENTS + TALKERS, 0]);
    ok(counts.anew <= sum.failed.reduce((a, b) => a + b), 'a new socket, and nothing counted');
  }

  async end() {
    for (const l of this.listeners) l.socket.disconnect();
    this.weather.close();
    await this.host.stop(USUAL_LOG);
  }
}

test('each client hears each number once and in order, on whichever thread it is', async () => {
  const chaos = await Chaos.begin();
  try {
    await chaos.come();
    await chaos.go();
    await chaos.settle();
    await chaos.look();
    await chaos.end();
  } finally {
    chaos.host.process.kill('SIGKILL');
  }
}, { ms: SECONDS * 1000 + 3 * LONG });

await run();
