// SPDX-License-Identifier: MIT
//
// proxy.mjs - behind nginx, HAProxy, Caddy and Apache: who the client is, by X-Forwarded-For and by the PROXY
// protocol, with the JavaScript client through them; and what is not believed.
//
// The proxies connect from 127.0.0.9, which is trusted; clients from other addresses, which are not. NGINX,
// HAPROXY, CADDY and APACHE name other programs; without them the tests fail.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { io } from 'socket.io-client';
import {
  Server, ask, connected, equal, freePort, match, ok, openWebSocket, run, sleep, test, ways,
} from './lib.mjs';

const NGINX = process.env.NGINX ?? '/usr/sbin/nginx';
const HAPROXY = process.env.HAPROXY ?? '/usr/sbin/haproxy';
const CADDY = process.env.CADDY ?? '/usr/bin/caddy';
const APACHE = process.env.APACHE ?? '/usr/sbin/apache2';
const TRUSTED = '127.0.0.9';
const from = (n) => `127.0.0.${n}`;

const files = mkdtempSync(path.join(tmpdir(), 'sio-proxy-'));
process.on('exit', () => rmSync(files, { recursive: true }));

// ---- the programs -------------------------------------------------------------------------------

async function listens(port) {
  for (;;) {
    const up = await new Promise((done) => {
      const s = net.connect({ port, host: '127.0.0.1' });
      s.on('error', () => done(false));
      s.on('connect', () => {
        s.destroy();
        done(true);
      });
    });
    if (up) return;
    await sleep(20);
  }
}

