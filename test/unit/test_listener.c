/* SPDX-License-Identifier: MIT
 *
 * test_listener.c - who may listen where, what is accepted, and what becomes of a listener when
 * the process has no descriptor left.
 */
#include "net/listener.h"

#include "net_rig.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

/* ---- the kernel's part ------------------------------------------------------------------- */

static int accept_faults[8]; /* errnos of the next calls; 0 ends them */
static unsigned accept_calls, faults_at;

int __real_accept4(int fd, struct sockaddr *a, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *a, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *a, socklen_t *len, int flags) {
  accept_calls++;
  if (!accept_faults[faults_at]) return __real_accept4(fd, a, len, flags);
  errno = accept_faults[faults_at++];
  return -1;
}

static int gai_fault;
static const char *second_host; /* the name has this address as well */
static bool no_ipv6;            /* no address of IPv6 can be bound */

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out) {
  errno = EMFILE;
  if (gai_fault) return gai_fault;
  int err = __real_getaddrinfo(host, service, hints, out);
  if (!err && second_host) err = __real_getaddrinfo(second_host, service, hints, &(*out)->ai_next);
  return err;
}

/* Whether a socket shares its address: when it is bound, and when it begins to listen. */
static int shares_at_bind, shares_at_listen;

static int shares_address(int fd) {
  int on = -1;
  socklen_t len = sizeof on;
  if (getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, &len)) abort();
  return on != 0;
}

int __real_bind(int fd, const struct sockaddr *a, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *a, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *a, socklen_t len) {
  shares_at_bind = shares_address(fd);
  if (no_ipv6 && a->sa_family == AF_INET6) {
    errno = EADDRNOTAVAIL;
    return -1;
  }
  return __real_bind(fd, a, len);
}

int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog) {
  shares_at_listen = shares_address(fd);
  return __real_listen(fd, backlog);
}

/* ---- a listener, and who connects ----------------------------------------------------------- */

enum { CLIENTS = 200 };

static struct listener *ln;
static int accepted[CLIENTS], clients[CLIENTS];
static unsigned naccepted, nclients, starvings;
static int starved_by;
static bool stop_at_once;

static void on_accept(struct listener *l, int fd) {
  accepted[naccepted++] = fd;
  if (stop_at_once) sio__listener_close(l);
}

static void on_starve(struct listener *l, int err) {
  starvings++;
  starved_by = err;
  if (stop_at_once) sio__listener_close(l);
}

static const struct listener_ops ops = { on_accept, on_starve };

static void begin(void) {
  net_open();
  memset(accept_faults, 0, sizeof accept_faults);
  accept_calls = faults_at = naccepted = nclients = starvings = 0;
  gai_fault = starved_by = 0;
  stop_at_once = false;
}

static void hang_up_all(void) {
  while (naccepted > 0) close(accepted[--naccepted]);
  while (nclients > 0) close(clients[--nclients]);
}

static void end(void) {
  if (!stop_at_once) sio__listener_close(ln);
  hang_up_all();
  net_close();
}

static int dial(const struct sockaddr *a, socklen_t len) {
  int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (connect(fd, a, len)) {
    int err = -errno;
    close(fd);
    return err;
  }
  clients[nclients++] = fd;
  return 0;
}

static int dial_v4(int port) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return dial((struct sockaddr *)&a, sizeof a);
}

static int dial_v6(int port) {
  struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
  a.sin6_addr = in6addr_loopback;
  return dial((struct sockaddr *)&a, sizeof a);
}

static int dial_unix(const char *path) {
  struct sockaddr_un a = { .sun_family = AF_UNIX };
  memcpy(a.sun_path, path, strlen(path));
  return dial((struct sockaddr *)&a, sizeof a);
}

static int listen_v4(int port) {
  return sio__listener_open_tcp(&ln, &loop, "127.0.0.1", port, 511, &ops, NULL);
}

static void begin_v4(unsigned peers) {
  begin();
  EQ(listen_v4(0), 0);
  while (nclients < peers)
    if (dial_v4(sio__listener_port(ln))) abort();
}

/* ---- TCP ------------------------------------------------------------------------------------- */

TEST(port_0_is_any_free_one) {
  begin_v4(0);
  int port = sio__listener_port(ln);
  CHECK(port > 0);
  EQ(dial_v4(port), 0);
  turns(2);
  EQ(naccepted, 1);
  end();
}

