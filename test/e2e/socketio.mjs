// SPDX-License-Identifier: MIT
//
// socketio.mjs - the Socket.IO protocol, packet by packet, over both transports: what
// docs/conformance.md lists under "Socket.IO".
import {
  Host, SEP, Polling, equal, frame, joined, match, ok, op, openWebSocket, run, sleep, test,
} from './lib.mjs';

// ---- one peer, whatever carries it ------------------------------------------------------------

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
function testBoth(name, body, flags = {}) {
  for (const [transport, Peer] of Object.entries(transports))
    test(`${name} (${transport})`, async (t) => {
      const host = await t.host(flags);
      await body(host, () => Peer.open(host), transport);
    });
}

// Joins a namespace and gives the socket's id.
async function join(peer, packet = '40') {
  await peer.send(packet);
  const reply = await peer.next();
  match(reply, /^40(\/[^,]*,)?\{"sid":"[A-Za-z0-9_-]{20}"\}$/);
  return JSON.parse(reply.slice(reply.indexOf('{'))).sid;
}

async function peerIn(open) {
  const peer = await open();
  peer.id = await join(peer);
  return peer;
}

// It is there and hears us: an echo comes back, with nothing before it.
async function lives(peer, nsp = '') {
  await peer.send(`42${nsp}999["echo","alive"]`);
  equal(await peer.next(), `43${nsp}999["alive"]`);
}

let lastAsked = 1000;

// Asks for an ack and gives its arguments; it must be the next packet.
async function ask(peer, ...event) {
  const id = lastAsked++;
  await peer.send(`42${id}${JSON.stringify(event)}`);
  const reply = await peer.next();
  ok(reply.startsWith(`43${id}[`), reply);
  return JSON.parse(reply.slice(`43${id}`.length));
}

const A = Buffer.from([1, 2, 3]);
const B = Buffer.from([4, 5, 6, 255]);
const hole = (k) => `{"_placeholder":true,"num":${k}}`;

// ---- packets ----------------------------------------------------------------------------------

const echoes = {
  'a name and three arguments': ['42["echo","a",1,{}]', '42["message-back","a",1,{}]'],
  'no argument': ['42["echo"]', '42["message-back"]'],
  'a number as name': ['42[7,"x"]', '42["message-back","x"]'],
  'an id': ['4212["echo","a"]', '4312["a"]'],
  'id 0': ['420["echo"]', '430[]'],
  'spaces before its JSON': ['42 ["echo",1]', '42["message-back",1]'],
  'spaces before and behind its JSON': ['4212 ["echo",1] ', '4312[1]'],
  'an escaped name': ['421["\\u0065cho",1]', '431[1]'],
};
for (const [what, [sent, expected]] of Object.entries(echoes))
  testBoth(`163 an event with ${what} is read and answered`, async (host, open) => {
    const peer = await peerIn(open);
    await peer.send(sent);
    equal(await peer.next(), expected);
  });

testBoth('163 events and acks name their namespace, unless it is the main one', async (host, open) => {
  const peer = await open();
  await join(peer, '40/custom,{"token":"123"}');
  await peer.send('42/custom,1["echo","a"]');
  equal(await peer.next(), '43/custom,1["a"]');
  await peer.send('42/custom,["echo","a"]');
  equal(await peer.next(), '42/custom,["message-back","a"]');
});

testBoth('164 attachments in any depth come back in place', async (host, open) => {
  const peer = await open();
  await join(peer, '40/custom,');
  const args = `{"a":[null,${hole(0)},{"b":{"c":${hole(1)}}}],"n":null},[[${hole(2)}]],null`;
  await peer.send(`453-/custom,23["echo",${args}]`, A, B, A);
  equal(await peer.next(), `463-/custom,23[${args}]`);
  equal([await peer.next(), await peer.next(), await peer.next()], [A, B, A]);
});

testBoth('164 an attachment of no bytes is one', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`451-1["echo",${hole(0)}]`, Buffer.alloc(0));
  equal(await peer.next(), `461-1[${hole(0)}]`);
  equal(await peer.next(), Buffer.alloc(0));
});

testBoth('164 attachments in another order than their places keep their meaning', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`452-1["echo",${hole(1)},${hole(0)}]`, A, B);
  const text = await peer.next();
  const bins = [await peer.next(), await peer.next()];
  equal(JSON.parse(text.slice('462-1'.length)).map(({ num }) => bins[num]), [B, A]);
});

