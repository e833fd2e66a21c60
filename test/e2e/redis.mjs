// SPDX-License-Identifier: MIT
//
// redis.mjs - servers that work as one over a real Redis: ours and Node.js servers with
// @socket.io/redis-adapter, in every pair, with real clients on both.
import { Emitter } from '@socket.io/redis-emitter';
import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from 'redis';
import { io } from 'socket.io-client';
import { ask, bytes, connected, equal, event, freePort, ok, run, sleep, test } from './lib.mjs';
import {
  addHandlers, assembled, folder, listen, mixedPairs, open, reached, redis, settled, startRedis,
  startNodeProcess, startServer, started, testPair, testPairs,
} from './redis_lib.mjs';

// ---- broadcasts -------------------------------------------------------------------------------------------

testPair('a broadcast reaches everybody but the sender, once', async ({ a, b, servers, add }) => {
  const c = await add(servers[0]), d = await add(servers[1]);
  const heard = [a, b, c, d].map((client) => listen(client));
  for (let i = 0; i < 20; i++) await ask(a, 'broadcast', {}, 'ev', i);
  await settled(a, [a, b, c, d]);
  const all = Array.from({ length: 20 }, (_, i) => i);
  equal(heard, [[], all, all, all]);
});

testPair('rooms reach over servers, with all names and exceptions', async ({ a, b, servers, add }) => {
  const c = await add(servers[1]), d = await add(servers[1]);
  const names = ['plain', 'with #hash#', 'two words', 'žluťoučký 🐎', '*?[a]\\', '"quoted"', '7'];
  await ask(b, 'join', ...names);
  await ask(c, 'join', 'plain', 'other', 'quiet');
  await ask(d, 'join', 'quiet');
  await reached(a, b, ...names);
  await reached(a, c, 'plain', 'other', 'quiet');
  await reached(a, d, 'quiet');
  const heard = [b, c, d].map((client) => listen(client));
  for (const name of names) await ask(a, 'broadcast', { to: [name] }, 'ev', name);
  await ask(a, 'broadcast', { to: ['plain', 'other'] }, 'ev', 'two');
  await ask(a, 'broadcast', { to: ['plain', 'other'], except: ['quiet'] }, 'ev', 'except');
  await ask(a, 'broadcast', { to: ['nobody'] }, 'ev', 'nobody');
  await ask(a, 'broadcast', { except: ['plain'] }, 'ev', 'all but');
  await ask(a, 'broadcast', { to: [d.id] }, 'ev', 'to one');
  await settled(a, [b, c, d]);
  equal(heard, [[...names, 'two', 'except'], ['plain', 'two'], ['all but', 'to one']]);
});

testPair('flags are kept: local stays, volatile arrives at who is ready', async ({ a, b, servers, add }) => {
  const c = await add(servers[0]);
  const heard = [b, c].map((client) => listen(client));
  await ask(a, 'broadcast', { local: true }, 'ev', 'local');
  await ask(a, 'broadcast', { volatile: true }, 'ev', 'volatile');
  await settled(a, [b, c]);
  equal(heard, [['volatile'], ['local', 'volatile']]);
});

testPair('values and binary in any depth arrive as they were', async ({ a, b, pair }) => {
  // The Node.js adapter sends numbers of 2^64 and more as others.
  const values = [...(pair[0] === 'node' ? [] : [1e300]), null, true, 0, -1, 1.5, 127, 128, 255, 256, 65535, 65536, 2 ** 32, -32, -33, -128,
    -129, -32769, 2 ** 53 - 1, '', 'ž'.repeat(300), 'x'.repeat(70000), [], {}, [[[]]],
    Array.from({ length: 70 }, (_, i) => i), { a: { b: [1, { c: null }] } },
    bytes(), bytes(1, 2, 3), { deep: [{ er: bytes(4) }, bytes(5, 6)], s: 'x' },
    Buffer.alloc(70000, 7), { _placeholder: 'no' }, { 'quo"te': '\u0000\u2028"\\' }];
  const heard = listen(b);
  for (const v of values) await ask(a, 'broadcast', {}, 'ev', v);
  await settled(a, [b]);
  equal(heard, values);
});

