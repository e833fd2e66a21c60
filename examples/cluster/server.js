// SPDX-License-Identifier: MIT
//
// server.js - what cluster.c does, in Node.js: another server of the same cluster.
//
//   npm install socket.io @socket.io/redis-adapter redis
//   REDIS=redis://localhost:6379 PORT=3002 NAME=node node server.js
const { createAdapter } = require('@socket.io/redis-adapter');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { createClient } = require('redis');
const { Server } = require('socket.io');

const { HOST, NAME = 'Node.js', PORT = 3000, REDIS } = process.env;
const files = { // of the page
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/cluster.js': ['cluster.js', 'text/javascript'],
  '/colors.css': ['../style/colors.css', 'text/css'],
  '/style.css': ['../style/style.css', 'text/css'],
};
const server = http.createServer((request, response) => {
  const [file, type] = files[request.url] ?? [];
  if (!file) return response.writeHead(404).end();
  return response.setHeader('Content-Type', type).end(fs.readFileSync(path.join(__dirname, file)));
});

async function start() {
  const pub = createClient({ url: REDIS }), sub = pub.duplicate();
  await Promise.all([pub.connect(), sub.connect()]);
  const io = new Server(server, { adapter: createAdapter(pub, sub) });
  io.on('connection', (socket) => {
    socket.data.server = NAME;
    socket.emit('hello', NAME);
    socket.on('say', (text) => io.emit('said', NAME, text));
    socket.on('who', async (answer) => {
      const all = await io.fetchSockets();
      answer('success', all.map(({ data }) => data));
    });
  });
  server.listen(PORT, HOST);
}

start();
