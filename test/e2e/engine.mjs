// SPDX-License-Identifier: MIT
//
// engine.mjs - Engine.IO on the wire: requests, handshakes, both transports, the heartbeat, the
// upgrade, the ends. The numbers are those of docs/conformance.md.
import {
  Host, Polling, SEP, Socket, equal, frame, joined, match, ok, op, openWebSocket, requestBytes, run,
  sleep, takeResponse, test, upgradeHeaders,
} from './lib.mjs';

const POLLING = 'EIO=4&transport=polling';
const WEBSOCKET = 'EIO=4&transport=websocket';

const refused = (code, message) => JSON.stringify({ code, message });
const unknownTransport = refused(0, 'Transport unknown');
const unknownSid = refused(1, 'Session ID unknown');
const badMethod = refused(2, 'Bad handshake method');
const badRequest = refused(3, 'Bad request');

const isError = (r, body, status = 400) =>
  equal([r.status, r.headers['content-type'], r.body], [status, 'application/json', body]);
const isText = (r, status, body) =>
  equal([r.status, r.headers['content-type'], r.body], [status, 'text/html', body]);

const said = (text) => `42${JSON.stringify(['message', text])}`;
const heard = (text) => `42${JSON.stringify(['message-back', text])}`;

async function echoes(s, text = 'hello') {
  await s.send(said(text));
  equal(await s.poll(), heard(text));
}

async function wsEchoes(w, text = 'hello') {
  w.send(said(text));
  equal(await w.next(), heard(text));
}

// ---- 2.1 which requests are let in ---------------------------------------------------------------

test('1 an unknown transport is refused with code 0', async (t) => {
  const host = await t.host();
  isError(await host.get('EIO=4&transport=tobi'), unknownTransport);
  equal(await host.line(/connection_error/), 'connection_error 0 Transport unknown name= detail=tobi');
});

test('2 a name that JavaScript objects have is no transport', async (t) => {
  const host = await t.host();
  isError(await host.get('EIO=4&transport=constructor', { Origin: 'http://a' }), unknownTransport);
});

test('3 __proto__ is no transport, over HTTP and over WebSocket', async (t) => {
  const host = await t.host();
  isError(await host.get('EIO=4&transport=__proto__'), unknownTransport);
  isText(await host.upgrade('EIO=4&transport=__proto__'), 400, 'Transport unknown');
  equal(await host.told(/^connection_error 0/), 2);
});

test('4 a request without transport is refused with code 0', async (t) => {
  const host = await t.host();
  isError(await host.get('EIO=4'), unknownTransport);
  isError(await host.get('/socket.io/'), unknownTransport);
});

test('5 an unknown sid is refused with code 1', async (t) => {
  const host = await t.host();
  isError(await host.get(`${POLLING}&sid=test`), unknownSid);
  equal(await host.line(/connection_error/),
    'connection_error 1 Session ID unknown name= detail=test');
  isError(await host.get(`${POLLING}&sid=${'x'.repeat(300)}`), unknownSid);
});

test('5 an empty sid is as good as none', async (t) => {
  const host = await t.host();
  equal((await host.get(`${POLLING}&sid=`)).status, 200);
});

test('6 a POST with an unknown sid is refused with code 1', async (t) => {
  const host = await t.host();
  isError(await host.post(`${POLLING}&sid=test`, '40'), unknownSid);
});

test('7 a session begins with a GET: POST, PUT, OPTIONS, HEAD are refused with code 2', async (t) => {
  const host = await t.host();
  for (const method of ['POST', 'PUT', 'OPTIONS', 'HEAD']) {
    const r = await host.request(method, POLLING);
    isError(r, method === 'HEAD' ? '' : badMethod);
    equal(r.headers['content-length'], String(badMethod.length));
    match(await host.line(/connection_error/), new RegExp(`^connection_error 2 .*detail=${method}$`));
  }
});

test('8 other methods on a session are answered 500 and do it no harm', async (t) => {
  const host = await t.host();
  const s = await Polling.open(host);
  for (const method of ['OPTIONS', 'PUT', 'DELETE', 'HEAD']) {
    const r = await host.request(method, s.query);
    equal([r.status, r.body], [500, '']);
  }
  await s.join();
  await echoes(s);
});

test('9 allow_request refuses polling with 403, code 4 and its own text', async (t) => {
  const host = await t.host({ allow: 'fail:Thou shall not pass' });
  isError(await host.get(POLLING), refused(4, 'Thou shall not pass'), 403);
  equal(await host.line(/connection_error/),
    'connection_error 4 Forbidden name= detail=Thou shall not pass');
});

test('9 the text of allow_request is told to the letter, whatever it holds', async (t) => {
  for (const text of ['say "no" \\ or', 'a\nb\tc\x01 </script>', '€😀'.repeat(100)]) {
    const host = await t.host({ allow: `fail:${text}` });
    const r = await host.get(POLLING);
    equal([r.status, r.json], [403, { code: 4, message: text }]);
  }
});

test('10 allow_request without a text refuses with "Forbidden"', async (t) => {
  const host = await t.host({ allow: 'fail:' });
  isError(await host.get(POLLING), refused(4, 'Forbidden'), 403);
});

test('11 allow_request lets in, now or later', async (t) => {
  for (const allow of ['ok', 'later:ok']) {
    const host = await t.host({ allow });
    const s = await Polling.open(host);
    await s.join();
    await echoes(s);
    await wsEchoes(await joined(host));
  }
});

test('12 allow_request refuses a WebSocket before the 101, with 403 and the text', async (t) => {
  for (const when of ['', 'later:']) {
    const host = await t.host({ allow: `${when}fail:Thou shall not pass` });
    const r = await host.upgrade(WEBSOCKET);
    isText(r, 403, 'Thou shall not pass');
    equal(r.headers.connection, 'close');
  }
});

test('13 allow_request is asked once a session', async (t) => {
  const host = await t.host({ allow: 'ok' });
  const s = await Polling.open(host);
  await s.join();
  const w = await s.upgrade();
  await wsEchoes(w);
  equal(await host.told(/^allow_request$/), 1);
});

test('14 transport=websocket without an upgrade is refused with code 3, CORS headers with it',
  async (t) => {
    const host = await t.host({ cors: 'any' });
    const r = await host.get(WEBSOCKET);
    isError(r, badRequest);
    equal(r.headers['access-control-allow-origin'], '*');
    match(await host.line(/connection_error/), /name=TRANSPORT_HANDSHAKE_ERROR/);
  });

test('15 the wrong transport for a session is refused with code 3, and the session goes on',
  async (t) => {
    const host = await t.host();
    const s = await Polling.open(host);
    isError(await host.get(s.wsQuery, { Connection: 'close' }), badRequest);
    equal(await host.line(/connection_error/),
      'connection_error 3 Bad request name=TRANSPORT_MISMATCH detail=polling');
    await s.join();
    await echoes(s);
  });

test('15 a request that is no upgrade for a session over WebSocket is refused with code 3',
  async (t) => {
    const host = await t.host();
    const w = await joined(host);
    for (const method of ['GET', 'POST'])
      isError(await host.request(method, `EIO=4&transport=websocket&sid=${w.sid}`), badRequest);
    equal(await host.line(/connection_error/),
      'connection_error 3 Bad request name=TRANSPORT_HANDSHAKE_ERROR detail=');
    isError(await host.get(`EIO=4&transport=polling&sid=${w.sid}`), badRequest);
    await wsEchoes(w);
  });

test('16 an Origin with control characters is refused', async (t) => {
  const host = await t.host();
  for (const bad of ['\x01', '\x08', '\x7f', '\0'])
    equal((await host.get(POLLING, { Origin: `http://a${bad}b` })).status, 400);
  equal((await host.get(POLLING, { Origin: 'http://a\xe9' })).status, 200);
});

test('17 EIO=3 is refused with code 5', async (t) => {
  const host = await t.host();
  isError(await host.get('EIO=3&transport=polling'), refused(5, 'Unsupported protocol version'));
  equal(await host.line(/connection_error/),
    'connection_error 5 Unsupported protocol version name= detail=3');
});

