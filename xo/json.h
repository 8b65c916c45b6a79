/* SPDX-License-Identifier: GPL-2.0 */
/* One listing, two forms: the calls below do nothing on a NULL object, so that a function that
 * fills a table fills a JSON document on the side. Out of memory aborts. */
#ifndef XO_JSON_H
#define XO_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include "common.h"

json_object *xo_json_new(void);
json_object *xo_json_array(json_object *parent, const char *key);  /* new array in it */
json_object *xo_json_object(json_object *parent, const char *key); /* new object in it */
json_object *xo_json_add(json_object *array);			   /* new object in it */
void xo_json_string(json_object *o, const char *key, const char *value);
void xo_json_number(json_object *o, const char *key, uint64_t value);
void xo_json_signed(json_object *o, const char *key, int64_t value);
void xo_json_bool(json_object *o, const char *key, bool value);

/* One column in both forms: a cell of the table, and `key` of the object. */
void xo_put_text(struct xo_table *t, json_object *o, const char *key, const char *value);
void xo_put_number(struct xo_table *t, json_object *o, const char *key, uint64_t value);
void xo_put_signed(struct xo_table *t, json_object *o, const char *key, int64_t value);

/* Print it on stdout and free it. */
void xo_json_print(json_object *root);

/* The options of a command that has only --json and --help, and takes no words: false: stop now
 * with *status. */
bool xo_json_option(int argc, char **argv, const char *help, bool *as_json, int *status);

/* Add a row of plain texts. */
#define xo_row(t, ...) xo_row_of((t), (const char *const[]){ __VA_ARGS__ })
void xo_row_of(struct xo_table *t, const char *const *texts);

/* Print the table if `show` (else drop it); with no row but its heading, print `none` instead. */
void xo_table_finish(struct xo_table *t, bool show, const char *none);

#endif