const undecodable = {
  '167 191': {
    'Illegal attachments': ['45', '451', '45a-', '4551.23-', '450-["a"]', '45woooot', '46', '46-[]',
      '45-1["a"]', '451 -["a"]', '45+1-["a"]', '451e0-["a"]'],
    'too many attachments': ['4511-["a"]', '4599999999999999999999-["a"]'],
  },
  '169 188': {
    'invalid payload': ['442["some","data"', '40/admin,"invalid"', '40[]', '40null', '41/admin,{}',
      '41{}', '42/admin,"invalid', '42/admin,{}', '42{}', '42[{"toString":"foo"}]',
      '42[true,"foo"]', '42[null,"bar"]', '42[]', '42["connect"]', '42["disconnect","123"]',
      '42["connect_error"]', '42["disconnecting"]', '42["newListener"]', '42["removeListener"]',
      '42["\\u0063onnect"]', '42abc["a"]', '42["a"] x', '42["a",]', "42['a']", '42["a",01]',
      '42["a",NaN]', '42["\ta"]', '42-1["a"]', '421.5["a"]', '43{}', '431{}', '431null'],
  },
  '170': {
    'unknown packet type 9': ['4999'],
    'unknown packet type 7': ['47["a"]'],
  },
};
for (const [lines, messages] of Object.entries(undecodable))
  for (const [message, packets] of Object.entries(messages))
    testBoth(`${lines} "${message}" is told, and the session closed`, async (host, open) => {
      for (const packet of packets) {
        const peer = await peerIn(open);
        await peer.send(packet);
        equal(await peer.rest(), [], packet);
        equal(await host.line(/^error|^disconnect /), `error -10003 ${message}`, packet);
        match(await host.line(/^disconnect /), /^disconnect forced close \[\] /);
      }
    });

testBoth('169 nesting up to max_depth is read, deeper closes the session', async (host, open) => {
  const deep = (n) => `421["echo",${'['.repeat(n)}${']'.repeat(n)}]`;
  const peer = await peerIn(open);
  await peer.send(deep(511));
  equal(await peer.next(), deep(511).replace('421["echo",', '431['));
  await peer.send(deep(512));
  equal(await peer.rest(), []);
  match(await host.line(/^error/), /^error -10011 /);
});

testBoth('168 ten attachments are read, eleven refused', async (host, open) => {
  const event = (n) => `45${n}-1["echo",${Array.from({ length: n }, (_, k) => hole(k))}]`;
  const peer = await peerIn(open);
  await peer.send(event(10), ...Array(10).fill(A));
  equal(await peer.next(), event(10).replace('45', '46').replace('"echo",', ''));
  for (let i = 0; i < 10; i++) equal(await peer.next(), A);
  await peer.send(event(11));
  equal(await peer.rest(), []);
  equal(await host.line(/^error/), 'error -10003 too many attachments');
});

testBoth('168 three attachments are refused where two are the limit', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`452-1["echo",${hole(0)},${hole(1)}]`, A, B);
  equal(await peer.next(), `462-1[${hole(0)},${hole(1)}]`);
  equal([await peer.next(), await peer.next()], [A, B]);
  await peer.send('453-["echo"]');
  equal(await peer.rest(), []);
  equal(await host.line(/^error/), 'error -10003 too many attachments');
}, { 'max-attachments': 2 });

testBoth('171 a placeholder that names no attachment closes the session', async (host, open) => {
  for (const num of ['"splice"', '1', '-1', '0.5', '1e99', 'null']) {
    const peer = await peerIn(open);
    await peer.send(`451-["echo",{"_placeholder":true,"num":${num}}]`, A);
    equal(await peer.rest(), [], num);
    equal(await host.line(/^error/), 'error -10003 illegal attachments', num);
  }
});

testBoth('171 a placeholder in an event without attachments is plain data', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`421["echo",${hole(7)}]`);
  equal(await peer.next(), `431[${hole(7)}]`);
});

testBoth('172 bytes that nobody waits for close the session', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(A);
  equal(await peer.rest(), []);
  equal(await host.line(/^error/),
    'error -10003 got binary data when not reconstructing a packet');
});

testBoth('172 a packet among the attachments of another closes the session', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`452-["echo",${hole(0)},${hole(1)}]`, A, '42["echo"]');
  equal(await peer.rest(), []);
  equal(await host.line(/^error/),
    'error -10003 got plaintext data when reconstructing a packet');
});

testBoth('173 a peer may go in the middle of a packet, and come back', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`452-["echo",${hole(0)},${hole(1)}]`, A);
  if (peer.socket) peer.socket.close();
  else await peer.send('1');
  await host.line(/^disconnect transport close/);
  await lives(await peerIn(open));
});

// ---- joining ----------------------------------------------------------------------------------

testBoth('177 CONNECT is answered with a sid, then the handler runs', async (host, open) => {
  const peer = await open();
  const id = await join(peer);
  equal(await host.line(/^connect/), `connect / ${id}`);
  equal(await peer.next(), '42["auth",{}]');
  ok(id !== (peer.session ?? peer.socket).sid, 'the engine keeps its secret');
}, { greet: 'auth' });

const payloads = ['{"token":"123"}', '{"a":{"b":["\\u0000",1e308,"é"]}}', '{"pid":"x","offset":"y"}'];
testBoth('178 the payload of CONNECT is the auth that the handler sees', async (host, open) => {
  for (const auth of payloads) {
    const peer = await open();
    await join(peer, `40${auth}`);
    equal(await peer.next(), `42["auth",${auth}]`);
  }
}, { greet: 'auth' });

testBoth('179 another namespace is joined with a comma behind it, or none', async (host, open) => {
  for (const packet of ['40/custom,', '40/custom', '40/custom,{"token":"abc"}']) {
    const peer = await open();
    await join(peer, packet);
    equal(await peer.next(), `42/custom,["auth",${packet.match(/{.*/) ?? '{}'}]`);
  }
}, { greet: 'auth' });

