// SPDX-License-Identifier: MIT
//
// scenarios.mjs - what every client does. Each row: the lines of docs/conformance.md, a name, its
// key in a family's `cannot` (none: everyone can), flags of the host, and the deeds:
//
//     run({ host, open, family, way, t, beside }) with open(options) a client of this family that
//     is connected over this transport, beside(options) one of the other family.
import { Host, equal, match, ok, sleep } from '../lib.mjs';
import { Refused } from './client.mjs';

const bytes = (...list) => Buffer.from(list);

async function back(client, ...args) {
  await client.emit('message', ...args);
  return client.next('message-back');
}

const leave = (...clients) => Promise.all(clients.map((client) => client.disconnect()));

async function refused(opening) {
  try {
    const client = await opening;
    await client.disconnect();
  } catch (e) {
    ok(e instanceof Refused, e.stack);
    return e;
  }
  throw new Error('it connected');
}

// Equal, of what this family shows of a refusal.
function equalRefusal(family, { said, data }, wanted) {
  const shows = family.refusal ?? ((all) => all);
  equal(JSON.parse(JSON.stringify(shows({ message: said, data }))), shows(wanted));
}

const reasonOf = (family, reason) => (family.reason ? [] : [reason]);

// What came, in the order of its sending if the client cannot keep it.
const inOrder = (family, numbers) =>
  family.inOrder === false ? numbers.sort((a, b) => a - b) : numbers;

const values = {
  numbers: [0, 1, -1, 0.5, -2.5, 1.5e-300, 1e-7, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, -(2 ** 53) + 1],
  words: [true, false, null],
  text: ['', 'a', ' ', '"\\/\b\f\n\r\t', '\0', 'é\u2014€', '\u2028\u2029', '\u{1F600}\u{10FFFF}',
    'שלום', '日本語'],
  nested: [[], {}, [[]], [{}], { a: { b: [{ c: null }] } }, [1, '2', [3, { four: 4 }]],
    { '': 0, 'ключ': 1 }],
  shapes: [{ _placeholder: false, num: 0 }, { type: 'Buffer' }, Array(300).fill(0)],
};

const binaries = [
  [bytes(1, 2, 255)],
  [bytes()],
  [bytes(0), 'between', bytes(0, 0)],
  [{ deep: [bytes(9), { er: bytes(8, 7) }], not: 'binary' }],
  [bytes(...Array.from({ length: 256 }, (_, i) => i)), Buffer.alloc(70_000, 3)],
];

const LONG = 1_048_576;
const longText = () => 'äb\u{1F600}'.repeat(LONG / 8);

// Breaks its connection. Between two polls there is none, so once may not be enough, and a server
// that holds no poll cannot know.
async function cut({ host, way }, client, proxy) {
  await client.ask('echo'); // an upgrade has reached the server
  while (client.heard('disconnect') === 0) {
    proxy.cut();
    await sleep(5);
  }
  if (way !== 'polling') match(await host.line(/^disconnect /), /^disconnect transport (close|error)/);
}

// The client, which has lost its connection, has come back as somebody else.
async function isBack(client) {
  await client.next('disconnect');
  await client.next('connect');
  equal(await client.ask('echo', 'here again'), ['here again']);
}

async function onNewServer({ host, t, open }, end) {
  const client = await open({ comeBack: true });
  await end(client);
  await host.exit;
  const again = await Host.start({ ...host.flags, port: host.port });
  t.hosts.push(again);
  return client;
}

