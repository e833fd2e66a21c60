// SPDX-License-Identifier: MIT
//
// differential.mjs - the same raw requests to the reference server (the npm package socket.io)
// and to ours, answers compared: status, body, and every header.
//
// A case is a conversation; what is heard in it must be equal on both sides. Where we differ on
// purpose the case makes our answers out of theirs, so that neither side changes unnoticed;
// docs/conformance.md argues why.
import { createServer } from 'node:http';
import { once } from 'node:events';
import net from 'node:net';
import { Server as Reference } from 'socket.io';
import { io } from 'socket.io-client';
import { POLLING, WEBSOCKET, said } from './echo.mjs';
import {
  Polling, SEP, Server, Socket, connected, equal, event, frame, op, openWebSocket, requestBytes, run,
  sleep, takeResponse, test, within,
} from './lib.mjs';

// ---- the two ------------------------------------------------------------------------------------

// The reference does what test/e2e/host/ does with the same events.
function handlers(nsp) {
  nsp.on('connection', (socket) => {
    socket.on('message', (...args) => {
      if (typeof args.at(-1) === 'function') args.pop()(...args);
      else socket.emit('message-back', ...args);
    });
    socket.on('engine-close', () => socket.conn.close());
    socket.on('close-me', () => {
      socket.emit('bye');
      socket.disconnect(true);
    });
  });
}

async function reference(options) {
  const http = createServer();
  const io = new Reference(http, { ...options });
  handlers(io);
  handlers(io.of('/custom'));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server = new Server(http.address().port);
  server.stop = async () => {
    server.hangUp();
    http.closeAllConnections();
    await io.close();
  };
  return server;
}

// Options as both know them: [ours, theirs].
const setups = {
  plain: [{}, {}],
  small: [{ 'max-payload': 100 }, { maxHttpBufferSize: 100 }],
  cors: [
    { cors: 'reflect', 'cors-headers': 'my-header', 'cors-credentials': 1 },
    { cors: { origin: true, headers: ['my-header'], credentials: true } },
  ],
  'cors any': [{ cors: 'any' }, { cors: {} }],
  'cors list': [
    { cors: 'http://good.com,http://fine.com' },
    { cors: { origin: ['http://good.com', 'http://fine.com'] } },
  ],
  cookie: [{ cookie: 'default' }, { cookie: true }],
  forbidden: [
    { allow: 'fail:Thou shall not pass' },
    { allowRequest: (_req, done) => done('Thou shall not pass', false) },
  ],
  'polling only': [{ transports: 'polling' }, { transports: ['polling'] }],
  'without upgrades': [{ 'no-upgrades': 1 }, { allowUpgrades: false }],
  recovery: [{ recovery: 'on' }, { connectionStateRecovery: {} }],
  heartbeat: [
    { 'ping-interval': 1500, 'ping-timeout': 1000 },
    { pingInterval: 1500, pingTimeout: 1000 },
  ],
};

// ---- what is compared -----------------------------------------------------------------------------

// Ids are drawn anew each time; their form counts.
const anonymous = (text) => text.replace(/"sid":"[\w-]{20}"/g, '"sid":"SID"')
  .replace(/=[\w-]{20};/g, '=SID;');

// These say how a body is delimited, not what is answered: the reference sends error bodies in
// chunks. X-Content-Type-Options is sent by us alone.
const NOT_COMPARED = ['transfer-encoding', 'content-length', 'x-content-type-options'];

// A Date is right if it is now. The reference has none in answers to WebSockets that it refuses.
function isNow(name, value) {
  const late = Date.now() - Date.parse(value);
  return name === 'date' && value === new Date(value).toUTCString() && late > -2000 && late < 60_000;
}

function seen(r) {
  const headers = Object.entries(r.headers)
    .filter(([name, value]) => !NOT_COMPARED.includes(name) && !isNow(name, value))
    .map(([name, value]) => [name, [value].flat().map(anonymous).join(', ')])
    .sort();
  return { status: r.status, headers: Object.fromEntries(headers), body: anonymous(r.body ?? '') };
}

async function conversation(server, talk) {
  const heard = [];
  await talk(server, (what) => heard.push(what));
  return heard;
}

// ---- cases ---------------------------------------------------------------------------------------------

