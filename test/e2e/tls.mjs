// SPDX-License-Identifier: MIT
//
// tls.mjs - https:// and wss://: the clients people have, a browser, openssl s_client; certificates
// on both sides; and peers that get TLS wrong.
//
// Keys and certificates are made anew for each run. OPENSSL names another openssl program, CHROMIUM
// another browser; without them the tests fail.
import { execFileSync, spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { io } from 'socket.io-client';
import ioV2 from 'socket.io-client-v2';
import { io as ioV3 } from 'socket.io-client-v3';
import {
  Server, ask, bytes, connected, equal, event, match, ok, op, frame, run, sleep, test,
  upgradeHeaders, ways, within,
} from './lib.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.LIBSIO_BUILD ?? path.join(here, '../../build/asan');
const OPENSSL = process.env.OPENSSL ?? 'openssl';

// ---- keys and certificates ------------------------------------------------------------------------

const dir = mkdtempSync(path.join(tmpdir(), 'sio-tls-'));
process.on('exit', () => rmSync(dir, { recursive: true }));
const file = (name) => path.join(dir, name);
const read = (name) => readFileSync(file(name));
const openssl = (...args) => execFileSync(OPENSSL, args, { cwd: dir, stdio: 'pipe' });

const newKey = (name) =>
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256',
    '-out', `${name}.key`);

function selfSigned(name, subject, extensions = []) {
  newKey(name);
  openssl('req', '-x509', '-key', `${name}.key`, '-subj', subject, '-days', '2',
    ...extensions.flatMap((e) => ['-addext', e]), '-out', `${name}.pem`);
}

