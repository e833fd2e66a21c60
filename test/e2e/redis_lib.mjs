// SPDX-License-Identifier: MIT
//
// redis_lib.mjs - what the scripts about Redis share: servers of Redis, ours and Node.js servers on
// them, and clusters of two.
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { createClient, createCluster } from 'redis';
import { Server as NodeServer } from 'socket.io';
import { io } from 'socket.io-client';
import { ask, connected, event, freePort, sleep, test, within } from './lib.mjs';

// ---- Redis ------------------------------------------------------------------------------------------

export const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'libsio-redis-'));
export const started = new Set();
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
  fs.rmSync(folder, { recursive: true, force: true });
});

// A redis-server on a port of its own. It is ended by its process, never by its name.
export const startRedis = (port, ...args) => startProcess(port, /Ready to accept connections/,
  ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...args]);

export async function startProcess(port, ready, args) {
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  started.add(child);
  child.on('exit', () => started.delete(child));
  let said = '';
  await within(30_000, new Promise((done, fail) => {
    child.stdout.on('data', (d) => {
      said += d;
      if (ready.test(said)) done();
    });
    child.on('exit', () => fail(new Error(`redis-server ended: ${said}`)));
  }), 'redis-server');
  return { port, url: `redis://127.0.0.1:${port}`, child, async stop() {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.on('exit', done));
    child.kill('SIGKILL');
    await gone;
  } };
}

// The one that most tests use; other scripts start their own.
export const redis = process.argv[2] === '--list' || !process.argv[1]?.endsWith('/redis.mjs') ? null
  : await startRedis(await freePort(), '--unixsocket', path.join(folder, 'socket'));

// ---- a Node.js server that does what our host does ------------------------------------------------------

function targetOf(socket, how) {
  let to = how.self ? socket.nsp : socket.broadcast;
  for (const room of how.to ?? []) to = to.to(room);
  for (const room of how.except ?? []) to = to.except(room);
  if (how.volatile) to = to.volatile;
  if (how.local) to = to.local;
  return to;
}

const verbs = {
  join: (to, room) => to.socketsJoin(room),
  leave: (to, room) => to.socketsLeave(room),
  disconnect: (to) => to.disconnectSockets(false),
  close: (to) => to.disconnectSockets(true),
};

export function addHandlers(nsp) {
  nsp.on('connection', (socket) => {
    socket.on('join', (...args) => {
      const answer = args.pop();
      socket.join(args);
      answer(socket.id);
    });
    socket.on('rooms', (answer) => answer([...socket.rooms]));
    socket.on('broadcast', (how, name, arg, answer) => {
      targetOf(socket, how).emit(name, arg);
      answer(0);
    });
    socket.on('bulk', (verb, how, room, answer) => {
      answer(0);
      verbs[verb](targetOf(socket, { ...how, self: true }), room);
    });
    socket.on('ask-all', (how, name, arg, answer) => {
      targetOf(socket, how).timeout(how.ms).emit(name, arg, (err, replies) =>
        answer(err ? 'timeout' : 'ok', replies.length, replies.length, 0, ...replies));
    });
    socket.on('fetch', async (how, answer) => {
      const list = await targetOf(socket, how).fetchSockets();
      answer('ok', list.map(({ id, rooms, data, handshake }) =>
        ({ id, rooms: [...rooms], data, handshake })));
    });
    socket.on('set-shared', (data, answer) => {
      socket.data = data;
      answer(0);
    });
    socket.on('servers', async (answer) => answer('ok', await socket.nsp.adapter.serverCount()));
    socket.on('tell-servers', (name, arg, answer) => socket.nsp.serverSideEmit(name, arg, (err, replies) =>
      answer(err ? 'timeout' : 'ok', replies.length, replies.length, 0, ...replies)));
  });
}

export class NodeHost {
  static async start({ url = redis?.url, key, name, own = false, sharded, streams, recovery, instrument }) {
    const host = new NodeHost();
    host.pub = url.startsWith('redis+cluster:') ? createCluster({ rootNodes: url.slice(16).split(',')
      .map((node) => ({ url: `redis://${node}` })) }) : createClient({ url });
    host.sub = host.pub.duplicate();
    for (const c of [host.pub, host.sub]) c.on('error', () => {});
    await Promise.all([host.pub.connect(), host.sub.connect()]);
    host.http = http.createServer();
    const adapter = streams
      ? createStreamsAdapter(host.pub, { streamName: key, channelPrefix: key, blockTimeInMs: 1000 })
      : sharded
      ? createShardedAdapter(host.pub, host.sub, { channelPrefix: key, subscriptionMode: sharded })
      : createAdapter(host.pub, host.sub,
        { key, publishOnSpecificResponseChannel: own, requestsTimeout: 2000 });
    host.io = new NodeServer(host.http, {
      adapter,
      ...(recovery ? { connectionStateRecovery: { maxDisconnectionDuration: recovery } } : {}),
    });
    // What the Admin UI is told.
    if (instrument) (await import('@socket.io/admin-ui')).default.instrument(host.io, instrument);
    host.heard = [];
    addHandlers(host.io.of('/'));
    addHandlers(host.io.of('/custom'));
    host.io.on('hello', (arg, answer) => {
      host.heard.push(arg);
      answer?.(name);
    });
    await new Promise((done) => host.http.listen(0, '127.0.0.1', done));
    host.port = host.http.address().port;
    return host;
  }

