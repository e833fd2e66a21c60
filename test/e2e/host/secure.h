/* SPDX-License-Identifier: MIT
 *
 * secure.h - a second port, with TLS.
 */
#ifndef HOST_SECURE_H
#define HOST_SECURE_H

/* 0, or a code. Nothing without its flags. */
int add_tls(void);
void free_tls(void);

#endif
