// SPDX-License-Identifier: MIT
//
// families.mjs - the clients: how each is driven, over which transports, what the server must be
// told for it, and the one place where it is written what a client cannot do, and why.
import { io as io4 } from 'socket.io-client';
import io3 from 'socket.io-client-v3';
import io2 from 'socket.io-client-v2';
import parser from 'socket.io-msgpack-parser';
import * as byHand from './by_hand.mjs';
import * as python from './python.mjs';
import * as socketio from './socketio.mjs';

export const ways = {
  polling: ['polling'],
  websocket: ['websocket'],
  upgrade: ['polling', 'websocket'],
};

// ---- what cannot be done, by the scenario's key -----------------------------------------------------

const noRecovery = 'recovery came with version 4.6';
const noSplit = 'does not know maxPayload';
const noTimeout = 'timeout() came with version 4.4';
const noVerb = 'a verb of the socket.io client, not of the protocol';
const staysAway = 'the engine client does not come back by itself';

const of2 = {
  auth: 'protocol 4 has no auth in CONNECT; a query of the namespace takes its place',
  'catch-all': 'onAny() came with version 3',
  recovery: noRecovery,
  split: noSplit,
  timeout: noTimeout,
  volatile: 'volatile events of the client came with version 3',
};
const of3 = { recovery: noRecovery, split: noSplit, timeout: noTimeout };
const ofEngine = {
  'comes back': staysAway,
  'dead server': staysAway,
  'new server': staysAway,
  kept: staysAway,
  recovery: staysAway,
  'send()': noVerb,
  timeout: noVerb,
  volatile: noVerb,
};
const ofPython = {
  again: 'an instance that connects anew may be disturbed by the end of its first connection',
  kept: 'refuses to emit while it is not connected',
  'new server': { polling: 'takes the close of a polling session for the end' },
  recovery: 'knows no recovery',
  silence: 'answers every question, with nothing if there is no handler',
  split: noSplit,
  volatile: 'knows no volatile events',
};

// ---- the clients -----------------------------------------------------------------------------------

// It closes the connection without waiting for its DISCONNECT to leave.
const aborts = /^disconnect (client namespace disconnect|transport (close|error))/;

// flags     of the host
// beside    another family in the same rooms
// refusal   what a refused connection shows of { message, data }
// reason    what it says why the server disconnected it
// goodbye   what the host says when it leaves
// inOrder   whether its handlers run in the order of events
// cannot    a reason, or one by transport
export const families = [
  {
    name: 'socket.io-client 2.5',
    open: socketio.openWith(io2),
    flags: { eio3: 1 },
    beside: 'socket.io-client 4.8',
    refusal: ({ data, message }) => (data ? { data } : { message }),
    cannot: of2,
  },
  {
    name: 'socket.io-client 3.1',
    open: socketio.openWith(io3.io ?? io3),
    beside: 'python-socketio asyncio',
    cannot: of3,
  },
  {
    name: 'socket.io-client 4.8',
    open: socketio.openWith(io4),
    beside: 'socket.io-client 2.5',
    cannot: {},
  },
  {
    name: 'socket.io-client 4.8, MessagePack',
    open: socketio.openWith(io4, { parser }),
    flags: { parser: 'msgpack' },
    beside: 'socket.io-client 4.8, MessagePack',
    cannot: {},
  },
  {
    name: 'engine.io-client 6.6, by hand',
    open: byHand.open,
    beside: 'socket.io-client 3.1',
    cannot: ofEngine,
  },
  {
    name: 'python-socketio',
    open: python.openWith('sync'),
    inOrder: false, // each handler has a thread of its own
    beside: 'engine.io-client 6.6, by hand',
    reason: () => undefined,
    goodbye: aborts,
    cannot: ofPython,
  },
  {
    name: 'python-socketio asyncio',
    open: python.openWith('asyncio'),
    beside: 'socket.io-client 2.5',
    reason: () => undefined,
    goodbye: aborts,
    cannot: ofPython,
  },
];

export const familyNamed = (name) => families.find((family) => family.name === name);
