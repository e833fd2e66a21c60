// SPDX-License-Identifier: MIT
//
// The reference server under the same load as ../server.c.
//
//     node node.js <port> [uws]      on ws, or on uWebSockets.js
const { Server } = require("socket.io");

const port = Number(process.argv[2] || 3000);
const io = new Server();

io.on("connection", (socket) => {
  socket.on("echo", (...args) => args.pop()(...args));
  socket.on("bin", (data, ack) => ack(data));
  socket.on("bcast", (...args) => io.emit("bcast", ...args));
});

const listening = () => console.log(`listening ${port}`);

if (process.argv[3] === "uws") {
  const app = require("@trufflesuite/uws-js-unofficial").App();
  io.attachApp(app);
  app.listen("127.0.0.1", port, (token) => (token ? listening() : process.exit(1)));
} else {
  const server = require("http").createServer();
  io.attach(server);
  server.listen(port, "127.0.0.1", 4096, listening);
}
