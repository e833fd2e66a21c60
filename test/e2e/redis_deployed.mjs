// SPDX-License-Identifier: MIT
//
// redis_deployed.mjs - servers of ours on Redis as it is deployed: behind sentinels, and as a Redis
// Cluster. LIBSIO_CLUSTER_NODES=6 gives each master of the cluster a replica.
import { execFileSync } from 'node:child_process';
import { createClient } from 'redis';
import fs from 'node:fs';
import path from 'node:path';
import { ask, equal, freePort, ok, run, sleep, test } from './lib.mjs';
import {
  assembled, folder, listen, open, reached, settled, startProcess, startRedis, startServer,
  streamIsRead,
} from './redis_lib.mjs';

// ---- one command at a time ----------------------------------------------------------------------------------

async function command(port, password, ...words) {
  const client = createClient({ url: `redis://127.0.0.1:${port}`, password });
  client.on('error', () => {});
  await client.connect();
  try {
    return await client.sendCommand(words);
  } finally {
    await client.disconnect();
  }
}

async function until(look) {
  while (!await look()) await sleep(50);
}

// ---- traffic ------------------------------------------------------------------------------------------------

// One client sends numbers, all the time; who hears them has them in order, and none twice.
function traffic(from) {
  const load = { sent: 0, on: true };
  load.over = (async () => {
    while (load.on) {
      for (let i = 0; i < 9; i++) from.emit('broadcast', { to: ['room'], self: true }, 'ev', load.sent++);
      await ask(from, 'broadcast', { to: ['room'], self: true }, 'ev', load.sent++);
      await sleep(5);
    }
  })();
  load.end = () => {
    load.on = false;
    return load.over;
  };
  return load;
}

async function stats(client) {
  const [published, received, dropped, unanswered, errors, malformed, failures, connects, redirected,
    switches, missed, interrupted] = await ask(client, 'redis-stats');
  return { published, received, dropped, unanswered, errors, malformed, failures, connects, redirected,
    switches, missed, interrupted };
}

const upTo = (n) => Array.from({ length: n }, (_, i) => i);

// Two servers of ours, a sender and a local hearer on the first, a hearer on the second.
async function underTraffic(t, options, change) {
  t.others = [];
  const servers = await Promise.all([0, 1].map((i) => startServer(t, 'libsio', `server ${i}`, options)));
  const [a, local, far] = await Promise.all([0, 0, 1].map((i) => open(servers[i])));
  try {
    await assembled([a, far]);
    await Promise.all([local, far].map((client) => ask(client, 'join', 'room')));
    const here = listen(local), there = listen(far);
    const load = traffic(a);
    await until(() => there.length > 100);
    await change({ servers, a, load });
    const after = load.sent;
    await until(() => (there.at(-1) ?? 0) > after + 200);
    await load.end();
    // Not with settled(): the nodes of a cluster keep no order between channels, and its event has another.
    await until(() => [here, there].every((heard) => heard.at(-1) === load.sent - 1));
    equal(here, upTo(load.sent));
    ok(there.every((n, i) => i === 0 || n > there[i - 1]), 'in order, and none twice');
    equal(there.slice(-200), here.slice(-200));
    equal(await ask(a, 'servers'), ['ok', 2]);
    return { lost: load.sent - (there.length - there.indexOf(0)), heard: there, sent: load.sent,
      ...await stats(a), interrupted: (await stats(far)).interrupted };
  } finally {
    for (const client of [a, local, far]) client.disconnect();
  }
}


// ---- sentinels ----------------------------------------------------------------------------------------------

const PASSWORD = 'of the master', SENTINEL_PASSWORD = 'of sentinels';

async function startSentinel(master, extra = [], listen = 'port') {
  const port = await freePort(), file = path.join(folder, `sentinel-${port}.conf`);
  fs.writeFileSync(file, [`${listen} ${port}`, 'bind 127.0.0.1', `dir ${folder}`,
    `requirepass "${SENTINEL_PASSWORD}"`, `sentinel sentinel-pass "${SENTINEL_PASSWORD}"`,
    `sentinel monitor mymaster 127.0.0.1 ${master} ${extra.length ? 1 : 2}`,
    `sentinel auth-pass mymaster "${PASSWORD}"`, 'sentinel down-after-milliseconds mymaster 1000',
    'sentinel failover-timeout mymaster 3000', ...extra].join('\n'));
  return startProcess(port, /\+monitor master/, [file, '--sentinel']);
}

