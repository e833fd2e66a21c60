// SPDX-License-Identifier: MIT
//
// socketio.mjs - drives socket.io-client, of any version and with any parser.
import { within } from '../lib.mjs';
import { Client, NAMES, Refused } from './client.mjs';

class SocketIo extends Client {
  constructor(socket) {
    super();
    this.socket = socket;
    for (const name of NAMES) socket.on(name, (...args) => this.hear(name, args));
    socket.on('question', (arg, answer) => answer('heard', arg));
    socket.onAny?.((name, ...args) => {
      if (NAMES.includes(name) || name === 'question') return;
      this.hear('*', [name, ...args.filter((arg) => typeof arg !== 'function')]);
    });
    socket.on('connect', () => this.hear('connect', []));
    socket.on('disconnect', (why) => this.hear('disconnect', [why]));
  }

  get id() {
    return this.socket.id;
  }

  get recovered() {
    return this.socket.recovered;
  }

  transport() {
    return this.socket.io.engine.transport.name;
  }

  async emit(name, ...args) {
    this.socket.emit(name, ...args);
  }

  async volatile(name, ...args) {
    this.socket.volatile.emit(name, ...args);
  }

  async send(...args) {
    this.socket.send(...args);
  }

  request(name, args) {
    return new Promise((done) => this.socket.emit(name, ...args, (...answer) => done(answer)));
  }

  // What comes of waiting so long: "timeout" or the answer.
  async askWithin(ms, name) {
    return this.socket.timeout(ms).emitWithAck(name).catch(() => 'timeout');
  }

  async disconnect() {
    this.socket.disconnect();
  }

  // Version 2 takes the end of the old connection for that of the new one.
  async connect() {
    const { engine } = this.socket.io;
    if (engine.readyState === 'closing') await new Promise((done) => engine.once('close', done));
    this.socket.connect();
  }
}

// Once it is connected, over the last of its transports.
function connected(socket, wanted) {
  return new Promise((done, fail) => {
    const settled = () => {
      if (socket.io.engine.transport.name === wanted) done();
      else socket.io.engine.once('upgrade', done);
    };
    socket.once('connect', settled);
    socket.once('connect_error', (e) => fail(new Refused(e)));
    // Up to version 2: the ERROR packet, which is the message or the data alone.
    socket.once('error', (e) => fail(new Refused(e.message ? e : { data: e })));
  });
}

export const openWith = (io, more = {}) =>
  async function open(url, { nsp = '/', comeBack = false, also, headers, ...options }) {
    const socket = io(url + nsp, {
      forceNew: true,
      extraHeaders: headers,
      reconnection: comeBack,
      reconnectionDelay: 50,
      reconnectionDelayMax: 100,
      ...more,
      ...options,
    });
    const client = new SocketIo(socket);
    try {
      await within(60_000, connected(socket, options.transports.at(-1)), 'connection');
    } catch (e) {
      socket.disconnect();
      throw e;
    }
    if (also) {
      client.other = new SocketIo(socket.io.socket(also));
      await client.other.next('connect');
    }
    await client.next('connect');
    return client;
  };
