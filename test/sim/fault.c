/* SPDX-License-Identifier: MIT
 *
 * fault.c - a fault is written where the watching process reads it, and to stderr.
 */
#include "fault.h"

#include "kernel.h"
#include "life.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool telling;

void tell_line(const char *fmt, ...) {
  va_list ap;
  printf("t=%-9.3f ", (double)(kernel.now - 1000000000) / 1000);
  va_start(ap, fmt);
  vprintf(fmt, ap);
  va_end(ap);
  putchar('\n');
}

const char *tell_bytes(const void *p, size_t n) {
  static char out[500];
  size_t at = 0;
  for (size_t i = 0; i < n && at + 8 < sizeof out; i++) {
    unsigned char c = ((const unsigned char *)p)[i];
    if (c >= 0x20 && c < 0x7f)
      out[at++] = (char)c;
    else if (c == '\n')
      at += (size_t)sprintf(out + at, " | ");
    else if (c != '\r')
      at += (size_t)sprintf(out + at, "\\x%02x", c);
  }
  out[at] = '\0';
  return out;
}

_Noreturn void fault(const char *kind, const char *fmt, ...) {
  va_list ap;
  char detail[400];
  va_start(ap, fmt);
  vsnprintf(detail, sizeof detail, fmt, ap);
  va_end(ap);
  fflush(stdout);
  fprintf(stderr, "FAULT: %s: %s\n", kind, detail);
  if (shared) snprintf(shared->kind, sizeof shared->kind, "%s", kind);
  if (shared) snprintf(shared->detail, sizeof shared->detail, "%s", detail);
  if (getenv("SIM_ABORT")) abort();
  _exit(FAULT_EXIT);
}