async function startSentinelSet() {
  const auth = ['--requirepass', PASSWORD, '--masterauth', PASSWORD, '--repl-diskless-sync-delay', '0'];
  const masterPort = await freePort();
  const master = await startRedis(masterPort, ...auth);
  const [replica, ...sentinels] = await Promise.all([
    freePort().then((port) => startRedis(port, ...auth, '--replicaof', '127.0.0.1', `${masterPort}`)),
    startSentinel(masterPort), startSentinel(masterPort), startSentinel(masterPort)]);
  const all = [master, replica, ...sentinels];
  await Promise.all(sentinels.map(({ port }) => until(async () => {
    const facts = await command(port, SENTINEL_PASSWORD, 'SENTINEL', 'MASTER', 'mymaster');
    const fact = (name) => facts[facts.indexOf(name) + 1];
    return fact('num-slaves') === '1' && fact('num-other-sentinels') === '2';
  })));
  return { master, replica, sentinels, stop: () => Promise.all(all.map((one) => one.stop())) };
}

const urlOf = (scheme, servers, tail = '') =>
  `${scheme}://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}${tail}`;

const sentinelOptions = (set) => ({ key: 'sentinel', url: urlOf('redis+sentinel', set.sentinels, '/mymaster'),
  'redis-pass': PASSWORD, 'redis-sentinel-pass': SENTINEL_PASSWORD });

test('the master is killed, and its sentinels make another one', async (t) => {
  const set = await startSentinelSet();
  try {
    const end = await underTraffic(t, sentinelOptions(set), async ({ servers }) => {
      await Promise.all([set.master.stop(), set.sentinels[0].stop()]);
      await Promise.all(servers.map((server) => server.line(/^redis connecting/)));
      await Promise.all(servers.map((server) => server.line(/^redis ready/)));
    });
    ok(end.switches >= 1);
    // Usually nothing is lost: what waits is sent when the other server is there again.
    ok(end.lost <= end.dropped + end.unanswered + end.missed, `lost ${end.lost}, and not all are counted`);
    console.log(`# sent ${end.sent}, not heard on the other server ${end.lost}: dropped ${end.dropped}, `
      + `unanswered ${end.unanswered}, missed ${end.missed}`);
  } finally {
    await set.stop();
  }
});

test('a master that hangs is left, and is not used when it is back as a replica', async (t) => {
  const set = await startSentinelSet();
  try {
    const end = await underTraffic(t, sentinelOptions(set), async ({ servers, load }) => {
      set.master.child.kill('SIGSTOP');
      await Promise.all(servers.map((server) => server.line(/^redis connecting/)));
      await Promise.all(servers.map((server) => server.line(/^redis ready/)));
      set.master.child.kill('SIGCONT');
      // The sentinels cut its connections, this one too.
      await until(async () => (await command(set.master.port, PASSWORD, 'ROLE').catch(() => []))[0] === 'slave');
      const now = load.sent;
      await until(() => load.sent > now + 100);
    });
    ok(end.switches >= 1);
  } finally {
    set.master.child.kill('SIGCONT');
    await set.stop();
  }
});

test('a wrong password of the sentinels, and a name that they do not know, are said', async (t) => {
  const port = await freePort();
  const master = await startRedis(port, '--requirepass', PASSWORD);
  const sentinel = await startSentinel(port, ['']);
  try {
    const url = urlOf('redis+sentinel', [sentinel], '/mymaster');
    const said = async (pattern, flags) => (await t.host({ redis: url, ...flags })).line(pattern);
    await Promise.all([
      said(/^log .*the sentinel 127.0.0.1 port \d+ failed: Redis answers with an error: WRONGPASS/,
        { 'redis-pass': PASSWORD, 'redis-sentinel-pass': 'wrong' }),
      said(/^log .*the sentinel .*: Redis answers with an error: NOAUTH/, { 'redis-pass': PASSWORD }),
      said(/^log .*the sentinel .*: the sentinel watches no master with the name in the url/,
        { redis: url.replace('mymaster', 'other'), 'redis-sentinel-pass': SENTINEL_PASSWORD }),
      said(/^log .*for commands failed: Redis answers with an error: NOAUTH/,
        { 'redis-sentinel-pass': SENTINEL_PASSWORD }),
      said(/^redis ready/, { 'redis-pass': PASSWORD, 'redis-sentinel-pass': SENTINEL_PASSWORD }),
    ]);
  } finally {
    await Promise.all([master.stop(), sentinel.stop()]);
  }
});

