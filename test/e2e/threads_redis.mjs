// SPDX-License-Identifier: MIT
//
// threads_redis.mjs - two programs of two threads each, and a Node.js server, in one cluster on a
// real Redis. Each program is one server to the others, over one pair of connections.
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from 'redis';
import { Server as NodeServer } from 'socket.io';
import { io } from 'socket.io-client';
import { equal, freePort, ok, run, sleep, test, within } from './lib.mjs';

const THREADS = 2;
const LONG = 60_000;
const trouble = /Sanitizer|runtime error/;
const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.LIBSIO_BUILD ?? path.join(here, '../../build/asan');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'libsio-threads-'));
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  fs.rmSync(folder, { recursive: true, force: true });
});

function start(program, args, env, ready) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  children.add(child);
  const it = { child, out: '', err: '' };
  it.exit = new Promise((done) => child.on('close', (code, how) => {
    children.delete(child);
    done(how ?? code);
  }));
  child.stderr.on('data', (d) => { it.err += d; });
  it.ready = within(LONG, new Promise((done, fail) => {
    it.exit.then((how) => fail(new Error(`${program} ended with ${how}: ${it.err}${it.out}`)));
    child.stdout.on('data', (d) => {
      it.out += d;
      if (ready.every((line) => line.test(it.out))) done();
    });
  }), `start of ${program}`);
  return it;
}

async function startRedis() {
  const port = await freePort();
  const it = start('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder],
    {}, [/Ready to accept connections/]);
  await it.ready;
  return { ...it, port, url: `redis://127.0.0.1:${port}` };
}

const redis = process.argv[2] === '--list' ? null : await startRedis();

// ---- servers ------------------------------------------------------------------------------------

async function startThreads(name, key, { sharded, streams, recovery } = {}) {
  const it = start(path.join(build, 'test/e2e/threads'), [String(THREADS)],
    { REDIS_URL: redis.url, REDIS_KEY: key, NAME: name, ...(sharded && { REDIS_SHARDED: '1' }),
      ...(streams && { REDIS_STREAMS: '1' }), ...(recovery && { RECOVERY: '1' }) },
    [/listening \d+\n/, /redis ready\n/]);
  await it.ready;
  it.port = Number(/listening (\d+)/.exec(it.out)[1]);
  it.kill = async () => {
    it.killed = true;
    it.child.kill('SIGKILL');
    await within(LONG, it.exit, 'end of the program');
  };
  it.stop = async () => {
    if (it.killed) return;
    it.child.stdin.end();
    equal([await within(LONG, it.exit, 'end of the program'), trouble.test(it.err) && it.err], [0, false]);
    equal(it.err.split('\n').filter((line) => line), []);
  };
  return it;
}