// setup is a key of setups. differs(theirs, ours), where we do, makes of their answers what ours
// must be.
function same(name, talk, { setup = 'plain', differs } = {}) {
  test(name, async (t) => {
    const [flags, options] = setups[setup];
    const ours = await t.host(flags);
    const theirs = await reference(options);
    try {
      const [a, b] = await Promise.all([ours, theirs].map((s) => conversation(s, talk)));
      equal(a, differs ? differs(b, a) : b);
    } finally {
      await within(60_000, theirs.stop(), 'end of the reference');
    }
  });
}

const answer = (method, target, options) => async (server, hear) =>
  hear(seen(await server.request(method, target, options)));

const handshakeOnly = (target, options) => async (server, hear) => {
  const r = await server.upgrade(target, options);
  hear(r instanceof Socket ? seen(r.response) : seen(r));
};

const put = (list, at, value) => list.map((old, i) => (i === at ? value : old));
const dead = {
  status: 400,
  headers: {
    connection: 'keep-alive', 'content-type': 'application/json', 'keep-alive': 'timeout=5',
  },
  body: '{"code":1,"message":"Session ID unknown"}',
};

// A refusal before the 101.
const plainly = (status, body) => ({
  status, headers: { connection: 'close', 'content-type': 'text/html' }, body,
});

// -- requests that are refused

for (const [what, query] of Object.entries({
  'an unknown transport': 'EIO=4&transport=tobi',
  'the transport constructor': 'EIO=4&transport=constructor',
  'the transport __proto__': 'EIO=4&transport=__proto__',
  'no transport': 'EIO=4',
  'an empty transport': 'EIO=4&transport=',
  'two transports': 'EIO=4&transport=polling&transport=tobi',
  'an unknown sid': `${POLLING}&sid=test`,
  'websocket without an upgrade': WEBSOCKET,
  'EIO=3': 'EIO=3&transport=polling',
  'no EIO': 'transport=polling',
  'a transport in capitals': 'EIO=4&transport=POLLING',
}))
  same(`GET with ${what}`, answer('GET', query));

for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'HEAD'])
  same(`${method} without a session`, answer(method, POLLING));

for (const target of ['/socket.io/', '/socket.io/foo', '/socket.io/?', '/socket.io/socket.io.nothing'])
  same(`GET ${target}`, answer('GET', target));

same('GET with an escaped transport', answer('GET', 'EIO=4&transport=%70olling'));
same('GET with unknown keys', answer('GET', `${POLLING}&a=b&a=c&%20=%ff&=&&x`));
same('GET with an empty sid', answer('GET', `${POLLING}&sid=`));
same('GET with two EIO', answer('GET', 'EIO=3&EIO=4&transport=polling'));

// -- handshakes

same('a handshake over polling', answer('GET', POLLING));
same('a handshake on a connection that will close',
  answer('GET', POLLING, { headers: { Connection: 'close' } }));
same('a handshake over HTTP/1.0', answer('GET', POLLING, { version: '1.0' }));
same('a handshake anywhere under the path', answer('GET', `/socket.io/x/y?${POLLING}`));
same('a handshake from Internet Explorer 8',
  answer('GET', POLLING, { headers: { 'User-Agent': 'Mozilla/4.0 (compatible;MSIE 8.0)' } }));
for (const setup of ['cookie', 'polling only', 'without upgrades', 'forbidden', 'small'])
  same(`a handshake over polling, ${setup}`, answer('GET', POLLING), { setup });
same('a handshake over websocket', handshakeOnly(WEBSOCKET));
same('a handshake over websocket, cookie', handshakeOnly(WEBSOCKET), { setup: 'cookie' });
same('a websocket where there is polling only', handshakeOnly(WEBSOCKET), {
  setup: 'polling only',
  // Without websocket the reference does not look for upgrades: a GET is all it sees.
  differs: ([r]) => {
    equal(JSON.parse(r.body), { code: 0, message: 'Transport unknown' });
    return [plainly(400, 'Transport unknown')];
  },
});
same('the first message of a websocket', async (server, hear) => {
  const w = await server.upgrade(WEBSOCKET);
  hear(anonymous(await w.next()));
});

// -- handshakes over websocket that are refused

same('a websocket with an unknown transport', handshakeOnly('EIO=4&transport=tobi'));
same('a websocket with an unknown sid', handshakeOnly(`${WEBSOCKET}&sid=test`));
same('a websocket by POST', handshakeOnly(WEBSOCKET, { method: 'POST' }));
same('a websocket without a key',
  handshakeOnly(WEBSOCKET, { headers: { 'Sec-WebSocket-Key': undefined } }));
