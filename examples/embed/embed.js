// SPDX-License-Identifier: MIT
//
// The page of embed.c. Readings carry the server's clock, so the line is true even when they
// arrive in bursts; their numbers tell how many this page has missed.
"use strict";

const $ = (id) => document.getElementById(id);
const WINDOW_MS = 20000;
const LOW = 15, HIGH = 27; // of the plot

const socket = io();
let readings = []; // { ms, value }, oldest first
let lastNumber = 0, arrived = 0, missed = 0;
let ahead = 0; // the server's clock less ours, at the latest reading

socket.on("connect", () => {
  readings = [];
  lastNumber = 0;
  $("rate").disabled = false;
  state("live", true);
});
socket.on("disconnect", () => {
  $("rate").disabled = true;
  state("connection lost, trying again", false);
});

function state(text, live) {
  $("state").textContent = text;
  $("state").className = live ? "live" : "";
}

socket.on("reading", (number, ms, value) => {
  if (lastNumber) missed += number - lastNumber - 1;
  lastNumber = number;
  arrived++;
  ahead = ms - performance.now();
  readings.push({ ms, value });
  while (readings[0].ms < ms - WINDOW_MS - 1000) readings.shift();
  $("value").textContent = value.toFixed(1);
});

socket.on("stats", ({ pages, bytes }) => {
  $("arrived").textContent = arrived.toLocaleString("en");
  $("missed").textContent = missed.toLocaleString("en");
  $("pages").textContent = pages;
  $("bytes").textContent = `${Math.round(bytes / 1000).toLocaleString("en")} KB`;
});

// ---- the rate: asked for, then acknowledged ---------------------------------------------------

socket.on("rate", showRate); // another page changed it, or we have just come

function showRate(hz) {
  $("rate").value = hz;
  $("wanted").textContent = hz;
}

$("rate").oninput = () => ($("wanted").textContent = $("rate").value);

$("rate").onchange = () => {
  said("Asking the server…");
  const asked = performance.now();
  socket.timeout(3000).emit("rate", $("rate").valueAsNumber, (failed, hz) => {
    if (failed) return said("The server did not answer.", "bad");
    showRate(hz);
    const ms = Math.ceil(performance.now() - asked);
    said(`The server confirms ${hz} per second, after ${ms} ms.`, "good");
  });
};

function said(text, how = "") {
  $("ack").textContent = text;
  $("ack").className = how;
}

// ---- the plot ---------------------------------------------------------------------------------

const canvas = $("plot");
const pen = canvas.getContext("2d");
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

function fit() {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round(canvas.clientHeight * scale);
  pen.setTransform(scale, 0, 0, scale, 0, 0);
}
new ResizeObserver(fit).observe(canvas);

function draw() {
  const w = canvas.clientWidth - 34, h = canvas.clientHeight - 22;
  const now = performance.now() + ahead;
  const x = (ms) => w - ((now - ms) / WINDOW_MS) * w;
  const y = (value) => h - ((value - LOW) / (HIGH - LOW)) * h;
  pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  drawGrid(w, h, y);
  if (readings.length > 1) drawLine(w, h, x, y);
  requestAnimationFrame(draw);
}

function drawGrid(w, h, y) {
  pen.lineWidth = 1;
  pen.strokeStyle = color("--grid");
  pen.fillStyle = color("--dim");
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  for (let value = LOW + 1; value < HIGH; value += 2) {
    const at = Math.round(y(value)) + 0.5;
    pen.beginPath();
    pen.moveTo(0, at);
    pen.lineTo(w, at);
    pen.stroke();
    pen.fillText(value, w + 10, at);
  }
  for (let s = 15; s > 0; s -= 5) {
    pen.textAlign = "center";
    pen.fillText(`−${s} s`, w - (s * 1000 / WINDOW_MS) * w, h + 14);
  }
}

function drawLine(w, h, x, y) {
  pen.save();
  pen.beginPath();
  pen.rect(0, 0, w, h);
  pen.clip();
  pen.beginPath();
  for (const r of readings) pen.lineTo(x(r.ms), y(r.value));
  pen.strokeStyle = color("--accent");
  pen.lineWidth = 2;
  pen.lineJoin = "round";
  pen.stroke();
  const last = readings[readings.length - 1];
  pen.lineTo(x(last.ms), h);
  pen.lineTo(x(readings[0].ms), h);
  pen.fillStyle = color("--fill");
  pen.fill();
  pen.restore();
  pen.beginPath();
  pen.arc(x(last.ms), y(last.value), 4, 0, 7);
  pen.fillStyle = color("--accent");
  pen.fill();
}

draw();