export const scenarios = [
  {
    lines: '158 177', name: 'connects: id, query and headers are the same on both sides',
    run: async ({ host, open, way }) => {
      const client = await open({ query: { a: 'x y' }, headers: { 'x-custom': 'mine' } });
      match(await host.line(/^open /), /x-custom=mine a=x( |%20)y$/);
      equal(client.transport(), way === 'polling' ? 'polling' : 'websocket');
      equal(await client.ask('rooms'), [[client.id]]);
      await leave(client);
    },
  },
  {
    lines: '178', name: 'auth is seen', key: 'auth', flags: { greet: 'auth' },
    run: async ({ open }) => {
      const client = await open({ auth: { token: 'abc', deep: [1, { é: null }] } });
      equal(await client.next('auth'), [{ token: 'abc', deep: [1, { é: null }] }]);
      await leave(client);
    },
  },
  {
    lines: '206 207', name: 'events of every JSON type come and go',
    run: async ({ open }) => {
      const client = await open();
      equal(await back(client), []);
      equal(await back(client, 1, 'two', [3], { four: 4 }, null), [1, 'two', [3], { four: 4 }, null]);
      for (const list of Object.values(values)) equal(await back(client, list), [list]);
      await leave(client);
    },
  },
  {
    lines: '206 207', name: 'acks from the server, 300 at once',
    run: async ({ open }) => {
      const client = await open();
      equal(await client.ask('echo'), []);
      equal(await client.ask('echo', 1, '2', { 3: [true] }, null), [1, '2', { 3: [true] }, null]);
      for (const list of Object.values(values)) equal(await client.ask('echo', list), [list]);
      const numbers = Array.from({ length: 300 }, (_, n) => n);
      const answers = await Promise.all(numbers.map((n) => client.ask('echo', n)));
      equal(answers.flat(), numbers);
      await leave(client);
    },
  },
  {
    lines: '209', name: 'acks from the client',
    run: async ({ open }) => {
      const client = await open();
      await client.emit('call-me', 5000, 'question', { a: [1, 'é'] });
      equal(await client.next('ack-result'), [null, 'heard', { a: [1, 'é'] }]);
      await leave(client);
    },
  },
  {
    lines: '210', name: 'the server waits for an ack in vain', key: 'silence',
    run: async ({ open }) => {
      const client = await open();
      await client.emit('call-me', 50, 'nobody listens', 1);
      equal(await client.next('ack-result'), ['operation has timed out']);
      await leave(client);
    },
  },
  {
    lines: '210', name: 'the client waits for an ack in vain', key: 'timeout',
    run: async ({ open }) => {
      const client = await open();
      equal(await client.askWithin(50, 'nobody'), 'timeout');
      equal(await client.ask('echo', 'after'), ['after']);
      await leave(client);
    },
  },
  {
    lines: '206 207', name: 'binary, nested and in several pieces, both ways',
    run: async ({ open }) => {
      const client = await open();
      for (const args of binaries) equal(await back(client, ...args), args);
      await leave(client);
    },
  },
  {
    lines: '207 209', name: 'binary in acks, both ways',
    run: async ({ open }) => {
      const client = await open();
      for (const args of binaries) equal(await client.ask('echo', ...args), args);
      await client.emit('call-me', 5000, 'question', { a: bytes(1, 0) });
      equal(await client.next('ack-result'), [null, 'heard', { a: bytes(1, 0) }]);
      await leave(client);
    },
  },
  {
    lines: '223', name: 'rooms, ids and except, together with another kind of client',
    run: async ({ open, beside, family }) => {
      const [a, b, c] = await Promise.all([open(), beside(), beside()]);
      const all = [a, b, c];
      for (const client of [a, b]) equal((await client.ask('join', 'room', 'other')).length, 1);
      const news = async (from, how, what) => equal(await from.ask('broadcast', how, 'news', what), [0]);
      await news(a, { to: ['room', 'other'] }, 'b');
      await news(b, { to: ['room'] }, { 'for': ['a', bytes(1, 2)] });
      await news(b, { except: ['room'] }, 'c');
      await news(c, { to: ['room'], self: true }, 'a and b');
      await news(b, { to: [c.id, a.id], self: true }, 'a and c');
      await news(c, { self: true }, 'all');
      for (const client of all) await client.ask('echo');
      const isNews = ([name]) => name === 'news';
      const heard = all.map(({ inbox }) => inbox.filter(isNews).map(([, [what]]) => what));
      // What is not text comes first, then the texts in the order of the alphabet and of their sending.
      if (family.inOrder === false)
        heard[0].sort((x, y) => (typeof x === 'string') - (typeof y === 'string') || (x < y ? -1 : 1));
      equal(heard, [
        [{ 'for': ['a', bytes(1, 2)] }, 'a and b', 'a and c', 'all'],
        ['b', 'a and b', 'all'],
        ['c', 'a and c', 'all'],
      ]);
      await leave(...all);
    },
  },
  {
    lines: '187 222', name: 'two namespaces share a connection and nothing else',
    run: async ({ host, open }) => {
      const main = await open({ also: '/custom' });
      const { other } = main;
      equal((await host.stats()).sessions, 1);
      equal((await host.stats()).sockets, 2);
      ok(other.id !== main.id);
      equal(await other.ask('echo', 'custom'), ['custom']);
      equal(await back(other, bytes(1)), [bytes(1)]);
      equal(await back(main, 2), [2]);
      equal(other.heard('message-back') + main.heard('message-back'), 0);
      await leave(main);
    },
  },
  {
    lines: '180', name: 'a namespace that does not exist',
    run: async ({ open, family }) => {
      equalRefusal(family, await refused(open({ nsp: '/nowhere' })), { message: 'Invalid namespace' });
    },
  },
  {
    lines: '197', name: 'middleware refuses, with a message and data',
    flags: { middleware1: 'later:fail:not you:{"code":7}' },
    run: async ({ host, open, family }) => {
      equalRefusal(family, await refused(open()), { message: 'not you', data: { code: 7 } });
      equal(await host.told(/^connect /), 0);
    },
  },
  {
    lines: '218', name: 'a namespace that is made when it is asked for', flags: { dynamic: 1 },
    run: async ({ open, family }) => {
      const client = await open({ nsp: '/dynamic-7' });
      equal(await client.ask('echo', 'dynamic'), ['dynamic']);
      const later = await open({ nsp: '/later' });
      equal(await later.ask('echo', 'later'), ['later']);
      equalRefusal(family, await refused(open({ nsp: '/not-this' })), { message: 'Invalid namespace' });
      await leave(client, later);
    },
  },
  {
    lines: '201', name: 'the client disconnects',
    run: async ({ host, open, family }) => {
      const client = await open();
      await client.ask('echo');
      await leave(client);
      match(await host.line(/^disconnect /), family.goodbye ?? /^disconnect client namespace disconnect/);
    },
  },
  {
    lines: '200', name: 'the server disconnects the socket',
    run: async ({ host, open, family }) => {
      const client = await open();
      await client.emit('leave-nsp');
      equal(await client.next('disconnect'), reasonOf(family, 'io server disconnect'));
      match(await host.line(/^disconnect /), /^disconnect server namespace disconnect/);
      await leave(client);
    },
  },
  {
    lines: '200', name: 'the server ends the session, its last event first',
    run: async ({ host, open, family }) => {
      const client = await open({ comeBack: true });
      await client.emit('close-me');
      equal(await client.next('disconnect'), reasonOf(family, 'io server disconnect'));
      if (family.inOrder !== false) equal(client.heard('bye'), 1);
      await client.next('bye');
      match(await host.line(/^disconnect /), /^disconnect server namespace disconnect/);
      await host.settled('sessions', 0);
      await leave(client);
    },
  },
  {
    lines: '201', name: 'comes back when it is told to, as somebody else', key: 'again',
    run: async ({ host, open }) => {
      const client = await open();
      const ids = new Set([client.id]);
      for (const end of [() => client.disconnect(), () => client.emit('leave-nsp')]) {
        await end();
        await host.line(/^disconnect /);
        await client.next('disconnect');
        equal((await host.stats()).sockets, 0);
        await client.connect();
        equal(await client.ask('echo', 'again'), ['again']);
        ids.add(client.id);
      }
      equal(ids.size, 3);
      await leave(client);
    },
  },
  {
    lines: '205', name: 'comes back when the connection is cut', key: 'comes back',
    run: async (test) => {
      const [client, proxy] = await test.openThrough({ comeBack: true });
      await cut(test, client, proxy);
      await isBack(client);
      await leave(client);
    },
  },
  {
    lines: '205', name: 'comes back to a server that was closed and starts again', key: 'new server',
    run: async (test) => {
      const client = await onNewServer(test, (client) => client.emit('shut'));
      await isBack(client);
      await leave(client);
    },
  },
  {
    lines: '205', name: 'comes back to a server that was killed and starts again', key: 'dead server',
    run: async (test) => {
      const client = await onNewServer(test, async () => test.kill());
      await isBack(client);
      await leave(client);
    },
  },
  {
    lines: '205', name: 'sends then what was said meanwhile', key: 'kept',
    run: async (test) => {
      const [client, proxy] = await test.openThrough({ comeBack: true });
      await cut(test, client, proxy);
      await client.next('disconnect');
      await client.emit('message', 'while nobody is there');
      equal(await client.next('message-back'), ['while nobody is there']);
      await leave(client);
    },
  },
  {
    lines: '231 232', name: 'is recovered, and hears what it missed', key: 'recovery',
    flags: { recovery: 'on', data: 64 },
    run: async (test) => {
      const [client, proxy] = await test.openThrough({ comeBack: true });
      const other = await test.open();
      const { id } = client;
      await client.ask('set-data', 'mine');
      await client.ask('join', 'room');
      equal(await other.ask('broadcast', {}, 'news', 1), [0]);
      equal(await client.next('news').then(([n]) => n), 1);
      await cut(test, client, proxy);
      equal(await other.ask('broadcast', { to: ['room'] }, 'news', { pic: bytes(7) }), [0]);
      equal(await client.next('news').then(([n]) => n), { pic: bytes(7) });
      await client.next('connect');
      ok(client.recovered);
      equal(client.id, id);
      equal((await client.ask('get-data')).slice(0, 2), ['mine', true]);
      await leave(client, other);
    },
  },
  {
    lines: '207', name: '1 MB of text and of bytes, both ways', flags: { 'max-payload': 3 * LONG },
    run: async ({ open }) => {
      const client = await open();
      const text = longText();
      const [back] = await client.ask('echo', text);
      ok(back === text, `${back.length} of ${text.length}`);
      const data = Buffer.alloc(LONG, 'libsio');
      const [same] = await client.ask('echo', data);
      ok(data.equals(same));
      await leave(client);
    },
  },
  {
    lines: '77', name: 'splits its payloads where the server says', key: 'split',
    ways: ['polling'], why: 'a WebSocket has no payloads',
    flags: { 'max-payload': 10_000 },
    run: async ({ open }) => {
      const client = await open();
      const texts = Array.from({ length: 50 }, (_, i) => `${i}${'x'.repeat(900)}`);
      equal(await Promise.all(texts.map((text) => client.ask('echo', text))), texts.map((text) => [text]));
      await leave(client);
    },
  },
  {
    lines: '207', name: '1000 small messages keep their order',
    run: async ({ open, family }) => {
      const client = await open();
      for (let i = 0; i < 1000; i++) await client.emit('message', i);
      const came = [];
      while (came.length < 1000) came.push((await client.next('message-back'))[0]);
      equal(inOrder(family, came), Array.from({ length: 1000 }, (_, i) => i));
      await leave(client);
    },
  },
  {
    lines: '212', name: 'volatile events of the server: regular ones do not suffer',
    run: async ({ open, family }) => {
      const client = await open();
      while (client.heard('n') === 0) { // who is not ready at that moment gets nothing
        await client.emit('sequence', 'v');
        await sleep(10);
      }
      equal(await client.next('n'), [0, null]);
      await client.emit('sequence', 'vbrr');
      const regular = () => client.inbox.map(([, [n]]) => n).filter((n) => n >= 2);
      while (regular().length < 2) await client.ask('echo');
      equal(inOrder(family, regular()), [2, 3]);
      await leave(client);
    },
  },
  {
    lines: '212', name: 'volatile events of the client', key: 'volatile',
    run: async ({ open }) => {
      const client = await open();
      while (client.heard('message-back') === 0) {
        await client.volatile('message', 'v');
        await sleep(10);
      }
      equal(await client.next('message-back'), ['v']);
      await leave(client);
    },
  },
  {
    lines: '206', name: 'send() is the event "message"', key: 'send()',
    run: async ({ open }) => {
      const client = await open();
      await client.send(1337);
      equal(await client.next('message-back'), [1337]);
      await leave(client);
    },
  },
  {
    lines: '213', name: 'events of any name reach a catch-all', key: 'catch-all',
    run: async ({ open }) => {
      const client = await open();
      await client.emit('call-me', 5000, 'a surprise', { x: bytes(1) });
      equal(await client.next('*'), ['a surprise', { x: bytes(1) }]);
      await leave(client);
    },
  },
  {
    lines: '108 109', name: 'heartbeats keep it when it is quiet',
    flags: { 'ping-interval': 200, 'ping-timeout': 3000 },
    run: async ({ host, open, family, way }) => {
      const client = await open();
      for (let i = 0; i < 3; i++) await host.line(/^engine heartbeat/);
      equal(client.heard('disconnect'), 0);
      equal(client.transport(), way === 'polling' ? 'polling' : 'websocket');
      await leave(client);
    },
  },
];
