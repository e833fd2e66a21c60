// SPDX-License-Identifier: MIT
//
// msgpack.mjs - a server with the MessagePack parser and its clients: socket.io-client with
// socket.io-msgpack-parser over each transport, and peers that send what they should not.
import { io } from 'socket.io-client';
import parser from 'socket.io-msgpack-parser';
import { encode } from 'notepack.io';
import {
  ask, bytes, connected, equal, event, match, ok, openWebSocket, run, test, ways,
} from './lib.mjs';

function testAll(name, body, flags = {}) {
  for (const [way, transports] of Object.entries(ways))
    test(`${name} (${way})`, async (t) => {
      const host = await t.host({ parser: 'msgpack', ...flags });
      const open = (nsp = '/', options = {}) =>
        io(`http://127.0.0.1:${host.port}${nsp}`, { parser, ...transports, forceNew: true,
          reconnection: false, ...options });
      await body(host, open);
    });
}

// ---- as ever -------------------------------------------------------------------------------------

testAll('176 events, binary in any depth and acks', async (host, open) => {
  const client = await connected(open());
  const back = event(client, 'message-back');
  client.emit('message', 1, '2', [3], bytes(1, 2), { deep: [bytes(255), { a: bytes() }] });
  equal(await back, [1, '2', [3], bytes(1, 2), { deep: [bytes(255), { a: bytes() }] }]);
  equal(await ask(client, 'echo'), []);
  equal(await ask(client, 'echo', 1, '2', { 3: [true] }), [1, '2', { 3: [true] }]);
  equal(await ask(client, 'echo', bytes(9), null, undefined), [bytes(9), null, null]);
  const long = ['\u2014\0"\\\u{1F600}', 'x'.repeat(70000), Array(40).fill([]), Array(70000).fill(7),
    Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, { i }])), Buffer.alloc(70000, 3)];
  equal(await ask(client, 'echo', ...long), long);
  equal(await ask(client, 'echo_tree', { a: [1.5, 'b', null] }), [{ a: [1.5, 'b', null] }]);
  client.disconnect();
});

testAll('176 numbers, and what JSON has no word for', async (host, open) => {
  const client = await connected(open());
  const numbers = [0, 1, -1, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -32, -33,
    -128, -129, -32768, -32769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53) + 1, 0.1, -2.5, 1e300, 5e-324];
  equal(await ask(client, 'echo', numbers.slice(0, -2)), [numbers.slice(0, -2)]);
  equal(await ask(client, 'echo', 5e-324, 1 / 3, -1e-7), [5e-324, 1 / 3, -1e-7]);
  equal(await ask(client, 'echo', NaN, Infinity), [null, null]);
  const dates = [0, 1e12, -1, 951782400000, -62198755200000, 8.64e15, -8.64e15].map((ms) => new Date(ms));
  equal(await ask(client, 'echo', ...dates), dates.map((d) => d.toJSON()));
  equal(await ask(client, 'echo', { a: undefined, b: 1 }), [{ b: 1 }]);
  equal(await ask(client, 'echo', new Uint8Array([1, 2]).buffer), [bytes(1, 2)]);
  client.disconnect();
});

// ---- what it should not send ----------------------------------------------------------------------

async function open(host) {
  const w = await openWebSocket(host);
  if (typeof w.messages[0] === 'string') await w.next();
  w.send(encode({ type: 0, nsp: '/' }));
  return w;
}

const wrong = {
  'a type that is none': [{ type: 5, data: ['a'], nsp: '/' }, 'invalid packet type'],
  'no map': [[1], 'invalid packet type'],
  'no namespace': [{ type: 2, data: ['a'] }, 'invalid namespace'],
  'data that is no array': [{ type: 2, data: { a: 1 }, nsp: '/' }, 'invalid payload'],
  'an id that is no integer': [{ type: 2, data: ['a'], id: 'x', nsp: '/' }, 'invalid packet id'],
  'a reserved name': [{ type: 2, data: ['connect'], nsp: '/' }, 'invalid payload'],
  'a forged placeholder': [
    { type: 2, data: ['a', { _placeholder: true, num: 0 }, bytes(1)], nsp: '/' },
    'the placeholders do not match the attachments'],
  'too much binary': [{ type: 2, data: ['a', ...Array(11).fill(bytes(1))], nsp: '/' }, 'too many attachments'],
};
for (const [name, [packet, why]] of Object.entries(wrong))
  test(`176 ${name} ends the connection`, async (t) => {
    const host = await t.host({ parser: 'msgpack' });
    const w = await open(host);
    w.send(encode(packet));
    match(await host.line(/^error/), new RegExp(why));
    match(await host.line(/^disconnect /), /forced close/);
    await w.closed();
  });

test('176 a client of the JSON parser is told from one that breaks rules', async (t) => {
  const host = await t.host({ parser: 'msgpack' });
  const w = await openWebSocket(host);
  w.send('40');
  match(await host.line(/^closed/), /the client uses another parser/);
  await w.closed();
});

test('176 an object that looks like a placeholder, without binary, is plain data', async (t) => {
  const host = await t.host({ parser: 'msgpack' });
  const client = io(`http://127.0.0.1:${host.port}/`, { parser, forceNew: true, reconnection: false });
  await connected(client);
  equal(await ask(client, 'echo', { _placeholder: true, num: 0 }), [{ _placeholder: true, num: 0 }]);
  ok(client.connected);
  client.disconnect();
});

await run();
