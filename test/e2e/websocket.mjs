// SPDX-License-Identifier: MIT
//
// websocket.mjs - Engine.IO over WebSocket, on the wire. The numbers are those of
// docs/conformance.md.
import { heard, nextAnswering, said, session, socket, wsEchoes } from './echo.mjs';
import { equal, frame, joined, match, ok, op, openWebSocket, run, sleep, test } from './lib.mjs';

// ---- 2.7 data over WebSocket ---------------------------------------------------------------------------

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

await run();
