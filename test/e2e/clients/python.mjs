// SPDX-License-Identifier: MIT
//
// python.mjs - drives python-socketio: one process (driver.py) with all clients of one kind.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from '../lib.mjs';
import { Client, NAMES, Refused } from './client.mjs';

const python = process.env.PYTHON ?? '/usr/bin/python3';
const script = fileURLToPath(new URL('driver.py', import.meta.url));

// Bytes travel as {"bytes": base64}.
const pack = (value) =>
  JSON.stringify(value, function (key, v) {
    return Buffer.isBuffer(this[key]) ? { bytes: this[key].toString('base64') } : v;
  });
const unpack = (text) =>
  JSON.parse(text, (_, v) =>
    typeof v?.bytes === 'string' && Object.keys(v).length === 1 ? Buffer.from(v.bytes, 'base64') : v);

// The process; it ends with this one.
class Driver {
  #waiting = new Map();
  #clients = new Map();
  #nextCall = 0;

  constructor(kind) {
    this.process = spawn(python, [script, kind, ...NAMES], { stdio: ['pipe', 'pipe', 'pipe'] });
    let complaints = '';
    this.process.stderr.on('data', (d) => (complaints += d));
    this.process.on('error', (e) => this.#fail(e));
    this.process.on('exit', (code) => this.#fail(new Error(`driver.py ended with ${code}: ${complaints}`)));
    const lines = createInterface({ input: this.process.stdout });
    lines.on('line', (line) => this.#on(unpack(line)));
    const { stdin, stdout, stderr } = this.process;
    for (const handle of [this.process, stdin, stdout, stderr]) handle.unref();
  }

  #fail(e) {
    this.broken = e;
    for (const { fail } of this.#waiting.values()) fail(e);
  }

  #on({ call, value, error, client, name, args }) {
    if (call === undefined) {
      this.#clients.get(client)?.hear(name, args);
      return;
    }
    const { done, fail } = this.#waiting.get(call);
    this.#waiting.delete(call);
    if (error) fail(error.refused ? new Refused(error.refused) : new Error(error.text));
    else done(value);
  }

  call(verb, client, args) {
    if (this.broken) return Promise.reject(this.broken);
    const call = this.#nextCall++;
    this.process.stdin.write(`${pack({ call, verb, client, args })}\n`);
    return new Promise((done, fail) => this.#waiting.set(call, { done, fail }));
  }

  add(key, client) {
    this.#clients.set(key, client);
  }
}

class Python extends Client {
  constructor(driver, number, nsp) {
    super();
    this.driver = driver;
    this.number = number;
    this.nsp = nsp;
    driver.add(`${number}${nsp}`, this);
  }

  verb(name, ...args) {
    return within(60_000, this.driver.call(name, this.number, args), name);
  }

  // Connected, the second namespace too.
  static async open(driver, number, url, { nsp = '/', also, ...options }) {
    const client = new Python(driver, number, nsp);
    if (also) client.other = new Python(driver, number, also);
    client.wire = await client.verb('open', url, also ? [nsp, also] : [nsp], options);
    for (const c of also ? [client, client.other] : [client]) {
      await c.next('connect');
      c.id = await c.verb('id', c.nsp);
    }
    return client;
  }

  transport() {
    return this.wire;
  }

  emit(name, ...args) {
    return this.verb('emit', this.nsp, name, args);
  }

  send(arg) {
    return this.verb('send', this.nsp, arg);
  }

  request(name, args) {
    return this.driver.call('ask', this.number, [this.nsp, name, args]);
  }

  askWithin(ms, name) {
    return this.verb('ask_within', this.nsp, name, ms);
  }

  disconnect() {
    return this.verb('disconnect');
  }
}

export function openWith(kind) {
  let driver;
  let count = 0;
  return (url, options) => {
    driver ??= new Driver(kind);
    return Python.open(driver, count++, url, options);
  };
}