test('the streams adapter follows the master, in order, and local clients wait for nothing', async (t) => {
  const set = await startSentinelSet();
  try {
    const end = await underTraffic(t, { ...sentinelOptions(set), streams: true }, async ({ servers }) => {
      await set.master.stop();
      await Promise.all(servers.map((server) => server.line(/^redis connecting/)));
      await Promise.all(servers.map((server) => server.line(/^redis ready/)));
    });
    equal(end.dropped, 0);
    console.log(`# streams: sent ${end.sent}, not heard on the other server ${end.lost}`);
  } finally {
    await set.stop();
  }
});

test('sentinels and their master are reached under TLS', async (t) => {
  const cert = path.join(folder, 'sentinel-cert.pem'), key = path.join(folder, 'sentinel-key.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '2', '-subj', '/CN=redis', '-addext', 'subjectAltName=DNS:redis.test', '-keyout', key, '-out', cert],
  { stdio: 'pipe' });
  const tls = [['tls-cert-file', cert], ['tls-key-file', key], ['tls-ca-cert-file', cert],
    ['tls-auth-clients', 'no'], ['tls-replication', 'yes']];
  const port = await freePort();
  const master = await startRedis(0, '--tls-port', `${port}`, '--requirepass', PASSWORD,
    ...tls.flatMap(([name, value]) => [`--${name}`, value]));
  const sentinel = await startSentinel(port, ['port 0', ...tls.map((words) => words.join(' '))], 'tls-port');
  try {
    const options = { redis: urlOf('rediss+sentinel', [sentinel], '/mymaster'), 'redis-ca': cert,
      'redis-pass': PASSWORD, 'redis-sentinel-pass': SENTINEL_PASSWORD };
    const [right, wrong] = await Promise.all(['redis.test', 'other.test']
      .map((name) => t.host({ ...options, 'redis-name': name })));
    await right.line(/^redis ready/);
    await wrong.line(/^log .*the sentinel .*: TLS: certificate verify failed: hostname mismatch/i);
  } finally {
    await Promise.all([master.stop(), sentinel.stop()]);
  }
});

// ---- a cluster ----------------------------------------------------------------------------------------------

const SLOTS = 16384, MASTERS = 3;

function slotOf(channel) {
  const tag = /\{([^}]+)\}/.exec(channel)?.[1] ?? channel;
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let i = 0; i < 8; i++) crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc % SLOTS;
}

