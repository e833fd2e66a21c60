// SPDX-License-Identifier: MIT
const $ = (id) => document.getElementById(id);
const buttons = [...document.querySelectorAll('button')];
const rooms = buttons.filter((button) => button.dataset.room);
const socket = io();
let room = 'kitchen';

function enter(name) {
  room = name;
  socket.emit('enter', room, () => {
    $('state').textContent = `Connected as ${socket.id.slice(0, 4)}, in the ${room}.`;
    for (const button of rooms) {
      button.setAttribute('aria-pressed', button.dataset.room === room);
      button.classList.toggle('quiet', button.dataset.room !== room);
    }
  });
}

socket.on('connect', () => {
  for (const button of buttons) button.disabled = false;
  enter(room);
});

socket.on('disconnect', (reason) => {
  for (const button of buttons) button.disabled = true;
  $('state').textContent = `Not connected: ${reason}.`;
});

socket.on('wave', (id) => {
  const line = document.createElement('li');
  line.textContent = `${id.slice(0, 4)} waves`;
  $('log').prepend(line);
  while ($('log').children.length > 5) $('log').lastChild.remove();
});

for (const button of rooms) button.addEventListener('click', () => enter(button.dataset.room));
$('wave').addEventListener('click', () => socket.emit('wave'));