test('18 no EIO, or one that makes no sense, is refused; over WebSocket before the 101', async (t) => {
  const host = await t.host();
  for (const eio of ['', 'EIO=abc&', 'EIO=&', 'EIO=44&', 'EIO=04&']) {
    isError(await host.get(`${eio}transport=polling`), refused(5, 'Unsupported protocol version'));
    isText(await host.upgrade(`${eio}transport=websocket`), 400, 'Unsupported protocol version');
  }
});

test('19 another protocol version on a session is refused with code 3', async (t) => {
  const host = await t.host();
  const s = await Polling.open(host);
  isError(await host.get(`EIO=3&transport=polling&sid=${s.sid}`), badRequest);
  match(await host.line(/connection_error/), /name=PROTOCOL_MISMATCH detail=3$/);
  isText(await host.upgrade(`EIO=3&transport=websocket&sid=${s.sid}`), 400, 'Bad request');
  await s.join();
  await echoes(s);
});

test('20 an upgrade without a query is refused with a body that can be read', async (t) => {
  const host = await t.host();
  const wire = host.wire();
  wire.write('GET /socket.io/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  const r = await takeResponse(wire);
  isText(r, 400, 'Transport unknown');
  equal((await wire.rest()).length, 0);
});

test('21 a WebSocket version we do not speak, and a key that is none, are refused', async (t) => {
  const host = await t.host();
  const old = await host.upgrade(WEBSOCKET, { headers: { 'Sec-WebSocket-Version': '12' } });
  equal([old.status, old.headers['sec-websocket-version']], [400, '13, 8']);
  for (const key of [undefined, '', 'short', 'dGhlIHNhbXBsZSBub25jZQ='])
    equal((await host.upgrade(WEBSOCKET, { headers: { 'Sec-WebSocket-Key': key } })).status, 400);
});

test('22 a POST cannot become a WebSocket', async (t) => {
  const host = await t.host();
  isText(await host.upgrade(WEBSOCKET, { method: 'POST' }), 400, 'Bad handshake method');
  const s = await Polling.open(host);
  isText(await host.upgrade(s.wsQuery, { method: 'POST' }), 400, 'Bad handshake method');
  await s.join();
  await echoes(s);
});

test('23 garbage right behind a WebSocket handshake closes that session', async (t) => {
  const host = await t.host();
  const w = await host.upgrade(WEBSOCKET, { early: Buffer.alloc(300, 0xff) });
  equal(await w.closed(), 1002);
  match(await host.line(/^closed/), /^closed transport error/);
  equal((await host.stats()).sessions, 0);
});

test('24 garbage behind the handshake of an upgrade leaves the polling session alone', async (t) => {
  const host = await t.host();
  const s = await Polling.open(host);
  const w = await host.upgrade(s.wsQuery, { early: Buffer.alloc(300, 0xff) });
  await w.closed();
  await s.join();
  await echoes(s);
  equal((await host.stats()).upgrades_failed, 1);
});

test('25 an id the host refuses to give is answered with code 3', async (t) => {
  const host = await t.host({ id: 'refuse' });
  isError(await host.get(POLLING), badRequest);
  match(await host.line(/connection_error/), /^connection_error 3 Bad request name=ID_GENERATION_ERROR/);
});

test('26 the same over WebSocket, before the 101', async (t) => {
  const host = await t.host({ id: 'refuse' });
  isText(await host.upgrade(WEBSOCKET), 400, 'Bad request');
  match(await host.line(/connection_error/), /^connection_error 3 Bad request name=ID_GENERATION_ERROR/);
});

test('27 a session is known by the id its host makes', async (t) => {
  const host = await t.host({ id: 'count' });
  const s = await Polling.open(host);
  equal(s.sid, 'custom-1');
  await s.join();
  await echoes(s);
  equal((await openWebSocket(host)).sid, 'custom-2');
});

test('27 an id that is taken is refused as if there were none', async (t) => {
  const host = await t.host({ id: 'same' });
  equal((await Polling.open(host)).sid, 'same-id');
  isError(await host.get(POLLING), badRequest);
});

test('28 a query may hold thousands of keys, up to the limit of a head', async (t) => {
  const host = await t.host();
  const keys = (n) => Array.from({ length: n }, (_, i) => `&k${i.toString(36)}=`).join('');
  equal((await host.get(POLLING + keys(2500))).status, 200);
  equal((await host.get(POLLING + keys(10000))).status, 431);
});

// ---- 2.2 handshake and headers ---------------------------------------------------------------------

test('29 34 the handshake over polling', async (t) => {
  const host = await t.host();
  const { response: r, handshake, sid } = await Polling.open(host);
  match(sid, /^[A-Za-z0-9_-]{20}$/);
  equal(r.body, `0${JSON.stringify({ sid, upgrades: ['websocket'], pingInterval: 25000,
    pingTimeout: 20000, maxPayload: 1000000 })}`);
  equal(Object.keys(handshake), ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload']);
  equal(r.headers['content-type'], 'text/plain; charset=UTF-8');
  equal(r.headers['content-length'], String(r.bytes.length));
  equal(r.headers['cache-control'], 'no-store');
});

test('30 what a session may upgrade to', async (t) => {
  const upgrades = async (flags) => (await Polling.open(await t.host(flags))).handshake.upgrades;
  equal(await upgrades({}), ['websocket']);
  equal(await upgrades({ transports: 'polling' }), []);
  equal(await upgrades({ 'no-upgrades': 1 }), []);
});

test('30 a transport that is switched off is unknown', async (t) => {
  isText(await (await t.host({ transports: 'polling' })).upgrade(WEBSOCKET), 400, 'Transport unknown');
  isError(await (await t.host({ transports: 'websocket' })).get(POLLING), unknownTransport);
});

test('31 the handshake over WebSocket is its first message, and offers no upgrade', async (t) => {
  const w = await openWebSocket(await t.host());
  equal(w.handshake, { sid: w.sid, upgrades: [], pingInterval: 25000, pingTimeout: 20000,
    maxPayload: 1000000 });
  equal(w.response.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

test('32 the handshake says what was configured', async (t) => {
  const host = await t.host({ 'ping-interval': 321, 'ping-timeout': 123, 'max-payload': 456 });
  const { handshake } = await Polling.open(host);
  equal([handshake.pingInterval, handshake.pingTimeout, handshake.maxPayload], [321, 123, 456]);
});

test('34 every answer with packets forbids caches, and "ok" says it is two bytes of text', async (t) => {
  const host = await t.host();
  const s = await Polling.open(host);
  const post = await host.post(s.query, '40');
  equal([post.body, post.headers['content-type'], post.headers['content-length']],
    ['ok', 'text/html', '2']);
  const get = await host.get(s.query);
  equal([get.headers['content-type'], get.headers['cache-control']],
    ['text/plain; charset=UTF-8', 'no-store']);
});

test('35 old Internet Explorers are told not to look for scripts', async (t) => {
  const host = await t.host();
  const protection = async (agent) =>
    (await host.get(POLLING, { 'User-Agent': agent })).headers['x-xss-protection'];
  equal(await protection('Mozilla/4.0 (compatible;MSIE 8.0; Windows NT 6.1; Trident/4.0)'), '0');
  equal(await protection('Mozilla/5.0 (Windows NT 6.3; Trident/7.0; rv:11.0) like Gecko'), '0');
  equal(await protection('Mozilla/5.0 Gecko/20100101 Firefox/128.0'), undefined);
});

test('36 the cookie', async (t) => {
  const host = await t.host({ cookie: 'default' });
  const s = await Polling.open(host);
  equal(s.response.headers['set-cookie'], `io=${s.sid}; Path=/; HttpOnly; SameSite=Lax`);
  const next = await host.post(s.query, '40');
  equal(next.headers['set-cookie'], undefined);
});

test('37 a cookie of another name, path, reach', async (t) => {
  const cookie = async (flags) => {
    const s = await Polling.open(await t.host({ cookie: 'woot', ...flags }));
    return s.response.headers['set-cookie'].replace(s.sid, 'SID');
  };
  equal(await cookie({ 'cookie-path': '/custom' }), 'woot=SID; Path=/custom; HttpOnly; SameSite=Lax');
  equal(await cookie({ 'cookie-path': '' }), 'woot=SID; HttpOnly; SameSite=Lax');
  equal(await cookie({ 'cookie-js': 1 }), 'woot=SID; Path=/; SameSite=Lax');
  equal(await cookie({ 'cookie-same-site': 'strict' }), 'woot=SID; Path=/; HttpOnly; SameSite=Strict');
});

test('38 no cookie unless it is asked for', async (t) => {
  equal((await Polling.open(await t.host())).response.headers['set-cookie'], undefined);
});

test('39 a session that begins on WebSocket gets no cookie', async (t) => {
  const w = await openWebSocket(await t.host({ cookie: 'default' }));
  equal(w.response.headers['set-cookie'], undefined);
});

test('40 headers the host adds: to the first answer, beside the cookie, and to every one', async (t) => {
  const host = await t.host({ headers: 1, cookie: 'default' });
  const s = await Polling.open(host);
  const { headers } = s.response;
  equal([headers['x-initial'], headers['x-every']], ['1', '1']);
  equal(headers['set-cookie'], [`io=${s.sid}; Path=/; HttpOnly; SameSite=Lax`, 'mine=1']);
  const post = await host.post(s.query, '40');
  equal([post.headers['x-initial'], post.headers['x-every'], post.headers['set-cookie']],
    [undefined, '1', undefined]);
});

test('41 headers the host adds stand in the 101', async (t) => {
  const w = await openWebSocket(await t.host({ headers: 1 }));
  equal([w.response.headers['x-initial'], w.response.headers['x-every']], ['1', '1']);
});

test('42 the first answer of a session is one, though it upgrades', async (t) => {
  const host = await t.host({ headers: 1 });
  const s = await Polling.open(host);
  await s.join();
  const w = await s.upgrade();
  equal([w.response.headers['x-initial'], w.response.headers['x-every']], [undefined, '1']);
  await wsEchoes(w);
  equal([await host.told(/^headers initial/), await host.told(/^headers every/)], [1, 3]);
});

test('43 a path without a slash at its end', async (t) => {
  const host = await t.host({ path: '/engine.io', 'no-slash': 1 });
  equal((await host.get(`/engine.io?${POLLING}`)).status, 200);
  equal((await host.get(`/engine.io/foo/bar/?${POLLING}`)).status, 200);
});

test('44 the path is a prefix, its last slash included', async (t) => {
  const host = await t.host();
  equal((await host.get(`/socket.io?${POLLING}`)).status, 404);
  equal((await host.get(`/socket.io/x/y?${POLLING}`)).status, 200);
  const other = await t.host({ path: '/custom' });
  equal((await other.get(`/custom/?${POLLING}`)).status, 200);
  equal((await other.get(`/socket.io/?${POLLING}`)).status, 404);
});

test('45 46 47 the host sees query, headers and address of the first request', async (t) => {
  const host = await t.host();
  const headers = { 'X-Custom': 'yes' };
  await Polling.open(host, { query: '&a=b%20c', headers });
  equal(await host.line(/^open/), 'open polling address=127.0.0.1 x-custom=yes a=b c');
  await openWebSocket(host, { query: '&a=b+c', headers });
  equal(await host.line(/^open/), 'open websocket address=127.0.0.1 x-custom=yes a=b c');
});

test('48 50 what is not under the path is served by others, or is 404', async (t) => {
  const host = await t.host();
  equal((await host.get('/stats')).status, 200);
  equal((await host.get('/nothing')).status, 404);
  equal((await host.get('/socket.io/stats')).status, 400);
});

test('49 an upgrade on a foreign path is answered and ended', async (t) => {
  const host = await t.host();
  const r = await host.upgrade('/foreign');
  equal(r.status, 404);
  const wire = host.wire();
  wire.write('GET /foreign HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: IRC/6.9\r\n\r\n');
  equal((await takeResponse(wire)).status, 404);
});

test('52 requests for the engine and for others share a connection, answered in order', async (t) => {
  const host = await t.host();
  const wire = host.wire();
  for (const url of [`/socket.io/?${POLLING}`, '/stats', '/socket.io/?EIO=4', `/socket.io/?${POLLING}`])
    wire.write(requestBytes('GET', url));
  equal((await takeResponse(wire)).body[0], '0');
  match((await takeResponse(wire)).body, /"sessions"/);
  isError(await takeResponse(wire), unknownTransport);
  equal((await takeResponse(wire)).body[0], '0');
});

// ---- 2.3 the host's hooks on requests ----------------------------------------------------------------

test('53 a header a hook sets stands in the 200 and in the 101', async (t) => {
  const host = await t.host({ use1: 'ok' });
  equal((await Polling.open(host)).response.headers['x-use'], 'use1');
  equal((await openWebSocket(host)).response.headers['x-use'], 'use1');
});

test('54 hooks run in order, each waiting for the one before', async (t) => {
  const host = await t.host({ use1: 'later:ok', use2: 'ok', use3: 'later:ok' });
  const r = await host.get(POLLING);
  equal(r.headers['x-use'], ['use1', 'use2', 'use3']);
  await host.caughtUp();
  equal(host.lines.filter((line) => /^use/.test(line)), ['use use1', 'use use2', 'use use3']);
});

const ANSWERS = ['answer', 'answer-then-later-ok', 'later-answer', 'answer-after-ok'];

for (const how of ANSWERS)
  test(`55 a hook answers by itself: ${how}`, async (t) => {
    const host = await t.host({ use1: how });
    const r = await host.get(POLLING);
    equal([r.status, r.body, r.headers['x-use']], [503, 'busy', 'use1']);
    const w = await host.upgrade(WEBSOCKET);
    equal([w.status, w.body], [503, 'busy']);
    equal((await host.stats()).opened, 0);
  });

test('55 a hook answers the requests of a session', async (t) => {
  const host = await t.host({ use1: 'ok-then-answer-sid' });
  const s = await Polling.open(host);
  const get = await host.get(s.query);
  equal([get.status, get.body], [503, 'busy']);
  const post = await host.post(s.query, '40');
  equal([post.status, post.body], [503, 'busy']);
  const half = s.start('POST', { headers: { 'Content-Length': '100' }, body: '40' });
  equal((await half.done).status, 503);
  equal((await host.stats()).sessions, 1);
});

test('56 a hook refuses with code 3', async (t) => {
  for (const when of ['', 'later:']) {
    const host = await t.host({ use1: `${when}fail:no` });
    isError(await host.get(POLLING), badRequest);
    equal(await host.line(/connection_error/),
      'connection_error 3 Bad request name=MIDDLEWARE_FAILURE detail=no');
    isText(await host.upgrade(WEBSOCKET), 400, 'Bad request');
    equal((await host.stats()).opened, 0);
  }
});

test('57 a hook that takes its time holds back the body of a POST', async (t) => {
  const host = await t.host({ use1: 'later:ok' });
  const s = await Polling.open(host);
  await s.join();
  await echoes(s);
  await echoes(s, 'x'.repeat(200_000));
});

for (const [what, flags] of [
  ['hook', { use1: 'later-read', think: 400 }],
  ['allow_request', { allow: 'later-read', think: 400 }],
])
  test(`57 a peer that leaves while ${what} thinks: the request can still be read`, async (t) => {
    const host = await t.host(flags);
    for (const leave of ['close', 'reset']) {
      const { wire } = host.start('GET', `${POLLING}&a=${leave}`);
      await host.line(/^(use|allow_request)/);
      wire[leave]();
      equal(await host.line(/^read/), `read /socket.io/?${POLLING}&a=${leave} localhost`);
    }
    equal((await host.stats()).opened, 0);
  });

test('57 a hook that takes its time before the last poll of a closing session', async (t) => {
  const host = await t.host({ use1: 'later:ok' });
  const s = await Polling.open(host);
  await s.join();
  await s.send('42["close-me"]');
  equal(await s.poll(), ['42["bye"]', '41'].join(SEP));
  equal(await s.poll(), ['6', '1'].join(SEP));
});

test('57 a peer that leaves while a hook thinks: an answer is thrown away', async (t) => {
  const host = await t.host({ use1: 'later-answer', think: 400 });
  const { wire } = host.start('GET', POLLING);
  await host.line(/^use/);
  wire.close();
  await sleep(600);
  equal((await host.get('/stats')).status, 200);
});

test('57 a request that waited until the server closes becomes no session', async (t) => {
  const host = await t.host({ use1: 'later:ok', think: 4000 });
  const { done } = host.start('GET', POLLING);
  await host.line(/^use/);
  equal(await host.stop(), '');
  t.hosts.length = 0;
  equal((await done).status, 503);
});

for (const how of ['later:ok', 'later-read', 'later-answer', 'answer-then-later-ok'])
  test(`57 the server is gone before a hook has thought: ${how}`, async (t) => {
    const host = await t.host({ use1: how, think: 600, 'close-timeout': 10 });
    host.start('GET', POLLING);
    await host.line(/^use/);
    equal(await host.stop(), '');
    t.hosts.length = 0;
  });

test('58 a POST over the limit is refused behind a hook too', async (t) => {
  const host = await t.host({ use1: 'later:ok', 'max-payload': 10, any: 1 });
  const s = await Polling.open(host);
  equal((await host.post(s.query, said('x'.repeat(20)))).status, 413);
  equal(await host.told(/^any/), 0);
});

// ---- 2.4 CORS ------------------------------------------------------------------------------------------

const cors = (r) => Object.fromEntries(
  Object.entries(r.headers).filter(([name]) => name.startsWith('access-control-')));

test('59 a preflight is answered 204 with what is allowed', async (t) => {
  const host = await t.host({ cors: 'reflect', 'cors-headers': 'my-header', 'cors-credentials': 1 });
  const r = await host.request('OPTIONS', POLLING, { headers: { Origin: 'http://engine.io' } });
  equal([r.status, r.body], [204, '']);
  equal(cors(r), {
    'access-control-allow-origin': 'http://engine.io',
    'access-control-allow-methods': 'GET,HEAD,PUT,PATCH,POST,DELETE',
    'access-control-allow-headers': 'my-header',
    'access-control-allow-credentials': 'true',
  });
});

test('60 a GET gets origin and credentials alone', async (t) => {
  const host = await t.host({ cors: 'reflect', 'cors-headers': 'my-header', 'cors-credentials': 1 });
  const s = await Polling.open(host, { headers: { Origin: 'http://engine.io' } });
  equal(cors(s.response), {
    'access-control-allow-origin': 'http://engine.io',
    'access-control-allow-credentials': 'true',
  });
  equal(s.response.headers.vary, 'Origin');
});

test('61 an origin that is not listed is not allowed', async (t) => {
  const host = await t.host({ cors: 'http://good.com,http://fine.com' });
  const ask = (origin) => host.request('OPTIONS', POLLING, { headers: { Origin: origin } });
  const bad = await ask('http://bad.com');
  equal([bad.status, cors(bad)['access-control-allow-origin']], [204, undefined]);
  equal(cors(await ask('http://fine.com'))['access-control-allow-origin'], 'http://fine.com');
});

test('62 every CORS option is passed on', async (t) => {
  const host = await t.host({
    cors: 'http://good-domain.com', 'cors-methods': 'GET,PUT,POST',
    'cors-headers': 'my-header,my-other-header', 'cors-exposed': 'my-exposed-header',
    'cors-credentials': 1, 'cors-max-age': 123, 'cors-status': 200,
  });
  const r = await host.request('OPTIONS', POLLING, { headers: { Origin: 'http://good-domain.com' } });
  equal([r.status, r.body], [200, '']);
  equal(cors(r), {
    'access-control-allow-origin': 'http://good-domain.com',
    'access-control-allow-methods': 'GET,PUT,POST',
    'access-control-allow-headers': 'my-header,my-other-header',
    'access-control-expose-headers': 'my-exposed-header',
    'access-control-allow-credentials': 'true',
    'access-control-max-age': '123',
  });
});

test('63 a whole session from another origin', async (t) => {
  const host = await t.host({ cors: 'any' });
  const s = await Polling.open(host, { headers: { Origin: 'http://elsewhere' } });
  const post = await host.post(s.query, '40', { Origin: 'http://elsewhere' });
  equal(cors(post), { 'access-control-allow-origin': '*' });
  await s.poll();
  await echoes(s, 'holà');
});

test('64 a preflight anywhere under the path', async (t) => {
  const host = await t.host({ cors: 'any' });
  const r = await host.request('OPTIONS', '/socket.io/default/', {
    headers: { Origin: 'http://a', 'Access-Control-Request-Headers': 'x-one, x-two' },
  });
  equal([r.status, r.headers['access-control-allow-headers']], [204, 'x-one, x-two']);
});

test('65 CORS keeps no WebSocket out', async (t) => {
  const host = await t.host({ cors: 'http://good.com' });
  const w = await joined(host, { headers: { Origin: 'http://bad.com' } });
  equal(w.response.headers['access-control-allow-origin'], undefined);
  await wsEchoes(w);
});

// ---- 2.5 data over polling ---------------------------------------------------------------------------------

async function session(t, flags) {
  const host = await t.host(flags);
  const s = await Polling.open(host);
  await s.join();
  return s;
}

test('66 a message goes there and back', async (t) => echoes(await session(t)));

test('66 a poll that waits is answered when there is something to say', async (t) => {
  const s = await session(t);
  const { done } = s.start('GET');
  await s.host.caughtUp();
  await s.send(said('late'));
  equal((await done).body, heard('late'));
});

test('67 three messages in one POST come back in one poll', async (t) => {
  const s = await session(t);
  await s.send(['test1', 'test2', 'test3'].map(said).join(SEP));
  equal(await s.poll(), ['test1', 'test2', 'test3'].map(heard).join(SEP));
});

test('68 text and binary in one body', async (t) => {
  const s = await session(t);
  const one = '451-["message",{"_placeholder":true,"num":0}]\x1ebAQIDBA==';
  await s.send([said('hello'), one].join(SEP));
  equal(await s.poll(), [heard('hello'), one.replace('message', 'message-back')].join(SEP));
});

test('69 a body that is no packet ends the session', async (t) => {
  const s = await session(t);
  const r = await s.host.post(s.query, 'abc');
  equal([r.status, r.body], [200, 'ok']);
  match(await s.host.line(/^closed/), /^closed parse error/);
  await s.dead();
});

test('70 an empty body ends the session', async (t) => {
  for (const body of ['', undefined]) {
    const s = await session(t);
    equal((await s.host.post(s.query, body)).status, 200);
    match(await s.host.line(/^closed/), /^closed parse error/);
    await s.dead();
  }
});

test('71 what stands before a bad packet is delivered, what stands behind it is not', async (t) => {
  const s = await session(t, { any: 1 });
  await s.send([said('a'), 'zzz', said('b')].join(SEP));
  match(await s.host.line(/^closed/), /^closed parse error/);
  equal(await s.host.told(/^any message/), 1);
  await s.dead();
});

test('71 a body that is not UTF-8 ends the session before anything of it is delivered', async (t) => {
  const s = await session(t, { any: 1 });
  await s.send(Buffer.concat([Buffer.from(said('a') + SEP), Buffer.from([0x34, 0xc3, 0x28])]));
  match(await s.host.line(/^closed/), /^closed parse error/);
  equal(await s.host.told(/^any message/), 0);
  await s.dead();
});

test('72 two polls at once: the second is refused, the first told of the end', async (t) => {
  const s = await session(t);
  const first = s.start('GET').done;
  await s.host.caughtUp();
  const second = await s.host.get(s.query);
  equal([second.status, second.body], [400, '']);
  equal((await first).body, '1');
  match(await s.host.line(/^closed/), /^closed transport error .*overlap from client/);
  await s.dead();
});

test('73 two POSTs at once: the second is refused, the session ends', async (t) => {
  const s = await session(t);
  const first = s.start('POST', { headers: { 'Content-Length': '100' }, body: '4' });
  await s.host.caughtUp();
  const second = await s.host.post(s.query, said('x'));
  equal([second.status, second.body], [400, '']);
  match(await s.host.line(/^closed/), /^closed transport error .*data request overlap from client/);
  equal((await first.wire.rest()).length, 0);
  await s.dead();
});

test('74 a poll that its client gives up ends the session', async (t) => {
  for (const leave of ['close', 'reset']) {
    const s = await session(t);
    const { wire } = s.start('GET');
    await s.host.caughtUp();
    wire[leave]();
    match(await s.host.line(/^closed/), /^closed transport error .*poll connection closed prematurely/);
    await s.dead();
  }
});

test('74 a POST that breaks off ends the session', async (t) => {
  const s = await session(t);
  const { wire } = s.start('POST', { headers: { 'Content-Length': '100' }, body: '4' });
  await s.host.caughtUp();
  wire.close();
  match(await s.host.line(/^closed/),
    /^closed transport error .*data request connection closed prematurely/);
  await s.dead();
});

test('75 binary bodies are of the past: 400, and the session ends', async (t) => {
  const s = await session(t);
  const r = await s.host.post(s.query, '\x04abc', { 'Content-Type': 'application/octet-stream' });
  equal([r.status, r.body], [400, '']);
  match(await s.host.line(/^closed/), /^closed transport error .*invalid content/);
  await s.dead();
});

test('76 a body over max_payload is refused with 413, and the session goes on', async (t) => {
  const s = await session(t, { 'max-payload': 100, any: 1 });
  const big = said('x'.repeat(100));
  const known = await s.host.post(s.query, big);
  equal([known.status, known.body], [413, '']);
  const chunked = await s.host.request('POST', s.query, {
    headers: { 'Transfer-Encoding': 'chunked' },
    body: `32\r\n${'4'.repeat(50)}\r\n33\r\n${'4'.repeat(51)}\r\n0\r\n\r\n`,
  });
  equal(chunked.status, 413);
  equal(await s.host.told(/^any/), 0);
  await echoes(s, 'small');
});

test('77 a body of exactly max_payload bytes passes', async (t) => {
  const s = await session(t, { 'max-payload': 100 });
  await echoes(s, 'x'.repeat(100 - said('').length));
});

test('77 a megabyte in many pieces passes where it may', async (t) => {
  const s = await session(t, { 'max-payload': 2_000_000 });
  await echoes(s, 'y'.repeat(1_000_000));
});

test('78 a chunked body is one body', async (t) => {
  const s = await session(t);
  const body = [...said('123')].map((ch) => `1\r\n${ch}\r\n`).join('') + '0\r\n\r\n';
  const r = await s.host.request('POST', s.query,
    { headers: { 'Transfer-Encoding': 'chunked' }, body });
  equal([r.status, r.body], [200, 'ok']);
  equal(await s.poll(), heard('123'));
});

test('79 all of Unicode passes', async (t) => {
  const s = await session(t);
  await echoes(s, '\u{10ffff}😀 ЎЩЖ 石室詩士施氏 ¢€ \u2028\u2029\u007f');
});

test('79 a character may be cut by the network', async (t) => {
  const s = await session(t);
  const bytes = requestBytes('POST', s.host.url(s.query), { body: said('€'.repeat(10)) });
  const wire = s.host.wire();
  for (const byte of bytes) {
    wire.write(Buffer.from([byte]));
    if (byte & 0x80) await sleep(1);
  }
  equal((await takeResponse(wire)).body, 'ok');
  equal(await s.poll(), heard('€'.repeat(10)));
});

test('80 the server stops though a POST is on its way', async (t) => {
  const s = await session(t);
  const { wire } = s.start('POST', { headers: { 'Content-Length': '100' }, body: '4' });
  await s.host.caughtUp();
  equal(await s.host.stop(), '');
  t.hosts.length = 0;
  equal((await wire.rest()).length, 0);
});

test('81 what was sent before a close reaches a client that polls later', async (t) => {
  const s = await session(t);
  await s.send([said('a'), '42["close-me"]'].join(SEP));
  equal(await s.poll(), [heard('a'), '42["bye"]', '41'].join(SEP));
  equal(await s.poll(), ['6', '1'].join(SEP));
  await s.dead();
});

test('82 what stands behind the message whose handler closes is not delivered', async (t) => {
  const s = await session(t, { any: 1 });
  await s.send(['42["engine-close"]', said('x')].join(SEP));
  match(await s.host.line(/^closed/), /^closed forced close/);
  equal(await s.host.told(/^any message/), 0);
});

test('83 a connection for each request will do', async (t) => {
  const host = await t.host();
  const close = { Connection: 'close' };
  const s = await Polling.open(host, { headers: close });
  equal(s.response.headers.connection, 'close');
  await s.send('40', close);
  match((await host.get(s.query, close)).body, /^40/);
  await s.send(said('hello'), close);
  const { done, wire } = s.start('GET', { headers: close, keep: true });
  equal((await done).body, heard('hello'));
  equal((await wire.rest()).length, 0);
});

test('84 a client closes by packet: the poll that waits gets a noop', async (t) => {
  const s = await session(t);
  const { done } = s.start('GET');
  await s.host.caughtUp();
  await s.send('1');
  equal((await done).body, '6');
  match(await s.host.line(/^closed/), /^closed transport close/);
  await s.dead();
});

test('84 what stands behind a close packet is dropped', async (t) => {
  const s = await session(t, { any: 1 });
  await s.send(['1', said('x')].join(SEP));
  await s.dead();
  equal(await s.host.told(/^any/), 0);
});

test('85 the server closes: the poll that waits is told at once', async (t) => {
  const s = await session(t);
  const { done } = s.start('GET');
  await s.host.caughtUp();
  await s.send('42["engine-close"]');
  equal((await done).body, '1');
  match(await s.host.line(/^closed/), /^closed forced close/);
  await s.dead();
});

test('85 the server closes: without a poll the next one is told, and it is the last', async (t) => {
  const s = await session(t);
  await s.send('42["engine-close"]');
  match(await s.host.line(/^closed/), /^closed forced close/);
  equal(await s.poll(), '6\x1e1');
  await s.dead();
});

test('85 a POST to a session that is closing is taken and ignored', async (t) => {
  const s = await session(t, { any: 1 });
  await s.send('42["engine-close"]');
  await s.send(said('late'));
  equal(await s.host.told(/^any message/), 0);
  equal(await s.poll(), '6\x1e1');
});

test('86 a session whose last poll never comes is forgotten after close_timeout', async (t) => {
  const s = await session(t, { 'close-timeout': 150 });
  await s.send('42["close-me"]');
  await s.host.settled('queued_bytes', 0);
  await s.dead();
});

test('85 a body that is still coming when the host ends the session is taken and ignored', async (t) => {
  const s = await session(t);
  const other = await joined(s.host);
  const body = said('late');
  const post = s.start('POST', { headers: { 'Content-Length': body.length } });
  post.wire.write(body.slice(0, 5));
  await s.host.caughtUp();
  other.send('421["bulk","close",{}]');
  equal(await s.poll(), '41');
  post.wire.write(body.slice(5));
  const r = await post.done;
  equal([r.status, r.body], [200, 'ok']);
  equal(await s.poll(), '6\x1e1');
});

test('86 a POST to a closing session may outlive it', async (t) => {
  const s = await session(t, { 'close-timeout': 2000 });
  await s.send('42["close-me"]');
  const body = said('x');
  const post = s.start('POST', { headers: { 'Content-Length': body.length }, body: body.slice(0, 5) });
  equal((await post.done).body, 'ok');
  await s.host.settled('queued_bytes', 0);
  post.wire.close();
  await s.dead();
});

test('86 a server that closes forgets who lingers, though others take their time', async (t) => {
  const s = await session(t, { 'close-timeout': 300 });
  const slow = await openWebSocket(s.host, { rude: true, halfOpen: true });
  await s.send('42["close-me"]');
  equal(await s.host.stop(), '');
  t.hosts.length = 0;
  slow.close();
});

// ---- 2.7 data over WebSocket ---------------------------------------------------------------------------

const socket = async (t, flags) => {
  const host = await t.host(flags);
  const w = await joined(host);
  w.host = host;
  return w;
};

test('91 text and binary go there and back', async (t) => {
  const w = await socket(t);
  await wsEchoes(w);
  w.send('451-["message",{"_placeholder":true,"num":0}]').send(Buffer.from([1, 2, 3, 4]));
  equal(await w.next(), '451-["message-back",{"_placeholder":true,"num":0}]');
  equal(await w.next(), Buffer.from([1, 2, 3, 4]));
});

test('92 a text that is no packet, or none at all, closes', async (t) => {
  for (const text of ['abc', '', '7']) {
    const w = await socket(t);
    w.send(text);
    match(await w.host.line(/^closed/), /^closed parse error/);
    equal(await w.closed(), 1005);
  }
});

test('93 a close packet closes', async (t) => {
  const w = await socket(t);
  w.send('1');
  match(await w.host.line(/^closed/), /^closed transport close/);
  equal(await w.closed(), 1005);
});

test('94 packets that mean nothing on an open session are ignored', async (t) => {
  const w = await socket(t);
  for (const packet of ['0{}', '0', '5', '6', '6x']) w.send(packet);
  await wsEchoes(w);
});

test('95 a ping from the client closes: heartbeats go the other way', async (t) => {
  for (const ping of ['2', '2probe']) {
    const w = await socket(t);
    w.send(ping);
    match(await w.host.line(/^closed/), /^closed transport error .*invalid heartbeat direction/);
    await w.closed();
    const s = await session(t);
    await s.send(ping);
    match(await s.host.line(/^closed/), /^closed transport error .*invalid heartbeat direction/);
  }
});

test('96 a pong nobody asked for is ignored', async (t) => {
  const w = await socket(t);
  w.send('3').send('3probe');
  await wsEchoes(w);
});

test('97 a message over max_payload closes with 1009', async (t) => {
  const w = await socket(t, { 'max-payload': 100, any: 1 });
  await wsEchoes(w, 'x'.repeat(100 - said('').length));
  w.send(said('x'.repeat(101 - said('').length)));
  equal(await w.closed(), 1009);
  match(await w.host.line(/^closed/), /^closed transport error .*Max payload size exceeded/);
  equal(await w.host.told(/^any message /), 1);
});

test('97 the limit counts all fragments of a message', async (t) => {
  const w = await socket(t, { 'max-payload': 100 });
  w.write(frame(op.text, said('x'.repeat(60)), { fin: false }));
  w.write(frame(op.more, 'x'.repeat(60), { fin: false }));
  equal(await w.closed(), 1009);
});

test('98 fragments make one message, control frames between them', async (t) => {
  const w = await socket(t);
  const text = Buffer.from(said('fragments'));
  w.write(frame(op.text, text.subarray(0, 1), { fin: false }));
  w.write(frame(op.ping, 'are you there'));
  w.write(frame(op.more, text.subarray(1, 10), { fin: false }));
  w.write(frame(op.more, '', { fin: false }));
  w.write(frame(op.more, text.subarray(10)));
  equal((await w.nextFrame(op.pong)).payload.toString(), 'are you there');
  equal(await w.next(), heard('fragments'));
});

test('98 a binary message in fragments, a byte at a time', async (t) => {
  const w = await socket(t);
  w.send('451-["message",{"_placeholder":true,"num":0}]');
  const bytes = Buffer.concat([
    frame(op.binary, [1, 2], { fin: false }), frame(op.more, [3], { fin: false }), frame(op.more, [4]),
  ]);
  for (const byte of bytes) {
    w.write(Buffer.from([byte]));
    await sleep(1);
  }
  await w.next();
  equal(await w.next(), Buffer.from([1, 2, 3, 4]));
});

test('98 a close frame is echoed with its code', async (t) => {
  const w = await socket(t);
  w.rude = true;
  w.write(frame(op.close, [0x0b, 0xb9])); // 3001
  equal(await w.closed(), 3001);
  match(await w.host.line(/^closed/), /^closed transport close err=0 code=3001/);
});

test('99 text that is not UTF-8 closes with 1007', async (t) => {
  const w = await socket(t);
  w.write(frame(op.text, [0x34, 0xc3, 0x28]));
  equal(await w.closed(), 1007);
  match(await w.host.line(/^closed/), /^closed transport error/);
});

test('100 frames that break the rules close with 1002', async (t) => {
  const bad = {
    unmasked: frame(op.text, '40', { masked: false }),
    reserved: frame(op.text, '40', { rsv: 4 }),
    unknown: frame(3, 'x'),
    'stray continuation': frame(op.more, 'x'),
    'fragmented ping': frame(op.ping, 'x', { fin: false }),
  };
  for (const [what, bytes] of Object.entries(bad)) {
    const w = await socket(t);
    w.write(bytes);
    equal(await w.closed(), 1002, what);
  }
});

test('101 much data right after the handshake does not delay the heartbeat', async (t) => {
  const w = await socket(t, { 'ping-interval': 1500 });
  const big = said('a'.repeat(64 * 1024 - 40));
  for (let i = 0; i < 100; i++) w.send(big);
  w.send(said('end'));
  for (let m; (m = await nextAnswering(w)) !== heard('end'); ) ok(m.length > 60_000);
  equal(await w.next(), '2');
  w.send('3').send(said('still there'));
  equal(await nextAnswering(w), heard('still there'));
});

test('102 every byte of a binary message is what it was', async (t) => {
  const w = await socket(t);
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  w.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
  w.send(all).send(Buffer.alloc(0));
  equal(await w.next(), '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
  equal(await w.next(), all);
  equal(await w.next(), Buffer.alloc(0));
});

test('103 megabytes go there and back, three times', async (t) => {
  const w = await socket(t, { 'max-payload': 8_000_000 });
  const json = JSON.stringify(Array.from({ length: 40_000 }, (_, i) => ({ i, text: `item ${i} €` })));
  const bytes = Buffer.alloc(3_000_000, 0xa5);
  for (let i = 0; i < 3; i++) {
    w.send(`42["message",${json}]`);
    equal(await w.next(), `42["message-back",${json}]`);
    w.send('451-["message",{"_placeholder":true,"num":0}]').send(bytes);
    await w.next();
    ok(bytes.equals(await w.next()));
  }
});

test('105 with b64 binary leaves as text', async (t) => {
  const host = await t.host();
  for (const query of ['&b64=1', '&b64=0', '&b64=true']) {
    const w = await joined(host, { query });
    w.send('451-["message",{"_placeholder":true,"num":0}]').send('bAQI=');
    equal(await w.next(), '451-["message-back",{"_placeholder":true,"num":0}]');
    equal(await w.next(), 'bAQI=');
  }
  const w = await joined(host, { query: '&b64=' });
  w.send('451-["message",{"_placeholder":true,"num":0}]').send('bAQI=');
  await w.next();
  equal(await w.next(), Buffer.from([1, 2]));
});

test('106 an extension that is offered is not taken', async (t) => {
  const host = await t.host();
  const w = await openWebSocket(host, {
    headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' },
  });
  equal(w.response.headers['sec-websocket-extensions'], undefined);
});

// ---- 2.8 the heartbeat --------------------------------------------------------------------------------

// A pong, and a poll, may be late on a busy machine.
const PULSE = { 'ping-interval': 200 };
const SHORT = { 'ping-interval': 200, 'ping-timeout': 2500 };
const UNPOLLED = { 'ping-interval': 200, 'ping-timeout': 150 };

// No namespace is joined here: what is heard are pings.
const quiet = async (t, flags) => Polling.open(await t.host(flags));

async function quietSocket(t, flags) {
  const host = await t.host(flags);
  const w = await openWebSocket(host);
  w.host = host;
  return w;
}

// The next message that is no ping; pings are answered.
async function nextAnswering(w) {
  for (;;) {
    const m = await w.next();
    if (m !== '2') return m;
    w.send('3');
  }
}

test('108 117 polling: three rounds of ping and pong', async (t) => {
  const s = await quiet(t, PULSE);
  for (let i = 0; i < 3; i++) {
    equal(await s.poll(), '2');
    await s.send('3');
    await s.host.line(/^engine heartbeat polling/);
  }
});

test('109 117 websocket: three rounds of ping and pong', async (t) => {
  const w = await quietSocket(t, PULSE);
  for (let i = 0; i < 3; i++) {
    equal(await w.next(), '2');
    w.send('3');
    await w.host.line(/^engine heartbeat websocket/);
  }
});

test('110 111 113 polling: no pong, no session', async (t) => {
  const s = await quiet(t, SHORT);
  equal(await s.poll(), '2');
  match(await s.host.line(/^closed/), /^closed ping timeout/);
  await s.dead();
});

test('110 111 113 websocket: no pong, no session', async (t) => {
  const w = await quietSocket(t, SHORT);
  equal(await w.next(), '2');
  equal(await w.closed(), 1005);
  match(await w.host.line(/^closed/), /^closed ping timeout/);
});

test('111 a session that nobody polls times out', async (t) => {
  const s = await quiet(t, UNPOLLED);
  match(await s.host.line(/^closed/), /^closed ping timeout/);
  await s.dead();
});

test('113 the poll that waits is told of the timeout', async (t) => {
  const s = await quiet(t, SHORT);
  equal(await s.poll(), '2');
  equal(await s.poll(), '1');
});

test('112 the timeout comes interval and timeout after the last pong', async (t) => {
  const w = await quietSocket(t, SHORT);
  equal(await w.next(), '2');
  w.send('3');
  await w.closed();
  equal(w.messages, ['2']);
  match(await w.host.line(/^closed/), /^closed ping timeout/);
});

test('114 an upgraded session lives on', async (t) => {
  const s = await quiet(t, PULSE);
  const w = await s.upgrade();
  for (let i = 0; i < 4; i++) {
    equal(await w.next(), '2');
    w.send('3');
  }
});

test('114 a peer that upgrades between ping and pong and falls silent times out', async (t) => {
  const s = await quiet(t, SHORT);
  equal(await s.poll(), '2');
  const w = await s.upgrade();
  equal(await w.closed(), 1005);
  match(await s.host.line(/^closed/), /^closed ping timeout/);
});

test('115 other traffic buys one more timeout, not a life', async (t) => {
  const w = await quietSocket(t, { 'ping-interval': 200, 'ping-timeout': 400 });
  equal(await w.next(), '2');
  const talk = setInterval(() => w.send('6'), 40);
  await w.closed();
  clearInterval(talk);
  match(await w.host.line(/^closed/), /^closed ping timeout/);
});

test('116 a server that closes right after a heartbeat just closes', async (t) => {
  const w = await quietSocket(t, PULSE);
  equal(await w.next(), '2');
  w.send('3').send('40').send('42["engine-close"]');
  match(await nextAnswering(w), /^40/);
  equal(await w.closed(), 1005);
  match(await w.host.line(/^closed/), /^closed forced close/);
});

// ---- 2.9 the upgrade -------------------------------------------------------------------------------------

test('118 a session moves to WebSocket', async (t) => {
  const s = await session(t);
  const waiting = s.start('GET').done;
  await s.host.caughtUp();
  const w = await s.probe();
  equal((await waiting).body, '6');
  await s.host.line(/^engine upgrading polling/);
  w.send('5');
  await s.host.line(/^engine upgrade websocket/);
  await wsEchoes(w);
  const stats = await s.host.stats();
  equal([stats.upgrades, stats.sessions], [1, 1]);
});

test('118 a poll that comes after the probe is let go of', async (t) => {
  const s = await session(t);
  await s.probe();
  equal(await s.poll(), '6');
  equal(await s.poll(), '6');
});

test('118 a poll that waits when the upgrade completes is let go of', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  const waiting = s.start('GET').done;
  await s.host.caughtUp();
  w.send('5');
  equal((await waiting).body, '6');
  await wsEchoes(w);
});

test('118 probe and upgrade in one segment', async (t) => {
  const s = await session(t);
  const w = await s.host.upgrade(s.wsQuery, {
    early: Buffer.concat([frame(op.text, '2probe'), frame(op.text, '5'), frame(op.text, said('x'))]),
  });
  equal(await w.next(), '3probe');
  equal(await w.next(), heard('x'));
});

test('118 an upgrade packet without a probe completes as well', async (t) => {
  const s = await session(t);
  const w = await s.host.upgrade(s.wsQuery);
  w.send('5');
  await wsEchoes(w);
});

test('119 nothing is lost and all keeps its order across an upgrade', async (t) => {
  const s = await session(t);
  const got = [];
  const poll = async () => {
    const r = await s.host.get(s.query);
    if (r.status !== 200) return false;
    got.push(...r.body.split(SEP).filter((p) => p !== '6'));
    return true;
  };
  for (let i = 0; i < 20; i++) await s.send(said(`n${i}`));
  const w = await s.probe();
  await poll();
  for (let i = 20; i < 40; i++) await s.send(said(`n${i}`));
  w.send('5');
  for (let i = 40; i < 50; i++) w.send(said(`n${i}`));
  while (got.length < 50) got.push(await w.next());
  equal(got, Array.from({ length: 50 }, (_, i) => heard(`n${i}`)));
});

test('120 polling after the upgrade is refused, and the session goes on', async (t) => {
  const s = await session(t);
  const w = await s.upgrade();
  await s.host.line(/^engine upgrade /);
  isError(await s.host.get(s.query), badRequest);
  isError(await s.host.post(s.query, said('x')), badRequest);
  await wsEchoes(w);
});

test('121 a second WebSocket is closed, the first goes on', async (t) => {
  const s = await session(t);
  const w = await s.upgrade();
  await s.host.line(/^engine upgrade /);
  const second = await s.host.upgrade(s.wsQuery);
  equal(await second.closed(), 1005);
  await wsEchoes(w);
  const native = await joined(s.host);
  const third = await s.host.upgrade(`${WEBSOCKET}&sid=${native.sid}`);
  equal(await third.closed(), 1005);
  await wsEchoes(native);
});

test('122 a second WebSocket while the first probes is closed', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  const second = await s.host.upgrade(s.wsQuery);
  equal(await second.closed(), 1005);
  w.send('5');
  await wsEchoes(w);
});

test('123 a wrong packet ends the probe, not the session', async (t) => {
  for (const packet of ['4hello', '2', '5x', 'zzz', '', Buffer.from('2probe')]) {
    const s = await session(t);
    const w = await s.host.upgrade(s.wsQuery);
    w.send(packet);
    equal(await w.closed(), 1005);
    await echoes(s);
    const again = await s.upgrade();
    await wsEchoes(again);
  }
});

test('124 an upgrade that does not come in time ends the probe, not the session', async (t) => {
  const s = await session(t, { 'upgrade-timeout': 2000 });
  const silent = await s.host.upgrade(s.wsQuery);
  equal(await silent.closed(), 1005);
  const probed = await s.probe();
  equal(await probed.closed(), 1005);
  await echoes(s);
  equal((await s.host.stats()).upgrades_failed, 2);
});

test('125 a session that closes tells a poll, and takes its probe along', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  await s.send('42["engine-close"]');
  equal(await s.poll(), '6\x1e1');
  equal(await w.closed(), 1005);
});

test('125 a session that closes when its client has stopped polling tells the WebSocket', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  await s.send('42["engine-close"]');
  await s.host.line(/^closed/);
  w.send('5');
  equal(await w.closed(), 1005);
  const stats = await s.host.stats();
  equal([stats.upgrades, stats.upgrades_failed], [1, 0]);
  isError(await s.host.get(s.query), unknownSid);
});

test('125 the last poll of a session that closes may come before the upgrade', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  const poll = s.start('GET');
  equal((await poll.done).body, '6');
  const last = s.start('GET');
  await s.host.caughtUp();
  await s.send('42["close-me"]');
  equal((await last.done).body, '42["bye"]\x1e41');
  w.send('5');
  equal(await w.closed(), 1005);
  equal((await s.host.stats()).upgrades, 1);
});

test('125 a session that closes with something left to say says it over the WebSocket', async (t) => {
  for (const probed of [true, false]) {
    const s = await session(t);
    const w = await (probed ? s.probe() : s.host.upgrade(s.wsQuery));
    await s.send('42["close-me"]');
    if (!probed) equal(await w.send('2probe').next(), '3probe');
    w.send('5');
    equal(await w.next(), '42["bye"]');
    equal(await w.next(), '41');
    equal(await w.closed(), 1005);
    match(await s.host.line(/^closed/), /^closed forced close/);
    await s.host.settled('sessions', 0);
    isError(await s.host.get(s.query), unknownSid);
  }
});

test('125 a session that closes with something left to say says it to a poll', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  await s.send('42["close-me"]');
  equal(await s.poll(), '42["bye"]\x1e41');
  equal(await s.poll(), '6\x1e1');
  equal(await w.closed(), 1005);
});

