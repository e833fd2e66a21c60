/* SPDX-License-Identifier: MIT
 *
 * test_redis_syscalls.c - calls to the kernel, to libuv and to hiredis that fail on a connection to
 * Redis: the connection is given up with a line that says why, and made again.
 */
#include "redis_questions.h"
#include "wrapped.h"

static int send_error;    /* of the next send() of the library; 0: none */
static int later_error;   /* of the one after it */
static size_t send_most;  /* how many bytes one send() takes; 0: all */
static bool fails_to_dup; /* fcntl(F_DUPFD_CLOEXEC) */
static int poll_init_error, poll_start_error, pipe_error, read_error;
static bool no_reader;
static int odd_reader; /* 'f': redisReaderFeed() is out of memory; 'g': redisReaderGetReply() */
static uv_poll_t *polled;
static uv_poll_cb on_poll;

static bool is_of_fake(int fd) {
  for (int i = 0; i < FAKE_CONNS; i++)
    if (conns[i].fd == fd) return true;
  return false;
}

ssize_t __real_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags) {
  bool library = !is_of_fake(fd);
  if (library && send_error) {
    errno = send_error;
    send_error = later_error;
    later_error = 0;
    return -1;
  }
  if (library && send_most && n > send_most) n = send_most;
  return __real_send(fd, p, n, flags);
}

int REAL(OFFSET64(fcntl))(int fd, int command, ...);
int WRAPPED(OFFSET64(fcntl))(int fd, int command, ...);
int WRAPPED(OFFSET64(fcntl))(int fd, int command, ...) {
  va_list ap;
  va_start(ap, command);
  long argument = va_arg(ap, long);
  va_end(ap);
  if (fails_to_dup && command == F_DUPFD_CLOEXEC) {
    fails_to_dup = false;
    errno = EMFILE;
    return -1;
  }
  return REAL(OFFSET64(fcntl))(fd, command, argument);
}

/* Takes an error that is to be returned once. */
static int take_error(int *error) {
  int err = *error;
  *error = 0;
  return err;
}

int __real_uv_poll_init(uv_loop_t *l, uv_poll_t *p, int fd);
int __wrap_uv_poll_init(uv_loop_t *l, uv_poll_t *p, int fd);
int __wrap_uv_poll_init(uv_loop_t *l, uv_poll_t *p, int fd) {
  int err = take_error(&poll_init_error);
  return err ? err : __real_uv_poll_init(l, p, fd);
}

int __real_uv_poll_start(uv_poll_t *p, int events, uv_poll_cb cb);
int __wrap_uv_poll_start(uv_poll_t *p, int events, uv_poll_cb cb);
int __wrap_uv_poll_start(uv_poll_t *p, int events, uv_poll_cb cb) {
  int err = take_error(&poll_start_error);
  polled = p;
  on_poll = cb;
  return err ? err : __real_uv_poll_start(p, events, cb);
}

int __real_uv_pipe_init(uv_loop_t *l, uv_pipe_t *p, int ipc);
int __wrap_uv_pipe_init(uv_loop_t *l, uv_pipe_t *p, int ipc);
int __wrap_uv_pipe_init(uv_loop_t *l, uv_pipe_t *p, int ipc) {
  int err = take_error(&pipe_error);
  return err ? err : __real_uv_pipe_init(l, p, ipc);
}

int __real_uv_read_start(uv_stream_t *s, uv_alloc_cb alloc, uv_read_cb cb);
int __wrap_uv_read_start(uv_stream_t *s, uv_alloc_cb alloc, uv_read_cb cb);
int __wrap_uv_read_start(uv_stream_t *s, uv_alloc_cb alloc, uv_read_cb cb) {
  int err = take_error(&read_error);
  return err ? err : __real_uv_read_start(s, alloc, cb);
}

redisReader *__real_redisReaderCreate(void);
redisReader *__wrap_redisReaderCreate(void);
redisReader *__wrap_redisReaderCreate(void) {
  bool fails = no_reader;
  no_reader = false;
  return fails ? NULL : __real_redisReaderCreate();
}

static bool reader_is_out_of_memory(redisReader *r, int which) {
  if (odd_reader != which) return false;
  odd_reader = 0;
  r->err = REDIS_ERR_OOM;
  return true;
}

int __real_redisReaderFeed(redisReader *r, const char *p, size_t n);
int __wrap_redisReaderFeed(redisReader *r, const char *p, size_t n);
int __wrap_redisReaderFeed(redisReader *r, const char *p, size_t n) {
  return reader_is_out_of_memory(r, 'f') ? REDIS_ERR : __real_redisReaderFeed(r, p, n);
}