same('a websocket of version 12',
  handshakeOnly(WEBSOCKET, { headers: { 'Sec-WebSocket-Version': '12' } }));

same('a websocket that is forbidden', handshakeOnly(WEBSOCKET), {
  setup: 'forbidden',
  differs: ([r]) => [{ ...r, status: 403 }],
});

// The reference accepts these and then writes an HTTP answer into the open WebSocket, or ends it.
for (const [query, text] of [
  ['EIO=3&transport=websocket', 'Unsupported protocol version'],
  ['transport=websocket', 'Unsupported protocol version'],
  [POLLING, 'Bad request'],
])
  same(`a websocket with ${query}`, handshakeOnly(query), {
    differs: ([r]) => {
      equal(r.status, 101);
      return [plainly(400, text)];
    },
  });

// -- CORS

const from = (origin, more) => ({ headers: { Origin: origin, ...more } });
for (const setup of ['cors', 'cors any', 'cors list']) {
  same(`a preflight, ${setup}`, answer('OPTIONS', POLLING, from('http://good.com')), { setup });
  same(`a preflight that asks for headers, ${setup}`,
    answer('OPTIONS', POLLING, from('http://good.com', {
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'x-one, x-two',
    })), { setup });
  same(`a preflight from elsewhere, ${setup}`,
    answer('OPTIONS', POLLING, from('http://bad.com')), { setup });
  same(`a GET from an origin, ${setup}`, answer('GET', POLLING, from('http://fine.com')), { setup });
  if (setup !== 'cors') same(`a GET from nowhere, ${setup}`, answer('GET', POLLING), { setup });
  same(`an error, ${setup}`, answer('GET', 'EIO=4', from('http://fine.com')), { setup });
  same(`a websocket, ${setup}`, handshakeOnly(WEBSOCKET, from('http://fine.com')), { setup });
}

// Credentials are allowed to an origin. Where there is none, nothing is allowed to nobody.
same('a GET from nowhere, cors', answer('GET', POLLING), {
  setup: 'cors',
  differs: ([r]) => {
    const { 'access-control-allow-credentials': allowed, ...headers } = r.headers;
    equal(allowed, 'true');
    return [{ ...r, headers }];
  },
});

// -- sessions over polling: every step's answer

const request = (s, method, options) => s.host.request(method, s.query, options);

async function opened(server, hear) {
  const s = await Polling.open(server);
  hear(seen(s.response));
  hear(seen(await request(s, 'POST', { body: '40' })));
  hear(seen(await request(s, 'GET')));
  return s;
}

const steps = (...list) => async (server, hear) => {
  const s = await opened(server, hear);
  for (const [method, body, headers] of list) hear(seen(await request(s, method, { body, headers })));
};

const POST = (body, headers) => ['POST', body, headers];
const GET = ['GET'];

same('a message there and back', steps(POST(said('hello €')), GET));
same('three messages at once', steps(POST([1, 2, 3].map(said).join(SEP)), GET));
same('text and binary', steps(
  POST(`${said('x')}${SEP}451-["message",{"_placeholder":true,"num":0}]${SEP}bAQIDBA==`), GET));
same('a body that is no packet', steps(POST('abc'), GET));
same('an empty body', steps(POST(''), GET));
same('a bad packet behind a good one', steps(POST(`${said('a')}${SEP}zzz`), GET));
same('an octet-stream', steps(
  POST('abc', { 'Content-Type': 'application/octet-stream' }), GET));
same('a close packet', steps(POST('1'), GET, POST('2')));
same('a ping from the client', steps(POST('2'), GET));
same('a pong nobody asked for', steps(POST('3'), POST(said('x')), GET));
same('open, upgrade and noop from the client', steps(POST(`0${SEP}5${SEP}6`), POST(said('x')), GET));
for (const method of ['PUT', 'OPTIONS', 'DELETE', 'HEAD'])
  same(`${method} on a session`, steps([method], POST(said('x')), GET));

// What is left of the body is not worth reading: the connection ends, the session does not.
same('a body over the limit', steps(POST('4'.repeat(101)), POST(said('x')), GET), {
  setup: 'small',
  differs: (heard) => put(heard, 3, { ...heard[3], headers: { connection: 'close' } }),
});

