// SPDX-License-Identifier: MIT
//
// client.mjs - what the scenarios know of a client, whatever program it is in. A driver is a
// function open(url, options) that gives one of these once it is connected, or throws a Refused.
//
//     options: nsp, auth, query, headers, also (a second namespace on the same connection),
//              comeBack (reconnect by itself), transports
//
// Everything it is told goes into its inbox. It answers the event "question" with "heard" and
// the question's first argument; to other events that want an answer it gives none.
import { Watched, within } from '../lib.mjs';

const EVENT_MS = 60_000;

// The events that a client listens to by name. What has another name comes as "*", if it can.
export const NAMES = ['message-back', 'auth', 'ack-result', 'news', 'n', 'bye', 'from-parent'];

// The namespace's CONNECT_ERROR.
export class Refused extends Error {
  constructor({ message, data }) {
    super(message ?? 'refused');
    Object.assign(this, { said: message, data });
  }
}

// Binary of any kind becomes a Buffer, an undefined value null.
export function plain(value) {
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, plain(v)]));
}

export class Client extends Watched {
  inbox = [];

  hear(name, args) {
    this.inbox.push([name, plain(args)]);
    this.changed();
  }

  // The arguments of the next thing of that name.
  next(name) {
    return within(EVENT_MS, this.when(() => {
      const at = this.inbox.findIndex(([n]) => n === name);
      return at < 0 ? undefined : this.inbox.splice(at, 1)[0][1];
    }), `"${name}"`);
  }

  // How many of that name are there.
  heard(name) {
    return this.inbox.filter(([n]) => n === name).length;
  }

  // The arguments of the answer.
  async ask(name, ...args) {
    return plain(await within(EVENT_MS, this.request(name, args), `answer to "${name}"`));
  }
}