// Signed by `by`, valid for so many days from today; 0: no longer.
function signed(name, by, subject, { names, days = 2 } = {}) {
  newKey(name);
  openssl('req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`);
  writeFileSync(file(`${name}.ext`), names ? `subjectAltName=${names}\n` : 'basicConstraints=CA:FALSE\n');
  openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${by}.pem`, '-CAkey', `${by}.key`,
    '-CAcreateserial', '-extfile', `${name}.ext`, '-days', String(days), '-out', `${name}.pem`);
}

selfSigned('ca', '/CN=libsio test CA');
selfSigned('stranger', '/CN=nobody knows me');
signed('server', 'ca', '/CN=localhost', { names: 'DNS:localhost,IP:127.0.0.1' });
signed('next', 'ca', '/CN=the next one', { names: 'DNS:localhost,IP:127.0.0.1' });
signed('other', 'ca', '/CN=other.example', { names: 'DNS:other.example,DNS:*.other.example' });
signed('client', 'ca', '/CN=alice/O=Example');
signed('expired', 'ca', '/CN=late', { days: 0 });
writeFileSync(file('other.both'), Buffer.concat([read('other.pem'), read('other.key')]));
for (const [name, pass] of [['server', 'secret'], ['client', 'clients']])
  openssl('pkcs12', '-export', '-in', `${name}.pem`, '-inkey', `${name}.key`, '-certfile', 'ca.pem',
    '-passout', `pass:${pass}`, '-out', `${name}.pfx`);

const own = { 'tls-cert': file('server.pem'), 'tls-key': file('server.key') };
const asking = { ...own, 'tls-ask': 1, 'tls-ca': file('ca.pem') };
const trusting = { ca: read('ca.pem') };
const alice = { ...trusting, cert: read('client.pem'), key: read('client.key') };
const stranger = { ...trusting, cert: read('stranger.pem'), key: read('stranger.key') };

// ---- a host with both ports -----------------------------------------------------------------------

const freePort = () =>
  new Promise((done) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

// secure: its port with TLS, as another server.
async function start(t, flags = own) {
  const port = await freePort();
  const host = await t.host({ ...flags, 'tls-port': port });
  host.secure = new Server(port);
  host.base = `https://localhost:${port}`;
  return host;
}

const open = (host, options = {}) =>
  io(host.base, { ...trusting, forceNew: true, reconnection: false, ...options });

// One request over TLS: { status, body }.
function get(host, target, options = {}) {
  return new Promise((done, fail) => {
    const r = https.request(new URL(target, host.base), { ...trusting, agent: false, ...options }, (answer) => {
      let body = '';
      answer.on('data', (d) => (body += d));
      answer.on('end', () => done({ status: answer.statusCode, body }));
    });
    r.on('error', fail);
    r.end();
  });
}

const failing = (p) => p.then(() => ok(false, 'it was let in'), (e) => e);

// A TLS stream, and all that came over it.
async function dial(host, options = {}) {
  const s = tls.connect({ port: host.secure.port, host: 'localhost', ...trusting, ...options });
  s.text = '';
  s.on('data', (d) => (s.text += d.toString('latin1')));
  s.on('error', () => {});
  await within(60_000, new Promise((done, fail) => {
    s.once('secureConnect', done);
    s.once('error', fail);
  }), 'TLS');
  return s;
}

// ---- the clients people have ------------------------------------------------------------------------

for (const [name, way] of Object.entries(ways)) {
  test(`107 socket.io-client talks over TLS (${name})`, async (t) => {
    const host = await start(t);
    const client = await connected(open(host, way));
    match(await host.line(/^session/), /^session secure over TLSv1\.3 .* name=localhost /);
    equal(await ask(client, 'echo', 'a', { b: bytes(1, 2, 3) }), ['a', { b: bytes(1, 2, 3) }]);
    if (name === 'default transports' && client.io.engine.transport.name !== 'websocket')
      await event(client.io.engine, 'upgrade');
    equal(client.io.engine.transport.name, name === 'polling only' ? 'polling' : 'websocket');
    equal(await ask(client, 'echo', 1), [1]);
    client.disconnect();
    await host.settled('sessions', 0);
    await host.settled('tls_connections', 0);
  });

  for (const [what, flags, options] of [
    ['a client certificate', asking, alice],
    ['a pfx on both sides',
      { 'tls-pfx': file('server.pfx'), 'tls-pass': 'secret', 'tls-ask': 1, 'tls-ca': file('ca.pem') },
      { ...trusting, pfx: read('client.pfx'), passphrase: 'clients' }],
  ]) {
    test(`107 socket.io-client comes in with ${what} (${name})`, async (t) => {
      const host = await start(t, flags);
      const client = await connected(open(host, { ...way, ...options }));
      match(await host.line(/^session/), / subject=O=Example,CN=alice verified$/);
      if (name === 'default transports' && client.io.engine.transport.name !== 'websocket')
        await event(client.io.engine, 'upgrade');
      equal(await ask(client, 'echo', 1), [1]);
      client.disconnect();
    });

    test(`107 without ${what} socket.io-client stays out (${name})`, async (t) => {
      const host = await start(t, flags);
      await failing(connected(open(host, way)));
      equal(await host.line(/^refused/),
        'refused 8 127.0.0.1: TLS: peer did not return a certificate');
      await failing(connected(open(host, { ...way, ...stranger })));
      match(await host.line(/^refused/), /certificate verify failed: self-signed certificate$/);
      const { tls_certificate, opened } = await host.stats();
      equal([tls_certificate, opened], [2, 0]);
    });
  }
}

for (const [name, make, way] of [
  ['socket.io-client 3.1', ioV3, {}],
  ['socket.io-client 2.5', ioV2, {}],
  ['socket.io-client 2.5, WebSocket', ioV2, { transports: ['websocket'] }],
]) {
  test(`107 ${name} comes in over TLS with a certificate`, async (t) => {
    const host = await start(t, { ...asking, eio3: 1 });
    const client = await connected(make(host.base,
      { ...alice, ...way, forceNew: true, reconnection: false, rejectUnauthorized: true }));
    match(await host.line(/^session/), /^session secure over .* verified$/);
    equal(await ask(client, 'echo', 'x'), ['x']);
    client.disconnect();
  });
}

test('107 a client that does not know the CA goes, and the log says why', async (t) => {
  const host = await start(t);
  await failing(connected(io(host.base, { forceNew: true, reconnection: false })));
  match(await host.line(/^refused/), /the peer disconnected during the TLS handshake$/);
  await client(host, ['-verify_return_error', '-CAfile', file('stranger.pem')], '');
  match(await host.line(/^refused/), /^refused 8 127\.0\.0\.1: TLS: .*alert unknown ca$/);
  equal((await host.stats()).tls_alert, 1);
});

test('107 without rejectUnauthorized everybody comes in, and the host sees who is who', async (t) => {
  const host = await start(t, { ...asking, 'tls-lax': 1 });
  match((await get(host, '/tls')).body, / cert=0 subject= unverified $/);
  match((await get(host, '/tls', stranger)).body,
    / subject=CN=nobody knows me unverified self-signed certificate$/);
  match((await get(host, '/tls', { ...trusting, cert: read('expired.pem'), key: read('expired.key') })).body,
    / subject=CN=late unverified certificate has expired$/);
  match((await get(host, '/tls', alice)).body, / subject=O=Example,CN=alice verified$/);
});

test('107 the host lets in by the certificate, on either transport', async (t) => {
  const host = await start(t, { ...asking, 'tls-lax': 1, 'tls-verified': 1 });
  for (const way of Object.values(ways)) {
    await failing(connected(open(host, way)));
    const client = await connected(open(host, { ...way, ...alice }));
    equal(await ask(client, 'echo', 1), [1]);
    client.disconnect();
  }
});

test('107 an expired client certificate is refused by name', async (t) => {
  const host = await start(t, asking);
  await failing(get(host, '/tls', { ...trusting, cert: read('expired.pem'), key: read('expired.key') }));
  match(await host.line(/^refused/), /certificate verify failed: certificate has expired$/);
});

// ---- a browser ---------------------------------------------------------------------------------------

const spki = crypto.createHash('sha256')
  .update(new crypto.X509Certificate(read('server.pem')).publicKey.export({ type: 'spki', format: 'der' }))
  .digest('base64');

const pages = file('.');
writeFileSync(file('page.html'), `<!doctype html><meta charset="utf-8"><title>TLS</title>
  <link rel="icon" href="data:,"><script src="/socket.io/socket.io.js"></script>`);

test('107 a Chromium page over https talks, upgrades and sends binary', async (t) => {
  const host = await start(t, { ...own, static: pages });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      `--ignore-certificate-errors-spki-list=${spki}`],
  });
  try {
    const page = await browser.newPage();
    await page.goto(`${host.base}/files/page.html`);
    await page.waitForFunction('window.io');
    const said = await page.evaluate(() => new Promise((done, fail) => {
      const socket = io({ forceNew: true });
      socket.on('connect_error', fail);
      const talk = () => socket.emit('echo', new Uint8Array([1, 2, 3]),
        (b) => done([location.protocol, socket.io.engine.transport.name, ...new Uint8Array(b)]));
      // The answer to CONNECT may come by either transport, so before the upgrade or after it.
      socket.on('connect', () => {
        if (socket.io.engine.transport.name === 'websocket') talk();
        else socket.io.engine.once('upgrade', talk);
      });
    }));
    equal(said, ['https:', 'websocket', 1, 2, 3]);
  } finally {
    await browser.close();
  }
}, { ms: 60_000 });