// The reference reads what is no UTF-8 as U+FFFD.
same('a body that is not UTF-8', steps(POST(Buffer.from(said('\xff'), 'latin1')), GET), {
  differs: (heard) => {
    equal(heard[4].body, '42["message-back","\ufffd"]');
    return put(heard, 4, dead);
  },
});

// What waits leaves first, the end of the session in an answer of its own.
same('a server that says goodbye', steps(POST('42["close-me"]'), GET, GET, GET));

same('the wrong transport for a session', async (server, hear) => {
  const s = await opened(server, hear);
  hear(seen(await server.get(s.wsQuery)));
});

same('the wrong version for a session', async (server, hear) => {
  const s = await opened(server, hear);
  hear(seen(await server.get(`EIO=3&transport=polling&sid=${s.sid}`)));
});

same('two polls at once', async (server, hear) => {
  const s = await opened(server, hear);
  const { done } = s.start('GET');
  await server.caughtUp();
  hear(seen(await request(s, 'GET')));
  hear(seen(await done));
  hear(seen(await request(s, 'GET')));
});

same('a poll is waiting when the client closes', async (server, hear) => {
  const s = await opened(server, hear);
  const { done } = s.start('GET');
  await server.caughtUp();
  hear(seen(await request(s, 'POST', { body: '1' })));
  hear(seen(await done));
});

same('a poll is waiting when the server closes', async (server, hear) => {
  const s = await opened(server, hear);
  const { done } = s.start('GET');
  await server.caughtUp();
  hear(seen(await request(s, 'POST', { body: '42["engine-close"]' })));
  hear(seen(await done));
  hear(seen(await request(s, 'GET')));
});

same('no poll is waiting when the server closes', steps(POST('42["engine-close"]'), GET, GET));

same('a ping and its timeout over polling', async (server, hear) => {
  const s = await opened(server, hear);
  hear(seen(await request(s, 'GET')));
  hear(seen(await request(s, 'GET')));
  hear(seen(await request(s, 'GET')));
}, { setup: 'heartbeat' });

same('requests in one go on one connection', async (server, hear) => {
  const wire = server.wire();
  const urls = [POLLING, 'EIO=4', `${POLLING}&sid=x`, POLLING];
  wire.write(Buffer.concat(urls.map((url) => requestBytes('GET', server.url(url)))));
  for (const _ of urls) hear(seen(await takeResponse(wire)));
});

// -- websocket

const wsSteps = (...send) => async (server, hear) => {
  const w = await openWebSocket(server);
  w.send('40');
  hear(anonymous(await w.next()));
  for (const data of send) w.write(Buffer.isBuffer(data) ? data : frame(op.text, data));
  w.write(frame(op.text, said('end')));
  try {
    for (;;) {
      const m = await w.next();
      hear(m);
      if (m.includes('"end"')) return;
    }
  } catch {
    hear(`closed ${await w.closed()}`);
  }
};

same('a message over websocket', wsSteps(said('hello €')));
same('binary over websocket',
  wsSteps('451-["message",{"_placeholder":true,"num":0}]', frame(op.binary, [1, 2, 3])));
same('text that is no packet', wsSteps('abc'));
same('empty text', wsSteps(''));
same('a ping over websocket', wsSteps('2'));
same('packets that mean nothing over websocket', wsSteps('0', '5', '6', '3'));
same('fragments', wsSteps(frame(op.text, said('a').slice(0, 5), { fin: false }),
  frame(op.more, said('a').slice(5))));
same('a close frame', wsSteps(frame(op.close, [0x03, 0xe8])));
same('text that is not UTF-8', wsSteps(frame(op.text, [0x34, 0xff])));
same('a frame that is not masked', wsSteps(frame(op.text, '40', { masked: false })));
same('a reserved bit', wsSteps(frame(op.text, '40', { rsv: 1 })));
same('an opcode that is none', wsSteps(frame(5, 'x')));
same('a message over the limit', wsSteps('4'.repeat(101)), { setup: 'small' });
same('a server that closes', wsSteps('42["engine-close"]'));

// The reference does not hear it, and waits for the heartbeat.
same('a close packet over websocket', wsSteps('1'), {
  differs: (heard) => {
    equal(heard.at(-1), '42["message-back","end"]');
    return put(heard, heard.length - 1, 'closed 1005');
  },
});

// -- the upgrade

