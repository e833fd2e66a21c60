// SPDX-License-Identifier: MIT
//
// loops.mjs - the programs of examples/loops, whose main loops are not libuv's: each answers a
// handshake, echoes a thousand events in order, and ends well while its clients look on.
// FIGURES=1 prints how long that took.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { ask, connected, equal, freePort, match, run, test, within } from './lib.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.LIBSIO_BUILD ?? path.join(here, '../../build/asan');
const EVENTS = 1000;
const MS = 60_000;

function start(program, port) {
  const child = spawn(program, { env: { ...process.env, PORT: `${port}` }, stdio: ['ignore', 'pipe', 'inherit'] });
  child.ended = new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal)));
  return within(MS, new Promise((done, fail) => {
    child.stdout.once('data', () => done(child));
    child.once('exit', (code) => fail(new Error(`it ended with ${code}`)));
  }), 'a listening program');
}

async function echoes(url, transports) {
  const client = io(url, { transports, forceNew: true, reconnection: false });
  const begin = performance.now();
  await connected(client);
  const handshake = performance.now() - begin;
  const got = [];
  const all = new Promise((done) => client.on('echo', (n) => got.push(n) === EVENTS && done()));
  for (let i = 0; i < EVENTS - 1; i++) client.emit('echo', i);
  equal(await ask(client, 'echo', EVENTS - 1, Buffer.from([1, 2])), [EVENTS - 1, Buffer.from([1, 2])]);
  await within(MS, all, 'all echoes');
  equal(got, Array.from({ length: EVENTS }, (_, i) => i));
  return { client, handshake, echo: performance.now() - begin - handshake };
}

// The time in which the program answers the first request: a client adds its own to that.
async function answer(url) {
  const begin = performance.now();
  match(await (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).text(), /^0\{"sid"/);
  return performance.now() - begin;
}

for (const name of ['poll', 'glib', 'libevent', 'tick', 'threads']) {
  const program = path.join(build, 'examples/loops', `loop_${name}`);
  if (!existsSync(program)) continue;
  test(`a program with the loop of ${name} answers, echoes a thousand events, and ends well`, async () => {
    const port = await freePort();
    const child = await start(program, port);
    try {
      const url = `http://127.0.0.1:${port}`;
      await answer(url); // and fetch() is loaded
      const first = await answer(url);
      const runs = [await echoes(url, ['websocket']), await echoes(url, ['polling'])];
      if (process.env.FIGURES)
        console.log(name, `answer ${first.toFixed(1)} ms`, ...runs.map((r) => `handshake ${r.handshake.toFixed(1)} ms, echo ${r.echo.toFixed(0)} ms;`));
      child.kill('SIGTERM');
      equal(await within(MS, child.ended, 'the end'), 0);
      for (const r of runs) r.client.close();
    } finally {
      child.kill('SIGKILL');
    }
  });
}

await run({ atOnce: 2 });