  async stop() {
    await this.io.close();
    await Promise.allSettled([this.pub.quit(), this.sub.quit()]);
  }
}

// ---- clusters ---------------------------------------------------------------------------------------------

// A Node.js server in a process of its own, which can be stopped and killed.
export async function startNodeProcess(options) {
  const code = `import { NodeHost } from '${import.meta.url}';
    console.log((await NodeHost.start(${JSON.stringify(options)})).port);`;
  const child = spawn('node', ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  started.add(child);
  child.on('exit', () => started.delete(child));
  const port = await new Promise((done) => child.stdout.once('data', (d) => done(Number(d))));
  return { port, process: child, stop: () => child.kill('SIGKILL') };
}

let keys = 0;

export async function startServer(t, kind, name, { key, url = redis?.url, own, sharded, streams, ...flags }) {
  if (kind === 'libsio') {
    const host = await t.host({ redis: url, 'redis-key': key, name, 'request-timeout': 2000,
      ...(own ? { 'redis-own': 1 } : {}), ...(sharded ? { 'redis-sharded': sharded } : {}),
      ...(streams ? { 'redis-streams': key } : {}), ...flags });
    await host.line(/^redis ready/);
    return host;
  }
  const host = await NodeHost.start({ key, name, url, own, sharded, streams, ...flags });
  t.others.push(host);
  return host;
}

export const open = (server, nsp = '/', options = {}) => connected(io(`http://127.0.0.1:${server.port}${nsp}`,
  { transports: ['websocket'], forceNew: true, reconnection: false, auth: { token: 'abc' }, ...options }));

// Once each server sees all of them.
export async function assembled(clients) {
  for (const client of clients)
    for (;;) {
      const [, n] = await ask(client, 'servers');
      if (n === clients.length) break;
      await sleep(10);
    }
}

// The reader of a Node.js server begins at "$", and skips what is added before its first XREAD, or
// between two that bring nothing. Once it has read an entry it goes on after that one.
export async function streamIsRead(clients) {
  for (const to of clients)
    for (const from of clients) if (from !== to) await reached(from, to, to.id);
}

export const allPairs = [['libsio', 'libsio'], ['libsio', 'node'], ['node', 'libsio'], ['node', 'node']];
export const mixedPairs = allPairs.slice(1, 3);
const otherAdapters = [
  ['sharded', mixedPairs, { sharded: 'dynamic' }],
  ['streams', mixedPairs, { streams: true }],
  ['streams with recovery', allPairs.slice(0, 3), { streams: true, recovery: 60_000 }],
];

// A test of two servers, a client on each: with the classic adapter, and with the sharded one unless
// the options are for another.
export function testPair(name, body, options = {}) {
  testPairs(name, body, allPairs, options);
  if (!('own' in options) && !options.emitter)
    for (const [kind, pairs, how] of otherAdapters)
      testPairs(`${kind}: ${name}`, body, pairs, { ...options, ...how });
}

export function testPairs(name, body, pairs, options) {
  for (const pair of pairs)
    test(`${name} (${pair.join(' to ')})`, async (t) => {
      t.others = [];
      const key = `k${keys++}`, clients = [];
      const add = async (server, ...args) => {
        clients.push(await open(server, ...args));
        return clients.at(-1);
      };
      try {
        const servers = await Promise.all(pair.map((kind, i) =>
          startServer(t, kind, `server ${i}`, { key, ...options })));
        const a = await add(servers[0]), b = await add(servers[1]);
        await assembled([a, b]);
        if (options.streams) await streamIsRead([a, b]);
        await body({ a, b, servers, add, key, t, pair });
      } finally {
        for (const client of clients) client.disconnect();
        await Promise.all(t.others.map((other) => other.stop()));
      }
    });
}

// What a client has heard, in order, when a last event has come by the same way.
export function listen(client, name = 'ev') {
  const heard = [];
  client.on(name, (arg) => heard.push(arg));
  return heard;
}

export async function settled(from, clients) {
  const last = clients.map((client) => event(client, 'last'));
  await ask(from, 'broadcast', { self: true }, 'last', 0);
  await Promise.all(last);
}

// Once the room's events from there reach the client: a server may still be subscribing.
export async function reached(from, client, ...rooms) {
  for (const room of rooms) {
    let heard = false;
    client.once('probe', () => { heard = true; });
    while (!heard) {
      await ask(from, 'broadcast', { to: [room], self: true }, 'probe', 0);
      await sleep(2);
    }
  }
}