// ---- much, many, slow ---------------------------------------------------------------------------------

test('a thousand TLS sockets hear a broadcast, each once', async (t) => {
  const host = await start(t);
  const agent = new https.Agent({ ...trusting, maxCachedSessions: 0 });
  const clients = [];
  const heard = [];
  for (let i = 0; i < 1000; i += 50) {
    const some = Array.from({ length: 50 }, () =>
      open(host, { transports: ['websocket'], agent }));
    for (const c of some) c.on('news', (n) => heard.push(n));
    clients.push(...await Promise.all(some.map((c) => connected(c, 30_000))));
  }
  equal((await host.stats()).tls_connections, 1000);
  clients[0].emit('broadcast', { self: true }, 'news', 7);
  for (let n = 0; heard.length < 1000 && n < 1000; n++) await sleep(20);
  equal([heard.length, new Set(heard).size], [1000, 1]);
  for (const c of clients) c.disconnect();
  await host.settled('tls_connections', 0);
}, { ms: 120_000 });

test('many small events keep their order over TLS, across the upgrade', async (t) => {
  const host = await start(t);
  const client = open(host);
  const back = [];
  client.on('message-back', (n) => back.push(n));
  await connected(client);
  for (let i = 0; i < 3000; i++) {
    client.emit('echo', i);
    if (i % 100 === 0) await sleep(1);
  }
  for (let n = 0; back.length < 3000 && n < 500; n++) await sleep(20);
  equal(back, Array.from({ length: 3000 }, (_, i) => i));
  client.disconnect();
}, { ms: 60_000 });

