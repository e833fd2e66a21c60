/* SPDX-License-Identifier: MIT
 *
 * public_id.h - public ids: a digest that names an object whose real id is a secret.
 */
#ifndef SIO_BASE_PUBLIC_ID_H
#define SIO_BASE_PUBLIC_ID_H

#include "base/slice.h"

enum { PUBLIC_ID_LEN = 20 };

/* Writes 20 characters of base64url and a NUL: 120 bits of the SHA-1 digest of the first 400
 * bytes of the secret. The digest does not depend on the process. Returns out. */
const char *sio__make_public_id(char out[PUBLIC_ID_LEN + 1], sio_slice secret);

#endif
