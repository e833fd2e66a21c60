// SPDX-License-Identifier: MIT
//
// polling.mjs - Engine.IO over long-polling, on the wire. The numbers are those of
// docs/conformance.md.
import { echoes, heard, said, session } from './echo.mjs';
import {
  Polling, SEP, equal, joined, match, openWebSocket, requestBytes, run, sleep, takeResponse, test,
} from './lib.mjs';

// ---- 2.5 data over polling ---------------------------------------------------------------------------------

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

test('71 packets before an invalid packet are delivered, packets after it are not', async (t) => {
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

test('72 two polls at once: the second is refused, and the first is answered with a close packet', async (t) => {
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

test('82 messages after the one whose handler closes the session are not delivered', async (t) => {
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

test('84 packets after a close packet are dropped', async (t) => {
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

await run();
