/* SPDX-License-Identifier: MIT
 *
 * draw.h - every decision of a life comes from here, so that a life can be repeated and shrunk.
 *
 * Each call of draw() takes one number, the choice, and notes it in the log. With a seed the
 * choices come from a generator; with a script they come from the script, and are 0 past its end.
 * So 0 must always be the plainest choice: nothing happens, nobody comes, no fault. A life that is
 * run again with its own log as the script is the same life to the byte; one run with a shorter or
 * smaller script is a simpler life, which is how shrink.c works.
 */
#ifndef SIO_SIM_DRAW_H
#define SIO_SIM_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DRAW_MAX = 1 << 20, DRAW_SPANS = 1 << 16 };

/* The choices of one life. It lies in memory that is shared between the process that lives and the
 * one that watches it, so that it survives a crash. */
struct draw_log {
  uint64_t seed;
  size_t n;     /* choices made                                        */
  size_t spans; /* places where a step begins: good places to cut      */
  uint32_t choice[DRAW_MAX];
  uint32_t span[DRAW_SPANS];
};

void draw_from_seed(struct draw_log *log, uint64_t seed);
void draw_from_script(struct draw_log *log, const uint32_t *script, size_t n);

/* 0 to n - 1; n may be 0 or 1: then 0, and no choice is made. */
uint32_t draw(uint32_t n);
/* lo to hi. */
uint32_t draw_between(uint32_t lo, uint32_t hi);
/* True once in n calls; never for 0. */
bool draw_one_in(uint32_t n);
/* 0 to max, small ones as likely as large ones. */
uint32_t draw_size(uint32_t max);
/* One of the values; the first is the plainest. */
#define DRAW_OF(type, ...) \
  ((const type[]){         \
      __VA_ARGS__ }[draw((uint32_t)(sizeof((const type[]){ __VA_ARGS__ }) / sizeof(type)))])
/* A step begins here. */
void draw_span(void);

#endif
