// SPDX-License-Identifier: MIT
//
// redis_streams.mjs - the streams adapter when servers and Redis end: clients that are recovered by
// another server, ours or a Node.js one, and entries that nobody loses.
//
// LIBSIO_ROUNDS: how often a server is lost (8); more than 20 are spread over several tests.
import path from 'node:path';
import { io } from 'socket.io-client';
import { ask, equal, event, freePort, ok, run, sleep, test } from './lib.mjs';
import { assembled, folder, listen, open, settled, startRedis, startServer } from './redis_lib.mjs';

const rounds = Number(process.env.LIBSIO_ROUNDS ?? 8);
const parts = [];
for (let left = rounds; left > 0; left -= 20) parts.push(Math.min(left, 20));
const numbers = (n) => Array.from({ length: n }, (_, i) => i);

// A test with a Redis of its own.
function testOwn(name, body, ...args) {
  test(name, async (t) => {
    t.others = [];
    t.clients = [];
    const port = await freePort();
    t.url = `redis://127.0.0.1:${port}`;
    t.own = { server: await startRedis(port, ...args), async restart() {
      this.server = await startRedis(port, ...args);
    } };
    t.start = (kind, options = {}) => startServer(t, kind, kind,
      { key: 'own', url: t.url, streams: true, recovery: 60_000, ...options });
    try {
      await body(t);
    } finally {
      for (const client of t.clients) client.disconnect();
      await Promise.all(t.others.map((other) => other.stop()));
      await t.own.server.stop();
    }
  });
}

const add = async (t, server) => {
  t.clients.push(await open(server));
  return t.clients.at(-1);
};

// What a client does when it reconnects, but to another server.
function comeBack(old, server) {
  const client = io(`http://127.0.0.1:${server.port}`,
    { transports: ['websocket'], forceNew: true, reconnection: false, autoConnect: false,
      auth: { token: 'abc' } });
  client._pid = old._pid;
  client._lastOffset = old._lastOffset;
  return client;
}

async function until(look) {
  while (!look()) await sleep(2);
}

// ---- another server ---------------------------------------------------------------------------------

// How a server is lost.
const endings = {
  killed: (t, server) => {
    server.process.kill('SIGKILL');
    t.hosts.splice(t.hosts.indexOf(server), 1);
  },
  closed: async (t, server) => {
    if (server.process) {
      equal(await server.stop(), '');
      t.hosts.splice(t.hosts.indexOf(server), 1);
    } else {
      await server.stop();
      t.others.splice(t.others.indexOf(server), 1);
    }
  },
};

// The client moves to and fro between servers that end behind it, while events go on.
async function moves(t, from, to, ending, times) {
  const sender = await add(t, await t.start('libsio'));
  let server = await t.start(from), next = 0;
  let client = await add(t, server);
  const id = client.id, heard = [];
  const hear = () => client.on('ev', (n) => heard.push(n));
  const send = async (n) => {
    for (let i = 0; i < n; i++) sender.emit('broadcast', i % 2 ? { to: ['room'] } : {}, 'ev', next++);
    await ask(sender, 'broadcast', { to: ['elsewhere'] }, 'ev', -1);
  };
  hear();
  await ask(client, 'join', 'room');
  for (let i = 0; i < times; i++) {
    const other = await t.start(i % 2 ? from : to);
    await send(5);
    await until(() => heard.length === next);
    await send(i % 5); // these may still be under way
    const gone = event(client, 'disconnect');
    await endings[ending](t, server);
    await gone;
    await send(5);
    client = comeBack(client, other);
    hear();
    t.clients.push(client);
    const connected = event(client, 'connect');
    client.connect();
    await send(2);
    await connected;
    ok(client.recovered, `round ${i}: the client is recovered`);
    equal(client.id, id);
    await send(1);
    await until(() => heard.length >= next);
    equal(heard, numbers(next));
    server = other;
  }
  await settled(sender, [client]);
  equal(heard, numbers(next));
}

for (const [from, to, ending] of [['libsio', 'libsio', 'killed'], ['libsio', 'libsio', 'closed'],
  ['libsio', 'node', 'closed'], ['node', 'libsio', 'closed']])
  parts.forEach((times, part) => testOwn('a client is recovered on another server with every event once '
    + `(${from} to ${to}, ${ending}${part ? `, part ${part + 1}` : ''})`,
  (t) => moves(t, from, to, ending, times)));

