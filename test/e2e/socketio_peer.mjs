// SPDX-License-Identifier: MIT
//
// socketio_peer.mjs - a Socket.IO client that sends and receives packets as text, over polling or
// WebSocket.
import { SEP, Polling, equal, frame, match, ok, op, openWebSocket, test } from './lib.mjs';

const toPolling = (packet) =>
  typeof packet === 'string' ? packet : `b${packet.toString('base64')}`;
const fromPolling = (packet) =>
  packet[0] === 'b' ? Buffer.from(packet.slice(1), 'base64') : packet;

class OverPolling {
  static async open(host) {
    const peer = new OverPolling();
    peer.session = await Polling.open(host);
    peer.packets = [];
    return peer;
  }

  // All of them in one request.
  send(...packets) {
    return this.session.send(packets.map(toPolling).join(SEP));
  }

  async next() {
    while (this.packets.length === 0)
      this.packets.push(...(await this.session.poll()).split(SEP).map(fromPolling));
    return this.packets.shift();
  }

  // Everything until the server closes the session.
  async rest() {
    const rest = [];
    for (let packet; (packet = await this.next()) !== '1'; ) if (packet !== '6') rest.push(packet);
    await this.session.dead();
    return rest;
  }
}

class OverWebSocket {
  static async open(host) {
    const peer = new OverWebSocket();
    peer.socket = await openWebSocket(host);
    return peer;
  }

  // All of them in one write, so that they come in one turn of the server's loop.
  async send(...packets) {
    const opcode = (packet) => (typeof packet === 'string' ? op.text : op.binary);
    this.socket.write(Buffer.concat(packets.map((packet) => frame(opcode(packet), packet))));
  }

  next() {
    return this.socket.next();
  }

  async rest() {
    equal(await this.socket.closed(), 1005);
    return this.socket.messages.splice(0);
  }
}

const transports = { polling: OverPolling, websocket: OverWebSocket };

// The same test over either transport. peer() opens one more.
export function testBoth(name, body, flags = {}) {
  for (const [transport, Peer] of Object.entries(transports))
    test(`${name} (${transport})`, async (t) => {
      const host = await t.host(flags);
      await body(host, () => Peer.open(host), transport);
    });
}

// Joins a namespace and gives the socket's id.
export async function join(peer, packet = '40') {
  await peer.send(packet);
  const reply = await peer.next();
  match(reply, /^40(\/[^,]*,)?\{"sid":"[A-Za-z0-9_-]{20}"\}$/);
  return JSON.parse(reply.slice(reply.indexOf('{'))).sid;
}

export async function peerIn(open) {
  const peer = await open();
  peer.id = await join(peer);
  return peer;
}

// It is there and hears us: an echo comes back, with nothing before it.
export async function lives(peer, nsp = '') {
  await peer.send(`42${nsp}999["echo","alive"]`);
  equal(await peer.next(), `43${nsp}999["alive"]`);
}

let lastAsked = 1000;

// An ack id that no packet of this run has.
export const newAckId = () => lastAsked++;

// Asks for an ack and gives its arguments; it must be the next packet.
export async function ask(peer, ...event) {
  const id = newAckId();
  await peer.send(`42${id}${JSON.stringify(event)}`);
  const reply = await peer.next();
  ok(reply.startsWith(`43${id}[`), reply);
  return JSON.parse(reply.slice(`43${id}`.length));
}

export const A = Buffer.from([1, 2, 3]);
export const B = Buffer.from([4, 5, 6, 255]);
export const hole = (k) => `{"_placeholder":true,"num":${k}}`;