testPair('a megabyte arrives', async ({ a, b }) => {
  const text = 'é'.repeat(300_000);
  const heard = listen(b);
  await ask(a, 'broadcast', {}, 'ev', text);
  await settled(a, [b]);
  ok(heard.length === 1 && heard[0] === text);
});

testPair('namespaces are separate', async ({ a, b, servers, add }) => {
  const x = await add(servers[0], '/custom'), y = await add(servers[1], '/custom');
  await assembled([x, y]);
  const heard = [b, y].map((client) => listen(client));
  await ask(x, 'broadcast', {}, 'ev', 'custom');
  await ask(a, 'broadcast', {}, 'ev', 'root');
  await settled(a, [b]);
  await settled(x, [y]);
  equal(heard, [['root'], ['custom']]);
});

// ---- acks -------------------------------------------------------------------------------------------------

const answersOf = ([what, count, , , ...replies]) =>
  [what, count, ...replies.map((r) => JSON.stringify(r)).sort()];

testPair('everybody in the cluster is asked and answers', async ({ a, b, servers, add }) => {
  const c = await add(servers[1]), d = await add(servers[0]);
  a.on('q', (arg, answer) => answer('a', 'second'));
  b.on('q', (arg, answer) => setTimeout(() => answer({ b: arg }), 30));
  c.on('q', (arg, answer) => answer(bytes(1, 2)));
  d.on('q', (arg, answer) => answer(null));
  const answer = answersOf(await ask(a, 'ask-all', { self: true, ms: 5000 }, 'q', 7));
  equal(answer, ['ok', 4, ...['a', { b: 7 }, bytes(1, 2), null].map((v) => JSON.stringify(v)).sort()]);
});

testPair('one on another server is asked by its id', async ({ a, b, servers, add }) => {
  await add(servers[1]);
  b.on('q', (arg, answer) => answer(arg + 1));
  equal(answersOf(await ask(a, 'ask-all', { to: [b.id], ms: 5000 }, 'q', 1)), ['ok', 1, '2']);
});

testPair('who does not answer costs the time, and the others are heard', async ({ a, b, servers, add }) => {
  await add(servers[1]);
  a.on('q', (arg, answer) => answer('a'));
  b.on('q', (arg, answer) => answer('b'));
  equal(answersOf(await ask(a, 'ask-all', { self: true, ms: 700 }, 'q', 1)),
    ['timeout', 2, '"a"', '"b"']);
});

testPair('an empty room has answered', async ({ a }) => {
  equal(answersOf(await ask(a, 'ask-all', { to: ['nobody'], ms: 5000 }, 'q', 1)), ['ok', 0]);
});

// ---- sockets of others ------------------------------------------------------------------------------------

testPair('sockets are fetched with rooms, data and handshake', async ({ a, b }) => {
  await ask(b, 'join', 'room one');
  await ask(b, 'set-shared', { user: 'bob', deep: [1, { x: 'ž' }] });
  const [what, list] = await ask(a, 'fetch', { self: true });
  equal([what, list.map((s) => s.id).sort()], ['ok', [a.id, b.id].sort()]);
  const there = list.find((s) => s.id === b.id);
  equal(there.rooms.sort(), [b.id, 'room one'].sort());
  equal(there.data, { user: 'bob', deep: [1, { x: 'ž' }] });
  equal(there.handshake.auth, { token: 'abc' });
  equal(there.handshake.query.EIO, '4');
  ok(there.handshake.headers.host && there.handshake.issued > 0 && there.handshake.address);
  const [, some] = await ask(a, 'fetch', { self: true, to: ['room one'] });
  equal(some.map((s) => s.id), [b.id]);
  equal(await ask(a, 'fetch', { self: true, to: ['nobody'] }), ['ok', []]);
});

