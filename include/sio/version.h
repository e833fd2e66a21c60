/* SPDX-License-Identifier: MIT
 *
 * version.h - the version of the library. meson.build reads the three numbers from this file.
 */
#ifndef SIO_VERSION_H
#define SIO_VERSION_H

#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIO_VERSION_MAJOR 0
#define SIO_VERSION_MINOR 1
#define SIO_VERSION_PATCH 0
#define SIO_VERSION_NUM (SIO_VERSION_MAJOR * 10000 + SIO_VERSION_MINOR * 100 + SIO_VERSION_PATCH)

/* Returns the version of the library that the program runs with, for example "0.1.0", in static
 * storage. May be called on any thread. */
SIO_EXTERN const char *sio_version(void);

#ifdef __cplusplus
}
#endif
#endif
