/* SPDX-License-Identifier: MIT
 *
 * client_timeout.c - ends the session of a client that joins no namespace in time, or that does not
 * send the missing attachments of a packet.
 */
#include "core/client_timeout.h"

#include "base/mem.h"
#include "core/core.h"
#include <assert.h>

/* The time limit that is running for a client. */
struct client_timeout {
  struct client *client;
  unsigned ms;
  /* True: the limit for joining a first namespace; false: the limit for receiving attachments. */
  bool for_join;
  /* A further part of a packet with attachments has arrived since the limit was started, or since
   * the last call of client_timeout_check_and_reset_progress(). */
  bool got_part;
  bool extended; /* the limit was restarted because the host blocked the loop, which is done once */
  /* How many bytes of an incomplete WebSocket message or POST body had been received at the last
   * call of client_timeout_check_and_reset_progress(); 0 before the first call. */
  size_t arriving;
  size_t auth_bytes; /* total auth received before the first namespace was joined */
  struct timer timer;
};

static void client_timeout_restart(struct client_timeout *t) {
  sio__loop_start_timer(&core_of_client(t->client)->loop, &t->timer, t->ms);
}

void sio__client_timeout_clear(struct client *cl) {
  if (!cl->timeout) return;
  sio__loop_stop_timer(&core_of_client(cl)->loop, &cl->timeout->timer);
  sio__free(cl->timeout);
  cl->timeout = NULL;
}

/* True if parts of the packet seem to have arrived since t was started or since the last call for
 * t. Received bytes that were not decoded yet may belong to an attachment, so they count too. */
static bool client_timeout_check_and_reset_progress(struct client_timeout *t) {
  sio_session *c = t->client->session;
  size_t arriving = sio__session_incomplete_message_bytes(c);
  bool progress = t->got_part || (arriving && arriving != t->arriving) ||
                  sio__session_may_have_unhandled_packets(c);
  t->got_part = false;
  t->arriving = arriving;
  return progress;
}

/* If the host has blocked the loop while the time limit ran, returns true, but only once: then the
 * caller has to restart the limit. */
static bool client_timeout_mark_extended_if_stalled(struct client_timeout *t) {
  bool extend = loop_should_restart_deadline(&core_of_client(t->client)->loop, t->extended);
  t->extended |= extend;
  return extend;
}

/* Called when the time limit is over. The timer is not stopped when the last attachment arrives,
 * because that would cost time for each packet. So the timer may expire when no attachment is
 * missing; then the struct client_timeout is just freed. */
static void end_session_or_extend_client_timeout(struct timer *timer) {
  struct client_timeout *t = container_of(timer, struct client_timeout, timer);
  if (!t->for_join && !decoder_has_packet_with_attachments(&t->client->decoder))
    sio__client_timeout_clear(t->client);
  else if (client_timeout_mark_extended_if_stalled(t) ||
           (!t->for_join && client_timeout_check_and_reset_progress(t)))
    client_timeout_restart(t);
  else
    sio__session_end(t->client->session, t->for_join, SIO_REASON_FORCED_CLOSE, SIO_ETIMEOUT,
                     t->for_join
                         ? "the client joined no namespace within connect_timeout_ms"
                         : "not all attachments of a packet arrived within packet_timeout_ms");
}

static int client_timeout_start(struct client *cl, unsigned ms, bool for_join) {
  assert(!cl->timeout);
  struct client_timeout *t = cl->timeout = sio__malloc(sizeof *t);
  if (!t) return UV_ENOMEM;
  *t = (struct client_timeout){ .client = cl, .ms = ms, .for_join = for_join };
  timer_init(&t->timer, end_session_or_extend_client_timeout);
  client_timeout_restart(t);
  return 0;
}

int sio__client_start_join_timeout(struct client *cl) {
  return client_timeout_start(cl, core_of_client(cl)->opts->connect_timeout_ms, true);
}

bool sio__client_has_joined_no_namespace(const struct client *cl) {
  return cl->timeout && cl->timeout->for_join;
}

size_t sio__client_add_to_auth_byte_total(struct client *cl, size_t n) {
  return cl->timeout->auth_bytes += n;
}

/* Until the client has joined a namespace, the limit for joining is running, and limits the time
 * for attachments too. */
void sio__client_start_packet_timeout_or_mark_progress(struct client *cl) {
  if (!decoder_has_packet_with_attachments(&cl->decoder)) return;
  if (cl->timeout)
    cl->timeout->got_part = true;
  else if (client_timeout_start(cl, core_of_client(cl)->opts->packet_timeout_ms, false))
    sio__client_disconnect_out_of_memory(cl);
}

void sio__client_set_joined_and_end_join_timeout(struct client *cl) {
  sio__session_mark_joined_and_resume_reading(cl->session);
  sio__client_timeout_clear(cl);
  sio__client_start_packet_timeout_or_mark_progress(cl);
}