test('125 a session that closes outlives a probe that fails', async (t) => {
  const s = await session(t, { 'upgrade-timeout': 2000 });
  const w = await s.probe();
  await s.send('42["close-me"]');
  equal(await w.closed(), 1005);
  equal((await s.host.stats()).upgrades_failed, 1);
  equal(await s.poll(), '42["bye"]\x1e41');
  equal(await s.poll(), '6\x1e1');
});

test('125 a session that closes and is not asked lets go of its probe', async (t) => {
  const s = await session(t, { 'close-timeout': 300 });
  const w = await s.probe();
  await s.send('42["close-me"]');
  equal(await w.closed(), 1005);
  isError(await s.host.get(s.query), unknownSid);
});

test('126 a client that runs away while it upgrades', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  w.wire.reset();
  const waiting = s.start('GET');
  await s.host.caughtUp();
  waiting.wire.reset();
  match(await s.host.line(/^closed/), /^closed transport error/);
  await s.host.settled('sessions', 0);
});

test('127 what is sent between probe and upgrade leaves by the poll that waits', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  const waiting = s.start('GET').done;
  await s.send(said('between'));
  equal((await waiting).body, heard('between'));
  w.send('5');
  await wsEchoes(w);
});

test('127 without a poll it leaves by the WebSocket, first', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  await s.send(said('between'));
  w.send('5').send(said('after'));
  equal(await w.next(), heard('between'));
  equal(await w.next(), heard('after'));
});