testBoth('180 an unknown namespace is refused, and the session stays', async (host, open) => {
  const peer = await open();
  for (const name of ['/random', '/random?a=b', '/', '/é "quoted"', `/${'x'.repeat(3000)}`]
    .filter((name) => name !== '/')) {
    await peer.send(`40${name},`);
    equal(await peer.next(), `44${name},{"message":"Invalid namespace"}`);
  }
  await join(peer);
  await lives(peer);
});

testBoth('181 what is no packet closes a session that has joined nothing', async (host, open) => {
  const peer = await open();
  await peer.send('4abc');
  equal(await peer.rest(), []);
  match(await host.line(/^closed/), /^closed forced close /);
});

testBoth('182 a session that joins nothing in time is closed', async (host, open) => {
  const silent = await open();
  equal(await silent.rest(), []);
  const refused = await open();
  await refused.send('40/random,');
  equal(await refused.rest(), ['44/random,{"message":"Invalid namespace"}']);
}, { 'connect-timeout': 1500 });

testBoth('182 a session that has joined may leave everything, and stays', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('41');
  await sleep(3000);
  await join(peer);
  await lives(peer);
}, { 'connect-timeout': 2500 });

testBoth('183 a second CONNECT with the same auth is answered with the same sid', async (host, open) => {
  const peer = await open();
  await peer.send('40{"a":1}');
  const first = await peer.next();
  await peer.send('40{"a":1}');
  equal(await peer.next(), first);
  await lives(peer);
  equal(await host.told(/^connect /), 1);
});

testBoth('183 a second CONNECT with another auth is another socket', async (host, open) => {
  const peer = await open();
  await peer.send('40{"a":1}');
  const first = await peer.next();
  await peer.send('40{"a":2}');
  ok(await peer.next() !== first);
  match(await host.line(/^disconnect/), /^disconnecting client namespace disconnect/);
  await lives(peer);
  equal((await host.stats()).sockets, 1);
});

test('184 a closed session that is not polling hears of it with its next poll', async (t) => {
  const host = await t.host();
  const p = await Polling.open(host);
  await p.join();
  await p.send('42/custom,["echo"]');
  equal(await p.poll(), '6\x1e1');
  await p.dead();
});

testBoth('184 a packet for a namespace not joined closes the session', async (host, open) => {
  for (const packet of ['42["some event"]', '431["a"]', '41', '42/custom,["echo"]', '41/custom,',
    '42/nope,["echo"]', `451-["echo",${hole(0)}]`]) {
    const peer = await open();
    await peer.send(packet);
    if (packet.startsWith('451-')) await peer.send(A);
    equal(await peer.rest(), [], packet);
    match(await host.line(/^closed/), /^closed forced close err=-10003/, packet);
  }
});

testBoth('185 what was sent before a bad packet still arrives', async (host, open) => {
  const peer = await open();
  await peer.send('40', '42["echo",1]', '4abc', '42["echo",2]');
  const [reply, echo, ...more] = await peer.rest();
  match(reply, /^40\{"sid"/);
  equal([echo, more], ['42["message-back",1]', []]);
});

testBoth('186 a session stays when its last namespace is left', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('41');
  equal(await peer.next(), '2');
  await peer.send('3');
  await join(peer);
}, { 'ping-interval': 1500 });

testBoth('187 163 leaving one namespace leaves the other', async (host, open) => {
  const peer = await peerIn(open);
  await join(peer, '40/custom,');
  await peer.send('41/custom,');
  equal(await host.line(/^disconnect /),
    'disconnect client namespace disconnect [] the client left the namespace');
  await lives(peer);
  await peer.send('42/custom,["echo"]');
  equal(await peer.rest(), []);
});

testBoth('187 what is left may be joined again', async (host, open) => {
  const peer = await open();
  const ids = [];
  for (let i = 0; i < 3; i++) {
    ids.push(await join(peer, '40/custom,'));
    await lives(peer, '/custom,');
    await peer.send('41/custom,');
  }
  equal(new Set(ids).size, 3);
  // Leaving and coming back within one turn: the old socket's end comes first.
  await peer.send('40/custom,', '41/custom', '40/custom');
  match(await peer.next(), /^40\/custom,/);
  match(await peer.next(), /^40\/custom,/);
  await lives(peer, '/custom,');
  equal(await host.told(/^disconnect /), 4);
});

testBoth('189 a message without data closes the session', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('4');
  equal(await peer.rest(), []);
});

testBoth('190 CONNECT_ERROR from a client closes the session', async (host, open) => {
  for (const packet of ['44', '44"no"', '44{"message":"no"}']) {
    const peer = await peerIn(open);
    await peer.send(packet);
    equal(await peer.rest(), [], packet);
  }
});

testBoth('192 a reply that nobody waits for is ignored', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('430["a"]', '439007199254740991[]', '43["no id"]', `461-5[${hole(0)}]`, A);
  await lives(peer);
});

testBoth('193 an event without a payload is ignored', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42', '421');
  await lives(peer);
});

testBoth('an event that nobody handles is ignored', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["nobody",1]', '421["nobody"]');
  await lives(peer);
});

testBoth('a peer joins at most max_nsps namespaces', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('40/custom,');
  equal(await peer.next(), '44/custom,{"message":"Too many namespaces"}');
  await peer.send('41', '40/custom,');
  match(await peer.next(), /^40\/custom,/);
  await lives(peer, '/custom,');
}, { 'max-nsps': 1 });

