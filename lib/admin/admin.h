/* SPDX-License-Identifier: MIT
 *
 * admin.h - struct admin: the state for one server that the Admin UI watches.
 *
 * Of libsio, this library calls only public functions. A struct admin is counted by references. Its
 * server, its timer, a function posted to the loop, each struct listing (watch.c), and each struct
 * check refer to the struct admin.
 */
#ifndef SIO_ADMIN_ADMIN_H
#define SIO_ADMIN_ADMIN_H

#include <sio/admin.h>
#include <sio/engine.h>
#include <sio/sio.h>
#include <uv.h>

struct cJSON;

enum {
  STATS_EVERY_MS = 2000,
  SECONDS_KEPT = 8,     /* the length of admin.seconds */
  SESSION_ID_SIZE = 17, /* 16 hexadecimal digits and a NUL */
  SESSIONS_MAX = 64,
  CHECKS_MAX = 16, /* the maximum number of password checks in admin.checks; see checks.c */
  /* The maximum number of sent events that wait to be shown in the UI. If this many wait, a further
   * event is not shown. */
  EVENTS_MAX = 1000,
  SOCKETS_MAX = 10000 /* the maximum number of sockets that are listed when the UI connects */
};

/* The counts of one second, from which the UI draws its charts ("aggregatedEvents"). If the array
 * admin.seconds is full, its last element also counts what happens in later seconds. */
struct second {
  uint64_t time; /* Unix time, seconds */
  uint64_t opened, packets_in, packets_out, bytes_in, bytes_out;
  uint64_t closed[SIO_REASON_END];
};

/* A session of the UI: for a day at most, a client that knows its id need not send the password. */
struct session {
  char id[SESSION_ID_SIZE];
  uint64_t saved_ms; /* when it was saved: uv_now(); 0 if this element is not used */
};

/* Identifies the address of a client. The queue of password checks, which has CHECKS_MAX places, is
 * shared among the addresses: clients whose struct address_group is equal count as one address
 * (checks.c). */
struct address_group {
  unsigned char bytes[8]; /* an IPv4 address, or the first half of an IPv6 address */
  int version;            /* 4 or 6; 0 if the client has no IP address */
};

/* The check of the password with which a client signs in to the UI. It is in the list admin.checks
 * while it waits, and while a thread checks the password. If the client is then admitted, the check
 * moves to the list admin.signed_in, so that the client can be sent its session id later. */
struct check {
  struct check *next;
  struct admin *admin;
  sio_socket *socket;         /* referenced */
  const sio_session *session; /* compared with sessions that close; may have been freed */
  struct address_group from;
  sio_next *verdict;
  uv_work_t work;
  bool name_ok, password_ok;
  char session_id[SESSION_ID_SIZE];
  size_t size; /* of `password`, with the NUL */
  /* The password, with a NUL. It is overwritten with zeros as soon as it has been checked, or when
   * it is clear that it will not be checked. */
  char password[];
};

struct shown_event; /* an event that waits to be shown (watch.c) */

struct admin {
  sio_server *srv;
  sio_nsp *nsp;
  unsigned refs;
  bool closing;
  uv_timer_t timer;
  uint64_t started_ms;
  char host[UV_MAXHOSTNAMESIZE];

  char *username, *password, *server_id;
  bool readonly, development;
  void (*save_session)(const char *id, void *user);
  bool (*has_session)(const char *id, void *user);
  void (*action)(sio_socket *s, const sio_admin_action *action, void *user);
  void *user;

  struct second seconds[SECONDS_KEPT];
  size_t nseconds;
  size_t clients, polling;

  struct session sessions[SESSIONS_MAX];
  struct check *checks;    /* the first one is being checked, the others wait */
  struct check *signed_in; /* of admitted clients that were not sent their session id yet */
  size_t nchecks;

  struct shown_event *events, **last_event;
  size_t nevents;
  uint64_t events_dropped; /* not shown in the UI, because of EVENTS_MAX or an error */
};