same('an upgrade', async (server, hear) => {
  const s = await opened(server, hear);
  const { done } = s.start('GET');
  await server.caughtUp();
  const w = await server.upgrade(s.wsQuery);
  hear(seen(w.response));
  w.send('2probe');
  hear(await w.next());
  hear(seen(await done));
  w.send('5').send(said('over'));
  hear(await w.next());
  hear(seen(await request(s, 'GET')));
  hear(seen(await request(s, 'POST', { body: said('x') })));
  const second = await server.upgrade(s.wsQuery);
  hear([second.response.status, await second.closed()]);
  w.send(said('still'));
  hear(await w.next());
});

for (const packet of ['4hello', 'zzz', '2'])
  same(`a probe that is ${packet}`, async (server, hear) => {
    const s = await opened(server, hear);
    const w = await server.upgrade(s.wsQuery);
    w.send(packet);
    hear(await w.closed());
    hear(seen(await request(s, 'POST', { body: said('x') })));
    hear(seen(await request(s, 'GET')));
  });

// -- the browser's client

for (const name of ['socket.io.js', 'socket.io.min.js.map', 'socket.io.esm.min.js', 'nothing.js']) {
  // Bodies that may come compressed say so to caches, also where they are not.
  const varies = ([r], [ours]) =>
    [ours.headers.vary === 'Accept-Encoding' ? { ...r, headers: { ...r.headers, vary: ours.headers.vary } } : r];
  same(`/socket.io/${name}`, answer('GET', `/socket.io/${name}`), { differs: varies });
  const known = answer('GET', `/socket.io/${name}`, { headers: { 'If-None-Match': '"4.8.4"' } });
  // RFC 9110 15.4.5: a 304 carries the headers that a cache goes by.
  const cached = { etag: '"4.8.4"', 'cache-control': 'public, max-age=0' };
  same(`/socket.io/${name} that is known`, known, {
    differs: ([r], ours) =>
      varies([r.status === 304 ? { ...r, headers: { ...r.headers, ...cached } } : r], ours),
  });
}

// -- conversations drawn at random, the same in every run

// mulberry32
const dice = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

class Draw {
  constructor(seed) {
    this.roll = dice(seed);
    this.joined = new Set();
  }

  // Whether it says CONNECT to a namespace that is joined. The reference closes the connection then; what
  // this server does has cases of its own.
  joinsAgain(text) {
    const [, type, nsp] = /^4([01])(\/[^,?]*)?/.exec(text) ?? [];
    const name = nsp ?? '/';
    if (type === '0' && this.joined.has(name)) return true;
    if (type === '0') this.joined.add(name);
    if (type === '1') this.joined.delete(name);
    return false;
  }

  below(n) {
    return Math.floor(this.roll() * n);
  }

  of(list) {
    return list[this.below(list.length)];
  }

  value(depth = 0) {
    if (depth < 3 && this.roll() < 0.3) {
      const list = Array.from({ length: this.below(3) }, () => this.value(depth + 1));
      return this.roll() < 0.5 ? list : Object.fromEntries(list.map((v, i) => [`k${i}`, v]));
    }
    return this.of([0, -1, 1.5, 1e21, true, false, null, '', 'text', '"\\\u0000', '\u20ac\u{1f600}', '42[]']);
  }

  // One byte more, less or another. Not "1": a close packet over WebSocket has its case above.
  spoil(text) {
    const at = this.below(text.length + 1);
    const extra = this.of([...'0123456789[]{}",/-?_ab :.e+']);
    const spoilt = text.slice(0, at) + this.of(['', extra]) + text.slice(at + this.below(2));
    return spoilt[0] === '1' ? text : spoilt;
  }

  nsp() {
    return this.of(['', '', '/custom,', '/none,', '/,', '/custom?a=b,']);
  }

  packet() {
    let packet;
    do packet = this.anyPacket(); while (this.joinsAgain(packet[0]));
    return packet;
  }

