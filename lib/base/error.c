/* SPDX-License-Identifier: MIT
 *
 * error.c - codes and reasons as English text.
 */
#include <sio/error.h>
/* For the texts alone, which its header holds: nothing of libuv is called here, and
 * uv_strerror() itself leaks for codes it does not know. */
#include <uv.h>

const char *sio_strerror(int err) {
  switch (err) {
    case 0: return "no error";
#define SIO_XX(name, code, text) \
  case SIO_E##name: return text;
      SIO_ERRNO_MAP(SIO_XX)
#undef SIO_XX
#define SIO_XX(name, text) \
  case UV_##name: return text;
      UV_ERRNO_MAP(SIO_XX)
#undef SIO_XX
    default: return "unknown error";
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