test('128 the server ends with clients in every state', async (t) => {
  const s = await session(t, { 'head-timeout': 1500 });
  const { host } = s;
  s.start('GET');
  await host.upgrade((await Polling.open(host)).wsQuery);
  await (await Polling.open(host)).probe();
  await (await Polling.open(host)).upgrade();
  const native = await joined(host);
  await Polling.open(host);
  host.wire();
  const half = host.wire();
  half.write('GET /socket.io/?EIO=4');
  equal(await host.stop(), '');
  t.hosts.length = 0;
  equal(await native.closed(), 1005);
});

test('129 a WebSocket that breaks off while it probes leaves the session alone', async (t) => {
  for (const leave of ['close', 'reset']) {
    const s = await session(t);
    const w = await s.probe();
    w.wire[leave]();
    await s.host.settled('upgrades_failed', 1);
    await echoes(s);
    await wsEchoes(await s.upgrade());
  }
});

test('129 a POST that is on its way when the upgrade completes is given up', async (t) => {
  const s = await session(t);
  const w = await s.probe();
  const body = said('straddles');
  const post = s.start('POST', { headers: { 'Content-Length': body.length }, body: body.slice(0, 5) });
  await s.host.caughtUp();
  w.send('5');
  await s.host.line(/^engine upgrade /);
  post.wire.write(body.slice(5));
  equal((await post.wire.rest()).length, 0);
  await wsEchoes(w);
});