// ---- leaving ----------------------------------------------------------------------------------

testBoth('194 what follows a DISCONNECT is not handled', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('41', '42["echo",1]');
  equal(await peer.rest(), []);
  equal(await host.told(/^any/), 0);
}, { any: 1 });

testBoth('194 a DISCONNECT among attachments ends the packet unheard', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`451-["echo",${hole(0)}]`, '41');
  equal(await peer.rest(), []);
  equal(await host.told(/^any/), 0);
}, { any: 1 });

testBoth('194 what was on its way when the server disconnected is dropped', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["leave-nsp"]', '42["echo",1]', `451-["echo",${hole(0)}]`, A, '430[]', '41');
  equal(await peer.next(), '41');
  equal(await host.told(/^any /), 1);
  await join(peer);
  await lives(peer);
}, { any: 1 });

testBoth('195 a socket disconnected in its connect handler joins no room', async (host, open) => {
  const peer = await open();
  await peer.send('40');
  match(await peer.next(), /^40/);
  equal(await peer.next(), '41');
  equal(await host.line(/^join/), 'join ECLOSED');
  match(await host.line(/^disconnect /), /^disconnect server namespace disconnect \[\]/);
}, { 'on-connect-join': 1 });

testBoth('200 203 disconnecting a session leaves all namespaces, then closes', async (host, open) => {
  const peer = await peerIn(open);
  await join(peer, '40/custom,');
  await peer.send('42["close-me"]');
  const [bye, ...left] = await peer.rest();
  equal([bye, left.sort()], ['42["bye"]', ['41', '41/custom,']]);
  for (let i = 0; i < 2; i++)
    match(await host.line(/^disconnect /), /^disconnect server namespace disconnect/);
  match(await host.line(/^closed/), /^closed forced close/);
});

test('203 the DISCONNECT leaves before the close, in a response of its own', async (t) => {
  const host = await t.host({ 'on-connect': 'disconnect' });
  const waiting = await Polling.open(host);
  const poll = waiting.poll();
  await host.caughtUp();
  await waiting.send('40');
  match(await poll, /^40\{"sid":"[^"]*"\}\x1e41$/);
  equal(await waiting.poll(), '6\x1e1');
  await waiting.dead();
  const idle = await Polling.open(host);
  await idle.send('40');
  match(await idle.poll(), /^40\{"sid":"[^"]*"\}\x1e41$/);
  equal(await idle.poll(), '6\x1e1');
  await idle.dead();
});

testBoth('200 closing the session below ends its sockets', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["engine-close"]');
  equal(await peer.rest(), []);
  match(await host.line(/^disconnect /), /^disconnect forced close/);
});

testBoth('201 rooms can be read while disconnecting, and are left after it', async (host, open) => {
  const peer = await peerIn(open);
  await ask(peer, 'join', 'a');
  await peer.send('41');
  equal(await host.line(/^disconnecting/),
    `disconnecting client namespace disconnect [${peer.id},a,] the client left the namespace`);
  equal(await host.line(/^disconnect /),
    'disconnect client namespace disconnect [] the client left the namespace');
});

testBoth('202 nothing is sent to a socket that was disconnected', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["leave-nsp"]');
  equal(await peer.next(), '41');
  equal(await host.line(/^emit-after/), 'emit-after ECLOSED');
  equal(await host.line(/^join-after/), 'join-after ECLOSED');
  equal(await peer.next(), '2');
}, { 'ping-interval': 1500 });

testBoth('204 a server that closes tells sockets why, and peers at once', async (host, open) => {
  const peer = await peerIn(open);
  const other = await peerIn(open);
  const rest = other.rest();
  await peer.send('42["shut"]').catch(() => {}); // the connection may end before its answer
  if (other.socket) equal(await rest, []);
  else await rest.catch(() => {}); // "1", then nobody is there to ask whether it is dead
  equal(await host.line(/^closing/), 'closing 0');
  for (let i = 0; i < 2; i++)
    match(await host.line(/^disconnect /), /^disconnect server shutting down \[\]/);
  await host.line(/^done/);
  equal(await host.exit, 0);
});

test('204 a server may close while a closed session waits for its last poll', async (t) => {
  const host = await t.host();
  const p = await Polling.open(host);
  await p.join();
  await p.send('42["engine-close"]');
  match(await host.line(/^closed/), /^closed forced close/);
  const other = await joined(host);
  other.send('42["shut"]');
  equal(await host.exit, 0);
});

test('204 205 the port of a server that closed can be taken at once', async (t) => {
  const first = await Host.startOnPort();
  const w = await joined(first);
  w.send('42["shut"]');
  equal(await w.closed(), 1005);
  equal(await first.exit, 0);
  const second = await t.host({ port: first.port });
  equal(second.port, first.port);
  await joined(second);
});

// ---- middleware -------------------------------------------------------------------------------

const middle = (name) => `middleware ${name} connected=0 count=0`;

testBoth('197 middleware runs in order, before the peer is in', async (host, open) => {
  const peer = await open();
  const id = await join(peer);
  equal(await host.told(/^connect /), 1);
  equal(host.lines.filter((line) => /^(middleware|connect) /.test(line)),
    [middle('middleware1'), middle('middleware2'), `connect / ${id}`]);
  equal((await host.stats()).sockets, 1);
  await lives(peer);
}, { middleware1: 'ok', middleware2: 'ok' });