  // Texts and bytes that make a packet, or nearly.
  anyPacket() {
    const args = JSON.stringify(['message', ...Array.from({ length: this.below(3) }, () => this.value())]);
    const hole = '{"_placeholder":true,"num":0}';
    const nsp = this.of(['', '', '', '/custom,', '/,']);
    const sound = [
      () => [`42${nsp}${args}`],
      () => [`42${nsp}${this.below(20)}${args}`],
      () => [`451-${nsp}["message",${hole}]`, Buffer.from([1, 2, this.below(256)])],
      () => [`452-["message",${hole},{"_placeholder":true,"num":1}]`, Buffer.from('a'), Buffer.alloc(0)],
      () => [`43${nsp}${this.of(['', '0', '7'])}${this.of(['[]', '["x"]'])}`],
      () => [`40/none${this.of([',', ',{"a":1}', '?a=b,'])}`],
      () => [this.of(['3', '0', '6', '5', '42[1]', '42[-1,2]'])],
    ];
    const odd = [
      () => [`40${this.nsp()}${this.of(['', '{}', '{"a":1}', '[]', '"a"', '1'])}`],
      () => [`41${this.nsp()}`],
      () => [`43${this.nsp()}${this.of(['', '0', '7'])}${this.of(['[]', '["x"]', '{}', ''])}`],
      () => [`461-7[${hole}]`, Buffer.from('b')],
      () => [`42${this.of(['[]', '{}', '', '[null]', '["connect"]', '["disconnect",1]'])}`],
      () => [this.of(['4', '45', '44{}', '451-[]', '450-[]', '4511-["message"]'])],
    ];
    const packet = this.of(this.roll() < 0.1 ? odd : sound)();
    if (this.roll() < 0.1) packet[0] = this.spoil(packet[0]);
    return packet;
  }
}

