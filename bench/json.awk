# SPDX-License-Identifier: GPL-2.0
# Rows of a benchmark as JSON, and all rows. Of services: null_call.ENGINE.{instructions,exits,vmfuncs,...}.
# With -v groups=kind: KIND.ENGINE.{...} of each. Lines @long, @record and @parts are told in lists of that name.
BEGIN { FS = "\t" }
function text(s) { gsub(/["\\]/, "\\\\&", s); return "\"" s "\"" }
function object(skip,    i, p, k, x, s) {
	s = ""
	for (i = 2; i <= NF; i++) {
		p = index($i, "="); k = substr($i, 1, p - 1); x = substr($i, p + 1)
		if (k == skip)
			continue
		s = s (s == "" ? "" : ", ") text(k) ": " (x ~ /^[0-9]+$/ ? x : text(x))
	}
	return "{ " s " }"
}
/^@row/ {
	rows = rows (rows == "" ? "" : ",\n") "    " object("")
	engine = $2; kind = $3
	sub(/^engine=/, "", engine); sub(/^kind=/, "", kind)
	if (groups == "" && kind != "null")
		next
	group = groups == "" ? "null_call" : kind
	if (!(group in member))
		order[++count] = group
	member[group] = member[group] (member[group] == "" ? "" : ",\n") "    " text(engine) ": " object("engine")
}
/^@(long|record|parts)/ {
	name = substr($1, 2)
	list[name] = list[name] (list[name] == "" ? "" : ",\n") "    " object("")
}
END {
	print "{"
	for (name in list)
		printf "  %s: [\n%s\n  ],\n", text(name), list[name]
	for (i = 1; i <= count; i++)
		printf "  %s: {\n%s\n  },\n", text(order[i]), member[order[i]]
	printf "  \"rows\": [\n%s\n  ]\n}\n", rows
}
