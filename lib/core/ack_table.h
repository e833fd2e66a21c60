/* SPDX-License-Identifier: MIT
 *
 * ack_table.h - the acks that one socket waits for, as its struct holds them. pending.c has the
 * functions.
 */
#ifndef SIO_CORE_ACK_TABLE_H
#define SIO_CORE_ACK_TABLE_H

#include <stdint.h>

struct wait;

struct waits {
  uint32_t n, cap;
  struct wait *v[]; /* by id */
};

struct pending {
  struct waits *waits; /* NULL: none */
};

#endif
