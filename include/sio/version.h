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

SIO_EXTERN unsigned sio_version_num(void); /* SIO_VERSION_NUM of the linked library */
SIO_EXTERN const char *sio_version(void);  /* "0.1.0", static storage               */

#ifdef __cplusplus
}
#endif
#endif