testPair('sockets of others join, leave and are disconnected', async ({ a, b, servers, add }) => {
  const c = await add(servers[1]), d = await add(servers[1]);
  await ask(c, 'join', 'some');
  await ask(d, 'join', 'some');
  const heard = [a, b, c, d].map((client) => listen(client));
  const toAll = async (room, what) => {
    await ask(a, 'broadcast', { self: true, to: [room] }, 'ev', what);
    await settled(a, [a, b, c, d]);
  };
  await ask(a, 'bulk', 'join', {}, 'everybody');
  for (const client of [a, b, c, d]) await reached(a, client, 'everybody');
  await toAll('everybody', 1);
  await reached(a, d, 'some');
  await ask(a, 'bulk', 'join', { to: ['some'], except: [d.id] }, 'few');
  await reached(a, c, 'few');
  await toAll('few', 2);
  await ask(a, 'bulk', 'leave', { to: [b.id] }, 'everybody');
  await settled(a, [a, b, c, d]);
  await toAll('everybody', 3);
  equal(heard, [[1, 3], [1], [1, 2, 3], [1, 3]]);
  const gone = [event(c, 'disconnect'), event(d, 'disconnect')];
  await ask(a, 'bulk', 'disconnect', { to: [c.id] }, '');
  await ask(a, 'bulk', 'close', { to: [d.id] }, '');
  equal((await Promise.all(gone)).map(([reason]) => reason),
    ['io server disconnect', 'io server disconnect']);
});

// ---- servers ----------------------------------------------------------------------------------------------

testPair('servers are counted, and answer each other', async ({ a, b }) => {
  equal(await ask(a, 'servers'), ['ok', 2]);
  equal(answersOf(await ask(a, 'tell-servers', 'hello', { x: [1] })), ['ok', 1, '"server 1"']);
  equal(answersOf(await ask(b, 'tell-servers', 'hello', 'text')), ['ok', 1, '"server 0"']);
});

testPair('answers go to the asking server alone, if wanted', async ({ a, b }) => {
  b.on('q', (arg, answer) => answer('b'));
  equal(answersOf(await ask(a, 'ask-all', { ms: 5000 }, 'q', 1)), ['ok', 1, '"b"']);
  const [, list] = await ask(a, 'fetch', { self: true });
  equal(list.length, 2);
  equal(answersOf(await ask(a, 'tell-servers', 'hello', 1)), ['ok', 1, '"server 1"']);
}, { own: true });

// ---- modes of the sharded adapter ---------------------------------------------------------------------------

for (const sharded of ['static', 'dynamic-private'])
  testPairs(`sharded ${sharded}: rooms, sockets and a room that empties`,
    async ({ a, b, servers, add, pair }) => {
      const c = await add(servers[1]);
      const heard = [b, c].map((client) => listen(client));
      await ask(b, 'join', 'room', '12345678901234567890');
      await reached(a, b, 'room', '12345678901234567890');
      await reached(a, c, c.id);
      await ask(a, 'broadcast', { to: ['room'] }, 'ev', 1);
      await ask(a, 'broadcast', { to: ['12345678901234567890'] }, 'ev', 2);
      await ask(a, 'broadcast', { to: [c.id] }, 'ev', 3);
      await settled(a, [b, c]);
      // The Node.js client loses a subscription that it ends and begins again in a short time.
      if (pair[1] === 'libsio') await ask(a, 'bulk', 'leave', { to: [b.id] }, 'room');
      else await ask(c, 'join', 'room');
      await settled(a, [b, c]);
      await ask(c, 'join', 'room');
      await reached(a, c, 'room');
      await ask(a, 'broadcast', { to: ['room'] }, 'ev', 4);
      await settled(a, [b, c]);
      equal(heard, [pair[1] === 'libsio' ? [1, 2] : [1, 2, 4], [3, 4]]);
    }, [['libsio', 'libsio'], ...mixedPairs], { sharded });

