# SPDX-License-Identifier: GPL-2.0
# Rows of bench_services as JSON: null_call.{vmfunc,exit}.{instructions,exits,vmfuncs,...}, and all rows.
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
	if ($0 ~ /\tkind=null\t/) {
		sub(/^engine=/, "", $2); engine = $2; $2 = "engine=" engine
		null = null (null == "" ? "" : ",\n") "    " text(engine) ": " object("engine")
	}
}
END { printf "{\n  \"null_call\": {\n%s\n  },\n  \"rows\": [\n%s\n  ]\n}\n", null, rows }