/* The kernel may give one free port to two sockets that share their address and do not listen yet:
 * the second of two servers that start at once would then fail to listen. */
TEST(a_port_that_the_kernel_chooses_is_never_given_to_two_servers) {
  begin_v4(0);
  EQ(shares_at_bind, 0);
  end();
}

/* Connections that the server closed keep the port for a minute. */
TEST(a_server_that_is_started_again_gets_its_port_back_at_once) {
  begin_v4(1);
  EQ(shares_at_listen, 1);
  turns(2);
  int port = sio__listener_port(ln);
  close(accepted[--naccepted]); /* it closes first: its side is the one that waits */
  close(clients[--nclients]);
  sio__listener_close(ln);
  turns(2);
  stop_at_once = listen_v4(port) != 0;
  EQ(stop_at_once, false);
  EQ(shares_at_bind, 1);
  end();
}

TEST(what_is_accepted_does_not_block_and_is_not_inherited) {
  begin_v4(1);
  turns(2);
  REQUIRE(naccepted == 1);
  CHECK(fcntl(accepted[0], F_GETFL) & O_NONBLOCK);
  CHECK(fcntl(accepted[0], F_GETFD) & FD_CLOEXEC);
  CHECK(fcntl(ln->fd, F_GETFD) & FD_CLOEXEC);
  end();
}

TEST(every_address_is_ipv4_and_ipv6) {
  begin();
  EQ(sio__listener_open_tcp(&ln, &loop, NULL, 0, 511, &ops, NULL), 0);
  EQ(dial_v4(sio__listener_port(ln)), 0);
  turns(2);
  EQ(naccepted, 1);
  int err = dial_v6(sio__listener_port(ln));
  turns(2);
  /* A machine may have no IPv6 at all. */
  if (err != -EAFNOSUPPORT && err != -EADDRNOTAVAIL) EQ(naccepted, 2);
  end();
}

TEST(a_port_that_somebody_listens_on_is_in_use) {
  struct listener *second = NULL;
  begin_v4(0);
  int port = sio__listener_port(ln);
  EQ(sio__listener_open_tcp(&second, &loop, "127.0.0.1", port, 511, &ops, NULL), UV_EADDRINUSE);
  CHECK(second == NULL);
  end();
}

TEST(without_ipv6_every_address_is_every_address_of_ipv4) {
  begin();
  no_ipv6 = true;
  EQ(sio__listener_open_tcp(&ln, &loop, NULL, 0, 511, &ops, NULL), 0);
  no_ipv6 = false;
  EQ(dial_v4(sio__listener_port(ln)), 0);
  turns(2);
  EQ(naccepted, 1);
  end();
}

TEST(of_several_addresses_of_a_name_the_first_that_can_be_bound_is_taken) {
  begin();
  second_host = "127.0.0.2";
  EQ(sio__listener_open_tcp(&ln, &loop, "127.0.0.1", 0, 511, &ops, NULL), 0);
  second_host = NULL;
  EQ(dial_v4(sio__listener_port(ln)), 0);
  turns(2);
  EQ(naccepted, 1);
  end();
}

TEST(a_port_is_free_again_when_its_listener_has_stopped) {
  begin_v4(3);
  turns(2);
  int port = sio__listener_port(ln);
  sio__listener_close(ln);
  EQ(dial_v4(port), -ECONNREFUSED);
  EQ(listen_v4(port), 0);
  EQ(dial_v4(port), 0);
  turns(2);
  EQ(naccepted, 4);
  end();
}

TEST(a_port_out_of_range_or_a_name_of_nobody_is_refused) {
  static const int v[][2] = { { EAI_NONAME, UV_EAI_NONAME },
                              { EAI_MEMORY, UV_EAI_MEMORY },
                              { EAI_AGAIN, UV_EAI_AGAIN },
                              { EAI_FAMILY, UV_EAI_FAMILY },
                              { EAI_SYSTEM, UV_EMFILE } };
  begin();
  EQ(listen_v4(-1), UV_EINVAL);
  EQ(listen_v4(65536), UV_EINVAL);
  for (unsigned i = 0; i < sizeof v / sizeof *v; i++) {
    gai_fault = v[i][0];
    EQ(listen_v4(0), v[i][1]);
  }
  net_close();
}

TEST(an_address_of_another_machine_is_not_available) {
  begin();
  EQ(sio__listener_open_tcp(&ln, &loop, "192.0.2.1", 0, 511, &ops, NULL), UV_EADDRNOTAVAIL);
  net_close();
}