// ---- 2.10 the end --------------------------------------------------------------------------------------------

test('131 who closes is told apart', async (t) => {
  const host = await t.host();
  const byServer = await joined(host);
  byServer.send('42["engine-close"]');
  equal(await byServer.closed(), 1005);
  match(await host.line(/^closed/), /^closed forced close/);
  const byFrame = await joined(host);
  byFrame.write(frame(op.close));
  await byFrame.closed();
  match(await host.line(/^closed/), /^closed transport close err=0/);
  const byFin = await joined(host);
  byFin.wire.socket.end();
  match(await host.line(/^closed/), /^closed transport close err=0/);
  const byReset = await joined(host);
  byReset.wire.reset();
  match(await host.line(/^closed/), /^closed transport close/);
});

test('132 a server that closes: a poll that waits is told of the end', async (t) => {
  const s = await session(t);
  const { done } = s.start('GET');
  await s.host.caughtUp();
  s.start('POST', { body: '42["shut"]' });
  equal((await done).body, '1');
  await s.host.line(/^done/);
});

test('132 a server that closes right after a message: what could leave at once does', async (t) => {
  const s = await session(t);
  const { done } = s.start('GET');
  await s.host.caughtUp();
  s.start('POST', { body: [said('x'), '42["shut"]', said('y')].join(SEP) });
  equal((await done).body, heard('x'));
  await s.host.line(/^done/);
  const w = await socket(t);
  w.send(said('x')).send('42["shut"]').send(said('y'));
  equal(await w.next(), heard('x'));
  equal(await w.closed(), 1005);
  await w.host.line(/^done/);
});

