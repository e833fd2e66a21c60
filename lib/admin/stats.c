/* SPDX-License-Identifier: MIT
 *
 * stats.c - counts what happens on the server in each second, and sends the counters to the UI
 * every two seconds ("server_stats").
 */
#include "admin/admin.h"

#include <cjson/cJSON.h>
#include <string.h>

/* ---- counting -------------------------------------------------------------------------------- */

static struct second *find_or_add_counters_of_current_second(struct admin *a) {
  uv_timeval64_t now;
  uv_gettimeofday(&now);
  uint64_t time = (uint64_t)now.tv_sec;
  struct second *last = a->nseconds ? &a->seconds[a->nseconds - 1] : NULL;
  if (last && (last->time == time || a->nseconds == SECONDS_KEPT)) return last;
  a->seconds[a->nseconds] = (struct second){ .time = time };
  return &a->seconds[a->nseconds++];
}

static bool is_polling_session(const sio_session *c) {
  return strcmp(sio_session_info_of(c).transport, "polling") == 0;
}

static void stats_count_opened_session(sio_session *c, void *user) {
  struct admin *a = user;
  a->clients++;
  a->polling += is_polling_session(c);
  find_or_add_counters_of_current_second(a)->opened++;
}

static void stats_decrement_polling_on_session_upgrade(sio_session *c, void *user) {
  struct admin *a = user;
  (void)c;
  a->polling--;
}

static void stats_count_closed_session(sio_session *c, const sio_close_info *why, void *user) {
  struct admin *a = user;
  a->clients--;
  a->polling -= is_polling_session(c);
  if (why->reason >= 0 && why->reason < SIO_REASON_END)
    find_or_add_counters_of_current_second(a)->closed[why->reason]++;
}

static void stats_count_received_packet(sio_session *c, const sio_engine_packet *p, void *user) {
  struct second *now;
  (void)c;
  if (!p->data.n) return;
  now = find_or_add_counters_of_current_second(user);
  now->packets_in++;
  now->bytes_in += p->data.n;
}

static void stats_count_queued_packet(sio_session *c, const sio_engine_packet *p, void *user) {
  struct second *now;
  (void)c;
  if (!p->data.n) return;
  now = find_or_add_counters_of_current_second(user);
  now->packets_out++;
  now->bytes_out += p->data.n;
}

static void count_session_opened_before_attach(sio_session *c, void *user) {
  struct admin *a = user;
  a->clients++;
  a->polling += is_polling_session(c);
}

int sio__admin_count_sessions_and_register_stats_hooks(struct admin *a) {
  static const sio_engine_hooks hooks = { .open = stats_count_opened_session,
                                          .upgrade = stats_decrement_polling_on_session_upgrade,
                                          .close = stats_count_closed_session,
                                          .packet = stats_count_received_packet,
                                          .packet_create = stats_count_queued_packet };
  sio_sessions(a->srv, count_session_opened_before_attach, a);
  return sio_on_engine(a->srv, &hooks, a);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void append_event_count_to_json_unless_zero(cJSON *list, const struct second *s,
                                                   const char *type, const char *sub_type,
                                                   uint64_t count) {
  if (!count) return;
  cJSON *item = cJSON_CreateObject();
  cJSON_AddNumberToObject(item, "timestamp", (double)s->time * 1000);
  cJSON_AddStringToObject(item, "type", type);
  if (sub_type) cJSON_AddStringToObject(item, "subType", sub_type);
  cJSON_AddNumberToObject(item, "count", (double)count);
  sio__admin_json_add_element_or_free_item(list, item);
}

static cJSON *make_json_of_event_counts_and_reset(struct admin *a) {
  cJSON *list = cJSON_CreateArray();
  for (size_t i = 0; i < a->nseconds; i++) {
    const struct second *s = &a->seconds[i];
    append_event_count_to_json_unless_zero(list, s, "rawConnection", NULL, s->opened);
    append_event_count_to_json_unless_zero(list, s, "packetsIn", NULL, s->packets_in);
    append_event_count_to_json_unless_zero(list, s, "bytesIn", NULL, s->bytes_in);
    append_event_count_to_json_unless_zero(list, s, "packetsOut", NULL, s->packets_out);
    append_event_count_to_json_unless_zero(list, s, "bytesOut", NULL, s->bytes_out);
    for (int reason = 0; reason < SIO_REASON_END; reason++)
      append_event_count_to_json_unless_zero(list, s, "rawDisconnection", sio_reason_str(reason),
                                             s->closed[reason]);
  }
  a->nseconds = 0;
  return list;
}

static void append_namespace_info_to_json_list(sio_nsp *nsp, void *user) {
  cJSON *item = cJSON_CreateObject();
  cJSON_AddStringToObject(item, "name", sio_nsp_name(nsp));
  cJSON_AddNumberToObject(item, "socketsCount", (double)sio_nsp_count_sockets(nsp, NULL));
  sio__admin_json_add_element_or_free_item(user, item);
}

void sio__admin_send_stats_to_ui(struct admin *a) {
  cJSON *stats = cJSON_CreateObject(), *nsps = cJSON_CreateArray();
  cJSON_AddStringToObject(stats, "serverId", a->server_id);
  cJSON_AddStringToObject(stats, "hostname", a->host);
  cJSON_AddNumberToObject(stats, "pid", uv_os_getpid());
  cJSON_AddNumberToObject(stats, "uptime", (double)(uv_hrtime() / 1000000 - a->started_ms) / 1000);
  cJSON_AddNumberToObject(stats, "clientsCount", (double)a->clients);
  cJSON_AddNumberToObject(stats, "pollingClientsCount", (double)a->polling);
  sio__admin_json_add_member_or_free_item(stats, "aggregatedEvents",
                                          make_json_of_event_counts_and_reset(a));
  sio_nsps(a->srv, append_namespace_info_to_json_list, nsps);
  sio__admin_json_add_member_or_free_item(stats, "namespaces", nsps);
  if (a->events_dropped) /* the UI does not read this member; see EVENTS_MAX */
    cJSON_AddNumberToObject(stats, "eventsDropped", (double)a->events_dropped);
  sio__admin_send_event_to_ui_and_free_args(a, "server_stats", &stats, 1);
}