// It has the handlers of host/threads.c.
async function startNode(name, key, { sharded, streams, recovery }) {
  const pub = createClient({ url: redis.url }), sub = pub.duplicate();
  await Promise.all([pub.connect(), sub.connect()]);
  const server = http.createServer();
  const adapter = streams ? createStreamsAdapter(pub, { streamName: key, channelPrefix: key, blockTimeInMs: 1000 })
    : sharded ? createShardedAdapter(pub, sub, { channelPrefix: key, subscriptionMode: 'static' })
    : createAdapter(pub, sub, { key });
  const node = new NodeServer(server, { adapter,
    ...(recovery && { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } }) });
  node.on('hello', (arg, answer) => answer(name));
  node.on('connection', (socket) => {
    const replies = (answer) => (err, list) => answer([err ? -1 : 0, list.length, list.length]);
    socket.on('all', (x, answer) => {
      node.emit('all', x);
      answer();
    });
    socket.on('join', (room, answer) => {
      socket.join(room);
      answer(0);
    });
    socket.on('to', (room, x, answer) => {
      node.to(room).emit('to', x);
      answer();
    });
    socket.on('ask', (x, answer) => node.timeout(20_000).emit('question', x, replies(answer)));
    socket.on('fetch', async (answer) => answer([0, (await node.fetchSockets()).length]));
    socket.on('servers', (x, answer) => node.serverSideEmit('hello', x, replies(answer)));
    socket.on('count', async (answer) => answer([0, await node.of('/').adapter.serverCount()]));
    socket.on('allJoin', (room, answer) => {
      node.socketsJoin(room);
      answer();
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { port: server.address().port, async stop() {
    await node.close();
    await Promise.allSettled([pub.quit(), sub.quit()]);
  } };
}

// ---- a cluster of both, with clients on every thread --------------------------------------------------

const ask = (s, ...args) => within(LONG, s.emitWithAck(...args), `ack of ${args[0]}`);

async function connect(port) {
  const s = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true, reconnection: false });
  s.on('question', (x, answer) => answer(x));
  await within(LONG, new Promise((done, fail) => {
    s.on('connect', done);
    s.on('connect_error', fail);
  }), 'connect');
  return s;
}

// A client on each thread of a program.
async function onAllThreads(port) {
  const found = [], rest = [];
  while (found.filter((s) => s).length < THREADS) {
    const s = await connect(port), where = await ask(s, 'where');
    if (found[where]) rest.push(s);
    else found[where] = s;
  }
  for (const s of rest) s.disconnect();
  return found;
}

const kinds = { classic: {}, sharded: { sharded: true }, streams: { streams: true },
  'streams with recovery': { streams: true, recovery: true } };
// A Node.js server reads from "$" on, and skips what is added before its first XREAD.
async function streamIsRead(clients) {
  const heard = new Set();
  for (const s of clients) s.once('to', () => heard.add(s));
  for (const s of clients) await ask(s, 'join', 'reads');
  while (heard.size < clients.length) {
    await ask(clients[0], 'to', 'reads', 0);
    await sleep(10);
  }
  await settled(clients);
}

let keys = 0;
function scene(name, body, only = Object.keys(kinds)) {
  for (const kind of only)
    test(`${kind}: ${name}`, async () => {
      const key = `t${keys++}`, servers = [];
      const add = async (starting) => {
        servers.push(await starting);
        return servers.at(-1);
      };
      const one = await add(startThreads('one', key, kinds[kind])), two = await add(startThreads('two', key, kinds[kind]));
      const node = await add(startNode('node', key, kinds[kind]));
      const clients = [...await onAllThreads(one.port), ...await onAllThreads(two.port), await connect(node.port)];
      try {
        for (const s of clients)
          while ((await ask(s, 'fetch'))[1] !== clients.length) await sleep(5);
        if (kinds[kind].streams) await streamIsRead(clients);
        const more = () => add(startThreads('more', key, kinds[kind]));
        await body(clients, { node: clients.at(-1), one: clients[0], key, servers, more });
      } finally {
        for (const s of clients) s.disconnect();
        for (const server of servers) await server.stop();
      }
    });
}

const hear = (clients, name) => {
  const heard = clients.map(() => []);
  clients.forEach((s, i) => s.on(name, (x) => heard[i].push(x)));
  return heard;
};
const until = (what, look) => within(LONG, (async () => {
  while (!look()) await sleep(5);
})(), what);

scene('a broadcast of any thread reaches every client of the cluster once, in order', async (clients) => {
  const heard = hear(clients, 'all');
  for (let round = 0; round < 20; round++)
    for (const [i, s] of clients.entries()) await ask(s, 'all', [i, round]);
  await until('all broadcasts', () => heard.every((h) => h.length >= 20 * clients.length));
  await Promise.all(clients.map((s) => ask(s, 'fetch')));
  for (const h of heard)
    for (const i of clients.keys())
      equal(h.filter(([from]) => from === i).map(([, round]) => round), Array.from({ length: 20 }, (_, k) => k));
});

scene('binary and rooms reach the threads that have them', async (clients) => {
  const heard = hear(clients, 'to');
  const members = clients.filter((s, i) => i % 2);
  for (const s of members) await ask(s, 'join', 'odd');
  for (const s of clients) await ask(s, 'to', 'odd', Buffer.from([1, 2, 3]));
  await until('events to the room', () => clients.every((s, i) => i % 2 === 0 || heard[i].length >= clients.length));
  await Promise.all(clients.map((s) => ask(s, 'fetch')));
  equal(heard.map((h) => h.length), clients.map((s, i) => (i % 2 ? clients.length : 0)));
  equal([...heard[1][0]], [1, 2, 3]);
});

scene('every client answers a question of any thread, and is fetched once', async (clients) => {
  for (const s of clients) {
    equal(await ask(s, 'ask', { deep: [Buffer.from('x')] }), [0, clients.length, clients.length]);
    equal(await ask(s, 'fetch'), [0, clients.length]);
  }
});

// A program is one server to those outside, and the threads of one program are servers to each other.
scene('servers are counted and answer, a program of threads as one', async (clients, { node }) => {
  for (const s of clients) {
    const inside = s === node ? 0 : THREADS - 1;
    equal(await ask(s, 'count'), [0, 3 + inside]);
    equal(await ask(s, 'servers', 'x'), [0, 2 + inside, 2 + inside]);
  }
});

scene('sockets of all threads join when another server says so', async (clients, { node }) => {
  await ask(node, 'allJoin', 'together');
  const heard = hear(clients, 'to');
  await until('joins', () => {
    node.emit('to', 'together', 'x', () => {});
    return heard.every((h) => h.length > 0);
  });
});

// ---- recovery ---------------------------------------------------------------------------------------

// Events of the stream arrive in one order: once each client has the last one, it has all others.
let marks = 0;
async function settled(clients, from = clients[0]) {
  const mark = `mark ${marks++}`;
  const all = Promise.all(clients.map((s) => new Promise((done) => {
    const on = (x) => {
      if (x !== mark) return;
      s.off('all', on);
      done();
    };
    s.on('all', on);
  })));
  await ask(from, 'all', mark);
  await within(LONG, all, mark);
}

// What a client does when it reconnects, to whichever server.
async function comeBack(old, port) {
  const s = io(`http://127.0.0.1:${port}`,
    { transports: ['websocket'], forceNew: true, reconnection: false, autoConnect: false });
  s._pid = old._pid;
  s._lastOffset = old._lastOffset;
  s.heard = old.heard;
  s.on('to', (x) => s.heard.push(x));
  s.on('question', (x, answer) => answer(x));
  s.connect();
  await within(LONG, new Promise((done, fail) => {
    s.on('connect', done);
    s.on('connect_error', fail);
  }), 'connect');
  return s;
}

async function watched(port) {
  const s = await connect(port);
  s.heard = [];
  s.on('to', (x) => s.heard.push(x));
  await ask(s, 'join', 'room');
  return s;
}

const breakOff = (s) => {
  const gone = new Promise((done) => s.on('disconnect', done));
  s.io.engine.close();
  return gone;
};
const numbers = (n) => Array.from({ length: n }, (_, k) => k);
const onlyRecovery = ['streams with recovery'];

scene('all clients hear all events in the same order', async (clients) => {
  const heard = hear(clients, 'to');
  for (const s of clients) await ask(s, 'join', 'room');
  await Promise.all(clients.map(async (s, i) => {
    for (let k = 0; k < 30; k++) await ask(s, 'to', 'room', [i, k]);
  }));
  // A mark comes after what its own process has sent before, and perhaps before what others have.
  for (const s of clients) await settled(clients, s);
  const ours = heard.slice(0, -1).map((h) => h.filter((x) => Array.isArray(x)));
  equal(ours[0].length, 30 * clients.length);
  for (const h of ours) equal(h, ours[0]);
}, onlyRecovery);

scene('a client that returns to any thread of its process has missed nothing', async (clients, { servers }) => {
  let s = await watched(servers[0].port), next = 0;
  const { id } = s, seen = new Set();
  const send = async (n, from) => {
    for (let k = 0; k < n; k++) await ask(from, 'to', 'room', next++);
  };
  for (let round = 0; round < 12 || seen.size < THREADS; round++) {
    const from = clients[round % clients.length];
    await until('events', () => s.heard.length >= next); // of the sender before
    await send(3, from);
    await until('events', () => s.heard.length >= next - (round % 3));
    await breakOff(s);
    await send(round % 5, from);
    s = await comeBack(s, servers[0].port);
    ok(s.recovered, `round ${round}: the client is recovered`);
    equal(s.id, id);
    seen.add(await ask(s, 'where'));
  }
  await until('events', () => s.heard.length >= next);
  await send(1, clients[0]);
  await until('events', () => s.heard.length >= next);
  equal(s.heard, numbers(next));
  s.disconnect();
}, onlyRecovery);

// A socket's key is written soon after its rooms have changed. A program that is killed before cannot write it.
async function untilKeysHaveRoom(sockets, room) {
  const client = createClient({ url: redis.url });
  await client.connect();
  const hasRoom = async ({ _pid }) => {
    const key = (await client.keys(`*${_pid}`))[0], value = key && (await client.get(key));
    return Buffer.from(value ?? '', 'base64').includes(room);
  };
  const wait = async (s) => {
    while (!(await hasRoom(s))) await new Promise((done) => setTimeout(done, 10));
  };
  await within(LONG, Promise.all(sockets.map(wait)), `keys with ${room}`);
  await client.quit();
}

for (const [where, index] of [['another process', 1], ['a Node.js server', 2]])
  scene(`a client whose process was killed is recovered on ${where} with every event once`,
    async (clients, { servers, node }) => {
      const lost = [];
      for (let i = 0; i < 4; i++) lost.push(await watched(servers[0].port));
      equal(new Set(await Promise.all(lost.map((s) => ask(s, 'where')))).size, THREADS);
      const ids = lost.map((s) => s.id);
      let next = 0;
      const send = async (n, from) => {
        for (let k = 0; k < n; k++) await ask(from, 'to', 'room', next++);
      };
      await send(10, clients[1]);
      await until('events', () => lost.every((s) => s.heard.length === next));
      await Promise.all(lost.map((s) => ask(s, 'join', 'late')));
      await untilKeysHaveRoom(lost, 'late');
      await send(3, clients[3]);
      const gone = Promise.all(lost.map((s) => new Promise((done) => s.on('disconnect', done))));
      await servers[0].kill();
      await within(LONG, gone, 'disconnect');
      await send(7, node);
      const back = await Promise.all(lost.map((s) => comeBack(s, servers[index].port)));
      await send(2, node);
      await ask(node, 'to', 'late', next++);
      await until('events', () => back.every((s) => s.heard.length >= next));
      for (const [i, s] of back.entries()) {
        ok(s.recovered, `client ${i} is recovered`);
        equal(s.id, ids[i]);
        equal(s.heard, numbers(next));
        s.disconnect();
      }
    }, onlyRecovery);

scene('clients move from one process that is killed to the next, and miss nothing', async (clients, { node, servers, more }) => {
  let here = servers[0], next = 0;
  let moving = await Promise.all(Array.from({ length: 6 }, () => watched(here.port)));
  const ids = moving.map((s) => s.id);
  const send = async (n) => {
    for (let k = 0; k < n; k++) await ask(node, 'to', 'room', next++);
  };
  for (let round = 0; round < 5; round++) {
    const other = await more();
    await send(3);
    await until('events', () => moving.every((s) => s.heard.length === next));
    await untilKeysHaveRoom(moving, 'room');
    await send(round); // these may still be under way
    const gone = Promise.all(moving.map((s) => new Promise((done) => s.on('disconnect', done))));
    await here.kill();
    await within(LONG, gone, 'disconnect');
    await send(4);
    const coming = moving.map((s) => comeBack(s, other.port));
    await send(5); // while they come back
    moving = await Promise.all(coming);
    await until('events', () => moving.every((s) => s.heard.length >= next));
    for (const [i, s] of moving.entries()) {
      ok(s.recovered, `round ${round}: client ${i} is recovered`);
      equal(s.id, ids[i]);
      equal(s.heard, numbers(next));
    }
    here = other;
  }
  for (const s of moving) s.disconnect();
}, onlyRecovery);

test('a program of threads has one pair of connections to Redis', async () => {
  const key = `t${keys++}`, client = createClient({ url: redis.url });
  await client.connect();
  const count = async () => (await client.sendCommand(['CLIENT', 'LIST'])).split('\n')
    .filter((line) => / name=libsio /.test(line)).length;
  await until('no connection', async () => (await count()) === 0);
  const one = await startThreads('one', key);
  equal(await count(), 2);
  await one.stop();
  await client.quit();
});

await run({ atOnce: 1 });
redis?.child.kill('SIGKILL');