testBoth('197 middleware may take its time', async (host, open) => {
  const peer = await open();
  await peer.send('40');
  await host.line(/^middleware middleware1/);
  equal(await host.told(/^connect /), 0);
  match(await peer.next(), /^40/);
  await host.line(/^middleware middleware2/);
  await host.line(/^connect \/ /);
  await lives(peer);
}, { middleware1: 'later:ok', middleware2: 'later:ok' });

testBoth('197 a refusal is a CONNECT_ERROR with its message, and ends the row', async (host, open) => {
  const peer = await open();
  await peer.send('40');
  equal(await peer.next(), '44{"message":"no \\"entry\\""}');
  equal([await host.told(/middleware2/), await host.told(/^connect /)], [0, 0]);
  await join(peer, '40/custom,');
  await lives(peer, '/custom,');
}, { middleware1: 'fail:no "entry"', middleware2: 'ok' });

for (const later of ['', 'later:'])
  testBoth(`197 a refusal ${later ? 'given late ' : ''}may carry data`, async (host, open) => {
    const peer = await open();
    await peer.send('40');
    equal(await peer.next(), '44{"message":"no","data":{"code":4,"why":["x"]}}');
    await peer.send('40');
    equal(await peer.next(), '44{"message":"no","data":{"code":4,"why":["x"]}}');
  }, { middleware1: 'ok', middleware2: `${later}fail:no:{"code":4,"why":["x"]}` });

testBoth('197 the middleware of one namespace is not asked about another', async (host, open) => {
  const peer = await open();
  await join(peer, '40/custom,');
  equal(await host.told(/^middleware/), 0);
}, { middleware1: 'fail:no' });

testBoth('196 a refused socket is in no room', async (host, open) => {
  const member = await open();
  await join(member, '40{"verdict":"ok"}');
  const refused = await open();
  await refused.send('40{"verdict":"fail:no"}');
  equal(await refused.next(), '44{"message":"no"}');
  await member.send('421["broadcast",{"to":["a"],"self":true},"news",1]');
  equal([await member.next(), await member.next()], ['42["news",1]', '431[0]']);
  await join(refused, '40{"verdict":"ok"}');
  await lives(refused);
}, { middleware1: 'auth', 'middleware-join': 'a' });

testBoth('198 a peer that goes while middleware thinks never connects', async (host, open) => {
  const peer = await open();
  await peer.send('40', '1');
  await host.line(/^middleware/);
  await host.line(/^closed transport close/);
  await sleep(1800);
  equal([await host.told(/^connect /), await host.told(/^disconnect /)], [0, 0]);
}, { middleware1: 'later:ok', think: 1500 });

testBoth('198 packets before the verdict close the session', async (host, open) => {
  const eager = await open();
  await eager.send('40', '42["echo"]');
  equal(await eager.rest(), []);
  equal(await host.told(/^connect /), 0);
}, { middleware1: 'later:ok', think: 1500 });

testBoth('198 CONNECT, DISCONNECT and CONNECT before the verdict are one wish', async (host, open) => {
  const peer = await open();
  await peer.send('40', '40', '41', '40');
  match(await peer.next(), /^40\{"sid":/);
  await lives(peer);
  equal(await host.told(/^connect /), 1);
  equal(await host.told(/^middleware /), 1);
}, { middleware1: 'later:ok', think: 500 });

testBoth('199 packet middleware may rewrite an event', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["rename",1]', '427["rename",1]', '42["echo",2]');
  equal(await peer.next(), '42["message-back","renamed"]');
  equal(await peer.next(), '437["renamed"]');
  equal(await peer.next(), '42["message-back",2]');
}, { 'packet-verdict': 'ok' });

testBoth('199 what packet middleware refuses is an error with its data, and nothing more', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["drop"]', '421["drop"]');
  match(await host.line(/^error/), /^error -\d+ dropped \{"code":7\}$/);
  match(await host.line(/^error/), /^error -\d+ dropped \{"code":7\}$/);
  await lives(peer);
}, { 'packet-verdict': 'ok' });

testBoth('199 events behind slow packet middleware keep their order', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["echo",1]', `451-["echo",${hole(0)}]`, A, '42["drop"]', '425["echo",3]');
  equal(await peer.next(), '42["message-back",1]');
  equal(await peer.next(), `451-["message-back",${hole(0)}]`);
  equal(await peer.next(), A);
  equal(await peer.next(), '435[3]');
}, { 'packet-verdict': 'later:ok' });

testBoth('199 a peer may go while packet middleware thinks', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["echo",1]', '42["echo",2]', '1');
  await host.line(/^disconnect transport close/);
  await sleep(150);
}, { 'packet-verdict': 'later:ok' });

// ---- events and acks --------------------------------------------------------------------------

const messages = {
  '206': ['1,"2",[3]', '1337', 'null', '"\u2014\u2014\u2014"', '"é\u0800\u{1F600}\u2028"'],
  '207': ['1,"2",{"3":[true]}'],
};
for (const [line, texts] of Object.entries(messages))
  testBoth(`${line} arguments come back as they were`, async (host, open) => {
    const peer = await peerIn(open);
    for (const text of texts) {
      await peer.send(`42["message",${text}]`);
      equal(await peer.next(), `42["message-back",${text}]`);
    }
  });