TEST(a_listener_without_memory_does_not_begin) {
  begin();
  alloc_fail_in(1);
  EQ(listen_v4(0), UV_ENOMEM);
  net_close();
}

TEST(a_flood_of_connections_lets_others_have_their_turn) {
  begin_v4(150);
  turn();
  CHECK(naccepted > 0);
  CHECK(naccepted < 150);
  turns(4);
  EQ(naccepted, 150);
  end();
}

TEST(a_connection_that_went_away_does_not_hold_up_the_next) {
  begin_v4(1);
  accept_faults[0] = ECONNABORTED;
  accept_faults[1] = EPROTO;
  accept_faults[2] = EINTR;
  turn();
  EQ(naccepted, 1);
  EQ(starvings, 0);
  end();
}

TEST(it_may_be_stopped_while_it_accepts) {
  begin_v4(5);
  stop_at_once = true;
  turns(3);
  EQ(naccepted, 1);
  end();
}

TEST(stopping_twice_is_fine) {
  begin_v4(0);
  sio__listener_close(ln);
  sio__listener_close(ln);
  end();
}

/* ---- no descriptor left ---------------------------------------------------------------------- */

TEST(a_starved_listener_waits_100_ms_and_then_takes_who_waited) {
  static const int v[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM };
  for (unsigned i = 0; i < sizeof v / sizeof *v; i++) {
    begin_v4(2);
    accept_faults[0] = v[i];
    turn();
    EQ(starvings, 1);
    EQ(starved_by, -v[i]);
    turns(10);
    EQ(accept_calls, 1);
    later(99);
    EQ(accept_calls, 1);
    later(1);
    EQ(naccepted, 2);
    EQ(starvings, 1);
    end();
  }
}

TEST(a_listener_starves_again_as_long_as_there_is_nothing) {
  begin_v4(1);
  accept_faults[0] = accept_faults[1] = accept_faults[2] = EMFILE;
  turn();
  later(100);
  later(100);
  EQ(starvings, 3);
  EQ(naccepted, 0);
  later(100);
  EQ(naccepted, 1);
  end();
}

TEST(a_starved_listener_may_be_stopped) {
  begin_v4(1);
  accept_faults[0] = EMFILE;
  turn();
  sio__listener_close(ln);
  later(200);
  EQ(naccepted, 0);
  stop_at_once = true;
  end();
  begin_v4(1);
  stop_at_once = true;
  accept_faults[0] = EMFILE;
  turn();
  later(200);
  EQ(starvings, 1);
  EQ(naccepted, 0);
  end();
}

/* The lowest free descriptor becomes the first that may not be used. */
static struct rlimit exhaust(void) {
  struct rlimit was, now;
  int lowest = dup(0);
  getrlimit(RLIMIT_NOFILE, &was);
  now = was;
  now.rlim_cur = (rlim_t)lowest;
  close(lowest);
  setrlimit(RLIMIT_NOFILE, &now);
  return was;
}

TEST(a_process_without_descriptors_accepts_again_once_it_has_some) {
  begin_v4(3);
  struct rlimit was = exhaust();
  turns(5);
  EQ(starvings, 1);
  EQ(starved_by, UV_EMFILE);
  EQ(naccepted, 0);
  setrlimit(RLIMIT_NOFILE, &was);
  later(100);
  /* Under valgrind a connection that finds no descriptor is lost. */
  unsigned before = naccepted;
  CHECK(before >= 2);
  EQ(dial_v4(sio__listener_port(ln)), 0);
  turns(2);
  EQ(naccepted, before + 1);
  end();
}

/* ---- Unix sockets ---------------------------------------------------------------------------- */

static char dir[32], path[64];

static void begin_unix(void) {
  begin();
  memcpy(dir, "/tmp/listener-XXXXXX", 21);
  if (!mkdtemp(dir)) abort();
  snprintf(path, sizeof path, "%s/socket", dir);
}

static int listen_unix(void) { return sio__listener_open_unix(&ln, &loop, path, 511, &ops, NULL); }

static bool exists(void) {
  struct stat st;
  return lstat(path, &st) == 0;
}

static void end_unix(void) {
  hang_up_all();
  unlink(path);
  if (rmdir(dir)) abort();
  net_close();
}

