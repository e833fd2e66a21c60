// SPDX-License-Identifier: MIT
//
// threads_lib.mjs - the program test/e2e/host/threads.c, for threads.mjs and threads_chaos.mjs.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { equal, ok, within } from './lib.mjs';

export const THREADS = 4;
export const LONG = 60_000;
const trouble = /Sanitizer|runtime error/;
const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.LIBSIO_BUILD ?? path.join(here, '../../build/asan');

// A client that closes in the middle of a poll asks once more for its session, which has ended.
export const USUAL_LOG = /Session ID unknown|more log lines/;

export class Threads {
  static async start(...more) {
    const host = new Threads();
    host.process = spawn(path.join(build, 'test/e2e/threads'), [String(THREADS), ...more],
      { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, RECOVERY: '1' } });
    host.out = host.err = '';
    host.exit = new Promise((done) => host.process.on('close', (code, how) => done(how ?? code)));
    host.process.stderr.on('data', (d) => { host.err += d; });
    await within(LONG, new Promise((done, fail) => {
      host.exit.then((how) => fail(new Error(`the host ended with ${how}: ${host.err}`)));
      host.process.stdout.on('data', (d) => {
        host.out += d;
        const found = /listening (\d+)\n/.exec(host.out);
        if (found) host.port = Number(found[1]);
        if (found) done();
      });
    }), 'port');
    host.clients = [];
    return host;
  }

  // A client that is connected.
  async client(options = {}) {
    const scheme = this.ca ? 'https' : 'http';
    const s = io(`${scheme}://127.0.0.1:${this.port}`,
      { forceNew: true, reconnection: false, ca: this.ca, ...options });
    this.clients.push(s);
    s.on('question', (...args) => args.at(-1)('answer'));
    await within(LONG, new Promise((done, fail) => {
      s.on('connect', done);
      s.on('connect_error', fail);
    }), 'connect');
    return s;
  }

  many(n, options) {
    return Promise.all(Array.from({ length: n }, () => this.client(options)));
  }

  // expected: the log lines that are no fault.
  async stop(expected = USUAL_LOG) {
    for (const s of this.clients) s.disconnect();
    this.process.stdin.end();
    equal([await within(LONG, this.exit, 'end of the host'), trouble.test(this.err) && this.err], [0, false]);
    ok(/stopped\n/.test(this.out));
    equal(this.err.split('\n').filter((line) => line && !expected.test(line)), []);
  }
}

export const ask = (s, ...args) => within(LONG, s.emitWithAck(...args), `ack of ${args[0]}`);
