# SPDX-License-Identifier: MIT
"""Shared by tools/docs and tools/manpages: the public headers as a list of documented declarations.

The rules of the headers, which read() checks:
 - the comment at the top has the line "NAME.h - what it is.", and then text about the whole header;
 - a comment of the form "---- title ----" begins a section; text in it is about the whole section;
 - a comment is about all declarations that follow it, up to the next blank line or comment;
 - a comment belongs to the header, and not to a declaration, if a blank line follows it.
"""
import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include/sio"


@dataclasses.dataclass
class Group:
    """Declarations that share a comment."""
    text: str  # the comment, without its decoration
    code: str  # the declarations, as they are written
    names: list  # the public names that they declare
    calls: list  # of these, the functions and the macros that take arguments


@dataclasses.dataclass
class Section:
    title: str
    text: str
    groups: list


@dataclasses.dataclass
class Header:
    name: str  # "socket.h"
    title: str  # "a socket: one client in one namespace."
    text: str
    sections: list

    def groups(self):
        return [group for section in self.sections for group in section.groups]


def undecorated(comment):
    lines = [re.sub(r"^ ?\* ?", "", line.rstrip()) for line in comment[2:-2].split("\n")]
    lines[0] = lines[0].strip()
    return "\n".join(lines).strip("\n ")


def is_complete(code):
    if code.startswith("#"):
        return not code.endswith("\\")
    bare = re.sub(r"/\*.*?\*/|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)'", "", code, flags=re.DOTALL).rstrip()
    if "/*" in bare or bare.count("{") != bare.count("}") or bare.count("(") != bare.count(")"):
        return False
    return bare.endswith(";") or bare.endswith("}") and "typedef" not in bare and ")" in bare.split("{")[0]


def chunks(body):
    """Yields ("blank" | "comment" | "code", text) for what a header has between its guards."""
    lines = iter(body.split("\n"))
    for line in lines:
        if not line.strip():
            yield "blank", ""
            continue
        if line.startswith("/*"):
            while "*/" not in line:
                line += "\n" + next(lines)
            yield "comment", line
            continue
        while not is_complete(line):
            line += "\n" + next(lines)
        yield "code", line


def names_of(code):
    """The public names that a declaration makes, and those of them that are called."""
    bare = re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL)
    macro = re.match(r"#define (\w+)(\()?", bare)
    if macro:
        return [macro[1]], [macro[1]] if macro[2] else []
    function = re.match(r"(?:SIO_EXTERN|static inline)[^(]*?(\w+)\(", bare)
    if function:
        return [function[1]], [function[1]]
    variable = re.match(r"SIO_EXTERN extern const \w+ \*const (\w+);", bare)
    if variable:
        return [variable[1]], []
    names = re.findall(r"\(\*(sio_\w+)\)\(", bare) if bare.startswith("typedef") and "{" not in bare else []
    names += re.findall(r"^(?:typedef )?(?:struct|enum|union) (sio_\w+) \{", bare, re.MULTILINE)
    names += re.findall(r"\}\s*(sio_\w+);", bare)
    if bare.startswith("typedef") and not names:
        names = re.findall(r"(sio_\w+);", bare)
    if bare.startswith("enum"):
        names += re.findall(r"\b(SIO_[A-Z0-9_]+)\b(?= *[=,}\n])", bare)
    return list(dict.fromkeys(names)), []


def is_public(code, names):
    if code.startswith("#define") and re.match(r"#define SIO_\w+_H$|#define SIO_(EXTERN|XX)\b", code):
        return False
    return any(not name.lower().startswith("sio__") for name in names)


def without_body(code):
    """An inline function as its prototype: what it does inside is not for the reader."""
    if not code.startswith("static inline"):
        return code
    return code[:code.index("{")].rstrip() + ";"


def read(path):
    text = path.read_text(encoding="utf-8")
    head, rest = text.split("*/", 1)
    about = undecorated(head + "*/").split("\n", 2)
    assert about[0].startswith("SPDX"), path
    first, _, more = about[2].partition("\n\n")
    name, _, title = " ".join(first.split("\n")).partition(" - ")
    assert name == path.name, f"{path}: the comment at the top begins with {name!r}"
    rest = re.sub(r"#ifdef __cplusplus\n.*?#endif\n", "", rest, flags=re.DOTALL)
    rest = re.sub(r"^#(?:ifndef|ifdef|if|else|elif|endif|include|undef|error)\b[^\n]*\n", "", rest, flags=re.MULTILINE)
    header = Header(name, title, more.strip("\n"), [Section("", "", [])])
    comment, group = None, None
    for kind, chunk in chunks(rest):
        if kind == "blank":
            if comment is not None:
                section = header.sections[-1]
                section.text = (section.text + "\n\n" + comment).strip()
            comment, group = None, None
        elif kind == "comment":
            comment, group = undecorated(chunk), None
            ruler = re.match(r"---- (.*?) -{4,}(.*)", comment, re.DOTALL)
            if ruler:
                header.sections.append(Section(ruler[1], ruler[2].strip("\n "), []))
                comment = None
        else:
            names, calls = names_of(chunk)
            if not is_public(chunk, names):
                continue
            if group is None:
                group = Group(comment or "", "", [], [])
                header.sections[-1].groups.append(group)
            comment = None
            group.code = (group.code + "\n" + without_body(chunk)).strip("\n")
            group.names += [n for n in names if n not in group.names]
            group.calls += calls
    header.sections = [s for s in header.sections if s.groups or s.text]
    return header


def all_headers():
    return [read(path) for path in sorted(INCLUDE.glob("*.h"))]