testBoth('207 binary arguments come back as they were', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`452-["message",${hole(0)},${hole(1)}]`, A, B);
  equal(await peer.next(), `452-["message-back",${hole(0)},${hole(1)}]`);
  equal([await peer.next(), await peer.next()], [A, B]);
});

testBoth('207 an ack is answered under its id', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42456["message-with-ack",1,"2",{"3":[false]}]');
  equal(await peer.next(), '43456[1,"2",{"3":[false]}]');
});

testBoth('207 an ack may carry attachments', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`452-789["message-with-ack",${hole(0)},${hole(1)}]`, A, B);
  equal(await peer.next(), `462-789[${hole(0)},${hole(1)}]`);
  equal([await peer.next(), await peer.next()], [A, B]);
});

testBoth('208 only the first reply to an event is sent', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('421["reply-twice"]');
  equal(await peer.next(), '431[1]');
  equal(await host.line(/^reply/), 'reply 0 ESTATE');
  await lives(peer);
});

testBoth('209 the server may ask for an ack', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["call-me",0,"question",{"a":1}]');
  equal(await peer.next(), '420["question",{"a":1}]');
  await peer.send('430["answer",2]');
  equal(await peer.next(), '42["ack-result",null,"answer",2]');
  await peer.send('430["again"]');
  await lives(peer);
});

testBoth('209 questions and answers may carry attachments', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`451-["call-me",0,"question",{"a":${hole(0)}}]`, A);
  equal(await peer.next(), `451-0["question",{"a":${hole(0)}}]`);
  equal(await peer.next(), A);
  await peer.send(`461-0[1,[${hole(0)}]]`, B);
  equal(await peer.next(), `451-["ack-result",null,1,[${hole(0)}]]`);
  equal(await peer.next(), B);
});

testBoth('209 answers may come in any order', async (host, open) => {
  const peer = await peerIn(open);
  for (let i = 0; i < 3; i++) {
    await peer.send(`42["call-me",0,"question",${i}]`);
    equal(await peer.next(), `42${i}["question",${i}]`);
  }
  for (const i of [1, 2, 0]) {
    await peer.send(`43${i}["answer ${i}"]`);
    equal(await peer.next(), `42["ack-result",null,"answer ${i}"]`);
  }
});

testBoth('209 each namespace of a peer counts its own questions', async (host, open) => {
  const peer = await peerIn(open);
  await join(peer, '40/custom,');
  await peer.send('42["call-me",0,"q",1]', '42/custom,["call-me",0,"q",2]');
  equal([await peer.next(), await peer.next()], ['420["q",1]', '42/custom,0["q",2]']);
  await peer.send('43/custom,0["two"]', '430["one"]');
  equal(await peer.next(), '42/custom,["ack-result",null,"two"]');
  equal(await peer.next(), '42["ack-result",null,"one"]');
});

testBoth('210 an answer that does not come in time is an error, once', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["call-me",50,"question",1]');
  equal(await peer.next(), '420["question",1]');
  equal(await peer.next(), '42["ack-result","operation has timed out"]');
  await peer.send('430["late"]');
  await lives(peer);
  equal(await host.told(/^ack /), 1);
});

testBoth('210 an answer that comes in time is the only one', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["call-me",1500,"question",1]');
  equal(await peer.next(), '420["question",1]');
  await peer.send('430[42]');
  equal(await peer.next(), '42["ack-result",null,42]');
  await sleep(2000);
  equal(await host.told(/^ack /), 1);
});

testBoth('210 whoever waits for a peer that leaves is told', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["call-me",0,"a",1]', '42["call-me",60000,"b",1]', '41');
  equal([await host.line(/^ack/), await host.line(/^ack/)], ['ack closed', 'ack closed']);
});

testBoth('211 reserved names are not sent', async (host, open) => {
  const peer = await peerIn(open);
  for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener',
    'removeListener'])
    equal(await ask(peer, 'broadcast', { self: true }, name, 1), [-10005]);
});

testBoth('213 catch-all handlers see each event first, the front one before', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["nobody",1,2]', '42["echo"]');
  equal(await peer.next(), '42["message-back"]');
  await host.line(/^any echo/);
  equal(host.lines.filter((line) => line.startsWith('any')),
    ['any-front nobody 2', 'any nobody 2', 'any-front echo 0', 'any echo 0']);
}, { any: 1 });

testBoth('213 what leaves is shown once for each receiver, but for acks', async (host, open) => {
  const peer = await peerIn(open);
  const other = await peerIn(open);
  await peer.send('42["echo",1]');
  equal(await peer.next(), '42["message-back",1]');
  await peer.send(`451-5["broadcast",{"self":true},"news",${hole(0)}]`, A);
  equal(await peer.next(), `451-["news",${hole(0)}]`);
  equal([await peer.next(), await peer.next()], [A, '435[0]']);
  equal([await other.next(), await other.next()], [`451-["news",${hole(0)}]`, A]);
  await host.line(/^outgoing news/);
  await host.line(/^outgoing news/);
  equal(host.lines.filter((line) => line.startsWith('outgoing')),
    ['outgoing message-back 1', 'outgoing news 1', 'outgoing news 1']);
}, { outgoing: 1 });

