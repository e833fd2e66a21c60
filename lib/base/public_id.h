/* SPDX-License-Identifier: MIT
 *
 * public_id.h - a name for something whose own id is a secret: a digest that anybody may see.
 */
#ifndef SIO_BASE_PUBLIC_ID_H
#define SIO_BASE_PUBLIC_ID_H

#include "base/slice.h"

enum { PUBLIC_ID_LEN = 20 };

/* 20 characters of base64url and a NUL: 120 bits of SHA-1 over the secret's first 400 bytes. The
 * same secret has the same digest in every process. Returns out. */
const char *sio__public_id(char out[PUBLIC_ID_LEN + 1], sio_slice secret);

#endif