/* A socket file as a process leaves it that was killed. */
static void leave_stale(void) {
  struct sockaddr_un a = { .sun_family = AF_UNIX };
  memcpy(a.sun_path, path, strlen(path));
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 1)) abort();
  close(fd);
}

TEST(a_unix_socket_accepts_and_its_file_goes_with_it) {
  begin_unix();
  EQ(listen_unix(), 0);
  EQ(sio__listener_port(ln), 0);
  EQ(dial_unix(path), 0);
  turns(2);
  EQ(naccepted, 1);
  sio__listener_close(ln);
  CHECK(!exists());
  end_unix();
}

TEST(a_stale_socket_file_is_replaced) {
  begin_unix();
  leave_stale();
  EQ(dial_unix(path), -ECONNREFUSED);
  EQ(listen_unix(), 0);
  EQ(dial_unix(path), 0);
  turns(2);
  EQ(naccepted, 1);
  sio__listener_close(ln);
  end_unix();
}

TEST(a_socket_that_somebody_listens_on_is_left_alone) {
  struct listener *second = NULL;
  begin_unix();
  EQ(listen_unix(), 0);
  EQ(sio__listener_open_unix(&second, &loop, path, 511, &ops, NULL), UV_EADDRINUSE);
  CHECK(second == NULL);
  turns(2);
  hang_up_all(); /* the look whether it is alive was a connection */
  EQ(dial_unix(path), 0);
  turns(2);
  EQ(naccepted, 1);
  sio__listener_close(ln);
  end_unix();
}

TEST(a_socket_whose_backlog_is_full_is_left_alone) {
  struct sockaddr_un a = { .sun_family = AF_UNIX };
  begin_unix();
  memcpy(a.sun_path, path, strlen(path));
  int busy = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(busy, (struct sockaddr *)&a, sizeof a) || listen(busy, 0)) abort();
  EQ(dial_unix(path), 0);
  EQ(listen_unix(), UV_EADDRINUSE);
  CHECK(exists());
  close(busy);
  end_unix();
}

TEST(a_file_that_is_no_socket_is_left_alone) {
  begin_unix();
  close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  EQ(listen_unix(), UV_EADDRINUSE);
  CHECK(exists());
  end_unix();
}

TEST(a_path_is_as_long_as_the_system_takes) {
  char name[sizeof((struct sockaddr_un *)0)->sun_path + 1];
  begin_unix();
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  EQ(sio__listener_open_unix(&ln, &loop, name, 511, &ops, NULL), UV_ENAMETOOLONG);
  EQ(sio__listener_open_unix(&ln, &loop, "", 511, &ops, NULL), UV_ENAMETOOLONG);
  snprintf(name, sizeof name, "%s/none/socket", dir);
  EQ(sio__listener_open_unix(&ln, &loop, name, 511, &ops, NULL), UV_ENOENT);
  end_unix();
}

TEST(a_unix_listener_without_memory_leaves_no_file) {
  for (size_t i = 1; i <= 2; i++) {
    begin_unix();
    alloc_fail_in(i);
    EQ(listen_unix(), UV_ENOMEM);
    CHECK(!exists());
    end_unix();
  }
}

/* ---- the host's listeners -------------------------------------------------------------------- */

static int taken; /* what sio__accept_fd_from_host_listener() said last */

static void on_connection(uv_stream_t *host_listener, int status) {
  EQ(status, 0);
  taken = sio__accept_fd_from_host_listener(&loop, host_listener);
  if (taken >= 0) accepted[naccepted++] = taken;
}

static void starving_connection(uv_stream_t *host_listener, int status) {
  struct rlimit was = exhaust();
  on_connection(host_listener, status);
  setrlimit(RLIMIT_NOFILE, &was);
}

static void memoryless_connection(uv_stream_t *host_listener, int status) {
  alloc_fail_in(1);
  on_connection(host_listener, status);
  alloc_fail_in(0);
  if (taken < 0) on_connection(host_listener, status);
}

static int listen_with_uv(uv_tcp_t *tcp, uv_connection_cb cb) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
  } a;
  int len = sizeof a;
  uv_ip4_addr("127.0.0.1", 0, &a.v4);
  if (uv_tcp_init(&uv, tcp) || uv_tcp_bind(tcp, &a.any, 0)) abort();
  if (uv_listen((uv_stream_t *)tcp, 16, cb) || uv_tcp_getsockname(tcp, &a.any, &len)) abort();
  return ntohs(a.v4.sin_port);
}

