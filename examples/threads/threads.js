// SPDX-License-Identifier: MIT
const $ = (id) => document.getElementById(id);
const socket = io();
let mine = -1;

const tile = (thread) => $('grid').children[thread];

socket.on('you', (thread, threads) => {
  mine = thread;
  $('threads').textContent = threads;
  $('state').textContent = `Thread ${thread} serves this page.`;
  $('pulse').disabled = false;
  $('grid').replaceChildren(...Array.from({ length: threads }, (_, i) => {
    const box = document.createElement('article');
    box.className = i === mine ? 'thread mine' : 'thread';
    box.innerHTML = `<h2>Thread ${i}</h2><p>0</p><small>pages</small>`;
    return box;
  }));
});

socket.on('count', (thread, pages) => {
  if (tile(thread)) tile(thread).querySelector('p').textContent = pages;
});

socket.on('pulse', (thread, id) => {
  const box = tile(thread);
  if (!box) return;
  box.classList.remove('pulse');
  void box.offsetWidth; // begins the animation anew
  box.classList.add('pulse');
  const line = document.createElement('li');
  line.textContent = `${new Date().toLocaleTimeString()} a pulse of ${id.slice(0, 8)} on thread ${thread}`;
  $('log').prepend(line);
  while ($('log').children.length > 5) $('log').lastChild.remove();
});

socket.on('disconnect', () => {
  $('state').textContent = 'The connection is lost. Trying again…';
  $('pulse').disabled = true;
});

$('pulse').addEventListener('click', () => socket.emit('pulse'));
