/* SPDX-License-Identifier: MIT
 *
 * http_client.h - one connection of a peer over which it asks, one request after the other.
 */
#ifndef SIO_SIM_HTTP_CLIENT_H
#define SIO_SIM_HTTP_CLIENT_H

#include "bytes.h"
#include "peer.h"

struct http_client {
  struct peer *peer;
  struct wire *wire;
  struct bytes in;
  struct bytes raw; /* under TLS: what came and is no whole record yet */
  unsigned waiting; /* answers that are due         */
  bool head_only;   /* the next one has no body     */
};

struct http_answer {
  int status;
  const char *head, *body; /* in the client's buffer until http_client_next() */
  size_t head_n, body_n, whole;
  bool closes;
};

/* Connects if there is no connection. False: there are too many wires. */
bool http_client_open(struct http_client *c);
void http_client_say(struct http_client *c, const void *p, size_t n);
/* Reads what has arrived. */
void http_client_read(struct http_client *c);
/* Is there a whole answer? A malformed one is the server's fault. */
bool http_client_look(struct http_client *c, struct http_answer *a);
void http_client_next(struct http_client *c, const struct http_answer *a);
/* Value of a header in an answer's head; n is 0 without it. */
const char *http_answer_header(const struct http_answer *a, const char *name, size_t *n);
void http_client_hang_up(struct http_client *c);
void http_client_free(struct http_client *c);

#endif
