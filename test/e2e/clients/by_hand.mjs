// SPDX-License-Identifier: MIT
//
// by_hand.mjs - drives engine.io-client, and speaks Socket.IO's packets itself: what a client
// is that somebody wrote from the protocol's description.
import { Socket as Engine } from 'engine.io-client';
import { within } from '../lib.mjs';
import { Client, NAMES, Refused, plain } from './client.mjs';

const CONNECT = '0', DISCONNECT = '1', EVENT = '2', ACK = '3', CONNECT_ERROR = '4';
const BINARY = { [EVENT]: '5', [ACK]: '6' };
const PLAIN = { 5: EVENT, 6: ACK };
const PACKET = /^(\d)(?:(\d+)-)?(?:(\/[^,]*),)?(\d+)?(.*)$/s;

// The value with placeholders for its binary, which goes to `out`.
function takeOut(value, out) {
  if (Buffer.isBuffer(value)) return { _placeholder: true, num: out.push(value) - 1 };
  if (Array.isArray(value)) return value.map((v) => takeOut(v, out));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, takeOut(v, out)]));
}

function putBack(value, binaries) {
  if (Array.isArray(value)) return value.map((v) => putBack(v, binaries));
  if (value === null || typeof value !== 'object') return value;
  if (value._placeholder === true) return plain(binaries[value.num]);
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, putBack(v, binaries)]));
}

// What several namespaces share: the engine, and a packet whose binary is still to come.
class Connection {
  nsps = new Map();

  constructor(url, options) {
    this.engine = new Engine(url, options);
    this.engine.on('message', (data) => this.#on(data));
    this.engine.on('close', (why) => {
      for (const nsp of this.nsps.values()) nsp.end(why);
    });
  }

  send(type, nsp, id, value) {
    const binaries = [];
    const json = value === undefined ? '' : JSON.stringify(takeOut(value, binaries));
    const head = binaries.length > 0 ? `${BINARY[type]}${binaries.length}-` : type;
    this.engine.send(`${head}${nsp === '/' ? '' : `${nsp},`}${id ?? ''}${json}`);
    for (const binary of binaries) this.engine.send(binary);
  }

  #on(data) {
    if (typeof data !== 'string') {
      this.half.binaries.push(data);
    } else {
      const [, type, count = 0, nsp = '/', id, json] = data.match(PACKET);
      this.half = { type: PLAIN[type] ?? type, count: Number(count), nsp, id, json, binaries: [] };
    }
    if (this.half.binaries.length < this.half.count) return;
    const { type, nsp, id, json, binaries } = this.half;
    const value = json === '' ? undefined : putBack(JSON.parse(json), binaries);
    this.nsps.get(nsp).packet(type, id, value);
  }
}

class ByHand extends Client {
  #asked = new Map();
  #nextId = 0;

  constructor(connection, nsp, auth) {
    super();
    this.connection = connection;
    this.nsp = nsp;
    connection.nsps.set(nsp, this);
    this.connect(auth);
  }

  connect(auth) {
    this.in = new Promise((done, fail) => Object.assign(this, { done, fail }));
    this.connection.send(CONNECT, this.nsp, undefined, auth);
    return this.in;
  }

  end(why) {
    if (this.id) this.hear('disconnect', [why]);
    this.id = undefined;
  }

  packet(type, id, value) {
    if (type === CONNECT) {
      this.id = value.sid;
      this.done();
    } else if (type === CONNECT_ERROR) {
      this.fail(new Refused(value));
    } else if (type === DISCONNECT) {
      this.end('io server disconnect');
    } else if (type === ACK) {
      this.#asked.get(id)(value);
    } else {
      this.#event(id, value);
    }
  }

  #event(id, [name, ...args]) {
    if (name === 'question') this.connection.send(ACK, this.nsp, id, ['heard', args[0]]);
    else if (NAMES.includes(name)) this.hear(name, args);
    else this.hear('*', [name, ...args]);
  }

  transport() {
    return this.connection.engine.transport.name;
  }

  async emit(...event) {
    this.connection.send(EVENT, this.nsp, undefined, event);
  }

  send(...args) {
    return this.emit('message', ...args);
  }

  request(name, args) {
    const id = String(this.#nextId++);
    return new Promise((done) => {
      this.#asked.set(id, done);
      this.connection.send(EVENT, this.nsp, id, [name, ...args]);
    });
  }

  async disconnect() {
    this.connection.send(DISCONNECT, this.nsp);
    this.end('io client disconnect');
  }
}

function opened({ engine }, wanted) {
  return new Promise((done, fail) => {
    engine.once('error', fail);
    const later = wanted === 'websocket' && engine.transport.name === 'polling';
    engine.once(later ? 'upgrade' : 'open', done);
  });
}

export async function open(url, { nsp = '/', auth, headers, query, transports, also }) {
  const connection = new Connection(url,
    { path: '/socket.io/', transports, extraHeaders: headers, query });
  await within(60_000, opened(connection, transports.at(-1)), 'connection');
  const client = new ByHand(connection, nsp, auth);
  await within(60_000, client.in, 'CONNECT');
  if (also) {
    client.other = new ByHand(connection, also);
    await client.other.in;
  }
  return client;
}
