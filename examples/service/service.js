// SPDX-License-Identifier: MIT
const $ = (id) => document.getElementById(id);
const seen = new Set();
const socket = io();

socket.on('connect', () => ($('state').textContent = 'Connected.'));
// A server that ends its sessions wants its clients back: "io server disconnect" stops the client's own attempts.
socket.on('disconnect', (reason) => {
  $('state').textContent = `Disconnected (${reason}), waiting for the next process …`;
  if (reason === 'io server disconnect') socket.connect();
});
socket.on('status', ({ pid, pages }) => {
  seen.add(pid);
  $('pid').textContent = pid;
  $('pages').textContent = pages;
  $('seen').textContent = seen.size;
});
