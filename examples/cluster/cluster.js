// SPDX-License-Identifier: MIT
const socket = io();
const $ = (id) => document.getElementById(id);

function add(name, text) {
  const line = document.createElement('li');
  const from = Object.assign(document.createElement('strong'), { textContent: name });
  line.append(from, text);
  $('log').append(line);
}

const look = () => socket.emit('who', (error, pages) => {
  const on = {};
  for (const { server } of pages ?? []) on[server] = (on[server] ?? 0) + 1;
  $('who').textContent = Object.entries(on).map(([name, n]) => `${n} on ${name}`).join(', ');
});

socket.on('hello', (name) => {
  $('server').textContent = name;
  look();
});
socket.on('said', (name, text) => {
  add(name, text);
  look();
});
socket.on('disconnect', () => ($('server').textContent = 'no server'));

document.querySelector('form').addEventListener('submit', (e) => {
  e.preventDefault();
  if ($('text').value) socket.emit('say', $('text').value);
  $('text').value = '';
});
