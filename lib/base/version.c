/* SPDX-License-Identifier: MIT
 *
 * version.c - the version of the library when it was compiled. The header with which a host was
 * compiled may have another version.
 */
#include <sio/version.h>

#define TEXT(x) #x
#define DOTTED(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *sio_version(void) {
  return DOTTED(SIO_VERSION_MAJOR, SIO_VERSION_MINOR, SIO_VERSION_PATCH);
}