for (const [name, way] of Object.entries(ways)) {
  test(`5 MB go both ways over TLS (${name})`, async (t) => {
    const host = await start(t, { ...own, 'max-payload': 8e6 });
    const client = await connected(open(host, way));
    const much = crypto.randomBytes(5_000_000);
    const echoed = new Promise((done) => client.emit('echo', much, done));
    const back = await within(100_000, echoed, 'echo');
    ok(Buffer.compare(back, much) === 0);
    client.disconnect();
  }, { ms: 60_000 });
}

test('permessage-deflate over TLS', async (t) => {
  const host = await start(t, { ...own, deflate: 1 });
  const client = await connected(open(host, { transports: ['websocket'], perMessageDeflate: true }));
  const text = 'again and again '.repeat(5000);
  equal(await ask(client, 'echo', text), [text]);
  ok((await host.stats()).compressed >= 1);
  client.disconnect();
});

// A WebSocket of Socket.IO's by hand, which may stop reading.
async function openSlow(host) {
  const s = await dial(host);
  const lines = Object.entries(upgradeHeaders).map(([k, v]) => `${k}: ${v}\r\n`).join('');
  s.write(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\n${lines}\r\n`);
  await heard(s, /0\{"sid"/);
  s.write(frame(op.text, '40'));
  await heard(s, /40\{"sid"/);
  return s;
}

async function heard(s, pattern) {
  for (let n = 0; n < 500; n++) {
    if (pattern.test(s.text)) return;
    await sleep(10);
  }
  throw new Error(`no ${pattern} in ${JSON.stringify(s.text.slice(0, 300))}`);
}

test('who does not read over TLS is not read from, past max_queued is closed', async (t) => {
  const host = await start(t, { ...own, 'high-water': 65536, 'max-queued': 3_000_000 });
  const slow = await openSlow(host);
  slow.pause();
  const event = (n) => frame(op.text, `42["echo","${'x'.repeat(n)}"]`);
  for (let i = 0; i < 300; i++) slow.write(event(100_000));
  await sleep(1000);
  ok(slow.writableLength > 0, 'the host has stopped reading');
  equal((await host.stats()).overflows, 0);
  const other = await connected(open(host));
  for (let i = 0; i < 60 && (await host.stats()).overflows === 0; i++)
    other.emit('broadcast', { self: true }, 'news', 'y'.repeat(200_000));
  equal((await host.stats()).overflows, 1);
  slow.destroy();
  other.disconnect();
}, { ms: 30_000 });

// ---- certificates that change ------------------------------------------------------------------------------

const commonName = (s) => s.getPeerCertificate().subject.CN;

test('new certificates are for new connections, old ones go on', async (t) => {
  for (const what of ['pem', 'key']) copyFileSync(file(`server.${what}`), file(`live.${what}`));
  const host = await start(t, { 'tls-cert': file('live.pem'), 'tls-key': file('live.key') });
  const client = await connected(open(host));
  const before = await dial(host);
  equal(commonName(before), 'localhost');
  copyFileSync(file('next.pem'), file('live.pem'));
  const refused = await host.post('/reload', '');
  equal([refused.status, refused.body],
    [500, `key_file ${file('live.key')}: not the key of the certificate`]);
  const still = await dial(host);
  equal(commonName(still), 'localhost');
  copyFileSync(file('next.key'), file('live.key'));
  equal((await host.post('/reload', '')).body, 'reloaded');
  const after = await dial(host);
  equal(commonName(after), 'the next one');
  equal(await ask(client, 'echo', 1), [1]);
  writeFileSync(file('live.pem'), 'nothing');
  match((await host.post('/reload', '')).body, /^cert_file .*live\.pem: no start line$/);
  for (const s of [before, still, after]) s.destroy();
  client.disconnect();
});

test('who asks for a name gets the certificate for it', async (t) => {
  const host = await start(t, { ...own, 'tls-more': file('other.both') });
  for (const [name, want] of [
    ['localhost', 'localhost'], ['other.example', 'other.example'],
    ['a.other.example', 'other.example'], ['nobody.example', 'localhost'],
  ]) {
    const s = await dial(host, { servername: name, checkServerIdentity: () => undefined });
    equal(commonName(s), want, name);
    s.destroy();
  }
});

// ---- other TLS programs --------------------------------------------------------------------------------------

// openssl s_client: all that it printed, once it has ended.
function client(host, args, input, wait) {
  return new Promise((done) => {
    const child = spawn(OPENSSL, ['s_client', '-connect', `127.0.0.1:${host.secure.port}`,
      '-CAfile', file('ca.pem'), ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    child.stdout.on('data', (d) => (out += d));
    child.stderr.on('data', (d) => (out += d));
    child.stdin.on('error', () => {});
    if (wait) setTimeout(() => child.stdin.end(), wait);
    child.stdin.write(input);
    child.on('close', () => done(out));
  });
}

const request = 'GET /tls HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

for (const [version, want] of [['-tls1_2', 'TLSv1.2'], ['-tls1_3', 'TLSv1.3']]) {
  test(`openssl s_client ${version} is answered, and told the end`, async (t) => {
    const host = await start(t);
    const out = await client(host, [version, '-quiet', '-alpn', 'h2,http/1.1', '-servername', 'localhost',
      '-verify_return_error'], request);
    match(out, new RegExp(`${want} \\S+ alpn=http/1\\.1 name=localhost new`));
    ok(!/unexpected eof/.test(out), out);
  });

  test(`a session is resumed by its ticket (${want})`, async (t) => {
    const host = await start(t, asking);
    const args = [version, '-cert', file('client.pem'), '-key', file('client.key')];
    const session = file(`${want}.session`);
    match(await client(host, [...args, '-sess_out', session, '-ign_eof'], request), / new cert=/);
    match(await client(host, [...args, '-sess_in', session, '-ign_eof'], request),
      / resumed cert=\d+ subject=O=Example,CN=alice verified/);
    equal((await host.stats()).tls_resumed, 1);
  });
}

test('TLS 1.1 is refused, TLS 1.2 where 1.3 is asked for', async (t) => {
  const host = await start(t);
  match(await client(host, ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], ''), /alert protocol version/);
  equal((await host.stats()).tls_version, 1);
  const strict = await start(t, { ...own, 'tls-min13': 1 });
  match(await client(strict, ['-tls1_2'], ''), /alert protocol version/);
  match(await client(strict, ['-tls1_3', '-ign_eof'], request), /TLSv1\.3 TLS_/);
});

test('who speaks everything but http/1.1 is told so', async (t) => {
  const host = await start(t);
  match(await client(host, ['-alpn', 'h2,spdy/3'], ''), /alert no application protocol/);
  equal((await host.stats()).tls_alpn, 1);
});

test('a renegotiation is refused', async (t) => {
  const host = await start(t);
  match(await client(host, ['-tls1_2'], 'R\n', 3000), /no renegotiation/);
  equal((await get(host, '/tls')).status, 200);
});

test('early data is not taken', async (t) => {
  const host = await start(t);
  const session = file('early.session');
  await client(host, ['-tls1_3', '-sess_out', session, '-ign_eof'], request);
  writeFileSync(file('early'), request);
  const out = await client(host, ['-tls1_3', '-sess_in', session, '-early_data', file('early')], '', 1000);
  ok(!/Early data was accepted/.test(out), out);
});

// ---- the example ----------------------------------------------------------------------------------------------

test('the example serves its page, and reads its certificates again', async () => {
  const port = await freePort();
  for (const what of ['pem', 'key']) copyFileSync(file(`server.${what}`), file(`example.${what}`));
  const child = spawn(path.join(build, 'examples/secure'), {
    env: { ...process.env, PORT: `${port}`, HOST: '127.0.0.1', CA: file('ca.pem'),
      CERT: file('example.pem'), KEY: file('example.key') },
  });
  const ended = new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal)));
  const said = { text: '' };
  for (const out of [child.stdout, child.stderr]) out.on('data', (d) => (said.text += d));
  try {
    await heard(said, /https:/);
    const host = { base: `https://localhost:${port}`, secure: { port } };
    match((await get(host, '/')).body, /<title>Over TLS/);
    const client = open(host, alice);
    match(String(await event(client, 'tls')), /^TLSv1\.3,\S+,O=Example,CN=alice$/);
    client.emit('say', 'hello');
    equal(await event(client, 'said'), ['hello']);
    for (const what of ['pem', 'key']) copyFileSync(file(`next.${what}`), file(`example.${what}`));
    child.kill('SIGHUP');
    await heard(said, /^reloaded/m);
    const s = await dial(host);
    equal(commonName(s), 'the next one');
    s.destroy();
    client.disconnect();
  } finally {
    child.kill('SIGTERM');
  }
  equal(await within(60_000, ended, 'end'), 0, said.text);
});

