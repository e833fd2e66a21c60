/* SPDX-License-Identifier: MIT
 *
 * version.c - the version that the library was compiled as. The header of a host may be of another
 * version.
 */
#include <sio/version.h>

#define TEXT(x) #x
#define DOTTED(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *sio_version(void) {
  return DOTTED(SIO_VERSION_MAJOR, SIO_VERSION_MINOR, SIO_VERSION_PATCH);
}
