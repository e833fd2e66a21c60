// SPDX-License-Identifier: MIT
//
// redis_bench.mjs - what a broadcast that crosses Redis costs the server that sends it and the one
// that receives it: examples/cluster in C beside the same in Node.js, in one run, round by round.
//
//     meson setup build/bench --buildtype=release && ninja -C build/bench examples/cluster
//     LIBSIO_BUILD=build/bench node test/e2e/redis_bench.mjs
//
// CPU time is that of all threads of a process, by the kernel's scheduler.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { freePort, sleep } from './lib.mjs';

const ROUNDS = 3, MESSAGES = 20_000, TEXT = 'x'.repeat(100);
const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.LIBSIO_BUILD ?? path.join(here, '../../build/bench');
const programs = {
  ours: [path.resolve(build, 'examples/cluster')],
  node: ['node', path.join(here, '../../examples/cluster/server.js')],
};
const started = [];
process.on('exit', () => started.forEach((child) => child.kill('SIGKILL')));

function start(command, args, env) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
  started.push(child);
  return child;
}

async function server(kind, REDIS) {
  const port = await freePort(), [command, ...args] = programs[kind];
  const { pid } = start(command, args, { HOST: '127.0.0.1', PORT: `${port}`, NAME: kind, REDIS,
    NODE_PATH: path.join(here, 'node_modules') });
  while (!(await fetch(`http://127.0.0.1:${port}/`).catch(() => null))) await sleep(50);
  await sleep(500);
  return { pid, port };
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
  const before = [cpu(a), cpu(b)];
  for (let i = 0; i < messages; i++) {
    sender.emit('say', TEXT);
    if (i % 50 === 49) while (back < i - 200) await sleep(1);
  }
  while (heard < messages * receivers) await sleep(5);
  const used = [cpu(a) - before[0], cpu(b) - before[1]].map((us) => us / messages);
  for (const socket of [sender, ...there]) socket.disconnect();
  return used;
}

for (let round = 1; round <= ROUNDS; round++)
  for (const kind of Object.keys(programs)) {
    const port = await freePort();
    start('redis-server', ['--port', `${port}`, '--save', '', '--bind', '127.0.0.1']);
    await sleep(1500);
    const url = `redis://127.0.0.1:${port}`;
    const a = await server(kind, url), b = await server(kind, url);
    await measure(a, b, 1, MESSAGES / 10);
    const [sent, received] = await measure(a, b, 1, MESSAGES);
    const [, many] = await measure(a, b, 200, MESSAGES / 20);
    console.log(`round ${round} ${kind}: sender ${sent.toFixed(2)} us a message, receiver with one client `
      + `${received.toFixed(2)} us a message, with 200 ${(many / 200).toFixed(3)} us a delivery`);
  }
process.exit(0);