// Three masters, of which the first has a replica; with LIBSIO_CLUSTER_NODES=6 each has one.
async function startCluster() {
  const many = Number(process.env.LIBSIO_CLUSTER_NODES ?? 4);
  const nodes = await Promise.all(Array.from({ length: many }, async () => {
    const port = await freePort();
    return startRedis(port, '--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${port}.conf`,
      '--cluster-node-timeout', '1500', '--cluster-port', `${await freePort()}`, '--repl-diskless-sync-delay', '0');
  }));
  const say = (i, ...words) => command(nodes[i].port, undefined, ...words.map(String));
  const busOf = async (i) => (await say(i, 'CONFIG', 'GET', 'cluster-port'))[1];
  const ids = await Promise.all(nodes.map((_, i) => say(i, 'CLUSTER', 'MYID')));
  await Promise.all(nodes.map((_, i) => say(i, 'CLUSTER', 'SET-CONFIG-EPOCH', i + 1)));
  await Promise.all(Array.from({ length: MASTERS }, (_, i) => say(i, 'CLUSTER', 'ADDSLOTSRANGE',
    Math.ceil(i * SLOTS / MASTERS), Math.ceil((i + 1) * SLOTS / MASTERS) - 1)));
  for (let i = 1; i < many; i++) await say(0, 'CLUSTER', 'MEET', '127.0.0.1', nodes[i].port, await busOf(i));
  const whole = async (i) => {
    const info = await say(i, 'CLUSTER', 'INFO');
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${many}`);
  };
  await Promise.all(nodes.map((_, i) => until(() => whole(i))));
  for (let i = MASTERS; i < many; i++) await say(i, 'CLUSTER', 'REPLICATE', ids[i - MASTERS]);
  await until(async () => (await say(0, 'INFO', 'replication')).includes('state=online'));
  return { nodes, ids, say, stop: () => Promise.all(nodes.map((node) => node.stop())) };
}

const cluster = process.argv[2] === '--list' ? null : startCluster();
const clusterUrl = async () => urlOf('redis+cluster', (await cluster).nodes.slice(0, 2));

// The master that says itself that it has this slot. What the others say may be older for a moment.
async function ownerOf({ ids, say }, slot) {
  for (let i = 0; i < MASTERS; i++)
    for (const [first, last, [, , id]] of await say(i, 'CLUSTER', 'SLOTS'))
      if (first <= slot && slot <= last && id === ids[i]) return i;
  return undefined;
}

async function migrate({ nodes, ids, say }, slot, to) {
  let from;
  await until(async () => (from = await ownerOf({ ids, say }, slot)) !== undefined);
  if (from === to) return;
  await say(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from]);
  await say(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to]);
  for (let keys; (keys = await say(from, 'CLUSTER', 'GETKEYSINSLOT', slot, 100)).length;)
    await say(from, 'MIGRATE', '127.0.0.1', nodes[to].port, '', 0, 5000, 'KEYS', ...keys);
  for (const i of [to, from, 3 - to - from]) await say(i, 'CLUSTER', 'SETSLOT', slot, 'NODE', ids[to]);
}

const parts = [];

function clusterTest(name, body) {
  test(name, (t) => {
    const part = (async () => body(t, await cluster, await clusterUrl()))();
    parts.push(part.catch(() => {}));
    return part;
  });
}

for (const sharded of [undefined, 'dynamic'])
  for (const pair of [['libsio', 'libsio'], ['libsio', 'node'], ['node', 'libsio']])
    clusterTest(`${sharded ? 'sharded' : 'classic'} over a cluster: rooms, acks and servers (${pair.join(' to ')})`,
      async (t, { nodes }, url) => {
        t.others = [];
        const key = `c${pair.join('')}${sharded}`, clients = [];
        try {
          const servers = await Promise.all(pair.map((kind, i) =>
            startServer(t, kind, `server ${i}`, { key, url, sharded })));
          for (const server of servers) clients.push(await open(server));
          const [a, b] = clients;
          await assembled(clients);
          const rooms = Array.from({ length: 20 }, (_, i) => `room ${i}`);
          await ask(b, 'join', ...rooms);
          await reached(a, b, ...rooms);
          const heard = listen(b);
          for (const room of rooms) await ask(a, 'broadcast', { to: [room] }, 'ev', room);
          await ask(a, 'broadcast', { to: rooms.slice(0, 2) }, 'ev', 'two');
          // Not with settled() alone: Node's PUBLISH goes to a node drawn at random, and SPUBLISH to that of
          // the channel, so the last event can overtake others.
          await until(() => heard.length > rooms.length);
          await settled(a, [b]);
          equal(heard.sort(), [...rooms, 'two'].sort());
          b.on('q', (arg, answer) => answer(arg + 1));
          equal((await ask(a, 'ask-all', { to: [b.id], ms: 20000 }, 'q', 1)).slice(0, 2), ['ok', 1]);
          equal((await ask(a, 'fetch', { self: true }))[1].length, 2);
          equal((await ask(a, 'tell-servers', 'hello', 1)).slice(0, 2), ['ok', 1]);
          ok(nodes.length >= MASTERS);
        } finally {
          for (const client of clients) client.disconnect();
          await Promise.all(t.others.map((other) => other.stop()));
        }
      });

for (const pair of [['libsio', 'libsio'], ['libsio', 'node'], ['node', 'libsio']])
  clusterTest(`streams over a cluster: rooms, acks, servers and recovery (${pair.join(' to ')})`, async (t, nodes, url) => {
    t.others = [];
    const key = `st${pair.join('')}`, clients = [];
    try {
      const servers = await Promise.all(pair.map((kind, i) =>
        startServer(t, kind, `server ${i}`, { key, url, streams: true, recovery: 60_000 })));
      const again = { reconnection: true, reconnectionDelay: 5, reconnectionDelayMax: 30 };
      for (const server of servers) clients.push(await open(server, '/', again));
      const [a, b] = clients;
      await assembled(clients);
      await streamIsRead(clients);
      const rooms = Array.from({ length: 20 }, (_, i) => `room ${i}`);
      await ask(b, 'join', ...rooms);
      await reached(a, b, ...rooms);
      const heard = listen(b);
      for (const room of rooms) await ask(a, 'broadcast', { to: [room] }, 'ev', room);
      await settled(a, [b]);
      equal(heard, rooms);
      b.on('q', (arg, answer) => answer(arg + 1));
      equal((await ask(a, 'ask-all', { to: [b.id], ms: 20000 }, 'q', 1)).slice(0, 2), ['ok', 1]);
      equal((await ask(a, 'fetch', { self: true }))[1].length, 2);
      equal((await ask(a, 'tell-servers', 'hello', 1)).slice(0, 2), ['ok', 1]);
      // b goes to the other server, which finds its key on another node of the cluster.
      const { id } = b;
      heard.length = 0;
      b.io.uri = `http://127.0.0.1:${servers[0].port}`;
      for (let i = 0; i < 5; i++) {
        b.io.engine.close();
        await ask(a, 'broadcast', { to: ['room 1'] }, 'ev', i);
        await until(() => b.connected);
        ok(b.recovered && b.id === id);
      }
      await settled(a, [b]);
      equal(heard, [0, 1, 2, 3, 4]);
    } finally {
      for (const client of clients) client.disconnect();
      await Promise.all(t.others.map((other) => other.stop()));
    }
  });

