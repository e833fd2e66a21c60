/* SPDX-License-Identifier: MIT
 *
 * version.c - the version this library was compiled as, which a header may differ from.
 */
#include <sio/version.h>

#define TEXT(x) #x
#define DOTTED(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

unsigned sio_version_num(void) { return SIO_VERSION_NUM; }

const char *sio_version(void) {
  return DOTTED(SIO_VERSION_MAJOR, SIO_VERSION_MINOR, SIO_VERSION_PATCH);
}
