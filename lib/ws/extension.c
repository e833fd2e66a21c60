/* SPDX-License-Identifier: MIT
 *
 * extension.c - parses Sec-WebSocket-Extensions (RFC 6455 section 9.1) and checks the parameters of
 * permessage-deflate.
 */
#include "ws/extension.h"

#include <stdio.h>

/* ---- the grammar ------------------------------------------------------------------------ */

enum { VALUE_MAX = 8 }; /* in characters; a valid value of a known parameter has one or two */

struct param {
  sio_slice name;
  bool has_value;
  char value[VALUE_MAX];
  size_t n; /* length of the value, of which the first VALUE_MAX characters are stored */
};

static bool is_extension_token_char(char c) {
  return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}

static void skip_spaces_and_tabs(sio_slice *s) {
  while (s->n && (*s->p == ' ' || *s->p == '\t')) s->p++, s->n--;
}

static bool skip_blanks_and_take_char_if(sio_slice *s, char c) {
  skip_spaces_and_tabs(s);
  if (s->n == 0 || *s->p != c) return false;
  s->p++;
  s->n--;
  return true;
}

static bool take_token_of_extension_header(sio_slice *s, sio_slice *token) {
  skip_spaces_and_tabs(s);
  *token = slice(s->p, 0);
  while (s->n && is_extension_token_char(*s->p)) s->p++, s->n--, token->n++;
  return token->n > 0;
}

static void param_append_value_char(struct param *p, char c) {
  if (p->n < VALUE_MAX) p->value[p->n] = c;
  p->n++;
}

/* Parses the rest of a quoted value, after the opening quote. The unquoted text must be a token. */
static bool take_quoted_param_value(sio_slice *s, struct param *p) {
  while (s->n && *s->p != '"') {
    bool escaped = *s->p == '\\';
    s->p += escaped;
    s->n -= escaped;
    if (s->n == 0 || !is_extension_token_char(*s->p)) return false;
    param_append_value_char(p, *s->p);
    s->p++;
    s->n--;
  }
  return skip_blanks_and_take_char_if(s, '"') && p->n > 0;
}

static bool parse_param_value_and_advance(sio_slice *s, struct param *p) {
  sio_slice token;
  p->has_value = true;
  if (skip_blanks_and_take_char_if(s, '"')) return take_quoted_param_value(s, p);
  if (!take_token_of_extension_header(s, &token)) return false;
  for (size_t i = 0; i < token.n; i++) param_append_value_char(p, token.p[i]);
  return true;
}

static bool parse_extension_param_and_advance(sio_slice *s, struct param *p) {
  *p = (struct param){ .n = 0 };
  if (!take_token_of_extension_header(s, &p->name)) return false;
  return !skip_blanks_and_take_char_if(s, '=') || parse_param_value_and_advance(s, p);
}

/* ---- parameters ------------------------------------------------------------------------- */

struct offer {
  bool server_plain, client_plain; /* server_, client_no_context_takeover were offered */
  bool client_window;
  unsigned server_window; /* bits; 0: not named, or invalid */
  bool bad;
};

/* Parses a number from 8 to 15 without leading zeros. Returns 0 for anything else. */
static unsigned parse_window_bits(const struct param *p) {
  if (p->n == 1 && (p->value[0] == '8' || p->value[0] == '9')) return (unsigned)(p->value[0] - '0');
  if (p->n != 2 || p->value[0] != '1' || p->value[1] < '0' || p->value[1] > '5') return 0;
  return 10 + (unsigned)(p->value[1] - '0');
}

static bool set_flag_and_return_true_if_it_was_unset(bool *flag) {
  bool first = !*flag;
  *flag = true;
  return first;
}

/* Stores one parameter of an offer. Returns false if it is unknown, repeated or invalid. */
static bool deflate_offer_check_and_store_param(struct offer *o, const struct param *p) {
  if (slice_equals_str(p->name, "server_no_context_takeover"))
    return !p->has_value && set_flag_and_return_true_if_it_was_unset(&o->server_plain);
  if (slice_equals_str(p->name, "client_no_context_takeover"))
    return !p->has_value && set_flag_and_return_true_if_it_was_unset(&o->client_plain);
  if (slice_equals_str(p->name, "client_max_window_bits"))
    return (!p->has_value || parse_window_bits(p)) &&
           set_flag_and_return_true_if_it_was_unset(&o->client_window);
  if (!slice_equals_str(p->name, "server_max_window_bits") || o->server_window) return false;
  o->server_window = parse_window_bits(p);
  return o->server_window > 0;
}

/* Parses one offer: the extension's name and its parameters. Returns false for a syntax error. */
static bool parse_extension_offer_and_advance(sio_slice *s, sio_slice *name, struct offer *o) {
  *o = (struct offer){ .bad = false };
  if (!take_token_of_extension_header(s, name)) return false;
  while (skip_blanks_and_take_char_if(s, ';')) {
    struct param p;
    if (!parse_extension_param_and_advance(s, &p)) return false;
    if (!deflate_offer_check_and_store_param(o, &p)) o->bad = true;
  }
  skip_spaces_and_tabs(s);
  return s->n == 0 || *s->p == ',';
}

/* ---- the answer ---------------------------------------------------------------------------- */

static bool is_deflate_offer_acceptable(const struct ws_deflate *have, sio_slice name,
                                        const struct offer *o) {
  if (!slice_equals_str(name, "permessage-deflate") || o->bad) return false;
  return !o->server_window || o->server_window >= have->window_bits;
}

/* The answer names our window if the client has asked for a limit, or if our window is smaller than
 * 32 KiB: then the client needs less memory. */
static void write_deflate_negotiation_answer(const struct ws_deflate *have, const struct offer *o,
                                             char out[WS_ANSWER_MAX]) {
  char window[32] = "";
  if (o->server_window || have->window_bits < 15)
    snprintf(window, sizeof window, "; server_max_window_bits=%u", have->window_bits);
  snprintf(out, WS_ANSWER_MAX,
           "permessage-deflate; server_no_context_takeover; client_no_context_takeover%s", window);
}

bool sio__ws_write_answer_to_deflate_offers(const struct ws_deflate *have, sio_slice header,
                                            char out[WS_ANSWER_MAX]) {
  sio_slice name;
  struct offer o;
  do {
    while (skip_blanks_and_take_char_if(&header, ',')) continue; /* empty elements are allowed */
    if (!parse_extension_offer_and_advance(&header, &name, &o)) return false;
    if (!is_deflate_offer_acceptable(have, name, &o)) continue;
    write_deflate_negotiation_answer(have, &o, out);
    return true;
  } while (skip_blanks_and_take_char_if(&header, ','));
  return false;
}
