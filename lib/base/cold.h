/* SPDX-License-Identifier: MIT
 *
 * cold.h - marks what runs seldom in files that are built for speed: a definition behind COLD is
 * built for size, with what only it calls, and lies apart from the rest.
 */
#ifndef SIO_BASE_COLD_H
#define SIO_BASE_COLD_H

#define COLD __attribute__((cold))

#endif
