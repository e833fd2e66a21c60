/* SPDX-License-Identifier: MIT
 *
 * url.c - a copy of the URL is cut up in place.
 */
#include "redis/url.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/slice.h"

enum { PORT_MAX = 65535, DATABASE_MAX = 1000000 };

static int url_refuse(const char **why, int err, const char *text) {
  *why = text;
  return err;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX. False: it is cut off, or a NUL. */
static bool url_decode(char *s) {
  char *to = s;
  for (; *s; s++) {
    char c = *s;
    if (c == '%') {
      int high = hex_digit(s[1]), low = high < 0 ? -1 : hex_digit(s[2]);
      if (low < 0 || (high == 0 && low == 0)) return false;
      c = (char)(high << 4 | low);
      s += 2;
    }
    *to++ = c;
  }
  *to = '\0';
  return true;
}

/* Ends the text at the last, or first, c in it, and returns what follows, or NULL. */
static char *url_cut(char *s, char c, bool last) {
  char *at = last ? strrchr(s, c) : strchr(s, c);
  if (at) *at++ = '\0';
  return at;
}

static bool url_number_is_valid(const char *s, uint64_t most) {
  uint64_t v;
  return sio__slice_parse_u64(slice_str(s), &v) && v <= most;
}

static int url_read_login(struct redis_url *u, char *login, const char **why) {
  char *password = url_cut(login, ':', false);
  if (!url_decode(login) || (password && !url_decode(password)))
    return url_refuse(why, SIO__EINVAL, "url: a '%' is not followed by two hexadecimal digits");
  u->user = *login ? login : NULL;
  u->password = password;
  return 0;
}

/* host, host:port, [address]:port */
static int url_read_host(struct redis_url *u, char *host, const char **why) {
  char *port = NULL;
  if (*host == '[') {
    char *rest = url_cut(host, ']', false);
    if (!rest || (*rest && *rest != ':'))
      return url_refuse(why, SIO__EINVAL, "url: ']' is missing");
    port = *rest ? rest + 1 : NULL;
    host++;
  } else {
    port = url_cut(host, ':', false);
  }
  if (port && (!url_number_is_valid(port, PORT_MAX) || strcmp(port, "0") == 0))
    return url_refuse(why, SIO__EINVAL, "url: the port is not a number from 1 to 65535");
  u->host = *host ? host : "localhost";
  u->port = port ? port : "6379";
  return 0;
}

static int url_read_redis(struct redis_url *u, char *rest, const char **why) {
  char *database = url_cut(rest, '/', false);
  char *host = url_cut(rest, '@', true);
  int err = host ? url_read_login(u, rest, why) : 0;
  if (err) return err;
  if (database && *database) {
    if (!url_number_is_valid(database, DATABASE_MAX))
      return url_refuse(why, SIO__EINVAL, "url: the database is not a number");
    u->database = database;
  }
  return url_read_host(u, host ? host : rest, why);
}

static int url_read_unix(struct redis_url *u, char *path, const char **why) {
  if (*path != '/' || !url_decode(path))
    return url_refuse(why, SIO__EINVAL, "url: unix:// is not followed by the path of a socket");
  u->path = path;
  return 0;
}

int sio__redis_url_parse(struct redis_url *u, const char *url, const char **why) {
  *u = (struct redis_url){ 0 };
  *why = "";
  if (!url) url = "redis://localhost";
  if (!(u->text = sio__strndup(url, strlen(url)))) return SIO__ENOMEM;
  if (strncmp(url, "redis://", 8) == 0) return url_read_redis(u, u->text + 8, why);
  if (strncmp(url, "unix://", 7) == 0) return url_read_unix(u, u->text + 7, why);
  u->secure = strncmp(url, "rediss://", 9) == 0;
  if (u->secure) return url_read_redis(u, u->text + 9, why);
  return url_refuse(why, SIO__EINVAL, "url: it begins with none of redis://, rediss://, unix://");
}

void sio__redis_url_clear(struct redis_url *u) { sio__free(u->text); }
