// SPDX-License-Identifier: MIT
//
// client.mjs - talks to the program of README.md on port 3000, over both transports: each message is acknowledged
// and reaches everybody. tools/roots runs it.
import { createRequire } from "node:module";

const require = createRequire(new URL("../e2e/", import.meta.url));
const { io } = require("socket.io-client");
const url = "http://127.0.0.1:3000";

setTimeout(() => {
  console.error("client: no answer within 20 seconds");
  process.exit(1);
}, 20000);

const sockets = ["polling", "websocket"].map((transport) =>
  io(url, { transports: [transport], reconnectionDelay: 100, reconnectionDelayMax: 100 }));
await Promise.all(sockets.map((socket) => new Promise((done) => socket.once("connect", done))));
for (const socket of sockets) {
  const transport = socket.io.engine.transport.name;
  const heard = sockets.map((other) => new Promise((done) => other.once("message", done)));
  const answer = await new Promise((done) => socket.emit("message", `hello over ${transport}`, done));
  for (const text of await Promise.all(heard)) {
    if (answer !== "sent" || text !== `hello over ${transport}`) throw new Error(`${transport}: ${answer}, ${text}`);
  }
}
sockets.forEach((socket) => socket.close());

const served = await fetch(`${url}/socket.io/socket.io.js`);
const script = await served.text();
const version = /Socket\.IO v([0-9.]+)/.exec(script);
if (served.status !== 200 || !version) throw new Error(`socket.io.js: status ${served.status}`);
console.log(`both transports talk; socket.io.js is version ${version[1]}, ${script.length} bytes`);
process.exit(0);