// The last two say what the reference does: version 4 of the package "redis" takes a subscription for
// there while it waits for the answer to SUNSUBSCRIBE, and sends no SSUBSCRIBE.
testPairs('a room that empties and is joined at once keeps its channel, unless Node.js has to',
  async ({ a, b, servers, add, key, pair }) => {
    const c = await add(servers[1]);
    const heard = listen(c);
    await ask(b, 'join', 'room');
    await reached(a, b, 'room');
    const left = ask(c, 'bulk', 'leave', { to: ['room'], local: true }, 'room');
    await Promise.all([left, ask(c, 'join', 'room')]);
    await settled(a, [b, c]);
    if (pair[1] === 'libsio') await reached(a, c, 'room');
    await ask(a, 'broadcast', { to: ['room'] }, 'ev', 1);
    await settled(a, [b, c]);
    equal(heard, pair[1] === 'libsio' ? [1] : []);
    const client = createClient({ url: redis.url });
    await client.connect();
    const [, listening] = await client.sendCommand(['PUBSUB', 'SHARDNUMSUB', `${key}#/#room#`]);
    await client.quit();
    equal(listening, pair[1] === 'libsio' ? 1 : 0);
  }, [['libsio', 'libsio'], ['node', 'libsio'], ['libsio', 'node'], ['node', 'node']], { sharded: 'dynamic' });

// ---- emitters ---------------------------------------------------------------------------------------------

const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.LIBSIO_BUILD ?? path.join(here, '../../build/asan');

// Both do (verb, nsp, rooms, except, name, arg).
const emitters = {
  async ours(key) {
    return async (verb, nsp, rooms, except, name, arg = null) => {
      const list = (names) => (names.length ? names.join(',') : '-');
      const child = spawn(path.join(build, 'test/e2e/emit'), [String(redis.port), key, verb, nsp,
        list(rooms), list(except), name, JSON.stringify(arg)], { stdio: 'inherit' });
      equal(await new Promise((done) => child.on('exit', done)), 0);
    };
  },
  async npm(key, t) {
    const client = createClient({ url: redis.url });
    await client.connect();
    t.others.push({ stop: () => client.quit() });
    return async (verb, nsp, rooms, except, name, arg = null) => {
      const of = new Emitter(client, { key }).of(nsp);
      let to = of.except(except);
      for (const room of rooms) to = to.to(room);
      await ({
        emit: () => to.emit(name, arg),
        'emit-bytes': () => to.emit(name, arg, bytes(1, 2, 3)),
        join: () => to.socketsJoin(name),
        leave: () => to.socketsLeave(name),
        disconnect: () => to.disconnectSockets(false),
        close: () => to.disconnectSockets(true),
        tell: () => of.serverSideEmit(name, arg),
      })[verb]();
    };
  },
};

for (const [whose, make] of Object.entries(emitters))
  testPair(`the emitter, ${whose}, reaches all clients`, async ({ a, b, servers, add, key, t }) => {
    const c = await add(servers[0], '/custom'), d = await add(servers[1], '/custom');
    await assembled([c, d]);
    const all = [a, b, c, d];
    const emit = await make(key, t);
    const heard = all.map((client) => {
      const list = [];
      client.on('ev', (...args) => list.push(args.length > 1 ? args : args[0]));
      return list;
    });
    const caughtUp = async () => {
      const last = all.map((client) => event(client, 'last'));
      await emit('emit', '/', [], [], 'last');
      await emit('emit', '/custom', [], [], 'last');
      await Promise.all(last);
    };
    await ask(b, 'join', 'room');
    await emit('emit', '/', [], [], 'ev', { x: ['ž', 1.5, null] });
    await emit('emit', '/', ['room'], [], 'ev', 'room');
    await emit('emit', '/', ['room', 'other'], [a.id], 'ev', 'two rooms');
    await emit('emit', '/', [], ['room'], 'ev', 'except');
    await emit('emit-bytes', '/', ['room'], [], 'ev', 1);
    await emit('emit', '/custom', [], [], 'ev', 'custom');
    await caughtUp();
    await emit('join', '/', [a.id], [], 'joined');
    await emit('leave', '/', [], [], 'room');
    await caughtUp();
    await emit('emit', '/', ['joined'], [], 'ev', 'joined');
    await emit('emit', '/', ['room'], [], 'ev', 'left');
    await caughtUp();
    equal(heard, [[{ x: ['ž', 1.5, null] }, 'except', 'joined'],
      [{ x: ['ž', 1.5, null] }, 'room', 'two rooms', [1, bytes(1, 2, 3)]], ['custom'], ['custom']]);
    await emit('tell', '/', [], [], 'hello', { from: 'emitter' });
    for (const server of servers)
      if (server.heard) while (server.heard.length === 0) await sleep(5);
      else await server.line(/^hello {"from":"emitter"}/);
    const gone = [event(c, 'disconnect'), event(d, 'disconnect')];
    await emit('disconnect', '/custom', [c.id], [], '');
    await emit('close', '/custom', [d.id], [], '');
    await Promise.all(gone);
  }, { emitter: true });