// A proxy on a port of its own, as a Server.
async function start(t, program, args, config) {
  const port = await freePort();
  const name = path.join(files, `${port}.conf`);
  writeFileSync(name, config(port));
  const child = spawn(program, args(name), { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (d) => (said += d));
  const ended = new Promise((_, fail) => {
    child.on('error', fail);
    child.on('exit', (code) => fail(new Error(`${program} ended with ${code}: ${said}`)));
  });
  ended.catch(() => {});
  await Promise.race([listens(port), ended]);
  const server = new Server(port);
  t.proxies = [...(t.proxies ?? []), { child, server }];
  return server;
}

const nginx = (t, upstream) =>
  start(t, NGINX, (conf) => ['-e', 'stderr', '-c', conf], (port) => `
    daemon off; master_process off; pid ${files}/${port}.pid; error_log stderr;
    events {}
    http {
      access_log off;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((what) => `${what}_temp_path ${files}/${port}-${what};`).join('\n      ')}
      map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass ${upstream};
          ${upstream.includes('unix') ? '' : `proxy_bind ${TRUSTED};`}
          proxy_http_version 1.1;
          proxy_set_header Host $host;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header X-Forwarded-Proto $scheme;
        }
      }
    }`);

const haproxy = (t, server, lines = 'mode tcp') =>
  start(t, HAPROXY, (conf) => ['-db', '-f', conf], (port) => `
listen all
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  bind 127.0.0.1:${port}
  ${lines}
  server s ${server}
`);

const toHost = (host, how) => `127.0.0.1:${host.port} source ${TRUSTED} ${how}`;

async function finish(t) {
  for (const client of t.clients ?? []) client.disconnect();
  for (const { child, server } of t.proxies ?? []) {
    server.hangUp();
    child.kill('SIGKILL');
  }
}

const proxied = (name, body, options) =>
  test(name, (t) => body(t).finally(() => finish(t)), options);

function client(t, proxy, options, address) {
  const agent = new Agent({ localAddress: address });
  const c = io(`http://127.0.0.1:${proxy.port}`, { forceNew: true, reconnection: false, agent, ...options });
  t.clients = [...(t.clients ?? []), c];
  return connected(c);
}

// Talks through the proxy over each way; `by` is whom the host must see.
async function talkThrough(t, host, proxy, by) {
  for (const [n, transports] of Object.values(ways).entries()) {
    const address = from(20 + n);
    const c = await client(t, proxy, transports, address);
    equal(await host.line(/^from /), `from ${address} by ${by}`);
    const big = 'x'.repeat(100_000);
    equal(await ask(c, 'echo', n, big), [n, big]);
    equal(await ask(c, 'echo', Buffer.from([1, 2, n])), [Buffer.from([1, 2, n])]);
    c.disconnect();
  }
}

const who = async (server, headers, options = {}) =>
  (await server.request('GET', '/who', { headers, ...options })).body;

// ---- by the headers of each request --------------------------------------------------------------------

proxied('nginx says who the client is with each request', async (t) => {
  const host = await t.host({ proxies: TRUSTED });
  const proxy = await nginx(t, `http://127.0.0.1:${host.port}`);
  await talkThrough(t, host, proxy, TRUSTED);
  // What a client says of itself stands before what nginx adds.
  equal(await who(proxy, { 'X-Forwarded-For': '6.6.6.6' }, { localAddress: from(2) }),
    `${from(2)} by ${TRUSTED}`);
  equal(await who(proxy, { Forwarded: 'for=6.6.6.6' }), `127.0.0.1 by ${TRUSTED}`);
  // So does the host, where nobody is in between.
  equal(await who(host, { 'X-Forwarded-For': '6.6.6.6' }), '127.0.0.1 by 127.0.0.1');
});

proxied('nginx through a Unix socket', async (t) => {
  const name = path.join(files, 'nginx.sock');
  const host = await t.host({ proxies: 'unix', unix: name });
  const proxy = await nginx(t, `http://unix:${name}`);
  await talkThrough(t, host, proxy, '');
});

proxied('two proxies, one behind the other', async (t) => {
  const host = await t.host({ proxies: `${TRUSTED},127.0.0.1` });
  const inner = await nginx(t, `http://127.0.0.1:${host.port}`);
  const outer = await haproxy(t, `127.0.0.1:${inner.port} source 127.0.0.1`,
    'mode http\n  option forwardfor\n  http-request set-header X-Forwarded-Proto https');
  const c = await client(t, outer, ways['websocket only'], from(5));
  match(await host.line(/^from /), new RegExp(`^from ${from(5)} by ${TRUSTED}`));
  equal(await ask(c, 'echo', 1), [1]);
  equal(await who(outer, { 'X-Forwarded-For': '6.6.6.6, 127.0.0.1' }, { localAddress: from(6) }),
    `${from(6)} by ${TRUSTED}`);
});

proxied('HAProxy says it came over TLS', async (t) => {
  const host = await t.host({ proxies: TRUSTED });
  const proxy = await haproxy(t, toHost(host, ''),
    'mode http\n  option forwardfor\n  http-request set-header X-Forwarded-Proto https');
  equal(await who(proxy, {}, { localAddress: from(2) }), `${from(2)} by ${TRUSTED} secure`);
  equal(await who(host, { 'X-Forwarded-Proto': 'https' }), '127.0.0.1 by 127.0.0.1');
});

proxied('HAProxy writes Forwarded', async (t) => {
  const host = await t.host({ proxies: TRUSTED, forwarded: 'rfc7239' });
  const proxy = await haproxy(t, toHost(host, ''),
    'mode http\n  http-request add-header Forwarded "for=\\"%[src]\\";proto=https"');
  equal(await who(proxy, { Forwarded: 'for="6.6.6.6', 'X-Forwarded-For': '7.7.7.7' },
    { localAddress: from(2) }), `${from(2)} by ${TRUSTED} secure`);
});

proxied('behind one proxy each client has its own sessions', async (t) => {
  const host = await t.host({ proxies: TRUSTED, 'max-per-address': 2 });
  const proxy = await nginx(t, `http://127.0.0.1:${host.port}`);
  const open = (n) => proxy.request('GET', 'EIO=4&transport=polling', { localAddress: from(n) });
  equal((await open(2)).status, 200);
  equal((await open(2)).status, 200);
  const r = await open(2);
  equal([r.status, r.headers['retry-after']], [429, '30']);
  match(await host.line(/^refused/), /^refused 5 127\.0\.0\.2: /);
  equal((await open(3)).status, 200);
  const c = await client(t, proxy, ways['default transports'], from(4));
  equal(await ask(c, 'echo', 1), [1]);
});

// ---- by the PROXY protocol ----------------------------------------------------------------------------

for (const version of ['send-proxy', 'send-proxy-v2']) {
  proxied(`HAProxy says who the client is before the first byte (${version})`, async (t) => {
    const host = await t.host({ proxies: TRUSTED, 'proxy-protocol': 'yes' });
    const proxy = await haproxy(t, toHost(host, version));
    await talkThrough(t, host, proxy, TRUSTED);
    equal(await who(proxy, { 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Proto': 'https' },
      { localAddress: from(2) }), `${from(2)} by ${TRUSTED}`);
    // Who is no proxy connects as ever.
    equal(await who(host, {}), '127.0.0.1 by 127.0.0.1');
  });

  proxied(`and through a Unix socket (${version})`, async (t) => {
    const name = path.join(files, `${version}.sock`);
    const host = await t.host({ proxies: 'unix', unix: name, 'proxy-protocol': 'yes' });
    await talkThrough(t, host, await haproxy(t, `unix@${name} ${version}`), '');
  });

  proxied(`its connections count for their clients (${version})`, async (t) => {
    const host = await t.host({ proxies: TRUSTED, 'proxy-protocol': 'yes', 'max-per-address': 2 });
    const proxy = await haproxy(t, toHost(host, version));
    const two = [await openWebSocket(proxy, { localAddress: from(2) }),
      await openWebSocket(proxy, { localAddress: from(2) })];
    const third = proxy.wire({ localAddress: from(2) });
    third.write('GET /who HTTP/1.1\r\nHost: a\r\n\r\n');
    equal((await third.rest()).length, 0);
    match(await host.line(/^refused/), /^refused 3 127\.0\.0\.2: /);
    equal(await who(proxy, {}, { localAddress: from(3) }), `${from(3)} by ${TRUSTED}`);
    ok(two.every((w) => !w.failure));
  });
}

proxied('health checks of HAProxy are answered and are nobody (LOCAL)', async (t) => {
  const host = await t.host({ proxies: TRUSTED, 'proxy-protocol': 'yes', 'max-per-address': 1 });
  const proxy = await haproxy(t, toHost(host,
    'send-proxy-v2 check check-send-proxy inter 300ms fall 1 rise 1'),
  'mode http\n  timeout check 60s\n  option httpchk GET /who\n  http-check expect string "by 127.0.0.9"');
  for (let n = 0; n < 5; n++) {
    equal(await who(proxy, {}, { localAddress: from(2 + n) }), `${from(2 + n)} by ${TRUSTED}`);
    await sleep(350);
  }
  equal(await host.told(/^refused/), 0);
});

proxied('a proxy that sends no PROXY header is turned away', async (t) => {
  const host = await t.host({ proxies: TRUSTED, 'proxy-protocol': 'yes' });
  const wire = host.wire({ localAddress: TRUSTED });
  wire.write('GET /who HTTP/1.1\r\nHost: a\r\n\r\n');
  equal((await wire.rest()).length, 0);
  match(await host.line(/^refused/), /^refused 6 127\.0\.0\.9: no PROXY header/);
});

proxied('and a PROXY header of anybody else is no request', async (t) => {
  const host = await t.host({ proxies: TRUSTED, 'proxy-protocol': 'yes' });
  const wire = host.wire({ localAddress: from(2) });
  wire.write('PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\nGET /who HTTP/1.1\r\nHost: a\r\n\r\n');
  match((await wire.rest()).toString(), /^HTTP\/1.1 400 /);
});

// ---- the configurations that docs/deployment.md prints --------------------------------------------------

const page = readFileSync(new URL('../../docs/deployment.md', import.meta.url), 'utf8');

// The block of a language, with the ports of this test.
function printed(language, port, host) {
  const block = page.match(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms'))[1];
  return block.replaceAll('127.0.0.1:3000', `127.0.0.1:${host.port}`)
    .replace(/(listen |:)80(?=\D)/, `$1${port}`);
}

const scratch = (names) => names.map((name) => `${name}_temp_path ${files}/printed-${name};`).join('\n');
const modules = ['mpm_event', 'proxy', 'proxy_http', 'proxy_wstunnel', 'rewrite', 'headers', 'authz_core'];

const deployed = {
  nginx: (t, host) => start(t, NGINX, (conf) => ['-e', 'stderr', '-c', conf], (port) => `
    daemon off; master_process off; pid ${files}/printed.pid; error_log stderr;
    events {}
    http {
      access_log off;
      ${scratch(['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'])}
      ${printed('nginx', port, host)}
    }`),
  haproxy: (t, host) => start(t, HAPROXY, (conf) => ['-db', '-f', conf],
    (port) => printed('haproxy', port, host)),
  caddy: (t, host) => start(t, CADDY, (conf) => ['run', '--adapter', 'caddyfile', '--config', conf],
    (port) => `{\n  admin off\n}\n${printed('caddy', port, host)}`),
  apache: (t, host) => start(t, APACHE, (conf) => ['-X', '-f', conf], (port) => `
    ServerRoot ${files}
    ServerName localhost
    PidFile ${files}/apache.pid
    DefaultRuntimeDir ${files}
    ErrorLog ${files}/apache.log
    Listen 127.0.0.1:${port}
    ${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n    ')}
    ${printed('apache', port, host)}`),
};

for (const [name, proxy] of Object.entries(deployed)) {
  proxied(`${name} as docs/deployment.md prints it`, async (t) => {
    const host = await t.host({ proxies: '127.0.0.1' });
    const front = await proxy(t, host);
    await talkThrough(t, host, front, '127.0.0.1');
    equal(await who(front, { 'X-Forwarded-For': '6.6.6.6' }, { localAddress: from(7) }),
      `${from(7)} by 127.0.0.1`);
  });
}

await run();
