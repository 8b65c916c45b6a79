// SPDX-License-Identifier: GPL-2.0
/* Listings as tables and as JSON. */
#include "json.h"

#include <stdlib.h>

static json_object *need(json_object *o)
{
	if (!o)
		abort();
	return o;
}

json_object *xo_json_new(void)
{
	return need(json_object_new_object());
}

static void put(json_object *o, const char *key, json_object *value)
{
	if (json_object_object_add(o, key, need(value)))
		abort();
}

json_object *xo_json_array(json_object *parent, const char *key)
{
	json_object *a;

	if (!parent)
		return NULL;
	a = need(json_object_new_array());
	put(parent, key, a);
	return a;
}

json_object *xo_json_object(json_object *parent, const char *key)
{
	json_object *o;

	if (!parent)
		return NULL;
	o = xo_json_new();
	put(parent, key, o);
	return o;
}

json_object *xo_json_add(json_object *array)
{
	json_object *o;

	if (!array)
		return NULL;
	o = xo_json_new();
	if (json_object_array_add(array, o))
		abort();
	return o;
}

void xo_json_string(json_object *o, const char *key, const char *value)
{
	if (o)
		put(o, key, json_object_new_string(value));
}

void xo_json_number(json_object *o, const char *key, uint64_t value)
{
	if (o)
		put(o, key, json_object_new_uint64(value));
}

void xo_json_signed(json_object *o, const char *key, int64_t value)
{
	if (o)
		put(o, key, json_object_new_int64(value));
}

void xo_json_bool(json_object *o, const char *key, bool value)
{
	if (o)
		put(o, key, json_object_new_boolean(value));
}

void xo_put_text(struct xo_table *t, json_object *o, const char *key, const char *value)
{
	xo_cell(t, "%s", value);
	xo_json_string(o, key, value);
}

void xo_put_number(struct xo_table *t, json_object *o, const char *key, uint64_t value)
{
	xo_cell(t, "%llu", (unsigned long long)value);
	xo_json_number(o, key, value);
}

void xo_put_signed(struct xo_table *t, json_object *o, const char *key, int64_t value)
{
	xo_cell(t, "%lld", (long long)value);
	xo_json_signed(o, key, value);
}

void xo_json_print(json_object *root)
{
	if (!root)
		return;
	puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
}

bool xo_json_option(int argc, char **argv, const char *help, bool *as_json, int *status)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	int c;

	while ((c = xo_option(argc, argv, ":jh", options, help, status)) >= 0)
		*as_json = true;
	return c != -2 && xo_words(argc, argv, 0, "no words", status);
}

void xo_row_of(struct xo_table *t, const char *const *texts)
{
	for (size_t i = 0; i < t->columns; i++)
		xo_cell(t, "%s", texts[i]);
}

void xo_table_finish(struct xo_table *t, bool show, const char *none)
{
	if (show && t->count == t->columns)
		puts(none);
	xo_table_print(t, show && t->count > t->columns ? stdout : NULL);
}
