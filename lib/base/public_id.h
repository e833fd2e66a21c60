/* SPDX-License-Identifier: MIT
 *
 * public_id.h - public ids. If the real id of an object is a secret, a digest of it is shown
 * instead.
 */
#ifndef SIO_BASE_PUBLIC_ID_H
#define SIO_BASE_PUBLIC_ID_H

#include "base/slice.h"

enum { PUBLIC_ID_LEN = 20 };

/* Writes the public id of a secret id: 20 characters of base64url and a NUL. They are the first 120
 * bits of the SHA-1 digest of a constant prefix and the secret; of a secret longer than 400 bytes
 * only the first 400 count. Every process computes the same public id. Returns `out`. */
const char *sio__make_public_id(char out[PUBLIC_ID_LEN + 1], sio_slice secret);

#endif
