"""The checks that a compiler does not make: include direction, sizes, first comments, banned words, folder READMEs.

Each check is a function from a Tree to findings; `run` prints them and fails when one is an error. A check that finds nothing in
a tree made to offend it is itself a bug: selftest.py feeds each with such a tree.
"""
import re
from collections import namedtuple
from pathlib import Path

Finding = namedtuple("Finding", "level path line text")

FILE_LINES_WARN, FILE_LINES_MAX = 500, 800
FUNCTION_LINES_MAX = 60
NESTING_MAX = 4
COLUMNS_MAX = 160  # clang-format aims at 128; a long name in a table or prototype may pass it
BANNED = "strcpy strcat sprintf vsprintf strtok atoi atol atof gets alloca".split()
SOURCE_DIRS = ("lib/", "services/", "cli/")
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK")) + r")\b")
FOREIGN = re.compile(
    "|".join(("/wo" r"rk/", "/ho" r"me/\w", "/ro" r"ot/", r"gh" r"cr\.io", r"qu" r"ay\.io", r"py" r"pi\.org", r"docker\.io/\w",
              r"https?://\S*(?:mirr" r"or|regis" r"try|artif" r"actory|nex" r"us)")))


class Tree:
    """The files under version control (or all files, in a tree made for a test), read once."""

    def __init__(self, root, paths, layers=None, long_functions=None):
        self.root = Path(root)
        self.paths = sorted(paths)
        self._text = {}
        self.layers = layers if layers is not None else read_layers(self.text("tests/lint/layers.txt"))
        self.long_functions = (long_functions if long_functions is not None
                               else read_long_functions(self.text("tests/lint/long_functions.txt")))

    def text(self, path):
        if path not in self._text:
            self._text[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return self._text[path]

    def lines(self, path):
        return self.text(path).splitlines()

    def matching(self, *endings, under=("",)):
        return [p for p in self.paths if p.endswith(endings) and p.startswith(tuple(under))]


def read_layers(text):
    layers = {}
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words:
            layers[words[0]] = set(words[1:])
    return layers


def read_long_functions(text):
    allowed = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            path, function, reason = line.split(None, 2)
            allowed[(path, function)] = reason
    return allowed


def without_comments(text):
    """Comments and strings blanked out, lines kept."""
    def blank(match):
        piece = match.group(0)
        return piece if piece[0] not in "/\"'" else re.sub(r"[^\n]", " ", piece)
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def layer_of(path, layers):
    fitting = [layer for layer in layers if path.startswith(layer + "/")]
    return max(fitting, key=len) if fitting else None


def check_includes(tree):
    """Includes are written from the root and point down the layer table; a .c includes its own header first."""
    for path in tree.matching(".c", ".h", ".def", under=SOURCE_DIRS + ("proto/",)):
        mine = layer_of(path, tree.layers)
        if mine is None:
            yield Finding("error", path, 1, "is in no folder of tests/lint/layers.txt")
            continue
        includes = [(n, m.group(1)) for n, line in enumerate(tree.lines(path), 1)
                    if (m := re.match(r'\s*#\s*include\s+"([^"]+)"', line))]
        for n, target in includes:
            theirs = layer_of(target, tree.layers)
            if theirs is None and path.endswith(".bpf.c"):
                continue  # the kernel's and libbpf's headers are found by the compiler
            if theirs is None:
                yield Finding("error", path, n, f'"{target}" is not a path from the root into a known folder')
            elif theirs != mine and theirs not in tree.layers[mine]:
                yield Finding("error", path, n, f'{mine} may not include {theirs} ("{target}")')
        own = path[:-2] + ".h"
        if path.endswith(".c") and own in tree.paths:
            if not includes or includes[0][1] != own:
                yield Finding("error", path, includes[0][0] if includes else 1, f'its first include must be "{own}"')


def check_uses(tree):
    """What a folder links in its CMakeLists.txt agrees with the layer table too."""
    for path in tree.matching("CMakeLists.txt", under=SOURCE_DIRS):
        for module in re.finditer(r"busbar_module\(\s*(\S+)(.*?)\)", tree.text(path), flags=re.S):
            mine, uses = module.group(1), re.search(r"\bUSES\b(.*?)(?:\bUNTESTED\b|$)", module.group(2), flags=re.S)
            for theirs in uses.group(1).split() if uses else []:
                if theirs in tree.layers and theirs not in tree.layers.get(mine, set()):
                    yield Finding("error", path, 1, f"{mine} may not use {theirs}")


def check_file_size(tree):
    for path in tree.matching(".c", ".h", ".py"):
        n = len(tree.lines(path))
        if n > FILE_LINES_MAX:
            yield Finding("error", path, n, f"{n} lines, more than {FILE_LINES_MAX}: a second idea is hiding")
        elif n > FILE_LINES_WARN:
            yield Finding("warning", path, n, f"{n} lines, more than {FILE_LINES_WARN}")


def functions_of(text):
    """(name, first line, last line) of the functions of a C file in our brace style: { and } alone in column 0."""
    lines = without_comments(text).splitlines()
    start = None
    for n, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            head = n - 1
            while head > 0 and not re.match(r"[A-Za-z_]", lines[head - 1]):
                head -= 1
            signature = " ".join(lines[max(head - 1, 0):n - 1])
            name = re.search(r"(\w+)\s*\(", signature)
            start = (name.group(1) if name else "?", max(head, 1))
        elif line.startswith("}") and start is not None:
            yield start[0], start[1], n
            start = None


def check_function_size(tree):
    for path in tree.matching(".c", ".h"):
        for name, first, last in functions_of(tree.text(path)):
            n = last - first + 1
            if n > FUNCTION_LINES_MAX and (path, name) not in tree.long_functions:
                yield Finding("error", path, first, f"{name}() has {n} lines, more than {FUNCTION_LINES_MAX}")
    for (path, name) in tree.long_functions:
        sizes = [last - first + 1 for n, first, last in functions_of(tree.text(path)) if n == name] if path in tree.paths else []
        if not any(n > FUNCTION_LINES_MAX for n in sizes):
            yield Finding("error", "tests/lint/long_functions.txt", 1, f"{path} {name} is not long, or gone: take its line out")


def check_nesting(tree):
    opener = re.compile(r"^\s*(?:\} )?(?:if|else|for|while|do|switch)\b.*\{\s*$|^\s*\w*(?:FOREACH|for_each|HASH_ITER)\w*\b.*\{\s*$")
    for path in tree.matching(".c", ".h"):
        stack = []
        for n, line in enumerate(without_comments(tree.text(path)).splitlines(), 1):
            bare = line.strip()
            if bare.startswith("}") and stack:
                stack.pop()
            if bare.endswith("{"):
                stack.append(bool(opener.match(line)))
                if stack[-1] and sum(stack) > NESTING_MAX:
                    yield Finding("error", path, n, f"nested deeper than {NESTING_MAX}")
            elif line.startswith("}"):
                stack = []


def check_first_comment(tree):
    """Three lines of what, why, cost and thread in a source; a test's says what it claims."""
    for path in tree.matching(".c"):
        comment = re.match(r"\s*/\*.*?\*/", tree.text(path), flags=re.S)
        said = [line for line in comment.group(0).splitlines() if re.search(r"\w", line)] if comment else []
        least = 1 if path.startswith("tests/") else 3
        if len(said) < least:
            yield Finding("error", path, 1, f"the first comment says what, why, cost and thread, in {least} lines or more")


def check_banned(tree):
    banned = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    type_name = re.compile(r"^\s*typedef\b(?![^;]*\()")
    for path in tree.matching(".c", ".h"):
        for n, line in enumerate(without_comments(tree.text(path)).splitlines(), 1):
            for match in banned.finditer(line):
                yield Finding("error", path, n, f"{match.group(1)}() is banned")
            if type_name.match(line):
                yield Finding("error", path, n, "typedef of something that is no function type")


def check_words(tree):
    own = ("tests/lint/lint.py", "tests/lint/selftest.py")
    for path in tree.paths:
        if path in own or path.endswith((".png", ".bin", ".pcap")):
            continue
        for n, line in enumerate(tree.lines(path), 1):
            if UNFINISHED.search(line) and not re.search(r"#\d+", line):
                yield Finding("error", path, n, "unfinished work without the number of an issue")
            if FOREIGN.search(line):
                yield Finding("error", path, n, f"a path or address of one machine: {FOREIGN.search(line).group(0)}")


def check_columns(tree):
    for path in tree.matching(".c", ".h", ".py"):
        for n, line in enumerate(tree.lines(path), 1):
            if len(line) > COLUMNS_MAX:
                yield Finding("error", path, n, f"{len(line)} columns, more than {COLUMNS_MAX}")


def check_readmes(tree):
    """Every source is named in its folder's README.md (or that of the folder above, for small subfolders)."""
    without = set()
    for path in tree.matching(".c", ".proto", ".def", under=SOURCE_DIRS + ("proto/",)):
        folder, _, name = path.rpartition("/")
        if folder in without:
            continue
        readmes = [f"{d}/README.md" for d in (folder, folder.rpartition("/")[0]) if f"{d}/README.md" in tree.paths]
        if not readmes:
            without.add(folder)
            yield Finding("error", path, 1, f"{folder} has no README.md")
        elif not any(re.search(r"(?<![\w])" + re.escape(name) + r"(?!\w)", tree.text(r)) for r in readmes):
            yield Finding("error", path, 1, f"{readmes[0]} does not name {name}")


def check_documents(tree):
    """A path that a page names in backticks exists, so that a newcomer who follows it arrives."""
    folders = {str(parent) for path in tree.paths for parent in Path(path).parents}
    named = re.compile(r"`((?:lib|services|cli|proto|tests|deploy|docs|cmake)/[\w./-]*)`")
    for path in tree.matching(".md"):
        for n, line in enumerate(tree.lines(path), 1):
            for target in named.findall(line):
                if target.rstrip("/") not in folders and target not in tree.paths:
                    yield Finding("error", path, n, f"{target} does not exist")


CHECKS = (check_includes, check_uses, check_file_size, check_function_size, check_nesting, check_first_comment, check_banned, check_words,
          check_columns, check_readmes, check_documents)


def worst(tree, n=5):
    """The longest functions, for information."""
    sizes = [(last - first + 1, path, name) for path in tree.matching(".c") for name, first, last in functions_of(tree.text(path))]
    return sorted(sizes, reverse=True)[:n]