async function killedToNode(t, times) {
  for (let i = 0; i < times; i++) {
    const server = await t.start('libsio'), other = await t.start('node');
    const sender = await add(t, other), client = await add(t, server);
    const heard = listen(client), { id } = client;
    await assembled([sender, client]);
    await ask(client, 'join', 'room');
    await ask(client, 'set-shared', { user: 'bob' });
    await ask(sender, 'broadcast', { to: ['room'] }, 'ev', 0);
    await until(() => heard.length === 1);
    const gone = event(client, 'disconnect');
    endings.killed(t, server);
    await gone;
    await ask(sender, 'broadcast', { to: ['room'] }, 'ev', 1);
    await ask(sender, 'broadcast', { to: ['other'] }, 'ev', 2);
    const back = comeBack(client, other);
    t.clients.push(back);
    back.on('ev', (n) => heard.push(n));
    back.connect();
    await event(back, 'connect');
    ok(back.recovered, `round ${i}: the client is recovered`);
    await ask(sender, 'broadcast', {}, 'ev', 3);
    await until(() => heard.length >= 3);
    equal(heard, [0, 1, 3]);
    const [, list] = await ask(sender, 'fetch', { self: true, to: ['room'] });
    equal(list.map((s) => [s.id, s.data]), [[id, { user: 'bob' }]]);
    await endings.closed(t, other);
  }
}

parts.forEach((times, part) => testOwn('a client of a killed server is recovered on a Node.js server'
  + (part ? `, part ${part + 1}` : ''), (t) => killedToNode(t, times)));

testOwn('a client that was disconnected by its server is not recovered elsewhere', async (t) => {
  const server = await t.start('libsio'), other = await t.start('libsio');
  const sender = await add(t, other), client = await add(t, server);
  const heard = listen(client), { id } = client;
  await assembled([sender, client]);
  await ask(sender, 'broadcast', {}, 'ev', 0);
  await until(() => heard.length === 1);
  const gone = event(client, 'disconnect');
  await ask(sender, 'bulk', 'disconnect', { to: [id] }, '');
  await gone;
  const back = comeBack(client, other);
  t.clients.push(back);
  back.connect();
  await event(back, 'connect');
  ok(!back.recovered && back.id !== id);
});

testOwn('events that are kept and others reach a client in the order in which they were sent', async (t) => {
  const server = await t.start('libsio');
  const sender = await add(t, server), client = await add(t, server);
  const heard = listen(client);
  for (let i = 0; i < 60; i++)
    sender.emit('broadcast', i % 3 === 2 ? { local: true } : { to: [client.id] }, 'ev', i);
  await settled(sender, [client]);
  equal(heard, numbers(60));
});

// ---- Redis ends -----------------------------------------------------------------------------------------

testOwn('Redis is killed and restarted under 1000 events per second, and nothing is lost', async (t) => {
  const servers = await Promise.all([t.start('libsio'), t.start('libsio')]);
  const [a, b, c] = [await add(t, servers[0]), await add(t, servers[1]), await add(t, servers[0])];
  await assembled([a, b, c].slice(0, 2));
  const here = listen(c), there = listen(b);
  let sent = 0, on = true;
  const load = (async () => {
    while (on) {
      for (let i = 0; i < 20; i++) a.emit('broadcast', {}, 'ev', sent++);
      await ask(a, 'broadcast', {}, 'ev', sent++);
      await sleep(18);
    }
  })();
  for (let i = 0; i < 2; i++) {
    const before = there.length;
    await until(() => there.length >= before + 500);
    await t.own.server.stop();
    await Promise.all(servers.map((server) => server.line(/^redis connecting/)));
    const during = sent, had = here.length;
    await until(() => sent >= during + 300 && here.length >= had + 300); // local clients go on
    await t.own.restart();
    await Promise.all(servers.map((server) => server.line(/^redis ready/)));
  }
  const after = sent;
  await until(() => (there.at(-1) ?? 0) > after);
  on = false;
  await load;
  await settled(a, [b, c]);
  equal(here, numbers(sent));
  equal(there, numbers(sent));
}, '--appendonly', 'yes', '--appendfsync', 'always', '--appenddirname', `aof${process.pid}`,
'--dbfilename', path.basename(folder));

await run();
