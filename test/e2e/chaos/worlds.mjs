// SPDX-License-Identifier: MIT
//
// worlds.mjs - the servers that chaos.mjs tells its stories to: ours (test/e2e/host/tale.c), and
// the reference, which does the same with the same events.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { Server as Reference } from 'socket.io';
import { Watched } from '../lib.mjs';

const GONE = /^gone (\S+) (\S+) (\d+) (\d+) (\d+) (\d+) (\d+) (.*)$/;
const DATA = 64; // bytes of a socket: see tale.c

// What the server said of sockets that went, by tag and namespace.
class World {
  constructor() {
    this.ends = new Map();
  }

  went(tag, nsp, end) {
    const key = `${tag} ${nsp}`;
    if (!this.ends.has(key)) this.ends.set(key, []);
    this.ends.get(key).push(end);
  }

  endsOf(tag, nsp) {
    return this.ends.get(`${tag} ${nsp}`) ?? [];
  }

  // How socket number `count` of that tag ended there.
  async end(tag, nsp = '/', count = 1) {
    return this.changes.when(() => {
      this.look();
      return this.endsOf(tag, nsp)[count - 1];
    });
  }
}

class Ours extends World {
  constructor(host) {
    super();
    this.host = this.changes = host;
    this.port = host.port;
    this.read = 0;
  }

  look() {
    for (; this.read < this.host.lines.length; this.read++) {
      const m = GONE.exec(this.host.lines[this.read]);
      if (!m) continue;
      const [heard, gaps, disorders, said, acked] = m.slice(3, 8).map(Number);
      this.went(m[1], m[2], { heard, gaps, disorders, said, acked, reason: m[8] });
    }
  }

  // Once nothing of anybody is left.
  async empty() {
    const all = ['sessions', 'sockets', 'acks_pending', 'rooms', 'websockets', 'queued_bytes'];
    for (const gauge of all)
      await this.host.settled(gauge, 0);
  }

  async unconnected() {
    await this.host.settled('connections', 1); // the one that asks
  }

  async close() {}
}

const after = (ms, then) => setTimeout(then, ms);

// What tale.c does.
function talk(socket, tale, left, gap, end, wait) {
  const one = () => {
    const k = tale.said++;
    const args = [k, k % 4 === 0 ? Buffer.from([1, 2, 3]) : null];
    if (k % 3 === 0) args.push((answer) => (tale.acked += answer % 3 === 0));
    socket.emit('m', ...args);
  };
  const tick = () => {
    if (!socket.connected) return;
    for (let i = 0; i < 2 && left > 0; i++, left--) one();
    if (left > 0) {
      after(gap || 1, tick);
      return;
    }
    if (wait > 0) {
      after(wait, tick);
      wait = 0;
      return;
    }
    if (end === 'leave') socket.disconnect();
    if (end === 'close') socket.disconnect(true);
    if (end === 'engine') socket.conn.close();
    if (end === 'done') socket.emit('done');
  };
  after(gap, tick);
}

class Theirs extends World {
  static async open(options) {
    const world = new Theirs();
    world.changes = new Watched();
    world.http = createServer();
    world.io = new Reference(world.http, options);
    for (const name of ['/', '/custom']) world.#populate(world.io.of(name), name);
    world.http.listen(0, '127.0.0.1');
    await once(world.http, 'listening');
    world.port = world.http.address().port;
    return world;
  }

  look() {}

  #populate(nsp, name) {
    if (name === '/')
      nsp.use((socket, next) => {
        const [, later, text] = /^(later:)?(.*)$/.exec(socket.handshake.auth.verdict ?? 'ok');
        const give = () => next(text === 'ok' ? undefined : new Error(text.split(':')[1]));
        if (later) after(10, give);
        else give();
      });
    nsp.on('connection', (socket) => {
      const tale = { next: 0, heard: 0, gaps: 0, disorders: 0, said: 0, acked: 0 };
      socket.on('n', (k, ...rest) => {
        tale.heard++;
        if (k < tale.next) tale.disorders++;
        if (k > tale.next) tale.gaps++;
        tale.next = k + 1;
        if (typeof rest.at(-1) === 'function') rest.at(-1)(k);
      });
      socket.on('talk', (...how) => talk(socket, tale, ...how));
      socket.on('join', (room, done) => {
        socket.join(room);
        done(socket.id);
      });
      socket.on('broadcast', ({ to }, event, value, done) => {
        nsp.to(to).except(socket.id).emit(event, value);
        done(0);
      });
      socket.on('disconnect', (reason) => {
        this.went(socket.handshake.query.tag, name, { ...tale, reason });
        this.changes.changed();
      });
    });
  }

  async empty() {
    while (this.io.engine.clientsCount > 0) await new Promise((done) => after(20, done));
  }

  async unconnected() {}

  async close() {
    this.http.closeAllConnections();
    await this.io.close();
  }
}

// Options both know, and ours alone.
export async function openWorld(t, { interval, timeout, recovery, eio3, head }) {
  if (process.env.CHAOS_REFERENCE)
    return Theirs.open({
      pingInterval: interval, pingTimeout: timeout, allowEIO3: eio3,
      ...(recovery && { connectionStateRecovery: {} }),
    });
  return new Ours(await t.host({
    data: DATA, middleware1: 'auth', think: 10, 'ping-interval': interval, 'ping-timeout': timeout,
    ...(recovery && { recovery: 'on' }), ...(eio3 && { eio3: 1 }),
    ...(head && { 'head-timeout': head, 'body-timeout': head, 'close-timeout': head }),
  }));
}
