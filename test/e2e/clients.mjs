// SPDX-License-Identifier: MIT
//
// clients.mjs - the clients people have, unmodified: socket.io-client 4 and 3 over each transport, the
// version 2 that must be refused, and python-socketio. What the packets look like is
// socketio.mjs's business; here it counts what a program sees.
import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { io as io4 } from 'socket.io-client';
import io3 from 'socket.io-client-v3';
import io2 from 'socket.io-client-v2';
import {
  Host, ask, bytes, connected, equal, event, match, ok, run, test, ways,
} from './lib.mjs';

const versions = { '4.8': io4, '3.1': io3.io ?? io3 };

// Every client with every way to connect. open(namespace, options) makes one.
function testAll(name, body, flags = {}) {
  for (const [version, io] of Object.entries(versions))
    for (const [way, transports] of Object.entries(ways))
      test(`${name} (${version}, ${way})`, async (t) => {
        const host = await t.host(flags);
        const open = (nsp = '/', options = {}) =>
          io(`http://127.0.0.1:${host.port}${nsp}`, { ...transports, forceNew: true,
            reconnectionDelay: 50, reconnectionDelayMax: 100, ...options });
        await body(host, open, way, t);
      });
}

async function back(client, ...args) {
  const came = event(client, 'message-back');
  client.emit('message', ...args);
  return came;
}

// ---- talking -------------------------------------------------------------------------------------

testAll('177 178 a client connects, and its auth is seen', async (host, open) => {
  const client = open('/', { auth: { token: 'abc' } });
  const auth = event(client, 'auth');
  await connected(client);
  equal(await auth, [{ token: 'abc' }]);
  await host.line(new RegExp(`^connect / ${client.id}$`));
  client.disconnect();
  match(await host.line(/^disconnect /), /^disconnect (client namespace disconnect|transport close)/);
}, { greet: 'auth' });

testAll('206 207 events, binary, acks and their order', async (host, open) => {
  const client = await connected(open());
  equal(await back(client, 1, '2', [3]), [1, '2', [3]]);
  equal(await back(client, null), [null]);
  equal(await back(client, '\u2014\u2014\u2014 \0 \u{1F600}'), ['\u2014\u2014\u2014 \0 \u{1F600}']);
  equal(await back(client), []);
  equal(await back(client, bytes(1, 2), { deep: [bytes(255)] }), [bytes(1, 2), { deep: [bytes(255)] }]);
  equal(await ask(client, 'echo', 1, '2', { 3: [true] }), [1, '2', { 3: [true] }]);
  equal(await ask(client, 'echo', bytes(9), null), [bytes(9), null]);
  client.send(1337);
  equal(await event(client, 'message-back'), [1337]);
  const numbers = Array.from({ length: 300 }, (_, n) => n);
  const answers = await Promise.all(numbers.map((n) => ask(client, 'echo', n)));
  equal(answers.flat(), numbers);
  client.disconnect();
});

testAll('209 210 the server asks, and the client answers or does not', async (host, open) => {
  const client = await connected(open());
  client.on('question', (arg, answer) => answer('heard', arg));
  client.emit('call-me', 1000, 'question', { a: bytes(1) });
  equal(await event(client, 'ack-result'), [null, 'heard', { a: bytes(1) }]);
  client.emit('call-me', 50, 'nobody listens', 1);
  equal(await event(client, 'ack-result'), ['operation has timed out']);
  client.disconnect();
});

testAll('222 namespaces share a connection and nothing else', async (host, open) => {
  const main = await connected(open('/', { forceNew: false, multiplex: true }));
  const custom = main.io.socket('/custom');
  await event(custom, 'connect');
  equal((await host.stats()).sessions, 1);
  ok(custom.id !== main.id);
  equal(await ask(custom, 'echo', 'custom'), ['custom']);
  let leaked = 0;
  main.on('message-back', () => leaked++);
  equal(await back(custom, 1), [1]);
  custom.disconnect();
  match(await host.line(/^disconnect /), /^disconnect client namespace disconnect/);
  equal(await ask(main, 'echo', 'main'), ['main']);
  equal(leaked, 0);
  main.disconnect();
});

testAll('223 rooms and broadcasts', async (host, open) => {
  const [a, b, c] = await Promise.all([open(), open(), open()].map(connected));
  equal(await ask(a, 'join', 'room'), [a.id]);
  equal(await ask(b, 'join', 'room'), [b.id]);
  const heard = [];
  for (const [name, client] of Object.entries({ a, b, c })) client.on('news', (n) => heard.push(`${name}${n}`));
  equal(await ask(a, 'broadcast', { to: ['room'] }, 'news', 1), [0]);
  equal(await ask(a, 'broadcast', { except: ['room'] }, 'news', 2), [0]);
  equal(await ask(a, 'broadcast', { to: [c.id, b.id], self: true }, 'news', 3), [0]);
  for (const client of [a, b, c]) await ask(client, 'echo');
  equal(heard.sort(), ['b1', 'b3', 'c2', 'c3']);
  for (const client of [a, b, c]) client.disconnect();
});

// ---- refused ----------------------------------------------------------------------------------------

testAll('180 an unknown namespace is a connect_error', async (host, open) => {
  const client = open('/nowhere');
  const [error] = await event(client, 'connect_error');
  equal(error.message, 'Invalid namespace');
  client.disconnect();
});

