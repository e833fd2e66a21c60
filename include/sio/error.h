/* SPDX-License-Identifier: MIT
 *
 * error.h - the errors that calls return, and the reasons why a connection ended.
 *
 * A function that returns an error returns a negative number. It is a code of libuv (UV_ENOMEM,
 * UV_EINVAL, UV_EADDRINUSE and so on), one of those below, which begin at -10001, or the error that
 * a function of the program returned to the library.
 */
#ifndef SIO_ERROR_H
#define SIO_ERROR_H

#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The errors of this library. SIO_ERRNO_MAP calls XX(name, code, text) for each of them, like
 * UV_ERRNO_MAP() of libuv. */
#define SIO_ERRNO_MAP(XX)                                                     \
  XX(CLOSED, -10001, "the peer is gone")                                      \
  XX(TIMEOUT, -10002, "operation has timed out")                              \
  XX(PROTO, -10003, "the peer broke the protocol")                            \
  XX(TOOBIG, -10004, "over a size limit")                                     \
  XX(NAME, -10005, "reserved or malformed name")                              \
  XX(JSON, -10006, "not one valid JSON text")                                 \
  XX(PLACEHOLDER, -10007, "a placeholder names no attachment of this packet") \
  XX(DROPPED, -10008, "dropped: the peer was not ready, or reads too slowly") \
  XX(STATE, -10009, "not possible in this state")                             \
  XX(EXISTS, -10010, "already there")                                         \
  XX(DEPTH, -10011, "nested too deeply")                                      \
  XX(LIMIT, -10012, "more than a rate limit allows")

enum sio_errno {
#define SIO_XX(name, code, text) SIO_E##name = code,
  SIO_ERRNO_MAP(SIO_XX)
#undef SIO_XX
      SIO_ERRNO_END = -10999
};

/* Returns an English text for an error code of this library or of libuv, in static storage; for
 * another code, "unknown error". May be called on any thread. */
SIO_EXTERN const char *sio_strerror(int err);

/* The reasons why a connection or a socket ended. SIO_REASON_MAP calls XX(name, code, text) for
 * each of them. The texts, except "none", are those of Socket.IO
 * (https://socket.io/docs/v4/server-socket-instance/#disconnect). This version of the library
 * reports FORCED_CLOSE wherever Node.js reports "forced server close". */
#define SIO_REASON_MAP(XX)                                    \
  XX(NONE, 0, "none")                                         \
  XX(TRANSPORT_ERROR, 1, "transport error")                   \
  XX(TRANSPORT_CLOSE, 2, "transport close")                   \
  XX(FORCED_CLOSE, 3, "forced close")                         \
  XX(PING_TIMEOUT, 4, "ping timeout")                         \
  XX(PARSE_ERROR, 5, "parse error")                           \
  XX(SERVER_SHUTTING_DOWN, 6, "server shutting down")         \
  XX(FORCED_SERVER_CLOSE, 7, "forced server close")           \
  XX(CLIENT_NSP_DISCONNECT, 8, "client namespace disconnect") \
  XX(SERVER_NSP_DISCONNECT, 9, "server namespace disconnect")

enum sio_reason {
#define SIO_XX(name, code, text) SIO_REASON_##name = code,
  SIO_REASON_MAP(SIO_XX)
#undef SIO_XX
      SIO_REASON_END
};

/* Returns the text of a reason, in static storage; for another number, "unknown". May be called on
 * any thread. */
SIO_EXTERN const char *sio_reason_str(int reason);

/* Why a connection or a socket ended. Valid until the callback returns. */
typedef struct sio_close_info {
  int reason;          /* enum sio_reason                                          */
  int err;             /* an error code; 0 if nothing failed                       */
  int ws_code;         /* the WebSocket close code that was received, or that this side chose;
                          0, 1005 or 1006: none                                    */
  const char *detail;  /* one English line, never NULL                             */
  const char *ws_text; /* the text of the close frame received, or ""              */
} sio_close_info;

#ifdef __cplusplus
}
#endif
#endif