// ---- when something goes wrong ------------------------------------------------------------------------------

// A test with a Redis of its own, and two servers of ours on it.
function testOwn(name, body, { args = [], ...flags } = {}) {
  test(name, async (t) => {
    t.others = [];
    const port = await freePort(), clients = [];
    const own = { port, server: await startRedis(port, ...args), async restart() {
      this.server = await startRedis(port, ...args);
    } };
    const url = `redis://127.0.0.1:${port}`;
    const add = async (server) => {
      clients.push(await open(server));
      return clients.at(-1);
    };
    try {
      const servers = await Promise.all([0, 1].map((i) =>
        startServer(t, 'libsio', `server ${i}`, { key: 'own', url, ...flags })));
      const a = await add(servers[0]), b = await add(servers[1]);
      await assembled([a, b]);
      await body({ a, b, servers, add, own, t, url });
    } finally {
      for (const client of clients) client.disconnect();
      await Promise.all(t.others.map((other) => other.stop()));
      await own.server.stop();
    }
  });
}

testOwn('Redis is killed and restarted under load, and local clients notice nothing',
  async ({ a, b, servers, add, own }) => {
    const c = await add(servers[0]);
    const here = listen(c), there = listen(b);
    let sent = 0, on = true;
    const load = (async () => {
      while (on) {
        for (let i = 0; i < 20; i++) a.emit('broadcast', {}, 'ev', sent++);
        await ask(a, 'broadcast', {}, 'ev', sent++);
        await sleep(10);
      }
    })();
    while (there.length < 200) await sleep(10);
    const before = there.length;
    await own.server.stop();
    await Promise.all(servers.map((server) => server.line(/^redis connecting/)));
    const during = sent;
    while (sent < during + 200) await sleep(10);
    await own.restart();
    await Promise.all(servers.map((server) => server.line(/^redis ready/)));
    const after = sent;
    while ((there.at(-1) ?? 0) < after + 200) await sleep(10);
    on = false;
    await load;
    await settled(a, [b, c]);
    equal(here, Array.from({ length: sent }, (_, i) => i));
    equal(there.slice(0, before), here.slice(0, before));
    ok(there.every((n, i) => i === 0 || n > there[i - 1]), 'in order, and none twice');
    equal(there.slice(-200), here.slice(-200));
    equal(await ask(a, 'servers'), ['ok', 2]);
  });

testOwn('a server that is killed costs a question its time, and the next one none',
  async ({ a, b, servers, add, t }) => {
    const third = await startServer(t, 'libsio', 'third', { key: 'own', url: servers[0].flags.redis });
    const c = await add(third);
    await assembled([a, b, c]);
    let asked;
    c.on('q', () => {
      asked = true;
      third.process.kill('SIGKILL');
    });
    a.on('q', (arg, answer) => answer('a'));
    b.on('q', (arg, answer) => answer('b'));
    equal(answersOf(await ask(a, 'ask-all', { self: true, ms: 1500 }, 'q', 1)),
      ['timeout', 2, '"a"', '"b"']);
    ok(asked);
    t.hosts.splice(t.hosts.indexOf(third), 1);
    equal(answersOf(await ask(a, 'ask-all', { self: true, ms: 60000 }, 'q', 1)),
      ['ok', 2, '"a"', '"b"']);
    equal((await ask(a, 'fetch', { self: true }))[0], 'ok');
  });