int __real_redisReaderGetReply(redisReader *r, void **reply);
int __wrap_redisReaderGetReply(redisReader *r, void **reply);
int __wrap_redisReaderGetReply(redisReader *r, void **reply) {
  return reader_is_out_of_memory(r, 'g') ? REDIS_ERR : __real_redisReaderGetReply(r, reply);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void begin_quietly(void) {
  begin(NULL);
  clock_ms += 2000;
  lines[0] = '\0';
}

/* One of the two connections has failed for this reason, and is there again. */
static void was_made_again(const char *why_it_failed) {
  UNTIL(redis_stats().failures == 1);
  settle();
  if (!strstr(lines, why_it_failed)) fprintf(stderr, "%s", lines);
  CHECK(strstr(lines, why_it_failed));
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
  saw();
  sio_server_count(root, 0, on_count, NULL);
  UNTIL(*traced);
  SAW("all 2 ");
  end();
}

TEST(a_write_that_fails_ends_the_connection) {
  begin_quietly();
  send_error = ECONNRESET;
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(redis_stats().unanswered == 1);
  was_made_again("for commands failed: the connection broke: connection reset by peer; next");
}

TEST(a_write_that_is_interrupted_is_repeated) {
  begin_quietly();
  send_error = EINTR;
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(nsaid == 1);
  EQ(redis_stats().failures, 0);
  EQ(send_error, 0);
  end();
}

TEST(a_kernel_that_takes_little_at_a_time_gets_all_of_it) {
  begin_quietly();
  send_most = 7;
  for (int i = 0; i < 5; i++) sio_broadcast(ALL, "ev", SIO_ARGS(i));
  UNTIL(nsaid == 5);
  PUBLISHED("socket.io#/#",
            "93a677316759557a83a47479706502a46461746192a2657600a36e7370a12f83a5726f6f6d7390a66578"
            "63657074"
            "90a5666c61677380");
  EQ(redis_stats().queued, 0);
  EQ(redis_stats().failures, 0);
  send_most = 0;
  end();
}

TEST(a_descriptor_that_cannot_be_watched_ends_the_connection) {
  for (int i = 0; i < 3; i++) {
    begin_quietly();
    send_error = EAGAIN;
    fails_to_dup = i == 0;
    poll_init_error = i == 1 ? UV_ENOMEM : 0;
    poll_start_error = i == 2 ? UV_EBADF : 0;
    sio_broadcast(ALL, "ev", SIO_NONE);
    UNTIL(redis_stats().failures == 1);
    EQ(fails_to_dup || poll_init_error || poll_start_error, 0);
    was_made_again(i == 0   ? "the connection broke: too many open files"
                   : i == 1 ? "the connection broke: not enough memory"
                            : "the connection broke: bad file descriptor");
  }
}

TEST(a_full_kernel_is_waited_for) {
  begin_quietly();
  for (int i = 0; i < 3; i++) { /* the watch is made once */
    send_error = EAGAIN;
    sio_broadcast(ALL, "ev", SIO_NONE);
    turn();
    EQ(send_error, 0);
    sio_broadcast(ALL, "ev", SIO_NONE);
    UNTIL(nsaid == 2 * (unsigned)i + 2);
    EQ(redis_stats().queued, 0);
  }
  EQ(redis_stats().failures, 0);
  end();
}

TEST(a_watch_that_fails_ends_the_connection) {
  begin_quietly();
  send_error = EAGAIN;
  polled = NULL;
  sio_broadcast(ALL, "ev", SIO_NONE);
  turn();
  REQUIRE(polled != NULL && send_error == 0);
  on_poll(polled, UV_EBADF, 0);
  was_made_again("the connection broke: bad file descriptor");
}

TEST(a_write_that_fails_later_ends_the_connection) {
  begin_quietly();
  send_error = EAGAIN;
  later_error = EPIPE;
  sio_broadcast(ALL, "ev", SIO_NONE);
  was_made_again("the connection broke: broken pipe");
}

TEST(without_memory_for_a_handle_it_tries_again) {
  for (int i = 0; i < 2; i++) {
    begin_quietly();
    pipe_error = i == 0 ? UV_EMFILE : 0;
    no_reader = i == 1;
    for (int k = 0; k < FAKE_CONNS; k++)
      if (conns[k].fd >= 0 && !conns[k].subscribed) fake_close(&conns[k]);
    UNTIL(redis_stats().failures == 2);
    clock_ms += 2000;
    UNTIL(redis_stats().state == SIO_REDIS_READY);
    EQ(pipe_error || no_reader, 0);
    EQ(redis_stats().connects, 3);
    end();
  }
}

TEST(without_memory_for_a_reply_the_connection_ends) {
  static const int which[] = { 'f', 'g' };
  for (int i = 0; i < 2; i++) {
    begin_quietly();
    odd_reader = which[i];
    sio_broadcast(ALL, "ev", SIO_NONE);
    UNTIL(redis_stats().failures == 1);
    was_made_again("for commands failed: no memory for what Redis sent; next attempt in");
  }
}

TEST(a_login_that_cannot_be_sent_or_read_is_tried_again) {
  for (int i = 0; i < 2; i++) {
    static const char *const first[] = { "w1gYUz", NULL };
    ids = first;
    EQ(begin_code(NULL), 0);
    if (i == 0) send_error = EPIPE;
    if (i == 1) read_error = UV_ENOTCONN;
    UNTIL(redis_stats().failures == 1);
    settle();
    CHECK(strstr(lines,
                 i == 0 ? "cannot log in: broken pipe" : "cannot log in: socket is not connected"));
    UNTIL(redis_stats().state == SIO_REDIS_READY);
    end();
  }
}

TESTS_BEGIN
T(a_write_that_fails_ends_the_connection)
T(a_write_that_is_interrupted_is_repeated)
T(a_kernel_that_takes_little_at_a_time_gets_all_of_it)
T(a_descriptor_that_cannot_be_watched_ends_the_connection)
T(a_full_kernel_is_waited_for)
T(a_watch_that_fails_ends_the_connection)
T(a_write_that_fails_later_ends_the_connection)
T(without_memory_for_a_handle_it_tries_again)
T(without_memory_for_a_reply_the_connection_ends)
T(a_login_that_cannot_be_sent_or_read_is_tried_again)
TESTS_END
