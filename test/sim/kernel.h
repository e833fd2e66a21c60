/* SPDX-License-Identifier: MIT
 *
 * kernel.h - the simulated kernel: time, descriptors, and wires between peers and the server.
 *
 * The library's system calls end here (kernel.c defines __wrap_recv() and its kin; the linker puts
 * them in the place of the real ones). A wire has two streams of bytes. What is written to one is
 * readable at the other end when its delay is over; nothing is lost, and nothing changes its order
 * within a stream. Peers are called back through peer.h.
 */
#ifndef SIO_SIM_KERNEL_H
#define SIO_SIM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NEVER UINT64_MAX

/* The order in which the host listens. Where each server listens for itself, these are the first
 * one's, and so on. PORT_OUT: the server has opened it. */
enum { PORT_PLAIN, PORT_TLS, PORT_UNIX, PORTS, PORT_OUT = PORTS };

enum { WIRES = 96, FD_BASE = 1 << 20, FDS = 128 };

struct peer;

struct segment {
  struct segment *next;
  uint64_t at; /* when it can be read */
  size_t n, off;
  uint8_t bytes[];
};

/* One direction. */
struct stream {
  struct segment *first, **last;
  struct segment *under_way; /* the first that has not arrived       */
  size_t arrived;            /* bytes that can be read                     */
  size_t bytes;              /* not read yet, those on their way included  */
  size_t total;              /* ever written                               */
  uint64_t last_at;          /* when the last one written arrives          */
  uint64_t fin_at;           /* when its end arrives                       */
};

struct wire {
  struct peer *peer;
  int id;
  int fd;             /* the server's descriptor; -1: not accepted yet, or closed there      */
  unsigned port;      /* what kind of listener it came to: PORT_PLAIN ...                    */
  unsigned listener;  /* which one: an index, in the order of listening                      */
  unsigned files;     /* descriptors of the server that stand for it                         */
  uint64_t knocks_at; /* when it reaches the listener                                        */
  bool used;
  bool accepted;
  bool server_closed, peer_closed;
  bool server_shut;       /* the server has sent its FIN                                         */
  bool vanished;          /* the peer's host is gone: nothing comes from it, nothing reaches it  */
  bool broken;            /* a reset came, or goes, between the two: what was under way is lost  */
  bool told_end;          /* the peer was told that the server has ended it                      */
  uint64_t reset_at;      /* when a reset reaches the server                                     */
  uint64_t peer_reset_at; /* when one reaches the peer                                        */
  struct stream up, down; /* to the server, to the peer                                       */
  size_t room;            /* bytes that fit into the server's send buffer and the peer's receive */
  uint32_t delay_us;      /* one way                                                             */
  uint32_t jitter_us;
  uint64_t allowance; /* bytes the peer is willing to read; NEVER: all                       */
  uint32_t address;   /* IPv4, in the host's order; 0: a Unix socket                         */
};

struct kernel {
  uint64_t now; /* us */
  struct wire wires[WIRES];
  int nwires; /* slots used ever */
  int wires_ever;
  /* How often things go wrong: once in so many calls; 0: never. */
  uint32_t eintr, spurious, nobufs, short_reads, short_writes, accept_fails, poll_init_fails,
      aborted;
  uint64_t refused;  /* descriptors that could not be watched, ever          */
  uint64_t calls;    /* system calls of the server, ever                     */
  uint64_t bytes_in; /* that the server has read                             */
  uint64_t random;   /* state of getrandom()                                 */
  unsigned open_fds;
};
extern struct kernel kernel;

void kernel_begin(void);
void kernel_end(void);  /* frees what peers hold of it */
void kernel_calm(void); /* nothing fails from now on */

/* ---- for the loop ------------------------------------------------------------------- */

bool kernel_is_fd(int fd);
bool kernel_readable(int fd);
bool kernel_writable(int fd);
bool kernel_broken(int fd); /* a reset has arrived */
/* What libuv does with the descriptor of a stream; a code of libuv, never UV_EINTR. */
ssize_t kernel_receive(int fd, void *p, size_t n);
/* The peer that talks over it; NULL: a listener. */
struct wire *kernel_wire(int fd);
/* When the next thing happens that a descriptor or a peer waits for. */
uint64_t kernel_next(void);
/* Tells peers what has arrived by now. */
void kernel_deliver(void);

/* A descriptor of a wire that the server opens to somebody; -1: there is none. */
int kernel_connect(struct peer *to);
void kernel_close(int fd);

/* ---- for the host: a connection that was accepted elsewhere ------------------------- */

int kernel_accept_now(unsigned port); /* a descriptor, or -1: nobody knocks */

/* ---- for peers ---------------------------------------------------------------------- */

/* NULL: too many wires. server: whose listener, where each has its own; otherwise 0. address: IPv4
 * in host order, 0 for a Unix socket. */
struct wire *wire_open(struct peer *p, unsigned server, unsigned port, uint32_t address);
void wire_write(struct wire *w, const void *p, size_t n);
/* What has arrived and the allowance lets through; 0: nothing now. */
size_t wire_read(struct wire *w, void *p, size_t n);
size_t wire_readable(struct wire *w);
void wire_hurry(struct wire *w);       /* all that is under way to the peer arrives now */
bool wire_ended(const struct wire *w); /* FIN or reset has arrived, and all before it was read */
void wire_fin(struct wire *w);         /* no more will be written; reading goes on           */
void wire_close(struct wire *w);       /* as close(2): a reset if bytes lie unread           */
void wire_reset(struct wire *w);
void wire_vanish(struct wire *w);

#endif