// Its connections stay, and Redis counts it: for each request of Node.js it costs the whole time.
for (const [kind, sharded] of [['libsio', undefined], ['node', undefined], ['libsio', 'dynamic'], ['node', 'dynamic']])
  testOwn(`${sharded ? 'sharded' : 'classic'}: a server that hangs costs one request its time, and the next ones none (${kind})`,
    async ({ a, b, servers, add, t, url }) => {
      const options = { key: 'own', url, sharded, name: 'third' };
      const third = kind === 'node' ? await startNodeProcess(options)
        : await startServer(t, kind, 'third', options);
      if (kind === 'node') t.others.push(third);
      const c = await add(third);
      await assembled([a, b, c]);
      for (const client of [a, b, c]) client.on('q', (arg, answer) => answer('x'));
      const ask3 = (ms) => ask(a, 'ask-all', { self: true, ms }, 'q', 1).then(answersOf);
      equal(await ask3(600_000), ['ok', 3, '"x"', '"x"', '"x"']);
      third.process.kill('SIGSTOP');
      try {
        equal(await ask3(1500), ['timeout', 2, '"x"', '"x"']);
        equal(await ask3(600_000), ['timeout', 2, '"x"', '"x"']);
        equal((await ask(a, 'fetch', { self: true }))[0], 'timeout');
        equal((await ask(a, 'tell-servers', 'hello', 1))[0], 'timeout');
      } finally {
        third.process.kill('SIGCONT');
      }
      while ((await ask3(600_000))[0] !== 'ok') await sleep(20);
      equal((await ask3(600_000))[1], 3);
      third.process.kill('SIGKILL');
      if (kind !== 'node') t.hosts.splice(t.hosts.indexOf(third), 1);
      while ((await ask(a, 'servers'))[1] !== 2) await sleep(20);
      equal(await ask3(600_000), ['ok', 2, '"x"', '"x"']);
      ok(servers.length === 2);
    }, { sharded });

testOwn('a subscriber that is cut because it does not read comes back',
  async ({ a, b, servers }) => {
    const heard = listen(b);
    servers[1].process.kill('SIGSTOP');
    try {
      const text = 'x'.repeat(100_000);
      for (let i = 0; i < 100; i++) await ask(a, 'broadcast', { to: ['nobody'] }, 'ev', text);
    } finally {
      servers[1].process.kill('SIGCONT');
    }
    await servers[1].line(/^log .*for subscriptions failed: the connection broke/);
    await servers[1].line(/^redis connecting/);
    await servers[1].line(/^redis ready/);
    await ask(a, 'broadcast', {}, 'ev', 'again');
    await settled(a, [b]);
    equal(heard, ['again']);
  }, { args: ['--client-output-buffer-limit', 'pubsub 1mb 1mb 1'] });

testOwn('a password is needed', async ({ t, url }) => {
  const host = await t.host({ redis: url, 'redis-pass': 'wrong', 'redis-user': 'default' });
  await host.line(/^log .*Redis answers with an error: WRONGPASS/);
  const other = await t.host({ redis: url });
  await other.line(/^log .*Redis answers with an error: NOAUTH/);
  const right = await t.host({ redis: url.replace('//', '//default:pass%77ord@') });
  await right.line(/^redis ready/);
}, { args: ['--requirepass', 'password'], 'redis-pass': 'password' });

test('TLS, with the certificate of the right name alone', async (t) => {
  t.others = [];
  const port = await freePort(), cert = path.join(folder, 'cert.pem'), key = path.join(folder, 'key.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '2', '-subj', '/CN=redis', '-addext', 'subjectAltName=DNS:redis.test,IP:127.0.0.1',
    '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const own = await startRedis(0, '--tls-port', `${port}`, '--tls-cert-file', cert, '--tls-key-file', key,
    '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no', '--requirepass', 'secret');
  const url = `rediss://:secret@127.0.0.1:${port}`;
  const servers = await Promise.all([['redis.test', cert], ['127.0.0.1', cert], ['no matter', 'any']]
    .map(([name, ca], i) => startServer(t, 'libsio', `server ${i}`,
      { key: 'tls', url, 'redis-ca': ca, 'redis-name': name })));
  const clients = await Promise.all(servers.map((server) => open(server)));
  await assembled(clients);
  const heard = clients.slice(1).map((client) => listen(client));
  const text = 'x'.repeat(200_000);
  for (const what of [1, text, 2]) await ask(clients[0], 'broadcast', {}, 'ev', what);
  await settled(clients[0], clients.slice(1));
  equal(heard, [[1, text, 2], [1, text, 2]]);
  for (const client of clients) client.disconnect();
  const wrong = await t.host({ redis: url, 'redis-ca': cert, 'redis-name': 'other.test' });
  await wrong.line(/^log .*TLS: certificate verify failed: hostname mismatch; next attempt/i);
  const plain = await t.host({ redis: url.replace(`${port}`, `${redis.port}`), 'redis-ca': 'any' });
  await plain.line(/^log .*cannot connect: connection timed out/);
  const tooPlain = await t.host({ redis: `redis://127.0.0.1:${port}` });
  await tooPlain.line(/^log .*the connection to Redis/);
  await own.stop();
});

