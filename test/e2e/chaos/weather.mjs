// SPDX-License-Identifier: MIT
//
// weather.mjs - a TCP proxy between clients and a server that treats each connection as networks
// do: bytes late, cut anywhere, joined; and, where it may do harm, connections that break. What it
// does is drawn from a seed.
import net from 'node:net';

// mulberry32
const dice = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

export class Draw {
  constructor(seed) {
    this.roll = dice(seed);
  }

  below(n) {
    return Math.floor(this.roll() * n);
  }

  of(list) {
    return list[this.below(list.length)];
  }

  often(share) {
    return this.roll() < share;
  }
}

// xmlhttprequest-ssl, with which the clients poll on Node.js, throws a TypeError if a connection ends
// after its request was aborted. The client has given up that request already.
const isErrorOfAbortedRequest = (e) =>
  e instanceof TypeError && e.message.includes("'reusedSocket'") && e.stack.includes('xmlhttprequest-ssl');
process.on('uncaughtException', (e) => {
  if (!isErrorOfAbortedRequest(e)) throw e;
});

const END = Symbol('end');

// One direction of a connection.
class Stream {
  constructor(from, to, draw) {
    this.to = to;
    this.draw = draw;
    this.slowest = draw.of([0, 0, 1, 3, 8, 15]); // ms
    this.cuts = draw.of([0, 0, 1, 3]);
    this.waiting = [];
    this.due = 0;
    this.passed = 0;
    this.budget = Infinity; // bytes until `spent` is called
    from.on('data', (d) => this.#take(d));
    from.on('end', () => this.#queue(END));
  }

  #queue(what) {
    this.due = Math.max(this.due, performance.now() + this.draw.roll() * this.slowest);
    this.waiting.push({ what, due: this.due });
    this.#later();
  }

  #later() {
    setTimeout(() => this.#deliver(), Math.ceil(this.due - performance.now()));
  }

  #take(d) {
    const cuts = Array.from({ length: this.cuts }, () => this.draw.below(d.length + 1));
    let at = 0;
    for (const cut of [...cuts.sort((a, b) => a - b), d.length]) {
      if (cut > at) this.#queue(d.subarray(at, cut));
      at = cut;
    }
  }

  // All that is due goes at once.
  #deliver() {
    const now = performance.now();
    const ready = [];
    let ends = false;
    while (!this.held && this.waiting.length > 0 && this.waiting[0].due <= now) {
      const { what } = this.waiting.shift();
      if (what === END) ends = true;
      else ready.push(what);
    }
    if (this.waiting.length > 0 && !this.held) this.#later();
    const bytes = Buffer.concat(ready);
    this.passed += bytes.length;
    if (bytes.length > 0) this.to.write(bytes);
    if (ends) this.to.end();
    if (this.passed >= this.budget) {
      this.budget = Infinity;
      this.spent();
    }
  }

  hold() {
    this.held = true;
  }

  release() {
    this.held = false;
    this.#deliver();
  }
}

class Pair {
  constructor(weather, down, up, draw) {
    this.weather = weather;
    this.ends = [down, up];
    for (const s of this.ends) {
      s.setNoDelay(true);
      s.on('error', () => this.reset());
      s.on('close', () => this.#closed());
    }
    this.streams = [new Stream(down, up, draw), new Stream(up, down, draw)];
    if (weather.harm) this.#doom(draw);
  }

  #closed() {
    if (this.ends.every((s) => s.destroyed)) this.weather.pairs.delete(this);
  }

  // Both ends hear of it at once, and what was under way is lost.
  reset() {
    for (const s of this.ends) {
      if (s.writableEnded) s.destroy(); // libuv resets nothing that was shut down
      else if (!s.destroyed) s.resetAndDestroy();
    }
  }

  #hold(ms, then) {
    this.streams.forEach((s) => s.hold());
    this.timer = setTimeout(then, ms);
  }

  // What becomes of it, and after how many bytes in one of the directions.
  #doom(draw) {
    const stream = draw.of(this.streams), other = this.streams.find((s) => s !== stream);
    const ms = 20 + draw.below(150);
    const fates = {
      none: () => {},
      reset: () => this.reset(),
      'half-close': () => {
        stream.hold();
        stream.to.end();
      },
      stall: () => this.#hold(ms, () => this.streams.forEach((s) => s.release())),
      'stall and reset': () => this.#hold(ms, () => this.reset()),
      silence: () => this.#hold(0, () => {}),
      'one way': () => other.hold(),
    };
    const name = draw.of(['none', 'none', 'none', ...Object.keys(fates)]);
    if (name === 'none') return;
    stream.budget = draw.below(3000);
    stream.spent = fates[name];
  }
}

export class Weather {
  static async open(port, seed, { harm = false } = {}) {
    const w = new Weather();
    w.harm = harm;
    w.pairs = new Set();
    let count = 0;
    w.server = net.createServer({ allowHalfOpen: true }, (down) => {
      const up = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      w.pairs.add(new Pair(w, down, up, new Draw(seed * 7919 + count++)));
    });
    await new Promise((done) => w.server.listen(0, '127.0.0.1', done));
    w.port = w.server.address().port;
    return w;
  }

  // From now on it does no harm to new connections, and those under way are reset.
  clear() {
    this.harm = false;
    for (const pair of this.pairs) pair.reset();
  }

  close() {
    this.server.close();
    for (const pair of this.pairs) {
      clearTimeout(pair.timer);
      pair.reset();
    }
  }
}