testBoth('215 an ack id up to 2^53-1 is answered, a greater one refused', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('429007199254740991["echo",1]', '4200000000000000000000000012["echo",2]');
  equal(await peer.next(), '439007199254740991[1]');
  equal(await peer.next(), '4312[2]');
  for (const id of ['9007199254740992', '18446744073709551616', '9'.repeat(400)])
    for (const packet of [`42${id}["echo",1]`, `43${id}["a"]`]) {
      const bold = await peerIn(open);
      await bold.send(packet);
      equal(await bold.rest(), [], packet);
    }
});

testBoth('an ack id is digits alone', async (host, open) => {
  for (const packet of ['42 1["echo"]', '421 2["echo"]', '42+1["echo"]', '420x1["echo"]',
    '42\u0661["echo"]']) {
    const peer = await peerIn(open);
    await peer.send(packet);
    equal(await peer.rest(), [], packet);
  }
});

// ---- volatile ---------------------------------------------------------------------------------

const sequences = { rv: [0], v: [0], vv: [0], bb: [0], rvr: [0, 2], vr: [0, 1], vrv: [0, 1] };
for (const [sequence, expected] of Object.entries(sequences))
  test(`212 of "${sequence}", regular and volatile, arrive ${expected} (websocket)`, async (t) => {
    const w = await joined(await t.host());
    w.send(`42["sequence","${sequence}"]`).send('421["echo"]');
    const got = [];
    for (let text; (text = await w.next()) !== '431[]'; ) if (typeof text === 'string') got.push(text);
    equal(got.map((text) => JSON.parse(text.slice(text.indexOf('[')))[1]), expected);
  });

for (const [sequence, expected] of Object.entries(sequences))
  test(`212 of "${sequence}", regular and volatile, arrive ${expected} (polling)`, async (t) => {
    const host = await t.host();
    const p = await Polling.open(host);
    await p.join();
    const poll = p.poll();
    await host.caughtUp();
    await p.send(`42["sequence","${sequence}"]${SEP}421["echo"]`);
    const got = (await poll).split(SEP);
    equal(got.pop(), '431[]');
    equal(got.filter((text) => text[0] === '4')
      .map((text) => JSON.parse(text.slice(text.indexOf('[')))[1]), expected);
  });

test('212 a volatile event for a peer that is not polling is dropped', async (t) => {
  const host = await t.host();
  const p = await Polling.open(host);
  await p.join();
  await p.send('42["sequence","vbvr"]');
  equal(await p.poll(), '42["n",3,null]');
  equal((await host.stats()).volatile_dropped, 3);
});

test('212 a volatile broadcast is for those who are ready, attachments and all', async (t) => {
  const host = await t.host();
  const [ready, sender] = [await joined(host), await joined(host)];
  const idle = await Polling.open(host);
  await idle.join();
  for (let i = 0; i < 2; i++)
    sender.send(`451-${i}["broadcast",{"volatile":true},"news",${hole(0)}]`).send(A);
  equal([await ready.next(), await ready.next()], [`451-["news",${hole(0)}]`, A]);
  equal([await sender.next(), await sender.next()], ['430[0]', '431[0]']);
  ready.send('421["echo"]');
  let text = await ready.next();
  if (text.startsWith('45')) [text] = [await ready.next(), await ready.next()].slice(1);
  equal(text, '431[]');
  await idle.send('421["echo"]');
  equal(await idle.poll(), '431[]');
});

// ---- namespaces and rooms ---------------------------------------------------------------------

test('216 217 a name gets its slash, and a new namespace is told of', async (t) => {
  const host = await t.host();
  await host.caughtUp();
  equal(host.lines.filter((line) => line.startsWith('new_namespace')),
    ['new_namespace /custom']);
});

testBoth('222 a broadcast stays in its namespace, attachments and all', async (host, open) => {
  const [main, custom, both] = [await peerIn(open), await open(), await peerIn(open)];
  await join(custom, '40/custom,');
  await join(both, '40/custom,');
  equal(await ask(main, 'broadcast', {}, 'news', 1), [0]);
  equal(await both.next(), '42["news",1]');
  await custom.send(`451-/custom,1["broadcast",{},"news",${hole(0)}]`, A);
  equal(await custom.next(), '43/custom,1[0]');
  equal([await both.next(), await both.next()], [`451-/custom,["news",${hole(0)}]`, A]);
  for (const peer of [main, both]) await lives(peer);
});

const names = ['a', 'b', 'c', 'd'];

// Four peers, each in the room of its letter, a and b in "ab" too.
async function four(open) {
  const peers = {};
  for (const name of names) {
    peers[name] = await peerIn(open);
    await ask(peers[name], 'join', `room-${name}`);
  }
  for (const name of ['a', 'b']) await ask(peers[name], 'join', 'ab');
  return peers;
}

// Who hears what a sends to this target; each once.
async function audience(peers, target) {
  const by = await ask(peers.d, 'rooms'); // nothing is under way
  ok(by);
  const heard = [];
  const id = lastAsked++;
  await peers.a.send(`42${id}${JSON.stringify(['broadcast', target, 'news', 1])}`);
  for (const name of names) {
    if (name !== 'a') await peers[name].send('420["echo"]');
    const end = name === 'a' ? `43${id}[0]` : '430[]';
    for (let text; (text = await peers[name].next()) !== end; ) {
      equal(text, '42["news",1]');
      heard.push(name);
    }
  }
  return heard.join('');
}