// ---- peers that get it wrong --------------------------------------------------------------------------------

test('plain HTTP on the TLS port gets a 400 that says so', async (t) => {
  const host = await start(t);
  const r = await host.secure.get('/tls');
  equal([r.status, r.body], [400, 'This port speaks HTTPS.\n']);
  equal(await host.line(/^refused/), 'refused 8 127.0.0.1: plain HTTP on a TLS port');
  equal((await host.stats()).tls_plain, 1);
});

test('a TLS hello on the plain port is refused and counted', async (t) => {
  const host = await start(t);
  const s = tls.connect({ port: host.port, host: '127.0.0.1', ...trusting });
  await new Promise((done) => s.once('error', done));
  equal((await host.stats()).tls_port, 1);
  match(host.err, /refused with status 400: a TLS handshake arrived in place of an HTTP request/);
});

test('garbage on the TLS port is closed at its first byte', async (t) => {
  const host = await start(t);
  const w = host.secure.wire();
  w.write(Buffer.from([0, 1, 2, 3]));
  equal((await w.rest()).length, 0);
  equal((await host.stats()).tls_protocol, 1);
});

test('a handshake that does not get done is ended by the clock', async (t) => {
  const host = await start(t, { ...own, 'tls-timeout': 200 });
  const silent = host.secure.wire();
  const begun = host.secure.wire();
  begun.write(Buffer.from([22, 3, 1]));
  await Promise.all([silent.rest(), begun.rest()]);
  equal((await host.stats()).tls_timeout, 2);
});

