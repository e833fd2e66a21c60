// SPDX-License-Identifier: MIT
//
// engine.mjs - Engine.IO on the wire: which requests are let in, handshakes, hooks, CORS, the
// client's files. The numbers are those of docs/conformance.md.
import { POLLING, WEBSOCKET, echoes, said, wsEchoes } from './echo.mjs';
import {
  Polling, SEP, equal, joined, match, openWebSocket, requestBytes, run, sleep, takeResponse, test,
} from './lib.mjs';
import {
  badMethod, badRequest, isError, isText, refused, unknownSid, unknownTransport,
} from './refusals.mjs';

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

test('21 an unsupported WebSocket version and an invalid key are refused', async (t) => {
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

test('23 invalid bytes directly after a WebSocket handshake close that session', async (t) => {
  const host = await t.host();
  const w = await host.upgrade(WEBSOCKET, { early: Buffer.alloc(300, 0xff) });
  equal(await w.closed(), 1002);
  match(await host.line(/^closed/), /^closed transport error/);
  equal((await host.stats()).sessions, 0);
});

test('24 invalid bytes after the handshake of an upgrade leave the polling session open', async (t) => {
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

test('58 a POST over the limit is refused although a hook decides about it', async (t) => {
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
