/* SPDX-License-Identifier: MIT
 *
 * meter.h - what the load generator measures with: the clock, another process's CPU time and
 * memory, and a histogram of latencies.
 */
#ifndef SIO_BENCH_METER_H
#define SIO_BENCH_METER_H

#include <stdint.h>
#include <sys/types.h>

struct usage {
  double cpu;               /* seconds, all threads, exact                             */
  double user_ticks, ticks; /* sampled by the kernel: good enough for the share of user time */
  unsigned long wakeups;    /* voluntary context switches                              */
};

uint64_t meter_now(void); /* ns, monotonic */
double meter_own_cpu(void);

struct usage meter_usage(pid_t pid);
long meter_rss(pid_t pid); /* bytes, exact; reads all mappings of the process */

/* Each power of two has 32 buckets. */
void meter_record(uint64_t ns);
void meter_forget(void);
double meter_percentile(double p); /* in microseconds */

#endif