testAll('197 what middleware says is a connect_error', async (host, open) => {
  const client = open();
  const [error] = await event(client, 'connect_error');
  equal([error.message, error.data], ['not you', { code: 7 }]);
  equal(host.said(/^connect /), 0);
  client.disconnect();
}, { middleware1: 'later:fail:not you:{"code":7}' });

test('160 a client of version 2 is refused', async (t) => {
  const host = await t.host();
  const client = io2(`http://127.0.0.1:${host.port}`, { reconnection: false });
  await event(client, 'connect_error');
  match(await host.line(/^connection_error/), /^connection_error 5 Unsupported protocol version/);
  client.close();
});

// ---- leaving ----------------------------------------------------------------------------------------

testAll('200 the server ends the session, or the namespace', async (host, open) => {
  const left = await connected(open());
  left.emit('leave-nsp');
  equal((await event(left, 'disconnect'))[0], 'io server disconnect');
  left.connect();
  await event(left, 'connect');
  equal(await ask(left, 'echo', 1), [1]);
  const closed = await connected(open());
  const bye = event(closed, 'bye');
  closed.emit('close-me');
  equal((await event(closed, 'disconnect'))[0], 'io server disconnect');
  await bye;
  for (const client of [left, closed]) client.disconnect();
});

testAll('201 a client leaves, and comes back with another id', async (host, open) => {
  const client = await connected(open());
  const first = client.id;
  const gone = event(client, 'disconnect');
  client.disconnect();
  equal((await gone)[0], 'io client disconnect');
  await host.line(/^disconnect /);
  client.connect();
  await event(client, 'connect');
  ok(client.id !== first);
  equal(await ask(client, 'echo', 1), [1]);
  client.disconnect();
});

testAll('204 205 clients come back to a server that restarts on the same port', async (host, open) => {
  const client = await connected(open());
  const gone = event(client, 'disconnect');
  client.emit('shut');
  match((await gone)[0], /^transport (close|error)$/);
  equal(await host.exit, 0);
  client.emit('message', 'while nobody is there'); // kept by the client
  const again = await Host.start({ port: host.port });
  equal(await event(client, 'message-back'), ['while nobody is there']);
  equal(await ask(client, 'echo', 1), [1]);
  client.disconnect();
  equal(await again.stop(), '');
});

testAll('clients come back when the server dies', async (host, open, way, t) => {
  const client = await connected(open());
  const gone = event(client, 'disconnect');
  t.hosts.splice(t.hosts.indexOf(host), 1);
  host.process.kill('SIGKILL');
  await host.exit;
  match((await gone)[0], /^transport (close|error)$/);
  const again = await Host.start({ port: host.port });
  await event(client, 'connect');
  equal(await ask(client, 'echo', 1), [1]);
  client.disconnect();
  equal(await again.stop(), '');
});

testAll('heartbeats keep a quiet client, over any transport', async (host, open, way) => {
  const client = await connected(open());
  let gone = 0;
  client.on('disconnect', () => gone++);
  for (let i = 0; i < 3; i++) await host.line(/^engine heartbeat/);
  equal(gone, 0);
  const name = way === 'polling only' ? 'polling' : 'websocket';
  equal(client.io.engine.transport.name, name);
  client.disconnect();
}, { 'ping-interval': 200, 'ping-timeout': 2000 });

// ---- only version 4 has them ---------------------------------------------------------------------------

for (const [way, transports] of Object.entries(ways))
  test(`209 210 212 promises, timeouts and volatile events (4.8, ${way})`, async (t) => {
    const host = await t.host();
    const client = await connected(io4(`http://127.0.0.1:${host.port}`, { ...transports, forceNew: true }));
    equal(await client.emitWithAck('echo', 'x'), 'x');
    equal(await client.timeout(1000).emitWithAck('echo', bytes(1)), bytes(1));
    const late = await client.timeout(50).emitWithAck('nobody').catch((e) => e.message);
    equal(late, 'operation has timed out');
    const came = event(client, 'n');
    client.emit('sequence', 'v');
    equal(await came, [0, null]);
    client.volatile.emit('echo');
    equal(await client.emitWithAck('echo', 'y'), 'y');
    client.disconnect();
  });

test('a payload near maxPayload is split by the client, over polling', async (t) => {
  const host = await t.host({ 'max-payload': 10_000 });
  const client = await connected(io4(`http://127.0.0.1:${host.port}`, { transports: ['polling'], forceNew: true }));
  const answers = Array.from({ length: 50 }, (_, i) => client.emitWithAck('echo', `${i}${'x'.repeat(900)}`));
  equal((await Promise.all(answers)).map((text) => parseInt(text, 10)), answers.map((_, i) => i));
  client.disconnect();
});

// ---- not JavaScript ---------------------------------------------------------------------------------------

const python = process.env.PYTHON ?? '/usr/bin/python3';
const script = fileURLToPath(new URL('client.py', import.meta.url));

function runPython(...args) {
  const child = spawn(python, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => (said += d));
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, said }));
  });
}

for (const transport of ['polling', 'websocket', 'both'])
  test(`python-socketio says and hears everything (${transport})`, async (t) => {
    const host = await t.host({ greet: 'auth' });
    const { code, said } = await runPython(`http://127.0.0.1:${host.port}`, transport);
    equal(code, 0, said);
    equal(said.match(/^ok /gm).length, 12, said);
  }, { ms: 20_000 });

await run();