test('who leaves in the middle of the handshake is counted, who never began is not', async (t) => {
  const host = await start(t);
  const silent = host.secure.wire();
  await sleep(50);
  silent.close();
  const begun = host.secure.wire();
  begun.write(Buffer.from([22, 3, 1]));
  await host.settled('tls_connections', 1); // closed before it is connected, it would send nothing
  await sleep(50);
  begun.close();
  match(await host.line(/^refused/), /the peer disconnected during the TLS handshake$/);
  await host.settled('tls_connections', 0);
  equal((await host.stats()).tls_closed, 1);
});

// The end of the test is the end of the server.
test('a server that closes does not wait for handshakes', async (t) => {
  const host = await start(t, { ...own, 'tls-timeout': 3600_000, 'close-timeout': 3600_000 });
  host.secure.wire();
  host.begun = host.secure.wire();
  host.begun.write(Buffer.from([22, 3, 1]));
  for (let n = 0; (await host.stats()).tls_connections < 2 && n < 100; n++) await sleep(20);
});

test('a PROXY header comes before TLS, whole or in pieces', async (t) => {
  const host = await start(t, { ...own, proxies: '127.0.0.1', 'proxy-protocol': 1 });
  for (const wait of [0, 20]) {
    const raw = net.connect({ port: host.secure.port, host: '127.0.0.1' });
    raw.write('PROXY TCP4 192.0.2.7 192.0.2.1 1234 443\r\n');
    if (wait) await sleep(wait);
    const s = tls.connect({ socket: raw, servername: 'localhost', ...trusting });
    s.text = '';
    s.on('data', (d) => (s.text += d));
    s.write('GET /who HTTP/1.1\r\nHost: a\r\n\r\n');
    await heard(s, /192\.0\.2\.7 by 127\.0\.0\.1 secure/);
    s.destroy();
  }
});

await run();