test('132 a session that lingers for its last poll does not keep a server from closing', async (t) => {
  const s = await session(t);
  await s.send('42["close-me"]');
  equal(await s.host.stop(), '');
  t.hosts.length = 0;
});

test('133 a message, then a close: the message comes first', async (t) => {
  const w = await socket(t);
  w.send('42["close-me"]');
  equal([await w.next(), await w.next()], ['42["bye"]', '41']);
  equal(await w.closed(), 1005);
  const s = await session(t);
  const { done } = s.start('GET');
  await s.host.caughtUp();
  await s.send('42["close-me"]');
  equal((await done).body, ['42["bye"]', '41'].join(SEP));
  equal(await s.poll(), ['6', '1'].join(SEP));
  await s.dead();
});

test('137 a server that starts again on its port serves', async (t) => {
  const first = await Host.startOnPort();
  const w = await joined(first);
  equal(await first.stop(), '');
  equal(await w.closed(), 1005);
  await wsEchoes(await joined(await t.host({ port: first.port })));
});

test('138 no session is left once it has closed', async (t) => {
  const host = await t.host();
  const s = await Polling.open(host);
  const w = await openWebSocket(host);
  const up = await (await Polling.open(host)).upgrade();
  equal((await host.stats()).sessions, 3);
  await s.send('1');
  w.wire.reset();
  up.write(frame(op.close));
  await host.settled('sessions', 0);
});