// A request with a query of the engine's, or nearly; sid is of a session that polls.
function drawnRequest(draw, sid) {
  const keys = [
    ['EIO', draw.of(['4', '4', '4', '4', '3', '', '5', '04', '4x'])],
    ['transport', draw.of(['polling', 'polling', 'polling', 'websocket', 'Polling', '', 'polling%20'])],
    ['sid', draw.of([undefined, undefined, sid, sid, '', 'x', '%00', 'a'.repeat(100)])],
    ['t', draw.of([undefined, 'abc', '', '=', '%'])],
  ].filter(([, value]) => value !== undefined && draw.roll() < 0.95);
  if (draw.roll() < 0.3) keys.reverse();
  return {
    method: draw.of(['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'OPTIONS', 'DELETE', 'HEAD', 'PATCH']),
    query: keys.map(([key, value]) => `${key}=${value}`).join('&') + draw.of(['', '', '', '&', '&&', '#a']),
    options: {
      headers: draw.of([{}, {}, { Origin: 'http://a' }, { Origin: 'null' }, { Connection: 'close' }]),
      version: draw.of(['1.1', '1.1', '1.1', '1.0']),
    },
  };
}

// The session answers what gets through; a poll is never without something to fetch.
const drawnRequests = (seed, steps) => async (server, hear) => {
  const draw = new Draw(seed), s = await Polling.open(server);
  await request(s, 'POST', { body: '40' });
  for (let i = 0; i < steps; i++) {
    const { method, query, options } = drawnRequest(draw, s.sid);
    const posted = await request(s, 'POST', { body: said(i) });
    const body = method === 'POST' ? said('own') : undefined;
    hear([method, query.replace(s.sid, 'SID'), options, posted.status]);
    hear(seen(await server.request(method, query, { ...options, body })));
  }
};

// What JSON.parse() and JSON.stringify() make of a number is JavaScript's own; the value counts.
function canonical(message) {
  if (Buffer.isBuffer(message)) return `bytes ${message.toString('hex')}`;
  const [, head, json] = /^(\d+-?(?:\/[^,]*,)?\d*)([[{].*)?$/s.exec(anonymous(message)) ?? [];
  return json ? head + JSON.stringify(JSON.parse(json)) : anonymous(message);
}

// Step by step: a ping frame is answered when what came before it was looked at.
const drawnOverWebSocket = (seed, steps) => async (server, hear) => {
  const draw = new Draw(seed), w = await openWebSocket(server);
  try {
    for (let i = 0; i < steps + 3; i++) {
      const first = draw.roll() < 0.95 ? [['40'], ['40/custom,']][i] : undefined;
      if (first) draw.joinsAgain(first[0]);
      const packet = first ?? (i < steps + 2 ? draw.packet() : [said('end')]);
      for (const part of packet) w.send(part);
      w.write(frame(op.ping, ''));
      await w.nextFrame(op.pong);
    }
    for (let m; !m?.includes('"end"');) hear(m = canonical(await w.next()));
  } catch {
    w.messages.forEach((m) => hear(canonical(m)));
    hear(`closed ${await w.closed()}`);
  }
};

const inBody = (part) => (Buffer.isBuffer(part) ? `b${part.toString('base64')}` : part);

const drawnOverPolling = (seed, steps) => async (server, hear) => {
  const draw = new Draw(seed), s = await Polling.open(server);
  const post = async (body) => {
    const r = await request(s, 'POST', { body });
    hear(`-- ${body}: ${r.status} ${r.body}`);
    return r.status === 200;
  };
  // An answer may come in one poll or in several.
  const polls = async () => {
    for (;;) {
      const r = await request(s, 'GET');
      if (r.status !== 200) return hear(`${r.status} ${r.body}`);
      const packets = r.body.split(SEP);
      packets.forEach((p) => hear(canonical(p)));
      if (packets.some((p) => p === '1' || p.includes('"end"'))) return undefined;
    }
  };
  for (const first of ['40', '40/custom,']) {
    draw.joinsAgain(first);
    await post(first);
  }
  for (let i = 0; i < steps; i++)
    if (!await post(draw.packet().map(inBody).join(SEP))) break;
  await post(said('end'));
  await polls();
};

// ---- socket.io-client, which is recovered ------------------------------------------------------

// A proxy that ends its second connection where the server sends CONNECT: what was sent before that
// has arrived. While `deaf` is set, it passes nothing to the client.
async function proxyThatEndsBeforeConnect(port) {
  const proxy = { deaf: false, swallowed: '', count: 0 };
  proxy.server = net.createServer((down) => {
    const up = net.connect(port, '127.0.0.1'), number = ++proxy.count;
    for (const [from, to] of [[down, up], [up, down]]) {
      from.on('error', () => {});
      from.on('close', () => to.destroy());
    }
    down.on('data', (d) => up.write(d));
    up.on('data', (d) => {
      const at = number === 2 ? d.indexOf('40{"sid"') : -1;
      if (proxy.deaf) proxy.swallowed += d;
      else if (at < 0) down.write(d);
      else down.end(d.subarray(0, at - 2)); // two bytes of the frame's header
    });
    if (number === 1) proxy.cut = () => down.destroy();
  });
  proxy.server.listen(0, '127.0.0.1');
  await once(proxy.server, 'listening');
  return proxy;
}

// Both servers send the missed events before CONNECT. The client keeps them until CONNECT comes,
// even if the connection ends meanwhile, and asks for the same events on the next connection.
const endedBeforeConnect = (emptied) => async (server, hear) => {
  const proxy = await proxyThatEndsBeforeConnect(server.port), heard = [];
  const client = io(`http://127.0.0.1:${proxy.server.address().port}`,
    { forceNew: true, transports: ['websocket'], reconnectionDelay: 1, reconnectionDelayMax: 1 });
  client.on('message-back', (n) => heard.push(n));
  if (emptied) client.io.on('open', () => { client.receiveBuffer = []; });
  try {
    await connected(client);
    client.emit('message', 0);
    await event(client, 'message-back');
    proxy.deaf = true;
    for (const n of [1, 2, 3]) client.emit('message', n);
    await within(60_000, (async () => {
      while (!proxy.swallowed.includes('"message-back",3')) await sleep(1);
    })(), 'answers');
    proxy.deaf = false;
    proxy.cut();
    await event(client, 'connect');
    client.emit('message', 4);
    while (heard.at(-1) !== 4) await event(client, 'message-back');
    hear([client.recovered, proxy.count, heard]);
  } finally {
    client.disconnect();
    proxy.server.close();
  }
};

for (const [what, emptied, want] of [
  ['a connection that ends before CONNECT: the client hears what it missed twice', false, [0, 1, 2, 3, 1, 2, 3, 4]],
  ['a client that empties its receiveBuffer hears what it missed once', true, [0, 1, 2, 3, 4]],
])
  same(what, endedBeforeConnect(emptied), {
    setup: 'recovery',
    differs: (theirs) => {
      equal(theirs, [[true, 3, want]]);
      return theirs;
    },
  });

for (let group = 0; group < 10; group++) {
  const each = (drawn, steps) => async (server, hear) => {
    for (let seed = group * 30; seed < group * 30 + 30; seed++) {
      hear(`seed ${seed}`);
      await drawn(seed, steps)(server, hear);
    }
  };
  same(`what is asked at random, ${group}`, each(drawnRequests, 12));
  same(`what is drawn over websocket, ${group}`, each(drawnOverWebSocket, 12));
  same(`what is drawn over polling, ${group}`, each(drawnOverPolling, 6));
}

await run();