test('a Redis that is not there yet is waited for', async (t) => {
  const port = await freePort();
  const host = await t.host({ redis: `redis://127.0.0.1:${port}` });
  await host.line(/^log .*cannot connect: connection refused; next attempt/);
  const client = await open(host);
  equal(await ask(client, 'broadcast', {}, 'ev', 1), [0]);
  equal((await ask(client, 'servers'))[0], 'other');
  const late = await startRedis(port);
  await host.line(/^redis ready/);
  equal(await ask(client, 'servers'), ['ok', 1]);
  client.disconnect();
  await late.stop();
});

test('Redis is reached by its Unix socket', async (t) => {
  t.others = [];
  const url = `unix://${folder}/socket`;
  const servers = await Promise.all([0, 1].map((i) =>
    startServer(t, 'libsio', `server ${i}`, { key: 'unix', url })));
  const [a, b] = await Promise.all(servers.map((server) => open(server)));
  await assembled([a, b]);
  const heard = listen(b);
  await ask(a, 'broadcast', {}, 'ev', 1);
  await settled(a, [b]);
  equal(heard, [1]);
  a.disconnect();
  b.disconnect();
});

testPair('namespaces that are made on demand are one, too', async ({ a, b, servers, pair, add }) => {
  if (pair.includes('node')) for (const server of servers) if (server.io) addHandlers(server.io.of(/^\/dynamic-/));
  const x = await add(servers[0], '/dynamic-1'), y = await add(servers[1], '/dynamic-1');
  await assembled([x, y]);
  const heard = [listen(y), listen(b)];
  await ask(x, 'broadcast', {}, 'ev', 1);
  await settled(x, [y]);
  equal(heard, [[1], []]);
}, { dynamic: 1 });

// ---- the example --------------------------------------------------------------------------------------------

// A page in a browser is a client and no more: here the client is enough.
test('the example is one server of C and one of Node.js', async (t) => {
  const client = (port) => connected(io(`http://127.0.0.1:${port}/`, { reconnection: true }));
  const start = async (name, command, ...args) => {
    const port = await freePort();
    const env = { ...process.env, HOST: '127.0.0.1', PORT: `${port}`, NAME: name, REDIS: redis.url,
      NODE_PATH: path.join(here, 'node_modules') };
    const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    started.add(child);
    child.on('exit', () => started.delete(child));
    for (;;) {
      const page = await fetch(`http://127.0.0.1:${port}/`).catch(() => sleep(20));
      if (!page) continue;
      ok((await page.text()).includes('This page is on'));
      return { child, port };
    }
  };
  const servers = await Promise.all([start('ours', path.join(build, 'examples/cluster')),
    start('theirs', 'node', path.join(here, '../../examples/cluster/server.js'))]);
  const [a, b] = await Promise.all(servers.map(({ port }) => client(port)));
  for (;;) {
    const [, pages] = await ask(a, 'who');
    if (pages.length === 2) break;
  }
  equal((await ask(b, 'who'))[1].map((page) => page.server).sort(), ['ours', 'theirs']);
  const said = [event(a, 'said'), event(b, 'said')];
  a.emit('say', 'hello');
  equal(await Promise.all(said), [['ours', 'hello'], ['ours', 'hello']]);
  a.disconnect();
  b.disconnect();
  const ended = new Promise((done) => servers[0].child.on('exit', done));
  for (const { child } of servers) child.kill('SIGTERM');
  equal(await ended, 0);
});

await run();
