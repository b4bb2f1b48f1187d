#!/usr/bin/python3
"""Shows that each check of lint.py can fail: a tree that offends it, and one that does not."""
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lint  # noqa: E402

LAYERS = {"proto": set(), "lib/base": set(), "lib/flow": {"lib/base"}, "services/fastpath": {"lib/base", "lib/flow", "proto"},
          "services/slowpath": {"lib/base", "proto"}}
COMMENT = "/* What it is.\n * Why it is so.\n * Which thread.\n */\n"


def findings(check, files, long_functions=None, level="error"):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w") as f:
                f.write(text)
        tree = lint.Tree(root, files.keys(), layers=LAYERS, long_functions=long_functions or {})
        return [f for f in check(tree) if f.level == level]


def function(n_lines, name="long_one"):
    return f"static int {name}(int a)\n{{\n" + "    a++;\n" * (n_lines - 3) + "}\n"


class LintTest(unittest.TestCase):
    def offends(self, check, files, text, **kwargs):
        found = findings(check, files, **kwargs)
        self.assertTrue(any(text in f.text for f in found), f"expected '{text}' in {found}")

    def passes(self, check, files, **kwargs):
        self.assertEqual(findings(check, files, **kwargs), [])

    def test_include_up_sideways_and_relative_offend(self):
        self.offends(lint.check_includes, {"lib/base/a.c": '#include "lib/flow/key.h"\n'}, "lib/base may not include lib/flow")
        self.offends(lint.check_includes, {"services/fastpath/a.c": '#include "services/slowpath/b.h"\n'}, "may not include")
        self.offends(lint.check_includes, {"lib/flow/a.c": '#include "key.h"\n'}, "not a path from the root")
        self.offends(lint.check_includes, {"lib/new/a.c": ""}, "no folder")
        self.passes(lint.check_includes, {"services/fastpath/bpf/a.c": '#include "lib/flow/key.h"\n#include "proto/x.pb-c.h"\n'})

    def test_linking_upwards_offends(self):
        text = "busbar_module(lib/base SOURCES a.c USES {} PkgConfig::X UNTESTED a.c)"
        self.offends(lint.check_uses, {"lib/base/CMakeLists.txt": text.format("lib/flow")}, "may not use lib/flow")
        self.passes(lint.check_uses, {"lib/flow/CMakeLists.txt": text.replace("lib/base", "lib/flow").format("lib/base")})

    def test_own_header_comes_first(self):
        files = {"lib/flow/a.h": "", "lib/flow/a.c": '#include "lib/base/b.h"\n#include "lib/flow/a.h"\n'}
        self.offends(lint.check_includes, files, "first include")

    def test_file_size(self):
        self.offends(lint.check_file_size, {"lib/base/a.c": "\n" * 801}, "801 lines")
        self.offends(lint.check_file_size, {"lib/base/a.c": "\n" * 501}, "501 lines", level="warning")
        self.passes(lint.check_file_size, {"lib/base/a.c": "\n" * 500})

    def test_function_size_and_its_exceptions(self):
        self.offends(lint.check_function_size, {"lib/base/a.c": function(61)}, "long_one() has 61 lines")
        self.passes(lint.check_function_size, {"lib/base/a.c": function(60) + function(60, "other")})
        allowed = {("lib/base/a.c", "long_one"): "a table"}
        self.passes(lint.check_function_size, {"lib/base/a.c": function(61)}, long_functions=allowed)
        self.offends(lint.check_function_size, {"lib/base/a.c": function(10)}, "take its line out", long_functions=allowed)

    def test_nesting(self):
        def nested(n):
            return ("int f(void)\n{\n" + "".join("    " * (i + 1) + "if (x) {\n" for i in range(n)) +
                    "".join("    " * (n - i) + "}\n" for i in range(n)) + "}\n")
        self.offends(lint.check_nesting, {"lib/base/a.c": nested(5)}, "nested deeper")
        self.passes(lint.check_nesting, {"lib/base/a.c": nested(4)})

    def test_first_comment(self):
        self.offends(lint.check_first_comment, {"lib/base/a.c": "/* Short. */\nint x;\n"}, "first comment")
        self.offends(lint.check_first_comment, {"lib/base/a.c": "int x;\n" + COMMENT}, "first comment")
        self.offends(lint.check_first_comment, {"tests/unit/lib/base/a.c": "int x;\n"}, "first comment")
        self.passes(lint.check_first_comment, {"lib/base/a.c": COMMENT, "tests/unit/lib/base/a.c": "/* Claims. */\n"})

    def test_banned_functions_and_typedefs(self):
        self.offends(lint.check_banned, {"lib/base/a.c": "    strcpy(a, b);\n"}, "strcpy() is banned")
        self.offends(lint.check_banned, {"lib/base/a.c": "    x = atoi(b);\n"}, "atoi() is banned")
        self.offends(lint.check_banned, {"lib/base/a.h": "typedef struct x x_t;\n"}, "typedef")
        self.passes(lint.check_banned, {"lib/base/a.c": '/* strcpy( */ log("gets("); my_strcpy(a); snprintf(a, 1, "");\n'
                                                        "typedef int (*callback)(void);\n"})

    def test_unfinished_work_and_machine_paths(self):
        self.offends(lint.check_words, {"lib/base/a.c": "/* TO" "DO later */\n"}, "unfinished")
        self.passes(lint.check_words, {"lib/base/a.c": "/* TO" "DO #12: later */\n"})
        self.offends(lint.check_words, {"docs/a.md": "see /wo" "rk/x\n"}, "one machine")

    def test_columns(self):
        self.offends(lint.check_columns, {"lib/base/a.c": "x" * 161}, "161 columns")
        self.passes(lint.check_columns, {"lib/base/a.c": "x" * 160})

    def test_readmes_name_every_source(self):
        self.offends(lint.check_readmes, {"lib/base/a.c": ""}, "no README.md")
        self.offends(lint.check_readmes, {"lib/base/a.c": "", "lib/base/README.md": "`aa.c` and `a.cc`"}, "does not name a.c")
        self.passes(lint.check_readmes, {"lib/base/a.c": "", "lib/base/README.md": "| `a.c` | what |"})

    def test_documents_name_what_exists(self):
        self.offends(lint.check_documents, {"A.md": "see `lib/base/b.c`"}, "does not exist")
        self.passes(lint.check_documents, {"A.md": "see `lib/base/a.c`, `lib/base/`, `lib/base` and `a.c`", "lib/base/a.c": ""})


if __name__ == "__main__":
    unittest.main(verbosity=0)