testBoth('223 a broadcast reaches whom its target names, each once', async (host, open) => {
  const peers = await four(open);
  const id = (name) => peers[name].id;
  const cases = [
    [{}, 'bcd'],
    [{ self: true }, 'abcd'],
    [{ to: ['room-b'] }, 'b'],
    [{ to: ['room-b', 'room-c'] }, 'bc'],
    [{ to: ['room-b', 'ab'] }, 'b'],
    [{ to: ['ab', 'room-a', 'room-b'], self: true }, 'ab'],
    [{ to: [id('c')] }, 'c'],
    [{ to: [id('c'), 'room-c', 'room-c'] }, 'c'],
    [{ to: ['nobody'] }, ''],
    [{ to: [] }, ''],
    [{ except: ['ab'] }, 'cd'],
    [{ except: ['ab'], self: true }, 'cd'],
    [{ except: [id('d')] }, 'bc'],
    [{ to: ['room-b', 'room-c'], except: ['ab'] }, 'c'],
    [{ to: [id('a')], self: true }, 'a'],
    [{ to: [id('a')] }, ''],
    [{ except: ['room-b', 'room-c', 'room-d'] }, ''],
  ];
  for (const [target, expected] of cases)
    equal(await audience(peers, target), expected, JSON.stringify(target));
});

testBoth('224 rooms are joined and left in any way', async (host, open) => {
  const peer = await peerIn(open);
  const rooms = async () => (await ask(peer, 'rooms'))[0];
  equal(await rooms(), [peer.id]);
  equal(await ask(peer, 'join', 'a', 'b', 'c', 'b', 'é', ' '), [peer.id]);
  const [first, ...others] = await rooms();
  equal([first, others.sort()], [peer.id, [' ', 'a', 'b', 'c', 'é']]);
  equal(await ask(peer, 'leave', 'b'), [0]);
  equal(await ask(peer, 'leave', 'b'), [0]);
  equal(await ask(peer, 'leave', 'never'), [0]);
  equal((await rooms()).sort(), [peer.id, 'a', 'c', 'é', ' '].sort());
  equal(await ask(peer, 'join', peer.id), [peer.id]);
  equal((await rooms()).length, 5);
  for (const wrong of ['', 'x'.repeat(256)]) await ask(peer, 'join', wrong);
  equal((await rooms()).length, 5);
  equal(await ask(peer, 'join', 'x'.repeat(255)), [peer.id]);
  equal((await rooms()).length, 6);
});

testBoth('224 a room lasts as long as somebody is in it', async (host, open) => {
  const [peer, other] = [await peerIn(open), await peerIn(open)];
  for (let i = 0; i < 3; i++) {
    await ask(peer, 'join', 'a');
    await ask(other, 'join', 'a');
    await ask(peer, 'leave', 'a');
    equal(await ask(peer, 'broadcast', { to: ['a'] }, 'news', i), [0]);
    equal(await other.next(), `42["news",${i}]`);
    await other.send('41');
    await host.line(/^disconnect /);
    equal(await ask(peer, 'broadcast', { to: ['a'] }, 'news', i), [0]);
    await join(other);
    await lives(other);
  }
});

testBoth('228 the sockets of a room are found', async (host, open) => {
  const peers = await four(open);
  const fetch = async (target) => (await ask(peers.d, 'bulk', 'fetch', target))[1].sort();
  const ids = (...letters) => letters.map((name) => peers[name].id).sort();
  equal(await fetch({}), ids('a', 'b', 'c', 'd'));
  equal(await fetch({ to: ['ab', 'room-a'] }), ids('a', 'b'));
  equal(await fetch({ except: ['ab'] }), ids('c', 'd'));
  equal(await fetch({ to: ['nobody'] }), []);
});

testBoth('228 the sockets of a room join and leave another', async (host, open) => {
  const peers = await four(open);
  equal(await ask(peers.d, 'bulk', 'join', { to: ['ab'] }, 'new'), [0, []]);
  equal(await audience(peers, { to: ['new'], self: true }), 'ab');
  equal(await ask(peers.d, 'bulk', 'leave', { to: ['room-a'] }, 'new'), [0, []]);
  equal(await audience(peers, { to: ['new'], self: true }), 'b');
  equal(await ask(peers.d, 'bulk', 'join', {}, 'all'), [0, []]);
  equal(await audience(peers, { to: ['all'], self: true }), 'abcd');
});

testBoth('228 the sockets of a room are disconnected', async (host, open) => {
  const peers = await four(open);
  equal(await ask(peers.d, 'bulk', 'disconnect', { to: ['room-a'] }), [0, []]);
  equal(await peers.a.next(), '41');
  await join(peers.a);
  equal(await ask(peers.d, 'bulk', 'close', { to: ['ab'] }), [0, []]);
  equal(await peers.b.rest(), ['41']);
  await lives(peers.a);
  await peers.d.send('42["bulk","close",{}]');
  for (const name of ['a', 'c', 'd']) equal(await peers[name].rest(), ['41']);
  await host.settled('sockets', 0);
});

await run();