clusterTest('the streams adapter loses nothing while the slot of its stream moves', async (t, nodes, url) => {
  const end = await underTraffic(t, { key: 'stream', url, streams: true }, async ({ load }) => {
    for (let round = 0; round < 6; round++) {
      await migrate(nodes, slotOf('stream'), (round + 1) % MASTERS);
      const now = load.sent;
      await until(() => load.sent > now + 50);
    }
  });
  equal([end.lost, end.dropped], [0, 0]);
  ok(end.redirected > 0);
  console.log(`# the stream moved 6 times: sent ${end.sent}, none lost; ${end.redirected} redirected`);
});

clusterTest('slots move under traffic', async (t, nodes, url) => {
  const end = await underTraffic(t, { key: 'moving', url, sharded: 'dynamic' }, async ({ load }) => {
    for (let round = 0; round < 6; round++)
      for (const channel of ['moving#/#', 'moving#/#room#']) {
        await migrate(nodes, slotOf(channel), (round + 1) % MASTERS);
        const now = load.sent;
        await until(() => load.sent > now + 50);
      }
  });
  ok(end.redirected > 0);
  equal(end.dropped, 0);
  // Which messages were missed is not known, only that some may have been.
  ok(end.lost <= end.unanswered || end.interrupted > 0, `lost ${end.lost}, and nothing was interrupted`);
  console.log(`# slots moved 12 times: sent ${end.sent}, not heard on the other server ${end.lost}; `
    + `${end.redirected} redirected, dropped ${end.dropped}, unanswered ${end.unanswered}, `
    + `${end.interrupted} subscriptions interrupted`);
});

test('a node of the cluster is killed under traffic', async (t) => {
  const nodes = await cluster;
  await new Promise((done) => setTimeout(done));
  await Promise.all(parts);
  const url = await clusterUrl();
  t.others = [];
  try {
    for (const name of ['killed#/#', 'killed#/#room#', 'killed stream']) await migrate(nodes, slotOf(name), 0);
    let ready = 0, killed;
    const change = async ({ servers }) => {
      ready++;
      await until(() => ready === 2);
      await (killed ??= nodes.nodes[0].stop());
      await Promise.all(servers.map((server) => server.line(/^redis connecting/)));
      await Promise.all(servers.map((server) => server.line(/^redis ready/)));
    };
    const [end, stream] = await Promise.all([
      underTraffic(t, { key: 'killed', url, sharded: 'dynamic' }, change),
      underTraffic(t, { key: 'killed stream', url, streams: true }, change)]);
    ok(end.interrupted > 0);
    equal(stream.dropped, 0);
    console.log(`# a node was killed: sent ${end.sent}, not heard on the other server ${end.lost}; dropped `
      + `${end.dropped}, unanswered ${end.unanswered}, errors ${end.errors}; with the streams adapter sent `
      + `${stream.sent}, not heard ${stream.lost}`);
  } finally {
    await nodes.stop();
  }
});

await run();