/* Bytes get through in both directions after everything uv had to do with it is gone. */
static void check_taken(void) {
  turns(3);
  REQUIRE(naccepted == 1);
  CHECK(fcntl(accepted[0], F_GETFL) & O_NONBLOCK);
  CHECK(fcntl(accepted[0], F_GETFD) & FD_CLOEXEC);
  tell(clients[0], "in");
  IS(hear(accepted[0]), "in");
  EQ(loop.open_handles, 5);
}

TEST(a_connection_of_the_hosts_tcp_listener_is_taken) {
  uv_tcp_t tcp;
  begin();
  EQ(dial_v4(listen_with_uv(&tcp, on_connection)), 0);
  check_taken();
  EQ(sio__accept_fd_from_host_listener(&loop, (uv_stream_t *)&tcp), UV_EAGAIN);
  uv_close((uv_handle_t *)&tcp, NULL);
  turns(2);
  hang_up_all();
  net_close();
}

TEST(a_connection_of_the_hosts_pipe_listener_is_taken) {
  uv_pipe_t pipe;
  begin_unix();
  if (uv_pipe_init(&uv, &pipe, 0) || uv_pipe_bind(&pipe, path)) abort();
  if (uv_listen((uv_stream_t *)&pipe, 16, on_connection)) abort();
  EQ(dial_unix(path), 0);
  check_taken();
  uv_close((uv_handle_t *)&pipe, NULL);
  turns(2);
  end_unix();
}

TEST(taking_a_connection_without_descriptors_says_so_and_loses_only_that_one) {
  uv_tcp_t tcp;
  begin();
  int port = listen_with_uv(&tcp, starving_connection);
  EQ(dial_v4(port), 0);
  turns(3);
  EQ(taken, UV_EMFILE);
  EQ(loop.open_handles, 5);
  tcp.connection_cb = on_connection;
  EQ(dial_v4(port), 0);
  turns(3);
  EQ(naccepted, 1);
  uv_close((uv_handle_t *)&tcp, NULL);
  turns(2);
  hang_up_all();
  net_close();
}

TEST(taking_a_connection_without_memory_leaves_it_to_be_taken_later) {
  uv_tcp_t tcp;
  begin();
  EQ(dial_v4(listen_with_uv(&tcp, memoryless_connection)), 0);
  check_taken();
  uv_close((uv_handle_t *)&tcp, NULL);
  turns(2);
  hang_up_all();
  net_close();
}

TESTS_BEGIN
T(port_0_is_any_free_one)
T(a_port_that_the_kernel_chooses_is_never_given_to_two_servers)
T(a_server_that_is_started_again_gets_its_port_back_at_once)
T(what_is_accepted_does_not_block_and_is_not_inherited)
T(every_address_is_ipv4_and_ipv6)
T(a_port_that_somebody_listens_on_is_in_use)
T(without_ipv6_every_address_is_every_address_of_ipv4)
T(of_several_addresses_of_a_name_the_first_that_can_be_bound_is_taken)
T(a_port_is_free_again_when_its_listener_has_stopped)
T(a_port_out_of_range_or_a_name_of_nobody_is_refused)
T(an_address_of_another_machine_is_not_available)
T(a_listener_without_memory_does_not_begin)
T(a_flood_of_connections_lets_others_have_their_turn)
T(a_connection_that_went_away_does_not_hold_up_the_next)
T(it_may_be_stopped_while_it_accepts)
T(stopping_twice_is_fine)
T(a_starved_listener_waits_100_ms_and_then_takes_who_waited)
T(a_listener_starves_again_as_long_as_there_is_nothing)
T(a_starved_listener_may_be_stopped)
T(a_process_without_descriptors_accepts_again_once_it_has_some)
T(a_unix_socket_accepts_and_its_file_goes_with_it)
T(a_stale_socket_file_is_replaced)
T(a_socket_that_somebody_listens_on_is_left_alone)
T(a_socket_whose_backlog_is_full_is_left_alone)
T(a_file_that_is_no_socket_is_left_alone)
T(a_path_is_as_long_as_the_system_takes)
T(a_unix_listener_without_memory_leaves_no_file)
T(a_connection_of_the_hosts_tcp_listener_is_taken)
T(a_connection_of_the_hosts_pipe_listener_is_taken)
T(taking_a_connection_without_descriptors_says_so_and_loses_only_that_one)
T(taking_a_connection_without_memory_leaves_it_to_be_taken_later)
TESTS_END
