# SPDX-License-Identifier: MIT
"""Shared by tools/client-bundle and tools/embed-assets: files as a C table of sio_asset."""
import re

# Longer literals than this make some compilers slow.
LITERAL = 8192


def escape(match):
    byte = match.group()[0]
    return {0x0A: b"\\n", 0x22: b'\\"', 0x5C: b"\\\\"}.get(byte, b"\\%03o" % byte)


def literals(data):
    for start in range(0, max(len(data), 1), LITERAL):
        text = re.sub(rb'[^ -~]|["\\?]', escape, data[start:start + LITERAL])
        yield '  "' + text.decode("ascii") + '"'


def write_table(out, declaration, rows):
    """rows: (path, content type, bytes, etag or None). An empty table has one row of NULLs."""
    out.write('#pragma GCC diagnostic push\n')
    out.write('#pragma GCC diagnostic ignored "-Woverlength-strings"\n\n')
    for i, (_, _, data, _) in enumerate(rows):
        text = "\n".join(literals(data))
        out.write(f"static const char file{i}[] =\n{text};\n\n")
    out.write("#pragma GCC diagnostic pop\n\n")
    out.write(f"{declaration} = {{\n")
    for i, (path, kind, _, etag) in enumerate(rows):
        tag = f'"\\"{etag}\\""' if etag else "NULL"
        out.write(f'  {{ "{path}", "{kind}", file{i}, sizeof file{i} - 1, {tag} }},\n')
    if not rows:
        out.write("  { NULL, NULL, NULL, 0, NULL },\n")
    out.write("};\n")
