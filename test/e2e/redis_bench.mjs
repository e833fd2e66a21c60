// SPDX-License-Identifier: MIT
//
// redis_bench.mjs - what a broadcast that crosses Redis costs the server that sends it and the one
// that receives it: test/e2e/host in C beside a Node.js server, in one run, round by round.
//
//     meson setup build/bench --buildtype=release && ninja -C build/bench test/e2e/host
//     LIBSIO_BUILD=build/bench node test/e2e/redis_bench.mjs [classic|sharded|streams ...]
//
// CPU time is that of all threads of a process, by the kernel's scheduler. BENCH_ROUNDS and
// BENCH_MESSAGES in the environment make it shorter.
import fs from 'node:fs';
import { io } from 'socket.io-client';
import { Host, freePort, sleep } from './lib.mjs';
import { startNodeProcess, startRedis } from './redis_lib.mjs';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3), MESSAGES = Number(process.env.BENCH_MESSAGES ?? 20_000);
const TEXT = 'x'.repeat(100);
const adapters = {
  classic: [{}, {}],
  sharded: [{ 'redis-sharded': 'dynamic' }, { sharded: 'dynamic' }],
  streams: [{ 'redis-streams': 'k' }, { streams: true }],
};
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(adapters);

async function server(kind, adapter, url) {
  const [flags, options] = adapters[adapter];
  if (kind === 'node') {
    const node = await startNodeProcess({ url, key: 'k', name: kind, ...options });
    await sleep(500);
    return { pid: node.process.pid, port: node.port, stop: node.stop };
  }
  const host = await Host.start({ redis: url, 'redis-key': 'k', name: kind, ...flags });
  await host.line(/^redis ready/);
  return { pid: host.process.pid, port: host.port, stop: () => host.process.kill('SIGKILL') };
}

const client = ({ port }) => new Promise((done) => {
  const socket = io(`http://127.0.0.1:${port}/`, { transports: ['websocket'], forceNew: true });
  socket.on('connect', () => done(socket));
});

// Microseconds.
const cpu = ({ pid }) => fs.readdirSync(`/proc/${pid}/task`)
  .map((task) => Number(fs.readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]))
  .reduce((a, b) => a + b) / 1000;

async function measure(a, b, receivers, messages) {
  const sender = await client(a);
  const there = await Promise.all(Array.from({ length: receivers }, () => client(b)));
  let heard = 0, back = 0;
  sender.on('said', () => { back++; });
  for (const socket of there) socket.on('said', () => { heard++; });
  // Node's reader of a stream skips what is added before its first read.
  while (heard < receivers) {
    heard = 0;
    sender.emit('broadcast', {}, 'said', TEXT, () => {});
    await sleep(100);
  }
  await sleep(300);
  heard = back = 0;
  const before = [cpu(a), cpu(b)];
  for (let i = 0; i < messages; i++) {
    sender.emit('broadcast', { self: true }, 'said', TEXT, () => {});
    if (i % 50 === 49) while (back < i - 200) await sleep(1);
  }
  while (heard < messages * receivers) await sleep(5);
  const used = [cpu(a) - before[0], cpu(b) - before[1]].map((us) => us / messages);
  for (const socket of [sender, ...there]) socket.disconnect();
  return used;
}

for (let round = 1; round <= ROUNDS; round++)
  for (const adapter of wanted)
    for (const kind of ['ours', 'node']) {
      const redis = await startRedis(await freePort());
      const [a, b] = [await server(kind, adapter, redis.url), await server(kind, adapter, redis.url)];
      await measure(a, b, 1, MESSAGES / 10);
      const [sent, received] = await measure(a, b, 1, MESSAGES);
      const [, many] = await measure(a, b, 200, MESSAGES / 20);
      console.log(`round ${round} ${adapter} ${kind}: sender ${sent.toFixed(2)} us a message, receiver with one client `
        + `${received.toFixed(2)} us a message, with 200 ${(many / 200).toFixed(3)} us a delivery`);
      for (const s of [a, b]) s.stop();
      await redis.stop();
    }
process.exit(0);
