// SPDX-License-Identifier: MIT
const $ = (id) => document.getElementById(id);
const socket = io();

socket.on('connect', () => ($('state').textContent = 'Connected: every byte is encrypted.'));
socket.on('disconnect', () => ($('state').textContent = 'The connection is lost. Trying again…'));
socket.on('tls', (version, cipher, who) => {
  $('version').textContent = version;
  $('cipher').textContent = cipher;
  $('who').textContent = who || 'none';
});
socket.on('said', (text) => {
  $('said').prepend(Object.assign(document.createElement('li'), { textContent: text }));
  while ($('said').children.length > 20) $('said').lastChild.remove();
});
$('talk').addEventListener('submit', (e) => {
  e.preventDefault();
  if ($('text').value) socket.emit('say', $('text').value);
  $('text').value = '';
});
