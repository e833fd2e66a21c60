/* SPDX-License-Identifier: MIT
 *
 * error.c - error codes and reasons as English text.
 */
#include <sio/error.h>
#include <stdbool.h>
#include <uv.h> /* only for its error texts */

static bool is_libuv_error(int err) {
  switch (err) {
#define SIO_XX(name, text) case UV_##name:
    UV_ERRNO_MAP(SIO_XX)
#undef SIO_XX
    return true;
    default: return false;
  }
}

const char *sio_strerror(int err) {
  switch (err) {
    case 0: return "no error";
#define SIO_XX(name, code, text) \
  case SIO_E##name: return text;
      SIO_ERRNO_MAP(SIO_XX)
#undef SIO_XX
    /* For a code that libuv does not know, uv_strerror() would allocate a text that is never
     * freed. */
    default: return is_libuv_error(err) ? uv_strerror(err) : "unknown error";
  }
}

const char *sio_reason_str(int reason) {
  switch (reason) {
#define SIO_XX(name, code, text) \
  case SIO_REASON_##name: return text;
    SIO_REASON_MAP(SIO_XX)
#undef SIO_XX
    default: return "unknown";
  }
}