void sio__admin_unref(struct admin *a);

/* Sends an event to all clients of the UI, on all servers, unless a->closing is set. If that fails,
 * the event is counted in events_dropped. */
void sio__admin_broadcast_to_ui_or_count_drop(struct admin *a, const char *event, sio_args args);
/* The same, with cJSON trees as arguments. args contains the n arguments of the event (8 at most),
 * which this function frees. If one of them is NULL because memory ran out, the event is not sent,
 * and is counted in events_dropped. */
void sio__admin_send_event_to_ui_and_free_args(struct admin *a, const char *event,
                                               struct cJSON **args, size_t n);
/* Each of these two functions adds an item to a cJSON object or array, and frees the item if that
 * fails. object, array and item may be NULL, which counts as a failure. */
void sio__admin_json_add_member_or_free_item(struct cJSON *object, const char *key,
                                             struct cJSON *item);
void sio__admin_json_add_element_or_free_item(struct cJSON *array, struct cJSON *item);

/* ---- login.c --------------------------------------------------------------------------------- */

int sio__admin_login_register_unless_no_auth(struct admin *a, const sio_admin_options *o);
/* Called when a socket has connected to the namespace of the UI. If the client has entered the
 * password, sends it the id of its new session, with which it need not enter the password again. */
void sio__admin_send_session_id_after_login(struct admin *a, sio_socket *s);
void sio__admin_login_refuse_pending_and_clear(struct admin *a);
/* Ends a password check. If the name and the password were correct, saves the id of a new session,
 * admits the client, and keeps the check in a->signed_in. Otherwise refuses the client and frees
 * the check. Also refuses the client if a->closing is set or no random id can be made. */
void sio__admin_accept_or_refuse_checked_login(struct check *c);
/* Returns true if this is the password of the UI; false also if memory runs out. Called in a thread
 * of libuv's pool, because computing a bcrypt hash is slow. */
bool sio__admin_is_correct_password(const struct admin *a, const char *password);

/* ---- checks.c -------------------------------------------------------------------------------- */

extern const char sio__admin_busy[]; /* in login.c */
/* Queues the check of a client's password. A thread checks the passwords of the queue one after the
 * other; after each of them sio__admin_accept_or_refuse_checked_login() is called on the loop's
 * thread. If the queue is full, a check of an address that has at least two checks more than this
 * client's address is refused; if there is no such address, or if memory ran out, this client is
 * refused at once. */
void sio__admin_queue_or_refuse_password_check(struct admin *a, sio_socket *s, const char *name,
                                               const char *password, sio_next *next);
/* Refuses the clients whose password check has not begun: only the clients of this session or, if
 * session is NULL, all of them. why is the message that the clients get. */
void sio__admin_refuse_queued_checks_of_session(struct admin *a, const sio_session *session,
                                                const char *why);
void sio__admin_password_check_wipe_and_free(struct check *c);
/* Overwrites n bytes at p, which contain a password or data that was computed from one, with
 * zeros. */
void sio__admin_overwrite_secret(void *p, size_t n);

/* ---- commands.c ------------------------------------------------------------------------------ */

int sio__admin_register_command_handlers(struct admin *a);

/* ---- stats.c --------------------------------------------------------------------------------- */

int sio__admin_count_sessions_and_register_stats_hooks(struct admin *a);
void sio__admin_send_stats_to_ui(struct admin *a);

/* ---- watch.c --------------------------------------------------------------------------------- */

int sio__admin_watch_all_namespaces(struct admin *a);
/* Asks all servers for their sockets. When they have answered or the time limit has passed, sends
 * the list, of at most SOCKETS_MAX sockets, to a client of the UI (the socket s), unless a->closing
 * is set by then. */
void sio__admin_fetch_and_send_socket_list(struct admin *a, sio_socket *s);
void sio__admin_free_queued_sent_events(struct admin *a);

#endif
