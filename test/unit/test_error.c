/* SPDX-License-Identifier: MIT
 *
 * test_error.c - every code and reason has a text.
 */
#include <uv.h>

#include "base/err.h"
#include "test.h"

TEST(our_codes_have_texts) {
  EQ_STR(sio_strerror(SIO_ECLOSED), "the peer is gone");
  EQ_STR(sio_strerror(SIO_ETOOBIG), "over a size limit");
  EQ_STR(sio_strerror(SIO_EDROPPED), "dropped: the peer was not ready, or reads too slowly");
#define SIO_XX(name, code, text) EQ_STR(sio_strerror(code), text);
  SIO_ERRNO_MAP(SIO_XX)
#undef SIO_XX
}

TEST(libuvs_codes_have_libuvs_texts) {
#define SIO_XX(name, text) EQ_STR(sio_strerror(UV_##name), uv_strerror(UV_##name));
  UV_ERRNO_MAP(SIO_XX)
#undef SIO_XX
}

TEST(zero_and_unknown_codes_have_texts_too) {
  EQ_STR(sio_strerror(0), "no error");
  EQ_STR(sio_strerror(1), "unknown error");
  EQ_STR(sio_strerror(SIO_ERRNO_END), "unknown error");
  EQ_STR(sio_strerror(INT32_MIN), "unknown error");
}

TEST(the_codes_of_this_room_are_libuvs) {
  EQ(UV_ENOMEM, UV_ENOMEM);
  EQ(UV_EINVAL, UV_EINVAL);
  EQ(UV_EEXIST, UV_EEXIST);
}

TEST(reasons_are_socket_ios_own_words) {
  EQ_STR(sio_reason_str(SIO_REASON_PING_TIMEOUT), "ping timeout");
  EQ_STR(sio_reason_str(SIO_REASON_SERVER_NSP_DISCONNECT), "server namespace disconnect");
  EQ_STR(sio_reason_str(SIO_REASON_NONE), "none");
  EQ_STR(sio_reason_str(SIO_REASON_END), "unknown");
  EQ_STR(sio_reason_str(-1), "unknown");
}

TESTS_BEGIN
T(our_codes_have_texts)
T(libuvs_codes_have_libuvs_texts)
T(zero_and_unknown_codes_have_texts_too)
T(the_codes_of_this_room_are_libuvs)
T(reasons_are_socket_ios_own_words)
TESTS_END
