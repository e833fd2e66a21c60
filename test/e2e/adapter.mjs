// SPDX-License-Identifier: MIT
//
// adapter.mjs - questions to many, fetching, rooms and what there is of other servers, with
// socket.io-client 4 and 3 over each transport.
import { io as io4 } from 'socket.io-client';
import io3 from 'socket.io-client-v3';
import { ask, connected, equal, joined, match, ok, run, test } from './lib.mjs';

const versions = { '4.8': io4, '3.1': io3.io ?? io3 };
const transportsOf = { polling: ['polling'], websocket: ['websocket'] };

function testAll(name, body, flags = {}) {
  for (const [version, io] of Object.entries(versions))
    for (const [way, transports] of Object.entries(transportsOf))
      test(`${name} (${version}, ${way})`, async (t) => {
        const host = await t.host(flags);
        const open = (options = {}) =>
          connected(io(`http://127.0.0.1:${host.port}/`, { transports, forceNew: true,
            reconnection: false, auth: { token: 'abc' }, ...options }));
        await body(host, open);
      });
}

const close = (...clients) => clients.forEach((client) => client.disconnect());

// ---- broadcasts with acks ------------------------------------------------------------------------

testAll('226 everyone answers, with text, objects and bytes', async (host, open) => {
  const [a, b, c] = await Promise.all([open(), open(), open()]);
  a.on('question', (arg, answer) => setTimeout(() => answer({ last: arg }, 'ignored'), 50));
  b.on('question', (arg, answer) => answer(Buffer.from([1, 2, 3])));
  c.on('question', (arg, answer) => setTimeout(answer, 20));
  const [what, count, expected, gone, ...replies] =
    await ask(a, 'ask-all', { self: true, ms: 60000 }, 'question', 7);
  equal([what, count, expected, gone], ['ok', 3, 3, 0]);
  // On a busy machine they do not come in the order of the waits.
  replies.sort((x, y) => (JSON.stringify(x) < JSON.stringify(y) ? -1 : 1));
  equal(replies, [null, { last: 7 }, Buffer.from([1, 2, 3])]);
  close(a, b, c);
});

testAll('226 who does not answer is a timeout with what the others said', async (host, open) => {
  const [a, b, c] = await Promise.all([open(), open(), open()]);
  b.on('question', (arg, answer) => answer('b'));
  a.on('question', (arg, answer) => answer('a'));
  const [what, count, expected, gone, ...replies] =
    await ask(c, 'ask-all', { self: true, ms: 2000 }, 'question');
  equal([what, count, expected, gone], ['timeout', 2, 3, 0]);
  equal(replies.sort(), ['a', 'b']);
  equal(await ask(c, 'echo', 'and on it goes'), ['and on it goes']);
  close(a, b, c);
});

testAll('226 an empty room has answered at once', async (host, open) => {
  const a = await open();
  equal(await ask(a, 'ask-all', { to: ['nobody'], ms: 60000 }, 'question'), ['ok', 0, 0, 0]);
  close(a);
});

testAll('227 without a timeout it waits for the clients that stay', async (host, open) => {
  const [a, b, c] = await Promise.all([open(), open(), open()]);
  b.on('question', (arg, answer) => setTimeout(() => answer('b'), 300));
  c.on('question', () => c.disconnect());
  equal(await ask(a, 'ask-all', {}, 'question'), ['ok', 1, 2, 1, 'b']);
  close(a, b);
});

testAll('226 one peer is asked by its id, a room by its name', async (host, open) => {
  const [a, b, c] = await Promise.all([open(), open(), open()]);
  for (const [name, client] of Object.entries({ a, b, c }))
    client.on('question', (arg, answer) => answer(name));
  equal(await ask(a, 'ask-all', { to: [b.id] }, 'question'), ['ok', 1, 1, 0, 'b']);
  await ask(b, 'join', 'room');
  await ask(c, 'join', 'room');
  const [, , , , ...replies] = await ask(a, 'ask-all', { to: ['room'] }, 'question');
  equal(replies.sort(), ['b', 'c']);
  equal(await ask(a, 'ask-all', { to: ['room'], except: [c.id] }, 'question'), ['ok', 1, 1, 0, 'b']);
  close(a, b, c);
});

// ---- fetching ----------------------------------------------------------------------------------------

testAll('228 fetching shows rooms, data and the handshake', async (host, open) => {
  const [a, b] = await Promise.all([
    open(),
    open({ query: { who: 'b c' }, extraHeaders: { 'X-Test': 'yes "quoted"' } }),
  ]);
  equal(await ask(b, 'set-shared', { name: 'B', n: [1] }), [0]);
  await ask(b, 'join', 'room');
  const [status, [found]] = await ask(a, 'fetch', { to: ['room'] });
  equal(status, 'ok');
  equal(found.id, b.id);
  equal(found.rooms.sort(), [b.id, 'room'].sort());
  equal(found.data, { name: 'B', n: [1] });
  const { headers, time, address, xdomain, secure, issued, url, query, auth } = found.handshake;
  equal(headers['x-test'], 'yes "quoted"');
  equal([query.who, query.EIO, auth], ['b c', '4', { token: 'abc' }]);
  equal([address, xdomain, secure], ['127.0.0.1', false, false]);
  match(url, /^\/socket\.io\/\?/);
  match(time, / GMT\+0000 \(Coordinated Universal Time\)$/);
  ok(Math.abs(Date.parse(time) - issued) < 1000 && Math.abs(issued - Date.now()) < 60_000);
  const [, all] = await ask(a, 'fetch', { self: true });
  equal(all.map((s) => s.id).sort(), [a.id, b.id].sort());
  equal(await ask(a, 'fetch', { to: ['none'] }), ['ok', []]);
  close(a, b);
});

test('228 lines of one name are joined in the handshake, cookies in their own way', async (t) => {
  const headers = { Cookie: ['a=1', 'b=2'], 'X-List': ['one', 'two'] };
  const w = await joined(await t.host(), { headers });
  w.send('421["fetch",{"self":true}]');
  const [, [{ handshake }]] = JSON.parse((await w.next()).slice(3));
  equal([handshake.headers.cookie, handshake.headers['x-list']], ['a=1; b=2', 'one, two']);
});

// ---- other servers ---------------------------------------------------------------------------------------

testAll('229 alone, a server hears nobody and waits for nobody', async (host, open) => {
  const a = await open();
  equal(await ask(a, 'servers'), ['ok', 1]);
  equal(await ask(a, 'tell-servers', 'hello', { x: 1 }), ['ok', 0, 0, 0]);
  equal(await ask(a, 'tell-servers', 'connection', 1), ['reserved or malformed name']);
  close(a);
});

// ---- rooms --------------------------------------------------------------------------------------------------

testAll('238 hooks report rooms that are created, joined, left and removed', async (host, open) => {
  const a = await open();
  const b = await open();
  await ask(a, 'join', 'r');
  await ask(b, 'join', 'r');
  await ask(b, 'join', 'r');
  equal(await ask(a, 'room-size', 'r'), [2]);
  await ask(a, 'leave', 'r');
  await ask(a, 'leave', 'never');
  b.disconnect();
  await host.line(/^room remove own$/);
  equal(await ask(a, 'room-size', 'r'), [0]);
  equal(host.lines.filter((line) => line.startsWith('room ')), [
    'room create own', 'room join own', 'room create own', 'room join own', 'room create r',
    'room join r', 'room join r', 'room leave r', 'room leave r', 'room remove r', 'room leave own',
    'room remove own',
  ]);
  close(a);
}, { 'say-rooms': 1 });

await run();
