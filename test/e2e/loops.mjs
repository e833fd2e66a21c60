// SPDX-License-Identifier: MIT
//
// loops.mjs - the programs of examples/loops, whose main loops are not libuv's, and examples/cpp: each
// answers a handshake and a thousand events in order, and ends well while its clients are connected.
// FIGURES=1 prints how long that took: the least and the median of 60 answers to a handshake.
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
  const child = spawn(program, { env: { ...process.env, SDL_VIDEODRIVER: 'dummy', PORT: `${port}` }, stdio: ['ignore', 'pipe', 'inherit'] });
  child.ended = new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal)));
  return within(MS, new Promise((done, fail) => {
    child.stdout.once('data', () => done(child));
    child.once('exit', (code) => fail(new Error(`it ended with ${code}`)));
  }), 'a listening program');
}

async function events(url, transports, talk) {
  const client = io(url, { transports, forceNew: true, reconnection: false });
  const begin = performance.now();
  await connected(client);
  const handshake = performance.now() - begin;
  equal(await talk(client), Array.from({ length: EVENTS }, (_, i) => i));
  return { client, handshake, took: performance.now() - begin - handshake };
}

// The time in which the program answers the first request: a client adds its own to that.
async function answer(url) {
  const begin = performance.now();
  match(await (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).text(), /^0\{"sid"/);
  return performance.now() - begin;
}

function printFigures(name, answers, runs) {
  answers.sort((a, b) => a - b);
  console.log(`${name}: answer ${answers[0].toFixed(1)} ms, ${answers[answers.length >> 1].toFixed(1)} ms;`,
    ...runs.map((r) => `handshake ${r.handshake.toFixed(1)} ms, events ${r.took.toFixed(0)} ms;`));
}

// The programs of examples/loops send each event back.
async function echoesOfLoop(client) {
  const got = [];
  const all = new Promise((done) => client.on('echo', (n) => got.push(n) === EVENTS && done()));
  for (let i = 0; i < EVENTS - 1; i++) client.emit('echo', i);
  equal(await ask(client, 'echo', EVENTS - 1, Buffer.from([1, 2])), [EVENTS - 1, Buffer.from([1, 2])]);
  await within(MS, all, 'all echoes');
  return got;
}

// The chat sends each line to all who are in the room, its author among them.
async function linesOfChat(client) {
  const got = [];
  const all = new Promise((done) => client.on('said', (_, n) => got.push(Number(n)) === EVENTS && done()));
  equal(await ask(client, 'enter', 'a', client.io.engine.transport.name), [null]);
  for (let i = 0; i < EVENTS - 1; i++) client.emit('say', `${i}`);
  equal(await ask(client, 'say', `${EVENTS - 1}`), [null, 1]);
  await within(MS, all, 'all lines');
  return got;
}

const programs = ['poll', 'glib', 'libevent', 'qt', 'sdl', 'tick', 'threads'].map((name) =>
  [`a program with the loop of ${name}`, `examples/loops/loop_${name}`, echoesOfLoop]);
programs.push(['a program in C++', 'examples/cpp', linesOfChat]);
for (const [name, file, talk] of programs) {
  const program = path.join(build, file);
  if (!existsSync(program)) continue;
  test(`${name} answers a handshake and a thousand events, and ends well`, async () => {
    const port = await freePort();
    const child = await start(program, port);
    try {
      const url = `http://127.0.0.1:${port}`;
      await answer(url); // and fetch() is loaded
      const answers = [];
      for (let i = 0; i < (process.env.FIGURES ? 60 : 1); i++) answers.push(await answer(url));
      const runs = [await events(url, ['websocket'], talk), await events(url, ['polling'], talk)];
      if (process.env.FIGURES) printFigures(name, answers, runs);
      child.kill('SIGTERM');
      equal(await within(MS, child.ended, 'the end'), 0);
      for (const r of runs) r.client.close();
    } finally {
      child.kill('SIGKILL');
    }
  });
}

await run({ atOnce: process.env.FIGURES ? 1 : 2 });