test('138 a peer that said goodbye but stays on the line is gone, and not written to', async (t) => {
  const host = await t.host({ 'ping-interval': 1500 });
  const w = await joined(host, { rude: true, halfOpen: true });
  const other = await joined(host);
  w.write(frame(op.close, [0x03, 0xe8]));
  await w.nextFrame(op.close);
  match(await host.line(/^closed/), /^closed transport close err=0 code=1000/);
  other.send('421["broadcast",{},"news",1]');
  equal(await nextAnswering(other), '431[0]');
  equal(await other.next(), '2');
  equal(w.wire.in.length, 0);
  w.wire.socket.end();
});

test('138 a peer that breaks a rule but stays on the line is gone', async (t) => {
  const host = await t.host();
  const w = await joined(host, { rude: true, halfOpen: true });
  w.write(frame(op.text, [0xff]));
  await w.nextFrame(op.close);
  match(await host.line(/^closed/), /^closed transport error err=-\d+ code=1007/);
  await host.settled('sessions', 0);
  w.wire.socket.end();
});

// ---- 2.18 the client's files -------------------------------------------------------------------------------

test('237 the browser client is served under the path', async (t) => {
  const host = await t.host({ cors: 'any' });
  for (const name of ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js', 'socket.io.msgpack.min.js']) {
    for (const end of ['', '.map']) {
      const r = await host.get(`/socket.io/${name}${end}?buster=1`);
      equal(r.status, 200);
      equal(r.headers['content-type'],
        `application/${end ? 'json' : 'javascript'}; charset=utf-8`);
      match(r.headers.etag, /^"\d+\.\d+\.\d+"$/);
      equal(r.headers['cache-control'], 'public, max-age=0');
      equal([r.headers['x-sourcemap'], r.headers['access-control-allow-origin']], [undefined, '*']);
      for (const tag of [r.headers.etag, `W/${r.headers.etag}`])
        equal((await host.get(`/socket.io/${name}${end}`, { 'If-None-Match': tag })).status, 304);
    }
  }
});

test('237 other names under the path are no files', async (t) => {
  const host = await t.host();
  equal((await host.get('/socket.io/socket.io.js', { 'If-None-Match': '"0"' })).status, 200);
  isError(await host.get('/socket.io/other.js'), unknownTransport);
  equal((await host.get('/other.js')).status, 404);
  isError(await (await t.host({ 'no-client': 1 })).get('/socket.io/socket.io.js'), unknownTransport);
});

await run();
